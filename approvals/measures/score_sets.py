"""The scores of the groups of several comparisons at once: where groups are too large for memory, all in one pass.

The table is read in ranges of rising scores, as often as for one group alone.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from approvals.measures.keeping import steps
from approvals.measures.labels import Value
from approvals.measures.ranges import BLOCK_ROWS, plan
from approvals.measures.ranks import Ranks
from approvals.measures.score_reading import ScoredRows, grouped_rows, read_score_groups, scores_of_rows
from approvals.measures.scores import Binned, Closed, Floats, Gathering, Integers, ScoreCounts, Scores, of_rising
from approvals.measures.tables import Table

Key = tuple[str, ...]
MOST_TOGETHER = 200
"""Groups that are read together; each holds up to a megabyte."""


@dataclass(frozen=True, eq=False)
class PassedScores(Scores):
    """Scores of a group that were read with those of others; `rows` reads them alone, should more be asked."""

    rows: ScoredRows
    read: tuple[Ranks, dict[tuple[int, Closed], Binned]]
    positive_rows: int
    negative_rows: int
    left_out: int

    def blocks(self) -> Iterator[ScoreCounts]:
        return scores_of_rows(self.rows).blocks()

    @property
    def _read(self) -> tuple[Ranks, dict[tuple[int, Closed], Binned]]:
        return self.read


class ScoreSets:
    """The scores of each group of each of several comparisons, named as `name` names the values."""

    def __init__(
        self,
        table: Table,
        score: str,
        label: str,
        *,
        positive: Value,
        sets: Sequence[Key],
        name: Callable[[Value], str],
        block_rows: int = BLOCK_ROWS,
    ) -> None:
        """TableError as `read_scores`."""
        self._table, self._score, self._label, self._positive = table, score, label, positive
        self._name, self._block_rows = name, block_rows
        self._sets = tuple(dict.fromkeys(sets))

    def of(self, names: Key) -> Iterator[tuple[Key, Scores]]:
        """The scores of each group of one comparison."""
        if names in self._passed:
            return iter(self._passed[names].items())
        asked = {"positive": self._positive, "by": names, "name": self._name, "block_rows": self._block_rows}
        return read_score_groups(self._table, self._score, self._label, **asked)  # type: ignore[arg-type]

    @cached_property
    def _passed(self) -> dict[Key, dict[Key, Scores]]:
        large = [names for names in self._sets if self._is_large(names)]
        return self._pass(large) if len(large) > 1 else {}

    def _is_large(self, names: Key) -> bool:
        if self._table.rows <= self._block_rows:
            return False
        sizes = self._table.counts(*names)
        return len(sizes) <= MOST_TOGETHER and max(sizes.values()) > self._block_rows

    def _pass(self, sets: Sequence[Key]) -> dict[Key, dict[Key, Scores]]:
        columns = tuple(dict.fromkeys(name for names in sets for name in names))
        table, block_rows = self._table, self._block_rows
        rows = grouped_rows(table, self._score, self._label, positive=self._positive, by=columns)
        found = [
            _Set(names, [tuple(self._name(values[columns.index(one)]) for one in names) for values in rows.values])
            for names in sets
        ]
        sizes = rows.sizes()
        for part in found:
            part.begin(sizes)
        size = rows.all.size()
        ends = (size.low, size.high) if size.low is not None and size.high is not None else None
        for low, high in steps((), plan(size.n, *ends, rows.all.histogram, block_rows)) if ends else ():
            if low < high:
                _add(table, rows.all, found, low, high)
            else:
                of_one = rows.sizes("x = ?", [low])
                for part in found:
                    part.add_one(low, of_one)
        return {part.names: dict(part.done(rows.of)) for part in found}


def _add(table: Table, rows: ScoredRows, sets: Sequence[_Set], low: float, high: float) -> None:
    found = table.block(f"SELECT k, x, y FROM ({rows.sql}) AS r WHERE x BETWEEN ? AND ?", (*rows.parameters, low, high))
    x = np.asarray(found["x"], dtype=np.float64)
    order = np.argsort(x, kind="stable")
    x, y = x[order], np.asarray(found["y"], dtype=np.bool_)[order]
    k = np.asarray(found["k"]).astype(np.int64)[order]
    for part in sets:
        part.add(x, y, k)


class _Set:
    """One comparison: which of its groups each combination of all columns belongs to."""

    def __init__(self, names: Key, keys: Sequence[Key]) -> None:
        self.names, self._groups = names, sorted(set(keys))
        places = {key: place for place, key in enumerate(self._groups)}
        # Small numbers are put in order by counting them.
        self._group_of = np.array([places[key] for key in keys], dtype=np.uint16)
        self._counts: list[tuple[int, int, int]] = []
        self._gathering: list[Gathering] = []

    def _summed(self, sizes: Mapping[int, tuple[int, int, int]]) -> Integers:
        found = np.zeros((len(self._groups), 3), dtype=np.int64)
        for k, counts in sizes.items():
            found[self._group_of[k]] += counts
        return found

    def begin(self, sizes: Mapping[int, tuple[int, int, int]]) -> None:
        """The positives, negatives and rows without a score of every combination."""
        self._counts = [(int(p), int(n), int(rest)) for p, n, rest in self._summed(sizes)]
        self._gathering = [Gathering(positives, negatives) for positives, negatives, _ in self._counts]

    def add(self, x: Floats, y: NDArray[np.bool_], k: Integers) -> None:
        """Rows of rising scores."""
        group = self._group_of[k]
        order = np.argsort(group, kind="stable")
        ends = np.cumsum(np.bincount(group, minlength=len(self._groups)))
        for gathering, start, stop in zip(self._gathering, [0, *ends[:-1].tolist()], ends.tolist(), strict=True):
            if start < stop:
                here = order[start:stop]
                gathering.add(of_rising(x[here], y[here]))

    def add_one(self, score: float, sizes: Mapping[int, tuple[int, int, int]]) -> None:
        """Many rows of one score."""
        for gathering, (positives, negatives, _) in zip(self._gathering, self._summed(sizes).tolist(), strict=True):
            if positives or negatives:
                gathering.add(ScoreCounts(np.array([score]), np.array([positives]), np.array([negatives])))

    def done(self, rows: Callable[[Sequence[int]], ScoredRows]) -> Iterator[tuple[Key, Scores]]:
        """Every group with its scores."""
        for place, (key, gathering) in enumerate(zip(self._groups, self._gathering, strict=True)):
            own = rows(np.flatnonzero(self._group_of == place).tolist())
            yield key, PassedScores(own, gathering.done(), *self._counts[place])
