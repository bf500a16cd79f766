"""How a deployed version stands, in words: what is red and since when, whose it is, what to do next. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.auth.models import User
from django.urls import reverse

from approvals import restricting
from approvals.models import Finding, ModelVersion
from approvals.models.findings import FindingSource, FindingStatus
from approvals.models.revalidations import pass_under_way
from approvals.stages import Stage
from monitoring import alarm_notes, batches, monitors, staleness
from monitoring.alarms import Level
from monitoring.consequences import rollback
from monitoring.models import BatchSource, Monitor, OutcomeSource, Reading, ReadingVerdict
from monitoring.panels import standing_reading, why_it_stands
from monitoring.series import days_in_words
from monitoring.silences import reads_batches
from monitoring.standing import AlarmState, alarms_of, level_of
from portal.ledger import name_of

SHOWN_ALARMS = 6


@dataclass(frozen=True)
class RaisedAlarm:
    """One monitor in alarm: how bad, since when, why, and what somebody said about it."""

    title: str
    level: str
    tone: str
    since: date | None
    how_long: str
    sentence: str
    answered: str
    url: str


@dataclass(frozen=True)
class Step:
    """Something to do next; without an address it is a sentence only."""

    sentence: str
    url: str = ""


@dataclass(frozen=True)
class VersionState:
    """What the top of the page says."""

    tone: str
    title: str
    alarms: tuple[RaisedAlarm, ...]
    steps: tuple[Step, ...]
    owner: str
    rollback: str
    due: date | None
    overdue: bool
    approval_ends: datetime | None


def state_of(version: ModelVersion, user: User, *, now: datetime) -> VersionState:
    """The state of a version that this person may see."""
    watched = list(Monitor.in_force.filter(version=version).select_related("version__model").order_by("pk"))
    states = alarms_of(watched, now=now)
    raised = sorted(
        ((row, states[row.pk]) for row in watched if states[row.pk].level),
        key=lambda one: (-one[1].level, one[1].since or date.max),
    )
    due = _due(watched) if version.stage in batches.DEPLOYED else None
    tone, title = _title(version, watched, states)
    return VersionState(
        tone=tone,
        title=title,
        alarms=tuple(_alarm(row, state) for row, state in raised),
        steps=tuple(_steps(version, user, raised, due, now)) if version.stage in batches.DEPLOYED else (),
        owner=name_of(version.model.owner),
        rollback=rollback(version),
        due=due.date() if due else None,
        overdue=bool(due and due < now),
        approval_ends=version.approval_expires_at,
    )


def _title(version: ModelVersion, watched: Iterable[Monitor], states: Mapping[int, AlarmState]) -> tuple[str, str]:
    rows = list(watched)
    raised = [states[row.pk] for row in rows if states[row.pk].level]
    if version.stage == Stage.RETIRED:
        return "unknown", "Retired: nothing is watched any more"
    if version.stage not in batches.DEPLOYED:
        return "unknown", "Not deployed: nothing is watched yet"
    tone, words = _of_alarms(rows, raised, states)
    if version.stage == Stage.SUSPENDED:
        return "bad", f"The approval is suspended. {words}"
    if conditions := restricting.standing(version):
        used = " ".join(one.text for one in conditions)
        return ("bad" if tone == "bad" else "warn"), f"Approved for restricted use only ({used}) {words}"
    return tone, words


def _of_alarms(rows: list[Monitor], raised: list[AlarmState], states: Mapping[int, AlarmState]) -> tuple[str, str]:
    if not rows:
        return "unknown", "The policy names no monitor, so nothing is watched"
    if raised:
        level = max(state.level for state in raised)
        since = min((state.since for state in raised if state.since), default=None)
        when = f" since {since:%d %b %Y}" if since else ""
        several = "s" if len(rows) != 1 else ""
        kinds = ["beyond the limits"] if any(state.measured for state in raised) else []
        kinds += ["without an answer for too long"] if any(state.silence.is_alarm for state in raised) else []
        which = f"{len(raised)} of {len(rows)} monitor{several} {' or '.join(kinds)}"
        words = f"{level.in_words.capitalize()}{when}: {which}"
        if level == Level.WARN and (
            why := unanswered_in_words((monitors.title_of(row.key), states[row.pk]) for row in rows)
        ):
            words = f"{words}; not known: {why}"
        return ("warn" if level == Level.WARN else "bad"), words
    silent = [row for row in rows if not states[row.pk].known]
    if silent and len(silent) == sum(reads_batches(row) for row in rows):
        titles = ", ".join(monitors.title_of(row.key) for row in silent)
        return "unknown", f"Nothing is known yet: {titles} had no reading that says it"
    if why := unanswered_in_words((monitors.title_of(row.key), states[row.pk]) for row in rows):
        return "unknown", f"Not everything is known{' yet' if silent else ''}: {why}"
    return "ok", "All monitors are within their limits"


def unanswered_in_words(watched: Iterable[tuple[str, AlarmState]]) -> str:
    """Which monitors (by title) left the newest windows without an answer, and why; empty if none did."""
    reasons: dict[str, list[str]] = {}
    for title, state in watched:
        if state.unanswered or not state.known:
            reasons.setdefault(state.why_not_known or "had no reading that says it", []).append(title)
    return "; ".join(f"{', '.join(titles)} {why}" for why, titles in reasons.items())


def _alarm(row: Monitor, state: AlarmState) -> RaisedAlarm:
    return RaisedAlarm(
        title=monitors.title_of(row.key),
        level=state.level.in_words,
        tone="warn" if state.level == Level.WARN else "bad",
        since=state.since,
        how_long=state.how_long,
        sentence=" ".join(_why(row, state)),
        answered=_answered(state),
        url=reverse("admin:monitoring_monitor_change", args=[row.pk]),
    )


def _why(row: Monitor, state: AlarmState) -> Iterable[str]:
    if state.silence.is_alarm:
        yield state.silence.in_words
    reading = standing_reading(row)
    if reading is not None and (stands := why_it_stands(row, state, reading)):
        yield stands
    elif reading is not None and reading.sentences and (state.measured or not state.silence.of_outcomes):
        yield str(reading.sentences[0])


def _answered(state: AlarmState) -> str:
    """What people said about the alarm as bad as it is now."""
    said = [note for note in (state.acknowledged, state.incident, state.muted) if note is not None]
    notes = [
        f"{note.get_kind_display().lower()}{f' {note.incident}' if note.incident else ''} by {name_of(note.by)}"
        for note in said
    ]
    return "; ".join(notes) or f"answered by nobody yet{outgrown_in_words(state)}"


def outgrown_in_words(state: AlarmState) -> str:
    """That somebody answered while the alarm was milder; empty if nobody did."""
    note = state.outgrown
    if note is None:
        return ""
    was = level_of(note).in_words
    return f" since it became {state.level.in_words} ({note.get_kind_display().lower()} as {was} by {name_of(note.by)})"


def _due(watched: Iterable[Monitor]) -> datetime | None:
    """When the next batch is due: the earliest of all monitors."""
    return min(staleness.overdue_of(watched).values(), default=None)


def _steps(
    version: ModelVersion,
    user: User,
    raised: list[tuple[Monitor, AlarmState]],
    due: datetime | None,
    now: datetime,
) -> Iterable[Step]:
    """In the order in which they matter. Links only where this person may."""
    if version.stage == Stage.SUSPENDED:
        yield Step("Stop using it, and let the version named below take over, until it is reinstated or retired.")
    for restriction in restricting.standing(version):
        since = f"in force since {restriction.imposed_at:%d %b %Y}"
        yield Step(f"Keep to the condition of use, {since}: {restriction.text}", f"{version.get_absolute_url()}#gate")
    yield from _answers(version, user, raised)
    revalidation = pass_under_way(version)
    if revalidation is not None:
        url = f"{version.get_absolute_url()}#revalidation"
        yield Step(f"Finish the revalidation that was opened, due by {revalidation.due_on:%d %b %Y}.", url)
    for finding in _findings(version):
        by = f"by {finding.due_on:%d %b %Y}{' (late)' if finding.due_on < now.date() else ''}"
        url = reverse("admin:approvals_finding_change", args=[finding.pk])
        yield Step(f"Close the finding “{finding.title}” {by}; {name_of(finding.owner)} owns it.", url)
    yield from _sources_without(version)
    if due is not None:
        late = due < now
        sentence = (
            f"Deliver the batch that was due by {due:%d %b %Y}."
            if late
            else f"Deliver the next batch by {due:%d %b %Y}."
        )
        may = batches.may_deliver(user, version)
        yield Step(sentence, reverse("admin:monitoring_batch_deliver", args=[version.pk]) if may else "")
    waiting = _unlabelled(version)
    if waiting:
        windows = "window waits" if waiting == 1 else "windows wait"
        yield Step(f"{waiting} {windows} for outcomes, so performance is not known there.")


def _sources_without(version: ModelVersion) -> Iterable[Step]:
    """Sources that nothing can be taken from now; their page says why."""
    for source in BatchSource.objects.filter(version=version, ended_at=None):
        window = source.windows.filter(batch=None).exclude(sentence="").order_by("first_day").first()
        if window is not None:
            url = reverse("admin:monitoring_batchsource_version", args=[version.pk])
            since = f"since the window {days_in_words(window.first_day, window.last_day)}"
            yield Step(f"See why no batch is taken from {source} {since}.", url)
    for row in OutcomeSource.objects.filter(version=version, ended_at=None).exclude(sentence=""):
        url = reverse("admin:monitoring_outcomedelivery_version", args=[version.pk])
        yield Step(f"See why no outcomes are taken from {row}.", url)


def _answers(version: ModelVersion, user: User, raised: list[tuple[Monitor, AlarmState]]) -> Iterable[Step]:
    silent = [row for row, state in raised if state.level >= Level.ALERT and not (state.acknowledged or state.incident)]
    may = alarm_notes.may_note(user, version)
    for row in silent[:SHOWN_ALARMS]:
        url = reverse("admin:monitoring_monitor_note", args=[row.pk, "acknowledged"])
        yield Step(f"Answer the alarm of {monitors.title_of(row.key)}: nobody has acknowledged it.", url if may else "")


def _findings(version: ModelVersion) -> Iterable[Finding]:
    rows = Finding.objects.filter(version=version, source=FindingSource.MONITOR, status=FindingStatus.OPEN)
    return rows.select_related("owner").order_by("due_on", "pk")[:SHOWN_ALARMS]


def _unlabelled(version: ModelVersion) -> int:
    """Windows of which a monitor still waits for outcomes, and no later batch of the same window had them."""
    rows = Reading.objects.filter(monitor__version=version, batch__isnull=False).exclude(verdict="")
    waiting: set[tuple[str, date, date]] = set()
    known: set[tuple[str, date, date]] = set()
    columns = ("monitor__key", "verdict", "batch__window_start", "batch__window_end")
    for monitor, verdict, start, end in rows.values_list(*columns):
        (waiting if verdict == ReadingVerdict.NO_LABELS else known).add((monitor, start, end))
    return len({(start, end) for _, start, end in waiting - known})
