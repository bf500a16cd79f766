"""A number in the unit of the label as a multiple of how far the labels spread, so that units do not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from approvals.measures.number_rows import ArrayRows, NumberRows
from approvals.measures.rows import TOO_LARGE
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

NAME = "standard deviation of the label"


def label_deviation(table: Table, *, label: str, prediction: str) -> Measure:
    """Standard deviation (of all rows, ddof 0) of the labels that have a finite prediction, in the unit of the label.

    Not computable without rows, when every label is the same, and beyond 64-bit floats.
    """
    return deviation_of_rows(ArrayRows(table.numbers(label), table.numbers(prediction), bins=1))


def deviation_of_rows(rows: NumberRows) -> Measure:
    """The same of rows that may be too many to hold."""
    if not rows.n:
        return not_computable(NAME, "Not computable: no row has a finite label and a finite prediction.", n=0)
    ends = [(float(labels.min()), float(labels.max())) for labels, _ in rows.parts()]
    if min(low for low, _ in ends) == max(high for _, high in ends):
        return not_computable(NAME, "Not computable: every label is the same.", n=rows.n)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = rows.centre(lambda labels, _: labels)
        variance = rows.mean(lambda labels, predictions: apart(labels, predictions) ** 2)
    if not math.isfinite(variance) or not variance:
        return not_computable(NAME, f"Not computable: {TOO_LARGE}.", n=rows.n)
    return Measure(NAME, math.sqrt(variance), rows.n, method="ddof 0")


def in_deviations(measure: Measure, deviation: Measure, *, name: str) -> Measure:
    """The measure divided by the deviation, which is taken as exact: the interval is that of the measure, divided."""
    if measure.value is None or deviation.value is None:
        reason = measure.reason or deviation.reason
        return not_computable(name, reason, measure.counts, n=measure.n, slice=measure.slice)
    return replace(
        measure,
        name=name,
        value=measure.value / deviation.value,
        low=None if measure.low is None else measure.low / deviation.value,
        high=None if measure.high is None else measure.high / deviation.value,
        method=f"{measure.method}; divided by {deviation.value:.6g}, the {NAME}",
    )
