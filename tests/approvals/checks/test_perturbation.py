"""Decisions on slightly changed rows, with real skops artifacts."""

import hashlib

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from approvals.checks._noise import ALL
from approvals.checks._perturbed_numbers import MOVE, MOVE_BY_ONE, RISE
from approvals.checks.base import CheckInputError, ParameterError
from approvals.checks.perturbation import CHANGED, CHANGED_BY_ONE, LOSS, SCORE_CHANGE, Perturbation

DECLARED = {"label": "y_true", "prediction": "y_pred", "features": ["amount", "age", "purpose"]}
ROWS = 300


def rows():
    drawn = np.random.default_rng(1)
    whole = np.empty((ROWS, 3), dtype=object)
    whole[:, 0] = drawn.normal(500, 100, ROWS).round(2)
    whole[:, 1] = drawn.integers(18, 80, ROWS).astype(float)
    whole[:, 2] = drawn.choice(["car", "house"], ROWS)
    return whole, (whole[:, 0].astype(float) > 500).astype(int)


@pytest.fixture(scope="module")
def steady():
    features, label = rows()
    columns = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(sparse_output=False), [2])])
    return Pipeline([("columns", columns), ("model", LogisticRegression())]).fit(features, label)


@pytest.fixture(scope="module")
def nervous():
    """Learns every row by heart, by the last digits of the amount."""
    features, _ = rows()
    label = (features[:, 0].astype(float) * 100 % 2).astype(int)
    columns = ColumnTransformer([("n", "passthrough", [0])])
    return Pipeline([("columns", columns), ("model", DecisionTreeClassifier(random_state=0))]).fit(features, label)


@pytest.fixture
def inputs(piece):
    def attach(model, label=None, **details):
        content = skops.io.dumps(model)
        features, actual = rows()
        lines = ["amount,age,purpose,y_true,y_pred"]
        for row, truth in zip(features, actual if label is None else label, strict=True):
            lines.append(",".join(map(str, (*row, truth, 1))))
        artifact = piece("artifact", content, artifact_sha256="")
        digest = hashlib.sha256(content).hexdigest()
        table = "\n".join(lines) + "\n"
        return artifact, piece("evaluation_table", table, details=DECLARED | details, artifact_sha256=digest)

    return attach


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


def test_a_steady_model_keeps_its_decisions(measured, judged, inputs, steady):
    reading = measured(Perturbation, *inputs(steady), noise=0.01)
    found = by_name(reading)
    assert found[CHANGED].value < 0.03
    assert found[CHANGED].n == ROWS * 5
    assert found[CHANGED].low is not None
    assert found[SCORE_CHANGE].value < 0.02
    assert abs(found[LOSS].value) < 0.03
    assert judged(Perturbation, reading, max_changed_share=0.03, max_accuracy_loss=0.05).verdict == "passed"
    assert judged(Perturbation, reading).verdict == "not_computable"


def test_a_nervous_model_fails_and_the_feature_is_named(measured, judged, inputs, nervous):
    reading = measured(Perturbation, *inputs(nervous), noise=0.01)
    found = by_name(reading)
    assert found[CHANGED_BY_ONE].value > 0.2
    assert found[CHANGED_BY_ONE].method.startswith("amount")
    assert [row[0] for row in reading.tables[0].rows][:2] == [ALL, "amount"]
    assert {row[1] for row in reading.tables[0].rows if row[0] in {"age", "purpose"}} == {"0.000"}
    judgement = judged(Perturbation, reading, max_changed_share_of_one_feature=0.1)
    assert judgement.verdict == "failed"


def test_the_same_seed_gives_the_same_reading(measured, inputs, steady):
    pieces = inputs(steady)
    assert measured(Perturbation, *pieces, max_rows=50) == measured(Perturbation, *pieces, max_rows=50)


def test_labels_that_are_missing_give_no_loss(measured, inputs, steady):
    found = by_name(measured(Perturbation, *inputs(steady, label=[""] * ROWS)))
    assert not found[LOSS].computable
    assert found[CHANGED].computable


@pytest.mark.parametrize("asked", [{"noise": 0.0}, {"noise": 2.0}, {"repeats": 0}, {"max_rows": 0}])
def test_settings_that_change_nothing_are_refused(measured, inputs, steady, asked):
    with pytest.raises((CheckInputError, ParameterError), match="noise must be"):
        measured(Perturbation, *inputs(steady), **asked)


def test_a_table_without_features_is_refused(measured, inputs, steady):
    with pytest.raises(CheckInputError, match="declares no features"):
        measured(Perturbation, *inputs(steady, features=[]))


@pytest.fixture
def regression(piece):
    """A linear regression of the amount and the age, as a table of numbers with its artifact."""
    features, _ = rows()
    whole = features[:, :2].astype(float)
    labels = 2.0 * whole[:, 0] - whole[:, 1] + np.random.default_rng(3).normal(0, 5, ROWS)
    model = LinearRegression().fit(whole, labels)
    content = skops.io.dumps(model)
    lines = [f"{a},{b},{y},{y}" for (a, b), y in zip(whole.tolist(), labels.tolist(), strict=True)]
    details = {"label": "y_true", "prediction": "y_pred", "features": ["amount", "age"], "kind": "regression"}
    table = "\n".join(["amount,age,y_true,y_pred", *lines]) + "\n"
    return piece("artifact", content, artifact_sha256=""), piece(
        "evaluation_table", table, details=details, artifact_sha256=hashlib.sha256(content).hexdigest()
    )


def test_numbers_move_with_what_they_depend_on(measured, judged, regression):
    reading = measured(Perturbation, *regression, noise=0.05, repeats=20)
    found = {measure.name: measure for measure in reading.measures}
    features, _ = rows()
    # A linear model moves by its slope times the noise; the mean size of normal noise is sqrt(2 / pi) of its deviation.
    expected = 2.0 * 0.05 * float(np.std(features[:, 0].astype(float))) * float(np.sqrt(2 / np.pi))
    assert found[MOVE].value == pytest.approx(expected, rel=0.1)
    assert found[MOVE_BY_ONE].method == "amount"
    assert found[RISE].value > 0
    assert judged(Perturbation, reading, max_mean_number_change_in_deviations=0.2).verdict == "passed"
    assert judged(Perturbation, reading, max_mean_number_change=0.1).verdict == "failed"
    assert judged(Perturbation, reading, max_error_rise=0.0).verdict == "failed"
    assert judged(Perturbation, reading, max_changed_share=1.0).verdict == "not_computable"
    assert "Features: amount, age." in reading.looked_at


def test_decisions_are_nothing_that_moves(measured, judged, inputs, steady):
    reading = measured(Perturbation, *inputs(steady))
    assert judged(Perturbation, reading, max_mean_number_change=1e9).verdict == "not_computable"


@pytest.fixture
def flags(piece):
    """A model that decides by flags and small whole numbers alone; `constant` makes all of them the same."""

    def attach(*, constant=(), missing=0):
        drawn = np.random.default_rng(5)
        names = ["owner", "married", "children"]
        whole = np.column_stack([drawn.integers(0, top, ROWS) for top in (2, 2, 4)]).astype(float)
        label = (whole.sum(axis=1) >= 3).astype(int)
        content = skops.io.dumps(DecisionTreeClassifier(random_state=0).fit(whole, label))
        for place in constant:
            whole[:, place] = 1
        lines = [",".join(map(str, (*map(int, row), y, y))) for row, y in zip(whole, label.tolist(), strict=True)]
        for place in range(missing):
            lines[place] = ",".join([*lines[place].split(",")[:3], "", "1"])
        table = "\n".join([",".join([*names, "y_true", "y_pred"]), *lines]) + "\n"
        details = DECLARED | {"features": names}
        return piece("artifact", content, artifact_sha256=""), piece(
            "evaluation_table", table, details=details, artifact_sha256=hashlib.sha256(content).hexdigest()
        )

    return attach


def test_whole_numbers_that_little_noise_does_not_move_are_replaced(measured, judged, flags):
    """Noise of 5 % of the deviation of a 0 or 1 rounds to nothing; a pass would be of rows that nobody changed."""
    reading = measured(Perturbation, *flags())
    found = by_name(reading)
    assert 0.01 < found[CHANGED_BY_ONE].value < found[CHANGED].value < 0.15
    assert judged(Perturbation, reading, max_changed_share=0.01).verdict == "failed"
    assert reading.not_looked_at == ("Changes that somebody makes on purpose, and features that only change together.",)


def test_the_interval_is_that_of_rows_however_often_each_is_changed(measured, flags):
    """A row near the border changes again and again; five changes of it are no five rows."""
    pieces = flags()
    widths = []
    for repeats in (1, 20):
        found = by_name(measured(Perturbation, *pieces, repeats=repeats))[CHANGED]
        widths.append((found.high - found.low) / np.sqrt(found.value))
    assert widths[1] == pytest.approx(widths[0], rel=0.2)


def test_features_that_cannot_be_changed_are_said_and_alone_never_pass(measured, judged, flags):
    some = measured(Perturbation, *flags(constant=(0, 2)))
    assert some.not_looked_at[0].endswith("alike or too few: owner, children.")
    assert by_name(some)[CHANGED_BY_ONE].method.startswith("married")
    none = measured(Perturbation, *flags(constant=(0, 1, 2)))
    for limit in ("max_changed_share", "max_changed_share_of_one_feature", "max_mean_score_change"):
        judgement = judged(Perturbation, none, **{limit: 1.0})
        assert judgement.verdict == "not_computable"
        assert "no feature was changed anywhere" in judgement.sentences[0]


def test_rows_without_label_count_where_accuracy_is_asked(measured, judged, flags):
    reading = measured(Perturbation, *flags(missing=30))
    assert by_name(reading)[LOSS].n == (ROWS - 30) * 5
    assert judged(Perturbation, reading, max_accuracy_loss=1.0).verdict == "failed"
    assert judged(Perturbation, reading, max_accuracy_loss=1.0, max_left_out_share=0.1).verdict == "passed"
    assert judged(Perturbation, reading, max_changed_share=1.0).verdict == "passed"
