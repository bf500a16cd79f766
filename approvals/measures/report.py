"""Whole reports of tables as plain JSON values: performance, drift, profile; see fairness_report. Judges nothing.

Keys are those of the reference cases in tests/reference. A value that has none is null, and `not_computable` beside it
says why; `intervals` holds low, high, level and method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from approvals.measures.area_intervals import Uncertain
from approvals.measures.calibration import calibration_measures
from approvals.measures.labels import Value
from approvals.measures.multiclass import multiclass_performance
from approvals.measures.performance import binary_performance, score_measures
from approvals.measures.quality import leakage, missingness_leakage, profile, repeated_keys
from approvals.measures.regression import group_errors, regression_performance
from approvals.measures.scores import Closed, Scores
from approvals.measures.tables import NumberSummary, Table
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
Report = dict[str, Any]


def performance_report(
    table: Table,
    *,
    label: str,
    prediction: str,
    score: str | None = None,
    positive: Value = 1,
) -> Report:
    """Everything that `binary_performance` and `calibration_measures` say. TableError for unusable columns."""
    found = binary_performance(table, label=label, prediction=prediction, score=score, positive=positive)
    named = {NAMES.get(key, key): found[key] for key in PERFORMANCE if key in found}
    if score:
        named |= _calibration(table.scores(score, label, positive=positive), found)
    return {**block(named), **_constant(named, found["selection_rate"])}


def score_report(table: Table, *, label: str, score: str, positive: Value = 1) -> Report:
    """What a score says without any prediction. TableError for unusable columns."""
    counts = table.scores(score, label, positive=positive)
    found = score_measures(counts)
    sizes = {
        "n": Measure("n", counts.n, counts.n, method="count of rows"),
        "rows_left_out": Measure("rows_left_out", counts.left_out, counts.n, method="count of rows"),
        "prevalence": calibration_measures(counts)["base_rate"],
    }
    named = {NAMES.get(key, key): found[key] for key in PERFORMANCE if key in found}
    measures = {**sizes, **named, **_calibration(counts, found)}
    return {**block(measures), **_constant(measures)}


def _constant(measures: Mapping[str, Measure], selection: Measure | None = None) -> Report:
    """Whether every score, or every prediction, is the same and so separates nothing; an area is 0.5 then."""
    flags = {}
    if "distinct_scores" in measures:
        flags["constant_score"] = measures["distinct_scores"].value == 1
    if selection is not None:
        flags["constant_prediction"] = selection.value in {0, 1}
    return flags


def _calibration(counts: Scores, found: Mapping[str, Measure]) -> dict[str, Measure]:
    """Calibration errors by their binning, and the distance of the scores of both classes under its other name."""
    named = {
        "distinct_scores": Measure("distinct_scores", counts.ranks.distinct, counts.n, method="different scores"),
        "rows_scored": Measure("rows_scored", counts.n, counts.n, method="count of rows"),
        "rows_without_score": Measure("rows_without_score", counts.left_out, counts.n, method="count of rows"),
        "ks_scipy_ks_2samp": found["ks"],
    }
    for key, bins, closed in BINNINGS:
        calibrated = calibration_measures(counts, bins=bins, closed=closed)
        named[f"{key}_{bins}_equal_width_{closed}_closed"] = calibrated[key]
    return named


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
    confusion = found.confusion.in_order
    return {
        "classes": list(confusion.classes),
        "confusion_matrix": [list(row) for row in confusion.cells],
        **block(found.overall),
        "by_class": {name: block(found.by_class[name]) for name in confusion.classes},
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
    values = {name: value for name, value in vars(summary).items() if name != "distinct"}
    return {name: None if value is None or not math.isfinite(value) else value for name, value in values.items()}


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


def uncertain_report(found: Uncertain | None) -> Report | None:
    """A value, its standard error and its ends by name, with draws and seed if it was drawn; None where undefined."""
    if found is None:
        return None
    ends = {"point": found.point, "se": found.se, "lo": found.low, "hi": found.high}
    return {**ends, "B": found.draws, "seed": found.seed} if found.draws else ends
