"""Every usual test and interval of one proportion against another, from four whole numbers. Judges nothing.

k1 of n1 against k2 of n2, the second being the reference. None is undefined, and `undefined` says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from approvals.measures.distributions import beta_quantile, hypergeometric_cdf, normal_quantile
from approvals.measures.intervals import Interval, fisher_each, katz_log, newcombe, wilson, z_test
from approvals.measures.scores import Floats, Integers

FourCounts = tuple[int, int, int, int]

EMPTY = "a group is empty"
ALIKE = "all outcomes of both groups are the same"


@dataclass(frozen=True)
class TwoProportions:
    """What is known of two proportions; `undefined` holds the reason of every value that is None.

    difference k1/n1 - k2/n2 and ratio (k1/n1)/(k2/n2); z pooled and its two-sided p; odds_ratio k1 (n2 - k2) /
    ((n1 - k1) k2); p of Fisher's exact test, two-sided and one-sided (k1 or fewer); Pearson's chi-square of the 2 x 2
    table with one degree of freedom, without and with Yates's correction (1934; at most the difference itself, as
    scipy). Intervals: Wilson and Clopper-Pearson (1934) of each proportion, Newcombe and Wald of the difference,
    Katz of the ratio.
    """

    counts: FourCounts
    values: dict[str, float | None]
    intervals: dict[str, Interval | None]
    undefined: dict[str, str]


def two_proportions_each(pairs: Sequence[FourCounts], level: float = 0.95) -> list[TwoProportions]:
    """Each (k1, n1, k2, n2), tested all at once. ValueError where a count is below 0 or above its size."""
    for k1, n1, k2, n2 in pairs:
        if not (0 <= k1 <= n1 and 0 <= k2 <= n2):
            raise ValueError(f"{k1} of {n1} against {k2} of {n2} are no two proportions.")
    if not pairs:
        return []
    table = np.array(pairs, dtype=np.int64).T
    exact, fewer = fisher_each(pairs), _fewer(table)
    sides = [(_clopper_pearson(table[0], table[1], level)), (_clopper_pearson(table[2], table[3], level))]
    found = []
    for place, (counts, p) in enumerate(zip(pairs, exact, strict=True)):
        exact_ends = [side[place] for side in sides]
        found.append(_two(counts, p, None if p is None else float(fewer[place]), exact_ends, level))
    return found


def _two(
    counts: FourCounts, exact: float | None, fewer: float | None, exact_ends: Sequence[Interval | None], level: float
) -> TwoProportions:
    k1, n1, k2, n2 = counts
    tested = z_test(*counts)
    plain, corrected = _chi_square(counts, yates=False), _chi_square(counts, yates=True)
    odds = (n1 - k1) * k2
    values: dict[str, float | None] = {
        "rate1": k1 / n1 if n1 else None,
        "rate2": k2 / n2 if n2 else None,
        "difference": (k1 * n2 - k2 * n1) / (n1 * n2) if n1 and n2 else None,
        "ratio": (k1 * n2) / (k2 * n1) if n1 and k2 else None,
        "z_pooled": tested[0] if tested else None,
        "p_two_sided_z": tested[1] if tested else None,
        "fisher_odds_ratio": (k1 * (n2 - k2)) / odds if odds else None,
        "fisher_p_two_sided": exact,
        "fisher_p_less": fewer,
        "chi2_no_correction": plain,
        "chi2_p_no_correction": None if plain is None else _chi_square_p(plain),
        "chi2_yates": corrected,
        "chi2_p_yates": None if corrected is None else _chi_square_p(corrected),
    }
    percent = f"{level * 100:g}"
    intervals = {
        f"wilson{percent}_group1": wilson(k1, n1, level),
        f"wilson{percent}_group2": wilson(k2, n2, level),
        f"clopper_pearson{percent}_group1": exact_ends[0],
        f"clopper_pearson{percent}_group2": exact_ends[1],
        f"newcombe{percent}_difference": newcombe(*counts, level),
        f"wald{percent}_difference": _wald(counts, level),
        f"katz_log{percent}_ratio": None if (k1, k2) == (n1, n2) else katz_log(*counts, level),
    }
    undefined = {
        name: f"Not computable: {_why(name, counts)}."
        for name, value in {**values, **intervals}.items()
        if value is None
    }
    return TwoProportions(counts, values, intervals, undefined)


def _why(name: str, counts: FourCounts) -> str:
    k1, n1, k2, n2 = counts
    if not n1 or not n2:
        return EMPTY
    if name.startswith("katz") and (k1, k2) == (n1, n2):
        return "everybody in both groups has the outcome, which says nothing about uncertainty"
    return _WHY.get(re.split(r"\d", name)[0], ALIKE)


_WHY = {
    "fisher_odds_ratio": "nobody in the second group has the outcome, or everybody in the first",
    "ratio": "nobody in the second group has the outcome",
    "katz_log": "nobody in one of the groups has the outcome",
    "wald": "the outcomes do not vary inside either group, which says nothing about uncertainty",
}


def _chi_square(counts: FourCounts, *, yates: bool) -> float | None:
    k1, n1, k2, n2 = counts
    n, k = n1 + n2, k1 + k2
    if not n1 or not n2 or k in {0, n}:
        return None
    # Whole numbers until the last division: twice |ad - bc|, of which Yates takes n off.
    twice = 2 * abs(k1 * n2 - k2 * n1)
    if yates:
        twice = max(0, twice - n)
    return (twice * twice * n) / (4 * n1 * n2 * k * (n - k))


def _chi_square_p(value: float) -> float:
    return math.erfc(math.sqrt(value / 2.0))


def _wald(counts: FourCounts, level: float) -> Interval | None:
    k1, n1, k2, n2 = counts
    if not n1 or not n2:
        return None
    share1, share2 = k1 / n1, k2 / n2
    variance = share1 * (1.0 - share1) / n1 + share2 * (1.0 - share2) / n2
    if variance <= 0.0:
        return None
    half = normal_quantile((1.0 + level) / 2.0) * math.sqrt(variance)
    return Interval(share1 - share2 - half, share1 - share2 + half, level, "Wald interval")


def _clopper_pearson(k: Integers, n: Integers, level: float) -> list[Interval | None]:
    tail = (1.0 - level) / 2.0
    inside = np.where(n > 0, n, 1)
    low = np.where(k > 0, beta_quantile(tail, np.maximum(k, 1), inside - np.minimum(k, inside) + 1), 0.0)
    high = np.where(k < n, beta_quantile(1.0 - tail, k + 1, np.maximum(inside - k, 1)), 1.0)
    return [
        Interval(float(low[i]), float(high[i]), level, "Clopper-Pearson interval") if n[i] else None
        for i in range(len(n))
    ]


def _fewer(table: Integers) -> Floats:
    """Share of tables of the same margins with k1 or fewer in the first group."""
    k1, n1, k2, n2 = table
    return hypergeometric_cdf(k1, n1 + n2, k1 + k2, n1)
