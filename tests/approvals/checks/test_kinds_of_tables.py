"""A table of several classes, or of numbers, is declared as such: what is declared wrongly is refused in words."""

import pytest

from approvals import checks
from approvals.checks._evaluation import declaration_of
from approvals.checks.base import CheckInputError

POLICY = {
    "champion_comparison": {"champion_prediction": "y_pred"},
    "decision_cost": {"false_positive": 1.0},
    "slice_performance": {"columns": ["id"]},
    "stability_over_time": {"time": "id"},
}
TWO_VALUED = [
    "calibration",
    "champion_comparison",
    "decision_cost",
    "local_law_144",
]


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
    assert caught.value.sentence.endswith("needs a binary one, whose label and prediction have two values.")


@pytest.mark.parametrize("key", TWO_VALUED)
def test_two_values_make_no_binary_table_of_what_is_declared_otherwise(measured, table, key):
    rows = [f"{row},{row % 2},{row % 2},{row % 3}" for row in range(60)]
    two = table("id,y_true,y_pred,g", rows, label="y_true", prediction="y_pred", groups=["g"], kind="multiclass")
    with pytest.raises(CheckInputError, match="is declared as a multiclass table"):
        measured(checks.find(key), two, **POLICY.get(key, {}))
