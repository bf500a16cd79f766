"""Mean and spread of numbers that come in parts, without losing digits between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Number, mean and sum of squared differences from the mean (Chan, Golub & LeVeque 1983, to merge parts)."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def variance(self) -> float | None:
        """Sample variance (ddof 1); None for fewer than two."""
        return self.squares / (self.n - 1) if self.n > 1 else None

    @property
    def spread(self) -> float | None:
        """Standard deviation (ddof 0); None for none."""
        return math.sqrt(self.squares / self.n) if self.n else None

    @classmethod
    def of(cls, *weighted: tuple[NDArray[np.int64], NDArray[np.float64]]) -> Moments:
        """The moments of values that each occur so many times, given as (times, values), one or several of them."""
        n = sum(int(times.sum()) for times, _ in weighted)
        if not n:
            return cls()
        mean = sum(float(np.sum(times * values)) for times, values in weighted) / n
        squares = sum(float(np.sum(times * (values - mean) ** 2)) for times, values in weighted)
        return cls(n, mean, squares)

    def __add__(self, other: Moments) -> Moments:
        if not self.n or not other.n:
            return self if self.n else other
        n, gap = self.n + other.n, other.mean - self.mean
        mean = self.mean + gap * (other.n / n)
        return Moments(n, mean, self.squares + other.squares + gap * gap * (self.n / n) * other.n)
