"""Whether a predicted number is right on average wherever it lies: the calibration of the mean. Judges nothing.

Nothing is said of the spread around it: a single predicted number promises none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from approvals.measures.intervals import Interval, student_mean
from approvals.measures.multiplicity import holm
from approvals.measures.number_rows import ArrayRows, NumberRows
from approvals.measures.performance import with_interval
from approvals.measures.rows import TOO_LARGE, centred, exact_mean, mean_interval, row_mean
from approvals.measures.scores import Floats
from approvals.measures.skewed_means import Shape, differs_from_zero
from approvals.measures.values import Counts, Measure, not_computable

NAMES = ("mean_error", "mean_bin_error", "max_bin_error", "bins_off", "slope", "intercept")
NO_ROWS = "Not computable: no row has a finite label and a finite prediction."
NO_PAIR = "Not computable: no bin has more than only one row."
ALL_ALIKE = "Not computable: every label is the same, so how far labels spread is not known."
TEST = "t without skew, or Chebyshev's bound of few rows"
FEWEST = 3


@dataclass(frozen=True)
class PredictionBin:
    """Rows whose prediction lies in one part: its ends, means, and the mean error (prediction minus label).

    `p` asks whether the mean error is 0 (`differs_from_zero`), adjusted by Holm for all bins; None with fewer than two
    rows, and where every label of all rows is the same.
    """

    low: float
    high: float
    n: int
    mean_prediction: float
    mean_label: float
    error: float
    interval: Interval | None
    p: float | None


@dataclass(frozen=True)
class NumberCalibration:
    """Measures by name, and the bins behind them by rising prediction."""

    measures: dict[str, Measure]
    bins: tuple[PredictionBin, ...]


def number_calibration(
    labels: Floats, predictions: Floats, *, bins: int = 10, level: float = 0.95, significance: float = 0.05
) -> NumberCalibration:
    """The calibration of one label and one prediction per row; see `calibration_of_rows`."""
    return calibration_of_rows(ArrayRows(labels, predictions, bins=bins), level=level, significance=significance)


def calibration_of_rows(rows: NumberRows, *, level: float = 0.95, significance: float = 0.05) -> NumberCalibration:
    """Calibration of the mean of predictions of labels, one each per row; u is the unit of the label.

    Rows are cut at the quantiles of the prediction into bins of about equal size; equal predictions stay
    together, so there may be fewer. mean_error in u, above 0 where predictions are too high, with Student's interval;
    mean_bin_error: mean over rows of the |mean error| of the row's bin, in u, at least |mean_error| and above 0 by
    chance; max_bin_error: the largest |mean error| of a bin, in u; bins_off: bins whose mean error is not 0 by
    `differs_from_zero` at `significance`, adjusted by Holm for all bins; not computable where every label is the same.
    slope and intercept of the least-squares line of the
    label over the prediction, 1 and 0 where the mean is calibrated (Mincer & Zarnowitz 1969), with Student's intervals.
    Not computable without rows or beyond 64-bit floats; the line with fewer than three rows or equal predictions.
    """
    n = rows.n
    counts: Counts = (("rows_left_out", rows.left_out),) if rows.left_out else ()
    if not n:
        return NumberCalibration({name: not_computable(name, NO_ROWS, counts, n=0) for name in NAMES}, ())
    found = _bins(rows, level)
    if found is None:
        reason = f"Not computable: {TOO_LARGE}."
        return NumberCalibration({name: not_computable(name, reason, counts, n=n) for name in NAMES}, ())
    sizes = [abs(part.error) for part in found]
    share = math.fsum(part.n * size for part, size in zip(found, sizes, strict=True)) / n
    worst = found[int(np.argmax(sizes))]
    binning = f"{len(found)} bins of about equal size by the prediction"
    tested = [part.p for part in found if part.p is not None]
    off = sum(p <= significance for p in tested)
    where = f"{binning}; predictions from {worst.low:.6g} to {worst.high:.6g}"
    measures = {
        "mean_error": _mean_error(rows, level, counts),
        "mean_bin_error": with_interval("mean_bin_error", share, n, None, method=binning, counts=counts),
        "max_bin_error": with_interval("max_bin_error", max(sizes), worst.n, None, method=where, counts=counts),
        "bins_off": Measure("bins_off", off, len(tested), method=f"{TEST}, Holm over {len(tested)} bins")
        if tested
        else not_computable("bins_off", NO_PAIR if n == 1 or _is_varied(rows) else ALL_ALIKE, counts, n=n),
    }
    return NumberCalibration(measures | _line(rows, level, counts), found)


def _bins(rows: NumberRows, level: float) -> tuple[PredictionBin, ...] | None:
    """The bins; None where an error is beyond 64-bit floats."""
    found = []
    largest = max(float(np.abs(_errors(*part)).max()) for part in rows.parts())
    if not math.isfinite(largest):
        return None
    power = math.frexp(largest)[1]  # tested are errors below 1, whose squares are neither 0 nor endless
    whole = _shape(rows, power) if _is_varied(rows) else None
    for actual, said in rows.parts():
        errors = _errors(actual, said)
        sized = np.ldexp(errors, -power)
        spread = row_mean(errors)
        error = exact_mean(errors)
        is_varied = bool(actual.min() < actual.max())
        found.append(
            PredictionBin(
                low=float(said.min()),
                high=float(said.max()),
                n=int(said.size),
                mean_prediction=exact_mean(said),
                mean_label=exact_mean(actual),
                error=error,
                interval=mean_interval(spread, level) if spread else None,
                p=differs_from_zero(sized, exact_mean(sized), whole=whole, is_varied=is_varied) if whole else None,
            )
        )
    adjusted = iter(holm([part.p for part in found if part.p is not None]))
    return tuple(part if part.p is None else replace(part, p=next(adjusted)) for part in found)


def _is_varied(rows: NumberRows) -> bool:
    """Whether there are two different labels."""
    ends = [(actual.min(), actual.max()) for actual, _ in rows.parts()]
    return bool(min(low for low, _ in ends) < max(high for _, high in ends))


def _shape(rows: NumberRows, power: int) -> Shape:
    """Variance of the errors over 2 to a power within bins, and skewness of those of all rows."""

    def sized(actual: Floats, said: Floats) -> Floats:
        return np.ldexp(_errors(actual, said), -power)

    with np.errstate(over="ignore", invalid="ignore"):
        within = [(part.size, exact_mean(centred(part) ** 2)) for part in (sized(*one) for one in rows.parts())]
        apart = rows.centre(sized)
        deviation = math.sqrt(rows.mean(lambda actual, said: apart(actual, said) ** 2)) or math.nan
        skewness = rows.mean(lambda actual, said: (apart(actual, said) / deviation) ** 3)
    free = rows.n - len(within)
    variance = sum(n * part for n, part in within) / free if free else 0.0
    return Shape(variance, skewness if math.isfinite(skewness) else 0.0)


def _errors(actual: Floats, said: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(said - actual)


def _mean_error(rows: NumberRows, level: float, counts: Counts) -> Measure:
    name, method = "mean_error", "prediction minus label"
    found = rows.row_mean(_errors)
    if found is None:
        return not_computable(name, f"Not computable: {TOO_LARGE}.", counts, n=rows.n, method=method)
    return with_interval(name, found.mean, found.n, mean_interval(found, level), method=method, counts=counts)


def _line(rows: NumberRows, level: float, counts: Counts) -> dict[str, Measure]:
    n = rows.n
    with np.errstate(over="ignore", invalid="ignore"):
        across, up = rows.centre(_said), rows.centre(_actual)
        total = rows.mean(lambda a, s: across(a, s) ** 2) * n
        if n < FEWEST or not total or not math.isfinite(total):
            reason = "Not computable: fewer than three rows, or every prediction is the same."
            return {name: not_computable(name, reason, counts, n=n) for name in ("slope", "intercept")}
        slope = rows.mean(lambda a, s: across(a, s) * up(a, s)) * n / total
        said = rows.mean(_said)
        intercept = rows.mean(_actual) - slope * said
        residual = rows.mean(lambda a, s: (up(a, s) - slope * across(a, s)) ** 2) * n / (n - 2)
    # student_mean divides a variance by n, and these are variances of estimates already.
    spread = {"slope": residual / total, "intercept": residual * (1.0 / n + said**2 / total)}
    words = "least squares of the label over the prediction"
    return {
        name: with_interval(
            name, value, n, student_mean(value, spread[name] * n, n, level, degrees=n - 2), method=words, counts=counts
        )
        for name, value in (("slope", slope), ("intercept", intercept))
    }


def _actual(actual: Floats, said: Floats) -> Floats:
    del said
    return actual


def _said(actual: Floats, said: Floats) -> Floats:
    del actual
    return said
