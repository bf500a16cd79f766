"""Errors of a predicted number, as the check of performance shows them. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from approvals.checks._evaluation import Declaration
from approvals.checks._performance_pictures import error_charts
from approvals.checks._performance_tables import Performed, measures_chart
from approvals.checks.base import Job
from approvals.measures.regression import regression_performance
from approvals.measures.tables import Table
from approvals.measures.values import Measure

NAMES = {
    "mse": "mean squared error",
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
    "median_ae": "median absolute error",
    "r2": "R²",
    "mape": "mean absolute error as a share of the label",
    "max_error": "largest absolute error",
    "explained_variance": "explained variance",
    "mean_error": "mean error, prediction minus label",
}
"""What the engine calls a measure, and what people read. Claims use the engine's names."""
IN_THE_UNIT = {"mse": "mse", "rmse": "rmse", "mae": "mae", "median_ae": "median_ae", "max_error": "max_error"}
IN_THE_UNIT |= {"mean_error": "mae"}
"""Measures in the unit of the label (mse: squared), and the measured error that a claim's tolerance is a share of."""
DRAWN = ("rmse", "mae", "mean_error")


def performed(table: Table, declared: Declaration, job: Job) -> Performed:
    """Everything that is measured of a table of numbers."""
    level = job.parameters.level
    found = regression_performance(table, label=declared.label, prediction=declared.prediction, level=level)
    measures = {key: replace(found[key], name=name) for key, name in NAMES.items()}
    left_out = int(found["rows_left_out"].value or 0)
    rows = replace(found["n"], name="rows", counts=(("rows_left_out", left_out),))
    return Performed(
        measures=measures,
        rows=rows,
        used=int(rows.value or 0),
        columns=f"Label “{declared.label}”, prediction “{declared.prediction}”, both as numbers in one unit.",
        not_looked_at=("How sure the model is of each number.",),
        tables=(),
        charts=(
            measures_chart(
                (measures[key] for key in DRAWN), title="Errors with their intervals", axis="unit of the label"
            ),
            *error_charts(table.numbers(declared.label), table.numbers(declared.prediction)),
        ),
        tolerances=_tolerances(found, job.parameters.tolerance),
    )


def _tolerances(found: Mapping[str, Measure], tolerance: float) -> dict[str, float]:
    """A number without a unit may differ by the tolerance, an error by that share of it (to three digits)."""
    shares = {key: abs(float(found[error].value or 0.0)) for key, error in IN_THE_UNIT.items()}
    return {key: float(f"{tolerance * shares[key]:.3g}") if key in shares else tolerance for key in NAMES}
