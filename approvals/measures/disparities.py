"""Differences and ratios of rates between groups, each with a bootstrap interval. Undefined rates stay undefined."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from approvals.measures.intervals import Statistic, bootstrap_statistics
from approvals.measures.performance import with_interval
from approvals.measures.scores import Floats, Integers
from approvals.measures.values import Counts, Measure, not_computable

Rates = list[Fraction | None]
Vectors = tuple[tuple[int, int, int, int], tuple[int, int, int, int]]

_RATES: dict[str, tuple[Vectors, str]] = {
    "selection rate": (((1, 1, 0, 0), (1, 1, 1, 1)), "rows"),
    "TPR": (((1, 0, 0, 0), (1, 0, 1, 0)), "actual positives"),
    "FPR": (((0, 1, 0, 0), (0, 1, 0, 1)), "actual negatives"),
    "FNR": (((0, 0, 1, 0), (1, 0, 1, 0)), "actual positives"),
    "accuracy": (((1, 0, 0, 1), (1, 1, 1, 1)), "rows"),
    "precision": (((1, 0, 0, 0), (1, 1, 0, 0)), "predicted positives"),
}
_NEGATIVE_RATE: tuple[Vectors, str] = (((0, 0, 1, 1), (1, 1, 1, 1)), "rows")
_DIFFERENCES = {
    "demographic_parity_difference": "selection rate",
    "equal_opportunity_difference": "TPR",
    "fpr_difference_between_groups": "FPR",
    "fnr_difference_between_groups": "FNR",
    "accuracy_difference_between_groups": "accuracy",
    "precision_difference_between_groups": "precision",
}
_RATIOS = {
    "demographic_parity_ratio": "selection rate",
    "equal_opportunity_ratio": "TPR",
    "fpr_ratio_between_groups": "FPR",
    "fnr_ratio_between_groups": "FNR",
    "accuracy_ratio_between_groups": "accuracy",
    "precision_ratio_between_groups": "precision",
}
_ODDS = {
    "equalized_odds_difference_worst_case": "larger of TPR and FPR difference",
    "equalized_odds_difference_mean": "mean of TPR and FPR difference",
    "equalized_odds_ratio_worst_case": "smaller of TPR and FPR ratio",
}


def disparities(
    cells: Integers,
    *,
    group_words: str,
    favourable_is_positive: bool = True,
    reference: int | None = None,
    reference_words: str = "",
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Measure]:
    """Disparities between groups from their cells [groups, (tp, fp, fn, tn)], each group with at least one row.

    *_difference: highest minus lowest rate, in [0, 1], 0 best; *_ratio: lowest / highest rate, in [0, 1], 1 best.
    demographic_parity: predicted positive; equal_opportunity: TPR; equalized_odds: TPR and FPR, worst case and mean
    (definitions of fairlearn, but an undefined rate is left out, counted as groups_undefined, and never 0).
    disparate_impact: lowest favourable rate / highest, or / that of the row number `reference` when it is given.
    Not computable: fewer than two groups with the rate, a highest (reference) rate of 0 for ratios, and for
    equalized odds whenever one of its parts is. `group_words` says in a reason which groups were meant.
    """
    favourable = _RATES["selection rate"] if favourable_is_positive else _NEGATIVE_RATE
    statistics = _statistics(favourable[0], reference)
    rates = {name: _exact_rates(cells, vectors) for name, (vectors, _) in _RATES.items()}
    rates["favourable rate"] = _exact_rates(cells, favourable[0])
    points = _points(rates, reference)
    computable = {name: statistics[name] for name, point in points.items() if point is not None}
    intervals = bootstrap_statistics(cells, computable, draws=draws, seed=seed, level=level)
    n = int(cells.sum())
    measures: dict[str, Measure] = {}
    for name, point in points.items():
        undefined = max(rates[part].count(None) for part in _parts(name))
        behind: Counts = (("groups", len(cells)), ("groups_undefined", undefined))
        method = _method(name, reference_words)
        if point is None:
            reason = _reason(name, rates, group_words, reference_words)
            measures[name] = not_computable(name, reason, behind, n=n, method=method)
        else:
            measures[name] = with_interval(name, float(point), n, intervals[name], method=method, counts=behind)
    return measures


def _statistics(favourable: Vectors, reference: int | None) -> dict[str, Statistic]:
    found: dict[str, Statistic] = {name: _difference(_RATES[rate][0]) for name, rate in _DIFFERENCES.items()}
    found |= {name: _ratio(_RATES[rate][0]) for name, rate in _RATIOS.items()}
    true_gap, false_gap = found["equal_opportunity_difference"], found["fpr_difference_between_groups"]
    true_ratio, false_ratio = found["equal_opportunity_ratio"], found["fpr_ratio_between_groups"]
    found["equalized_odds_difference_worst_case"] = lambda drawn: np.maximum(true_gap(drawn), false_gap(drawn))
    found["equalized_odds_difference_mean"] = lambda drawn: (true_gap(drawn) + false_gap(drawn)) / 2.0
    found["equalized_odds_ratio_worst_case"] = lambda drawn: np.minimum(true_ratio(drawn), false_ratio(drawn))
    found["disparate_impact"] = _ratio(favourable, reference)
    return found


def _exact_rates(cells: Integers, vectors: Vectors) -> Rates:
    above, below = (cells @ np.array(vector, dtype=np.int64) for vector in vectors)
    return [Fraction(int(k), int(n)) if n else None for k, n in zip(above, below, strict=True)]


def _points(rates: Mapping[str, Rates], reference: int | None) -> dict[str, Fraction | None]:
    """Exact values, so that a ratio of exactly four fifths is 0.8 and not a last digit below it."""
    points = {name: _exact_difference(rates[rate]) for name, rate in _DIFFERENCES.items()}
    points |= {name: _exact_ratio(rates[rate]) for name, rate in _RATIOS.items()}
    gaps = (points["equal_opportunity_difference"], points["fpr_difference_between_groups"])
    ratios = (points["equal_opportunity_ratio"], points["fpr_ratio_between_groups"])
    points |= dict.fromkeys(_ODDS)
    if gaps[0] is not None and gaps[1] is not None:
        points["equalized_odds_difference_worst_case"] = max(gaps[0], gaps[1])
        points["equalized_odds_difference_mean"] = (gaps[0] + gaps[1]) / 2
    if ratios[0] is not None and ratios[1] is not None:
        points["equalized_odds_ratio_worst_case"] = min(ratios[0], ratios[1])
    points["disparate_impact"] = _exact_ratio(rates["favourable rate"], reference)
    return points


def _exact_difference(rates: Rates) -> Fraction | None:
    defined = [rate for rate in rates if rate is not None]
    return max(defined) - min(defined) if len(defined) > 1 else None


def _exact_ratio(rates: Rates, reference: int | None = None) -> Fraction | None:
    defined = [rate for rate in rates if rate is not None]
    if len(defined) <= 1:
        return None
    if reference is None:
        highest, others = max(defined), defined
    else:
        highest, others = defined[reference], [rate for i, rate in enumerate(defined) if i != reference]
    return min(others) / highest if highest else None


def _rates(drawn: Floats, vectors: Vectors) -> Floats:
    above, below = (drawn @ np.array(vector, dtype=np.float64) for vector in vectors)
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _extremes(rates: Floats) -> tuple[Floats, Floats]:
    undefined = np.isnan(rates)
    lowest = np.min(np.where(undefined, np.inf, rates), axis=1, initial=np.inf)
    highest = np.max(np.where(undefined, -np.inf, rates), axis=1, initial=-np.inf)
    enough = (~undefined).sum(axis=1) > 1
    return np.where(enough, lowest, np.nan), np.where(enough, highest, np.nan)


def _difference(vectors: Vectors) -> Statistic:
    def statistic(drawn: Floats) -> Floats:
        lowest, highest = _extremes(_rates(drawn, vectors))
        return highest - lowest

    return statistic


def _ratio(vectors: Vectors, reference: int | None = None) -> Statistic:
    def statistic(drawn: Floats) -> Floats:
        rates = _rates(drawn, vectors)
        lowest, highest = _extremes(rates)
        if reference is not None:
            highest = np.where(np.isnan(highest), np.nan, rates[:, reference])
            others = np.delete(rates, reference, axis=1)
            lowest = np.min(np.where(np.isnan(others), np.inf, others), axis=1, initial=np.inf)
        return np.divide(lowest, highest, out=np.full_like(highest, np.nan), where=highest > 0)

    return statistic


def _parts(name: str) -> tuple[str, ...]:
    if name in _ODDS:
        return ("TPR", "FPR")
    return (_DIFFERENCES.get(name) or _RATIOS.get(name) or "favourable rate",)


def _reason(name: str, rates: Mapping[str, Rates], group_words: str, reference_words: str) -> str:
    groups = len(rates["accuracy"])
    if groups <= 1:
        return f"Not computable: {groups} of the two groups needed ({group_words})."
    for part in _parts(name):
        defined = groups - rates[part].count(None)
        if defined <= 1:
            needed = _RATES[part][1]
            return f"Not computable: only {defined} of {groups} groups has any {needed} ({group_words})."
    if name != "disparate_impact":
        return f"Not computable: the highest {' or '.join(_parts(name))} is 0."
    if reference_words:
        return f"Not computable: the favourable rate of the reference group {reference_words} is 0."
    return "Not computable: the highest favourable rate is 0."


def _method(name: str, reference_words: str) -> str:
    if name in _ODDS:
        return _ODDS[name]
    if name in _DIFFERENCES:
        return f"highest minus lowest {_DIFFERENCES[name]}"
    if name in _RATIOS:
        return f"lowest divided by highest {_RATIOS[name]}"
    if reference_words:
        return f"lowest favourable rate divided by that of {reference_words}"
    return "lowest divided by highest favourable rate"


def missing_reference(reference_words: str, measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """The measures with disparate impact not computable, because the reference group is not among the groups."""
    reason = f"Not computable: the reference group {reference_words} is not among the groups compared."
    return {**measures, "disparate_impact": not_computable("disparate_impact", reason)}
