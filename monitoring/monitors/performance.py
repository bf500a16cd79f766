"""Does the deployed version still perform, once outcomes are known? Without labels nothing is known: no pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.checks._verdicts import Rule, at_least, at_most, interval_text, number
from approvals.checks.base import Job, Judgement, NumberTable, Reading, Report
from approvals.measures.performance import binary_performance
from monitoring.monitors._tables import both
from monitoring.monitors.base import NO_LABELS, MonitorKind

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
}
WAITING = "The batch has no outcomes yet, so performance is not known."


@dataclass(frozen=True)
class Parameters:
    """Level of the intervals and draws of the bootstrap."""

    level: float = 0.95
    draws: int = 2000


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked."""

    min_accuracy: float | None = None
    min_balanced_accuracy: float | None = None
    min_roc_auc: float | None = None
    max_brier: float | None = None


class Performance(MonitorKind):
    """Accuracy, ranking and probability measures of a batch with outcomes."""

    title = "Performance of the batch"
    version = "1"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job) as pair:
            declared, batch = pair.declared, pair.batch
            labelled = declared.label in batch.names and batch.distinct(declared.label) > 0
            if not labelled:
                return Reading(measures=(), looked_at=(), not_looked_at=(WAITING,), details={"labelled": False})
            found = binary_performance(
                batch,
                label=declared.label,
                prediction=declared.prediction,
                score=declared.score or None,
                level=job.parameters.level,
                draws=job.parameters.draws,
                seed=job.seed,
            )
        measures = tuple(replace(found[key], name=name) for key, name in NAMES.items() if key in found)
        rows = tuple((m.name, number(m.value), interval_text(m), m.n or 0) for m in measures)
        return Reading(
            measures=measures,
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
        """Waiting for labels is a verdict of its own."""
        if not reading.details.get("labelled", False):
            return Judgement(NO_LABELS, (WAITING,))
        return super().judge(reading, thresholds)
