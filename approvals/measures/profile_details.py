"""What else can be asked of the quality of a table, as plain JSON values: outliers, rules, training data. Judges none.

Rules are declared, never guessed: ranges, allowed values, kinds, and columns that identify a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from approvals.measures.class_leakage import class_leakage, class_missingness_leakage
from approvals.measures.drift_report import drift_report
from approvals.measures.form_leakage import class_form_leakage, number_form_leakage, two_class_form_leakage
from approvals.measures.labels import Value, value_text
from approvals.measures.level_leakage import level_leakage
from approvals.measures.multiclass import MAX_CLASSES
from approvals.measures.number_leakage import number_leakage, number_missingness_leakage
from approvals.measures.outliers import outliers
from approvals.measures.quality import (
    class_balance,
    leakage,
    missingness_leakage,
    not_allowed,
    out_of_range,
    rarest_class,
    repeated_keys,
    row_overlap,
    schema_differences,
)
from approvals.measures.report import Report, block
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Measure

MOST_LISTED, MOST_VALUES = 100, 200_000
TWO_CLASSES = 2
Ends = tuple[float | None, float | None]


@dataclass(frozen=True)
class Rules:
    """What is declared of columns: ends of ranges, both allowed; allowed values; kinds; columns without repetition."""

    ranges: Mapping[str, Ends] = field(default_factory=dict)
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ()


def outlier_report(table: Table) -> Report:
    """Fences and outliers of every number column, by column."""
    found = {}
    for column in table.columns:
        if column.kind == "number":
            part = outliers(table, column.name)
            fences = {"q1": part.q1, "q3": part.q3, "low_fence": part.low_fence, "high_fence": part.high_fence}
            found[column.name] = {**fences, **block(part.measures)}
    return {"outliers": found}


def rule_report(table: Table, rules: Rules) -> Report:
    """Rows against each declared rule. TableError for columns that do not exist or cannot be compared so."""
    table.require(*rules.ranges, *rules.allowed, *rules.unique)
    report: Report = {}
    for name, (low, high) in rules.ranges.items():
        found = out_of_range(table, name, low=low, high=high)
        ends = {"low": low, "high": high, "rows": found.value, **dict(found.counts)}
        report.setdefault("range_violations", {})[name] = ends
        report[f"range_{name}_{_end(low)}_{_end(high)}_violations"] = found.value
    for name, allowed in rules.allowed.items():
        found = not_allowed(table, name, allowed)
        said = {"allowed": list(allowed), "rows": found.value, "values": dict(found.counts)}
        report.setdefault("allowed_violations", {})[name] = said
        report[f"schema_allowed_{name}_{''.join(allowed)}_violations"] = found.value
    for name in rules.unique:
        report.setdefault("unique_violations_rows_beyond_first", {})[name] = repeated_keys(table, name).value
    if rules.kinds:
        report["schema_differences"] = list(schema_differences(table, rules.kinds))
    return report


def _end(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def key_report(table: Table, key: Sequence[str]) -> Report:
    """Rows beyond the first of one key; of a key of one column also the values repeated, the first MOST_LISTED."""
    report: Report = {"unique_id_violations_rows_beyond_first": repeated_keys(table, *key).value}
    if len(key) == 1:
        report[f"{key[0]}_values_duplicated"] = _repeated_values(table, key[0])
    return report


def _repeated_values(table: Table, column: str) -> list[Value]:
    cell = table.cell(column)
    rows = table.fetch(
        f"SELECT {cell} FROM t WHERE {cell} IS NOT NULL GROUP BY {cell} "  # noqa: S608 - c0, c1, … only
        f"HAVING COUNT(*) > 1 ORDER BY {cell} LIMIT {MOST_LISTED}"
    )
    return [_plain(row[0]) for row in rows]


def _plain(value: Value) -> Value:
    """The value as JSON can hold it: infinite numbers as text."""
    plain = isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
    return value if plain else value_text(value)


def label_report(table: Table, label: str, *, positive: Value = 1, exclude: Sequence[str] = ()) -> Report:
    """Rows of each label, the share of the positive or of the rarest one, and what every other column says about it.

    Of three to MAX_CLASSES labels each class is set against the rest (`class_leakage`). Numbers of more values are a
    label by their ranks (`number_leakage`), named _by_ranks; with more texts there are no classes to count, and leakage
    is not computable.
    """
    distinct = table.distinct(label)
    if distinct > MAX_CLASSES:
        return _leaks_of_many(table, label, distinct, exclude)
    if distinct > TWO_CLASSES:
        rarest = block({"rarest_class": rarest_class(table, label)})
        return {**_class_counts(table, label), **rarest, **_leaks_of_classes(table, label, exclude)}
    given: dict[str, Any] = {"positive": positive, "exclude": exclude}
    found = leakage(table, label, **given), missingness_leakage(table, label, **given)
    balance = block({"class_balance": class_balance(table, label, positive=positive)})
    leaks = (*found, level_leakage(table, label, **given), two_class_form_leakage(table, label, **given))
    return {
        **_class_counts(table, label),
        **balance,
        **{name: block(part) for name, part in zip(_LEAKS, leaks, strict=True)},
    }


def _leaks_of_classes(table: Table, label: str, exclude: Sequence[str]) -> Report:
    found = class_leakage(table, label, exclude=exclude)
    sized = {name: part for name, part in found.items() if table.column(name).kind in {"number", "boolean"}}
    by_value = {name: part for name, part in found.items() if name not in sized}
    absent, forms = (each(table, label, exclude=exclude) for each in (class_missingness_leakage, class_form_leakage))
    leaks = (sized, absent, by_value, forms)
    return {name: block(part) for name, part in zip(_LEAKS, leaks, strict=True)}


def _leaks_of_many(table: Table, label: str, distinct: int, exclude: Sequence[str]) -> Report:
    reason = f"Not computable: “{label}” has {distinct} different values, and an area needs classes."
    none: Report = {name: {"not_computable": {"label": reason}} for name in _LEAKS}
    if table.column(label).kind != "number":
        return none
    of_ranks = (number_leakage, number_missingness_leakage, number_form_leakage)
    ranks = [each(table, label, exclude=exclude) for each in of_ranks]
    return none | {name: block(part) for name, part in zip(_RANK_LEAKS, ranks, strict=True)}


_RANK_LEAKS = (
    "label_leakage_by_ranks",
    "label_leakage_by_ranks_of_missingness",
    "label_leakage_by_ranks_of_values_and_ranges",
)
_LEAKS = (
    "label_leakage_abs_auc",
    "label_leakage_abs_auc_of_missingness",
    "label_leakage_auc_of_values",
    "label_leakage_auc_of_values_and_ranges",
)


def _class_counts(table: Table, label: str) -> Report:
    sizes: dict[str, int] = {}
    for value, rows in table.levels(label).items():
        if text := value_text(value):
            sizes[text] = sizes.get(text, 0) + rows
    return {"class_counts": sizes}


def training_report(table: Table, training: Table, *, key: Sequence[str] = ()) -> Report:
    """Rows and keys of the table that are in the training data, and how far each column is from it."""
    shared = [name for name in training.names if name in table.names]
    measures: dict[str, Measure] = {"train_test_exact_row_overlap": row_overlap(table, training, shared)}
    report: Report = {}
    if key:
        training.require(*key)
        measures["train_test_key_overlap_rows"] = row_overlap(table, training, key)
    if len(key) == 1:
        report[f"train_test_{key[0]}_overlap"] = _shared_values(table, training, key[0])
    return {**block(measures), **report, "drift_from_training": drift_report(training, table)["columns"]}


def _shared_values(table: Table, training: Table, column: str) -> list[Value] | None:
    """The first MOST_LISTED values that both have; None where there are too many values to list."""
    try:
        known = {value_text(value) for value in training.levels(column, limit=MOST_VALUES)}
        own = [value for value in table.levels(column, limit=MOST_VALUES) if value is not None]
    except TableError:
        return None
    return [_plain(value) for value in own if value_text(value) in known][:MOST_LISTED]
