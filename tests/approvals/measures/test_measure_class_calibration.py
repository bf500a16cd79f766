"""Calibration of several classes and of numbers against scikit-learn, scipy and sums written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve

from approvals.measures.class_calibration import NAMES, class_calibration
from approvals.measures.class_scores import ClassScores
from approvals.measures.number_calibration import NAMES as OF_NUMBERS
from approvals.measures.number_calibration import calibration_of_rows, number_calibration
from approvals.measures.number_rows import ArrayRows, TableRows
from approvals.measures.relative import deviation_of_rows
from approvals.measures.tables import open_table


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def drawn_classes(seed, rows=300, classes=4):
    drawn = np.random.default_rng(seed)
    scores = drawn.dirichlet(np.full(classes, 0.7), rows)
    labels = np.array([drawn.choice(classes, p=row) for row in scores])
    return ClassScores(tuple(f"c{place}" for place in range(classes)), labels, scores)


def error_of_bins(came_true, scores, bins):
    """(expected, largest) calibration error: each bin (low, high], its share against its mean score."""
    place = np.clip(np.ceil(scores * bins).astype(int) - 1, 0, bins - 1)
    gaps = [
        ((place == one).mean(), abs(came_true[place == one].mean() - scores[place == one].mean()))
        for one in range(bins)
        if (place == one).any()
    ]
    return sum(share * gap for share, gap in gaps), max(gap for _, gap in gaps)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([5, 10, 15]))
def test_calibration_of_classes_is_that_written_out(seed, bins):
    found = drawn_classes(seed)
    ours = class_calibration(found, bins=bins).overall
    right = found.scores.argmax(axis=1) == found.labels
    confidence = found.scores.max(axis=1)
    expected, largest = error_of_bins(right, confidence, bins)
    assert ours["top_label_ece"].value == close(expected)
    assert ours["top_label_mce"].value == close(largest)
    assert ours["confidence_gap"].value == close(right.mean() - confidence.mean())
    each = [error_of_bins(found.labels == place, found.scores[:, place], bins) for place in range(4)]
    assert ours["classwise_ece"].value == close(np.mean([one for one, _ in each]))
    assert ours["classwise_mce"].value == close(max(one for _, one in each))
    gaps = [abs((found.labels == place).mean() - found.scores[:, place].mean()) for place in range(4)]
    assert ours["largest_class_gap"].value == close(max(gaps))
    one_hot = np.eye(4)[found.labels]
    assert ours["brier"].value == close(((found.scores - one_hot) ** 2).sum(axis=1).mean())


def test_the_curve_of_each_class_is_that_of_scikit_learn():
    found = drawn_classes(3)
    curves = class_calibration(found, bins=10).bins
    for place, name in enumerate(found.classes):
        shares, means = calibration_curve(found.labels == place, found.scores[:, place], n_bins=10)
        filled = [part for part in curves[name] if part.n]
        assert [part.base_rate for part in filled] == close(shares.tolist())
        assert [part.mean_score for part in filled] == close(means.tolist())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda labels, scores: (labels, scores * 2), "outside 0 to 1"),
        (lambda labels, scores: (labels, scores / 2), "do not sum to 1"),
        (lambda labels, scores: (labels[:0], scores[:0]), "no row has a label and a score"),
    ],
)
def test_what_are_no_probabilities_have_no_calibration(change, reason):
    found = drawn_classes(1)
    labels, scores = change(found.labels, found.scores)
    ours = class_calibration(ClassScores(found.classes, labels, scores))
    assert all(reason in ours.overall[name].reason for name in (*NAMES, "brier"))
    assert (ours.top, ours.by_class) == ((), {})


def test_a_label_without_a_score_column_leaves_calibration_open():
    found = drawn_classes(1)
    labels = np.where(found.labels == 3, -1, found.labels)
    ours = class_calibration(ClassScores(found.classes, labels, found.scores, unscored=("elsewhere",)))
    assert "no score column is named for the class “elsewhere”" in ours.overall["top_label_ece"].reason


def without_skew(errors, every):
    """The largest p of Student's t, as it is and after Hall's transformation."""
    t, n = stats.ttest_1samp(errors, 0.0).statistic, len(errors)
    turned = [t]
    for skewness in (stats.skew(errors), stats.skew(every)):
        root = skewness / np.sqrt(n)
        turned.append(t + root * t**2 / 3 + root**2 * t**3 / 27 + root / 6)
    return max(2 * stats.t.sf(abs(one), n - 1) for one in turned)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1e5]))
def test_calibration_of_numbers_is_that_of_scipy(seed, far):
    drawn = np.random.default_rng(seed)
    predictions = drawn.gamma(2.0, 3.0, 200) + far
    labels = 0.8 * predictions + drawn.normal(0.5, 2.0, 200)
    ours = number_calibration(labels, predictions, bins=5)
    order = np.argsort(predictions)
    parts = [order[place : place + 40] for place in range(0, 200, 40)]  # no two predictions are equal
    errors = [predictions[part] - labels[part] for part in parts]
    means = [float(part.mean()) for part in errors]
    assert [part.error for part in ours.bins] == pytest.approx(means, abs=1e-8)
    assert ours.measures["mean_bin_error"].value == pytest.approx(np.mean(np.abs(means)), abs=1e-8)
    assert ours.measures["max_bin_error"].value == pytest.approx(np.max(np.abs(means)), abs=1e-8)
    assert ours.measures["mean_error"].value == pytest.approx(np.mean(predictions - labels), abs=1e-8)
    raw = [without_skew(part, predictions - labels) for part in errors]
    falling = np.minimum(np.sort(raw) * np.arange(5, 0, -1), 1.0)  # Holm 1979
    adjusted = np.maximum.accumulate(falling)[np.argsort(np.argsort(raw))]
    assert [part.p for part in ours.bins] == pytest.approx(adjusted.tolist(), abs=1e-9)
    assert ours.measures["bins_off"].value == int((adjusted <= 0.05).sum())
    line = stats.linregress(predictions, labels)
    assert ours.measures["slope"].value == pytest.approx(line.slope, rel=1e-8)
    assert ours.measures["intercept"].value == pytest.approx(line.intercept, rel=1e-6, abs=1e-6)
    half = stats.t.ppf(0.975, 198) * line.stderr
    assert ours.measures["slope"].low == pytest.approx(line.slope - half, rel=1e-6)
    wide = stats.t.ppf(0.975, 198) * line.intercept_stderr
    assert ours.measures["intercept"].high == pytest.approx(line.intercept + wide, rel=1e-5)


def test_equal_predictions_stay_in_one_bin_and_make_no_line():
    ours = number_calibration(np.arange(50.0), np.full(50, 24.5), bins=10)
    assert [(part.n, part.error) for part in ours.bins] == [(50, 0.0)]
    assert "every prediction is the same" in ours.measures["slope"].reason
    assert ours.measures["bins_off"].value == 0


def test_numbers_that_are_not_there_or_beyond_reach_are_no_calibration():
    nothing = number_calibration(np.array([np.nan, 1.0]), np.array([1.0, np.inf]))
    assert all(not nothing.measures[name].computable for name in OF_NUMBERS)
    assert nothing.measures["slope"].counts == (("rows_left_out", 2),)
    far = number_calibration(np.array([1.7e308, 1.0]), np.array([-1.7e308, 1.0]))
    assert all(not far.measures[name].computable for name in OF_NUMBERS)
    one = number_calibration(np.array([1.0]), np.array([2.0]))
    assert one.measures["max_bin_error"].value == 1.0
    assert not one.measures["bins_off"].computable
    assert not one.measures["slope"].computable


CALIBRATED = {
    "normal": lambda drawn, said: said + drawn.normal(0, 1, said.shape),
    "uneven": lambda drawn, said: said + said * drawn.normal(0, 1, said.shape),
    "exponential": lambda drawn, said: said * drawn.exponential(1, said.shape),
    "lognormal": lambda drawn, said: said * drawn.lognormal(-0.5, 1, said.shape),
    "counts": lambda drawn, said: drawn.poisson(said).astype(float),
    "rare events": lambda drawn, said: (drawn.random(said.shape) < said / 40).astype(float) * 40,
}


@pytest.mark.parametrize("kind", CALIBRATED)
@pytest.mark.parametrize("rows", [3, 5, 10, 30, 100])
def test_a_calibrated_table_is_called_off_no_more_often_than_said(kind, rows):
    """Ten bins of so many rows each; of 120 tables at 5 % more than 13 would be one in a hundred."""
    drawn = np.random.default_rng((7, rows))
    alarms = 0
    for _ in range(120):
        said = np.sort(drawn.uniform(0.2, 8, 10 * rows))
        alarms += bool(number_calibration(CALIBRATED[kind](drawn, said), said).measures["bins_off"].value)
    assert alarms <= 12


@pytest.mark.parametrize(("rows", "off"), [(3, 50.0), (10, 8.0), (30, 1.0)])
def test_bins_that_are_off_are_found(rows, off):
    drawn = np.random.default_rng(8)
    said = np.sort(drawn.uniform(0, 90, 10 * rows))
    labels = said + drawn.normal(0, 1, said.size)
    labels[-rows:] -= off
    found = number_calibration(labels, said)
    assert found.measures["bins_off"].value == 1
    assert found.bins[-1].p <= 0.05


@pytest.mark.parametrize("unit", [1e-170, 1e140, 1e155, 1e300])
def test_the_unit_of_numbers_does_not_decide_which_bins_are_off(unit):
    drawn = np.random.default_rng(9)
    said = drawn.uniform(1, 2, 200)
    noise = drawn.normal(0, 0.1, said.size)
    for shift, off in ((0.0, 0), (0.5, 10)):
        assert number_calibration((said + shift + noise) * unit, said * unit).measures["bins_off"].value == off


def test_labels_that_are_all_the_same_say_nothing_of_how_far_they_spread():
    said = np.linspace(0.01, 0.03, 60)
    never = number_calibration(np.zeros(60), said, bins=3)
    assert "every label is the same" in never.measures["bins_off"].reason
    assert {part.p for part in never.bins} == {None}
    seldom = np.zeros(60)
    seldom[-1] = 1.0
    assert number_calibration(seldom, said, bins=3).measures["bins_off"].value == 0
    wrong = number_calibration(seldom, said + 500.0, bins=3)
    assert wrong.measures["bins_off"].value == 3


def test_the_order_of_rows_changes_no_digit_of_a_calibration():
    drawn = np.random.default_rng(9)
    said, moved = drawn.gamma(2.0, 3.0, 200).round(1), np.random.default_rng(10).permutation(200)
    labels = said * drawn.lognormal(0, 1, 200)
    assert number_calibration(labels, said) == number_calibration(labels[moved], said[moved])


PREDICTED = {
    "spread": lambda drawn: drawn.normal(50, 9, 400),
    "ties": lambda drawn: drawn.integers(0, 4, 400).astype(float),
    "one prediction": lambda drawn: np.full(400, 2.5),
    "too large": lambda drawn: np.full(400, -1.7e308),
    "nothing": lambda drawn: np.full(400, 2.5),
}


@pytest.mark.parametrize("kind", PREDICTED)
def test_numbers_that_stay_in_their_table_are_calibrated_with_the_bits_of_those_in_memory(write_csv, kind):
    drawn = np.random.default_rng(4)
    said = PREDICTED[kind](drawn)
    labels = np.full(400, 1.7e308) if kind == "too large" else 1.1 * said + drawn.normal(0, 3, 400)
    missing = [kind == "nothing" or i % 29 == 0 for i in range(400)]
    cells = zip(labels.tolist(), said.tolist(), missing, strict=True)
    rows = [["" if is_missing else repr(y), repr(p)] for y, p, is_missing in cells]
    with open_table(write_csv(["y", "p"], [*rows, ["1", "inf"], ["", ""]])) as table:
        far = TableRows(table, label="y", prediction="p", bins=7)
        near = ArrayRows(table.numbers("y"), table.numbers("p"), bins=7)
        assert (far.n, far.left_out) == (near.n, near.left_out)
        assert calibration_of_rows(far, level=0.9) == calibration_of_rows(near, level=0.9)
        assert deviation_of_rows(far) == deviation_of_rows(near)
        assert far.largest == max((part.size for part, _ in near.parts()), default=0)
