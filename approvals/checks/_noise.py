"""Slightly changed columns, the same for the same seed: noise for numbers, values of other rows for anything else.

Whole numbers that little noise would not move (a 0 or 1, a number of children) are such other values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._scoring import Columns

ALL = "all features together"
UNMOVED = "Not computable: no feature was changed anywhere, because their values do not vary or are too few."
HALF = 0.5
"""Whole numbers that move by less than that are the same again."""


def drawn_rows(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """The places of at most so many rows, in order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))


def features_changed(columns: Columns) -> list[tuple[str, tuple[str, ...]]]:
    """Each feature alone, then all of them together: what it is called, and which columns change."""
    alone = [(name, (name,)) for name in columns] if len(columns) > 1 else []
    return [*alone, (ALL, tuple(columns))]


def versions(
    columns: Columns, changed: tuple[str, ...], *, noise: float, repeats: int, seed: int
) -> Iterator[dict[str, NDArray[Any]]]:
    """The columns, so many times, with those changed."""
    places = {name: place for place, name in enumerate(columns)}
    for repeat in range(repeats):
        yield {
            name: _perturbed(column, noise, np.random.default_rng((seed, places[name], repeat)))
            if name in changed
            else column
            for name, column in columns.items()
        }


def cells_moved(before: Columns, after: Columns) -> int:
    """How many cells are other ones: a change of a column whose values are all alike is none."""
    return sum(
        int((column != after[name]).sum()) - (int(np.isnan(column).sum()) if column.dtype.kind == "f" else 0)
        for name, column in before.items()
        if after[name] is not column
    )


def unmoved_words(names: Sequence[str]) -> tuple[str, ...]:
    """What was not looked at, because changing it changed nothing."""
    if not names:
        return ()
    return (f"Features that kept every value, because all of theirs are alike or too few: {', '.join(names)}.",)


def _perturbed(column: NDArray[Any], noise: float, rng: np.random.Generator) -> NDArray[Any]:
    if column.dtype.kind != "f":
        return _replaced(column, np.arange(column.size), noise, rng)
    places = np.flatnonzero(np.isfinite(column))
    finite = column[places]
    if not finite.size:
        return column
    size = noise * float(np.std(finite))
    if not (finite == np.rint(finite)).all():
        return column + rng.normal(0.0, size, column.size)
    if size < HALF:
        return _replaced(column, places, noise, rng)
    return np.rint(column + rng.normal(0.0, size, column.size))


def _replaced(column: NDArray[Any], places: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[Any]:
    """A share of the values at these places replaced by values of others of them."""
    chosen = places[rng.random(places.size) < share]
    replaced = column.copy()
    replaced[chosen] = column[rng.choice(places, chosen.size)]
    return replaced
