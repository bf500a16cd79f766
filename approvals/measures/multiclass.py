"""Performance of a prediction of one class out of several against the labels, with intervals. Judges nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from approvals.measures.class_scores import class_areas, class_score_measures, listed, read_scores
from approvals.measures.intervals import Statistic, bootstrap_statistics, wilson
from approvals.measures.labels import Value, in_order, same_value, value_text
from approvals.measures.performance import with_interval
from approvals.measures.scores import Floats
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Counts, Measure, not_computable

MAX_CLASSES = 100

Share = Fraction | None

_NO_ROWS = "no row has both a label and a prediction"
_PROPORTIONS = ("accuracy", "precision_micro", "recall_micro", "f1_micro", "recall_weighted")
_EMPTY = {
    "precision": "no row with a label is predicted to be of",
    "recall": "no row with a prediction is labelled with",
    "f1": "no row with both a label and a prediction has",
}


@dataclass(frozen=True)
class ClassConfusion:
    """Rows by label (outer) and prediction (inner), both in the order of `classes`; `left_out` lack one of the two.

    `classes` are the values of both columns as text, sorted; `actual` those of the label column. Both include
    values that occur only in rows left out, so that no class disappears unsaid.
    """

    classes: tuple[str, ...]
    actual: tuple[str, ...]
    cells: tuple[tuple[int, ...], ...]
    left_out: int = 0

    @property
    def n(self) -> int:
        """Rows with a label and a prediction."""
        return sum(self.support)

    @property
    def hits(self) -> tuple[int, ...]:
        """Rows of each class that are predicted so."""
        return tuple(row[i] for i, row in enumerate(self.cells))

    @property
    def support(self) -> tuple[int, ...]:
        """Rows labelled with each class."""
        return tuple(sum(row) for row in self.cells)

    @property
    def predicted(self) -> tuple[int, ...]:
        """Rows predicted to be of each class."""
        return tuple(sum(column) for column in zip(*self.cells, strict=True))

    @property
    def in_order(self) -> ClassConfusion:
        """The same, with classes that are numbers by size; draws of a bootstrap stay in the order of texts."""
        classes = tuple(in_order(self.classes))
        places = [self.classes.index(name) for name in classes]
        return replace(
            self, classes=classes, cells=tuple(tuple(self.cells[row][column] for column in places) for row in places)
        )

    @property
    def counts(self) -> Counts:
        """The sizes behind every measure of the confusion."""
        counts = (("classes", len(self.classes)), ("correct", sum(self.hits)))
        return (*counts, ("rows_left_out", self.left_out)) if self.left_out else counts


@dataclass(frozen=True)
class MulticlassPerformance:
    """The confusion, the measures of all classes together by name, and those of each class by class and name."""

    confusion: ClassConfusion
    overall: dict[str, Measure]
    by_class: dict[str, dict[str, Measure]]


def multiclass_performance(
    table: Table,
    *,
    label: str,
    prediction: str,
    scores: Mapping[str, str] | None = None,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> MulticlassPerformance:
    """Every measure of one predicted class per row; `scores` names the score column of each class, as text.

    Counts and agreement: see `confusion_measures`, overall and by class. With `scores`, roc_auc of each class and
    roc_auc_ovr_ and roc_auc_ovo_ as _macro and _weighted, log_loss and brier: see
    `class_scores.class_score_measures`. Rows without label or prediction (label or any score) are left out and
    counted. TableError for missing columns, score columns without numbers, more than MAX_CLASSES classes, and a
    class written in two ways (1 as label, true as prediction).
    """
    named = dict(scores or {})
    table.require(label, prediction, *named.values())
    cells = {(values[0], values[1]): rows for values, rows in table.counts(label, prediction).items()}
    confusion = read_classes(cells, label=label, prediction=prediction)
    overall, by_class = confusion_measures(confusion, level=level, draws=draws, seed=seed)
    if named:
        found = read_scores(table, label=label, columns=_of_classes(named, confusion.classes))
        overall |= class_score_measures(found, level=level)
        for name, area in class_areas(found, confusion.classes, level=level).items():
            by_class[name]["roc_auc"] = area
    return MulticlassPerformance(
        confusion=confusion,
        overall=overall,
        by_class={
            name: {key: replace(measure, slice=((label, name),)) for key, measure in measures.items()}
            for name, measures in by_class.items()
        },
    )


def read_classes(cells: Mapping[tuple[Value, Value], int], *, label: str, prediction: str) -> ClassConfusion:
    """The confusion from rows per (label, prediction), values that are written alike counted together.

    TableError for more than MAX_CLASSES classes, and when label and prediction write one class in two ways.
    """
    rows: Counter[tuple[str | None, str | None]] = Counter()
    for (actual_value, predicted_value), count in cells.items():
        rows[value_text(actual_value) or None, value_text(predicted_value) or None] += count
    actual = {pair[0] for pair in rows if pair[0] is not None}
    predicted = {pair[1] for pair in rows if pair[1] is not None}
    classes = sorted(actual | predicted)
    if len(classes) > MAX_CLASSES:
        raise TableError(
            f"The columns “{label}” and “{prediction}” have {len(classes)} different values together; "
            f"at most {MAX_CLASSES} classes can be compared."
        )
    for one in sorted(actual - predicted):
        for other in sorted(predicted - actual):
            if _means_the_same(one, other):
                raise TableError(
                    f"The columns “{label}” and “{prediction}” are not coded alike: "
                    f"{one} in the one and {other} in the other mean the same; write it the same way in both."
                )
    return ClassConfusion(
        classes=tuple(classes),
        actual=tuple(sorted(actual)),
        cells=tuple(tuple(rows[one, other] for other in classes) for one in classes),
        left_out=sum(count for pair, count in rows.items() if None in pair),
    )


def _of_classes(columns: Mapping[str, str], classes: Sequence[str]) -> dict[str, str]:
    """The score columns by class as the table writes it: 1.0 and 01 are its 1, True is its true."""
    found: dict[str, str] = {}
    for name, column in columns.items():
        meant = [one for one in classes if _means_the_same(one, name)] if name not in classes else []
        chosen = meant[0] if len(meant) == 1 else name
        if chosen in found:
            raise TableError(f"The class “{chosen}” is given two score columns; name one.")
        found[chosen] = column
    return found


def _means_the_same(one: str, other: str) -> bool:
    try:
        return same_value(one, other) or Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False


def confusion_measures(
    confusion: ClassConfusion, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[dict[str, Measure], dict[str, dict[str, Measure]]]:
    """The measures of all classes together, by name, and of each class, by class and name. n counts rows.

    Of each class: support (rows with the label), precision and recall in [0, 1] with Wilson intervals, and f1
    2 hits / (support + predicted) in [0, 1]. Together: n, rows_left_out, accuracy in [0, 1] (Wilson);
    balanced_accuracy, the mean recall of the classes in the label column, in [0, 1]; mcc in [-1, 1] (Gorodkin 2004);
    cohen_kappa in [-1, 1] (Cohen 1960); precision, recall and f1 as _macro (mean over all classes), _weighted (mean
    weighted by support) and _micro (over all rows), in [0, 1]. The micro ones and recall_weighted equal accuracy
    (Wilson); the others have a seeded percentile bootstrap of the cells, all on the same draws.
    Not computable: anything without rows; precision of a class never predicted, recall and f1 of one without rows,
    and every mean that needs one of them, where scikit-learn takes 0 or, in balanced accuracy, leaves the class out;
    balanced accuracy and mcc when the labels have one class, mcc also when the predictions have, kappa when both have
    the same one; scikit-learn answers that recall, 0 and NaN. A class without support does not enter weighted means.
    """
    n = confusion.n
    whole = {"n": n, "rows_left_out": confusion.left_out}
    overall = {name: Measure(name, count, n, method="count of rows") for name, count in whole.items()}
    shares = _shares(confusion)
    sizes = zip(confusion.hits, confusion.support, confusion.predicted, strict=True)
    by_class = {name: _of_class(name, n, part, level) for name, part in zip(confusion.classes, sizes, strict=True)}
    for name in _PROPORTIONS:
        overall[name] = _proportion(name, sum(confusion.hits), n, _NO_ROWS, level)
    points = _agreement(confusion, shares["recall"]) | _means(confusion, shares)
    computable = {name: statistic for name, statistic in _statistics(confusion).items() if points[name][0] is not None}
    cells = np.array(confusion.cells, dtype=np.int64).reshape(1, -1)
    intervals = bootstrap_statistics(cells, computable, draws=draws, seed=seed, level=level)
    for name, (value, words) in points.items():
        if value is None:
            reason = words if n else _NO_ROWS
            overall[name] = not_computable(name, f"Not computable: {reason}.", confusion.counts, n=n)
        else:
            overall[name] = with_interval(name, float(value), n, intervals[name], method=words, counts=confusion.counts)
    return overall, by_class


def _proportion(name: str, k: int, n: int, empty: str, level: float) -> Measure:
    counts: Counts = (("k", k), ("n", n))
    if not n:
        return not_computable(name, f"Not computable: {empty}.", counts, n=n)
    return with_interval(name, k / n, n, wilson(k, n, level), counts=counts)


def _of_class(name: str, n: int, sizes: tuple[int, int, int], level: float) -> dict[str, Measure]:
    hits, support, predicted = sizes
    behind: Counts = (("hits", hits), ("support", support), ("predicted", predicted))
    empty = {share: f"{words} {listed([name])}" for share, words in _EMPTY.items()}
    f1 = _fraction(2 * hits, support + predicted)
    return {
        "support": Measure("support", support, n, method="count of rows"),
        "precision": _proportion("precision", hits, predicted, empty["precision"], level),
        "recall": _proportion("recall", hits, support, empty["recall"], level),
        "f1": not_computable("f1", f"Not computable: {empty['f1']}.", behind, n=n)
        if f1 is None
        else with_interval("f1", float(f1), n, None, counts=behind),
    }


def _shares(confusion: ClassConfusion) -> dict[str, list[Share]]:
    parts = list(zip(confusion.hits, confusion.support, confusion.predicted, strict=True))
    return {
        "precision": [_fraction(hits, predicted) for hits, _, predicted in parts],
        "recall": [_fraction(hits, support) for hits, support, _ in parts],
        "f1": [_fraction(2 * hits, support + predicted) for hits, support, predicted in parts],
    }


def _fraction(above: int, below: int) -> Share:
    return Fraction(above, below) if below else None


Point = tuple[Fraction | float | None, str]
"""A value and how it is made, or None and why there is none."""


def _agreement(confusion: ClassConfusion, recall: Sequence[Share]) -> dict[str, Point]:
    n, hits = confusion.n, sum(confusion.hits)
    chance = sum(a * b for a, b in zip(confusion.support, confusion.predicted, strict=True))
    spreads = [n * n - sum(size * size for size in sizes) for sizes in (confusion.support, confusion.predicted)]
    kappa = _fraction(n * hits - chance, n * n - chance)
    found: dict[str, Point] = {
        "mcc": (None, "the labels or the predictions have only one class"),
        "cohen_kappa": (kappa, "labels and predictions are all of one and the same class" if kappa is None else ""),
    }
    if all(spreads):
        # The product is exact, so that full agreement is 1 and not a last digit beside it.
        found["mcc"] = ((n * hits - chance) / math.sqrt(spreads[0] * spreads[1]), "")
    if len(confusion.actual) <= 1:
        found["balanced_accuracy"] = (None, "the labels have only one class")
    else:
        among = {name: share for name, share in zip(confusion.classes, recall, strict=True) if name in confusion.actual}
        words = "mean recall of the classes in the label column"
        found["balanced_accuracy"] = _mean("recall", among, dict.fromkeys(among, 1), words)
    return found


def _means(confusion: ClassConfusion, shares: Mapping[str, Sequence[Share]]) -> dict[str, Point]:
    found: dict[str, Point] = {}
    for share, values in shares.items():
        named = dict(zip(confusion.classes, values, strict=True))
        support = dict(zip(confusion.classes, confusion.support, strict=True))
        found[f"{share}_macro"] = _mean(share, named, dict.fromkeys(named, 1), "mean over classes")
        if f"{share}_weighted" not in _PROPORTIONS:
            found[f"{share}_weighted"] = _mean(share, named, support, "mean over classes, weighted by support")
    return found


def _mean(share: str, values: Mapping[str, Share], weights: Mapping[str, int], words: str) -> Point:
    total, above = sum(weights.values()), Fraction(0)
    undefined = [name for name, value in values.items() if weights[name] and value is None]
    if undefined or not total:
        return None, f"{_EMPTY[share]} {listed(undefined)}"
    for name, value in values.items():
        above += weights[name] * (value or 0)
    return above / total, words


def _statistics(confusion: ClassConfusion) -> dict[str, Statistic]:
    """The measures that are drawn, from [draws, 1, cells]; NaN where a class that they need is not in a draw."""
    size = len(confusion.classes)
    actual = np.array([name in confusion.actual for name in confusion.classes], dtype=np.bool_)

    def parts(drawn: Floats) -> tuple[Floats, Floats, Floats]:
        cells = drawn.reshape(-1, size, size)
        hits: Floats = np.diagonal(cells, axis1=1, axis2=2)
        support: Floats = cells.sum(axis=2)
        predicted: Floats = cells.sum(axis=1)
        return hits, support, predicted

    def shares(drawn: Floats, share: str) -> Floats:
        hits, support, predicted = parts(drawn)
        below = {"precision": predicted, "recall": support, "f1": (support + predicted) / 2.0}[share]
        return _quotient(hits, below)

    def macro(share: str, among: NDArray[np.bool_]) -> Statistic:
        def statistic(drawn: Floats) -> Floats:
            mean: Floats = shares(drawn, share)[:, among].mean(axis=1)
            return mean

        return statistic

    def weighted(share: str) -> Statistic:
        def statistic(drawn: Floats) -> Floats:
            support = parts(drawn)[1]
            mean: Floats = np.where(support > 0, support * shares(drawn, share), 0.0).sum(axis=1) / support.sum(axis=1)
            return mean

        return statistic

    def mcc(drawn: Floats) -> Floats:
        hits, support, predicted = parts(drawn)
        n = support.sum(axis=1)
        spreads = [n * n - (sizes * sizes).sum(axis=1) for sizes in (support, predicted)]
        return _quotient(n * hits.sum(axis=1) - (support * predicted).sum(axis=1), np.sqrt(spreads[0] * spreads[1]))

    def kappa(drawn: Floats) -> Floats:
        hits, support, predicted = parts(drawn)
        n, chance = support.sum(axis=1), (support * predicted).sum(axis=1)
        return _quotient(n * hits.sum(axis=1) - chance, n * n - chance)

    found: dict[str, Statistic] = {"balanced_accuracy": macro("recall", actual), "mcc": mcc, "cohen_kappa": kappa}
    found |= {f"{share}_macro": macro(share, np.ones(size, dtype=np.bool_)) for share in _EMPTY}
    found |= {f"{share}_weighted": weighted(share) for share in ("precision", "f1")}
    return found


def _quotient(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)
