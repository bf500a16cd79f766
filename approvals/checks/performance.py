"""Recomputes how good the predictions are on the attached evaluation table, and sets what was claimed beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from approvals.checks import _performance_multiclass, _performance_regression
from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    REGRESSION,
    Declaration,
    declaration_of,
    left_out_share,
    limits_of,
    missing_rules,
    opened,
    rows_with_all,
    with_inapplicable,
    with_kind,
)
from approvals.checks._performance_tables import Performed, claims_beside, claims_table, measures_chart, numbers_table
from approvals.checks._verdicts import NO_THRESHOLD, NOT_COMPUTABLE, PASSED, WARNING, Rule, at_least, at_most, judge_by
from approvals.checks.base import Check, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.exactness import EXACT_ROWS, Exactness
from approvals.measures.performance import binary_performance, scored_performance
from approvals.measures.tables import Table
from approvals.measures.values import Measure

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "fpr": "false positive rate",
    "fnr": "false negative rate",
    "npv": "negative predictive value",
    "f1": "F1 score",
    "mcc": "Matthews correlation",
    "cohen_kappa": "Cohen's kappa",
    "prevalence": "share of positive labels",
    "selection_rate": "share of positive predictions",
    "roc_auc": "ROC AUC",
    "gini": "Gini coefficient",
    "ks": "Kolmogorov-Smirnov distance",
    "average_precision": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
}
"""What the engine calls a measure, and what people read. Claims use the engine's names."""
CELLS = ("tp", "fp", "fn", "tn")
NAMES_OF = {BINARY: NAMES, MULTICLASS: _performance_multiclass.NAMES, REGRESSION: _performance_regression.NAMES}
EVERY_NAME = _performance_multiclass.NAMES | _performance_regression.NAMES | NAMES
WITHOUT_SIGN = ("max_mean_error",)
CORRECT_CLAIMS = "Claims: corrected to what was measured, or left out, they would give no warning."


@dataclass(frozen=True)
class Parameters:
    """How it is measured.

    A claim may differ by the tolerance; the claim of an error in the unit of the label by that share of the error.
    Beyond `exact_rows` rows, what a score of two classes says is first bounded by one scan, and computed exactly if a
    threshold or a claim lies within the bounds. `draws` are of the bootstrap of measures of several classes.
    """

    level: float = 0.95
    draws: int = 2000
    tolerance: float = 0.005
    exact_rows: int = EXACT_ROWS


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows without label, prediction or declared score fail unless allowed here.

    A threshold on a measure that the declared kind of table does not have is never met. Of two classes: precision,
    recall, specificity, FPR, FNR, NPV, F1, ROC AUC, average precision, Brier; of several: what ends in macro, micro,
    weighted or over_classes; of both: accuracy, balanced accuracy, MCC, kappa, log loss. Of numbers, in the unit of the
    label: MSE (squared), RMSE, MAE, median and largest error, mean error (without its sign); MAPE is a fraction.
    """

    min_accuracy: float | None = None
    min_balanced_accuracy: float | None = None
    min_precision: float | None = None
    min_recall: float | None = None
    min_specificity: float | None = None
    max_fpr: float | None = None
    max_fnr: float | None = None
    min_npv: float | None = None
    min_f1: float | None = None
    min_mcc: float | None = None
    min_roc_auc: float | None = None
    min_average_precision: float | None = None
    max_brier: float | None = None
    max_log_loss: float | None = None
    min_cohen_kappa: float | None = None
    min_precision_macro: float | None = None
    min_precision_micro: float | None = None
    min_precision_weighted: float | None = None
    min_recall_macro: float | None = None
    min_recall_micro: float | None = None
    min_recall_weighted: float | None = None
    min_f1_macro: float | None = None
    min_f1_micro: float | None = None
    min_f1_weighted: float | None = None
    min_roc_auc_ovr_macro: float | None = None
    min_roc_auc_ovr_weighted: float | None = None
    min_roc_auc_ovo_macro: float | None = None
    min_roc_auc_ovo_weighted: float | None = None
    max_brier_over_classes: float | None = None
    max_mse: float | None = None
    max_rmse: float | None = None
    max_mae: float | None = None
    max_median_ae: float | None = None
    min_r2: float | None = None
    max_mape: float | None = None
    max_max_error: float | None = None
    min_explained_variance: float | None = None
    max_mean_error: float | None = None
    min_rows: int | None = None
    max_left_out_share: float = 0.0


class Performance(Check):
    """Accuracy, ranking and probability measures, or errors of numbers, recomputed by the portal."""

    title = "Performance"
    version = "5"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        f"{bound}_{key}": tuple(kind for kind in KINDS if name in NAMES_OF[kind].values())
        for bound in ("min", "max")
        for key, name in EVERY_NAME.items()
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("evaluation_table")
        declared = declaration_of(piece, kinds=KINDS)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            found = MEASURED[declared.kind](table, declared, job)
            rows_in_all = table.rows
        report(0.9, "Comparing with the claims")
        claims = claims_beside(declared, found.measures, NAMES_OF[declared.kind], found.tolerances)
        return Reading(
            measures=(found.rows, left_out_share(used=found.used, rows=rows_in_all), *found.measures.values()),
            looked_at=_looked_at(found),
            not_looked_at=(
                *found.not_looked_at,
                "Whether these rows are like the cases that the model will meet.",
                "Whether the predictions come from the attached artifact: the portal does not run models.",
            ),
            tables=(numbers_table(found.measures), *found.tables, *((claims_table(claims),) if claims else ())),
            charts=found.charts,
            details=with_kind({"claims": claims}, declared.kind),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            _rule(item.name, getattr(thresholds, item.name))
            for item in fields(thresholds)
            if item.name != "max_left_out_share"
        ]
        kinds = {name: [kind for kind in KINDS if name in NAMES_OF[kind].values()] for name in EVERY_NAME.values()}
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        judgement = judge_by(with_inapplicable(reading, kinds), rules, required=missing_rules(reading, limits))
        doubts = tuple(claim["sentence"] for claim in reading.details.get("claims", ()) if claim["sentence"])
        if judgement.sentences == (NO_THRESHOLD,) and judgement.verdict == NOT_COMPUTABLE:
            return judgement
        verdict = WARNING if doubts and judgement.verdict == PASSED else judgement.verdict
        order = (*doubts, *judgement.sentences) if verdict == WARNING else (*judgement.sentences, *doubts)
        turns = (*((CORRECT_CLAIMS,) if doubts else ()), *judgement.turns)
        return replace(judgement, verdict=verdict, sentences=order, turns=turns)


def _rule(threshold: str, limit: float | None) -> Rule:
    name = "rows" if threshold == "min_rows" else EVERY_NAME[threshold[4:]]
    if threshold.startswith("min_"):
        return at_least(name, limit)
    return at_most(name, limit, absolute=threshold in WITHOUT_SIGN)


def _looked_at(found: Performed) -> tuple[str, ...]:
    left_out = found.rows.count("rows_left_out")
    return (
        f"All {found.rows.value:,} rows that have a label and a prediction.",
        found.columns,
        *((f"{left_out:,} rows without one of them were left out.",) if left_out else ()),
        *(
            (f"{found.used:,} of these rows have every declared score; scores are measured of all rows with a label.",)
            if found.used < int(found.rows.value or 0)
            else ()
        ),
    )


def _binary(table: Table, declared: Declaration, job: Job) -> Performed:
    asked = job.parameters
    names: dict[str, Any] = {"label": declared.label, "level": asked.level}
    found = binary_performance(table, prediction=declared.prediction, **names)
    if declared.score:
        rows = table.rows if job.thresholds is None else asked.exact_rows
        exactness = Exactness(rows, _compared_with(declared, job))
        found |= scored_performance(table, score=declared.score, exactness=exactness, **names)
    measures = {key: replace(found[key], name=name) for key, name in NAMES.items() if key in found}
    rows = replace(found["n"], name="rows")
    decided = int(rows.value or 0)
    return Performed(
        measures=measures,
        rows=rows,
        used=rows_with_all(table, declared, decided=decided, scored=found["roc_auc"].n or 0)
        if declared.score
        else decided,
        columns=f"Label “{declared.label}”, prediction “{declared.prediction}”"
        + (f", score “{declared.score}”." if declared.score else "."),
        not_looked_at=_not_looked_at(declared, found),
        tables=(_confusion(found),),
        charts=(measures_chart(measures.values()),),
        tolerances=dict.fromkeys(NAMES, job.parameters.tolerance),
    )


def _compared_with(declared: Declaration, job: Job) -> dict[str, list[float]]:
    """What each measure of the score is compared with: its thresholds, and how far its claim may be off."""
    found = limits_of(job)
    for key, claimed in declared.claims.items():
        found.setdefault(key, []).extend((claimed - job.parameters.tolerance, claimed + job.parameters.tolerance))
    return found


def _not_looked_at(declared: Declaration, found: dict[str, Measure]) -> tuple[str, ...]:
    if not declared.score:
        return ("No score column is declared, so ranks and probabilities were not.",)
    if any(measure.bounds for measure in found.values()):
        return ("The last digits of what the score says: between the bounds that are shown, none changes the verdict.",)
    return ()


def _confusion(found: dict[str, Measure]) -> NumberTable:
    tp, fp, fn, tn = (found[cell].value for cell in CELLS)
    return NumberTable(
        title="Labels and predictions",
        columns=("", "Predicted 1", "Predicted 0"),
        rows=(("Label 1", tp, fn), ("Label 0", fp, tn)),
    )


MEASURED: dict[str, Callable[[Table, Declaration, Job], Performed]] = {
    BINARY: _binary,
    MULTICLASS: _performance_multiclass.performed,
    REGRESSION: _performance_regression.performed,
}
