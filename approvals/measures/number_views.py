"""What a number says about a label otherwise than by its order: its value elsewhere, and its range. Judges nothing.

Each is what one half of the rows says about the other, in expectation over all halvings (`held_out`), and counts only
where labels differ more than by chance (`label_chance`). Each engine only gives counts.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from approvals.measures.held_out import ValuesOfSize, held_out_area, held_out_correlation
from approvals.measures.label_chance import log_evidence, most_evidence
from approvals.measures.label_rows import LabelRows
from approvals.measures.number_pieces import Counted, in_pieces, is_for_pieces
from approvals.measures.scores import Integers
from approvals.measures.text_views import CHANCE, View, product, value_patterns

NARROWEST = 4
"""Rows of the narrowest ranges of a short column."""
_WIDER = 4
_FEWEST_RANGES = 4
_MOST_RANGES, _MOST_CELLS = 1 << 16, 1 << 19
"""Ranges of a column, and of these times the classes, that are in memory at once."""
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Found:
    """The strongest view that is not as strong by chance, None without; rows with both, those of each class.

    `decidable` says whether labels of so few rows could have shown that they are not chance.
    """

    view: View | None
    n: int
    sums: tuple[int, ...]
    decidable: bool


def widths(rows: int, targets: int) -> tuple[int, ...]:
    """Rows of a range, of the narrowest ranges first, each so many times wider; none of too few rows for any."""
    most = min(_MOST_RANGES, max(_FEWEST_RANGES, _MOST_CELLS // targets))
    width = NARROWEST
    while rows > width * most:
        width *= _WIDER
    found = []
    while rows >= width * _FEWEST_RANGES:
        found.append(width)
        width *= _WIDER
    return tuple(found)


def number_views(rows: LabelRows, *, distinct: int, present: int) -> Found:
    """Looks at a column of so many different values in so many rows, which have a label or not.

    Where no value has another row, only ranges can say something. Numbers of one value are in one range.
    """
    wide = widths(present, len(rows.names))
    of_kind = _OfNumbers(rows) if rows.of_numbers else _OfClasses(rows)
    width = wide[0] if wide else max(1, present)
    if is_for_pieces(rows, distinct=distinct, present=present):
        counted = in_pieces(rows, width=width, present=present)
        values, narrowest = _values_in_pieces(rows, counted), _ranges_in_pieces(rows, counted)
        views = [values] if distinct < present else []
    else:
        narrowest = of_kind.ranges(width, recurring=2 * distinct < present)
        views = [of_kind.of_values()] if distinct < present else []
    views += [narrowest.wider(each // wide[0]).view(each) for each in wide]
    tried = len(views) * max(1, len(rows.names))
    limit = math.log(max(1, tried) / CHANCE)
    found = [view for each in views for view in each.beyond(limit)]
    best = max(found, key=lambda view: view.strength, default=None)
    sizes = {NARROWEST, max(1, present // max(1, distinct))}
    decidable = best is not None or any(
        most_evidence(positives, narrowest.n, size) >= limit for positives in narrowest.positives for size in sizes
    )
    return Found(best, narrowest.n, narrowest.positives, decidable)


class _Split(ABC):
    """Rows in parts, by value or by range, which may say something about labels."""

    @abstractmethod
    def beyond(self, limit: float) -> Iterator[View]:
        """How strong it is, where its evidence against chance is as much as the limit."""


@dataclass(frozen=True)
class _Patterns(_Split):
    """Of each class: rows of it, rows, and how many parts have as many of both."""

    names: tuple[str, ...]
    of_class: Sequence[tuple[Integers, Integers, Integers]]
    how: str

    def beyond(self, limit: float) -> Iterator[View]:
        for name, (k, n, parts) in zip(self.names, self.of_class, strict=True):
            if log_evidence(k, n, parts) >= limit:
                area = held_out_area(zip(k.tolist(), n.tolist(), parts.tolist(), strict=True))
                yield View(area or 0.5, f"AUC of the share of the class {self.how}", name)


@dataclass(frozen=True)
class _Sizes(_Split):
    """Of labels that are numbers: the parts by their rows, and patterns of labels above the middle one."""

    sizes: Sequence[ValuesOfSize]
    above: tuple[Integers, Integers, Integers]
    how: str

    def beyond(self, limit: float) -> Iterator[View]:
        if log_evidence(*self.above) >= limit:
            r = max(0.0, held_out_correlation(self.sizes) or 0.0)
            yield View((1.0 + r) / 2.0, f"correlation of the label's rank with the mean rank {self.how}", "")


@dataclass(frozen=True)
class _Ranges:
    """Ranges of numbers, rising, by their place: rows, and whole sums over them.

    Sums are the rows of each class, or of labels that are numbers the rank, its square, and rows above the middle one.
    """

    rows: LabelRows
    place: Integers
    sizes: Integers
    sums: Sequence[Any]

    @property
    def n(self) -> int:
        return int(self.sizes.sum())

    @property
    def positives(self) -> tuple[int, ...]:
        """Rows of each class, or those above the middle label."""
        return tuple(int(each.sum()) for each in (self.sums[2:] if self.rows.of_numbers else self.sums))

    def wider(self, times: int) -> _Ranges:
        """Ranges of so many times as many rows."""
        place = self.place // times
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        added = [np.add.reduceat(each, starts) if starts.size else each for each in (self.sizes, *self.sums)]
        return _Ranges(self.rows, place[starts], added[0], added[1:])

    def view(self, width: int) -> _Split:
        how = f"in {self.sizes.size:,} ranges of about {width:,} rows, in half of their rows, for the other half"
        if not self.rows.of_numbers:
            return _Patterns(self.rows.names, [_counted(k, self.sizes) for k in self.sums], how)
        ranks, squares, above = self.sums
        sizes = [
            ValuesOfSize(n, 1, int(rank) ** 2, int(square))
            for n, rank, square in zip(self.sizes.tolist(), ranks, squares, strict=True)
        ]
        return _Sizes(sizes, _counted(above, self.sizes), how)


def _counted(k: Integers, n: Integers) -> tuple[Integers, Integers, Integers]:
    """Different pairs, and how often each is there."""
    if not n.size:
        return _NONE, _NONE, _NONE
    step = int(n.max()) + 1
    pairs, rows = np.unique(n * step + k, return_counts=True)
    return pairs % step, pairs // step, rows


_ELSEWHERE = "of its value in half of the rows, for the other half"


class _OfClasses:
    """Asks an engine about labels that are classes."""

    def __init__(self, rows: LabelRows) -> None:
        self._rows = rows

    def of_values(self) -> _Split:
        found = value_patterns(self._rows)
        patterns = [np.array(found.get(place, []), dtype=np.int64) for place in range(len(self._rows.names))]
        of_class = [(each[:, 0], each[:, 1], each[:, 2]) for each in (part.reshape(-1, 3) for part in patterns)]
        return _Patterns(self._rows.names, of_class, _ELSEWHERE)

    def ranges(self, width: int, *, recurring: bool) -> _Ranges:
        targets = self._rows.targets
        found = _range_rows(self._rows, width, [(target, target) for target in targets], recurring=recurring)
        counts = np.array(found, dtype=np.int64).reshape(-1, 2 + len(targets))
        return _Ranges(self._rows, counts[:, 0], counts[:, 1], list(counts[:, 2:].T))


def _values_in_pieces(rows: LabelRows, counted: Counted) -> _Split:
    of_class = []
    for patterns in counted.patterns:
        found = np.array([(k, n, values) for (k, n), values in sorted(patterns.items())], dtype=np.int64).reshape(-1, 3)
        of_class.append((found[:, 0], found[:, 1], found[:, 2]))
    return _Patterns(rows.names, of_class, _ELSEWHERE)


def _ranges_in_pieces(rows: LabelRows, counted: Counted) -> _Ranges:
    place = np.flatnonzero(counted.sizes)
    return _Ranges(rows, place, counted.sizes[place], [each[place] for each in counted.sums])


_ABOVE = "CASE WHEN k0 > 0 THEN 1 ELSE 0 END"


class _OfNumbers:
    """Asks an engine about labels that are numbers."""

    def __init__(self, rows: LabelRows) -> None:
        self._rows = rows

    def of_values(self) -> _Split:
        sums = f"SUM(k0) AS s, {product('k0', 'k0')} AS q, SUM({_ABOVE}) AS a"
        of_value = f"SELECT x, COUNT(*) AS n, {sums} FROM {{rows}} GROUP BY x"
        asked = f"SELECT n, a, COUNT(*), {product('s', 's')}, SUM(q) FROM ({of_value}) AS v GROUP BY n, a ORDER BY n, a"
        found = [[int(value) for value in row] for row in self._rows.fetch(asked)]
        sizes = [ValuesOfSize(n, values, squared, squares) for n, _, values, squared, squares in found]
        above = np.array([row[:3] for row in found], dtype=np.int64).reshape(-1, 3)
        return _Sizes(sizes, (above[:, 1], above[:, 0], above[:, 2]), _ELSEWHERE)

    def ranges(self, width: int, *, recurring: bool) -> _Ranges:
        asked = [("k0", "s"), ("CAST(k0 AS DECIMAL(19, 0)) * CAST(k0 AS DECIMAL(19, 0))", "q"), (_ABOVE, "a")]
        found = _range_rows(self._rows, width, asked, recurring=recurring)
        counts = np.array([(row[0], row[1], row[4]) for row in found], dtype=np.int64).reshape(-1, 3)
        whole = [np.array([row[place] for row in found], dtype=object) for place in (2, 3)]
        return _Ranges(self._rows, counts[:, 0], counts[:, 1], [*whole, counts[:, 2]])


def _range_rows(
    rows: LabelRows, width: int, sums: Sequence[tuple[str, str]], *, recurring: bool
) -> list[tuple[int, ...]]:
    """Place, rows and sums of ranges of so many rows, rising; rows of one value are in the range of the first."""
    added = ", ".join(f"SUM({sql}) AS {name}" for sql, name in sums)
    each = ", ".join(f"{sql} AS {name}" for sql, name in sums)
    names = ", ".join(name for _, name in sums)
    if recurring:
        numbers = f"SELECT x, COUNT(*) AS n, {added} FROM {{rows}} GROUP BY x"
        before = "SUM(n) OVER (ORDER BY x) - n"
    else:
        numbers = f"SELECT x, 1 AS n, {each} FROM {{rows}}"
        before = "RANK() OVER (ORDER BY x) - 1"
    # By powers of two, so that no engine rounds.
    placed = f"SELECT FLOOR(CAST({before} AS DOUBLE) / {width}) AS b, n, {names} FROM ({numbers}) AS numbers"
    whole = ", ".join(f"SUM({name})" for _, name in sums)
    asked = f"SELECT b, SUM(n), {whole} FROM ({placed}) AS placed GROUP BY b ORDER BY b"
    return [tuple(int(value) for value in row) for row in rows.fetch(asked)]
