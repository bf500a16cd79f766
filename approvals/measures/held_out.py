"""What the values of a column say about rows that were not used to learn it, in expectation over all halvings.

The rows of each value are parted into two halves at random, whatever their labels. What one half says of a value is
held against the rows of the other half; values that the first half does not have say what all rows say. Where labels
are drawn without regard to the values, this is one half (a correlation of 0) in expectation, however rare the values
are: the share of positives of a value in the very same rows is not, nor is what all rows but one say (it is lower for
positives). Nothing is drawn: the expectation over all halvings is computed from how many values have how many rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from approvals.measures.scores import Floats, Integers

_TOGETHER = 1 << 18
_DEVIATIONS, _BESIDE = 12, 24
"""Outcomes of a halving that are farther from the commonest than so many deviations and rows are not looked at."""


def held_out_area(patterns: Iterable[tuple[int, int, int]]) -> float | None:
    """Area under the ROC curve, in [0, 1], of the share of positives of each value in half of its rows, for the others.

    `patterns` are positives, rows, and how many values have as many of both. It is the chance that of a positive and a
    negative row of the same half the other half gives the positive one the higher share, ties one half: the expected
    number of such pairs over that of all pairs. None where no half can have a pair.
    """
    of_all = [(int(k), int(n), int(values)) for k, n, values in patterns]
    positives = sum(k * values for k, _, values in of_all)
    rows = sum(n * values for _, n, values in of_all)
    if not 0 < positives < rows:
        return None
    halves = _Halves(positives / rows)
    for k, n, values in sorted(of_all):
        halves.add(k, n, values)
    return halves.area()


class _Halves:
    """Adds up expected positives and negatives by the share that the other half gives their value."""

    def __init__(self, overall: float) -> None:
        self._overall = overall
        self._waiting: list[tuple[Floats, Floats, Floats]] = []
        self._size = 0
        self._won: list[float] = []
        self._pairs: list[float] = []

    def add(self, k: int, n: int, values: int) -> None:
        """Values of k positives among n rows."""
        share, chance, positives, negatives = _outcomes(k, n, self._overall)
        share, place = np.unique(share, return_inverse=True)
        of_positives, of_negatives = _summed(place, chance * positives), _summed(place, chance * negatives)
        # Rows of one value are in one outcome, not in two that know nothing of each other.
        same = float(np.dot(chance, positives * negatives))
        self._won.append(values * (same / 2.0 - _won(of_positives, of_negatives)))
        self._pairs.append(values * (same - float(of_positives.sum()) * float(of_negatives.sum())))
        self._waiting.append((share, values * of_positives, values * of_negatives))
        self._size += share.size
        if self._size > _TOGETHER:
            self._waiting = [self._merged()]
            self._size = self._waiting[0][0].size

    def area(self) -> float | None:
        _, positives, negatives = self._merged()
        pairs = float(positives.sum()) * float(negatives.sum()) + math.fsum(self._pairs)
        if pairs <= _NO_PAIR:
            return None
        return min(1.0, max(0.0, (_won(positives, negatives) + math.fsum(self._won)) / pairs))

    def _merged(self) -> tuple[Floats, Floats, Floats]:
        share, place = np.unique(np.concatenate([part[0] for part in self._waiting]), return_inverse=True)
        positives, negatives = (np.concatenate([part[side] for part in self._waiting]) for side in (1, 2))
        return share, _summed(place, positives), _summed(place, negatives)


_NO_PAIR = 1e-6
"""Expected pairs below what a single halving of the fewest rows can give, so that only rounding is left."""


def _summed(place: Integers, of: Floats) -> Floats:
    return np.bincount(place, of).astype(np.float64, copy=False)


def _won(positives: Floats, negatives: Floats) -> float:
    """Pairs of a positive and a negative row in which the positive one has the higher share, ties one half."""
    return float(np.dot(positives, np.cumsum(negatives) - negatives / 2.0))


def _outcomes(k: int, n: int, overall: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Share of positives in the half that is learnt from, its chance, and positives and negatives in the other half."""
    found = []
    for half in sorted({n // 2, n - n // 2}):
        drawn, chance = _draws(k, n, half)
        share = drawn / half if half else np.full(drawn.size, overall)
        found.append((share, chance / (1 + n % 2), k - drawn, (n - k) - (half - drawn)))
    share, chance, positives, negatives = (
        np.concatenate(parts).astype(np.float64) for parts in zip(*found, strict=True)
    )
    return share, chance, positives, negatives


def _draws(k: int, n: int, half: int) -> tuple[Integers, Floats]:
    """How many of k positives among n rows are in a random half, with the chance of each (hypergeometric)."""
    low, high = max(0, half - (n - k)), min(k, half)
    mode = min(high, max(low, (half + 1) * (k + 1) // (n + 2)))
    width = _BESIDE + int(_DEVIATIONS * math.sqrt(n) / 2)
    low, high = max(low, mode - width), min(high, mode + width)
    drawn = np.arange(low, high + 1, dtype=np.int64)
    before = drawn[:-1].astype(np.float64)
    rise = np.log(k - before) + np.log(half - before) - np.log(before + 1) - np.log(n - k - half + before + 1)
    logs = np.concatenate([[0.0], np.cumsum(rise)])
    chance = np.exp(logs - logs.max())
    return drawn, chance / chance.sum()


@dataclass(frozen=True)
class ValuesOfSize:
    """Values that have n rows each: how many, and over them the sum of (sum of labels)², and of the labels' squares.

    Labels are whole numbers with the mean 0 over all rows.
    """

    n: int
    values: int
    squared_sums: int
    squares: int


def held_out_correlation(sizes: Iterable[ValuesOfSize]) -> float | None:
    """Correlation, in [-1, 1], of the mean label of each value in half of its rows with the labels of the others.

    Values without a row in the first half have the overall mean. Each of its three moments is the expectation over all
    halvings. None where labels do not vary; 0 where no value has two rows.
    """
    both: list[float] = []
    means: list[float] = []
    labels: list[float] = []
    for size in sizes:
        n, halves = size.n, {size.n // 2, size.n - size.n // 2}
        square = size.squares / n
        product = (size.squared_sums - size.squares) / (n * (n - 1)) if n > 1 else 0.0
        for half in halves:
            rest = (n - half) / len(halves)
            labels.append(rest * square)
            if half:
                both.append(rest * product)
                means.append(rest * (square + (half - 1) * product) / half)
    if not math.fsum(labels):
        return None
    spread = math.sqrt(max(0.0, math.fsum(means)) * math.fsum(labels))
    return min(1.0, max(-1.0, math.fsum(both) / spread)) if spread else 0.0
