"""More ways to say how uncertain an accuracy and an area under the ROC curve are. Undefined is None."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from approvals.measures.intervals import Statistic, bootstrap
from approvals.measures.scores import Floats, Integers, ScoreCounts

MOST_DRAWN = 50_000_000
"""Draws times cells of one bootstrap; beyond it DeLong's interval has to do."""
_FEWEST_ROWS = 2


@dataclass(frozen=True)
class Uncertain:
    """A value, its standard error, and both ends of its interval; draws and seed of a bootstrap."""

    point: float
    se: float
    low: float
    high: float
    draws: int = 0
    seed: int = 0


def hanley_mcneil(auc: float, positives: int, negatives: int, level: float = 0.95) -> Uncertain | None:
    """Standard error of an area from its size alone (Hanley & McNeil 1982), and the normal interval, cut at [0, 1].

    Undefined with fewer than two positives or negatives, and for an area of 0 or 1, whose standard error is 0.
    """
    if min(positives, negatives) < _FEWEST_ROWS:
        return None
    above, below = auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc)
    inside = auc * (1.0 - auc) + (positives - 1) * (above - auc * auc) + (negatives - 1) * (below - auc * auc)
    se = math.sqrt(max(inside, 0.0) / (positives * negatives))
    if se <= 0.0:
        return None
    half = NormalDist().inv_cdf((1.0 + level) / 2.0) * se
    return Uncertain(auc, se, max(0.0, auc - half), min(1.0, auc + half))


def bootstrap_area(counts: ScoreCounts, *, draws: int = 2000, seed: int = 0, level: float = 0.95) -> Uncertain | None:
    """Percentile bootstrap of the area: rows are drawn with replacement, labels and scores together.

    Undefined with one class, for too few draws, for more than MOST_DRAWN draws times cells, and when no draw differs.
    """
    auc, size = counts.ranks.roc_auc, counts.scores.size
    if auc is None or draws * 2 * size > MOST_DRAWN:
        return None
    cells = np.concatenate([counts.positives, counts.negatives])[None, :]

    def areas(drawn: Floats) -> Floats:
        positives, negatives = drawn[:, 0, :size], drawn[:, 0, size:]
        wins = (positives * (np.cumsum(negatives, axis=1) - negatives / 2.0)).sum(axis=1)
        pairs = positives.sum(axis=1) * negatives.sum(axis=1)
        found: Floats = np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0)
        return found

    return _bootstrap(cells, areas, auc, draws=draws, seed=seed, level=level)


def bootstrap_share(k: int, n: int, *, draws: int = 2000, seed: int = 0, level: float = 0.95) -> Uncertain | None:
    """Percentile bootstrap of k/n. Undefined without rows, for too few draws, and when no draw differs."""
    if not n:
        return None
    cells = np.array([[k, n - k]], dtype=np.int64)
    return _bootstrap(cells, lambda drawn: drawn[:, 0, 0] / n, k / n, draws=draws, seed=seed, level=level)


def _bootstrap(
    cells: Integers, statistic: Statistic, point: float, *, draws: int, seed: int, level: float
) -> Uncertain | None:
    kept: list[Floats] = []

    def evaluate(drawn: Floats) -> dict[str, Floats]:
        values = statistic(drawn)
        kept.append(values)
        return {"": values}

    interval = bootstrap(cells, evaluate, draws=draws, seed=seed, level=level).get("")
    if interval is None:
        return None
    every = np.sort(np.concatenate(kept))  # blocks may come in any order
    se = float(np.nanstd(every, ddof=1))
    return Uncertain(point, se, interval.low, interval.high, draws, seed)
