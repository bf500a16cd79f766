"""The distribution of a number column over bins that somebody declared, where deciles are not what is wanted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from approvals.measures.bins import ReferenceBins
from approvals.measures.samples import Sample
from approvals.measures.tables import TableError


def declared_bins(sample: Sample, cuts: Sequence[float], *, column: str, std: float | None = None) -> ReferenceBins:
    """Bins (low, high] between rising cuts, the outer ones open; infinite values count as missing.

    TableError without any number, without a cut, and for cuts that are not finite or do not rise.
    """
    if not sample.n:
        raise TableError(f"The reference column “{column}” has no values, so nothing can be compared with it.")
    if not cuts or not all(math.isfinite(cut) for cut in cuts):
        raise TableError(f"The bins of “{column}” need at least one cut, and every cut must be a number.")
    if any(low >= high for low, high in itertools.pairwise(cuts)):
        raise TableError(f"The cuts between the bins of “{column}” must rise.")
    chosen = tuple(float(cut) for cut in cuts)
    return ReferenceBins(column, "number", chosen, (), sample.below(chosen), sample.n, sample.missing, std)
