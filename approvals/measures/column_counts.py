"""What one column holds: values that are there, different ones, and the range and spread of numbers. Exact always.

Few different values are counted by the engine. Numbers of many values are read and sorted, in parts that fit in memory.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from approvals.measures.moments import Moments
from approvals.measures.ranges import FINITE, histogram_parameters, histogram_query, plan
from approvals.measures.scores import Floats, Integers
from approvals.measures.spare import Words

if TYPE_CHECKING:
    from approvals.measures.tables import Table

PART_ROWS = 1 << 24
"""Numbers of one column that are in memory at once, 8 bytes each and as much again while they are read."""
MANY = 100_000
"""With more different values than these, a column of numbers is read."""
_SAMPLE_ROWS, _TOGETHER = 20_000, 64
_CACHED = 1 << 16
_EXACT_DOUBLE = 2.0**53
_NUMBERS = {"number", "boolean"}
_TURNS = np.array([np.inf, -0.0, -np.inf]).view(np.uint64)
"""Bits at which doubles that rise by their bits are no longer finite, go on below 0, and are no longer finite."""


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


@dataclass(frozen=True)
class ColumnCounts:
    """Values that are there, different ones among them, and what they are as numbers; None for other columns."""

    present: int
    distinct: int
    numbers: NumberSummary | None


def column_counts(
    table: Table, column: str, *, part_rows: int = PART_ROWS, is_long: bool | None = None
) -> ColumnCounts:
    """The counts of one column, from one reading of it as a rule; `is_long` as `long_columns` says."""
    cell = table.cell(column)
    many = column in long_columns(table, [column]) if is_long is None else is_long
    if table.column(column).kind not in _NUMBERS:
        return _of_others(table, cell, part_rows, many=many)
    summary = None if many else _of_few(table, cell)
    found = summary or _of_many(table, cell, part_rows)
    return ColumnCounts(found.n + found.not_finite, found.distinct, found)


def _of_others(table: Table, cell: str, part_rows: int, *, many: bool) -> ColumnCounts:
    if many:
        present = int(table.fetch(f"SELECT COUNT({cell}) FROM t")[0][0])
        return ColumnCounts(present, _different(table, cell, part_rows), None)
    there = f"CAST(COALESCE(SUM(CASE WHEN {cell} IS NOT NULL THEN n END), 0) AS BIGINT)"
    distinct, present = table.fetch(f"SELECT COUNT({cell}), {there} FROM ({table.engine.rows_by([cell])}) AS r")[0]
    return ColumnCounts(int(present), int(distinct), None)


def long_columns(table: Table, columns: Sequence[str]) -> set[str]:
    """Those of which most of the first values differ, which says only how they are best read."""
    if table.rows <= 2 * MANY or not table.engine.has_hash:
        return set()
    found = set()
    for start in range(0, len(columns), _TOGETHER):
        names = columns[start : start + _TOGETHER]
        cells = [table.cell(name) for name in names]
        sample = f"SELECT {', '.join(cells)} FROM t LIMIT {_SAMPLE_ROWS}"
        counted = ", ".join(f"COUNT({cell}), COUNT(DISTINCT {cell})" for cell in cells)
        counts = table.fetch(f"SELECT {counted} FROM ({sample}) AS s")[0]
        found |= {name for name, n, distinct in zip(names, counts[::2], counts[1::2], strict=True) if 2 * distinct > n}
    return found


def _different(table: Table, cell: str, part_rows: int) -> int:
    """Different values, counted by the engine in parts, because it holds all that it counts at once."""
    parts = -(-4 * table.rows // part_rows) if table.engine.has_hash else 1
    of_part = f"SELECT COUNT(DISTINCT {cell}) FROM t" + (f" WHERE HASH({cell}) % {parts} = " if parts > 1 else "")
    return sum(int(table.fetch(of_part + (str(part) if parts > 1 else ""))[0][0]) for part in range(parts))


def _of_few(table: Table, cell: str) -> NumberSummary | None:
    """The summary from rows per value; nothing for too many values."""
    by_value = f"({table.engine.rows_by([cell])}) AS r WHERE {cell} IS NOT NULL"
    found = table.arrays(f"SELECT CAST({cell} AS DOUBLE) AS x, n FROM {by_value} ORDER BY x LIMIT {MANY + 1}")
    if len(found["x"]) > MANY:
        return None
    values, rows = np.asarray(found["x"], dtype=np.float64) + 0.0, np.asarray(found["n"], dtype=np.int64)
    finite = np.isfinite(values)
    return _summary(table, int(rows.sum()), Moments.of((rows[finite], values[finite])), values[finite], values.size)


def _of_many(table: Table, cell: str, part_rows: int) -> NumberSummary:
    moments, distinct = Moments(), 0
    ends: list[float] = []
    present = 0
    for values, times in _parts(table, cell, part_rows):
        present += int(times.sum()) if times is not None else values.size
        # The bits of doubles sort faster than doubles, and equal ones come together just as well.
        words = values.view(np.uint64)
        if not _rises(words):
            words.sort()
        distinct += _different_neighbours(values)
        finite, of_finite = _finite(values, words)
        if finite.size:
            moments += Moments.of((times, finite)) if times is not None else _moments(finite)
            ends += of_finite
    if ends and max(map(abs, ends)) >= _EXACT_DOUBLE:
        distinct = _different(table, cell, part_rows)  # whole numbers that doubles cannot tell apart
    return _summary(table, present, moments, np.array(ends), distinct)


def _parts(table: Table, cell: str, part_rows: int) -> Iterator[tuple[Floats, Integers | None]]:
    """The values that are there, each in one part; one value that fills a part comes once, with its rows."""
    rows = f"SELECT CAST({cell} AS DOUBLE) + 0.0 AS x FROM t WHERE {cell} IS NOT NULL"
    if table.rows <= part_rows:
        with table.spare.lent(table.rows) as room:
            yield _read(table, table.engine.there(cell), (), room), None
        return
    infinite = table.fetch(f"SELECT x, COUNT(*) FROM ({rows}) AS r WHERE NOT ({FINITE}) GROUP BY x ORDER BY x")
    for value, times in infinite:
        yield np.array([value], dtype=np.float64), np.array([times], dtype=np.int64)
    n, low, high = table.fetch(f"SELECT COUNT(*), MIN(x), MAX(x) FROM ({rows}) AS r WHERE {FINITE}")[0]
    if not n:
        return

    def histogram(least: float, most: float) -> list[tuple[int, int, float, float]]:
        found = table.fetch(histogram_query(rows), (*histogram_parameters(least, most), least, most))
        return [(int(b), int(size), float(start), float(end)) for b, size, start, end in found]

    for start, end in plan(int(n), float(low), float(high), histogram, part_rows):
        if start == end:
            times = table.fetch(f"SELECT COUNT(*) FROM ({rows}) AS r WHERE x = ?", (start,))[0][0]
            yield np.array([start]), np.array([times], dtype=np.int64)
        else:
            with table.spare.lent(part_rows) as room:
                yield _read(table, f"SELECT x FROM ({rows}) AS r WHERE x BETWEEN ? AND ?", (start, end), room), None


def _read(table: Table, sql: str, parameters: Sequence[Any], room: Words) -> Floats:
    """The numbers of a query but NaN, put where there is room for them, as an array to sort."""
    found, n = room.view(np.float64), 0

    def take(piece: Floats) -> None:
        nonlocal n
        nan = np.isnan(piece)
        if nan.any():
            piece = piece[~nan]
        found[n : n + piece.size] = piece
        n += piece.size

    table.each_piece(sql, take, parameters)
    return found[:n]


def _blocks(values: Floats) -> Iterator[Floats]:
    """The values in pieces that stay in a processor's cache."""
    for start in range(0, values.size, _CACHED):
        yield values[start : start + _CACHED]


def _rises(words: Words) -> bool:
    """Whether they are sorted already, as keys and times often are; soon known when they are not."""
    starts = range(0, words.size - 1, _CACHED)
    blocks = (words[start : start + _CACHED + 1] for start in starts)
    return all(bool((block[1:] >= block[:-1]).all()) for block in blocks)


def _finite(values: Floats, words: Words) -> tuple[Floats, list[float]]:
    """The finite ones of numbers whose bits rise, and the least and the greatest; nothing where there are none.

    Bits rise with the numbers from 0 on; after these those below 0 follow, falling.
    """
    over, below, under = (int(place) for place in np.searchsorted(words, _TURNS))
    parts = values[:over], values[below:under]
    ends = [float(part[place]) for part in parts if part.size for place in (0, -1)]
    finite = values if over == below and under == values.size else np.concatenate(parts)
    return finite, [min(ends), max(ends)] if ends else []


def _different_neighbours(values: Floats) -> int:
    found = int(values.size > 0)
    for start in range(0, values.size - 1, _CACHED):
        block = values[start : start + _CACHED + 1]
        found += int(np.count_nonzero(block[1:] != block[:-1]))
    return found


def _moments(values: Floats) -> Moments:
    mean = math.fsum(float(np.sum(block)) for block in _blocks(values)) / values.size
    squares = math.fsum(float(np.sum(np.square(block - mean))) for block in _blocks(values))
    return Moments(values.size, mean, squares)


def _summary(table: Table, present: int, moments: Moments, values: Floats, distinct: int) -> NumberSummary:
    missing, n = table.rows - present, moments.n
    if not n:
        return NumberSummary(0, missing, present, None, None, None, None, distinct)
    low, high = float(values.min()), float(values.max())
    return NumberSummary(n, missing, present - n, low, high, moments.mean, moments.spread, distinct)
