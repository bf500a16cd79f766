"""Trains the demo's models of other kinds on data that scikit-learn ships: one predicts a number, one of ten classes.

No number is written down here: those that decide are measured later, by the portal, on rows that were held out.
"""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from portal.management.demo.applications import sha256
from portal.management.demo.artifacts import freeze
from portal.management.demo.training import TrainedModel

SEED = 2004
"""The year of the paper that made the diabetes data known; the story holds with other seeds as well."""
CODE = ("artifacts.py", "other_training.py")
BLOCK = 2
"""Side of the squares of pixels that are added up to one feature: 8 by 8 pixels become 4 by 4."""
DIGITS = tuple(str(digit) for digit in range(10))
CLINICAL = ("bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
SQUARES = tuple(f"square_{row}{column}" for row in range(1, 5) for column in range(1, 5))

Columns = dict[str, Sequence[Any]]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class PublicData:
    """A public table, as columns of text and numbers, with where it comes from."""

    name: str
    origin: str
    owner: str
    licence: str
    period: str
    columns: Columns
    features: tuple[str, ...]
    label: str
    groups: tuple[str, ...]
    steps: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.columns[self.label])

    @property
    def sha256(self) -> str:
        """Of the table as CSV with all its columns."""
        return sha256(as_csv(self.columns, range(self.rows)))


@dataclass(frozen=True)
class OtherModel:
    """A trained model of another kind with the data it was made of."""

    trained: TrainedModel
    data: PublicData


def diabetes() -> PublicData:
    """442 patients: ten measurements, and how far the disease had gone a year later."""
    found = load_diabetes(scaled=False)
    columns: Columns = {"id": range(1, len(found.target) + 1)}
    columns |= {name: found.data[:, place].tolist() for place, name in enumerate(found.feature_names)}
    columns["sex"] = [f"code_{int(value)}" for value in columns["sex"]]
    columns["age_group"] = ["under_50" if value < 50 else "50_or_over" for value in columns["age"]]
    columns["y_true"] = found.target.tolist()
    return PublicData(
        name="Diabetes data of Efron, Hastie, Johnstone and Tibshirani (2004)",
        origin="Ships with scikit-learn as load_diabetes; from “Least Angle Regression”, Annals of Statistics 32, 2004",
        owner="The authors of the paper, Stanford University",
        licence="Published with the paper without a licence of its own; scikit-learn ships it under BSD-3-Clause",
        period="Not stated; published in 2004",
        columns=columns,
        features=CLINICAL,
        label="y_true",
        groups=("sex", "age_group"),
        steps=(
            "All 442 rows and ten columns were taken over in their own units.",
            "sex keeps the two codes of the source, which does not say what they mean.",
            "age_group was derived from age: under 50, and 50 or over.",
        ),
        problems=(
            "The source does not say when, where and how patients were chosen.",
            "The measure of progression has no documented unit.",
            "The codes of sex are not documented.",
        ),
    )


def digits() -> PublicData:
    """1,797 handwritten digits as 8 by 8 grey values, here added up to 4 by 4."""
    found = load_digits()
    squares = found.images.reshape(-1, 4, BLOCK, 4, BLOCK).sum(axis=(2, 4)).reshape(-1, len(SQUARES))
    ink = squares.sum(axis=1)
    columns: Columns = {"id": range(1, len(ink) + 1)}
    columns |= {name: squares[:, place].astype(int).tolist() for place, name in enumerate(SQUARES)}
    columns["ink"] = _thirds(ink, ("light", "medium", "dark"))
    left = found.images[:, :, :4].sum(axis=(1, 2)) / ink
    columns["leaning"] = ["left" if share > 0.5 else "right" for share in left]
    columns["y_true"] = [str(digit) for digit in found.target]
    return PublicData(
        name="Optical Recognition of Handwritten Digits, test part",
        origin="Ships with scikit-learn as load_digits; UCI Machine Learning Repository, doi:10.24432/C50P49",
        owner="Ethem Alpaydin and Cenk Kaynak, Boğaziçi University, 1998",
        licence="Creative Commons Attribution 4.0 International",
        period="1998",
        columns=columns,
        features=SQUARES,
        label="y_true",
        groups=("ink", "leaning"),
        steps=(
            "All 1,797 pictures were taken over; every 2 by 2 square of pixels was added up to one feature.",
            "ink was derived from the sum of all pixels: three groups of about equal size.",
            "leaning says on which half of the picture more than half of the ink is.",
        ),
        problems=(
            "Only 13 people wrote these digits, all at one university, and nothing is recorded about them.",
            "Rows of one writer can stand on both sides of the split, because writers are not recorded.",
        ),
    )


def _thirds(values: Numbers, names: tuple[str, str, str]) -> list[str]:
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    return [names[int(value > low) + int(value > high)] for value in values]


def train_progress(seed: int = SEED) -> OtherModel:
    """How far the disease goes in a year, by ridge regression; age and sex are no features."""
    data = diabetes()
    training, held_out = _halves(data, seed, strata=[f"{s} {a}" for s, a in _zipped(data, "sex", "age_group")])
    model = Pipeline([("scale", StandardScaler()), ("model", Ridge(alpha=1.0))])
    labels = np.array(data.columns[data.label], dtype=np.float64)
    with threadpool_limits(limits=1):
        model.fit(_matrix(data, training), labels[training])
        predicted = model.predict(_matrix(data, held_out))
    shown = {"y_pred": [f"{value:.4f}" for value in predicted]}
    measured = np.array([float(value) for value in shown["y_pred"]])
    claims = {
        "rmse": root_mean_squared_error(labels[held_out], measured),
        "mae": mean_absolute_error(labels[held_out], measured),
        "r2": r2_score(labels[held_out], measured),
    }
    settings = {"alpha": 1.0, "features": "standardised by the training rows"}
    recipe = _Recipe("care-programme-demand", "Ridge regression on eight clinical measurements", settings)
    return _made(data, recipe, model, (training, held_out), shown, _rounded(claims), {"kind": "regression"}, seed)


def train_reader(seed: int = SEED) -> OtherModel:
    """Which digit is written, by multinomial logistic regression on 16 sums of pixels."""
    data = digits()
    training, held_out = _halves(data, seed, strata=list(data.columns[data.label]))
    model = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(C=1.0, max_iter=2000))])
    labels = np.array([int(label) for label in data.columns[data.label]])
    with threadpool_limits(limits=1):
        model.fit(_matrix(data, training), labels[training])
        scores = model.predict_proba(_matrix(data, held_out))
    predicted = scores.argmax(axis=1)
    shown: Columns = {"y_pred": [str(digit) for digit in predicted]}
    shown |= {f"p{digit}": [f"{value:.6f}" for value in scores[:, int(digit)]] for digit in DIGITS}
    claims = {
        "accuracy": accuracy_score(labels[held_out], predicted),
        "f1_macro": f1_score(labels[held_out], predicted, average="macro"),
    }
    declared = {"kind": "multiclass", "class_scores": {digit: f"p{digit}" for digit in DIGITS}}
    settings = {"C": 1.0, "regularisation": "l2", "solver": "lbfgs", "max_iter": 2000}
    recipe = _Recipe("deposit-slip-digit-reader", "Multinomial logistic regression on 16 sums of pixels", settings)
    return _made(data, recipe, model, (training, held_out), shown, _rounded(claims), declared, seed)


@dataclass(frozen=True)
class _Recipe:
    name: str
    algorithm: str
    hyperparameters: Mapping[str, Any]


Halves = tuple[list[int], list[int]]


def _zipped(data: PublicData, *names: str) -> Iterable[tuple[Any, ...]]:
    return zip(*(data.columns[name] for name in names), strict=True)


def _halves(data: PublicData, seed: int, *, strata: list[str]) -> Halves:
    training, held_out = train_test_split(np.arange(data.rows), test_size=0.5, random_state=seed, stratify=strata)
    return sorted(int(row) for row in training), sorted(int(row) for row in held_out)


def _matrix(data: PublicData, rows: list[int]) -> Numbers:
    return np.array([data.columns[name] for name in data.features], dtype=np.float64).T[rows]


def _rounded(claims: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 3) for name, value in claims.items()}


def as_csv(columns: Columns, rows: Iterable[int], added: Mapping[str, Sequence[Any]] | None = None) -> bytes:
    """The named rows of the columns as CSV in UTF-8; `added` columns have one value per named row."""
    more = added or {}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*columns, *more))
    for place, row in enumerate(rows):
        writer.writerow([_cell(values[row]) for values in columns.values()] + [more[name][place] for name in more])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _made(
    data: PublicData,
    recipe: _Recipe,
    model: Any,
    halves: Halves,
    shown: Mapping[str, Sequence[Any]],
    claims: dict[str, float],
    declared: Mapping[str, Any],
    seed: int,
) -> OtherModel:
    artifact = freeze(model)
    tables = {
        "training": as_csv(data.columns, halves[0]),
        "held_out": as_csv(data.columns, halves[1], shown),
    }
    record = _record(data, recipe, artifact, tables, halves, seed)
    declaration: dict[str, Any] = {
        "label": data.label,
        "prediction": "y_pred",
        "key": ["id"],
        "groups": list(data.groups),
    }
    declaration |= {"features": list(data.features), "claims": claims, **declared}
    trained = TrainedModel(
        name=recipe.name,
        artifact=artifact,
        artifact_name=f"{recipe.name}.skops",
        training_record=record,
        evaluation_csv=tables["held_out"],
        training_csv=tables["training"],
        claims=claims,
        declaration=declaration,
        features=data.features,
    )
    return OtherModel(trained, data)


def _record(
    data: PublicData,
    recipe: _Recipe,
    artifact: bytes,
    tables: Mapping[str, bytes],
    halves: Halves,
    seed: int,
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "algorithm": recipe.algorithm,
        "hyperparameters": dict(recipe.hyperparameters),
        "features": list(data.features),
        "seed": seed,
        "split": "Half and half, stratified; the seed draws the split and nothing else.",
        "data_set_sha256": data.sha256,
        "data_set_rows": data.rows,
        "code_revision": code_revision(),
        "code_files": [f"portal/management/demo/{name}" for name in CODE],
        "artifact_sha256": sha256(artifact),
        "artifact_format": "skops archive; input columns in the order of “features”",
        "claims_measured_on": "held-out rows",
        "libraries": {name: metadata.version(name) for name in ("scikit-learn", "numpy", "scipy", "skops")},
        "python": platform.python_version(),
    }
    for name, rows in zip(tables, halves, strict=True):
        record[f"{name}_rows"] = len(rows)
        record[f"{name}_table_sha256"] = sha256(tables[name])
    return record


def code_revision() -> str:
    """SHA-256 of the files that make these models, in the order in which the training record names them."""
    folder = Path(__file__).parent
    return sha256(b"".join((folder / name).read_bytes() for name in CODE))


ALL: Mapping[str, Callable[..., OtherModel]] = {"progress": train_progress, "reader": train_reader}
