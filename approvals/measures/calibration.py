"""Whether a score means what it says: reliability bins and calibration errors. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from approvals.measures.intervals import Interval, student_mean, wilson
from approvals.measures.labels import Value
from approvals.measures.performance import loss_measure, with_interval
from approvals.measures.scores import Closed, Scores
from approvals.measures.tables import Table
from approvals.measures.values import Counts, Measure, not_computable


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
    return bin_scores(table.scores(score, label, positive=positive), bins=bins, closed=closed, level=level)


def bin_scores(
    counts: Scores, *, bins: int = 10, closed: Closed = "right", level: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """The bins of `reliability_bins` from counts per score."""
    if bins < 1:
        raise ValueError(f"A reliability curve needs at least one bin, not {bins}.")
    if not counts.are_probabilities:
        return ()
    edges = np.linspace(0.0, 1.0, bins + 1)
    binned = counts.binned(bins, closed)
    sizes, positives, totals = binned.rows, binned.positives, binned.totals
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
    counts = table.scores(score, label, positive=positive)
    return calibration_measures(counts, bins=bins, closed=closed, level=level)


def calibration_measures(
    counts: Scores, *, bins: int = 10, closed: Closed = "right", level: float = 0.95
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
    ece, gap = sum(n * size for n, size in gaps) / counts.n, "|base rate - mean score|"
    measures = {
        "ece": with_interval("ece", ece, counts.n, None, method=f"mean over rows of {gap} in {binning}", counts=behind),
        "mce": with_interval(
            "mce", max(size for _, size in gaps), counts.n, None, method=f"largest {gap} in {binning}", counts=behind
        ),
        "brier": loss_measure("brier", counts.ranks.brier, counts, level=level, counts=behind),
    }
    return measures | _in_the_large(counts, behind, level)


def _in_the_large(counts: Scores, behind: Counts, level: float) -> dict[str, Measure]:
    n, ranks = counts.n, counts.ranks
    base = counts.positive_rows / n
    gap = base - ranks.score.mean
    parts = {
        "calibration_in_the_large": (gap, student_mean(gap, ranks.gap.variance, n, level)),
        "mean_score": (ranks.score.mean, student_mean(ranks.score.mean, ranks.score.variance, n, level)),
        "base_rate": (base, wilson(counts.positive_rows, n, level)),
    }
    return {name: with_interval(name, value, n, interval, counts=behind) for name, (value, interval) in parts.items()}
