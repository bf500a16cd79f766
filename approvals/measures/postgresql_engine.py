"""Tables in PostgreSQL: asked in a transaction that can only read, and only counts and asked-for numbers come back."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and names of the checked schema, quoted

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from approvals.measures.engine import Column, Copying, Engine, column_array, fingerprint_of, said
from approvals.measures.kinds import BLANKS, NO_WORD, Kind
from approvals.measures.postgresql_log_in import LogInRefusedError, logged_in
from approvals.measures.reading import DeniedError, TableError, UnreachableError, check_names
from approvals.measures.references import Window

STATEMENT_SECONDS = 3600
_CONNECT_SECONDS = 10
_CHECKS_CLIENTS = 140_000
_GONE_AFTER = "SET LOCAL client_connection_check_interval = '500ms'"
"""A question of whoever was stopped or killed is given up by the server soon; PostgreSQL 14 and later can."""
_SETTINGS = (
    # How values are written as text, which the fingerprint is made of.
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
    f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'",
    "SET LOCAL synchronize_seqscans = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
)
_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric"}
_WHOLE = {"smallint", "integer", "bigint"}
_LINES = "(FORMAT csv, ENCODING 'UTF8')"
_FRACTIONS = {"float4", "float8", "numeric"}
_DATES = {"date", "timestamp", "timestamptz"}
_TEXTS = {"text", "varchar", "bpchar", "char", "name"}
_DOUBLE, _QUESTION = re.compile(r"\bAS DOUBLE\b"), re.compile(r"\?")
_NUMBER = re.compile(r"\bCAST\(((?:t\.)?c[0-9]+) AS DOUBLE\)")


@dataclass(frozen=True)
class _Raw:
    """The relation as it is: its quoted name, and its columns with the names of their types."""

    relation: str
    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> list[str]:
        """Every column, quoted."""
        return ['s."' + name.replace('"', '""') + '"' for name, _ in self.columns]

    @property
    def cells(self) -> str:
        """All of them."""
        return ", ".join(self.names)


class PostgreSQLEngine(Engine):
    """One relation of a PostgreSQL database."""

    has_hash = False

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        name: str,
        relation: str,
        raw: _Raw,
        *,
        cells: Sequence[str],
        booleans: frozenset[str],
        of_system: bool,
    ) -> None:
        """`cells` is the SQL that reads each column of the raw relation; `booleans` are those that hold such."""
        self._connection = connection
        self._name = name
        self._relation = relation.replace("%", "%%")
        self._raw = raw
        self._cells = cells
        self._booleans = booleans
        self.of_system = of_system
        self._no_word = NO_WORD if _is_unicode(connection) else "[^0-9a-z]+"

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._answers(sql, parameters)[1]

    def arrays(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        names, rows = self._answers(sql, parameters)
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return {name: column_array(values) for name, values in zip(names, columns, strict=True)}

    def fingerprint(self) -> str:
        # The text of a row tells missing from empty and one column from the next; addition forgets the order of rows.
        asked = (
            "SELECT COUNT(*), SUM(CAST(hashtextextended(r, 0) AS NUMERIC)), "
            "SUM(CAST(hashtextextended(r, 1) AS NUMERIC)) "
            f'FROM (SELECT CAST(ROW({self._raw.cells}) AS TEXT) COLLATE "C" AS r FROM {self._raw.relation} AS s) AS q'
        )
        return fingerprint_of("postgresql", self._raw.columns, self._asked(asked.replace("%", "%%"), [])[1][0])

    def exact_numbers(self, place: int) -> bool:
        return self._raw.columns[place][1].startswith("numeric")

    def whole_numbers(self, place: int) -> bool:
        return self._raw.columns[place][1] in _WHOLE

    def holds_bytes(self, place: int) -> bool:
        return "bytea" in self._raw.columns[place][1]

    def in_byte_order(self, cell: str) -> str:
        return f'{cell} COLLATE "C"'

    def words(self, rows: str, others: str) -> str:
        parted = f'regexp_split_to_table(LOWER(x COLLATE "default") COLLATE "C", \'{self._no_word}\')'
        of_row = f"SELECT DISTINCT w FROM {parted} AS w"
        return f"SELECT {others}, d.w AS w FROM ({rows}) AS r CROSS JOIN LATERAL ({of_row}) AS d"

    def copy_lines(self, copied: Sequence[Copying], take: Callable[[bytes], None]) -> None:
        names = self._raw.names
        cells = [f"CAST({names[one.place]} AS TEXT)" if one.as_written else self._cells[one.place] for one in copied]
        asked = f"COPY (SELECT 1, {', '.join(cells)} FROM {self._raw.relation} AS s) TO STDOUT {_LINES}"
        try:
            with (
                self._connection.transaction(),
                self._connection.cursor() as cursor,
                cursor.copy(asked.encode()) as lines,
            ):
                for line in lines:  # libpq gives whole rows
                    take(bytes(line))
        except psycopg.Error as error:
            raise TableError(f"PostgreSQL does not answer about “{self._name}”: {said(error)}") from error

    @property
    def is_lost(self) -> bool:
        return self._connection.broken

    def close(self) -> None:
        self._connection.close()

    def _answers(self, asked: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        cast = _NUMBER.sub(self._number, asked.replace("%", "%%"))
        translated = _QUESTION.sub("%s", _DOUBLE.sub("AS DOUBLE PRECISION", cast))
        return self._asked(f"WITH t AS ({self._relation}) {translated}", parameters)

    def _number(self, cast: re.Match[str]) -> str:
        """PostgreSQL makes whole numbers of booleans, but no others."""
        cell = cast[1]
        if cell.removeprefix("t.") not in self._booleans:
            return cast[0]
        return f"CAST(CAST({cell} AS INTEGER) AS DOUBLE)"

    def _asked(self, whole: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.execute(whole.encode(), list(parameters))
                return [column.name for column in cursor.description or ()], cursor.fetchall()
        except psycopg.Error as error:
            raise TableError(f"PostgreSQL does not answer about “{self._name}”: {said(error)}") from error


def load(url: str, relation: str, window: Window | None = None) -> tuple[PostgreSQLEngine, tuple[Column, ...]]:
    """A relation named `table` or `schema.table`, or its rows of a window (days of UTC).

    TableError if the server or the relation cannot be reached, or has no such column of dates or times.
    """
    try:
        connection = logged_in(url, seconds=_CONNECT_SECONDS)
    except LogInRefusedError as error:
        raise DeniedError(f"The database of “{relation}” refuses the account: {said(error)}") from error
    except psycopg.Error as error:
        raise UnreachableError(f"The database of “{relation}” cannot be reached: {said(error)}") from error
    try:
        # One snapshot for all questions, and rows always in the same order, because columns are read one by one.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        for setting in _SETTINGS:
            connection.execute(setting)
        if connection.info.server_version >= _CHECKS_CLIENTS:
            connection.execute(_GONE_AFTER)
        quoted = sql.SQL(".").join(sql.Identifier(part) for part in relation.split("."))
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(quoted))
            described = [(column.name, _type_name(connection, column.type_code)) for column in cursor.description or ()]
            raw = _Raw(_within(quoted, window).as_string(connection), _columns(cursor))
        of_system = _is_of_system(connection, quoted.as_string(connection))
    except psycopg.Error as error:
        if connection.broken:
            raise UnreachableError(f"The database of “{relation}” is gone: {said(error)}") from error
        connection.close()
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            raise DeniedError(f"“{relation}” is refused to the account: {said(error)}", relation=relation) from error
        raise TableError(f"PostgreSQL has no table “{relation}” to read here: {said(error)}") from error
    if window is not None and dict(described).get(window.column) not in _DATES:
        connection.close()
        raise TableError(f"The table “{relation}” has no column “{window.column}” of dates or times.")
    check_names(relation, tuple(name for name, _ in described))
    # Other encodings have no such characters, or not all of them.
    blanks = BLANKS if _is_unicode(connection) else " "
    columns, cells = [], []
    for name, type_name in described:
        kind, cell = _cell(sql.Identifier(name).as_string(connection), type_name, blanks)
        columns.append(Column(name, kind))
        cells.append(cell)
    named = ", ".join(f"{cell} AS c{position}" for position, cell in enumerate(cells))
    rows = f"SELECT {named} FROM {raw.relation} AS s"
    booleans = frozenset(f"c{position}" for position, column in enumerate(columns) if column.kind == "boolean")
    engine = PostgreSQLEngine(connection, relation, rows, raw, cells=cells, booleans=booleans, of_system=of_system)
    return engine, tuple(columns)


def _is_unicode(connection: psycopg.Connection[Any]) -> bool:
    """Whether texts of the database may have any character."""
    return connection.info.parameter_status("server_encoding") == "UTF8"


def _within(quoted: sql.Composable, window: Window | None) -> sql.Composable:
    """The relation, or its rows of a window as one."""
    if window is None:
        return quoted
    column, after = sql.Identifier(window.column), window.last + timedelta(days=1)
    return sql.SQL("(SELECT * FROM {} AS w WHERE w.{} >= {} AND w.{} < {})").format(
        quoted, column, sql.Literal(window.first), column, sql.Literal(after)
    )


def _columns(cursor: psycopg.Cursor[Any]) -> tuple[tuple[str, str], ...]:
    """Names of the columns of a query, with their types as the database writes them."""
    described = list(cursor.description or ())
    types = cursor.execute(
        "SELECT format_type(o, NULL) FROM unnest(%s::oid[]) WITH ORDINALITY AS u(o, i) ORDER BY i",
        [[column.type_code for column in described]],
    ).fetchall()
    return tuple((column.name, str(row[0])) for column, row in zip(described, types, strict=True))


def _is_of_system(connection: psycopg.Connection[Any], quoted: str) -> bool:
    found = connection.execute(
        "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = pg_catalog.to_regclass(%s)",
        [quoted],
    ).fetchone()
    return found is None or str(found[0]).startswith("pg_") or found[0] == "information_schema"


def _type_name(connection: psycopg.Connection[Any], oid: int) -> str:
    found = connection.adapters.types.get(oid)
    return found.name if found else "?"


def _cell(name: str, type_name: str, blanks: str) -> tuple[Kind, str]:
    """The kind of a column, and the SQL that reads it with NaN and blank text as missing."""
    if type_name in _FRACTIONS:
        number = f"CAST({name} AS DOUBLE PRECISION)"
        return "number", f"CASE WHEN {number} = 'NaN' THEN NULL ELSE {number} END"
    if type_name in _NUMBERS:
        return "number", name
    if type_name == "bool":
        return "boolean", name
    text = f"CAST({name} AS TEXT)"
    if type_name in _DATES:
        return "date", text
    if type_name in _TEXTS:
        return "text", f"CASE WHEN BTRIM({text}, '{blanks}') = '' THEN NULL ELSE {text} END"
    return "other", text
