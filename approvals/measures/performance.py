"""Performance of a two-valued prediction and its score against the labels, with intervals. Judges nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from approvals.measures.agreement_intervals import (
    Cells,
    balanced_accuracy_interval,
    f1_interval,
    kappa_interval,
    mcc_interval,
)
from approvals.measures.exactness import Exactness, decided
from approvals.measures.histograms import METHOD, Bounds
from approvals.measures.intervals import (
    Interval,
    Statistic,
    delong,
    hanley_mcneil,
    logit_area,
    student_mean,
    wilson,
)
from approvals.measures.labels import Value, coded_alike, positive_level, same_value
from approvals.measures.score_bounds import ScoreBounds, bound_scores
from approvals.measures.scores import Floats, MeanLoss, Scores
from approvals.measures.tables import Table
from approvals.measures.values import Counts, Measure, Slice, bounded, not_computable


@dataclass(frozen=True)
class Confusion:
    """Rows by label and prediction; `left_out` have no label or no prediction."""

    tp: int
    fp: int
    fn: int
    tn: int
    left_out: int = 0

    @property
    def n(self) -> int:
        """Rows with a label and a prediction."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def counts(self) -> Counts:
        """The four cells and the rows left out, as a measure records them."""
        cells = (("tp", self.tp), ("fp", self.fp), ("fn", self.fn), ("tn", self.tn))
        return (*cells, ("rows_left_out", self.left_out)) if self.left_out else cells


@dataclass(frozen=True)
class Rate:
    """One proportion of a confusion: numerator, denominator and what an empty denominator means in words."""

    k: Callable[[Confusion], int]
    n: Callable[[Confusion], int]
    empty: str


RATES: dict[str, Rate] = {
    "accuracy": Rate(lambda c: c.tp + c.tn, lambda c: c.n, "there are no rows"),
    "precision": Rate(lambda c: c.tp, lambda c: c.tp + c.fp, "no row is predicted positive"),
    "recall": Rate(lambda c: c.tp, lambda c: c.tp + c.fn, "no row is actually positive"),
    "specificity": Rate(lambda c: c.tn, lambda c: c.tn + c.fp, "no row is actually negative"),
    "fpr": Rate(lambda c: c.fp, lambda c: c.tn + c.fp, "no row is actually negative"),
    "fnr": Rate(lambda c: c.fn, lambda c: c.tp + c.fn, "no row is actually positive"),
    "npv": Rate(lambda c: c.tn, lambda c: c.tn + c.fn, "no row is predicted negative"),
    "prevalence": Rate(lambda c: c.tp + c.fn, lambda c: c.n, "there are no rows"),
    "selection_rate": Rate(lambda c: c.tp + c.fp, lambda c: c.n, "there are no rows"),
}
"""Proportions of the four cells: accuracy (tp+tn)/n, precision tp/(tp+fp), recall = TPR tp/(tp+fn), specificity = TNR
tn/(tn+fp), fpr fp/(tn+fp), fnr fn/(tp+fn), npv tn/(tn+fn), prevalence (tp+fn)/n, selection rate (tp+fp)/n."""


def rate_measure(
    name: str,
    confusion: Confusion,
    rate: Rate,
    *,
    level: float = 0.95,
    slice: Slice = (),  # noqa: A002 - the name of the field
) -> Measure:
    """One proportion in [0, 1] with its Wilson interval; not computable when its denominator is empty."""
    k, n = rate.k(confusion), rate.n(confusion)
    interval = wilson(k, n, level)
    if interval is None:
        return not_computable(name, f"Not computable: {rate.empty}.", confusion.counts, n=n, slice=slice)
    return with_interval(name, k / n, n, interval, counts=(("k", k), ("n", n)), slice=slice)


def with_interval(
    name: str,
    value: float,
    n: int,
    interval: Interval | None,
    *,
    method: str = "",
    counts: Counts = (),
    slice: Slice = (),  # noqa: A002 - the name of the field
) -> Measure:
    """A measure with an interval where there is one; `method` says how the value itself is defined."""
    if interval is None:
        said = f"{method}; no interval" if method else "no interval"
        return Measure(name, value, n, method=said, slice=slice, counts=counts)
    said = f"{method}; {interval.method}" if method else interval.method
    return Measure(name, value, n, interval.low, interval.high, said, interval.level, slice, counts=counts)


def read_confusion(
    cells: Mapping[tuple[Value, Value], int], *, label: str, prediction: str, positive: Value
) -> Confusion:
    """The confusion from rows per (label, prediction); TableError unless both columns are two-valued."""
    wanted_label = positive_level(label, {pair[0] for pair in cells}, positive)
    wanted_prediction = positive_level(prediction, {pair[1] for pair in cells}, positive)
    coded_alike(label, {pair[0] for pair in cells}, prediction, {pair[1] for pair in cells})
    found = {"tp": 0, "fp": 0, "fn": 0, "tn": 0, "left_out": 0}
    for (actual, predicted), rows in cells.items():
        if actual is None or predicted is None:
            found["left_out"] += rows
            continue
        is_called = same_value(predicted, wanted_prediction)
        if same_value(actual, wanted_label):
            found["tp" if is_called else "fn"] += rows
        else:
            found["fp" if is_called else "tn"] += rows
    return Confusion(**found)


def binary_performance(
    table: Table,
    *,
    label: str,
    prediction: str,
    score: str | None = None,
    positive: Value = 1,
    level: float = 0.95,
) -> dict[str, Measure]:
    """Every measure of one two-valued prediction, keyed by name; shares and areas are in [0, 1], n counts rows.

    Counts n, rows_left_out, tn, fp, fn, tp; the RATES with Wilson intervals; balanced_accuracy (recall +
    specificity)/2, f1, mcc (Matthews 1975) and cohen_kappa (Cohen 1960) with the intervals of `agreement_intervals`.
    With a score: roc_auc (Mann-Whitney, DeLong interval), gini 2 AUC - 1, average_precision (step) and
    pr_auc_trapezoid with logit intervals (Boyd, Eng & Page 2013), ks max|TPR - FPR|, log_loss (natural, clipped at
    float64 eps) and brier with Student's intervals.
    Rows without label or prediction (score) are left out and counted. Empty denominators, one-class labels and
    scores outside [0, 1] (log loss, Brier) are not computable. TableError for missing or not two-valued columns.
    """
    table.require(label, prediction, *([score] if score else []))
    cells = {(values[0], values[1]): rows for values, rows in table.counts(label, prediction).items()}
    confusion = read_confusion(cells, label=label, prediction=prediction, positive=positive)
    measures = confusion_measures(confusion, level=level)
    if score:
        measures |= score_measures(table.scores(score, label, positive=positive), level=level)
    return measures


def scored_performance(
    table: Table, *, label: str, score: str, exactness: Exactness, positive: Value = 1, level: float = 0.95
) -> dict[str, Measure]:
    """What `binary_performance` says of a score, computed or bounded."""
    if table.rows > exactness.rows:
        found = bounded_scores(bound_scores(table, score, label, positive=positive), level=level)
        if found is not None and decided(found, exactness.limits):
            return found
    return score_measures(table.scores(score, label, positive=positive), level=level)


def bounded_scores(found: ScoreBounds | None, *, level: float = 0.95) -> dict[str, Measure] | None:
    """What is known of the measures of a score without sorting it, keyed by name; None where nothing is.

    The interval of the AUC is that of Hanley & McNeil around both ends. The trapezoid under precision is not among
    them.
    """
    if found is None:
        return None
    n = found.positives + found.negatives
    behind: Counts = (("positives", found.positives), ("negatives", found.negatives))
    if found.left_out:
        behind = (*behind, ("rows_left_out", found.left_out))
    low, high = (hanley_mcneil(area, found.positives, found.negatives, level) for area in found.roc_auc)
    around = (low.low, high.high, level)
    sampled = f"{METHOD}; {low.method} of both ends"
    areas = {
        "roc_auc": bounded("roc_auc", found.roc_auc, n=n, method=sampled, interval=around, counts=behind),
        "gini": bounded(
            "gini",
            found.gini,
            n=n,
            method=sampled,
            interval=(2.0 * around[0] - 1.0, 2.0 * around[1] - 1.0, level),
            counts=behind,
        ),
    }
    others: dict[str, Bounds | None] = {
        "ks": found.ks,
        "log_loss": found.log_loss,
        "brier": found.brier,
    }
    areas["average_precision"] = _bounded_precision(found, level, n=n, counts=behind)
    outside = "Not computable: some scores are outside 0 to 1, so they are no probabilities."
    return areas | {
        name: bounded(name, bounds, n=n, method=METHOD, counts=behind)
        if bounds
        else not_computable(name, outside, behind, n=n)
        for name, bounds in others.items()
    }


def _bounded_precision(found: ScoreBounds, level: float, *, n: int, counts: Counts) -> Measure:
    bounds = found.average_precision
    low, high = (logit_area(area, found.positives, level) for area in bounds)
    if low is None or high is None:
        return bounded("average_precision", bounds, n=n, method=METHOD, counts=counts)
    around = (low.low, high.high, level)
    words = f"{METHOD}; {low.method} of both ends"
    return bounded("average_precision", bounds, n=n, method=words, interval=around, counts=counts)


def confusion_measures(confusion: Confusion, *, level: float = 0.95) -> dict[str, Measure]:
    """The counts, rates and agreement measures of one confusion, keyed by name; see `binary_performance`."""
    whole = {
        "n": confusion.n,
        "rows_left_out": confusion.left_out,
        "tn": confusion.tn,
        "fp": confusion.fp,
        "fn": confusion.fn,
        "tp": confusion.tp,
    }
    measures = {name: Measure(name, count, confusion.n, method="count of rows") for name, count in whole.items()}
    for name, rate in RATES.items():
        measures[name] = rate_measure(name, confusion, rate, level=level)
    cells = np.array([[confusion.tp, confusion.fp, confusion.fn, confusion.tn]], dtype=np.int64)
    for name, (statistic, interval, reason) in _AGREEMENT.items():
        value = float(statistic(cells[None, :, :].astype(np.float64))[0])
        if not math.isfinite(value):
            measures[name] = not_computable(name, f"Not computable: {reason}.", confusion.counts, n=confusion.n)
            continue
        measures[name] = with_interval(name, value, confusion.n, interval(confusion, level), counts=confusion.counts)
    return measures


def _quotient(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)


def _balanced_accuracy(cells: Floats) -> Floats:
    tp, fp, fn, tn = (cells[:, 0, i] for i in range(4))
    positives, negatives = tp + fn, tn + fp
    # One quotient of whole numbers: the half of two rounded rates, 0.6 and 0.76, is less than 0.68.
    return _quotient(tp * negatives + tn * positives, 2.0 * positives * negatives)


def _f1(cells: Floats) -> Floats:
    tp, fp, fn, _ = (cells[:, 0, i] for i in range(4))
    return _quotient(2.0 * tp, 2.0 * tp + fp + fn)


def _mcc(cells: Floats) -> Floats:
    tp, fp, fn, tn = (cells[:, 0, i] for i in range(4))
    # One root of the whole product, cut to what a correlation can be: two rounded roots miss -1 and 1.
    below = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.clip(_quotient(tp * tn - fp * fn, below), -1.0, 1.0)


def _kappa(cells: Floats) -> Floats:
    tp, fp, fn, tn = (cells[:, 0, i] for i in range(4))
    n = tp + fp + fn + tn
    chance = (tp + fp) * (tp + fn) + (tn + fp) * (tn + fn)
    return _quotient(n * (tp + tn) - chance, n * n - chance)


_AGREEMENT: dict[str, tuple[Statistic, Callable[[Cells, float], Interval | None], str]] = {
    "balanced_accuracy": (_balanced_accuracy, balanced_accuracy_interval, "the labels have only one class"),
    "f1": (_f1, f1_interval, "no row is positive, neither actually nor predicted"),
    "mcc": (_mcc, mcc_interval, "the labels or the predictions have only one class"),
    "cohen_kappa": (_kappa, kappa_interval, "labels and predictions are all of one and the same class"),
}


_UNDER_PRECISION = ("average_precision", "pr_auc_trapezoid")


def score_measures(counts: Scores, *, level: float = 0.95) -> dict[str, Measure]:
    """The rank and probability measures of one score, keyed by name; see `binary_performance`."""
    classes = (("positives", counts.positive_rows), ("negatives", counts.negative_rows))
    behind: Counts = (*classes, ("distinct_scores", counts.ranks.distinct))
    if counts.left_out:
        behind = (*behind, ("rows_left_out", counts.left_out))
    measures = _areas(counts, behind, level)
    lacks = "no row is actually positive" if not counts.positive_rows else "no row is actually negative"
    ranks = counts.ranks
    unbounded = {
        "average_precision": (ranks.average_precision, "sum of recall steps times precision"),
        "pr_auc_trapezoid": (ranks.pr_trapezoid, "trapezoid under precision over recall"),
        "ks": (ranks.ks, "largest |TPR - FPR|"),
    }
    for name, (value, method) in unbounded.items():
        if value is None:
            measures[name] = not_computable(name, f"Not computable: {lacks}.", behind, n=counts.n)
        else:
            interval = logit_area(value, counts.positive_rows, level) if name in _UNDER_PRECISION else None
            measures[name] = with_interval(name, value, counts.n, interval, method=method, counts=behind)
    losses = {"log_loss": ranks.log_loss, "brier": ranks.brier}
    for name, loss in losses.items():
        measures[name] = loss_measure(name, loss, counts, level=level, counts=behind)
    return measures


def _areas(counts: Scores, behind: Counts, level: float) -> dict[str, Measure]:
    auc = counts.ranks.roc_auc
    if auc is None:
        reason = "Not computable: the labels of the rows with a score have only one class."
        return {name: not_computable(name, reason, behind, n=counts.n) for name in ("roc_auc", "gini")}
    method = "Mann-Whitney, ties one half"
    if counts.ranks.distinct == 1:
        method = f"{method}; every score is the same, so the score separates nothing"
    found = delong(counts, level)
    interval = found.interval if found else None
    doubled = interval and Interval(2 * interval.low - 1, 2 * interval.high - 1, level, interval.method)
    return {
        "roc_auc": with_interval("roc_auc", auc, counts.n, interval, method=method, counts=behind),
        "gini": with_interval("gini", 2 * auc - 1, counts.n, doubled, method=f"2 AUC - 1; {method}", counts=behind),
    }


_LOSSES = {
    "log_loss": "mean -ln of the probability of the label, kept 2.2e-16 from 0",
    "brier": "mean squared difference of score and label",
}


def loss_measure(
    name: str, loss: MeanLoss | None, scored: Scores, *, level: float = 0.95, counts: Counts = ()
) -> Measure:
    """A mean loss per row with Student's interval; not computable without rows or with scores outside [0, 1]."""
    if loss is None:
        reason = "some scores are outside 0 to 1, so they are no probabilities" if scored.n else "no row has a score"
        return not_computable(name, f"Not computable: {reason}.", counts, n=scored.n)
    interval = student_mean(loss.mean, loss.variance, loss.n, level, lowest=0.0)
    return with_interval(name, loss.mean, loss.n, interval, method=_LOSSES[name], counts=counts)
