"""What a table is made of and what is wrong with it: missing, repeated, constant, leaking. Judges nothing."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from approvals.measures.intervals import wilson
from approvals.measures.labels import ONE_CLASS, Value, positive_level, same_value, value_text
from approvals.measures.performance import with_interval
from approvals.measures.scores import ScoreCounts, Scores
from approvals.measures.tables import Column, NumberSummary, Table, TableError
from approvals.measures.values import Measure, Slice, not_computable


@dataclass(frozen=True)
class Profile:
    """One column: rows, share missing, exact number of different values, whether it never varies, and its range.

    `constant` means exactly one different value among those present; `summary` is None unless it holds numbers.
    """

    column: Column
    n: int
    missing: Measure
    distinct: int
    constant: bool
    summary: NumberSummary | None


def profile(table: Table) -> tuple[Profile, ...]:
    """The profile of every column, in file order."""
    table.count_columns()
    found = []
    for column in table.columns:
        counted = table.counted(column.name)
        missing = table.rows - counted.present
        found.append(
            Profile(
                column=column,
                n=table.rows,
                missing=_share("missing_share", missing, table.rows, (("column", column.name),)),
                distinct=counted.distinct,
                constant=counted.distinct == 1,
                summary=counted.numbers if column.kind == "number" else None,
            )
        )
    return tuple(found)


def row_count(table: Table) -> Measure:
    """Rows in the table, at least 1."""
    return Measure("row_count", table.rows, table.rows, method="count of rows")


def missing_share(table: Table, column: str | None = None) -> Measure:
    """Share of missing cells in [0, 1], of the whole table or of one column; n counts cells."""
    missing = table.missing()
    if column is not None:
        table.require(column)
        return _share("missing_share", missing[column], table.rows, (("column", column),))
    return _share("missing_share", sum(missing.values()), table.rows * len(table.columns))


def duplicate_rows(table: Table, ignore: Sequence[str] = ()) -> Measure:
    """Rows beyond the first of rows equal in all columns but `ignore`; missing equals missing (pandas duplicated)."""
    return _rows("duplicate_rows", table.duplicates(ignore=ignore), table)


def repeated_keys(table: Table, *columns: str) -> Measure:
    """Rows beyond the first that have the same values in these columns; 0 means the columns identify a row."""
    if not columns:
        raise TableError("A test for repeated keys needs at least one column.")
    return _rows("repeated_keys", table.duplicates(*columns), table, (("column", ", ".join(columns)),))


def constant_columns(table: Table) -> tuple[str, ...]:
    """Columns with exactly one different value, missing not counted."""
    return tuple(column.name for column in table.columns if table.distinct(column.name) == 1)


def out_of_range(table: Table, column: str, *, low: float | None = None, high: float | None = None) -> Measure:
    """Rows whose number is below `low` or above `high` (both inclusive ends allowed); missing is neither."""
    table.require_numbers(column)
    # An end that is not asked for is NULL, which nothing is below or above.
    below, above = "x < CAST(? AS DOUBLE)", "x > CAST(? AS DOUBLE)"
    counted = ", ".join(f"COUNT(CASE WHEN {test} THEN 1 END)" for test in (below, above, f"{below} OR {above}"))
    rows = table.fetch(
        f"SELECT {counted} FROM (SELECT CAST({table.cell(column)} AS DOUBLE) AS x FROM t) AS r", (low, high, low, high)
    )
    under, over, outside = (int(count) for count in rows[0])
    counts = (("below", under), ("above", over))
    where = (("column", column),)
    return Measure("out_of_range", outside, table.rows, method="count of rows", slice=where, counts=counts)


def not_allowed(table: Table, column: str, allowed: Iterable[Value]) -> Measure:
    """Rows whose value is not among `allowed`; missing is not counted. `counts` name up to five such values."""
    accepted = list(allowed)
    wrong = {
        value_text(level) or "": rows
        for level, rows in table.levels(column, limit=200_000).items()
        if level is not None and not any(same_value(level, value) for value in accepted)
    }
    shown = tuple(sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:5])
    where = (("column", column),)
    return Measure("not_allowed", sum(wrong.values()), table.rows, method="count of rows", slice=where, counts=shown)


def class_balance(table: Table, label: str, *, positive: Value = 1) -> Measure:
    """Share of positive labels in [0, 1] among rows with a label, Wilson interval; missing labels are counted."""
    table.require(label)
    levels = table.levels(label)
    chosen = positive_level(label, levels, positive)
    k = sum(rows for level, rows in levels.items() if same_value(level, chosen))
    missing = levels.get(None, 0)
    measure = _share("class_balance", k, table.rows - missing, (("column", label),))
    return replace(measure, counts=(*measure.counts, ("missing", missing)))


def rarest_class(table: Table, label: str) -> Measure:
    """Share in [0, 1] of the rarest of several labels among rows with a label, Wilson interval; its name is the slice.

    Not computable without labels, and when every label is the same.
    """
    table.require(label)
    sizes: Counter[str] = Counter()
    for level, rows in table.levels(label).items():
        if text := value_text(level):
            sizes[text] += rows
    if len(sizes) <= 1:
        return not_computable("rarest_class", f"Not computable: “{label}” has not two labels or more.")
    name = min(sizes, key=lambda text: (sizes[text], text))
    return _share("rarest_class", sizes[name], sizes.total(), ((label, name),))


def leakage(table: Table, label: str, *, positive: Value = 1, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """max(AUC, 1 - AUC) in [0.5, 1] of each number column alone against the label; near 1 it may give the label away.

    Over rows with both; not computable when these have one class. The label and `exclude` are not looked at.
    """
    found = {}
    for column in table.columns:
        if column.kind in {"number", "boolean"} and column.name not in {label, *exclude}:
            counts = table.scores(column.name, label, positive=positive)
            found[column.name] = _separation("leakage", column.name, counts)
    return found


def missingness_leakage(
    table: Table, label: str, *, positive: Value = 1, exclude: Iterable[str] = ()
) -> dict[str, Measure]:
    """max(AUC, 1 - AUC) in [0.5, 1] of whether a column is missing, against the label, where some of it is missing."""
    missing = table.missing()
    chosen = positive_level(label, table.levels(label), positive)
    columns = [name for name in table.names if name not in {label, *exclude} and 0 < missing[name] < table.rows]
    # Rows of each class, then those of them that have each column: one reading for all columns.
    sizes = {True: [0] * (len(columns) + 1), False: [0] * (len(columns) + 1)}
    present = "".join(f", COUNT({table.cell(name)})" for name in columns)
    asked = f"SELECT {table.cell(label)}, COUNT(*){present} FROM t GROUP BY {table.cell(label)}"
    for level, *counts in table.fetch(asked):
        if level is not None:
            of_class = sizes[same_value(level, chosen)]
            of_class[:] = [had + int(count) for had, count in zip(of_class, counts, strict=True)]
    found = {}
    for place, column in enumerate(columns, 1):
        rows = np.array([(sizes[side][place], sizes[side][0] - sizes[side][place]) for side in (True, False)])
        has = rows.sum(axis=0) > 0
        counts_of = ScoreCounts(np.array([0.0, 1.0])[has], rows[0][has], rows[1][has])
        found[column] = _separation("missingness_leakage", column, counts_of)
    return found


def _separation(name: str, column: str, counts: Scores) -> Measure:
    where: Slice = (("column", column),)
    behind = (("positives", counts.positive_rows), ("negatives", counts.negative_rows))
    auc = counts.ranks.roc_auc
    if auc is None:
        return not_computable(name, ONE_CLASS, behind, n=counts.n, slice=where)
    return Measure(name, max(auc, 1.0 - auc), counts.n, method="max(AUC, 1 - AUC)", slice=where, counts=behind)


def schema_differences(table: Table, expected: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence per expected column that is missing or of another kind, and per column nobody expected."""
    kinds = {column.name: column.kind for column in table.columns}
    sentences = [f"The column “{name}” is missing." for name in expected if name not in kinds]
    sentences += [
        f"The column “{name}” holds {kinds[name]} values, but {kind} is expected."
        for name, kind in expected.items()
        if name in kinds and kinds[name] != kind
    ]
    return (*sentences, *(f"The column “{name}” is not expected." for name in kinds if name not in expected))


def row_overlap(table: Table, other: Table, columns: Sequence[str] = ()) -> Measure:
    """Rows of `table` that also occur in `other`, compared over `columns` (none: all columns both have)."""
    shared = tuple(columns) or tuple(name for name in table.names if name in other.names)
    if not shared:
        raise TableError(f"The tables “{table.name}” and “{other.name}” have no column in common.")
    where: Slice = (("column", ", ".join(shared)),)
    if not (table.engine.has_hash and other.engine.has_hash):
        reason = "Not computable: rows are compared when both tables are files."
        return not_computable("row_overlap", reason, n=table.rows, slice=where)
    return _rows("row_overlap", table.shared_rows(other, *shared), table, where)


def _rows(name: str, rows: int, table: Table, where: Slice = ()) -> Measure:
    return Measure(name, rows, table.rows, method="count of rows", slice=where, counts=(("rows", rows),))


def _share(name: str, k: int, n: int, where: Slice = ()) -> Measure:
    counts = (("k", k), ("n", n))
    interval = wilson(k, n)
    if interval is None:
        return not_computable(name, "Not computable: there are no rows.", counts, n=n, slice=where)
    measure = with_interval(name, k / n, n, interval, counts=counts)
    return replace(measure, slice=where)
