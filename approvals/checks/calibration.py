"""Whether a score of 0.8 comes true in 80 % of the cases: calibration on the attached evaluation table.

Of a predicted number it is the calibration of the mean: whether it is right on average, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from approvals.checks import _calibration_classes, _calibration_numbers
from approvals.checks._calibration_tables import bin_table, curve_of, measures_table
from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    REGRESSION,
    Declaration,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
    with_inapplicable,
    with_kind,
)
from approvals.checks._verdicts import Rule, at_least, at_most, judge_by
from approvals.checks.base import Check, CheckInputError, Job, Judgement, Reading, Report
from approvals.measures.calibration import calibration, reliability_bins
from approvals.measures.tables import Table

NAMES = {
    "ece": "expected calibration error",
    "mce": "largest calibration error of a bin",
    "calibration_in_the_large": "calibration in the large",
    "mean_score": "mean score",
    "base_rate": "share of positive labels",
    "brier": "Brier score",
}
MOST_BINS = 100
WITHOUT_SIGN = ("max_confidence_gap", "max_mean_error", "max_mean_error_in_deviations")
KINDS_OF = {
    **{NAMES[key]: (BINARY,) for key in ("ece", "mce", "calibration_in_the_large")},
    **dict.fromkeys(_calibration_classes.THRESHOLDS.values(), (MULTICLASS,)),
    **dict.fromkeys(_calibration_numbers.AT_MOST.values(), (REGRESSION,)),
}


@dataclass(frozen=True)
class Parameters:
    """How it is measured: equal-width bins on 0 to 1, closed on the right; of numbers bins of about equal size."""

    bins: int = 10


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Of two classes: ece, mce and calibration_in_the_large (without its sign).

    Of several classes: top_label is the class of highest score; classwise is the mean (mce: the largest) over classes
    against the rest; the confidence gap is compared without its sign. Of numbers: mean errors in the unit of the label,
    or divided by its standard deviation (in_deviations), and the slope of the label over the prediction, 1 at best.
    Rows without label or score (prediction, of numbers) fail unless allowed here.
    """

    max_ece: float | None = None
    max_mce: float | None = None
    max_calibration_in_the_large: float | None = None
    max_top_label_ece: float | None = None
    max_top_label_mce: float | None = None
    max_confidence_gap: float | None = None
    max_classwise_ece: float | None = None
    max_classwise_mce: float | None = None
    max_class_calibration_in_the_large: float | None = None
    max_brier_over_classes: float | None = None
    max_mean_error: float | None = None
    max_mean_bin_error: float | None = None
    max_largest_bin_error: float | None = None
    max_mean_error_in_deviations: float | None = None
    max_mean_bin_error_in_deviations: float | None = None
    max_largest_bin_error_in_deviations: float | None = None
    max_bins_off: int | None = None
    min_slope: float | None = None
    max_slope: float | None = None
    min_rows: int | None = None
    max_left_out_share: float = 0.0


class Calibration(Check):
    """Calibration errors and reliability curves of scores; mean errors by bins of a predicted number."""

    title = "Calibration"
    version = "3"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("max_ece", "max_mce", "max_calibration_in_the_large"), (BINARY,)),
        **dict.fromkeys(_calibration_classes.THRESHOLDS, (MULTICLASS,)),
        **dict.fromkeys((*_calibration_numbers.AT_MOST, *_calibration_numbers.AT_LEAST), (REGRESSION,)),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("evaluation_table")
        declared = declaration_of(piece, kinds=KINDS)
        bins = job.parameters.bins
        if not 1 <= bins <= MOST_BINS:
            raise CheckInputError(f"The policy asks for {bins} bins; calibration needs 1 to {MOST_BINS}.")
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            reading = reading_of(table, declared, piece.name, bins)
        return replace(reading, details=with_kind(reading.details, declared.kind))

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        return judge_by(
            with_inapplicable(reading, KINDS_OF), rules_of(thresholds), required=missing_rules(reading, limits)
        )


def rules_of(thresholds: Any, *, max_brier: float | None = None) -> list[Rule]:
    """The thresholds as rules; some ask for more of two classes than this check does."""
    own = {**_calibration_classes.THRESHOLDS, **_calibration_numbers.AT_MOST}
    return [
        at_most(NAMES["ece"], thresholds.max_ece),
        at_most(NAMES["mce"], thresholds.max_mce),
        at_most(NAMES["calibration_in_the_large"], thresholds.max_calibration_in_the_large, absolute=True),
        at_most(NAMES["brier"], max_brier),
        *(at_most(name, getattr(thresholds, key), absolute=key in WITHOUT_SIGN) for key, name in own.items()),
        *(at_least(name, getattr(thresholds, key)) for key, name in _calibration_numbers.AT_LEAST.items()),
        at_least("scored rows", thresholds.min_rows),
    ]


def reading_of(table: Table, declared: Declaration, name: str, bins: int) -> Reading:
    """The calibration of a table of any kind. CheckInputError if it does not declare what that needs."""
    if declared.kind == MULTICLASS:
        return _calibration_classes.reading_of_classes(table, declared, name, bins)
    if declared.kind == REGRESSION:
        return _calibration_numbers.reading_of_numbers(table, declared, bins)
    return _reading_of_score(table, declared, name, bins)


def _reading_of_score(table: Table, declared: Declaration, name: str, bins: int) -> Reading:
    if not declared.score:
        raise CheckInputError(f"{name} declares no score column, so calibration cannot be measured; declare it.")
    found = calibration(table, label=declared.label, score=declared.score, bins=bins)
    curve = reliability_bins(table, label=declared.label, score=declared.score, bins=bins)
    measures = {key: replace(found[key], name=words) for key, words in NAMES.items()}
    rows = replace(found["ece"], name="scored rows", value=found["ece"].n or 0, reason="", method="count of rows")
    return Reading(
        measures=(rows, left_out_share(used=int(rows.value or 0), rows=table.rows), *measures.values()),
        looked_at=(
            f"All {rows.value:,} rows that have a label and a score.",
            f"Label “{declared.label}”, score “{declared.score}”, {bins} bins of equal width.",
        ),
        not_looked_at=(
            "Calibration within groups of people; the check of group fairness shows it.",
            "Whether these rows are like the cases that the model will meet.",
        ),
        tables=(measures_table(measures.values()), bin_table(curve)),
        charts=(curve_of(curve),) if curve else (),
    )
