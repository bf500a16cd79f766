"""Trains the demo's models when the demo is seeded: real models on public data, the same for the same seed.

No number is written down here: the ones that decide are measured later, by the portal, on the frozen scores of the
held-out rows. README.md says how the outcome depends on the seed.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from portal.management.demo.applications import (
    CATEGORIES,
    NUMBERS,
    TABLE,
    Floats,
    Row,
    applications,
    as_csv,
    matrix,
    sha256,
    split,
    with_columns,
)
from portal.management.demo.artifacts import freeze

SEED = 2012
"""The year of the paper on reweighing. One of many splits on which the story holds, and not all do: see README.md."""
LOSS_OF_A_BAD_LOAN, LOSS_OF_A_REFUSED_GOOD_ONE = 2, 1
APPROVE_AT = LOSS_OF_A_BAD_LOAN / (LOSS_OF_A_BAD_LOAN + LOSS_OF_A_REFUSED_GOOD_ONE)
"""Approve when the expected loss of approving is at most that of refusing: P(repaid) at or above 2/3, for everybody."""
LARGE_AMOUNT = 2000
GROUPS = ("sex", "age_group")
CODE = ("applications.py", "artifacts.py", "training.py")


@dataclass(frozen=True)
class Recipe:
    """How one model is made: what it looks at, what it predicts, how it decides, and what its tables show."""

    name: str
    algorithm: str
    estimator: Callable[[], Any]
    hyperparameters: Mapping[str, Any]
    features: tuple[str, ...]
    target: str
    label: Callable[[Row], int]
    decision: str
    threshold: float
    shown: tuple[str, ...]
    favourable: int = 1
    reweigh: bool = False
    claims_on: str = "held-out rows"


@dataclass(frozen=True)
class TrainedModel:
    """A frozen model with everything a submitter hands in about it; `declaration` goes with the evaluation table."""

    name: str
    artifact: bytes
    artifact_name: str
    training_record: dict[str, Any]
    evaluation_csv: bytes
    training_csv: bytes
    claims: dict[str, float]
    declaration: dict[str, Any]
    features: tuple[str, ...]

    @property
    def code_revision(self) -> str:
        """SHA-256 of the code that trained the model."""
        return str(self.training_record["code_revision"])

    @property
    def training_record_json(self) -> bytes:
        """The training record as the file that is attached."""
        return (json.dumps(self.training_record, indent=2, ensure_ascii=False) + "\n").encode()


def _linear() -> Any:
    return LogisticRegression(max_iter=1000)


def _neighbours() -> Any:
    # Brute force, because a search tree is a compiled type that cannot be frozen without pickle.
    return KNeighborsClassifier(n_neighbors=5, algorithm="brute")


def _repaid(row: Row) -> int:
    return int(row["y_true"])


def _not_repaid(row: Row) -> int:
    return 1 - int(row["y_true"])


def _large(row: Row) -> int:
    return int(int(row["amount"]) > LARGE_AMOUNT)


_LOGISTIC = "Logistic regression on standardised numbers and one-hot categories"
_APPLICANT = ("id", "sex", "age", "age_group")
_CREDIT = (*_APPLICANT, "foreign_worker", "duration", "amount", "status", "purpose")
_LINEAR_SETTINGS = {"C": 1.0, "regularisation": "l2", "solver": "lbfgs", "max_iter": 1000}

FIRST = Recipe(
    name="consumer-credit-score",
    algorithm=_LOGISTIC,
    estimator=_linear,
    hyperparameters=_LINEAR_SETTINGS,
    features=("age", "duration", "amount", "status", "purpose"),
    target="The loan was repaid (1) or not (0).",
    label=_repaid,
    decision="Approve when the score is at least 2/3: a loan that is not repaid is taken to cost twice what is lost by "
    "refusing one that would have been repaid. One threshold for everybody.",
    threshold=APPROVE_AT,
    shown=_CREDIT,
)
MITIGATED = Recipe(
    name="consumer-credit-score",
    algorithm=f"{_LOGISTIC}, training rows reweighed by age group and outcome",
    estimator=_linear,
    hyperparameters=_LINEAR_SETTINGS,
    features=("duration", "amount", "status", "purpose"),
    target=FIRST.target,
    label=_repaid,
    decision=FIRST.decision,
    threshold=APPROVE_AT,
    shown=_CREDIT,
    reweigh=True,
)
EARLY_WARNING = Recipe(
    name="credit-limit-early-warning",
    algorithm="Five nearest neighbours on standardised numbers",
    estimator=_neighbours,
    hyperparameters={"n_neighbors": 5, "weights": "uniform", "algorithm": "brute", "metric": "euclidean"},
    features=("duration", "amount"),
    target="The loan was not repaid (1) or was (0).",
    label=_not_repaid,
    decision="Warn, and freeze the credit limit, when the score is at least 1/2.",
    threshold=0.5,
    shown=(*_APPLICANT, "duration", "amount"),
    favourable=0,
    claims_on="training rows",
)
CAMPAIGN = Recipe(
    name="campaign-letter-larger-loan",
    algorithm=_LOGISTIC,
    estimator=_linear,
    hyperparameters=_LINEAR_SETTINGS,
    features=("duration", "purpose"),
    target=f"The customer asked for more than {LARGE_AMOUNT} DM (1) or not (0).",
    label=_large,
    decision="Send the letter about larger loans when the score is at least 0.4, else the standard letter.",
    threshold=0.4,
    shown=(*_APPLICANT, "duration", "purpose"),
)
APPLICANT_PROFILE = Recipe(
    name="pre-screening-by-applicant-profile",
    algorithm=_LOGISTIC,
    estimator=_linear,
    hyperparameters=_LINEAR_SETTINGS,
    features=("age", "sex", "foreign_worker"),
    target=FIRST.target,
    label=_repaid,
    decision="Invite to the short online application when the score is at least 2/3, else send to a branch.",
    threshold=APPROVE_AT,
    shown=(*_APPLICANT, "foreign_worker"),
)


@lru_cache(maxsize=2)
def train_first(seed: int = SEED) -> TrainedModel:
    """The credit score as first submitted: age is a feature, and nothing is done about groups."""
    return train(FIRST, seed=seed)


@lru_cache(maxsize=2)
def train_mitigated(seed: int = SEED) -> TrainedModel:
    """The same score after mitigation: age is no feature, and training rows are reweighed by age group and outcome."""
    return train(MITIGATED, seed=seed)


def train_early_warning(seed: int = SEED) -> TrainedModel:
    """A model that learns two numbers by heart; its submitter claims what he measured on the training rows."""
    return train(EARLY_WARNING, seed=seed)


def train_campaign(seed: int = SEED) -> TrainedModel:
    """Who is likely to ask for a larger loan, so that the right letter is sent."""
    return train(CAMPAIGN, seed=seed)


def train_applicant_profile(seed: int = SEED) -> TrainedModel:
    """Who is invited to apply, judged by who they are: the model that should be rejected."""
    return train(APPLICANT_PROFILE, seed=seed)


def train(recipe: Recipe, *, seed: int) -> TrainedModel:
    """Train on one half of the applications, score the other half, and freeze the model, its record and its tables."""
    halves = split(seed)
    training = _labelled(halves.training, recipe)
    held_out = _labelled(halves.held_out, recipe)
    weights = reweighing(training) if recipe.reweigh else None
    model = _fitted(recipe, training, weights)
    artifact = freeze(model)
    scored = score(model, held_out, recipe.features)
    training_csv = _training_table(recipe, training, weights)
    evaluation_csv = as_csv(scored, (*recipe.shown, "y_true", "y_score", "y_pred"))
    claimed_on = scored if recipe.claims_on == "held-out rows" else score(model, training, recipe.features)
    claims = _claims(claimed_on)
    tables = {"training": (training, training_csv), "held_out": (held_out, evaluation_csv)}
    return TrainedModel(
        name=recipe.name,
        artifact=artifact,
        artifact_name=f"{recipe.name}.skops",
        training_record=_record(recipe, seed, artifact, tables, weights),
        evaluation_csv=evaluation_csv,
        training_csv=training_csv,
        claims=claims,
        declaration=_declaration(recipe, claims),
        features=recipe.features,
    )


def _labelled(rows: Sequence[Row], recipe: Recipe) -> tuple[Row, ...]:
    return with_columns(rows, y_true=[recipe.label(row) for row in rows])


def _labels(rows: Sequence[Row]) -> Floats:
    return np.array([float(row["y_true"]) for row in rows])


def reweighing(rows: Sequence[Row]) -> Floats:
    """Weight per row, P(age group) P(outcome) / P(age group, outcome), after Kamiran and Calders (2012), algorithm 3.

    With these weights the outcome is independent of the age group in the training rows, so the model cannot learn the
    group's average; it stays free to learn from what applicants of every age have in common.
    """
    groups = np.array([row["age_group"] for row in rows])
    labels = _labels(rows)
    weights = np.ones(len(rows))
    for group in np.unique(groups):
        for label in np.unique(labels):
            cell = (groups == group) & (labels == label)
            weights[cell] = np.mean(groups == group) * np.mean(labels == label) / np.mean(cell)
    return weights


def _fitted(recipe: Recipe, rows: Sequence[Row], weights: Floats | None) -> Any:
    """The fitted model with its threshold inside, so that the artifact decides and does not only score."""
    numbers = [place for place, name in enumerate(recipe.features) if name in NUMBERS]
    categories = [place for place, name in enumerate(recipe.features) if name not in NUMBERS]
    levels = [np.array(CATEGORIES[recipe.features[place]], dtype=object) for place in categories]
    columns: list[tuple[str, Any, list[int]]] = [("numbers", StandardScaler(), numbers)]
    if categories:
        columns.append(("categories", OneHotEncoder(categories=levels, sparse_output=False), categories))
    pipeline = Pipeline([("columns", ColumnTransformer(columns)), ("model", recipe.estimator())])
    features, labels = matrix(rows, recipe.features), _labels(rows).astype(np.int64)
    pipeline.fit(features, labels, **({} if weights is None else {"model__sample_weight": weights}))
    decided = FixedThresholdClassifier(
        FrozenEstimator(pipeline), threshold=recipe.threshold, response_method="predict_proba"
    )
    return decided.fit(features, labels)


def score(model: Any, rows: Sequence[Row], features: Sequence[str]) -> tuple[Row, ...]:
    """The rows with the model's score for 1, in millionths, and its decision."""
    values = matrix(rows, features)
    # Which of two equally near neighbours counts depends on the number of threads; the portal scores again with one.
    with threadpool_limits(limits=1):
        scores = [f"{value:.6f}" for value in model.predict_proba(values)[:, 1]]
        decisions = [int(value) for value in model.predict(values)]
    return with_columns(rows, y_score=scores, y_pred=decisions)


def _training_table(recipe: Recipe, rows: Sequence[Row], weights: Floats | None) -> bytes:
    if weights is None:
        return as_csv(rows, (*recipe.shown, "y_true"))
    weighed = with_columns(rows, sample_weight=[f"{weight:.6f}" for weight in weights])
    return as_csv(weighed, (*recipe.shown, "y_true", "sample_weight"))


def _claims(rows: Sequence[Row]) -> dict[str, float]:
    labels = _labels(rows)
    scores = np.array([float(row["y_score"]) for row in rows])
    decisions = np.array([float(row["y_pred"]) for row in rows])
    measured = {
        "accuracy": accuracy_score(labels, decisions),
        "balanced_accuracy": balanced_accuracy_score(labels, decisions),
        "roc_auc": roc_auc_score(labels, scores),
        "brier": brier_score_loss(labels, scores),
        "log_loss": log_loss(labels, scores),
    }
    return {name: round(float(value), 3) for name, value in measured.items()}


def _declaration(recipe: Recipe, claims: Mapping[str, float]) -> dict[str, Any]:
    return {
        "label": "y_true",
        "prediction": "y_pred",
        "score": "y_score",
        "key": ["id"],
        "groups": list(GROUPS),
        "features": list(recipe.features),
        "favourable": recipe.favourable,
        "claims": dict(claims),
    }


def _record(
    recipe: Recipe,
    seed: int,
    artifact: bytes,
    tables: Mapping[str, tuple[Sequence[Row], bytes]],
    weights: Floats | None,
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "algorithm": recipe.algorithm,
        "hyperparameters": {**recipe.hyperparameters, "decision_threshold": round(recipe.threshold, 6)},
        "features": list(recipe.features),
        "target": recipe.target,
        "decision": recipe.decision,
        "seed": seed,
        "split": "Half and half, stratified by outcome, age group and sex; the seed draws the split and nothing else.",
        "data_set_sha256": sha256(TABLE.read_bytes()),
        "data_set_rows": len(applications()),
        "code_revision": code_revision(),
        "code_files": [f"portal/management/demo/{name}" for name in CODE],
        "artifact_sha256": sha256(artifact),
        "artifact_format": "skops archive; input columns in the order of “features”, one row per application",
        "claims_measured_on": recipe.claims_on,
        "libraries": {name: metadata.version(name) for name in ("scikit-learn", "numpy", "scipy", "skops")},
        "python": platform.python_version(),
    }
    for name, (rows, table) in tables.items():
        record[f"{name}_rows"] = len(rows)
        record[f"{name}_table_sha256"] = sha256(table)
    if weights is not None:
        record["mitigation"] = _mitigation(tables["training"][0], weights)
    return record


def _mitigation(rows: Sequence[Row], weights: Floats) -> dict[str, Any]:
    cells: dict[tuple[str, str], list[float]] = {}
    for row, weight in zip(rows, weights, strict=True):
        cells.setdefault((row["age_group"], row["y_true"]), []).append(float(weight))
    return {
        "removed_features": ["age"],
        "method": "Reweighing of the training rows (Kamiran and Calders 2012): P(group) P(outcome) / P(group, outcome)",
        "groups": "age_group",
        "weights": [
            {"age_group": group, "y_true": int(label), "rows": len(found), "weight": round(found[0], 6)}
            for (group, label), found in sorted(cells.items())
        ],
        "unchanged": "Seed, split, held-out rows, hyperparameters and the decision threshold.",
    }


def code_revision() -> str:
    """SHA-256 of the files that make the models, in the order in which the training record names them."""
    folder = Path(__file__).parent
    return sha256(b"".join((folder / name).read_bytes() for name in CODE))
