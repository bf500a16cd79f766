"""What a score would decide elsewhere, and how sure its headline numbers are, as plain JSON values. Judges nothing.

Reliability bins under a declared binning, rates at thresholds, cost under a declared matrix, lift, and intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from approvals.measures.area_intervals import bootstrap_area, bootstrap_share, hanley_mcneil
from approvals.measures.calibration import bin_scores, calibration_measures
from approvals.measures.equal_mass import equal_mass_calibration
from approvals.measures.intervals import delong, wilson
from approvals.measures.performance import RATES, Confusion, confusion_measures
from approvals.measures.report import Report, block, uncertain_report
from approvals.measures.scores import Closed, ScoreCounts
from approvals.measures.thresholds import (
    CostMatrix,
    ThresholdRow,
    least_cost,
    lift_table,
    mean_cost,
    quantile_thresholds,
    threshold_table,
)

Binning = Literal["equal-width", "equal-mass"]


@dataclass(frozen=True)
class Curves:
    """What is asked of curves: bins of the reliability curve, thresholds (none: 20 quantiles), costs, parts of lift."""

    bins: int = 10
    binning: Binning = "equal-width"
    closed: Closed = "right"
    thresholds: tuple[float, ...] = ()
    costs: CostMatrix | None = None
    lift_parts: int = 10


def curves_report(counts: ScoreCounts, decided: Confusion, asked: Curves) -> Report:
    """Calibration under the declared binning, reliability bins, thresholds, lift, and costs when there is a matrix.

    `decided` are the decisions as they were made; a row is predicted positive at or above a threshold.
    """
    report: Report = {
        **_calibration(counts, asked),
        "reliability": {"bins": asked.bins, "closed": asked.closed, "rows": _reliability(counts, asked)},
        "thresholds": [
            _at(row) for row in threshold_table(counts, asked.thresholds or quantile_thresholds(counts, 20))
        ],
        "lift": _lift(counts, asked.lift_parts),
    }
    if asked.costs is not None:
        report["cost"] = _cost(counts, decided, asked.costs)
    return report


def cost_report(decided: Confusion, costs: CostMatrix) -> Report:
    """The cost of decisions as they were made: per row and of all rows."""
    found = block({"mean_cost": mean_cost(decided, costs)})
    return {"matrix": asdict(costs), **found, "total_cost": costs.total(decided) if decided.n else None}


def uncertainty_report(decided: Confusion, counts: ScoreCounts | None, *, draws: int, seed: int) -> Report:
    """Intervals at 95 % of each rate (Wilson, Clopper-Pearson is in comparisons; bootstrap) and of the area.

    The area has DeLong's, Hanley and McNeil's, and a percentile bootstrap of rows. Null where undefined.
    """
    report: Report = {}
    for name, rate in RATES.items():
        k, n = rate.k(decided), rate.n(decided)
        interval = wilson(k, n)
        report[name] = {
            "wilson": None if interval is None else [interval.low, interval.high],
            "bootstrap": uncertain_report(bootstrap_share(k, n, draws=draws, seed=seed)),
        }
    if counts is not None:
        found, auc = delong(counts), counts.ranks.roc_auc
        ends = found.interval if found else None
        report["roc_auc"] = {
            "delong": None
            if found is None or ends is None
            else {"auc": found.auc, "se": found.se, "lo": ends.low, "hi": ends.high},
            "hanley_mcneil": None
            if auc is None
            else uncertain_report(hanley_mcneil(auc, counts.positive_rows, counts.negative_rows)),
            "bootstrap": uncertain_report(bootstrap_area(counts, draws=draws, seed=seed)),
        }
    return report


def _calibration(counts: ScoreCounts, asked: Curves) -> Report:
    equal_mass = asked.binning == "equal-mass"
    found = (equal_mass_calibration if equal_mass else calibration_measures)(
        counts, bins=asked.bins, closed=asked.closed
    )
    words = asked.binning.replace("-", "_")
    return block({f"{name}_{asked.bins}_{words}_{asked.closed}_closed": found[name] for name in ("ece", "mce")})


def _reliability(counts: ScoreCounts, asked: Curves) -> Sequence[Report]:
    return [
        {
            "low": part.low,
            "high": part.high,
            "n": part.n,
            "positives": part.positives,
            "mean_score": part.mean_score,
            "base_rate": part.base_rate,
            "wilson95": None if part.interval is None else [part.interval.low, part.interval.high],
        }
        for part in bin_scores(counts, bins=asked.bins, closed=asked.closed)
    ]


def _at(row: ThresholdRow) -> Report:
    cell = row.confusion
    counts = {"tn": cell.tn, "fp": cell.fp, "fn": cell.fn, "tp": cell.tp}
    found = confusion_measures(cell)
    agreement = {name: found[name] for name in ("balanced_accuracy", "f1", "mcc", "cohen_kappa")}
    return {"threshold": _finite(row.threshold), **counts, **block(row.rates | agreement)}


def _finite(threshold: float | None) -> Any:
    """An infinite threshold, at which nobody is predicted positive, as the text that stands for it."""
    return "Infinity" if threshold is not None and math.isinf(threshold) else threshold


def _lift(counts: ScoreCounts, parts: int) -> Report:
    rows = lift_table(counts, parts)
    first = rows[0] if rows else None
    return {
        "parts": parts,
        "method": "rows by falling score in about equal parts, equal scores together; share of positives of a part "
        "divided by that of all rows",
        "lift_of_first_part": None if first is None else first.lift,
        "gain_of_first_part": None if first is None else first.gain,
        "rows": [asdict(row) for row in rows],
    }


def _cost(counts: ScoreCounts, decided: Confusion, costs: CostMatrix) -> Report:
    threshold, least = least_cost(counts, costs)
    return {
        **cost_report(decided, costs),
        "least_mean_cost": least.value,
        "least_mean_cost_threshold": _finite(threshold),
    }
