"""Are there as many rows as there should be? Half of them, or twice as many, is an upstream fault before it is drift.

Rows per day of the batch's window, so that months of different length compare, beside what the policy declares or,
where it declares nothing, the median of the batches before (the median, because one faulty batch must not become the
measure of the next ones).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._evaluation import KINDS
from approvals.checks._rules import number
from approvals.checks._verdicts import Rule, at_least, at_most
from approvals.checks.base import Job, NumberTable, Reading, Report
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._tables import both
from monitoring.monitors.base import MonitorKind

ROWS_PER_DAY, RATIO = "rows per day", "rows per day, divided by what is expected"
WINDOW_FACT, EARLIER_FACT = "window_days", "earlier_rows_per_day"


@dataclass(frozen=True)
class Parameters:
    """Rows per day that are expected; None: the median of up to `earlier` batches before, of at least `fewest`."""

    expected_rows_per_day: float | None = None
    earlier: int = 6
    fewest: int = 1


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked: rows per day, and their ratio to what is expected."""

    min_rows_per_day: float | None = None
    max_rows_per_day: float | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None


class Volume(MonitorKind):
    """Rows per day of a batch against what is expected."""

    title = "Volume of the batch"
    version = "1"
    facts = (WINDOW_FACT, EARLIER_FACT)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Counting the rows")
        days = int(job.fact(WINDOW_FACT))
        earlier = [float(value) for value in job.fact(EARLIER_FACT)][-job.parameters.earlier :]
        with both(job, kinds=KINDS) as pair:
            rows = pair.batch.rows
        per_day = rows / days
        counts = (("rows", rows), ("days", days))
        found = Measure(ROWS_PER_DAY, per_day, rows, method=f"{rows:,} rows in {days:,} days", counts=counts)
        expected, words = _expected(job.parameters, earlier)
        return Reading(
            measures=(found, _ratio(found, expected, words)),
            looked_at=(f"{rows:,} rows in a window of {days:,} days.", f"Expected: {words}."),
            not_looked_at=("Which rows are missing or too many.",),
            tables=(
                NumberTable(
                    "Rows per day",
                    ("Batch", "Rows per day"),
                    (
                        *((f"{place} before", number(value)) for place, value in _before(earlier)),
                        ("this", number(per_day)),
                    ),
                ),
            ),
        )

    def sample_rows(self, reading: Reading, thresholds: Any) -> int | None:
        """None: how many rows there are is what is measured."""
        return None

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return [
            at_least(ROWS_PER_DAY, thresholds.min_rows_per_day),
            at_most(ROWS_PER_DAY, thresholds.max_rows_per_day),
            at_least(RATIO, thresholds.min_ratio),
            at_most(RATIO, thresholds.max_ratio),
        ]


def _before(earlier: Sequence[float]) -> list[tuple[int, float]]:
    return [(len(earlier) - place, value) for place, value in enumerate(earlier)]


def _expected(asked: Parameters, earlier: Sequence[float]) -> tuple[float | None, str]:
    if asked.expected_rows_per_day is not None:
        return asked.expected_rows_per_day, f"{number(asked.expected_rows_per_day)} rows a day, as the policy says"
    if len(earlier) < max(1, asked.fewest):
        return None, f"not known, because {len(earlier):,} batches came before and {max(1, asked.fewest):,} are needed"
    middle = statistics.median(earlier)
    return middle, f"{number(middle)} rows a day, the median of {len(earlier):,} batches before"


def _ratio(found: Measure, expected: float | None, words: str) -> Measure:
    if not expected:
        return not_computable(RATIO, f"Not computable: what is expected is {words}.", found.counts, n=found.n)
    return Measure(RATIO, float(found.value or 0) / expected, found.n, method=words, counts=found.counts)
