"""Whether labels differ between values more than chance makes them differ, however few rows a value has.

Where labels are drawn without regard to the values, every order of the labels is as likely as any other: one of
C(n, k) for k positives among n rows. What gives each value a share of its own, drawn from a beta law, gives the orders
other chances, which add up to one at most. How many times more likely it makes the labels that are there is therefore
above 1 / a in at most a of all such tables, exactly and for any number of rows (an e-value: Markov's inequality; Vovk
and Wang, E-values: Calibration, combination and applications, Annals of Statistics 2021). The beta laws have the mean
k / n and are mixed over several sizes, so that values of which each has one label count as well as weak differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from approvals.measures.scores import Floats, Integers

_SIZES = (0.5, 2.0, 8.0, 32.0, 128.0)


def log_evidence(k: Integers, n: Integers, values: Integers) -> float:
    """Natural logarithm of the evidence against chance: k positives among n rows of each of so many values.

    Minus infinity where labels do not vary.
    """
    positives, rows = int((k * values).sum()), int((n * values).sum())
    if not 0 < positives < rows:
        return -math.inf
    orders = math.lgamma(rows + 1) - math.lgamma(positives + 1) - math.lgamma(rows - positives + 1)
    share = positives / rows
    found = [_likelihood(k, n, values, size * share, size * (1.0 - share)) for size in _SIZES]
    return orders + _log_mean(found)


def most_evidence(positives: int, rows: int, width: int) -> float:
    """About the most that labels of so many positives can give where each value has `width` rows."""
    rarer = min(positives, rows - positives)
    if rarer <= 0:
        return -math.inf
    full, rest = divmod(rarer, width)
    others = max(0, rows // width - full - (rest > 0))
    counts = [(width, full), (rest, int(rest > 0)), (0, others)]
    k = np.array([have for have, _ in counts], dtype=np.int64)
    return log_evidence(k, np.full(3, width, dtype=np.int64), np.array([many for _, many in counts], dtype=np.int64))


def _likelihood(k: Integers, n: Integers, values: Integers, a: float, b: float) -> float:
    have, rest = k.astype(np.float64), (n - k).astype(np.float64)
    each = _log_gamma(have + a) + _log_gamma(rest + b) - _log_gamma(have + rest + (a + b))
    whole = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return math.fsum((values * (each - whole)).tolist())


def _log_gamma(values: Floats) -> Floats:
    # Not scipy's, which to load may be too much where an engine has taken its memory.
    return np.fromiter(map(math.lgamma, values.tolist()), dtype=np.float64, count=values.size)


def _log_mean(found: Sequence[float]) -> float:
    most = max(found)
    return most + math.log(math.fsum(math.exp(one - most) for one in found) / len(found))
