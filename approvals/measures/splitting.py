"""A table in one Parquet file for each window of time in which rows lie: each row once, in its order.

Times are dates, timestamps and ISO 8601 texts, read as UTC where they say no offset. The same rows and types make the
same bytes: one thread writes, whatever else the table holds.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, …, days and numbers only

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from approvals.measures.duckdb_engine import Workbench
from approvals.measures.engine import Column
from approvals.measures.reading import TableError
from approvals.measures.sources import Source, plain_source

MEMORY_MB = 900
UNITS = {"daily": "day", "weekly": "week", "monthly": "month"}
"""A week begins on Monday."""
_TIME = (
    "([0-9]{4}-[0-9]{2}-[0-9]{2})"
    "(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?) ?(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?"
)


@dataclass(frozen=True)
class Part:
    """The rows of one window, by its first day."""

    first: date
    rows: int


def split(
    path: Path, name: str, *, time_column: str, pace: str, today: date, most: int, output: Path
) -> tuple[list[Part], int]:
    """Write FIRST-DAY.parquet for each window that ended before today; also gives the rows of the one that did not.

    TableError if a row has no readable time or one after today, and for more than `most` windows; nothing counts then.
    """
    try:
        with (
            plain_source(path, None, scratch=output) as source,
            closing(Workbench([path.resolve()], memory_limit_mb=MEMORY_MB, scratch=output, threads=1)) as bench,
        ):
            return _Splitter(bench, source, name).split(time_column, UNITS[pace], today, most, output)
    except TableError as error:
        raise TableError(error.sentence.replace(path.name, name)) from error


def moment(cell: str) -> str:
    """SQL of the time in UTC that a cell says; missing where it says none."""
    text = f"TRIM(CAST({cell} AS VARCHAR))"
    day, clock, zone = (f"REGEXP_EXTRACT({text}, '^{_TIME}$', {group})" for group in (1, 2, 3))
    local = f"TRY_CAST({day} || ' ' || CASE {clock} WHEN '' THEN '00:00' ELSE {clock} END AS TIMESTAMP)"
    hours, minutes = f"CAST(SUBSTR({zone}, 2, 2) AS INTEGER)", f"COALESCE(TRY_CAST(RIGHT({zone}, 2) AS INTEGER), 0)"
    ahead = f"(60 * {hours} + CASE WHEN LENGTH({zone}) > 3 THEN {minutes} ELSE 0 END)"
    signed = f"CASE LEFT({zone}, 1) WHEN '+' THEN {ahead} WHEN '-' THEN -{ahead} ELSE 0 END"
    return f"(CASE WHEN {day} >= '0002' THEN {local} - TO_MINUTES({signed}) END)"


class _Splitter:
    def __init__(self, bench: Workbench, source: Source, name: str) -> None:
        self._bench, self._name, self._is_csv = bench, name, source.header is not None
        self._columns = bench.load_unchanged(source, "t")

    def split(self, time_column: str, unit: str, today: date, most: int, output: Path) -> tuple[list[Part], int]:
        place = next((place for place, one in enumerate(self._columns) if one.name == time_column), None)
        if place is None:
            listed = ", ".join(one.name for one in self._columns[:30])
            raise TableError(f"The table “{self._name}” has no column “{time_column}”. Its columns are: {listed}.")
        self._require_names()
        cells = self._cells()
        self._order(cells, place, unit)
        self._require_times(f"c{place}", time_column, today)
        found = self._bench.run(f"SELECT w, COUNT(*) FROM s GROUP BY w ORDER BY w LIMIT {most + 1}", about=self._name)
        if len(found) > most:
            raise TableError(
                f"“{time_column}” of “{self._name}” lies in more than {most:,} windows; choose longer ones, or deliver "
                "the table in pieces."
            )
        current = self._bench.run(f"SELECT DATE_TRUNC('{unit}', DATE '{today}')::DATE", about=self._name)[0][0]
        parts = [Part(first, int(rows)) for first, rows in found if first != current]
        named = {one.name: f"c{number}" for number, one in enumerate(self._columns)}
        for part in parts:
            # Sorted anew, so that nothing of how the table was held shows in the file.
            rows = f"(SELECT * FROM s WHERE w = DATE '{part.first}' ORDER BY n) AS r"
            self._bench.write(named, rows, output / f"{part.first}.parquet", about=self._name)
        return parts, sum(int(rows) for first, rows in found if first == current)

    def _require_names(self) -> None:
        """A file is written without regard to capital letters, and one of two such columns got another name."""
        written: dict[str, str] = {}
        for column in self._columns:
            if (other := written.setdefault(column.name.lower(), column.name)) != column.name:
                raise TableError(
                    f"“{self._name}” has the columns “{other}” and “{column.name}”, which differ in capital letters "
                    "only; rename one of them to have the table split."
                )

    def _order(self, cells: list[str], place: int, unit: str) -> None:
        """The relation s: the rows by window w and place n, with the moment m."""
        made = ", ".join(f"{cell} AS c{number}" for number, cell in enumerate(cells))
        numbered = f"SELECT *, ROW_NUMBER() OVER () AS n, {moment(f'c{place}')} AS m FROM t"
        self._bench.run(
            f"CREATE TABLE s AS SELECT {made}, n, m, CAST(DATE_TRUNC('{unit}', m) AS DATE) AS w "
            f"FROM ({numbered}) AS r ORDER BY w, n",
            about=self._name,
        )
        self._bench.drop("t")

    def _require_times(self, cell: str, column: str, today: date) -> None:
        rows, present, read, late, shown = self._bench.run(
            f"SELECT COUNT(*), COUNT({cell}), COUNT(m), COUNT(CASE WHEN CAST(m AS DATE) > DATE '{today}' THEN 1 END), "
            f"MIN(CASE WHEN m IS NULL THEN CAST({cell} AS VARCHAR) END) FROM s",
            about=self._name,
        )[0]
        if read < rows:
            example = f", for example “{str(shown)[:40]}”" if shown is not None else ""
            raise TableError(
                f"“{column}” of “{self._name}” says no readable time in {rows - read:,} of {rows:,} rows: "
                f"{rows - present:,} have none, {present - read:,} have what is no date or ISO time{example}. Nothing "
                "was taken; write times as 2026-01-31 or 2026-01-31T12:00:00Z."
            )
        if late:
            raise TableError(
                f"“{column}” of “{self._name}” lies after today ({today}, UTC) in {late:,} of {rows:,} rows, which "
                "nothing was met on yet. Nothing was taken; say the offset of times that are not in UTC."
            )

    def _cells(self) -> list[str]:
        """Every cell with the type it is written in. What a CSV says is read once, for all windows alike."""
        cells = [f"c{place}" for place in range(len(self._columns))]
        return (
            [self._cell(cell, one) for cell, one in zip(cells, self._columns, strict=True)] if self._is_csv else cells
        )

    def _cell(self, cell: str, column: Column) -> str:
        if column.kind == "other":  # nothing in any row: neither text nor number
            return f"CAST({cell} AS BLOB)"
        if column.kind == "date":
            return self._first_that_holds_all(cell, (f"TRY_CAST({_only_day(cell)} AS DATE)", moment(cell)))
        if column.kind == "number":
            # Parquet has no whole numbers of 128 bits; as text they keep every digit.
            described = self._bench.run(f"SELECT TYPEOF({cell}) FROM t LIMIT 1", about=self._name)
            if described and described[0][0] == "HUGEINT":
                tried = (f"TRY_CAST({cell} AS BIGINT)", f"TRY_CAST({cell} AS UBIGINT)", f"CAST({cell} AS VARCHAR)")
                return self._first_that_holds_all(cell, tried)
        return cell

    def _first_that_holds_all(self, cell: str, tried: tuple[str, ...]) -> str:
        lost = ", ".join(f"COUNT({cell}) - COUNT({sql})" for sql in tried)
        found = self._bench.run(f"SELECT {lost} FROM t", about=self._name)[0]
        return next((sql for sql, count in zip(tried, found, strict=True) if not count), cell)


def _only_day(cell: str) -> str:
    return f"CASE WHEN LENGTH(TRIM({cell})) = 10 THEN TRIM({cell}) END"
