"""What a score would decide at other thresholds: confusions, cost under a declared matrix, lift. Judges nothing.

A row is predicted positive when its score is at or above the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from approvals.measures.performance import RATES, Confusion, rate_measure
from approvals.measures.scores import Integers, ScoreCounts
from approvals.measures.values import Measure, not_computable

NO_SCORES = "Not computable: no row has a label and a score."


@dataclass(frozen=True)
class ThresholdRow:
    """The confusion at one threshold (infinite: nobody is predicted positive) and its rates with Wilson intervals."""

    threshold: float
    confusion: Confusion
    rates: dict[str, Measure]


@dataclass(frozen=True)
class CostMatrix:
    """What one row of each kind costs, in any one unit; a gain is a negative cost."""

    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0

    def total(self, confusion: Confusion) -> float:
        """Cost of all rows."""
        return math.fsum(
            (
                self.true_positive * confusion.tp,
                self.false_positive * confusion.fp,
                self.false_negative * confusion.fn,
                self.true_negative * confusion.tn,
            )
        )


@dataclass(frozen=True)
class LiftRow:
    """One part of the rows by falling score: its size, its positives, and what the parts so far have caught.

    `lift` is the part's share of positives divided by that of all rows; `gain` the share of positives caught so far.
    Both are None where no row is positive.
    """

    highest_score: float
    lowest_score: float
    n: int
    positives: int
    lift: float | None
    gain: float | None


def threshold_table(
    counts: ScoreCounts, thresholds: Sequence[float], *, level: float = 0.95
) -> tuple[ThresholdRow, ...]:
    """Confusion and rates at each threshold, in the given order; empty denominators are not computable."""
    found = []
    for threshold in thresholds:
        confusion = _at(counts, threshold)
        rates = {name: rate_measure(name, confusion, rate, level=level) for name, rate in RATES.items()}
        found.append(ThresholdRow(float(threshold), confusion, rates))
    return tuple(found)


def quantile_thresholds(counts: ScoreCounts, parts: int = 20) -> tuple[float, ...]:
    """Scores that cut the rows into about equal parts, each one that occurs, rising; none without scores."""
    if not counts.n:
        return ()
    sizes = np.cumsum(counts.positives + counts.negatives)
    places = np.searchsorted(sizes, [counts.n * part / parts for part in range(1, parts)], side="right")
    return tuple(float(score) for score in np.unique(counts.scores[np.minimum(places, counts.scores.size - 1)]))


def mean_cost(confusion: Confusion, costs: CostMatrix, *, name: str = "mean_cost") -> Measure:
    """Cost per row of decisions as they were made, in the unit of the matrix. Not computable without rows."""
    if not confusion.n:
        return not_computable(name, NO_SCORES, confusion.counts, n=0)
    return Measure(name, costs.total(confusion) / confusion.n, confusion.n, counts=confusion.counts)


def least_cost(counts: ScoreCounts, costs: CostMatrix) -> tuple[float | None, Measure]:
    """The threshold of least mean cost and that cost, over every score that occurs and over predicting nobody positive.

    Of thresholds of equal cost the highest, infinite if predicting nobody positive costs least. (None, not computable)
    without rows.
    """
    name = "least_mean_cost"
    if not counts.n:
        return None, not_computable(name, NO_SCORES, n=0)
    above_positive, above_negative = _above(counts.positives), _above(counts.negatives)
    positives, negatives = counts.positive_rows, counts.negative_rows
    totals = (
        costs.true_positive * above_positive
        + costs.false_positive * above_negative
        + costs.false_negative * (positives - above_positive)
        + costs.true_negative * (negatives - above_negative)
    )
    place = int(np.flatnonzero(totals <= totals.min() + 1e-12 * max(1.0, abs(float(totals.min()))))[-1])
    threshold = float(counts.scores[place]) if place < counts.scores.size else math.inf
    confusion = _at(counts, threshold)
    return threshold, Measure(
        name,
        costs.total(confusion) / counts.n,
        counts.n,
        method="least over every score that occurs and over nobody predicted positive",
        counts=confusion.counts,
    )


def lift_table(counts: ScoreCounts, parts: int = 10) -> tuple[LiftRow, ...]:
    """The rows by falling score in about `parts` equal parts; rows of one score stay together, so parts may differ.

    Gain and lift as in Siddiqi, Intelligent Credit Scoring (2017). Empty without scores.
    """
    if not counts.n:
        return ()
    sizes = (counts.positives + counts.negatives)[::-1]
    positives, scores = counts.positives[::-1], counts.scores[::-1]
    done = np.cumsum(sizes)
    ends = np.unique(np.searchsorted(done, [counts.n * part / parts for part in range(1, parts + 1)], side="left"))
    found, start, caught = [], 0, 0
    total, share = counts.positive_rows, counts.positive_rows / counts.n
    for end in map(int, ends):
        part = slice(start, end + 1)
        n, k = int(sizes[part].sum()), int(positives[part].sum())
        caught += k
        found.append(
            LiftRow(
                highest_score=float(scores[start]),
                lowest_score=float(scores[end]),
                n=n,
                positives=k,
                lift=k / n / share if total else None,
                gain=caught / total if total else None,
            )
        )
        start = end + 1
    return tuple(found)


def _at(counts: ScoreCounts, threshold: float) -> Confusion:
    above = slice(int(np.searchsorted(counts.scores, threshold, side="left")), None)
    tp, fp = int(counts.positives[above].sum()), int(counts.negatives[above].sum())
    return Confusion(tp, fp, counts.positive_rows - tp, counts.negative_rows - fp, counts.left_out)


def _above(rows: Integers) -> Integers:
    """Rows at or above each score, and at last 0: above all of them."""
    return np.concatenate([np.cumsum(rows[::-1])[::-1], [0]])
