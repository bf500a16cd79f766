"""Whether a score of 0.8 comes true in 80 % of the cases: calibration on the attached evaluation table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from approvals.checks._charts import reliability_curve
from approvals.checks._evaluation import LEFT_OUT, declaration_of, left_out_share, missing_rules, opened
from approvals.checks._verdicts import at_least, at_most, interval_text, judge_by, number, reason_of
from approvals.checks.base import (
    ChartSpecification,
    Check,
    CheckInputError,
    Job,
    Judgement,
    NumberTable,
    Reading,
    Report,
)
from approvals.measures.calibration import ReliabilityBin, calibration, reliability_bins

NAMES = {
    "ece": "expected calibration error",
    "mce": "largest calibration error of a bin",
    "calibration_in_the_large": "calibration in the large",
    "mean_score": "mean score",
    "base_rate": "share of positive labels",
    "brier": "Brier score",
}
MOST_BINS = 100


@dataclass(frozen=True)
class Parameters:
    """How it is measured: equal-width bins on 0 to 1, closed on the right."""

    bins: int = 10


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Calibration in the large is compared without its sign.

    Rows without label or score fail unless allowed here.
    """

    max_ece: float | None = None
    max_mce: float | None = None
    max_calibration_in_the_large: float | None = None
    min_rows: int | None = None
    max_left_out_share: float = 0.0


class Calibration(Check):
    """Expected and largest calibration error, calibration in the large, and the reliability curve."""

    title = "Calibration"
    version = "1"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("evaluation_table")
        declared = declaration_of(piece)
        bins = job.parameters.bins
        if not declared.score:
            raise CheckInputError(
                f"{piece.name} declares no score column, so calibration cannot be measured; declare it."
            )
        if not 1 <= bins <= MOST_BINS:
            raise CheckInputError(f"The policy asks for {bins} bins; calibration needs 1 to {MOST_BINS}.")
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            found = calibration(table, label=declared.label, score=declared.score, bins=bins)
            report(0.6, "Sorting the scores into bins")
            curve = reliability_bins(table, label=declared.label, score=declared.score, bins=bins)
            rows_in_all = table.rows
        measures = {key: replace(found[key], name=name) for key, name in NAMES.items()}
        rows = replace(found["ece"], name="scored rows", value=found["ece"].n or 0, reason="", method="count of rows")
        numbers = tuple(
            (item.name, number(item.value), interval_text(item), item.method if item.computable else reason_of(item))
            for item in measures.values()
        )
        return Reading(
            measures=(rows, left_out_share(used=int(rows.value or 0), rows=rows_in_all), *measures.values()),
            looked_at=(
                f"All {rows.value:,} rows that have a label and a score.",
                f"Label “{declared.label}”, score “{declared.score}”, {bins} bins of equal width.",
            ),
            not_looked_at=(
                "Calibration within groups of people; the check of group fairness shows it.",
                "Whether these rows are like the cases that the model will meet.",
            ),
            tables=(NumberTable("Calibration", ("Measure", "Value", "Interval", "Method"), numbers), _bin_table(curve)),
            charts=(_chart(curve),) if curve else (),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = (
            at_most(NAMES["ece"], thresholds.max_ece),
            at_most(NAMES["mce"], thresholds.max_mce),
            at_most(NAMES["calibration_in_the_large"], thresholds.max_calibration_in_the_large, absolute=True),
            at_least("scored rows", thresholds.min_rows),
        )
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        return judge_by(reading, rules, required=missing_rules(reading, limits))


def _bin_table(curve: tuple[ReliabilityBin, ...]) -> NumberTable:
    rows = tuple(
        (
            f"{part.low:.2f} to {part.high:.2f}",
            number(part.n),
            number(part.mean_score) if part.n else "",
            number(part.base_rate) if part.n else "",
            f"{number(part.interval.low)} to {number(part.interval.high)}" if part.interval else "",
        )
        for part in curve
    )
    return NumberTable("Scores in bins", ("Score", "Rows", "Mean score", "Share of positives", "Interval"), rows)


def _chart(curve: tuple[ReliabilityBin, ...]) -> ChartSpecification:
    filled = [part for part in curve if part.n]
    return reliability_curve(
        title="Reliability curve",
        description="Mean score and share of positives per bin: "
        + "; ".join(f"{number(part.mean_score)} and {number(part.base_rate)} (n {part.n:,})" for part in filled),
        bins=[
            {
                "mean_score": part.mean_score,
                "share": part.base_rate,
                "low": part.interval.low if part.interval else None,
                "high": part.interval.high if part.interval else None,
                "n": part.n,
            }
            for part in filled
        ],
    )
