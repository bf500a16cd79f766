"""Tails and quantiles of a few laws, to the bit those of scipy.stats, which takes a second and 50 MB to load.

scipy.stats itself asks compiled functions for them, some of which scipy does not promise by name. Where a release of
scipy has them no longer, scipy.stats is loaded after all.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import math
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
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


Start = Callable[..., Callable[[], Any]]
"""Takes a compiled function and its arguments, and gives what hands out its result."""


def at_once(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Start a function and wait for it."""
    found = function(*arguments)
    return lambda: found


def hypergeometric_cdf(k: Integers, rows: Integers, good: Integers, drawn: Integers) -> Floats:
    """P(K <= k); see `hypergeometric_pmf`."""
    return started_cdf(k, rows, good, drawn, at_once)()


def hypergeometric_sf(k: Integers, rows: Integers, good: Integers, drawn: Integers) -> Floats:
    """P(K > k); see `hypergeometric_pmf`."""
    return started_sf(k, rows, good, drawn, at_once)()


def started_cdf(k: Integers, rows: Integers, good: Integers, drawn: Integers, start: Start) -> Callable[[], Floats]:
    """What hands out `hypergeometric_cdf`; only what takes long, all of it compiled, is started."""
    asked = _compiled("_hypergeom_cdf")
    if asked is None:
        return start(_stats().hypergeom.cdf, k, rows, good, drawn)
    least, most = _support(rows, good, drawn)
    found = start(asked, np.clip(k, least, most), good, drawn, rows)
    return lambda: np.where(k < least, 0.0, np.where(k >= most, 1.0, np.clip(found(), 0.0, 1.0)))


def started_sf(k: Integers, rows: Integers, good: Integers, drawn: Integers, start: Start) -> Callable[[], Floats]:
    """The same of `hypergeometric_sf`."""
    asked = _compiled("_hypergeom_sf")
    if asked is None:
        return start(_stats().hypergeom.sf, k, rows, good, drawn)
    least, most = _support(rows, good, drawn)
    found = start(asked, np.clip(k, least, most), good, drawn, rows)
    return lambda: np.where(k < least, 1.0, np.where(k >= most, 0.0, np.clip(found(), 0.0, 1.0)))


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
    return float(_special("chdtrc")(freedom, value))


def chi_square_isf(share: float, freedom: int) -> float:
    """The value that a chi-square law of so many degrees of freedom goes beyond with the probability `share`."""
    return float(_special("chdtri")(freedom, share))


def noncentral_chi_square_sf(value: float, freedom: int, noncentrality: float) -> float:
    """P(X > value) of a noncentral chi-square law; the value is above 0, the noncentrality 0 or more."""
    if noncentrality == 0:
        return chi_square_sf(value, freedom)
    asked = _compiled("_ncx2_sf") or _stats().ncx2.sf
    with np.errstate(over="ignore"):
        return float(asked(value, freedom, noncentrality))


def kolmogorov_isf(share: float) -> float:
    """The value that Kolmogorov's limit law goes beyond with the probability `share`."""
    return float(_special("kolmogi")(share))


def smirnov_p(first: Floats, second: Floats) -> float | None:
    """Two-sided exact p of the Kolmogorov-Smirnov distance of two samples of at least one value each.

    None where floats cannot say it (scipy takes the limit law there), and for a release of scipy that counts otherwise.
    """
    n, m = first.size, second.size
    common = math.gcd(n, m)
    places = np.concatenate([first, second])
    in_first, in_second = (np.searchsorted(np.sort(side), places, side="right") for side in (first, second))
    steps = int(np.max(np.abs(in_first * (m // common) - in_second * (n // common))))
    if steps == 0:
        return 1.0
    counted = getattr(_counted_paths(), "_compute_outer_prob_inside_method", None)
    if n == m:
        p = _outside_of_square(n, steps)
    elif counted is not None:
        p = float(counted(n, m, common, steps))
    else:
        return None
    return p if 0.0 <= p <= 1.0 else None


def _outside_of_square(n: int, steps: int) -> float:
    """2 (C(2n, n - h) - C(2n, n - 2h) + ...) / C(2n, n) for h steps (Gnedenko and Korolyuk, 1951), by Horner's rule."""
    p = 0.0
    for start in range(n // steps * steps, -1, -steps):
        ratio = 1.0
        for place in range(start, start + steps):
            ratio = ratio * (n - place) / (n + place + 1)
        p = ratio * (1.0 - p)
    return 2.0 * p


def student_cdf(value: float, freedom: float) -> float:
    """P(X <= value) of Student's law with so many degrees of freedom."""
    return float(_special("stdtr")(freedom, value))


def student_quantile(share: float, freedom: int) -> float:
    """The value that Student's law of so many degrees of freedom stays below with the probability `share`."""
    return float(_special("stdtrit")(freedom, share))


def normal_cdf(value: float) -> float:
    """P(X <= value) of a standard normal law."""
    return float(_special("ndtr")(value))


def normal_quantile(share: float) -> float:
    """The value that a standard normal law stays below with the probability `share`."""
    return float(_special("ndtri")(share))


def log_factorial(k: Integers) -> Floats:
    """The logarithm of k!."""
    return np.asarray(_special("gammaln")(k + 1), dtype=np.float64)


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


def _special(name: str) -> Any:
    # Loading it takes a tenth of a second, and most checks never ask for it.
    from scipy import special  # noqa: PLC0415

    return getattr(special, name)


@cache
def _counted_paths() -> ModuleType | None:
    """The compiled module in which scipy.stats counts paths, without loading scipy.stats around it."""
    name = "_stats_pythran"
    if (loaded := sys.modules.get(f"scipy.stats.{name}")) is not None:
        return loaded
    package = importlib.util.find_spec("scipy")
    places = [str(Path(place) / "stats") for place in (package and package.submodule_search_locations) or ()]
    found = importlib.machinery.PathFinder.find_spec(name, places)
    if found is None or found.loader is None:
        return None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _stats() -> Any:
    # Only for a scipy that we have not seen.
    from scipy import stats  # noqa: PLC0415

    return stats
