"""All deployed versions that a person may see: what is red, since when, who owns it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.auth.models import User
from django.db.models import Prefetch

from approvals import permissions, telling
from approvals.models import ModelVersion
from approvals.stages import Stage
from monitoring import monitors
from monitoring.alarms import Level
from monitoring.batches import DEPLOYED
from monitoring.consequences import told_of
from monitoring.models import Monitor
from monitoring.silences import reads_batches
from monitoring.standing import AlarmState, alarms_of
from monitoring.version_state import outgrown_in_words, unanswered_in_words
from portal.ledger import name_of

SHOWN_NAMES = 3
TONES = {Level.CALM: "ok", Level.WARN: "warn", Level.ALERT: "bad", Level.CRITICAL: "bad"}


@dataclass(frozen=True)
class DeployedLine:
    """One deployed version: its worst alarm, since when, which monitors, whose it is, and whether somebody answered.

    `to_answer` is the monitor with the worst alert that nobody acknowledged; `is_known` whether every monitor answers.
    `nobody_told` says who hears of alarms where owner, submitter and risk officers are gone; empty where one is there.
    """

    version: ModelVersion
    level: Level
    tone: str
    state: str
    since: date | None
    alarms: tuple[str, ...]
    answered: str
    to_answer: int | None
    is_known: bool
    owner: str
    nobody_told: str
    approval_ends: datetime | None


def deployed_lines(user: User, *, now: datetime) -> list[DeployedLine]:
    """Every visible deployed version, the worst first, then the longest in alarm; what is not known before the calm."""
    versions = (
        permissions.visible_versions(user)
        .filter(stage__in=DEPLOYED)
        .select_related("model__owner", "submitted_by")
        .prefetch_related(Prefetch("monitors", queryset=Monitor.in_force.all()), "restrictions")
    )
    watched = alarms_of([row for version in versions for row in version.monitors.all()], now=now)
    lines = [_line(version, watched) for version in versions]
    return sorted(lines, key=lambda line: (-trouble(line), line.since or date.max, str(line.version)))


def trouble(line: DeployedLine) -> float:
    """What is suspended stands with the alerts, what is not known before what is calm."""
    if line.version.stage == Stage.SUSPENDED:
        return max(line.level, Level.ALERT)
    return line.level or (0.0 if line.is_known else 0.5)


def _line(version: ModelVersion, watched: Mapping[int, AlarmState]) -> DeployedLine:
    states = [(monitor, watched[monitor.pk]) for monitor in version.monitors.all()]
    raised = [(monitor, state) for monitor, state in states if state.level]
    level = max((state.level for _, state in raised), default=Level.CALM)
    suspended = version.stage == Stage.SUSPENDED
    restricted = any(row.lifted_at is None for row in version.restrictions.all())
    prefix = "Suspended" if suspended else "Restricted" if restricted else ""
    unknown = _unknown(states)
    words = level.in_words.capitalize() if level or not unknown else unknown
    words = f"{words}; {unknown[0].lower()}{unknown[1:]}" if unknown and level == Level.WARN else words
    return DeployedLine(
        version=version,
        level=level,
        tone="bad" if suspended else TONES[level] if level or not unknown else "unknown",
        state=f"{prefix}; {words.lower()}" if prefix else words,
        since=min((state.since for _, state in raised if state.since), default=None),
        alarms=tuple(f"{monitors.title_of(monitor.key)}: {_in_alarm(state)}" for monitor, state in raised),
        answered=_answered([state for _, state in raised]),
        to_answer=_to_answer(raised),
        is_known=not unknown,
        owner=name_of(version.model.owner),
        nobody_told=nobody_told(version),
        approval_ends=version.approval_expires_at,
    )


def nobody_told(version: ModelVersion) -> str:
    """Who is told instead of those who answer for it, in a sentence; empty where one of these is there."""
    if version.model.owner.is_active:
        return ""
    found = telling.hearers(version, told_of(version))
    if not found.why:
        return ""
    names = sorted(name_of(person) for person in found.people)
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    instead = f"{', '.join(names[:SHOWN_NAMES])}{more}" if names else "nobody at all"
    return f"Nobody who answers for it is told of alarms, for they are gone; told instead: {instead}. {telling.CURE}"


def _unknown(states: list[tuple[Monitor, AlarmState]]) -> str:
    if not states:
        return "Nothing is watched"
    silent = [monitor for monitor, state in states if not state.known]
    if silent and len(silent) == sum(reads_batches(monitor) for monitor, _ in states):
        return "Not known yet"
    why = unanswered_in_words((monitors.title_of(monitor.key), state) for monitor, state in states)
    return f"Not known: {why}" if why else ""


def _in_alarm(state: AlarmState) -> str:
    silent = "" if state.measured >= Level.ALERT or not state.silence.is_alarm else f", {state.silence.how_long}"
    return f"{state.level.in_words}{silent}"


def _to_answer(raised: list[tuple[Monitor, AlarmState]]) -> int | None:
    open_ones = [
        (state.level, -monitor.pk)
        for monitor, state in raised
        if state.level >= Level.ALERT and not (state.acknowledged or state.incident)
    ]
    return -max(open_ones)[1] if open_ones else None


def _answered(states: list[AlarmState]) -> str:
    if not states:
        return ""
    said = [note for state in states for note in (state.acknowledged, state.incident, state.muted) if note is not None]
    if not said:
        outgrown = next((state for state in states if state.outgrown is not None), None)
        return f"by nobody yet{outgrown_in_words(outgrown) if outgrown else ''}"
    latest = max(said, key=lambda note: note.at)
    return f"{latest.get_kind_display()} by {name_of(latest.by)}, {latest.at:%d %b %Y}"
