import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from approvals.measures.calibration import bin_scores, calibration, calibration_measures, reliability_bins
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import open_table


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("case", ["p02_german_credit", "p03_breast_cancer"])
@pytest.mark.parametrize(
    ("name", "key", "bins", "closed"),
    [
        ("ece", "ece_10_equal_width_right_closed", 10, "right"),
        ("mce", "mce_10_equal_width_right_closed", 10, "right"),
        ("ece", "ece_15_equal_width_right_closed", 15, "right"),
        ("ece", "ece_10_equal_width_left_closed", 10, "left"),
    ],
)
def test_reference_calibration_errors(reference, case, name, key, bins, closed):
    with open_table(reference(f"{case}.csv")) as table:
        measures = calibration(table, label="y_true", score="y_score", bins=bins, closed=closed)
    assert measures[name].value == close(reference(f"{case}.expected.json")["expected"]["performance"][key])
    assert f"{bins} equal-width bins" in measures[name].method


def test_the_binning_decides_on_which_side_an_edge_falls():
    counts = ScoreCounts.from_arrays(np.array([True, False, True]), np.array([0.0, 0.5, 1.0]))
    assert [part.n for part in bin_scores(counts, bins=2, closed="right")] == [2, 1]
    assert [part.n for part in bin_scores(counts, bins=2, closed="left")] == [1, 2]


def test_empty_bins_are_listed_without_numbers(write_csv):
    with open_table(write_csv(["y", "s"], [[0, 0.05], [1, 0.95]])) as table:
        bins = reliability_bins(table, label="y", score="s")
    assert [part.n for part in bins] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert (bins[1].mean_score, bins[1].base_rate, bins[1].interval) == (None, None, None)
    assert (bins[9].mean_score, bins[9].base_rate) == (0.95, 1.0)


def test_a_score_that_is_no_probability_has_no_calibration(write_csv):
    with open_table(write_csv(["y", "s"], [[0, -1.5], [1, 2.5]])) as table:
        measures = calibration(table, label="y", score="s")
        assert reliability_bins(table, label="y", score="s") == ()
    assert all("outside 0 to 1" in measure.reason for measure in measures.values())


def test_calibration_in_the_large_says_which_way(write_csv):
    with open_table(write_csv(["y", "s"], [[0, 0.9], [0, 0.7], [1, 0.8], [0, 0.6]])) as table:
        measures = calibration(table, label="y", score="s")
    assert measures["calibration_in_the_large"].value == close(0.25 - 0.75)
    # Student's t with three degrees of freedom: of so few rows nothing is sure.
    assert measures["calibration_in_the_large"].low == close(-0.5 - 3.182446305284263 * math.sqrt(0.7 / 3) / 2)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1), st.integers(1, 20))
def test_bins_agree_with_scikit_learn(rows, bins):
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    counts = ScoreCounts.from_arrays(labels, scores)
    found = [part for part in bin_scores(counts, bins=bins) if part.n]
    if len(set(labels)) == 2:
        shares, means = calibration_curve(labels, scores, n_bins=bins)
        assert [part.base_rate for part in found] == close(list(shares))
        assert [part.mean_score for part in found] == close(list(means))
    assert sum(part.n for part in found) == len(rows)
    measures = calibration_measures(counts, bins=bins)
    assert 0 <= measures["ece"].value <= measures["mce"].value + 1e-12
