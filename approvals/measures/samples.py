"""The finite numbers of one column, of a table or of an array: how many, their ends, and range after range of them."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.ranges import FINITE, histogram_parameters, histogram_query
from approvals.measures.scores import Floats
from approvals.measures.tables import Table, TableError

NUMBERS = {"number", "boolean"}
SAMPLE_ROWS = 1 << 24
"""Rows of one column that are held in memory at once, 8 bytes each and as much again while they are read."""

Bins = dict[int, tuple[int, float, float]]


class Sample(ABC):
    """Numbers of one column; n are finite, `missing` are not there or not finite. Ends are None without numbers."""

    n: int
    missing: int
    low: float | None
    high: float | None

    @property
    def identity(self) -> str:
        """Tells these numbers from all others of a run; empty if what is found of them is not remembered."""
        return ""

    @abstractmethod
    def values(self, low: float, high: float) -> Floats:
        """The numbers from low to high, rising."""

    @abstractmethod
    def histogram(self, low: float, high: float) -> Bins:
        """Rows, least and greatest number of every bin of `ranges.histogram_query` that has any."""

    @abstractmethod
    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        """Rows in each bin (cut, next cut], the outer ones open, for rising cuts."""


class ArraySample(Sample):
    """Numbers that are in memory."""

    def __init__(self, values: NDArray[Any] | Sequence[Any]) -> None:
        every = np.asarray(values, dtype=np.float64)
        self._values = every[np.isfinite(every)]
        self._values += 0.0
        self._values.sort()
        self.n, self.missing = int(self._values.size), int(every.size - self._values.size)
        self.low, self.high = (float(self._values[0]), float(self._values[-1])) if self.n else (None, None)

    @property
    def identity(self) -> str:
        return hashlib.sha256(self._values.tobytes()).hexdigest()

    def values(self, low: float, high: float) -> Floats:
        start, end = np.searchsorted(self._values, low, side="left"), np.searchsorted(self._values, high, side="right")
        return self._values[start:end]

    def histogram(self, low: float, high: float) -> Bins:
        start, width, bins, last = histogram_parameters(low, high)
        chosen = self.values(low, high)
        if not chosen.size:
            return {}
        index = np.minimum(np.floor((chosen / 2.0 - start) / width * bins), last).astype(np.int64)
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        ends = np.append(starts[1:], chosen.size)
        parts = zip(starts.tolist(), ends.tolist(), strict=True)
        return {int(index[a]): (b - a, float(chosen[a]), float(chosen[b - 1])) for a, b in parts}

    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        through = np.searchsorted(self._values, np.asarray(cuts, dtype=np.float64), side="right")
        return tuple(int(count) for count in np.diff(through, prepend=0, append=self.n))


class ColumnSample(Sample):
    """Numbers that stay in their table."""

    def __init__(self, table: Table, column: str) -> None:
        self._table = table
        if table.column(column).kind not in NUMBERS and table.missing()[column] < table.rows:
            raise TableError(
                f"The column “{column}” of “{table.name}” must hold numbers, but it does not in every row."
            )
        self._rows = f"SELECT CAST({table.cell(column)} AS DOUBLE) + 0.0 AS x FROM t"
        self.n, self.low, self.high = self._ends
        self.missing = table.rows - self.n

    @property
    def identity(self) -> str:
        return self._table.engine.identity and f"{self._table.engine.identity} {self._rows}"

    @cached_property
    def _ends(self) -> tuple[int, float | None, float | None]:
        n, low, high = self._table.fetch(f"SELECT COUNT(*), MIN(x), MAX(x) FROM ({self._rows}) AS r WHERE {FINITE}")[0]
        return int(n), low, high

    def values(self, low: float, high: float) -> Floats:
        found = self._table.arrays(f"SELECT x FROM ({self._rows}) AS r WHERE x BETWEEN ? AND ?", (low, high))
        values = np.asarray(found["x"], dtype=np.float64)
        values.sort()
        return values

    def histogram(self, low: float, high: float) -> Bins:
        found = self._table.fetch(histogram_query(self._rows), (*histogram_parameters(low, high), low, high))
        return {int(b): (int(n), least, most) for b, n, least, most in found}

    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        if not cuts:
            return (self.n,)
        counted = ", ".join("COUNT(CASE WHEN x <= ? THEN 1 END)" for _ in cuts)
        through = self._table.fetch(f"SELECT {counted} FROM ({self._rows}) AS r WHERE {FINITE}", tuple(cuts))[0]
        return tuple(int(count) for count in np.diff([0, *through, self.n]))


def identity_of(samples: Sequence[Sample]) -> str:
    """Tells the samples from others of a run; empty where they are in memory, which is quick anyway."""
    if all(isinstance(sample, ArraySample) for sample in samples):
        return ""
    found = [sample.identity for sample in samples]
    return repr(found) if all(found) else ""


def sample_of(
    source: Sample | Table | NDArray[Any] | Sequence[Any], column: str, *, block_rows: int = SAMPLE_ROWS
) -> Sample:
    """The numbers of a source; those of a table that is not too long are read at once. TableError for other columns."""
    if isinstance(source, Sample):
        return source
    if not isinstance(source, Table):
        return ArraySample(source)
    if source.rows > block_rows:
        return ColumnSample(source, column)
    return ArraySample(numbers_of(source, column))


def numbers_of(table: Table, column: str) -> Floats:
    """The column in file order, NaN where missing; without any value it is missing, whatever kind the file gives it."""
    if table.column(column).kind not in NUMBERS and not table.distinct(column):
        return np.full(table.rows, np.nan)
    return table.numbers(column)
