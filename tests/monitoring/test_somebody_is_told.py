"""Where owner, submitter and risk officers are gone an alarm reaches somebody, and the overview says who is told."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from approvals.stages import Role
from portal.models import Notification, OutgoingMessage
from tests.monitoring.test_never_calm_unknown import ALERT, DRIFT, deliver, say

BACKEND = "django.contrib.auth.backends.ModelBackend"
SUSPENDING = {**DRIFT, "suspends": True}


def gone(*people):
    User.objects.filter(pk__in=[person.pk for person in people]).update(is_active=False)


def alarm(cast, version):
    """Raises an alarm; gives who was told of it."""
    batch = deliver(cast, version, timezone.now().date() - timedelta(days=9))
    people = (cast.owner, cast.submitter, cast.signers[Role.RISK_OFFICER])
    return batch, people


def heard(text):
    return set(Notification.objects.filter(text__contains=text).values_list("user__username", flat=True))


def test_nobody_else_is_told_while_one_who_answers_for_it_is_there(client, cast, deploy):
    version = deploy([DRIFT])
    batch, (owner, submitter, officer) = alarm(cast, version)
    gone(owner, officer)
    say(batch, "feature_drift", ALERT)
    assert heard("Feature drift of") == {submitter.username}
    client.force_login(cast.auditor, backend=BACKEND)
    assert "told instead" not in client.get(reverse("admin:monitoring_monitor_overview")).content.decode()


def test_whoever_has_a_role_on_the_model_is_told_where_all_who_answer_for_it_are_gone(client, cast, deploy):
    version = deploy([SUSPENDING])
    batch, people = alarm(cast, version)
    gone(*people)
    say(batch, "feature_drift", ALERT)
    told = heard("Feature drift of")
    assert {"compliance_officer", "it_operations", "auditor"} <= told
    assert not told & {"outsider", "superuser", *(person.username for person in people)}
    assert heard("moved from monitoring to suspended") >= {"compliance_officer"}
    assert Notification.objects.filter(text__contains="Give the model an owner and a risk officer.").exists()
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(reverse("admin:monitoring_monitor_overview")).content.decode()
    assert "of 1 nobody who answers for it is told" in page
    assert "told instead: " in page
    assert "told instead: " in client.get(reverse("admin:monitoring_monitor_overview_csv")).content.decode()


@pytest.mark.parametrize("is_there", [True, False])
def test_administrators_are_told_where_nobody_has_a_role(cast, deploy, settings, is_there):
    settings.ADMINISTRATORS = ["portal@bank.example"]
    version = deploy([DRIFT])
    batch, _ = alarm(cast, version)
    User.objects.exclude(pk=cast.superuser.pk).update(is_active=False)
    User.objects.filter(pk=cast.superuser.pk).update(is_active=is_there)
    say(batch, "feature_drift", ALERT)
    assert heard("Feature drift of") == ({cast.superuser.username} if is_there else set())
    mails = OutgoingMessage.objects.filter(subject__contains="Feature drift of")
    expected = [cast.superuser.email] if is_there else ["portal@bank.example"]
    assert list(mails.values_list("recipient", flat=True)) == expected
