"""Intervals and tests of any two proportions against scipy, and by their definitions."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from approvals.measures import intervals

SETTINGS = settings(deadline=None, max_examples=100)
proportions = st.one_of(st.integers(0, 6), st.integers(0, 400)).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.just(n))
)
levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


@SETTINGS
@given(proportions, levels)
def test_wilson_is_that_of_scipy(pair, level):
    k, n = pair
    found = intervals.wilson(k, n, level)
    if not n:
        assert found is None
        return
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert [found.low, found.high] == close([expected.low, expected.high])


@SETTINGS
@given(proportions, proportions)
def test_tests_of_two_proportions_are_those_of_scipy(first, second):
    (k1, n1), (k2, n2) = first, second
    z, p = intervals.z_test(k1, n1, k2, n2), intervals.fisher(k1, n1, k2, n2)
    if not n1 or not n2 or k1 + k2 in {0, n1 + n2}:
        assert (z, p) == (None, None)
        return
    table = [[k1, n1 - k1], [k2, n2 - k2]]
    expected = stats.chi2_contingency(table, correction=False)
    assert z[0] ** 2 == close(expected.statistic)
    assert z[1] == close(expected.pvalue)
    assert math.copysign(1, z[0]) == math.copysign(1, k1 * n2 - k2 * n1) or abs(z[0]) < 1e-9
    assert p == close(stats.fisher_exact(table).pvalue)


@SETTINGS
@given(proportions, proportions, levels)
def test_the_interval_of_a_ratio_is_that_of_scipy(first, second, level):
    (k1, n1), (k2, n2) = first, second
    found = intervals.katz_log(k1, n1, k2, n2, level)
    if not min(k1, n1, k2, n2):
        assert found is None
        return
    expected = stats.contingency.relative_risk(k1, n1, k2, n2).confidence_interval(level)
    assert [found.low, found.high] == close([expected.low, expected.high])


def score_end(k, n, z, side):
    """The proportion whose score test of k of n is at z: what Wilson's interval is made of."""
    share = k / n
    if (side < 0 and not k) or (side > 0 and k == n):
        return share
    gap = lambda p: share - p + side * z * math.sqrt(p * (1 - p) / n)  # noqa: E731
    # At 0 and at 1 the test is at 0 by 0, which is not the end that is looked for.
    low, high = (0, min(share, 1 - 1e-9)) if side < 0 else (max(share, 1e-9), 1)
    return optimize.brentq(gap, low, high, xtol=1e-14)


@SETTINGS
@given(proportions, proportions, levels)
def test_the_interval_of_a_difference_is_newcombes(first, second, level):
    (k1, n1), (k2, n2) = first, second
    found = intervals.newcombe(k1, n1, k2, n2, level)
    if not n1 or not n2:
        assert found is None
        return
    z, gap = stats.norm.ppf((1 + level) / 2), k1 / n1 - k2 / n2
    low1, high1 = (score_end(k1, n1, z, side) for side in (-1, 1))
    low2, high2 = (score_end(k2, n2, z, side) for side in (-1, 1))
    assert found.low == pytest.approx(gap - math.hypot(k1 / n1 - low1, high2 - k2 / n2), abs=1e-8)
    assert found.high == pytest.approx(gap + math.hypot(high1 - k1 / n1, k2 / n2 - low2), abs=1e-8)
    assert -1 - 1e-12 <= found.low <= gap <= found.high <= 1 + 1e-12


@SETTINGS
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=40), levels)
def test_the_interval_of_a_mean_is_that_of_student(values, level):
    mean, variance = float(np.mean(values)), float(np.var(values, ddof=1))
    found = intervals.student_mean(mean, variance, len(values), level)
    if len(set(values)) == 1:
        assert found is None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = stats.t.interval(level, len(values) - 1, mean, stats.sem(values))
    assert [found.low, found.high] == close(list(expected))
