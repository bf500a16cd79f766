"""Have the features of what the model meets moved away from the approved evaluation table? Population stability index.

Source of PSI: Siddiqi, Intelligent Credit Scoring, 2017; bins are deciles of the approved table, fixed at approval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._evaluation import KINDS, limits_of
from approvals.checks._verdicts import Rule, at_most
from approvals.checks.base import CheckInputError, Job, Reading, Report
from approvals.measures.exactness import EXACT_ROWS, Exactness
from approvals.measures.keeping import steps
from monitoring.monitors._drift import by_trouble, drift_charts, drift_of, drift_table, missing_rules, named
from monitoring.monitors._tables import both
from monitoring.monitors.base import MonitorKind


@dataclass(frozen=True)
class Parameters:
    """How it is measured. No columns named: all features that were declared at approval.

    Beyond `exact_rows` rows distances of numbers that no threshold needs exactly are bounded by a scan.
    """

    columns: tuple[str, ...] = ()
    bins: int = 10
    exact_rows: int = EXACT_ROWS


@dataclass(frozen=True)
class Thresholds:
    """Largest PSI of any column; 0.10 and 0.25 are customary. PSI compares values that are there.

    Values that are missing or infinite breach if their share rose by more than is allowed here.
    """

    max_psi: float | None = None
    max_missing_change: float = 0.05


class FeatureDrift(MonitorKind):
    """PSI, distances and tests of every feature against the approved table."""

    title = "Feature drift"
    version = "2"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading both tables")
        exactness = Exactness(job.parameters.exact_rows, limits_of(job.thresholds))
        with both(job, kinds=KINDS) as pair:
            columns = tuple(dict.fromkeys(job.parameters.columns or pair.declared.features))
            if not columns:
                raise CheckInputError("No features were declared at approval, so no drift of features can be measured.")
            pair.reference.require(*columns)
            pair.batch.require(*columns)
            each = steps((), columns, noun="feature", is_only=True)
            found = [drift_of(pair, column, bins=job.parameters.bins, exactness=exactness) for column in each]
            rows = (pair.reference.rows, pair.batch.rows)
        return Reading(
            measures=tuple(measure for item in by_trouble(found) for measure in named(item)),
            looked_at=(f"{len(columns)} features of {rows[1]:,} rows against {rows[0]:,} rows as approved.",),
            not_looked_at=("How features move together, and whether the relation to the outcome has changed.",),
            tables=(drift_table(found),),
            charts=drift_charts(found),
            details={"columns": list(columns)},
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return [at_most(f"PSI of {column}", thresholds.max_psi) for column in reading.details.get("columns", ("?",))]

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return missing_rules(reading, thresholds.max_missing_change)
