"""Windows without an answer and outcomes that never come are an alert; answers that an alarm outgrew are none."""

import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import findings
from approvals.models import Finding, ModelVersion
from approvals.stages import Role
from monitoring import alarm_clock, alarm_notes, batches, records, running
from monitoring.alarms import Level
from monitoring.models import Monitor, Reading
from monitoring.standing import alarm_of
from monitoring.timelines import marks_of
from portal.errors import BadInput
from portal.models import LedgerEntry, Notification
from tests.cast import tiny_table

BACKEND = "django.contrib.auth.backends.ModelBackend"
REASON = "The income feed was repaired on Monday."
DRIFT = {"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}, "critical": {"max_psi": 1.0}}
PERFORMANCE = {"monitor": "performance", "thresholds": {"min_roc_auc": 0.7}, "outcomes_within_days": 40}
CALM, ALERT, CRITICAL = ("ok", Level.CALM), ("breach", Level.ALERT), ("breach", Level.CRITICAL)
SILENT, WAITING = ("not_computable", None), ("no_labels", None)


def read(cast, version, month, said, *, now=None):
    """A batch of the month, of which the only monitor that reads says this."""
    start, (verdict, level), now = date(2026, month, 1), said, now or timezone.now()
    batch = batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(tiny_table(seed=50 + month)),
        name=f"Month {month}",
        window_start=start,
        window_end=start + timedelta(days=27),
        now=now,
    )
    row = Reading.objects.get(batch=batch)
    token = running.claim(row.pk, now=now)
    assert running.finish(row.pk, token, result=running.Result(verdict, ("Why.",), level=level), now=now)


def state(now=None):
    return alarm_of(Monitor.objects.get(), now=now or timezone.now())


def told(text):
    return Notification.objects.filter(text__contains=text)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({**DRIFT, "unanswered_after": 0}, "“unanswered_after”, a whole number"),
        ({**DRIFT, "outcomes_within_days": 30}, "waits for no outcomes"),
        ({**PERFORMANCE, "outcomes_within_days": 0}, "“outcomes_within_days”, a whole number"),
        ({"monitor": "staleness", "unanswered_after": 2}, "always answers"),
    ],
)
def test_what_cannot_be_waited_for_is_refused_where_the_policy_is_written(cast, entry, why):
    with pytest.raises(BadInput, match=why):
        cast.publish(monitors=[entry])


def test_three_windows_without_an_answer_are_an_alert_with_a_finding_that_one_answer_ends(client, cast, deploy):
    version = deploy([DRIFT])
    read(cast, version, 1, CALM)
    for month in (2, 3):
        read(cast, version, month, SILENT)
        assert state().level == Level.CALM
        assert state().in_words is None
    assert not Finding.objects.exists()
    read(cast, version, 4, ("error", None))
    assert (state().level, state().since) == (Level.ALERT, date(2026, 2, 28))
    finding = Finding.objects.get()
    assert finding.owner == version.model.owner
    assert "Feature drift: No answer on 3 windows in a row, ending 28 Feb 2026 to 28 Apr 2026" in finding.title
    assert told("No answer on 3 windows").filter(user=cast.owner).exists()
    read(cast, version, 5, SILENT)
    assert Finding.objects.count() == 1, "one stretch, one finding"
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(reverse("admin:monitoring_monitor_version", args=[version.pk])).content.decode()
    assert "1 of 1 monitor without an answer for too long" in page
    overview = client.get(reverse("admin:monitoring_monitor_overview")).content.decode()
    assert "Feature drift: alert, 4 windows in a row without an answer" in overview
    words = [mark.words for mark in marks_of(version) if mark.letter == "U"]
    assert words == ["Feature drift in alarm: 3 windows in a row had no answer"]
    record = records.document(version, since=datetime(2026, 1, 1, tzinfo=UTC), now=timezone.now())
    assert record["monitors"][0]["alarm"] == "alert"
    assert record["alarms"][-1]["level"] == "alert: 4 windows in a row without an answer"
    officer = cast.signers[Role.RISK_OFFICER]
    alarm_notes.acknowledge(monitor_id=Monitor.objects.get().pk, actor=officer, reason=REASON)
    assert state().acknowledged is not None
    findings.close_finding(finding_id=finding.pk, actor=officer, evidence=REASON)
    read(cast, version, 6, SILENT)
    assert Finding.objects.count() == 2, "it goes on after the finding was closed"
    read(cast, version, 7, CALM)
    assert (state().level, state().in_words) == (Level.CALM, "within limits")


def test_a_policy_sets_how_many_and_may_suspend_on_them(cast, deploy):
    version = deploy([{**DRIFT, "unanswered_after": 2, "suspends": True}])
    read(cast, version, 2, SILENT)
    read(cast, version, 3, SILENT)
    assert ModelVersion.objects.get(pk=version.pk).stage == "suspended"
    reason = LedgerEntry.objects.get(event="approvals.version.suspended").payload
    assert "gave no answer, and the policy suspends on that" in reason


def test_outcomes_that_do_not_come_in_time_are_an_alert_whatever_the_last_labelled_month_said(client, cast, deploy):
    version, first = deploy([PERFORMANCE]), datetime(2026, 1, 1, 12, tzinfo=UTC)
    for month, said in ((1, CALM), (2, WAITING), (3, WAITING), (4, WAITING)):
        read(cast, version, month, said, now=first + timedelta(days=31 * month))
    in_time, late, too_late = (datetime(2026, 4, 9, 12, tzinfo=UTC) + timedelta(days=30 * n) for n in (0, 1, 2))
    assert state(in_time).in_words == "within limits"
    assert (state(late).level, state(late).in_words) == (Level.CALM, None)
    assert alarm_clock.look(now=late) == 0
    assert (state(too_late).level, state(too_late).silence.of_outcomes) == (Level.ALERT, True)
    assert (alarm_clock.look(now=too_late), alarm_clock.look(now=too_late)) == (1, 0)
    assert "did not come within 40 days" in Finding.objects.get().title
    assert told("1.0.0: Outcomes of 3 windows in a row").filter(user=cast.owner).count() == 1
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(reverse("admin:monitoring_monitor_version", args=[version.pk])).content.decode()
    assert "Outcomes overdue" in page
    read(cast, version, 5, ("ok", Level.CALM), now=too_late)
    assert state(too_late).in_words == "within limits"


def test_an_answered_alert_that_becomes_critical_has_to_be_answered_anew(client, cast, deploy):
    version, officer = deploy([{**DRIFT, "severity": "critical"}]), cast.signers[Role.RISK_OFFICER]
    row = Monitor.objects.get()
    read(cast, version, 2, ALERT)
    alarm_notes.acknowledge(monitor_id=row.pk, actor=officer, reason=REASON)
    assert state().acknowledged is not None
    read(cast, version, 3, CRITICAL)
    assert state().acknowledged is None
    assert Finding.objects.count() == 2, "the same severity, and a finding of its own all the same"
    client.force_login(cast.auditor, backend=BACKEND)
    for page in ("admin:monitoring_monitor_version", "admin:monitoring_monitor_overview"):
        address = reverse(page, args=[version.pk] if page.endswith("version") else [])
        assert (
            "by nobody yet since it became critical (acknowledged as alert by" in client.get(address).content.decode()
        )
    read(cast, version, 4, CRITICAL)
    assert Finding.objects.count() == 2
    alarm_notes.acknowledge(monitor_id=row.pk, actor=officer, reason=REASON)
    assert state().acknowledged is not None


def test_a_mute_is_silent_about_an_alert_and_not_about_its_becoming_critical_and_ends_with_words(cast, deploy):
    version, officer, now = deploy([DRIFT]), cast.signers[Role.RISK_OFFICER], timezone.now()
    row, until = Monitor.objects.get(), now.date() + timedelta(days=7)
    mute = {"monitor_id": row.pk, "actor": officer, "reason": REASON, "until": until}
    alarm_notes.mute(**mute)
    read(cast, version, 2, ALERT)
    assert not told("Feature drift of").exists()
    read(cast, version, 3, CRITICAL)
    assert told("Feature drift of").filter(user=cast.owner).count() == 1
    assert "sent again" in state().mute_in_words
    alarm_notes.mute(**mute)
    read(cast, version, 4, CRITICAL)
    assert told("Feature drift of").filter(user=cast.owner).count() == 1
    assert alarm_clock.look(now=now + timedelta(days=7)) == 0
    over = now + timedelta(days=8)
    assert (alarm_clock.look(now=over), alarm_clock.look(now=over)) == (1, 0)
    assert state(over).mute_in_words == f"the mute of notices ended on {until:%d %b %Y}"
    (said,) = told("The mute of Feature drift").filter(user=cast.owner)
    assert "The alarm stands: critical." in said.text
    entry = json.loads(LedgerEntry.objects.get(event="monitoring.mute.ended").payload)
    assert entry["facts"]["level"] == "critical"
