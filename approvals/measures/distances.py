"""What two samples of numbers say about each other, exactly, from one reading of both in rising order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from approvals.measures.keeping import remembered, steps
from approvals.measures.moments import Moments
from approvals.measures.ranges import plan
from approvals.measures.samples import SAMPLE_ROWS, ArraySample, Sample, identity_of
from approvals.measures.scores import ScoreCounts, rising_pair


@dataclass(frozen=True)
class Distances:
    """Kolmogorov-Smirnov distance and first Wasserstein distance (None when a side has no numbers), and the reference.

    `before` and `now` are the moments of the reference and of the current sample; `quantiles` those asked of the
    reference, linear between order statistics as numpy's are. wasserstein may be infinite.
    """

    ks: float | None
    wasserstein: float | None
    before: Moments
    now: Moments
    quantiles: tuple[float, ...]


def distances(
    reference: Sample, current: Sample | None, *, quantiles: Sequence[float] = (), block_rows: int = SAMPLE_ROWS
) -> Distances:
    """Both samples compared; without `current` only what the reference says of itself."""
    samples = [reference, *([current] if current else [])]
    name = ["distances", identity_of(samples), repr(tuple(quantiles)), block_rows]

    def measured() -> Distances:
        reading = _Reading(reference.n, current.n if current else 0, quantiles)
        for piece in _pieces(samples, block_rows, name, reading):
            reading.add(piece)
        return reading.done()

    return remembered(name, measured)


def _pieces(
    samples: Sequence[Sample], block_rows: int, name: Sequence[Any], carried: _Reading
) -> Iterator[ScoreCounts]:
    """Rising numbers with how often the second sample (positives) and the first (negatives) have each."""
    n = sum(sample.n for sample in samples)
    ends = [(sample.low, sample.high) for sample in samples if sample.low is not None and sample.high is not None]
    if not ends:
        return

    def histogram(low: float, high: float) -> list[tuple[int, int, float, float]]:
        bins = [sample.histogram(low, high) for sample in samples]
        found = []
        for b in sorted(set().union(*bins)):
            parts = [part[b] for part in bins if b in part]
            found.append((b, sum(p[0] for p in parts), min(p[1] for p in parts), max(p[2] for p in parts)))
        return found

    whole = min(low for low, _ in ends), max(high for _, high in ends)
    if all(isinstance(sample, ArraySample) for sample in samples):
        block_rows = max(block_rows, n)  # all of it is in memory anyway
    for low, high in steps(name, plan(n, *whole, histogram, block_rows), carried):
        values = [sample.values(low, high) for sample in samples]
        yield from rising_pair(values[0], values[1] if len(values) > 1 else np.zeros(0))


class _Reading:
    """Adds up piece after piece of rising numbers."""

    def __init__(self, n_before: int, n_now: int, quantiles: Sequence[float]) -> None:
        self.n_before, self.n_now = n_before, n_now
        self.before_below = self.now_below = 0
        self.last: float | None = None
        self.apart = self.ks = self.wasserstein = 0.0
        self.before = self.now = Moments()
        places = (n_before - 1) * np.asarray(quantiles, dtype=np.float64)
        self.low_ranks = np.floor(places).astype(np.int64)
        self.shares = places - self.low_ranks
        self.high_ranks = np.minimum(self.low_ranks + 1, max(n_before - 1, 0))
        self.at_rank: dict[int, float] = {}

    def add(self, piece: ScoreCounts) -> None:
        before_through = np.cumsum(piece.negatives) + self.before_below
        now_through = np.cumsum(piece.positives) + self.now_below
        self._order_statistics(piece, before_through)
        with np.errstate(over="ignore", invalid="ignore"):
            self.before += Moments.of((piece.negatives, piece.scores))
            self.now += Moments.of((piece.positives, piece.scores))
            if self.n_before and self.n_now:
                apart = np.abs(before_through / self.n_before - now_through / self.n_now)
                self.ks = max(self.ks, float(apart.max()))
                since_last = float(piece.scores[0]) - self.last if self.last is not None else 0.0
                self.wasserstein += self.apart * since_last + float(np.sum(apart[:-1] * np.diff(piece.scores)))
                self.apart = float(apart[-1])
        self.last = float(piece.scores[-1])
        self.before_below, self.now_below = int(before_through[-1]), int(now_through[-1])

    def _order_statistics(self, piece: ScoreCounts, through: np.ndarray) -> None:
        ranks = np.unique(np.concatenate([self.low_ranks, self.high_ranks]))
        here = ranks[(ranks >= self.before_below) & (ranks < through[-1])]
        found = piece.scores[np.searchsorted(through, here, side="right")]
        self.at_rank |= dict(zip(here.tolist(), found.tolist(), strict=True))

    def done(self) -> Distances:
        quantiles: tuple[float, ...] = ()
        if self.n_before:
            low, high = (
                np.array([self.at_rank[rank] for rank in ranks.tolist()]) for ranks in (self.low_ranks, self.high_ranks)
            )
            with np.errstate(over="ignore", invalid="ignore"):
                step = high - low
                between = np.where(self.shares >= 0.5, high - step * (1.0 - self.shares), low + step * self.shares)
            wide = ~np.isfinite(step)  # further apart than a double can hold
            between[wide] = low[wide] * (1.0 - self.shares[wide]) + high[wide] * self.shares[wide]
            quantiles = tuple(between.tolist())
        compared = self.n_before > 0 and self.n_now > 0
        return Distances(
            ks=self.ks if compared else None,
            wasserstein=self.wasserstein if compared else None,
            before=self.before,
            now=self.now,
            quantiles=quantiles,
        )
