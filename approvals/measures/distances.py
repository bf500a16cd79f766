"""What two samples of numbers say about each other, exactly, from one reading of both in rising order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from approvals.measures.keeping import remembered, steps
from approvals.measures.merging import AnySteps, Merging
from approvals.measures.moments import Moments
from approvals.measures.quantiles import Places
from approvals.measures.ranges import plan
from approvals.measures.samples import SAMPLE_ROWS, CountedSample, Sample, identity_of, merged_values
from approvals.measures.steps import Floats, Integers, SingleSteps, widths

_WHOLE = 2**62
"""Below it, products of rows fit in 64 bits."""
_WIDE = 2.0**1000
"""Below it, no sum and no difference of the numbers of a slice is infinite."""


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
    """Both samples compared; without `current` only what the reference says of itself.

    The same numbers give the same bits, whatever the size of blocks, the number of threads and the order of rows.
    """
    samples = [reference, *([current] if current else [])]
    name = ["distances", identity_of(samples), repr(tuple(quantiles)), block_rows]
    return remembered(name, lambda: _measured(name, samples, quantiles, block_rows))


def _measured(name: Sequence[Any], samples: Sequence[Sample], quantiles: Sequence[float], block_rows: int) -> Distances:
    rows_of = [sample.n for sample in samples]
    reading = _Reading(rows_of[0], rows_of[1] if len(samples) > 1 else 0, quantiles)
    merging = Merging(reading.of)
    n = sum(sample.n for sample in samples)
    room = n if all(sample.in_memory for sample in samples) else min(n, block_rows)
    for low, high in steps(name, _ranges(samples, room), reading, merging):
        for part in _parts(merging, samples, (low, high), room):
            reading.add(part)
    for part in merging.end():
        reading.add(part)
    return reading.done()


def _parts(merging: Merging[_Part], samples: Sequence[Sample], ends: tuple[float, float], room: int) -> Iterator[_Part]:
    """What the numbers of one range add; they are gone from memory when all of it was taken."""
    low, high = ends
    if low < high:
        return merging.block(merged_values(samples, low, high, room))
    rows = [sample.rows_at(low) for sample in samples]
    return merging.run(low, rows[0], rows[1] if len(samples) > 1 else 0)


def _ranges(samples: Sequence[Sample], room: int) -> Iterator[tuple[float, float]]:
    counted = [sample.different for sample in samples if isinstance(sample, CountedSample)]
    if len(counted) == len(samples):
        yield from ((value, value) for value in np.unique(np.concatenate(counted)).tolist())
        return
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
    yield from plan(n, *whole, histogram, room)


@dataclass(frozen=True)
class _Part:
    """What one slice adds: the largest distance as rows times rows, the area, moments, and order statistics."""

    ks: float | int
    area: float
    before: Moments
    now: Moments
    at_rank: dict[int, float]


class _Reading:
    """Measures slices of rising numbers, and adds them up in order."""

    def __init__(self, n_before: int, n_now: int, quantiles: Sequence[float]) -> None:
        self.n_before, self.n_now = n_before, n_now
        self.ks: float | int = 0
        self.area = 0.0
        self.before = self.now = Moments()
        self.places = Places(n_before, quantiles)
        self.at_rank: dict[int, float] = {}

    def of(self, steps: AnySteps) -> _Part:
        """Of one slice; several may be measured at once."""
        with np.errstate(over="ignore", invalid="ignore"):
            if isinstance(steps, SingleSteps) and max(abs(steps.values[0]), abs(steps.values[-1])) < _WIDE:
                before, now = _moments(steps)
            else:
                before = Moments.of((steps.first_rows, steps.values))
                now = Moments.of((steps.second_rows, steps.values))
            ks, area = self._apart(steps) if self.n_before and self.n_now else (0, 0.0)
        return _Part(ks, area, before, now, self._order_statistics(steps))

    def _apart(self, steps: AnySteps) -> tuple[float | int, float]:
        rows = self.n_before * self.n_now
        if rows < _WHOLE and isinstance(steps, SingleSteps):
            # A row of one sample takes them apart by the rows of the other one.
            apart = steps.second_rows * -(self.n_before + self.n_now)
            apart += self.n_now
            apart[0] += steps.first_below * self.n_now - steps.second_below * self.n_before
            np.abs(np.cumsum(apart, out=apart), out=apart)
        elif rows < _WHOLE:
            apart = np.abs(steps.first * self.n_now - steps.second * self.n_before)
        else:
            apart = np.abs(steps.first * float(self.n_now) - steps.second * float(self.n_before))
        # Here both samples are as far apart as after this number until the next one.
        largest, area = apart.max().item(), apart.astype(np.float64)
        area *= 1.0 / rows
        area *= widths(steps)
        return largest, float(np.sum(area))

    def _order_statistics(self, steps: AnySteps) -> dict[int, float]:
        ranks = self.places.ranks[self.places.ranks >= steps.first_below]
        if not ranks.size or (ranks[0] >= steps.first_below + steps.values.size and isinstance(steps, SingleSteps)):
            return {}
        here = ranks[ranks < steps.first[-1]]
        if not here.size:
            return {}
        found = steps.values[np.searchsorted(steps.first, here, side="right")]
        return dict(zip(here.tolist(), found.tolist(), strict=True))

    def add(self, part: _Part) -> None:
        """The next slice."""
        self.ks = max(self.ks, part.ks)
        self.area += part.area
        with np.errstate(over="ignore", invalid="ignore"):
            self.before, self.now = self.before + part.before, self.now + part.now
        self.at_rank |= part.at_rank

    def done(self) -> Distances:
        """Everything, when every slice was added."""
        compared = self.n_before > 0 and self.n_now > 0
        return Distances(
            ks=self.ks / (self.n_before * self.n_now) if compared else None,
            wasserstein=self.area if compared else None,
            before=self.before,
            now=self.now,
            quantiles=self.places.between(self.at_rank) if self.n_before else (),
        )


def _moments(steps: SingleSteps) -> tuple[Moments, Moments]:
    """The moments of both samples, with the bits of `Moments.of`: a number that is not of a sample adds 0 to its sums.

    So its bits are cleared, which is faster than to multiply by 0, and as good for numbers that are not too large.
    """
    in_second = np.negative(steps.second_rows)
    of_second = _moments_of(steps.values, in_second)
    return _moments_of(steps.values, np.invert(in_second, out=in_second)), of_second


def _moments_of(values: Floats, chosen: Integers) -> Moments:
    """The moments of the values whose bits are all chosen; the others have none chosen."""
    n = -int(chosen.sum())
    if not n:
        return Moments()
    bits = values.view(np.int64) & chosen
    mean = float(np.sum(bits.view(np.float64))) / n
    apart = np.subtract(values, mean, out=bits.view(np.float64))
    np.multiply(apart, apart, out=apart)
    np.bitwise_and(bits, chosen, out=bits)
    return Moments(n, mean, float(np.sum(apart)))
