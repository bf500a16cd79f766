"""Calibration errors over bins that hold about equally many rows, where equal widths leave most bins empty."""

from __future__ import annotations

import numpy as np

from approvals.measures.performance import with_interval
from approvals.measures.scores import Closed, Floats, ScoreCounts
from approvals.measures.values import Measure, not_computable


def equal_mass_calibration(counts: ScoreCounts, *, bins: int = 10, closed: Closed = "right") -> dict[str, Measure]:
    """Calibration errors (ece, mce) over bins cut at the quantiles of the score, in [0, 1], 0 best.

    Quantiles are linear between order statistics (numpy's default); rows of one score stay together, so bins may
    differ in size and equal cuts leave one bin empty. closed "right": (low, high], as scikit-learn's calibration_curve
    with strategy "quantile"; "left": [low, high). Not computable without scored rows or with a score outside [0, 1].
    ValueError for fewer than one bin.
    """
    if bins < 1:
        raise ValueError(f"A reliability curve needs at least one bin, not {bins}.")
    names = ("ece", "mce")
    behind = (("positives", counts.positive_rows), ("negatives", counts.negative_rows))
    if not counts.are_probabilities:
        reason = "some scores are outside 0 to 1, so they are no probabilities" if counts.n else "no row has a score"
        return {name: not_computable(name, f"Not computable: {reason}.", behind, n=counts.n) for name in names}
    sizes = counts.positives + counts.negatives
    place = np.searchsorted(_cuts(counts, bins), counts.scores, side="left" if closed == "right" else "right")
    rows = np.bincount(place, weights=sizes, minlength=bins)
    positives = np.bincount(place, weights=counts.positives, minlength=bins)
    totals = np.bincount(place, weights=sizes * counts.scores, minlength=bins)
    filled = rows > 0
    gaps = np.abs(positives[filled] - totals[filled]) / rows[filled]
    method = f"{bins} equal-mass bins cut at quantiles of the score, {closed}-closed"
    values = {"ece": float(np.sum(rows[filled] * gaps) / counts.n), "mce": float(gaps.max())}
    return {
        name: with_interval(name, value, counts.n, None, method=method, counts=behind) for name, value in values.items()
    }


def _cuts(counts: ScoreCounts, bins: int) -> Floats:
    """The inner quantiles, linear between order statistics."""
    through = np.cumsum(counts.positives + counts.negatives)
    places = (counts.n - 1) * np.linspace(0.0, 1.0, bins + 1)[1:-1]
    below = np.floor(places).astype(np.int64)
    shares = places - below
    low, high = (
        counts.scores[np.searchsorted(through, ranks, side="right")]
        for ranks in (below, np.minimum(below + 1, counts.n - 1))
    )
    step = high - low
    return np.where(shares >= 0.5, high - step * (1.0 - shares), low + step * shares)  # numpy's own form
