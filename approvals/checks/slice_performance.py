"""Is the model much worse somewhere than its average says? Looks at slices that the policy or the table names, at
slices of declared columns and at pairs of them.

Many slices are looked at, so a slice counts as worse only by an adjusted test: with hundreds of slices some are bad by
chance (slice finding after Chung et al. 2019; Holm 1979). Slices named beforehand have thresholds of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from approvals.checks._declared_slices import (
    all_slices,
    measured_slices,
    named_slices,
    require_limits,
    rules_of_slices,
    slices_table,
)
from approvals.checks._differences import at_most_exactly
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
from approvals.checks._room import require_room
from approvals.checks._slices import (
    ERROR_GAP,
    ERROR_RATIO,
    GAP,
    HIGHEST,
    LOWEST,
    WORSE,
    Searched,
    searched_accuracies,
    searched_errors,
    turning_of_worst,
)
from approvals.checks._verdicts import Rule, at_most, judge_by
from approvals.checks.base import Check, CheckInputError, Job, Judgement, ParameterError, Reading, Report
from approvals.measures.outcomes import Booleans, Codes, codes, outcomes, right_classes
from approvals.measures.scores import Floats
from approvals.measures.slices import worst_error_slices, worst_slices
from approvals.measures.tables import Table

BYTES_PER_ROW, BYTES_PER_CELL = 45, 5  # measured, where the engine hands out pieces
BYTES_PER_HELD_ROW, BYTES_PER_HELD_CELL = 110, 20  # elsewhere: one column as text while it is read
PAIRS = " and by pairs of these"
DEEPEST = 2
_SHOWN = 20
CLASSES = (BINARY, MULTICLASS)
KINDS_OF = {LOWEST: CLASSES, GAP: CLASSES, HIGHEST: (REGRESSION,), ERROR_GAP: (REGRESSION,), ERROR_RATIO: (REGRESSION,)}


@dataclass(frozen=True)
class Parameters:
    """Which columns are searched (none named: the declared features and groups), how they are cut, and how deep.

    `slices` are named beforehand, beside those that the table declares: each name with its columns, and for each column
    a value, a list of values, or ends by at_least, above, at_most and below.
    """

    columns: tuple[str, ...] = ()
    quantiles: int = 4
    depth: int = 2
    min_rows: int = 50
    significance: float = 0.05
    slices: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named_slices(self.slices)
        if not 1 <= self.depth <= DEEPEST or self.quantiles < DEEPEST or self.min_rows < 1:
            raise ParameterError(
                "The search of slices needs a depth of 1 or 2, 2 or more quantiles, and 1 or more as min_rows."
            )


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows without label or prediction fail above the share allowed here.

    Of classes accuracy, of numbers the mean absolute error (mae) in the unit of the label; the ratio is that of the
    worst slice divided by that of all rows. `..._named_...` is asked of every slice that the policy or the table
    names, and `by_slice` gives one of them a min_accuracy or max_mae of its own.
    """

    min_slice_accuracy: float | None = None
    max_accuracy_gap: float | None = None
    max_slice_mae: float | None = None
    max_mae_gap: float | None = None
    max_mae_ratio: float | None = None
    max_worse_slices: int | None = None
    min_named_slice_accuracy: float | None = None
    max_named_slice_mae: float | None = None
    by_slice: Mapping[str, Any] = field(default_factory=dict)
    max_left_out_share: float = 0.0

    def __post_init__(self) -> None:
        require_limits(self.by_slice)


class SlicePerformance(Check):
    """Accuracy, or mean absolute error, of named slices and of every slice that has enough rows, worst first."""

    title = "Performance in slices of the data"
    version = "5"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("min_slice_accuracy", "max_accuracy_gap", "min_named_slice_accuracy"), CLASSES),
        **dict.fromkeys(("max_slice_mae", "max_mae_gap", "max_mae_ratio", "max_named_slice_mae"), (REGRESSION,)),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("evaluation_table"), job.parameters
        declared = declaration_of(piece, kinds=KINDS)
        names = _columns(asked, declared, piece.name)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            table.require(*names)
            require_room(table, _room(table, len(names)), why="The search of slices")
            right, errors, known = _judged_rows(table, declared)
            cut = {name: codes(table, name, quantiles=asked.quantiles) for name in names}
            described = all_slices(asked.slices, declared.slices, piece.name)
            named = [(one.name, one.rows(table) & known) for one in described]
            unseen = _unseen(table, declared, names, asked)
        report(0.5, "Looking at slices")
        kept = {name: (numbers[known], levels) for name, (numbers, levels) in cut.items()}
        found = _searched(kept, right, errors, known, asked)
        own = measured_slices(named, right=right, errors=errors, min_rows=asked.min_rows)
        by_table = len(own) - len(asked.slices)
        used, rows = int(known.sum()), int(known.size)
        reading = Reading(
            measures=(*own, *found.measures, left_out_share(used=used, rows=rows)),
            looked_at=(
                *((f"Slices that the policy names: {len(own) - by_table:,}.",) if len(own) > by_table else ()),
                *((f"Slices that the table declares: {by_table:,}.",) if by_table else ()),
                f"{found.tested:,} slices of {used:,} rows, by {', '.join(names)}{PAIRS if asked.depth > 1 else ''}.",
                f"Numbers are cut into {asked.quantiles} parts of about equal size.",
                "Rows without a value in a column are a slice of it, too.",
                f"{found.tested:,} one-sided tests at {asked.significance:g}, adjusted by Holm, say which are worse.",
            ),
            not_looked_at=(
                *([f"{found.small:,} slices of fewer than {asked.min_rows:,} rows."] if found.small else []),
                f"Slices of {'three' if asked.depth > 1 else 'two'} or more columns.",
                *unseen,
            ),
            tables=(*((slices_table(own, declared=by_table),) if own else ()), *found.tables),
            charts=found.charts,
            details={
                "worse": list(found.worse),
                **({"named": [one for one, _ in named]} if named else {}),
                **({"searched": found.lowest} if found.lowest else {}),
            },
        )
        return replace(reading, details=with_kind(reading.details, declared.kind))

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        least = thresholds.min_slice_accuracy
        others = reading.details.get("searched", ())
        rules = [
            *rules_of_slices(
                reading.details.get("named", ()),
                least_accuracy=thresholds.min_named_slice_accuracy,
                most_error=thresholds.max_named_slice_mae,
                by_slice=thresholds.by_slice,
            ),
            Rule(LOWEST, least, at_least=True, turning=lambda measure: turning_of_worst(measure, least, others)),
            at_most_exactly(GAP, thresholds.max_accuracy_gap),
            at_most(HIGHEST, thresholds.max_slice_mae),
            at_most(ERROR_GAP, thresholds.max_mae_gap),
            at_most(ERROR_RATIO, thresholds.max_mae_ratio),
            at_most(WORSE, thresholds.max_worse_slices),
        ]
        whole = with_inapplicable(reading, KINDS_OF)
        found = judge_by(whole, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))
        worse = reading.details.get("worse", ())
        named = (f"Worse than the rest: {'; '.join(worse[:5])}.",) if worse else ()
        return replace(found, sentences=(*found.sentences, *named))


def _room(table: Table, columns: int) -> int:
    if table.engine.in_pieces:
        return BYTES_PER_ROW + BYTES_PER_CELL * columns
    return BYTES_PER_HELD_ROW + BYTES_PER_HELD_CELL * columns


def _judged_rows(table: Table, declared: Declaration) -> tuple[Booleans | None, Floats | None, Booleans]:
    """Whether each prediction is right, or how far off each is; and which rows have one and a label."""
    if declared.kind == REGRESSION:
        labels, predictions = table.numbers(declared.label), table.numbers(declared.prediction)
        known = np.isfinite(labels) & np.isfinite(predictions)
        with np.errstate(invalid="ignore", over="ignore"):
            errors = np.subtract(predictions, labels, out=predictions)
        return None, np.abs(errors, out=errors), known
    if declared.kind == MULTICLASS:
        right, known = right_classes(table, label=declared.label, prediction=declared.prediction)
        return right, None, known
    found = outcomes(table, label=declared.label, prediction=declared.prediction)
    return found.correct, None, found.known


def _unseen(table: Table, declared: Declaration, names: Sequence[str], asked: Parameters) -> tuple[str, ...]:
    """The columns that could be cut and were not, by name."""
    said = {declared.label, declared.prediction, declared.score, *declared.class_scores.values(), *declared.key}
    left = [name for name in table.names if name not in said and name not in names]
    if not left:
        return ()
    shown = ", ".join(left[:_SHOWN]) + (f" and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else "")
    why = "the policy does not name them" if asked.columns else "they are declared neither as features nor as groups"
    return (f"Slices by {shown}: {why}.",)


def _columns(asked: Parameters, declared: Declaration, name: str) -> Sequence[str]:
    names = asked.columns or tuple(dict.fromkeys((*declared.groups, *declared.features)))
    if not names:
        raise CheckInputError(f"{name} declares no features and no groups, so there is nothing to cut slices by.")
    return names


def _searched(
    kept: Mapping[str, Codes], right: Booleans | None, errors: Floats | None, known: Booleans, asked: Parameters
) -> Searched:
    try:
        if errors is not None:
            sizes = errors[known]
            found = worst_error_slices(kept, sizes, depth=asked.depth, min_rows=asked.min_rows)
            return searched_errors(found, sizes, significance=asked.significance, min_rows=asked.min_rows)
        correct = np.asarray(right)[known]
        slices = worst_slices(kept, correct, depth=asked.depth, min_rows=asked.min_rows)
        return searched_accuracies(slices, correct, significance=asked.significance, min_rows=asked.min_rows)
    except ValueError as error:
        raise CheckInputError(f"{error} Name fewer columns in the policy.") from error
