"""Tables of Local Law 144 as the rule prints them: headings of rows stand inside each other, each for all its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelcards.card import Cell, Table
from modelcards.column_widths import NUMBER, percentages
from modelcards.printing import printed

APPLICANTS = "# of Applicants"
"""The first column that counts; those before it are headings."""


@dataclass(frozen=True)
class Heading:
    """A heading of one or more lines, over one or more columns of headings."""

    text: str
    rows: int
    columns: int

    @property
    def scope(self) -> str:
        """Of a group of lines, or of one."""
        return "rowgroup" if self.rows > 1 else "row"


@dataclass(frozen=True)
class Line:
    """One category: the headings that begin with it, and its cells with whether each is a number."""

    headings: tuple[Heading, ...]
    cells: tuple[tuple[Cell, bool], ...]


@dataclass(frozen=True)
class LawSheet:
    """A table with its lines in groups by their outermost heading, and how many lines are not printed.

    `widths` are those of all columns, of headings too, in percent.
    """

    title: str
    headings: int
    columns: tuple[str, ...]
    widths: tuple[float, ...]
    groups: tuple[tuple[Line, ...], ...]
    note: str
    left_out: int

    @property
    def rows(self) -> int:
        """How many lines are printed."""
        return sum(len(group) for group in self.groups)


def law_sheet(table: Table, *, longest: int) -> LawSheet:
    """The table with its headings nested; a table of another shape has one column of headings."""
    depth = max(table.columns.index(APPLICANTS) if APPLICANTS in table.columns else 1, 1)
    shown = table.rows[:longest]
    keys = [tuple("" if cell is None else str(cell) for cell in row[:depth]) for row in shown]
    cells = [tuple((cell, NUMBER.fullmatch(printed(cell)) is not None) for cell in row[depth:]) for row in shown]
    lines = [Line(_headings(keys, place), numbers) for place, numbers in enumerate(cells)]
    texts = [[*key, *(printed(cell) for cell, _ in numbers)] for key, numbers in zip(keys, cells, strict=True)]
    return LawSheet(
        title=table.title,
        headings=depth,
        columns=table.columns[depth:],
        widths=percentages([*[""] * depth, *table.columns[depth:]], texts),
        groups=tuple(_groups(keys, lines)),
        note=table.note,
        left_out=len(table.rows) - len(shown),
    )


def _headings(keys: Sequence[tuple[str, ...]], place: int) -> tuple[Heading, ...]:
    """What begins with this line: a heading that the line before has not, or has under another outer heading."""
    key, found = keys[place], []
    for column in range(len(key)):
        if column and not key[column]:
            continue  # belongs to the heading before it
        if column + 1 < len(key) and place and keys[place - 1][: column + 1] == key[: column + 1]:
            continue  # stands already
        lines = 1 if column + 1 == len(key) else _alike(keys, place, column + 1)
        found.append(Heading(key[column], lines, _span(key, column)))
    return tuple(found)


def _alike(keys: Sequence[tuple[str, ...]], place: int, columns: int) -> int:
    ends = (later for later in range(place, len(keys)) if keys[later][:columns] != keys[place][:columns])
    return next(ends, len(keys)) - place


def _span(key: tuple[str, ...], column: int) -> int:
    following = (later for later in range(column + 1, len(key)) if key[later])
    return next(following, len(key)) - column


def _groups(keys: Sequence[tuple[str, ...]], lines: Sequence[Line]) -> list[tuple[Line, ...]]:
    """Lines under one outermost heading together; of one column of headings all are one group."""
    if not keys or len(keys[0]) == 1:
        return [tuple(lines)] if lines else []
    starts = [place for place in range(len(keys)) if not place or keys[place][0] != keys[place - 1][0]]
    return [tuple(lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
