"""What is measured of windows of time where the rows do not fit into memory. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from approvals.checks._evaluation import BINARY, MULTICLASS, REGRESSION, Declaration
from approvals.checks._room import require_room
from approvals.measures.intervals import delong, wilson
from approvals.measures.labels import Value, coded_alike, positive_level, same_value, value_text
from approvals.measures.multiclass import read_classes
from approvals.measures.performance import with_interval
from approvals.measures.rows import mean_measure
from approvals.measures.scores import Scores, roc_auc
from approvals.measures.tables import Table
from approvals.measures.time_windows import TimedRows, TimeWindow, spans_in_words, timed_classes, timed_numbers
from approvals.measures.values import Measure, not_computable

ACCURACY, AUC, ERROR = "accuracy", "ROC AUC", "mean absolute error"
BYTES_PER_ERROR = 60  # of one window at a time


@dataclass(frozen=True)
class Windows:
    """Windows of time in their order: from when to when, rows in each, and by name what was measured in each."""

    spans: Sequence[str]
    sizes: Sequence[int]
    series: Mapping[str, Sequence[Measure]]


def counted_windows(table: Table, declared: Declaration, *, time: str, windows: int, level: float) -> Windows:
    """The windows, from rows per moment. TableError for more moments than can be counted."""
    return _COUNTED[declared.kind](table, declared, time, windows, level)


def accuracy(k: int, n: int, level: float) -> Measure:
    """The share of right predictions."""
    return with_interval(ACCURACY, k / n, n, wilson(k, n, level), counts=(("k", k), ("n", n)))


def area(scores: Scores | None, n: int, level: float) -> Measure:
    """The ROC AUC of so many rows; None where no score is declared."""
    if scores is None:
        return not_computable(AUC, "Not computable: no score column was declared.", n=n)
    value, tested = roc_auc(scores), delong(scores, level)
    if value is None:
        return not_computable(AUC, "Not computable: a window has labels of one class only.", n=n)
    return with_interval(AUC, value, scores.n, tested.interval if tested else None)


def _two_values(table: Table, declared: Declaration, time: str, windows: int, level: float) -> Windows:
    label, prediction, score = declared.label, declared.prediction, declared.score or None
    levels = table.levels(label), table.levels(prediction)
    coded_alike(label, levels[0], prediction, levels[1])
    actual, called = positive_level(label, levels[0], 1), positive_level(prediction, levels[1], 1)
    found = timed_classes(table, time, label=label, prediction=prediction, score=score, windows=windows)
    right = _right(found, lambda pair: same_value(pair[0], actual) == same_value(pair[1], called))
    areas = [
        area(found.scores(one, score, label, positive=1) if score else None, one.n, level) for one in found.windows
    ]
    return _windows(found, {ACCURACY: [accuracy(k, n, level) for k, n in right], AUC: areas})


def _classes(table: Table, declared: Declaration, time: str, windows: int, level: float) -> Windows:
    label, prediction = declared.label, declared.prediction
    pairs = {(key[0], key[1]): rows for key, rows in table.counts(label, prediction).items()}
    read_classes(pairs, label=label, prediction=prediction)
    found = timed_classes(table, time, label=label, prediction=prediction, windows=windows)
    right = _right(found, lambda pair: value_text(pair[0]) == value_text(pair[1]))
    return _windows(found, {ACCURACY: [accuracy(k, n, level) for k, n in right]})


def _numbers(table: Table, declared: Declaration, time: str, windows: int, level: float) -> Windows:
    found = timed_numbers(table, time, label=declared.label, prediction=declared.prediction, windows=windows)
    largest = max((window.n for window in found.windows), default=0)
    require_room(table, BYTES_PER_ERROR, why="The spread of errors in a window of time", rows=largest)

    def errors(window: TimeWindow) -> Measure:
        labels = found.numbers(window, declared.label)
        with np.errstate(invalid="ignore", over="ignore"):
            sizes = np.abs(found.numbers(window, declared.prediction) - labels)
        return mean_measure(ERROR, sizes, level=level, lowest=0.0)

    return _windows(found, {ERROR: [errors(window) for window in found.windows]})


_COUNTED: Mapping[str, Callable[[Table, Declaration, str, int, float], Windows]] = {
    BINARY: _two_values,
    MULTICLASS: _classes,
    REGRESSION: _numbers,
}


def _right(found: TimedRows, is_right: Callable[[tuple[Value, Value]], bool]) -> list[tuple[int, int]]:
    return [(sum(rows for pair, rows in window.pairs.items() if is_right(pair)), window.n) for window in found.windows]


def _windows(found: TimedRows, series: Mapping[str, Sequence[Measure]]) -> Windows:
    spans = spans_in_words((one.first, one.last) for one in found.windows)
    return Windows(spans, [one.n for one in found.windows], series)
