"""Whether a mean of few, perhaps skewed numbers is 0, without an alarm where Student's t sees one by the skew alone.

With lognormal errors the t test of ten bins of ten rows, adjusted by Holm, calls a bin off in half of all tables that
are calibrated, at 5 % (simulated); with 30 rows each in 40 %. What is here stays at 5 % (docs/evaluation-tables.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from approvals.measures.distributions import student_cdf
from approvals.measures.rows import centred, exact_mean
from approvals.measures.scores import Floats

FEW = 15
"""Fewer numbers than these show no skew of their own."""
ROUNDING = 1e-12


@dataclass(frozen=True)
class Shape:
    """Variance about their own means, and skewness, of all numbers, of which those that are tested are a part."""

    variance: float
    skewness: float


def differs_from_zero(values: Floats, mean: float, *, whole: Shape, is_varied: bool = True) -> float | None:
    """Two-sided p that numbers whose mean is given come from a mean of 0; None for fewer than two.

    The largest of: Student's t; t by Hall's transformation with the skewness of the numbers and of the whole (P. Hall,
    "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54, 1992); and where
    neither can know, Chebyshev's bound var / (n mean²) with the larger of both variances. That is below FEW numbers,
    below the squared skewness of the whole (W. G. Cochran, Sampling Techniques, 1977, asks 25 times as many of the
    plain normal interval), and where `is_varied` is False: what the numbers vary by is then not in them.
    Numbers that are all alike, but varied where they come from, have p 0, or 1 where they are 0.
    """
    n = values.size
    if n <= 1:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        apart = centred(values)
        second = exact_mean(apart**2)
        spread = math.sqrt(second / (n - 1))
        alike = spread <= ROUNDING * abs(mean) or not spread
        own = 0.0 if alike else exact_mean((apart / math.sqrt(second)) ** 3)
    if alike and not mean:
        return 1.0
    t = math.copysign(math.inf, mean) if alike else mean / spread
    found = _student(t, n)
    for skewness in (own, whole.skewness):
        found = max(found, _student(_without_skew(t, skewness / math.sqrt(n)), n))
    if n < max(FEW, whole.skewness**2) or not is_varied:
        variance = max(whole.variance, second * n / (n - 1))
        found = max(found, min(1.0, variance / n / mean / mean) if mean else 1.0)
    return found


def _without_skew(t: float, root: float) -> float:
    """Hall's transformation, which rises with t; root is the skewness over the root of n."""
    if math.isinf(t) or not math.isfinite(root):
        return t
    turn = root * t
    if abs(turn) < 1.0:
        return t * (1.0 + turn / 3.0 + turn * turn / 27.0) + root / 6.0
    cube = 1.0 + turn / 3.0
    return (cube * cube * cube - 1.0) / root + root / 6.0


def _student(t: float, n: int) -> float:
    return 2.0 * student_cdf(-abs(t), n - 1)
