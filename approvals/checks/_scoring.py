"""Runs an artifact on rows, after its file was found to hold nothing but known types and operators.

Only the child process of a check calls this: it has little memory, no network and nothing to read but its inputs.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._kept_bounds import kept_bounds
from approvals.checks.base import CheckInputError
from approvals.measures.labels import same_value, value_text

Columns = Mapping[str, NDArray[Any]]
CLASSES = 2
ONNX_NUMBERS: dict[str, type[np.generic]] = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True)
class Wanted:
    """What the artifact is to predict: one of two classes, one of several with these names, or a number."""

    numbers: bool = False
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """What an artifact says about rows: scores of the positive class, decisions as text; None: it gives none.

    `class_scores` is [rows, classes] in the order of the classes that were wanted, NaN for one that it does not know;
    `numbers` is what it predicts where numbers are wanted.
    """

    scores: NDArray[Any] | None
    decisions: list[str] | None
    class_scores: NDArray[np.float64] | None = None
    numbers: NDArray[np.float64] | None = None


class Scorer(ABC):
    """A loaded artifact."""

    program: str
    """Library and version that ran it."""
    taken: str = ""
    """The output that was taken as the score, if there are several that could be."""

    def order(self, features: Sequence[str]) -> tuple[str, ...]:
        """In which order the declared features are given: the artifact's own, if it names just these."""
        return tuple(features)

    @abstractmethod
    def score(self, columns: Columns, rows: int) -> Scored:
        """Scores and decisions of rows given as columns in the declared order."""


class SkopsScorer(Scorer):
    """A scikit-learn estimator. It is given the declared features as the columns of one matrix.

    Their order is that in which it was trained, if it names just these; else that of the declaration.
    """

    def __init__(self, path: Path, trusted: Sequence[str], wanted: Wanted) -> None:
        # Loading scikit-learn takes a second, and only this check needs it.
        import sklearn  # noqa: PLC0415
        import skops.io  # noqa: PLC0415

        unknown = [name for name in skops.io.get_untrusted_types(file=path) if name not in trusted]
        if unknown:
            raise CheckInputError(f"The artifact holds {unknown[0]}, which is not loaded here.")
        self._model = skops.io.load(path, trusted=[*skops.io.get_untrusted_types(file=path)])
        self.program = f"scikit-learn {sklearn.__version__}"
        if not callable(getattr(self._model, "predict", None)):
            raise CheckInputError("The artifact is no estimator: it has no predict.")
        classes = getattr(self._model, "classes_", ())
        if wanted.numbers and len(classes):
            raise CheckInputError("The artifact is a classifier, but the table is declared as one of numbers.")
        if not wanted.numbers and len(classes) == 0:
            raise CheckInputError("The artifact is no classifier, but the table is declared as one of classes.")
        self._wanted, self._classes = wanted, [_plain(name) for name in classes]

    def order(self, features: Sequence[str]) -> tuple[str, ...]:
        names = [str(name) for name in getattr(self._model, "feature_names_in_", ())]
        return tuple(names) if sorted(names) == sorted(features) else tuple(features)

    def score(self, columns: Columns, rows: int) -> Scored:
        with warnings.catch_warnings(), kept_bounds():
            # That the matrix has no names: they were brought into order here.
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            return self._scored(_matrix({name: columns[name] for name in self.order(tuple(columns))}, rows), rows)

    def _scored(self, matrix: NDArray[Any], rows: int) -> Scored:
        answers = np.asarray(self._model.predict(matrix))
        if self._wanted.numbers:
            return Scored(None, None, numbers=_one_number(answers, rows))
        decided = [value_text(value) or "" for value in answers.tolist()]
        if not hasattr(self._model, "predict_proba"):
            return Scored(None, decided)
        if self._wanted.classes:
            named = {value_text(name) or "": place for place, name in enumerate(self._classes)}
            found = np.asarray(self._model.predict_proba(matrix), dtype=np.float64)
            return Scored(None, decided, class_scores=_in_order(found, named, self._wanted.classes))
        positive = [place for place, name in enumerate(self._classes) if same_value(name, 1)]
        if len(self._classes) != CLASSES or len(positive) != 1:
            return Scored(None, decided)
        return Scored(np.asarray(self._model.predict_proba(matrix), dtype=np.float64)[:, positive[0]], decided)


class OnnxScorer(Scorer):
    """An ONNX graph: one matrix of the declared features, or one input for each of them by name."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self._wanted = wanted
        self._score_output = ""
        import onnxruntime  # noqa: PLC0415  (a large library that only this check needs)

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise CheckInputError(f"ONNX Runtime does not load the artifact: {str(error)[:300]}") from error
        self.program = f"ONNX Runtime {onnxruntime.__version__}"

    def score(self, columns: Columns, rows: int) -> Scored:
        try:
            answers = self._session.run(None, self._inputs(columns, rows))
        except CheckInputError:
            raise
        except Exception as error:
            raise CheckInputError(f"ONNX Runtime cannot run the artifact on the rows: {str(error)[:300]}") from error
        named = dict(zip((piece.name for piece in self._session.get_outputs()), answers, strict=True))
        # What has another number of rows, such as a loss, speaks of no row.
        named = {name: answer for name, answer in named.items() if _length(answer) == rows}
        if self._wanted.numbers:
            numbers = {name: answer for name, answer in named.items() if _is_number_each(answer, rows)}
            if not numbers:
                raise CheckInputError("The artifact gives no number for each row, and the table is one of numbers.")
            self._take(tuple(numbers), next(iter(numbers)))
            return Scored(None, None, numbers=_one_number(next(iter(numbers.values())), rows))
        labels = [texts for answer in named.values() if (texts := _labels(answer, rows)) is not None]
        decided = labels[0] if labels else None
        if self._wanted.classes:
            of_classes = [
                found for one in named.values() if (found := _by_class(one, self._wanted.classes)) is not None
            ]
            return Scored(None, decided, of_classes[0] if of_classes else None)
        scores = {name: found for name, one in named.items() if (found := _probabilities(one)) is not None}
        if scores and self._score_output not in scores:
            self._score_output = _most_like_probabilities(scores)
            self._take(tuple(scores), self._score_output)
        return Scored(scores[self._score_output] if scores else None, decided)

    def _take(self, among: tuple[str, ...], name: str) -> None:
        self.taken = name if len(among) > 1 else ""

    def _inputs(self, columns: Columns, rows: int) -> dict[str, Any]:
        wanted = {piece.name: piece.type for piece in self._session.get_inputs()}
        if wanted.keys() <= columns.keys():
            return {name: _typed(columns[name], kind, name).reshape(-1, 1) for name, kind in wanted.items()}
        if len(wanted) == 1:
            [(name, kind)] = wanted.items()
            return {name: _typed(_matrix(columns, rows), kind, name)}
        missing = ", ".join(name for name in wanted if name not in columns)
        raise CheckInputError(f"The artifact asks for {missing}, which is no declared feature of the table.")


def _typed(values: NDArray[Any], kind: str, name: str) -> NDArray[Any]:
    if kind == "tensor(string)":
        texts: NDArray[Any] = np.frompyfunc(lambda item: value_text(_plain(item)) or "", 1, 1)(values).astype(str)
        return texts
    if kind not in ONNX_NUMBERS:
        raise CheckInputError(f"The input {name} of the artifact is a {kind}, which no column of a table is.")
    try:
        given = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise CheckInputError(f"The input {name} of the artifact wants numbers, and the table has texts.") from error
    with np.errstate(invalid="ignore", over="ignore"):
        numbers: NDArray[Any] = given.astype(ONNX_NUMBERS[kind])
        kept = numbers.astype(np.float64) == given
    if numbers.dtype.kind != "f" and not kept.all():
        raise CheckInputError(
            f"The input {name} of the artifact is a {kind}, and the table has values for it that are missing, not "
            "whole or too large, so the artifact would be given something else."
        )
    return numbers


def _length(answer: Any) -> int:
    """For how many rows an output speaks; -1 for one number for all of them."""
    return len(answer) if isinstance(answer, list) or np.ndim(answer) else -1


def _most_like_probabilities(found: Mapping[str, NDArray[Any]]) -> str:
    """The first output within 0 and 1 that is more than decisions, else the first within, else the first."""
    within = [name for name, values in found.items() if not np.any((values < 0) | (values > 1))]
    more = [name for name in within if np.any((found[name] > 0) & (found[name] < 1))]
    return (more or within or list(found))[0]


def _matrix(columns: Columns, rows: int) -> NDArray[Any]:
    """The columns side by side: numbers if all are, else objects."""
    kinds = {column.dtype.kind for column in columns.values()}
    whole = np.empty((rows, len(columns)), dtype=np.float64 if kinds <= {"f"} else object)
    for place, column in enumerate(columns.values()):
        whole[:, place] = column
    return whole


def _probabilities(answer: Any) -> NDArray[Any] | None:
    """The positive class of an output of scores: pairs, one number each, or a list of classes with theirs."""
    if isinstance(answer, list):
        return np.array([_of_positive(item) for item in answer], dtype=np.float64)
    values = np.asarray(answer)
    if values.dtype.kind != "f":
        return None
    if values.ndim == CLASSES and values.shape[1] == CLASSES:
        return values[:, 1].astype(np.float64)
    return values.reshape(-1).astype(np.float64) if values.size == len(values) else None


def _by_class(answer: Any, classes: Sequence[str]) -> NDArray[np.float64] | None:
    """The score of each class: from lists of classes with theirs, or from a column for each class in their order.

    A column has no name; they are taken in the order in which scikit-learn sorts classes. In another order the scores
    differ from those submitted, which is found.
    """
    if isinstance(answer, list):
        rows = [{value_text(_plain(name)) or "": float(score) for name, score in dict(item).items()} for item in answer]
        keys = [_among(rows[0] if rows else (), name) for name in classes]
        return np.array([[row.get(key, np.nan) for key in keys] for row in rows], dtype=np.float64)
    values = np.asarray(answer)
    if values.dtype.kind != "f" or values.ndim != CLASSES or values.shape[1] != len(classes):
        return None
    named = {name: place for place, name in enumerate(sorted(classes, key=_sorting))}
    return _in_order(values.astype(np.float64), named, classes)


def _sorting(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _in_order(found: NDArray[np.float64], named: Mapping[str, int], classes: Sequence[str]) -> NDArray[np.float64]:
    """The columns of these classes, NaN for one that is not there."""
    ordered = np.full((len(found), len(classes)), np.nan)
    for place, name in enumerate(classes):
        if (known := _among(named, name)) in named:
            ordered[:, place] = found[:, named[known]]
    return ordered


def _among(names: Iterable[str], wanted: str) -> str:
    """The name that means the wanted class: “0” where the declaration writes 0.0; itself if there is none."""
    return next((name for name in names if same_value(name, wanted)), wanted)


def _is_number_each(answer: Any, rows: int) -> bool:
    return not isinstance(answer, list) and np.asarray(answer).dtype.kind == "f" and np.asarray(answer).size == rows


def _one_number(answer: Any, rows: int) -> NDArray[np.float64]:
    values = np.asarray(answer)
    if values.size != rows or values.dtype.kind not in "fiub":
        raise CheckInputError("The artifact does not predict one number for each row.")
    return values.reshape(-1).astype(np.float64)


def _of_positive(item: Any) -> float:
    return next((float(value) for name, value in dict(item).items() if same_value(_plain(name), 1)), float("nan"))


def _labels(answer: Any, rows: int) -> list[str] | None:
    values = np.asarray(answer) if not isinstance(answer, list) else np.empty(0)
    if values.dtype.kind not in "iubOSU" or values.size != rows:
        return None
    return [value_text(value) or "" for value in values.reshape(-1).tolist()]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
