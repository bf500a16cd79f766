"""Whether a column of texts or dates gives the label away alone. Judges nothing."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from approvals.measures.label_rows import two_class_rows
from approvals.measures.labels import ONE_CLASS, Value, positive_level, same_value, value_text
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import Column, Table
from approvals.measures.text_leakage import MOST_LEVELS, TextLeakage
from approvals.measures.values import Measure, not_computable

_PARTS_OF_DATES = {10: "day", 7: "month", 4: "year"}
"""Characters of a date as ISO 8601 writes it."""


def level_leakage(table: Table, label: str, *, positive: Value = 1, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """Area under the ROC curve, in [0.5, 1], of each column that holds no numbers against the label.

    Each value counts as its share of positive labels in these very rows, so the area is never below one half and is
    biased upwards where values are rare; near 1 the column may give the label away. Over rows with both. Columns of
    more than MOST_LEVELS values are looked at as texts (`text_leakage`), dates also by their day, month or year. Not
    computable when the rows have one class, and as said there. The label and `exclude` are not looked at, nor is what
    is empty.
    """
    chosen = positive_level(label, table.levels(label), positive)
    texts = TextLeakage(table, label, lambda name: two_class_rows(table, name, label, chosen), "level_leakage")
    found = {}
    for column in table.columns:
        if column.kind != "number" and column.name not in {label, *exclude} and not is_empty(table, column):
            levels = level_cell(table, column)
            measure = _leakage(table, column, label, chosen, levels) if levels else None
            found[column.name] = texts.beside(column, measure)
    return found


def is_empty(table: Table, column: Column) -> bool:
    """Whether nothing is known of a column, so that it may be of any kind."""
    return column.kind == "other" and table.missing()[column.name] == table.rows


def level_cell(table: Table, column: Column) -> tuple[str, str] | None:
    """The SQL of a value of a column that holds no numbers, and what it is called beside the column.

    Of more than MOST_LEVELS dates it is their day, else their month, else their year; None where these are too many.
    """
    cell = table.cell(column.name)
    if table.distinct(column.name) <= MOST_LEVELS:
        return cell, ""
    for length, word in _PARTS_OF_DATES.items() if column.kind == "date" else ():
        part = f"SUBSTRING(TRIM(CAST({cell} AS VARCHAR)), 1, {length})"
        if int(table.fetch(f"SELECT COUNT(DISTINCT {part}) FROM t")[0][0]) <= MOST_LEVELS:
            return part, f" by {word}"
    return None


def _leakage(table: Table, column: Column, label: str, chosen: Value, levels: tuple[str, str]) -> Measure:
    name, where = "level_leakage", (("column", column.name),)
    cell, part = levels
    positives: Counter[str] = Counter()
    negatives: Counter[str] = Counter()
    for value, actual, rows in counts_of(table, cell, label):
        text = value_text(value)
        if text is None or actual is None:
            continue
        (positives if same_value(actual, chosen) else negatives)[text] += rows
    names = sorted({*positives, *negatives})
    counts = _counts([(positives[text], negatives[text]) for text in names])
    behind = (("positives", counts.positive_rows), ("negatives", counts.negative_rows), ("levels", len(names)))
    auc = counts.ranks.roc_auc
    if auc is None:
        return not_computable(name, ONE_CLASS, behind, n=counts.n, slice=where)
    method = f"AUC of the share of positive labels of each value{part}, in the same rows"
    return Measure(name, auc, counts.n, method=method, slice=where, counts=behind)


def counts_of(table: Table, cell: str, label: str) -> list[tuple[Value, Value, int]]:
    """Rows by the value of an SQL expression and by the label."""
    by = f"{cell}, {table.cell(label)}"
    return [
        (value, actual, int(rows)) for value, actual, rows in table.fetch(f"SELECT {by}, COUNT(*) FROM t GROUP BY {by}")
    ]


def area_of_shares(cells: list[tuple[int, int]]) -> float:
    """Area under the ROC curve of the share of positives of each value, from its positives and negatives.

    There are rows of both.
    """
    area = _counts([cell for cell in cells if any(cell)]).ranks.roc_auc
    if area is None:
        raise ValueError("An area needs rows of both classes.")
    return area


def _counts(cells: list[tuple[int, int]]) -> ScoreCounts:
    """Positives and negatives per share of positives, rising; values of one share together."""
    by_share: dict[float, tuple[int, int]] = {}
    for k, rest in cells:
        before = by_share.get(k / (k + rest), (0, 0))
        by_share[k / (k + rest)] = (before[0] + k, before[1] + rest)
    shares = sorted(by_share)
    found = np.array([by_share[share] for share in shares], dtype=np.int64).reshape(-1, 2)
    return ScoreCounts(np.array(shares, dtype=np.float64), found[:, 0], found[:, 1])
