"""SQL of the columns of files as cells c0, c1, …: each question reads only those that it names."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and quoted names of columns only

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_CELL, _RAW, _BARE = re.compile(r"\bc[0-9]+\b"), re.compile(r"\braw\b"), re.compile(r"\bbare\b")


@dataclass(frozen=True)
class FileCells:
    """Cells c0, c1, … as SQL over the rows of Parquet files, by the names of their columns; and `texts` before that.

    A view of all of them would be bound whole by each question, which of thousands of columns takes longer than to
    read one of them.
    """

    rows: str
    stored: Mapping[str, str]
    unchanged: Mapping[str, str]
    """Of cells of text what the file has."""
    texts: Mapping[str, str]
    """What makes such a cell of what the file has."""
    doubles: Mapping[str, str]
    """Of cells of floating point what the file has, which may be NaN."""
    bytes: frozenset[str] = frozenset()
    """Cells that hold bytes, alone or within others."""
    singles: frozenset[str] = frozenset()
    """Cells of numbers that the file has in 32 bits only."""

    def before(self, sql: str) -> str:
        """What stands before a question: the relations t, `raw` and `bare`, with the cells that the question names.

        In `raw` texts are unchanged, in `bare` doubles.
        """
        cells = [cell for cell in dict.fromkeys(_CELL.findall(sql)) if cell in self.stored]
        relations = f"t AS NOT MATERIALIZED ({self.query(cells)})"
        if self.texts and _RAW.search(sql):
            relations += f", raw AS NOT MATERIALIZED ({self.query(cells, self.unchanged)})"
        if self.doubles and _BARE.search(sql):
            relations += f", bare AS NOT MATERIALIZED ({self.query(cells, self.doubles)})"
        return f"WITH {relations} "

    def query(self, cells: Sequence[str], instead: Mapping[str, str] | None = None) -> str:
        """The query of these cells."""
        made = {**self.stored, **(instead or {})}
        return f"SELECT {', '.join(f'{made[cell]} AS {cell}' for cell in cells) or '0 AS nothing'} FROM {self.rows}"

    def within(self, relation: str, cells: Sequence[str]) -> FileCells:
        """The same cells in a relation that has them."""
        same = {cell: cell for cell in cells}
        return replace(self, rows=relation, stored=same, unchanged=same, doubles={})


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
