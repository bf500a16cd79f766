"""Bins of scores for people: the measures, a table of bins, a reliability curve. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.checks._charts import reliability_curve
from approvals.checks._rules import interval_text, number, reason_of
from approvals.checks.base import ChartSpecification, NumberTable
from approvals.measures.calibration import ReliabilityBin
from approvals.measures.values import Measure


def measures_table(measures: Iterable[Measure]) -> NumberTable:
    """Each measure with its interval and its method, or why it has no value."""
    rows = tuple(
        (item.name, number(item.value), interval_text(item), item.method if item.computable else reason_of(item))
        for item in measures
    )
    return NumberTable("Calibration", ("Measure", "Value", "Interval", "Method"), rows)


def bin_table(
    curve: tuple[ReliabilityBin, ...], *, title: str = "Scores in bins", share: str = "Share of positives"
) -> NumberTable:
    """Every bin, empty ones too."""
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
    return NumberTable(title, ("Score", "Rows", "Mean score", share, "Interval"), rows)


def curve_of(
    curve: tuple[ReliabilityBin, ...], *, title: str = "Reliability curve", axis: str = "share of positives"
) -> ChartSpecification:
    """The bins that have rows, against the diagonal of perfect calibration."""
    filled = [part for part in curve if part.n]
    return reliability_curve(
        title=title,
        description=f"Mean score and {axis} per bin: "
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
        axis=axis,
    )
