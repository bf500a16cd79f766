import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from approvals.measures.exactness import Exactness
from approvals.measures.performance import (
    Confusion,
    binary_performance,
    confusion_measures,
    score_measures,
    scored_performance,
)
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import TableError, open_table

OTHER_NAMES = {"ks_max_tpr_minus_fpr": "ks", "ks_scipy_ks_2samp": "ks"}


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def agrees(measures, expected):
    compared = {name: value for name, value in expected.items() if OTHER_NAMES.get(name, name) in measures}
    assert {name: measures[OTHER_NAMES.get(name, name)].value for name in compared} == close(compared)
    assert len(compared) == 26


@pytest.mark.parametrize("case", ["p02_german_credit", "p03_breast_cancer"])
def test_reference_performance(reference, case):
    with open_table(reference(f"{case}.csv")) as table:
        measures = binary_performance(table, label="y_true", prediction="y_pred", score="y_score")
    agrees(measures, reference(f"{case}.expected.json")["expected"]["performance"])


@given(tp=st.integers(0, 60), fn=st.integers(0, 60), fp=st.integers(0, 60), tn=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
@example(tp=3, fn=2, fp=12, tn=38)
def test_what_is_a_fraction_of_whole_numbers_is_right_to_the_last_digit(tp, fn, fp, tn):
    """Exactly 0.68 must meet a threshold of 0.68; the half of two rounded rates is 0.6799999999999999."""
    found = confusion_measures(Confusion(tp, fp, fn, tn))
    positives, negatives, n = tp + fn, tn + fp, tp + fn + tn + fp
    if positives and negatives:
        rates = Fraction(tp, positives), Fraction(tn, negatives)
        assert found["balanced_accuracy"].value == float(sum(rates) / 2)
        chance = Fraction((tp + fp) * positives + (fn + tn) * negatives, n * n)
        assert found["cohen_kappa"].value == float((Fraction(tp + tn, n) - chance) / (1 - chance))


@pytest.fixture
def compas(reference, tmp_path):
    """The COMPAS file with its score, a tenth of the decile, as a column of its own."""
    lines = reference("p01_compas_two_years.csv").read_text(encoding="utf-8").splitlines()
    position = lines[0].split(",").index("decile_score")
    path = tmp_path / "compas.csv"
    scored = [f"{line},{int(line.split(',')[position]) / 10}" for line in lines[1:]]
    path.write_text("\n".join([f"{lines[0]},score", *scored]), encoding="utf-8")
    return path


def test_reference_performance_with_heavy_ties(reference, compas):
    with open_table(compas) as table:
        measures = binary_performance(table, label="y_true", prediction="y_pred", score="score")
    expected = reference("p01_compas_two_years.expected.json")["expected"]
    agrees(measures, expected["performance_overall(score=decile_score/10)"])
    published = expected["published_by_propublica"]["All"]
    assert {name: measures[name].value for name in ("tn", "fp", "fn", "tp")} == {
        name: published[name] for name in ("tn", "fp", "fn", "tp")
    }


def test_decile_scores_are_ranks_but_no_probabilities(reference):
    with open_table(reference("p01_compas_two_years.csv")) as table:
        measures = binary_performance(table, label="y_true", prediction="y_pred", score="decile_score")
    assert measures["roc_auc"].value == close(0.7021662544019724)
    for name in ("brier", "log_loss"):
        assert measures[name].value is None
        assert "outside 0 to 1" in measures[name].reason


def test_intervals_are_reproducible_and_contain_the_value(reference):
    with open_table(reference("p02_german_credit.csv")) as table:
        first, second = (
            binary_performance(table, label="y_true", prediction="y_pred", score="y_score") for _ in range(2)
        )
    assert first == second
    with_interval = [measure for measure in first.values() if measure.low is not None]
    assert len(with_interval) == 19
    assert all(measure.low <= measure.value <= measure.high for measure in with_interval)


def test_a_class_that_does_not_occur_leaves_its_rates_undefined(write_csv):
    with open_table(write_csv(["y", "p", "s"], [[0, 0, 0.2], [0, 1, 0.7]])) as table:
        measures = binary_performance(table, label="y", prediction="p", score="s")
    undefined = {name for name, measure in measures.items() if not measure.computable}
    assert undefined == {
        "recall",
        "fnr",
        "balanced_accuracy",
        "mcc",
        "roc_auc",
        "gini",
        "average_precision",
        "pr_auc_trapezoid",
        "ks",
    }
    assert "no row is actually positive" in measures["recall"].reason
    assert measures["recall"].count("tp") == 0
    assert measures["fpr"].value == 0.5
    assert measures["brier"].value == close((0.04 + 0.49) / 2)


def test_predictions_all_alike_have_no_precision(write_csv):
    with open_table(write_csv(["y", "p"], [[0, 0], [1, 0]])) as table:
        measures = binary_performance(table, label="y", prediction="p")
    assert "no row is predicted positive" in measures["precision"].reason
    assert measures["recall"].value == 0.0


def test_a_constant_score_is_said_to_separate_nothing(write_csv):
    with open_table(write_csv(["y", "p", "s"], [[0, 0, 0.3], [1, 1, 0.3]])) as table:
        measures = binary_performance(table, label="y", prediction="p", score="s")
    assert measures["roc_auc"].value == 0.5
    assert measures["roc_auc"].count("distinct_scores") == 1
    assert "separates nothing" in measures["roc_auc"].method


def test_rows_without_label_prediction_or_score_are_counted(write_csv):
    rows = [[1, 1, 0.9], [0, 0, 0.1], [None, 1, 0.5], [1, None, 0.6], [0, 1, None], [1, 0, "inf"]]
    with open_table(write_csv(["y", "p", "s"], rows)) as table:
        measures = binary_performance(table, label="y", prediction="p", score="s")
    assert measures["n"].value == 4
    assert measures["rows_left_out"].value == 2
    assert measures["roc_auc"].n == 3
    assert measures["roc_auc"].count("rows_left_out") == 2


@pytest.mark.parametrize(
    ("labels", "positive", "complaint"),
    [
        ([0, 1, 2], 1, "must have two values"),
        (["yes", "no", "no"], 1, "never has the positive value 1"),
        (["no", "no", "no"], 1, "never has the positive value 1"),
        ([None, None, None], 1, "has no values"),
        ([1, 2, 2], 0, "never has the positive value 0"),
        (["true", "1", "1"], 1, "in two ways"),
    ],
)
def test_a_label_without_a_clear_positive_value_is_refused(write_csv, labels, positive, complaint):
    path = write_csv(["y", "p"], [[label, 1] for label in labels])
    with open_table(path) as table, pytest.raises(TableError, match=complaint):
        binary_performance(table, label="y", prediction="p", positive=positive)


@pytest.mark.parametrize(("yes", "no", "positive"), [("good", "bad", "good"), ("true", "false", 1), ("1.0", "0.0", 1)])
def test_words_booleans_and_decimals_can_be_labels(write_csv, yes, no, positive):
    with open_table(write_csv(["y", "p"], [[yes, yes], [no, yes], [no, no], [no, no]])) as table:
        measures = binary_performance(table, label="y", prediction="p", positive=positive)
    assert (measures["tp"].value, measures["fp"].value, measures["tn"].value) == (1, 1, 2)


two_classes = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=2)


@settings(deadline=None)
@given(two_classes.filter(lambda rows: len({label for label, _ in rows}) == 2))
def test_scores_with_ties_agree_with_scikit_learn(rows):
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    measures = score_measures(ScoreCounts.from_arrays(labels, scores))
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    false_rate, true_rate, _ = metrics.roc_curve(labels, scores)
    expected = {
        "roc_auc": metrics.roc_auc_score(labels, scores),
        "average_precision": metrics.average_precision_score(labels, scores),
        "pr_auc_trapezoid": metrics.auc(recall, precision),
        "log_loss": metrics.log_loss(labels, scores),
        "brier": metrics.brier_score_loss(labels, scores),
    }
    assert {name: measures[name].value for name in expected} == close(expected)
    assert measures["ks"].value == close(np.max(np.abs(true_rate - false_rate)))


@given(st.lists(st.floats(0, 1), min_size=1), st.booleans())
def test_one_class_never_has_an_area(scores, label):
    counts = ScoreCounts.from_arrays(np.full(len(scores), label), np.array(scores))
    measures = score_measures(counts)
    assert not measures["roc_auc"].computable
    assert not measures["ks"].computable
    assert measures["average_precision"].computable == label


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_confusion_rates_agree_with_scikit_learn(rows):
    labels, called = np.array(rows).T
    tn, fp, fn, tp = (int(cell) for cell in metrics.confusion_matrix(labels, called, labels=[False, True]).ravel())
    measures = confusion_measures(Confusion(tp=tp, fp=fp, fn=fn, tn=tn))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "accuracy": metrics.accuracy_score(labels, called),
            "precision": metrics.precision_score(labels, called, zero_division=np.nan),
            "recall": metrics.recall_score(labels, called, zero_division=np.nan),
            "f1": metrics.f1_score(labels, called, zero_division=np.nan),
            "cohen_kappa": metrics.cohen_kappa_score(labels, called),
        }
        matthews = metrics.matthews_corrcoef(labels, called)
    for name, value in expected.items():
        assert measures[name].computable == np.isfinite(value), name
        assert measures[name].value == (close(value) if np.isfinite(value) else None)
    # scikit-learn answers 0 where one side has one class; we say that it is undefined.
    one_sided = len(set(labels)) == 1 or len(set(called)) == 1
    assert measures["mcc"].value == (None if one_sided else close(matthews))


@pytest.mark.parametrize(("fp", "fn"), [(1, 2), (2, 1), (1, 3), (7, 13), (999_983, 3)])
def test_total_disagreement_is_exactly_minus_one(fp, fn):
    assert confusion_measures(Confusion(0, fp, fn, 0))["mcc"].value == -1.0
    assert confusion_measures(Confusion(fp, 0, 0, fn))["mcc"].value == 1.0


def test_a_loss_has_no_interval_below_zero_and_none_without_spread(write_csv):
    rows = [[1, 1, 0.9]] * 9 + [[0, 1, 0.9]]
    with open_table(write_csv(["y", "p", "s"], rows)) as table:
        spread = binary_performance(table, label="y", prediction="p", score="s")
    assert (spread["brier"].low, spread["log_loss"].low) == (0.0, 0.0)
    rows = [[1, 1, 0.9], [0, 0, 0.1], [1, 1, 0.9]]
    with open_table(write_csv(["y", "p", "s"], rows)) as table:
        same = binary_performance(table, label="y", prediction="p", score="s")
    assert same["brier"].value == pytest.approx(0.01)
    assert same["brier"].low is None


def test_scores_beyond_any_probability_are_no_warning(write_csv):
    with open_table(write_csv(["y", "p", "s"], [[1, 1, 1e200], [0, 0, 0.1]])) as table:
        found = binary_performance(table, label="y", prediction="p", score="s")
    assert "outside 0 to 1" in found["brier"].reason


def test_the_interval_of_a_bounded_average_precision_holds_that_of_the_exact_one(reference):
    with open_table(reference("p02_german_credit.csv")) as table:
        exact, bounded = (
            scored_performance(table, label="y_true", score="y_score", exactness=Exactness(rows))["average_precision"]
            for rows in (1000, 0)
        )
    assert exact.computable
    assert bounded.bounds
    assert bounded.low <= exact.low < exact.value < exact.high <= bounded.high
    assert bounded.method.endswith("logit interval of Boyd, Eng and Page of both ends")
