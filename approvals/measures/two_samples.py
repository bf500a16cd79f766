"""Numbers of one column then and now, read once for all that compares them. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from approvals.measures.bins import ReferenceBins, Source, number_bins, quantile_shares
from approvals.measures.distance_bounds import DistanceBounds, bound_distances, quantiles_of
from approvals.measures.distances import Distances, distances
from approvals.measures.samples import ColumnSample, Sample, sample_of, samples_of
from approvals.measures.tables import Table
from approvals.measures.values import Counts


@dataclass(frozen=True, eq=False)
class TwoSamples:
    """Numbers of a column in the reference and now, read once for all that compares them.

    `quantiles` are exact. Either there are exact `distances`, or `bounds` of them from one scan of each side.
    """

    column: str
    reference: Sample
    current: Sample
    quantiles: tuple[float, ...]
    distances: Distances | None
    bounds: DistanceBounds | None = None

    @classmethod
    def of(
        cls, reference: Source, current: Source, *, column: str, bins: int = 10, exact_rows: int | None = None
    ) -> TwoSamples:
        """Reads both; distances in tables of more than `exact_rows` are bounded where they can be.

        TableError for a column that does not hold numbers.
        """
        shares = quantile_shares(bins)
        if exact_rows is not None and _longest(reference, current) > exact_rows:
            before, now = (sample_of(side, column, block_rows=0) for side in (reference, current))
            found = bound_distances(before, now)
            if found is not None and isinstance(before, ColumnSample) and found.wasserstein_normalised is not None:
                return cls(column, before, now, quantiles_of(before, shares, found), None, found)
        before, now = samples_of(reference, current, column)
        exact = distances(before, now, quantiles=shares)
        return cls(column, before, now, exact.quantiles, exact)

    def exactly(self) -> TwoSamples:
        """The same with exact distances."""
        if self.distances is not None:
            return self
        return replace(self, distances=distances(self.reference, self.current), bounds=None)

    @property
    def spread(self) -> float | None:
        """Standard deviation (ddof 0) of the reference; None without rows and where it is only bounded."""
        return self.distances.before.spread if self.distances else None

    @property
    def n(self) -> int:
        """Numbers of both together."""
        return self.reference.n + self.current.n

    @property
    def counts(self) -> Counts:
        """What is and what is not in the numbers."""
        return (
            ("n_reference", self.reference.n),
            ("n_current", self.current.n),
            ("missing_reference", self.reference.missing),
            ("missing_current", self.current.missing),
        )

    def stored(self) -> ReferenceBins:
        """The bins of the reference. TableError without any value."""
        return number_bins(self.reference, self.quantiles, self.spread, self.column)


def _longest(*sides: Source) -> int:
    return max(side.rows if isinstance(side, Table) else 0 for side in sides)
