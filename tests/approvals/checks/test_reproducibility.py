"""Submitted predictions against what the artifact itself answers, with real skops and ONNX artifacts."""

import hashlib
import math
import os
import struct

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from approvals.checks.base import CheckInputError, Input
from approvals.checks.reproducibility import Reproducibility
from approvals.sandbox import JobDescription, run_measurement
from tests.approvals.checks.onnx_graphs import field, graph_of, logistic, node, tensor, value

DECLARED = {"label": "y_true", "prediction": "y_pred", "score": "y_score", "features": ["amount", "purpose"]}
LIMITS = {"max_score_difference": 1e-5, "max_different_decisions": 0}
ROWS = 120


def rows():
    drawn = np.random.default_rng(1)
    whole = np.empty((ROWS, 2), dtype=object)
    whole[:, 0] = drawn.integers(100, 900, ROWS).astype(float)
    whole[:, 1] = drawn.choice(["car", "house", "other"], ROWS)
    return whole, (whole[:, 0].astype(float) + 200 * (whole[:, 1] == "house") > 500).astype(int)


@pytest.fixture(scope="module")
def model():
    features, label = rows()
    columns = ColumnTransformer([("n", StandardScaler(), [0]), ("c", OneHotEncoder(sparse_output=False), [1])])
    return Pipeline([("columns", columns), ("model", LogisticRegression(C=0.3))]).fit(features, label)


def table(scores, decisions, features=None):
    whole, label = rows()
    whole = whole if features is None else features
    lines = ["amount,purpose,y_true,y_score,y_pred"]
    lines += [
        ",".join(map(str, (*row, actual, f"{score:.6f}" if score is not None else "", decision)))
        for row, actual, score, decision in zip(whole, label, scores, decisions, strict=True)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def submitted(piece, model):
    """The model's artifact with a table of its predictions, of which some may be changed."""

    def attach(change=lambda place, score, decision: (score, decision), artifact=None, **details):
        content = artifact or skops.io.dumps(model)
        attached = piece("artifact", content, artifact_sha256="")
        features, _ = rows()
        answers = zip(model.predict_proba(features)[:, 1], model.predict(features), strict=True)
        changed = [change(place, score, decision) for place, (score, decision) in enumerate(answers)]
        found = table(*zip(*changed, strict=True))
        digest = details.pop("artifact_sha256", hashlib.sha256(content).hexdigest())
        return attached, piece("evaluation_table", found, details=DECLARED | details, artifact_sha256=digest)

    return attach


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


GAP = "largest difference between the submitted and the reproduced score"
OTHER = "rows with another decision than submitted"


def test_honest_predictions_are_reproduced(measured, judged, submitted):
    reading = measured(Reproducibility, *submitted())
    found = by_name(reading)
    assert found[GAP].value <= 5e-7
    assert found[OTHER].value == 0
    judgement = judged(Reproducibility, reading, **LIMITS)
    assert judgement.verdict == "passed"
    assert "run through artifact.file by scikit-learn" in reading.looked_at[0]


def test_one_embellished_score_and_one_turned_decision_are_found_and_shown(measured, judged, submitted):
    def embellish(place, score, decision):
        return (score + 0.2 if place == 17 else score, 1 - decision if place == 40 else decision)

    reading = measured(Reproducibility, *submitted(embellish))
    found = by_name(reading)
    assert found[GAP].value == pytest.approx(0.2, abs=1e-6)
    assert found[OTHER].value == 1
    assert [row[0] for row in reading.tables[0].rows[:2]] == [41, 18]
    assert judged(Reproducibility, reading, **LIMITS).verdict == "failed"


def test_rows_without_submitted_predictions_fail_above_the_share_allowed(measured, judged, submitted):
    reading = measured(
        Reproducibility, *submitted(lambda place, score, decision: (score, "" if place < 6 else decision))
    )
    assert by_name(reading)["share of rows left out"].value == 0.05
    assert judged(Reproducibility, reading, **LIMITS).verdict == "failed"
    assert judged(Reproducibility, reading, **LIMITS, max_left_out_share=0.05).verdict == "passed"


def test_without_thresholds_nothing_passes(measured, judged, submitted):
    assert judged(Reproducibility, measured(Reproducibility, *submitted())).verdict == "not_computable"


def test_the_order_of_the_features_matters(measured, submitted):
    with pytest.raises(CheckInputError, match="cannot be run on the declared features"):
        measured(Reproducibility, *submitted(features=["purpose", "amount"]))


@pytest.mark.parametrize(
    ("details", "why"),
    [
        ({"features": []}, "declares no features"),
        ({"features": ["amount", "y_score"]}, "the artifact would be given the answer"),
        ({"features": ["amount", "nowhere"]}, "no column “nowhere”"),
        ({"artifact_sha256": "b" * 64}, "attached for another artifact"),
    ],
)
def test_what_cannot_be_run_is_named(measured, submitted, details, why):
    with pytest.raises(Exception, match=why):
        measured(Reproducibility, *submitted(**details))


def artifact_of(estimator):
    features, label = rows()
    return skops.io.dumps(estimator.fit(features[:, :1].astype(float), label))


@pytest.mark.parametrize(
    ("artifact", "why"),
    [
        (lambda: skops.io.dumps(FunctionTransformer(func=os.path.join)), "not run, because of what the artifact scan"),
        (lambda: artifact_of(LinearRegression()), "no classifier"),
        (lambda: skops.io.dumps(StandardScaler()), "no estimator"),
        (lambda: struct.pack("<Q", 2) + b"{}", "holds no program that the portal could run"),
        (lambda: b"PK\x03\x04 cut", "holds no program"),
    ],
    ids=["foreign", "regressor", "transformer", "safetensors", "damaged"],
)
def test_an_artifact_that_may_not_or_cannot_be_run_is_named(measured, submitted, artifact, why):
    with pytest.raises(CheckInputError, match=why):
        measured(Reproducibility, *submitted(artifact=artifact()))


def test_the_limited_process_runs_a_forest(tmp_path):
    """In the child, with its limits, as a worker does."""
    features, label = rows()
    forest = RandomForestClassifier(n_estimators=20, random_state=0).fit(features[:, :1].astype(float), label)
    numbers = np.array([[value, "other"] for value in features[:, 0]], dtype=object)
    scores = forest.predict_proba(features[:, :1].astype(float))[:, 1]
    artifact, evaluation = tmp_path / "model.skops", tmp_path / "evaluation.csv"
    artifact.write_bytes(skops.io.dumps(forest))
    evaluation.write_text(table(scores, forest.predict(features[:, :1].astype(float)), numbers))

    def piece(kind, path, details, made_with):
        return Input(kind, path, path.name, hashlib.sha256(path.read_bytes()).hexdigest(), made_with, details)

    inputs = {
        "artifact": piece("artifact", artifact, {}, ""),
        "evaluation_table": piece("evaluation_table", evaluation, DECLARED | {"features": ["amount"]}, ""),
    }
    reading = run_measurement(check_key="reproducibility", job=JobDescription(inputs=inputs))
    assert by_name(reading)[OTHER].value == 0
    assert by_name(reading)[GAP].value <= 5e-7


@pytest.mark.parametrize("inputs", [(b"rows",), (b"amount", b"age")])
def test_an_onnx_artifact_is_run_as_well(measured, judged, piece, inputs):
    drawn = np.random.default_rng(3)
    numbers = np.column_stack([drawn.uniform(0, 2, ROWS), drawn.integers(18, 80, ROWS) / 10.0])
    scores = [1 / (1 + math.exp(-(a * 1.5 - b * 0.5 + 0.25))) for a, b in numbers]
    lines = ["amount,age,y_true,y_score,y_pred"]
    lines += [
        f"{a},{b},1,{score:.6f},{int(score > 0.5)}" for (a, b), score in zip(numbers.tolist(), scores, strict=True)
    ]
    artifact = piece("artifact", logistic([1.5, -0.5], 0.25, inputs), artifact_sha256="")
    details = DECLARED | {"features": ["amount", "age"]}
    evaluation = piece("evaluation_table", "\n".join(lines) + "\n", details=details, artifact_sha256=artifact.sha256)
    reading = measured(Reproducibility, artifact, evaluation)
    assert by_name(reading)[OTHER].value == 0
    assert by_name(reading)[GAP].value < 1e-5
    assert "ONNX Runtime" in reading.looked_at[0]
    assert judged(Reproducibility, reading, **LIMITS).verdict == "passed"
    other = piece("artifact", logistic([1.4, -0.5], 0.25, inputs), artifact_sha256="")
    replaced = piece("evaluation_table", "\n".join(lines) + "\n", details=details, artifact_sha256=other.sha256)
    assert judged(Reproducibility, measured(Reproducibility, other, replaced), **LIMITS).verdict == "failed"


def test_an_onnx_artifact_that_asks_for_other_columns_is_named(measured, piece):
    artifact = piece("artifact", logistic([1.0, 1.0], 0.0, (b"amount", b"height")), artifact_sha256="")
    evaluation = piece(
        "evaluation_table",
        "amount,age,y_true,y_score,y_pred\n1,2,1,0.5,1\n2,3,0,0.4,0\n",
        details=DECLARED | {"features": ["amount", "age"]},
        artifact_sha256=artifact.sha256,
    )
    with pytest.raises(CheckInputError, match="asks for height, which is no declared feature"):
        measured(Reproducibility, artifact, evaluation)


def test_decisions_of_several_classes_are_reproduced_and_have_no_score(measured, judged, piece):
    features = np.random.default_rng(2).normal(size=(90, 2))
    label = np.array(["low", "middle", "high"])[np.digitize(features[:, 0], [-0.5, 0.5])]
    forest = RandomForestClassifier(n_estimators=5, random_state=1).fit(features, label)
    content = skops.io.dumps(forest)
    called = forest.predict(features)
    lines = [f"{a!r},{b!r},{y},{p}" for (a, b), y, p in zip(features.tolist(), label, called, strict=True)]
    lines[0] = lines[0].rpartition(",")[0] + (",low" if called[0] != "low" else ",high")
    details = {"label": "y", "prediction": "p", "features": ["a", "b"], "kind": "multiclass"}
    several = piece("evaluation_table", "\n".join(["a,b,y,p", *lines]), details=details, artifact_sha256="")
    reading = measured(Reproducibility, piece("artifact", content, artifact_sha256=""), several)
    assert by_name(reading)[OTHER].value == 1
    assert judged(Reproducibility, reading, max_different_decisions=1).verdict == "passed"
    assert judged(Reproducibility, reading, max_score_difference=1.0).verdict == "not_computable"


def test_a_model_that_knows_its_columns_by_name_is_given_them_in_its_own_order(measured, piece):
    frame = pd.DataFrame(np.random.default_rng(4).normal(size=(ROWS, 2)), columns=["b", "a"])
    label = (frame["b"] > 0.2 * frame["a"]).astype(int)
    trained = LogisticRegression().fit(frame, label)
    lines = [
        f"{row.b!r},{row.a!r},{actual},{score!r},{called}"
        for row, actual, score, called in zip(
            frame.itertuples(), label, trained.predict_proba(frame)[:, 1].tolist(), trained.predict(frame), strict=True
        )
    ]
    artifact = piece("artifact", skops.io.dumps(trained), artifact_sha256="")
    content = "\n".join(["b,a,y_true,y_score,y_pred", *lines]) + "\n"
    details = DECLARED | {"features": ["a", "b"]}
    found = measured(Reproducibility, artifact, piece("evaluation_table", content, details=details, artifact_sha256=""))
    assert (by_name(found)[GAP].value, by_name(found)[OTHER].value) == (pytest.approx(0, abs=1e-12), 0)
    assert "The artifact was given the columns b, a in this order." in found.looked_at


class TestOddGraphs:
    """ONNX graphs of sigmoid(a - b) with something odd about what they take or give."""

    SCORE = (node(b"MatMul", [b"rows", b"w"], b"logit"), node(b"Sigmoid", [b"logit"], b"score"))
    WEIGHTS = tensor(b"w", [1.0, -1.0], 2, 1)

    @pytest.fixture
    def look(self, measured, judged, piece):
        def run(nodes, outputs, cells=((1, 2), (3, 1), (2, 2)), score=None, *, whole=False):
            cast = node(b"Cast", [b"whole"], b"rows", field(1, b"to") + field(3, 1) + field(20, 2))
            taken = value(b"whole", 6, 0, 2) if whole else value(b"rows", 1, 0, 2)
            made = graph_of([*[cast] * whole, *self.SCORE, *nodes], [self.WEIGHTS], 2, outputs, taken)
            artifact = piece("artifact", made, artifact_sha256="")
            said = [1 / (1 + math.exp(b - a)) if score is None else score for a, b in cells]
            lines = [f"{a},{b},1,{each!r},1" for (a, b), each in zip(cells, said, strict=True)]
            content = "\n".join(["amount,age,y_true,y_score,y_pred", *lines]) + "\n"
            details = DECLARED | {"features": ["amount", "age"]}
            evaluation = piece("evaluation_table", content, details=details, artifact_sha256="")
            reading = measured(Reproducibility, artifact, evaluation)
            return judged(Reproducibility, reading, max_score_difference=1e-5), reading

        return run

    def test_the_output_that_can_be_a_score_is_taken_and_named(self, look):
        judgement, reading = look([], [value(b"logit", 1, 0, 1), value(b"score", 1, 0, 1)], cells=((1, 2), (5, 1)))
        assert judgement.verdict == "passed", judgement.sentences
        assert "Of its outputs that could be it, score was compared." in reading.looked_at

    @pytest.mark.parametrize(
        ("last", "rows"),
        [
            (node(b"ReduceMean", [b"score"], b"one"), 1),
            (node(b"Concat", [b"score"] * 2, b"one", field(1, b"axis") + field(3, 0) + field(20, 2)), 6),
        ],
    )
    def test_answers_that_are_not_one_for_each_row_are_never_compared(self, look, last, rows):
        judgement, _ = look([last], [value(b"one", 1, rows, 1)], score=0.5, cells=((1, 1), (2, 2), (3, 3)))
        assert judgement.verdict == "not_computable", rows

    def test_an_artifact_of_whole_numbers_is_given_nothing_else(self, look):
        outputs = [value(b"score", 1, 0, 1)]
        assert look([], outputs, whole=True)[0].verdict == "passed"
        for cell in ("1.5", "", "3000000000"):
            with pytest.raises(CheckInputError, match="missing, not whole or too large"):
                look([], outputs, cells=((1, 2), (float(cell or "nan"), 1)), score=0.5, whole=True)

    def test_a_difference_in_the_seventh_digit_is_seen(self, look):
        _, reading = look([], [value(b"score", 1, 0, 1)], cells=((1, 1),), score=0.5000002)
        assert reading.tables[0].rows[0][1:3] == ("0.50000020", "0.50000000")
