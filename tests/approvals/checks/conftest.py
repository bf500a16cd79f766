"""A measuring bench for checks without the child process, and a table of people who were granted credit or not."""

import hashlib
import json
from pathlib import Path

import pytest

from approvals.checks.base import Input, Job, build

REFERENCE = Path(__file__).parents[2] / "reference"
GERMAN = {
    "label": "y_true",
    "prediction": "y_pred",
    "score": "y_score",
    "key": "id",
    "groups": ["sex", "age_group"],
    "features": ["age", "duration", "amount", "status", "purpose"],
    "favourable": 1,
}
ARTIFACT = "a" * 64


@pytest.fixture
def piece(tmp_path):
    """A piece of evidence with its digest; content is text, bytes, JSON or an existing file."""

    def attach(kind, content, *, details=None, artifact_sha256=ARTIFACT):
        path = content if isinstance(content, Path) else tmp_path / hashlib.sha256(kind.encode()).hexdigest()
        if isinstance(content, dict):
            content = json.dumps(content)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        name = f"{kind}.file" if path.parent == tmp_path else path.name
        return Input(kind, path, name, sha256, artifact_sha256, details or {})

    return attach


@pytest.fixture
def german(piece):
    """The German credit table with its committed scores, as an evaluation table."""

    def attach(**changes):
        return piece("evaluation_table", REFERENCE / "p02_german_credit.csv", details=GERMAN | changes)

    return attach


@pytest.fixture
def measured(tmp_path):
    """Measure with a check class, from a policy's own words, in this process."""

    def run(check, *pieces, facts=None, seed=1, thresholds=None, **parameters):
        work = tmp_path / "scratch"
        work.mkdir(exist_ok=True)
        job = Job(
            inputs={attached.kind: attached for attached in pieces},
            facts=facts or {},
            parameters=build(check.Parameters, parameters, owner=check.title),
            seed=seed,
            work=work,
            thresholds=None if thresholds is None else build(check.Thresholds, thresholds, owner=check.title),
        )
        return check().measure(job, lambda share, text: None)

    return run


@pytest.fixture
def judged():
    """Judge a reading by a policy's own words."""

    def run(check, reading, **thresholds):
        return check().judge(reading, build(check.Thresholds, thresholds, owner=check.title))

    return run


WINE = {
    "label": "y_true",
    "prediction": "y_pred",
    "key": "id",
    "kind": "multiclass",
    "class_scores": {"0": "p0", "1": "p1", "2": "p2"},
}
DIABETES = {"label": "y_true", "prediction": "y_pred", "key": "id", "groups": ["sex"], "kind": "regression"}


@pytest.fixture
def wine(piece):
    """Three classes of wine with a probability of each, as an evaluation table."""

    def attach(**changes):
        return piece("evaluation_table", REFERENCE / "p05_wine_multiclass.csv", details=WINE | changes)

    return attach


@pytest.fixture
def diabetes(piece):
    """The progress of diabetes as a number, as an evaluation table."""

    def attach(**changes):
        return piece("evaluation_table", REFERENCE / "p04_diabetes_regression.csv", details=DIABETES | changes)

    return attach


@pytest.fixture
def table(piece):
    """An evaluation table from lines of text, with what is declared about it."""

    def attach(header, lines, **details):
        return piece("evaluation_table", "\n".join([header, *lines]) + "\n", details=details)

    return attach
