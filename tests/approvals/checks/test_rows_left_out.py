"""Rows that lack anything are left out of something, and every one of them counts against the share that is allowed."""

import pytest

from approvals import checks

LINES = ["1,1,0.9,0.1,0.9", "0,0,0.2,0.8,0.2"] * 40
NO_PREDICTION, NO_SCORE = "1,,0.9,0.1,0.9", "0,0,,,"
BINARY = {"label": "y", "prediction": "p", "score": "s"}
SEVERAL = {"label": "y", "prediction": "p", "kind": "multiclass", "class_scores": {"0": "s0", "1": "s1"}}


@pytest.mark.parametrize(
    ("key", "details", "asked", "limit"),
    [
        ("performance", BINARY, {}, {"min_accuracy": 0.5}),
        ("performance", SEVERAL, {}, {"min_accuracy": 0.5}),
        ("decision_cost", BINARY, {"false_positive": 1.0}, {"max_mean_cost": 1.0}),
        ("stability_over_time", BINARY, {"time": "s1", "windows": 2}, {"min_window_accuracy": 0.5}),
    ],
)
def test_rows_without_prediction_and_others_without_score_are_both_left_out(
    measured, judged, table, key, details, asked, limit
):
    check = checks.find(key)
    lines = [*LINES, *[NO_PREDICTION] * 10, *[NO_SCORE] * 10]
    reading = measured(check, table("y,p,s,s0,s1", lines, **details), **asked)
    [share] = [measure for measure in reading.measures if measure.name == "share of rows left out"]
    assert (share.value, share.count("rows_left_out")) == (0.2, 20)
    if key == "performance":
        assert any(said.startswith("80 of these rows have every declared score") for said in reading.looked_at)
    assert judged(check, reading, max_left_out_share=0.15, **limit).verdict == "failed"
    assert judged(check, reading, max_left_out_share=0.2, **limit).verdict == "passed"


def test_costs_of_other_rows_are_not_compared(measured, judged, table):
    check = checks.find("decision_cost")
    reading = measured(check, table("y,p,s,s0,s1", [*LINES, *[NO_PREDICTION] * 10], **BINARY), false_positive=1.0)
    judgement = judged(check, reading, max_excess_cost=1.0, max_left_out_share=0.5)
    assert judgement.verdict == "not_computable"
    assert judgement.turns[1].endswith("It would be with a prediction and a score in the same rows.")


def test_a_law_of_several_tables_says_once_what_was_left_out(measured, judged, table):
    check = checks.find("local_law_144")
    lines = ["f,x,1", "f,x,0", "m,y,1", "m,y,0", "f,x,"] * 20
    reading = measured(check, table("sex,race,p", lines, label="sex", prediction="p", groups=["sex", "race"]))
    judgement = judged(check, reading, min_impact_ratio=0.1)
    assert judgement.verdict == "failed"
    assert judgement.sentences.count("Share of rows left out 0.200 (n 100) is above the threshold 0.00.") == 1
    assert judgement.turns[0].startswith("1 is not met of 4 thresholds")
