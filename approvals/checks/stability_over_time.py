"""Was the model as good in each part of the evaluation period? Rows are put in order of time and cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from approvals.checks._charts import interval_dots
from approvals.checks._evaluation import (
    BINARY,
    LEFT_OUT,
    MULTICLASS,
    Declaration,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
)
from approvals.checks._verdicts import at_least, at_most, interval_text, judge_by, number, reason_of
from approvals.checks.base import Check, CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.intervals import delong, wilson
from approvals.measures.outcomes import Booleans, Outcomes, outcomes, right_classes
from approvals.measures.performance import with_interval
from approvals.measures.scores import ScoreCounts, roc_auc
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

ACCURACY, AUC = "accuracy", "ROC AUC"
LOWEST = "lowest {} of a window"
RANGE = "highest minus lowest {} of a window"


@dataclass(frozen=True)
class Parameters:
    """The column that says when a row is from (ISO dates or times, or numbers), and into how many windows it is cut."""

    time: str = ""
    windows: int = 4
    level: float = 0.95


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows without time, label, prediction or declared score fail above the share."""

    min_window_accuracy: float | None = None
    max_accuracy_range: float | None = None
    min_window_roc_auc: float | None = None
    max_roc_auc_range: float | None = None
    max_left_out_share: float = 0.0


class StabilityOverTime(Check):
    """Accuracy and ROC AUC of windows of time with about equally many rows."""

    title = "Stability over time"
    version = "1"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("evaluation_table"), job.parameters
        declared = declaration_of(piece, kinds=(BINARY, MULTICLASS))
        if not asked.time or asked.windows < 2:
            raise CheckInputError("The policy must name the time column and ask for at least two windows.")
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            correct, present, found = _right(table, declared)
            moments, dated = _moments(table, asked.time)
        known = present & dated
        order = np.flatnonzero(known)[np.argsort(moments[known], kind="stable")]
        edges = _edges(moments[order], asked.windows)
        windows = [order[start:stop] for start, stop in zip([0, *edges], [*edges, order.size], strict=True)]
        spans = [f"{moments[rows[0]]} to {moments[rows[-1]]}" for rows in windows if rows.size]
        accuracies = [_accuracy(correct, rows, asked.level) for rows in windows if rows.size]
        areas = [_area(found, rows, asked.level) for rows in windows if rows.size]
        rows = tuple(_row(*line) for line in zip(spans, windows, accuracies, areas, strict=False))
        return Reading(
            measures=(
                *_extremes(ACCURACY, accuracies),
                *_extremes(AUC, areas),
                left_out_share(used=int(known.sum()), rows=int(known.size)),
            ),
            looked_at=(f"{int(known.sum()):,} rows in {len(spans)} windows by “{asked.time}”, from {spans[0]} on.",)
            if spans
            else (),
            not_looked_at=("Time before and after the evaluation table.",),
            tables=(NumberTable("Windows of time", ("Window", "Rows", ACCURACY, "Interval", AUC, "Interval"), rows),),
            charts=(
                interval_dots(
                    title="Accuracy by window of time",
                    description="Accuracy with its interval: "
                    + "; ".join(f"{span} {number(m.value)}" for span, m in zip(spans, accuracies, strict=True))
                    + ".",
                    axis="accuracy",
                    rows=list(zip(spans, accuracies, strict=True)),
                ),
            )
            if spans
            else (),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            at_least(LOWEST.format(ACCURACY), thresholds.min_window_accuracy),
            at_most(RANGE.format(ACCURACY), thresholds.max_accuracy_range),
            at_least(LOWEST.format(AUC), thresholds.min_window_roc_auc),
            at_most(RANGE.format(AUC), thresholds.max_roc_auc_range),
        ]
        return judge_by(reading, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))


def _right(table: Table, declared: Declaration) -> tuple[Booleans, Booleans, Outcomes | None]:
    """Whether each prediction is right, which rows have all that is needed, and the two classes with their score."""
    if declared.kind == MULTICLASS:
        return *right_classes(table, label=declared.label, prediction=declared.prediction), None
    found = outcomes(table, label=declared.label, prediction=declared.prediction, score=declared.score or None)
    return found.correct, found.known, found


def _moments(table: Table, column: str) -> tuple[Any, Any]:
    """A value per row that sorts by time, and which rows have one. Texts must be ISO 8601."""
    table.require(column)
    if table.column(column).kind == "number":
        numbers = table.numbers(column)
        return numbers, np.isfinite(numbers)
    texts = [text.strip() if text else "" for text in table.texts(column)]
    present = np.array([bool(text) for text in texts])
    try:
        parsed = np.array([text or "NaT" for text in texts], dtype="datetime64[s]")
    except ValueError as error:
        raise CheckInputError(f"The column “{column}” holds what is no ISO date or time: {error}.") from error
    return parsed, present


def _edges(moments: Any, windows: int) -> list[int]:
    """Where windows of about equal size begin; rows of the same moment stay together."""
    wanted = [round(moments.size * part / windows) for part in range(1, windows)]
    return [int(np.searchsorted(moments, moments[place], side="left")) for place in wanted if place < moments.size]


def _accuracy(correct: Booleans, rows: Any, level: float) -> Measure:
    k, n = int(correct[rows].sum()), int(rows.size)
    return with_interval(ACCURACY, k / n, n, wilson(k, n, level), counts=(("k", k), ("n", n)))


def _area(found: Outcomes | None, rows: Any, level: float) -> Measure:
    if found is None:
        return not_computable(AUC, "Not computable: no multiclass table has it.", n=int(rows.size))
    if found.score is None:
        return not_computable(AUC, "Not computable: no score column was declared.", n=int(rows.size))
    counts = ScoreCounts.from_arrays(found.actual[rows], found.score[rows])
    value, tested = roc_auc(counts), delong(counts, level)
    if value is None:
        return not_computable(AUC, "Not computable: a window has labels of one class only.", n=int(rows.size))
    return with_interval(AUC, value, counts.n, tested.interval if tested else None)


def _extremes(name: str, measures: Sequence[Measure]) -> tuple[Measure, Measure]:
    low, gap = LOWEST.format(name), RANGE.format(name)
    undefined = next((m.reason for m in measures if not m.computable), "")
    if undefined or len(measures) < 2:
        reason = undefined or "Not computable: the rows fill fewer than two windows."
        return not_computable(low, reason), not_computable(gap, reason)
    lowest = min(measures, key=lambda m: float(m.value or 0))
    highest = max(float(m.value or 0) for m in measures)
    n = sum(m.n or 0 for m in measures)
    return (
        Measure(
            low, lowest.value, lowest.n, low=lowest.low, high=lowest.high, level=lowest.level, method=lowest.method
        ),
        Measure(gap, highest - float(lowest.value or 0), n, method=f"of {len(measures)} windows"),
    )


def _row(span: str, rows: Any, accuracy: Measure, area: Measure) -> tuple[Any, ...]:
    shown = number(area.value) if area.computable else reason_of(area)
    return span, int(rows.size), number(accuracy.value), interval_text(accuracy), shown, interval_text(area)
