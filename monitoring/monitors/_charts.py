"""Vega-Lite specifications of monitors: a distribution then and now, and one value over time. Draws nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from approvals.checks._charts import INK, REFERENCE, SCHEMA, TICKS, WIDTH
from approvals.checks._verdicts import limit_text, number
from approvals.checks.base import ChartSpecification
from approvals.measures.bins import ReferenceBins
from monitoring.monitors.base import Headline

THEN, NOW = "as approved", "this batch"
LONGEST_TIMELINE = 60


def shares(*, column: str, bins: ReferenceBins, now: Sequence[tuple[str, float]]) -> ChartSpecification:
    """Share of rows per bin or level, as approved and in the batch; `now` names every bin or level in order."""
    then = dict(zip(labels_of(bins), bins.shares, strict=True))
    rows = [
        {"place": place, "period": period, "share": share}
        for place, current in now
        for period, share in ((THEN, then.get(place, 0.0)), (NOW, current))
    ]
    widest = max(now, key=lambda item: abs(item[1] - then.get(item[0], 0.0)), default=("", 0.0))
    description = (
        f"Share of rows in {len(now)} groups of values of {column}. The largest change is in {widest[0]}: "
        f"{number(then.get(widest[0], 0.0))} as approved, {number(widest[1])} in this batch."
    )
    specification: dict[str, Any] = {
        "height": 220,
        "data": {"values": rows},
        "mark": "bar",
        "encoding": {
            "x": {"field": "place", "type": "nominal", "title": column, "sort": None, "axis": {"labelAngle": -40}},
            "xOffset": {"field": "period", "sort": [THEN, NOW]},
            "y": {"field": "share", "type": "quantitative", "title": "share of rows", "axis": TICKS},
            "color": {
                "field": "period",
                "title": None,
                "scale": {"domain": [THEN, NOW], "range": [REFERENCE, INK]},
            },
        },
    }
    return _chart(f"{column}: as approved and now", description, specification)


def labels_of(bins: ReferenceBins) -> tuple[str, ...]:
    """Names of the bins or levels, in their order."""
    if bins.kind == "category":
        return bins.levels
    if not bins.cuts:
        return ("all values",)
    places = [None, *bins.cuts, None]
    return tuple(_told_apart([_bin_name(low, high, places) for low, high in itertools.pairwise(places)]))


def _bin_name(low: float | None, high: float | None, places: Sequence[float | None]) -> str:
    """The values above low, up to and with high. The greatest double below a cut stands for what is below that cut."""
    above = None if high is None else math.nextafter(high, math.inf)
    if low is None:
        return f"below {above:.4g}" if above in places else f"up to {high:.4g}"
    if high is None:
        return f"over {low:.4g}"
    if math.nextafter(low, math.inf) == high:
        return f"{high:.4g}"
    return f"{low:.4g} to below {above:.4g}" if above in places else f"{low:.4g} to {high:.4g}"


def _told_apart(names: Sequence[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names, 1)]


def timeline(*, title: str, points: Sequence[tuple[str, Headline]]) -> ChartSpecification:
    """The deciding value of each reading in order, beside the limit that it was judged by."""
    shown = points[-LONGEST_TIMELINE:]
    values = [
        {"when": when, "order": order, "value": point.value, "limit": point.limit}
        for order, (when, point) in enumerate(shown)
    ]
    place = {"field": "when", "type": "nominal", "title": None, "sort": {"field": "order"}, "axis": {"labelAngle": -40}}
    said = "; ".join(f"{when}: {point.name} {number(point.value)}" for when, point in shown)
    last = shown[-1][1]
    side = "at least" if last.at_least else "at most"
    layers = [
        {
            "mark": {"type": "line", "strokeDash": [4, 4], "color": REFERENCE, "point": False},
            "encoding": {"x": place, "y": {"field": "limit", "type": "quantitative"}},
        },
        {
            "mark": {"type": "line", "color": INK, "point": {"filled": True, "size": 50, "color": INK}},
            "encoding": {"x": place, "y": {"field": "value", "type": "quantitative", "title": "value", "axis": TICKS}},
        },
    ]
    description = f"{said}. The dashed line is the limit, {side} {limit_text(last.limit)} now."
    return _chart(title, description, {"height": 160, "data": {"values": values}, "layer": layers})


def _chart(title: str, description: str, specification: dict[str, Any]) -> ChartSpecification:
    whole = {"$schema": SCHEMA, "description": description, "width": WIDTH, **specification}
    return ChartSpecification(title=title, description=description, specification=whole)
