"""Intervals of F1, balanced accuracy, MCC and kappa: by SciPy, by slopes, and by how often they miss."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from approvals.measures.performance import Confusion, confusion_measures

Z = stats.norm.ppf(0.975)
CELLS = [(12, 3, 5, 40), (3, 0, 0, 27), (1, 9, 2, 300), (40, 2, 30, 3)]


def measures_of(tp, fp, fn, tn):
    return confusion_measures(Confusion(tp=tp, fp=fp, fn=fn, tn=tn))


def wilson(k, n):
    found = stats.binomtest(k, n).proportion_ci(method="wilson")
    return found.low, found.high


@pytest.mark.parametrize("cells", CELLS)
def test_f1_is_a_proportion_of_the_rows_that_anybody_calls_positive(cells):
    tp, fp, fn, _ = cells
    found = measures_of(*cells)["f1"]
    assert found.value == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=1e-12)
    expected = [2 * share / (1 + share) for share in wilson(tp, tp + fp + fn)]
    assert [found.low, found.high] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("cells", CELLS)
def test_balanced_accuracy_joins_the_intervals_of_both_rates(cells):
    tp, fp, fn, tn = cells
    recall, specificity = wilson(tp, tp + fn), wilson(tn, tn + fp)
    shares = tp / (tp + fn), tn / (tn + fp)
    below, above = (math.hypot(shares[0] - recall[end], shares[1] - specificity[end]) / 2 for end in (0, 1))
    found = measures_of(*cells)["balanced_accuracy"]
    assert [found.low, found.high] == pytest.approx([sum(shares) / 2 - below, sum(shares) / 2 + above], abs=1e-9)


def weighted(score, cells):
    """scikit-learn's score of fractional rows."""
    return score([1, 0, 1, 0], [1, 1, 0, 0], sample_weight=list(cells))


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize(
    ("name", "score"), [("mcc", metrics.matthews_corrcoef), ("cohen_kappa", metrics.cohen_kappa_score)]
)
def test_the_standard_error_of_agreement_is_that_of_its_slopes(cells, name, score):
    more = np.array(cells) + 0.5
    slopes = [(weighted(score, more + step) - weighted(score, more - step)) / 2e-4 for step in 1e-4 * np.eye(4)]
    error = math.sqrt(np.dot(more, np.square(slopes))) / (1 - weighted(score, more) ** 2)
    found = measures_of(*cells)[name]
    is_end = found.value == 1.0
    middle = math.atanh(weighted(score, more) if is_end else found.value)
    low, high = math.tanh(middle - Z * error), math.tanh(middle + Z * error)
    assert [found.low, found.high] == pytest.approx([low, 1.0 if is_end else high], abs=1e-5)


@pytest.mark.parametrize(("rows", "share"), [(30, 0.5), (60, 0.1), (100, 0.1), (300, 0.5)])
def test_intervals_of_few_rows_cover_as_often_as_they_say(rows, share):
    """Of 600 tables each; the bootstrap of cells missed at the lower end of balanced accuracy in up to 37 %."""
    chances = np.array([share * 0.9, (1 - share) * 0.05, share * 0.1, (1 - share) * 0.95])
    truth = {name: measures_of(*np.rint(1000 * chances).astype(int).tolist())[name].value for name in NAMES}
    too_high, too_low = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
    for cells in np.random.default_rng(rows).multinomial(rows, chances, 600).tolist():
        measures = measures_of(*cells)
        for name in NAMES:
            found = measures[name]
            assert (found.low is None) == (found.value is None)
            if found.low is not None:
                too_high[name] += found.low > truth[name]
                too_low[name] += found.high < truth[name]
    assert max(too_high.values()) <= 0.06 * 600, too_high
    assert max(too_low.values()) <= 0.09 * 600, too_low


NAMES = ("f1", "balanced_accuracy", "mcc", "cohen_kappa")


def test_perfect_rows_leave_doubt_on_one_side_only():
    best, worst = measures_of(5, 0, 0, 20), measures_of(0, 9, 12, 0)
    for name in NAMES:
        assert best[name].low < 0.95
        assert best[name].high == 1.0
    assert worst["mcc"].low == -1.0 < worst["mcc"].high < 0


def test_what_is_undefined_has_no_interval():
    nothing = measures_of(0, 0, 0, 12)
    assert [nothing[name].low for name in NAMES] == [None] * 4
    one_class = measures_of(7, 0, 5, 0)
    assert one_class["mcc"].low is None
    assert one_class["cohen_kappa"].low <= one_class["cohen_kappa"].value == 0.0 <= one_class["cohen_kappa"].high
