"""What is watched on a version, for the version page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from approvals.policy_changes import settings_in_words
from monitoring import batches, monitors, staleness, standing
from monitoring.alarms import Level
from monitoring.models import Batch, BatchSource, Monitor, MonitorEnd, Reading, ReadingVerdict
from monitoring.series import days_in_words
from monitoring.silences import reads_batches, silences_of
from portal.panels import Panel

TONES = {
    ReadingVerdict.OK: "ok",
    ReadingVerdict.WARNING: "warn",
    ReadingVerdict.BREACH: "bad",
    ReadingVerdict.NOT_COMPUTABLE: "unknown",
    ReadingVerdict.NO_LABELS: "wait",
    ReadingVerdict.ERROR: "bad",
}


UNDER_WAY = (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass(frozen=True)
class MonitorLine:
    """One monitor with the reading that it stands on."""

    title: str
    state: str
    tone: str
    sentence: str
    limits: str
    suspends: bool
    every_days: int
    url: str
    at: datetime | None


def monitoring_panel(version: ModelVersion, user: User) -> Panel | None:
    """Monitors and batches; None before a version was ever deployed."""
    rows = list(Monitor.in_force.filter(version=version).order_by("pk"))
    if not rows and not Monitor.objects.filter(version=version).exists():
        return None
    content = {
        "version": version,
        "monitors": [monitor_line(row) for row in rows],
        "batches": Batch.objects.filter(version=version).select_related("uploaded_by")[:12],
        "may_deliver": version.stage in batches.DEPLOYED and batches.may_deliver(user, version),
    }
    return Panel("monitoring", "Monitoring", "monitoring/panel.html", content)


def monitor_line(row: Monitor) -> MonitorLine:
    """How the monitor stands in words."""
    reading = standing_reading(row)
    if end_of(row) is not None:
        return _ended_line(row, reading)
    state, tone, sentence, at = _alarm_that_stands(row, reading) or _unanswered(row) or _standing(row, reading)
    return MonitorLine(
        title=monitors.title_of(row.key),
        state=state,
        tone=tone,
        sentence=sentence,
        limits=", ".join(f"{name} {limit}" for name, limit in settings_in_words(row.thresholds)),
        suspends=row.suspends,
        every_days=row.every_days,
        url=reading.get_absolute_url() if reading else "",
        at=at,
    )


def _ended_line(row: Monitor, reading: Reading | None) -> MonitorLine:
    end = end_of(row)
    words = end.in_words if end is not None else ""
    return MonitorLine(
        title=monitors.title_of(row.key),
        state="Ended",
        tone="unknown",
        sentence=f"{words[:1].upper()}{words[1:]}.",
        limits=", ".join(f"{name} {limit}" for name, limit in settings_in_words(row.thresholds)),
        suspends=row.suspends,
        every_days=row.every_days,
        url=reading.get_absolute_url() if reading else "",
        at=reading.finished_at if reading else None,
    )


def end_of(row: Monitor) -> MonitorEnd | None:
    """How a monitor ended; None while it is in force."""
    return getattr(row, "end", None)


def limits_of(row: Monitor) -> tuple[tuple[str, str], ...]:
    """Each setting that has a limit, with the limit of every level that has one, the mildest first."""
    found: dict[str, list[str]] = {}
    for level, given in ((Level.WARN, row.warn), (Level.ALERT, row.thresholds), (Level.CRITICAL, row.critical)):
        for name, limit in settings_in_words(given):
            found.setdefault(name, []).append(f"{limit} ({level.in_words})")
    return tuple((name, ", ".join(limits)) for name, limits in found.items())


def standing_reading(row: Monitor) -> Reading | None:
    """The reading of the latest window, whenever it came; of the clock, that for the window which is missed now.

    Of a window in pieces the worst reading counts, as for the alarm.
    """
    readings = Reading.objects.filter(monitor=row)
    kind = monitors.find(row.key)
    if kind is not None and not kind.needs_batch:
        return readings.filter(overdue_since=staleness.overdue_since(row)).order_by("-pk").first()
    last = readings.order_by(F("batch__window_end").desc(nulls_last=True), "-pk").select_related("batch").first()
    if last is None or last.batch is None:
        return last
    pieces = standing.newest(readings.filter(batch__window_end=last.batch.window_end).select_related("batch"))
    worst = max(pieces, key=lambda piece: (piece.level or 0, piece.pk))
    return worst if worst.level else last


@dataclass(frozen=True)
class ReadingLine:
    """One reading: of which monitor, of what, and what came out."""

    title: str
    about: str
    state: str
    tone: str
    sentence: str
    url: str
    at: datetime | None


def reading_line(row: Reading) -> ReadingLine:
    """A reading in words; its monitor and batch are read with it."""
    state, tone, sentence, at = _outcome(row)
    batch = row.batch
    about = f"{batch.name}, {days_in_words(batch.window_start, batch.window_end)}" if batch else "Without data"
    return ReadingLine(monitors.title_of(row.monitor.key), about, state, tone, sentence, row.get_absolute_url(), at)


def title_in_history(row: Monitor) -> str:
    """The same, told apart from its successor."""
    end = end_of(row)
    title = monitors.title_of(row.key)
    return f"{title} (until {end.at:%d %b %Y})" if end is not None else title


def _unanswered(row: Monitor) -> tuple[str, str, str, datetime | None] | None:
    """The words for outcomes that did not come in time, or for too many windows without an answer."""
    found = silences_of([row], now=timezone.now())[row.pk]
    if not found.is_alarm and not found.of_outcomes:
        return None
    state = "Outcomes overdue" if found.of_outcomes else "No answer"
    return state, "bad" if found.is_alarm else "unknown", found.in_words, None


def _alarm_that_stands(row: Monitor, reading: Reading | None) -> tuple[str, str, str, datetime | None] | None:
    """The words for an alarm graver than what the newest window says: it does not end it, or says nothing."""
    if reading is None or not reads_batches(row):
        return None
    state = standing.alarm_of(row, now=timezone.now())
    level, sentence = state.measured, why_it_stands(row, state, reading)
    if not sentence:
        return None
    tone = "warn" if level == Level.WARN else "bad"
    return f"{level.in_words.capitalize()} stands", tone, sentence, reading.finished_at


def why_it_stands(row: Monitor, state: standing.AlarmState, reading: Reading) -> str:
    """What ends an alarm graver than what the newest window says; empty where that says all."""
    if state.measured <= (reading.level or Level.CALM):
        return ""
    newest = "says nothing" if reading.level is None else f"is {_NEWEST[Level(reading.level)]}"
    calm = "a calm window" if row.clears_after == 1 else f"{row.clears_after} calm windows, each"
    named = BatchSource.objects.in_bulk([need.source for need in state.needs if need.source is not None])
    asked = [need.in_words(f"“{named[need.source]}”" if need.source else "") for need in state.needs]
    which = f" of {' and of '.join(asked)}" if asked else ""
    return f"The newest window {newest}; the alarm ends after {calm}{which}. Shorter and smaller ones are put together."


_NEWEST = {Level.CALM: "within limits", Level.WARN: "a warning", Level.ALERT: "an alert", Level.CRITICAL: "critical"}


def _standing(row: Monitor, reading: Reading | None) -> tuple[str, str, str, datetime | None]:
    kind = monitors.find(row.key)
    if reading is None:
        if kind is not None and not kind.needs_batch:
            due = staleness.overdue_since(row)
            if due > timezone.now():
                return "On time", "ok", f"A batch is due by {due:%d %b %Y}.", None
            return "Overdue", "bad", f"A batch was due by {due:%d %b %Y}.", None
        return "No batch yet", "unknown", "Nothing is known until the first batch arrives.", None
    due = staleness.overdue_since(row)
    if reading.level == Level.CALM and reading.batch_id is not None and due < timezone.now():
        sentence = f"The newest window is within limits, and a batch was due by {due:%d %b %Y}."
        return "Data overdue", "unknown", sentence, reading.finished_at
    state, tone, sentence, at = _outcome(reading)
    return state, tone, f"{sentence} {_not_raised_yet(row, reading)}".strip(), at


def _not_raised_yet(row: Monitor, reading: Reading) -> str:
    """That a reading beyond a limit is no alarm of that level yet; empty where it is one."""
    if row.after == 1 or not reading.level or standing.alarm_of(row, now=timezone.now()).measured >= reading.level:
        return ""
    return f"It is no alarm of that level yet: {row.after} windows in a row raise one."


def _outcome(reading: Reading) -> tuple[str, str, str, datetime | None]:
    if reading.status in UNDER_WAY:
        return reading.get_status_display(), "wait", reading.progress_text, reading.requested_at
    sentence = str(reading.sentences[0]) if reading.sentences else ""
    return state_in_words(reading), tone_of(reading), sentence, reading.finished_at


def tone_of(reading: Reading) -> str:
    """The colour of what a reading says."""
    if reading.verdict:
        return TONES.get(ReadingVerdict(reading.verdict), "bad")
    return "wait" if reading.status in UNDER_WAY else "bad"


def state_in_words(reading: Reading) -> str:
    """What a reading says: beyond a limit the level of the policy, else the verdict, else how far it is."""
    if reading.level:
        return Level(reading.level).in_words.capitalize()
    return reading.get_verdict_display() or reading.get_status_display()
