"""Whether a column of texts gives the label away by its values alone. Judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from approvals.measures.labels import Value, positive_level, same_value, value_text
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Measure, not_computable

MOST_LEVELS = 100
"""Values of a column that are looked at; with more of them each is nearly a row of its own, and separates anything."""


def level_leakage(table: Table, label: str, *, positive: Value = 1, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """Area under the ROC curve, in [0.5, 1], of each text, date or boolean column against the label.

    Each value counts as its share of positive labels in these very rows, so the area is never below one half and is
    biased upwards where values are rare; near 1 the column may give the label away. Over rows with both. Not computable
    for more than MOST_LEVELS values and when the rows have one class. The label and `exclude` are not looked at.
    """
    chosen = positive_level(label, table.levels(label), positive)
    found = {}
    for column in table.columns:
        if column.kind in {"number", "other"} or column.name in {label, *exclude}:
            continue
        found[column.name] = _leakage(table, column.name, label, chosen)
    return found


def _leakage(table: Table, column: str, label: str, chosen: Value) -> Measure:
    name, where = "level_leakage", (("column", column),)
    try:
        levels = len(table.levels(column, limit=MOST_LEVELS))
    except TableError:
        reason = f"Not computable: the column has more than {MOST_LEVELS} different values."
        return not_computable(name, reason, n=table.rows, slice=where)
    positives: Counter[str] = Counter()
    negatives: Counter[str] = Counter()
    for (value, actual), rows in table.counts(column, label).items():
        text = value_text(value)
        if text is None or actual is None:
            continue
        (positives if same_value(actual, chosen) else negatives)[text] += rows
    names = sorted({*positives, *negatives})
    counts = _counts([(positives[text], negatives[text]) for text in names])
    behind = (("positives", counts.positive_rows), ("negatives", counts.negative_rows), ("levels", levels))
    auc = counts.ranks.roc_auc
    if auc is None:
        reason = "Not computable: the rows that have both the column and a label have only one class."
        return not_computable(name, reason, behind, n=counts.n, slice=where)
    method = "AUC of the share of positive labels of each value, in the same rows"
    return Measure(name, auc, counts.n, method=method, slice=where, counts=behind)


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
