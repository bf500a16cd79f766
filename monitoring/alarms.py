"""When readings become an alarm and when it ends: after so many in a row, and not before so many are calm again.

Pure: levels of readings in the order of their windows go in, standings come out. What says nothing changes nothing, so
an alarm never ends because nobody could measure.
"""

from __future__ import annotations

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
    """One reading: the last day of its window, and its level; None says nothing."""

    day: date
    level: Level | None


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


def trajectory(marks: Iterable[Mark], *, after: int = 1, clears_after: int = 1) -> tuple[Standing, ...]:
    """The standing after each window, in their order; of readings of windows that end on one day the worst counts.

    So a window that is delivered in pieces, or once more, is neither several windows in a row nor calm by its last
    piece. A level is raised when the last `after` windows that say something all reach it; the critical one is raised
    at once. It falls, to the highest of them, when the last `clears_after` are all below it.
    """
    found: list[Standing] = []
    known: list[tuple[date, Level]] = []
    level, since = Level.CALM, None
    for mark in _worst_of_each_day(marks):
        if mark.level is not None:
            known.append((mark.day, mark.level))
            raised = _raised(known, after)
            latest = [one for _, one in known[-clears_after:]]
            if raised > level:
                level, since = raised, since or _first_of_run(known)
            elif len(latest) == clears_after and max(latest) < level:
                level, since = max(latest), since if max(latest) else None
        found.append(Standing(mark.day, level, since, _in_a_row(known)))
    return tuple(found)


def _worst_of_each_day(marks: Iterable[Mark]) -> list[Mark]:
    found: dict[date, Level | None] = {}
    for mark in marks:
        levels = [level for level in (mark.level, found.get(mark.day)) if level is not None]
        found[mark.day] = max(levels, default=None)
    return [Mark(day, found[day]) for day in sorted(found)]


def _raised(known: list[tuple[date, Level]], after: int) -> Level:
    latest = [level for _, level in known[-after:]]
    if known[-1][1] == Level.CRITICAL:
        return Level.CRITICAL
    return min(latest) if len(latest) == after else Level.CALM


def _in_a_row(known: list[tuple[date, Level]]) -> int:
    count = 0
    for _, level in reversed(known):
        if level == Level.CALM:
            break
        count += 1
    return count


def _first_of_run(known: list[tuple[date, Level]]) -> date:
    return known[-_in_a_row(known)][0]
