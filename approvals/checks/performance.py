"""Recomputes how good the predictions are on the attached evaluation table, and sets what was claimed beside it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from approvals.checks._charts import interval_dots
from approvals.checks._evaluation import LEFT_OUT, Declaration, declaration_of, left_out_share, missing_rules, opened
from approvals.checks._verdicts import (
    NO_THRESHOLD,
    NOT_COMPUTABLE,
    PASSED,
    WARNING,
    at_least,
    at_most,
    interval_text,
    judge_by,
    number,
    reason_of,
)
from approvals.checks.base import Check, CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.performance import binary_performance
from approvals.measures.values import Measure

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "f1": "F1 score",
    "mcc": "Matthews correlation",
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


@dataclass(frozen=True)
class Parameters:
    """How it is measured."""

    level: float = 0.95
    draws: int = 2000
    tolerance: float = 0.005


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows without label, prediction or declared score fail unless allowed here."""

    min_accuracy: float | None = None
    min_balanced_accuracy: float | None = None
    min_precision: float | None = None
    min_recall: float | None = None
    min_specificity: float | None = None
    min_f1: float | None = None
    min_mcc: float | None = None
    min_roc_auc: float | None = None
    min_average_precision: float | None = None
    max_brier: float | None = None
    max_log_loss: float | None = None
    min_rows: int | None = None
    max_left_out_share: float = 0.0


class Performance(Check):
    """Accuracy, ranking and probability measures of frozen predictions, recomputed by the portal."""

    title = "Performance"
    version = "1"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("evaluation_table")
        declared = declaration_of(piece)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            found = binary_performance(
                table,
                label=declared.label,
                prediction=declared.prediction,
                score=declared.score or None,
                level=job.parameters.level,
                draws=job.parameters.draws,
                seed=job.seed,
            )
            rows_in_all = table.rows
        report(0.9, "Comparing with the claims")
        measures = {key: replace(found[key], name=name) for key, name in NAMES.items() if key in found}
        rows = replace(found["n"], name="rows")
        used = min(int(rows.value or 0), found["roc_auc"].n or 0) if declared.score else int(rows.value or 0)
        left_out = left_out_share(used=used, rows=rows_in_all)
        claims = _claims(declared, measures, job.parameters.tolerance)
        return Reading(
            measures=(rows, left_out, *measures.values()),
            looked_at=_looked_at(declared, rows),
            not_looked_at=(
                *(() if declared.score else ("No score column is declared, so ranks and probabilities were not.",)),
                "Whether these rows are like the cases that the model will meet.",
                "Whether the predictions come from the attached artifact: the portal does not run models.",
            ),
            tables=(_numbers(measures), _confusion(found), *((_claims_table(claims),) if claims else ())),
            charts=(_chart(measures),),
            details={"claims": claims},
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            (at_least if item.name.startswith("min_") else at_most)(
                "rows" if item.name == "min_rows" else NAMES[item.name[4:]], getattr(thresholds, item.name)
            )
            for item in fields(thresholds)
            if item.name != "max_left_out_share"
        ]
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        judgement = judge_by(reading, rules, required=missing_rules(reading, limits))
        doubts = tuple(claim["sentence"] for claim in reading.details.get("claims", ()) if claim["sentence"])
        if judgement.sentences == (NO_THRESHOLD,) and judgement.verdict == NOT_COMPUTABLE:
            return judgement
        verdict = WARNING if doubts and judgement.verdict == PASSED else judgement.verdict
        order = (*doubts, *judgement.sentences) if verdict == WARNING else (*judgement.sentences, *doubts)
        return Judgement(verdict, order, judgement.failed_measures)


def _looked_at(declared: Declaration, rows: Measure) -> tuple[str, ...]:
    left_out = rows.count("rows_left_out")
    return (
        f"All {rows.value:,} rows that have a label and a prediction.",
        f"Label “{declared.label}”, prediction “{declared.prediction}”"
        + (f", score “{declared.score}”." if declared.score else "."),
        *((f"{left_out:,} rows without one of them were left out.",) if left_out else ()),
    )


def _claims(declared: Declaration, measures: dict[str, Measure], tolerance: float) -> list[dict[str, Any]]:
    """Every claim beside the measured value; the sentence is empty where they agree."""
    rows = []
    for key, claimed in declared.claims.items():
        if key not in NAMES:
            raise CheckInputError(
                f"The submitter claims “{key}”, which this check does not measure; it knows {', '.join(NAMES)}."
            )
        measured = measures[key].value if key in measures else None
        name = NAMES[key]
        if measured is None:
            sentence = f"The claim of {name} {number(claimed)} could not be compared: it was not measured."
            difference = None
        else:
            difference = claimed - measured
            agrees = abs(difference) <= tolerance
            sentence = (
                ""
                if agrees
                else (
                    f"The submitter claims {name} {number(claimed)}; measured is {number(measured)}, "
                    f"which differs by more than {tolerance:g}."
                )
            )
        rows.append(
            {"name": name, "claimed": claimed, "measured": measured, "difference": difference, "sentence": sentence}
        )
    return rows


def _claims_table(claims: list[dict[str, Any]]) -> NumberTable:
    return NumberTable(
        title="Claimed and measured",
        columns=("Measure", "Claimed", "Measured", "Claimed less measured", "Agrees"),
        rows=tuple(
            (
                claim["name"],
                number(claim["claimed"]),
                number(claim["measured"]),
                number(claim["difference"]) if claim["difference"] is not None else "",
                "no" if claim["sentence"] else "yes",
            )
            for claim in claims
        ),
        note="Claims are the submitter's words; the portal measured the other column itself.",
    )


def _numbers(measures: dict[str, Measure]) -> NumberTable:
    rows = tuple(
        (
            measure.name,
            number(measure.value),
            interval_text(measure),
            measure.n if measure.n is not None else "",
            measure.method if measure.computable else reason_of(measure),
        )
        for measure in measures.values()
    )
    return NumberTable("Measures", ("Measure", "Value", "Interval", "Rows", "Method"), rows)


def _confusion(found: dict[str, Measure]) -> NumberTable:
    tp, fp, fn, tn = (found[cell].value for cell in CELLS)
    return NumberTable(
        title="Labels and predictions",
        columns=("", "Predicted 1", "Predicted 0"),
        rows=(("Label 1", tp, fn), ("Label 0", fp, tn)),
    )


def _chart(measures: dict[str, Measure]) -> Any:
    shown = [(measure.name, measure) for measure in measures.values() if measure.low is not None]
    return interval_dots(
        title="Measures with their intervals",
        description="; ".join(f"{name} {number(measure.value)}" for name, measure in shown)
        or "No measure has an interval.",
        axis="value",
        rows=shown,
    )
