"""Differences and ratios of rates between groups, each with an interval. Undefined rates stay undefined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from approvals.measures.drawn_rates import SELECTION, Chosen, Drawn, Ends, drawn_rates
from approvals.measures.intervals import FEWEST_DRAWS, Interval, of_a_gap, percentile_interval
from approvals.measures.performance import with_interval
from approvals.measures.scores import Floats, Integers
from approvals.measures.two_group_gaps import Two, gap_interval, lower_to_higher, ratio_interval
from approvals.measures.values import Counts, Measure, not_computable

Vectors = tuple[tuple[int, int, int, int], tuple[int, int, int, int]]

_RATES: dict[str, tuple[Vectors, str]] = {
    "selection rate": (((1, 1, 0, 0), (1, 1, 1, 1)), "rows"),
    "TPR": (((1, 0, 0, 0), (1, 0, 1, 0)), "actual positives"),
    "FPR": (((0, 1, 0, 0), (0, 1, 0, 1)), "actual negatives"),
    "FNR": (((0, 0, 1, 0), (1, 0, 1, 0)), "actual positives"),
    "accuracy": (((1, 0, 0, 1), (1, 1, 1, 1)), "rows"),
    "precision": (((1, 0, 0, 0), (1, 1, 0, 0)), "predicted positives"),
}
_NEGATIVE_RATE: Vectors = ((0, 0, 1, 1), (1, 1, 1, 1))
_FAVOURABLE = "favourable rate"
_ROUNDING = 1e-12
_TWO = 2
_IMPACT = "disparate_impact"
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


@dataclass(frozen=True)
class Among:
    """Which groups are compared: their row numbers in the cells, and in words for a reason.

    `reference` is the row number of the group that disparate impact is measured against, None for the highest.
    """

    rows: tuple[int, ...]
    words: str
    reference: int | None = None
    reference_words: str = ""


def disparities(
    cells: Integers,
    among: Sequence[Among],
    *,
    favourable_is_positive: bool = True,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[dict[str, Measure], ...]:
    """Disparities between groups from their cells [groups, (tp, fp, fn, tn)], each group with at least one row.

    One set of measures per entry of `among`, all on the same draws.
    *_difference: highest minus lowest rate, in [0, 1], 0 best; *_ratio: lowest / highest rate, in [0, 1], 1 best.
    demographic_parity: predicted positive; equal_opportunity: TPR; equalized_odds: TPR and FPR, worst case and mean
    (definitions of fairlearn, but an undefined rate is left out, counted as groups_undefined, and never 0).
    disparate_impact: lowest favourable rate / highest, or / that of the group `reference` when it is given.
    Not computable: fewer than two groups with the rate, a highest (reference) rate of 0 for ratios, and for
    equalized odds whenever one of its parts is. Of two groups with the rate the interval is by formulas
    (`two_group_gaps`), of more, and of equalized odds, a seeded percentile bootstrap.
    """
    vectors = {name: found for name, (found, _) in _RATES.items()}
    vectors[_FAVOURABLE] = vectors["selection rate"] if favourable_is_positive else _NEGATIVE_RATE
    whole = {name: _shares(cells, pair) for name, pair in vectors.items()}
    chosen = tuple(dict.fromkeys(Chosen(part.rows, part.reference) for part in among))
    drawn = drawn_rates(cells, chosen, draws=draws, seed=seed) if len(cells) > 1 and draws >= FEWEST_DRAWS else None
    intervals: list[dict[str, Interval | None]] = [
        {
            name: percentile_interval(values, draws, seed, level)
            for name, values in _statistics(part, favourable_is_positive=favourable_is_positive).items()
        }
        for part in drawn or []
    ] or [{} for _ in chosen]
    return tuple(
        _measures(
            {name: share.of(part.rows) for name, share in whole.items()},
            part,
            intervals[chosen.index(Chosen(part.rows, part.reference))],
            cells,
            level,
        )
        for part in among
    )


def _measures(
    shares: Mapping[str, Shares],
    part: Among,
    intervals: Mapping[str, Interval | None],
    cells: Integers,
    level: float,
) -> dict[str, Measure]:
    at = None if part.reference is None else part.rows.index(part.reference)
    n = int(cells[list(part.rows)].sum())
    measures: dict[str, Measure] = {}
    for name, point in _points(shares, at).items():
        undefined = max(shares[rate].undefined for rate in _parts(name))
        behind: Counts = (("groups", len(part.rows)), ("groups_undefined", undefined))
        method = _method(name, part.reference_words)
        if point is None:
            reason = _reason(name, shares, part)
            measures[name] = not_computable(name, reason, behind, n=n, method=method)
        else:
            interval = _of_two(name, shares, at, level) or of_a_gap(intervals.get(name), float(point))
            measures[name] = with_interval(name, float(point), n, interval, method=method, counts=behind)
    return measures


def _of_two(name: str, shares: Mapping[str, Shares], reference: int | None, level: float) -> Interval | None:
    """The interval by a formula, where just two groups have the rate; equalized odds are of more than one rate."""
    two = None if name in _ODDS else shares[_parts(name)[0]].only_two(reference if name == _IMPACT else None)
    if two is None:
        return None
    if name in _DIFFERENCES:
        return gap_interval(two, level)
    return (ratio_interval if name == _IMPACT and reference is not None else lower_to_higher)(two, level)


@dataclass(frozen=True, eq=False)
class Shares:
    """A rate of every group as whole numbers, above / below; undefined where below is 0."""

    above: Integers
    below: Integers

    def of(self, rows: Sequence[int]) -> Shares:
        """The shares of some groups only."""
        return Shares(self.above[list(rows)], self.below[list(rows)])

    @property
    def groups(self) -> int:
        """Groups, with the rate or without."""
        return int(self.below.size)

    @property
    def undefined(self) -> int:
        """Groups without the rate."""
        return int((self.below == 0).sum())

    def exact(self, position: int) -> Fraction | None:
        """The rate of one group."""
        below = int(self.below[position])
        return Fraction(int(self.above[position]), below) if below else None

    def only_two(self, last: int | None) -> Two | None:
        """The counts of the only two groups that have the rate, the lower one first, or that at `last` last."""
        defined = np.flatnonzero(self.below > 0).tolist()
        if len(defined) != _TWO or (last is not None and last not in defined):
            return None
        one, other = sorted(defined, key=lambda group: (group == last, self.exact(group)))
        return int(self.above[one]), int(self.below[one]), int(self.above[other]), int(self.below[other])

    def ends(self, without: int | None = None) -> tuple[Fraction, Fraction] | None:
        """The exact lowest and highest rate of the defined ones (but that at `without`); None when there is none."""
        defined = self.below > 0
        if without is not None:
            defined[without] = False
        if not defined.any():
            return None
        rates = self.above[defined] / self.below[defined]
        # Doubles say which few can be the extremes, whole numbers say which are.
        low, high = (np.flatnonzero(np.abs(rates - end) <= _ROUNDING) for end in (rates.min(), rates.max()))
        above, below = self.above[defined], self.below[defined]
        exact = [{Fraction(int(above[i]), int(below[i])) for i in found} for found in (low, high)]
        return min(exact[0]), max(exact[1])


def _shares(cells: Integers, vectors: Vectors) -> Shares:
    above, below = (cells @ np.array(vector, dtype=np.int64) for vector in vectors)
    return Shares(above, below)


def _points(shares: Mapping[str, Shares], reference: int | None) -> dict[str, Fraction | None]:
    """Exact values, so that a ratio of exactly four fifths is 0.8 and not a last digit below it."""
    ends = {name: share.ends() if share.groups - share.undefined > 1 else None for name, share in shares.items()}
    points = {name: _difference(ends[rate]) for name, rate in _DIFFERENCES.items()}
    points |= {name: _ratio(ends[rate]) for name, rate in _RATIOS.items()}
    gaps = (points["equal_opportunity_difference"], points["fpr_difference_between_groups"])
    ratios = (points["equal_opportunity_ratio"], points["fpr_ratio_between_groups"])
    points |= dict.fromkeys(_ODDS)
    if gaps[0] is not None and gaps[1] is not None:
        points["equalized_odds_difference_worst_case"] = max(gaps[0], gaps[1])
        points["equalized_odds_difference_mean"] = (gaps[0] + gaps[1]) / 2
    if ratios[0] is not None and ratios[1] is not None:
        points["equalized_odds_ratio_worst_case"] = min(ratios[0], ratios[1])
    favourable, compared = shares[_FAVOURABLE], ends[_FAVOURABLE]
    if reference is not None and compared:
        others, highest = favourable.ends(without=reference), favourable.exact(reference)
        compared = (others[0], highest) if others and highest is not None else None
    points[_IMPACT] = _ratio(compared)
    return points


def _difference(ends: tuple[Fraction, Fraction] | None) -> Fraction | None:
    return ends[1] - ends[0] if ends else None


def _ratio(ends: tuple[Fraction, Fraction] | None) -> Fraction | None:
    return ends[0] / ends[1] if ends and ends[1] else None


def _statistics(drawn: Drawn, *, favourable_is_positive: bool) -> dict[str, Floats]:
    ends = {name: _both(drawn.every(name)) for name in drawn.others}
    ends["FNR"] = _complement(ends["TPR"])
    ends[_FAVOURABLE] = ends["selection rate"] if favourable_is_positive else _complement(ends["selection rate"])
    found = {name: ends[rate][1] - ends[rate][0] for name, rate in _DIFFERENCES.items()}
    found |= {name: _quotient(*ends[rate]) for name, rate in _RATIOS.items()}
    gaps = (found["equal_opportunity_difference"], found["fpr_difference_between_groups"])
    found["equalized_odds_difference_worst_case"] = np.maximum(*gaps)
    found["equalized_odds_difference_mean"] = (gaps[0] + gaps[1]) / 2.0
    found["equalized_odds_ratio_worst_case"] = np.minimum(
        found["equal_opportunity_ratio"], found["fpr_ratio_between_groups"]
    )
    compared = ends[_FAVOURABLE]
    if drawn.reference:
        others, reference = ((ends.low, ends.high) for ends in (drawn.others[SELECTION], drawn.reference[SELECTION]))
        if not favourable_is_positive:
            others, reference = _complement(others), _complement(reference)
        compared = others[0], reference[0]
    found[_IMPACT] = _quotient(*compared)
    return found


def _both(ends: Ends) -> tuple[Floats, Floats]:
    """The lowest and the highest rate in each draw, NaN where fewer than two groups have the rate."""
    enough = ends.groups > 1
    return np.where(enough, ends.low, np.nan), np.where(enough, ends.high, np.nan)


def _complement(ends: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The ends of 1 minus the rate."""
    return 1.0 - ends[1], 1.0 - ends[0]


def _quotient(lowest: Floats, highest: Floats) -> Floats:
    return np.divide(lowest, highest, out=np.full_like(highest, np.nan), where=highest > 0)


def _parts(name: str) -> tuple[str, ...]:
    if name in _ODDS:
        return ("TPR", "FPR")
    return (_DIFFERENCES.get(name) or _RATIOS.get(name) or _FAVOURABLE,)


def _reason(name: str, shares: Mapping[str, Shares], among: Among) -> str:
    groups = len(among.rows)
    if groups <= 1:
        return f"Not computable: {groups} of the two groups needed ({among.words})."
    for part in _parts(name):
        defined = groups - shares[part].undefined
        if defined <= 1:
            needed = _RATES[part][1]
            return f"Not computable: only {defined} of {groups} groups has any {needed} ({among.words})."
    if name != _IMPACT:
        return f"Not computable: the highest {' or '.join(_parts(name))} is 0."
    if among.reference_words:
        return f"Not computable: the favourable rate of the reference group {among.reference_words} is 0."
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
