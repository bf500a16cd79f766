"""Slices that a policy names beforehand: their rows, their thresholds, and what is no slice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.checks._slices import searched_accuracies, turning_of_worst
from approvals.checks.base import CheckInputError, ParameterError, build
from approvals.checks.slice_performance import SlicePerformance
from approvals.measures.slices import worst_slices

ROWS = [f"{row % 2},{(row + (row % 10 == 0)) % 2},{'mf'[row % 2]},{20 + row % 50},{row % 3}" for row in range(500)]
DECLARED = {"label": "y", "prediction": "p", "groups": ["sex"], "features": ["age"]}
SLICES = {
    "women": {"sex": "f"},
    "young": {"age": {"below": 30}},
    "women of 30 to 39": {"sex": ["f"], "age": {"at_least": 30, "at_most": 39}},
    "nobody": {"age": {"above": 400}},
    "kind 1": {"kind": 1},
}


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


@pytest.fixture
def people(table):
    return table("y,p,sex,age,kind", [*ROWS, ",1,f,25,1"], **DECLARED)


def test_named_slices_hold_the_rows_that_they_describe(measured, people):
    found = by_name(measured(SlicePerformance, people, slices=SLICES))
    rows = [line.split(",") for line in ROWS]
    expected = {
        "women": [row for row in rows if row[2] == "f"],
        "young": [row for row in rows if int(row[3]) < 30],
        "women of 30 to 39": [row for row in rows if row[2] == "f" and 30 <= int(row[3]) <= 39],
        "kind 1": [row for row in rows if row[4] == "1"],
    }
    for name, kept in expected.items():
        measure = found[f"accuracy of the slice “{name}”"]
        assert (measure.count("k"), measure.n) == (sum(row[0] == row[1] for row in kept), len(kept))
    nobody = found["accuracy of the slice “nobody”"]
    assert nobody.reason == "Not computable: the slice has 0 rows, and at least 50 are needed."


def test_a_named_slice_has_the_common_threshold_or_one_of_its_own(measured, judged, people):
    asked = {name: SLICES[name] for name in ("women", "young")}
    reading = measured(SlicePerformance, people, slices=asked)
    allowed = {"max_left_out_share": 0.1}
    by_hand = by_name(reading)["accuracy of the slice “young”"].value
    assert by_hand == pytest.approx(0.9, abs=0.1)
    assert judged(SlicePerformance, reading, min_named_slice_accuracy=0.5, **allowed).verdict == "passed"
    own = {"young": {"min_accuracy": 0.99}}
    judgement = judged(SlicePerformance, reading, min_named_slice_accuracy=0.5, by_slice=own, **allowed)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Accuracy of the slice “young”")
    assert reading.tables[0].title == "Slices that the policy names"


@pytest.mark.parametrize(
    "limits",
    [{"min_named_slice_accuracy": 0.1}, {"by_slice": {"elsewhere": {"min_accuracy": 0.1}}}, {"max_named_slice_mae": 9}],
)
def test_a_threshold_without_its_slice_is_no_pass(measured, judged, people, limits):
    slices = {"women": SLICES["women"]} if "max_named_slice_mae" in limits else {}
    reading = measured(SlicePerformance, people, slices=slices)
    assert judged(SlicePerformance, reading, max_left_out_share=0.1, **limits).verdict == "not_computable"


def test_a_named_slice_that_is_too_small_is_no_pass(measured, judged, people):
    reading = measured(SlicePerformance, people, slices={"nobody": SLICES["nobody"], "women": SLICES["women"]})
    judgement = judged(SlicePerformance, reading, min_named_slice_accuracy=0.0, max_left_out_share=0.1)
    assert judgement.verdict == "not_computable"


def test_named_slices_of_numbers_have_an_error(measured, judged, table):
    rows = [f"{row},{row + (4 if row % 2 else 1)},{'mf'[row % 2]}" for row in range(200)]
    numbers = table("y,p,sex", rows, label="y", prediction="p", groups=["sex"], kind="regression")
    reading = measured(SlicePerformance, numbers, slices={"women": {"sex": "f"}})
    assert by_name(reading)["mean absolute error of the slice “women”"].value == 4
    assert judged(SlicePerformance, reading, max_named_slice_mae=4).verdict == "passed"
    assert judged(SlicePerformance, reading, by_slice={"women": {"max_mae": 3}}).verdict == "failed"
    assert judged(SlicePerformance, reading, min_named_slice_accuracy=0.5).verdict == "not_computable"


@pytest.mark.parametrize(
    ("slices", "words"),
    [
        ({"women": "f"}, "needs columns with their values"),
        ({"women": {}}, "needs columns with their values"),
        ({"young": {"age": {"under": 30}}}, "a value, a list of values, or ends by at_least"),
        ({"young": {"age": {"below": "30"}}}, "a value, a list of values, or ends by at_least"),
        ({"young": {"age": {}}}, "a value, a list of values, or ends by at_least"),
        ({"young": {"age": []}}, "a value, a list of values, or ends by at_least"),
    ],
)
def test_what_describes_no_rows_is_refused_where_it_is_written(slices, words):
    with pytest.raises(ParameterError, match=words):
        build(SlicePerformance.Parameters, {"slices": slices}, owner="a policy")


@pytest.mark.parametrize("limits", [{"women": 0.8}, {"women": {}}, {"women": {"min": 1}}, {"women": {"max_mae": "1"}}])
def test_limits_of_a_slice_have_a_name_and_a_number(limits):
    with pytest.raises(ParameterError, match="must be min_accuracy or max_mae with a number"):
        build(SlicePerformance.Thresholds, {"by_slice": limits}, owner="a policy")


def test_columns_of_a_slice_must_be_there(measured, people):
    with pytest.raises(CheckInputError, match="no column “nowhere”"):
        measured(SlicePerformance, people, slices={"x": {"nowhere": 1}})
    with pytest.raises(CheckInputError, match="must hold numbers"):
        measured(SlicePerformance, people, slices={"x": {"sex": {"below": 1}}})


def test_what_would_turn_the_worst_slice_says_how_many_slices_are_below(measured, judged, people):
    reading = measured(SlicePerformance, people)
    passed = judged(SlicePerformance, reading, min_slice_accuracy=0.1, max_left_out_share=0.1)
    assert "more wrong predictions among the" in " ".join(passed.turns)
    failed = judged(SlicePerformance, reading, min_slice_accuracy=0.99, max_left_out_share=0.1)
    assert "slices that are below it" in " ".join(failed.turns)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9]))
def test_predictions_that_are_said_to_turn_the_worst_slice_turn_it(seed, limit):
    drawn = np.random.default_rng(seed)
    columns = {name: (drawn.integers(0, 3, 240), ("u", "v", "w")) for name in ("a", "b")}
    correct = drawn.random(240) < drawn.uniform(0.5, 0.95)

    def worst(right):
        found = worst_slices(columns, right, min_rows=10)
        return searched_accuracies(found, right, significance=0.05, min_rows=10), found.slices[0]

    searched, slice_ = worst(correct)
    measure = searched.measures[0]
    words = turning_of_worst(measure, limit, searched.lowest)
    if "would have to come" in words or not words:
        return
    size = int(words.split(" ")[0].replace(",", ""))
    inside = np.logical_and.reduce([columns[name][0] == columns[name][1].index(value) for name, value in slice_.values])
    is_wrong = "wrong" in words
    changed = correct.copy()
    changed[np.flatnonzero(inside & (correct == is_wrong))[:size]] = not is_wrong
    again = worst(changed)[0].measures[0]
    assert (measure.value >= limit) == is_wrong
    assert (again.value >= limit) != is_wrong


def test_the_table_may_declare_slices_too(measured, judged, table):
    declared = DECLARED | {"slices": {"kind 1": {"kind": 1}, "women": {"sex": "f"}, "nobody": {"age": {"above": 400}}}}
    people = table("y,p,sex,age,kind", ROWS, **declared)
    reading = measured(SlicePerformance, people, slices={"women": {"sex": "f"}})
    found = by_name(reading)
    rows = [line.split(",") for line in ROWS if line.endswith(",1")]
    assert found["accuracy of the slice “kind 1”"].count("k") == sum(row[0] == row[1] for row in rows)
    assert reading.looked_at[:2] == ("Slices that the policy names: 1.", "Slices that the table declares: 2.")
    assert [row[-1] for row in reading.tables[0].rows] == ["the policy", "the table", "the table"]
    judgement = judged(SlicePerformance, reading, min_named_slice_accuracy=0.1)
    assert judgement.verdict == "not_computable"
    assert "the slice has 0 rows, and at least 50 are needed." in " ".join(judgement.sentences)


def test_the_table_means_no_other_rows_by_a_name_of_the_policy(measured, table):
    people = table("y,p,sex,age,kind", ROWS, **DECLARED, slices={"women": {"sex": ["f", "m"]}})
    with pytest.raises(CheckInputError, match="declares the slice “women” with other rows than the policy"):
        measured(SlicePerformance, people, slices={"women": {"sex": "f"}})
    same = measured(SlicePerformance, people, slices={"women": {"sex": ["f", "m"]}})
    assert same.details["named"] == ["women"]


def test_a_declaration_that_describes_no_rows_is_no_input(measured, table):
    with pytest.raises(CheckInputError, match="The slice “women” needs columns"):
        measured(SlicePerformance, table("y,p,sex,age,kind", ROWS, **DECLARED, slices={"women": "f"}))
