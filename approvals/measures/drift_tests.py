"""Whether a drift can be told from chance, and how small a one could be seen. Judges nothing.

Every measure of drift is above 0 by chance: with B bins, n reference and m current values the PSI of two samples of
one distribution is distributed as (1/n + 1/m) times chi-square with B - 1 degrees of freedom (Yurdakul & Naranjo,
Statistical properties of the population stability index, Journal of Risk Model Validation 14(4), 2020), so that no
fixed limit means the same for all sizes. Pearson's chi-square on the same bins is that test; of whole distributions it
is Kolmogorov's and Smirnov's, of missing shares Fisher's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from approvals.measures.bins import Counted, ReferenceBins, Source, count
from approvals.measures.distributions import (
    chi_square_isf,
    chi_square_sf,
    kolmogorov_isf,
    noncentral_chi_square_sf,
    normal_cdf,
)
from approvals.measures.intervals import fisher, fisher_each, z_test
from approvals.measures.values import Counts, Measure, not_computable

FEWEST_EXPECTED = 5.0
"""Cochran's rule: in cells of smaller expected counts chi-square is no chi-square."""
_CHI_SQUARES_PART = 0.9
"""Of the level, where bins had to be put together: the rest is for the bins one by one (weighted Bonferroni)."""
_BINS_TESTED = 20
_EXACT_FISHER_ROWS = 100_000
_BISECTIONS = 80
_CERTAIN = 10_000.0
"""Beyond such a noncentrality per degree of freedom the power is 1 to every digit, and scipy's series takes long."""
ALIKE = "both sides have only one and the same value"
BIN_BY_BIN = "Fisher's exact test of each bin"

Power = Callable[[float, float, int, float], float]
"""Chance that a test at a level sees a drift: (size of the drift, 1/n + 1/m, degrees of freedom, level)."""


def shares_p(reference: ReferenceBins, current: Source | Counted) -> Measure:
    """The p of Pearson's chi-square over the bins or levels, of fewer than FEWEST_EXPECTED expected rows put together.

    Bins of numbers join their neighbours, levels join one another. What is put together may hide a change: of a long
    batch with one value all bins but one are as good as empty. So Fisher's exact test of each bin against all others
    counts beside it then (Bonferroni), and alone where there is only one group. The choice rests on the sums of both
    sides, which say nothing about their difference, so the p is one. 1 where both sides have one and the same value
    only. Not computable without values on both sides.
    """
    name, where = "shares_p", (("column", reference.column),)
    counted = count(reference, current)
    counts: Counts = (("n_reference", reference.n), ("n_current", counted.n))
    if not counted.n or not reference.n:
        return not_computable(name, "Not computable: a side has no values.", counts, n=0, slice=where)
    before, now = _cells(reference, counted)
    if before.size == 1:
        return Measure(name, 1.0, reference.n + counted.n, method=ALIKE, slice=where, counts=counts)
    least = FEWEST_EXPECTED * (reference.n + counted.n) / min(reference.n, counted.n)
    groups = _pooled(before, now, least, neighbours=reference.kind == "number")
    p, method = _p_of_groups(groups), _groups_in_words(groups.shape[1])
    if groups.shape[1] < before.size:
        exact = _p_of_bins(before, now)
        is_alone = groups.shape[1] == 1
        p = exact if is_alone else min(1.0, p / _CHI_SQUARES_PART, exact / (1.0 - _CHI_SQUARES_PART))
        method = BIN_BY_BIN if is_alone else f"{method}, and {BIN_BY_BIN}"
    counts = (*counts, ("degrees_of_freedom", groups.shape[1] - 1), ("values_or_bins", before.size))
    return Measure(name, p, reference.n + counted.n, method=method, slice=where, counts=counts)


def _groups_in_words(groups: int) -> str:
    return f"chi-square over {groups} groups of values of at least {FEWEST_EXPECTED:g} expected rows"


def _p_of_groups(groups: Any) -> float:
    """Pearson's chi-square; 1 of one group, of which there is nothing to compare."""
    expected = groups.sum(axis=1, keepdims=True) * groups.sum(axis=0) / groups.sum()
    statistic = float(((groups - expected) ** 2 / expected).sum())
    return chi_square_sf(statistic, groups.shape[1] - 1) if groups.shape[1] > 1 else 1.0


def _p_of_bins(before: Any, now: Any) -> float:
    """The least p of Fisher's exact test of one bin against all others, times the number of bins.

    Tested are the bins that moved most for their size; that others are not makes no p smaller.
    """
    then, current = before.sum(), now.sum()
    moved = np.abs(before / then - now / current) / np.sqrt(before + now)
    chosen = np.argsort(-moved, kind="stable")[:_BINS_TESTED]
    found = fisher_each([(int(now[i]), int(current), int(before[i]), int(then)) for i in chosen])
    return min(1.0, len(before) * min((p for p in found if p is not None), default=1.0))


def _cells(reference: ReferenceBins, counted: Counted) -> tuple[Any, Any]:
    """Rows then and now of every bin or level that any side has; levels from the rarest on."""
    if reference.kind == "number":
        before, now = np.array(reference.counts, dtype=np.float64), np.array(counted.counts, dtype=np.float64)
    else:
        known = dict(zip(reference.levels, reference.counts, strict=True))
        pairs = [(known.get(level, 0), counted.levels[level]) for level in {*known, *counted.levels}]
        before, now = np.array(sorted(pairs, key=lambda pair: (sum(pair), pair)), dtype=np.float64).T
    there = before + now > 0
    return before[there], now[there]


def _pooled(before: Any, now: Any, least: float, *, neighbours: bool) -> Any:
    """The columns of the table, joined until each has so many rows of both sides together."""
    groups: list[list[float]] = []
    held = [0.0, 0.0]
    for pair in zip(before.tolist(), now.tolist(), strict=True):
        if not neighbours and sum(pair) >= least and not sum(held):
            groups.append(list(pair))
            continue
        held = [held[0] + pair[0], held[1] + pair[1]]
        if sum(held) >= least:
            groups.append(held)
            held = [0.0, 0.0]
    if sum(held):
        if groups:
            groups[-1] = [groups[-1][0] + held[0], groups[-1][1] + held[1]]
        else:
            groups.append(held)
    return np.array(groups).T


def missing_p(reference: ReferenceBins, current: Source | Counted) -> Measure:
    """Two-sided p of the missing shares: Fisher's exact test, and the pooled z test in long tables.

    1 where nothing, or everything, is missing on both sides. Not computable without current rows.
    """
    name, where = "missing_p", (("column", reference.column),)
    counted = count(reference, current)
    sides = (counted.missing, counted.n + counted.missing, reference.missing, reference.n + reference.missing)
    counts = (("missing_reference", reference.missing), ("missing_current", counted.missing))
    if not sides[1] or not sides[3]:
        return not_computable(name, "Not computable: a side has no rows.", counts, n=0, slice=where)
    if max(sides[1], sides[3]) > _EXACT_FISHER_ROWS:
        found = z_test(*sides)
        p, method = (found[1] if found else None), "pooled z test"
    else:
        p, method = fisher(*sides), "Fisher's exact test"
    value = 1.0 if p is None else min(1.0, p)
    return Measure(name, value, sides[1] + sides[3], method=method, slice=where, counts=counts)


def chi_square_effect(statistic: Measure) -> Measure:
    """Cohen's w of a chi-square of two samples: sqrt(X² (1/n + 1/m)), without unit, at least 0.

    The square root of the sum of (a - e)² / share of both (Cohen, Statistical power analysis, 1988, 7.2); 0.1 is small,
    0.3 medium, 0.5 large there. Unlike the statistic and Cramér's V it does not grow with a side. 0 where both sides
    have only one and the same value.
    """
    name, n, m = "chi_square_effect", statistic.count("n_reference"), statistic.count("n_current")
    if not n or not m or (statistic.value is None and ALIKE not in statistic.reason):
        reason = statistic.reason or "Not computable: a side has no values."
        return not_computable(name, reason, statistic.counts, n=statistic.n, slice=statistic.slice)
    value = math.sqrt(float(statistic.value or 0.0) * (1.0 / n + 1.0 / m))
    return Measure(name, value, n + m, method="Cohen's w", slice=statistic.slice, counts=statistic.counts)


def power_of_psi(size: float, per_row: float, freedom: int, level: float) -> float:
    """Of chi-square on the same bins, to a PSI of that size; for small ones, where PSI and X² (1/n + 1/m) agree."""
    return _chi_square_power(size, per_row, freedom, level)


def power_of_effect(size: float, per_row: float, freedom: int, level: float) -> float:
    """Of chi-square to an effect w of that size."""
    return _chi_square_power(size**2, per_row, freedom, level)


def power_of_distance_of_shares(size: float, per_row: float, freedom: int, level: float) -> float:
    """Of chi-square to a total variation, or a Jensen-Shannon distance (base 2), of that size: at least so much.

    (a - e)² over the mean of both sums up to 4 times the square of either, or more: by the inequality of Cauchy and
    Schwarz for total variation, by that of Topsøe (IEEE Transactions on Information Theory 46(4), 2000) for the other.
    """
    return _chi_square_power(4.0 * size**2, per_row, freedom, level)


# Powers are remembered: columns of one batch have the same sizes, and ask the same of laws that take milliseconds.
@lru_cache(maxsize=4096)
def power_of_ks(size: float, per_row: float, freedom: int, level: float) -> float:
    """Of Kolmogorov's and Smirnov's test to a distance of that size: at least so much, where the limit laws hold.

    The distance is at least that at the place where it truly is widest, which varies by sqrt((1/n + 1/m) / 4) at most.
    """
    del freedom
    spread = math.sqrt(per_row)
    edge = kolmogorov_isf(level) * spread
    return normal_cdf((size - edge) / (0.5 * spread))


def power_of_shift(size: float, per_row: float, freedom: int, level: float) -> float:
    """Of Kolmogorov's and Smirnov's test to a Wasserstein distance of so many standard deviations.

    As if a normal distribution had moved by it: the distance between both is then 2 Phi(size / 2) - 1.
    """
    return power_of_ks(2.0 * normal_cdf(size / 2.0) - 1.0, per_row, freedom, level)


@lru_cache(maxsize=4096)
def _chi_square_power(strength: float, per_row: float, freedom: int, level: float) -> float:
    strength = min(strength / per_row, _CERTAIN * freedom)
    return noncentral_chi_square_sf(chi_square_isf(level, freedom), freedom, strength)


@lru_cache(maxsize=4096)
def rows_needed(power: Power, size: float, *, reference: int, freedom: int, level: float, least: float) -> int | None:
    """Fewest current rows at which the power to see a drift of that size is at least so much.

    None if no number is enough, because the reference itself has too few rows.
    """
    if size <= 0.0 or power(size, 1.0 / reference, freedom, level) < least:
        return None
    low, high = 1.0 / reference, 1.0 / reference + 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if power(size, middle, freedom, level) >= least else (low, middle)
    left = low - 1.0 / reference
    return math.ceil(1.0 / left) if left > 0.0 else None
