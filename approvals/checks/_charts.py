"""Vega-Lite specifications with their data inside: dots with intervals, a reliability curve, bars. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approvals.checks.base import ChartSpecification
from approvals.measures.values import Measure

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
WIDTH = 420
ROW_HEIGHT = 24
INK, REFERENCE = "#1f5fa8", "#8a8a8a"
TICKS: dict[str, Any] = {"tickCount": 6, "labelOverlap": True}


def interval_dots(
    *, title: str, description: str, axis: str, rows: Sequence[tuple[str, Measure]], marks: Iterable[float] = ()
) -> ChartSpecification:
    """One dot with its interval per row, in the given order; `marks` are vertical lines to compare with."""
    values = [
        {"name": name, "value": measure.value, "low": measure.low, "high": measure.high, "n": measure.n}
        for name, measure in rows
        if measure.computable
    ]
    place = {"field": "name", "type": "nominal", "title": None, "sort": None}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": REFERENCE},
            "data": {"values": [{"mark": mark} for mark in marks]},
            "encoding": {"x": {"field": "mark", "type": "quantitative"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2, "color": INK},
            "encoding": {
                "y": place,
                "x": {"field": "low", "type": "quantitative", "title": axis, "scale": {"zero": False}, "axis": TICKS},
                "x2": {"field": "high"},
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": INK},
            "encoding": {"y": place, "x": {"field": "value", "type": "quantitative"}},
        },
    ]
    return _chart(title, description, {"height": {"step": ROW_HEIGHT}, "data": {"values": values}, "layer": layers})


def reliability_curve(
    *, title: str, description: str, bins: Sequence[Mapping[str, Any]], axis: str = "share of positives"
) -> ChartSpecification:
    """Share that came true over mean score per bin, with intervals, against the diagonal of perfect calibration."""
    unit = {"scale": {"domain": [0, 1]}, "type": "quantitative"}
    x = {"field": "mean_score", "title": "mean score", **unit}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "strokeDash": [4, 4], "color": REFERENCE},
            "data": {"values": [{"mean_score": 0, "share": 0}, {"mean_score": 1, "share": 1}]},
            "encoding": {"x": x, "y": {"field": "share", "title": axis, **unit}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2, "color": INK},
            "encoding": {"x": x, "y": {"field": "low", **unit}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": INK},
            "encoding": {"x": x, "y": {"field": "share", **unit}},
        },
    ]
    return _chart(title, description, {"height": 300, "data": {"values": [dict(row) for row in bins]}, "layer": layers})


def curve(
    *,
    title: str,
    description: str,
    axes: tuple[str, str],
    points: Sequence[tuple[float, float]],
    level: float | None = None,
    diagonal: bool = False,
) -> ChartSpecification:
    """A line through points, beside a level or the diagonal from 0 to 1 to compare with; `axes` are x and y."""
    x, y = (
        {"field": field, "type": "quantitative", "title": axis, "scale": {"zero": False}, "axis": TICKS}
        for field, axis in zip(("x", "y"), axes, strict=True)
    )
    first, last = (points[0][0], points[-1][0]) if points else (0.0, 1.0)
    beside: list[dict[str, float]] = [] if level is None else [{"x": first, "y": level}, {"x": last, "y": level}]
    if diagonal:
        beside = [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 1.0}]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "strokeDash": [4, 4], "color": REFERENCE},
            "data": {"values": beside},
            "encoding": {"x": x, "y": y},
        },
        {"mark": {"type": "line", "color": INK}, "encoding": {"x": x, "y": y}},
        {
            "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1, "color": INK},
            "encoding": {"x": x, "y": y},
        },
    ]
    values = [{"x": place, "y": value} for place, value in points]
    return _chart(title, description, {"height": 220, "data": {"values": values}, "layer": layers})


def bars(*, title: str, description: str, axis: str, rows: Sequence[tuple[str, float]]) -> ChartSpecification:
    """One bar per row, in the given order."""
    specification = {
        "height": {"step": ROW_HEIGHT},
        "data": {"values": [{"name": name, "value": value} for name, value in rows]},
        "mark": {"type": "bar", "color": INK},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "title": None, "sort": None},
            "x": {"field": "value", "type": "quantitative", "title": axis, "axis": TICKS},
        },
    }
    return _chart(title, description, specification)


def _chart(title: str, description: str, specification: dict[str, Any]) -> ChartSpecification:
    whole = {"$schema": SCHEMA, "description": description, "width": WIDTH, **specification}
    return ChartSpecification(title=title, description=description, specification=whole)
