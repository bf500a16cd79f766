"""Is the batch complete enough to say anything: cells missing, keys repeated, scores that are no probabilities?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._verdicts import Rule, at_least, at_most
from approvals.checks.base import Job, NumberTable, Reading, Report
from approvals.measures.quality import missing_share, out_of_range, repeated_keys, row_count
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._tables import both, watched_columns
from monitoring.monitors.base import MonitorKind

ROWS, MISSING = "rows", "largest share missing in one column"
REPEATED, OUTSIDE = "repeated keys", "scores outside 0 to 1"


@dataclass(frozen=True)
class Parameters:
    """Nothing to set."""


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. The share missing is that of the worst watched column."""

    max_missing_share: float | None = None
    max_repeated_keys: int | None = None
    min_rows: int | None = None


class DataQuality(MonitorKind):
    """Rows, missing cells, repeated keys and impossible scores of a batch."""

    title = "Data quality of the batch"
    version = "1"
    required = (at_least(ROWS, 1),)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job) as pair:
            columns = watched_columns(pair.declared)
            shares = {column: missing_share(pair.batch, column) for column in columns}
            measures = [
                _named(row_count(pair.batch), ROWS),
                _named(max(shares.values(), key=lambda m: (m.value is None, float(m.value or 0))), MISSING),
                _repeated(pair.batch, pair.declared.key),
            ]
            if pair.declared.score:
                measures.append(_named(out_of_range(pair.batch, pair.declared.score, low=0.0, high=1.0), OUTSIDE))
        rows = tuple((column, "" if m.value is None else f"{m.value:.4f}") for column, m in shares.items())
        return Reading(
            measures=tuple(measures),
            looked_at=(f"{len(columns)} columns that were declared at approval.",),
            not_looked_at=("Whether values that are there are right.",),
            tables=(NumberTable("Missing share by column", ("Column", "Share missing"), rows),),
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        found = [
            at_most(MISSING, thresholds.max_missing_share),
            at_most(REPEATED, thresholds.max_repeated_keys),
            at_least(ROWS, thresholds.min_rows),
        ]
        if any(measure.name == OUTSIDE for measure in reading.measures):
            found.append(at_most(OUTSIDE, 0))
        return found


def _repeated(batch: Any, key: tuple[str, ...]) -> Measure:
    if not key:
        return not_computable(REPEATED, "Not computable: no key was declared at approval.")
    if missing := [column for column in key if column not in batch.names]:
        return not_computable(REPEATED, f"Not computable: the batch has no column {', '.join(missing)}.")
    return _named(repeated_keys(batch, *key), REPEATED)


def _named(measure: Measure, name: str) -> Measure:
    return Measure.from_json({**measure.as_json(), "name": name})
