"""Calibration of the probabilities of several classes, as the check of calibration shows it. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from approvals.checks._calibration_tables import bin_table, curve_of, measures_table
from approvals.checks._evaluation import Declaration, left_out_share
from approvals.checks._rules import number
from approvals.checks.base import CheckInputError, NumberTable, Reading
from approvals.measures.class_calibration import class_calibration
from approvals.measures.class_scores import read_scores
from approvals.measures.tables import Table
from approvals.measures.values import Measure

NAMES = {
    "top_label_ece": "expected calibration error of the top class",
    "top_label_mce": "largest calibration error of a bin of the top class",
    "confidence_gap": "accuracy of the top class minus its mean confidence",
    "mean_confidence": "mean confidence of the top class",
    "classwise_ece": "expected calibration error, mean over classes",
    "classwise_mce": "largest calibration error of a bin of any class",
    "largest_class_gap": "largest calibration in the large of a class",
    "brier": "Brier score, summed over classes",
}
THRESHOLDS = {
    "max_top_label_ece": NAMES["top_label_ece"],
    "max_top_label_mce": NAMES["top_label_mce"],
    "max_confidence_gap": NAMES["confidence_gap"],
    "max_classwise_ece": NAMES["classwise_ece"],
    "max_classwise_mce": NAMES["classwise_mce"],
    "max_class_calibration_in_the_large": NAMES["largest_class_gap"],
    "max_brier_over_classes": NAMES["brier"],
}
MOST_CURVES = 12
TOP = "Reliability curve of the top class"
IN_BINS = "Confidence of the top class in bins"


def reading_of_classes(table: Table, declared: Declaration, name: str, bins: int) -> Reading:
    """Calibration of the top class and of each class, with a reliability curve for each."""
    if not declared.class_scores:
        raise CheckInputError(
            f"{name} declares no score columns of its classes, so calibration cannot be measured; declare them."
        )
    scores = read_scores(table, label=declared.label, columns=declared.class_scores)
    found = class_calibration(scores, bins=bins)
    measures = {key: replace(found.overall[key], name=words) for key, words in NAMES.items()}
    rows = Measure("scored rows", scores.n, scores.n, method="count of rows")
    curves = list(found.bins.items())
    columns = ", ".join(f"“{column}” of {one}" for one, column in declared.class_scores.items())
    return Reading(
        measures=(rows, left_out_share(used=scores.n, rows=table.rows), *measures.values()),
        looked_at=(
            f"All {scores.n:,} rows that have a label and a score for every class.",
            f"Label “{declared.label}”, scores {columns}; {bins} bins of equal width, closed on the right.",
            "The top class is the one of the highest score; its score is the confidence.",
        ),
        not_looked_at=(
            "Whether the submitted decision is the top class.",
            "Calibration of all probabilities together, beyond each class alone, and within groups of people.",
            "Whether these rows are like the cases that the model will meet.",
        ),
        tables=(
            measures_table(measures.values()),
            *((_by_class(found.by_class),) if found.by_class else ()),
            *((bin_table(found.top, title=IN_BINS, share="Share right"),) if found.top else ()),
            *(bin_table(part, title=f"Scores of {one} in bins") for one, part in curves[:MOST_CURVES]),
        ),
        charts=(
            *((curve_of(found.top, title=TOP, axis="share of right top classes"),) if found.top else ()),
            *(curve_of(part, title=f"Reliability curve of {one}") for one, part in curves[:MOST_CURVES]),
        ),
    )


def _by_class(by_class: Mapping[str, Mapping[str, Measure]]) -> NumberTable:
    keys = ("ece", "mce", "calibration_in_the_large", "mean_score", "base_rate")
    rows = tuple((one, *(number(measures[key].value) for key in keys)) for one, measures in by_class.items())
    return NumberTable(
        "Each class against the rest",
        ("Class", "Calibration error", "Largest of a bin", "In the large", "Mean score", "Share of the class"),
        rows,
        note="In the large is the share of the class minus its mean score.",
    )
