"""Slices found by search, as the check of slices shows them: measures, a table, a chart. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._charts import bars
from approvals.checks._differences import NAMES
from approvals.checks._rules import Rule, number
from approvals.checks._turning import smallest_change, things
from approvals.checks.base import ChartSpecification, NumberTable
from approvals.measures.intervals import Interval
from approvals.measures.outcomes import Booleans
from approvals.measures.rows import exact_mean
from approvals.measures.scores import Floats
from approvals.measures.slices import DataSlice, ErrorSlice, ErrorSlices, Slices
from approvals.measures.values import Measure, not_computable

LOWEST = "accuracy of the worst slice"
GAP = "accuracy of all rows minus that of the worst slice"
HIGHEST = "mean absolute error of the worst slice"
ERROR_GAP = "mean absolute error of the worst slice minus that of all rows"
ERROR_RATIO = "mean absolute error of the worst slice, as a multiple of that of all rows"
WORSE = "slices that are worse than the rest"
SHOWN, LONGEST_CHART = 40, 15


@dataclass(frozen=True)
class Searched:
    """What the search found; `lowest` are [k, n] of the slices of lowest accuracy, to say what would turn a verdict."""

    measures: tuple[Measure, ...]
    worse: tuple[str, ...]
    tables: tuple[NumberTable, ...]
    charts: tuple[ChartSpecification, ...]
    tested: int
    small: int
    lowest: tuple[tuple[int, int], ...] = ()


def searched_accuracies(slices: Slices, correct: Booleans, *, significance: float, min_rows: int) -> Searched:
    """The slices of right and wrong predictions."""
    worse = tuple(item.label for item in slices.slices if item.p <= significance)
    if not slices.slices:
        return _nothing((LOWEST, GAP, WORSE), slices.small, min_rows)
    worst = slices.slices[0]
    right, rows = int(correct.sum()), int(correct.size)
    overall, ends = right / rows, tuple(zip(NAMES, (worst.k, worst.n, right, rows), strict=True))
    measures = (
        _extreme(LOWEST, worst.accuracy, worst, slices.tested, (("k", worst.k), ("n", worst.n))),
        Measure(GAP, overall - worst.accuracy, worst.n, method=worst.label, counts=ends),
        Measure(WORSE, len(worse), slices.tested, method=f"one-sided Fisher, Holm over {slices.tested:,} slices"),
    )
    lines = tuple(
        (item.label, item.n, number(item.accuracy), _ends(item.interval), rest, p)
        for item in slices.slices[:SHOWN]
        for rest, p in [(number(item.rest_k / item.rest_n), number(item.p)) if item.rest_n else ("", "")]
    )
    note = f"p asks whether the slice is below the rest, adjusted by Holm for {slices.tested:,} slices."
    columns = ("Slice", "Rows", "Accuracy", "Interval", "Accuracy of the rest", "p, adjusted")
    bar = [(f"{item.label} (n {item.n:,})", item.accuracy) for item in slices.slices[:LONGEST_CHART]]
    return Searched(
        measures,
        worse[:SHOWN],
        (NumberTable("Slices, worst first", columns, lines, note=note),),
        (_chart("Slices of lowest accuracy", "Accuracy, lowest first", "accuracy", bar),),
        slices.tested,
        slices.small,
        tuple((item.k, item.n) for item in slices.slices[:SHOWN]),
    )


def searched_errors(slices: ErrorSlices, errors: Floats, *, significance: float, min_rows: int) -> Searched:
    """The slices of sizes of errors."""
    worse = tuple(item.label for item in slices.slices if item.p <= significance)
    if not slices.slices:
        return _nothing((HIGHEST, ERROR_GAP, ERROR_RATIO, WORSE), slices.small, min_rows)
    worst, overall = slices.slices[0], exact_mean(errors)
    where = f"{worst.label}; largest of {slices.tested:,}"
    ratio = (
        Measure(ERROR_RATIO, worst.mean / overall, worst.n, method=where)
        if overall
        else not_computable(
            ERROR_RATIO, "Not computable: the mean absolute error of all rows is the same, 0.", n=worst.n
        )
    )
    measures = (
        _extreme(HIGHEST, worst.mean, worst, slices.tested, ()),
        Measure(ERROR_GAP, worst.mean - overall, worst.n, method=worst.label),
        ratio,
        Measure(WORSE, len(worse), slices.tested, method=f"one-sided Welch and z, Holm over {slices.tested:,} slices"),
    )
    rows = tuple(
        (item.label, item.n, number(item.mean), _ends(item.interval), rest, p)
        for item in slices.slices[:SHOWN]
        for rest, p in [(number(item.rest_mean), number(item.p)) if item.rest_mean is not None else ("", "")]
    )
    note = f"p asks whether the slice is above the rest, adjusted by Holm for {slices.tested:,} slices."
    columns = ("Slice", "Rows", "Mean absolute error", "Interval", "Error of the rest", "p, adjusted")
    bar = [(f"{item.label} (n {item.n:,})", item.mean) for item in slices.slices[:LONGEST_CHART]]
    return Searched(
        measures,
        worse[:SHOWN],
        (NumberTable("Slices, worst first", columns, rows, note=note),),
        (_chart("Slices of largest error", "Mean absolute error, largest first", "unit of the label", bar),),
        slices.tested,
        slices.small,
    )


def turning_of_worst(measure: Measure, limit: float | None, others: Sequence[Sequence[int]]) -> str:
    """What would turn the threshold on the worst slice; another slice below it would need changes of its own."""
    if limit is None:
        return ""
    rule = Rule(measure.name, limit, at_least=True)
    change = smallest_change(rule, measure)
    if change is None:
        return ""
    size, which = abs(change), "wrong" if change < 0 else "right"
    more = f"{size:,} more {things(size, f'{which} predictions')}"
    if change < 0:
        return f"{more} among the {measure.n:,} rows of that slice would fail it"
    below = sum(k / n < limit for k, n in others)
    if below <= 1:
        return f"{more} among the {measure.n:,} rows of that slice would meet it"
    least = "at least " if below >= SHOWN else ""
    return (
        f"{more} in that slice would bring it to the threshold, and so would have to come "
        f"all {least}{below:,} slices that are below it"
    )


def _nothing(names: Sequence[str], small: int, min_rows: int) -> Searched:
    reason = f"Not computable: no slice has {min_rows:,} rows."
    return Searched(tuple(not_computable(name, reason) for name in names), (), (), (), 0, small)


def _extreme(name: str, value: float, worst: DataSlice | ErrorSlice, tested: int, counts: Any) -> Measure:
    interval = worst.interval
    return Measure(
        name,
        value,
        worst.n,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=interval.level if interval else None,
        method=f"{worst.label}; {'lowest' if name == LOWEST else 'largest'} of {tested:,}",
        counts=counts,
    )


def _ends(interval: Interval | None) -> str:
    return f"{number(interval.low)} to {number(interval.high)}" if interval else ""


def _chart(title: str, words: str, axis: str, rows: list[tuple[str, float]]) -> ChartSpecification:
    said = "; ".join(f"{name} {number(value)}" for name, value in rows)
    return bars(title=title, description=f"{words}: {said}.", axis=axis, rows=rows)
