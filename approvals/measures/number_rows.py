"""Labels and predictions that are numbers, in parts by rising prediction, of arrays or of a table too long to hold.

Sums are exactly rounded, so that a mean has the same bits however the rows are cut and ordered.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np

from approvals.measures.distance_bounds import exact_quantiles
from approvals.measures.ranges import FINITE
from approvals.measures.samples import ColumnSample
from approvals.measures.scores import Floats, MeanLoss
from approvals.measures.tables import Table

_PART = 1 << 16
Values = Callable[[Floats, Floats], Floats]
"""From labels and predictions to one number per row."""


class NumberRows(ABC):
    """Rows with a finite label and a finite prediction: n of them, and so many others left out."""

    n: int
    left_out: int

    @abstractmethod
    def parts(self) -> Iterator[tuple[Floats, Floats]]:
        """Labels and predictions of each bin of the prediction that has rows, rising; not to be changed."""

    def mean(self, values: Values) -> float:
        """The mean of a number of each row, of at least one, as `rows.exact_mean`."""
        found = (values(actual, said) for actual, said in self.parts())
        pieces = (part[start : start + _PART].tolist() for part in found for start in range(0, part.size, _PART))
        try:
            return math.fsum(itertools.chain.from_iterable(pieces)) / self.n
        except (OverflowError, ValueError):
            return math.nan

    def centre(self, values: Values) -> Values:
        """The same minus its mean, taken twice, as `rows.centred`."""
        first = self.mean(values)
        second = self.mean(lambda actual, said: values(actual, said) - first)
        return lambda actual, said: values(actual, said) - first - second

    def row_mean(self, values: Values) -> MeanLoss | None:
        """Mean and sample variance, as `rows.row_mean`."""
        mean = self.mean(values)
        if not math.isfinite(mean):
            return None
        ends = [(float(part.min()), float(part.max())) for part in (values(*rows) for rows in self.parts())]
        if self.n <= 1 or min(low for low, _ in ends) == max(high for _, high in ends):
            return MeanLoss(mean, None, self.n)
        with np.errstate(over="ignore", invalid="ignore"):
            apart = self.centre(values)
            variance = self.mean(lambda actual, said: apart(actual, said) ** 2) * (self.n / (self.n - 1))
        return MeanLoss(mean, variance if math.isfinite(variance) else None, self.n)


class ArrayRows(NumberRows):
    """Rows that are in memory."""

    def __init__(self, labels: Floats, predictions: Floats, *, bins: int) -> None:
        """One label and one prediction per row, cut at the quantiles of the prediction into so many bins."""
        finite = np.isfinite(labels) & np.isfinite(predictions)
        actual, said = labels[finite], predictions[finite]
        self.n, self.left_out = int(actual.size), int(labels.size - actual.size)
        self._parts: list[tuple[Floats, Floats]] = []
        if self.n:
            cuts = np.unique(np.quantile(said, np.linspace(0.0, 1.0, bins + 1))[1:-1])
            place = np.searchsorted(cuts, said, side="left")
            self._parts = [(actual[rows], said[rows]) for rows in (place == number for number in np.unique(place))]

    def parts(self) -> Iterator[tuple[Floats, Floats]]:
        yield from self._parts


class TableRows(NumberRows):
    """Rows that stay in their table, of which one bin is in memory at a time."""

    def __init__(self, table: Table, *, label: str, prediction: str, bins: int) -> None:
        """TableError for columns that do not hold numbers."""
        for name in (label, prediction):
            table.require_numbers(name)
        self._table = table
        finite = FINITE.replace("x", "{0}", 1)
        cells = [f"CAST({table.cell(name)} AS DOUBLE)" for name in (label, prediction)]
        self._known = " AND ".join(f"({finite.format(cell)})" for cell in cells)
        self._rows = f"SELECT {cells[0]} AS y, {cells[1]} AS p FROM t WHERE {self._known}"
        sample = ColumnSample(table, prediction, among=self._known)
        self.n, self.left_out = sample.n, table.rows - sample.n
        self._ends: list[tuple[float, float]] = []
        if self.n:
            cuts = np.unique(exact_quantiles(sample, np.linspace(0.0, 1.0, bins + 1).tolist())[1:-1])
            self._ends = list(itertools.pairwise([-math.inf, *cuts.tolist(), math.inf]))

    @property
    def largest(self) -> int:
        """Rows of the largest bin."""
        if not self._ends:
            return 0
        counted = ", ".join("COUNT(CASE WHEN p > ? AND p <= ? THEN 1 END)" for _ in self._ends)
        asked = f"SELECT {counted} FROM ({self._rows}) AS r"
        return max(map(int, self._table.fetch(asked, [end for ends in self._ends for end in ends])[0]))

    def parts(self) -> Iterator[tuple[Floats, Floats]]:
        for ends in self._ends:
            found = self._table.arrays(f"SELECT y, p FROM ({self._rows}) AS r WHERE p > ? AND p <= ?", ends)
            actual, said = (np.asarray(found[name], dtype=np.float64) for name in ("y", "p"))
            if actual.size:
                yield actual, said
