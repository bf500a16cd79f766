"""Is the batch complete enough to say anything: cells missing, keys repeated, scores that are no probabilities?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._evaluation import KINDS
from approvals.checks._verdicts import Rule, at_least, at_most
from approvals.checks.base import Job, NumberTable, Reading, Report
from approvals.measures.quality import missing_share, not_allowed, out_of_range, repeated_keys, row_count, row_overlap
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._tables import Pair, approved_classes, both, watched_columns
from monitoring.monitors.base import MonitorKind

ROWS, MISSING = "rows", "largest share missing in one column"
REPEATED, OUTSIDE = "repeated keys", "scores outside 0 to 1"
UNKNOWN_CLASSES = "predictions of a class that was not there at approval"
APPROVED_ROWS = "share of rows that the approved table holds too"


@dataclass(frozen=True)
class Parameters:
    """Nothing to set."""


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. The share missing or infinite is that of the worst watched column.

    A batch of which a larger share than allowed here is rows of the approved table is not what the version met.
    """

    max_missing_share: float | None = None
    max_repeated_keys: int | None = None
    min_rows: int | None = None
    max_approved_rows_share: float = 0.5


class DataQuality(MonitorKind):
    """Rows, missing and infinite cells, repeated keys, impossible scores, unknown classes, copied rows."""

    title = "Data quality of the batch"
    version = "2"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job, kinds=KINDS) as pair:
            columns = watched_columns(pair.declared)
            shares = {column: _absent_share(pair.batch, column) for column in columns}
            measures = [
                _named(row_count(pair.batch), ROWS),
                _named(max(shares.values(), key=lambda m: (m.value is None, float(m.value or 0))), MISSING),
                _repeated(pair.batch, pair.declared.key),
            ]
            scores = [name for name in (pair.declared.score, *pair.declared.class_scores.values()) if name]
            measures += [_named(out_of_range(pair.batch, name, low=0.0, high=1.0), OUTSIDE) for name in scores]
            measures += _against_approved(pair)
        rows = tuple((column, "" if m.value is None else f"{m.value:.4f}") for column, m in shares.items())
        return Reading(
            measures=tuple(measures),
            looked_at=(f"{len(columns)} columns that were declared at approval.",),
            not_looked_at=("Whether values that are there are right.",),
            tables=(NumberTable("Missing share by column", ("Column", "Share missing"), rows),),
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return [
            at_most(MISSING, thresholds.max_missing_share),
            at_most(REPEATED, thresholds.max_repeated_keys),
            at_least(ROWS, thresholds.min_rows),
        ]

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        limits = {OUTSIDE: 0, UNKNOWN_CLASSES: 0, APPROVED_ROWS: thresholds.max_approved_rows_share}
        measured = [measure.name for measure in reading.measures if measure.value]
        return [at_least(ROWS, 1), *(at_most(name, limit) for name, limit in limits.items() if name in measured)]


def _absent_share(batch: Table, column: str) -> Measure:
    """Share of cells that are missing or, among numbers, infinite."""
    if batch.column(column).kind != "number":
        return missing_share(batch, column)
    found = batch.summary(column)
    absent = found.missing + found.not_finite
    return Measure(MISSING, absent / batch.rows, batch.rows, counts=(("k", absent), ("n", batch.rows)))


def _against_approved(pair: Pair) -> list[Measure]:
    copied = int(row_overlap(pair.batch, pair.reference, watched_columns(pair.declared)).value or 0)
    rows = pair.batch.rows
    found = [Measure(APPROVED_ROWS, copied / rows, rows, counts=(("k", copied), ("n", rows)))]
    if classes := approved_classes(pair):
        found.append(_named(not_allowed(pair.batch, pair.declared.prediction, classes), UNKNOWN_CLASSES))
    return found


def _repeated(batch: Any, key: tuple[str, ...]) -> Measure:
    if not key:
        return not_computable(REPEATED, "Not computable: no key was declared at approval.")
    if missing := [column for column in key if column not in batch.names]:
        return not_computable(REPEATED, f"Not computable: the batch has no column {', '.join(missing)}.")
    return _named(repeated_keys(batch, *key), REPEATED)


def _named(measure: Measure, name: str) -> Measure:
    return Measure.from_json({**measure.as_json(), "name": name})
