"""Counts of right and wrong predictions by group: of two values, or of one class of several against the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from approvals.measures.labels import Value, coded_alike, group_text, positive_level, same_value, value_text
from approvals.measures.multiclass import read_classes
from approvals.measures.performance import Confusion
from approvals.measures.tables import Table, TableError

Key = tuple[str, ...]
Means = Callable[[Value], bool]

EMPTY = Confusion(0, 0, 0, 0)
_SHOWN = 5


def cells_of_two(
    table: Table, columns: Sequence[str], label: str, prediction: str, positive: Value
) -> dict[Key, Confusion]:
    """The confusion of every combination of groups; TableError unless label and prediction are two-valued alike."""
    actual_level = positive_level(label, table.levels(label), positive)
    called_level = positive_level(prediction, table.levels(prediction), positive)
    coded_alike(label, table.levels(label), prediction, table.levels(prediction))
    return _cells(
        table,
        [*columns, label, prediction],
        lambda value: same_value(value, actual_level),
        lambda value: same_value(value, called_level),
    )


def cells_against_rest(
    table: Table, columns: Sequence[str], label: str, prediction: str, positive: Value
) -> dict[Key, Confusion]:
    """The same with one class of several as the positive one and every other class as the negative.

    TableError for more than `multiclass.MAX_CLASSES` classes, for one class written in two ways, and for a class that
    neither column has.
    """
    named = value_text(positive)
    pairs: Counter[tuple[Value, Value]] = Counter()
    for values, rows in table.counts(label, prediction).items():
        pairs[values[0], values[1]] += rows
    classes = read_classes(pairs, label=label, prediction=prediction).classes
    if named not in classes:
        shown = ", ".join(classes[:_SHOWN]) + (", …" if len(classes) > _SHOWN else "")
        raise TableError(
            f"The columns “{label}” and “{prediction}” never have the class “{named}”; their classes are {shown}."
        )
    means: Means = lambda value: value_text(value) == named  # noqa: E731
    return _cells(table, [*columns, label, prediction], means, means)


def _cells(table: Table, columns: Sequence[str], is_positive: Means, is_called_positive: Means) -> dict[Key, Confusion]:
    cells: dict[Key, Confusion] = {}
    for values, rows in table.counts(*columns).items():
        *group, actual, called = values
        if actual is None or called is None:
            cell = "left_out"
        elif is_positive(actual):
            cell = "tp" if is_called_positive(called) else "fn"
        else:
            cell = "fp" if is_called_positive(called) else "tn"
        key = tuple(group_text(value) for value in group)
        before = cells.get(key, EMPTY)
        cells[key] = replace(before, **{cell: getattr(before, cell) + rows})
    return cells
