"""Confidence intervals and tests for proportions, areas and anything made of counts. Undefined is None."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from approvals.measures.distributions import (
    Start,
    at_once,
    hypergeometric_pmf,
    log_factorial,
    started_cdf,
    started_sf,
    student_quantile,
)
from approvals.measures.quantiles import Places
from approvals.measures.scores import Floats, Integers, Scores

Statistic = Callable[[Floats], Floats]
"""From drawn cells [draws, groups, cells] to one number per draw, NaN where undefined."""

Evaluation = Callable[[Floats], Mapping[str, Floats]]
"""From drawn cells [draws, groups, cells] to several statistics, each one number per draw, NaN where undefined."""

_BESIDE = "the value is outside, because drawn groups lie further apart by chance"
WILSON = "Wilson score interval"
_BLOCK_CELLS = 1_000_000
_PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
FEWEST_DRAWS = 100
_ROUNDING = 1e-12
_FISHER_TOLERANCE = 1e-14
_FEWEST_POSITIVES = 2


@dataclass(frozen=True)
class Interval:
    """Both ends of a confidence interval, its level (0.95 = 95 %) and the method that made it."""

    low: float
    high: float
    level: float
    method: str


def of_a_gap(interval: Interval | None, value: float) -> Interval | None:
    """The interval of a gap between groups, which says so where chance alone made it lie beside the value.

    Groups that are drawn again lie further apart than those of the table, because each has an error of its own: the
    largest gap of many groups is biased upwards, as any maximum is, and the smallest ratio downwards.
    """
    if interval is None or interval.low <= value <= interval.high:
        return interval
    return replace(interval, method=f"{interval.method}; {_BESIDE}")


@functools.cache
def _z(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"The level of an interval must be between 0 and 1, not {level}.")
    return NormalDist().inv_cdf((1.0 + level) / 2.0)


def wilson(k: float, n: int, level: float = 0.95) -> Interval | None:
    """Wilson's score interval of the proportion k/n (Wilson 1927). Undefined for n = 0.

    k is whole but for a mean over repetitions of the same n.
    """
    if n <= 0:
        return None
    z = _z(level)
    share, spread = k / n, z * z / n
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = z / (1.0 + spread) * math.sqrt(share * (1.0 - share) / n + spread / (4.0 * n))
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return Interval(low, high, level, WILSON)


def wilson_each(k: Integers, n: Integers, level: float = 0.95) -> tuple[Floats, Floats]:
    """The lower and the upper ends of `wilson` for each k of n, at once; NaN where it is undefined."""
    z = _z(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, spread = k / n, z * z / n
        centre = (share + spread / 2.0) / (1.0 + spread)
        half = z / (1.0 + spread) * np.sqrt(share * (1.0 - share) / n + spread / (4.0 * n))
    low = np.where(k == 0, 0.0, np.maximum(0.0, centre - half))
    high = np.where(k == n, 1.0, np.minimum(1.0, centre + half))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def newcombe(k1: int, n1: int, k2: int, n2: int, level: float = 0.95) -> Interval | None:
    """Newcombe's hybrid score interval of k1/n1 - k2/n2 (Newcombe 1998, method 10). Undefined for an empty group."""
    first, second = wilson(k1, n1, level), wilson(k2, n2, level)
    if first is None or second is None:
        return None
    share1, share2 = k1 / n1, k2 / n2
    below = math.hypot(share1 - first.low, second.high - share2)
    above = math.hypot(first.high - share1, share2 - second.low)
    difference = share1 - share2
    return Interval(difference - below, difference + above, level, "Newcombe hybrid score interval")


def katz_log(k1: int, n1: int, k2: int, n2: int, level: float = 0.95) -> Interval | None:
    """Katz's log interval of (k1/n1) / (k2/n2) (Katz et al. 1978). Undefined when k1, k2, n1 or n2 is 0."""
    if min(k1, n1, k2, n2) <= 0:
        return None
    ratio = (k1 / n1) / (k2 / n2)
    factor = math.exp(_z(level) * math.sqrt(1.0 / k1 - 1.0 / n1 + 1.0 / k2 - 1.0 / n2))
    return Interval(ratio / factor, ratio * factor, level, "Katz log interval")


def student_mean(
    mean: float,
    variance: float | None,
    n: int,
    level: float = 0.95,
    *,
    lowest: float = -math.inf,
    degrees: int | None = None,
) -> Interval | None:
    """Student's interval of a mean from the sample variance (ddof 1), cut at `lowest`, the least that a mean can be.

    With n - 1 degrees of freedom, or so many. A normal interval of 10 normal rows would miss in 8 %, of 20 in 6.5 %.
    Undefined for fewer than two rows, and for rows without any spread, which say nothing about uncertainty.
    """
    if variance is None or n <= 1 or math.sqrt(variance) <= _ROUNDING * abs(mean):
        return None
    half = t_quantile(level, n - 1 if degrees is None else degrees) * math.sqrt(variance / n)
    return Interval(max(lowest, mean - half), mean + half, level, "Student's t interval of the mean")


def t_quantile(level: float, degrees: int) -> float:
    """How many standard errors an interval of that level reaches to either side, with so many degrees of freedom."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"The level of an interval must be between 0 and 1, not {level}.")
    return student_quantile((1.0 + level) / 2.0, degrees)


@dataclass(frozen=True)
class DeLong:
    """An area under the ROC curve with DeLong's standard error; no interval when that error is 0."""

    auc: float
    se: float
    interval: Interval | None


def delong(counts: Scores, level: float = 0.95) -> DeLong | None:
    """AUC, its standard error (DeLong et al. 1988; ranks of Sun & Xu 2014) and the normal interval, cut at [0, 1].

    Undefined with fewer than two positives or negatives. A separation without any error has standard error 0,
    which says nothing about uncertainty: no interval then.
    """
    auc, se = counts.ranks.roc_auc, counts.ranks.roc_auc_se
    if auc is None or se is None:
        return None
    if se <= _ROUNDING:
        return DeLong(auc, se, None)
    half = _z(level) * se
    return DeLong(auc, se, Interval(max(0.0, auc - half), min(1.0, auc + half), level, "DeLong interval"))


def hanley_mcneil(auc: float, positives: int, negatives: int, level: float = 0.95) -> Interval:
    """Normal interval of an AUC by the standard error of Hanley & McNeil (1982), which needs no ranks; cut at [0, 1].

    There must be positives and negatives.
    """
    q1, q2 = auc / (2.0 - auc), 2.0 * auc**2 / (1.0 + auc)
    spread = auc * (1.0 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    half = _z(level) * math.sqrt(max(spread, 0.0) / (positives * negatives))
    return Interval(max(0.0, auc - half), min(1.0, auc + half), level, "Hanley-McNeil interval")


def logit_area(area: float, positives: int, level: float = 0.95) -> Interval | None:
    """Normal interval of an area under precision over recall on the scale of its log odds (Boyd, Eng & Page 2013).

    It needs no ranks. Undefined for an area of 0 or 1, which leaves no odds, and for fewer than two positives.
    """
    if not _ROUNDING < area < 1.0 - _ROUNDING or positives < _FEWEST_POSITIVES:
        return None
    odds = math.log(area) - math.log1p(-area)
    half = _z(level) / math.sqrt(positives * area * (1.0 - area))
    low, high = ((1.0 + math.tanh(end / 2.0)) / 2.0 for end in (odds - half, odds + half))
    return Interval(low, high, level, "logit interval of Boyd, Eng and Page")


def bootstrap_cells(
    cells: Integers, statistic: Statistic, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> Interval | None:
    """The interval of one statistic; see `bootstrap`."""
    return bootstrap_statistics(cells, {"": statistic}, draws=draws, seed=seed, level=level)[""]


def bootstrap_statistics(
    cells: Integers, statistics: Mapping[str, Statistic], *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval | None]:
    """The interval of each statistic, all on the same draws; see `bootstrap`."""

    def evaluate(drawn: Floats) -> dict[str, Floats]:
        return {name: statistic(drawn) for name, statistic in statistics.items()}

    return {**dict.fromkeys(statistics), **bootstrap(cells, evaluate, draws=draws, seed=seed, level=level)}


def bootstrap(
    cells: Integers, evaluate: Evaluation, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval | None]:
    """Percentile bootstrap of statistics of count cells [groups, cells], seeded, all on the same draws.

    Each draw resamples the rows within every group, as a multinomial draw of its cells: the same distribution as
    resampling rows. No interval for a statistic that is undefined (NaN) in more than one draw of twenty, and none at
    all for an empty group or for too few draws. The largest gap of many groups is biased upwards, as any maximum is.
    Draws are made in blocks, each with a stream of its own, so that the number of processors changes no result.
    """
    sizes = cells.sum(axis=1)
    if draws < FEWEST_DRAWS or not cells.size or (sizes == 0).any():
        return {}
    shares = cells / sizes[:, None]
    length = max(1, _BLOCK_CELLS // cells.size)
    starts = range(0, draws, length)

    def block(start: int) -> Mapping[str, Floats]:
        stream = np.random.default_rng((seed, start) if start else seed)
        drawn = stream.multinomial(sizes, shares, size=(min(length, draws - start), sizes.size))
        return evaluate(drawn.astype(np.float64))

    if len(starts) == 1:
        parts = [block(0)]
    else:
        with ThreadPoolExecutor(min(len(starts), _PROCESSORS)) as threads:
            parts = list(threads.map(block, starts))
    return {
        name: percentile_interval(np.concatenate([part[name] for part in parts]), draws, seed, level)
        for name in parts[0]
    }


def percentile_interval(values: Floats, draws: int, seed: int, level: float) -> Interval | None:
    """The interval of one statistic from its values in all draws, NaN where undefined; see `bootstrap`."""
    defined = values[np.isfinite(values)]
    if defined.size < 0.95 * draws:
        return None
    if defined.min() == defined.max():  # no draw differs from another, which says nothing about uncertainty
        return None
    # As numpy.quantile, to the bit, in a tenth of the time that it takes to find out what it is asked for.
    places = Places(defined.size, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    found = np.partition(defined, places.ranks)[places.ranks]
    low, high = places.between(dict(zip(places.ranks.tolist(), found.tolist(), strict=True)))
    return Interval(low, high, level, f"percentile bootstrap of counts, {draws} draws, seed {seed}")


def z_test(k1: int, n1: int, k2: int, n2: int) -> tuple[float, float] | None:
    """Pooled two-proportion z statistic and two-sided p of k1/n1 against k2/n2.

    Undefined for an empty group and when both proportions are 0 or both are 1.
    """
    if min(n1, n2) <= 0 or k1 + k2 in {0, n1 + n2}:
        return None
    pooled = (k1 + k2) / (n1 + n2)
    z = (k1 / n1 - k2 / n2) / math.sqrt(pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2))
    return z, math.erfc(abs(z) / math.sqrt(2.0))


def fisher(k1: int, n1: int, k2: int, n2: int) -> float | None:
    """Two-sided p of Fisher's exact test of k1/n1 against k2/n2 (sum of the tables no more likely, as scipy).

    Undefined where the z test is.
    """
    return fisher_each([(k1, n1, k2, n2)])[0]


def fisher_each(comparisons: Sequence[tuple[int, int, int, int]]) -> list[float | None]:
    """Fisher's exact test of each (k1, n1, k2, n2), all at once; see `fisher`."""
    return fisher_started(comparisons, at_once)()


def fisher_started(comparisons: Sequence[tuple[int, int, int, int]], start: Start) -> Callable[[], list[float | None]]:
    """What hands out `fisher_each`; `start` may let the longest part be done by another thread."""
    defined = [i for i, (k1, n1, k2, n2) in enumerate(comparisons) if min(n1, n2) > 0 and 0 < k1 + k2 < n1 + n2]
    exact = _two_sided(np.array([comparisons[i] for i in defined], dtype=np.int64).reshape(-1, 4).T, start)

    def found() -> list[float | None]:
        known = dict(zip(defined, exact().tolist(), strict=True))
        return [known.get(i) for i in range(len(comparisons))]

    return found


def _two_sided(counts: Integers, start: Start) -> Callable[[], Floats]:
    k1, n1, k2, n2 = counts
    law = (n1 + n2, k1 + k2, n1)
    lowest, highest = np.maximum(0, k1 - n2 + k2), np.minimum(n1, k1 + k2)
    mode = np.clip(((k1 + k2 + 1) * (n1 + 1.0) / (n1 + n2 + 2)).astype(np.int64), lowest, highest)
    is_unlikely = _less_likely(counts, lowest, highest)
    is_low = k1 < mode
    # The first value on the other side of the mode that is no more likely than what was observed.
    near, far = mode.copy(), np.where(is_low, highest + 1, lowest - 1)
    while (apart := np.abs(far - near) > 1).any():
        middle = (near + far) // 2
        unlikely = is_unlikely(middle)
        far = np.where(apart & unlikely, middle, far)
        near = np.where(apart & ~unlikely, middle, near)
    whole = is_unlikely(mode)  # the observed table is as likely as any
    below = started_cdf(np.where(is_low, k1, far), *law, start)
    above = started_sf(np.where(is_low, far, k1) - 1, *law, start)
    return lambda: np.where(whole, 1.0, np.minimum(1.0, below() + above()))


def _less_likely(counts: Integers, lowest: Integers, highest: Integers) -> Callable[[Integers], NDArray[np.bool_]]:
    """Whether a first cell is no more likely than the observed one, the sums of the table being what they are.

    Logarithms of factorials say so, but for the few cells that are too close for these.
    """
    k1, n1, k2, n2 = counts
    good = k1 + k2

    def logarithm(k: Integers) -> Floats:
        parts = (k, n1 - k, good - k, n2 - good + k)
        found: Floats = sum(map(log_factorial, parts[1:]), log_factorial(parts[0]))
        return -found

    observed, doubt = logarithm(k1), 64.0 * np.finfo(np.float64).eps * log_factorial(n1 + n2 + 1)

    def is_unlikely(k: Integers) -> NDArray[np.bool_]:
        inside = (k >= lowest) & (k <= highest)
        gap = logarithm(np.clip(k, lowest, highest)) - observed
        found: NDArray[np.bool_] = ~inside | (gap < 0.0)
        close = np.flatnonzero(inside & (np.abs(gap) <= doubt))
        law = ((n1 + n2)[close], good[close], n1[close])
        limit = hypergeometric_pmf(k1[close], *law) * (1.0 + _FISHER_TOLERANCE)
        found[close] = hypergeometric_pmf(k[close], *law) <= limit
        return found

    return is_unlikely
