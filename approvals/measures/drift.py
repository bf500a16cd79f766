"""How far a column has moved from its reference. Judges nothing.

The bins of the reference are stored once and never recomputed per run: another binning is another number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from approvals.measures.labels import Value, value_text
from approvals.measures.scores import Floats
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Counts, Measure, not_computable

Source = Table | NDArray[Any] | Sequence[Value]

SHARE_FLOOR = 1e-4
"""Shares below it count as it in PSI; nothing is renormalised."""


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


def reference_bins(
    source: Source, *, column: str, bins: int = 10, kind: Literal["number", "category"] | None = None
) -> ReferenceBins:
    """The bins to store with a reference: quantiles of a number column, or the levels of any other.

    Number: `bins` equal shares by numpy's linear quantiles, equal edges dropped, outer bins open, bins (low, high].
    Without `kind` a number column of a table or an array of numbers is a number. TableError without any value.
    """
    if (kind or _kind(source, column)) == "category":
        levels, missing = _levels(source, column)
        if not levels:
            raise TableError(f"The reference column “{column}” has no values, so nothing can be compared with it.")
        names = tuple(sorted(levels))
        return ReferenceBins(
            column, "category", (), names, tuple(levels[name] for name in names), levels.total(), missing
        )
    values, missing = _numbers(source, column)
    if not values.size:
        raise TableError(f"The reference column “{column}” has no values, so nothing can be compared with it.")
    cuts = np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1)))[1:-1]
    counts = _binned(values, cuts)
    std = float(np.std(values))
    return ReferenceBins(column, "number", tuple(map(float, cuts)), (), counts, int(values.size), missing, std)


def psi(reference: ReferenceBins, current: Source) -> Measure:
    """Population stability index, sum of (a - e) ln(a/e) over bins or levels (Siddiqi 2017); 0 = same, no upper end.

    Shares below SHARE_FLOOR count as it. A level only one side has is a level. Not computable without current values.
    """
    method = f"{_binning(reference)}, shares at least {SHARE_FLOOR}"
    pair = _pair(reference, current)
    if pair is None:
        return _no_current("psi", reference, method)
    before, now, counts = pair
    expected = np.maximum(before / before.sum(), SHARE_FLOOR)
    actual = np.maximum(now / now.sum(), SHARE_FLOOR)
    value = float(np.sum((actual - expected) * np.log(actual / expected)))
    return _measure("psi", value, reference, counts, method)


def js_distance(reference: ReferenceBins, current: Source, *, base: float = 2.0) -> Measure:
    """Jensen-Shannon distance (the square root of the divergence, scipy's jensenshannon) on the same bins or levels.

    In [0, 1] for base 2. Not computable without current values.
    """
    method = f"distance, base {base:g}, {_binning(reference)}"
    pair = _pair(reference, current)
    if pair is None:
        return _no_current("js_distance", reference, method)
    before, now, counts = pair
    p, q = before / before.sum(), now / now.sum()
    middle = (p + q) / 2.0
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0 / np.log(base)
    return _measure("js_distance", float(np.sqrt(max(divergence, 0.0))), reference, counts, method)


def _relative_entropy(p: Floats, q: Floats) -> float:
    present = p > 0
    return float(np.sum(p[present] * np.log(p[present] / q[present])))


def total_variation(reference: ReferenceBins, current: Source) -> Measure:
    """Half the sum of |a - e| over bins or levels, in [0, 1]. Not computable without current values."""
    pair = _pair(reference, current)
    if pair is None:
        return _no_current("total_variation", reference, _binning(reference))
    before, now, counts = pair
    value = float(np.abs(before / before.sum() - now / now.sum()).sum() / 2.0)
    return _measure("total_variation", value, reference, counts, _binning(reference))


def largest_change(reference: ReferenceBins, current: Source) -> Measure:
    """Largest |a - e| of one bin or level (L-infinity distance), in [0, 1]. Not computable without current values."""
    pair = _pair(reference, current)
    if pair is None:
        return _no_current("l_infinity", reference, _binning(reference))
    before, now, counts = pair
    value = float(np.abs(before / before.sum() - now / now.sum()).max())
    return _measure("l_infinity", value, reference, counts, _binning(reference))


def chi_square(reference: ReferenceBins, current: Source) -> tuple[Measure, Measure]:
    """Pearson's chi-square statistic of the 2 x k table, without Yates's correction, and its p.

    Not computable without current values or with a single bin or level.
    """
    names = ("chi_square", "chi_square_p")
    method = f"without continuity correction, {_binning(reference)}"
    pair = _pair(reference, current)
    if pair is None:
        return _no_current(names[0], reference, method), _no_current(names[1], reference, method)
    table = np.array(pair[:2])
    table = table[:, table.sum(axis=0) > 0]
    freedom = table.shape[1] - 1
    if freedom == 0:
        reason = "Not computable: both sides have only one and the same value."
        where = (("column", reference.column),)
        n = int(table.sum())
        return (
            not_computable(names[0], reason, pair[2], n=n, method=method, slice=where),
            not_computable(names[1], reason, pair[2], n=n, method=method, slice=where),
        )
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    value = float(((table - expected) ** 2 / expected).sum())
    counts = (*pair[2], ("degrees_of_freedom", freedom))
    p = float(_stats().chi2.sf(value, freedom))
    return _measure(names[0], value, reference, counts, method), _measure(names[1], p, reference, counts, method)


def ks(reference: Source, current: Source, *, column: str) -> tuple[Measure, Measure]:
    """Two-sample Kolmogorov-Smirnov distance in [0, 1] and its two-sided p (scipy: exact up to 10,000 rows a side).

    Not computable when a side has no values.
    """
    before, now, counts = _two(reference, current, column)
    if not before.size or not now.size:
        return _no_values("ks", counts, column), _no_values("ks_p", counts, column)
    found = _stats().ks_2samp(before, now)
    n, where = int(before.size + now.size), (("column", column),)
    method = "two-sample Kolmogorov-Smirnov"
    return (
        Measure("ks", float(found.statistic), n, method=method, slice=where, counts=counts),
        Measure("ks_p", float(found.pvalue), n, method=method, slice=where, counts=counts),
    )


def wasserstein(reference: Source, current: Source, *, column: str) -> Measure:
    """First Wasserstein distance, in the unit of the column. Not computable when a side has no values."""
    before, now, counts = _two(reference, current, column)
    if not before.size or not now.size:
        return _no_values("wasserstein", counts, column)
    value, n = float(_stats().wasserstein_distance(before, now)), int(before.size + now.size)
    return Measure("wasserstein", value, n, method="unit of the column", slice=(("column", column),), counts=counts)


def wasserstein_normalised(reference: Source, current: Source, *, column: str) -> Measure:
    """First Wasserstein distance divided by the reference's standard deviation (ddof 0), without unit.

    Not computable when a side has no values or the reference does not vary.
    """
    name = "wasserstein_normalised"
    before, now, counts = _two(reference, current, column)
    if not before.size or not now.size:
        return _no_values(name, counts, column)
    std = float(np.std(before))
    if before.min() == before.max() or std == 0.0:
        reason = "Not computable: the reference column has one value only, so its standard deviation is 0."
        return not_computable(name, reason, counts, n=int(before.size + now.size), slice=(("column", column),))
    value, n = float(_stats().wasserstein_distance(before, now)) / std, int(before.size + now.size)
    method = "divided by reference standard deviation"
    return Measure(name, value, n, method=method, slice=(("column", column),), counts=counts)


def _stats() -> Any:
    # Loading scipy.stats takes seconds, and most processes never ask for it.
    from scipy import stats  # noqa: PLC0415

    return stats


def missing_change(reference: ReferenceBins, current: Source) -> Measure:
    """Share missing now minus share missing in the reference, in [-1, 1]. Not computable without current rows."""
    if reference.kind == "number":
        values, missing = _numbers(current, reference.column)
        n = int(values.size) + missing
    else:
        levels, missing = _levels(current, reference.column)
        n = levels.total() + missing
    counts = (("missing_reference", reference.missing), ("missing_current", missing))
    if not n:
        return not_computable("missing_change", "Not computable: there are no current rows.", counts, n=0)
    value = missing / n - reference.missing / (reference.n + reference.missing)
    where = (("column", reference.column),)
    return Measure("missing_change", value, n, method="share now minus share then", slice=where, counts=counts)


def numeric_drift(
    reference: Source, current: Source, *, column: str, bins: int = 10, stored: ReferenceBins | None = None
) -> dict[str, Measure]:
    """All numeric drift measures of one column, keyed psi, js_distance, ks, ks_p, wasserstein,
    wasserstein_normalised, missing_change. `stored` bins are used for PSI and Jensen-Shannon when given.
    """
    before, now = _cells(reference, column), _cells(current, column)
    if stored is None:
        stored = reference_bins(before, column=column, bins=bins, kind="number")
    found = [
        psi(stored, now),
        js_distance(stored, now),
        *ks(before, now, column=column),
        wasserstein(before, now, column=column),
        wasserstein_normalised(before, now, column=column),
        missing_change(stored, now),
    ]
    return {measure.name: measure for measure in found}


def categorical_drift(
    reference: Source, current: Source, *, column: str, stored: ReferenceBins | None = None
) -> dict[str, Measure]:
    """All categorical drift measures of one column, keyed psi, js_distance, chi_square, chi_square_p,
    total_variation, new_levels (rows with a level the reference never had), missing_change.
    """
    if stored is None:
        stored = reference_bins(reference, column=column, kind="category")
    levels, _ = _levels(current, column)
    new = Counter({level: rows for level, rows in levels.items() if level not in stored.levels})
    shown = tuple(sorted(new.items(), key=lambda item: (-item[1], item[0]))[:5])
    where = (("column", column),)
    found = [
        psi(stored, current),
        js_distance(stored, current),
        *chi_square(stored, current),
        total_variation(stored, current),
        Measure("new_levels", new.total(), levels.total(), method="count of rows", slice=where, counts=shown),
        missing_change(stored, current),
    ]
    return {measure.name: measure for measure in found}


def _kind(source: Source, column: str) -> Literal["number", "category"]:
    if isinstance(source, Table):
        return "number" if source.column(column).kind == "number" else "category"
    return "number" if np.asarray(source).dtype.kind in "iuf" else "category"


def _cells(source: Source, column: str) -> Floats:
    return source.numbers(column) if isinstance(source, Table) else np.asarray(source, dtype=np.float64)


def _numbers(source: Source, column: str) -> tuple[Floats, int]:
    values = _cells(source, column)
    finite = values[np.isfinite(values)]
    return finite, int(values.size - finite.size)


def _levels(source: Source, column: str) -> tuple[Counter[str], int]:
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


def _binned(values: Floats, cuts: Sequence[float] | Floats) -> tuple[int, ...]:
    index = np.searchsorted(np.asarray(cuts, dtype=np.float64), values, side="left")
    return tuple(int(count) for count in np.bincount(index, minlength=len(cuts) + 1))


def _pair(reference: ReferenceBins, current: Source) -> tuple[Floats, Floats, Counts] | None:
    """Rows per bin or level then and now, over the levels of both; None without current values."""
    if reference.kind == "number":
        values, missing = _numbers(current, reference.column)
        before, now = reference.counts, _binned(values, reference.cuts)
    else:
        levels, missing = _levels(current, reference.column)
        known = dict(zip(reference.levels, reference.counts, strict=True))
        names = sorted({*known, *levels})
        before, now = tuple(known.get(name, 0) for name in names), tuple(levels[name] for name in names)
    rows = sum(now)
    counts = (
        ("n_reference", reference.n),
        ("n_current", rows),
        ("missing_reference", reference.missing),
        ("missing_current", missing),
    )
    return (np.array(before, dtype=np.float64), np.array(now, dtype=np.float64), counts) if rows else None


def _two(reference: Source, current: Source, column: str) -> tuple[Floats, Floats, Counts]:
    before, missing_before = _numbers(reference, column)
    now, missing_now = _numbers(current, column)
    counts = (
        ("n_reference", int(before.size)),
        ("n_current", int(now.size)),
        ("missing_reference", missing_before),
        ("missing_current", missing_now),
    )
    return before, now, counts


def _binning(reference: ReferenceBins) -> str:
    if reference.kind == "category":
        return f"{len(reference.levels)} reference levels"
    return f"{len(reference.cuts) + 1} reference quantile bins (low, high], outer bins open"


def _measure(name: str, value: float, reference: ReferenceBins, counts: Counts, method: str) -> Measure:
    n = dict(counts)["n_reference"] + dict(counts)["n_current"]
    return Measure(name, value, n, method=method, slice=(("column", reference.column),), counts=counts)


def _no_current(name: str, reference: ReferenceBins, method: str) -> Measure:
    reason = f"Not computable: the current column “{reference.column}” has no values."
    counts = (("n_reference", reference.n), ("n_current", 0))
    return not_computable(name, reason, counts, n=reference.n, method=method, slice=(("column", reference.column),))


def _no_values(name: str, counts: Counts, column: str) -> Measure:
    side = "reference" if not dict(counts)["n_reference"] else "current"
    reason = f"Not computable: the {side} column “{column}” has no values."
    n = dict(counts)["n_reference"] + dict(counts)["n_current"]
    return not_computable(name, reason, counts, n=n, slice=(("column", column),))
