"""Whole reports of tables as plain JSON values: performance, drift, profile; see fairness_report. Judges nothing.

Keys are those of the reference cases in tests/reference. A value that has none is null, and `not_computable` beside it
says why; `intervals` holds low, high, level and method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from approvals.measures.bins import count, reference_bins
from approvals.measures.calibration import calibration_measures
from approvals.measures.drift import TwoSamples, categorical_drift, largest_change, numeric_drift
from approvals.measures.exactness import EXACT_ROWS
from approvals.measures.labels import Value, value_text
from approvals.measures.multiclass import multiclass_performance
from approvals.measures.performance import binary_performance
from approvals.measures.quality import leakage, missingness_leakage, profile, repeated_keys, row_overlap
from approvals.measures.regression import group_errors, regression_performance
from approvals.measures.scores import Closed
from approvals.measures.tables import NumberSummary, Table, TableError
from approvals.measures.values import Measure

PERFORMANCE = (
    *("n", "rows_left_out", "tn", "fp", "fn", "tp", "accuracy", "balanced_accuracy", "precision", "recall", "f1"),
    *("specificity", "fpr", "fnr", "npv", "mcc", "cohen_kappa", "prevalence", "selection_rate", "roc_auc", "gini"),
    *("average_precision", "pr_auc_trapezoid", "ks", "log_loss", "brier"),
)
NAMES = {"ks": "ks_max_tpr_minus_fpr", "mape": "mape_fraction"}
BINNINGS: tuple[tuple[str, int, Closed], ...] = (
    ("ece", 10, "right"),
    ("mce", 10, "right"),
    ("ece", 15, "right"),
    ("ece", 10, "left"),
)
NUMERIC_DRIFT = {
    "ks": "ks_statistic",
    "ks_p": "ks_p_auto",
    "wasserstein": "wasserstein",
    "wasserstein_normalised": "wasserstein_over_ref_std_ddof0",
    "psi": "psi_ref_deciles_floor_1e4",
    "js_distance": "js_distance_base2_on_deciles",
    "missing_change": "missing_share_change",
}
CATEGORICAL_DRIFT = {
    "chi_square": "chi2",
    "chi_square_p": "chi2_p",
    "psi": "psi_floor_1e4",
    "js_distance": "js_distance_base2",
    "total_variation": "total_variation",
    "new_levels": "rows_with_new_categories",
    "missing_change": "missing_share_change",
}
Report = dict[str, Any]


def performance_report(
    table: Table,
    *,
    label: str,
    prediction: str,
    score: str | None = None,
    positive: Value = 1,
    draws: int = 2000,
    seed: int = 0,
) -> Report:
    """Everything that `binary_performance` and `calibration_measures` say. TableError for unusable columns."""
    found = binary_performance(
        table, label=label, prediction=prediction, score=score, positive=positive, draws=draws, seed=seed
    )
    named = {NAMES.get(key, key): found[key] for key in PERFORMANCE if key in found}
    if score:
        counts = table.scores(score, label, positive=positive)
        for key, bins, closed in BINNINGS:
            calibrated = calibration_measures(counts, bins=bins, closed=closed)
            named[f"{key}_{bins}_equal_width_{closed}_closed"] = calibrated[key]
    return block(named)


def multiclass_report(
    table: Table,
    *,
    label: str,
    prediction: str,
    scores: Mapping[str, str] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> Report:
    """Everything that `multiclass_performance` says, the confusion matrix with its classes, and each class."""
    found = multiclass_performance(
        table, label=label, prediction=prediction, scores=scores or None, draws=draws, seed=seed
    )
    return {
        "classes": list(found.confusion.classes),
        "confusion_matrix": [list(row) for row in found.confusion.cells],
        **block(found.overall),
        "by_class": {name: block(measures) for name, measures in found.by_class.items()},
    }


def regression_reports(
    table: Table,
    *,
    label: str,
    prediction: str,
    attributes: Sequence[Sequence[str]] = (),
    small_group: int = 30,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Report]:
    """The measures of all rows as overall, of each group as by_sex, and the differences between groups.

    With one attribute these are named group_difference, with several group_difference_sex and so on.
    """
    found = {"overall": block(_renamed(regression_performance(table, label=label, prediction=prediction)))}
    groups = group_errors(
        table,
        label=label,
        prediction=prediction,
        attributes=attributes,
        small_group=small_group,
        draws=draws,
        seed=seed,
    )
    for part in groups:
        name = "_x_".join(part.attributes)
        found[f"by_{name}"] = {
            group.label: {"small": group.small, "unknown": group.unknown, **block(_renamed(group.measures))}
            for group in part.groups
        }
        found["group_difference" if len(groups) == 1 else f"group_difference_{name}"] = block(part.all_groups)
    return found


def _renamed(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    return {NAMES.get(name, name): measure for name, measure in measures.items()}


def drift_report(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] = (),
    categories: Sequence[str] = (),
    exact_rows: int | None = EXACT_ROWS,
) -> Report:
    """Drift of each column that both tables have (or of the named ones), and rows of `current` in `reference`.

    A column of numbers is measured on deciles, one of anything else, or named in `categories`, on its levels. In tables
    of more than `exact_rows` rows distances of numbers are bounded instead, unless it is None.
    """
    shared = list(columns) or [name for name in reference.names if name in current.names]
    if not shared:
        raise TableError(f"The tables “{reference.name}” and “{current.name}” have no column in common.")
    for table in (reference, current):
        table.require(*shared, *categories)
    overlap = row_overlap(current, reference, shared)
    return {
        "n_ref": reference.rows,
        "n_cur": current.rows,
        "columns_only_in_reference": [name for name in reference.names if name not in current.names],
        "columns_only_in_current": [name for name in current.names if name not in reference.names],
        **block({"rows_of_current_in_reference": overlap}),
        "columns": {
            name: _drift_of_levels(reference, current, name)
            if name in categories or reference.column(name).kind != "number"
            else _drift_of_numbers(reference, current, name, exact_rows)
            for name in shared
        },
    }


def _drift_of_levels(reference: Table, current: Table, column: str) -> Report:
    stored = reference_bins(reference, column=column, kind="category")
    found = categorical_drift(reference, current, column=column, stored=stored)
    now = {value_text(value): rows for value, rows in current.levels(column, limit=200_000).items()}
    named = {name: found[key] for key, name in CATEGORICAL_DRIFT.items()}
    named["l_infinity"] = largest_change(stored, current)
    levels = [*stored.levels, *sorted(level for level in now if level and level not in stored.levels)]
    before = dict(zip(stored.levels, stored.counts, strict=True))
    distance = found["js_distance"].value
    return {
        "kind": "category",
        "categories": levels,
        "counts_ref": [before.get(level, 0) for level in levels],
        "counts_cur": [now.get(level, 0) for level in levels],
        "df": found["chi_square"].count("degrees_of_freedom"),
        "js_distance_basee": None if distance is None else distance * float(np.sqrt(np.log(2.0))),
        **block(named),
    }


def _drift_of_numbers(reference: Table, current: Table, column: str, exact_rows: int | None) -> Report:
    pair = TwoSamples.of(reference, current, column=column, exact_rows=exact_rows)
    stored = pair.stored()
    found = numeric_drift(pair, column=column, stored=stored)
    distance = found["js_distance"].value
    before, now = (pair.distances.before, pair.distances.now) if pair.distances else (None, None)
    return {
        "kind": "number",
        "n_ref": pair.reference.n,
        "n_cur": pair.current.n,
        "mean_ref": before.mean if before else None,
        "mean_cur": now.mean if now and now.n else None,
        "std_ref_ddof1": math.sqrt(before.variance) if before and before.variance is not None else None,
        "decile_cuts": list(stored.cuts),
        "decile_counts_ref": list(stored.counts),
        "decile_counts_cur": list(count(stored, pair.current).counts),
        "js_divergence_base2_on_deciles": None if distance is None else float(distance) ** 2,
        **block({name: found[key] for key, name in NUMERIC_DRIFT.items()}),
    }


def profile_report(table: Table, *, label: str | None = None, positive: Value = 1, key: Sequence[str] = ()) -> Report:
    """Rows, missing cells, duplicates, constants, different values and ranges; with a label also leakage per column."""
    columns = profile(table)
    missing = {item.column.name: dict(item.missing.counts)["k"] for item in columns}
    cells = table.rows * len(columns)
    duplicates, in_groups = table.duplicates(), table.rows_in_duplicate_groups()
    report: Report = {
        "rows": table.rows,
        "columns": len(columns),
        "total_missing_cells": sum(missing.values()),
        "missing_share_overall": sum(missing.values()) / cells,
        "missing_by_column": {name: [count, count / table.rows] for name, count in missing.items() if count},
        "rows_with_any_missing": table.rows_with_missing(),
        "duplicate_rows_beyond_first": duplicates,
        "rows_in_duplicate_groups": in_groups,
        "duplicate_share": duplicates / table.rows,
        "constant_columns": [item.column.name for item in columns if item.constant],
        "all_unique_columns": [item.column.name for item in columns if item.distinct == table.rows],
        "n_unique": {item.column.name: item.distinct for item in columns},
        "kinds": {item.column.name: item.column.kind for item in columns},
        "ranges": {item.column.name: _range(item.summary) for item in columns if item.summary},
    }
    if key:
        report["unique_id_violations_rows_beyond_first"] = repeated_keys(table, *key).value
    if label:
        report["label_leakage_abs_auc"] = block(leakage(table, label, positive=positive, exclude=key))
        missing_found = missingness_leakage(table, label, positive=positive, exclude=key)
        report["label_leakage_abs_auc_of_missingness"] = block(missing_found)
    return report


def _range(summary: NumberSummary) -> Report:
    return {name: value for name, value in vars(summary).items() if name != "distinct"}


def block(measures: Mapping[str, Measure]) -> Report:
    """Values by name, then the intervals, the bounds and the reasons of those that have them."""
    intervals = {
        name: {"low": item.low, "high": item.high, "level": item.level, "method": item.method}
        for name, item in measures.items()
        if item.low is not None
    }
    bounds = {
        name: {"low": item.bounds[0], "high": item.bounds[1], "method": item.method}
        for name, item in measures.items()
        if item.bounds
    }
    reasons = {name: item.reason for name, item in measures.items() if not item.computable and not item.bounds}
    values: Report = {name: item.value for name, item in measures.items()}
    parts = {"intervals": intervals, "bounds": bounds, "not_computable": reasons}
    return {**values, **{name: part for name, part in parts.items() if part}}
