"""When readings become an alarm and when it ends: after so many in a row, and not before so many are calm again.

Calm windows end an alarm only where they could have shown it: as long as those that raised it, on enough rows, and of
the same source. Pure: levels of readings in the order of their windows go in, standings come out. What says nothing
changes nothing, so an alarm never ends because nobody could measure.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum

ROWS_SHARE = 2
"""A calm window has half the rows of those beyond the limits, or more: months differ by that, and a sample of one
customer does not speak for one of thousands."""


class Level(IntEnum):
    """How far beyond the policy's limits a reading is."""

    CALM = 0
    WARN = 1
    ALERT = 2
    CRITICAL = 3

    @property
    def in_words(self) -> str:
        """For people."""
        return ("within limits", "warning", "alert", "critical")[self]


@dataclass(frozen=True)
class Mark:
    """One reading: the last day of its window, and its level; None says nothing. `start` is the first day.

    `rows` it rests on; None where rows are no sample. `source` is the declared one that its batch was taken from, and
    `source_ended` the day on which that ended.
    """

    day: date
    level: Level | None
    start: date | None = None
    rows: int | None = None
    source: int | None = None
    source_ended: date | None = None

    @property
    def days(self) -> int:
        """How long its window is."""
        return (self.day - (self.start or self.day)).days + 1


@dataclass(frozen=True)
class Said:
    """What was said of one window: its first and last day, the worst level, and each reading of it."""

    start: date
    day: date
    level: Level
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Need:
    """What one calm window has at least, to end an alarm: days, rows, and the source; None is any delivery.

    `any_from` is the day on which the source ended: windows from then on count whatever they were taken from.
    """

    days: int
    rows: int = 0
    source: int | None = None
    any_from: date | None = None

    def counts(self, mark: Mark) -> bool:
        """Whether a reading is of where the alarm came from."""
        if self.source is None or mark.source == self.source:
            return True
        return self.any_from is not None and mark.day >= self.any_from

    def in_words(self, source: str = "") -> str:
        """After “an alarm ends after calm windows of”; `source` is what people call that which it names."""
        days = "1 day or more" if self.days == 1 else f"{self.days:,} days or more"
        rows = f" on {self.rows:,} rows or more" if self.rows > 1 else ""
        return f"{days}{rows}{f' from {source}' if source else ''}"


@dataclass(frozen=True)
class Standing:
    """How a monitor stands after the reading of a window.

    `since` is the first day of the run of readings that raised the alarm, `in_a_row` how many readings have been beyond
    the warning limit without a calm one between them. `needs` is what calm windows must have to end it, for each
    source that it came from.
    """

    day: date
    level: Level
    since: date | None
    in_a_row: int
    needs: tuple[Need, ...] = ()


def least_apart(every_days: int) -> int:
    """Days between the ends of two windows that count as two of a policy's: months and quarters differ by a tenth."""
    return math.ceil(every_days * 9 / 10)


def trajectory(
    marks: Iterable[Mark], *, after: int = 1, clears_after: int = 1, every_days: int = 1
) -> tuple[Standing, ...]:
    """The standing after each window, in their order; of readings of windows that end on one day the worst counts.

    So a window that is delivered in pieces, or once more, is neither several windows in a row nor calm by its last
    piece, and a calm piece of it is none between it and the one before. A level is raised when the last `after` windows
    that say something all reach it; the critical one is raised at once. It falls when `clears_after` windows are below
    it, to the highest of them. Each is as long as the longest of the alarm, on half as many rows or more, and of the
    same source; shorter and smaller ones are put together. Of more than one each ends about `every_days` after the one
    before, so that two calm days are not two calm months.
    """
    found: list[Standing] = []
    known: list[Said] = []
    level, since, in_a_row = Level.CALM, None, 0
    alarm: _Alarm | None = None
    for day, said in windows(marks):
        if said is not None:
            is_rewritten = put_next(known, said)
            in_a_row = _in_a_row(known) if is_rewritten else in_a_row + 1 if said.level else 0
            if alarm is not None and since is not None:
                alarm = _Alarm(known, since, clears_after, every_days) if is_rewritten else alarm.with_next(said)
            raised = _raised(known, after)
            if raised > level:
                level, since = raised, since or known[-in_a_row].day
                alarm = alarm or _Alarm(known, since, clears_after, every_days)
            elif alarm is not None:
                level = alarm.level_after(level)
            if not level:
                since = alarm = None
        found.append(Standing(day, level, since, in_a_row, alarm.needs if alarm else ()))
    return tuple(found)


def windows(marks: Iterable[Mark]) -> list[tuple[date, Said | None]]:
    """What was said of the windows that end on each day, in order; None where nothing was."""
    found: dict[date, list[Mark]] = {}
    for mark in marks:
        found.setdefault(mark.day, []).append(mark)
    return [(day, _said(found[day])) for day in sorted(found)]


def _said(marks: Iterable[Mark]) -> Said | None:
    """The worst counts; of equally bad ones the longest window."""
    known = tuple(mark for mark in marks if mark.level is not None)
    worst = max(known, key=lambda mark: (mark.level or 0, mark.days), default=None)
    return Said(worst.start or worst.day, worst.day, Level(worst.level or 0), known) if worst else None


def put_next(known: list[Said], latest: Said) -> bool:
    """Add the window that ends after them, and take calmer ones out that lie wholly within it; gives whether any did.

    The windows are in the order of their ends, so that those within it are among the last ones.
    """
    beside: list[Said] = []
    while latest.level and known and known[-1].day >= latest.start:
        beside.append(known.pop())
    kept = [one for one in reversed(beside) if one.start < latest.start or one.level >= latest.level]
    known += [*kept, latest]
    return len(kept) < len(beside)


def _raised(known: list[Said], after: int) -> Level:
    latest = [one.level for one in known[-after:]]
    if known[-1].level == Level.CRITICAL:
        return Level.CRITICAL
    return min(latest) if len(latest) == after else Level.CALM


class _Alarm:
    """An alarm that stands, window by window: what its windows ask of calm ones, and whether these are enough."""

    def __init__(self, known: Sequence[Said], begun: date, clears_after: int, every_days: int) -> None:
        self._below = {lower: _Below(lower, clears_after, every_days) for lower in Level if lower < max(Level)}
        start = bisect_left(known, begun, key=lambda one: one.day)
        for one in known[start:]:
            self.with_next(one)

    def with_next(self, one: Said) -> _Alarm:
        """The same with the window that ends after them."""
        for below in self._below.values():
            below.add(one)
        return self

    def level_after(self, level: Level) -> Level:
        """The lowest level that enough windows since the last one beyond it speak for."""
        return next((lower for lower in Level if lower < level and self._below[lower].is_reached), level)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What calm windows must have to end it."""
        return self._below[Level.CALM].needs


class _Below:
    """Whether an alarm has fallen to a level: the windows since the last one beyond it, beside what those need."""

    def __init__(self, lower: Level, clears_after: int, every_days: int) -> None:
        self._lower, self._clears_after, self._every_days = lower, clears_after, every_days
        self._beyond: dict[int | None, Mark] = {}
        self.needs: tuple[Need, ...] = ()
        self._calm: list[_Calm] = []

    def add(self, one: Said) -> None:
        """The window that ends after them."""
        if one.level <= self._lower:
            for calm in self._calm:
                calm.add(one)
            return
        for mark in one.marks:
            if (mark.level or Level.CALM) > self._lower:
                self._beyond[mark.source] = _hardest(self._beyond.get(mark.source, mark), mark)
        self.needs = needs_of([Said(one.start, one.day, one.level, tuple(self._beyond.values()))], self._lower)
        self._calm = [_Calm(need, one.day, self._clears_after, self._every_days) for need in self.needs]

    @property
    def is_reached(self) -> bool:
        """Whether the windows since are enough for each need."""
        return all(calm.is_enough for calm in self._calm)


def _hardest(one: Mark, other: Mark) -> Mark:
    """As long as the longer and on as many rows as the larger of two marks of one source; the first says the rest."""
    longer = max(one, other, key=lambda mark: mark.days)
    return replace(one, start=longer.start or longer.day, day=longer.day, rows=max(one.rows or 0, other.rows or 0))


def needs_of(beyond: Iterable[Said], lower: Level = Level.CALM) -> tuple[Need, ...]:
    """What calm windows must have to answer these: as long as the longest, on half as many rows as the largest."""
    found: dict[int | None, list[Mark]] = {}
    for one in beyond:
        for mark in one.marks:
            if (mark.level or Level.CALM) > lower:
                found.setdefault(mark.source, []).append(mark)
    return tuple(
        need(
            days=max(mark.days for mark in of),
            rows=max(mark.rows or 0 for mark in of),
            source=source,
            ended=of[0].source_ended,
        )
        for source, of in found.items()
    )


def need(*, days: int, rows: int, source: int | None, ended: date | None) -> Need:
    """What answers windows of so many days and rows."""
    return Need(least_apart(days), -(-rows // ROWS_SHARE), source, ended)


def is_calm(calm: Iterable[Said], before: date | None, need: Need, *, clears_after: int, every_days: int) -> bool:
    """Whether calm windows, in order, are enough to end an alarm whose last window ended on the day `before`."""
    found = _Calm(need, before, clears_after, every_days)
    for one in calm:
        found.add(one)
    return found.is_enough


class _Calm:
    """Calm windows since the day `before`, in order, beside what ends an alarm.

    Those that are too short or too small count together, as far as they do not overlap: of rolling windows not all do.
    """

    def __init__(self, need: Need, before: date | None, clears_after: int, every_days: int) -> None:
        self._need, self._clears_after, self._last = need, clears_after, before
        self._apart = least_apart(every_days) if clears_after > 1 else 0
        self._counted, self._days, self._rows = 0, _Apart(), _Apart()

    def add(self, one: Said) -> None:
        """The window that ends after them."""
        fitting = [mark for mark in one.marks if self._need.counts(mark)]
        if not fitting:
            return
        most_days = self._days.with_next({mark.start or mark.day: mark.days for mark in fitting}, one.day)
        most_rows = self._rows.with_next(_largest(fitting), one.day)
        enough = most_days >= self._need.days and most_rows >= self._need.rows
        if enough and (self._last is None or (one.day - self._last).days >= self._apart):
            self._counted, self._last, self._days, self._rows = self._counted + 1, one.day, _Apart(), _Apart()

    @property
    def is_enough(self) -> bool:
        """Whether so many windows are calm as the policy asks."""
        return self._counted >= self._clears_after


def _largest(marks: Iterable[Mark]) -> dict[date, int]:
    """The most rows of the windows that begin on each day."""
    found: dict[date, int] = {}
    for mark in marks:
        start = mark.start or mark.day
        found[start] = max(found.get(start, 0), mark.rows or 0)
    return found


class _Apart:
    """The most that windows hold together which do not overlap, as they come in the order of their last days."""

    def __init__(self) -> None:
        self._ends: list[date] = []
        self._most: list[int] = []

    def with_next(self, sizes: Mapping[date, int], end: date) -> int:
        """With the windows that end on that day, by their first one, of which one counts."""
        own = max(size + self._before(start) for start, size in sizes.items())
        self._most.append(max([own, *self._most[-1:]]))
        self._ends.append(end)
        return self._most[-1]

    def _before(self, start: date) -> int:
        place = bisect_left(self._ends, start)
        return self._most[place - 1] if place else 0


def _in_a_row(known: list[Said]) -> int:
    count = 0
    for one in reversed(known):
        if one.level == Level.CALM:
            break
        count += 1
    return count
