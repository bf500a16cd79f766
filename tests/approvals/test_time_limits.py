"""Time limits in working days: people are told once, whoever asks how often; nothing is ever decided by a clock."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from approvals import dossier, permissions, time_limits, workflow
from approvals.models import ModelVersion, TimeNotice
from approvals.policy_rules import Calendar
from approvals.stages import Role
from portal.models import LedgerEntry, Notification
from tests.cast import SAFE

pytestmark = pytest.mark.both_engines
LIMITS = {"working_days": {"scoping": 5}, "remind_before": 2, "escalate_to": "risk_officer"}
FRIDAY, MONDAY = date(2026, 11, 27), date(2026, 11, 30)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (FRIDAY, 1, MONDAY),
        (date(2026, 11, 28), 1, MONDAY),
        (MONDAY, 5, date(2026, 12, 7)),
        (MONDAY, 0, MONDAY),
        (date(2026, 12, 24), 1, date(2026, 12, 28)),
    ],
)
def test_weekends_and_holidays_are_no_working_days(start, days, end):
    found = Calendar(frozenset({date(2026, 12, 25)})).after(start, days)
    assert found == end
    assert Calendar(frozenset({date(2026, 12, 25)})).between(start, found) == days


def test_a_day_before_counts_below_zero():
    assert Calendar().between(MONDAY, FRIDAY) == -1
    assert Calendar().between(FRIDAY, MONDAY) == 1


@pytest.fixture
def version(cast):
    cast.publish({"scoping": [{"signoffs": {"role": "business_analyst"}}]}, time_limits=LIMITS)
    version = cast.version()
    ModelVersion.objects.filter(pk=version.pk).update(stage_entered_at=datetime(2026, 11, 23, 9, tzinfo=UTC))
    return ModelVersion.objects.get(pk=version.pk)


def at(day, hour=12):
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 11, 23), "by 30 Nov 2026, 5 working days left"),
        (FRIDAY, "by 30 Nov 2026, 1 working day left"),
        (MONDAY, "by 30 Nov 2026, today"),
        (date(2026, 12, 1), "overdue by 1 working day, since 30 Nov 2026"),
    ],
)
def test_the_standing_in_words(version, day, words):
    assert time_limits.standing(version, now=at(day)).in_words == words


def test_g24_people_are_reminded_once_and_it_escalates_once_to_the_named_role(cast, version):
    assert time_limits.tell(now=at(date(2026, 11, 24))) == ()
    assert [row.kind for row in time_limits.tell(now=at(date(2026, 11, 26)))] == ["reminder"]
    assert time_limits.tell(now=at(FRIDAY)) == ()
    told = set(Notification.objects.values_list("user", flat=True))
    assert cast.signers[Role.BUSINESS_ANALYST].pk in told
    assert cast.signers[Role.RISK_OFFICER].pk not in told
    assert [row.kind for row in time_limits.tell(now=at(date(2026, 12, 1)))] == ["escalation"]
    assert time_limits.tell(now=at(date(2026, 12, 9))) == ()
    assert Notification.objects.filter(user=cast.signers[Role.RISK_OFFICER]).count() == 1
    assert LedgerEntry.objects.filter(event="approvals.time.escalated").count() == 1
    assert TimeNotice.objects.count() == 2


def test_a_time_limit_never_approves_anything(cast, version):
    before = dossier.load_case(version)
    for days in range(0, 400, 20):
        time_limits.tell(now=at(MONDAY + timedelta(days=days)))
    assert ModelVersion.objects.get().stage == "scoping"
    assert dossier.load_case(version).dossiers == before.dossiers


def test_another_stay_in_the_stage_has_its_own_days(cast, version):
    time_limits.tell(now=at(date(2026, 12, 9)))
    cast.artifact(version)
    cast.sign(version, Role.BUSINESS_ANALYST)
    cast.advance(version)
    version = ModelVersion.objects.get()
    assert time_limits.standing(version) is None
    assert time_limits.tell(now=timezone.now() + timedelta(days=90)) == ()


def test_a_withdrawn_version_reminds_nobody(cast, version):
    workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason=SAFE)
    assert time_limits.tell(now=at(date(2026, 12, 9))) == ()


def test_the_inbox_and_the_page_say_that_it_is_overdue(client, cast, version):
    cast.artifact(version)
    analyst = cast.signers[Role.BUSINESS_ANALYST]
    client.force_login(analyst, backend="django.contrib.auth.backends.ModelBackend")
    ModelVersion.objects.filter(pk=version.pk).update(stage_entered_at=timezone.now() - timedelta(days=30))
    assert "overdue by" in client.get("/approvals/modelversion/awaiting/").content.decode()
    assert "overdue by" in client.get(version.get_absolute_url()).content.decode()
    assert "days, overdue" in client.get("/approvals/modelversion/").content.decode()


def test_whoever_has_a_role_is_reminded_where_all_who_would_be_may_not_view_the_model_any_more(cast, version):
    permissions.revoke(actor=cast.superuser, codename=permissions.SUBMIT, to=cast.submitter, model=version.model)
    analyst = cast.signers[Role.BUSINESS_ANALYST]
    right = permissions.permission_for(Role.BUSINESS_ANALYST)
    permissions.revoke(actor=cast.superuser, codename=right, to=analyst, model=version.model)
    User.objects.filter(pk=cast.owner.pk).update(is_active=False)
    before = set(Notification.objects.values_list("pk", flat=True))
    assert [row.kind for row in time_limits.tell(now=at(FRIDAY))] == ["reminder"]
    told = Notification.objects.exclude(pk__in=before)
    assert set(told.values_list("user__username", flat=True)) >= {"risk_officer", "auditor"}
    assert not told.filter(user__in=[cast.submitter, analyst, cast.owner, cast.outsider]).exists()
    assert "left or may not see it" in told[0].text
