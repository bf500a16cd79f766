"""Two predictions of a number on the same rows: does one err less? Judges nothing. No order of rows changes a bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from approvals.measures.exact_sums import BoundedSum
from approvals.measures.intervals import Interval, t_quantile
from approvals.measures.paired import NO_ROWS
from approvals.measures.performance import with_interval
from approvals.measures.ranges import FINITE
from approvals.measures.scores import Floats
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

FEWEST_ROWS = 10
"""Fewer rows have no interval: of two that happen to agree it would be sure of what is chance in four."""
OF_NUMBERS = ("mae_difference", "rmse_difference", "mae_ratio")
TOO_LARGE = "Not computable: the numbers are beyond the range of 64-bit floating point."
NEVER_ERRS = "Not computable: the mean absolute error of the model in use is 0."
_METHODS = (
    "Student's t, paired",
    "Student's t by the delta method, paired",
    "Student's t of the logarithm by the delta method, paired",
)
_ROUNDING = 1e-12

Errors = Callable[[Callable[[Floats, Floats], None]], None]
"""Gives the |errors| of both predictions, piece after piece, to what takes them; as often as it is asked."""


def number_differences(labels: Floats, first: Floats, second: Floats, *, level: float = 0.95) -> dict[str, Measure]:
    """Errors of the first prediction of numbers minus those of the second, below 0 where the first is better.

    mae_difference and rmse_difference in the unit of the label; mae_ratio: the mean absolute error of the first as a
    multiple of that of the second. Intervals by Student's t with n - 1 degrees of freedom: of the mean difference per
    row; of the others by the delta method (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 21),
    of the ratio by its logarithm. One end misses, of 2.5 %, with normal errors of 10 rows in 2.6, 3.5 and 2.1 %, where
    the percentile bootstrap of rows missed in 5.3, 5.7 and 5.3; with lognormal errors in 3.5, 11 and 5 % (10.8, 17 and
    7), of 200 rows in 3, 5 and 3 %: a few large errors decide a root mean square (simulated, 2,000 tables each).
    Fewer than FEWEST_ROWS rows have no interval. Rows without all three finite numbers are left out. Not computable
    without rows; the ratio where the second never errs.
    """
    known = np.isfinite(labels) & np.isfinite(first) & np.isfinite(second)
    with np.errstate(over="ignore"):
        errors = np.abs(first[known] - labels[known]), np.abs(second[known] - labels[known])
    return _differences(lambda take: take(*errors), level)


def table_differences(table: Table, label: str, first: str, second: str, *, level: float = 0.95) -> dict[str, Measure]:
    """`number_differences` of columns of a table, of whose rows only a piece is in memory where the engine allows it.

    TableError for columns that do not hold numbers.
    """
    for name in (label, first, second):
        table.require_numbers(name)
    cells = [f"CAST({table.cell(name)} AS DOUBLE)" for name in (label, first, second)]
    finite = " AND ".join(f"({FINITE.replace('x', cell, 1)})" for cell in cells)
    named = ", ".join(f"{cell} AS {name}" for cell, name in zip(cells, ("y", "a", "b"), strict=True))
    asked = f"SELECT {named} FROM t WHERE {finite}"  # noqa: S608 - our own templates and c0, c1, … only

    def errors(take: Callable[[Floats, Floats], None]) -> None:
        def of(labels: Floats, one: Floats, other: Floats) -> None:
            with np.errstate(over="ignore"):
                take(np.abs(one - labels), np.abs(other - labels))

        table.each_piece(asked, of)

    return _differences(errors, level)


def _differences(errors: Errors, level: float) -> dict[str, Measure]:
    n, largest = _sizes(errors)
    if not n:
        return {name: not_computable(name, NO_ROWS, n=0) for name in OF_NUMBERS}
    if not all(math.isfinite(4.0 * n * most * most) for most in largest):
        return {name: not_computable(name, TOO_LARGE, n=n) for name in OF_NUMBERS}
    whole = _whole(errors, n, largest)
    halves = _halves(errors, whole, level) if n >= FEWEST_ROWS else (0.0, 0.0, 0.0)

    def measure(place: int, value: float, low: float, high: float) -> Measure:
        interval = Interval(low, high, level, _METHODS[place]) if halves[place] else None
        return with_interval(OF_NUMBERS[place], value, n, interval)

    gap, roots = whole.means[0] - whole.means[1], whole.roots[0] - whole.roots[1]
    found = [
        measure(place, value, value - halves[place], value + halves[place]) for place, value in ((0, gap), (1, roots))
    ]
    if whole.means[1]:
        ratio, factor = whole.means[0] / whole.means[1], math.exp(halves[2])
        found.append(measure(2, ratio, ratio / factor, ratio * factor))
    else:
        found.append(not_computable(OF_NUMBERS[2], NEVER_ERRS, n=n))
    return dict(zip(OF_NUMBERS, found, strict=True))


def _sizes(errors: Errors) -> tuple[int, tuple[float, float]]:
    """Rows, and the largest |error| of both."""
    rows, largest = [0], [0.0, 0.0]

    def take(one: Floats, other: Floats) -> None:
        if one.size:
            rows[0] += one.size
            largest[:] = max(largest[0], float(one.max())), max(largest[1], float(other.max()))

    errors(take)
    return rows[0], (largest[0], largest[1])


@dataclass(frozen=True)
class _Whole:
    """Rows, and means and root means of squares of the errors of both."""

    n: int
    means: tuple[float, float]
    squares: tuple[float, float]

    @property
    def roots(self) -> tuple[float, float]:
        return math.sqrt(self.squares[0]), math.sqrt(self.squares[1])

    def influences(self, one: Floats, other: Floats) -> tuple[Floats, Floats, Floats]:
        """What each row adds to the difference of means, of roots, and of the logarithms of the means."""
        parts = []
        for place, size in enumerate((one, other)):
            mean, root, square = self.means[place], self.roots[place], self.squares[place]
            none = np.zeros(size.size)
            parts.append(
                (size - mean, (size**2 - square) / (2 * root) if root else none, size / mean if mean else none)
            )
        (a, b, c), (d, e, f) = parts
        return a - d, b - e, c - f


def _whole(errors: Errors, n: int, largest: tuple[float, float]) -> _Whole:
    sums = [BoundedSum(bound) for bound in (*largest, largest[0] ** 2, largest[1] ** 2)]

    def take(one: Floats, other: Floats) -> None:
        for each, part in zip(sums, (one, other, one**2, other**2), strict=True):
            each.add(part)

    errors(take)
    found = [each.value / n for each in sums]
    return _Whole(n, (found[0], found[1]), (found[2], found[3]))


def _halves(errors: Errors, whole: _Whole, level: float) -> tuple[float, ...]:
    """Half the width of each interval; 0 where every row adds the same but for rounding, which shows no uncertainty."""
    bounds = [0.0, 0.0, 0.0]

    def measure(one: Floats, other: Floats) -> None:
        if one.size:
            bounds[:] = [max(*pair) for pair in zip(bounds, map(_largest, whole.influences(one, other)), strict=True)]

    errors(measure)
    sums = [BoundedSum(bound**2) for bound in bounds]

    def take(one: Floats, other: Floats) -> None:
        for each, part in zip(sums, whole.influences(one, other), strict=True):
            each.add(part**2)

    errors(take)
    deviations = [math.sqrt(each.value / (whole.n - 1)) for each in sums]
    scales = (max(whole.means), max(whole.roots), 1.0)
    times = t_quantile(level, whole.n - 1) / math.sqrt(whole.n)
    seen = [one > _ROUNDING * scale for one, scale in zip(deviations, scales, strict=True)]
    seen[2] = seen[2] and bool(whole.means[0])
    return tuple(times * one if is_seen else 0.0 for one, is_seen in zip(deviations, seen, strict=True))


def _largest(values: Floats) -> float:
    return float(np.abs(values).max())
