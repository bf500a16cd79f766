"""Whether one column alone gives a label that is a number away, by its values or by being missing. Judges nothing.

By ranks, so that neither the unit nor a few large numbers decide, and on the scale of the areas of classes.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import math
from collections.abc import Iterable

from approvals.measures.label_rows import number_rows
from approvals.measures.labels import ONE_VALUE
from approvals.measures.level_leakage import is_empty, level_cell
from approvals.measures.paired_values import TWICE_CENTRED, exact, missing_cell, number_cell, pairs_query
from approvals.measures.tables import Column, Table
from approvals.measures.text_leakage import TextLeakage
from approvals.measures.values import Measure, not_computable


def number_leakage(table: Table, label: str, *, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """(1 + r) / 2 of each column, in [0.5, 1]: at 0.5 it says nothing about the label, at 1 its order is the label's.

    r of numbers and booleans is the size of Spearman's rank correlation (Spearman 1904), ties at their midrank. r of
    texts and dates is the correlation ratio of the label's ranks, root of H / (n - 1) of Kruskal and Wallis (1952) with
    their correction for ties; it is above 0 by chance where values are rare. Columns of more than MOST_LEVELS values
    are looked at as texts (`text_leakage`), dates also by their day, month or year. Over rows with both, finite. Not
    computable where label or column does not vary, and as said there. TableError unless the label holds numbers. The
    label and `exclude` are not looked at.
    """
    table.require_numbers(label)
    texts = TextLeakage(table, label, lambda name: number_rows(table, name, label), "leakage")
    found = {}
    for column in table.columns:
        if column.name in {label, *exclude} or is_empty(table, column):
            continue
        measure = _of_column(table, column, label)
        is_sized = column.kind in {"number", "boolean"}
        found[column.name] = measure if measure and is_sized else texts.beside(column, measure)
    return found


def number_missingness_leakage(table: Table, label: str, *, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """The same of whether a column is missing, where some of it is; r is the size of its rank correlation, too."""
    table.require_numbers(label)
    missing = table.missing()
    names = [name for name in table.names if name not in {label, *exclude} and 0 < missing[name] < table.rows]
    return {
        name: _of_levels(table, "missingness_leakage", name, missing_cell(table, name), label, "of being missing")
        for name in names
    }


def _of_column(table: Table, column: Column, label: str) -> Measure | None:
    name = column.name
    if column.kind in {"number", "boolean"}:
        return _of_numbers(table, name, label)
    levels = level_cell(table, column)
    if levels is None:
        return None
    return _of_levels(table, "leakage", name, levels[0], label, f"of its values{levels[1]}, in the same rows")


def _of_numbers(table: Table, column: str, label: str) -> Measure:
    pairs = pairs_query(number_cell(table, column), number_cell(table, label))
    ranked = f"SELECT n, {TWICE_CENTRED.format('x')} AS a, {TWICE_CENTRED.format('y')} AS b FROM ({pairs}) AS p"
    sums = f"SUM(n), {exact('n', 'a', 'b')}, {exact('n', 'a', 'a')}, {exact('n', 'b', 'b')}"
    n, both, own, labels = (int(value or 0) for value in table.fetch(f"SELECT {sums} FROM ({ranked}) AS q")[0])
    square = both * both / (own * labels) if own and labels else None
    return _measure("leakage", column, n, square, "size of Spearman's rank correlation")


def _of_levels(table: Table, name: str, column: str, x: str, label: str, of: str) -> Measure:
    pairs = pairs_query(x, number_cell(table, label))
    ranked = f"SELECT x, n, {TWICE_CENTRED.format('y')} AS b FROM ({pairs}) AS p"
    sums = f"SUM(n), {exact('n', 'b')}, {exact('n', 'b', 'b')}"
    levels = [
        [int(value) for value in row]
        for row in table.fetch(f"SELECT {sums} FROM ({ranked}) AS q GROUP BY x ORDER BY x")
    ]
    labels = sum(squares for _, _, squares in levels)
    between = math.fsum(ranks * ranks / rows for rows, ranks, _ in levels)
    square = min(1.0, between / labels) if labels and len(levels) > 1 else None
    return _measure(name, column, sum(row[0] for row in levels), square, f"correlation ratio of the label's ranks {of}")


def _measure(name: str, column: str, n: int, square: float | None, method: str) -> Measure:
    where = (("column", column),)
    if square is None:
        return not_computable(name, ONE_VALUE, n=n, slice=where)
    return Measure(name, (1.0 + math.sqrt(square)) / 2.0, n, method=f"(1 + r) / 2; r is the {method}", slice=where)
