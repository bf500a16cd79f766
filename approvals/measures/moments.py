"""Mean and spread of numbers that come in parts, without losing digits between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUNDING, _MATTERS = 64.0 * float(np.finfo(np.float64).eps), 3e-8


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
        """The moments of values that each occur so many times, given as (times, values), one or several of them.

        Mean and squares are not finite where 64-bit floats cannot hold the sums.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return cls._of(weighted)

    @classmethod
    def _of(cls, weighted: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]) -> Moments:
        n = sum(int(times.sum()) for times, _ in weighted)
        if not n:
            return cls()
        weights = [times.astype(np.float64) for times, _ in weighted]
        mean = sum(float(np.sum(times * values)) for times, (_, values) in zip(weights, weighted, strict=True)) / n
        squares = 0.0
        for (_, values), products in zip(weighted, weights, strict=True):
            apart = values - mean
            np.multiply(products, apart, out=products)
            np.multiply(products, apart, out=products)
            squares += float(np.sum(products))
        if math.isfinite(squares) and math.sqrt(n) * _ROUNDING * abs(mean) > _MATTERS * math.sqrt(squares):
            # Numbers so large and so close together that the rounding of their mean would count as spread.
            left = sum(float(np.sum(times * (values - mean))) for times, values in weighted)
            squares = max(0.0, squares - left * (left / n))
        return cls(n, mean, squares)

    def __add__(self, other: Moments) -> Moments:
        if not self.n or not other.n:
            return self if self.n else other
        n, gap = self.n + other.n, other.mean - self.mean
        mean = self.mean + gap * (other.n / n)
        return Moments(n, mean, self.squares + other.squares + gap * gap * (self.n / n) * other.n)
