"""A number in the unit of the label as a multiple of how far the labels spread, so that units do not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from approvals.measures.rows import TOO_LARGE, centred, exact_mean
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

NAME = "standard deviation of the label"


def label_deviation(table: Table, *, label: str, prediction: str) -> Measure:
    """Standard deviation (of all rows, ddof 0) of the labels that have a finite prediction, in the unit of the label.

    Not computable without rows, when every label is the same, and beyond 64-bit floats.
    """
    labels = table.numbers(label)
    labels = labels[np.isfinite(labels) & np.isfinite(table.numbers(prediction))]
    if not labels.size:
        return not_computable(NAME, "Not computable: no row has a finite label and a finite prediction.", n=0)
    if labels.min() == labels.max():
        return not_computable(NAME, "Not computable: every label is the same.", n=labels.size)
    with np.errstate(over="ignore", invalid="ignore"):
        variance = exact_mean(centred(labels) ** 2)
    if not math.isfinite(variance) or not variance:
        return not_computable(NAME, f"Not computable: {TOO_LARGE}.", n=labels.size)
    return Measure(NAME, math.sqrt(variance), labels.size, method="ddof 0")


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
