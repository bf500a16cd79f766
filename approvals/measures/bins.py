"""The distribution of a column by the bins or levels of its reference, stored once and never recomputed per run.

Another binning is another number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from approvals.measures.distances import distances
from approvals.measures.labels import Value, value_text
from approvals.measures.samples import Sample, sample_of
from approvals.measures.tables import Table, TableError

_FEWEST_EDGES = 2
Source = Table | Sample | NDArray[Any] | Sequence[Value]


@dataclass(frozen=True)
class ReferenceBins:
    """The stored distribution of one reference column: bins or levels, rows in each, and what was missing.

    kind "number": inner `cuts` between bins (low, high], the outer bins open; infinite values are left out as missing.
    kind "category": `levels` as text, sorted. `std` (ddof 0) of a number column.
    """

    column: str
    kind: Literal["number", "category"]
    cuts: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    n: int
    missing: int
    std: float | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the rows with a value in each bin or level."""
        return tuple(count / self.n for count in self.counts)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives equal bins back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ReferenceBins:
        """The bins that `as_json` wrote."""
        return cls(
            column=data["column"],
            kind=data["kind"],
            cuts=tuple(float(cut) for cut in data["cuts"]),
            levels=tuple(str(level) for level in data["levels"]),
            counts=tuple(int(count) for count in data["counts"]),
            n=data["n"],
            missing=data["missing"],
            std=data["std"],
        )


@dataclass(frozen=True)
class Counted:
    """Rows of a column by the bins or levels of a reference; `levels` hold what the reference never had, too."""

    counts: tuple[int, ...]
    levels: Counter[str]
    missing: int

    @property
    def n(self) -> int:
        """Rows with a value."""
        return sum(self.counts) or self.levels.total()


def count(reference: ReferenceBins, current: Source | Counted) -> Counted:
    """The rows of `current` by the bins or levels of the reference."""
    if isinstance(current, Counted):
        return current
    if reference.kind == "number":
        sample = sample_of(current, reference.column)
        return Counted(sample.below(reference.cuts), Counter(), sample.missing)
    return Counted((), *count_levels(current, reference.column))


def count_levels(source: Source, column: str) -> tuple[Counter[str], int]:
    """Rows per level as text, and rows without one."""
    if isinstance(source, Sample):
        raise TypeError("A sample of numbers has no levels.")
    if isinstance(source, Table):
        pairs = list(source.levels(column, limit=200_000).items())
    else:
        pairs = [(value, 1) for value in (source.tolist() if isinstance(source, np.ndarray) else source)]
    levels: Counter[str] = Counter()
    missing = 0
    for value, rows in pairs:
        text = value_text(value)
        if text is None or text in {"", "nan"}:
            missing += rows
        else:
            levels[text] += rows
    return levels, missing


def reference_bins(
    source: Source, *, column: str, bins: int = 10, kind: Literal["number", "category"] | None = None
) -> ReferenceBins:
    """The bins to store with a reference: quantiles of a number column, or the levels of any other.

    Number: `bins` equal shares by numpy's linear quantiles, equal edges dropped, outer bins open, bins (low, high];
    where the quantiles are one or two values only, these values and what lies below, between and above them.
    Without `kind` a number column of a table or an array of numbers is a number. TableError without any value.
    """
    if (kind or _kind(source, column)) == "category":
        levels, missing = count_levels(source, column)
        if not levels:
            raise TableError(f"The reference column “{column}” has no values, so nothing can be compared with it.")
        names = tuple(sorted(levels))
        return ReferenceBins(
            column, "category", (), names, tuple(levels[name] for name in names), levels.total(), missing
        )
    sample = sample_of(source, column)
    found = distances(sample, None, quantiles=quantile_shares(bins))
    return number_bins(sample, found.quantiles, found.before.spread, column)


def quantile_shares(bins: int) -> tuple[float, ...]:
    """The shares of rows at both ends and between so many equal bins."""
    return tuple(np.linspace(0.0, 1.0, bins + 1).tolist())


def number_bins(sample: Sample, quantiles: Sequence[float], std: float | None, column: str) -> ReferenceBins:
    """The bins of a number column between its quantiles. TableError without any value."""
    if not sample.n:
        raise TableError(f"The reference column “{column}” has no values, so nothing can be compared with it.")
    edges = np.unique(quantiles)
    # Where the quantiles are one or two values (a flag, a column of nearly only zeros), each is a bin of its own:
    # a single bin would say that nothing ever changes.
    apart = (
        edges[1:-1] if edges.size > _FEWEST_EDGES else [end for e in edges for end in (math.nextafter(e, -math.inf), e)]
    )
    cuts = tuple(float(cut) for cut in apart if math.isfinite(cut))  # nothing is below the least number
    return ReferenceBins(column, "number", cuts, (), sample.below(cuts), sample.n, sample.missing, std)


def _kind(source: Source, column: str) -> Literal["number", "category"]:
    if isinstance(source, Sample):
        return "number"
    if isinstance(source, Table):
        return "number" if source.column(column).kind == "number" else "category"
    return "number" if np.asarray(source).dtype.kind in "iuf" else "category"
