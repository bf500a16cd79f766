"""Reads the scores of a table: at once where they fit in memory, otherwise range after range of rising scores."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.histograms import BinRow, bins_parameters, bins_query
from approvals.measures.keeping import remembered, steps
from approvals.measures.labels import Value, positive_level
from approvals.measures.ranges import BLOCK_ROWS, FINITE, histogram_parameters, histogram_query, plan
from approvals.measures.ranks import Ranks, _Reading
from approvals.measures.reading import TableError
from approvals.measures.scores import _BINNINGS, Binned, Closed, Floats, ScoreCounts, Scores, _Bins, rising

if TYPE_CHECKING:
    from approvals.measures.tables import Table

_Key = tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """Rows with a label and a finite score, positive ones, rows with a label only, and the least and greatest score."""

    n: int
    positives: int
    left_out: int
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ScoredRows:
    """Rows with a label as SQL that gives x (the score) and y (whether the label is positive)."""

    table: Table
    sql: str
    parameters: tuple[Any, ...]

    def fetch(self, selected: str, condition: str = "TRUE", parameters: Sequence[float] = ()) -> list[tuple[Any, ...]]:
        asked = f"SELECT {selected} FROM ({self.sql}) AS r WHERE {condition}"
        return self.table.fetch(asked, (*self.parameters, *parameters))

    def arrays(self, condition: str = "TRUE", parameters: Sequence[float] = ()) -> tuple[NDArray[np.bool_], Floats]:
        """Whether the label is positive, and the score, of the rows for which a condition holds."""
        asked = f"SELECT x, y FROM ({self.sql}) AS r WHERE {condition}"
        found = self.table.block(asked, (*self.parameters, *parameters))
        return _booleans(found["y"]), _floats(found["x"])

    def size(self) -> Size:
        """How many rows there are, and between which scores."""
        finite = f"CASE WHEN {FINITE} THEN x END"
        n, positives, total, low, high = self.fetch(
            f"COUNT({finite}), COUNT(CASE WHEN y AND {FINITE} THEN 1 END), COUNT(*), MIN({finite}), MAX({finite})"
        )[0]
        return Size(int(n), int(positives), int(total - n), low, high)

    def bins(self, low: float, high: float) -> dict[bool, list[BinRow]]:
        """The rows by score and by whether they are positive, as `histograms.TwoHistograms` takes them."""
        parameters = (*bins_parameters(low, high), *self.parameters, low, high)
        found: dict[bool, list[BinRow]] = {True: [], False: []}
        for y, b, rows, least, most, levels in self.table.fetch(bins_query(self.sql), parameters):
            found[bool(y)].append((int(b), int(rows), float(least), float(most), int(levels)))
        return found

    def histogram(self, low: float, high: float) -> list[tuple[int, int, float, float]]:
        """Rows by score, as `ranges.plan` asks for them."""
        parameters = (*histogram_parameters(low, high), *self.parameters, low, high)
        return self.table.fetch(histogram_query(self.sql), parameters)


@dataclass(frozen=True, eq=False)
class _Ranges(Scores):
    """Scores that stay in the table, in ranges of rising scores."""

    rows: ScoredRows
    ranges: tuple[tuple[float, float], ...]
    positive_rows: int
    negative_rows: int
    left_out: int

    def blocks(self) -> Iterator[ScoreCounts]:
        for low, high in steps((), self.ranges):
            yield from self._of(low, high)

    def _of(self, low: float, high: float) -> Iterator[ScoreCounts]:
        if low < high:
            yield from rising(*self.rows.arrays("x BETWEEN ? AND ?", (low, high)))
            return
        n, positives = self.rows.fetch("COUNT(*), COUNT(CASE WHEN y THEN 1 END)", "x = ?", [low])[0]
        yield ScoreCounts(np.array([low]), np.array([positives]), np.array([n - positives]))

    @cached_property
    def _read(self) -> tuple[Ranks, dict[tuple[int, Closed], Binned]]:
        identity = self.rows.table.engine.identity
        name = ["scores", identity, self.rows.sql, repr(self.rows.parameters), repr(self.ranges)]
        return remembered(name, lambda: self._passed(name))

    def _passed(self, name: Sequence[str]) -> tuple[Ranks, dict[tuple[int, Closed], Binned]]:
        """As for all scores, but an attempt that was ended is gone on with after its last range."""
        binned, reading = _Bins(_BINNINGS), _Reading(self.positive_rows, self.negative_rows)
        under_way = _UnderWay()

        def blocks() -> Iterator[ScoreCounts]:
            resumed = True
            for low, high in steps(name, self.ranges, reading, binned, under_way):
                if resumed:  # what an earlier attempt had read and not added
                    yield from tuple(under_way.blocks)
                    resumed = False
                for block in self._of(low, high):
                    under_way.blocks.append(block)
                    yield block
                under_way.leave_out(reading.highest)

        for block in binned.counting(blocks()):
            reading.add(block)
        return reading.done(), binned.found


class _UnderWay:
    """Blocks that were handed out and not added yet, because whoever adds them cuts them otherwise."""

    def __init__(self) -> None:
        self.blocks: list[ScoreCounts] = []

    def leave_out(self, added: float | None) -> None:
        """Scores up to this one were added."""
        if added is not None:
            self.blocks = [rest for block in self.blocks if (rest := _above(block, added)).scores.size]


def _above(block: ScoreCounts, score: float) -> ScoreCounts:
    start = int(np.searchsorted(block.scores, score, side="right"))
    return ScoreCounts(block.scores[start:], block.positives[start:], block.negatives[start:])


def read_scores(table: Table, score: str, label: str, *, positive: Value, block_rows: int = BLOCK_ROWS) -> Scores:
    """The scores of rows with a label. TableError when the label is not two-valued or the score is no number."""
    rows = scored_rows(table, score, label, positive=positive)
    if table.rows > block_rows:
        return _in_ranges(rows, block_rows)
    return ScoreCounts.from_arrays(*rows.arrays())


def scored_rows(table: Table, score: str, label: str, *, positive: Value) -> ScoredRows:
    """The rows that `read_scores` reads. TableError as there."""
    chosen = _chosen(table, score, label, positive)
    return ScoredRows(table, _labelled(table, score, label, "t"), (chosen,))


def scores_of_rows(rows: ScoredRows, *, block_rows: int = BLOCK_ROWS) -> Scores:
    """The scores of some rows, read as those of a table are."""
    size = rows.size()
    return _in_ranges(rows, block_rows) if size.n > block_rows else ScoreCounts.from_arrays(*rows.arrays())


def read_score_groups(
    table: Table,
    score: str,
    label: str,
    *,
    positive: Value,
    by: Sequence[str],
    name: Callable[[Value], str],
    block_rows: int = BLOCK_ROWS,
) -> Iterator[tuple[_Key, Scores]]:
    """The scores of each group, one after the other; values of `by` that have the same `name` are one group.

    TableError as in `read_scores`.
    """
    chosen = _chosen(table, score, label, positive)
    sizes = table.counts(*by)
    keys = [tuple(name(value) for value in values) for values in sizes]
    names = sorted(set(keys))
    group_of = np.array([names.index(key) for key in keys], dtype=np.int64)
    rows_of = np.bincount(group_of, weights=list(sizes.values()), minlength=len(names))
    for chunk in steps((), _chunks(rows_of.tolist(), block_rows)):
        wanted = np.flatnonzero(np.isin(group_of, chunk))
        rows = ScoredRows(table, _grouped(table, score, label, by, wanted.tolist()), (chosen,))
        if len(chunk) == 1 and rows_of[chunk[0]] > block_rows:
            yield names[chunk[0]], _in_ranges(rows, block_rows)
            continue
        found = table.block(f"SELECT k, x, y FROM ({rows.sql}) AS r", rows.parameters)
        group = group_of[np.asarray(found["k"]).astype(np.int64)]
        order = np.argsort(group, kind="stable")
        x, y, group = _floats(found["x"])[order], _booleans(found["y"])[order], group[order]
        starts = np.searchsorted(group, [*chunk, chunk[-1] + 1])
        for position, start, end in zip(chunk, starts[:-1], starts[1:], strict=True):
            yield names[position], ScoreCounts.from_arrays(y[start:end], x[start:end])


@dataclass(frozen=True)
class GroupedRows:
    """Rows with a label, with k, the number of the combination of values of some columns, which `values` lists."""

    table: Table
    values: tuple[tuple[Value, ...], ...]
    all: ScoredRows
    make: Callable[[Iterable[int]], str]

    def of(self, wanted: Sequence[int]) -> ScoredRows:
        """The rows of some combinations only."""
        return ScoredRows(self.table, self.make(wanted), self.all.parameters)

    def sizes(self, condition: str = "TRUE", parameters: Sequence[float] = ()) -> dict[int, tuple[int, int, int]]:
        """By combination: positives and negatives with a finite score, and rows without one."""
        counted = f"k, COUNT(*), COUNT(CASE WHEN {FINITE} THEN 1 END), COUNT(CASE WHEN y AND {FINITE} THEN 1 END)"
        found = self.all.fetch(counted, f"{condition} GROUP BY k", parameters)
        return {int(k): (int(positives), int(n - positives), int(rows - n)) for k, rows, n, positives in found}


def grouped_rows(table: Table, score: str, label: str, *, positive: Value, by: Sequence[str]) -> GroupedRows:
    """The rows of `read_scores` with the number of their group. TableError as there."""
    chosen = _chosen(table, score, label, positive)
    values = tuple(table.counts(*by))

    def make(wanted: Iterable[int]) -> str:
        return _grouped(table, score, label, by, wanted)

    return GroupedRows(table, values, ScoredRows(table, make(range(len(values))), (chosen,)), make)


def _chosen(table: Table, score: str, label: str, positive: Value) -> Value:
    table.require(score, label)
    if table.column(score).kind not in {"number", "boolean"}:
        raise TableError(
            f"The score column “{score}” of “{table.name}” must hold numbers in every row; "
            "write them as 1234.5, without signs of thousands or per cent and without zeros in front."
        )
    return positive_level(label, table.levels(label), positive)


def _labelled(table: Table, score: str, label: str, source: str) -> str:
    x, y = table.cell(score), table.cell(label)
    return f"SELECT CAST({x} AS DOUBLE) + 0.0 AS x, COALESCE({y} = ?, FALSE) AS y FROM {source} WHERE {y} IS NOT NULL"


def _grouped(table: Table, score: str, label: str, by: Sequence[str], wanted: Iterable[int]) -> str:
    cells = ", ".join(table.cell(name) for name in by)
    numbered = (
        f"SELECT {cells}, ROW_NUMBER() OVER (ORDER BY {cells}) - 1 AS k FROM (SELECT DISTINCT {cells} FROM t) AS d"
    )
    matching = " AND ".join(f"t.{table.cell(name)} IS NOT DISTINCT FROM g.{table.cell(name)}" for name in by)
    x, y = table.cell(score), table.cell(label)
    return (
        f"SELECT g.k AS k, CAST(t.{x} AS DOUBLE) + 0.0 AS x, COALESCE(t.{y} = ?, FALSE) AS y "
        f"FROM t JOIN ({numbered}) AS g ON {matching} "
        f"WHERE t.{y} IS NOT NULL AND g.k IN ({', '.join(map(str, wanted))})"
    )


def _chunks(sizes: Sequence[float], block_rows: int) -> Iterator[list[int]]:
    """Positions that follow each other and together have few enough rows, or one that alone has more."""
    chunk: list[int] = []
    total = 0.0
    for position, size in enumerate(sizes):
        if chunk and total + size > block_rows:
            yield chunk
            chunk, total = [], 0.0
        chunk.append(position)
        total += size
    if chunk:
        yield chunk


def _in_ranges(rows: ScoredRows, block_rows: int) -> Scores:
    size = rows.size()
    ends = (size.low, size.high) if size.low is not None and size.high is not None else None
    ranges = tuple(plan(size.n, *ends, rows.histogram, block_rows)) if ends else ()
    return _Ranges(rows, ranges, size.positives, size.n - size.positives, size.left_out)


def _floats(column: Any) -> Floats:
    return np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)


def _booleans(column: Any) -> Any:
    return np.ma.filled(np.ma.asarray(column, dtype=np.bool_), False)
