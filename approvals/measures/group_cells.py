"""Counts of right and wrong predictions by group: of two values, or of one class of several against the rest."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from approvals.measures.labels import UNKNOWN, Value, coded_alike, group_text, positive_level, same_value, value_text
from approvals.measures.multiclass import read_classes
from approvals.measures.performance import Confusion
from approvals.measures.tables import Table, TableError

MAX_LEVELS = 100
MAX_GROUPS = 20_000

Key = tuple[str, ...]
Cells = Mapping[tuple[Value, ...], int]
"""Rows per combination of group values, label and prediction."""
Confusions = Mapping[Key, Sequence[int]]
"""The cells (tp, fp, fn, tn, left out) of every group that has rows."""
Means = Callable[[Value], bool]

EMPTY = Confusion(0, 0, 0, 0)
_SHOWN = 5


def read_groups(
    table: Table, wanted: Sequence[Key], columns: Sequence[str], label: str, prediction: str
) -> Iterator[tuple[Key, Cells]]:
    """Cells per group, label and prediction of each comparison, from one reading of the table where possible."""
    try:
        every: Cells | None = table.counts(*columns, label, prediction) if columns else {}
    except TableError:
        every = None  # too many values of all columns together, which no single comparison needs to have
    whole = _Cells(every, len(columns)) if every is not None else None
    for names in wanted:
        if whole is None:
            refuse_too_many(table, names)
            yield names, table.counts(*names, label, prediction)
            continue
        positions = [columns.index(name) for name in names]
        sizes = {name: len(whole.values[position]) for name, position in zip(names, positions, strict=True)}
        for name, size in sizes.items():
            if size > MAX_LEVELS:
                table.levels(name, limit=MAX_LEVELS)  # says so in its own words
        _refuse_size(names, math.prod(sizes.values()))
        yield names, whole.of(positions)


class _Cells:
    """Rows per combination of values, as the numbers of these values in the order in which they first come."""

    def __init__(self, cells: Cells, width: int) -> None:
        """Of `width` columns, label and prediction."""
        columns = list(zip(*cells, strict=True)) or [()] * (width + 2)
        self.values = [list(dict.fromkeys(column)) for column in columns]
        numbers = [{value: i for i, value in enumerate(known)} for known in self.values]
        self._codes = [
            np.fromiter(map(number.__getitem__, column), dtype=np.int64, count=len(cells))
            for number, column in zip(numbers, columns, strict=True)
        ]
        self._rows = np.fromiter(cells.values(), dtype=np.int64, count=len(cells))

    def of(self, positions: Sequence[int]) -> Cells:
        """Rows per combination of some columns, label and prediction, in the order in which they first come."""
        chosen = [*positions, len(self.values) - 2, len(self.values) - 1]
        code = np.zeros(self._rows.size, dtype=np.int64)
        for position in chosen:
            code *= len(self.values[position])
            code += self._codes[position]
        _, first, group = np.unique(code, return_index=True, return_inverse=True)
        rows = np.zeros(first.size, dtype=np.int64)
        np.add.at(rows, group, self._rows)
        order = np.argsort(first)
        places = first[order]
        columns = [[self.values[position][i] for i in self._codes[position][places].tolist()] for position in chosen]
        return dict(zip(zip(*columns, strict=True), rows[order].tolist(), strict=True))


def refuse_repeated(names: Key) -> None:
    """TableError unless one or more different columns are named."""
    if not names or len(set(names)) < len(names):
        raise TableError("A comparison of groups needs one or more different columns.")


def refuse_too_many(table: Table, names: Key) -> None:
    """TableError for more than MAX_LEVELS values of a column or more than MAX_GROUPS groups."""
    _refuse_size(names, math.prod(len(table.levels(name, limit=MAX_LEVELS)) for name in names))


def _refuse_size(names: Key, size: int) -> None:
    if size > MAX_GROUPS:
        raise TableError(f"{' by '.join(names)} makes {size} groups; at most {MAX_GROUPS} can be compared.")


def of_two(cells: Cells, label: str, prediction: str, positive: Value) -> Confusions:
    """The confusion of every group; TableError unless label and prediction are two-valued alike."""
    actual_levels, called_levels = (dict.fromkeys(key[i] for key in cells) for i in (-2, -1))
    actual_level = positive_level(label, actual_levels, positive)
    called_level = positive_level(prediction, called_levels, positive)
    coded_alike(label, actual_levels, prediction, called_levels)
    return _confusions(
        cells, lambda value: same_value(value, actual_level), lambda value: same_value(value, called_level)
    )


def against_the_rest(cells: Cells, label: str, prediction: str, positive: Value) -> Confusions:
    """The same with one class of several as the positive one and every other class as the negative.

    TableError for more than `multiclass.MAX_CLASSES` classes, for one class written in two ways, and for a class that
    neither column has.
    """
    named = value_text(positive)
    pairs: Counter[tuple[Value, Value]] = Counter()
    for key, rows in cells.items():
        pairs[key[-2], key[-1]] += rows
    classes = read_classes(pairs, label=label, prediction=prediction).classes
    if named not in classes:
        shown = ", ".join(classes[:_SHOWN]) + (", …" if len(classes) > _SHOWN else "")
        raise TableError(
            f"The columns “{label}” and “{prediction}” never have the class “{named}”; their classes are {shown}."
        )
    means: Means = lambda value: value_text(value) == named  # noqa: E731
    return _confusions(cells, means, means)


def _confusions(cells: Cells, is_positive: Means, is_called_positive: Means) -> dict[Key, list[int]]:
    actual_levels, called_levels = ({key[i] for key in cells} for i in (-2, -1))
    cell_of = {
        (actual, called): 4
        if actual is None or called is None
        else 2 * (not is_called_positive(called)) + (not is_positive(actual))
        for actual in actual_levels
        for called in called_levels
    }
    width = len(next(iter(cells), (None, None))) - 2
    texts = [{value: group_text(value) for value in {key[i] for key in cells}} for i in range(width)]
    found: dict[Key, list[int]] = {}
    for values, rows in cells.items():
        part = found.setdefault(tuple(text[value] for text, value in zip(texts, values, strict=False)), [0, 0, 0, 0, 0])
        part[cell_of[values[-2], values[-1]]] += rows
    return found


def with_empty_groups(found: Mapping[Key, Sequence[int]]) -> dict[Key, Confusion]:
    """Every combination of known values, with rows or without, then those with an unknown value."""
    margin = {key: Confusion(*sums) for key, sums in found.items()}
    width = len(next(iter(margin), ()))
    levels = [sorted({key[i] for key in margin} - {UNKNOWN}) for i in range(width)]
    for key in itertools.product(*levels):
        margin.setdefault(key, EMPTY)
    return dict(sorted(margin.items(), key=lambda item: ([value == UNKNOWN for value in item[0]], item[0])))
