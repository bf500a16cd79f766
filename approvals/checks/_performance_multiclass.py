"""Performance of one predicted class out of several, as the check of performance shows it. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from approvals.checks._evaluation import Declaration, rows_with_all
from approvals.checks._performance_pictures import confusion_chart
from approvals.checks._performance_tables import Performed, measures_chart
from approvals.checks._verdicts import interval_text, number
from approvals.checks.base import Job, NumberTable
from approvals.measures.multiclass import ClassConfusion, MulticlassPerformance, multiclass_performance
from approvals.measures.tables import Table
from approvals.measures.values import Measure

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
    "cohen_kappa": "Cohen's kappa",
    "precision_macro": "precision, mean over classes",
    "precision_micro": "precision, over all rows",
    "precision_weighted": "precision, weighted by class",
    "recall_macro": "recall, mean over classes",
    "recall_micro": "recall, over all rows",
    "recall_weighted": "recall, weighted by class",
    "f1_macro": "F1 score, mean over classes",
    "f1_micro": "F1 score, over all rows",
    "f1_weighted": "F1 score, weighted by class",
    "roc_auc_ovr_macro": "ROC AUC, each class against the rest",
    "roc_auc_ovr_weighted": "ROC AUC, each class against the rest, weighted by class",
    "roc_auc_ovo_macro": "ROC AUC, each class against each other",
    "roc_auc_ovo_weighted": "ROC AUC, each class against each other, weighted by class",
    "log_loss": "log loss",
    "brier_over_classes": "Brier score, summed over classes",
}
"""What the engine calls a measure, and what people read. Claims use these names, too.

The Brier score of several classes is from 0 to 2, and that of two from 0 to 1, so no threshold is meant for both.
"""
LOSSES = ("log_loss", "brier_over_classes")
WIDEST_MATRIX = 12
LONGEST_TABLE = 40


def performed(table: Table, declared: Declaration, job: Job) -> Performed:
    """Everything that is measured of a table of several classes."""
    parameters = job.parameters
    found = multiclass_performance(
        table,
        label=declared.label,
        prediction=declared.prediction,
        scores=declared.class_scores,
        level=parameters.level,
        draws=parameters.draws,
        seed=job.seed,
    )
    overall = {"brier_over_classes" if key == "brier" else key: item for key, item in found.overall.items()}
    confusion = found.confusion.in_order
    measures = {key: replace(overall[key], name=name) for key, name in NAMES.items() if key in overall}
    rows = replace(overall["n"], name="rows", counts=found.confusion.counts)
    areas = overall.get("roc_auc_ovr_macro")
    scores = ", ".join(f"“{column}” of {name}" for name, column in declared.class_scores.items())
    return Performed(
        measures=measures,
        rows=rows,
        used=found.confusion.n
        if areas is None
        else rows_with_all(table, declared, decided=found.confusion.n, scored=areas.n or 0),
        columns=f"Label “{declared.label}”, prediction “{declared.prediction}”"
        + (f", scores {scores}." if scores else "."),
        not_looked_at=()
        if scores
        else ("No score columns of the classes are declared, so ranks and probabilities were not.",),
        tables=(_confusion(confusion), _classes(found)),
        charts=(
            *confusion_chart(confusion.classes, confusion.cells),
            measures_chart(measure for key, measure in measures.items() if key not in LOSSES),
        ),
        tolerances=dict.fromkeys(NAMES, parameters.tolerance),
    )


def _confusion(confusion: ClassConfusion) -> NumberTable:
    """All cells of a few classes; of many, the mistakes that are made most often."""
    classes = confusion.classes
    title = "Labels and predictions"
    if len(classes) <= WIDEST_MATRIX:
        rows = tuple((f"Label {name}", *cells) for name, cells in zip(classes, confusion.cells, strict=True))
        return NumberTable(title, ("", *(f"Predicted {name}" for name in classes)), rows)
    mistakes = sorted(
        (
            (-count, label, called)
            for label, cells in zip(classes, confusion.cells, strict=True)
            for called, count in zip(classes, cells, strict=True)
            if label != called and count
        ),
    )
    return NumberTable(
        title,
        ("Label", "Predicted", "Rows"),
        tuple((label, called, -count) for count, label, called in mistakes[:LONGEST_TABLE]),
        note=f"The {min(len(mistakes), LONGEST_TABLE):,} most frequent of {len(mistakes):,} mistakes among "
        f"{len(classes):,} classes.",
    )


def _classes(found: MulticlassPerformance) -> NumberTable:
    """Each class against the rest."""
    confusion = found.confusion.in_order
    scored = any("roc_auc" in measures for measures in found.by_class.values())
    areas = ("ROC AUC", "Interval of ROC AUC") if scored else ()
    sizes = zip(confusion.classes, confusion.hits, confusion.support, confusion.predicted, strict=True)
    rows = tuple(
        (
            name,
            hits,
            called - hits,
            labelled - hits,
            confusion.n - labelled - called + hits,
            *_rates(found.by_class[name], ("precision", "recall")),
            _cell(found.by_class[name]["f1"]),
            *(_rates(found.by_class[name], ("roc_auc",)) if scored else ()),
        )
        for name, hits, labelled, called in sizes
    )
    return NumberTable(
        title="Each class against the rest",
        columns=(
            "Class",
            "Hits",
            "False hits",
            "Misses",
            "Rest",
            "Precision",
            "Interval of precision",
            "Recall",
            "Interval of recall",
            "F1 score",
            *areas,
        ),
        rows=rows,
        note="Hits are true positives, false hits false positives, misses false negatives, the rest true negatives.",
    )


def _rates(measures: Mapping[str, Measure], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for name in names for text in (_cell(measures[name]), interval_text(measures[name])))


def _cell(measure: Measure) -> str:
    return number(measure.value)
