"""What the readings of a monitor say over time: one series for each measure, in the order of windows. Pure.

A window without a number keeps its place with the word for it; nothing is filled in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from approvals.checks._rules import FAILED, Rule, apply, reason_of
from approvals.checks.base import ParameterError, Reading, build
from approvals.measures.values import Measure
from monitoring.alarms import Level
from monitoring.monitors.base import MonitorKind

SHORTEST_GAP = 28
"""Days. A month that is missing is seen even where a batch may take longer."""
UNSURE = "beyond the limit, not told from chance"
WORST = "worst feature"


@dataclass(frozen=True)
class Limit:
    """A limit of the policy and the level of what lies beyond it."""

    level: Level
    value: float | int


@dataclass(frozen=True)
class Point:
    """One measure in one window. `value` None: there is no number, and `word` says why; `level` None: it says nothing.

    `low` and `high` are the ends of the interval, or between what a number lies that was not computed exactly.
    """

    reading: int
    batch: str
    start: date
    end: date
    value: float | int | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    level: Level | None = None
    word: str = ""

    @property
    def middle(self) -> date:
        """Where the window is drawn."""
        return self.start + (self.end - self.start) / 2


@dataclass(frozen=True)
class Series:
    """One measure of one monitor over its windows, oldest first; `feature` is empty where it is about the whole."""

    monitor: int
    monitor_title: str
    measure: str
    feature: str
    at_least: bool
    limits: tuple[Limit, ...]
    every_days: int
    points: tuple[Point, ...]

    @property
    def key(self) -> str:
        """A short name that is the same each time, for addresses and stored pictures."""
        return hashlib.sha256(f"{self.monitor} {self.feature} {self.measure}".encode()).hexdigest()[:16]

    @property
    def newest(self) -> Point | None:
        """The point of the latest window that says something, else of the latest window."""
        known = [point for point in self.points if point.value is not None or point.low is not None]
        return next(reversed(known or self.points), None)

    @property
    def limit(self) -> Limit | None:
        """The limit whose other side is an alarm, else the mildest there is."""
        alerts = [limit for limit in self.limits if limit.level == Level.ALERT]
        return next(iter(alerts or self.limits), None)

    @property
    def trouble(self) -> tuple[int, float]:
        """How bad the newest value is: its level, then how far beyond the limit as a share of it. More is worse.

        What cannot be told comes before warnings: it may be anything.
        """
        newest = self.newest
        if newest is None:
            return (0, float("-inf"))
        level = 1.5 if newest.level is None else float(newest.level)
        beyond = float("inf")
        if newest.value is not None and self.limit is not None:
            size = abs(self.limit.value) or 1.0
            beyond = (newest.value - self.limit.value) / size * (-1 if self.at_least else 1)
        return (int(level * 2), beyond)

    def gaps(self) -> tuple[tuple[date, date], ...]:
        """Stretches between windows, longer than a batch may take, that no window covers: first and last day."""
        found: list[tuple[date, date]] = []
        covered: date | None = None
        for point in sorted(self.points, key=lambda point: point.start):
            if covered is not None and (point.start - covered).days - 1 >= min(self.every_days, SHORTEST_GAP):
                found.append((covered + timedelta(days=1), point.start - timedelta(days=1)))
            covered = point.end if covered is None else max(covered, point.end)
        return tuple(found)


@dataclass(frozen=True)
class ReadingFacts:
    """What a series needs of a stored reading. `state` is the word for a reading without numbers."""

    pk: int
    batch: str
    start: date
    end: date
    level: Level | None
    state: str
    measures: tuple[Measure, ...]
    details: Mapping[str, Any]
    failed: frozenset[str]


@dataclass(frozen=True)
class Watch:
    """What a series needs of a monitor: its kind, and by level the limits as the policy wrote them."""

    pk: int
    title: str
    kind: type[MonitorKind] | None
    levels: Mapping[Level, Mapping[str, Any]]
    every_days: int


def series_of(watch: Watch, readings: Iterable[ReadingFacts]) -> tuple[Series, ...]:
    """A series for each measure that a limit of the policy is about, or that ever breached one that always holds."""
    rows = sorted(readings, key=lambda row: (row.end, row.start, row.pk))
    found: dict[tuple[str, str], Series] = {}
    rules = [_rules(watch, row) for row in rows]
    always: dict[tuple[str, str], dict[Level, Rule]] = {}
    for row, of_row in zip(rows, rules, strict=True):
        for measure in row.measures:
            of, place = of_row.asked.get(measure.name, {}), _place(row, measure)
            if not of and measure.name in row.failed:
                always[place] = of_row.required.get(measure.name) or always.get(place, {})
            if of or place in always:
                found[place] = _empty(watch, place, of or always[place])
    points = [
        {
            place: _point(row, measure, of_row.asked.get(measure.name) or always.get(place, {}))
            for measure in row.measures
            if (place := _place(row, measure)) in found
        }
        for row, of_row in zip(rows, rules, strict=True)
    ]
    return tuple(replace(series, points=_of_place(place, rows, points)) for place, series in found.items())


def _place(row: ReadingFacts, measure: Measure) -> tuple[str, str]:
    return measure.name, feature_of(measure, row.details)


def _empty(watch: Watch, place: tuple[str, str], rules: Mapping[Level, Rule]) -> Series:
    limits = tuple(Limit(level, rule.limit) for level, rule in sorted(rules.items()) if rule.limit is not None)
    at_least = any(rule.at_least for rule in rules.values())
    return Series(watch.pk, watch.title, place[0], place[1], at_least, limits, watch.every_days, ())


def _of_place(
    place: tuple[str, str], rows: Sequence[ReadingFacts], points: Sequence[Mapping[tuple[str, str], Point]]
) -> tuple[Point, ...]:
    """The points of one series; a reading without any number keeps its window."""
    found = []
    for row, of_row in zip(rows, points, strict=True):
        if place in of_row:
            found.append(of_row[place])
        elif not row.measures:
            found.append(Point(row.pk, row.batch, row.start, row.end, None, word=row.state))
    return tuple(_without_superseded(found))


def _without_superseded(points: Sequence[Point]) -> list[Point]:
    """A window that has a number is not shown as one without, because an earlier batch of it had no labels yet."""
    known = {(point.start, point.end) for point in points if point.value is not None or point.low is not None}
    return [p for p in points if p.value is not None or p.low is not None or (p.start, p.end) not in known]


def _point(row: ReadingFacts, measure: Measure, rules: Mapping[Level, Rule]) -> Point:
    low, high = measure.bounds or (measure.low, measure.high)
    level, word = _level(row, measure, rules)
    if measure.value is None:
        word = measure.reason if measure.bounds else f"not computable: {reason_of(measure)}"
    rows = measure.n if (now := measure.count("n_current")) is None else now  # n of a drift is that of both tables
    return Point(row.pk, row.batch, row.start, row.end, measure.value, low, high, rows, level, word)


def _level(row: ReadingFacts, measure: Measure, rules: Mapping[Level, Rule]) -> tuple[Level | None, str]:
    """The level of one measure: what the reading was judged to be, where this measure is why."""
    beyond = [level for level, rule in rules.items() if apply(rule, measure)[0] == FAILED]
    if measure.name in row.failed:
        critical = Level.CRITICAL in beyond and row.level == Level.CRITICAL
        return (Level.CRITICAL if critical else Level.ALERT), ""
    if measure.value is None and measure.bounds is None:
        return None, ""
    if row.state:
        return None, row.state
    if max(beyond, default=Level.CALM) >= Level.ALERT:
        return None, UNSURE
    if Level.WARN in beyond and (row.level or 0) >= Level.WARN:
        return Level.WARN, ""
    return Level.CALM, ""


@dataclass(frozen=True)
class _Rules:
    """By the measure that they are about and their level: rules that the policy asks, and those that always hold."""

    asked: Mapping[str, dict[Level, Rule]]
    required: Mapping[str, dict[Level, Rule]]


def _rules(watch: Watch, row: ReadingFacts) -> _Rules:
    """None where the monitor cannot say them any more."""
    found: tuple[dict[str, dict[Level, Rule]], dict[str, dict[Level, Rule]]] = ({}, {})
    if watch.kind is None:
        return _Rules(*found)
    reading = Reading(measures=row.measures, looked_at=(), details=row.details)
    for level, given in watch.levels.items():
        if not given and level != Level.ALERT:
            continue
        try:
            thresholds = build(watch.kind.Thresholds, given, owner=watch.title)
        except ParameterError:
            continue  # of an earlier release; what breached is in the reading all the same
        monitor = watch.kind()
        always = monitor.required_rules(reading, thresholds) if level == Level.ALERT else ()
        for kept, rules in zip(found, (monitor.rules(reading, thresholds), always), strict=True):
            for rule in rules:
                if rule.limit is not None:
                    kept.setdefault(rule.measure, {})[level] = rule
    return _Rules(*found)


def feature_of(measure: Measure, details: Mapping[str, Any]) -> str:
    """The column that a measure is about, or nothing."""
    for column, value in measure.slice:
        if column == "feature":
            return value
    _, of, rest = measure.name.partition(" of ")
    columns = {str(column) for column in details.get("columns", ())}
    while of and rest not in columns:
        _, of, rest = rest.partition(" of ")
    return rest if of else ""


def has_small_multiples(found: Iterable[Series]) -> bool:
    """Whether the series of a monitor are about more than one feature."""
    return len({series.feature for series in found if series.feature}) > 1


def days_in_words(start: date, end: date) -> str:
    """From the first to the last day, as short as it can be told: 1 to 31 Oct 2026."""
    if start == end:
        return f"{end.day} {end:%b %Y}"
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day} to {end.day} {end:%b %Y}"
    year = "" if start.year == end.year else f" {start.year}"
    return f"{start.day} {start:%b}{year} to {end.day} {end:%b %Y}"


def by_feature(found: Iterable[Series]) -> tuple[Series, ...]:
    """For each feature the series in the most trouble, the worst feature first."""
    chosen: dict[str, Series] = {}
    for series in found:
        known = chosen.get(series.feature)
        if series.feature and (known is None or series.trouble > known.trouble):
            chosen[series.feature] = series
    return tuple(sorted(chosen.values(), key=lambda one: (*(-part for part in one.trouble), one.feature)))


def worst_over_features(found: Iterable[Series]) -> tuple[Series, ...]:
    """For each measure that features have, the worst value of each window; `word` names the feature."""
    groups: dict[str, list[Series]] = {}
    for series in found:
        groups.setdefault(series.measure.removesuffix(f" of {series.feature}"), []).append(series)
    return tuple(_worst(name, members) for name, members in groups.items())


def _worst(name: str, members: Sequence[Series]) -> Series:
    first = members[0]
    windows: dict[int, list[tuple[Point, str]]] = {}
    for series in members:
        for point in series.points:
            windows.setdefault(point.reading, []).append((point, series.feature))
    side = -1.0 if first.at_least else 1.0
    points = []
    for candidates in windows.values():
        point, feature = max(candidates, key=lambda one: _weight(one[0], side))
        points.append(replace(point, word=f"{feature}: {point.word}" if point.word else feature))
    limits = max((series.limits for series in members), key=len)
    ordered = tuple(sorted(points, key=lambda point: (point.end, point.start, point.reading)))
    return replace(first, measure=f"{name}, {WORST}", feature="", limits=limits, points=ordered)


def _weight(point: Point, side: float) -> tuple[float, float]:
    level = -1.0 if point.level is None else float(point.level)
    return (level, float("-inf") if point.value is None else side * point.value)
