"""Has a batch arrived when one was due? Reads the clock: a version that nobody feeds is not being watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._verdicts import Rule, at_most
from approvals.checks.base import Job, Reading, Report
from approvals.measures.values import Measure
from monitoring.monitors.base import MonitorKind

DAYS = "days since the last day that a batch covers"


@dataclass(frozen=True)
class Parameters:
    """Nothing to set."""


@dataclass(frozen=True)
class Thresholds:
    """Nothing to set: the monitor's own `every_days` is the limit."""


class Staleness(MonitorKind):
    """Days without data."""

    title = "Staleness"
    version = "1"
    inputs = ()
    facts = ("days", "every_days")
    needs_batch = False
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the clock")
        days, every = int(job.fact("days")), int(job.fact("every_days"))
        return Reading(
            measures=(Measure(DAYS, days, None),),
            looked_at=("The days that received batches cover.",),
            not_looked_at=("Whether the version is used at all.",),
            details={"every_days": every},
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return [at_most(DAYS, reading.details["every_days"])]
