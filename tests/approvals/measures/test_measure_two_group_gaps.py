"""Gaps and ratios between two groups: Newcombe's and MOVER-R's formulas, and how often they miss."""

import math

import numpy as np
import pytest
from scipy import stats

from approvals.measures.disparities import Among, disparities


def wilson(k, n):
    found = stats.binomtest(k, n).proportion_ci(method="wilson")
    return found.low, found.high


def measures_of(k1, n1, k2, n2, **more):
    """Of two groups of whom so many are called positive; nobody is."""
    cells = np.array([[0, k1, 0, n1 - k1], [0, k2, 0, n2 - k2]], dtype=np.int64)
    return disparities(cells, [Among((0, 1), "two groups", **more)], draws=0)[0]


@pytest.mark.parametrize("counts", [(9, 30, 80, 270), (3, 30, 30, 40), (0, 25, 4, 30), (5, 10, 5, 10)])
def test_ends_are_those_of_wilsons_intervals(counts):
    k1, n1, k2, n2 = counts
    (l1, u1), (l2, u2), a, b = wilson(k1, n1), wilson(k2, n2), k1 / n1, k2 / n2
    found = measures_of(*counts)
    low, high = b - a - math.hypot(b - l2, u1 - a), b - a + math.hypot(u2 - b, a - l1)
    gap = found["demographic_parity_difference"]
    assert [gap.low, gap.high] == pytest.approx([max(0.0, low, -high), max(-low, high)], abs=1e-9)
    lowest, highest = l2 * (2 * b - l2), u2 * (2 * b - u2)
    low = (a * b - math.sqrt((a * b) ** 2 - l1 * (2 * a - l1) * highest)) / highest
    high = (a * b + math.sqrt((a * b) ** 2 - u1 * (2 * a - u1) * lowest)) / lowest
    ratio = found["demographic_parity_ratio"]
    assert [ratio.low, ratio.high] == pytest.approx([min(low, 1 / high), min(1.0, high)], abs=1e-9)
    against = measures_of(*counts, reference=1, reference_words="the second")["disparate_impact"]
    assert [against.low, against.high] == pytest.approx([low, high], abs=1e-9)
    assert found["equalized_odds_difference_mean"].low is None  # nobody is positive


@pytest.mark.parametrize(
    ("rows", "rates"),
    [((30, 270), (0.5, 0.5)), ((60, 60), (0.02, 0.1)), ((30, 30), (0.1, 0.3)), ((150, 150), (0.7, 0.5))],
)
def test_few_rows_are_covered_as_often_as_is_said(rows, rates):
    """Of 1,000 tables each; a bootstrap of rows misses in up to 98 % of these."""
    draw = np.random.default_rng(4)
    truth = abs(rates[0] - rates[1]), min(rates) / max(rates)
    missed = [0, 0]
    for k1, k2 in zip(
        *(draw.binomial(n, rate, 1000).tolist() for n, rate in zip(rows, rates, strict=True)), strict=True
    ):
        found = measures_of(k1, rows[0], k2, rows[1])
        for place, name in enumerate(("demographic_parity_difference", "demographic_parity_ratio")):
            measure = found[name]
            missed[place] += measure.low is not None and not measure.low - 1e-12 <= truth[place] <= measure.high + 1e-12
    assert max(missed) <= 75, missed


def test_no_event_in_either_group_leaves_a_gap_that_may_be():
    found = measures_of(0, 20, 0, 30)
    assert found["demographic_parity_difference"].low == 0.0 < found["demographic_parity_difference"].high < 0.2
    assert found["demographic_parity_ratio"].value is None


def test_of_three_groups_two_may_have_the_rate():
    cells = np.array([[8, 1, 2, 9], [5, 2, 5, 8], [0, 3, 0, 7]], dtype=np.int64)
    found = disparities(cells, [Among((0, 1, 2), "three groups")], draws=500)[0]
    assert "Newcombe" in found["equal_opportunity_difference"].method
    assert "bootstrap" in found["demographic_parity_difference"].method
