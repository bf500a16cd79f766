"""Pictures of what went wrong: errors of numbers by size and along the prediction, mistaken classes. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from approvals.checks._charts import INK, REFERENCE, SCHEMA, WIDTH
from approvals.checks._verdicts import number
from approvals.checks.base import ChartSpecification
from approvals.measures.scores import Floats

BARS, PARTS = 20, 10
LARGEST_MATRIX = 12
_NUMBER = {"type": "quantitative"}


@dataclass(frozen=True)
class ErrorBar:
    """Errors from `low` to below `high` (the last bar includes it), and how many rows have one."""

    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class ErrorPart:
    """Rows of similar prediction: their mean prediction, and median and quartiles of their errors."""

    prediction: float
    lower: float
    median: float
    upper: float
    rows: int


def error_bars(labels: Floats, predictions: Floats, *, bars: int = BARS) -> tuple[ErrorBar, ...]:
    """How often each size of error (prediction minus label) occurs, in bars of equal width; none without rows."""
    errors = _errors(labels, predictions)[1]
    if not errors.size:
        return ()
    low, high = float(errors.min()), float(errors.max())
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.linspace(low, high, bars + 1)
    if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):  # all alike, or too far apart to divide
        return (ErrorBar(low, high, int(errors.size)),)
    counts, edges = np.histogram(errors, bins=edges)
    return tuple(
        ErrorBar(float(low), float(high), int(rows))
        for low, high, rows in zip(edges[:-1], edges[1:], counts, strict=True)
    )


def error_parts(labels: Floats, predictions: Floats, *, parts: int = PARTS) -> tuple[ErrorPart, ...]:
    """Errors (prediction minus label) along the prediction, in parts of about equally many rows."""
    predicted, errors = _errors(labels, predictions)
    order = np.argsort(predicted, kind="stable")
    found = []
    for part in np.array_split(order, min(parts, order.size)) if order.size else ():
        lower, median, upper = np.quantile(errors[part], [0.25, 0.5, 0.75])
        found.append(ErrorPart(float(predicted[part].mean()), float(lower), float(median), float(upper), part.size))
    return tuple(found)


def _errors(labels: Floats, predictions: Floats) -> tuple[Floats, Floats]:
    with np.errstate(over="ignore", invalid="ignore"):
        errors = predictions - labels
    known = np.isfinite(errors)
    return predictions[known], errors[known]


def error_charts(labels: Floats, predictions: Floats) -> tuple[ChartSpecification, ...]:
    """The distribution of errors, and errors along the prediction; nothing where there is nothing to draw."""
    bars, parts = error_bars(labels, predictions), error_parts(labels, predictions)
    return (_distribution(bars), _along(parts)) if len(bars) > 1 else ()


def _distribution(bars: Sequence[ErrorBar]) -> ChartSpecification:
    said = "; ".join(f"{number(bar.low)} to {number(bar.high)}: {bar.rows:,}" for bar in bars if bar.rows)
    description = f"Rows by their error, prediction minus label: {said}. The dashed line is no error."
    x = {"field": "low", "title": "prediction minus label", "axis": {"tickCount": 8}, **_NUMBER}
    layers = [
        {
            "data": {"values": [{"low": bar.low, "high": bar.high, "rows": bar.rows} for bar in bars]},
            "mark": {"type": "bar", "color": INK, "binSpacing": 1},
            "encoding": {
                "x": {**x, "bin": {"binned": True}},
                "x2": {"field": "high"},
                "y": {"field": "rows", "title": "rows", "axis": {"tickCount": 5}, **_NUMBER},
            },
        },
        {
            "data": {"values": [{"low": 0}]},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": REFERENCE, "strokeWidth": 2},
            "encoding": {"x": {"field": "low", **_NUMBER}},
        },
    ]
    return _picture("Distribution of errors", description, {"height": 180, "layer": layers})


def _along(parts: Sequence[ErrorPart]) -> ChartSpecification:
    said = "; ".join(f"at {number(part.prediction)} {number(part.median)}" for part in parts)
    rows = max(part.rows for part in parts)
    description = (
        f"Median error of {len(parts)} parts of at most {rows:,} rows each, by mean prediction: {said}. Lines go from "
        "the lower to the upper quartile; the dashed line is no error."
    )
    values = [{"prediction": p.prediction, "lower": p.lower, "median": p.median, "upper": p.upper} for p in parts]
    x = {"field": "prediction", "title": "prediction", "scale": {"zero": False}, "axis": {"tickCount": 6}, **_NUMBER}
    title = {"title": "prediction minus label"}
    layers = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": REFERENCE},
            "encoding": {"y": {"field": "zero", **title, **_NUMBER}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2, "color": INK},
            "encoding": {"x": x, "y": {"field": "lower", **title, **_NUMBER}, "y2": {"field": "upper"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": INK},
            "encoding": {"x": x, "y": {"field": "median", **title, **_NUMBER}},
        },
    ]
    return _picture(
        "Errors along the prediction", description, {"height": 180, "data": {"values": values}, "layer": layers}
    )


def confusion_chart(classes: Sequence[str], cells: Sequence[Sequence[int]]) -> tuple[ChartSpecification, ...]:
    """Labels by predictions, each row of the picture as shares of its label; nothing for very many classes."""
    if not 1 < len(classes) <= LARGEST_MATRIX:
        return ()
    values, mistakes = [], []
    for label, counts in zip(classes, cells, strict=True):
        rows = sum(counts)
        for called, count in zip(classes, counts, strict=True):
            share = count / rows if rows else 0.0
            values.append({"label": label, "called": called, "share": share, "rows": count or "", "dark": share > 0.5})
            if label != called and count:
                mistakes.append((-count, f"{label} as {called} {count:,}"))
    said = "; ".join(text for _, text in sorted(mistakes)[:10]) or "no mistake"
    description = (
        f"Rows by label (down) and prediction (across); darker is a larger share of the label. Mistakes: {said}."
    )
    place = {
        "y": {"field": "label", "type": "nominal", "sort": None, "title": "label"},
        "x": {"field": "called", "type": "nominal", "sort": None, "title": "predicted", "axis": {"labelAngle": 0}},
    }
    shade = {"field": "share", "scale": {"domain": [0, 1], "range": ["#ffffff", "#123f73"]}, "legend": None, **_NUMBER}
    paint = {"condition": {"test": "datum.dark", "value": "#ffffff"}, "value": "#1b2733"}
    specification = {
        "height": {"step": 24},
        "data": {"values": values},
        "encoding": place,
        "layer": [
            {"mark": {"type": "rect", "stroke": "#c5ccd3"}, "encoding": {"color": shade}},
            {"mark": {"type": "text", "fontSize": 11}, "encoding": {"text": {"field": "rows"}, "color": paint}},
        ],
    }
    return (_picture("Labels and predictions", description, specification, width={"step": 34}),)


def _picture(
    title: str, description: str, specification: dict[str, object], *, width: object = WIDTH
) -> ChartSpecification:
    whole = {"$schema": SCHEMA, "description": description, "width": width, **specification}
    return ChartSpecification(title=title, description=description, specification=whole)
