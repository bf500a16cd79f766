"""Calibration of several classes and of numbers, as the check measures and judges them."""

import numpy as np
import pytest

from approvals.checks.base import CheckInputError
from approvals.checks.calibration import Calibration


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


def test_scores_of_classes_have_a_calibration(measured, judged, wine):
    reading = measured(Calibration, wine(), bins=10)
    found = by_name(reading)
    assert found["scored rows"].value == 178
    assert 0 <= found["expected calibration error of the top class"].value < 0.2
    assert found["Brier score, summed over classes"].low is not None
    titles = [chart.title for chart in reading.charts]
    assert titles == ["Reliability curve of the top class", *(f"Reliability curve of {one}" for one in "012")]
    limits = {"max_top_label_ece": 0.2, "max_classwise_ece": 0.2, "max_brier_over_classes": 0.5, "min_rows": 100}
    assert judged(Calibration, reading, **limits).verdict == "passed"
    assert judged(Calibration, reading, max_classwise_mce=0.0).verdict == "failed"
    assert judged(Calibration, reading, max_ece=1.0).verdict == "not_computable"
    assert judged(Calibration, reading, max_mean_error=1.0).verdict == "not_computable"


def test_a_model_that_is_too_sure_fails_without_the_sign(measured, judged, table):
    rows = [f"{'uv'[row % 2]},u,0.98,0.02" for row in range(200)]
    details = {"label": "y", "prediction": "p", "kind": "multiclass", "class_scores": {"u": "a", "v": "b"}}
    reading = measured(Calibration, table("y,p,a,b", rows, **details))
    gap = by_name(reading)["accuracy of the top class minus its mean confidence"]
    assert gap.value == pytest.approx(-0.48)
    judgement = judged(Calibration, reading, max_confidence_gap=0.4)
    assert judgement.verdict == "failed"
    assert "without its sign" in judgement.sentences[0]
    assert judged(Calibration, reading, max_confidence_gap=0.5).verdict == "passed"


def test_classes_without_scores_are_told_to_declare_them(measured, wine):
    with pytest.raises(CheckInputError, match="declares no score columns of its classes"):
        measured(Calibration, wine(class_scores={}))


def test_numbers_have_a_calibration_of_the_mean(measured, judged, diabetes):
    reading = measured(Calibration, diabetes(), bins=8)
    found = by_name(reading)
    assert found["scored rows"].value == 442
    assert len(reading.tables[1].rows) == 8
    assert found["slope of the label over the prediction"].low < 1.2
    in_units = found["largest mean error of a bin, without its sign"].value
    in_deviations = found["largest mean error of a bin, without its sign, in standard deviations"].value
    assert in_units / in_deviations == pytest.approx(77.0, rel=0.01)
    assert judged(Calibration, reading, max_mean_error=50.0, min_slope=0.5, max_slope=1.5).verdict == "passed"
    assert judged(Calibration, reading, max_largest_bin_error_in_deviations=0.001).verdict == "failed"
    assert judged(Calibration, reading, max_ece=1.0).verdict == "not_computable"
    assert judged(Calibration, reading).verdict == "not_computable"


def test_numbers_that_are_too_high_only_where_they_are_large_are_found(measured, judged, table):
    drawn = np.random.default_rng(5)
    said = drawn.uniform(0, 100, 600)
    labels = said - np.where(said > 80, 15, -3.75) + drawn.normal(0, 3, 600)
    rows = [f"{label},{number}" for label, number in zip(labels.tolist(), said.tolist(), strict=True)]
    numbers = table("y,p", [*rows, ",1"], label="y", prediction="p", kind="regression")
    reading = measured(Calibration, numbers, bins=5)
    allowed = {"max_left_out_share": 0.01}
    assert judged(Calibration, reading, max_mean_error=1.5, **allowed).verdict == "passed"
    assert judged(Calibration, reading, max_largest_bin_error=5.0, **allowed).verdict == "failed"
    assert judged(Calibration, reading, max_bins_off=0, **allowed).verdict == "failed"
    assert judged(Calibration, reading, max_mean_error=1.5).verdict == "failed"
