"""Two samples merged in rising order, in slices that are the same however the samples were read.

A slice holds the different numbers whose last row, counted over both samples from the smallest number on, has its place
in it. So whatever is summed per slice and then slice after slice has the same bits for any size of block and any number
of threads.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from approvals.measures.spare import Spare
from approvals.measures.steps import Floats, SingleSteps, Steps

THREADS = min(2, os.cpu_count() or 1)
"""Threads that sort; no number depends on it."""
_SLICE = 15_000
"""Rows of a slice: its arrays fit in the fast memory of a processor, and are small enough to be taken from memory that
the process holds already."""
_SORTED_AT_ONCE = 1 << 18
_ONE = np.uint64(1)
_Found = TypeVar("_Found")
AnySteps = Steps | SingleSteps


class Merging(Generic[_Found]):
    """Takes block after block of rising numbers and hands out what `measure` finds in each slice, in order."""

    def __init__(self, measure: Callable[[AnySteps], _Found]) -> None:
        self._measure = measure
        self._first = self._second = 0
        self._open: list[AnySteps] = []
        self._place = -1

    def block(self, merged: Merged) -> Iterator[_Found]:
        """Numbers that are all above those of earlier blocks."""
        for keys in merged.parts:
            yield from self._add(keys)

    def run(self, value: float, first: int, second: int) -> Iterator[_Found]:
        """So many rows of one number, above those of earlier blocks."""
        through = self._first + first, self._second + second
        place = (sum(through) - 1) // _SLICE
        if place != self._place:
            yield from self._close(value)
        ends = np.array([through[0]], dtype=np.int64), np.array([through[1]], dtype=np.int64)
        self._open.append(Steps(np.array([value]), *ends, self._first, self._second, None))
        self._place, (self._first, self._second) = place, through

    def end(self) -> Iterator[_Found]:
        """What is left when there are no more blocks."""
        yield from self._close(None)

    def _close(self, following: float | None) -> Iterator[_Found]:
        if not self._open:
            return
        parts, self._open = self._open, []
        values, first, second = (np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS)
        yield self._measure(Steps(values, first, second, parts[0].first_below, parts[0].second_below, following))

    def _add(self, keys: _Keys) -> Iterator[_Found]:
        # One thread measures: two of them would wait for each other at every small step, which took twice as long.
        rows = self._first + self._second
        edges = [0, *map(keys.begin, range(_SLICE - rows % _SLICE, keys.size, _SLICE)), keys.size]
        for place, (start, stop) in enumerate(itertools.pairwise(edges), rows // _SLICE):
            if start == stop:
                continue
            if place != self._place:
                yield from self._close(keys.value(start))
            steps = keys.steps(start, stop, self._first, self._second)
            second = keys.seconds(start, stop)
            self._first, self._second = self._first + stop - start - second, self._second + second
            if start and stop < keys.size:
                yield self._measure(steps)
            else:
                self._open.append(steps)
            self._place = place


_ARRAYS = ("values", "first", "second")


@dataclass(frozen=True, eq=False)
class _Keys:
    """Rising numbers of one sign with the sample of each: the bits of a double without its sign, then one bit.

    Without their sign the bits of doubles rise with their size, which leaves one bit free for the sample. So both are
    sorted as one whole number, which is much faster than to sort numbers and carry something along.
    """

    keys: NDArray[np.uint64]
    negative: bool

    @property
    def size(self) -> int:
        return self.keys.size

    def value(self, place: int) -> float:
        return float(self.values(place, place + 1)[0])

    def values(self, start: int, stop: int) -> Floats:
        bits = self.keys[start:stop] >> _ONE
        return np.invert(bits, out=bits).view(np.float64) if self.negative else bits.view(np.float64)

    def through(self, value: float) -> int:
        """Rows of both samples at or below a number."""
        if self.negative != (value < 0.0):
            return 0 if value < 0.0 else self.size
        bits = np.array([value + 0.0]).view(np.uint64)
        key = _keyed(bits, second=True, negative=self.negative, out=bits)
        return int(np.searchsorted(self.keys, key, side="right")[0])

    def begin(self, place: int) -> int:
        """The place of the first row with the same number."""
        return int(np.searchsorted(self.keys, self.keys[place] & ~_ONE, side="left"))

    def seconds(self, start: int, stop: int) -> int:
        """Rows of the second sample."""
        return int((self.keys[start:stop] & _ONE).sum())

    @cached_property
    def _seconds_before(self) -> list[int]:
        found = (self.seconds(start, start + _SLICE) for start in range(0, self.size, _SLICE))
        return [0, *itertools.accumulate(found)]

    def rows(self, place: int) -> tuple[int, int]:
        """Rows of the first and of the second sample before a place."""
        whole = place // _SLICE
        second = self._seconds_before[whole] + self.seconds(whole * _SLICE, place)
        return place - second, second

    def steps(self, start: int, stop: int, first_below: int, second_below: int) -> AnySteps:
        """The different numbers of these rows, which are all the rows of these numbers."""
        seconds = (self.keys[start:stop] & _ONE).view(np.int64)
        values = self.values(start, stop)
        following = self.value(stop) if stop < self.size else None
        differs = values[1:] != values[:-1]
        if differs.all():
            return SingleSteps(values, seconds, first_below, second_below, following)
        last = np.append(np.flatnonzero(differs), values.size - 1)
        second = np.cumsum(seconds)[last]
        second += second_below
        first = last + (first_below + second_below + 1)
        first -= second
        return Steps(values[last], first, second, first_below, second_below, following)


class Merged:
    """Numbers of two samples in memory, in rising order; 8 bytes each."""

    def __init__(self, room: int, spare: Spare | None = None) -> None:
        """Room for so many numbers, taken from `spare` and given back to it in the end, if it is there."""
        self._keys = spare.taken(room, self) if spare else np.empty(room, dtype=np.uint64)
        self._sizes = [0, 0]  # from the front those that are not negative, from the back the negative ones

    def add(self, values: Floats, *, second: bool) -> None:
        """Finite numbers of one sample, in any order, without negative zeros."""
        negative = values < 0.0
        if negative.any():
            self._fill(values[negative], second=second, negative=True)
            values = values[~negative]
        self._fill(values, second=second, negative=False)

    def _fill(self, values: Floats, *, second: bool, negative: bool) -> None:
        held = self._sizes[negative]
        start = self._keys.size - held - values.size if negative else held
        part = self._keys[start : start + values.size]
        _keyed(values.view(np.uint64), second=second, negative=negative, out=part)
        self._sizes[negative] += values.size

    @cached_property
    def parts(self) -> tuple[_Keys, ...]:
        """The numbers in rising order; nothing can be added any more."""
        above, below = self._sizes
        parts = ((self._keys[self._keys.size - below :], True), (self._keys[:above], False))
        found = tuple(_Keys(keys, negative) for keys, negative in parts if keys.size)
        for part in found:
            _sort(part.keys)
        return found

    def steps(self) -> Iterator[AnySteps]:
        """The different numbers, rising, some after the others."""
        first = second = 0
        for part in self.parts:
            edges = sorted({0, part.size, *map(part.begin, range(_SLICE, part.size, _SLICE))})
            for start, stop in itertools.pairwise(edges):
                found = part.steps(start, stop, first, second)
                first, second = int(found.first[-1]), int(found.second[-1])
                yield found

    def rows_through(self, value: float) -> tuple[int, int]:
        """Rows of the first and of the second sample at or below a number."""
        found = [part.rows(part.through(value)) for part in self.parts]
        return sum(first for first, _ in found), sum(second for _, second in found)

    def values(self, low: float, high: float, *, second: bool) -> Floats:
        """The numbers of one sample from low to high, rising."""
        found = [np.zeros(0)]
        for part in self.parts:
            start, stop = part.through(math.nextafter(low, -math.inf)), part.through(high)
            found.append(part.values(start, stop)[(part.keys[start:stop] & _ONE) == second])
        return np.concatenate(found)


def _keyed(bits: NDArray[np.uint64], *, second: bool, negative: bool, out: NDArray[np.uint64]) -> NDArray[np.uint64]:
    np.left_shift(np.invert(bits, out=out) if negative else bits, _ONE, out=out)
    if second:
        out |= _ONE
    return out


def _sort(keys: NDArray[np.uint64]) -> None:
    if keys.size < _SORTED_AT_ONCE:
        keys.sort()
        return
    middle = keys.size // 2
    keys.partition(middle)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda half: half.sort(), (keys[:middle], keys[middle:])))
