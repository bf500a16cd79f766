"""How a monitor stands: the alarm over all its readings, and what people said about it. Reads only.

An alarm rests on the newest readings, back to the calm ones that ended the one before it: no more are read, so a page
costs the same after a year of readings as after a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import (
    DateField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Window,
)
from django.db.models.functions import Coalesce, RowNumber, TruncDate

from monitoring import staleness
from monitoring.alarms import Level, Mark, Need, Said, Standing, is_calm, need, put_next, trajectory, windows
from monitoring.models import AlarmNote, AlarmNoteKind, Monitor, Reading, SourceWindow
from monitoring.silences import ANSWERED_SINCE, ENDED, NO_ANSWER, Silence, reads_batches, silences_of

FIRST_LOOK = 8
LOOKS_FURTHER = 8
READ_WITHIN = timedelta(hours=1)
"""A batch that waits longer for its reading is not known, whatever earlier ones said."""
NO_ANSWER_ON = "gave no answer on the newest batch"


_LATER = Reading.objects.filter(
    monitor=OuterRef("monitor"), batch=OuterRef("batch"), pk__gt=OuterRef("pk"), status__in=ENDED, level__isnull=False
)


@dataclass(frozen=True)
class AlarmState:
    """The alarm of a monitor now; `known` is False while no reading has said anything.

    `measured` is the level that readings say, `level` that or the alert of too many windows without an answer.
    `why_not_known` says why a window, the newest or one whose outcomes are overdue, has no answer: an earlier calm
    reading says nothing about it. `through` is the last day of the windows that make the alarm, `needs` what calm
    windows must have to end what readings say.

    `acknowledged` and `incident` are notes on this alarm as bad as it is now, `muted` a mute that still holds; None
    where nobody spoke. `mute` is the newest mute, whether it holds or not. `outgrown` is the newest note on this alarm
    when it was milder: it answers nothing any more.
    """

    level: Level
    measured: Level
    since: date | None
    through: date | None
    in_a_row: int
    known: bool
    why_not_known: str
    silence: Silence
    acknowledged: AlarmNote | None
    muted: AlarmNote | None
    incident: AlarmNote | None
    mute: AlarmNote | None
    mute_ended: bool
    outgrown: AlarmNote | None
    needs: tuple[Need, ...] = ()

    @property
    def unanswered(self) -> bool:
        """Whether a window has no answer that ought to have one."""
        return bool(self.why_not_known)

    @property
    def in_words(self) -> str | None:
        """The level in words; None where nobody knows it."""
        return self.level.in_words if self.level or (self.known and not self.unanswered) else None

    @property
    def how_long(self) -> str:
        """How many readings or windows make the alarm."""
        found = [f"{self.in_a_row} reading{'' if self.in_a_row == 1 else 's'} in a row"] if self.in_a_row else []
        if self.measured and not found:
            found = ["and calm windows that are not enough yet to end it"]
        return ", ".join([*found, self.silence.how_long] if self.silence.is_alarm else found)

    @property
    def mute_in_words(self) -> str:
        """Until when nobody is told, or why people are told again; empty where nobody muted."""
        if self.mute is None:
            return ""
        if self.muted is not None:
            return f"notices are muted through {self.mute.until:%d %b %Y}"
        if self.mute_ended:
            return f"the mute of notices ended on {self.mute.until:%d %b %Y}"
        return "notices were muted before it became critical, and are sent again"


def changed_by(row: Reading) -> tuple[tuple[Standing, ...], tuple[Standing, ...]]:
    """The standings from the window of a reading on, with it and without it."""
    monitor, day = row.monitor, day_of(row)
    from_then_on = list(_readings([monitor]).filter(Q(day__gte=day)))
    rows = [*_deciding([monitor], before=day, beside=from_then_on)[monitor.pk], *from_then_on]
    both = (trajectory_of(monitor, rows), trajectory_of(monitor, [one for one in rows if one.pk != row.pk]))
    after, before = (tuple(one for one in found if one.day >= day) for found in both)
    return after, before


def alarm_of(monitor: Monitor, *, now: datetime) -> AlarmState:
    """The alarm as it stands. Notes from before it was raised are about an earlier one."""
    return alarms_of([monitor], now=now)[monitor.pk]


def alarms_of(rows: Iterable[Monitor], *, now: datetime) -> dict[int, AlarmState]:
    """The alarms of many monitors, read in a handful of queries."""
    chosen = list(rows)
    overdue = staleness.overdue_of(chosen)
    readings = _deciding(chosen)
    missed, silences = _missed(chosen, overdue), silences_of(chosen, now=now)
    reasons = (
        _why_without_data(chosen, overdue, now)
        | _why_not_read(chosen, now)
        | _why_unanswered(chosen, silences)
        | _why_not_told(chosen, overdue, missed, now)
    )
    notes: dict[int, dict[str, AlarmNote]] = {row.pk: {} for row in chosen}
    for note in AlarmNote.objects.filter(monitor__in=chosen).select_related("by").order_by("pk"):
        notes[note.monitor_id][note.kind] = note
    found = {}
    for row in chosen:
        last = _last(row, readings[row.pk], missed.get(row.pk), now)
        known, why = bool(readings[row.pk]) or not reads_batches(row), reasons.get(row.pk, "")
        found[row.pk] = _state(last, silences[row.pk], notes[row.pk], known=known, why_not_known=why, now=now)
    return found


def day_of(row: Reading) -> date:
    """The last day of the window that a reading is about."""
    if row.batch is not None:
        return row.batch.window_end
    return (row.overdue_since or row.requested_at).date()


def start_of(row: Reading) -> date:
    """The first day of that window."""
    return row.batch.window_start if row.batch is not None else day_of(row)


def superseded(row: Reading) -> bool:
    """Whether the same monitor read the same batch again, with later outcomes, and that reading says something."""
    return Reading.objects.filter(Exists(_LATER), pk=row.pk).exists()


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


def with_sources(rows: QuerySet[Reading]) -> QuerySet[Reading]:
    """With the declared source that the batch of a reading was taken from, and when that ended; alarms look at both."""
    taken = SourceWindow.objects.filter(batch=OuterRef("batch")).order_by("pk")
    return rows.annotate(
        source=Subquery(taken.values("source")[:1]), source_ended=Subquery(taken.values("source__ended_at")[:1])
    )


def _readings(rows: Iterable[Monitor]) -> QuerySet[Reading]:
    found = Reading.objects.filter(monitor__in=list(rows), status__in=ENDED).select_related("batch").order_by("pk")
    clock = TruncDate(Coalesce("overdue_since", "requested_at"), tzinfo=UTC)
    found = found.annotate(day=Coalesce("batch__window_end", clock, output_field=DateField()))
    return with_sources(found).only(
        "monitor_id", "level", "rows", "overdue_since", "requested_at", "batch__window_start", "batch__window_end"
    )


def _needs(rows: Iterable[Monitor]) -> dict[int, list[Need]]:
    """What would answer the longest and largest windows that each monitor ever found beyond its limits, by source."""
    chosen = list(rows)
    length = ExpressionWrapper(F("batch__window_end") - F("batch__window_start"), output_field=DurationField())
    beyond: QuerySet[Any] = with_sources(
        Reading.objects.filter(monitor__in=chosen, status__in=ENDED, level__gt=Level.CALM)
    )
    grouped = beyond.order_by().values("monitor_id", "source", "source_ended")
    found: dict[int, list[Need]] = {row.pk: [] for row in chosen}
    for one in grouped.annotate(longest=Max(length), largest=Max("rows")):
        days = (one["longest"].days if one["longest"] is not None else 0) + 1
        ended = one["source_ended"].date() if one["source_ended"] else None
        answer = need(days=days, rows=one["largest"] or 0, source=one["source"], ended=ended)
        found[one["monitor_id"]].append(answer)
    return found


def _deciding(
    rows: Iterable[Monitor], *, before: date | None = None, beside: Iterable[Reading] = ()
) -> dict[int, list[Reading]]:
    """The newest readings of each monitor that decide how it stands (before a day), in the order of their rows.

    What says nothing, or was read again with later outcomes, is left out. Few are read at first, and more only of those
    still in an alarm as far back as that. `beside` are the readings from that day on.
    """
    said = Q(level__isnull=False) if before is None else Q(level__isnull=False, day__lt=before)
    newest_first = Window(RowNumber(), partition_by=F("monitor"), order_by=[F("day").desc(), F("pk").desc()])
    found: dict[int, list[Reading]] = {row.pk: [] for row in rows}
    open_ones, look = {row.pk: row for row in rows}, FIRST_LOOK
    needs = _needs(open_ones.values())
    while open_ones:
        read: dict[int, list[Reading]] = {key: [] for key in open_ones}
        wanted = _readings(open_ones.values()).filter(said).exclude(Exists(_LATER)).annotate(place=newest_first)
        for reading in wanted.filter(place__lte=look):
            read[reading.monitor_id].append(reading)
        found |= read
        open_ones = {
            key: row
            for key, row in open_ones.items()
            if len(read[key]) == look and not _is_settled(row, needs[key], read[key], beside)
        }
        look *= LOOKS_FURTHER
    return found


def _is_settled(
    monitor: Monitor, needs: Iterable[Need], readings: Iterable[Reading], beside: Iterable[Reading]
) -> bool:
    """Whether so many windows in a row are calm that no alarm outlives them, whatever came before.

    Of the earliest day some readings may not be read yet, so it does not count. Calm pieces of a longer window that is
    beyond the limits, among those `beside`, too, are none.
    """
    chosen, known = list(map(mark_of, readings)), list[Said]()
    for _, one in windows([*chosen, *map(mark_of, beside)]):
        if one:
            put_next(known, one)
    left = {one.day: one for one in known if one.level == Level.CALM}
    rules = {"clears_after": monitor.clears_after, "every_days": monitor.every_days}

    def are_enough(calm: list[Said]) -> bool:
        # The first one may follow the last bad window at once, which is not read: it is where counting begins.
        more = calm if monitor.clears_after == 1 else calm[1:]
        return bool(calm) and all(is_calm(more, calm[0].day, one, **rules) for one in needs)

    calm: list[Said] = []  # more of them are never less, so they are looked at where they end
    for day, said in windows(chosen)[1:]:
        if said and said.level:
            if are_enough(calm):
                return True
            calm = []
        elif day in left:
            calm.append(left[day])
    return are_enough(calm)


def _missed(rows: Iterable[Monitor], overdue: Mapping[int, datetime]) -> dict[int, Reading]:
    """Of the monitors that are read on the clock, the reading that says that a batch is overdue now.

    One that ended in an error was ordered because it is, so it says so, too.
    """
    clocks = [row for row in rows if not reads_batches(row)]
    wanted = _readings(clocks).filter(overdue_since__in={overdue[row.pk] for row in clocks}).exclude(level=Level.CALM)
    return {row.monitor_id: row for row in wanted if row.overdue_since == overdue[row.monitor_id]}


def _unanswered(rows: Iterable[Monitor]) -> set[int]:
    """Monitors whose newest batch has no reading that says something, and not because outcomes are waited for."""
    said = Reading.objects.filter(monitor=OuterRef("monitor"), batch=OuterRef("batch"), level__isnull=False)
    newest_first = Window(RowNumber(), partition_by=F("monitor"), order_by=[F("day").desc(), F("pk").desc()])
    of_batches = _readings(row for row in rows if reads_batches(row)).exclude(Q(level__isnull=True) & Exists(said))
    newest_ones = of_batches.annotate(place=newest_first).filter(place=1)
    return {
        monitor
        for monitor, level, verdict in newest_ones.values_list("monitor_id", "level", "verdict")
        if level is None and verdict in NO_ANSWER
    }


def _why_unanswered(rows: Iterable[Monitor], silences: Mapping[int, Silence]) -> dict[int, str]:
    chosen = list(rows)
    found = dict.fromkeys(_unanswered(chosen) | {key for key, one in silences.items() if one.days}, NO_ANSWER_ON)
    waits = {key: one.within for key, one in silences.items() if one.of_outcomes}
    return found | {key: f"waits for outcomes for more than {within} days" for key, within in waits.items()}


def _why_not_read(rows: Iterable[Monitor], now: datetime) -> dict[int, str]:
    """Monitors of which a batch waits for its reading for long, and none of that window or a later one is there."""
    waiting = Reading.objects.filter(
        monitor__in=list(rows), status__in=staleness.STILL_READ, batch__isnull=False, requested_at__lt=now - READ_WITHIN
    ).exclude(Exists(ANSWERED_SINCE))
    return dict.fromkeys(waiting.values_list("monitor_id", flat=True), "has not read the newest batch yet")


def _why_without_data(rows: Iterable[Monitor], overdue: Mapping[int, datetime], now: datetime) -> dict[int, str]:
    """Monitors of batches that have had none for longer than the policy expects, whether one of the clock says so."""
    return {
        row.pk: f"has had no data for more than {row.every_days} day{'s' if row.every_days > 1 else ''}"
        for row in rows
        if overdue[row.pk] < now and reads_batches(row)
    }


def _why_not_told(
    rows: Iterable[Monitor], overdue: Mapping[int, datetime], missed: Mapping[int, Reading], now: datetime
) -> dict[int, str]:
    """Monitors of the clock that did not say that a batch is overdue: of suspended versions none does."""
    late = {row.pk for row in rows if not reads_batches(row) and overdue[row.pk] < now}
    return dict.fromkeys(late - missed.keys(), "was not read, though a batch is overdue")


def trajectory_of(monitor: Monitor, rows: Iterable[Reading]) -> tuple[Standing, ...]:
    """How a monitor stood after each window of these readings, by its policy."""
    return trajectory(
        [mark_of(row) for row in newest(rows)],
        after=monitor.after,
        clears_after=monitor.clears_after,
        every_days=monitor.every_days,
    )


def mark_of(row: Reading) -> Mark:
    """A reading as alarms look at it."""
    level = None if row.level is None else Level(row.level)
    source, ended = row.source, row.source_ended  # type: ignore[attr-defined]  # of with_sources
    return Mark(day_of(row), level, start_of(row), row.rows, source, ended.date() if ended else None)


def _state(
    last: Standing, silent: Silence, notes: Mapping[str, AlarmNote], *, known: bool, why_not_known: str, now: datetime
) -> AlarmState:
    level = max(last.level, Level.ALERT) if silent.raised_on else last.level
    begun = [day for day in (last.since, silent.raised_on) if day is not None]
    windows = [(last.since, last.day)] if last.since else []
    windows += [(silent.days[0], silent.days[-1])] if silent.raised_on else []
    of_this = {kind: note for kind, note in notes.items() if _is_about(note, begun, [first for first, _ in windows])}
    equal = {kind: note for kind, note in of_this.items() if level_of(note) >= level}
    muted = notes.get(AlarmNoteKind.MUTED)
    # What was muted before is silent up to an alert; a critical alarm only where it was muted as one.
    holds = muted is not None and muted.until is not None and muted.until >= now.date()
    silenced = holds and (level < Level.CRITICAL or AlarmNoteKind.MUTED in equal)
    milder = [note for kind, note in of_this.items() if kind not in equal and not (silenced and note is muted)]
    return AlarmState(
        level=level,
        measured=last.level,
        since=min((first for first, _ in windows), default=None),
        through=max((newest for _, newest in windows), default=None),
        in_a_row=last.in_a_row,
        known=known,
        why_not_known=why_not_known,
        silence=silent,
        acknowledged=equal.get(AlarmNoteKind.ACKNOWLEDGED),
        muted=muted if silenced else None,
        mute=muted,
        mute_ended=muted is not None and not holds,
        incident=equal.get(AlarmNoteKind.INCIDENT),
        outgrown=max(milder, key=lambda note: note.pk, default=None),
        needs=last.needs,
    )


def _is_about(note: AlarmNote, begun: Iterable[date], windows: Iterable[date]) -> bool:
    """Whether somebody spoke when the alarm stood, and of windows of it: one may be delivered long after its days.

    Notes of earlier releases do not say of which windows.
    """
    spoke_then = note.at.date() >= max(begun, default=date.max)
    return spoke_then and (note.alarm_through is None or note.alarm_through >= max(windows, default=date.max))


def level_of(note: AlarmNote) -> Level:
    """How bad the alarm was when somebody spoke; notes of earlier releases do not say it and count as on an alert."""
    return Level.ALERT if note.level is None else Level(note.level)


def _last(monitor: Monitor, readings: Iterable[Reading], missed: Reading | None, now: datetime) -> Standing:
    calm = Standing(now.date(), Level.CALM, None, 0)
    if reads_batches(monitor):
        return next(reversed(trajectory_of(monitor, readings)), calm)
    # A batch that came ends the alarm of the clock, without a reading of its own.
    return Standing(day_of(missed), Level(missed.level or Level.ALERT), day_of(missed), 1) if missed else calm
