"""Slightly changed columns, the same for the same seed: noise for numbers, values of other rows for anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._scoring import Columns

ALL = "all features together"


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


def _perturbed(column: NDArray[Any], noise: float, rng: np.random.Generator) -> NDArray[Any]:
    if column.dtype.kind != "f":
        replaced = column.copy()
        places = np.flatnonzero(rng.random(column.size) < noise)
        replaced[places] = column[rng.integers(0, column.size, places.size)]
        return replaced
    finite = column[np.isfinite(column)]
    if not finite.size:
        return column
    moved = column + rng.normal(0.0, noise * float(np.std(finite)), column.size)
    return np.rint(moved) if (finite == np.rint(finite)).all() else moved
