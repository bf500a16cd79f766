"""Two predictions of one class out of several on the same rows: is one better? Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from approvals.measures.intervals import bootstrap_statistics
from approvals.measures.labels import Value, value_text
from approvals.measures.paired import NO_ROWS, accuracy_from_counts
from approvals.measures.paired_numbers import FEWEST_ROWS
from approvals.measures.performance import with_interval
from approvals.measures.scores import Floats
from approvals.measures.values import Counts, Measure, not_computable


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
    keys = sorted(known)  # or the draws would be of cells in the order in which the rows happen to come
    sizes = np.array([[known[key] for key in keys]], dtype=np.int64)
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
