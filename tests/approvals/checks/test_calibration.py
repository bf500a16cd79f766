import pytest

from approvals.checks.base import CheckInputError
from approvals.checks.calibration import Calibration


def test_the_numbers_are_those_of_the_reference(measured, german):
    found = {measure.name: measure.value for measure in measured(Calibration, german()).measures}
    assert found["scored rows"] == 1000
    assert found["expected calibration error"] == pytest.approx(0.032874316, abs=1e-9)
    assert found["largest calibration error of a bin"] == pytest.approx(0.121443454545, abs=1e-9)


def test_thresholds_decide(measured, judged, german):
    reading = measured(Calibration, german())
    assert judged(Calibration, reading, max_ece=0.05).verdict == "passed"
    assert judged(Calibration, reading, max_ece=0.03).verdict == "failed"
    assert judged(Calibration, reading).verdict == "not_computable"


def test_calibration_in_the_large_is_compared_without_its_sign(measured, judged, piece):
    rows = "\n".join(f"{number % 2},{number % 2},0.9" for number in range(200))
    table = piece("evaluation_table", f"y,p,s\n{rows}\n", details={"label": "y", "prediction": "p", "score": "s"})
    reading = measured(Calibration, table)
    judgement = judged(Calibration, reading, max_calibration_in_the_large=0.1)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Calibration in the large -0.400 (")


def test_scores_that_are_no_probabilities_are_not_computable(measured, judged, piece):
    rows = "\n".join(f"{number % 2},{number % 2},{number}" for number in range(20))
    table = piece("evaluation_table", f"y,p,s\n{rows}\n", details={"label": "y", "prediction": "p", "score": "s"})
    judgement = judged(Calibration, measured(Calibration, table), max_ece=0.5)
    assert judgement.verdict == "not_computable"
    assert "outside 0 to 1" in judgement.sentences[0]


def test_without_a_score_or_with_no_bins_there_is_nothing_to_measure(measured, german):
    with pytest.raises(CheckInputError, match="declares no score column"):
        measured(Calibration, german(score=""))
    with pytest.raises(CheckInputError, match="1 to 100"):
        measured(Calibration, german(), bins=0)


def test_every_filled_bin_is_in_the_chart(measured, german):
    reading = measured(Calibration, german())
    rows = reading.charts[0].specification["data"]["values"]
    assert sum(row["n"] for row in rows) == 1000
    assert len(reading.tables[1].rows) == 10
