"""Where in the data does a prediction do worse than elsewhere? Looks at every slice of given columns, and at pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from approvals.measures.distributions import hypergeometric_cdf, student_cdf
from approvals.measures.intervals import Interval, normal_mean, wilson
from approvals.measures.multiplicity import holm
from approvals.measures.outcomes import Booleans, Codes
from approvals.measures.scores import Floats

Values = tuple[tuple[str, str], ...]
MOST_SLICES = 200_000
_TOGETHER = 1 << 20
"""Rows whose combinations of values are in memory at once."""
ROUNDING = 1e-24


@dataclass(frozen=True)
class DataSlice:
    """Rows with these values: k of n predictions are right, against the rest; `p` is adjusted for all slices tested."""

    values: Values
    k: int
    n: int
    rest_k: int
    rest_n: int
    interval: Interval | None
    p: float

    @property
    def label(self) -> str:
        """The slice in one text."""
        return label_of(self.values)

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


@dataclass(frozen=True)
class ErrorSlice:
    """Rows with these values and their mean error, against that of the rest; `p` is adjusted for all slices tested."""

    values: Values
    mean: float
    n: int
    rest_mean: float | None
    rest_n: int
    interval: Interval | None
    p: float

    @property
    def label(self) -> str:
        """The slice in one text."""
        return label_of(self.values)


@dataclass(frozen=True)
class ErrorSlices:
    """Every slice that has enough rows, largest error first; how many were looked at, and how many were too small."""

    slices: tuple[ErrorSlice, ...]
    tested: int
    small: int


def label_of(values: Values) -> str:
    """A slice in one text."""
    return " and ".join(f"{column} {value}" for column, value in values)


def worst_slices(
    columns: Mapping[str, Codes], correct: Booleans, *, depth: int = 2, min_rows: int = 50, level: float = 0.95
) -> Slices:
    """Accuracy of every value of each column, and of every pair of values of two columns for `depth` 2.

    p is one-sided: would so few right ones, or fewer, fall into a slice of that size that was drawn from all rows
    (Fisher's exact test; a normal approximation calls bad by chance far too often where errors are few)? It is adjusted
    by Holm (1979) for all slices tested, so that among many slices a bad one by chance is not called bad. Slices of
    fewer than `min_rows` rows, and missing values, are not judged. ValueError for more than MOST_SLICES slices.
    """
    found: list[tuple[Values, int, int]] = []
    small = 0
    for parts, size, labels in _combinations(columns, depth):
        sizes, rights = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        for rows_here, known, cells in _cells(parts):
            sizes += np.bincount(cells, minlength=size)
            rights += np.bincount(cells[correct[rows_here][known]], minlength=size)
        for cell in np.flatnonzero(sizes):
            if sizes[cell] < min_rows:
                small += 1
            else:
                found.append((labels(int(cell)), int(rights[cell]), int(sizes[cell])))
    rows, right = int(correct.size), int(correct.sum())
    adjusted = holm(_so_few_right([k for _, k, _ in found], [n for _, _, n in found], right, rows))
    slices = [
        DataSlice(values, k, n, right - k, rows - n, wilson(k, n, level), p)
        for (values, k, n), p in zip(found, adjusted, strict=True)
    ]
    return Slices(tuple(sorted(slices, key=lambda item: (item.accuracy, -item.n, item.values))), len(slices), small)


def worst_error_slices(
    columns: Mapping[str, Codes], errors: Floats, *, depth: int = 2, min_rows: int = 50, level: float = 0.95
) -> ErrorSlices:
    """Mean of finite `errors` (sizes, one per row) of every slice that `worst_slices` would look at, largest first.

    p is one-sided, the larger of two: is the slice's mean above that of the rest (Welch 1947, unequal variances), and
    would so high a mean come out of as many rows drawn from all (normal, with the variance of all rows)? Welch's alone
    calls bad by chance where rows of a slice happen to err alike; the other alone where few rows err much. It is
    adjusted by Holm (1979) for all slices tested. 1 where the slice or the rest has one row; Welch's is 0 where neither
    spreads and the mean is above that of the rest. Normal intervals of the mean, cut at 0. ValueError as
    `worst_slices`.
    """
    rows = int(errors.size)
    centre = float(np.mean(errors)) if rows else 0.0
    moved = errors - centre  # sums of what is near 0 lose no digits
    whole, squares = float(moved.sum()), float((moved**2).sum())
    found: list[tuple[Values, _Sums, float]] = []
    small = 0
    for parts, size, labels in _combinations(columns, depth):
        sizes, sums, squared = np.zeros(size, dtype=np.int64), np.zeros(size), np.zeros(size)
        for rows_here, known, cells in _cells(parts):
            sizes += np.bincount(cells, minlength=size)
            here_moved = moved[rows_here][known]
            # One row after the other, so that no bit depends on how the rows are cut.
            np.add.at(sums, cells, here_moved)
            np.add.at(squared, cells, here_moved**2)
        for cell in np.flatnonzero(sizes):
            n, total, square = int(sizes[cell]), float(sums[cell]), float(squared[cell])
            if n < min_rows:
                small += 1
                continue
            here, rest = _Sums(n, total, square), _Sums(rows - n, whole - total, squares - square)
            found.append((labels(int(cell)), here, _higher(here, rest)))
    adjusted = holm([p for _, _, p in found])
    slices = []
    for (values, here, _), p in zip(found, adjusted, strict=True):
        rest_n = rows - here.n
        rest_mean = centre + (whole - here.total) / rest_n if rest_n else None
        mean = max(0.0, centre + here.mean)
        interval = normal_mean(mean, here.variance, here.n, level, lowest=0.0)
        slices.append(ErrorSlice(values, mean, here.n, rest_mean, rest_n, interval, p))
    return ErrorSlices(tuple(sorted(slices, key=lambda item: (-item.mean, -item.n, item.values))), len(slices), small)


def _combinations(
    columns: Mapping[str, Codes], depth: int
) -> Iterator[tuple[list[Codes], int, Callable[[int], Values]]]:
    """Each set of columns, how many combinations of values it may have, and what each is called.

    ValueError for more combinations than MOST_SLICES.
    """
    for names in itertools.chain.from_iterable(itertools.combinations(columns, size) for size in range(1, depth + 1)):
        parts = [columns[name] for name in names]
        widths = [len(levels) for _, levels in parts]
        size = math.prod(widths)
        if size > MOST_SLICES:
            raise ValueError(f"These columns make {size:,} slices; at most {MOST_SLICES:,} can be looked at.")
        yield parts, size, _labelled(names, parts, widths)


def _cells(parts: Sequence[Codes]) -> Iterator[tuple[slice, Booleans, NDArray[np.int64]]]:
    """Some rows after the other: which they are, those that have a value of each column, and what combination it is."""
    widths = [len(levels) for _, levels in parts]
    for start in range(0, parts[0][0].size if math.prod(widths) else 0, _TOGETHER):
        rows = slice(start, start + _TOGETHER)
        numbers = [column[rows] for column, _ in parts]
        known: Booleans = np.logical_and.reduce([codes >= 0 for codes in numbers])
        yield rows, known, np.ravel_multi_index([codes[known] for codes in numbers], widths)


def _labelled(names: Sequence[str], parts: Sequence[Codes], widths: Sequence[int]) -> Callable[[int], Values]:
    def labels(number: int) -> Values:
        places = np.unravel_index(number, widths)
        return tuple((name, levels[int(i)]) for name, (_, levels), i in zip(names, parts, places, strict=True))

    return labels


@dataclass(frozen=True)
class _Sums:
    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.n

    @property
    def variance(self) -> float | None:
        """Sample variance (ddof 1)."""
        if self.n <= 1:
            return None
        return max(0.0, self.squares - self.total**2 / self.n) / (self.n - 1)


def _higher(here: _Sums, rest: _Sums) -> float:
    """One-sided p that the mean here is not above that of the rest; see `worst_error_slices`."""
    return max(_higher_than_rest(here, rest), _higher_than_drawn(here, rest))


def _higher_than_drawn(here: _Sums, rest: _Sums) -> float:
    """One-sided p of a mean of so many rows that are drawn from all, without putting them back; 0 without spread."""
    whole = _Sums(here.n + rest.n, here.total + rest.total, here.squares + rest.squares)
    if not rest.n or not whole.variance:
        return 0.0
    spread = math.sqrt(whole.variance / here.n * rest.n / whole.n)
    return 0.5 * math.erfc((here.mean - whole.mean) / spread / math.sqrt(2.0))


def _higher_than_rest(here: _Sums, rest: _Sums) -> float:
    """One-sided p of Welch's t."""
    if here.variance is None or rest.variance is None:
        return 1.0
    parts = (here.variance / here.n, rest.variance / rest.n)
    spread, gap = sum(parts), here.mean - rest.mean
    if spread <= ROUNDING * max(gap * gap, 1e-300):
        return 0.0 if gap > 0.0 else 1.0
    freedom = spread**2 / (parts[0] ** 2 / (here.n - 1) + parts[1] ** 2 / (rest.n - 1))
    return student_cdf(-gap / math.sqrt(spread), freedom)


def _so_few_right(k: Sequence[int], n: Sequence[int], right: int, rows: int) -> list[float]:
    """One-sided p of k or fewer right ones among n that are drawn from `rows`, of which `right` are right."""
    if not n:
        return []
    whole, good = (np.full(len(n), size, dtype=np.int64) for size in (rows, right))
    found = hypergeometric_cdf(np.asarray(k, np.int64), whole, good, np.asarray(n, np.int64))
    return [float(p) for p in found]
