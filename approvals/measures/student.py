"""Quantiles of Student's t, for intervals of means of few rows, without loading a library for it."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

_SERIES = 1000
_STEPS = 60


@functools.lru_cache(maxsize=65_536)
def student_quantile(share: float, degrees: int) -> float:
    """Below which a t of so many degrees of freedom (at least 1) is with a probability of `share`, 0.5 to below 1.

    By Newton's method from the finite sums for whole degrees (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4); from
    1,000 degrees on by the expansion about the normal quantile (26.7.5), which is then right to 13 digits.
    """
    z = NormalDist().inv_cdf(share)
    t = _expanded(z, float(degrees))
    if degrees >= _SERIES:
        return t
    # Within these ends the distribution rises, so a step that leaves them is halved instead.
    low, high = 0.0, math.inf
    log_peak = math.lgamma((degrees + 1) / 2.0) - math.lgamma(degrees / 2.0) - 0.5 * math.log(degrees * math.pi)
    for _ in range(_STEPS):
        error = _between(t, degrees) / 2.0 - (share - 0.5)
        low, high = (low, t) if error > 0 else (t, high)
        step = error / math.exp(log_peak - (degrees + 1) / 2.0 * math.log1p(t * t / degrees))
        after = t - step
        if not low < after < high:
            after = (low + high) / 2.0 if math.isfinite(high) else 2.0 * t + 1.0
        if abs(after - t) <= 1e-15 * (1.0 + abs(t)):
            return after
        t = after
    return t


def _expanded(z: float, n: float) -> float:
    return (
        z
        + (z**3 + z) / (4.0 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96.0 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384.0 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160.0 * n**4)
    )


def _between(t: float, degrees: int) -> float:
    """The probability of lying between -t and t."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    if degrees % 2:
        total, term = 0.0, cosine
        for place in range(1, degrees - 1, 2):
            total += term
            term *= cosine * cosine * (place + 1) / (place + 2)
        return 2.0 / math.pi * (angle + sine * total)
    total, term = 0.0, 1.0
    for place in range(0, degrees - 1, 2):
        total += term
        term *= cosine * cosine * (place + 1) / (place + 2)
    return sine * total
