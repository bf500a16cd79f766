"""Slices of the data that a policy or a declaration names: which rows belong to them, and how the model does there.

A slice that has too few rows is not computable, never a pass: it was named because it matters.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from approvals.checks._rules import Rule, number
from approvals.checks.base import CheckInputError, NumberTable, ParameterError
from approvals.measures.intervals import wilson
from approvals.measures.labels import same_value
from approvals.measures.outcomes import Booleans
from approvals.measures.performance import with_interval
from approvals.measures.rows import mean_measure, row_texts
from approvals.measures.scores import Floats
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

ACCURACY, ERROR = "accuracy of the slice “{}”", "mean absolute error of the slice “{}”"
UNNAMED = {ACCURACY: "accuracy of named slices", ERROR: "mean absolute error of named slices"}
ENDS = ("at_least", "above", "at_most", "below")
LONGEST_NAME = 100
Plain = str | int | float | bool


@dataclass(frozen=True)
class Condition:
    """A column has one of these values, or lies between these ends (by the names in ENDS)."""

    column: str
    values: tuple[Plain, ...] = ()
    ends: tuple[tuple[str, float], ...] = ()

    def rows(self, table: Table) -> Booleans:
        """The rows of which it is true; a missing value meets no condition."""
        if not self.ends:
            cells = row_texts(table, self.column)
            meant = np.array(
                [*(any(same_value(text, v) for v in self.values) for text in cells.texts), False], np.bool_
            )
            return np.asarray(meant[cells.positions])
        numbers = table.numbers(self.column)
        found = np.isfinite(numbers)
        compare = {"at_least": np.greater_equal, "above": np.greater, "at_most": np.less_equal, "below": np.less}
        for end, limit in self.ends:
            found &= compare[end](numbers, limit)
        return np.asarray(found)


@dataclass(frozen=True)
class NamedSlice:
    """The rows that meet every condition."""

    name: str
    conditions: tuple[Condition, ...]

    def rows(self, table: Table) -> Booleans:
        """Which rows belong to it. TableError for a column that is not there or holds no numbers."""
        return np.asarray(np.logical_and.reduce([condition.rows(table) for condition in self.conditions]))


def named_slices(given: Mapping[str, Any]) -> tuple[NamedSlice, ...]:
    """The slices of a policy or a declaration. Raises ParameterError for what describes no rows."""
    for name in given:
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or "”" in name or "“" in name:
            raise ParameterError(
                f"The name of a slice must be a text of 1 to {LONGEST_NAME} characters without “ or ”."
            )
    return tuple(NamedSlice(name, _conditions(name, described)) for name, described in given.items())


def _conditions(name: str, described: Any) -> tuple[Condition, ...]:
    if not isinstance(described, Mapping) or not described:
        raise ParameterError(f"The slice “{name}” needs columns with their values, for example {{sex: female}}.")
    return tuple(_condition(name, column, wanted) for column, wanted in described.items())


def all_slices(policy: Mapping[str, Any], declared: Mapping[str, Any], table: str) -> tuple[NamedSlice, ...]:
    """The slices of the policy, then those that only the table declares.

    Raises CheckInputError if the table calls other rows by a name of the policy, whose thresholds hold for its own.
    """
    own, more = {one.name: one for one in named_slices(policy)}, named_slices(declared)
    for one in more:
        if own.get(one.name, one) != one:
            raise CheckInputError(
                f"{table} declares the slice “{one.name}” with other rows than the policy means by it; rename it."
            )
    return (*own.values(), *(one for one in more if one.name not in own))


def _condition(name: str, column: str, wanted: Any) -> Condition:
    if not isinstance(column, str) or not column:
        raise ParameterError(f"The slice “{name}” must name its columns as texts.")
    if isinstance(wanted, Mapping):
        ends = [(end, limit) for end, limit in wanted.items() if _is_number(limit) and end in ENDS]
        if len(ends) == len(wanted) and ends:
            return Condition(column, ends=tuple((end, float(limit)) for end, limit in ends))
    values = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
    if values and all(_is_plain(value) for value in values):
        return Condition(column, values=values)
    raise ParameterError(
        f"The slice “{name}” must give “{column}” a value, a list of values, or ends by {', '.join(ENDS)} as numbers."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool) or _is_number(value)


def measured_slices(
    found: Sequence[tuple[str, Booleans]], *, right: Booleans | None, errors: Floats | None, min_rows: int
) -> tuple[Measure, ...]:
    """Of each named slice, given by its rows: the accuracy from `right`, or else the mean of `errors`."""
    measures = []
    for name, rows in found:
        n = int(rows.sum())
        kind = (ACCURACY if errors is None else ERROR).format(name)
        if n < min_rows:
            reason = f"Not computable: the slice has {n:,} rows, and at least {min_rows:,} are needed."
            measures.append(not_computable(kind, reason, n=n))
        elif errors is not None:
            measures.append(mean_measure(kind, errors[rows], lowest=0.0, method="mean |error|"))
        elif right is not None:
            k = int(right[rows].sum())
            measures.append(with_interval(kind, k / n, n, wilson(k, n), counts=(("k", k), ("n", n))))
    return tuple(measures)


def rules_of_slices(
    named: Sequence[str], *, least_accuracy: float | None, most_error: float | None, by_slice: Mapping[str, Any]
) -> list[Rule]:
    """The thresholds of named slices: the common one, or that of the slice itself. A slice not measured passes nothing.

    `by_slice` gives limits of its own (min_accuracy, max_mae) to a slice.
    """
    rules = []
    for name in (*named, *(other for other in by_slice if other not in named)):
        own = by_slice.get(name, {})
        rules.append(Rule(ACCURACY.format(name), own.get("min_accuracy", least_accuracy), at_least=True))
        rules.append(Rule(ERROR.format(name), own.get("max_mae", most_error), at_least=False))
    if not named and not by_slice:
        rules.append(Rule(UNNAMED[ACCURACY], least_accuracy, at_least=True))
        rules.append(Rule(UNNAMED[ERROR], most_error, at_least=False))
    return rules


def require_limits(by_slice: Mapping[str, Any]) -> None:
    """ParameterError unless every slice has limits by name."""
    for name, limits in by_slice.items():
        if (
            not isinstance(limits, Mapping)
            or not limits
            or not set(limits) <= {"min_accuracy", "max_mae"}
            or not all(_is_number(limit) for limit in limits.values())
        ):
            raise ParameterError(f"The limits of the slice “{name}” must be min_accuracy or max_mae with a number.")


def slices_table(measures: Sequence[Measure], *, declared: int = 0) -> NumberTable:
    """The named slices, those of the policy first; the last `declared` ones are named by the table only."""
    by_policy = len(measures) - declared
    rows = tuple(
        (
            measure.name.partition("“")[2].rstrip("”"),
            measure.n if measure.n is not None else "",
            number(measure.value),
            f"{number(measure.low)} to {number(measure.high)}" if measure.low is not None else measure.reason,
            *((("the policy" if place < by_policy else "the table"),) if declared else ()),
        )
        for place, measure in enumerate(measures)
    )
    return NumberTable(
        "Slices that the policy or the table names" if declared else "Slices that the policy names",
        ("Slice", "Rows", "Value", "Interval", *(("Named by",) if declared else ())),
        rows,
        note="Each was named before the run, so its own threshold is asked of it and no adjustment is needed.",
    )
