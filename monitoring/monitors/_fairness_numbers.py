"""Predicted numbers of groups of people in a batch: their means, and errors once outcomes are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from approvals.checks._fairness_errors import error_table
from approvals.checks._rules import interval_text, number
from approvals.checks.base import NumberTable
from approvals.measures.regression import ErrorGroupTable, group_errors
from approvals.measures.relative import in_deviations, label_deviation
from approvals.measures.tables import Table
from approvals.measures.values import Measure
from monitoring.monitors._tables import Pair

MEAN, ERROR = "mean_prediction_difference", "mae_difference"
PREDICTIONS = {
    "max_mean_prediction_difference": (MEAN, "mean prediction difference", False),
    "max_mean_prediction_difference_in_deviations": (MEAN, "mean prediction difference in standard deviations", True),
}
"""Threshold, the engine's name, what people read, and whether it is divided by the standard deviation of the label as
approved; known without outcomes."""
WITH_OUTCOMES = {
    "max_mae_difference_between_groups": (ERROR, "mean absolute error difference", False),
    "max_mae_difference_in_deviations": (ERROR, "mean absolute error difference in standard deviations", True),
}
Asked = dict[str, tuple[str, str, bool]]


def groups_of(
    table: Table, pair: Pair, attributes: Sequence[tuple[str, ...]], *, label: str, settings: Any
) -> tuple[ErrorGroupTable, ...]:
    """Groups by what is predicted of them; with the prediction as label nothing is asked of outcomes."""
    return group_errors(table, label=label, prediction=pair.declared.prediction, attributes=attributes, **settings)


def approved_deviation(pair: Pair) -> Measure:
    """Standard deviation of the label in the approved table, so that every batch is measured by the same unit."""
    return label_deviation(pair.reference, label=pair.declared.label, prediction=pair.declared.prediction)


def measured(found: Iterable[ErrorGroupTable], asked: Asked, deviation: Measure) -> tuple[Measure, ...]:
    """The differences of every comparison."""
    return tuple(
        _difference(part, key, f"{name} by {' and '.join(part.attributes)}", deviation if divided else None)
        for part in found
        for key, name, divided in asked.values()
    )


def _difference(part: ErrorGroupTable, key: str, name: str, deviation: Measure | None) -> Measure:
    measure = replace(part.disparities[key], slice=(("attributes", " and ".join(part.attributes)),))
    return in_deviations(measure, deviation, name=name) if deviation else replace(measure, name=name)


def prediction_table(part: ErrorGroupTable, least: int) -> NumberTable:
    """Groups by their mean prediction, lowest first."""
    rows = [
        (
            group.label,
            group.n,
            number(group.measures["mean_prediction"].value),
            interval_text(group.measures["mean_prediction"]),
            "not known, not compared" if group.unknown else "small group, not judged" if group.n < least else "",
        )
        for group in sorted(part.groups, key=lambda group: float(group.measures["mean_prediction"].value or 0))
        if group.n
    ]
    return NumberTable(
        f"Groups by {' and '.join(part.attributes)}",
        ("Group", "Rows", "Mean prediction", "Interval", "Remark"),
        tuple(rows[:200]),
    )


def outcome_table(part: ErrorGroupTable) -> NumberTable:
    """Groups with their errors, of rows with an outcome."""
    found = error_table(part)
    return replace(found, title=f"{found.title}, rows with an outcome")
