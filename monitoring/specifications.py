"""Vega-Lite specifications of the monitoring page: a measure over windows, the same small, then and now. Draws nothing.

Colours are few and named so that the style sheet can swap them in the dark; levels also differ by shape, limits by
dashes, so that nothing is lost on black and white paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from approvals.charts import INK, MUTED
from approvals.checks._charts import SCHEMA
from approvals.checks._verdicts import limit_text, number
from approvals.checks.base import ChartSpecification
from monitoring.alarms import Level
from monitoring.series import Limit, Point, Series
from monitoring.timelines import Mark

LINE, WARN, ALERT, CRITICAL = "#1f5fa8", "#8f5a00", "#b8320e", "#8c1139"
SHAPES = {
    Level.CALM: ("circle", LINE, 45),
    Level.WARN: ("triangle-up", WARN, 80),
    Level.ALERT: ("square", ALERT, 85),
    Level.CRITICAL: ("cross", CRITICAL, 130),
}
UNTOLD = ("circle", MUTED, 60)
DASHES = {Level.WARN: [2, 3], Level.ALERT: [6, 3], Level.CRITICAL: [1, 0]}
TONES = {Level.WARN: WARN, Level.ALERT: ALERT, Level.CRITICAL: CRITICAL}
MOST_BINS = 40
MONTHS_BETWEEN_TICKS = (1, 2, 3, 6, 12, 24, 60, 120)
DAY = 86_400_000
Record = dict[str, Any]


def timeline(series: Series, marks: Sequence[Mark]) -> ChartSpecification:
    """The measure in each window, with intervals, limits, gaps and marks."""
    return _over_time(series, marks, title=f"{series.monitor_title}: {series.measure}", width=480, height=170)


def small_multiple(series: Series, marks: Sequence[Mark]) -> ChartSpecification:
    """The same at the size of a stamp: no letters, few ticks."""
    return _over_time(series, marks, title=f"{series.feature}: {series.measure}", width=230, height=84)


def _over_time(series: Series, marks: Sequence[Mark], *, title: str, width: int, height: int) -> ChartSpecification:
    small = width < 300
    days = _days(series, marks)
    low, high = _domain(series)
    x = {
        "field": "day",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc", "domain": list(days)},
        "axis": {**_ticks(days, most=3 if small else 7), "labelOverlap": True, "grid": False},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [low, high], "zero": False, "nice": False},
        "axis": {
            "tickCount": 3 if small else 5,
            "labelOverlap": True,
            **({"tickMinStep": 1} if _counts(series) else {}),
        },
    }
    limits = [
        limit
        for limit in series.limits
        if (low < limit.value <= high if series.at_least else low <= limit.value < high)
    ]
    layers = [
        *_bands(limits, low if series.at_least else high, y),
        *_gaps(series, x, height, small=small),
        *_limits(limits, x, y, days, below=series.at_least, small=small),
        *_marks(marks, x, small=small),
        *_values(series, x, y),
        *_without_number(series, x, height),
    ]
    specification = {
        "width": width,
        "height": height,
        "padding": {"left": 4, "right": 4, "top": 2, "bottom": 2},
        "layer": layers,
    }
    return _chart(title, in_words(series, marks), specification)


def in_words(series: Series, marks: Sequence[Mark] = ()) -> str:
    """What the chart shows, for whoever does not see it; the table has each number."""
    known = [point for point in series.points if point.value is not None]
    if not known:
        return f"No window has a number yet; {len(series.points)} were read."
    side = "at least" if series.at_least else "at most"
    limits = ", ".join(f"{limit.level.in_words} {limit_text(limit.value)}" for limit in series.limits)
    beyond = [point for point in known if point.level]
    last = known[-1]
    parts = [
        f"{_windows(len(known))} from {known[0].start:%d %b %Y} to {last.end:%d %b %Y}.",
        f"The newest value is {number(last.value)}.",
        f"Limits, {side}: {limits}." if limits else "There is no limit on it.",
        f"Beyond a limit in {_windows(len(beyond))}{_when(beyond)}.",
    ]
    without = len(series.points) - len(known)
    parts += [f"{_windows(without)} without a number."] if without else []
    parts += [f"No batch covers {start:%d %b %Y} to {end:%d %b %Y}." for start, end in series.gaps()]
    parts += [f"{mark.words[:1].upper()}{mark.words[1:]} on {mark.day:%d %b %Y}." for mark in marks]
    return " ".join(parts)


def _windows(count: int) -> str:
    return f"{count} window{'' if count == 1 else 's'}"


def _when(beyond: Sequence[Point]) -> str:
    return f", first {beyond[0].start:%d %b %Y}, last {beyond[-1].end:%d %b %Y}" if beyond else ""


def _moment(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp() * 1000)


def _days(series: Series, marks: Sequence[Mark]) -> tuple[int, int]:
    """First and last moment of the axis; a mark long before the first window does not squeeze the rest."""
    starts, ends = [p.start for p in series.points], [p.end for p in series.points]
    first, last = min(starts, default=date(2000, 1, 1)), max(ends, default=date(2000, 1, 31))
    room = max((last - first).days // 4, 31)
    near = [m.day for m in marks if first - timedelta(days=room) <= m.day <= last + timedelta(days=2 * room)]
    return _moment(min([first, *near])) - DAY, _moment(max([last, *near])) + 2 * DAY


def _ticks(days: tuple[int, int], *, most: int) -> Record:
    """No two ticks say the same: one for so many months, or days where the axis is short."""
    months = (days[1] - days[0]) / DAY / 30.4
    if months < 2:
        return {"tickCount": most, "format": "%d %b"}
    step = next((step for step in MONTHS_BETWEEN_TICKS if months / step <= most), MONTHS_BETWEEN_TICKS[-1])
    return {"tickCount": {"interval": "month", "step": step}, "format": "%b %Y"}


def _domain(series: Series) -> tuple[float, float]:
    """The values and intervals with room, and the limits: a harder one than the first only where values come near it.

    Measures that cannot be negative begin at zero, unless little would be left to see. What was not judged, like a
    number of very few rows, does not squeeze the rest: it is drawn at the edge.
    """
    judged = [p for p in series.points if p.level is not None and (p.value is not None or p.low is not None)]
    seen = [float(v) for p in judged or series.points for v in (p.value, p.low, p.high) if v is not None]
    for limit in series.limits:
        nears = seen and (min(seen) < limit.value * 1.5 if series.at_least else max(seen) > limit.value / 2)
        if limit.level <= Level.ALERT or nears:
            seen.append(float(limit.value))
    if not seen:
        return 0.0, 1.0
    low, high = min(seen), max(seen)
    if _counts(series):
        high = max(high, low + 1)
    room = (high - low or abs(high) or 1.0) * 0.12
    if low >= 0 and (not series.at_least or low < 0.3 * high):
        return 0.0, high + room
    return low - room, high + room


def _counts(series: Series) -> bool:
    """Whether all numbers are counts, of which there are no parts."""
    return bool(known := [p.value for p in series.points if p.value is not None]) and all(
        isinstance(value, int) for value in known
    )


def _bands(limits: Sequence[Limit], edge: float, y: Record) -> list[Record]:
    """Beyond each limit up to the next harder one, in that level's colour; the harder, the stronger."""
    ends = [limit.value for limit in limits[1:]] + [edge] * bool(limits)
    return [
        {
            "data": {"values": [{"value": limit.value, "to": end}]},
            "mark": {"type": "rect", "color": TONES[limit.level], "opacity": 0.05 + 0.04 * limit.level},
            "encoding": {"y": y, "y2": {"field": "to"}},
        }
        for limit, end in zip(limits, ends, strict=True)
    ]


def _limits(
    limits: Sequence[Limit], x: Record, y: Record, days: tuple[int, int], *, below: bool, small: bool
) -> list[Record]:
    """A line for each limit, and its words on the harmless side of it."""
    found: list[Record] = []
    low, high = y["scale"]["domain"]
    near = (high - low) / 14  # as high as the words
    for limit in limits:
        values = [{"value": limit.value, "day": days[0], "text": _limit_words(limit)}]
        dash = {"strokeDash": DASHES[limit.level], "strokeWidth": 1}
        line = {"type": "rule", "color": TONES[limit.level], **dash}
        found.append({"data": {"values": values}, "mark": line, "encoding": {"y": y}})
        if not small and not any(0 < abs(other.value - limit.value) < near for other in _harder(limits, limit)):
            words = {"type": "text", "align": "left", "dx": 4, "dy": 8 if below else -5, "fontSize": 10, "color": INK}
            place = {"x": x, "y": y, "text": {"field": "text"}}
            found.append({"data": {"values": values}, "mark": words, "encoding": place})
    return found


def _harder(limits: Sequence[Limit], limit: Limit) -> list[Limit]:
    return [other for other in limits if other.level > limit.level]


def _limit_words(limit: Limit) -> str:
    return f"{limit.level.in_words} {limit_text(limit.value)}"


def _gaps(series: Series, x: Record, height: int, *, small: bool) -> list[Record]:
    values = [
        {"day": _moment(start), "to": _moment(end) + DAY, "middle": (_moment(start) + _moment(end)) // 2}
        for start, end in series.gaps()
    ]
    if not values:
        return []
    band = {"type": "rect", "color": MUTED, "opacity": 0.16, "y": 0, "y2": height}
    found: list[Record] = [
        {"data": {"values": values}, "mark": band, "encoding": {"x": x, "x2": {"field": "to"}}},
    ]
    if not small:
        words = {"type": "text", "text": "no batch", "angle": 270, "fontSize": 10, "color": INK, "y": height // 2}
        found.append({"data": {"values": values}, "mark": words, "encoding": {"x": {**x, "field": "middle"}}})
    return found


def _marks(marks: Sequence[Mark], x: Record, *, small: bool) -> list[Record]:
    domain = x["scale"]["domain"]
    days: dict[int, list[str]] = {}
    for mark in marks:
        moment = _moment(mark.day)
        if domain[0] <= moment <= domain[1]:
            days.setdefault(moment, []).append(mark.letter)
    values = [{"day": day, "text": " ".join(dict.fromkeys(letters))} for day, letters in days.items()]
    if not values:
        return []
    line = {"type": "rule", "color": INK, "strokeDash": [1, 2], "strokeWidth": 1}
    found: list[Record] = [{"data": {"values": values}, "mark": line, "encoding": {"x": x}}]
    if not small:
        letter = {"type": "text", "y": -7, "fontSize": 11, "fontWeight": "bold", "color": INK}
        found.append({"data": {"values": values}, "mark": letter, "encoding": {"x": x, "text": {"field": "text"}}})
    return found


def _values(series: Series, x: Record, y: Record) -> list[Record]:
    rows, segment, gaps = [], 0, series.gaps()
    before: Point | None = None
    for point in series.points:
        if point.value is None or (before is not None and any(before.end < start <= point.start for start, _ in gaps)):
            segment += 1
        if point.value is not None:
            rows.append({"day": _moment(point.middle), "value": _within(point.value, y), "segment": segment})
        before = point
    found: list[Record] = [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "color": LINE, "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y, "detail": {"field": "segment", "type": "nominal"}},
        }
    ]
    spans = [
        {"day": _moment(point.middle), "value": _within(point.low, y), "to": _within(point.high, y)}
        for point in series.points
        if point.low is not None and point.high is not None
    ]
    if spans:
        bar = {"type": "rule", "color": LINE, "strokeWidth": 1.5, "opacity": 0.7}
        found.append({"data": {"values": spans}, "mark": bar, "encoding": {"x": x, "y": y, "y2": {"field": "to"}}})
    return [*found, *_points(series, x, y)]


def _within(value: float, y: Record) -> float:
    """The value, or the edge of the axis that it lies beyond."""
    low, high = y["scale"]["domain"]
    return float(min(max(value, low), high))


def _points(series: Series, x: Record, y: Record) -> list[Record]:
    found = []
    for level in (*SHAPES, None):
        shape, colour, size = SHAPES[level] if level is not None else UNTOLD
        rows = [
            {"day": _moment(point.middle), "value": _within(point.value, y)}
            for point in series.points
            if point.level == level and point.value is not None
        ]
        if rows:
            mark = {
                "type": "point",
                "shape": shape,
                "color": colour,
                "size": size,
                "filled": level is not None,
                "opacity": 1,
            }
            found.append({"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y}})
    return found


def _without_number(series: Series, x: Record, height: int) -> list[Record]:
    """A question mark at the foot of each window that was read and has no number."""
    rows = [{"day": _moment(p.middle)} for p in series.points if p.value is None and p.low is None]
    if not rows:
        return []
    mark = {"type": "text", "text": "?", "fontSize": 13, "fontWeight": "bold", "color": MUTED, "y": height - 8}
    return [{"data": {"values": rows}, "mark": mark, "encoding": {"x": x}}]


def then_and_now(column: str, rows: Sequence[tuple[str, float, float]], *, window: str) -> ChartSpecification:
    """Share of rows in each bin or level, as approved and in one window: an outline, and a bar in it."""
    shown = rows[:MOST_BINS]
    values = [
        {"place": name, "then": then, "now": now, "order": order} for order, (name, then, now) in enumerate(shown)
    ]
    widest = max(shown, key=lambda row: abs(row[2] - row[1]))
    description = (
        f"Share of rows in {len(rows)} groups of values of {column}, as approved and in {window}. The largest change "
        f"is in {widest[0]}: {number(widest[1])} as approved, {number(widest[2])} now."
    )
    y = {"field": "place", "type": "nominal", "title": None, "sort": {"field": "order"}, "axis": {"labelLimit": 150}}
    axis = {"tickCount": 5, "labelOverlap": True, "format": "%"}
    layers: list[Record] = [
        {
            "mark": {"type": "bar", "color": LINE, "height": {"band": 0.5}},
            "encoding": {"y": y, "x": {"field": "now", "type": "quantitative", "title": "share of rows", "axis": axis}},
        },
        {
            "mark": {
                "type": "bar",
                "filled": False,
                "color": INK,
                "fillOpacity": 0,
                "stroke": INK,
                "strokeWidth": 1.5,
                "strokeDash": [4, 2],
                "height": {"band": 0.86},
            },
            "encoding": {"y": y, "x": {"field": "then", "type": "quantitative"}},
        },
    ]
    specification: Record = {"width": 330, "height": {"step": 26}, "data": {"values": values}, "layer": layers}
    return _chart(f"{column}: as approved and in {window}", description, specification)


def _chart(title: str, description: str, specification: Record) -> ChartSpecification:
    whole = {"$schema": SCHEMA, "description": description, **specification}
    return ChartSpecification(title=title, description=description, specification=whole)
