"""Tails and quantiles of a few laws, to the bit those of scipy.stats, which takes a second and 50 MB to load.

scipy.stats itself asks compiled functions for them, some of which scipy does not promise by name. Where a release of
scipy has them no longer, scipy.stats is loaded after all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from approvals.measures.scores import Floats, Integers


def hypergeometric_pmf(k: Integers, rows: Integers, good: Integers, drawn: Integers) -> Floats:
    """P(K = k) of good ones among `drawn` of `rows`, of which `good` are good."""
    asked = _compiled("_hypergeom_pmf")
    if asked is None:
        return np.asarray(_stats().hypergeom.pmf(k, rows, good, drawn), dtype=np.float64)
    least, most = _support(rows, good, drawn)
    found = asked(np.clip(k, least, most), good, drawn, rows)
    return np.where((k < least) | (k > most), 0.0, np.clip(found, 0.0, 1.0))


def hypergeometric_cdf(k: Integers, rows: Integers, good: Integers, drawn: Integers) -> Floats:
    """P(K <= k); see `hypergeometric_pmf`."""
    asked = _compiled("_hypergeom_cdf")
    if asked is None:
        return np.asarray(_stats().hypergeom.cdf(k, rows, good, drawn), dtype=np.float64)
    least, most = _support(rows, good, drawn)
    found = np.clip(asked(np.clip(k, least, most), good, drawn, rows), 0.0, 1.0)
    return np.where(k < least, 0.0, np.where(k >= most, 1.0, found))


def hypergeometric_sf(k: Integers, rows: Integers, good: Integers, drawn: Integers) -> Floats:
    """P(K > k); see `hypergeometric_pmf`."""
    asked = _compiled("_hypergeom_sf")
    if asked is None:
        return np.asarray(_stats().hypergeom.sf(k, rows, good, drawn), dtype=np.float64)
    least, most = _support(rows, good, drawn)
    found = np.clip(asked(np.clip(k, least, most), good, drawn, rows), 0.0, 1.0)
    return np.where(k < least, 1.0, np.where(k >= most, 0.0, found))


def beta_quantile(share: float, a: Integers, b: Integers) -> Floats:
    """The value that a beta law of a and b stays below with the probability `share`, which is above 0 and below 1."""
    asked = _compiled("_beta_ppf") or _stats().beta.ppf
    return np.asarray(asked(share, a, b), dtype=np.float64)


def sign_test(first: int, second: int) -> float:
    """Two-sided p that of so many in all so few, or fewer, would be on one side, were both sides equally likely.

    1 where there are none. McNemar's exact test.
    """
    few, n = min(first, second), first + second
    if 2 * few == n:
        return 1.0
    cdf, sf = _compiled("_binom_cdf"), _compiled("_binom_sf")
    if cdf is None or sf is None:
        cdf, sf = _stats().binom.cdf, _stats().binom.sf
    return float(min(1.0, cdf(few, n, 0.5) + sf(n - few - 1, n, 0.5)))


def chi_square_sf(value: float, freedom: int) -> float:
    """P(X > value) of a chi-square law with so many degrees of freedom; the value is 0 or more."""
    return float(_special().chdtrc(freedom, value))


def normal_quantile(share: float) -> float:
    """The value that a standard normal law stays below with the probability `share`."""
    return float(_special().ndtri(share))


def log_factorial(k: Integers) -> Floats:
    """The logarithm of k!."""
    return np.asarray(_special().gammaln(k + 1), dtype=np.float64)


def ranks(values: Floats) -> Floats:
    """The rank of each value from 1 on; equal ones share the mean of theirs."""
    _, places, rows = np.unique(values, return_inverse=True, return_counts=True)
    through = np.cumsum(rows)
    return np.asarray((2 * through - rows + 1) / 2.0, dtype=np.float64)[places]


def _support(rows: Integers, good: Integers, drawn: Integers) -> tuple[Integers, Integers]:
    return np.maximum(drawn - (rows - good), 0), np.minimum(good, drawn)


def _compiled(name: str) -> Any:
    from scipy.special import _ufuncs  # noqa: PLC0415 - see `_special`

    return getattr(_ufuncs, name, None)


def _special() -> Any:
    # Loading it takes a quarter of a second, and most checks never ask for it.
    from scipy import special  # noqa: PLC0415

    return special


def _stats() -> Any:
    # Only for a scipy that we have not seen.
    from scipy import stats  # noqa: PLC0415

    return stats
