"""Where owner, submitter and risk officers are gone an alarm reaches somebody, and the overview says who is told."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from approvals import permissions, telling, workflow
from approvals.events import Event
from approvals.stages import Role
from portal.models import LedgerEntry, Notification, OutgoingMessage
from tests.cast import SAFE
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


def test_whoever_may_not_view_the_model_any_more_reads_no_word_of_it(cast, deploy):
    version = deploy([DRIFT])
    batch, (owner, submitter, officer) = alarm(cast, version)
    permissions.revoke(actor=cast.superuser, codename=permissions.SUBMIT, to=submitter, model=version.model)
    before = Notification.objects.filter(user=submitter).count()
    mails = OutgoingMessage.objects.filter(recipient=submitter.email).count()
    say(batch, "feature_drift", ALERT)
    assert heard("Feature drift of") == {owner.username, officer.username}
    workflow.suspend(version_id=version.pk, actor=officer, reason=SAFE)
    assert owner.username in heard("moved from monitoring to suspended")
    User.objects.filter(pk=owner.pk).update(is_active=False)
    with transaction.atomic():
        telling.tell(version, {submitter}, event=Event.ACT_FAILED, text="Nobody is left.", link="/")
        telling.announce(version.model, [submitter], event=Event.ACT_FAILED, text="It says more.", link="/")
    assert "risk_officer" in heard("Nobody is left. You are told of")
    assert Notification.objects.filter(user=submitter).count() == before
    assert OutgoingMessage.objects.filter(recipient=submitter.email).count() == mails


def test_what_cannot_be_done_is_told_once_a_day_however_much_else_is_told_that_day(cast, deploy):
    version = deploy([DRIFT])
    now = timezone.now().replace(hour=12)
    entries = LedgerEntry.objects.filter(event=Event.ACT_FAILED)
    for number in (*range(22), 0):
        telling.tell_refused(version.pk, f"It is odd ({number}).", "It cannot.", now=now)
    assert entries.count() == 22
    telling.tell_refused(version.pk, "It is odd (0).", "It cannot.", now=now + timedelta(days=1))
    assert entries.count() == 23


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
