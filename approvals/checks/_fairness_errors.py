"""How far off a predicted number is for groups of people, as the check of group fairness shows it. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from approvals.checks._charts import interval_dots
from approvals.checks._evaluation import Declaration
from approvals.checks._fairness_groups import (
    known_groups,
    left_out,
    not_compared,
    small_sentence,
    small_share,
    unknown_share,
)
from approvals.checks._verdicts import interval_text, number
from approvals.checks.base import ChartSpecification, Job, NumberTable, Reading
from approvals.measures.regression import ErrorGroup, ErrorGroupTable, group_errors
from approvals.measures.relative import in_deviations, label_deviation
from approvals.measures.tables import Table
from approvals.measures.values import Measure

DIFFERENCES = {
    "max_mae_difference_between_groups": ("mae_difference", "mean absolute error difference"),
    "max_mean_prediction_difference": ("mean_prediction_difference", "mean prediction difference"),
}
"""Threshold in the unit of the label, the engine's name of the measure, and what people read."""
DEVIATIONS = {
    "max_mae_difference_in_deviations": ("mae_difference", "mean absolute error difference in standard deviations"),
    "max_mean_prediction_difference_in_deviations": (
        "mean_prediction_difference",
        "mean prediction difference in standard deviations",
    ),
}
"""The same divided by the standard deviation of the label, for policies over labels of any unit."""
COLUMNS = {
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "mean_prediction": "Mean prediction",
    "mean_error": "Mean error",
}
LONGEST_CHART, LONGEST_TABLE = 30, 200


def reading_of_errors(table: Table, declared: Declaration, attributes: Sequence[tuple[str, ...]], job: Job) -> Reading:
    """Errors and mean predictions of every group, and the differences between those that count."""
    small_group = job.parameters.small_group
    found = group_errors(
        table,
        label=declared.label,
        prediction=declared.prediction,
        attributes=attributes,
        small_group=small_group,
        level=job.parameters.level,
        draws=job.parameters.draws,
        seed=job.seed,
    )
    deviation = label_deviation(table, label=declared.label, prediction=declared.prediction)
    differences = tuple(measure for part in found for measure in _differences(part, deviation))
    unknown = tuple(share(part) for share in (unknown_share, small_share) for part in found)
    rows = sum(group.n for group in found[0].groups)
    return Reading(
        measures=(left_out(found[0]), *unknown, deviation, *differences),
        looked_at=(
            f"All {rows:,} rows that have a label and a prediction.",
            f"An error is “{declared.prediction}” minus “{declared.label}”, in the unit of the label.",
            f"Groups of {'; '.join(known_groups(part) for part in found)}.",
            f"Groups of fewer than {small_group:,} rows and rows whose group is unknown are shown and decide nothing.",
        ),
        not_looked_at=(
            *not_compared(found, declared),
            "Attributes that the table does not have, and whether the label itself is unfair.",
        ),
        tables=tuple(error_table(part) for part in found),
        charts=tuple(_chart(part) for part in found),
        details={
            "attributes": [list(part.attributes) for part in found],
            "small": [small_sentence(part, small_group) for part in found],
            "groups": [_as_json(part) for part in found],
        },
    )


def _differences(part: ErrorGroupTable, deviation: Measure) -> Iterable[Measure]:
    by = " and ".join(part.attributes)
    where = (("attributes", by),)
    for key, name in DIFFERENCES.values():
        yield replace(part.disparities[key], name=f"{name} by {by}", slice=where)
    for key, name in DEVIATIONS.values():
        yield replace(in_deviations(part.disparities[key], deviation, name=f"{name} by {by}"), slice=where)


def _ordered(part: ErrorGroupTable) -> list[ErrorGroup]:
    """Known groups by their mean absolute error, worst first; empty and unknown ones at the end."""

    def place(group: ErrorGroup) -> tuple[bool, bool, float]:
        error = group.measures["mae"].value
        return group.unknown, error is None, -float(error or 0)

    return sorted(part.groups, key=place)


def _as_json(part: ErrorGroupTable) -> dict[str, Any]:
    return {
        "attributes": list(part.attributes),
        "reference": "",
        "columns": list(COLUMNS.values()),
        "rows": [
            {
                "group": group.label,
                "n": group.n,
                "small": group.small,
                "unknown": group.unknown,
                "numbers": [group.measures[key].as_json() for key in COLUMNS],
            }
            for group in _ordered(part)[:LONGEST_TABLE]
        ],
    }


def error_table(part: ErrorGroupTable) -> NumberTable:
    """Every group with its errors, worst first."""
    groups = _ordered(part)
    rows = tuple(
        (
            group.label,
            group.n,
            number(group.measures["mae"].value),
            interval_text(group.measures["mae"]),
            *(number(group.measures[key].value) for key in ("rmse", "r2", "mean_prediction")),
            interval_text(group.measures["mean_prediction"]),
            number(group.measures["mean_error"].value),
            _remark(group),
        )
        for group in groups[:LONGEST_TABLE]
    )
    return NumberTable(
        title=f"Groups by {' and '.join(part.attributes)}",
        columns=(
            "Group",
            "Rows",
            COLUMNS["mae"],
            "Interval of the error",
            COLUMNS["rmse"],
            COLUMNS["r2"],
            COLUMNS["mean_prediction"],
            "Interval of the prediction",
            COLUMNS["mean_error"],
            "Remark",
        ),
        rows=rows,
        note=f"{len(groups) - LONGEST_TABLE:,} more are not shown." if len(groups) > LONGEST_TABLE else "",
    )


def _remark(group: ErrorGroup) -> str:
    if group.unknown:
        return "unknown group"
    if not group.n:
        return "no rows"
    return "small sample" if group.small else ""


def _chart(part: ErrorGroupTable) -> ChartSpecification:
    groups = [group for group in _ordered(part) if group.n][:LONGEST_CHART]
    said = "; ".join(f"{group.label} {number(group.measures['mae'].value)} (n {group.n:,})" for group in groups)
    return interval_dots(
        title=f"Mean absolute error by {' and '.join(part.attributes)}",
        description=f"Mean absolute errors with their intervals, worst first: {said}.",
        axis="mean absolute error",
        rows=[
            (f"{group.label} (n {group.n:,}{', small' if group.small else ''})", group.measures["mae"])
            for group in groups
        ],
    )
