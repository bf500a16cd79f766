"""DeLong's variance of the difference of two areas on the same rows, in whole numbers. Judges nothing.

The place of a positive row is twice the negative rows whose score is below its own, and those that are equal once; of a
negative row the same among positive ones. Areas, and the covariance of DeLong et al. (1988), are sums of these places
(Sun and Xu 2014), so that nothing is rounded before the end, whatever order and pieces rows come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from approvals.measures.scores import Floats, Integers

_LOW_BITS = 20
_TOGETHER = 1 << 20
"""So many products of numbers below 2^20 are below 2^63 together."""


@dataclass(frozen=True)
class Below:
    """Positive and negative rows whose score is below some scores."""

    positives: int = 0
    negatives: int = 0


def places(scores: Floats, is_positive: NDArray[np.bool_], below: Below) -> tuple[Integers, Integers]:
    """The order in which the scores rise, and the places of rows in that order, where `below` come before them all."""
    order = np.argsort(scores)
    values, positive = scores[order], is_positive[order]
    last = np.append(np.flatnonzero(values[1:] != values[:-1]), values.size - 1)
    through = np.cumsum(positive, dtype=np.int64)[last]
    rest = last + 1 - through
    sizes = np.diff(last, prepend=-1)
    # Rows up to the last equal one, and those before the first: their sum counts what is below twice, equal ones once.
    of_negatives = _twice(through, below.positives)
    of_positives = _twice(rest, below.negatives)
    return order, np.where(positive, np.repeat(of_positives, sizes), np.repeat(of_negatives, sizes))


def _twice(through: Integers, below: int) -> Integers:
    before: Integers = np.concatenate([np.zeros(1, dtype=np.int64), through[:-1]])
    return 2 * below + through + before


class AreaDifference:
    """Adds up how far the places of rows are apart by two scores, of so many positives and negatives."""

    def __init__(self, positives: int, negatives: int) -> None:
        self._sizes = (positives, negatives)
        self._sums = [0, 0]
        self._squares = [0, 0]

    def add(self, apart: Integers, is_positive: NDArray[np.bool_]) -> None:
        """Places by the first score minus those by the second."""
        for side, chosen in enumerate((is_positive, ~is_positive)):
            found = apart[chosen]
            for start in range(0, found.size, _TOGETHER):
                piece = found[start : start + _TOGETHER]
                high, low = piece >> _LOW_BITS, piece & ((1 << _LOW_BITS) - 1)
                self._sums[side] += int(piece.sum())
                squares = (int((high * high).sum()) << _LOW_BITS) + 2 * int((high * low).sum())
                self._squares[side] += (squares << _LOW_BITS) + int((low * low).sum())

    @property
    def value(self) -> float:
        """The first area minus the second."""
        return float(Fraction(self._sums[0], 2 * self._sizes[0] * self._sizes[1]))

    @property
    def variance(self) -> float:
        """Of the value; both classes have two rows or more. 0 only where every row says the same."""
        total = Fraction(0)
        for side in (0, 1):
            n, others = self._sizes[side], self._sizes[1 - side]
            spread = n * self._squares[side] - self._sums[side] ** 2  # n (n - 1) times the sample variance
            total += Fraction(spread, 4 * others**2 * n**2 * (n - 1))
        return float(total)
