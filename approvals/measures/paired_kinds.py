"""Two predictions of one class out of several, or of a number, on the same rows: is one better? Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from approvals.measures.intervals import Interval, bootstrap, bootstrap_statistics
from approvals.measures.labels import Value, value_text
from approvals.measures.paired import NO_ROWS, accuracy_from_counts
from approvals.measures.performance import with_interval
from approvals.measures.ranges import FINITE
from approvals.measures.scores import Floats
from approvals.measures.tables import Table
from approvals.measures.values import Counts, Measure, not_computable

MOST_UNITS = 5_000
"""Rows beyond these are drawn in so many groups of rows, each put together at random: the bootstrap stays as cheap."""
FEWEST_ROWS = 10
"""Fewer rows have no bootstrap interval: of two that happen to agree it would be sure of what is chance in four."""
OF_NUMBERS = ("mae_difference", "rmse_difference", "mae_ratio")


def class_differences(
    cells: Mapping[tuple[Value, Value, Value], int], *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> dict[str, Measure]:
    """Differences of two predictions of classes, first minus second, from rows per (label, first, second).

    accuracy_difference and mcnemar_p as `paired.accuracy_difference`; f1_macro_difference: macro F1 of the first minus
    that of the second, each over the classes that are a label or its own prediction, in [-1, 1], with a seeded
    percentile bootstrap of the cells, not of fewer than FEWEST_ROWS rows. Rows without one of the three are left out.
    Not computable without rows.
    """
    known = {
        (label, one, other): rows
        for (label, one, other), rows in _written(cells).items()
        if label is not None and one is not None and other is not None
    }
    n = sum(known.values())
    right = [
        sum(rows for (label, one, other), rows in known.items() if ((label == one), (label == other)) == wanted)
        for wanted in ((True, False), (False, True), (True, True))
    ]
    difference, p = accuracy_from_counts(right[0], right[1], right[2], n, level=level)
    found = {"accuracy_difference": difference, "mcnemar_p": p}
    counts: Counts = (("classes", len({label for label, _, _ in known})), ("rows", n))
    if not n:
        return found | {"f1_macro_difference": not_computable("f1_macro_difference", NO_ROWS, counts, n=0)}
    keys, sizes = list(known), np.array([list(known.values())], dtype=np.int64)
    first, second = _macro(keys, 1), _macro(keys, 2)

    def gap(drawn: Floats) -> Floats:
        flat = drawn.reshape(len(drawn), -1)
        return _f1(flat, first) - _f1(flat, second)

    interval = bootstrap_statistics(sizes, {"f1": gap}, draws=draws, seed=seed, level=level)["f1"]
    interval = interval if n >= FEWEST_ROWS else None
    value = float(gap(sizes[None, :, :].astype(np.float64))[0])
    method = "F1 score, mean over classes"
    return found | {
        "f1_macro_difference": with_interval("f1_macro_difference", value, n, interval, method=method, counts=counts)
    }


def _written(
    cells: Mapping[tuple[Value, Value, Value], int],
) -> dict[tuple[str | None, str | None, str | None], int]:
    """The cells by texts, values that are written alike counted together."""
    found: dict[tuple[str | None, str | None, str | None], int] = {}
    for (label, one, other), rows in cells.items():
        key = (value_text(label) or None, value_text(one) or None, value_text(other) or None)
        found[key] = found.get(key, 0) + rows
    return found


def _macro(keys: list[tuple[str, str, str]], place: int) -> tuple[Floats, Floats]:
    """Of each cell and class: whether it is a hit, and how often it counts as label or prediction of the class."""
    classes = sorted({key[0] for key in keys} | {key[place] for key in keys})
    hits = np.array([[float(key[0] == name == key[place]) for name in classes] for key in keys])
    sizes = np.array([[float(key[0] == name) + float(key[place] == name) for name in classes] for key in keys])
    return hits, sizes


def _f1(flat: Floats, parts: tuple[Floats, Floats]) -> Floats:
    """Macro F1 of each draw; NaN where a class is not in it."""
    above, below = 2.0 * (flat @ parts[0]), flat @ parts[1]
    mean: Floats = np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0).mean(axis=1)
    return mean


def number_differences(
    labels: Floats, first: Floats, second: Floats, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> dict[str, Measure]:
    """Errors of the first prediction of numbers minus those of the second, below 0 where the first is better.

    mae_difference and rmse_difference in the unit of the label; mae_ratio: the mean absolute error of the first as a
    multiple of that of the second. Intervals by a seeded, paired percentile bootstrap of rows; of more than MOST_UNITS
    rows it draws groups of rows that were put together at random with the same seed, so that only their sums are held.
    Fewer than FEWEST_ROWS rows have no interval. Rows without all three finite numbers are left out. Not computable
    without rows; the ratio where the second never errs.
    """
    known = np.isfinite(labels) & np.isfinite(first) & np.isfinite(second)
    units = _Units(int(known.sum()), seed)
    units.add(labels[known], first[known], second[known])
    return _of_units(units, level=level, draws=draws, seed=seed)


def table_differences(
    table: Table, label: str, first: str, second: str, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> dict[str, Measure]:
    """`number_differences` of columns of a table, of whose rows only a piece is in memory where the engine allows it.

    Each keeps the number of its group, 2 bytes. TableError for columns that do not hold numbers.
    """
    for name in (label, first, second):
        table.require_numbers(name)
    cells = [f"CAST({table.cell(name)} AS DOUBLE)" for name in (label, first, second)]
    finite = " AND ".join(f"({FINITE.replace('x', cell, 1)})" for cell in cells)
    rows = f"FROM t WHERE {finite}"
    units = _Units(int(table.fetch(f"SELECT COUNT(*) {rows}")[0][0]), seed)
    named = (f"{cell} AS {name}" for cell, name in zip(cells, ("y", "a", "b"), strict=True))
    table.each_piece(f"SELECT {', '.join(named)} {rows}", units.add)
    return _of_units(units, level=level, draws=draws, seed=seed)


def _of_units(units: _Units, *, level: float, draws: int, seed: int) -> dict[str, Measure]:
    n = units.n
    if not n:
        return {name: not_computable(name, NO_ROWS, n=0) for name in OF_NUMBERS}
    sums = units.sums()
    with np.errstate(over="ignore", invalid="ignore"):
        values = _differences(sums.sum(axis=0, keepdims=True))
    if not np.isfinite(sums).all():
        reason = "Not computable: the numbers are beyond the range of 64-bit floating point."
        return {name: not_computable(name, reason, n=n) for name in OF_NUMBERS}

    def evaluate(drawn: Floats) -> dict[str, Floats]:
        return _differences(drawn.reshape(len(drawn), -1) @ sums)

    ones = np.ones((1, len(sums)), dtype=np.int64)
    intervals = bootstrap(ones, evaluate, draws=draws, seed=seed, level=level) if n >= FEWEST_ROWS else {}
    rows = "rows" if n <= MOST_UNITS else f"{len(sums):,} groups of rows"
    found = {}
    for name in OF_NUMBERS:
        value = float(values[name][0])
        if not np.isfinite(value):
            reason = "Not computable: the mean absolute error of the model in use is 0."
            found[name] = not_computable(name, reason, n=n)
        else:
            found[name] = with_interval(name, value, n, _said(intervals.get(name), rows, draws, seed))
    return found


class _Units:
    """Rows and sums of |error| and error² of both predictions, for each unit that is drawn, row after row.

    A sum has the same bits in whatever pieces the rows come.
    """

    def __init__(self, n: int, seed: int) -> None:
        """Of so many rows; beyond MOST_UNITS a unit is a group of them."""
        self.n = n
        self._added = 0
        self._sums = np.zeros((5, min(n, MOST_UNITS)))
        if n <= MOST_UNITS:
            self._groups = np.arange(n, dtype=np.uint16)
        else:
            self._groups = _dealt(n)
            np.random.default_rng((seed, 1)).shuffle(self._groups)

    def add(self, labels: Floats, first: Floats, second: Floats) -> None:
        """The next rows, all numbers finite."""
        groups = self._groups[self._added : self._added + labels.size]
        with np.errstate(over="ignore", invalid="ignore"):
            one, other = np.abs(first - labels), np.abs(second - labels)
            for sums, part in zip(self._sums, (np.ones(labels.size), one, other, one**2, other**2), strict=True):
                np.add.at(sums, groups, part)
        self._added += labels.size

    def sums(self) -> Floats:
        """[units, 5]."""
        return np.ascontiguousarray(self._sums.T)


def _dealt(n: int) -> NDArray[np.uint16]:
    """Rows dealt to the groups in turn, as 0, 1, …, 0, 1, …; two bytes each."""
    whole = np.tile(np.arange(MOST_UNITS, dtype=np.uint16), -(-n // MOST_UNITS))
    return whole[:n]


def _said(interval: Interval | None, rows: str, draws: int, seed: int) -> Interval | None:
    words = f"paired percentile bootstrap of {rows}, {draws} draws, seed {seed}"
    return None if interval is None else replace(interval, method=words)


def _differences(totals: Floats) -> dict[str, Floats]:
    """The three differences from totals [draws, 5]."""
    means = totals[:, 1:] / totals[:, :1]
    ratio = np.divide(means[:, 0], means[:, 1], out=np.full(len(means), np.nan), where=means[:, 1] > 0)
    return {
        "mae_difference": means[:, 0] - means[:, 1],
        "rmse_difference": np.sqrt(means[:, 2]) - np.sqrt(means[:, 3]),
        "mae_ratio": ratio,
    }
