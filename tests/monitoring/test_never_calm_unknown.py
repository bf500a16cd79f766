"""What nobody knows is never told as calm, and what was said about one alarm is not said about another."""

import io
from datetime import UTC, date, datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from approvals import workflow
from approvals.models import Finding, Restriction
from approvals.stages import Role
from monitoring import alarm_notes, batches, overview, running, staleness
from monitoring.alarms import Level
from monitoring.api_documents import as_version
from monitoring.models import Monitor, Reading
from monitoring.standing import alarm_of, alarms_of
from tests.cast import SAFE, tiny_table
from tests.monitoring.test_unanswered import ALERT, CALM, CRITICAL, DRIFT, PERFORMANCE, REASON, WAITING

BACKEND = "django.contrib.auth.backends.ModelBackend"
WARNING = ("warning", Level.WARN)


def deliver(cast, version, first, *, days=7, now=None):
    return batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(tiny_table(seed=first.toordinal())),
        name=f"From {first}",
        window_start=first,
        window_end=first + timedelta(days=days - 1),
        now=now,
    )


def say(batch, key, said, *, now=None):
    row, now = Reading.objects.get(batch=batch, monitor__key=key), now or timezone.now()
    token = running.claim(row.pk, now=now)
    assert running.finish(row.pk, token, result=running.Result(said[0], ("Why.",), level=said[1]), now=now)


def told(cast, version, *, now=None):
    """What the overview and the API say."""
    now = now or timezone.now()
    alarms = alarms_of(Monitor.objects.filter(version=version), now=now).values()
    (line,) = overview.deployed_lines(cast.auditor, now=now)
    return line.state, line.tone, as_version(version, alarms)["alarm"]


def test_one_calm_monitor_of_two_is_not_within_limits(client, cast, deploy):
    version, never = deploy([DRIFT, PERFORMANCE, {"monitor": "staleness"}]), "Performance of the batch had no reading"
    assert told(cast, version) == ("Not known yet", "unknown", None)
    first = deliver(cast, version, timezone.now().date() - timedelta(days=20))
    say(first, "feature_drift", CALM)
    for _ in range(2):
        state, *rest = told(cast, version)
        assert (never in state, rest) == (True, ["unknown", None])
        if Reading.objects.filter(batch=first, status="queued").exists():
            say(first, "performance", WAITING)
    say(deliver(cast, version, timezone.now().date() - timedelta(days=10)), "feature_drift", WARNING)
    state, *rest = told(cast, version)
    assert (state.startswith(f"Warning; not known: {never}"), rest) == (True, ["warn", "warning"])
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(reverse("admin:monitoring_monitor_version", args=[version.pk])).content.decode()
    assert f"1 of 3 monitors beyond the limits; not known: {never}" in page


def test_a_batch_that_waits_for_its_reading_for_long_is_not_known(cast, deploy):
    version = deploy([DRIFT])
    say(deliver(cast, version, timezone.now().date() - timedelta(days=20)), "feature_drift", CALM)
    second = deliver(cast, version, timezone.now().date() - timedelta(days=10))
    later = timezone.now() + timedelta(hours=2)
    assert told(cast, version)[0] == "Within limits"
    assert told(cast, version, now=later) == (
        "Not known: Feature drift has not read the newest batch yet",
        "unknown",
        None,
    )
    say(second, "feature_drift", CALM)
    assert told(cast, version, now=later)[0] == "Within limits"


def test_a_suspended_version_without_data_is_not_within_limits(cast, deploy):
    version = deploy([DRIFT, {"monitor": "staleness", "every_days": 31}])
    say(deliver(cast, version, timezone.now().date() - timedelta(days=10)), "feature_drift", CALM)
    workflow.suspend(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    later = timezone.now() + timedelta(days=90)
    assert staleness.check(now=later) == ()
    state, tone, alarm = told(cast, version, now=later)
    assert "staleness was not read, though a batch is overdue" in state
    assert (tone, alarm) == ("bad", None)


def test_an_answer_is_about_no_window_that_came_after_it(cast, deploy):
    version, row, officer = deploy([DRIFT]), Monitor.objects.get(), cast.signers[Role.RISK_OFFICER]
    days = [datetime(2027, 1, day, 12, tzinfo=UTC) for day in (9, 22, 23)]
    say(deliver(cast, version, date(2027, 1, 1), now=days[0]), "feature_drift", ALERT, now=days[0])
    alarm_notes.acknowledge(monitor_id=row.pk, actor=officer, reason=REASON, now=days[1])
    assert alarm_of(row, now=days[1]).acknowledged is not None
    # Both windows lie before the answer and come after it: one ends that alarm, the other raises another.
    for first, said in ((date(2027, 1, 8), CALM), (date(2027, 1, 15), ALERT)):
        say(deliver(cast, version, first, now=days[2]), "feature_drift", said, now=days[2])
    found = alarm_of(row, now=days[2])
    assert (found.level, found.since, found.acknowledged) == (Level.ALERT, date(2027, 1, 21), None)
    alarm_notes.acknowledge(monitor_id=row.pk, actor=officer, reason=REASON, now=days[2])
    # An earlier window makes the same alarm longer: it was answered.
    say(deliver(cast, version, date(2027, 1, 9), days=10, now=days[2]), "feature_drift", ALERT, now=days[2])
    found = alarm_of(row, now=days[2])
    assert (found.since, found.acknowledged is not None) == (date(2027, 1, 18), True)


def test_what_is_read_of_a_retired_version_is_kept_and_nothing_follows(cast, deploy):
    drift = {**DRIFT, "restricts": True, "restriction": "Only with a second pair of eyes."}
    version = deploy([drift], rules={"decommission": []})
    batch = deliver(cast, version, timezone.now().date() - timedelta(days=10))
    workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    say(batch, "feature_drift", CRITICAL)
    assert Reading.objects.get().level == Level.CRITICAL
    assert not Finding.objects.exists()
    assert not Restriction.objects.exists()
