"""Paired comparisons of two predictions, and slices, against independent computations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score

from approvals.measures.intervals import delong
from approvals.measures.outcomes import codes, outcomes
from approvals.measures.paired import accuracy_difference, auc_difference, brier_difference
from approvals.measures.scores import ScoreCounts
from approvals.measures.slices import worst_error_slices, worst_slices
from approvals.measures.tables import TableError, open_table


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


paired = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=6, max_size=60).filter(
    lambda rows: 2 <= sum(row[0] for row in rows) <= len(rows) - 2
)


def kernel_covariance(actual, first, second):
    """DeLong's covariance by its definition: every positive against every negative."""
    psi = [
        np.where(s[actual][:, None] > s[~actual], 1.0, np.where(s[actual][:, None] == s[~actual], 0.5, 0.0))
        for s in (first, second)
    ]
    m, n = psi[0].shape
    over_positives = np.cov(psi[0].mean(axis=1), psi[1].mean(axis=1), ddof=1)
    over_negatives = np.cov(psi[0].mean(axis=0), psi[1].mean(axis=0), ddof=1)
    total = over_positives / m + over_negatives / n
    return psi[0].mean() - psi[1].mean(), total[0, 0] + total[1, 1] - 2 * total[0, 1]


@given(paired)
@settings(max_examples=150, deadline=None)
def test_the_difference_of_areas_is_delongs(rows):
    actual = np.array([row[0] for row in rows])
    first, second = (np.array([row[place] / 5 for row in rows]) for place in (1, 2))
    difference, p = auc_difference(actual, first, second)
    wanted, variance = kernel_covariance(actual, first, second)
    assert difference.value == close(wanted)
    assert difference.value == close(roc_auc_score(actual, first) - roc_auc_score(actual, second))
    if variance > 1e-12:
        assert difference.high - difference.low == pytest.approx(
            min(1.0, wanted + 1.959963984540054 * math.sqrt(variance))
            - max(-1.0, wanted - 1.959963984540054 * math.sqrt(variance)),
            abs=1e-9,
        )
        assert p.value == close(2 * stats.norm.sf(abs(wanted) / math.sqrt(variance)))
    brier = brier_difference(actual, first, second)
    assert brier.value == close(brier_score_loss(actual, first) - brier_score_loss(actual, second))


def test_against_a_constant_score_the_variance_is_that_of_one_area():
    drawn = np.random.default_rng(5)
    actual = drawn.random(80) < 0.4
    score = np.round(drawn.random(80) + 0.3 * actual, 2).astype(np.float64)
    difference, _ = auc_difference(actual, score, np.full(80, 0.5))
    alone = delong(ScoreCounts.from_arrays(actual, score))
    assert difference.value == close(alone.auc - 0.5)
    assert difference.low == close(alone.interval.low - 0.5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
@settings(max_examples=100, deadline=None)
def test_the_difference_of_accuracies_is_exact_and_mcnemars(rows):
    first, second = (np.array([row[place] for row in rows]) for place in (0, 1))
    difference, p = accuracy_difference(first, second)
    truth = np.ones(len(rows), dtype=bool)
    assert difference.value == close(accuracy_score(truth, first) - accuracy_score(truth, second))
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    assert p.value == close(stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0)
    assert difference.low <= difference.value <= difference.high
    n = len(rows) + 2  # Bonett and Price 2012: one row more of each kind that disagrees
    half = 1.959963984540054 * math.sqrt(((b + c + 2) / n - ((b - c) / n) ** 2) / n)
    assert difference.low == close(min(max((b - c) / n - half, -1.0), difference.value))
    assert difference.high == close(max(min((b - c) / n + half, 1.0), difference.value))


@pytest.mark.parametrize("n", [10, 50, 200])
def test_a_worse_model_is_rarely_above_its_true_difference(n):
    """A policy asks of the lower end; without a variance where rows agree it would miss in most tables of ten rows."""
    worse = np.random.default_rng(3).random((400, n)) < 0.02
    right = np.ones(n, dtype=bool)
    lows = [accuracy_difference(~row, right)[0].low for row in worse]
    assert sum(low > -0.02 for low in lows) <= 400 * 0.05


def test_what_is_undefined_is_said():
    nothing = np.array([], dtype=bool)
    for measure in accuracy_difference(nothing, nothing):
        assert "no row has" in measure.reason
    one = np.array([True, False, False])
    for measure in auc_difference(one, np.arange(3.0), np.arange(3.0)):
        assert "fewer than two" in measure.reason
    actual = np.array([True, True, False, False])
    same, p = auc_difference(actual, np.arange(4.0), np.arange(4.0))
    assert (same.value, p.value) == (0.0, None)
    assert "no variance" in p.reason
    assert "outside 0 to 1" in brier_difference(actual, np.arange(4.0), np.zeros(4)).reason
    assert "no row has" in brier_difference(nothing, np.array([]), np.array([])).reason


def slice_table(write_csv, rows=2000):
    drawn = np.random.default_rng(11)
    lines = []
    for place in range(rows):
        region, age = drawn.choice(["north", "south", "west"]), int(drawn.integers(18, 80))
        actual = int(drawn.random() < 0.5)
        wrong = drawn.random() < (0.45 if region == "south" and age > 60 else 0.1)
        lines.append([region if place % 100 else None, age, actual, 1 - actual if wrong else actual])
    return write_csv(["region", "age", "y", "p"], lines)


def test_the_planted_slice_is_the_worst_and_others_are_not_called_bad(write_csv):
    with open_table(slice_table(write_csv)) as table:
        found = outcomes(table, label="y", prediction="p")
        columns = {name: codes(table, name, quantiles=4) for name in ("region", "age")}
    slices = worst_slices(columns, found.correct)
    worst = slices.slices[0]
    assert dict(worst.values)["region"] == "south"
    assert dict(worst.values)["age"].startswith("above 6")
    assert worst.p < 1e-6
    assert slices.tested == 3 + 4 + 12
    assert all("south" in item.label or "above 6" in item.label for item in slices.slices if item.p < 0.05)
    regions, names = columns["region"]
    for item in slices.slices:
        if len(item.values) == 1 and item.values[0][0] == "region":
            rows = regions == names.index(item.values[0][1])
            assert (item.n, item.k) == (int(rows.sum()), int(found.correct[rows].sum()))
            assert item.rest_n == found.correct.size - item.n


@pytest.mark.parametrize("accuracy", [0.6, 0.99])
def test_slices_by_chance_are_rarely_called_bad(accuracy):
    drawn, called = np.random.default_rng(2), 0
    for _ in range(60):
        columns = {name: (drawn.integers(0, 6, 3000), tuple("abcdef")) for name in ("a", "b", "c")}
        found = worst_slices(columns, drawn.random(3000) < accuracy)
        called += any(item.p <= 0.05 for item in found.slices)
    assert called <= 6  # of 60 at 0.05; where errors are few, a normal approximation calls most of them bad


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 0.97, 1.0]))
def test_accuracies_of_slices_are_compared_as_by_scipy(seed, accuracy):
    drawn = np.random.default_rng(seed)
    correct = drawn.random(150) < accuracy
    columns = {"a": (drawn.integers(-1, 3, 150), ("x", "y", "z")), "b": (np.zeros(150, np.int64), ("all",))}
    found = worst_slices(columns, correct, min_rows=1)
    raw = {}
    for item in found.slices:
        table = [[item.k, item.n - item.k], [item.rest_k, item.rest_n - item.rest_k]]
        raw[item.values] = float(stats.fisher_exact(table, alternative="less").pvalue)
    adjusted, highest = {}, 0.0
    for rank, values in enumerate(sorted(raw, key=raw.__getitem__)):  # Holm 1979
        highest = max(highest, min(1.0, (len(raw) - rank) * raw[values]))
        adjusted[values] = highest
    assert {item.values: item.p for item in found.slices} == pytest.approx(adjusted, abs=1e-9)


def test_small_slices_and_missing_values_are_not_judged():
    columns = {"g": (np.array([0] * 100 + [1] * 10 + [-1] * 40), ("large", "small"))}
    found = worst_slices(columns, np.ones(150, dtype=bool), depth=1)
    assert [item.label for item in found.slices] == ["g large"]
    assert (found.small, found.slices[0].p) == (1, 1.0)
    wide = {name: (np.zeros(10, dtype=np.int64), tuple(map(str, range(1000)))) for name in ("a", "b")}
    with pytest.raises(ValueError, match="1,000,000 slices"):
        worst_slices(wide, np.ones(10, dtype=bool))


def test_rows_are_read_in_the_order_of_the_file_and_unknown_ones_are_marked(write_csv):
    path = write_csv(
        ["y", "p", "s"], [["yes", "no", 0.1], ["no", "no", None], [None, "yes", 0.3], ["yes", "yes", "inf"]]
    )
    with open_table(path) as table:
        found = outcomes(table, label="y", prediction="p", score="s", positive="yes")
        with pytest.raises(TableError, match="never has the positive value"):
            outcomes(table, label="y", prediction="p", positive=1)
    assert found.actual.tolist() == [True, False, False, True]
    assert found.predicted.tolist() == [False, False, True, True]
    assert found.known.tolist() == [True, False, False, False]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1e6]))
def test_errors_of_slices_are_those_of_scipy(seed, far):
    drawn = np.random.default_rng(seed)
    errors = drawn.gamma(2.0, 1.0, 120) + far
    columns = {
        "a": (drawn.integers(-1, 3, 120), ("x", "y", "z")),
        "b": (drawn.integers(0, 2, 120), ("u", "v")),
    }
    found = worst_error_slices(columns, errors, min_rows=5)
    raw = []
    for item in found.slices:
        inside = np.logical_and.reduce(
            [columns[name][0] == columns[name][1].index(value) for name, value in item.values]
        )
        test = stats.ttest_ind(errors[inside], errors[~inside], equal_var=False, alternative="greater")
        among_all = np.var(errors, ddof=1) / inside.sum() * (~inside).sum() / errors.size
        drawn_so_high = stats.norm.sf((np.mean(errors[inside]) - np.mean(errors)) / math.sqrt(among_all))
        raw.append(float(max(test.pvalue, drawn_so_high)))
        assert item.n == int(inside.sum())
        assert item.mean == close(float(np.mean(errors[inside])))
        assert item.rest_mean == close(float(np.mean(errors[~inside])))
        ends = stats.t.interval(0.95, inside.sum() - 1, np.mean(errors[inside]), stats.sem(errors[inside]))
        assert (item.interval.low, item.interval.high) == pytest.approx((max(0.0, ends[0]), ends[1]), rel=1e-9)
    falling = np.minimum(np.sort(raw) * np.arange(len(raw), 0, -1), 1.0)  # Holm 1979
    adjusted = np.maximum.accumulate(falling)[np.argsort(np.argsort(raw))]
    assert [item.p for item in found.slices] == pytest.approx(list(adjusted), abs=1e-7)
    assert found.tested == len(found.slices)


@pytest.mark.parametrize(("share", "min_rows"), [(0.02, 50), (0.9, 50), (0.3, 5)])
def test_slices_of_errors_by_chance_are_rarely_called_bad(share, min_rows):
    """Where the rows of a slice happen to err alike, Welch's test alone is sure of it."""
    drawn, called = np.random.default_rng(4), 0
    for _ in range(40):
        columns = {name: (drawn.integers(0, 6, 1500), tuple("abcdef")) for name in ("a", "b", "c")}
        errors = (drawn.random(1500) < share).astype(float)
        called += any(item.p <= 0.05 for item in worst_error_slices(columns, errors, min_rows=min_rows).slices)
    assert called <= 5


def test_errors_that_do_not_spread_are_compared_with_all_others():
    columns = {"a": (np.repeat([0, 1], 60), ("x", "y"))}
    found = worst_error_slices(columns, np.repeat([3.0, 1.0], 60))
    assert [(item.label, item.mean) for item in found.slices] == [("a x", 3.0), ("a y", 1.0)]
    assert [item.p for item in found.slices] == [pytest.approx(0.0, abs=1e-20), 1.0]
    assert worst_error_slices({"a": (np.zeros(60, np.int64), ("x",))}, np.ones(60)).slices[0].p == 1.0
