"""A table, wherever it lies, answers with counts and columns; the engine that holds it is asked in SQL of our own.

No name or value of a table ever becomes SQL text: columns are c0, c1, … inside, values are parameters.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from approvals.measures import duckdb_engine
from approvals.measures.column_counts import ColumnCounts, NumberSummary, column_counts, long_columns
from approvals.measures.engine import Column, Engine
from approvals.measures.kinds import Kind
from approvals.measures.labels import Value
from approvals.measures.reading import Format, TableError
from approvals.measures.references import Window
from approvals.measures.repetition import repeated_rows, shared_rows
from approvals.measures.score_reading import read_scores
from approvals.measures.scores import Floats, ScoreCounts, Scores
from approvals.measures.sources import plain_source
from approvals.measures.spare import Spare

__all__ = ["Column", "Kind", "NumberSummary", "Table", "TableError", "open_relation", "open_table"]

LOADERS = {
    "postgresql": "postgresql_engine",
    "postgres": "postgresql_engine",
    "spark": "spark_engine",
    "spark-local": "spark_engine",
}
"""Modules that load relations, by scheme; imported when one is asked for, because every check would wait for them."""
_SHOWN = 40
_TOGETHER = 64
"""Columns that are counted from one reading, where that is faster."""


class Table:
    """One open file: its columns and rows, and counts of them. Rows keep the order of the file."""

    def __init__(
        self,
        engine: Engine,
        *,
        name: str,
        format: str,  # noqa: A002 - what it is called everywhere
        columns: tuple[Column, ...],
    ) -> None:
        self.engine = engine
        self._positions = {column.name: position for position, column in enumerate(columns)}
        self.name = name
        self.format = format
        self.columns = columns
        self._counted: dict[str, ColumnCounts] = {}
        self.spare = Spare()
        """Memory for columns that are read one after the other."""
        self._repetition: dict[tuple[str, ...], tuple[int, int]] = {}
        self.rows = int(self.fetch("SELECT COUNT(*) FROM t")[0][0])

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in file order."""
        return tuple(column.name for column in self.columns)

    def require(self, *columns: str) -> None:
        """TableError naming every column of these that is missing, and those that exist."""
        missing = [name for name in columns if name not in self._positions]
        if missing:
            existing = ", ".join(self.names[:_SHOWN]) + (", …" if len(self.names) > _SHOWN else "")
            meant = [near for name in missing for near in difflib.get_close_matches(name, self.names, n=1)]
            hint = f" Did you mean {_listed(meant)}?" if meant else ""
            raise TableError(f"The table “{self.name}” has no column {_listed(missing)}; it has {existing}.{hint}")

    def column(self, name: str) -> Column:
        """The named column, or TableError."""
        self.require(name)
        return self.columns[self._positions[name]]

    def counts(self, *columns: str, limit: int = 200_000) -> dict[tuple[Value, ...], int]:
        """Rows per combination of values that occurs, ordered; missing is None. TableError above `limit` of them."""
        cells = [self.cell(name) for name in columns]
        selected, counted = ", ".join(cells), self.engine.rows_by(list(dict.fromkeys(cells)))
        rows = self.fetch(f"SELECT {selected}, n FROM ({counted}) AS r ORDER BY {selected} LIMIT {limit + 1}")
        if len(rows) > limit:
            raise TableError(
                f"More than {limit} different values of {_listed(columns)} in “{self.name}”; use fewer, wider groups."
            )
        return {tuple(row[:-1]): int(row[-1]) for row in rows}

    def levels(self, column: str, limit: int = 1000) -> dict[Value, int]:
        """Rows per value of one column, ordered; missing is None. TableError above `limit` values."""
        return {values[0]: count for values, count in self.counts(column, limit=limit).items()}

    def numbers(self, column: str) -> Floats:
        """The column as float64 in file order, NaN where missing. TableError unless it holds numbers or booleans."""
        self.require_numbers(column)
        number = f"CAST({self.cell(column)} AS DOUBLE)"
        if not self.engine.in_pieces:
            fetched = self.arrays(f"SELECT {number} AS x FROM t")["x"]
            return np.ma.filled(np.ma.asarray(fetched, dtype=np.float64), np.nan)
        found, taken = np.empty(self.rows), 0

        def take(piece: Floats) -> None:
            nonlocal taken
            found[taken : taken + piece.size] = piece
            taken += piece.size

        self.each_piece(f"SELECT COALESCE({number}, CAST('nan' AS DOUBLE)) AS x FROM t", take)
        return found

    def require_numbers(self, column: str) -> None:
        """TableError unless the column holds numbers or booleans, or nothing at all."""
        if self.column(column).kind not in {"number", "boolean"} and self.missing()[column] < self.rows:
            raise TableError(
                f"The column “{column}” of “{self.name}” must hold numbers, but it does not in every row; "
                "write them as 1234.5, without signs of thousands or per cent and without zeros in front."
            )

    def texts(self, column: str) -> list[str | None]:
        """The column as text in file order, None where missing."""
        return [row[0] for row in self.fetch(f"SELECT CAST({self.cell(column)} AS VARCHAR) FROM t")]

    def missing(self) -> dict[str, int]:
        """Missing values per column."""
        return dict(self._missing)

    @cached_property
    def _missing(self) -> dict[str, int]:
        if len(self._counted) == len(self.columns):
            return {column.name: self.rows - self._counted[column.name].present for column in self.columns}
        selected = ", ".join(f"COUNT(c{position})" for position in range(len(self.columns)))
        present = self.fetch(f"SELECT {selected} FROM t")[0]
        return {column.name: self.rows - int(count) for column, count in zip(self.columns, present, strict=True)}

    def distinct(self, column: str) -> int:
        """Exact number of different values; missing is not counted."""
        return self.counted(column).distinct

    def counted(self, column: str) -> ColumnCounts:
        """What is there of a column, how much of it is different, and the range and spread of numbers."""
        self.require(column)
        if column not in self._counted:
            self._counted[column] = column_counts(self, column)
        return self._counted[column]

    def count_columns(self) -> None:
        """Count every column now, several at a time where the engine allows it."""
        left = [name for name in self.names if name not in self._counted]
        many = long_columns(self, left)
        with ThreadPoolExecutor(self.engine.at_once) as threads:
            for start in range(0, len(left), _TOGETHER):
                names = left[start : start + _TOGETHER]
                with self.engine.held([self.cell(name) for name in names], self.rows):
                    found = threads.map(lambda name: column_counts(self, name, is_long=name in many), names)
                    self._counted |= dict(zip(names, found, strict=True))
        self.spare.forget()

    def summary(self, column: str) -> NumberSummary:
        """Range, mean and spread of a number column, over its finite values, and how many values are different.

        TableError unless it holds numbers or booleans.
        """
        self.require_numbers(column)
        return self.counted(column).numbers or NumberSummary(0, self.rows, 0, None, None, None, None, 0)

    def duplicates(self, *columns: str, ignore: Sequence[str] = ()) -> int:
        """Rows beyond the first of equal rows, over `columns` (all when none), missing equal to missing."""
        self.require(*columns, *ignore)
        chosen = [name for name in (columns or self.names) if name not in ignore]
        if not chosen:
            raise TableError(f"No column of “{self.name}” is left to compare rows by.")
        return self._repeated(tuple(chosen))[0]

    def rows_with_missing(self) -> int:
        """Rows in which at least one cell is missing."""
        gaps = {name: rows for name, rows in self._missing.items() if rows}
        if len(gaps) <= 1:
            return sum(gaps.values())
        missing = " OR ".join(f"{self.cell(name)} IS NULL" for name in gaps)
        return int(self.fetch(f"SELECT COUNT(*) FROM t WHERE {missing}")[0][0])

    def rows_in_duplicate_groups(self) -> int:
        """Rows that have at least one equal over all columns, missing equal to missing; the first of each counts."""
        return self._repeated(self.names)[1]

    def _repeated(self, columns: tuple[str, ...]) -> tuple[int, int]:
        if any(name in self._counted and self._counted[name].distinct == self.rows for name in columns):
            return 0, 0
        if columns not in self._repetition:
            self._repetition[columns] = repeated_rows(self, columns)
        return self._repetition[columns]

    def shared_rows(self, other: Table, *columns: str) -> int:
        """Rows that also occur in `other`, over these columns."""
        self.require(*columns)
        other.require(*columns)
        return shared_rows(self, other, columns)

    def scores(self, score: str, label: str, *, positive: Value) -> Scores:
        """Finite scores with their labels, read in blocks that fit in memory; see `score_reading.read_scores`."""
        return read_scores(self, score, label, positive=positive)

    def score_counts(self, score: str, label: str, *, positive: Value) -> ScoreCounts:
        """Positives and negatives per distinct finite score, all in memory. TableError as `scores`."""
        found = read_scores(self, score, label, positive=positive, block_rows=self.rows)
        return next(iter(found.blocks()))

    def cell(self, name: str) -> str:
        """What the column is called in SQL."""
        self.require(name)
        return f"c{self._positions[name]}"

    def holds_bytes(self, name: str) -> bool:
        """Whether a column holds bytes, alone or within lists or structs."""
        self.require(name)
        return self.engine.holds_bytes(self._positions[name])

    def whole_numbers(self, name: str) -> bool:
        """Whether a column holds whole numbers, by its type."""
        self.require(name)
        return self.engine.whole_numbers(self._positions[name])

    def holds_singles(self, name: str) -> bool:
        """Whether a column holds numbers of 32 bits, which are 0.1 only to seven digits."""
        self.require(name)
        return self.engine.holds_singles(self._positions[name])

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query of our own over the table t; nothing of the file's text may be in it."""
        return self.engine.fetch(sql, parameters)

    def arrays(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The columns of a query of our own over the table t, masked where missing."""
        return self.engine.arrays(sql, parameters)

    def block(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The same of few enough rows that they may be held twice."""
        return self.engine.block(sql, parameters)

    def each_piece(self, sql: str, take: Callable[..., None], parameters: Sequence[Any] = ()) -> None:
        """A query's columns, of doubles of which none is missing, given to `take` piece after piece, an array each."""
        self.engine.each_piece(sql, parameters, take)


@contextmanager
def open_table(
    path: Path | str,
    *,
    format: Format | None = None,  # noqa: A002 - what it is called everywhere
    memory_limit_mb: int = 1024,
    spill: Path | None = None,
    files: Sequence[Path] = (),
) -> Iterator[Table]:
    """The table in a CSV (plain, gzip or zstd) or Parquet file, or in all files of a folder, or in those `files`.

    Folders in it that are named key=value are columns of text. Nothing but these files (and `spill`, a scratch folder)
    can be reached. TableError for a missing, empty, rowless or malformed file. Without `spill` a table beyond the limit
    is an error.
    """
    place = Path(path)
    with plain_source(place, format, scratch=spill, files=files) as source:
        engine, columns = duckdb_engine.load(source, memory_limit_mb=memory_limit_mb, spill=spill)
        with closing(engine):
            yield _with_rows(Table(engine, name=place.name, format=source.format, columns=columns))


@contextmanager
def open_relation(url: str, relation: str, window: Window | None = None) -> Iterator[Table]:
    """The table or view `relation` of a database, or its rows of a window; see `postgresql_engine.load`.

    TableError as `open_table`.
    """
    scheme = url.split("://", maxsplit=1)[0]
    if scheme not in LOADERS:
        raise TableError(f"Tables of “{scheme}” are not read here; {', '.join(sorted(LOADERS))} are.")
    load = importlib.import_module(f"approvals.measures.{LOADERS[scheme]}").load
    engine, columns = load(url, relation, window)
    with closing(engine):
        yield _with_rows(Table(engine, name=relation, format=scheme, columns=columns))


def _with_rows(table: Table) -> Table:
    if not table.rows:
        raise TableError(f"The table “{table.name}” has columns but no rows.")
    return table


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)
