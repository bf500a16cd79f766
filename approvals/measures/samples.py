"""The finite numbers of one column, of a table or of an array: how many, their ends, and range after range of them."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.histograms import BinRow, bins_parameters, bins_query
from approvals.measures.merging import Merged
from approvals.measures.ranges import FINITE, histogram_parameters, histogram_query
from approvals.measures.scores import Floats
from approvals.measures.spare import Spare
from approvals.measures.tables import Table, TableError

NUMBERS = {"number", "boolean"}
SAMPLE_ROWS = 1 << 24
"""Rows of one column that are held in memory at once, 8 bytes each and as much again while they are read."""

_PIECE = 1 << 15
_LONG_ROWS, _FIRST_ROWS, _FEW_VALUES = 200_000, 20_000, 2_000
Source = Table | NDArray[Any] | Sequence[Any]
Bins = dict[int, tuple[int, float, float]]


class Sample(ABC):
    """Numbers of one column; n are finite, `missing` are not there or not finite. Ends are None without numbers."""

    n: int
    missing: int
    low: float | None
    high: float | None
    in_memory = True

    @property
    def identity(self) -> str:
        """Tells these numbers from all others of a run; empty if what is found of them is not remembered."""
        return ""

    @abstractmethod
    def values(self, low: float, high: float) -> Floats:
        """The numbers from low to high, in any order; not to be changed."""

    def put(self, merged: Merged, low: float, high: float, *, second: bool) -> None:
        """Add the numbers from low to high to those of another sample."""
        merged.add(self.values(low, high), second=second)

    @abstractmethod
    def rows_at(self, value: float) -> int:
        """Rows of one number."""

    @abstractmethod
    def histogram(self, low: float, high: float) -> Bins:
        """Rows, least and greatest number of every bin of `ranges.histogram_query` that has any."""

    @abstractmethod
    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        """Rows in each bin (cut, next cut], the outer ones open, for rising cuts."""


class ArraySample(Sample):
    """Numbers that are in memory."""

    def __init__(self, values: NDArray[Any] | Sequence[Any], *, missing: int | None = None) -> None:
        """With `missing` every value is finite, none is a negative zero, and so many others are not here."""
        self._values = np.asarray(values, dtype=np.float64)
        if missing is None:
            finite = self._values[np.isfinite(self._values)]
            missing = self._values.size - finite.size
            self._values = np.add(finite, 0.0, out=finite)
        self.n, self.missing = int(self._values.size), int(missing)
        self.low, self.high = (float(self._values.min()), float(self._values.max())) if self.n else (None, None)

    @property
    def identity(self) -> str:
        return hashlib.sha256(self._values.tobytes()).hexdigest()

    def values(self, low: float, high: float) -> Floats:
        if self.low is None or self.high is None or (low <= self.low and self.high <= high):
            return self._values
        return self._values[(low <= self._values) & (self._values <= high)]

    def rows_at(self, value: float) -> int:
        return int(np.count_nonzero(self._values == value))

    def histogram(self, low: float, high: float) -> Bins:
        return _histogram(np.sort(self.values(low, high)), low, high)

    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        through = np.zeros(len(cuts), dtype=np.int64)
        for start in range(0, self.n, _PIECE):
            piece = self._values[start : start + _PIECE]
            through += np.array([np.count_nonzero(piece <= cut) for cut in cuts], dtype=np.int64)
        return tuple(int(count) for count in np.diff(through, prepend=0, append=self.n))


class CountedSample(Sample):
    """Numbers of few different values, as these and the rows of each."""

    def __init__(self, values: Floats, rows: NDArray[np.int64], *, missing: int) -> None:
        """The values are finite, rising and different; so many others are not here."""
        self.different, self._rows = values, rows
        self.n, self.missing = int(rows.sum()), missing
        self.low, self.high = (float(values[0]), float(values[-1])) if values.size else (None, None)

    @property
    def identity(self) -> str:
        return hashlib.sha256(self.different.tobytes() + self._rows.tobytes()).hexdigest()

    def values(self, low: float, high: float) -> Floats:
        start, stop = np.searchsorted(self.different, low), np.searchsorted(self.different, high, side="right")
        return np.repeat(self.different[start:stop], self._rows[start:stop])

    def rows_at(self, value: float) -> int:
        place = int(np.searchsorted(self.different, value))
        return int(self._rows[place]) if place < self.different.size and self.different[place] == value else 0

    def histogram(self, low: float, high: float) -> Bins:
        return _histogram(self.values(low, high), low, high)

    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        through = np.append(0, np.cumsum(self._rows))[np.searchsorted(self.different, cuts, side="right")]
        return tuple(int(count) for count in np.diff(through, prepend=0, append=self.n))


class MergedSample(Sample):
    """Numbers that are in memory, merged with those that they are compared with."""

    def __init__(self, merged: Merged, table: Table, column: str, *, second: bool) -> None:
        """Reads the column, piece after piece, into the room that `merged` has for it. TableError as `sample_of`."""
        self.merged, self._second = merged, second
        self.n = 0
        self.low = self.high = None
        table.each_piece(f"SELECT x FROM ({_rows_of(table, column)}) AS r WHERE {FINITE}", self._take)
        self.missing = table.rows - self.n

    def _take(self, values: Floats) -> None:
        if values.size:
            low, high = float(values.min()), float(values.max())
            self.low = low if self.low is None else min(low, self.low)
            self.high = high if self.high is None else max(high, self.high)
            self.n += values.size
            self.merged.add(values, second=self._second)

    def values(self, low: float, high: float) -> Floats:
        return self.merged.values(low, high, second=self._second)

    def rows_at(self, value: float) -> int:
        return self._through(value) - self._through(math.nextafter(value, -math.inf))

    def histogram(self, low: float, high: float) -> Bins:
        return _histogram(self.values(low, high), low, high)

    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        return tuple(int(count) for count in np.diff([0, *map(self._through, cuts), self.n]))

    def _through(self, value: float) -> int:
        return self.merged.rows_through(value)[self._second]


class ColumnSample(Sample):
    """Numbers that stay in their table."""

    in_memory = False

    def __init__(self, table: Table, column: str, *, among: str = "") -> None:
        """Of all rows, or of those for which a condition of our own SQL holds."""
        self._table = table
        self._rows = _rows_of(table, column) + (f" WHERE {among}" if among else "")
        self.n, self.low, self.high = self._ends
        self.missing = table.rows - self.n

    @property
    def identity(self) -> str:
        return self._table.engine.identity and f"{self._table.engine.identity} {self._rows}"

    @cached_property
    def _ends(self) -> tuple[int, float | None, float | None]:
        n, low, high = self._table.fetch(f"SELECT COUNT(*), MIN(x), MAX(x) FROM ({self._rows}) AS r WHERE {FINITE}")[0]
        return int(n), low, high

    @property
    def spare(self) -> Spare:
        """Memory that one range after the other may be put in."""
        return self._table.spare

    def values(self, low: float, high: float) -> Floats:
        found = self._table.block(self._between, (low, high))
        return np.asarray(found["x"], dtype=np.float64)

    def put(self, merged: Merged, low: float, high: float, *, second: bool) -> None:
        self._table.each_piece(self._between, lambda piece: merged.add(piece, second=second), (low, high))

    @property
    def _between(self) -> str:
        return f"SELECT x FROM ({self._rows}) AS r WHERE x BETWEEN ? AND ?"

    def rows_at(self, value: float) -> int:
        return int(self._table.fetch(f"SELECT COUNT(*) FROM ({self._rows}) AS r WHERE x = ?", [value])[0][0])

    def histogram(self, low: float, high: float) -> Bins:
        found = self._table.fetch(histogram_query(self._rows), (*histogram_parameters(low, high), low, high))
        return {int(b): (int(n), least, most) for b, n, least, most in found}

    def values_in(self, ranges: Sequence[tuple[float, float]]) -> Floats:
        """The numbers of several ranges, in any order."""
        wanted = " OR ".join("x BETWEEN ? AND ?" for _ in ranges)
        ends = [end for part in ranges for end in part]
        found = self._table.block(f"SELECT x FROM ({self._rows}) AS r WHERE {wanted}", ends)
        return np.asarray(found["x"], dtype=np.float64)

    def bins(self, low: float, high: float) -> list[BinRow]:
        """The rows from low to high, as `histograms.TwoHistograms` takes them."""
        rows = f"SELECT x, TRUE AS y FROM ({self._rows}) AS c"
        found = self._table.fetch(bins_query(rows), (*bins_parameters(low, high), low, high))
        return [(int(b), int(n), float(least), float(most), int(sums)) for _, b, n, least, most, sums in found]

    def below(self, cuts: Sequence[float]) -> tuple[int, ...]:
        if not cuts:
            return (self.n,)
        counted = ", ".join("SUM(CAST(x <= ? AS INTEGER))" for _ in cuts)
        through = self._table.fetch(f"SELECT {counted} FROM ({self._rows}) AS r WHERE {FINITE}", tuple(cuts))[0]
        return tuple(int(count) for count in np.diff([0, *(int(rows or 0) for rows in through), self.n]))


def identity_of(samples: Sequence[Sample]) -> str:
    """Tells the samples from others of a run; empty where they are in memory, which is quick anyway."""
    if all(sample.in_memory for sample in samples):
        return ""
    found = [sample.identity for sample in samples]
    return repr(found) if all(found) else ""


def sample_of(source: Sample | Source, column: str, *, block_rows: int = SAMPLE_ROWS) -> Sample:
    """The numbers of a source; those of a table that is not too long are read at once. TableError for other columns."""
    if isinstance(source, Sample):
        return source
    if not isinstance(source, Table):
        return ArraySample(source)
    if source.column(column).kind not in NUMBERS and source.missing()[column] == source.rows:
        return ArraySample(np.zeros(0), missing=source.rows)  # missing, whatever kind the file gives it
    return _few(source, column) or _many(source, column, block_rows)


def _many(source: Table, column: str, block_rows: int) -> Sample:
    if source.rows > block_rows:
        return ColumnSample(source, column)
    found = source.block(f"SELECT x FROM ({_rows_of(source, column)}) AS r WHERE {FINITE}")["x"]
    return ArraySample(found, missing=source.rows - len(found))


def samples_of(first: Sample | Source, second: Sample | Source, column: str) -> tuple[Sample, Sample]:
    """The numbers of two sources, as `sample_of` reads them, ready to be compared."""
    if not (isinstance(first, Table) and isinstance(second, Table)):
        return sample_of(first, column), sample_of(second, column)
    few = _few(first, column)
    other = few and _few(second, column)
    if few and other:
        return few, other
    if max(first.rows, second.rows) > SAMPLE_ROWS:
        return sample_of(first, column), sample_of(second, column)
    if not all(source.column(column).kind in NUMBERS for source in (first, second)):
        return sample_of(first, column), sample_of(second, column)
    merged = Merged(first.rows + second.rows, first.spare)
    return MergedSample(merged, first, column, second=False), MergedSample(merged, second, column, second=True)


def _few(table: Table, column: str) -> CountedSample | None:
    """The numbers as rows per value, where the first ones of a long table have few values and all have not many."""
    if table.rows <= _LONG_ROWS or table.column(column).kind not in NUMBERS or not table.engine.has_hash:
        return None
    first = f"SELECT {table.cell(column)} AS x FROM t LIMIT {_FIRST_ROWS}"
    if table.fetch(f"SELECT COUNT(DISTINCT x) FROM ({first}) AS r")[0][0] > _FEW_VALUES:
        return None
    counted = f"SELECT x, COUNT(*) AS n FROM ({_rows_of(table, column)}) AS r WHERE {FINITE} GROUP BY x"
    found = table.arrays(f"SELECT x, n FROM ({counted}) AS s ORDER BY x LIMIT {_FEW_VALUES + 1}")
    values, rows = np.asarray(found["x"], dtype=np.float64), np.asarray(found["n"], dtype=np.int64)
    return CountedSample(values, rows, missing=table.rows - int(rows.sum())) if values.size <= _FEW_VALUES else None


def merged_values(samples: Sequence[Sample], low: float, high: float, room: int) -> Merged:
    """The numbers of one or two samples from low to high, which are at most so many."""
    ours = [sample.merged for sample in samples if isinstance(sample, MergedSample)]
    if len(ours) == 2 and ours[0] is ours[1]:
        return ours[0]
    spares = [sample.spare for sample in samples if isinstance(sample, ColumnSample)]
    merged = Merged(room, spares[0] if spares else None)
    for place, sample in enumerate(samples):
        sample.put(merged, low, high, second=place > 0)
    return merged


def _histogram(rising: Floats, low: float, high: float) -> Bins:
    start, width, bins, last = histogram_parameters(low, high)
    index = np.minimum(np.floor((rising / 2.0 - start) / width * bins), last).astype(np.int64)
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    ends = np.append(starts[1:], rising.size)
    parts = zip(starts.tolist(), ends.tolist(), strict=True)
    return {int(index[a]): (b - a, float(rising[a]), float(rising[b - 1])) for a, b in parts if a < b}


def _rows_of(table: Table, column: str) -> str:
    if table.column(column).kind not in NUMBERS and table.missing()[column] < table.rows:
        raise TableError(
            f"The column “{column}” of “{table.name}” must hold numbers, but it does not in every row; "
            "write them as 1234.5, without signs of thousands or per cent and without zeros in front."
        )
    return f"SELECT CAST({table.cell(column)} AS DOUBLE) + 0.0 AS x FROM t"
