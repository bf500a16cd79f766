"""Do the scores of a batch still come true, once outcomes are known? Of a number: is it still right on average?

Measures and names are those of the check of calibration: expected calibration error, Brier score and reliability curve
of two classes; of the top class and class by class of several; mean errors by bins of the prediction, and the slope of
the outcome over it, of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from approvals.checks import calibration
from approvals.checks._evaluation import BINARY, KINDS, LEFT_OUT, missing_rules, with_inapplicable, with_kind
from approvals.checks._verdicts import Rule
from approvals.checks.base import Job, Judgement, Reading, Report
from monitoring.monitors._outcomes import (
    NONE_YET,
    NOT_KNOWN,
    OutcomesNeeded,
    coverage,
    has_outcomes,
    waits,
    without,
)
from monitoring.monitors._tables import both, require_approved_coding
from monitoring.monitors.base import MonitorKind

WHAT = "calibration"


@dataclass(frozen=True)
class Parameters:
    """How it is measured: equal-width bins on 0 to 1, closed on the right; of numbers bins of about equal size."""

    bins: int = 10


@dataclass(frozen=True)
class Thresholds(OutcomesNeeded, calibration.Thresholds):
    """What is asked; None is not asked. The names are those of the check of calibration, and max_brier of two classes.

    Outcomes of fewer rows than min_labelled_rows and min_labelled_share are waited for. Rows with an outcome but
    without a score (prediction, of numbers) breach above the share allowed here.
    """

    max_brier: float | None = None


class Calibration(MonitorKind):
    """Calibration of a batch with outcomes, of every kind of table."""

    title = "Calibration of the batch"
    version = "2"
    needs_outcomes = True
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **calibration.Calibration.kinds_of_settings,
        "max_brier": (BINARY,),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job, kinds=KINDS) as pair:
            declared = pair.declared
            if not has_outcomes(pair):
                waiting = NONE_YET.format(WHAT)
                return Reading((), (), (waiting,), details=with_kind({"labelled": False}, declared.kind))
            require_approved_coding(pair, declared.label)
            found = calibration.reading_of(pair.batch, declared, pair.batch.name, job.parameters.bins)
            used = next(int(measure.value or 0) for measure in found.measures if measure.name == "scored rows")
            known = coverage(pair, used=used)
        return replace(
            found,
            measures=(*without(found.measures, LEFT_OUT), *known),
            not_looked_at=(*found.not_looked_at, NOT_KNOWN),
            details=with_kind({**found.details, "labelled": True}, declared.kind),
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return calibration.rules_of(thresholds, max_brier=thresholds.max_brier)

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """Waiting for labels is a verdict of its own."""
        if waiting := waits(reading, thresholds, WHAT):
            return waiting
        return super().judge(with_inapplicable(reading, calibration.KINDS_OF), thresholds)

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share})
