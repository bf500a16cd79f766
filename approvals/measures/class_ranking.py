"""Areas under ROC curves of several classes, each by its own score, and how uncertain their means are. Judges nothing.

Every mean is a weighted sum of the areas of ordered pairs of classes, and so is its variance made of what each row
adds to them, as DeLong et al. (1988) do it for one area: sizes of classes are taken as they are. Of two classes whose
scores are each other's complement it is their interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from approvals.measures.intervals import Interval
from approvals.measures.scores import Floats, Integers

Weights = NDArray[np.float64]
"""How much the area of each class (outer) by its own score against each other one (inner) counts; sums to 1."""

FEWEST_ROWS = 2
_ROUNDING = 1e-12
METHOD = "DeLong interval over all classes"


def against_rest(sizes: Integers) -> Weights:
    """One class against the rest, mean over classes."""
    return np.asarray(_shares_of_rest(sizes) / sizes.size)


def against_rest_weighted(sizes: Integers) -> Weights:
    """One class against the rest, mean weighted by the rows of each class."""
    return np.asarray((sizes / sizes.sum())[:, None] * _shares_of_rest(sizes))


def against_each(sizes: Integers) -> Weights:
    """One class against one other, mean over pairs (Hand & Till 2001)."""
    others = ~np.eye(sizes.size, dtype=np.bool_)
    return np.asarray(others / others.sum())


def against_each_weighted(sizes: Integers) -> Weights:
    """One class against one other, mean over pairs weighted by the rows of each pair."""
    both = np.where(np.eye(sizes.size, dtype=np.bool_), 0.0, sizes[:, None] + sizes[None, :])
    return np.asarray(both / both.sum())


def _shares_of_rest(sizes: Integers) -> Weights:
    rest = sizes.sum() - sizes
    return np.where(np.eye(sizes.size, dtype=np.bool_), 0.0, sizes[None, :] / rest[:, None])


MEANS: dict[str, Callable[[Integers], Weights]] = {
    "roc_auc_ovr_macro": against_rest,
    "roc_auc_ovr_weighted": against_rest_weighted,
    "roc_auc_ovo_macro": against_each,
    "roc_auc_ovo_weighted": against_each_weighted,
}


@dataclass(frozen=True)
class MeanArea:
    """A mean of areas in [0, 1], and its interval where there is one."""

    value: float
    interval: Interval | None


def mean_areas(labels: Integers, scores: Floats, level: float = 0.95) -> dict[str, MeanArea]:
    """Each of MEANS, from the position of each row's class and its finite scores [rows, classes].

    Every class must have rows. No interval where a class has fewer than FEWEST_ROWS rows, and where the areas have no
    spread, as with classes that are told apart without any error: that says nothing about uncertainty.
    """
    sizes = np.bincount(labels, minlength=scores.shape[1])
    weights = {name: weigh(sizes) for name, weigh in MEANS.items()}
    areas = np.zeros((sizes.size, sizes.size))
    added = {name: np.zeros(labels.size) for name in MEANS}
    for position in range(sizes.size):
        column = _Column.of(labels, scores[:, position], sizes)
        for other in range(sizes.size):
            if other == position:
                continue
            ahead = column.twice_ahead(position, of=other)
            behind = 2 * int(sizes[position]) - column.twice_ahead(other, of=position)
            areas[position, other] = int(ahead.sum()) / (2 * int(sizes[position]) * int(sizes[other]))
            for name, weigh in weights.items():
                weight = weigh[position, other] / 2.0
                added[name][column.rows[position]] += weight / int(sizes[other]) * ahead
                added[name][column.rows[other]] += weight / int(sizes[position]) * behind
    classes = [np.flatnonzero(labels == position) for position in range(sizes.size)]
    return {
        name: _of(
            math.fsum((weight * areas).ravel().tolist()),
            sum(_variance(added[name][rows]) for rows in classes),
            level,
        )
        for name, weight in weights.items()
    }


@dataclass(frozen=True, eq=False)
class _Column:
    """One score of all rows in rising order: of each class its rows, their places, and where those of their score are.

    `starts` and `ends` are the first place of the rows of the same score, and the first behind them.
    """

    rows: Sequence[Integers]
    places: Sequence[Integers]
    starts: Sequence[Integers]
    ends: Sequence[Integers]

    @classmethod
    def of(cls, labels: Integers, scores: Floats, sizes: Integers) -> _Column:
        """From one score per row."""
        order = np.argsort(scores, kind="stable")
        rising = scores[order]
        firsts = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
        lasts = np.append(firsts[1:], rising.size)
        repeated = lasts - firsts
        starts, ends = np.repeat(firsts, repeated), np.repeat(lasts, repeated)
        cuts = np.cumsum(sizes)[:-1]
        places = np.split(np.argsort(labels[order].astype(np.min_scalar_type(sizes.size)), kind="stable"), cuts)
        return cls(
            rows=[order[place] for place in places],
            places=places,
            starts=[starts[place] for place in places],
            ends=[ends[place] for place in places],
        )

    def twice_ahead(self, position: int, *, of: int) -> Integers:
        """Twice how many rows of one class each row of another is above, those of equal score counting as half."""
        found = np.searchsorted(self.places[of], self.starts[position])
        return np.asarray(found + np.searchsorted(self.places[of], self.ends[position]))


def _variance(added: Floats) -> float:
    return float(added.var(ddof=1)) / added.size if added.size >= FEWEST_ROWS else math.inf


def _of(value: float, variance: float, level: float) -> MeanArea:
    se = math.sqrt(variance)
    if not _ROUNDING < se < math.inf:
        return MeanArea(value, None)
    half = NormalDist().inv_cdf((1.0 + level) / 2.0) * se
    return MeanArea(value, Interval(max(0.0, value - half), min(1.0, value + half), level, METHOD))


__all__: Sequence[str] = ("MEANS", "MeanArea", "mean_areas")
