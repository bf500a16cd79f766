"""The only door to the query engine: opens one uploaded file, locked down, and answers with counts and columns.

No name or value from the file ever becomes SQL text: columns are c0, c1, … inside, values are parameters.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from approvals.measures.kinds import TESTS, Kind, csv_kind, csv_tests, parquet_cell
from approvals.measures.labels import Value
from approvals.measures.reading import (
    MISSING_TEXTS,
    Format,
    TableError,
    check_names,
    read_header,
)
from approvals.measures.repetition import repeated_rows, shared_rows
from approvals.measures.score_reading import read_scores
from approvals.measures.scores import Floats, ScoreCounts, Scores
from approvals.measures.sources import Source, plain_source

__all__ = ["Column", "Kind", "NumberSummary", "Table", "TableError", "open_table"]

_SHOWN = 40
_EXACT_DOUBLE = 2.0**53


@dataclass(frozen=True)
class Column:
    """One column; its kind comes from every row, or from a Parquet file's types. "other" is nested or all missing."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class NumberSummary:
    """Finite values of a number column: how many, and (None when there are none) their range, mean and std (ddof 0).

    `distinct` counts different values, infinite ones too.
    """

    n: int
    missing: int
    not_finite: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None
    distinct: int


class Table:
    """One open file: its columns and rows, and counts of them. Rows keep the order of the file."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        name: str,
        format: Format,  # noqa: A002 - what it is called everywhere
        columns: tuple[Column, ...],
    ) -> None:
        self._connection = connection
        self._positions = {column.name: position for position, column in enumerate(columns)}
        self.name = name
        self.format = format
        self.columns = columns
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
            raise TableError(f"The table “{self.name}” has no column {_listed(missing)}; it has {existing}.")

    def column(self, name: str) -> Column:
        """The named column, or TableError."""
        self.require(name)
        return self.columns[self._positions[name]]

    def counts(self, *columns: str, limit: int = 200_000) -> dict[tuple[Value, ...], int]:
        """Rows per combination of values that occurs, ordered; missing is None. TableError above `limit` of them."""
        selected = ", ".join(self.cell(name) for name in columns)
        rows = self.fetch(
            f"SELECT {selected}, COUNT(*) FROM t GROUP BY {selected} ORDER BY {selected} LIMIT {limit + 1}"
        )
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
        if self.column(column).kind not in {"number", "boolean"} and self.missing()[column] < self.rows:
            raise TableError(f"The column “{column}” of “{self.name}” must hold numbers, but it does not in every row.")
        fetched = self.arrays(f"SELECT CAST({self.cell(column)} AS DOUBLE) AS x FROM t")["x"]
        return np.ma.filled(np.ma.asarray(fetched, dtype=np.float64), np.nan)

    def texts(self, column: str) -> list[str | None]:
        """The column as text in file order, None where missing."""
        return [row[0] for row in self.fetch(f"SELECT CAST({self.cell(column)} AS VARCHAR) FROM t")]

    def missing(self) -> dict[str, int]:
        """Missing values per column."""
        return dict(self._missing)

    @cached_property
    def _missing(self) -> dict[str, int]:
        selected = ", ".join(f"COUNT(c{position})" for position in range(len(self.columns)))
        present = self.fetch(f"SELECT {selected} FROM t")[0]
        return {column.name: self.rows - int(count) for column, count in zip(self.columns, present, strict=True)}

    def distinct(self, column: str) -> int:
        """Exact number of different values; missing is not counted."""
        return int(self.fetch(f"SELECT COUNT(DISTINCT {self.cell(column)}) FROM t")[0][0])

    def summary(self, column: str) -> NumberSummary:
        """Range, mean and spread of a number column, over its finite values, and how many values are different."""
        values = self.numbers(column)
        values = values[~np.isnan(values)]
        values.sort()
        missing = self.rows - values.size
        distinct = int(values.size > 0) + int((values[1:] != values[:-1]).sum())
        if values.size and max(abs(values[0]), abs(values[-1])) >= _EXACT_DOUBLE:
            distinct = self.distinct(column)  # whole numbers that doubles cannot tell apart
        finite = values[np.isfinite(values)]
        rest = (missing, int(values.size - finite.size))
        if not finite.size:
            return NumberSummary(0, *rest, None, None, None, None, distinct)
        mean, std = float(np.mean(finite)), float(np.std(finite))
        return NumberSummary(finite.size, *rest, float(finite[0]), float(finite[-1]), mean, std, distinct)

    def duplicates(self, *columns: str, ignore: Sequence[str] = ()) -> int:
        """Rows beyond the first of equal rows, over `columns` (all when none), missing equal to missing."""
        self.require(*columns, *ignore)
        chosen = [name for name in (columns or self.names) if name not in ignore]
        if not chosen:
            raise TableError(f"No column of “{self.name}” is left to compare rows by.")
        return self._repeated(tuple(chosen))[0]

    def rows_with_missing(self) -> int:
        """Rows in which at least one cell is missing."""
        missing = " OR ".join(f"c{position} IS NULL" for position in range(len(self.columns)))
        return int(self.fetch(f"SELECT COUNT(*) FROM t WHERE {missing}")[0][0])

    def rows_in_duplicate_groups(self) -> int:
        """Rows that have at least one equal over all columns, missing equal to missing; the first of each counts."""
        return self._repeated(self.names)[1]

    def _repeated(self, columns: tuple[str, ...]) -> tuple[int, int]:
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

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query of our own over the table t; nothing of the file's text may be in it."""
        with _sentences(self.name):
            return self._connection.execute(sql, list(parameters)).fetchall()

    def arrays(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The columns of a query of our own over the table t, masked where missing."""
        with _sentences(self.name):
            return dict(self._connection.execute(sql, list(parameters)).fetchnumpy())


@contextmanager
def open_table(
    path: Path,
    *,
    format: Format | None = None,  # noqa: A002 - what it is called everywhere
    memory_limit_mb: int = 1024,
    spill: Path | None = None,
) -> Iterator[Table]:
    """The table in a CSV (plain or packed by gzip) or Parquet file, or in all files of a folder.

    Folders in it that are named key=value are columns of text. Nothing but these files (and `spill`, a scratch folder)
    can be reached. TableError for a missing, empty, rowless or malformed file. Without `spill` a table beyond the limit
    is an error.
    """
    with plain_source(path, format, scratch=spill) as source:
        connection = _connect(source, memory_limit_mb=memory_limit_mb, spill=spill)
        try:
            with _sentences(path.name):
                columns = (_load_parquet if source.header is None else _load_csv)(connection, source)
            table = Table(connection, name=path.name, format=source.format, columns=columns)
            if not table.rows:
                raise TableError(f"The table “{path.name}” has columns but no rows.")
            yield table
        finally:
            connection.close()


def _connect(source: Source, *, memory_limit_mb: int, spill: Path | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": "2",
            "memory_limit": f"{memory_limit_mb}MB",
            "temp_directory": "" if spill is None else str(spill),
            "max_temp_directory_size": "20GB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_persistent_secrets": "false",
            "python_enable_replacements": "false",
        },
    )
    connection.execute(f"SET allowed_paths={_listed_files(source)}")
    connection.execute("SET enable_external_access=false")
    connection.execute("SET lock_configuration=true")
    return connection


def _listed_files(source: Source) -> str:
    return f"[{', '.join(_literal(str(file)) for file in source.files)}]"


def _load_csv(connection: duckdb.DuckDBPyConnection, source: Source) -> tuple[Column, ...]:
    header = source.header or read_header(source.files[0])
    width = len(header.names)
    types = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(width))
    missing = ", ".join(_literal(text) for text in MISSING_TEXTS)
    cells = ", ".join(
        f"CASE WHEN TRIM(c{position}) IN ({missing}) THEN NULL ELSE c{position} END AS c{position}"
        for position in range(width)
    )
    keys = _folder_keys(source, header.names)
    cells = ", ".join([cells, *(f"{_quoted(key)} AS c{width + i}" for i, key in enumerate(keys))])
    rows = (
        f"(SELECT {cells} FROM read_csv({_listed_files(source)}, auto_detect=false, header=true, compression='none', "
        f"delim={_literal(header.delimiter)}, quote='\"', escape='\"', columns={{{types}}}, strict_mode=true, "
        f"null_padding=false, ignore_errors=false{_FOLDERS if keys else ''})) AS s"
    )
    width += len(keys)
    tests = ", ".join(csv_tests(f"c{position}") for position in range(width))
    found = connection.execute(f"SELECT {tests} FROM {rows}").fetchall()[0]
    columns, stored = [], []
    for position, name in enumerate((*header.names, *keys)):
        kind, type_name = csv_kind(*(int(count) for count in found[TESTS * position : TESTS * (position + 1)]))
        columns.append(Column(name=name, kind=kind))
        cell = f"LOWER(TRIM(c{position}))" if type_name != "VARCHAR" else f"c{position}"
        stored.append(f"CAST({cell} AS {type_name}) AS c{position}")
    connection.execute(f"CREATE TABLE t AS SELECT {', '.join(stored)} FROM {rows}")
    return tuple(columns)


def _load_parquet(connection: duckdb.DuckDBPyConnection, source: Source) -> tuple[Column, ...]:
    names = _parquet_names(connection, source.files[0])
    for file in source.files[1:]:
        if _parquet_names(connection, file) != names:
            raise TableError(
                f"The files of “{source.name}” do not have the same columns: “{file.name}” differs from "
                f"“{source.files[0].name}”."
            )
    keys = _folder_keys(source, names)
    rows = f"read_parquet({_listed_files(source)}{_FOLDERS if keys else ''})"
    check_names(source.name, (*names, *keys))
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    columns, stored = [], []
    for position, (name, row) in enumerate(zip((*names, *keys), described, strict=True)):
        kind, sql = parquet_cell(f"c{position}", str(row[1]).upper())
        columns.append(Column(name=name, kind=kind))
        stored.append(f"{sql} AS c{position}")
    aliases = ", ".join(f"c{position}" for position in range(len(described)))
    connection.execute(f"CREATE VIEW t AS SELECT {', '.join(stored)} FROM (SELECT * FROM {rows}) AS s({aliases})")
    return tuple(columns)


def _parquet_names(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    rows = connection.execute("SELECT name, num_children FROM parquet_schema(?)", [str(path)]).fetchall()
    names: list[str] = []
    position = 1
    while position < len(rows):
        names.append(str(rows[position][0]))
        open_nodes = 1
        while open_nodes:
            open_nodes += int(rows[position][1] or 0) - 1
            position += 1
    return tuple(names)


_FOLDERS = ", hive_partitioning=true, hive_types_autocast=false"


def _folder_keys(source: Source, names: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of folders named key=value, which every file must be in; a column of the files comes first."""
    if not source.in_folders:
        return ()
    found = {
        tuple(part.split("=")[0] for part in file.parts[:-1] if _IN_FOLDER.fullmatch(part)) for file in source.files
    }
    if len(found) > 1:
        raise TableError(f"The files of “{source.name}” lie in folders of different keys; give each the same keys.")
    return tuple(key for key in found.pop() if key not in names)


_IN_FOLDER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^/]*")
_UNREACHABLE = re.compile(r"Permission denied|No such file|Cannot open file|Too many open files", re.IGNORECASE)


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise TableError(
            f"The table “{name}” needs more memory than a check may use; split it or ask for more."
        ) from None
    except duckdb.Error as error:
        if _UNREACHABLE.search(str(error)):  # the machine's fault, not the table's: no verdict about it
            raise
        raise TableError(_sentence(name, str(error))) from error


def _sentence(name: str, message: str) -> str:
    line = re.search(r"Line: (\d+)", message)
    widths = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    where = f" in line {line.group(1)}" if line else ""
    if widths:
        return (
            f"The table “{name}” has {widths.group(2)} instead of {widths.group(1)} columns{where}; correct that line."
        )
    if "unicode" in message.lower() or "utf-8" in message.lower():
        return f"The table “{name}” is not UTF-8 text{where}; save it as CSV UTF-8."
    if "maximum line size" in message.lower():
        return f"The table “{name}” has a line longer than two megabytes{where}; no table of values has."
    if "unterminated quote" in message:
        return f"The table “{name}” has a quotation mark that never closes{where}; correct that line."
    return f"The table “{name}” cannot be read{where}: it is damaged or not a well-formed CSV or Parquet file."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
