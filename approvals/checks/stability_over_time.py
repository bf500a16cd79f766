"""Was the model as good in each part of the evaluation period? Rows are put in order of time and cut into windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from approvals.checks._charts import interval_dots
from approvals.checks._differences import at_most_exactly, difference_counts
from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    REGRESSION,
    Declaration,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
    with_inapplicable,
    with_kind,
)
from approvals.checks._room import rows_that_fit
from approvals.checks._verdicts import at_least, at_most, interval_text, judge_by, number, reason_of
from approvals.checks._windows import ACCURACY, AUC, ERROR, Windows, accuracy, area, counted_windows
from approvals.checks.base import (
    ChartSpecification,
    Check,
    CheckInputError,
    Job,
    Judgement,
    NumberTable,
    Reading,
    Report,
)
from approvals.measures.outcomes import Booleans, Outcomes, outcomes, right_classes
from approvals.measures.rows import mean_measure
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import Table
from approvals.measures.thresholds import as_written
from approvals.measures.time_windows import parsed_moments, spans_in_words
from approvals.measures.values import Measure, not_computable

BYTES_PER_ROW = 200  # measured: times as text, label, prediction and score while they are put in order
LOWEST, HIGHEST = "lowest {} of a window", "highest {} of a window"
RANGE = "highest minus lowest {} of a window"
KINDS_OF: dict[str, tuple[str, ...]] = {ACCURACY: (BINARY, MULTICLASS), AUC: (BINARY,), ERROR: (REGRESSION,)}
NAMED = [(ACCURACY, LOWEST), (AUC, LOWEST), (ERROR, HIGHEST), *((name, RANGE) for name in KINDS_OF)]

Windowed = tuple[Booleans, Mapping[str, Callable[[Any], Measure]]]
"""Which rows have all that is needed, and by name what is measured of the rows of a window."""


@dataclass(frozen=True)
class Parameters:
    """The column that says when a row is from (ISO dates or times, or numbers), and into how many windows it is cut."""

    time: str = ""
    windows: int = 4
    level: float = 0.95


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows without time, label, prediction or declared score fail above the share.

    Accuracy is that of classes, ROC AUC that of two; mean absolute error (mae) that of numbers, in the label's unit.
    """

    min_window_accuracy: float | None = None
    max_accuracy_range: float | None = None
    min_window_roc_auc: float | None = None
    max_roc_auc_range: float | None = None
    max_window_mae: float | None = None
    max_mae_range: float | None = None
    max_left_out_share: float = 0.0


class StabilityOverTime(Check):
    """Accuracy and ROC AUC, or errors of numbers, of windows of time with about equally many rows."""

    title = "Stability over time"
    version = "4"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("min_window_accuracy", "max_accuracy_range"), KINDS_OF[ACCURACY]),
        **dict.fromkeys(("min_window_roc_auc", "max_roc_auc_range"), KINDS_OF[AUC]),
        **dict.fromkeys(("max_window_mae", "max_mae_range"), KINDS_OF[ERROR]),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("evaluation_table"), job.parameters
        declared = declaration_of(piece, kinds=KINDS)
        if not asked.time or asked.windows < 2:
            raise CheckInputError("The policy must name the time column and ask for at least two windows.")
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            fit, rows = rows_that_fit(BYTES_PER_ROW), table.rows
            measured = _in_memory if fit is None or rows <= fit else counted_windows
            found = measured(table, declared, time=asked.time, windows=asked.windows, level=asked.level)
        spans, series, used = found.spans, found.series, sum(found.sizes)
        lines = tuple(_row(*line) for line in zip(spans, found.sizes, *series.values(), strict=True))
        reading = Reading(
            measures=(
                *(measure for name, those in series.items() for measure in _extremes(name, those, asked.windows)),
                left_out_share(used=used, rows=rows),
            ),
            looked_at=(f"{used:,} rows in {len(spans)} windows by “{asked.time}”; the first is {spans[0]}.",)
            if spans
            else (),
            not_looked_at=("Time before and after the evaluation table.",),
            tables=(NumberTable("Windows of time", _columns(series), lines),),
            charts=(_chart(spans, *next(iter(series.items()))),) if spans else (),
        )
        return replace(reading, details=with_kind(reading.details, declared.kind))

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            at_least(LOWEST.format(ACCURACY), thresholds.min_window_accuracy),
            at_most_exactly(RANGE.format(ACCURACY), thresholds.max_accuracy_range),
            at_least(LOWEST.format(AUC), thresholds.min_window_roc_auc),
            at_most(RANGE.format(AUC), thresholds.max_roc_auc_range),
            at_most(HIGHEST.format(ERROR), thresholds.max_window_mae),
            at_most(RANGE.format(ERROR), thresholds.max_mae_range),
        ]
        whole = with_inapplicable(reading, {form.format(name): KINDS_OF[name] for name, form in NAMED})
        return judge_by(whole, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))


def _in_memory(table: Table, declared: Declaration, *, time: str, windows: int, level: float) -> Windows:
    """The windows from every row, in order of time."""
    present, measured = MEASURED[declared.kind](table, declared, level)
    moments, dated = _moments(table, time)
    known = present & dated
    order = np.flatnonzero(known)[np.argsort(moments[known], kind="stable")]
    edges = _edges(moments[order], windows)
    parts = (order[start:stop] for start, stop in zip([0, *edges], [*edges, order.size], strict=True))
    filled = [rows for rows in parts if rows.size]  # none begins where many rows share one moment
    spans = spans_in_words((moments[rows[0]], moments[rows[-1]]) for rows in filled)
    series = {name: [of(rows) for rows in filled] for name, of in measured.items()}
    return Windows(spans, [int(rows.size) for rows in filled], series)


def _two_values(table: Table, declared: Declaration, level: float) -> Windowed:
    found = outcomes(table, label=declared.label, prediction=declared.prediction, score=declared.score or None)
    return found.known, {
        ACCURACY: lambda rows: accuracy(int(found.correct[rows].sum()), int(rows.size), level),
        AUC: lambda rows: area(_scores(found, rows), int(rows.size), level),
    }


def _scores(found: Outcomes, rows: Any) -> ScoreCounts | None:
    return None if found.score is None else ScoreCounts.from_arrays(found.actual[rows], found.score[rows])


def _classes(table: Table, declared: Declaration, level: float) -> Windowed:
    correct, known = right_classes(table, label=declared.label, prediction=declared.prediction)
    return known, {ACCURACY: lambda rows: accuracy(int(correct[rows].sum()), int(rows.size), level)}


def _numbers(table: Table, declared: Declaration, level: float) -> Windowed:
    labels, predictions = table.numbers(declared.label), table.numbers(declared.prediction)
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(predictions - labels)
    known = np.isfinite(labels) & np.isfinite(predictions)
    return known, {ERROR: lambda rows: mean_measure(ERROR, errors[rows], level=level, lowest=0.0)}


MEASURED: dict[str, Callable[[Table, Declaration, float], Windowed]] = {
    BINARY: _two_values,
    MULTICLASS: _classes,
    REGRESSION: _numbers,
}


def _moments(table: Table, column: str) -> tuple[Any, Any]:
    """A value per row that sorts by time, and which rows have one. Texts must be ISO 8601."""
    table.require(column)
    if table.column(column).kind == "number":
        numbers = table.numbers(column)
        return numbers, np.isfinite(numbers)
    texts = [text.strip() if text else "" for text in table.texts(column)]
    said = dict.fromkeys(text for text in texts if text)
    meant = {"": np.datetime64("NaT", "s"), **dict(zip(said, parsed_moments(list(said), column), strict=True))}
    found = np.array([meant[text] for text in texts], dtype="datetime64[s]")
    return found, ~np.isnat(found)


def _edges(moments: Any, windows: int) -> list[int]:
    """Where windows of about equal size begin; rows of the same moment stay together."""
    wanted = [round(moments.size * part / windows) for part in range(1, windows)]
    return [int(np.searchsorted(moments, moments[place], side="left")) for place in wanted if place < moments.size]


def _extremes(name: str, measures: Sequence[Measure], asked: int) -> tuple[Measure, Measure]:
    """The worst window, and how far windows lie apart; nothing is known where there are fewer than the policy asks."""
    is_error = name == ERROR
    end, gap = (HIGHEST if is_error else LOWEST).format(name), RANGE.format(name)
    undefined = next((m.reason for m in measures if not m.computable), "")
    if undefined or len(measures) < asked:
        few = f"the rows fill {len(measures):,} of the {asked:,} windows that the policy asks for"
        reason = undefined or f"Not computable: {few}; many share one moment, or there are too few."
        return not_computable(end, reason), not_computable(gap, reason)
    lowest = min(measures, key=lambda m: float(m.value or 0))
    highest = max(measures, key=lambda m: float(m.value or 0))
    worst = highest if is_error else lowest
    n = sum(m.n or 0 for m in measures)
    return (
        Measure(end, worst.value, worst.n, low=worst.low, high=worst.high, level=worst.level, method=worst.method),
        Measure(
            gap,
            # As people write the numbers: an area of 0.8 is 0.1 above one of 0.7, which floats are not.
            float(as_written(highest.value or 0) - as_written(lowest.value or 0)),
            n,
            method=f"of {len(measures)} windows",
            counts=difference_counts(lowest, highest),
        ),
    )


def _columns(series: Iterable[str]) -> tuple[str, ...]:
    return ("Window", "Rows", *(text for name in series for text in (name, "Interval")))


def _row(span: str, rows: int, *measures: Measure) -> tuple[Any, ...]:
    cells = ((number(m.value) if m.computable else reason_of(m), interval_text(m)) for m in measures)
    return span, rows, *(cell for pair in cells for cell in pair)


def _chart(spans: Sequence[str], name: str, measures: Sequence[Measure]) -> ChartSpecification:
    said = "; ".join(f"{span} {number(m.value)}" for span, m in zip(spans, measures, strict=True))
    return interval_dots(
        title=f"{name.capitalize()} by window of time",
        description=f"{name.capitalize()} with its interval: {said}.",
        axis=name,
        rows=list(zip(spans, measures, strict=True)),
    )
