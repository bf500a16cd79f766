"""Is the model much worse somewhere than its average says? Looks at slices of declared columns and at pairs of them.

Many slices are looked at, so a slice counts as worse only by an adjusted test: with hundreds of slices some are bad by
chance (slice finding after Chung et al. 2019; Holm 1979).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from approvals.checks._charts import bars
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
from approvals.checks._verdicts import at_least, at_most, judge_by, number
from approvals.checks.base import Check, CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.outcomes import Booleans, codes, outcomes, right_classes
from approvals.measures.slices import DataSlice, Slices, worst_slices
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

LOWEST = "accuracy of the worst slice"
GAP = "accuracy of all rows minus that of the worst slice"
WORSE = "slices that are worse than the rest"
PAIRS = " and by pairs of these"
SHOWN, LONGEST_CHART = 40, 15


@dataclass(frozen=True)
class Parameters:
    """Which columns (none named: the declared features and groups), how they are cut, and how deep slices go."""

    columns: tuple[str, ...] = ()
    quantiles: int = 4
    depth: int = 2
    min_rows: int = 50
    significance: float = 0.05


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows without label or prediction fail above the share allowed here."""

    min_slice_accuracy: float | None = None
    max_accuracy_gap: float | None = None
    max_worse_slices: int | None = None
    max_left_out_share: float = 0.0


class SlicePerformance(Check):
    """Accuracy of every slice that has enough rows, worst first."""

    title = "Performance in slices of the data"
    version = "1"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("evaluation_table"), job.parameters
        declared = declaration_of(piece, kinds=(BINARY, MULTICLASS))
        names = _columns(asked, declared, piece.name)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            table.require(*names)
            right, known = _right(table, declared)
            cut = {name: codes(table, name, quantiles=asked.quantiles) for name in names}
        report(0.5, "Looking at slices")
        kept = {name: (numbers[known], levels) for name, (numbers, levels) in cut.items()}
        correct = right[known]
        try:
            slices = worst_slices(kept, correct, depth=asked.depth, min_rows=asked.min_rows)
        except ValueError as error:
            raise CheckInputError(f"{error} Name fewer columns in the policy.") from error
        worse = [item for item in slices.slices if item.p <= asked.significance]
        used, rows = int(known.sum()), int(known.size)
        overall = int(correct.sum()) / used if used else None
        return Reading(
            measures=(*_measures(slices, overall, len(worse), asked), left_out_share(used=used, rows=rows)),
            looked_at=(
                f"{slices.tested:,} slices of {used:,} rows, by {', '.join(names)}{PAIRS if asked.depth > 1 else ''}.",
                f"Numbers are cut into {asked.quantiles} parts of about equal size.",
            ),
            not_looked_at=(
                f"{slices.small:,} slices of fewer than {asked.min_rows:,} rows.",
                "Slices of three or more columns, and columns that are not named.",
            ),
            tables=(_table(slices),) if slices.slices else (),
            charts=(_chart(slices),) if slices.slices else (),
            details={"worse": [item.label for item in worse[:SHOWN]]},
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            at_least(LOWEST, thresholds.min_slice_accuracy),
            at_most(GAP, thresholds.max_accuracy_gap),
            at_most(WORSE, thresholds.max_worse_slices),
        ]
        found = judge_by(reading, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))
        worse = reading.details.get("worse", ())
        named = (f"Worse than the rest: {'; '.join(worse[:5])}.",) if worse else ()
        return replace(found, sentences=(*found.sentences, *named))


def _right(table: Table, declared: Declaration) -> tuple[Booleans, Booleans]:
    """Whether each prediction is right, and which rows have one and a label."""
    if declared.kind == MULTICLASS:
        return right_classes(table, label=declared.label, prediction=declared.prediction)
    found = outcomes(table, label=declared.label, prediction=declared.prediction)
    return found.correct, found.known


def _columns(asked: Parameters, declared: Declaration, name: str) -> tuple[str, ...]:
    names = asked.columns or tuple(dict.fromkeys((*declared.groups, *declared.features)))
    if not names:
        raise CheckInputError(f"{name} declares no features and no groups, so there is nothing to cut slices by.")
    return names


def _measures(slices: Slices, overall: float | None, worse: int, asked: Parameters) -> list[Measure]:
    if not slices.slices or overall is None:
        reason = f"Not computable: no slice has {asked.min_rows:,} rows."
        return [not_computable(name, reason) for name in (LOWEST, GAP, WORSE)]
    worst = slices.slices[0]
    interval = worst.interval
    return [
        Measure(
            LOWEST,
            worst.accuracy,
            worst.n,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            level=interval.level if interval else None,
            method=f"{worst.label}; lowest of {slices.tested:,}",
            counts=(("k", worst.k), ("n", worst.n)),
        ),
        Measure(GAP, overall - worst.accuracy, worst.n, method=worst.label),
        Measure(WORSE, worse, slices.tested, method=f"one-sided z, Holm over {slices.tested:,} slices"),
    ]


def _table(slices: Slices) -> NumberTable:
    rows = tuple(
        (item.label, item.n, number(item.accuracy), _interval(item), number(item.rest_k / item.rest_n), number(item.p))
        if item.rest_n
        else (item.label, item.n, number(item.accuracy), _interval(item), "", "")
        for item in slices.slices[:SHOWN]
    )
    return NumberTable(
        "Slices, worst first",
        ("Slice", "Rows", "Accuracy", "Interval", "Accuracy of the rest", "p, adjusted"),
        rows,
        note=f"p asks whether the slice is below the rest, adjusted by Holm for {slices.tested:,} slices.",
    )


def _interval(item: DataSlice) -> str:
    return f"{number(item.interval.low)} to {number(item.interval.high)}" if item.interval else ""


def _chart(slices: Slices) -> Any:
    rows = [(f"{item.label} (n {item.n:,})", item.accuracy) for item in slices.slices[:LONGEST_CHART]]
    said = "; ".join(f"{name} {number(value)}" for name, value in rows)
    return bars(
        title="Slices of lowest accuracy", description=f"Accuracy, lowest first: {said}.", axis="accuracy", rows=rows
    )
