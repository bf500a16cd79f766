"""The model in use, slices of the data and windows of time: what is measured, judged, and refused."""

import csv

import numpy as np
import pytest
from sklearn.metrics import f1_score

from approvals.checks.base import CheckInputError, ParameterError
from approvals.checks.champion_comparison import ChampionComparison
from approvals.checks.decision_cost import DecisionCost
from approvals.checks.local_law_144 import LocalLaw144
from approvals.checks.slice_performance import SlicePerformance
from approvals.checks.stability_over_time import StabilityOverTime
from tests.approvals.checks.conftest import REFERENCE

DECLARED = {"label": "y", "prediction": "p", "score": "s", "groups": ["region"], "features": ["age"]}
ROWS = 1200
CHAMPION = {"champion_prediction": "old_p", "champion_score": "old_s"}
WINDOWS = {"time": "when", "windows": 4}


@pytest.fixture
def evaluation(piece):
    """Rows in order of time; accuracy falls for old people in the south, and in the last quarter if asked."""

    def attach(*, late=0.0, blank=0, **details):
        drawn = np.random.default_rng(7)
        lines = ["when,region,age,y,p,s,old_p,old_s"]
        for place in range(ROWS):
            region, age = drawn.choice(["north", "south"]), int(drawn.integers(18, 80))
            actual = int(drawn.random() < 0.5)
            harder = 0.35 * (region == "south" and age > 62) + late * (place >= 3 * ROWS // 4)
            score = float(np.clip(drawn.normal(0.5 + (0.3 - 0.6 * harder) * (2 * actual - 1), 0.15), 0, 1))
            old = float(np.clip(drawn.normal(0.5 + 0.15 * (2 * actual - 1), 0.2), 0, 1))
            day = f"2026-{1 + place // 100:02}-{1 + place % 28:02}"
            decided = "" if place < blank else int(score > 0.5)
            lines.append(f"{day},{region},{age},{actual},{decided},{score:.4f},{int(old > 0.5)},{old:.4f}")
        return piece("evaluation_table", "\n".join(lines) + "\n", details=DECLARED | details)

    return attach


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


class TestChampion:
    def test_a_better_model_passes_by_the_lower_end_of_the_interval(self, measured, judged, evaluation):
        attached = evaluation()
        reading = measured(ChampionComparison, attached, **CHAMPION)
        found = by_name(reading)
        accuracy = found["accuracy minus the champion's"]
        assert 0 < accuracy.low < accuracy.value
        assert found["lower end of the interval of accuracy minus the champion's"].value == accuracy.low
        assert found["p that ROC AUC is the same (DeLong)"].value < 1e-6
        assert found["Brier score minus the champion's"].value < 0
        f1 = found["F1 score, mean over classes, minus the champion's"]
        table = list(csv.DictReader(attached.path.read_text().splitlines()))
        label, ours, old = ([int(row[name]) for row in table] for name in ("y", "p", "old_p"))
        expected = f1_score(label, ours, average="macro") - f1_score(label, old, average="macro")
        assert f1.value == pytest.approx(expected, abs=1e-12)
        assert 0 < f1.low < f1.value < f1.high
        asked = {"min_accuracy_difference_low": 0.0, "min_roc_auc_difference_low": 0.0, "max_brier_difference": 0.0}
        assert judged(ChampionComparison, reading, **asked).verdict == "passed"
        assert judged(ChampionComparison, reading, min_accuracy_difference=0.5).verdict == "failed"

    def test_rows_that_only_one_of_the_models_has_right_are_shown_and_counted_on(self, measured, judged, table):
        lines = [*["1,1,1"] * 50, *["1,1,0"] * 9, *["1,0,1"] * 5, *["0,1,1"] * 36]
        piece = table("y,p,c", lines, label="y", prediction="p")
        reading = measured(ChampionComparison, piece, champion_prediction="c")
        counted = next(shown for shown in reading.tables if shown.title == "Right and wrong, row by row")
        assert [rows for _, rows in counted.rows] == [50, 9, 5, 36]
        for limit, verdict, words in (
            (0.04, "passed", "met exactly at the threshold; 1 more wrong prediction would fail it"),
            (0.02, "passed", "met with a margin of 0.020; 3 more wrong predictions would fail it"),
            (0.0601, "failed", "missed by 0.020; 3 more right predictions would meet it"),
            (0.5, "failed", "missed by 0.460."),
        ):
            judgement = judged(ChampionComparison, reading, min_accuracy_difference=limit)
            assert judgement.verdict == verdict
            assert any(words in line for line in judgement.turns), (words, judgement.turns)

    def test_the_model_in_use_against_its_own_words_is_no_better(self, measured, judged, table):
        lines = [*["1,1,0.9,1,0.9"] * 6, *["0,0,0.2,0,0.2"] * 6, "0,1,0.95,1,0.95"]
        piece = table("y,p,s,c,d", lines, label="y", prediction="p", score="s")
        reading = measured(ChampionComparison, piece, champion_prediction="c", champion_score="d")
        assert by_name(reading)["accuracy minus the champion's"].value == 0.0
        judgement = judged(ChampionComparison, reading, min_roc_auc_difference_low=0.0)
        assert judgement.verdict == "not_computable"
        assert "no interval" in judgement.sentences[0]

    def test_without_its_score_only_decisions_are_compared(self, measured, judged, evaluation):
        reading = measured(ChampionComparison, evaluation(), champion_prediction="old_p")
        assert judged(ChampionComparison, reading, min_accuracy_difference=0.0).verdict == "passed"
        assert judged(ChampionComparison, reading, min_roc_auc_difference=0.0).verdict == "not_computable"

    def test_rows_left_out_fail(self, measured, judged, evaluation):
        reading = measured(ChampionComparison, evaluation(blank=12), **CHAMPION)
        assert judged(ChampionComparison, reading, min_accuracy_difference=0.0).verdict == "failed"

    @pytest.mark.parametrize(
        ("asked", "why"), [({}, "names no column"), ({"champion_prediction": "nowhere"}, "no column “nowhere”")]
    )
    def test_a_champion_that_is_not_there_is_named(self, measured, evaluation, asked, why):
        with pytest.raises(CheckInputError, match=why):
            measured(ChampionComparison, evaluation(), **asked)


class TestSlices:
    def test_the_weak_slice_is_found_named_and_fails(self, measured, judged, evaluation):
        reading = measured(SlicePerformance, evaluation())
        judgement = judged(SlicePerformance, reading, max_worse_slices=0)
        assert judgement.verdict == "failed"
        assert "region south" in judgement.sentences[-1]
        assert by_name(reading)["accuracy of the worst slice"].method.startswith("region south and age above 6")
        assert reading.tables[0].rows[0][0].startswith("region south and age above 6")
        assert judged(SlicePerformance, reading, min_slice_accuracy=0.05).verdict == "passed"
        assert judged(SlicePerformance, reading, max_accuracy_gap=0.02).verdict == "failed"

    @pytest.mark.parametrize(("column", "blank"), [("region", ""), ("age", ""), ("age", "inf")])
    def test_rows_are_not_hidden_from_the_search_by_taking_their_value_away(
        self, measured, judged, table, column, blank
    ):
        drawn = np.random.default_rng(8)
        lines = []
        for place in range(600):
            row = {"region": drawn.choice(["north", "south"]), "age": str(1_760_000_000 + drawn.integers(0, 9000))}
            wrong = place < 80
            lines.append(",".join([*(row | ({column: blank} if wrong else {})).values(), "1", "0" if wrong else "1"]))
        piece = table("region,age,y,p", [*lines, "north,1,0,0"], label="y", prediction="p", features=["region", "age"])
        reading = measured(SlicePerformance, piece)
        assert by_name(reading)["accuracy of the worst slice"].value < 0.7
        assert judged(SlicePerformance, reading, max_worse_slices=0).verdict == "failed"
        names = [row[0] for row in reading.tables[0].rows]
        assert len(set(names)) == len(names)
        assert (f"{column} without a value" in names[0]) is (not blank)

    def test_slices_that_are_too_small_leave_the_question_open(self, measured, judged, evaluation):
        reading = measured(SlicePerformance, evaluation(), min_rows=5000)
        judgement = judged(SlicePerformance, reading, min_slice_accuracy=0.1)
        assert (judgement.verdict, "no slice has 5,000 rows" in judgement.sentences[0]) == ("not_computable", True)

    @pytest.mark.parametrize(
        ("details", "asked", "why"),
        [
            ({"groups": [], "features": []}, {}, "nothing to cut slices by"),
            ({}, {"columns": ["nowhere"]}, "no column “nowhere”"),
            ({}, {"columns": ["when", "s", "old_s"], "quantiles": 900}, "Name fewer columns"),
        ],
    )
    def test_columns_that_make_no_slices_are_named(self, measured, evaluation, details, asked, why):
        with pytest.raises(CheckInputError, match=why):
            measured(SlicePerformance, evaluation(**details), **asked)

    def test_columns_that_were_not_searched_are_said(self, measured, evaluation):
        attached = evaluation()
        said = measured(SlicePerformance, attached, depth=1).not_looked_at
        assert said == (
            "Slices of two or more columns.",
            "Slices by when, old_p, old_s: they are declared neither as features nor as groups.",
        )
        said = measured(SlicePerformance, attached, columns=("region", "when", "old_p", "old_s")).not_looked_at
        assert said[0].endswith(" slices of fewer than 50 rows.")
        assert said[1:] == ("Slices of three or more columns.", "Slices by age: the policy does not name them.")
        everything = ("region", "age", "when", "old_p", "old_s")
        assert len(measured(SlicePerformance, attached, columns=everything).not_looked_at) == 2


class TestStability:
    def test_a_model_that_decays_in_the_last_window_fails(self, measured, judged, evaluation):
        steady = measured(StabilityOverTime, evaluation(), **WINDOWS)
        limits = {"max_accuracy_range": 0.1, "max_roc_auc_range": 0.1, "min_window_accuracy": 0.75}
        assert judged(StabilityOverTime, steady, **limits).verdict == "passed"
        decayed = measured(StabilityOverTime, evaluation(late=0.4), **WINDOWS)
        assert judged(StabilityOverTime, decayed, **limits).verdict == "failed"
        rows = decayed.tables[0].rows
        assert [row[0][:7] for row in rows] == ["2026-01", "2026-04", "2026-07", "2026-10"]
        assert sum(row[1] for row in rows) == ROWS
        assert min(rows, key=lambda row: row[2]) == rows[-1]

    def test_rows_of_one_moment_stay_together_and_one_window_is_none(self, measured, judged, piece):
        lines = ["when,y,p,s", *(f"1,{place % 2},{place % 2},0.5" for place in range(40))]
        table = piece("evaluation_table", "\n".join(lines) + "\n", details={**DECLARED, "groups": [], "features": []})
        judgement = judged(StabilityOverTime, measured(StabilityOverTime, table, **WINDOWS), max_accuracy_range=1.0)
        assert (judgement.verdict, "1 of the 4 windows" in judgement.sentences[0]) == ("not_computable", True)

    def test_fewer_windows_than_the_policy_asks_for_decide_nothing(self, measured, judged, piece):
        moments = [1] * 10 + [2] * 10 + [3] * 20  # two windows would begin at 3
        lines = ["when,y,p,s", *(f"{when},{i % 2},{i % 2},{0.1 * (i % 2)}" for i, when in enumerate(moments))]
        table = piece("evaluation_table", "\n".join(lines) + "\n", details={**DECLARED, "groups": [], "features": []})
        for windows, verdict in ((3, "passed"), (4, "not_computable")):
            reading = measured(StabilityOverTime, table, time="when", windows=windows)
            judgement = judged(StabilityOverTime, reading, min_window_accuracy=0.9, max_accuracy_range=1.0)
            assert judgement.verdict == verdict
        assert "3 of the 4 windows" in judgement.sentences[0]
        assert len(reading.tables[0].rows) == 3

    @pytest.mark.parametrize(
        ("asked", "why"),
        [
            ({}, "must name the time column"),
            ({"time": "when", "windows": 1}, "at least two windows"),
            ({"time": "nowhere"}, "no column “nowhere”"),
            ({"time": "region"}, "no ISO date"),
        ],
    )
    def test_a_time_that_is_none_is_named(self, measured, evaluation, asked, why):
        with pytest.raises(CheckInputError, match=why):
            measured(StabilityOverTime, evaluation(), **asked)


class TestLocalLaw144:
    def test_the_tables_are_those_that_the_rule_prints(self, measured, judged, piece):
        rows = [
            ("f", "x", 1, 40),
            ("f", "x", 0, 60),
            ("m", "x", 1, 50),
            ("m", "y", 0, 47),
            ("m", "y", 1, 1),
            ("", "x", 1, 2),
        ]
        lines = ["sex,race,p,y", *(f"{sex},{race},{p},1" for sex, race, p, n in rows for _ in range(n))]
        details = {"label": "y", "prediction": "p", "groups": ["sex", "race"]}
        reading = measured(LocalLaw144, piece("evaluation_table", "\n".join(lines) + "\n", details=details))
        by_sex, _, both = reading.tables
        assert by_sex.columns == ("Category", "# of Applicants", "# Selected", "Selection Rate", "Impact Ratio")
        assert by_sex.rows == (("m", 98, 51, "52.0%", "1.000"), ("f", 100, 40, "40.0%", "0.769"))
        assert by_sex.note == (
            "The AEDT was also used to assess 2 individuals with an unknown sex category. "
            "Data on those individuals was not included in the calculations above."
        )
        assert "2 individuals with an unknown sex or race category." in both.note
        assert both.columns[:3] == ("Sex", "Race", "# of Applicants")
        assert (by_sex.title, both.title) == ("Sex Categories", "Intersectional Categories (sex and race)")
        assert [row[:2] for row in both.rows] == [("m", "x"), ("m", "y"), ("f", "x"), ("f", "y")]
        assert both.rows[3][4] == "the category has no rows."
        assert judged(LocalLaw144, reading, min_impact_ratio=0.8).verdict == "failed"
        assert judged(LocalLaw144, reading, min_impact_ratio=0.01).verdict == "passed"
        assert judged(LocalLaw144, reading).verdict == "not_computable"
        assert judged(LocalLaw144, reading, min_impact_ratio=0.01, max_unknown_share=0.001).verdict == "failed"

    def test_a_high_score_of_the_other_outcome_is_no_good_one(self, measured, evaluation):
        """Where 0 is favourable, people whose score is above the median are those who do not get it."""
        assert measured(LocalLaw144, evaluation(), basis="scoring").measures[0].computable
        with pytest.raises(CheckInputError, match="declares 0 as the favourable prediction"):
            measured(LocalLaw144, evaluation(favourable=0), basis="scoring")
        assert measured(LocalLaw144, evaluation(favourable=0)).measures[0].computable

    def test_the_example_of_the_rule_comes_out_in_its_order_under_its_headings(self, measured, piece):
        details = {"label": "y", "prediction": "selected", "groups": ["sex", "race_ethnicity"]}
        first, *people = (REFERENCE / "p06_dcwp_selection_rows.csv").read_text("utf-8").splitlines()
        rows = "\n".join([f"{first},y", *(f"{person},1" for person in people)]) + "\n"
        by_sex, by_race, both = measured(LocalLaw144, piece("evaluation_table", rows, details=details)).tables
        assert [row[0] for row in by_sex.rows] == ["Male", "Female"]
        assert by_race.title == "Race/Ethnicity Categories"
        assert by_race.rows[0][0] == "Hispanic or Latino"
        assert both.columns[:3] == ("Ethnicity", "Sex", "Race")
        hispanic, others = "Hispanic or Latino", "Non-Hispanic or Latino"
        assert both.rows[:4] == (
            (hispanic, "Male", "", 205, 90, "43.9%", "0.841"),
            (hispanic, "Female", "", 190, 82, "43.2%", "0.827"),
            (others, "Male", "White", 412, 215, "52.2%", "1.000"),
            (others, "Male", "Black or African American", 226, 95, "42.0%", "0.806"),
        )
        assert both.rows[-1] == (others, "Female", "Two or More Races", 98, 44, "44.9%", "0.860")
        assert both.note.startswith("The AEDT was also used to assess 250 individuals with an unknown sex or race/ethn")

    def test_ethnicity_and_race_in_columns_of_their_own_give_the_three_tables_of_the_rule(self, measured, piece):
        """People who are Hispanic or Latino are one category, of whatever race or of none that is known."""
        people = [
            *(("f", "Hispanic or Latino", "White", 8, 3), ("f", "Hispanic or Latino", "", 4, 2)),
            *(("f", "Not Hispanic or Latino", "White", 10, 5), ("m", "Not Hispanic or Latino", "Asian", 10, 8)),
            ("m", "Not Hispanic or Latino", "", 2, 0),
        ]
        lines = [
            f"{sex},{ethnicity},{race},{int(n < k)},1" for sex, ethnicity, race, of, k in people for n in range(of)
        ]
        details = {"label": "y", "prediction": "p", "groups": ["sex", "ethnicity", "race"]}
        rows = "\n".join(["sex,ethnicity,race,p,y", *lines]) + "\n"
        by_sex, by_race, both = measured(LocalLaw144, piece("evaluation_table", rows, details=details)).tables
        assert by_sex.title == "Sex Categories"
        assert by_race.title == "Race/Ethnicity Categories"
        assert by_race.rows == (
            ("Hispanic or Latino", 12, 5, "41.7%", "0.521"),
            ("White (Not Hispanic or Latino)", 10, 5, "50.0%", "0.625"),
            ("Asian (Not Hispanic or Latino)", 10, 8, "80.0%", "1.000"),
        )
        assert "assess 2 individuals" in by_race.note
        assert both.columns[:3] == ("Ethnicity", "Sex", "Race")
        assert [row[:4] for row in both.rows if row[3]] == [
            ("Hispanic or Latino", "f", "", 12),
            ("Not Hispanic or Latino", "m", "Asian", 10),
            ("Not Hispanic or Latino", "f", "White", 10),
        ]

    def test_scores_are_compared_with_the_median(self, measured, evaluation):
        reading = measured(LocalLaw144, evaluation(), basis="scoring")
        assert reading.tables[0].columns == ("Category", "# of Applicants", "Scoring Rate", "Impact Ratio")
        assert "above the median" in reading.tables[0].note

    def test_a_basis_that_is_none_is_named(self, measured, evaluation):
        with pytest.raises(CheckInputError, match="The basis is"):
            measured(LocalLaw144, evaluation(), basis="guessing")
        with pytest.raises(CheckInputError, match="declares no group columns"):
            measured(LocalLaw144, evaluation(groups=[]))


class TestDecisionCost:
    def test_cost_and_the_threshold_of_least_cost(self, measured, judged, german):
        reading = measured(DecisionCost, german(), false_positive=5.0, false_negative=1.0)
        found = by_name(reading)
        assert found["cost per row of the submitted decisions"].value == pytest.approx((5 * 155 + 86) / 1000)
        least = found["least cost per row at any threshold"].value
        assert least < 0.861
        assert found["cost per row above the least possible"].value == pytest.approx(0.861 - least)
        assert judged(DecisionCost, reading, max_mean_cost=0.9).verdict == "passed"
        assert judged(DecisionCost, reading, max_excess_cost=0.01).verdict == "failed"
        assert sum(row[1] for row in reading.tables[1].rows) == 1000
        by_threshold, gain = reading.charts
        shown = by_threshold.specification["data"]["values"]
        assert [f"{point['x']:.4g}" for point in shown] == [row[0] for row in reading.tables[0].rows[: len(shown)]]
        assert "The dashed line is the submitted decisions, 0.861." in by_threshold.description
        assert gain.specification["data"]["values"][-1] == {"x": 1.0, "y": 1.0}

    @pytest.mark.parametrize(
        ("limit", "words"),
        [
            # 5 * 155 + 86 = 861; each false positive fewer saves 5, each false negative fewer 1
            (0.8, "13 fewer false positives would meet it"),
            (0.857, "1 fewer false positive would meet it"),
            (0.861, "1 more false negative would fail it"),
            (0.9, "8 more false positives would fail it"),
            (0.0, "missed by 0.861."),
        ],
    )
    def test_mistakes_say_what_would_turn_the_cost(self, measured, judged, german, limit, words):
        reading = measured(DecisionCost, german(), false_positive=5.0, false_negative=1.0)
        turns = judged(DecisionCost, reading, max_mean_cost=limit).turns
        assert any(words in line for line in turns), turns

    def test_a_cost_of_exactly_the_threshold_meets_it(self, measured, judged, table):
        """Three times a tenth is 0.30000000000000004 of floats, and 0.8 - 0.7 more than 0.1."""
        assert 0.1 * 3 / 10 > 0.03
        lines = ["1,1,0.9"] * 7 + ["0,1,0.8"] * 3
        attached = table("y,p,s", lines, label="y", prediction="p", score="s")
        reading = measured(DecisionCost, attached, false_positive=0.1)
        assert judged(DecisionCost, reading, max_mean_cost=0.03, max_excess_cost=0.03).verdict == "passed"
        lines = ["1,1,0.9"] * 2 + ["0,1,0.2"] + ["1,0,0.1"] * 7
        attached = table("y,p,s", lines, label="y", prediction="p", score="s")
        reading = measured(DecisionCost, attached, false_negative=1.0, false_positive=1.0)
        found = by_name(reading)
        assert found["cost per row of the submitted decisions"].value == 0.8
        assert found["cost per row above the least possible"].value == 0.7

    def test_without_a_score_there_is_no_other_threshold(self, measured, judged, german):
        reading = measured(DecisionCost, german(score=""), false_negative=1.0)
        assert judged(DecisionCost, reading, max_excess_cost=1.0).verdict == "not_computable"
        assert judged(DecisionCost, reading, max_mean_cost=1.0).verdict == "passed"

    def test_a_policy_that_names_no_cost_is_told(self, measured, german):
        with pytest.raises(ParameterError, match="must say what decisions cost"):
            measured(DecisionCost, german())


@pytest.mark.parametrize("word", ["NaT", "now", "today", "infinity", "20260131"])
def test_words_that_a_library_takes_for_times_are_none(measured, table, word):
    lines = [*["1,1,2026-01-01"] * 5, *[f"0,0,{word}"] * 5]
    with pytest.raises(CheckInputError, match=f"no ISO date or time: “{word}”"):
        measured(StabilityOverTime, table("y,p,t", lines, label="y", prediction="p"), time="t", windows=2)


def test_times_of_other_zones_are_put_in_order(measured, table):
    lines = [*["1,1,2026-01-01T01:00:00+02:00"] * 5, *["0,1,2026-01-01T00:00:00Z"] * 5]
    reading = measured(StabilityOverTime, table("y,p,t", lines, label="y", prediction="p"), time="t", windows=2)
    assert [row[:3] for row in reading.tables[0].rows] == [
        ("2025-12-31 23:00:00", 5, "1.000"),
        ("2026-01-01 00:00:00", 5, "0.000"),
    ]


def test_windows_of_days_are_named_by_days(measured, table):
    lines = [f"1,1,2026-01-{day:02}" for day in (1, 2, 3, 4)]
    reading = measured(StabilityOverTime, table("y,p,t", lines, label="y", prediction="p"), time="t", windows=2)
    assert [row[0] for row in reading.tables[0].rows] == ["2026-01-01 to 2026-01-02", "2026-01-03 to 2026-01-04"]
    assert reading.looked_at == ("4 rows in 2 windows by “t”; the first is 2026-01-01 to 2026-01-02.",)


def test_windows_exactly_at_the_threshold_meet_it_although_their_floats_do_not(measured, judged, table):
    assert 0.8 - 0.7 > 0.1
    parts = [("1,1,2026-01-01", 8), ("1,0,2026-01-01", 2), ("1,1,2026-02-01", 7), ("1,0,2026-02-01", 3)]
    lines = [line for line, often in parts for _ in range(often)]
    reading = measured(StabilityOverTime, table("y,p,t", lines, label="y", prediction="p"), time="t", windows=2)
    found = judged(StabilityOverTime, reading, max_accuracy_range=0.1)
    assert (found.verdict, found.turns[0].partition(".")[0]) == (
        "passed",
        "Highest minus lowest accuracy of a window: met exactly at the threshold",
    )
    assert judged(StabilityOverTime, reading, max_accuracy_range=0.0999).verdict == "failed"


def test_a_slice_exactly_as_far_below_as_allowed_is_allowed(measured, judged, table):
    lines = [*["1,1,a"] * 90, *["1,0,a"] * 10, *["1,1,b"] * 70, *["1,0,b"] * 30]
    assert 0.8 - 0.7 > 0.1
    reading = measured(SlicePerformance, table("y,p,g", lines, label="y", prediction="p"), columns=["g"])
    assert judged(SlicePerformance, reading, max_accuracy_gap=0.1).verdict == "passed"
    assert judged(SlicePerformance, reading, max_accuracy_gap=0.0999).verdict == "failed"


def test_a_model_is_not_compared_with_itself(measured, table):
    lines = ["1,1,0.5,1,0.4", "0,0,0.2,1,0.3"]
    piece = table("y,p,s,c,d", lines, label="y", prediction="p", score="s")
    for columns in ({"champion_prediction": "p"}, {"champion_prediction": "c", "champion_score": "s"}):
        with pytest.raises(CheckInputError, match="compared with itself shows nothing"):
            measured(ChampionComparison, piece, **columns)


def test_areas_that_lie_exactly_the_limit_apart_are_within_it(measured, judged, table):
    """0.8 and 0.7: the difference of their floats is more than 0.1."""
    first = ["1,1,0.8,1", *["0,0,0.1,1"] * 4, "0,0,0.9,1"] * 2
    second = ["1,1,0.8,2", *["0,0,0.1,2"] * 7, *["0,0,0.9,2"] * 3]
    details = {"label": "y", "prediction": "p", "score": "s"}
    attached = table("y,p,s,t", [*first, *second], **details)
    reading = measured(StabilityOverTime, attached, time="t", windows=2)
    assert judged(StabilityOverTime, reading, max_roc_auc_range=0.1).verdict == "passed"
    assert judged(StabilityOverTime, reading, max_roc_auc_range=0.0999).verdict == "failed"


@pytest.mark.parametrize("cost", [1e308, float("inf"), float("nan"), -1e101])
def test_costs_that_no_sum_can_hold_are_refused(measured, evaluation, cost):
    for parameters in ({"false_positive": cost}, {"class_costs": {"a": {"b": cost}}}):
        with pytest.raises(ParameterError, match="must be a number"):
            measured(DecisionCost, evaluation(), **parameters)
