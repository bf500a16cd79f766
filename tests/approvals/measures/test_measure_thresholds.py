"""Thresholds, cost and lift against a loop over rows."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.measures.performance import Confusion
from approvals.measures.scores import ScoreCounts
from approvals.measures.thresholds import (
    CostMatrix,
    decision_curves,
    least_cost,
    lift_table,
    mean_cost,
    quantile_thresholds,
    threshold_table,
)

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)
price = st.integers(-5, 9).map(float)
NOTHING = ScoreCounts.from_arrays(np.array([], dtype=bool), np.array([]))


def counted(pairs):
    return ScoreCounts.from_arrays(np.array([pair[0] for pair in pairs]), np.array([pair[1] / 12 for pair in pairs]))


def confusion_at(pairs, threshold):
    cells = {(True, True): 0, (False, True): 0, (True, False): 0, (False, False): 0}
    for actual, score in pairs:
        cells[actual, score / 12 >= threshold] += 1
    return Confusion(cells[True, True], cells[False, True], cells[True, False], cells[False, False])


@given(rows, st.lists(st.floats(-0.1, 1.1), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_confusions_at_thresholds_are_those_of_the_rows(pairs, thresholds):
    found = threshold_table(counted(pairs), [*thresholds, math.inf])
    assert [row.confusion for row in found] == [confusion_at(pairs, threshold) for threshold in [*thresholds, math.inf]]
    assert found[-1].rates["precision"].value is None
    assert "no row is predicted positive" in found[-1].rates["precision"].reason


@given(rows, price, price, price, price)
@settings(max_examples=150, deadline=None)
def test_the_least_cost_is_the_least_of_all_thresholds(pairs, tp, fp, fn, tn):
    costs = CostMatrix(tp, fp, fn, tn)
    threshold, least = least_cost(counted(pairs), costs)
    every = {
        candidate: costs.total(confusion_at(pairs, candidate)) / len(pairs)
        for candidate in {*(score / 12 for _, score in pairs), math.inf}
    }
    assert least.value == pytest.approx(min(every.values()), abs=1e-12)
    assert threshold == max(candidate for candidate, cost in every.items() if cost <= min(every.values()) + 1e-9)


@given(rows, st.integers(1, 10))
@settings(max_examples=100, deadline=None)
def test_lift_keeps_equal_scores_together_and_counts_every_row_once(pairs, parts):
    found = lift_table(counted(pairs), parts)
    assert sum(row.n for row in found) == len(pairs)
    assert sum(row.positives for row in found) == sum(actual for actual, _ in pairs)
    assert len(found) <= parts
    for row in found:
        inside = [actual for actual, score in pairs if row.lowest_score <= score / 12 <= row.highest_score]
        assert (row.n, row.positives) == (len(inside), sum(inside))
    for earlier, later in itertools.pairwise(found):
        assert earlier.lowest_score > later.highest_score
    positives = sum(actual for actual, _ in pairs)
    if positives:
        assert found[-1].gain == 1.0
        assert found[0].lift == pytest.approx(found[0].positives / found[0].n * len(pairs) / positives)
    else:
        assert {(row.lift, row.gain) for row in found} == {(None, None)}


@given(rows)
@settings(max_examples=50, deadline=None)
def test_quantile_thresholds_occur_and_rise(pairs):
    found = quantile_thresholds(counted(pairs), 5)
    assert list(found) == sorted(set(found))
    assert set(found) <= {score / 12 for _, score in pairs}


def test_the_mean_cost_is_as_uncertain_as_the_mean_of_its_rows():
    cells, costs = (
        Confusion(tp=20, fp=5, fn=15, tn=60),
        CostMatrix(true_positive=-1, false_positive=5, false_negative=2),
    )
    rows = np.repeat([-1.0, 5.0, 2.0, 0.0], [20, 5, 15, 60])
    half = 1.9842169515864174 * rows.std(ddof=1) / 10  # Student's t with 99 degrees of freedom
    found = mean_cost(cells, costs)
    assert (found.low, found.high) == pytest.approx((rows.mean() - half, rows.mean() + half), abs=1e-12)
    assert found.value == pytest.approx(rows.mean(), abs=1e-12)
    assert mean_cost(Confusion(tp=0, fp=9, fn=0, tn=0), costs).low is None
    assert mean_cost(Confusion(tp=0, fp=1, fn=0, tn=0), costs).low is None
    assert mean_cost(cells, CostMatrix(false_positive=1e100)).computable


def test_without_rows_nothing_is_computable():
    threshold, least = least_cost(NOTHING, CostMatrix(false_positive=1))
    assert (threshold, least.value) == (None, None)
    assert "no row" in least.reason
    assert mean_cost(Confusion(0, 0, 0, 0), CostMatrix(false_positive=1)).value is None
    assert (lift_table(NOTHING), quantile_thresholds(NOTHING)) == ((), ())
    curves = decision_curves(NOTHING, CostMatrix(false_positive=1))
    assert (curves.best_threshold, curves.least.value, curves.lift) == (None, None, ())


@given(rows, price, price)
@settings(max_examples=50, deadline=None)
def test_one_reading_says_what_each_question_says(pairs, fp, fn):
    counts, costs = counted(pairs), CostMatrix(false_positive=fp, false_negative=fn)
    found = decision_curves(counts, costs, parts=4, lift_parts=3)
    assert (found.best_threshold, found.least) == least_cost(counts, costs)
    assert found.rows == threshold_table(counts, [*quantile_thresholds(counts, 4), math.inf])
    assert found.lift == lift_table(counts, 3)


def test_equal_parts_are_equal():
    pairs = [(place < 5, 12 - place) for place in range(10)]
    assert [row.n for row in lift_table(counted(pairs), 5)] == [2, 2, 2, 2, 2]
    assert [row.gain for row in lift_table(counted(pairs), 5)] == [0.4, 0.8, 1.0, 1.0, 1.0]
