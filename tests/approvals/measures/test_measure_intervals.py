import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.measures import intervals
from approvals.measures.performance import binary_performance
from approvals.measures.tables import open_table


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def ends(interval):
    return [interval.low, interval.high]


@pytest.fixture(params=["p08", "p02", "p01 fpr", "p01 selection"])
def two_proportions(request, reference):
    """The recorded tests of one pair of proportions."""
    if request.param == "p08":
        return reference("p08_eeoc_four_fifths.expected.json")["expected"]["counts_example"]["tests"]
    if request.param == "p02":
        return reference("p02_german_credit.expected.json")["expected"]["test_female_vs_male_on_y_pred"]
    pair = reference("p01_compas_two_years.expected.json")["expected"]["AfricanAmerican_vs_Caucasian"]
    return pair[f"test_of_{request.param.removeprefix('p01 ')}"]


def test_reference_tests_and_intervals_of_two_proportions(two_proportions):
    expected = two_proportions
    counts = tuple(expected[name] for name in ("k1", "n1", "k2", "n2"))
    assert ends(intervals.wilson(*counts[:2])) == close(expected["wilson95_group1"])
    assert ends(intervals.wilson(*counts[2:])) == close(expected["wilson95_group2"])
    assert ends(intervals.newcombe(*counts)) == close(expected["newcombe95_difference"])
    assert ends(intervals.katz_log(*counts)) == close(expected["katz_log95_ratio"])
    assert list(intervals.z_test(*counts)) == close([expected["z_pooled"], expected["p_two_sided_z"]])
    assert intervals.fisher(*counts) == close(expected["fisher_p_two_sided"])
    # Relative, because an absolute 1e-9 says nothing about a p of 1e-37.
    assert intervals.fisher(*counts) == pytest.approx(expected["fisher_p_two_sided"], rel=1e-6)
    assert intervals.z_test(*counts)[1] == pytest.approx(expected["p_two_sided_z"], rel=1e-6)


@pytest.fixture
def german(reference):
    with open_table(reference("p02_german_credit.csv")) as table:
        yield table


def test_reference_intervals_of_accuracy_and_area(german, reference):
    expected = reference("p12_confidence_intervals.expected.json")["expected"]
    measures = binary_performance(german, label="y_true", prediction="y_pred", score="y_score")
    assert [measures["accuracy"].low, measures["accuracy"].high] == close(expected["german accuracy wilson"])
    found = intervals.delong(german.score_counts("y_score", "y_true", positive=1))
    recorded = expected["german roc_auc DeLong"]
    assert [found.auc, found.se, *ends(found.interval)] == close([recorded[key] for key in ("auc", "se", "lo", "hi")])
    assert [measures["roc_auc"].low, measures["roc_auc"].high] == close([recorded["lo"], recorded["hi"]])


def test_drawing_counts_is_like_drawing_rows(german, reference):
    expected = reference("p12_confidence_intervals.expected.json")["expected"]
    rows = german.counts("sex", "y_pred")
    cells = np.array([[rows[sex, 1], rows[sex, 0]] for sex in ("female", "male")])

    def ratio(drawn):
        return (drawn[:, 0, 0] / drawn[:, 0].sum(axis=1)) / (drawn[:, 1, 0] / drawn[:, 1].sum(axis=1))

    recorded = expected["german impact ratio female/male"]
    found = intervals.bootstrap_cells(cells, ratio, draws=5000, seed=42)
    assert ends(found) == pytest.approx([recorded["lo"], recorded["hi"]], abs=0.02)


def test_the_same_seed_draws_the_same(german):
    cells = np.array([[10, 20, 30, 40]])

    def share(drawn):
        return drawn[:, 0, 0] / 100

    assert intervals.bootstrap_cells(cells, share, seed=1) == intervals.bootstrap_cells(cells, share, seed=1)
    assert intervals.bootstrap_cells(cells, share, seed=1) != intervals.bootstrap_cells(cells, share, seed=2)


def test_what_is_undefined_has_no_interval(reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["statsmodels: wilson 0 of 0"]["value"] == ["NaN", "NaN"]
    assert intervals.wilson(0, 0) is None
    assert intervals.newcombe(1, 2, 0, 0) is None
    assert intervals.katz_log(0, 5, 3, 5) is None
    assert recorded["statsmodels: proportions_ztest both 0"]["value"] == ["NaN", "NaN"]
    assert intervals.z_test(0, 5, 0, 5) is None
    assert intervals.z_test(5, 5, 5, 5) is None
    assert intervals.fisher(0, 5, 0, 5) is None
    assert intervals.bootstrap_cells(np.array([[0, 0]]), lambda drawn: drawn[:, 0, 0]) is None


def test_wilson_of_nothing_found_starts_at_zero(reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert ends(intervals.wilson(0, 25)) == close(recorded["statsmodels: wilson 0 of 25"]["value"])


def test_a_perfect_separation_has_no_interval(write_csv):
    with open_table(write_csv(["y", "s"], [[0, 0.1], [0, 0.2], [1, 0.8], [1, 0.9]])) as table:
        found = intervals.delong(table.score_counts("s", "y", positive=1))
    assert (found.auc, found.se, found.interval) == (1.0, 0.0, None)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_contains_the_share_and_widens_with_the_level(pair, level):
    k, n = pair
    narrow, wide = intervals.wilson(k, n, level), intervals.wilson(k, n, 0.9999)
    assert 0 <= wide.low <= narrow.low <= k / n <= narrow.high <= wide.high <= 1


def test_the_logit_interval_of_an_area_is_that_of_its_log_odds():
    # ln(0.8 / 0.2) = 1.386294, and 1.959964 / sqrt(100 * 0.8 * 0.2) = 0.489991 on either side of it
    found = intervals.logit_area(0.8, 100)
    assert ends(found) == pytest.approx([1 / (1 + math.exp(-0.896303)), 1 / (1 + math.exp(-1.876285))], abs=1e-6)
    assert intervals.logit_area(0.8, 1) is None
    assert intervals.logit_area(1.0, 100) is None
    assert intervals.logit_area(0.0, 100) is None
