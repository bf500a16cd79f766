"""Does the deployed version still perform, once outcomes are known? Without labels nothing is known: no pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from approvals.checks._evaluation import LEFT_OUT, left_out_share, missing_rules
from approvals.checks._verdicts import Rule, at_least, at_most, interval_text, number, percent
from approvals.checks.base import Job, Judgement, NumberTable, Reading, Report
from approvals.measures.performance import binary_performance
from approvals.measures.values import Measure
from monitoring.monitors._tables import Pair, both, require_approved_coding
from monitoring.monitors.base import NO_LABELS, MonitorKind

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
}
WAITING = "The batch has no outcomes yet, so performance is not known."
LABELLED = "share of rows with an outcome"


@dataclass(frozen=True)
class Parameters:
    """Level of the intervals and draws of the bootstrap."""

    level: float = 0.95
    draws: int = 2000


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked.

    Outcomes of fewer rows than these are waited for. Rows with an outcome but without a prediction or score breach
    above the share allowed here.
    """

    min_accuracy: float | None = None
    min_balanced_accuracy: float | None = None
    min_roc_auc: float | None = None
    max_brier: float | None = None
    min_labelled_share: float = 0.9
    min_labelled_rows: int = 30
    max_left_out_share: float = 0.0


class Performance(MonitorKind):
    """Accuracy, ranking and probability measures of a batch with outcomes."""

    title = "Performance of the batch"
    version = "2"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job) as pair:
            declared, batch = pair.declared, pair.batch
            labelled = declared.label in batch.names and batch.distinct(declared.label) > 0
            if not labelled:
                return Reading(measures=(), looked_at=(), not_looked_at=(WAITING,), details={"labelled": False})
            for column in (declared.label, declared.prediction):
                require_approved_coding(pair, column)
            found = binary_performance(
                batch,
                label=declared.label,
                prediction=declared.prediction,
                score=declared.score or None,
                level=job.parameters.level,
                draws=job.parameters.draws,
                seed=job.seed,
            )
            coverage = _coverage(pair, found)
        measures = tuple(replace(found[key], name=name) for key, name in NAMES.items() if key in found)
        rows = tuple((m.name, number(m.value), interval_text(m), m.n or 0) for m in measures)
        return Reading(
            measures=(*measures, *coverage),
            looked_at=(f"{found['n'].n or 0:,} rows of the batch that have an outcome.",),
            not_looked_at=("Rows whose outcome is not known yet; they may differ from those that are.",),
            tables=(NumberTable("Measures", ("Measure", "Value", "Interval", "n"), rows),),
            details={"labelled": True},
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return [
            at_least(NAMES["accuracy"], thresholds.min_accuracy),
            at_least(NAMES["balanced_accuracy"], thresholds.min_balanced_accuracy),
            at_least(NAMES["roc_auc"], thresholds.min_roc_auc),
            at_most(NAMES["brier"], thresholds.max_brier),
        ]

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """Waiting for labels is a verdict of its own: what few outcomes say is shown, but decides nothing yet."""
        if not reading.details.get("labelled", False):
            return Judgement(NO_LABELS, (WAITING,))
        labelled, rows = next(
            (measure.count("labelled") or 0, measure.count("rows") or 1)
            for measure in reading.measures
            if measure.name == LABELLED
        )
        share = Fraction(str(thresholds.min_labelled_share))
        if labelled < thresholds.min_labelled_rows or Fraction(labelled, rows) < share:
            waiting = (
                f"Outcomes of {labelled:,} of {rows:,} rows are known; at least {thresholds.min_labelled_rows:,} and "
                f"{percent(thresholds.min_labelled_share)} are needed before performance is judged."
            )
            return Judgement(NO_LABELS, (waiting,))
        return super().judge(reading, thresholds)

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share})


def _coverage(pair: Pair, found: Mapping[str, Measure]) -> tuple[Measure, Measure]:
    """Share of rows with an outcome, and of these the share without a prediction or score."""
    missing = pair.batch.missing()[pair.declared.label]
    rows = pair.batch.rows
    labelled = rows - missing
    scored = found["roc_auc"].count("rows_left_out") if "roc_auc" in found else 0
    without = max(labelled - (found["n"].n or 0), scored or 0)
    return (
        Measure(LABELLED, labelled / rows, rows, counts=(("labelled", labelled), ("rows", rows))),
        left_out_share(used=labelled - without, rows=labelled or 1),
    )
