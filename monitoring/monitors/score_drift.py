"""Has the distribution of the model's scores moved away from the approved one? Population stability index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._evaluation import limits_of
from approvals.checks._verdicts import Rule, at_most
from approvals.checks.base import CheckInputError, Job, Reading, Report
from approvals.measures.exactness import EXACT_ROWS, Exactness
from monitoring.monitors._drift import drift_charts, drift_of, drift_table, missing_rules, named
from monitoring.monitors._tables import both
from monitoring.monitors.base import MonitorKind


@dataclass(frozen=True)
class Parameters:
    """How it is measured. Beyond `exact_rows` rows distances that no threshold needs exactly are bounded by a scan."""

    bins: int = 10
    exact_rows: int = EXACT_ROWS


@dataclass(frozen=True)
class Thresholds:
    """Largest PSI of the score; 0.10 and 0.25 are customary. PSI compares values that are there.

    Values that are missing or infinite breach if their share rose by more than is allowed here.
    """

    max_psi: float | None = None
    max_missing_change: float = 0.05


class ScoreDrift(MonitorKind):
    """PSI, distances and tests of the score against the approved table."""

    title = "Score drift"
    version = "2"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading both tables")
        exactness = Exactness(job.parameters.exact_rows, limits_of(job.thresholds))
        with both(job) as pair:
            score = pair.declared.score
            if not score:
                raise CheckInputError("No score column was declared at approval, so its drift cannot be measured.")
            found = drift_of(pair, score, bins=job.parameters.bins, exactness=exactness)
            rows = (pair.reference.rows, pair.batch.rows)
        return Reading(
            measures=named(found),
            looked_at=(f"The score “{score}” of {rows[1]:,} rows against {rows[0]:,} rows as approved.",),
            not_looked_at=("Why it moved.",),
            tables=(drift_table([found]),),
            charts=drift_charts([found]),
            details={"columns": [score]},
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return [at_most(f"PSI of {column}", thresholds.max_psi) for column in reading.details.get("columns", ("?",))]

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return missing_rules(reading, thresholds.max_missing_change)
