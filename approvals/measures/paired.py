"""Two predictions of the same rows: is one better? Everything is paired, because they err on the same rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from approvals.measures.distributions import sign_test
from approvals.measures.exact_sums import BoundedSum
from approvals.measures.intervals import Interval, t_quantile
from approvals.measures.outcomes import Booleans
from approvals.measures.paired_areas import AreaDifference, Below, places
from approvals.measures.performance import with_interval
from approvals.measures.scores import Floats
from approvals.measures.values import Counts, Measure, not_computable

NO_ROWS = "Not computable: no row has a label and both predictions."


def accuracy_difference(correct: Booleans, other: Booleans, *, level: float = 0.95) -> tuple[Measure, Measure]:
    """Accuracy of the first minus that of the second, in [-1, 1], and the two-sided exact p of McNemar (1947).

    The interval is that of Bonett and Price (2012) for paired proportions: Wald's after one row more of each kind. With
    b rows that only the first has right and c that only the second has, (b - c)/(n + 2) and variance
    (b + c + 2 - (b - c)^2/(n + 2))/(n + 2)^2, where Wald's is surely too short for few such rows, and has no width for
    none. p is binomial on b of b + c; 1 when both err on the same rows. Not computable without rows.
    """
    b, c = int((correct & ~other).sum()), int((~correct & other).sum())
    return accuracy_from_counts(b, c, int((correct & other).sum()), int(correct.size), level=level)


def accuracy_from_counts(b: int, c: int, both: int, n: int, *, level: float = 0.95) -> tuple[Measure, Measure]:
    """The measures of `accuracy_difference` from b rows only the first has right, c only the second, and both."""
    counts: Counts = (("only_first_right", b), ("only_second_right", c), ("both_right", both))
    if not n:
        names = ("accuracy_difference", "mcnemar_p")
        return not_computable(names[0], NO_ROWS, counts, n=0), not_computable(names[1], NO_ROWS, counts, n=0)
    difference = (b - c) / n
    middle = (b - c) / (n + 2)
    half = _z(level) * math.sqrt(b + c + 2 - (b - c) ** 2 / (n + 2)) / (n + 2)
    low, high = max(-1.0, min(middle - half, difference)), min(1.0, max(middle + half, difference))
    interval = Interval(low, high, level, "Bonett-Price interval, paired")
    p = sign_test(b, c)
    return (
        with_interval("accuracy_difference", difference, n, interval, counts=counts),
        Measure("mcnemar_p", p, n, method="exact binomial, two-sided", counts=counts),
    )


def auc_difference(actual: Booleans, score: Floats, other: Floats, *, level: float = 0.95) -> tuple[Measure, Measure]:
    """ROC AUC of the first score minus that of the second, in [-1, 1], and its two-sided p (DeLong et al. 1988).

    The covariance of both areas on the same rows is DeLong's, computed from midranks (Sun & Xu 2014). Not computable
    with fewer than two positives or negatives; p is not computable when the difference has no variance.
    """
    found = AreaDifference(int(actual.sum()), int((~actual).sum()))
    order, first = places(score, actual, Below())
    other_order, second = places(other, actual, Below())
    apart = np.empty(actual.size, dtype=np.int64)
    apart[order] = first
    apart[other_order] -= second
    found.add(apart, actual)
    return area_measures(found, int(actual.sum()), int((~actual).sum()), level=level)


def area_measures(found: AreaDifference, positives: int, negatives: int, *, level: float) -> tuple[Measure, Measure]:
    """The measures of `auc_difference` from what was added up of all rows."""
    n = positives + negatives
    counts: Counts = (("positives", positives), ("negatives", negatives))
    names = ("roc_auc_difference", "delong_p")
    if positives < 2 or negatives < 2:
        reason = "Not computable: fewer than two rows are positive, or fewer than two negative."
        return not_computable(names[0], reason, counts, n=n), not_computable(names[1], reason, counts, n=n)
    difference, variance = found.value, found.variance
    if variance <= 0.0:
        reason = "Not computable: the difference is the same whichever rows are taken, so it has no variance."
        return (
            with_interval(names[0], difference, n, None, method="paired, no variance", counts=counts),
            not_computable(names[1], reason, counts, n=n),
        )
    half = _z(level) * math.sqrt(variance)
    interval = Interval(max(-1.0, difference - half), min(1.0, difference + half), level, "DeLong interval, paired")
    p = 2.0 * NormalDist().cdf(-abs(difference) / math.sqrt(variance))
    return (
        with_interval(names[0], difference, n, interval, counts=counts),
        Measure(names[1], p, n, method="normal, two-sided", counts=counts),
    )


def brier_difference(actual: Booleans, score: Floats, other: Floats, *, level: float = 0.95) -> Measure:
    """Brier score of the first minus that of the second, in [-1, 1]; below 0 the first is better.

    Student's interval of the mean difference per row. Not computable without rows or with scores outside 0 to 1.
    """
    outside = int(((score < 0) | (score > 1) | (other < 0) | (other > 1)).sum())
    gaps = (score - actual) ** 2 - (other - actual) ** 2
    return brier_measure(lambda take: take(gaps), int(actual.size), outside, level=level)


Gaps = Callable[[Callable[[Floats], None]], None]
"""Gives the squared error of the first score minus that of the second, piece after piece; as often as it is asked."""


def brier_measure(gaps: Gaps, n: int, outside: int, *, level: float) -> Measure:
    """The measure of `brier_difference` from n rows, of which some have a score outside 0 to 1; no order counts."""
    name = "brier_difference"
    if not n or outside:
        reason = "Not computable: some scores are outside 0 to 1, so they are no probabilities." if n else NO_ROWS
        return not_computable(name, reason, (("rows_outside", outside),), n=n)
    total = BoundedSum(1.0)
    gaps(total.add)
    mean = total.value / n
    if n == 1:
        return with_interval(name, mean, n, None, method="mean over rows")
    squares = BoundedSum(4.0)
    gaps(lambda piece: squares.add((piece - mean) ** 2))
    half = t_quantile(level, n - 1) * math.sqrt(squares.value / (n - 1) / n)
    return with_interval(name, mean, n, Interval(mean - half, mean + half, level, "Student's t, paired"))


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1.0 + level) / 2.0)
