"""Differences of two proportions, compared with a threshold as whole numbers: 0.8 - 0.7 of floats is more than 0.1."""

from __future__ import annotations

from fractions import Fraction

from approvals.checks._rules import Rule
from approvals.measures.values import Counts, Measure

NAMES = ("lowest_k", "lowest_n", "highest_k", "highest_n")


def difference_counts(lowest: Measure, highest: Measure) -> Counts:
    """The whole numbers behind highest minus lowest, from the k and n of both; nothing if one has none."""
    found = [measure.count(name) for measure in (lowest, highest) for name in ("k", "n")]
    return tuple((name, count) for name, count in zip(NAMES, found, strict=True) if count is not None)


def at_most_exactly(measure: str, limit: float | None) -> Rule:
    """The difference must be at or below the limit, by its whole numbers if it has them."""
    return Rule(measure, limit, at_least=False, exact=exact_difference)


def exact_difference(measure: Measure) -> Fraction | None:
    """Highest minus lowest as a fraction; None if the measure does not record both."""
    k1, n1, k2, n2 = (measure.count(name) for name in NAMES)
    if k1 is None or not n1 or k2 is None or not n2:
        return None
    return Fraction(k2, n2) - Fraction(k1, n1)
