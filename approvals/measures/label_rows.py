"""Rows of a column and what their label says, as SQL: whether it is of each class, or its place among all labels.

Every engine counts the same whole numbers from it.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.measures.labels import Value, same_value, value_text
from approvals.measures.paired_values import number_cell
from approvals.measures.tables import Table


@dataclass(frozen=True)
class LabelRows:
    """SQL of x, a text that is there or a finite number, and k0, k1, … of rows with a label; the values of its marks.

    Of classes k is 1 or 0, whether the row is of it; `names` are these classes, one against the rest. Of numbers k0 is
    twice the midrank of the label minus twice the mean of all ranks, and `names` is one empty text.
    """

    table: Table
    sql: str
    parameters: tuple[Any, ...]
    names: tuple[str, ...]
    of_numbers: bool

    @property
    def targets(self) -> tuple[str, ...]:
        """k0, k1, …"""
        return tuple(f"k{place}" for place in range(len(self.names)))

    def fetch(self, asked: str) -> list[tuple[Any, ...]]:
        """The answer to a question of our own in which {rows} is this relation, once."""
        return self.table.fetch(asked.replace("{rows}", f"({self.sql}) AS labelled"), self.parameters)


def value_cell(table: Table, column: str) -> str:
    """SQL of a value that can be ordered: of texts by their bytes, of numbers, which are finite, by their size."""
    if table.column(column).kind == "number":
        return table.cell(column) if table.whole_numbers(column) else number_cell(table, column)
    return table.engine.in_byte_order(table.cell(column))


def class_rows(table: Table, column: str, label: str, classes: Mapping[str, Sequence[Value]]) -> LabelRows:
    """Rows whose label is among the values of some class, by its name."""
    values = [(place, value) for place, name in enumerate(classes) for value in classes[name]]
    cases = " ".join(f"WHEN {table.cell(label)} = ? THEN {place}" for place, _ in values)
    x = value_cell(table, column)
    inner = f"SELECT {x} AS x, CASE {cases} END AS y FROM t"
    targets = ", ".join(f"CASE WHEN y = {place} THEN 1 ELSE 0 END AS k{place}" for place in range(len(classes)))
    sql = f"SELECT x, {targets} FROM ({inner}) AS classed WHERE x IS NOT NULL AND y IS NOT NULL"
    return LabelRows(table, sql, tuple(value for _, value in values), tuple(classes), of_numbers=False)


def two_class_rows(table: Table, column: str, label: str, chosen: Value) -> LabelRows:
    """Rows of a label of two values, of which one is looked at: the other says the same."""
    levels = [level for level in table.levels(label) if level is not None]
    mine = [level for level in levels if same_value(level, chosen)]
    rows = class_rows(table, column, label, {"": mine, "rest": [level for level in levels if level not in mine]})
    return LabelRows(table, rows.sql, rows.parameters, ("",), of_numbers=False)


def several_class_rows(table: Table, column: str, label: str, limit: int) -> LabelRows:
    """Rows of a label of several classes, which are at most `limit`."""
    classes: dict[str, list[Value]] = {}
    for level in table.levels(label, limit=limit):
        if name := value_text(level):
            classes.setdefault(name, []).append(level)
    return class_rows(table, column, label, dict(sorted(classes.items())))


def number_rows(table: Table, column: str, label: str) -> LabelRows:
    """Rows of a label of numbers, of which those are looked at that are finite."""
    x = value_cell(table, column)
    both = f"SELECT {x} AS x, {number_cell(table, label)} AS y FROM t"
    counted = f"SELECT y, COUNT(*) AS n FROM ({both}) AS b WHERE x IS NOT NULL AND y IS NOT NULL GROUP BY y"
    place = "CAST(2 * SUM(n) OVER (ORDER BY y) - n - SUM(n) OVER () AS BIGINT) AS k"
    ranked = f"SELECT y, {place} FROM ({counted}) AS c"
    sql = f"SELECT a.x AS x, p.k AS k0 FROM ({both}) AS a JOIN ({ranked}) AS p ON a.y = p.y WHERE a.x IS NOT NULL"
    return LabelRows(table, sql, (), ("",), of_numbers=True)
