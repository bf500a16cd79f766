"""Intervals of F1, balanced accuracy, MCC and kappa from the four cells of one prediction, by formulas. Judges nothing.

The percentile bootstrap of the cells, which they replace, misses where few rows are of a class: of 60 rows, a tenth of
them positive, the lower end of balanced accuracy was above the truth in 37 % instead of 2.5 (of 30 in 29 %), and where
a class is missing from one draw of twenty there was none at all (47 % of tables of 30 rows). These miss at the lower
end in at most 4.6 %, at the upper end in at most 6.7 % (MCC and kappa of 30 rows with 3 positives 8.6 and 10.1), at 60
rows and more in both ends together in 4.3 to 8.4 %; simulated, 4,000 tables each of 30 to 300 rows, half or a tenth of
them positive, sensitivity 0.6 or 0.9, specificity 0.8 or 0.95.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Protocol

from approvals.measures.intervals import Interval, wilson


class Cells(Protocol):
    """Rows that are truly and falsely called positive and negative."""

    @property
    def tp(self) -> int: ...
    @property
    def fp(self) -> int: ...
    @property
    def fn(self) -> int: ...
    @property
    def tn(self) -> int: ...


_Four = tuple[float, float, float, float]
_ADDED = 0.5
"""Rows more in each cell where a standard error is taken, so that an empty cell is no certainty (Haldane 1956)."""


def f1_interval(cells: Cells, level: float) -> Interval | None:
    """Wilson's indirect interval (Lam, Gopal & Qian 2023, arXiv 2309.14621).

    F1 is 2 s / (1 + s), where s is the share of true positives among the rows that are positive, truly or as called: a
    proportion, given how many these are. Undefined without any.
    """
    share = wilson(cells.tp, cells.tp + cells.fp + cells.fn, level)
    if share is None:
        return None
    low, high = (2.0 * end / (1.0 + end) for end in (share.low, share.high))
    return Interval(low, high, level, "Wilson interval, indirect")


def balanced_accuracy_interval(cells: Cells, level: float) -> Interval | None:
    """Of the mean of two proportions, from Wilson's of each (Zou & Donner 2008, as Newcombe's of a difference).

    Undefined without rows of a class.
    """
    positives, negatives = cells.tp + cells.fn, cells.tn + cells.fp
    recall, specificity = wilson(cells.tp, positives, level), wilson(cells.tn, negatives, level)
    if recall is None or specificity is None:
        return None
    shares = cells.tp / positives, cells.tn / negatives
    middle = (shares[0] + shares[1]) / 2.0
    below = math.hypot(shares[0] - recall.low, shares[1] - specificity.low) / 2.0
    above = math.hypot(recall.high - shares[0], specificity.high - shares[1]) / 2.0
    return Interval(middle - below, middle + above, level, "hybrid score interval of both rates")


def mcc_interval(cells: Cells, level: float) -> Interval | None:
    """Fisher's z with the standard error by the delta method (Itaya et al. 2024, arXiv 2405.12622).

    Undefined where labels or predictions have one class.
    """
    tp, fp, fn, tn = four = _four(cells, 0.0)
    if not (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn):
        return None
    return _by_fisher(_mcc(four), _mcc(_four(cells, _ADDED)), _mcc_variance(_four(cells, _ADDED)), level)


def kappa_interval(cells: Cells, level: float) -> Interval | None:
    """Fisher's z with the standard error of Fleiss, Cohen & Everitt (1969), the delta method.

    Undefined where labels and predictions are all of one class.
    """
    tp, fp, fn, tn = four = _four(cells, 0.0)
    n = tp + fp + fn + tn
    if (tp + fp) * (tp + fn) + (tn + fp) * (tn + fn) >= n * n:
        return None
    added = _four(cells, _ADDED)
    return _by_fisher(_kappa(four), _kappa(added), _kappa_variance(added), level)


def _four(cells: Cells, added: float) -> _Four:
    return cells.tp + added, cells.fp + added, cells.fn + added, cells.tn + added


def _by_fisher(value: float, added: float, variance: float, level: float) -> Interval:
    """An interval on the scale of Fisher's z; of a value of 1 or -1, which has none there, around that of `added`."""
    half = NormalDist().inv_cdf((1.0 + level) / 2.0) * math.sqrt(variance) / (1.0 - added**2)
    is_end = abs(value) >= 1.0
    middle = math.atanh(added if is_end else value)
    low, high = math.tanh(middle - half), math.tanh(middle + half)
    return Interval(min(low, value), max(high, value), level, "Fisher z interval by the delta method")


def _mcc(cells: _Four) -> float:
    tp, fp, fn, tn = cells
    return (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def _mcc_variance(cells: _Four) -> float:
    """The sum over cells of their rows times the squared slope; slopes add up to nothing over the rows."""
    tp, fp, fn, tn = cells
    called, rest, positives, negatives = tp + fp, fn + tn, tp + fn, fp + tn
    root, half = math.sqrt(called * rest * positives * negatives), _mcc(cells) / 2.0
    slopes = (
        tn / root - half * (1.0 / called + 1.0 / positives),
        -fn / root - half * (1.0 / called + 1.0 / negatives),
        -fp / root - half * (1.0 / rest + 1.0 / positives),
        tp / root - half * (1.0 / rest + 1.0 / negatives),
    )
    return math.fsum(rows * slope**2 for rows, slope in zip(cells, slopes, strict=True))


def _kappa(cells: _Four) -> float:
    tp, fp, fn, tn = cells
    n = math.fsum(cells)
    chance = (tp + fp) * (tp + fn) + (tn + fp) * (tn + fn)
    return (n * (tp + tn) - chance) / (n * n - chance)


def _kappa_variance(cells: _Four) -> float:
    n = math.fsum(cells)
    tp, fp, fn, tn = (rows / n for rows in cells)
    called, rest, positives, negatives = tp + fp, fn + tn, tp + fn, fp + tn
    chance, kappa = called * positives + rest * negatives, _kappa(cells)
    same = tp * (1.0 - (called + positives) * (1.0 - kappa)) ** 2 + tn * (1.0 - (rest + negatives) * (1.0 - kappa)) ** 2
    other = (1.0 - kappa) ** 2 * (fp * (positives + rest) ** 2 + fn * (negatives + called) ** 2)
    return (same + other - (kappa - chance * (1.0 - kappa)) ** 2) / (n * (1.0 - chance) ** 2)
