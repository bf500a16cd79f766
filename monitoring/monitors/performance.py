"""Does the deployed version still perform, once outcomes are known? Without labels nothing is known: no pass.

Measures and names are those of the check of performance, of all three kinds of tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from approvals.checks import performance
from approvals.checks._evaluation import BINARY, KINDS, LEFT_OUT, missing_rules, with_inapplicable, with_kind
from approvals.checks._performance_tables import numbers_table
from approvals.checks._verdicts import Rule, at_least, at_most
from approvals.checks.base import Job, Judgement, Reading, Report
from approvals.measures.exactness import EXACT_ROWS
from monitoring.monitors._outcomes import (
    NONE_YET,
    NOT_KNOWN,
    OutcomesNeeded,
    coverage,
    has_outcomes,
    waits,
)
from monitoring.monitors._tables import both, require_approved_coding
from monitoring.monitors.base import MonitorKind

WHAT = "performance"
KINDS_OF = {
    name: tuple(kind for kind in KINDS if name in performance.NAMES_OF[kind].values())
    for name in performance.EVERY_NAME.values()
}


@dataclass(frozen=True)
class Parameters:
    """Level of the intervals and draws of the bootstrap.

    Beyond `exact_rows` rows, what a score of two classes says is bounded by a scan where no threshold needs more.
    """

    level: float = 0.95
    draws: int = 2000
    exact_rows: int = EXACT_ROWS


@dataclass(frozen=True)
class Thresholds(OutcomesNeeded, performance.Thresholds):
    """What is asked; None is not asked. The names are those of the check of performance, for each kind of table; what
    the declared kind does not have is never met.

    Outcomes of fewer rows than min_labelled_rows and min_labelled_share are waited for. Rows with an outcome but
    without a prediction or score breach above the share allowed here.
    """


class Performance(MonitorKind):
    """Rates, ranking, probabilities or errors of a batch with outcomes, of every kind of table."""

    title = "Performance of the batch"
    version = "7"
    needs_outcomes = True
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings = performance.Performance.kinds_of_settings

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job, kinds=KINDS) as pair:
            declared = replace(pair.declared, claims={})
            if not has_outcomes(pair):
                details = with_kind({"labelled": False}, declared.kind)
                return Reading((), (), (NONE_YET.format(WHAT),), details=details)
            for column in (declared.label, declared.prediction):
                require_approved_coding(pair, column)
            asked = performance.Parameters(
                level=job.parameters.level, draws=job.parameters.draws, exact_rows=job.parameters.exact_rows
            )
            found = performance.MEASURED[declared.kind](pair.batch, declared, replace(job, parameters=asked))
            known = coverage(pair, used=found.used)
        return Reading(
            measures=(*found.measures.values(), found.rows, *known),
            looked_at=(f"{found.rows.value:,} rows of the batch that have an outcome and a prediction.", found.columns),
            not_looked_at=(*found.not_looked_at, NOT_KNOWN),
            tables=(numbers_table(found.measures), *found.tables),
            charts=found.charts,
            details=with_kind({"labelled": True}, declared.kind),
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        mine = {item.name for item in fields(OutcomesNeeded)} | {"max_left_out_share"}
        return [
            _rule(item.name, getattr(thresholds, item.name))
            for item in fields(thresholds)
            if item.name not in mine and getattr(thresholds, item.name) is not None
        ] or [at_least(performance.NAMES_OF[BINARY]["accuracy"], None)]

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """Waiting for labels is a verdict of its own: what few outcomes say is shown, but decides nothing yet."""
        if waiting := waits(reading, thresholds, WHAT):
            return waiting
        return super().judge(with_inapplicable(reading, KINDS_OF), thresholds)

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share})


def _rule(threshold: str, limit: float) -> Rule:
    name = "rows" if threshold == "min_rows" else performance.EVERY_NAME[threshold[4:]]
    if threshold.startswith("min_"):
        return at_least(name, limit)
    return at_most(name, limit, absolute=threshold in performance.WITHOUT_SIGN)
