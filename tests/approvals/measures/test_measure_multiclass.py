import math
import warnings
from dataclasses import replace

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from approvals.measures.class_ranking import mean_areas
from approvals.measures.class_scores import ClassScores, class_score_measures
from approvals.measures.intervals import bootstrap_cells, wilson
from approvals.measures.multiclass import confusion_measures, multiclass_performance, read_classes
from approvals.measures.performance import binary_performance
from approvals.measures.tables import TableError, open_table

AGREEMENT = {"mcc", "cohen_kappa"}
MEANS = {"balanced_accuracy", "precision_macro", "precision_weighted", "recall_macro", "f1_macro", "f1_weighted"}
PROPORTIONS = {"accuracy", "precision_micro", "recall_micro", "f1_micro", "recall_weighted"}
AREAS = {"roc_auc_ovr_macro", "roc_auc_ovr_weighted", "roc_auc_ovo_macro", "roc_auc_ovo_weighted"}
LOSSES = {"log_loss", "brier"}
WINE = {"label": "y_true", "prediction": "y_pred", "scores": {name: f"p{name}" for name in "012"}}


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def performance(path, scores=None, **more):
    with open_table(path) as table:
        return multiclass_performance(table, **{"label": "y", "prediction": "p", "scores": scores, "draws": 0, **more})


def of_wine(table, **more):
    return multiclass_performance(table, **{**WINE, **more})


def of_cells(cells, **more):
    overall, _ = confusion_measures(read_classes(cells, label="y", prediction="p"), **more)
    return overall


def undefined(found):
    return {name for name, measure in found.overall.items() if not measure.computable}


@pytest.fixture
def wine(reference):
    with open_table(reference("p05_wine_multiclass.csv")) as table:
        yield table


def test_reference_performance_of_three_classes(wine, reference):
    found = of_wine(wine)
    expected = reference("p05_wine_multiclass.expected.json")["expected"]
    assert [list(row) for row in found.confusion.cells] == expected.pop("confusion_matrix")
    assert {name: found.overall[name].value for name in expected} == close(expected)
    assert len(expected) == 17
    assert found.confusion.classes == ("0", "1", "2")
    assert found.overall["rows_left_out"].value == 0


def test_reference_classes_agree_with_scikit_learn(wine):
    found = of_wine(wine)
    labels, called = wine.numbers("y_true"), wine.numbers("y_pred")
    probabilities = np.column_stack([wine.numbers(f"p{name}") for name in "012"])
    parts = metrics.precision_recall_fscore_support(labels, called)
    for position, name in enumerate("012"):
        of_class = found.by_class[name]
        names = ("precision", "recall", "f1", "support")
        assert [of_class[part].value for part in names] == close([part[position] for part in parts])
        area = metrics.roc_auc_score(labels == position, probabilities[:, position])
        assert of_class["roc_auc"].value == close(area)
        assert all(measure.slice == (("y_true", name),) for measure in of_class.values())
    assert found.overall["brier"].value == close(metrics.brier_score_loss(labels, probabilities))


def test_intervals_are_reproducible_and_contain_the_value(wine):
    first, second = (of_wine(wine, seed=7) for _ in range(2))
    assert first == second
    ranged = {name for name, measure in first.overall.items() if measure.low is not None}
    assert ranged == AGREEMENT | MEANS | PROPORTIONS | LOSSES | AREAS
    assert all(first.overall[name].low < first.overall[name].value < first.overall[name].high for name in ranged)
    accuracy, recall = first.overall["accuracy"], first.by_class["2"]["recall"]
    assert (accuracy.low, accuracy.high) == (wilson(138, 178).low, wilson(138, 178).high)
    assert (recall.low, recall.high, recall.n) == (wilson(29, 48).low, wilson(29, 48).high, 48)
    assert "2000 draws, seed 7" in first.overall["mcc"].method
    assert of_wine(wine, seed=8).overall["mcc"].low != first.overall["mcc"].low


def test_drawing_cells_is_like_drawing_rows(wine):
    labels, called = wine.numbers("y_true").astype(int), wine.numbers("y_pred").astype(int)
    rng = np.random.default_rng(5)
    drawn = []
    for _ in range(300):
        rows = rng.integers(0, labels.size, labels.size)
        pair = labels[rows], called[rows]
        drawn.append(
            [
                metrics.f1_score(*pair, average="macro"),
                metrics.matthews_corrcoef(*pair),
                metrics.cohen_kappa_score(*pair),
                metrics.balanced_accuracy_score(*pair),
            ]
        )
    found = of_wine(wine).overall
    ends = [(found[name].low, found[name].high) for name in ("f1_macro", "mcc", "cohen_kappa", "balanced_accuracy")]
    assert np.array(ends) == pytest.approx(np.quantile(drawn, [0.025, 0.975], axis=0).T, abs=0.025)


def test_the_drawn_statistics_are_the_measured_ones():
    """With so many rows every draw is almost the table itself."""
    cells = {("a", "a"): 10**12, ("a", "b"): 2 * 10**12, ("b", "b"): 3 * 10**12, ("c", "c"): 10**12, ("c", "a"): 10**12}
    overall = of_cells(cells)
    for name in AGREEMENT | MEANS:
        measure = overall[name]
        assert [measure.low, measure.high] == pytest.approx([measure.value] * 2, abs=1e-5)


def test_a_perfect_prediction_is_exactly_one():
    for sizes in ((3, 7, 11), (1, 1, 1), (10**9 + 7, 10**9 + 9, 3)):
        cells = {(name, name): size for name, size in zip("abc", sizes, strict=True)}
        overall = of_cells(cells, draws=0)
        assert {overall[name].value for name in AGREEMENT | MEANS | PROPORTIONS} == {1.0}
    assert of_cells({("a", "b"): 2, ("b", "a"): 1}, draws=0)["mcc"].value == -1.0


KINDS = {
    "strings": ["setosa", "virginica", "a class", "été"],
    "numbers": [0, 1, 2.5, 10],
    "whole numbers": [-3, 1, 2, 30],
    "booleans": ["true", "false"],
}


@st.composite
def tables(draw):
    """Rows of (label, prediction) of one kind, some missing, of few classes, so that classes are often absent."""
    values = st.sampled_from([*draw(st.sampled_from(list(KINDS.values()))), None])
    return draw(st.lists(st.tuples(values, values), min_size=1, max_size=25))


def library(labels, called, classes):
    """What scikit-learn answers, NaN where it is undefined."""
    found = {"accuracy": metrics.accuracy_score(labels, called)}
    for share in ("precision", "recall", "f1"):
        function = getattr(metrics, f"{share}_score")
        every = function(labels, called, labels=classes, average=None, zero_division=np.nan)
        found[share] = dict(zip(classes, every, strict=True))
        found[f"{share}_macro"] = np.mean(every)
        found[f"{share}_micro"] = function(labels, called, average="micro")
        found[f"{share}_weighted"] = function(labels, called, labels=classes, average="weighted", zero_division=np.nan)
    found["cohen_kappa"] = metrics.cohen_kappa_score(labels, called)
    one_sided = len(set(labels)) == 1 or len(set(called)) == 1
    found["mcc"] = np.nan if one_sided else metrics.matthews_corrcoef(labels, called)
    found["balanced_accuracy"] = metrics.balanced_accuracy_score(labels, called)
    return found


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tables())
def test_any_table_agrees_with_scikit_learn(write_csv, rows):
    found = performance(write_csv(["y", "p"], rows))
    complete = [(str(label), str(called)) for label, called in rows if label is not None and called is not None]
    classes = list(found.confusion.classes)
    assert classes == sorted({str(cell) for row in rows for cell in row if cell is not None})
    assert found.overall["n"].value == len(complete)
    assert found.overall["rows_left_out"].value == len(rows) - len(complete)
    if not complete:
        assert undefined(found) == AGREEMENT | MEANS | PROPORTIONS
        return
    labels, called = zip(*complete, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = library(labels, called, classes)
        cells = metrics.confusion_matrix(labels, called, labels=classes)
    assert np.array_equal(found.confusion.cells, cells)
    actual = {str(label) for label, _ in rows if label is not None}
    if len(actual) == 1 or actual - set(labels):
        expected["balanced_accuracy"] = np.nan  # scikit-learn leaves out the class, or has only one
    if set(labels) - set(called):
        expected["precision_weighted"] = np.nan  # scikit-learn leaves out the class never predicted
    for share in ("precision", "recall", "f1"):
        ours = {name: found.by_class[name][share].value for name in classes}
        assert ours == {name: None if np.isnan(value) else close(value) for name, value in expected.pop(share).items()}
    assert expected.keys() == AGREEMENT | MEANS | PROPORTIONS
    for name, value in expected.items():
        assert found.overall[name].value == (None if np.isnan(value) else close(value)), name


eighths = st.lists(st.integers(0, 8), min_size=2, max_size=2).map(sorted).map(lambda cut: (cut[0], cut[1], 8))
scored_rows = st.lists(st.tuples(st.sampled_from("abc"), eighths), min_size=1, max_size=25)


@settings(deadline=None, max_examples=80)
@given(scored_rows)
def test_scores_with_ties_agree_with_scikit_learn(rows):
    labels = np.array([label for label, _ in rows])
    scores = np.array([np.diff([0, *cut]) / 8 for _, cut in rows])
    found = class_score_measures(
        ClassScores(("a", "b", "c"), np.array(["abc".index(label) for label in labels]), scores)
    )
    assert found["log_loss"].value == close(metrics.log_loss(labels, scores, labels=list("abc")))
    assert found["brier"].value == close(metrics.brier_score_loss(labels, scores, labels=list("abc")))
    if set(labels) != set("abc"):
        assert all("no row with scores has the label" in found[name].reason for name in AREAS)
        return
    for name in AREAS:
        _, _, kind, average = name.split("_")
        assert found[name].value == close(metrics.roc_auc_score(labels, scores, multi_class=kind, average=average))


two_classes = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=25)


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(two_classes)
def test_two_classes_say_what_the_binary_measures_say(write_csv, rows):
    rows = [*rows, (0, 0, 1), (1, 1, 5), (1, None, 2), (None, 0, 3)]
    path = write_csv(["y", "p", "s0", "s1"], [(y, p, 1 - s / 8, s / 8) for y, p, s in rows])
    ours = performance(path, {"0": "s0", "1": "s1"})
    with open_table(path) as table:
        binary = binary_performance(table, label="y", prediction="p", score="s1")
    for name in ("n", "rows_left_out", "accuracy", "balanced_accuracy", "mcc", "cohen_kappa", "log_loss"):
        assert ours.overall[name].value == close(binary[name].value), name
    assert ours.overall["brier"].value == close(2 * binary["brier"].value)
    assert ours.by_class["1"]["roc_auc"] == replace(binary["roc_auc"], slice=(("y", "1"),))
    area = binary["roc_auc"]
    for name in AREAS:
        assert ours.overall[name].value == close(area.value)
        ends = (ours.overall[name].low, ours.overall[name].high)
        assert ends == ((None, None) if area.low is None else close((area.low, area.high)))
    for name in ("precision", "recall", "f1"):
        assert ours.by_class["1"][name].value == close(binary[name].value)
    assert ours.by_class["0"]["recall"].value == close(binary["specificity"].value)


def test_areas_of_three_classes_are_as_uncertain_as_rows_drawn_within_each_class(wine):
    labels = np.array([int(text) for text in wine.texts("y_true")])
    scores = np.column_stack([wine.numbers(f"p{name}") for name in "012"])
    found = mean_areas(labels, scores)
    rng = np.random.default_rng(5)
    rows = [np.flatnonzero(labels == name) for name in range(3)]
    drawn: dict[str, list[float]] = {name: [] for name in AREAS}
    for _ in range(300):
        chosen = np.concatenate([rng.choice(part, part.size) for part in rows])
        for name, area in mean_areas(labels[chosen], scores[chosen]).items():
            drawn[name].append(area.value)
    for name, area in found.items():
        half = (area.interval.high - area.interval.low) / 2
        assert half == pytest.approx(1.959963984540054 * np.std(drawn[name], ddof=1), rel=0.12), name
        assert area.interval.low < area.value < area.interval.high


def test_a_class_of_one_row_and_classes_told_apart_give_areas_no_interval():
    one = mean_areas(np.array([0, 0, 1, 1, 2]), np.array([[5, 1], [3, 4], [4, 2], [0, 3], [1, 1]]) @ np.eye(2, 3))
    sure = mean_areas(np.array([0, 0, 1, 1, 2, 2]), np.eye(3)[[0, 0, 1, 1, 2, 2]])
    assert {area.interval for area in (*one.values(), *sure.values())} == {None}
    assert {area.value for area in sure.values()} == {1.0}


def test_a_class_never_predicted_has_no_precision(write_csv, reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["sklearn: precision with no predicted positive"]["value"] == 0.0
    found = performance(write_csv(["y", "p"], [["a", "a"], ["b", "b"], ["c", "a"]]))
    assert undefined(found) == {"precision_macro", "precision_weighted"}
    for measure in (found.by_class["c"]["precision"], found.overall["precision_macro"]):
        assert measure.reason == "Not computable: no row with a label is predicted to be of the class “c”."
    assert found.by_class["c"]["recall"].value == 0.0
    assert found.overall["f1_macro"].value == close((2 / 3 + 1 + 0) / 3)


def test_a_class_never_labelled_has_no_recall(write_csv, reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["sklearn: recall with no positive"]["value"] == 0.0
    found = performance(write_csv(["y", "p"], [["a", "a"], ["b", "b"], ["b", "c"]]))
    assert undefined(found) == {"recall_macro"}
    for measure in (found.by_class["c"]["recall"], found.overall["recall_macro"]):
        assert measure.reason == "Not computable: no row with a prediction is labelled with the class “c”."
    assert found.overall["balanced_accuracy"].value == 0.75
    assert found.overall["recall_weighted"].value == found.overall["accuracy"].value


def test_a_class_only_in_rows_left_out_does_not_disappear(write_csv):
    rows = [["a", "a"], ["b", "a"], ["b", "b"], ["rare", None], [None, "odd"]]
    found = performance(write_csv(["y", "p"], rows))
    assert found.confusion.classes == ("a", "b", "odd", "rare")
    assert (found.confusion.actual, found.confusion.left_out) == (("a", "b", "rare"), 2)
    assert not any(found.by_class["rare"][name].computable for name in ("precision", "recall", "f1"))
    assert "both a label and a prediction has the classes “odd”, “rare”" in found.overall["f1_macro"].reason
    assert found.overall["balanced_accuracy"].reason.endswith("labelled with the class “rare”.")
    assert found.overall["f1_weighted"].value == close((2 / 3 * 1 + 2 / 3 * 2) / 3)
    assert found.overall["accuracy"].value == close(2 / 3)
    assert found.overall["mcc"].count("rows_left_out") == 2


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([["a", "a"], ["a", "b"]], {"mcc", "balanced_accuracy", "recall_macro"}),
        ([["a", "a"], ["b", "a"]], {"mcc", "precision_macro", "precision_weighted"}),
        ([["a", "a"], ["a", "a"]], {"mcc", "balanced_accuracy", "cohen_kappa"}),
        ([["a", None], [None, "b"]], AGREEMENT | MEANS | PROPORTIONS),
        ([[None, "a"], [None, "b"]], AGREEMENT | MEANS | PROPORTIONS),
    ],
    ids=["one label", "one prediction", "one class", "no row with both", "no labels"],
)
def test_what_one_class_or_no_row_leaves_undefined(write_csv, reference, rows, names):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["sklearn: mcc constant predictions"]["value"] == 0.0
    found = performance(write_csv(["y", "p"], rows))
    assert undefined(found) == names
    assert all(found.overall[name].reason.startswith("Not computable: ") for name in names)
    if names >= PROPORTIONS:
        assert {found.overall[name].reason for name in names} == {
            "Not computable: no row has both a label and a prediction."
        }


def test_a_rare_class_has_means_without_an_interval():
    cells = {("a", "a"): 50, ("b", "b"): 40, ("b", "a"): 9, ("rare", "rare"): 1}
    overall = of_cells(cells)
    assert overall["f1_macro"].method == "mean over classes; no interval"
    assert overall["f1_macro"].low is None
    assert overall["accuracy"].low is not None
    assert bootstrap_cells(np.array([[1, 1]]), lambda drawn: np.full(len(drawn), math.nan)) is None


SCORED = [["a", "a", 0.5, 0.25, 0.25], ["b", "b", 0.25, 0.5, 0.25], ["c", "a", 0.5, 0.25, 0.25]]
COLUMNS = {"a": "pa", "b": "pb", "c": "pc"}


def scored(write_csv, rows, columns):
    return performance(write_csv(["y", "p", "pa", "pb", "pc"], rows), columns)


def test_rows_without_every_score_are_left_out_and_counted(write_csv):
    more = [["a", "b", None, 0.5, 0.5], ["b", "b", "inf", 0, 0], [None, "a", 0.2, 0.4, 0.4], ["c", None, 0, 0, 1]]
    found = scored(write_csv, SCORED + more, COLUMNS)
    assert (found.overall["n"].value, found.overall["rows_left_out"].value) == (5, 2)
    for measure in (*(found.overall[name] for name in AREAS | LOSSES), found.by_class["a"]["roc_auc"]):
        assert (measure.n, measure.count("rows_left_out")) == (4, 2)
    assert found.overall["log_loss"].value == close(-(2 * math.log(0.5) + math.log(0.25) + math.log(1.0)) / 4)


def test_an_impossible_label_costs_what_scikit_learn_says(write_csv):
    found = scored(write_csv, [*SCORED, ["c", "a", 1, 0, 0]], COLUMNS)
    assert found.overall["log_loss"].value == close((2 * math.log(2) + math.log(4) - math.log(2.0**-52)) / 4)
    assert found.overall["log_loss"].low == 0.0
    assert "cut at 0" in found.overall["log_loss"].method


def test_probabilities_that_do_not_sum_to_one_are_none(write_csv):
    rows = [*SCORED, ["a", "a", 0.5, 0.25, 0.2], ["b", "a", 0.3, 0.3, 0.399991], ["b", "a", 0.3, 0.3, 0.39998]]
    found = scored(write_csv, rows, COLUMNS)
    for name in LOSSES:
        assert found.overall[name].reason == (
            "Not computable: the probabilities of 2 of 6 rows do not sum to 1 (within 0.00001)."
        )
        assert found.overall[name].count("rows_not_summing_to_1") == 2
    assert all(found.overall[name].computable for name in AREAS)


def test_scores_outside_zero_to_one_only_rank(write_csv):
    found = scored(write_csv, [*SCORED, ["c", "c", -1, 0.5, 1.5]], COLUMNS)
    for name in LOSSES:
        assert "1 of 4 rows have a score outside 0 to 1" in found.overall[name].reason
        assert found.overall[name].count("rows_outside_0_to_1") == 1
    assert all(found.overall[name].computable for name in AREAS)


def test_huge_scores_only_rank(write_csv):
    found = scored(write_csv, [*SCORED, ["c", "c", "1e308", "1e308", "-1e308"]], COLUMNS)
    assert undefined(found) >= LOSSES
    assert all(found.overall[name].computable for name in AREAS)


def test_a_label_without_a_score_column_leaves_the_scores_undefined(write_csv):
    found = scored(write_csv, SCORED, {"a": "pa", "b": "pb"})
    for name in AREAS | LOSSES:
        assert found.overall[name].reason == "Not computable: no score column is named for the class “c”."
    assert found.by_class["c"]["roc_auc"].reason == "Not computable: no score column is named for the class “c”."
    assert found.by_class["a"]["roc_auc"].value == 0.75


def test_a_score_column_of_a_class_without_rows_leaves_areas_undefined(write_csv):
    found = scored(write_csv, SCORED[:2], COLUMNS)
    for name in AREAS:
        assert found.overall[name].reason == "Not computable: no row with scores has the label of the class “c”."
    assert "c" not in found.by_class
    assert found.overall["log_loss"].value == close(math.log(2))


@pytest.mark.parametrize(
    ("rows", "columns", "reason"),
    [
        ([["a", "a", 1, 0, 0]] * 2, {"a": "pa"}, "there is only one class"),
        ([["a", "a", None, None, None]] * 2, {"a": "pa", "b": "pb"}, "no row has a label and a score for every class"),
        ([[None, "a", 1, 0, 0]] * 2, {"a": "pa", "b": "pb"}, "no row has a label and a score for every class"),
    ],
)
def test_one_class_or_no_scored_row_has_no_area(write_csv, rows, columns, reason):
    found = scored(write_csv, rows, columns)
    for name in AREAS:
        assert found.overall[name].reason == f"Not computable: {reason}."
    lacking = "have only one class" if reason == "there is only one class" else "no row with scores has the label"
    assert lacking in found.by_class["a"]["roc_auc"].reason


def test_a_constant_score_is_said_to_separate_nothing(write_csv):
    rows = [[name, name, 0.25, 0.5 - extra, 0.25 + extra] for name, extra in (("a", 0), ("b", 0.125), ("c", 0.25))]
    found = scored(write_csv, rows, COLUMNS)
    assert found.by_class["a"]["roc_auc"].value == 0.5
    for name in AREAS:
        assert "every row has the same score for the class “a”, which separates nothing" in found.overall[name].method


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"prediction": "gone"}, "no column “gone”"),
        ({"scores": {"0": "nowhere"}}, "no column “nowhere”"),
        ({"scores": {"0": "t"}}, "The column “t” of “table.csv” must hold numbers"),
        ({"scores": {"0": "s", "1": "s"}}, "The score column “s” is named for more than one class"),
        ({"label": "i"}, "“i” and “p” have 150 different values together; at most 100 classes"),
        ({"prediction": "b"}, "0 in the one and false in the other mean the same"),
        ({"label": "d"}, "1.0 in the one and 1 in the other mean the same"),
    ],
)
def test_what_cannot_be_compared_is_refused(write_csv, more, complaint):
    rows = [[i % 2, i % 2, 0.5, "text", i, bool(i % 2), ["1.0", "x"][i % 2]] for i in range(150)]
    with pytest.raises(TableError, match=complaint) as refused:
        performance(write_csv(["y", "p", "s", "t", "i", "b", "d"], rows), **more)
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["1.0", "10.5", "2.0"], ("1", "10.5", "2")),
        (["FALSE", "true", "True"], ("false", "true", "true")),
        (["1", "9007199254740992", "9007199254740993"], ("1", "9007199254740992", "9007199254740993")),
        (["2026-01-01", "2026-01-02", "2026-01-03"], ("2026-01-01", "2026-01-02", "2026-01-03")),
        ([" a", "a ", "b"], ("a", "a", "b")),
    ],
    ids=["decimals", "booleans", "long numbers", "dates", "blanks around"],
)
def test_any_kind_of_column_can_hold_classes(write_csv, values, classes):
    columns = {name: f"s{position}" for position, name in enumerate(sorted(set(classes)))}
    rows = [[value, value, *(int(name == own) for name in columns)] for value, own in zip(values, classes, strict=True)]
    found = performance(write_csv(["y", "p", *columns.values()], rows), columns)
    assert found.confusion.classes == tuple(columns)
    assert found.overall["accuracy"].value == 1.0
    assert found.overall["log_loss"].value == close(0.0)
    assert found.overall["roc_auc_ovo_macro"].value == 1.0


@pytest.mark.parametrize(
    ("label", "called"),
    [("9007199254740993", "9007199254740992"), ("a", "A"), ("sNaN", "1"), ("nan1", "inf"), ("1e999999999", "1")],
)
def test_classes_that_only_look_alike_stay_apart(label, called):
    assert of_cells({(label, called): 3, ("b", "b"): 1}, draws=0)["accuracy"].value == 0.25


def test_parquet_types_hold_classes_and_blank_text_is_missing(tmp_path):
    path = tmp_path / "t.parquet"
    sql = "SELECT * FROM (VALUES (1::DOUBLE, 1, 0.75, 0.25), (2, 1, 0.5, 0.5), ('nan', 2, 0.5, 0.5)) AS t(y, p, s1, s2)"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
        tab = "SELECT * FROM (VALUES ('a', 'a'), (chr(9), 'a'), ('b', ' ')) AS t(y, p)"
        connection.execute(f"COPY ({tab}) TO '{tmp_path / 'blank.parquet'}' (FORMAT parquet)")
    found = performance(path, {"1": "s1", "2": "s2"})
    assert found.confusion.cells == ((1, 0), (1, 0))
    assert found.overall["rows_left_out"].value == 1
    assert found.overall["roc_auc_ovr_macro"].value == 1.0
    assert found.overall["log_loss"].value == close(-(math.log(0.75) + math.log(0.5)) / 2)
    blank = performance(tmp_path / "blank.parquet")
    assert (blank.confusion.classes, blank.confusion.left_out) == (("a", "b"), 2)
