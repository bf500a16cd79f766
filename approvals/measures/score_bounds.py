"""Between what the rank and probability measures of a score must lie, from one scan that sorts nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from approvals.measures.histograms import ROUNDING, Bounds, TwoHistograms, outward
from approvals.measures.labels import Value
from approvals.measures.ranks import LOG_CLIP
from approvals.measures.score_reading import scored_rows
from approvals.measures.scores import Floats
from approvals.measures.tables import Table


@dataclass(frozen=True, eq=False)
class ScoreBounds:
    """Finite scores of positive (first) and negative (second) rows in bins; `left_out` rows have a label only.

    There are rows of both, and more than one score.
    """

    bins: TwoHistograms
    left_out: int

    @property
    def positives(self) -> int:
        """Rows with a positive label and a score."""
        return self.bins.totals[0]

    @property
    def negatives(self) -> int:
        """Rows with a negative label and a score."""
        return self.bins.totals[1]

    @cached_property
    def twice_wins(self) -> tuple[int, int]:
        """Twice the pairs of a positive above a negative, ties once: the Mann-Whitney statistic U, as whole numbers.

        Pairs of different bins are decided, because bins rise with the score. A pair in one bin counts 0 to 2; at least
        1 where no positive in it is below a negative, at most 1 where none is above.
        """
        bins = self.bins
        pairs = bins.rows[0] * bins.rows[1]
        sure = 2 * bins.rows[0] * bins.below(1)
        never_below, never_above = bins.least[0] >= bins.most[1], bins.most[0] <= bins.least[1]
        always_above, always_below = bins.least[0] > bins.most[1], bins.most[0] < bins.least[1]
        least = np.where(always_above, 2, np.where(never_below, 1, 0)).astype(object)
        most = np.where(always_below, 0, np.where(never_above, 1, 2)).astype(object)
        return int(sum(sure + pairs * least)), int(sum(sure + pairs * most))

    @property
    def roc_auc(self) -> Bounds:
        """Area under the ROC curve, U over all pairs."""
        pairs = 2 * self.positives * self.negatives
        return outward(*(wins / pairs for wins in self.twice_wins), least=0.0, most=1.0)

    @property
    def gini(self) -> Bounds:
        """2 AUC - 1, which only rises with the AUC."""
        return outward(*(2.0 * area - 1.0 for area in self.roc_auc), least=-1.0, most=1.0)

    @property
    def ks(self) -> Bounds:
        """Largest |TPR - FPR|."""
        return self.bins.ks

    @property
    def average_precision(self) -> Bounds:
        """Sum of recall steps times precision.

        With T and F rows above a bin that has p positives and n negatives, precision at its k-th positive is at least
        (T + k) / (T + k + F + n), and at most (T + p) / (T + p + F), which ties may reach. The former is concave in k,
        so the mean over k is at least that of its ends. A bin of one score has all its rows at once.
        """
        bins = self.bins
        p, n = (rows.astype(np.float64) for rows in bins.rows)
        t, f = (
            (total - bins.below(side) - bins.rows[side]).astype(np.float64) for side, total in enumerate(bins.totals)
        )
        one_score = np.fmin(*bins.least) == np.fmax(*bins.most)
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = (t + p) / (t + p + f + n)
            least = np.where(one_score, whole, ((t + 1) / (t + 1 + f + n) + whole) / 2)
            most = np.where(one_score, whole, (t + p) / (t + p + f))
        has = p > 0
        sums = (math.fsum((p[has] * each[has]).tolist()) / self.positives for each in (least, most))
        return outward(*sums, least=0.0, most=1.0, relative=ROUNDING)

    @property
    def are_probabilities(self) -> bool:
        """Whether every score is within [0, 1]."""
        return self.bins.low >= 0.0 and self.bins.high <= 1.0

    @property
    def brier(self) -> Bounds | None:
        """Mean squared difference of score and label; None with scores outside [0, 1]."""
        return self._loss(lambda score: (1.0 - score) ** 2, lambda score: score**2)

    @property
    def log_loss(self) -> Bounds | None:
        """Mean negative log likelihood, clipped at float64 eps; None with scores outside [0, 1]."""
        return self._loss(lambda score: -np.log(_clipped(score)), lambda score: -np.log(1.0 - _clipped(score)))

    def _loss(self, *of_each: Callable[[Floats], Floats]) -> Bounds | None:
        """What a row loses only falls with the score of a positive and only rises with that of a negative.

        So the ends of a bin bound every row in it.
        """
        if not self.are_probabilities:
            return None
        low, high = [], []
        for side, of in enumerate(of_each):
            has = self.bins.rows[side] > 0
            rows = self.bins.rows[side][has].astype(np.float64)
            ends = of(self.bins.least[side][has]), of(self.bins.most[side][has])
            low += (rows * np.minimum(*ends)).tolist()
            high += (rows * np.maximum(*ends)).tolist()
        n = self.positives + self.negatives
        return outward(math.fsum(low) / n, math.fsum(high) / n, least=0.0, relative=ROUNDING)


def _clipped(score: Floats) -> Floats:
    return np.clip(score, LOG_CLIP, 1.0 - LOG_CLIP)


def bound_scores(table: Table, score: str, label: str, *, positive: Value) -> ScoreBounds | None:
    """The bounds, from two scans; None without both classes, and where all finite scores are one.

    TableError when the label is not two-valued or the score is no number.
    """
    rows = scored_rows(table, score, label, positive=positive)
    size = rows.size()
    if size.low is None or size.high is None or not size.low / 2.0 < size.high / 2.0:
        return None
    found = rows.bins(size.low, size.high)
    if not size.positives or size.positives == size.n:
        return None
    return ScoreBounds(TwoHistograms.of(size.low, size.high, found[True], found[False]), size.left_out)
