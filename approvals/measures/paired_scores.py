"""Two scored predictions of two classes in the rows of a table of any length: is one better? Judges nothing.

What is exact needs each row's place by both scores. Rows are read in ranges of rising first scores, and laid down with
their place by range of the second score; each range of it is read back alone. So memory holds one range of rows, and a
scratch folder 17 bytes for each row.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.keeping import steps
from approvals.measures.labels import Value, coded_alike, positive_level
from approvals.measures.paired import area_measures, brier_measure
from approvals.measures.paired_areas import AreaDifference, Below, places
from approvals.measures.ranges import FINITE, histogram_parameters, histogram_query, plan
from approvals.measures.scores import Floats, Integers
from approvals.measures.tables import Table
from approvals.measures.values import Measure

BLOCK_ROWS = 1 << 21
"""Rows of one range, about 130 bytes each while they are sorted."""
_LAID_DOWN = np.dtype([("place", np.int64), ("score", np.float64), ("positive", np.bool_)])
Booleans = NDArray[np.bool_]
Ends = tuple[float, float]


@dataclass(frozen=True)
class Said:
    """Columns of what one model decided and how it scored the positive class, if it did."""

    prediction: str
    score: str = ""


@dataclass(frozen=True)
class PairedRows:
    """Rows that have a label, both predictions and the scores that there are, which are finite.

    `sql` gives y, p and q, whether label and predictions are positive, as 1 or 0, and the scores a and b.
    """

    table: Table
    sql: str
    parameters: tuple[Any, ...]
    has_scores: bool

    @cached_property
    def cells(self) -> dict[tuple[bool, bool, bool], int]:
        """Rows by label, first and second prediction."""
        found = self.fetch("y, p, q, COUNT(*)", "GROUP BY y, p, q")
        return {(bool(y), bool(p), bool(q)): int(rows) for y, p, q, rows in found}

    @property
    def sizes(self) -> tuple[int, int]:
        """Positive and negative rows."""
        positives = sum(rows for (y, _, _), rows in self.cells.items() if y)
        return positives, sum(self.cells.values()) - positives

    def fetch(self, selected: str, rest: str, parameters: Sequence[float] = ()) -> list[tuple[Any, ...]]:
        return self.table.fetch(f"SELECT {selected} FROM ({self.sql}) AS r {rest}", (*self.parameters, *parameters))

    def ends(self, score: str) -> Ends:
        """The least and the greatest score a or b."""
        low, high = self.fetch(f"MIN({score}), MAX({score})", "")[0]
        return float(low), float(high)

    def ranges(self, score: str, block_rows: int) -> tuple[Ends, ...]:
        """Ranges of rising scores a or b, of so many rows at most or of one score."""

        def histogram(low: float, high: float) -> list[tuple[int, int, float, float]]:
            asked = histogram_query(f"SELECT {score} AS x FROM ({self.sql}) AS r")
            return self.table.fetch(asked, (*histogram_parameters(low, high), *self.parameters, low, high))

        return tuple(plan(sum(self.sizes), *self.ends(score), histogram, block_rows))

    def pieces(self, first: Ends, second: Sequence[Ends], block_rows: int) -> Iterator[tuple[Booleans, Floats, Floats]]:
        """Labels and both scores of the rows of a range of the first score, in pieces of so many rows at most.

        Rows of one first score may be any number; they come by ranges of the second.
        """
        if first[0] < first[1]:
            yield self._read("a BETWEEN ? AND ?", first)
            return
        for low, high in second:
            if low < high:
                yield self._read("a = ? AND b BETWEEN ? AND ?", (first[0], low, high))
            else:
                yield from self._of_two_scores(first[0], low, block_rows)

    def _read(self, condition: str, parameters: Sequence[float]) -> tuple[Booleans, Floats, Floats]:
        asked = f"SELECT y, a, b FROM ({self.sql}) AS r WHERE {condition}"
        found = self.table.block(asked, (*self.parameters, *parameters))
        a, b = (np.asarray(found[name], dtype=np.float64) for name in ("a", "b"))
        return np.asarray(found["y"]).astype(np.bool_), a, b

    def _of_two_scores(self, a: float, b: float, block_rows: int) -> Iterator[tuple[Booleans, Floats, Floats]]:
        for y, rows in self.fetch("y, COUNT(*)", "WHERE a = ? AND b = ? GROUP BY y", (a, b)):
            for start in range(0, int(rows), block_rows):
                n = min(block_rows, int(rows) - start)
                yield np.full(n, bool(y)), np.full(n, a), np.full(n, b)


def paired_rows(table: Table, *, label: str, first: Said, second: Said, positive: Value = 1) -> PairedRows:
    """The rows of two predictions of two classes. TableError for columns that cannot be used or are not coded alike."""
    for said in (first, second):
        coded_alike(label, table.levels(label), said.prediction, table.levels(said.prediction))
    columns = (label, first.prediction, second.prediction)
    chosen = tuple(positive_level(name, table.levels(name), positive) for name in columns)
    marks = [f"CASE WHEN {table.cell(name)} = ? THEN 1 ELSE 0 END" for name in columns]
    scores = []
    for said in (first, second):
        if said.score:
            table.require_numbers(said.score)
        scores.append(f"CAST({table.cell(said.score)} AS DOUBLE) + 0.0" if said.score else "CAST(0 AS DOUBLE)")
    named = ", ".join(f"{cell} AS {name}" for name, cell in zip("ypqab", (*marks, *scores), strict=True))
    present = " AND ".join(f"{table.cell(name)} IS NOT NULL" for name in columns)
    finite = " AND ".join(f"({FINITE.replace('x', name, 1)})" for name in "ab")
    sql = f"SELECT y, p, q, a, b FROM (SELECT {named} FROM t WHERE {present}) AS s WHERE {finite}"
    return PairedRows(table, sql, chosen, bool(first.score and second.score))


def table_auc_difference(
    rows: PairedRows, *, level: float = 0.95, scratch: Path | None = None, block_rows: int = BLOCK_ROWS
) -> tuple[Measure, Measure]:
    """`paired.auc_difference` of rows that have both scores; where they are many, they are laid down in `scratch`."""
    positives, negatives = rows.sizes
    found = AreaDifference(positives, negatives)
    if positives and negatives:
        first, second = (rows.ranges(score, block_rows) for score in "ab")
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            laid = _LaidDown(Path(folder), second) if positives + negatives > block_rows else _Held(second)
            _place_by_first(rows, first, second, laid, block_rows)
            below = Below()
            for place in steps((), range(len(second)), noun="range"):
                below = _place_by_second(laid, place, found, below)
    return area_measures(found, positives, negatives, level=level)


def table_brier_difference(rows: PairedRows, *, level: float = 0.95, block_rows: int = BLOCK_ROWS) -> Measure:
    """`paired.brier_difference` of rows that have both scores, of which a range is in memory at a time."""
    n = sum(rows.sizes)
    outside = int(rows.fetch("COUNT(CASE WHEN a < 0 OR a > 1 OR b < 0 OR b > 1 THEN 1 END)", "")[0][0])
    ranges = [rows.ranges(score, block_rows) for score in "ab"] if n and not outside else [(), ()]

    def gaps(take: Callable[[Floats], None]) -> None:
        for first in steps((), ranges[0]):
            for y, a, b in rows.pieces(first, ranges[1], block_rows):
                take((a - y) ** 2 - (b - y) ** 2)

    return brier_measure(gaps, n, outside, level=level)


class _LaidDown:
    """Rows with their place by the first score, by ranges of the second, in a file each."""

    def __init__(self, folder: Path, ranges: Sequence[Ends]) -> None:
        self._folder = folder
        self.ranges = ranges
        self._highs = np.array([high for _, high in ranges])
        self._rows = {number: Below() for number in range(len(ranges))}

    def add(self, place: Integers, score: Floats, is_positive: Booleans) -> None:
        made = np.empty(place.size, dtype=_LAID_DOWN)
        made["place"], made["score"], made["positive"] = place, score, is_positive
        of_range = np.searchsorted(self._highs, score)
        for number in np.unique(of_range).tolist():
            part = made[of_range == number]
            positives, before = int(part["positive"].sum()), self._rows[number]
            self._rows[number] = Below(before.positives + positives, before.negatives + part.size - positives)
            self._write(number, part)

    def rows_in(self, number: int) -> Below:
        """Positive and negative rows of a range."""
        return self._rows[number]

    def _write(self, number: int, made: NDArray[Any]) -> None:
        with self._path(number).open("ab") as file:
            made.tofile(file)

    def pieces(self, number: int, rows: int) -> Iterator[NDArray[Any]]:
        """The rows of a range, so many at a time."""
        with self._path(number).open("rb") as file:
            while (piece := np.fromfile(file, dtype=_LAID_DOWN, count=rows)).size:
                yield piece

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.rows"


class _Held(_LaidDown):
    """The same in memory, of rows that are read at once."""

    def __init__(self, ranges: Sequence[Ends]) -> None:
        super().__init__(Path(), ranges)
        self._held: dict[int, list[NDArray[Any]]] = {}

    def _write(self, number: int, made: NDArray[Any]) -> None:
        self._held.setdefault(number, []).append(made)

    def pieces(self, number: int, rows: int) -> Iterator[NDArray[Any]]:
        del rows
        yield from self._held.pop(number)


def _place_by_first(
    rows: PairedRows, first: Sequence[Ends], second: Sequence[Ends], laid: _LaidDown, block_rows: int
) -> None:
    below = Below()
    for low, high in steps((), first):
        if low < high:
            ((y, a, b),) = rows.pieces((low, high), second, block_rows)
            order, place = places(a, y, below)
            laid.add(place, b[order], y[order])
            below = Below(below.positives + int(y.sum()), below.negatives + int((~y).sum()))
            continue
        counted = {bool(y): int(n) for y, n in rows.fetch("y, COUNT(*)", "WHERE a = ? GROUP BY y", [low])}
        equal = Below(counted.get(True, 0), counted.get(False, 0))
        for y, _, b in rows.pieces((low, high), second, block_rows):
            laid.add(_places_of_one(y, below, equal), b, y)
        below = Below(below.positives + equal.positives, below.negatives + equal.negatives)


def _place_by_second(laid: _LaidDown, number: int, found: AreaDifference, below: Below) -> Below:
    """Adds up one range of the second score, and gives what is below the next."""
    low, high = laid.ranges[number]
    if low < high:
        made = np.concatenate(list(laid.pieces(number, BLOCK_ROWS)))
        y = made["positive"]
        order, place = places(made["score"], y, below)
        found.add(made["place"][order] - place, y[order])
        return Below(below.positives + int(y.sum()), below.negatives + int((~y).sum()))
    equal = laid.rows_in(number)
    for piece in laid.pieces(number, BLOCK_ROWS):
        y = piece["positive"]
        found.add(piece["place"] - _places_of_one(y, below, equal), y)
    return Below(below.positives + equal.positives, below.negatives + equal.negatives)


def _places_of_one(is_positive: Booleans, below: Below, equal: Below) -> Integers:
    """The places of rows that have one score, of which `equal` are as many as there are."""
    return np.where(is_positive, 2 * below.negatives + equal.negatives, 2 * below.positives + equal.positives)
