import pytest

from approvals.checks.base import CheckInputError
from approvals.checks.performance import Performance


def values(reading):
    return {measure.name: measure.value for measure in reading.measures}


def test_the_numbers_are_those_of_the_reference(measured, german):
    found = values(measured(Performance, german()))
    assert found["rows"] == 1000
    assert found["accuracy"] == pytest.approx(0.759, abs=1e-12)
    assert found["balanced accuracy"] == pytest.approx(0.680238095238, abs=1e-9)
    assert found["ROC AUC"] == pytest.approx(0.786219047619, abs=1e-9)
    assert found["average precision"] == pytest.approx(0.891534983216, abs=1e-9)
    rates = [found[name] for name in ("false positive rate", "false negative rate", "negative predictive value")]
    assert rates == pytest.approx([0.516666666667, 0.122857142857, 0.627705627706], abs=1e-9)
    assert found["Cohen's kappa"] == pytest.approx(0.385830784913, abs=1e-9)
    assert found["Brier score"] == pytest.approx(0.165618749308, abs=1e-9)
    assert found["log loss"] == pytest.approx(0.49958443695, abs=1e-9)


def test_the_sentence_states_value_interval_and_threshold(measured, judged, german):
    judgement = judged(Performance, measured(Performance, german()), min_accuracy=0.7)
    assert judgement.verdict == "passed"
    assert judgement.sentences == (
        "Accuracy 0.759 (95 % interval 0.732 to 0.784, n 1,000) is at or above the threshold 0.70.",
    )


def test_one_missed_threshold_fails_and_comes_first(measured, judged, german):
    judgement = judged(Performance, measured(Performance, german()), min_accuracy=0.7, max_brier=0.1, min_rows=500)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Brier score 0.166 (95 % interval ")
    assert judgement.sentences[0].endswith("is above the threshold 0.10.")
    assert judgement.sentences[2] == "Rows: 1,000; at least 500 are required."
    assert [measure.name for measure in judgement.failed_measures] == ["Brier score"]


def test_a_threshold_that_is_met_exactly_is_met(measured, judged, german):
    reading = measured(Performance, german())
    assert judged(Performance, reading, min_accuracy=0.759).verdict == "passed"
    assert judged(Performance, reading, min_accuracy=0.7591).verdict == "failed"


def test_without_a_score_its_threshold_is_not_computable(measured, judged, german):
    reading = measured(Performance, german(score=""))
    judgement = judged(Performance, reading, min_roc_auc=0.7, min_accuracy=0.7)
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0] == "ROC AUC was not measured, so its threshold decides nothing."


def test_without_thresholds_nothing_passes(measured, judged, german):
    judgement = judged(Performance, measured(Performance, german()))
    assert (judgement.verdict, judgement.sentences) == (
        "not_computable",
        ("The policy fixes no threshold for this check.",),
    )


def test_claims_stand_beside_what_was_measured(measured, judged, german):
    reading = measured(Performance, german(claims={"accuracy": 0.76, "roc_auc": 0.85}))
    table = next(table for table in reading.tables if table.title == "Claimed and measured")
    assert [row[-1] for row in table.rows] == ["yes", "no"]
    judgement = judged(Performance, reading, min_accuracy=0.7)
    assert judgement.verdict == "warning"
    assert judgement.sentences[0] == (
        "The submitter claims ROC AUC 0.850; measured is 0.786, which differs by more than 0.005."
    )
    assert judged(Performance, reading, min_accuracy=0.9).verdict == "failed"


def test_a_claim_may_differ_by_the_tolerance_as_it_is_written(measured, judged, table):
    lines = ["1,1"] * 161 + ["0,1"] * 39  # of floats, 0.805 - 0.8 is more than 0.005
    for claimed, verdict in ((0.8, "passed"), (0.79999, "warning")):
        piece = table("y,p", lines, label="y", prediction="p", claims={"accuracy": claimed})
        assert judged(Performance, measured(Performance, piece), min_accuracy=0.5).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": ""}, "names no label column"),
        ({"label": "nonsense"}, "nonsense"),
        ({"label": "purpose"}, "two values"),
        ({"claims": {"beauty": 1}}, "claims “beauty”"),
        ({"favourable": 2}, "0 or 1 as the favourable"),
    ],
)
def test_a_wrong_declaration_is_refused_with_a_sentence(measured, german, changes, words):
    with pytest.raises(CheckInputError, match=words) as caught:
        measured(Performance, german(**changes))
    assert caught.value.sentence.endswith(".")


def test_a_label_that_is_coded_otherwise_than_the_prediction_decides_nothing(measured, piece):
    rows = "\n".join(f"{1 + row % 2},{row % 2}" for row in range(50))
    table = piece("evaluation_table", f"y_true,y_pred\n{rows}\n", details={"label": "y_true", "prediction": "y_pred"})
    with pytest.raises(CheckInputError, match="are not coded alike: together they have the values 0, 1, 2"):
        measured(Performance, table)


@pytest.mark.parametrize("column", ["y_pred", "y_score", "y_true"])
def test_nobody_passes_by_leaving_the_wrong_rows_blank(measured, judged, piece, column):
    def table(*, blanked):
        lines = ["y_true,y_pred,y_score"]
        for row in range(200):
            label, prediction = row % 2, row % 2 if row >= 11 else 1 - row % 2
            cells: dict[str, object] = {"y_true": label, "y_pred": prediction, "y_score": 0.9 if prediction else 0.1}
            if blanked and row < 11:
                cells[column] = ""
            lines.append(",".join(str(cells[name]) for name in ("y_true", "y_pred", "y_score")))
        details = {"label": "y_true", "prediction": "y_pred", "score": "y_score"}
        return piece("evaluation_table", "\n".join(lines) + "\n", details=details)

    honest = judged(Performance, measured(Performance, table(blanked=False)), min_accuracy=0.9)
    assert honest.verdict == "passed"
    reading = measured(Performance, table(blanked=True))
    judgement = judged(Performance, reading, min_accuracy=0.9)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Share of rows left out 0.055 (n 200) is above the threshold 0")
    assert judged(Performance, reading, min_accuracy=0.9, max_left_out_share=0.06).verdict == "passed"


def test_a_large_table_is_bounded_first_and_computed_where_a_threshold_needs_it(measured, judged, german):
    """The limit of rows is set low, so that 1,000 rows are many."""
    exact = values(measured(Performance, german()))
    far = {"min_roc_auc": 0.7, "max_brier": 0.3, "min_accuracy": 0.7}
    reading = measured(Performance, german(), thresholds=far, exact_rows=10)
    found = {measure.name: measure for measure in reading.measures}
    for name in ("ROC AUC", "Gini coefficient", "Kolmogorov-Smirnov distance", "average precision", "Brier score"):
        assert found[name].value is None
        assert found[name].bounds[0] <= exact[name] <= found[name].bounds[1]
    assert found["accuracy"].value == exact["accuracy"]
    assert "Hanley-McNeil interval of both ends" in found["ROC AUC"].method
    assert found["ROC AUC"].low < exact["ROC AUC"] < found["ROC AUC"].high
    judgement = judged(Performance, reading, **far)
    assert judgement.verdict == "passed"
    assert judgement.sentences[0] == judged(Performance, measured(Performance, german()), **far).sentences[0]
    assert "ROC AUC lies between 0.78" in judgement.sentences[1]
    shown = next(table for table in reading.tables if table.title == "Measures")
    assert next(row for row in shown.rows if row[0] == "ROC AUC")[1].startswith("between 0.78")

    near = {"min_roc_auc": exact["ROC AUC"]}
    refined = measured(Performance, german(), thresholds=near, exact_rows=10)
    assert values(refined) == exact
    assert judged(Performance, refined, **near).verdict == "passed"
    # The same bounds under another threshold, which they do not decide, pass nobody.
    assert judged(Performance, reading, min_roc_auc=exact["ROC AUC"]).verdict == "not_computable"


@pytest.mark.parametrize("limit", [0.0, 0.2, 0.5, 0.7, 0.78, 0.786, 0.7863, 0.79, 0.9, 1.0])
def test_bounds_never_change_a_verdict(measured, judged, german, limit):
    asked = {"min_roc_auc": limit, "min_average_precision": limit, "max_brier": limit, "max_log_loss": limit}
    bounded = judged(Performance, measured(Performance, german(), thresholds=asked, exact_rows=10), **asked)
    exact = judged(Performance, measured(Performance, german()), **asked)
    assert bounded.verdict == exact.verdict
    assert {m.name for m in bounded.failed_measures} == {m.name for m in exact.failed_measures}


def test_claims_stand_beside_bounds_and_are_computed_where_these_do_not_decide(measured, judged, german):
    piece = german(claims={"roc_auc": 0.85, "brier": 0.166})
    reading = measured(Performance, piece, thresholds={"min_accuracy": 0.7}, exact_rows=10)
    table = next(table for table in reading.tables if table.title == "Claimed and measured")
    assert [(row[2].startswith("between"), row[-1]) for row in table.rows] == [(True, "no"), (True, "yes")]
    judgement = judged(Performance, reading, min_accuracy=0.7)
    assert judgement.verdict == "warning"
    assert judgement.sentences[0].startswith("The submitter claims ROC AUC 0.850; measured is between 0.78")
    near = german(claims={"roc_auc": 0.786219047619 + 0.005})
    assert values(measured(Performance, near, thresholds={}, exact_rows=10))["ROC AUC"] is not None


def test_without_known_thresholds_everything_is_computed(measured, german):
    assert values(measured(Performance, german(), exact_rows=10))["ROC AUC"] == pytest.approx(0.786219047619)


def test_a_policy_may_limit_how_often_either_mistake_is_made(measured, judged, german):
    reading = measured(Performance, german())
    judgement = judged(Performance, reading, max_fnr=0.12, max_fpr=0.6, min_npv=0.6, min_cohen_kappa=0.3)
    assert [measure.name for measure in judgement.failed_measures] == ["false negative rate"]
    turns = [line for line in judgement.turns if "would" in line]
    assert "2 more positive rows predicted as such among 700 would meet it" in turns[0]  # 86 of 700 is 0.1229
    assert "26 more negative rows predicted as positive among 300 would fail it" in turns[1]
