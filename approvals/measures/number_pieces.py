"""Values and ranges of a column of very many different numbers, from one piece of rising numbers after the other.

An engine would hold every row to rank them at once. What is counted is the same. Of labels that are classes.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from approvals.measures.keeping import steps
from approvals.measures.label_rows import LabelRows
from approvals.measures.ranges import histogram_parameters, histogram_query, plan
from approvals.measures.scores import Floats, Integers

LONG_ROWS, MANY_DIFFERENT = 1 << 22, 1 << 20
"""Rows, and different numbers among them, beyond which a column is read so, from engines that hand out pieces."""
_CELLS = 1 << 22
_EXACT = 1 << 53


@dataclass
class Counted:
    """Rows of each range and of each class in it; and of each class how many values have k rows of it among n."""

    sizes: Integers
    sums: list[Integers]
    patterns: list[Counter[tuple[int, int]]]

    def add(self, place: Integers, n: Integers, of_class: list[Integers]) -> None:
        """Values, rising: the range of each, its rows, and those of each class."""
        self.sizes += _by_place(place, n, self.sizes.size)
        for added, patterns, k in zip(self.sums, self.patterns, of_class, strict=True):
            np.add(added, _by_place(place, k, added.size), out=added)
            step = int(n.max()) + 1
            pairs, values = np.unique(k * step + n, return_counts=True)
            for pair, many in zip(pairs.tolist(), values.tolist(), strict=True):
                patterns[pair // step, pair % step] += many


def is_for_pieces(rows: LabelRows, *, distinct: int, present: int) -> bool:
    """Whether a column of so many different numbers in so many rows is read in pieces."""
    if rows.of_numbers or not rows.table.engine.in_pieces or present <= LONG_ROWS or distinct <= MANY_DIFFERENT:
        return False
    low, high = _ends(rows)
    return max(-low, high) < _EXACT  # or two whole numbers would be one double


def in_pieces(rows: LabelRows, *, width: int, present: int, cells: int = _CELLS) -> Counted:
    """Counts of a column that is present in so many rows, in ranges of `width` rows; about so many cells in memory."""
    ranges, targets = present // width + 1, rows.targets
    made = Counted(_none(ranges), [_none(ranges) for _ in targets], [Counter() for _ in targets])
    block_rows = cells // (1 + len(targets))

    def histogram(low: float, high: float) -> list[tuple[int, int, float, float]]:
        asked = histogram_query(f"SELECT CAST(x AS DOUBLE) AS x FROM ({rows.sql}) AS labelled")
        return rows.table.fetch(asked, (*histogram_parameters(low, high), *rows.parameters, low, high))

    before = 0
    for ends in steps((), tuple(plan(present, *_ends(rows), histogram, block_rows))):
        first, n, of_class = _values(rows, *ends)
        made.add((before + first) // width, n, of_class)
        before += int(n.sum())
    return made


def _ends(rows: LabelRows) -> tuple[float, float]:
    low, high = rows.fetch("SELECT MIN(x), MAX(x) FROM {rows}")[0]
    return float(low or 0), float(high or 0)


def _values(rows: LabelRows, low: float, high: float) -> tuple[Integers, Integers, list[Integers]]:
    """Of each value from low to high, rising: rows before its own, its rows, and those of each class."""
    if low == high:
        sums = ", ".join(f"SUM({target})" for target in rows.targets)
        asked = f"SELECT COUNT(*), {sums} FROM ({rows.sql}) AS labelled WHERE x = ?"
        n, *counts = (np.array([int(value or 0)]) for value in rows.table.fetch(asked, (*rows.parameters, low))[0])
        return np.zeros(1, dtype=np.int64), n, counts
    named = ", ".join(rows.targets)
    asked = f"SELECT CAST(x AS DOUBLE) AS x, {named} FROM ({rows.sql}) AS labelled WHERE x BETWEEN ? AND ?"
    found = rows.table.block(asked, (*rows.parameters, low, high))
    x: Floats = np.asarray(found["x"], dtype=np.float64)
    order = np.argsort(x)
    x = x[order]
    first = np.append(0, np.flatnonzero(x[1:] != x[:-1]) + 1)
    of_class = [np.add.reduceat(np.asarray(found[target])[order].astype(np.int64), first) for target in rows.targets]
    return first, np.diff(np.append(first, x.size)), of_class


def _by_place(place: Integers, of: Integers, size: int) -> Integers:
    return np.bincount(place, of, minlength=size).astype(np.int64)  # whole numbers below 2^53 are exact


def _none(size: int) -> Integers:
    return np.zeros(size, dtype=np.int64)
