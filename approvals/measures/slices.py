"""Where in the data does a prediction do worse than elsewhere? Looks at every slice of given columns, and at pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from approvals.measures.intervals import Interval, wilson
from approvals.measures.multiplicity import holm
from approvals.measures.outcomes import Booleans

Codes = tuple[NDArray[np.int64], tuple[str, ...]]
MOST_SLICES = 200_000


@dataclass(frozen=True)
class DataSlice:
    """Rows with these values: k of n predictions are right, against the rest; `p` is adjusted for all slices tested."""

    values: tuple[tuple[str, str], ...]
    k: int
    n: int
    rest_k: int
    rest_n: int
    interval: Interval | None
    p: float

    @property
    def label(self) -> str:
        """The slice in one text."""
        return " and ".join(f"{column} {value}" for column, value in self.values)

    @property
    def accuracy(self) -> float:
        """Share of right predictions in the slice."""
        return self.k / self.n


@dataclass(frozen=True)
class Slices:
    """Every slice that has enough rows, worst first; how many were looked at, and how many were too small to judge."""

    slices: tuple[DataSlice, ...]
    tested: int
    small: int


def worst_slices(
    columns: Mapping[str, Codes], correct: Booleans, *, depth: int = 2, min_rows: int = 50, level: float = 0.95
) -> Slices:
    """Accuracy of every value of each column, and of every pair of values of two columns for `depth` 2.

    p is one-sided: is the slice's accuracy below that of the rest (pooled two-proportion z)? It is adjusted by Holm
    (1979) for all slices tested, so that among many slices a bad one by chance is not called bad. Slices of fewer than
    `min_rows` rows, and missing values, are not judged. ValueError for more than MOST_SLICES slices.
    """
    found: list[tuple[tuple[tuple[str, str], ...], int, int]] = []
    small = 0
    for names in itertools.chain.from_iterable(itertools.combinations(columns, size) for size in range(1, depth + 1)):
        sizes, rights, labels = _cells([columns[name] for name in names], correct)
        for place in np.flatnonzero(sizes):
            if sizes[place] < min_rows:
                small += 1
                continue
            values = tuple(zip(names, labels(int(place)), strict=True))
            found.append((values, int(rights[place]), int(sizes[place])))
    rows, right = int(correct.size), int(correct.sum())
    raw = [_worse(k, n, right - k, rows - n) for _, k, n in found]
    adjusted = holm(raw)
    slices = [
        DataSlice(values, k, n, right - k, rows - n, wilson(k, n, level), p)
        for (values, k, n), p in zip(found, adjusted, strict=True)
    ]
    return Slices(tuple(sorted(slices, key=lambda item: (item.accuracy, -item.n, item.values))), len(slices), small)


def _cells(
    parts: Sequence[Codes], correct: Booleans
) -> tuple[NDArray[np.int64], NDArray[np.int64], Callable[[int], tuple[str, ...]]]:
    """Rows and right predictions of every combination of values, and what a combination is called."""
    widths = [len(names) for _, names in parts]
    size = math.prod(widths)
    if size > MOST_SLICES:
        raise ValueError(f"These columns make {size:,} slices; at most {MOST_SLICES:,} can be looked at.")
    known = np.logical_and.reduce([numbers >= 0 for numbers, _ in parts])
    place = np.ravel_multi_index([numbers[known] for numbers, _ in parts], widths) if size else np.empty(0, np.int64)
    sizes = np.bincount(place, minlength=size)
    rights = np.bincount(place, weights=correct[known], minlength=size).astype(np.int64)

    def labels(number: int) -> tuple[str, ...]:
        return tuple(names[int(i)] for (_, names), i in zip(parts, np.unravel_index(number, widths), strict=True))

    return sizes, rights, labels


def _worse(k: int, n: int, rest_k: int, rest_n: int) -> float:
    """One-sided p that k/n is not below rest_k/rest_n; 1 where there is no rest or no error at all."""
    if not rest_n:
        return 1.0
    pooled = (k + rest_k) / (n + rest_n)
    variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / rest_n)
    if variance <= 0.0:
        return 1.0
    z = (k / n - rest_k / rest_n) / math.sqrt(variance)
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
