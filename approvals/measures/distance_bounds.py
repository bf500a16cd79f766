"""Between what the distances of two samples must lie, and the exact quantiles of the first, without sorting either."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from approvals.measures.histograms import LEVELS, ROUNDING, Bounds, TwoHistograms, outward
from approvals.measures.quantiles import Places
from approvals.measures.samples import SAMPLE_ROWS, ColumnSample, Sample
from approvals.measures.scores import Floats

_NARROWEST, _WIDEST = 1e-140, 1e150
"""Ranges whose squares and parts doubles can hold."""
_SLACK = 1e-5
"""Of a level: more than rounding can move a value when it is given one."""


@dataclass(frozen=True, eq=False)
class DistanceBounds:
    """Finite numbers of a reference (first) and a current sample (second) in bins. Both have rows."""

    bins: TwoHistograms

    @property
    def ks(self) -> Bounds:
        """Kolmogorov-Smirnov distance."""
        return self.bins.ks

    @property
    def wasserstein(self) -> Bounds:
        """First Wasserstein distance, the integral of |F - G|.

        Between the values of two bins F - G is known. Within a bin from m to M its integral with its sign is known from
        the sum of the values: (M - m) times F - G before, plus the mean of M - x over the rows of the first minus that
        over those of the second, as shares of all rows. Where F - G cannot change its sign this is the area itself;
        elsewhere the area is at least its size and at most M - m times the largest |F - G| possible.
        """
        bins = self.bins
        least, most = np.fmin(*bins.least) - bins.low, np.fmax(*bins.most) - bins.low
        pairs = float(bins.totals[0]) * float(bins.totals[1])
        end, down, up = (each.astype(np.float64) / pairs for each in bins.apart)
        shares = [rows.astype(np.float64) / total for rows, total in zip(bins.rows, bins.totals, strict=True)]
        left = up - shares[0]
        widths = most - least
        first, second = (self._above(side, shares[side], most) for side in (0, 1))
        signed = left * widths + first[0] - second[1], left * widths + first[1] - second[0]
        size_low = np.maximum(np.maximum(signed[0], -signed[1]), 0.0)
        size_high = np.maximum(signed[1], -signed[0])
        largest = np.maximum(np.abs(down), np.abs(up)) * widths
        high = np.where((down >= 0.0) | (up <= 0.0), size_high, np.maximum(largest, size_low))
        between = np.abs(end[:-1]) * (least[1:] - most[:-1])
        known = math.fsum(between.tolist())
        room = ROUNDING * (bins.high - bins.low)
        low_sum, high_sum = math.fsum([known, *size_low.tolist()]), math.fsum([known, *high.tolist()])
        return outward(low_sum - room, high_sum + room, least=0.0, relative=ROUNDING)

    def _above(self, side: int, shares: Floats, most: Floats) -> tuple[Floats, Floats]:
        """The sum over a sample's rows in each bin of M - x, as a share of all its rows."""
        total = float(self.bins.totals[side])
        low, high = (sums / total for sums in self._sums(side))
        return shares * most - high, shares * most - low

    def _sums(self, side: int) -> tuple[Floats, Floats]:
        """The sum of value less lowest value in each bin, at least and at most."""
        level = (self.bins.high - self.bins.low) / LEVELS
        rows, levels = self.bins.rows[side].astype(np.float64), self.bins.levels[side].astype(np.float64)
        return (levels - rows * _SLACK) * level, (levels + rows * (1.0 + _SLACK)) * level

    def mean(self, side: int) -> Bounds:
        """Mean of a sample."""
        low, high = (math.fsum(sums.tolist()) / self.bins.totals[side] for sums in self._sums(side))
        room = ROUNDING * (self.bins.high - self.bins.low + abs(self.bins.low))
        return outward(self.bins.low + low - room, self.bins.low + high + room, relative=ROUNDING)

    @cached_property
    def spread(self) -> Bounds:
        """Standard deviation (ddof 0) of the reference.

        With the mean x of a bin known, its n rows add n (x - mean)^2, and at most n (M - x)(x - m) more (Bhatia & Davis
        2000).
        """
        bins, n = self.bins, self.bins.totals[0]
        has = bins.rows[0] > 0
        rows = bins.rows[0][has].astype(np.float64)
        low, high = (sums[has] / rows for sums in self._sums(0))
        centre, off = (low + high) / 2.0, float(np.max(high - low)) / 2.0 + ROUNDING * (bins.high - bins.low)
        mean = math.fsum((rows * centre).tolist()) / n
        least, most = bins.least[0][has] - bins.low, bins.most[0][has] - bins.low
        apart = np.abs(centre - mean)
        nearest, farthest = np.maximum(apart - 2.0 * off, 0.0), apart + 2.0 * off
        within = np.maximum(most - centre + off, 0.0) * np.maximum(centre - least + off, 0.0)
        squares = math.fsum((rows * nearest**2).tolist()) / n, math.fsum((rows * (farthest**2 + within)).tolist()) / n
        return outward(math.sqrt(squares[0]), math.sqrt(squares[1]), least=0.0, relative=ROUNDING)

    @property
    def wasserstein_normalised(self) -> Bounds | None:
        """First Wasserstein distance over the standard deviation of the reference; None where it cannot be bounded."""
        distance, spread = self.wasserstein, self.spread
        if not spread[0] > 0.0 or not math.isfinite(distance[1] / spread[0]):
            return None
        return outward(distance[0] / spread[1], distance[1] / spread[0], least=0.0, relative=ROUNDING)


def bound_distances(reference: Sample, current: Sample) -> DistanceBounds | None:
    """The bounds, from one scan of each sample; None when one has no rows, or their range is none that can be cut."""
    if not isinstance(reference, ColumnSample) or not isinstance(current, ColumnSample):
        return None
    ends = [end for sample in (reference, current) for end in (sample.low, sample.high) if end is not None]
    if not reference.n or not current.n or not _NARROWEST < max(ends) - min(ends) < _WIDEST:
        return None
    low, high = min(ends), max(ends)
    return DistanceBounds(TwoHistograms.of(low, high, reference.bins(low, high), current.bins(low, high)))


def quantiles_of(sample: ColumnSample, shares: Sequence[float], found: DistanceBounds) -> tuple[float, ...]:
    """Exact quantiles of the first sample, of which only the rows near them are read."""
    places = Places(sample.n, shares)
    bins = found.bins
    cut = zip(bins.rows[0].tolist(), bins.least[0].tolist(), bins.most[0].tolist(), strict=True)
    return places.between(_order_statistics(sample, places.ranks.tolist(), [part for part in cut if part[0]]))


def exact_quantiles(sample: ColumnSample, shares: Sequence[float]) -> tuple[float, ...]:
    """Exact quantiles of one sample that has rows, of which only the rows near them are read."""
    places = Places(sample.n, shares)
    whole = (sample.n, sample.low or 0.0, sample.high or 0.0)
    return places.between(_order_statistics(sample, places.ranks.tolist(), [whole]))


def _order_statistics(
    sample: ColumnSample, ranks: Sequence[int], cut: Sequence[tuple[int, float, float]]
) -> dict[int, float]:
    """Numbers by rank, counted from 0 in these bins of rows, least and most."""
    through = np.cumsum([rows for rows, _, _ in cut])
    wanted: dict[int, list[int]] = {}
    for rank in ranks:
        wanted.setdefault(int(np.searchsorted(through, rank, side="right")), []).append(rank)
    found: dict[int, float] = {}
    near: list[int] = []
    for place, inside in wanted.items():
        rows, least, most = cut[place]
        below = int(through[place]) - rows
        if least == most:
            found |= dict.fromkeys(inside, least)
        elif rows > SAMPLE_ROWS // len(wanted):
            parts = [part for _, part in sorted(sample.histogram(least, most).items())]
            deeper = _order_statistics(sample, [rank - below for rank in inside], parts)
            found |= {rank + below: value for rank, value in deeper.items()}
        else:
            near.append(place)
    if near:
        values = np.sort(sample.values_in([cut[place][1:] for place in near]))
        start = 0
        for place in near:
            below = int(through[place]) - cut[place][0]
            found |= {rank: float(values[start + rank - below]) for rank in wanted[place]}
            start += cut[place][0]
    return found
