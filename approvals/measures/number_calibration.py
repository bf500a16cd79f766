"""Whether a predicted number is right on average wherever it lies: the calibration of the mean. Judges nothing.

Nothing is said of the spread around it: a single predicted number promises none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from approvals.measures.intervals import Interval, normal_mean
from approvals.measures.multiplicity import holm
from approvals.measures.performance import with_interval
from approvals.measures.rows import TOO_LARGE, centred, exact_mean, mean_interval, mean_measure, row_mean
from approvals.measures.scores import Floats
from approvals.measures.values import Counts, Measure, not_computable

NAMES = ("mean_error", "mean_bin_error", "max_bin_error", "bins_off", "slope", "intercept")
NO_ROWS = "Not computable: no row has a finite label and a finite prediction."
FEWEST = 3
ROUNDING = 1e-12


@dataclass(frozen=True)
class PredictionBin:
    """Rows whose prediction lies in one part: its ends, means, and the mean error (prediction minus label).

    `p` asks whether the mean error is 0 (Student's t), adjusted by Holm for all bins; None with fewer than two rows.
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
    """Calibration of the mean of predictions of labels, one each per row; u is the unit of the label.

    Rows are cut at the quantiles of the prediction into `bins` parts of about equal size; equal predictions stay
    together, so there may be fewer. mean_error in u, above 0 where predictions are too high, with a normal interval;
    mean_bin_error: mean over rows of the |mean error| of the row's bin, in u, at least |mean_error| and above 0 by
    chance; max_bin_error: the largest |mean error| of a bin, in u; bins_off: bins whose mean error is not 0 by
    Student's t at `significance`, adjusted by Holm for all bins. slope and intercept of the least-squares line of the
    label over the prediction, 1 and 0 where the mean is calibrated (Mincer & Zarnowitz 1969), with normal intervals.
    Not computable without rows or beyond 64-bit floats; the line with fewer than three rows or equal predictions.
    """
    finite = np.isfinite(labels) & np.isfinite(predictions)
    actual, said = labels[finite], predictions[finite]
    left_out = int(labels.size - finite.sum())
    counts: Counts = (("rows_left_out", left_out),) if left_out else ()
    if not actual.size:
        return NumberCalibration({name: not_computable(name, NO_ROWS, counts, n=0) for name in NAMES}, ())
    with np.errstate(over="ignore", invalid="ignore"):
        errors = said - actual
    if not np.isfinite(errors).all():
        reason = f"Not computable: {TOO_LARGE}."
        return NumberCalibration({name: not_computable(name, reason, counts, n=actual.size) for name in NAMES}, ())
    found = _bins(actual, said, errors, bins, level)
    sizes = [abs(part.error) for part in found]
    share = math.fsum(part.n * size for part, size in zip(found, sizes, strict=True)) / actual.size
    worst = found[int(np.argmax(sizes))]
    binning = f"{len(found)} bins of about equal size by the prediction"
    tested = [part.p for part in found if part.p is not None]
    off = sum(p <= significance for p in tested)
    n = int(actual.size)
    where = f"{binning}; predictions from {worst.low:.6g} to {worst.high:.6g}"
    measures = {
        "mean_error": mean_measure("mean_error", errors, level=level, method="prediction minus label", counts=counts),
        "mean_bin_error": with_interval("mean_bin_error", share, n, None, method=binning, counts=counts),
        "max_bin_error": with_interval("max_bin_error", max(sizes), worst.n, None, method=where, counts=counts),
        "bins_off": Measure("bins_off", off, len(tested), method=f"Student's t, Holm over {len(tested)} bins")
        if tested
        else not_computable("bins_off", "Not computable: no bin has more than only one row.", counts, n=n),
    }
    return NumberCalibration(measures | _line(actual, said, level, counts), found)


def _bins(actual: Floats, said: Floats, errors: Floats, bins: int, level: float) -> tuple[PredictionBin, ...]:
    cuts = np.unique(np.quantile(said, np.linspace(0.0, 1.0, bins + 1))[1:-1])
    place = np.searchsorted(cuts, said, side="left")
    found = []
    for number in np.unique(place):
        rows = place == number
        spread = row_mean(errors[rows])
        error = exact_mean(errors[rows])
        found.append(
            PredictionBin(
                low=float(said[rows].min()),
                high=float(said[rows].max()),
                n=int(rows.sum()),
                mean_prediction=exact_mean(said[rows]),
                mean_label=exact_mean(actual[rows]),
                error=error,
                interval=mean_interval(spread, level) if spread else None,
                p=_differs(errors[rows], error),
            )
        )
    adjusted = iter(holm([part.p for part in found if part.p is not None]))
    return tuple(part if part.p is None else replace(part, p=next(adjusted)) for part in found)


def _differs(errors: Floats, mean: float) -> float | None:
    """Two-sided p of Student's t that the mean error is 0; where all are alike 1 for errors of 0, and 0 otherwise."""
    if errors.size <= 1:
        return None
    spread = math.sqrt(exact_mean(centred(errors) ** 2) / (errors.size - 1))
    if spread <= ROUNDING * abs(mean) or not spread:
        return 0.0 if mean else 1.0
    return float(2.0 * _special().stdtr(errors.size - 1, -abs(mean) / spread))


def _line(actual: Floats, said: Floats, level: float, counts: Counts) -> dict[str, Measure]:
    n = int(actual.size)
    across, up = centred(said), centred(actual)
    total = exact_mean(across**2) * n
    if n < FEWEST or not total or not math.isfinite(total):
        reason = "Not computable: fewer than three rows, or every prediction is the same."
        return {name: not_computable(name, reason, counts, n=n) for name in ("slope", "intercept")}
    slope = exact_mean(across * up) * n / total
    intercept = exact_mean(actual) - slope * exact_mean(said)
    residual = exact_mean((up - slope * across) ** 2) * n / (n - 2)
    # normal_mean divides a variance by n, and these are variances of estimates already.
    spread = {"slope": residual / total, "intercept": residual * (1.0 / n + exact_mean(said) ** 2 / total)}
    words = "least squares of the label over the prediction"
    return {
        name: with_interval(name, value, n, normal_mean(value, spread[name] * n, n, level), method=words, counts=counts)
        for name, value in (("slope", slope), ("intercept", intercept))
    }


def _special() -> Any:
    # Only this asks for it, and loading it takes a while.
    from scipy import special  # noqa: PLC0415

    return special
