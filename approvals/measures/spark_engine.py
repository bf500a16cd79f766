"""Tables on Spark: asked in its SQL, and only counts and asked-for numbers come back. Needs the extra `spark`."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and names of the checked schema, quoted

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from approvals.measures.engine import Column, Copying, Engine, column_array, fingerprint_of, said
from approvals.measures.kinds import BLANKS, NO_WORD, Kind
from approvals.measures.reading import DeniedError, TableError, UnreachableError, check_names
from approvals.measures.references import Window

LOCAL = "spark-local://"
_NUMBERS = {"tinyint", "smallint", "int", "bigint"}
_FRACTIONS = ("float", "double", "decimal")
_TEXTS = ("string", "varchar", "char")
_MOMENT = "timestamp"
_BYTES = re.compile(r"\bbinary\b(?!:)")
_DENIED = re.compile(r"INSUFFICIENT_PERMISSIONS|AccessControlException|Permission denied|SQLSTATE: 42501")
_ROWS_AT_ONCE = 10_000
_SYSTEM = {"system", "information_schema"}


class SparkEngine(Engine):
    """One relation of a Spark session, kept there while it is open, so that its rows keep their order."""

    has_hash = False
    keeps_snapshot = False  # kept rows that a machine loses are read again, and may have changed by then

    def __init__(self, session: Any, rows: Any, name: str, cells: Sequence[str]) -> None:
        self._session = session
        self._rows = rows.persist()
        self._name = name
        self._view = f"measured_{uuid4().hex}"
        named = ", ".join(f"{cell} AS c{position}" for position, cell in enumerate(cells))
        self._relation = f"SELECT {named} FROM {self._view}"
        self._cells = cells
        self._rows.createOrReplaceTempView(self._view)
        self.of_system = any(part in _SYSTEM for part in name.lower().split(".")[:-1])

    def fingerprint(self) -> str:
        # Missing values leave this hash as it was, so that each column also says whether it has one.
        quoted = [f"`{name.replace('`', '``')}`" for name in self._rows.columns]
        both = ", ".join(f"{name}, {name} IS NULL" for name in quoted)
        asked = (
            f"SELECT COUNT(*), SUM(CAST(xxhash64({both}) AS DECIMAL(38, 0))), "
            f"SUM(CAST(xxhash64(1, {both}) AS DECIMAL(38, 0))) FROM {self._view}"
        )
        found = _asked(self._session, asked, self._name, {}).collect()[0]
        return fingerprint_of("spark", self._rows.dtypes, tuple(found))

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._answer(sql, parameters).collect()]

    def arrays(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        answer = self._answer(sql, parameters)
        rows = answer.collect()
        columns = zip(*rows, strict=True) if rows else [()] * len(answer.columns)
        return {name: column_array(values) for name, values in zip(answer.columns, columns, strict=True)}

    def exact_numbers(self, place: int) -> bool:
        return bool(self._rows.dtypes[place][1].startswith("decimal"))

    def whole_numbers(self, place: int) -> bool:
        return self._rows.dtypes[place][1] in _NUMBERS

    def holds_bytes(self, place: int) -> bool:
        return bool(_BYTES.search(self._rows.dtypes[place][1]))

    def words(self, rows: str, others: str) -> str:
        return f"SELECT {others}, EXPLODE(ARRAY_DISTINCT(SPLIT(LOWER(x), '{NO_WORD}'))) AS w FROM ({rows}) AS r"

    def copy_lines(self, copied: Sequence[Copying], take: Callable[[bytes], None]) -> None:
        names = [f"`{name.replace('`', '``')}`" for name in self._rows.columns]
        cells = [f"CAST({names[one.place]} AS STRING)" if one.as_written else self._cells[one.place] for one in copied]
        answer = _asked(self._session, f"SELECT 1, {', '.join(cells)} FROM {self._view}", self._name, {})
        rows = _iterated(answer, self._name)
        while block := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            lines = io.StringIO(newline="")
            csv.writer(lines, lineterminator="\n").writerows(block)
            take(lines.getvalue().encode())

    @property
    def is_lost(self) -> bool:
        from py4j.protocol import Py4JError  # noqa: PLC0415

        context = self._session.sparkContext
        try:
            return context._jsc is None or bool(context._jsc.sc().isStopped())  # noqa: SLF001 - it has no other name
        except (Py4JError, OSError):  # nobody is there who could say it
            return True

    def close(self) -> None:
        if self.is_lost:
            return  # what it kept is gone with it
        self._session.catalog.dropTempView(self._view)
        self._rows.unpersist()

    def _answer(self, asked: str, parameters: Sequence[Any]) -> Any:
        translated = re.sub(r"\bAS VARCHAR\b", "AS STRING", asked)
        # Spark counts marks in the order in which it looks at them, subqueries first; named ones it cannot confuse.
        numbers = itertools.count()
        named = re.sub(r"\?", lambda _: f":p{next(numbers)}", translated)
        values = {f"p{number}": value for number, value in enumerate(parameters)}
        return _asked(self._session, f"WITH t AS ({self._relation}) {named}", self._name, values)


def load(url: str, relation: str, window: Window | None = None) -> tuple[SparkEngine, tuple[Column, ...]]:
    """A relation of the catalogue, `table`, `schema.table` or `catalogue.schema.table`, or its rows of a window
    (days of UTC).

    `spark://host:port` names a cluster, `spark-local://2` two threads of this machine. TableError if there is no Spark
    or no such relation.
    """
    session = _session(url, relation)
    session.conf.set("spark.sql.session.timeZone", "UTC")  # days of a window are those of UTC, wherever Spark runs
    session.conf.set("spark.sql.runSQLOnFiles", "false")  # csv.`/etc/passwd` would be a relation, too
    quoted = ".".join(f"`{part.replace('`', '``')}`" for part in relation.split("."))
    schema = _asked(session, f"SELECT * FROM {quoted} LIMIT 0", relation, {}).dtypes
    if window is not None and not str(dict(schema).get(window.column, "")).startswith(("date", "timestamp")):
        raise TableError(f"The table “{relation}” has no column “{window.column}” of dates or times.")
    check_names(relation, tuple(name for name, _ in schema))
    columns, cells = [], []
    for name, type_name in schema:
        kind, cell = _cell(f"`{name.replace('`', '``')}`", type_name)
        columns.append(Column(name, kind))
        cells.append(cell)
    rows = _asked(session, f"SELECT * FROM {quoted}{_within(window)}", relation, {})
    return SparkEngine(session, rows, relation, cells), tuple(columns)


def _within(window: Window | None) -> str:
    if window is None:
        return ""
    column = f"`{window.column.replace('`', '``')}`"
    return f" WHERE {column} >= DATE'{window.first}' AND {column} < DATE'{window.last + timedelta(days=1)}'"


def start(url: str) -> None:
    """Start the program that Spark runs in, or reach it; TableError if there is none."""
    _session(url, "…")


def _session(url: str, relation: str) -> Any:
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415  (a large library that few installations have)
    except ImportError:
        raise TableError("Spark is not installed here; install the extra “spark” and a Java runtime.") from None
    master = f"local[{url.removeprefix(LOCAL) or '*'}]" if url.startswith(LOCAL) else url
    builder = SparkSession.builder.master(master).appName("measures").config("spark.ui.enabled", "false")
    try:
        return builder.getOrCreate()
    except Exception as error:
        raise UnreachableError(f"The Spark of “{relation}” cannot be reached: {said(error)}") from error


def _asked(session: Any, sql: str, name: str, parameters: dict[str, Any]) -> Any:
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        return session.sql(sql, args=parameters) if parameters else session.sql(sql)
    except PySparkException as error:
        if _DENIED.search(str(error)):
            raise DeniedError(f"“{name}” is refused to the account: {said(error)}", relation=name) from error
        raise TableError(f"Spark does not answer about “{name}”: {said(error)}") from error


def _iterated(answer: Any, name: str) -> Iterator[Any]:
    """Rows one after the other; Spark hands over one partition at a time."""
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield from answer.toLocalIterator()
    except PySparkException as error:
        raise TableError(f"Spark does not answer about “{name}”: {said(error)}") from error


def _cell(name: str, type_name: str) -> tuple[Kind, str]:
    """The kind of a column, and the SQL that reads it with NaN and blank text as missing."""
    if type_name in _NUMBERS:
        return "number", name
    if type_name.startswith(_FRACTIONS):
        number = f"CAST({name} AS DOUBLE)"
        return "number", f"CASE WHEN ISNAN({number}) THEN NULL ELSE {number} END"
    if type_name == "boolean":
        return "boolean", name
    text = f"CAST({name} AS STRING)"
    if type_name.startswith(("date", "timestamp")):
        # The session is in UTC, and other engines say so of a moment that is known by its zone.
        return "date", f"CONCAT({text}, '+00')" if type_name == _MOMENT else text
    if type_name.startswith(_TEXTS):
        return "text", f"CASE WHEN TRIM(BOTH '{BLANKS}' FROM {text}) = '' THEN NULL ELSE {text} END"
    return "other", text
