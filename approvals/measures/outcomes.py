"""Label, prediction and score of each row as arrays, for measures that compare rows and not counts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.labels import Value, coded_alike, positive_level
from approvals.measures.multiclass import read_classes
from approvals.measures.row_cells import row_cells
from approvals.measures.rows import row_texts
from approvals.measures.scores import Floats
from approvals.measures.tables import Table

Booleans = NDArray[np.bool_]
WITHOUT = "without a value"
"""The slice of the rows that have none in a column."""
Codes = tuple[NDArray[np.signedinteger[Any]], tuple[str, ...]]
"""A whole number from 0 per row, of any type, -1 for a row that counts in no slice; and what each stands for."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class Outcomes:
    """One array per column, in file order. `known` marks rows that have a label and every prediction and score."""

    actual: Booleans
    predicted: Booleans
    score: Floats | None
    known: Booleans

    @property
    def correct(self) -> Booleans:
        """Whether the prediction is the label; meaningful where known."""
        return np.asarray(self.actual == self.predicted)


def outcomes(table: Table, *, label: str, prediction: str, score: str | None = None, positive: Value = 1) -> Outcomes:
    """The rows of a two-valued prediction. TableError for columns that cannot be used or are not coded alike."""
    coded_alike(label, table.levels(label), prediction, table.levels(prediction))
    actual, has_label = _positive(table, label, positive)
    predicted, has_prediction = _positive(table, prediction, positive)
    known = has_label & has_prediction
    values = None
    if score:
        values = table.numbers(score)
        known = known & np.isfinite(values)
    return Outcomes(actual, predicted, values, known)


def right_classes(table: Table, *, label: str, prediction: str) -> tuple[Booleans, Booleans]:
    """Whether the predicted class is the label, row by row, and which rows have both: for several classes.

    TableError as in `multiclass.read_classes`: too many classes, or one that is written in two ways.
    """
    read_classes(
        {(key[0], key[1]): rows for key, rows in table.counts(label, prediction).items()},
        label=label,
        prediction=prediction,
    )
    actual, called = row_texts(table, label), row_texts(table, prediction)
    place = {text: position for position, text in enumerate(actual.texts)}
    translated = np.array([*(place.get(text, -2) for text in called.texts), -1], dtype=np.int64)
    known = (actual.positions >= 0) & (called.positions >= 0)
    return np.asarray(known & (translated[called.positions] == actual.positions)), np.asarray(known)


def _positive(table: Table, column: str, positive: Value) -> tuple[Booleans, Booleans]:
    """Which rows have the positive value, and which have any."""
    chosen = positive_level(column, table.levels(column), positive)
    cell = table.cell(column)
    asked = f"SELECT COALESCE({cell} = ?, FALSE) AS found, {cell} IS NOT NULL AS present FROM t"  # noqa: S608 - c0, c1, …
    arrays = table.arrays(asked, (chosen,))
    found, present = (np.ma.filled(np.ma.asarray(arrays[name], dtype=np.bool_), False) for name in ("found", "present"))
    return np.asarray(found), np.asarray(present)


def codes(table: Table, column: str, *, quantiles: int) -> Codes:
    """A number from 0 per row and what each stands for; the last is WITHOUT, if a row has no value.

    A column of numbers with more than `quantiles` different values is cut at its quantiles, equal cuts dropped.
    """
    if table.column(column).kind == "number" and table.distinct(column) > quantiles:
        table.spare.forget()
        return _with_missing(*_binned(table.numbers(column), quantiles))
    cells, at = row_cells(table, column)
    names = sorted((cell for cell in cells if cell is not None), key=_sorting)
    place: dict[Any, int] = {name: number for number, name in enumerate(names)}
    found = np.array([place.get(cell, -1) for cell in cells], dtype=_smallest(len(names)))[at]
    return _with_missing(found, tuple(names))


def _with_missing(found: NDArray[np.signedinteger[Any]], names: tuple[str, ...]) -> Codes:
    """Rows without a value as one more value: a model may do worse just there, and nobody hides rows by blanking it."""
    missing = found < 0
    if not missing.any():
        return found, names
    found[missing] = len(names)
    return found, (*names, WITHOUT)


def _smallest(count: int) -> np.dtype[np.signedinteger[Any]]:
    """The type of whole numbers up to `count` and of -1."""
    return np.min_scalar_type(-count - 1)


def _sorting(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text


def _written(cuts: Floats) -> list[str]:
    """The cuts as texts that differ where they do: of moments as numbers, six digits are all the same."""
    texts: list[str] = []
    for digits in (6, 9, 12, 17):
        texts = [f"{cut:.{digits}g}" for cut in cuts]
        if len(set(texts)) == len(texts):
            break
    return texts


def _binned(values: Floats, quantiles: int) -> Codes:
    finite = np.isfinite(values)
    shares = np.linspace(0.0, 1.0, quantiles + 1)
    cuts = np.unique(np.quantile(values[finite], shares, overwrite_input=True)[1:-1])
    found = np.full(values.size, -1, dtype=_smallest(cuts.size + 1))
    for start in range(0, values.size, _PIECE):
        piece = slice(start, start + _PIECE)
        there = ~np.isnan(values[piece])
        found[piece][there] = np.searchsorted(cuts, values[piece][there], side="left")
    ends = ["", *_written(cuts), ""]
    names = [
        f"up to {high}" if not low else f"above {low}" if not high else f"above {low} to {high}"
        for low, high in itertools.pairwise(ends)
    ]
    return found, tuple(names)
