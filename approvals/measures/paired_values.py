"""Rows by the values of two columns, and by the midranks of these values: whole numbers, counted by the engine."""

from __future__ import annotations

from approvals.measures.ranges import FINITE
from approvals.measures.tables import Table

TWICE_CENTRED = "2 * SUM(n) OVER (ORDER BY {0}) - SUM(n) OVER (PARTITION BY {0}) - SUM(n) OVER ()"
"""SQL of twice the midrank of a value minus twice the mean of all ranks, over what `pairs_query` gives."""


def number_cell(table: Table, column: str) -> str:
    """SQL of a number column as a double, NULL where it is missing or not finite; negative zero is zero."""
    x = f"(CAST({table.cell(column)} AS DOUBLE) + 0.0)"
    return f"CASE WHEN {FINITE.replace('x', x, 1)} THEN {x} END"


def missing_cell(table: Table, column: str) -> str:
    """SQL of whether a cell is missing, 1 or 0."""
    return f"CASE WHEN {table.cell(column)} IS NULL THEN 1 ELSE 0 END"


def pairs_query(x: str, y: str) -> str:
    """SQL of n, the rows of each pair of values x and y, of rows that have both."""
    rows = f"SELECT {x} AS x, {y} AS y FROM t"  # noqa: S608 - our own templates and c0, c1, … only
    return f"SELECT x, y, COUNT(*) AS n FROM ({rows}) AS r WHERE x IS NOT NULL AND y IS NOT NULL GROUP BY x, y"  # noqa: S608


def exact(*factors: str) -> str:
    """SQL of a sum of products of whole numbers below 10^12 each, at most three, that no engine lets overflow."""
    return f"SUM({' * '.join(f'CAST({factor} AS DECIMAL(12, 0))' for factor in factors)})"
