"""Many comparisons at once: p values adjusted for their number, and how many would be small by chance. Judges nothing.

An undefined p was not a comparison: it has no adjusted p, counts for nothing, and never makes another one larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from approvals.measures.values import Measure, not_computable

LEVEL = 0.05


@dataclass(frozen=True)
class Adjusted:
    """The adjusted p values of one comparison, in [0, 1]; each at least the p it was made of."""

    holm: Measure
    benjamini_hochberg: Measure


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): the family-wise error stays at the level, whatever the tests depend on.

    The k-th smallest of m is multiplied by m - k + 1, at most 1, never below a smaller one. In the order given; none of
    none. ValueError for a number that is no p value.
    """
    order, highest = _ascending(p_values), 0.0
    adjusted = [1.0] * len(p_values)
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's step-up adjustment (1995): the expected share of false ones among those called small
    stays at the level, for tests that are independent or depend on one another positively.

    The k-th smallest of m is multiplied by m / k, at most 1, never above a larger one. In the order given.
    ValueError for a number that is no p value.
    """
    order, lowest = _ascending(p_values), 1.0
    adjusted = [1.0] * len(p_values)
    for rank in range(len(order), 0, -1):
        place = order[rank - 1]
        lowest = min(lowest, p_values[place] * (len(p_values) / rank))
        adjusted[place] = lowest
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    for p in p_values:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{p} is no p value: it must be between 0 and 1.")
    return sorted(range(len(p_values)), key=lambda place: p_values[place])


def adjusted(p_measures: Sequence[Measure]) -> list[Adjusted]:
    """Both adjustments of each p, in the order given, over all that are computable; see `holm`, `benjamini_hochberg`.

    Named after the p with _holm and _benjamini_hochberg, with the number of comparisons among the counts. Not
    computable, for the same reason, where the p is not.
    """
    made = [place for place, item in enumerate(p_measures) if item.computable]
    p_values = [float(p_measures[place].value or 0.0) for place in made]
    step_down = dict(zip(made, holm(p_values), strict=True))
    step_up = dict(zip(made, benjamini_hochberg(p_values), strict=True))
    return [
        Adjusted(
            holm=_adjusted(item, "holm", step_down.get(place), f"Holm over {len(made)}", len(made)),
            benjamini_hochberg=_adjusted(
                item, "benjamini_hochberg", step_up.get(place), f"Benjamini and Hochberg over {len(made)}", len(made)
            ),
        )
        for place, item in enumerate(p_measures)
    ]


def _adjusted(p: Measure, name: str, value: float | None, method: str, comparisons: int) -> Measure:
    named = f"{p.name}_{name}"
    if value is None:
        return not_computable(named, p.reason, p.counts, n=p.n, method=method, slice=p.slice)
    counts = (*p.counts, ("comparisons", comparisons))
    return replace(p, name=named, value=value, method=method, counts=counts, low=None, high=None, level=None)


def expected_by_chance(comparisons: int, level: float = LEVEL) -> float:
    """How many of so many comparisons have a p at or below `level` on average where nothing differs at all."""
    return float(comparisons * Fraction(str(level)))


def chance_sentence(comparisons: int, level: float = LEVEL) -> str:
    """How many comparisons were made, and how many of them would be called significant by chance alone."""
    made = "1 comparison was" if comparisons == 1 else f"{comparisons:,} comparisons were"
    by_chance = f"{expected_by_chance(comparisons, level):.3g}"
    return f"{made} made; at {level * 100:g} % about {by_chance} would be significant by chance."
