"""Calibration of the mean of a predicted number, as the check of calibration shows it. Judges nothing."""

from __future__ import annotations

from dataclasses import replace

from approvals.checks._calibration_tables import measures_table
from approvals.checks._charts import interval_dots
from approvals.checks._evaluation import Declaration, left_out_share
from approvals.checks._room import require_room, rows_that_fit
from approvals.checks._rules import number
from approvals.checks.base import ChartSpecification, NumberTable, Reading
from approvals.measures.number_calibration import PredictionBin, calibration_of_rows
from approvals.measures.number_rows import ArrayRows, NumberRows, TableRows
from approvals.measures.relative import deviation_of_rows, in_deviations
from approvals.measures.tables import Table
from approvals.measures.values import Measure

BYTES_PER_ROW = 130  # measured
NAMES = {
    "mean_error": "mean error, prediction minus label",
    "mean_bin_error": "mean error of a bin, without its sign",
    "max_bin_error": "largest mean error of a bin, without its sign",
    "bins_off": "bins whose mean error is not 0",
    "slope": "slope of the label over the prediction",
    "intercept": "label at a prediction of 0, by the line",
}
DEVIATIONS = {key: f"{NAMES[key]}, in standard deviations" for key in ("mean_error", "mean_bin_error", "max_bin_error")}
AT_MOST = {
    "max_mean_error": NAMES["mean_error"],
    "max_mean_bin_error": NAMES["mean_bin_error"],
    "max_largest_bin_error": NAMES["max_bin_error"],
    "max_mean_error_in_deviations": DEVIATIONS["mean_error"],
    "max_mean_bin_error_in_deviations": DEVIATIONS["mean_bin_error"],
    "max_largest_bin_error_in_deviations": DEVIATIONS["max_bin_error"],
    "max_bins_off": NAMES["bins_off"],
    "max_slope": NAMES["slope"],
}
AT_LEAST = {"min_slope": NAMES["slope"]}


def reading_of_numbers(table: Table, declared: Declaration, bins: int) -> Reading:
    """Mean errors by bins of the prediction, with intervals."""
    table.require(declared.label, declared.prediction)
    rows = _rows(table, declared, bins)
    found, deviation = calibration_of_rows(rows), deviation_of_rows(rows)
    measures = {key: replace(found.measures[key], name=words) for key, words in NAMES.items()}
    relative = [in_deviations(measures[key], deviation, name=words) for key, words in DEVIATIONS.items()]
    used = int(measures["mean_error"].n or 0)
    return Reading(
        measures=(
            Measure("scored rows", used, used, method="count of rows"),
            left_out_share(used=used, rows=table.rows),
            *measures.values(),
            *relative,
        ),
        looked_at=(
            f"All {used:,} rows that have a label and a prediction.",
            f"Label “{declared.label}”, prediction “{declared.prediction}”.",
            f"{len(found.bins):,} bins of about equal size by the prediction.",
        ),
        not_looked_at=(
            "How far labels spread around the prediction: a single number promises nothing about it.",
            "Whether these rows are like the cases that the model will meet.",
        ),
        tables=(measures_table(measures.values()), *((_table(found.bins),) if found.bins else ())),
        charts=(_chart(found.bins),) if found.bins else (),
    )


def _rows(table: Table, declared: Declaration, bins: int) -> NumberRows:
    """All rows, or one bin of them at a time where they do not fit into memory."""
    label, prediction = declared.label, declared.prediction
    fit = rows_that_fit(BYTES_PER_ROW)
    if fit is None or table.rows <= fit:
        return ArrayRows(table.numbers(label), table.numbers(prediction), bins=bins)
    found = TableRows(table, label=label, prediction=prediction, bins=bins)
    require_room(table, BYTES_PER_ROW, why="The calibration of a bin of predictions", rows=found.largest)
    return found


def _range(part: PredictionBin) -> str:
    return f"{part.low:.4g} to {part.high:.4g}"


def _table(bins: tuple[PredictionBin, ...]) -> NumberTable:
    rows = tuple(
        (
            _range(part),
            part.n,
            number(part.mean_prediction),
            number(part.mean_label),
            number(part.error),
            f"{number(part.interval.low)} to {number(part.interval.high)}" if part.interval else "",
            "" if part.p is None else number(part.p),
        )
        for part in bins
    )
    return NumberTable(
        "Predictions in bins",
        ("Prediction", "Rows", "Mean prediction", "Mean label", "Mean error", "Interval", "p, adjusted"),
        rows,
        note=f"p asks whether the mean error is 0, adjusted by Holm for {len(rows):,} bins: t without what skew makes "
        "of it; of few rows, or of equal labels, by Chebyshev's bound from the spread within all bins.",
    )


def _chart(bins: tuple[PredictionBin, ...]) -> ChartSpecification:
    said = "; ".join(f"{_range(part)} {number(part.error)} (n {part.n:,})" for part in bins)
    rows = [
        (
            f"{_range(part)} (n {part.n:,})",
            Measure(
                "mean error",
                part.error,
                part.n,
                low=part.interval.low if part.interval else None,
                high=part.interval.high if part.interval else None,
            ),
        )
        for part in bins
    ]
    return interval_dots(
        title="Mean error by prediction",
        description=f"Mean error, prediction minus label, with its interval, by rising prediction: {said}.",
        axis="mean error",
        rows=rows,
        marks=[0.0],
    )
