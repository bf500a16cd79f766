"""Sums of doubles in whole numbers, so that no order of rows and no pieces they come in change a bit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from approvals.measures.scores import Floats

_BITS, _LEVELS = 26, 3
_PIECE = 1 << 15
"""So many whole numbers of 26 bits are below 2^53 together, so doubles hold every sum of them."""


class BoundedSum:
    """The sum of numbers none of which is beyond a bound.

    Each is rounded to 78 bits below the bound, a ten-millionth of the last place of a double of that size; nothing is
    rounded after it.
    """

    def __init__(self, bound: float) -> None:
        """`bound` is finite and at least as large as every number without its sign."""
        self._power = math.frexp(bound)[1]
        self._sums = [0] * _LEVELS

    def add(self, values: Floats) -> None:
        """More numbers."""
        for start in range(0, values.size, _PIECE):
            rest = np.ldexp(values[start : start + _PIECE], -self._power)
            for level in range(_LEVELS):
                whole = np.rint(np.ldexp(rest, _BITS * (level + 1)))
                self._sums[level] += int(whole.sum())
                rest = rest - np.ldexp(whole, -_BITS * (level + 1))

    @property
    def value(self) -> float:
        """The sum, rounded once. OverflowError beyond 64-bit floats."""
        total = 0
        for part in self._sums:
            total = (total << _BITS) + part
        return float(Fraction(total) * Fraction(2) ** (self._power - _BITS * _LEVELS))
