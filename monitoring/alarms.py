"""When readings become an alarm and when it ends: after so many in a row, and not before so many are calm again.

Pure: levels of readings in the order of their windows go in, standings come out. What says nothing changes nothing, so
an alarm never ends because nobody could measure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum


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
    """One reading: the last day of its window, and its level; None says nothing. `start` is the first day."""

    day: date
    level: Level | None
    start: date | None = None


@dataclass(frozen=True)
class Said:
    """What was said of one window: its first and last day, and the worst level."""

    start: date
    day: date
    level: Level


@dataclass(frozen=True)
class Standing:
    """How a monitor stands after the reading of a window.

    `since` is the first day of the run of readings that raised the alarm, `in_a_row` how many readings have been beyond
    the warning limit without a calm one between them.
    """

    day: date
    level: Level
    since: date | None
    in_a_row: int


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
    it, to the highest of them. Of more than one these are windows of the policy's length: each ends about `every_days`
    after the one before, so that two calm days are not two calm months.
    """
    found: list[Standing] = []
    known: list[Said] = []
    level, since = Level.CALM, None
    for mark in _worst_of_each_day(marks):
        if mark.level is not None:
            known = with_next(known, Said(mark.start or mark.day, mark.day, mark.level))
            raised = _raised(known, after)
            if raised > level:
                level, since = raised, since or _first_of_run(known)
            else:
                level = _fallen(known, level, clears_after, every_days)
                since = since if level else None
        found.append(Standing(mark.day, level, since, _in_a_row(known)))
    return tuple(found)


def _worst_of_each_day(marks: Iterable[Mark]) -> list[Mark]:
    found: dict[date, Mark] = {}
    for mark in marks:
        best = found.get(mark.day)
        if best is None or _weight(mark) > _weight(best):
            found[mark.day] = mark
    return [found[day] for day in sorted(found)]


def _weight(mark: Mark) -> tuple[int, int]:
    """The worst counts; of equally bad ones the longest window."""
    return (-1 if mark.level is None else mark.level, (mark.day - (mark.start or mark.day)).days)


def with_next(known: Iterable[Said], latest: Said) -> list[Said]:
    """The windows with the one that ends after them, without calmer ones that lie wholly within it."""
    return [*(one for one in known if one.start < latest.start or one.level >= latest.level), latest]


def _raised(known: list[Said], after: int) -> Level:
    latest = [one.level for one in known[-after:]]
    if known[-1].level == Level.CRITICAL:
        return Level.CRITICAL
    return min(latest) if len(latest) == after else Level.CALM


def _fallen(known: list[Said], level: Level, clears_after: int, every_days: int) -> Level:
    """The lowest level that enough windows since the last one beyond it speak for."""
    for lower in Level:
        if lower >= level:
            break
        beyond = next((one for one in reversed(known) if one.level > lower), None)
        since = [one.day for one in known if beyond is None or one.day > beyond.day]
        if is_calm(since, beyond.day if beyond else None, clears_after=clears_after, every_days=every_days):
            return lower
    return level


def is_calm(days: Iterable[date], before: date | None, *, clears_after: int, every_days: int) -> bool:
    """Whether calm windows that end on these days, in order, are enough to end an alarm whose last window is `before`.

    One is enough where one is asked, however short; more are counted at the policy's pace.
    """
    apart, counted, last = least_apart(every_days), 0, before
    for day in days:
        if clears_after == 1 or last is None or (day - last).days >= apart:
            counted, last = counted + 1, day
    return counted >= clears_after


def _in_a_row(known: list[Said]) -> int:
    count = 0
    for one in reversed(known):
        if one.level == Level.CALM:
            break
        count += 1
    return count


def _first_of_run(known: list[Said]) -> date:
    return known[-_in_a_row(known)].day
