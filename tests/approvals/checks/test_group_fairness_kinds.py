"""Groups of people where one of several classes, or a number, is predicted."""

import dataclasses
import json
import math

import numpy as np
import pytest

from approvals.checks._readings import reading_as_json, reading_from_json
from approvals.checks.base import CheckInputError
from approvals.checks.group_fairness import DISPARITIES, GroupFairness
from tests.approvals.checks.conftest import REFERENCE

OF_NUMBERS = [
    "max_mae_difference_between_groups",
    "max_mean_prediction_difference",
    "max_mae_difference_in_deviations",
    "max_mean_prediction_difference_in_deviations",
]
OTHERS = {"attributes", "max_left_out_share", "max_unknown_share", "max_small_share"}


def cells(*groups):
    """Lines g,y,p from (group, label, prediction, how often)."""
    return [f"{group},{label},{called}" for group, label, called, often in groups for _ in range(often)]


HIRING = cells(
    ("a", "senior", "senior", 30),
    ("a", "senior", "junior", 10),
    ("a", "junior", "senior", 10),
    ("a", "junior", "refused", 30),
    ("b", "senior", "senior", 15),
    ("b", "senior", "refused", 25),
    ("b", "refused", "junior", 20),
    ("b", "refused", "senior", 20),
)


@pytest.fixture
def hiring(table):
    """Which position people got; senior is the favourable one."""

    def attach(lines=HIRING, **changes):
        declared = {"label": "y", "prediction": "p", "groups": ["g"], "kind": "multiclass"}
        return table("g,y,p", lines, **(declared | changes))

    return attach


@pytest.fixture
def wages(table):
    """Predicted wages that are 10 too high for one group and 2 too low for the other."""

    def attach(lines=None, **changes):
        rows = lines or [f"{'ab'[row % 2]},{row},{row + (10 if row % 2 else -2)}" for row in range(100)]
        declared = {"label": "y", "prediction": "p", "groups": ["g"], "kind": "regression"}
        return table("g,y,p", rows, **(declared | changes))

    return attach


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "the policy must name the favourable one as “favourable_class”"),
        ({"favourable": 1}, "the policy must name the favourable one as “favourable_class”"),
        ({"favourable": 1, "favourable_class": "senior"}, "and nothing as “favourable”"),
        ({"favourable_class": "Senior"}, "never have the class “Senior”; their classes are junior, refused, senior"),
        ({"favourable_class": "senior", "attributes": [["race"]]}, "race"),
    ],
)
def test_the_policy_names_the_favourable_class(measured, hiring, asked, words):
    with pytest.raises(CheckInputError, match=words) as caught:
        measured(GroupFairness, hiring(), **asked)
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize("asked", [{"favourable": 1}, {"favourable_class": "senior"}])
def test_no_number_is_favourable(measured, wages, asked):
    with pytest.raises(CheckInputError, match="is declared as a table of numbers, which has none"):
        measured(GroupFairness, wages(), **asked)


def test_a_favourable_class_of_a_binary_table_is_refused(measured, german):
    with pytest.raises(CheckInputError, match="declared as a binary table, whose favourable prediction is 0 or 1"):
        measured(GroupFairness, german(), favourable_class="good")


def test_columns_that_are_no_numbers_are_refused(measured, wages):
    with pytest.raises(CheckInputError, match="must hold numbers"):
        measured(GroupFairness, wages(HIRING))


def test_a_class_that_is_written_in_two_ways_is_refused(measured, hiring):
    lines = cells(("a", "1", "true", 40), ("b", "2", "2", 40), ("b", "3", "3", 2))
    with pytest.raises(CheckInputError, match="are not coded alike"):
        measured(GroupFairness, hiring(lines), favourable_class="2")


def test_every_threshold_belongs_to_a_kind():
    names = {item.name for item in dataclasses.fields(GroupFairness.Thresholds)}
    assert names == {*DISPARITIES, *OF_NUMBERS, *OTHERS}


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_threshold_on_numbers_is_never_met_by_classes(measured, judged, german, hiring, name):
    for kind, reading in {
        "binary": measured(GroupFairness, german(), draws=0),
        "multiclass": measured(GroupFairness, hiring(), favourable_class="senior", draws=0),
    }.items():
        judgement = judged(GroupFairness, reading, **{name: 1e9}, min_selection_ratio=0.0)
        assert judgement.verdict == "not_computable"
        assert judgement.sentences[0].endswith(f"is not computable: no {kind} table has it.")


@pytest.mark.parametrize("name", DISPARITIES)
def test_a_threshold_on_classes_is_never_met_by_numbers(measured, judged, wages, name):
    reading = measured(GroupFairness, wages())
    limit = 0.0 if name.startswith("min_") else 1e9
    judgement = judged(GroupFairness, reading, **{name: limit}, max_mae_difference_between_groups=100)
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0].endswith("is not computable: no regression table has it.")


def test_the_favourable_class_stands_against_the_rest(measured, judged, hiring):
    reading = measured(GroupFairness, hiring(), favourable_class="senior")
    found = {measure.name: measure.value for measure in reading.measures}
    assert found["selection rate ratio by g"] == pytest.approx((35 / 80) / (40 / 80), abs=1e-12)
    assert found["equal opportunity difference by g"] == pytest.approx(30 / 40 - 15 / 40, abs=1e-12)
    assert found["equalized odds difference by g"] == pytest.approx(max(30 / 40 - 15 / 40, 20 / 40 - 10 / 40))
    assert found["accuracy difference by g"] == pytest.approx((30 + 30) / 80 - (15 + 20) / 80, abs=1e-12)
    assert "“p” = senior" in reading.looked_at[1]
    assert any("other classes" in sentence for sentence in reading.not_looked_at)
    assert judged(GroupFairness, reading, min_selection_ratio=0.875).verdict == "passed"
    assert judged(GroupFairness, reading, min_selection_ratio=0.88).verdict == "failed"


def test_two_classes_by_name_are_the_same_as_ones_and_zeros(measured, hiring, piece):
    lines = cells(("a", 1, 1, 50), ("a", 0, 1, 9), ("a", 1, 0, 8), ("b", 1, 1, 40), ("b", 0, 0, 33))
    named = [line.replace("1", "yes").replace("0", "no") for line in lines]
    several = measured(GroupFairness, hiring(named), favourable_class="yes")
    two = piece(
        "evaluation_table", "\n".join(["g,y,p", *lines]), details={"label": "y", "prediction": "p", "groups": ["g"]}
    )
    assert several.measures == measured(GroupFairness, two).measures


def test_classes_that_are_numbers_are_named_as_people_write_them(measured, table):
    lines = [f"{'ab'[row % 2]},{row % 3}.0,{row % 3}.0" for row in range(120)]
    wine = table("g,y,p", lines, label="y", prediction="p", groups=["g"], kind="multiclass")
    reading = measured(GroupFairness, wine, favourable_class="2")
    assert {row[0]: row[2] for row in reading.tables[0].rows} == {"a": 20, "b": 20}


def test_intersections_of_classes_are_compared(measured, table):
    lines = [f"{'ab'[row % 2]},{'uv'[row // 2 % 2]},{row % 3},{row % 3}" for row in range(240)]
    both = table("g,h,y,p", lines, label="y", prediction="p", groups=["g", "h"], kind="multiclass")
    reading = measured(GroupFairness, both, favourable_class="0")
    assert reading.details["attributes"] == [["g"], ["h"], ["g", "h"]]
    assert len(next(shown for shown in reading.tables if shown.title == "Groups by g and h").rows) == 4


def test_the_numbers_of_a_regression_are_those_of_the_reference(measured, diabetes):
    wanted = json.loads((REFERENCE / "p04_diabetes_regression.expected.json").read_text())["expected"]
    reading = measured(GroupFairness, diabetes())
    found = {measure.name: measure.value for measure in reading.measures}
    gaps = wanted["group_difference"]
    assert found["mean absolute error difference by sex"] == pytest.approx(gaps["mae_difference"], abs=1e-9)
    assert found["mean prediction difference by sex"] == pytest.approx(gaps["mean_prediction_difference"], abs=1e-9)
    labels = np.loadtxt(REFERENCE / "p04_diabetes_regression.csv", delimiter=",", skiprows=1, usecols=4)
    assert found["standard deviation of the label"] == pytest.approx(labels.std(), abs=1e-9)
    relative = found["mean absolute error difference in standard deviations by sex"]
    assert relative == pytest.approx(gaps["mae_difference"] / labels.std(), abs=1e-9)
    groups = {row["group"]: row["numbers"] for row in reading.details["groups"][0]["rows"]}
    for sex, numbers in wanted["by_sex"].items():
        mae, rmse, r2, _, mean_error = (measure["value"] for measure in groups[sex])
        assert (mae, rmse) == pytest.approx((numbers["mae"], numbers["rmse"]), abs=1e-9)
        assert (r2, mean_error) == pytest.approx((numbers["r2"], numbers["mean_error"]), abs=1e-9)


def test_gaps_of_numbers_are_judged_in_the_unit_and_in_deviations(measured, judged, wages):
    reading = reading_from_json(reading_as_json(measured(GroupFairness, wages())))
    deviation = math.sqrt((100**2 - 1) / 12)
    assert judged(GroupFairness, reading, max_mae_difference_between_groups=8).verdict == "passed"
    judgement = judged(GroupFairness, reading, max_mae_difference_between_groups=7.9)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Mean absolute error difference by g 8.000 (")
    assert [measure.name for measure in judgement.failed_measures] == ["mean absolute error difference by g"]
    assert judged(GroupFairness, reading, max_mean_prediction_difference=12.9).verdict == "failed"
    least = 13 / deviation
    for limit, verdict in {least + 1e-9: "passed", least - 1e-9: "failed"}.items():
        asked = {"max_mean_prediction_difference_in_deviations": limit}
        assert judged(GroupFairness, reading, **asked).verdict == verdict


def test_small_and_unknown_groups_of_numbers_are_shown_and_decide_nothing(measured, judged, wages):
    lines = [f"{'ab'[row % 2]},{row},{row + 1 + row % 2}" for row in range(200)]
    lines += ["tiny,5,500"] * 5 + [",7,900"] * 10
    reading = measured(GroupFairness, wages(lines))
    judgement = judged(GroupFairness, reading, max_mae_difference_between_groups=1)
    assert judgement.verdict == "passed"
    assert judgement.sentences[-1] == "1 of 3 groups by g have fewer than 30 rows and decide nothing: tiny (n 5)."
    remarks = {row[0]: row[-1] for row in reading.tables[0].rows}
    assert remarks == {"tiny": "small sample", "b": "", "a": "", "Unknown": "unknown group"}
    lines += [",7,900"] * 10
    judgement = judged(GroupFairness, measured(GroupFairness, wages(lines)), max_mae_difference_between_groups=1)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Share of rows of unknown g 0.089 (n 225) is above the threshold 0.05")


def test_rows_of_numbers_that_are_left_blank_fail(measured, judged, wages):
    lines = [f"{'ab'[row % 2]},{row},{'' if row < 4 else row + 1}" for row in range(200)]
    judgement = judged(GroupFairness, measured(GroupFairness, wages(lines)), max_mae_difference_between_groups=1)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Share of rows left out 0.020 (n 200)")


def test_one_group_of_numbers_alone_is_never_fair(measured, judged, wages):
    reading = measured(GroupFairness, wages([f"a,{row},{row + 1}" for row in range(50)]))
    assert judged(GroupFairness, reading, max_mae_difference_between_groups=1e9).verdict == "not_computable"


def test_labels_that_are_all_the_same_make_no_deviation(measured, judged, wages):
    reading = measured(GroupFairness, wages([f"{'ab'[row % 2]},5,{row}" for row in range(100)]))
    judgement = judged(GroupFairness, reading, max_mae_difference_in_deviations=1e9)
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0].endswith("is not computable: every label is the same.")


def test_every_comparison_of_numbers_has_a_table_and_a_chart(measured, wages):
    reading = measured(GroupFairness, wages())
    assert [chart.title for chart in reading.charts] == ["Mean absolute error by g"]
    assert [row[0] for row in reading.tables[0].rows] == ["b", "a"]
    assert reading.details["kind"] == "regression"
