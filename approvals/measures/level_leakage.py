"""Whether a column of texts gives the label away by its values alone. Judges nothing."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from approvals.measures.labels import Value, positive_level, same_value, value_text
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import Column, Table, TableError
from approvals.measures.values import Measure, not_computable

MOST_LEVELS = 100
"""Values of a column that are looked at; with more of them each is nearly a row of its own, and separates anything."""
TOO_MANY = f"Not computable: the column has more than {MOST_LEVELS} different values."
_PARTS_OF_DATES = {10: "day", 7: "month", 4: "year"}
"""Characters of a date as ISO 8601 writes it."""


def level_leakage(table: Table, label: str, *, positive: Value = 1, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """Area under the ROC curve, in [0.5, 1], of each text, date or boolean column against the label.

    Each value counts as its share of positive labels in these very rows, so the area is never below one half and is
    biased upwards where values are rare; near 1 the column may give the label away. Over rows with both. Of many dates
    their day, month or year is the value. Not computable for more than MOST_LEVELS values and when the rows have one
    class. The label and `exclude` are not looked at.
    """
    chosen = positive_level(label, table.levels(label), positive)
    found = {}
    for column in table.columns:
        if column.kind in {"number", "other"} or column.name in {label, *exclude}:
            continue
        found[column.name] = _leakage(table, column, label, chosen)
    return found


def level_cell(table: Table, column: Column) -> tuple[str, str] | None:
    """The SQL of a value of a text, date or boolean column, and what it is called beside the column.

    Of more than MOST_LEVELS dates it is their day, else their month, else their year; None where these are too many.
    """
    cell = table.cell(column.name)
    try:
        table.levels(column.name, limit=MOST_LEVELS)
    except TableError:
        for length, word in _PARTS_OF_DATES.items() if column.kind == "date" else ():
            part = f"SUBSTRING(TRIM(CAST({cell} AS VARCHAR)), 1, {length})"
            if int(table.fetch(f"SELECT COUNT(DISTINCT {part}) FROM t")[0][0]) <= MOST_LEVELS:
                return part, f" by {word}"
        return None
    return cell, ""


def _leakage(table: Table, column: Column, label: str, chosen: Value) -> Measure:
    name, where = "level_leakage", (("column", column.name),)
    found = level_cell(table, column)
    if found is None:
        return not_computable(name, TOO_MANY, n=table.rows, slice=where)
    cell, part = found
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
        reason = "Not computable: the rows that have both the column and a label have only one class."
        return not_computable(name, reason, behind, n=counts.n, slice=where)
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
