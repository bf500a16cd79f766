"""How a monitor stands: the alarm over all its readings, and what people said about it. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from approvals.models.checks import RunStatus
from monitoring import monitors, staleness
from monitoring.alarms import Level, Mark, Standing, trajectory
from monitoring.models import AlarmNote, AlarmNoteKind, Monitor, Reading


@dataclass(frozen=True)
class AlarmState:
    """The alarm of a monitor now; `known` is False while no reading has said anything.

    `acknowledged` and `incident` are notes on this alarm, `muted` a mute that still holds; None where nobody spoke.
    """

    level: Level
    since: date | None
    in_a_row: int
    known: bool
    acknowledged: AlarmNote | None
    muted: AlarmNote | None
    incident: AlarmNote | None


def standings(monitor: Monitor, *, without: int | None = None) -> tuple[Standing, ...]:
    """The standing after every window; `without` leaves one reading out, to see what it changed."""
    return _trajectory(monitor, [row for row in _readings([monitor]) if row.pk != without])


def alarm_of(monitor: Monitor, *, now: datetime) -> AlarmState:
    """The alarm as it stands. Notes from before it was raised are about an earlier one."""
    return alarms_of([monitor], now=now)[monitor.pk]


def alarms_of(rows: Iterable[Monitor], *, now: datetime) -> dict[int, AlarmState]:
    """The alarms of many monitors, read in a handful of queries."""
    chosen = list(rows)
    overdue = staleness.overdue_of(chosen)
    readings: dict[int, list[Reading]] = {row.pk: [] for row in chosen}
    for reading in _readings(chosen):
        readings[reading.monitor_id].append(reading)
    notes: dict[int, dict[str, AlarmNote]] = {row.pk: {} for row in chosen}
    for note in AlarmNote.objects.filter(monitor__in=chosen).select_related("by").order_by("pk"):
        notes[note.monitor_id][note.kind] = note
    return {row.pk: _state(row, readings[row.pk], notes[row.pk], overdue[row.pk], now) for row in chosen}


def day_of(row: Reading) -> date:
    """The last day of the window that a reading is about."""
    if row.batch is not None:
        return row.batch.window_end
    return (row.overdue_since or row.requested_at).date()


ENDED = (RunStatus.FINISHED, RunStatus.CRASHED)


def superseded(row: Reading) -> bool:
    """Whether the same monitor read the same batch again, with later outcomes, and that reading says something."""
    later = Reading.objects.filter(monitor=row.monitor_id, batch=row.batch_id, pk__gt=row.pk, status__in=ENDED)
    return row.batch_id is not None and later.filter(level__isnull=False).exists()


def newest(rows: Iterable[Reading]) -> list[Reading]:
    """Of each batch the newest reading that says something, else the newest; readings of the clock as they are.

    A reading with outcomes that could not be used does not take an earlier alarm away.
    """
    found: dict[tuple[int, int | None, datetime | None], Reading] = {}
    for row in sorted(rows, key=lambda row: row.pk):
        place = (row.monitor_id, row.batch_id, row.overdue_since)
        if row.level is not None or place not in found or found[place].level is None:
            found[place] = row
    return list(found.values())


def _readings(rows: Iterable[Monitor]) -> QuerySet[Reading]:
    found = Reading.objects.filter(monitor__in=list(rows), status__in=ENDED).select_related("batch").order_by("pk")
    return found.only("monitor_id", "level", "overdue_since", "requested_at", "batch__window_end")


def _trajectory(monitor: Monitor, rows: Iterable[Reading]) -> tuple[Standing, ...]:
    marks = [Mark(day_of(row), None if row.level is None else Level(row.level)) for row in newest(rows)]
    return trajectory(marks, after=monitor.after, clears_after=monitor.clears_after)


def _state(
    monitor: Monitor, readings: list[Reading], notes: dict[str, AlarmNote], overdue: datetime, now: datetime
) -> AlarmState:
    last = _last(monitor, readings, overdue, now)
    muted = notes.get(AlarmNoteKind.MUTED)
    of_this = {kind: note for kind, note in notes.items() if last.since is not None and note.at.date() >= last.since}
    return AlarmState(
        level=last.level,
        since=last.since,
        in_a_row=last.in_a_row,
        known=any(row.level is not None for row in readings),
        acknowledged=of_this.get(AlarmNoteKind.ACKNOWLEDGED),
        muted=muted if muted and muted.until is not None and muted.until >= now.date() else None,
        incident=of_this.get(AlarmNoteKind.INCIDENT),
    )


def _last(monitor: Monitor, readings: list[Reading], overdue: datetime, now: datetime) -> Standing:
    calm = Standing(now.date(), Level.CALM, None, 0)
    kind = monitors.find(monitor.key)
    if kind is None or kind.needs_batch:
        return next(reversed(_trajectory(monitor, readings)), calm)
    # A batch that came ends the alarm of the clock, without a reading of its own.
    missed = [row for row in readings if row.overdue_since == overdue and row.level]
    return Standing(overdue.date(), Level(missed[-1].level or 0), overdue.date(), 1) if missed else calm
