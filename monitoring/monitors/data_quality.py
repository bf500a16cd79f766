"""Is the batch what was approved, and complete enough to say anything?

Columns that are missing, new or of another type; cells missing, values and numbers that were not there at approval,
columns that no longer vary; keys repeated, scores that are no probabilities, classes that nobody knows, copied rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.checks._evaluation import KINDS, declaration_of, opened
from approvals.checks._verdicts import Rule, at_least, at_most
from approvals.checks.base import Job, Reading, Report
from approvals.measures.quality import not_allowed, out_of_range, repeated_keys, row_count, row_overlap
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._columns import (
    ABSENT,
    CHANGED,
    CONSTANT,
    NEW_VALUES,
    OUTSIDE_RANGE,
    columns_now,
    constants_of,
    measures_of,
    table_of,
)
from monitoring.monitors._tables import Pair, approved_classes, watched_columns
from monitoring.monitors.base import BATCH, REFERENCE, MonitorKind

ROWS, REPEATED, OUTSIDE = "rows", "repeated keys", "scores outside 0 to 1"
UNKNOWN_CLASSES = "predictions of a class that was not there at approval"
APPROVED_ROWS = "share of rows that the approved table holds too"
NO_KEY = "Not computable: the batch has no column"
MISSING_COLUMNS, NEW_COLUMNS = "columns that are missing", "columns that the approved table does not have"


@dataclass(frozen=True)
class Parameters:
    """Nothing to set."""


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Shares are those of the worst watched column: missing or infinite cells, values
    of texts that were not there at approval, numbers below the least or above the greatest one then.

    Columns of one value count as constant where that is no chance. Declared columns that are missing breach under any
    policy, and so do repeated keys unless it allows some, and changed types beyond max_changed_types; without the key
    that was declared at approval nobody knows whether any is repeated. A batch of which a larger share than allowed
    here is rows of the approved table is not what the version met.
    """

    max_missing_share: float | None = None
    max_repeated_keys: int | None = None
    min_rows: int | None = None
    max_new_columns: int | None = None
    max_new_values_share: float | None = None
    max_outside_range_share: float | None = None
    max_constant_columns: int | None = None
    max_changed_types: int = 0
    max_approved_rows_share: float = 0.5


class DataQuality(MonitorKind):
    """Schema, gaps, new values, ranges, constant columns, repeated keys, impossible scores, unknown classes, copies."""

    title = "Data quality of the batch"
    version = "5"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        piece, batch = job.input(REFERENCE), job.input(BATCH)
        with opened(piece, job) as reference, opened(batch, job) as now:
            pair = Pair(reference, now, declaration_of(piece, kinds=KINDS), batch)
            columns = columns_now(pair)
            measures = [
                replace(row_count(now), name=ROWS),
                *_schema(pair),
                *measures_of(columns, now.rows),
                _repeated(pair),
                *_outside_scores(pair),
                *_against_approved(pair),
            ]
        unknown = [m.reason for m in measures if m.name == APPROVED_ROWS and m.value is None]
        _, by_chance = constants_of(columns)
        if by_chance:
            names = ", ".join(by_chance[:5]) + (f" and {len(by_chance) - 5:,} more" if len(by_chance) > 5 else "")
            unknown.append(f"Whether {names} still varies: so few rows may all have one value by chance.")
        return Reading(
            measures=tuple(measures),
            looked_at=(f"{len(columns)} columns that were declared at approval.",),
            not_looked_at=("Whether values that are there are right.", *unknown),
            tables=(table_of(columns),),
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return [
            at_most(ABSENT, thresholds.max_missing_share),
            at_most(REPEATED, thresholds.max_repeated_keys),
            at_least(ROWS, thresholds.min_rows),
            at_most(NEW_COLUMNS, thresholds.max_new_columns),
            at_most(NEW_VALUES, thresholds.max_new_values_share),
            at_most(OUTSIDE_RANGE, thresholds.max_outside_range_share),
            at_most(CONSTANT, thresholds.max_constant_columns),
        ]

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        limits = {
            MISSING_COLUMNS: 0,
            CHANGED: thresholds.max_changed_types,
            OUTSIDE: 0,
            UNKNOWN_CLASSES: 0,
            APPROVED_ROWS: thresholds.max_approved_rows_share,
        }
        if thresholds.max_repeated_keys is None:
            limits[REPEATED] = 0
        said = [measure.name for measure in reading.measures if measure.value or measure.reason.startswith(NO_KEY)]
        return [at_least(ROWS, 1), *(at_most(name, limit) for name, limit in limits.items() if name in said)]


def _has(pair: Pair, column: str) -> bool:
    return column in pair.batch.names and pair.batch.column(column).kind in {"number", "boolean"}


def _outside_scores(pair: Pair) -> list[Measure]:
    """Of several columns of scores the one with the most: a page shows one number for each window."""
    scores = [name for name in (pair.declared.score, *pair.declared.class_scores.values()) if name]
    found = [out_of_range(pair.batch, name, low=0.0, high=1.0) for name in scores if _has(pair, name)]
    most = max(found, key=lambda one: (one.value is None, float(one.value or 0)), default=None)
    return [replace(most, name=OUTSIDE)] if most is not None else []


def _schema(pair: Pair) -> tuple[Measure, Measure]:
    """Declared columns that the batch lacks, and columns that nobody approved."""
    lacking = [name for name in watched_columns(pair.declared) if name not in pair.batch.names]
    new = [name for name in pair.batch.names if name not in pair.reference.names]
    return (
        Measure(MISSING_COLUMNS, len(lacking), pair.batch.rows, method=", ".join(lacking[:5])),
        Measure(NEW_COLUMNS, len(new), pair.batch.rows, method=", ".join(new[:5])),
    )


def _against_approved(pair: Pair) -> list[Measure]:
    shared = [name for name in watched_columns(pair.declared) if name in pair.batch.names]
    if not shared:
        return [not_computable(APPROVED_ROWS, "Not computable: the batch has no column of the approved table.")]
    rows = pair.batch.rows
    copied = row_overlap(pair.batch, pair.reference, shared)
    found = [
        Measure(APPROVED_ROWS, copied.value / rows, rows, counts=(("k", int(copied.value)), ("n", rows)))
        if copied.value is not None
        else replace(copied, name=APPROVED_ROWS)
    ]
    if pair.declared.prediction in pair.batch.names and (classes := approved_classes(pair)):
        found.append(replace(not_allowed(pair.batch, pair.declared.prediction, classes), name=UNKNOWN_CLASSES))
    return found


def _repeated(pair: Pair) -> Measure:
    key = pair.declared.key
    if not key:
        return not_computable(REPEATED, "Not computable: no key was declared at approval.")
    if missing := [column for column in key if column not in pair.batch.names]:
        return not_computable(REPEATED, f"{NO_KEY} {', '.join(missing)}.")
    return replace(repeated_keys(pair.batch, *key), name=REPEATED)
