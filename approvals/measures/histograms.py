"""Rows of two samples in the same bins, and what that proves about numbers that need the order of values.

A bin tells how many rows of each sample lie in it and their least and greatest value, not how the rows of both are
mixed inside. Every bound is over all ways in which they could be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.ranges import BINS
from approvals.measures.scores import Floats

Bounds = tuple[float, float]
METHOD = f"bounded by a histogram of {BINS:,} bins"
LEVELS = 2.0**32
"""Values are summed as whole numbers of so many parts of the range, which has the same result in any order of rows."""
ROUNDING = 1e-12
"""Relative error of sums of doubles that nobody reaches: of ours here, and of the exact number that is bounded."""
BinRow = tuple[int, int, float, float, int]
"""Number of a bin, rows of one sample in it, their least and greatest value, and the sum of their levels."""
_Whole = NDArray[Any]


def bins_query(rows: str) -> str:
    """SQL of the bins, each with whether y, of the column x of a query; its parameters follow `bins_parameters`."""
    return (
        "SELECT y, b, COUNT(*), MIN(x), MAX(x), SUM(g) FROM (SELECT x, y, "  # noqa: S608 - our own templates only
        "CAST(LEAST(FLOOR((x / 2.0 - ?) / ? * ?), ?) AS INTEGER) AS b, "
        "CAST(FLOOR((x / 2.0 - ?) / ? * ?) AS BIGINT) AS g "
        f"FROM ({rows}) AS r WHERE x BETWEEN ? AND ?) AS s GROUP BY y, b ORDER BY b, y"
    )


def bins_parameters(low: float, high: float) -> tuple[float, ...]:
    """What stands before the parameters of the query itself; low and high stand after them."""
    start, width = low / 2.0, high / 2.0 - low / 2.0  # halves: the whole may be more than a double can hold
    return start, width, float(BINS), float(BINS - 1), start, width, LEVELS


@dataclass(frozen=True, eq=False)
class TwoHistograms:
    """Bins in rising order that have rows of a first or a second sample, and the ends of the range that was cut.

    Rows are whole numbers of any size; least and greatest value are NaN where a sample has no rows. `levels` sums, over
    the rows of a bin, how many of LEVELS parts of the range lie wholly below the value.
    """

    low: float
    high: float
    rows: tuple[_Whole, _Whole]
    least: tuple[Floats, Floats]
    most: tuple[Floats, Floats]
    levels: tuple[_Whole, _Whole]

    @classmethod
    def of(cls, low: float, high: float, first: Iterable[BinRow], second: Iterable[BinRow]) -> TwoHistograms:
        """From the bins of each sample."""
        sides = [{row[0]: row for row in side} for side in (first, second)]
        numbers = sorted(set(sides[0]) | set(sides[1]))
        nothing = (0, 0, math.nan, math.nan, 0)

        def column(place: int, kind: Any) -> tuple[NDArray[Any], NDArray[Any]]:
            one, two = (np.array([side.get(b, nothing)[place] for b in numbers], dtype=kind) for side in sides)
            return one, two

        return cls(low, high, column(1, object), column(2, np.float64), column(3, np.float64), column(4, object))

    @cached_property
    def totals(self) -> tuple[int, int]:
        """Rows of each sample."""
        return int(sum(self.rows[0])), int(sum(self.rows[1]))

    @cached_property
    def is_alone(self) -> NDArray[np.bool_]:
        """Bins in which only one sample has rows, or both have one and the same value."""
        one_value = (self.least[0] == self.most[0]) & (self.least[1] == self.most[1]) & (self.least[0] == self.least[1])
        return np.asarray(one_value | (self.rows[0] == 0) | (self.rows[1] == 0))

    def below(self, side: int) -> _Whole:
        """Rows of a sample in lower bins."""
        return np.asarray(np.cumsum(self.rows[side]) - self.rows[side])

    @cached_property
    def apart(self) -> tuple[_Whole, _Whole, _Whole]:
        """F - G times all pairs of rows: at the end of each bin, and the least and the most it can be within."""
        first, second = self.totals
        left = self.below(0) * second - self.below(1) * first
        up, down = left + self.rows[0] * second, left - self.rows[1] * first
        return left + self.rows[0] * second - self.rows[1] * first, down, up

    @cached_property
    def ks(self) -> Bounds:
        """Largest |F - G|. Both samples must have rows.

        At the end of a bin F - G is known and attained. Within, it is at most what it was before plus all rows of the
        first sample, and at least what it was before minus all of the second; both are attained where one sample lies
        wholly below the other, and where a bin has one value or one sample it only goes to its end.
        """
        end, down, up = self.apart
        ends = abs(end)
        first_below, second_below = self.most[0] < self.least[1], self.most[1] < self.least[0]
        attained = max([*ends, *abs(up[first_below]), *abs(down[second_below])])
        mixed = ~(self.is_alone | first_below | second_below)
        possible = max([attained, *abs(up[mixed]), *abs(down[mixed])])
        pairs = self.totals[0] * self.totals[1]
        return outward(attained / pairs, possible / pairs, least=0.0, most=1.0)


def outward(
    low: float, high: float, *, least: float = -math.inf, most: float = math.inf, relative: float = 0.0
) -> Bounds:
    """Bounds moved apart, by one step of a double at least, so that no rounding can break what they say."""
    down = math.nextafter(low - relative * abs(low), -math.inf)
    up = math.nextafter(high + relative * abs(high), math.inf)
    return max(down, least), min(up, most)
