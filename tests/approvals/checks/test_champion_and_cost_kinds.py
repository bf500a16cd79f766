"""The model in use and the cost of decisions where several classes or numbers are predicted: measured and judged."""

import numpy as np
import pytest

from approvals.checks.base import CheckInputError, ParameterError, build
from approvals.checks.champion_comparison import ChampionComparison
from approvals.checks.decision_cost import DecisionCost

CHAMPION = {"champion_prediction": "old"}
COSTS = {"bad": {"fair": 2, "good": 10}, "fair": {"bad": 3, "good": 1}, "good": {"bad": 4, "fair": 1}}


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


@pytest.fixture
def classes(table):
    drawn = np.random.default_rng(6)
    names = np.array(["bad", "fair", "good"])
    label = drawn.integers(0, 3, 600)
    ours = np.where(drawn.random(600) < 0.85, label, drawn.integers(0, 3, 600))
    old = np.where(drawn.random(600) < 0.6, label, drawn.integers(0, 3, 600))
    rows = [f"{names[a]},{names[b]},{names[c]}" for a, b, c in zip(label, ours, old, strict=True)]
    return table("y,p,old", [*rows, "bad,bad,"], label="y", prediction="p", kind="multiclass")


@pytest.fixture
def numbers(table):
    drawn = np.random.default_rng(6)
    label = drawn.normal(100, 20, 500)
    ours, old = label + drawn.normal(0, 3, 500), label + drawn.normal(0, 6, 500)
    rows = [f"{a},{b},{c}" for a, b, c in zip(label.tolist(), ours.tolist(), old.tolist(), strict=True)]
    return table("y,p,old", [*rows, "1,1,"], label="y", prediction="p", kind="regression")


def test_a_better_model_of_classes_passes_by_the_lower_end(measured, judged, classes):
    reading = measured(ChampionComparison, classes, **CHAMPION)
    found = by_name(reading)
    assert found["p that accuracy is the same (McNemar)"].value < 1e-6
    low = found["lower end of the interval of F1 score, mean over classes, minus the champion's"]
    assert 0 < low.value < found["F1 score, mean over classes, minus the champion's"].value
    allowed = {"max_left_out_share": 0.01}
    limits = {"min_accuracy_difference_low": 0.0, "min_f1_macro_difference_low": 0.0}
    assert judged(ChampionComparison, reading, **limits, **allowed).verdict == "passed"
    assert judged(ChampionComparison, reading, **limits).verdict == "failed"
    assert judged(ChampionComparison, reading, min_f1_macro_difference=0.9, **allowed).verdict == "failed"
    for other in ({"min_roc_auc_difference": -1.0}, {"max_mae_difference": 9.0}, {"max_brier_difference": 1.0}):
        assert judged(ChampionComparison, reading, **other, **allowed).verdict == "not_computable"


def test_a_better_model_of_numbers_passes_by_the_upper_end(measured, judged, numbers):
    reading = measured(ChampionComparison, numbers, **CHAMPION)
    found = by_name(reading)
    assert found["mean absolute error minus the champion's"].high < 0
    assert found["share of rows left out"].value == pytest.approx(1 / 501)
    allowed = {"max_left_out_share": 0.01}
    limits = {"max_mae_difference_high": 0.0, "max_rmse_difference_high": 0.0, "max_mae_ratio_high": 0.7}
    assert judged(ChampionComparison, reading, **limits, **allowed).verdict == "passed"
    assert judged(ChampionComparison, reading, max_mae_ratio=0.3, **allowed).verdict == "failed"
    assert judged(ChampionComparison, reading, min_accuracy_difference=-1.0, **allowed).verdict == "not_computable"


@pytest.mark.parametrize(
    ("kind", "limit"), [("regression", "max_mae_difference_high"), ("multiclass", "min_f1_macro_difference_low")]
)
def test_two_rows_prove_nothing(measured, judged, table, kind, limit):
    lines = ["1,1,2", "2,2,4", "1,1,2"]
    reading = measured(ChampionComparison, table("y,p,old", lines, label="y", prediction="p", kind=kind), **CHAMPION)
    judgement = judged(ChampionComparison, reading, **{limit: 0.0})
    assert judgement.verdict == "not_computable"
    assert "needs at least 10 rows" in judgement.sentences[0]
    assert judgement.turns[0].endswith("It would be with more rows.")


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_a_champion_that_is_not_there_is_named(measured, classes, numbers, kind):
    attached = {"classes": classes, "numbers": numbers}[kind]
    with pytest.raises(CheckInputError, match="names no column"):
        measured(ChampionComparison, attached)
    with pytest.raises(CheckInputError, match="no column “nowhere”"):
        measured(ChampionComparison, attached, champion_prediction="nowhere")


def test_a_champion_that_writes_a_class_otherwise_is_named(measured, table):
    several = table("y,p,old", ["1,1,true", "2,2,2", "3,3,3"], label="y", prediction="p", kind="multiclass")
    with pytest.raises(CheckInputError, match="not coded alike"):
        measured(ChampionComparison, several, **CHAMPION)


def test_decisions_about_classes_cost_what_the_policy_declares(measured, judged, classes):
    reading = measured(DecisionCost, classes, class_costs=COSTS)
    found = by_name(reading)
    cost = found["cost per row of the submitted decisions"]
    assert 0 < cost.low < cost.value < cost.high < 1
    assert found["cost per row above that of the cheapest decision if everybody got the same"].value < 0
    assert reading.tables[0].rows[0][:2] == ("bad", "good")
    assert judged(DecisionCost, reading, max_mean_cost=1.0, max_excess_over_constant=0.0).verdict == "passed"
    assert judged(DecisionCost, reading, max_mean_cost=0.01).verdict == "failed"
    assert judged(DecisionCost, reading, max_excess_cost=9.0).verdict == "not_computable"


def test_a_decision_whose_cost_is_not_declared_is_no_pass(measured, judged, classes):
    reading = measured(DecisionCost, classes, class_costs={"bad": {"fair": 2}})
    judgement = judged(DecisionCost, reading, max_mean_cost=1e9)
    assert judgement.verdict == "not_computable"
    assert "does not say what the decision" in judgement.sentences[0]
    with pytest.raises(ParameterError, match="must say as class_costs"):
        measured(DecisionCost, classes)


@pytest.mark.parametrize("costs", [{"bad": 5}, {"bad": {}}, {"bad": {"good": "much"}}, {"bad": {"good": True}}])
def test_costs_that_are_no_numbers_are_refused_where_they_are_written(costs):
    with pytest.raises(ParameterError, match="“bad”"):
        build(DecisionCost.Parameters, {"class_costs": costs}, owner="a policy")


def test_numbers_are_no_decisions_that_cost(measured, numbers):
    with pytest.raises(CheckInputError, match="needs a binary or multiclass one"):
        measured(DecisionCost, numbers, class_costs=COSTS)
