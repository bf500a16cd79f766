"""Different numbers of two samples, rising, with the rows of both samples up to each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Steps:
    """Different numbers, rising, and how many rows of the first and of the second sample are at or below each.

    `first_below` and `second_below` rows are below all of them; `following` is the next number, None after the last.
    """

    values: Floats
    first: Integers
    second: Integers
    first_below: int
    second_below: int
    following: float | None

    @property
    def first_rows(self) -> Integers:
        """Rows of each number in the first sample."""
        return _differences(self.first, self.first_below)

    @property
    def second_rows(self) -> Integers:
        """Rows of each number in the second sample."""
        return _differences(self.second, self.second_below)


@dataclass(frozen=True, eq=False)
class SingleSteps:
    """The same of numbers that each have one row: `second_rows` are 1 where it is in the second sample, 0 elsewhere."""

    values: Floats
    second_rows: Integers
    first_below: int
    second_below: int
    following: float | None

    @property
    def first_rows(self) -> Integers:
        """Rows of each number in the first sample."""
        return 1 - self.second_rows

    @cached_property
    def first(self) -> Integers:
        """Rows of the first sample at or below each number."""
        below = self.first_below + self.second_below + 1
        found = np.arange(below, below + self.values.size)
        found -= self.second
        return found

    @cached_property
    def second(self) -> Integers:
        """Rows of the second sample at or below each number."""
        found = np.cumsum(self.second_rows)
        found += self.second_below
        return found


def widths(steps: Steps | SingleSteps) -> Floats:
    """How far it is from each number to the next; 0 after the last."""
    values, following = steps.values, steps.following
    found = np.empty_like(values)
    np.subtract(values[1:], values[:-1], out=found[:-1])
    found[-1] = 0.0 if following is None else following - values[-1]
    return found


def _differences(through: Integers, below: int) -> Integers:
    found = through.copy()
    found[1:] -= through[:-1]
    found[0] -= below
    return found
