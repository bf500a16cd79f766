"""Numbers that lie far from the others of their column: outside Tukey's fences, or many deviations away.

Being far away is no error; these counts say where to look. Judges nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from approvals.measures.rows import TOO_LARGE, centred, exact_mean
from approvals.measures.scores import Floats
from approvals.measures.tables import Table
from approvals.measures.values import Counts, Measure, Slice, not_computable

FENCE, FAR, DEVIATIONS = 1.5, 3.0, 3.0


@dataclass(frozen=True)
class Outliers:
    """One column: its quartiles (linear between order statistics), its fences, and how many rows lie outside.

    `measures`: outliers_tukey, rows below q1 - 1.5 (q3 - q1) or above q3 + 1.5 (q3 - q1); outliers_far, the same with
    3 (Tukey 1977); outliers_beyond_3_std, rows further than 3 standard deviations (ddof 0) from the mean. Numbers on a
    fence are inside. Missing and infinite values are no numbers and never counted. None where undefined.
    """

    q1: float | None
    q3: float | None
    low_fence: float | None
    high_fence: float | None
    measures: dict[str, Measure]


def outliers(table: Table, column: str) -> Outliers:
    """The outliers of a number column. TableError unless it holds numbers."""
    return outliers_of(table.numbers(column), column)


def outliers_of(values: Floats, column: str) -> Outliers:
    """The outliers of one number per row.

    Fences are not computable without numbers, and where both quartiles are the same: then they have no width, and every
    other value would be outside. Deviations are not computable where the numbers do not vary.
    """
    finite, where = values[np.isfinite(values)], (("column", column),)
    rest: Counts = (("rows_left_out", int(values.size - finite.size)),)
    if not finite.size:
        reason = "Not computable: the column has no numbers."
        return Outliers(None, None, None, None, {name: _none(name, reason, 0, rest, where) for name in _NAMES})
    with np.errstate(over="ignore", invalid="ignore"):
        q1, q3 = (float(quartile) for quartile in np.quantile(finite, [0.25, 0.75]))
    low, high = q1 - FENCE * (q3 - q1), q3 + FENCE * (q3 - q1)
    measures = {"outliers_beyond_3_std": _beyond(finite, rest, where)}
    wide = math.isfinite(q3 - q1) and math.isfinite(low) and math.isfinite(high)
    if q1 == q3 or not wide:
        reason = (
            f"Not computable: {TOO_LARGE}."
            if not wide
            else "Not computable: half of the numbers or more are the same, so the fences have no width."
        )
        for name in _FENCED:
            measures[name] = _none(name, reason, finite.size, rest, where)
        ends = [end if math.isfinite(end) else None for end in (q1, q3)]
        return Outliers(ends[0], ends[1], None, None, measures)
    for name, times in _FENCED.items():
        below = int((finite < q1 - times * (q3 - q1)).sum())
        above = int((finite > q3 + times * (q3 - q1)).sum())
        counts: Counts = (("below", below), ("above", above), *rest)
        method = f"rows outside the quartiles by more than {times:g} times their distance"
        measures[name] = Measure(name, below + above, finite.size, method=method, slice=where, counts=counts)
    return Outliers(q1, q3, low, high, measures)


_FENCED = {"outliers_tukey": FENCE, "outliers_far": FAR}
_NAMES = (*_FENCED, "outliers_beyond_3_std")


def _none(name: str, reason: str, n: int, rest: Counts, where: Slice) -> Measure:
    return not_computable(name, reason, rest, n=n, slice=where)


def _beyond(finite: Floats, rest: Counts, where: Slice) -> Measure:
    name, n = "outliers_beyond_3_std", int(finite.size)
    if finite.min() == finite.max():
        return _none(name, "Not computable: the numbers do not vary.", n, rest, where)
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = centred(finite)
        deviation = math.sqrt(exact_mean(gaps**2)) if np.isfinite(gaps).all() else math.nan
    if not math.isfinite(deviation) or not deviation:
        return _none(name, f"Not computable: {TOO_LARGE}.", n, rest, where)
    below, above = int((gaps < -DEVIATIONS * deviation).sum()), int((gaps > DEVIATIONS * deviation).sum())
    counts: Counts = (("below", below), ("above", above), *rest)
    method = f"rows further than {DEVIATIONS:g} standard deviations (ddof 0) from the mean"
    return Measure(name, below + above, n, method=method, slice=where, counts=counts)
