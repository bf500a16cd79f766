"""Rank and probability statistics from counts per distinct score. Undefined is None, never 0.

So ties are exact and no result depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ARRAYS = ("scores", "positives", "negatives")
_LOG_CLIP = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """How many positives and negatives have each distinct finite score, scores ascending.

    `left_out` counts rows with a label but no finite score.
    """

    scores: Floats
    positives: Integers
    negatives: Integers
    left_out: int = 0

    @property
    def positive_rows(self) -> int:
        """Rows with a positive label and a score."""
        return int(self.positives.sum())

    @property
    def negative_rows(self) -> int:
        """Rows with a negative label and a score."""
        return int(self.negatives.sum())

    @property
    def n(self) -> int:
        """Rows with a label and a score."""
        return self.positive_rows + self.negative_rows

    @property
    def are_probabilities(self) -> bool:
        """Whether there is a score and every score is within [0, 1]."""
        return bool(self.scores.size and self.scores[0] >= 0.0 and self.scores[-1] <= 1.0)

    @classmethod
    def from_arrays(cls, labels: NDArray[np.bool_], scores: Floats) -> ScoreCounts:
        """Counts from one boolean label and one score per row; rows with a non-finite score are left out."""
        finite = np.isfinite(scores)
        values, index = np.unique(scores[finite] + 0.0, return_inverse=True)
        positive = np.bincount(index, weights=labels[finite], minlength=values.size).astype(np.int64)
        total = np.bincount(index, minlength=values.size).astype(np.int64)
        return cls(values, positive, total - positive, int(scores.size - finite.sum()))


def merge(parts: Sequence[ScoreCounts]) -> ScoreCounts:
    """The counts of all parts together; without parts, no rows."""
    if len(parts) == 1:
        return parts[0]
    every = [np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)]) for name in _ARRAYS]
    values, index = np.unique(every[0], return_inverse=True)
    sums = [np.bincount(index, weights=column, minlength=values.size).astype(np.int64) for column in every[1:]]
    return ScoreCounts(values, sums[0], sums[1], sum(part.left_out for part in parts))


def roc_auc(counts: ScoreCounts) -> float | None:
    """Area under the ROC curve as Mann-Whitney's U/(PN), ties one half (Hanley & McNeil 1982).

    Undefined without a positive or without a negative.
    """
    positives, negatives = counts.positive_rows, counts.negative_rows
    if not positives or not negatives:
        return None
    below = np.cumsum(counts.negatives) - counts.negatives
    twice = sum(int(part) for part in _blocks(counts.positives * (2 * below + counts.negatives)))
    return twice / (2 * positives * negatives)


def _blocks(values: Integers) -> Integers:
    # Sums of 1024 terms fit in 64 bits for any count of rows that fits on a disk; their total may not.
    starts = np.arange(0, values.size, 1024)
    return np.add.reduceat(values, starts) if values.size else values


def average_precision(counts: ScoreCounts) -> float | None:
    """Sum of (recall step) x precision over descending scores, no interpolation (scikit-learn's definition).

    Undefined without a positive.
    """
    if not counts.positive_rows:
        return None
    recall, precision = _precision_recall(counts)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_recall_trapezoid(counts: ScoreCounts) -> float | None:
    """Trapezoid area under precision over recall, from (0, 1); a different number than average precision.

    Undefined without a positive.
    """
    if not counts.positive_rows:
        return None
    recall, precision = _precision_recall(counts)
    recall, precision = np.concatenate(([0.0], recall)), np.concatenate(([1.0], precision))
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2.0))


def _precision_recall(counts: ScoreCounts) -> tuple[Floats, Floats]:
    found = np.cumsum(counts.positives[::-1])
    called = found + np.cumsum(counts.negatives[::-1])
    return found / counts.positive_rows, found / called


def kolmogorov_smirnov(counts: ScoreCounts) -> float | None:
    """Largest |TPR - FPR| over all thresholds, the two-sample KS distance of the scores of both classes.

    Undefined without a positive or without a negative.
    """
    if not counts.positive_rows or not counts.negative_rows:
        return None
    true_rate = np.cumsum(counts.positives) / counts.positive_rows
    false_rate = np.cumsum(counts.negatives) / counts.negative_rows
    return float(np.max(np.abs(true_rate - false_rate)))


@dataclass(frozen=True)
class MeanLoss:
    """Mean loss per row and its sample variance (ddof 1; None for one row)."""

    mean: float
    variance: float | None
    n: int


def brier(counts: ScoreCounts) -> MeanLoss | None:
    """Mean squared difference of score and label (Brier 1950). Undefined without rows or outside [0, 1]."""
    if not counts.are_probabilities:
        return None
    return _mean_loss(counts, (counts.scores - 1.0) ** 2, counts.scores**2)


def log_loss(counts: ScoreCounts) -> MeanLoss | None:
    """Mean negative log likelihood, natural logarithm, scores clipped at float64 eps as scikit-learn does.

    Undefined without rows or outside [0, 1].
    """
    if not counts.are_probabilities:
        return None
    clipped = np.clip(counts.scores, _LOG_CLIP, 1.0 - _LOG_CLIP)
    return _mean_loss(counts, -np.log(clipped), -np.log(1.0 - clipped))


def _mean_loss(counts: ScoreCounts, of_positive: Floats, of_negative: Floats) -> MeanLoss:
    n = counts.n
    mean = float(np.sum(counts.positives * of_positive) + np.sum(counts.negatives * of_negative)) / n
    if n <= 1:
        return MeanLoss(mean, None, n)
    squares = np.sum(counts.positives * (of_positive - mean) ** 2) + np.sum(
        counts.negatives * (of_negative - mean) ** 2
    )
    return MeanLoss(mean, float(squares) / (n - 1), n)
