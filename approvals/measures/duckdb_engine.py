"""Tables in files: DuckDB reads them, locked down to these files and a scratch folder."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from approvals.measures.arrow_stream import StreamError, each_piece
from approvals.measures.engine import Column, Engine
from approvals.measures.file_cells import FileCells, literal, quoted
from approvals.measures.kinds import FLOATING, NO_WORD, SINGLE, TESTS, csv_kind, csv_tests, parquet_cell
from approvals.measures.reading import MISSING_TEXTS, TableError, check_names, read_header, refuse_what_is_no_text
from approvals.measures.sources import Source, folder_keys


class DuckDBEngine(Engine):
    """One DuckDB in memory."""

    has_hash = in_pieces = True
    at_once = 2

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str, cells: FileCells | None) -> None:
        """`cells` are read from files with each question; without them there is a table t."""
        self._connection = connection
        self._name = name
        self._cells = cells
        self._texts = cells.texts if cells else {}
        # One question at a time, for the sake of memory: each holds what it groups.
        self._turn = threading.Lock()

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._turn, _sentences(self._name):
            return self._connection.execute(self._asked(sql), list(parameters)).fetchall()

    def arrays(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        with self._turn, _sentences(self._name):
            return dict(self._connection.execute(self._asked(sql), list(parameters)).fetchnumpy())

    def rows_by(self, cells: Sequence[str]) -> str:
        if not any(cell in self._texts for cell in cells):
            return super().rows_by(cells)
        # A file holds text as numbers of a list, which are grouped fast; so text is looked at per value, not per row.
        chosen = ", ".join(cells)
        made = ", ".join(f"{self._texts[cell]} AS {cell}" if cell in self._texts else cell for cell in cells)
        by_text = f"SELECT {made}, n FROM (SELECT {chosen}, COUNT(*) AS n FROM raw GROUP BY {chosen}) AS g"
        return f"SELECT {chosen}, CAST(SUM(n) AS BIGINT) AS n FROM ({by_text}) AS h GROUP BY {chosen}"

    def there(self, cell: str) -> str:
        if not self._cells or cell not in self._cells.doubles:
            return super().there(cell)
        return f"SELECT CAST({cell} AS DOUBLE) + 0.0 AS x FROM bare WHERE {cell} IS NOT NULL"

    def block(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        # Whole results tell their size, so that arrays are made once and not grown.
        with self._turn, _sentences(self._name):
            return dict(self._connection.sql(self._asked(sql), params=list(parameters)).fetchnumpy())

    def each_piece(self, sql: str, parameters: Sequence[Any], take: Callable[..., None]) -> None:
        # Neither DuckDB nor numpy holds the whole column, so this takes a third of the time of a block.
        with self._turn, _sentences(self._name):
            capsule = self._connection.sql(self._asked(sql), params=list(parameters)).__arrow_c_stream__()
            try:
                each_piece(capsule, take)
            except StreamError as error:
                raise _ERRORS.get(str(error).split(":", maxsplit=1)[0], duckdb.Error)(str(error)) from None

    @contextmanager
    def held(self, cells: Sequence[str], rows: int) -> Iterator[None]:
        files = self._cells
        if not files or len(files.stored) <= _WIDE or rows * len(cells) > _MOST_HELD:
            yield
            return
        with _sentences(self._name), suppress(duckdb.OutOfMemoryException):  # as it is with long texts
            self._connection.execute(f"CREATE TABLE held AS {files.query(cells)}")
            self._cells = files.within("held", cells)
        try:
            yield
        finally:
            self._cells = files
            self._connection.execute("DROP TABLE IF EXISTS held")

    def whole_numbers(self, place: int) -> bool:
        return "INT" in str(self.fetch(f"SELECT TYPEOF(c{place}) FROM t LIMIT 1", ())[0][0])

    def holds_bytes(self, place: int) -> bool:
        return self._cells is not None and f"c{place}" in self._cells.bytes

    def holds_singles(self, place: int) -> bool:
        return self._cells is not None and f"c{place}" in self._cells.singles

    def words(self, rows: str, others: str) -> str:
        return (
            f"SELECT {others}, UNNEST(list_distinct(string_split_regex(LOWER(x), '{NO_WORD}'))) AS w FROM ({rows}) AS r"
        )

    def _asked(self, sql: str) -> str:
        return self._cells.before(sql) + sql if self._cells else sql

    def close(self) -> None:
        self._connection.close()


_WIDE, _MOST_HELD = 100, 1 << 22
"""Files of more columns than the first take longer to open than cells of up to the second take to be read."""
_ERRORS = {"Out of Memory Error": duckdb.OutOfMemoryException, "IO Error": duckdb.IOException}


def load(source: Source, *, memory_limit_mb: int, spill: Path | None) -> tuple[DuckDBEngine, tuple[Column, ...]]:
    """The files of a source as one table. TableError for malformed files and for more than the memory holds."""
    with _sentences(source.name):
        connection = _connect(source.files, memory_limit_mb=memory_limit_mb, spill=spill)
    try:
        with _sentences(source.name):
            columns, cells = (
                _parquet_cells(connection, source)
                if source.header is None
                else (_load_csv(connection, source, "t"), None)
            )
    except BaseException:
        connection.close()
        raise
    return DuckDBEngine(connection, source.name, cells), columns


class Workbench:
    """Several tables of files side by side, as relations of given names with cells c0, c1, …; for rows that are joined.

    Reads nothing but these files and what lies in `scratch`, and writes nowhere else. TableError for whatever fails.
    """

    def __init__(self, files: Sequence[Path], *, memory_limit_mb: int, scratch: Path, threads: int = 2) -> None:
        self._connection = _connect(
            files, memory_limit_mb=memory_limit_mb, spill=scratch, folders=(scratch,), threads=threads
        )

    def load(self, source: Source, relation: str) -> tuple[Column, ...]:
        """The files of a source as a relation."""
        with _sentences(source.name):
            if source.header is not None:
                return _load_csv(self._connection, source, relation)
            columns, cells = _parquet_cells(self._connection, source)
            self._connection.execute(f"CREATE VIEW {relation} AS {cells.query(list(cells.stored))}")
            return columns

    def load_unchanged(self, source: Source, relation: str) -> tuple[Column, ...]:
        """The same with the values of a Parquet file as they are, of whatever type, for rows that are written again."""
        columns = self.load(source, relation)
        if source.header is None:
            cells = ", ".join(f"c{place}" for place in range(len(columns)))
            types = _parquet_columns(self._connection, source)[1]
            rows = f"(SELECT * FROM read_parquet({_listed(source.files)}{_NO_FOLDERS}{types}))"
            self.run(f"CREATE OR REPLACE VIEW {relation} AS SELECT * FROM {rows} AS s({cells})", about=source.name)
        return columns

    def drop(self, relation: str) -> None:
        """Forget a relation."""
        with _sentences(relation):
            found = self._connection.execute(
                "SELECT table_name, table_type FROM information_schema.tables WHERE table_name = ?", [relation]
            )
            for name, kind in found.fetchall():
                self._connection.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {name}")

    def run(self, sql: str, *, about: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of our own; sentences name `about`."""
        with _sentences(about):
            return self._connection.execute(sql).fetchall()

    def write(self, cells: Mapping[str, str], rows: str, path: Path, *, about: str) -> int:
        """Cells of rows, by the names of their columns, as a Parquet file in the scratch folder. Gives the rows."""
        chosen = ", ".join(f"{cell} AS {quoted(name)}" for name, cell in cells.items())
        found = self.run(f"COPY (SELECT {chosen} FROM {rows}) TO {literal(str(path))} (FORMAT parquet)", about=about)
        return int(found[0][0])

    def write_lines(self, lines: Path, cells: Mapping[str, str], path: Path, *, about: str) -> int:
        """The same of lines as `Engine.copy_lines` gives them, in a file of the scratch folder: cells of c0, c1, …"""
        names = ", ".join(f"'{name}': 'VARCHAR'" for name in ("line", *(f"c{place}" for place in range(len(cells)))))
        read = (
            f"read_csv({literal(str(lines))}, auto_detect=false, header=false, compression='none', delim=',', "
            f"quote='\"', escape='\"', nullstr='', columns={{{names}}}, strict_mode=true, null_padding=false, "
            f"ignore_errors=false{_NO_FOLDERS})"
        )
        return self.write(cells, read, path, about=about)

    def close(self) -> None:
        """Give up all relations."""
        self._connection.close()


def _connect(
    files: Sequence[Path], *, memory_limit_mb: int, spill: Path | None, folders: Sequence[Path] = (), threads: int = 2
) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": str(threads),
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
    connection.execute(f"SET allowed_paths={_listed(files)}")
    if folders:
        connection.execute(f"SET allowed_directories={_listed(folders)}")
    connection.execute("SET TimeZone='UTC'")  # or a moment would be another text on a machine elsewhere
    connection.execute("SET enable_external_access=false")
    connection.execute("SET lock_configuration=true")
    return connection


def _listed(files: Sequence[Path]) -> str:
    return f"[{', '.join(literal(str(file)) for file in files)}]"


def _load_csv(connection: duckdb.DuckDBPyConnection, source: Source, relation: str) -> tuple[Column, ...]:
    for path in source.files:
        refuse_what_is_no_text(path)
    header = source.header or read_header(source.files[0])
    width = len(header.names)
    # Named as no folder's key can be.
    types = ", ".join(f"'{position}': 'VARCHAR'" for position in range(width))
    keys = _folder_keys(source, header.names)
    missing = literal("|".join(re.escape(text) for text in MISSING_TEXTS))
    # A pattern and not a list, which the engine would make a join of its own for each column.
    cells = [
        f'CASE WHEN regexp_full_match(TRIM("{position}"), {missing}) THEN NULL ELSE "{position}" END AS c{position}'
        for position in range(width)
    ]
    cells += [f"{quoted(key)} AS c{width + i}" for i, key in enumerate(keys)]
    read = (
        f"read_csv({_listed(source.files)}, auto_detect=false, header=true, compression='none', "
        f"delim={literal(header.delimiter)}, quote='\"', escape='\"', columns={{{types}}}, strict_mode=true, "
        f"null_padding=false, ignore_errors=false{_FOLDERS if keys else _NO_FOLDERS})"
    )
    found: list[int] = []
    for start in range(0, len(cells), _TESTED_AT_ONCE):
        part = cells[start : start + _TESTED_AT_ONCE]
        tests = ", ".join(csv_tests(f"c{position}") for position in range(start, start + len(part)))
        found += connection.execute(f"SELECT {tests} FROM (SELECT {', '.join(part)} FROM {read}) AS s").fetchall()[0]
    rows = f"(SELECT {', '.join(cells)} FROM {read}) AS s"
    columns, stored = [], []
    for position, name in enumerate((*header.names, *keys)):
        kind, type_name = csv_kind(*found[TESTS * position : TESTS * (position + 1)])
        columns.append(Column(name=name, kind=kind))
        cell = f"LOWER(TRIM(c{position}))" if type_name != "VARCHAR" else f"c{position}"
        stored.append(f"CAST({cell} AS {type_name}) AS c{position}")
    connection.execute(f"CREATE TABLE {relation} AS SELECT {', '.join(stored)} FROM {rows}")
    return tuple(columns)


def _parquet_cells(connection: duckdb.DuckDBPyConnection, source: Source) -> tuple[tuple[Column, ...], FileCells]:
    names, types = _parquet_columns(connection, source)
    keys = _folder_keys(source, names)
    rows = f"read_parquet({_listed(source.files)}{_FOLDERS if keys else _NO_FOLDERS}{types})"
    check_names(source.name, (*names, *keys))
    # DuckDB tells columns apart without regard to capital letters, and names them anew where it must. What folders say
    # it gives by the alphabet, and of folders around the table, too.
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    places = {str(row[0]): place for place, row in enumerate(described) if place >= len(names)}
    chosen = [*range(len(names)), *(places[key] for key in keys)]
    columns, stored, unchanged, texts, doubles = [], {}, {}, {}, {}
    of_bytes, singles = set(), set()
    for position, (name, place) in enumerate(zip((*names, *keys), chosen, strict=True)):
        in_file, type_name = quoted(str(described[place][0])), str(described[place][1]).upper()
        kind, sql = parquet_cell(in_file, type_name)
        columns.append(Column(name=name, kind=kind))
        cell = f"c{position}"
        stored[cell] = sql
        if _BYTES.search(type_name):
            of_bytes.add(cell)
        if type_name in FLOATING:
            doubles[cell] = in_file
        if type_name == SINGLE:
            singles.add(cell)
        if kind == "text":
            unchanged[cell], texts[cell] = in_file, parquet_cell(cell, type_name)[1]
    return tuple(columns), FileCells(rows, stored, unchanged, texts, doubles, frozenset(of_bytes), frozenset(singles))


def _parquet_columns(connection: duckdb.DuckDBPyConnection, source: Source) -> tuple[tuple[str, ...], str]:
    """The names of all columns, which every file must have, and how to read files that store them in other types.

    DuckDB would cast every file to the types of the first, and so round 0.5 to a whole number without a word.
    """
    schemas = [_parquet_schema(connection, file) for file in source.files]
    names = _names(schemas[0])
    for place, schema in zip(source.places, schemas, strict=True):
        if _names(schema) != names:
            raise TableError(
                f"The files of “{source.name}” do not have the same columns: “{place}” differs from "
                f"“{source.places[0]}”."
            )
    return names, "" if len(set(schemas)) == 1 else _WIDEST_TYPES


def _parquet_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[tuple[Any, ...], ...]:
    return tuple(
        connection.execute(
            "SELECT name, num_children, type, type_length, converted_type, scale, precision, logical_type "
            "FROM parquet_schema(?)",
            [str(path)],
        ).fetchall()
    )


def _names(schema: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    names: list[str] = []
    position = 1
    while position < len(schema):
        names.append(str(schema[position][0]))
        open_nodes = 1
        while open_nodes:
            open_nodes += int(schema[position][1] or 0) - 1
            position += 1
    return tuple(names)


_BYTES = re.compile(r"\bBLOB\b")
_WIDEST_TYPES = ", union_by_name=true"
_TESTED_AT_ONCE = 100
"""Columns of a CSV whose kinds are counted in one reading: what planning it takes grows with their square."""
_FOLDERS = ", hive_partitioning=true, hive_types_autocast=false"
_NO_FOLDERS = ", hive_partitioning=false"


def _folder_keys(source: Source, names: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of folders named key=value, which every file must be in; a column of the files comes first."""
    found = {folder_keys(place) for place in source.places}
    if len(found) > 1:
        raise TableError(f"The files of “{source.name}” lie in folders of different keys; give each the same keys.")
    keys = tuple(key for key in found.pop() if key not in names)
    for file in source.files if keys else ():
        # DuckDB would take one of them, without a word and without regard to capital letters.
        said = [key.lower() for key in folder_keys(file)]
        columns = {name.lower() for name in names}
        for key in said:
            if key in columns or (said.count(key) > 1 and key in {one.lower() for one in keys}):
                raise TableError(
                    f"“{key}” names a column of “{source.name}” in its files and in its folders, or in two folders one "
                    "inside the other; rename one of them."
                )
    return keys


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
        # The machine's fault, not the table's, so no verdict about it; what other errors quote may be any text.
        if isinstance(error, duckdb.IOException) and _UNREACHABLE.search(str(error)):
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
    if "invalid state" in message:
        return (
            f"The table “{name}” is not written as CSV is: some lines end in another way than others (CR LF, LF), or "
            "something stands behind a closing quotation mark; save it anew."
        )
    return f"The table “{name}” cannot be read{where}: it is damaged or not a well-formed CSV or Parquet file."
