"""A table of several classes, or of numbers, is declared as such: what is declared wrongly is refused in words."""

import pytest

from approvals import checks
from approvals.checks._evaluation import declaration_of
from approvals.checks.base import CheckInputError
from approvals.checks.performance import Performance

POLICY = {
    "champion_comparison": {"champion_prediction": "y_pred"},
    "decision_cost": {"false_positive": 1.0},
    "slice_performance": {"columns": ["id"]},
    "stability_over_time": {"time": "id"},
}
TWO_VALUED = ["local_law_144"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "ordinal"}, "must say binary, multiclass or regression as its kind"),
        ({"kind": ["regression"]}, "must say binary, multiclass or regression as its kind"),
        ({"kind": None}, "must say binary, multiclass or regression as its kind"),
        ({"score": "p0"}, "“score”, which means something for binary tables only, and this one is declared as mult"),
        ({"favourable": 0}, "“favourable”, which means something for binary tables only"),
        ({"kind": "regression"}, "“class_scores”, which means something for multiclass tables only"),
        ({"kind": "binary"}, "“class_scores”, which means something for multiclass tables only"),
        ({"class_scores": ["p0", "p1"]}, "must name one score column for each class"),
        ({"class_scores": {"0": 0}}, "must name one score column for each class"),
        ({"class_scores": {"0": "", "1": "p1"}}, "must name one score column for each class"),
        ({"class_scores": {"0": "p0", "1": "p0"}}, "names the score column p0 for more than one class"),
        ({"class_scores": {f"c{n}": f"p{n}" for n in range(101)}}, "names 101 classes; at most 100 can be"),
        ({"label": ""}, "names no label column"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_with_a_sentence(wine, changes, words):
    with pytest.raises(CheckInputError, match=words) as caught:
        declaration_of(wine(**changes), kinds=("binary", "multiclass", "regression"))
    assert caught.value.sentence.endswith(".")


def test_a_declaration_from_before_there_were_kinds_is_binary(german):
    declared = declaration_of(german())
    assert (declared.kind, declared.class_scores) == ("binary", {})


def test_the_score_columns_of_classes_are_declared_columns(wine):
    declared = declaration_of(wine(), kinds=("multiclass",))
    assert declared.columns == ("y_true", "y_pred", "p0", "p1", "p2", "id")


@pytest.mark.parametrize("key", TWO_VALUED)
@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_what_is_meant_for_two_classes_says_so_of_other_tables(measured, wine, diabetes, key, kind):
    table = wine() if kind == "multiclass" else diabetes()
    with pytest.raises(CheckInputError, match=f"is declared as a {kind} table") as caught:
        measured(checks.find(key), table, **POLICY.get(key, {}))
    assert caught.value.sentence.endswith("needs a binary one, of two values.")


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


def test_slices_of_several_classes_are_judged_by_accuracy(measured, judged, table):
    rows = [f"{row % 3},{row % 3 if row % 2 else (row + 1) % 3},{'ab'[row % 2]}" for row in range(300)]
    rows.append(",1,a")
    several = table("y,p,g", rows, label="y", prediction="p", groups=["g"], kind="multiclass")
    check = checks.find("slice_performance")
    reading = measured(check, several)
    found = by_name(reading)
    assert found["accuracy of the worst slice"].value == 0
    assert found["slices that are worse than the rest"].value == 1
    assert found["share of rows left out"].value == pytest.approx(1 / 301)
    assert judged(check, reading, max_worse_slices=0, max_left_out_share=0.1).verdict == "failed"


def numbers_that_err_in(table, place, *, rows=400):
    """Numbers whose errors are five times as large where the group is b and x is above its median."""
    lines = [
        f"{row % 7},{row % 7 + (5 if row % 2 and row % 20 > 9 else 1) * (1 + row % 3)},{'ab'[row % 2]},{row % 20}"
        for row in range(rows)
    ]
    return table("y,p,g,x", [*lines, ",1,a,1"], label="y", prediction="p", groups=["g"], features=["x"], **place)


def test_slices_of_numbers_are_judged_by_their_errors(measured, judged, table):
    check = checks.find("slice_performance")
    reading = measured(check, numbers_that_err_in(table, {"kind": "regression"}))
    found = by_name(reading)
    worst = found["mean absolute error of the worst slice"]
    assert worst.value == pytest.approx(10.0, rel=0.05)
    assert worst.method.startswith("g b and x above")
    assert worst.low < worst.value < worst.high
    assert found["mean absolute error of the worst slice, as a multiple of that of all rows"].value > 2
    assert found["slices that are worse than the rest"].value >= 1
    allowed = {"max_left_out_share": 0.1}
    assert judged(check, reading, max_slice_mae=11, **allowed).verdict == "passed"
    assert judged(check, reading, max_slice_mae=9, **allowed).verdict == "failed"
    assert judged(check, reading, max_mae_ratio=2, **allowed).verdict == "failed"
    assert judged(check, reading, max_worse_slices=0, **allowed).verdict == "failed"
    assert judged(check, reading, max_mae_gap=1, **allowed).verdict == "failed"
    assert judged(check, reading, min_slice_accuracy=0.0, **allowed).verdict == "not_computable"
    assert judged(check, reading, max_slice_mae=11).verdict == "failed"


def test_windows_of_several_classes_have_an_accuracy_and_no_area(measured, judged, table):
    rows = [f"{row},{'uvw'[row % 3]},{'uvw'[(row + (row >= 150)) % 3]}" for row in range(200)]
    several = table("t,y,p", rows, label="y", prediction="p", kind="multiclass")
    check = checks.find("stability_over_time")
    reading = measured(check, several, time="t")
    assert by_name(reading)["lowest accuracy of a window"].value == 0
    assert judged(check, reading, min_window_accuracy=0.5).verdict == "failed"
    judgement = judged(check, reading, min_window_roc_auc=0.0)
    assert judgement.verdict == "not_computable"
    assert judged(check, reading, max_window_mae=1e9).verdict == "not_computable"
    assert judgement.sentences == ("Lowest ROC AUC of a window is not computable: no multiclass table has it.",)


def test_windows_of_numbers_have_a_mean_absolute_error(measured, judged, table):
    rows = [f"2026-01-{1 + row % 28:02},{row},{row + (9 if row % 28 > 20 else 1)}" for row in range(280)]
    rows += ["2026-01-05,1,", "2026-01-05,1,inf", ",1,1"]
    numbers = table("t,y,p", rows, label="y", prediction="p", kind="regression")
    check = checks.find("stability_over_time")
    reading = measured(check, numbers, time="t")
    found = by_name(reading)
    assert found["highest mean absolute error of a window"].value == 9
    assert found["highest minus lowest mean absolute error of a window"].value == 8
    assert reading.tables[0].columns == ("Window", "Rows", "mean absolute error", "Interval")
    allowed = {"max_left_out_share": 0.02}
    assert judged(check, reading, max_window_mae=9, **allowed).verdict == "passed"
    assert judged(check, reading, max_window_mae=9).verdict == "failed"
    assert judged(check, reading, max_mae_range=7, **allowed).verdict == "failed"
    judgement = judged(check, reading, min_window_accuracy=0.0, **allowed)
    assert judgement.verdict == "not_computable"
    assert "Lowest accuracy of a window is not computable: no regression table has it." in judgement.sentences


def test_a_class_that_is_never_a_label_is_never_right(measured, table):
    rows = [f"{'uv'[row % 2]},w,{'ab'[row % 2]}" for row in range(200)]
    several = table("y,p,g", rows, label="y", prediction="p", groups=["g"], kind="multiclass")
    assert by_name(measured(checks.find("slice_performance"), several))["accuracy of the worst slice"].value == 0


QUALITY = checks.find("data_quality")


def test_the_values_of_several_classes_are_those_with_a_score(measured, judged, wine):
    reading = measured(QUALITY, wine())
    found = by_name(reading)
    assert found["values that are not allowed"].value == 0
    assert found["share of the rarer label"].value == pytest.approx(48 / 178)
    assert judged(QUALITY, reading, min_class_share=0.2, max_unlabelled_rows=0).verdict == "passed"
    leak = judged(QUALITY, reading, max_leakage=1.0)
    assert leak.verdict == "not_computable"
    two = measured(QUALITY, wine(class_scores={"0": "p0", "1": "p1"}))
    assert by_name(two)["values that are not allowed"].counts[0] == ("y_true", 48)
    assert judged(QUALITY, two, min_rows=1).verdict == "failed"


def test_scores_of_classes_are_probabilities(measured, judged, wine):
    reading = measured(QUALITY, wine(class_scores={"0": "p0", "1": "p1", "2": "id"}))
    assert dict(by_name(reading)["values that are not allowed"].counts)["id"] == 176
    assert judged(QUALITY, reading, min_rows=1).verdict == "failed"


def test_numbers_must_be_finite_and_have_no_rarer_label(measured, judged, table, diabetes):
    reading = measured(QUALITY, diabetes())
    assert by_name(reading)["values that are not allowed"].value == 0
    assert judged(QUALITY, reading, min_class_share=0.0).verdict == "not_computable"
    assert judged(QUALITY, reading, min_rows=400).verdict == "passed"
    rows = [f"{row},{'inf' if row == 3 else row}" for row in range(50)]
    infinite = measured(QUALITY, table("y,p", rows, label="y", prediction="p", kind="regression"))
    assert judged(QUALITY, infinite, min_rows=1).verdict == "failed"
    texts = measured(QUALITY, table("y,p", ["1,a", "2,b"], label="y", prediction="p", kind="regression"))
    assert judged(QUALITY, texts, min_rows=1).verdict == "not_computable"


@pytest.mark.parametrize("key", TWO_VALUED)
def test_two_values_make_no_binary_table_of_what_is_declared_otherwise(measured, table, key):
    rows = [f"{row},{row % 2},{row % 2},{row % 3}" for row in range(60)]
    two = table("id,y_true,y_pred,g", rows, label="y_true", prediction="y_pred", groups=["g"], kind="multiclass")
    with pytest.raises(CheckInputError, match="is declared as a multiclass table"):
        measured(checks.find(key), two, **POLICY.get(key, {}))


@pytest.mark.parametrize(
    "declared",
    [
        {"prediction": "y"},
        {"prediction": "p", "score": "y"},
        {"prediction": "p", "kind": "multiclass", "class_scores": {"0": "p", "1": "y"}},
        {"prediction": "y", "kind": "regression"},
    ],
)
def test_the_label_is_not_what_the_model_says(measured, table, declared):
    piece = table("y,p", ["1,0", "0,1"], label="y", **declared)
    with pytest.raises(CheckInputError, match="compared with itself is always right"):
        measured(Performance, piece)


@pytest.mark.parametrize("claim", [float("nan"), float("-inf"), 10**400], ids=["nan", "infinite", "huge"])
def test_a_claim_is_a_finite_number(measured, table, claim):
    piece = table("y,p", ["1,0", "0,1"], label="y", prediction="p", claims={"accuracy": claim})
    with pytest.raises(CheckInputError, match="is not a finite number"):
        measured(Performance, piece)
