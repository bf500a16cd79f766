"""What nobody knows is never told as calm, and what was said about one alarm is not said about another."""

import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import workflow
from approvals.models import Finding, ModelVersion, Restriction
from approvals.stages import Role
from monitoring import alarm_notes, batches, overview, panels, record_pages, records, running, staleness
from monitoring.alarms import Level
from monitoring.api_documents import as_version
from monitoring.models import BatchSource, Monitor, Reading, SourceWindow
from monitoring.standing import alarm_of, alarms_of
from portal.errors import Refused
from tests.cast import SAFE, tiny_table
from tests.monitoring.test_unanswered import ALERT, CALM, CRITICAL, DRIFT, PERFORMANCE, REASON, SILENT, WAITING

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
    """What a monitor found in a batch."""
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
    with pytest.raises(Refused, match="The version is retired: nothing is watched any more"):
        alarm_notes.acknowledge(monitor_id=Monitor.objects.get().pk, actor=cast.owner, reason=REASON)


def test_a_window_that_one_monitor_could_not_answer_is_not_shown_as_calm(client, cast, deploy):
    version = deploy([DRIFT, PERFORMANCE])
    first, second = (deliver(cast, version, timezone.now().date() - timedelta(days=ago)) for ago in (30, 20))
    for batch, said in ((first, CALM), (second, SILENT)):
        say(batch, "feature_drift", CALM)
        say(batch, "performance", said)
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(reverse("admin:monitoring_monitor_overview")).content.decode()
    assert f"until {first.window_end:%d %b %Y}: within limits" in page
    assert f"until {second.window_end:%d %b %Y}: not everything known" in page
    record = records.document(version, since=timezone.now() - timedelta(days=60), now=timezone.now())
    assert [one["alarm"] for one in record["monitors"]] == ["within limits", None]


def test_the_line_of_a_monitor_says_the_alarm_that_stands(cast, deploy):
    version, row = deploy([{**DRIFT, "clears_after": 2, "every_days": 7}]), Monitor.objects.get()
    days = [timezone.now().date() - timedelta(days=ago) for ago in (30, 20, 10)]
    say(deliver(cast, version, days[0]), "feature_drift", ALERT)
    say(deliver(cast, version, days[0] + timedelta(days=1), days=6), "feature_drift", CALM)
    assert panels.monitor_line(row).state == "Alert", "a calm piece hides no bad one"
    say(deliver(cast, version, days[1]), "feature_drift", CALM)
    assert (panels.monitor_line(row).state, panels.monitor_line(row).tone) == ("Alert stands", "bad")
    say(deliver(cast, version, days[2]), "feature_drift", CALM)
    assert panels.monitor_line(row).state == "Within limits"


def test_the_header_of_a_monitor_says_the_level_of_the_policy(client, cast, deploy):
    version, row = deploy([{**DRIFT, "after": 2}]), Monitor.objects.get()
    client.force_login(cast.auditor, backend=BACKEND)
    for ago, level, word in (
        (40, ALERT, "Alert"),
        (30, WARNING, "Warning"),
        (20, ALERT, "Alert"),
        (10, CRITICAL, "Critical"),
    ):
        say(deliver(cast, version, timezone.now().date() - timedelta(days=ago)), "feature_drift", level)
        line = panels.monitor_line(row)
        assert line.state == word
        assert ("2 windows in a row raise one" in line.sentence) == (word == "Alert")
        reading = Reading.objects.latest("pk")
        for page in (reverse("admin:monitoring_monitor_change", args=[row.pk]), reading.get_absolute_url()):
            assert f'<h2 id="verdict-title">{word}</h2>' in client.get(page).content.decode()


def test_an_alarm_names_the_sources_whose_windows_end_it(cast, deploy):
    version, day = deploy([DRIFT]), timezone.now().date() - timedelta(days=9)
    declared = {"version": version, "connection": "lake", "time_column": "at", "schedule": "daily", "starts_on": day}
    for place, relation in enumerate(("eu.scored", "us.scored")):
        batch = deliver(cast, version, day - timedelta(days=place))
        source = BatchSource.objects.create(
            **declared, relation=relation, declared_by=cast.submitter, declared_at=timezone.now()
        )
        SourceWindow.objects.create(
            source=source,
            first_day=batch.window_end,
            last_day=batch.window_end,
            ordered_at=timezone.now(),
            batch=batch,
        )
        say(batch, "feature_drift", ALERT)
    say(deliver(cast, version, day + timedelta(days=1)), "feature_drift", CALM)
    line = panels.monitor_line(Monitor.objects.get()).sentence
    assert "from “us.scored of lake” and of 7 days or more from “eu.scored of lake”. Shorter" in line


def test_a_record_tells_every_missed_window_and_that_the_last_one_is_over(cast, deploy):
    version = deploy([DRIFT, {"monitor": "staleness", "every_days": 31}])
    first = timezone.now() + timedelta(days=40)
    second = first + timedelta(days=60)
    for now in (first, second):
        (ordered,) = staleness.check(now=now)
        token = running.claim(ordered, now=now)
        assert running.finish(ordered, token, result=running.Result("breach", ("Late.",), level=2), now=now)
        record = records.document(version, since=version.approved_at, now=now)
        assert record["monitors"][1]["alarm"] == "alert"
        say(deliver(cast, version, now.date(), days=1, now=now), "feature_drift", CALM, now=now)
    record = records.document(version, since=version.approved_at, now=second)
    assert [one["level"] for one in record["alarms"]] == ["alert", "alert"]
    assert record["monitors"][1]["alarm"] == "within limits"


def test_a_month_without_data_is_no_month_without_an_alarm():
    clock = {"reads": "the clock", "months": [{"month": "2026-03", "readings": 1, "level": "alert", "value": None}]}
    found = [record_pages._cell(clock, month, {"2026-04"}).word for month in ("2026-03", "2026-04", "2026-05")]
    assert found == ["Alert", "No data", "No alarm"]


def test_a_version_that_nobody_feeds_is_not_within_limits_though_no_monitor_watches_the_clock(cast, deploy):
    version, row = deploy([{**DRIFT, "every_days": 7}], rules={"decommission": []}), Monitor.objects.get()
    say(deliver(cast, version, timezone.now().date() - timedelta(days=7)), "feature_drift", CALM)
    assert told(cast, version) == ("Within limits", "ok", "within limits")
    later = timezone.now() + timedelta(days=9)
    words = "Not known: Feature drift has had no data for more than 7 days"
    assert told(cast, version, now=later) == (words, "unknown", None)
    record = records.document(version, since=version.approved_at, now=later)
    assert record["monitors"][0]["alarm"] is None
    workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    retired = ModelVersion.objects.get(pk=version.pk)
    assert as_version(retired, alarms_of([row], now=timezone.now()).values())["alarm"] is None
