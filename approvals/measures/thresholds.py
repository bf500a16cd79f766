"""What a score would decide at other thresholds: confusions, cost under a declared matrix, lift. Judges nothing.

A row is predicted positive when its score is at or above the threshold. Scores are read once, in blocks, and of each
block only what was asked for is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from approvals.measures.intervals import student_mean
from approvals.measures.performance import RATES, Confusion, rate_measure, with_interval
from approvals.measures.scores import Floats, Integers, ScoreCounts, Scores, even
from approvals.measures.values import Measure, not_computable

NO_SCORES = "Not computable: no row has a label and a score."


@dataclass(frozen=True)
class ThresholdRow:
    """The confusion at one threshold (infinite: nobody is predicted positive) and its rates with Wilson intervals."""

    threshold: float
    confusion: Confusion
    rates: dict[str, Measure]


LARGEST_COST = 1e100
"""Of one row, without its sign: the cost of any number of rows is then a number of 64 bits."""


def as_written(value: float) -> Fraction:
    """The number that people wrote: 0.1 is a tenth, whatever its 64 bits are."""
    return Fraction(str(value))


@dataclass(frozen=True)
class CostMatrix:
    """What one row of each kind costs, in any one unit; a gain is a negative cost."""

    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0

    def exactly(self, confusion: Confusion) -> Fraction:
        """Cost of all rows by the costs as people write them: 0.1 is a tenth, and three of them are 0.3."""
        cells = (
            (self.true_positive, confusion.tp),
            (self.false_positive, confusion.fp),
            (self.false_negative, confusion.fn),
            (self.true_negative, confusion.tn),
        )
        return sum((as_written(cost) * rows for cost, rows in cells), Fraction(0))

    def total(self, confusion: Confusion) -> float:
        """Cost of all rows."""
        return float(self.exactly(confusion))

    def mean(self, confusion: Confusion) -> float:
        """Cost per row; there are rows."""
        return float(self.exactly(confusion) / confusion.n)

    def variance(self, confusion: Confusion) -> float | None:
        """Of the cost of one row, ddof 1; None for fewer than two rows."""
        if confusion.n <= 1:
            return None
        mean = self.mean(confusion)
        cells = (
            (self.true_positive, confusion.tp),
            (self.false_positive, confusion.fp),
            (self.false_negative, confusion.fn),
            (self.true_negative, confusion.tn),
        )
        return math.fsum(rows * (cost - mean) ** 2 for cost, rows in cells) / (confusion.n - 1)


@dataclass(frozen=True)
class LiftRow:
    """One part of the rows by falling score: its size, its positives, and what the parts so far have caught.

    `lift` is the part's share of positives divided by that of all rows; `gain` the share of positives caught so far.
    Both are None where no row is positive.
    """

    highest_score: float
    lowest_score: float
    n: int
    positives: int
    lift: float | None
    gain: float | None


@dataclass(frozen=True)
class DecisionCurves:
    """What other thresholds would have cost, and how positives gather by falling score."""

    best_threshold: float | None
    least: Measure
    rows: tuple[ThresholdRow, ...]
    lift: tuple[LiftRow, ...]


def decision_curves(counts: Scores, costs: CostMatrix, *, parts: int = 20, lift_parts: int = 10) -> DecisionCurves:
    """`least_cost`, `threshold_table` at `quantile_thresholds` and above every score, and `lift_table`, read once."""
    by_quantile, by_lift = _quantile_ranks(counts.n, parts), _lift_ranks(counts.n, lift_parts)
    found = _Sweep(counts, ranks=(*by_quantile, *by_lift), costs=costs)
    cuts = {cut.score: cut for cut in map(found.at_rank.__getitem__, by_quantile)}
    rows = [_row(score, found.at(cut), 0.95) for score, cut in sorted(cuts.items())]
    rows.append(_row(math.inf, found.above_all, 0.95))
    threshold, least = _least(found, costs)
    return DecisionCurves(threshold, least, tuple(rows), _lift(found, by_lift))


def threshold_table(counts: Scores, thresholds: Sequence[float], *, level: float = 0.95) -> tuple[ThresholdRow, ...]:
    """Confusion and rates at each threshold, in the given order; empty denominators are not computable."""
    found = _Sweep(counts, thresholds=thresholds)
    return tuple(_row(float(place), found.at_threshold[float(place)], level) for place in thresholds)


def _row(threshold: float, confusion: Confusion, level: float) -> ThresholdRow:
    rates = {name: rate_measure(name, confusion, rate, level=level) for name, rate in RATES.items()}
    return ThresholdRow(threshold, confusion, rates)


def quantile_thresholds(counts: Scores, parts: int = 20) -> tuple[float, ...]:
    """Scores that cut the rows into about equal parts, each one that occurs, rising; none without scores."""
    ranks = _quantile_ranks(counts.n, parts)
    found = _Sweep(counts, ranks=ranks)
    return tuple(sorted({found.at_rank[rank].score for rank in ranks}))


def _quantile_ranks(n: int, parts: int) -> list[int]:
    return [n * part // parts for part in range(1, parts)] if n else []


def mean_cost(
    confusion: Confusion, costs: CostMatrix, *, name: str = "mean_cost", level: float | None = 0.95
) -> Measure:
    """Cost per row of decisions as they were made, in the unit of the matrix; with a level also Student's interval.

    Not computable without rows. No interval for rows that all cost the same, which says nothing about uncertainty.
    """
    n = confusion.n
    if not n:
        return not_computable(name, NO_SCORES, confusion.counts, n=0)
    mean = costs.mean(confusion)
    if level is None:
        return Measure(name, mean, n, counts=confusion.counts)
    interval = student_mean(mean, costs.variance(confusion), n, level, lowest=min(vars(costs).values()))
    return with_interval(name, mean, n, interval, counts=confusion.counts)


def least_cost(counts: Scores, costs: CostMatrix) -> tuple[float | None, Measure]:
    """The threshold of least mean cost and that cost, over every score that occurs and over predicting nobody positive.

    Of thresholds of equal cost the highest, infinite if predicting nobody positive costs least. (None, not computable)
    without rows.
    """
    return _least(_Sweep(counts, costs=costs), costs)


def _least(found: _Sweep, costs: CostMatrix) -> tuple[float | None, Measure]:
    name = "least_mean_cost"
    if not found.n:
        return None, not_computable(name, NO_SCORES, n=0)
    threshold, confusion = found.cheapest
    return threshold, Measure(
        name,
        costs.mean(confusion),
        found.n,
        method="least over every score that occurs and over nobody predicted positive",
        counts=confusion.counts,
    )


def lift_table(counts: Scores, parts: int = 10) -> tuple[LiftRow, ...]:
    """The rows by falling score in about `parts` equal parts; rows of one score stay together, so parts may differ.

    Gain and lift as in Siddiqi, Intelligent Credit Scoring (2017). Empty without scores.
    """
    ranks = _lift_ranks(counts.n, parts)
    return _lift(_Sweep(counts, ranks=ranks), ranks)


def _lift_ranks(n: int, parts: int) -> list[int]:
    """Places, from the lowest score on, of the last row of each part by falling score."""
    return [n + (-n * part // parts) for part in range(1, parts + 1)] if n else []


def _lift(found: _Sweep, ranks: Sequence[int]) -> tuple[LiftRow, ...]:
    cuts = {cut.score: cut for cut in map(found.at_rank.__getitem__, ranks)}
    rows: list[LiftRow] = []
    highest, before = found.highest, found.above_all
    for score, cut in sorted(cuts.items(), reverse=True):
        so_far = found.at(cut)
        n, k = so_far.tp + so_far.fp - before.tp - before.fp, so_far.tp - before.tp
        total = found.positives
        lift = k / n / (total / found.n) if total else None
        rows.append(LiftRow(highest, score, n, k, lift, so_far.tp / total if total else None))
        highest, before = score if cut.preceding is None else cut.preceding, so_far
    return tuple(rows)


@dataclass(frozen=True)
class _Cut:
    """A score, the rows with a lower one by label, and the next lower score."""

    score: float
    positives_below: int
    negatives_below: int
    preceding: float | None


class _Sweep:
    """One reading of the scores from the lowest on: rows at ranks and thresholds, and where decisions cost least.

    `at_rank` is the score of the row at each rank, counted from 0.
    """

    def __init__(
        self,
        counts: Scores,
        *,
        ranks: Iterable[int] = (),
        thresholds: Iterable[float] = (),
        costs: CostMatrix | None = None,
    ) -> None:
        self.positives, self.negatives, self.left_out = counts.positive_rows, counts.negative_rows, counts.left_out
        self.n, self.highest = counts.n, math.nan
        self.at_rank: dict[int, _Cut] = {}
        self.at_threshold: dict[float, Confusion] = {}
        self._ranks, self._thresholds, self._costs = sorted(set(ranks)), sorted({*map(float, thresholds)}), costs
        self._below = (0, 0)
        self._cheapest: tuple[float, float, Confusion] | None = None
        for block in even(counts.blocks()):
            self._add(block)
        self.at_threshold |= dict.fromkeys(self._thresholds, self.above_all)
        if costs:
            self._consider(np.array([costs.total(self.above_all)]), [math.inf], lambda _: self.above_all)

    @property
    def above_all(self) -> Confusion:
        """Nobody is predicted positive."""
        return Confusion(0, 0, self.positives, self.negatives, self.left_out)

    @property
    def cheapest(self) -> tuple[float, Confusion]:
        """The highest of the thresholds that cost least; costs were given."""
        if self._cheapest is None:
            raise ValueError("Nothing is cheapest without costs.")
        return self._cheapest[1], self._cheapest[2]

    def at(self, cut: _Cut) -> Confusion:
        """Rows with this score and above are predicted positive."""
        return self._with_below(cut.positives_below, cut.negatives_below)

    def _with_below(self, positives: int, negatives: int) -> Confusion:
        return Confusion(self.positives - positives, self.negatives - negatives, positives, negatives, self.left_out)

    def _add(self, block: ScoreCounts) -> None:
        sides = block.positives, block.negatives
        below = [np.cumsum(rows) - rows + start for rows, start in zip(sides, self._below, strict=True)]
        before = sum(self._below)
        through = np.cumsum(sides[0] + sides[1]) + before
        previous = None if before == 0 else self.highest

        def confusion(place: int) -> Confusion:
            return self._with_below(int(below[0][place]), int(below[1][place]))

        for rank in self._ranks:
            if before <= rank < through[-1]:
                place = int(np.searchsorted(through, rank, side="right"))
                preceding = float(block.scores[place - 1]) if place else previous
                self.at_rank[rank] = _Cut(
                    float(block.scores[place]), int(below[0][place]), int(below[1][place]), preceding
                )
        while self._thresholds and self._thresholds[0] <= block.scores[-1]:
            threshold = self._thresholds.pop(0)
            self.at_threshold[threshold] = confusion(int(np.searchsorted(block.scores, threshold, side="left")))
        if self._costs:
            self._consider(
                _totals(self._costs, below[0], below[1], self.positives, self.negatives), block.scores, confusion
            )
        self.highest = float(block.scores[-1])
        self._below = self._below[0] + int(sides[0].sum()), self._below[1] + int(sides[1].sum())

    def _consider(
        self, totals: Floats, scores: Sequence[float] | Floats, confusion: Callable[[int], Confusion]
    ) -> None:
        """Of thresholds of equal cost the later one, which is higher."""
        least = float(totals.min()) if self._cheapest is None else min(self._cheapest[0], float(totals.min()))
        places = np.flatnonzero(totals <= least + 1e-12 * max(1.0, abs(least)))
        if places.size:
            place = int(places[-1])
            self._cheapest = least, float(scores[place]), confusion(place)


def _totals(
    costs: CostMatrix, positives_below: Integers, negatives_below: Integers, positives: int, negatives: int
) -> Floats:
    return np.asarray(
        costs.true_positive * (positives - positives_below)
        + costs.false_positive * (negatives - negatives_below)
        + costs.false_negative * positives_below
        + costs.true_negative * negatives_below
    )
