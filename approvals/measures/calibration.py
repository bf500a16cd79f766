"""Whether a score means what it says: reliability bins and calibration errors. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from approvals.measures import scores
from approvals.measures.intervals import Interval, normal_mean, wilson
from approvals.measures.labels import Value
from approvals.measures.performance import loss_measure, with_interval
from approvals.measures.scores import MeanLoss, ScoreCounts
from approvals.measures.tables import Table
from approvals.measures.values import Counts, Measure, not_computable

Closed = Literal["right", "left"]


@dataclass(frozen=True)
class ReliabilityBin:
    """One equal-width bin of scores: rows in it, their mean score and share of positives (None when empty).

    `interval` is Wilson's interval of the share of positives.
    """

    low: float
    high: float
    n: int
    positives: int
    mean_score: float | None
    base_rate: float | None
    interval: Interval | None


def reliability_bins(
    table: Table,
    *,
    label: str,
    score: str,
    positive: Value = 1,
    bins: int = 10,
    closed: Closed = "right",
    level: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """All `bins` equal-width bins of the score on [0, 1], empty ones too; no bins when a score is outside [0, 1].

    closed="right": (low, high], 0 belongs to the first (scikit-learn's calibration_curve); "left": [low, high),
    1 belongs to the last (torchmetrics). TableError for columns that cannot be used.
    """
    return bin_scores(table.score_counts(score, label, positive=positive)[()], bins=bins, closed=closed, level=level)


def bin_scores(
    counts: ScoreCounts, *, bins: int = 10, closed: Closed = "right", level: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """The bins of `reliability_bins` from counts per score."""
    if bins < 1:
        raise ValueError(f"A reliability curve needs at least one bin, not {bins}.")
    if not counts.are_probabilities:
        return ()
    edges = np.linspace(0.0, 1.0, bins + 1)
    index = np.searchsorted(edges[1:-1], counts.scores, side="left" if closed == "right" else "right")
    rows = counts.positives + counts.negatives
    sizes = np.bincount(index, weights=rows, minlength=bins).astype(np.int64)
    positives = np.bincount(index, weights=counts.positives, minlength=bins).astype(np.int64)
    totals = np.bincount(index, weights=rows * counts.scores, minlength=bins)
    found = []
    for i in range(bins):
        n, k = int(sizes[i]), int(positives[i])
        found.append(
            ReliabilityBin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                n=n,
                positives=k,
                mean_score=float(totals[i]) / n if n else None,
                base_rate=k / n if n else None,
                interval=wilson(k, n, level),
            )
        )
    return tuple(found)


def calibration(
    table: Table,
    *,
    label: str,
    score: str,
    positive: Value = 1,
    bins: int = 10,
    closed: Closed = "right",
    level: float = 0.95,
) -> dict[str, Measure]:
    """Calibration of a score in [0, 1] against the labels, keyed by name.

    ece: mean over rows of |share of positives - mean score| per bin (Naeini et al. 2015), 0 best, at most 1;
    mce: the largest of these gaps; calibration_in_the_large: base rate - mean score, in [-1, 1], with a normal
    interval; mean_score; base_rate with a Wilson interval; brier. The method names the binning, because another
    binning is another number. Not computable without scored rows or with a score outside [0, 1].
    """
    counts = table.score_counts(score, label, positive=positive)[()]
    return calibration_measures(counts, bins=bins, closed=closed, level=level)


def calibration_measures(
    counts: ScoreCounts, *, bins: int = 10, closed: Closed = "right", level: float = 0.95
) -> dict[str, Measure]:
    """The measures of `calibration` from counts per score."""
    behind: Counts = (("positives", counts.positive_rows), ("negatives", counts.negative_rows))
    if counts.left_out:
        behind = (*behind, ("rows_left_out", counts.left_out))
    names = ("ece", "mce", "calibration_in_the_large", "mean_score", "base_rate", "brier")
    if not counts.are_probabilities:
        reason = "some scores are outside 0 to 1, so they are no probabilities" if counts.n else "no row has a score"
        return {name: not_computable(name, f"Not computable: {reason}.", behind, n=counts.n) for name in names}
    gaps = [
        (part.n, abs(part.base_rate - part.mean_score))
        for part in bin_scores(counts, bins=bins, closed=closed)
        if part.base_rate is not None and part.mean_score is not None
    ]
    binning = f"{bins} equal-width bins on 0 to 1, {closed}-closed"
    ece = sum(n * gap for n, gap in gaps) / counts.n
    measures = {
        "ece": with_interval("ece", ece, counts.n, None, method=binning, counts=behind),
        "mce": with_interval("mce", max(gap for _, gap in gaps), counts.n, None, method=binning, counts=behind),
        "brier": loss_measure("brier", scores.brier(counts), counts, level=level, counts=behind),
    }
    return measures | _in_the_large(counts, behind, level)


def _in_the_large(counts: ScoreCounts, behind: Counts, level: float) -> dict[str, Measure]:
    n = counts.n
    mean = _mean(counts, on_positive=counts.scores, on_negative=counts.scores)
    gap = _mean(counts, on_positive=1.0 - counts.scores, on_negative=-counts.scores)
    base = counts.positive_rows / n
    parts = {
        "calibration_in_the_large": (base - mean.mean, normal_mean(base - mean.mean, gap.variance, n, level)),
        "mean_score": (mean.mean, normal_mean(mean.mean, mean.variance, n, level)),
        "base_rate": (base, wilson(counts.positive_rows, n, level)),
    }
    return {name: with_interval(name, value, n, interval, counts=behind) for name, (value, interval) in parts.items()}


def _mean(counts: ScoreCounts, *, on_positive: scores.Floats, on_negative: scores.Floats) -> MeanLoss:
    mean = float(np.sum(counts.positives * on_positive) + np.sum(counts.negatives * on_negative)) / counts.n
    squares = np.sum(counts.positives * (on_positive - mean) ** 2) + np.sum(
        counts.negatives * (on_negative - mean) ** 2
    )
    return MeanLoss(mean, float(squares) / (counts.n - 1) if counts.n > 1 else None, counts.n)
