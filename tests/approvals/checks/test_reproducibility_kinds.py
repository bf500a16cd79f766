"""Numbers, and scores of several classes, against what the artifact answers, with real skops and ONNX artifacts."""

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression

from approvals.checks.base import CheckInputError
from approvals.checks.reproducibility import Reproducibility
from tests.approvals.checks.onnx_graphs import linear, softmax

ROWS = 150
FEATURES = np.random.default_rng(4).normal(size=(ROWS, 2)).round(6)
NUMBERS = {"label": "y", "prediction": "p", "features": ["a", "b"], "kind": "regression"}
CLASSES = NUMBERS | {"kind": "multiclass", "class_scores": {"high": "s_h", "low": "s_l", "middle": "s_m"}}
GAP = "largest difference between the submitted and the reproduced score"
NUMBER_GAP = "largest difference between the submitted and the reproduced number"
OTHER = "rows with another decision than submitted"


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


@pytest.fixture
def attached(piece):
    """An artifact and the table of its predictions, each row a list of cells after the features."""

    def attach(content, header, cells, details):
        lines = [",".join(["a", "b", *header])]
        lines += [
            ",".join(str(cell) for cell in (*row, *rest)) for row, rest in zip(FEATURES.tolist(), cells, strict=True)
        ]
        artifact = piece("artifact", content, artifact_sha256="")
        return artifact, piece("evaluation_table", "\n".join(lines) + "\n", details=details, artifact_sha256="")

    return attach


@pytest.fixture
def numbers(attached):
    """A linear regression with its predictions, of which some may be changed."""
    model = LinearRegression().fit(FEATURES, FEATURES @ [2.0, -1.0] + 0.5)

    def attach(change=lambda place, value: value, content=None):
        predicted = [change(place, value) for place, value in enumerate(model.predict(FEATURES).tolist())]
        cells = [(f"{2 * a - b}", value) for (a, b), value in zip(FEATURES.tolist(), predicted, strict=True)]
        return attached(content or skops.io.dumps(model), ["y", "p"], cells, NUMBERS)

    return attach


@pytest.fixture
def classes(attached):
    """A logistic regression of three classes with its scores, of which some may be changed."""
    label = np.array(["low", "middle", "high"])[np.digitize(FEATURES[:, 0], [-0.5, 0.5])]
    model = LogisticRegression().fit(FEATURES, label)

    def attach(change=lambda place, scores: scores, content=None, details=CLASSES):
        scores = [change(place, row) for place, row in enumerate(model.predict_proba(FEATURES).tolist())]
        cells = [(y, p, *row) for y, p, row in zip(label, model.predict(FEATURES), scores, strict=True)]
        return attached(content or skops.io.dumps(model), ["y", "p", "s_h", "s_l", "s_m"], cells, details)

    return attach


def test_numbers_that_the_artifact_gives_are_reproduced(measured, judged, numbers):
    reading = measured(Reproducibility, *numbers())
    assert by_name(reading)[NUMBER_GAP].value < 1e-12
    assert judged(Reproducibility, reading, max_number_difference=1e-9).verdict == "passed"
    assert judged(Reproducibility, reading, max_different_decisions=0).verdict == "not_computable"
    assert judged(Reproducibility, reading, max_score_difference=1.0).verdict == "not_computable"


def test_one_embellished_number_is_found_shown_and_measured_in_deviations(measured, judged, numbers):
    reading = measured(Reproducibility, *numbers(lambda place, value: value - 3.0 if place == 20 else value))
    found = by_name(reading)
    assert found[NUMBER_GAP].value == pytest.approx(3.0)
    deviation = np.std(FEATURES @ [2.0, -1.0])
    assert found[f"{NUMBER_GAP}, in standard deviations of the label"].value == pytest.approx(3.0 / deviation)
    assert reading.tables[0].rows[0][0] == 21
    assert reading.tables[0].columns == ("Row", "Submitted", "Reproduced")
    assert judged(Reproducibility, reading, max_number_difference=2.9).verdict == "failed"
    assert judged(Reproducibility, reading, max_number_difference_in_deviations=0.1).verdict == "failed"


def test_numbers_that_were_not_submitted_are_left_out(measured, judged, numbers):
    reading = measured(Reproducibility, *numbers(lambda place, value: "" if place < 15 else value))
    assert by_name(reading)["share of rows left out"].value == 0.1
    assert judged(Reproducibility, reading, max_number_difference=1.0).verdict == "failed"


def test_a_number_beyond_reach_is_never_near(measured, judged, numbers):
    reading = measured(Reproducibility, *numbers(lambda place, value: -1.7e308 if place == 3 else value))
    assert judged(Reproducibility, reading, max_number_difference=1e308).verdict == "failed"
    huge = linear([3e38, 3e38], 0.0)
    reading = measured(Reproducibility, *numbers(content=huge))
    assert judged(Reproducibility, reading, max_number_difference=1e300).verdict == "not_computable"
    assert "gives no number that can be compared" in by_name(reading)[NUMBER_GAP].reason


def test_numbers_of_an_onnx_artifact_are_reproduced(measured, judged, numbers):
    reading = measured(Reproducibility, *numbers(content=linear([2.0, -1.0], 0.5)))
    assert by_name(reading)[NUMBER_GAP].value < 1e-5
    assert judged(Reproducibility, reading, max_number_difference=1e-5).verdict == "passed"
    other = measured(Reproducibility, *numbers(content=linear([2.0, -1.1], 0.5)))
    assert judged(Reproducibility, other, max_number_difference=1e-5).verdict == "failed"


def test_scores_of_every_class_are_reproduced(measured, judged, classes):
    reading = measured(Reproducibility, *classes())
    assert by_name(reading)[GAP].value < 1e-12
    assert by_name(reading)[OTHER].value == 0
    limits = {"max_score_difference": 1e-9, "max_different_decisions": 0}
    assert judged(Reproducibility, reading, **limits).verdict == "passed"

    def embellish(place, scores):
        return [scores[0], scores[1] + 0.25, scores[2]] if place == 7 else scores

    changed = measured(Reproducibility, *classes(embellish))
    assert by_name(changed)[GAP].value == pytest.approx(0.25)
    assert changed.tables[0].rows[0][:2][0] == 8
    assert changed.tables[0].rows[0][1].startswith("low ")
    assert judged(Reproducibility, changed, **limits).verdict == "failed"


def test_a_class_that_the_artifact_does_not_know_is_no_pass(measured, judged, classes):
    unknown = CLASSES | {"class_scores": {"high": "s_h", "low": "s_l", "elsewhere": "s_m"}}
    reading = measured(Reproducibility, *classes(details=unknown))
    assert judged(Reproducibility, reading, max_score_difference=1.0).verdict == "not_computable"


def test_scores_of_classes_of_an_onnx_artifact_are_reproduced(measured, judged, attached):
    weights = [1.0, -0.5, 0.25, 0.3, 0.8, -0.6]
    powers = np.exp(FEATURES @ np.array(weights).reshape(2, 3))
    scores = powers / powers.sum(axis=1, keepdims=True)
    cells = [(0, int(row.argmax()), *row.tolist()) for row in scores]
    details = CLASSES | {"class_scores": {"0": "s0", "1": "s1", "2": "s2"}}
    pieces = attached(softmax(weights, 3), ["y", "p", "s0", "s1", "s2"], cells, details)
    reading = measured(Reproducibility, *pieces)
    assert by_name(reading)[GAP].value < 1e-5
    assert by_name(reading)[OTHER].value == 0
    turned = attached(softmax(weights[::-1], 3), ["y", "p", "s0", "s1", "s2"], cells, details)
    assert judged(Reproducibility, measured(Reproducibility, *turned), max_score_difference=1e-3).verdict == "failed"


def test_an_artifact_of_another_kind_than_the_table_is_named(measured, numbers, classes):
    label = (FEATURES[:, 0] > 0).astype(int)
    classifier = skops.io.dumps(LogisticRegression().fit(FEATURES, label))
    with pytest.raises(CheckInputError, match="is a classifier, but the table is declared as one of numbers"):
        measured(Reproducibility, *numbers(content=classifier))
    regressor = skops.io.dumps(LinearRegression().fit(FEATURES, label))
    with pytest.raises(CheckInputError, match="no classifier, but the table is declared as one of classes"):
        measured(Reproducibility, *classes(content=regressor))
    two = skops.io.dumps(LinearRegression().fit(FEATURES, FEATURES))
    with pytest.raises(CheckInputError, match="does not predict one number for each row"):
        measured(Reproducibility, *numbers(content=two))


def test_classes_that_are_numbers_are_known_however_they_are_written(measured, judged, attached):
    label = np.digitize(FEATURES[:, 0], [-0.5, 0.5]).astype(float)
    model = LogisticRegression().fit(FEATURES, label)
    cells = [
        (y, p, *scores)
        for y, p, scores in zip(label, model.predict(FEATURES), model.predict_proba(FEATURES), strict=True)
    ]
    details = CLASSES | {"class_scores": {"0.0": "s0", "1": "s1", "2.0": "s2"}}
    found = measured(Reproducibility, *attached(skops.io.dumps(model), ["y", "p", "s0", "s1", "s2"], cells, details))
    assert judged(Reproducibility, found, max_score_difference=1e-9, max_different_decisions=0).verdict == "passed"
