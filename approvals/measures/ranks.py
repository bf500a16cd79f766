"""Statistics of ranks and probabilities of one score, all from one reading of its counts. Undefined is None."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from approvals.measures.moments import Moments

if TYPE_CHECKING:
    from approvals.measures.scores import ScoreCounts

LOG_CLIP = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class MeanLoss:
    """Mean loss per row and its sample variance (ddof 1; None for one row)."""

    mean: float
    variance: float | None
    n: int


@dataclass(frozen=True)
class Ranks:
    """What the scores of P positives and N negatives say; shares and areas are in [0, 1].

    roc_auc: Mann-Whitney's U/(PN), ties one half (Hanley & McNeil 1982), and its standard error (DeLong et al. 1988,
    ranks of Sun & Xu 2014; None with fewer than two of either). average_precision: sum of recall step x precision
    over descending scores, no interpolation (scikit-learn). pr_trapezoid: area under precision over recall from (0, 1).
    ks: largest |TPR - FPR| over all thresholds. All None without the positives or negatives that they need.
    brier: mean squared difference of score and label (Brier 1950); log_loss: mean negative log likelihood, natural,
    scores clipped at float64 eps as scikit-learn does; both None without rows or with a score outside [0, 1].
    score: moments of the score; gap: moments of label (0 or 1) minus score.
    """

    distinct: int
    lowest: float | None
    highest: float | None
    roc_auc: float | None
    roc_auc_se: float | None
    average_precision: float | None
    pr_trapezoid: float | None
    ks: float | None
    brier: MeanLoss | None
    log_loss: MeanLoss | None
    score: Moments
    gap: Moments


class _Reading:
    """Adds up block after block of rising scores."""

    def __init__(self, positives: int, negatives: int) -> None:
        self.positives, self.negatives = positives, negatives
        self.positives_below = self.negatives_below = self.distinct = self.twice_wins = 0
        self.lowest: float | None = None
        self.highest: float | None = None
        self.average_precision = self.trapezoid = self.ks = 0.0
        self.of_positives = self.of_negatives = self.score = self.gap = self.brier = self.log_loss = Moments()

    def add(self, block: ScoreCounts) -> None:
        if not block.scores.size:
            return
        self.lowest = float(block.scores[0]) if self.lowest is None else self.lowest
        self.highest = float(block.scores[-1])
        self.distinct += block.scores.size
        positives_through = np.cumsum(block.positives) + self.positives_below
        negatives_through = np.cumsum(block.negatives) + self.negatives_below
        if self.positives and self.negatives:
            self._areas(block, positives_through, negatives_through)
        if self.positives:
            self._precision(block, positives_through, negatives_through)
        self._losses(block)
        self.positives_below, self.negatives_below = int(positives_through[-1]), int(negatives_through[-1])

    def _areas(
        self, block: ScoreCounts, positives_through: NDArray[np.int64], negatives_through: NDArray[np.int64]
    ) -> None:
        twice_negatives_below = 2 * negatives_through - block.negatives
        self.twice_wins += _whole_sum(block.positives * twice_negatives_below)
        wins = twice_negatives_below / (2.0 * self.negatives)
        self.of_positives += Moments.of((block.positives, wins))
        losses = 1.0 - (2 * positives_through - block.positives) / (2.0 * self.positives)
        self.of_negatives += Moments.of((block.negatives, losses))
        apart = np.abs(positives_through / self.positives - negatives_through / self.negatives)
        self.ks = max(self.ks, float(apart.max()))

    def _precision(
        self, block: ScoreCounts, positives_through: NDArray[np.int64], negatives_through: NDArray[np.int64]
    ) -> None:
        found = self.positives - (positives_through - block.positives)
        called = found + self.negatives - (negatives_through - block.negatives)
        precision = found / called
        step = block.positives / self.positives
        self.average_precision += float(np.sum(step * precision))
        above_found = self.positives - int(positives_through[-1])
        above_called = above_found + self.negatives - int(negatives_through[-1])
        above = np.append(precision[1:], above_found / above_called if above_called else 1.0)
        self.trapezoid += float(np.sum(step * (precision + above) / 2.0))

    def _losses(self, block: ScoreCounts) -> None:
        scores, rest = block.scores, 1.0 - block.scores
        both = (block.positives, block.negatives)
        with np.errstate(over="ignore", invalid="ignore"):
            self.score += Moments.of((both[0] + both[1], scores))
            self.gap += Moments.of((both[0], rest), (both[1], -scores))
            if scores[0] >= 0.0 and scores[-1] <= 1.0:
                self.brier += Moments.of((both[0], rest**2), (both[1], scores**2))
                clipped = np.clip(scores, LOG_CLIP, 1.0 - LOG_CLIP)
                self.log_loss += Moments.of((both[0], -np.log(clipped)), (both[1], -np.log(1.0 - clipped)))

    def done(self) -> Ranks:
        ranked = self.positives > 0 and self.negatives > 0
        is_probability = self.lowest is not None and self.lowest >= 0.0 and (self.highest or 0.0) <= 1.0
        return Ranks(
            distinct=self.distinct,
            lowest=self.lowest,
            highest=self.highest,
            roc_auc=self.twice_wins / (2 * self.positives * self.negatives) if ranked else None,
            roc_auc_se=_standard_error(self.of_positives, self.of_negatives),
            average_precision=self.average_precision if self.positives else None,
            pr_trapezoid=self.trapezoid if self.positives else None,
            ks=self.ks if ranked else None,
            brier=_mean_loss(self.brier) if is_probability else None,
            log_loss=_mean_loss(self.log_loss) if is_probability else None,
            score=self.score,
            gap=self.gap,
        )


def ranks_of(blocks: Iterable[ScoreCounts], positives: int, negatives: int) -> Ranks:
    """The statistics of blocks of rising scores that hold so many positives and negatives in all."""
    reading = _Reading(positives, negatives)
    for block in blocks:
        reading.add(block)
    return reading.done()


def _standard_error(of_positives: Moments, of_negatives: Moments) -> float | None:
    first, second = of_positives.variance, of_negatives.variance
    if first is None or second is None:
        return None
    return math.sqrt(first / of_positives.n + second / of_negatives.n)


def _mean_loss(moments: Moments) -> MeanLoss:
    return MeanLoss(moments.mean, moments.variance, moments.n)


def _whole_sum(values: NDArray[np.int64]) -> int:
    # Sums of 1024 terms fit in 64 bits for any count of rows that fits on a disk; their total may not.
    return sum(int(part) for part in np.add.reduceat(values, np.arange(0, values.size, 1024)))
