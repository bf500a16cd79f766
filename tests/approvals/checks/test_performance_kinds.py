"""Performance of tables of several classes and of numbers: thresholds of another kind are never met."""

import dataclasses
import json

import pytest

from approvals.checks._performance_multiclass import NAMES as OF_CLASSES
from approvals.checks._performance_regression import NAMES as OF_NUMBERS
from approvals.checks._readings import reading_as_json
from approvals.checks.base import CheckInputError
from approvals.checks.performance import NAMES, NAMES_OF, Performance
from tests.approvals.checks.conftest import REFERENCE

SHARED = {"min_rows", "max_left_out_share"}
LOOSE = {"min": -1e9, "max": 1e9}


def expected(case):
    return json.loads((REFERENCE / f"{case}.expected.json").read_text())["expected"]


def values(reading, names):
    found = {measure.name: measure.value for measure in reading.measures}
    return {key: found[name] for key, name in names.items() if name in found}


def foreign(kind):
    """Thresholds on measures that a table of this kind does not have."""
    names = [item.name for item in dataclasses.fields(Performance.Thresholds) if item.name not in SHARED]
    return [name for name in names if name[4:] not in NAMES_OF[kind]]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in NAMES_OF for name in foreign(kind)], ids=lambda text: text
)
def test_a_threshold_of_another_kind_is_never_met(measured, judged, german, wine, diabetes, kind, name):
    reading = measured(Performance, {"binary": german, "multiclass": wine, "regression": diabetes}[kind](), draws=0)
    judgement = judged(Performance, reading, **{name: LOOSE[name[:3]]}, min_rows=10)
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0].endswith(f"is not computable: no {kind} table has it.")


def test_every_measure_has_a_threshold_and_every_threshold_a_measure():
    asked = {item.name[4:] for item in dataclasses.fields(Performance.Thresholds) if item.name not in SHARED}
    unasked = {"prevalence", "selection_rate", "gini", "ks"}
    assert asked == (NAMES | OF_CLASSES | OF_NUMBERS).keys() - unasked


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": "nonsense"}, "nonsense"),
        ({"class_scores": {"0": "nonsense"}}, "nonsense"),
        ({"label": "p0"}, "names “p0” as the label and as what the model says"),
        ({"claims": {"roc_auc": 0.9}}, "claims “roc_auc”, which this check does not measure; it knows accuracy"),
        ({"claims": {"rmse": 0.9}}, "claims “rmse”, which this check does not measure"),
    ],
)
def test_a_wrong_table_of_classes_is_refused_with_a_sentence(measured, wine, changes, words):
    with pytest.raises(CheckInputError, match=words) as caught:
        measured(Performance, wine(**changes))
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prediction": "sex"}, "must hold numbers"),
        ({"prediction": "nonsense"}, "nonsense"),
        ({"claims": {"accuracy": 0.9}}, "claims “accuracy”, which this check does not measure; it knows mse"),
    ],
)
def test_a_wrong_table_of_numbers_is_refused_with_a_sentence(measured, diabetes, changes, words):
    with pytest.raises(CheckInputError, match=words) as caught:
        measured(Performance, diabetes(**changes))
    assert caught.value.sentence.endswith(".")


def test_a_table_of_classes_that_is_declared_binary_is_refused(measured, wine, german):
    with pytest.raises(CheckInputError, match="must have two values"):
        measured(Performance, wine(kind="binary", class_scores={}))


def test_the_numbers_of_several_classes_are_those_of_the_reference(measured, wine):
    found, wanted = measured(Performance, wine()), expected("p05_wine_multiclass")
    measures = values(found, OF_CLASSES)
    for key in wanted.keys() - {"n", "confusion_matrix"}:
        assert measures[key] == pytest.approx(wanted[key], abs=1e-9), key
    matrix = next(table for table in found.tables if table.title == "Labels and predictions")
    assert [list(row[1:]) for row in matrix.rows] == wanted["confusion_matrix"]
    assert matrix.columns == ("", "Predicted 0", "Predicted 1", "Predicted 2")
    assert reading_as_json(found)["details"]["kind"] == "multiclass"


def test_each_class_stands_against_the_rest(measured, wine):
    reading = measured(Performance, wine())
    rest = next(table for table in reading.tables if table.title == "Each class against the rest")
    assert [row[:5] for row in rest.rows] == [("0", 48, 15, 11, 104), ("1", 61, 14, 10, 93), ("2", 29, 11, 19, 119)]
    assert rest.rows[2][7] == "0.604"
    assert "Interval of ROC AUC" in rest.columns
    without = measured(Performance, wine(class_scores={}))
    assert "ROC AUC" not in next(t for t in without.tables if t.title == rest.title).columns


def test_many_classes_are_shown_by_their_mistakes(measured, table):
    rows = [f"c{row % 20:02},c{(row + (row % 7 == 0)) % 20:02}" for row in range(400)]
    reading = measured(Performance, table("y,p", rows, label="y", prediction="p", kind="multiclass"), draws=0)
    mistakes = next(table for table in reading.tables if table.title == "Labels and predictions")
    assert mistakes.columns == ("Label", "Predicted", "Rows")
    assert len(mistakes.rows) == 20
    assert sum(row[-1] for row in mistakes.rows) == 58


def test_the_numbers_of_a_regression_are_those_of_the_reference(measured, diabetes):
    found, wanted = measured(Performance, diabetes()), expected("p04_diabetes_regression")["overall"]
    measures = values(found, OF_NUMBERS)
    for key in wanted.keys() - {"n"}:
        name = "mape" if key == "mape_fraction" else key
        assert measures[name] == pytest.approx(wanted[key], abs=1e-9), key
    intervals = {measure.name for measure in found.measures if measure.low is not None}
    assert {OF_NUMBERS[key] for key in ("mse", "rmse", "mae", "mape", "r2", "mean_error")} <= intervals


def test_thresholds_of_several_classes_are_judged(measured, judged, wine):
    reading = measured(Performance, wine())
    assert judged(Performance, reading, min_f1_macro=0.7, max_log_loss=0.6, min_mcc=0.6).verdict == "passed"
    judgement = judged(Performance, reading, min_f1_macro=0.8, min_cohen_kappa=0.6)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("F1 score, mean over classes 0.761 (95 % interval ")
    assert judgement.sentences[0].endswith("is below the threshold 0.80.")


def test_thresholds_of_a_regression_are_judged_and_the_mean_error_without_its_sign(measured, judged, diabetes):
    reading = measured(Performance, diabetes())
    assert judged(Performance, reading, max_rmse=60, min_r2=0.4, max_mean_error=0.2).verdict == "passed"
    judgement = judged(Performance, reading, max_mean_error=0.1, max_mae=45)
    assert judgement.verdict == "failed"
    assert "is, without its sign, above the threshold 0.10." in judgement.sentences[0]


def test_without_class_scores_their_thresholds_decide_nothing(measured, judged, wine):
    reading = measured(Performance, wine(class_scores={}))
    judgement = judged(Performance, reading, min_roc_auc_ovr_macro=0.5, min_accuracy=0.5)
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0].endswith("was not measured, so its threshold decides nothing.")


def test_a_class_without_a_score_column_leaves_ranks_and_probabilities_open(measured, judged, wine):
    reading = measured(Performance, wine(class_scores={"0": "p0", "1": "p1"}))
    judgement = judged(Performance, reading, max_log_loss=36, min_accuracy=0.5)
    assert judgement.verdict == "not_computable"
    assert "no score column is named for the class “2”" in judgement.sentences[0]


def test_claims_of_every_kind_stand_beside_what_was_measured(measured, judged, wine, diabetes):
    reading = measured(Performance, wine(claims={"f1_macro": 0.76, "roc_auc_ovo_macro": 0.99}))
    judgement = judged(Performance, reading, min_accuracy=0.5)
    assert judgement.verdict == "warning"
    assert "claims ROC AUC, each class against each other 0.990; measured is 0.906" in judgement.sentences[0]
    reading = measured(Performance, diabetes(claims={"rmse": 54.5, "r2": 0.55, "mean_error": -0.1}))
    rows = next(table for table in reading.tables if table.title == "Claimed and measured").rows
    assert [row[-1] for row in rows] == ["yes", "no", "yes"]


@pytest.mark.parametrize("column", ["y_true", "y_pred", "p0"])
def test_rows_of_classes_that_are_left_blank_fail(measured, judged, wine, piece, column):
    lines = (REFERENCE / "p05_wine_multiclass.csv").read_text().splitlines()
    place = lines[0].split(",").index(column)
    cells = [line.split(",") for line in lines]
    for row in cells[1:9]:
        row[place] = ""
    text = "\n".join(",".join(row) for row in cells) + "\n"
    reading = measured(Performance, piece("evaluation_table", text, details=dict(wine().details)))
    judgement = judged(Performance, reading, min_accuracy=0.5)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Share of rows left out 0.045 (n 178) is above the threshold 0")


@pytest.mark.parametrize("cell", ["", "inf"])
def test_rows_of_numbers_that_are_no_numbers_fail(measured, judged, table, cell):
    rows = [f"{row},{cell if row < 5 else row + 1}" for row in range(100)]
    reading = measured(Performance, table("y,p", rows, label="y", prediction="p", kind="regression"))
    judgement = judged(Performance, reading, max_mae=2)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Share of rows left out 0.050 (n 100)")
    assert "5 rows without one of them were left out." in reading.looked_at


def test_a_label_of_zero_makes_no_share_of_it(measured, judged, table):
    rows = [f"{row},{row + 1}" for row in range(100)]
    reading = measured(Performance, table("y,p", rows, label="y", prediction="p", kind="regression"))
    assert judged(Performance, reading, max_mape=1e9).verdict == "not_computable"
