"""How far a column has moved from its reference. Judges nothing."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from typing import Any

import numpy as np

from approvals.measures.bins import (
    Counted,
    ReferenceBins,
    Source,
    count,
    reference_bins,
)
from approvals.measures.distributions import chi_square_sf, smirnov_p
from approvals.measures.exactness import Exactness, decided
from approvals.measures.histograms import METHOD, Bounds, outward
from approvals.measures.scores import Floats
from approvals.measures.two_samples import TwoSamples
from approvals.measures.values import Counts, Measure, bounded, not_computable

_EXACT_KS_ROWS = 10_000
_P_ROUNDING = 1e-9
"""Relative error of p that scipy's form does not reach."""
SHARE_FLOOR = 1e-4
"""Shares below it count as it in PSI; nothing is renormalised."""


def psi(reference: ReferenceBins, current: Source | Counted) -> Measure:
    """Population stability index, sum of (a - e) ln(a/e) over bins or levels (Siddiqi 2017); 0 = same, no upper end.

    Shares below SHARE_FLOOR count as it. A level only one side has is a level. Not computable without current values.
    """
    method = f"sum of (now - then) ln(now / then) over {_binning(reference)}, shares at least {SHARE_FLOOR}"
    pair = _pair(reference, current)
    if pair is None:
        return _no_current("psi", reference, method)
    before, now, counts = pair
    expected = np.maximum(before / before.sum(), SHARE_FLOOR)
    actual = np.maximum(now / now.sum(), SHARE_FLOOR)
    value = float(np.sum((actual - expected) * np.log(actual / expected)))
    return _measure("psi", value, reference, counts, method)


def js_distance(reference: ReferenceBins, current: Source | Counted, *, base: float = 2.0) -> Measure:
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


def total_variation(reference: ReferenceBins, current: Source | Counted) -> Measure:
    """Half the sum of |a - e| over bins or levels, in [0, 1]. Not computable without current values."""
    pair = _pair(reference, current)
    if pair is None:
        return _no_current("total_variation", reference, _binning(reference))
    before, now, counts = pair
    value = float(np.abs(before / before.sum() - now / now.sum()).sum() / 2.0)
    return _measure("total_variation", value, reference, counts, _binning(reference))


def largest_change(reference: ReferenceBins, current: Source | Counted) -> Measure:
    """Largest |a - e| of one bin or level (L-infinity distance), in [0, 1]. Not computable without current values."""
    pair = _pair(reference, current)
    if pair is None:
        return _no_current("l_infinity", reference, _binning(reference))
    before, now, counts = pair
    value = float(np.abs(before / before.sum() - now / now.sum()).max())
    return _measure("l_infinity", value, reference, counts, _binning(reference))


def chi_square(reference: ReferenceBins, current: Source | Counted) -> tuple[Measure, Measure]:
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
    p = chi_square_sf(value, freedom)
    return _measure(names[0], value, reference, counts, method), _measure(names[1], p, reference, counts, method)


def ks(reference: Source | TwoSamples, current: Source = (), *, column: str) -> tuple[Measure, Measure]:
    """Two-sample Kolmogorov-Smirnov distance in [0, 1] and its two-sided p (scipy: exact up to 10,000 rows a side).

    Not computable when a side has no values.
    """
    pair = _read(reference, current, column)
    method, where = "two-sample Kolmogorov-Smirnov", (("column", column),)
    if pair.bounds is not None:
        return _bounded("ks", pair.bounds.ks, pair, method), _bounded_p(pair, pair.bounds.ks, method)
    if pair.distances is None or pair.distances.ks is None:
        return _no_values("ks", pair), _no_values("ks_p", pair)
    return (
        Measure("ks", pair.distances.ks, pair.n, method=method, slice=where, counts=pair.counts),
        Measure("ks_p", _ks_p(pair, pair.distances.ks), pair.n, method=method, slice=where, counts=pair.counts),
    )


def _bounded(name: str, bounds: Bounds, pair: TwoSamples, method: str) -> Measure:
    said, where = f"{method}; {METHOD}", (("column", pair.column),)
    return bounded(name, bounds, n=pair.n, method=said, slice=where, counts=pair.counts)


def _bounded_p(pair: TwoSamples, distance: Bounds, method: str) -> Measure:
    """The p falls as the distance grows."""
    if _is_small(pair):
        p, where = _ks_p(pair, distance[0]), (("column", pair.column),)
        return Measure("ks_p", p, pair.n, method=method, slice=where, counts=pair.counts)
    low, high = (_ks_p(pair, end) for end in (distance[1], distance[0]))
    return _bounded("ks_p", outward(low, high, least=0.0, most=1.0, relative=_P_ROUNDING), pair, method)


def _is_small(pair: TwoSamples) -> bool:
    return max(pair.reference.n, pair.current.n) <= _EXACT_KS_ROWS


def _ks_p(pair: TwoSamples, distance: float) -> float:
    sizes = (pair.reference.n, pair.current.n)
    if _is_small(pair):
        first, second = (side.values(side.low or 0.0, side.high or 0.0) for side in (pair.reference, pair.current))
        if (exact := smirnov_p(first, second)) is not None:
            return exact
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # where the exact p fails, scipy takes its asymptotic one
            return float(_stats().ks_2samp(first, second).pvalue)
    return _asymptotic(distance, sizes)


def asymptotic_ks_p(pair: TwoSamples) -> float | None:
    """The two-sided p that scipy takes with method "asymp"; None without values and for one value on each side."""
    distance = pair.distances.ks if pair.distances else None
    sizes = (pair.reference.n, pair.current.n)
    return None if distance is None or max(sizes) <= 1 else _asymptotic(distance, sizes)


def _asymptotic(distance: float, sizes: tuple[int, int]) -> float:
    # scipy's own asymptotic form, which needs the distance only.
    rows = np.round(float(max(sizes)) * min(sizes) / sum(sizes))
    return float(np.clip(_stats().kstwo.sf(distance, rows), 0.0, 1.0))


def wasserstein(reference: Source | TwoSamples, current: Source = (), *, column: str) -> Measure:
    """First Wasserstein distance, in the unit of the column. Not computable when a side has no values."""
    name, pair = "wasserstein", _read(reference, current, column)
    if pair.bounds is not None:
        return _bounded(name, pair.bounds.wasserstein, pair, "unit of the column")
    value = pair.distances.wasserstein if pair.distances else None
    if value is None:
        return _no_values(name, pair)
    if not math.isfinite(value):
        return _too_wide(name, pair)
    return Measure(name, value, pair.n, method="unit of the column", slice=(("column", column),), counts=pair.counts)


def wasserstein_normalised(reference: Source | TwoSamples, current: Source = (), *, column: str) -> Measure:
    """First Wasserstein distance divided by the reference's standard deviation (ddof 0), without unit.

    Not computable when a side has no values or the reference does not vary.
    """
    name, pair = "wasserstein_normalised", _read(reference, current, column)
    method = "divided by reference standard deviation (ddof 0)"
    if pair.bounds is not None and pair.bounds.wasserstein_normalised is not None:
        return _bounded(name, pair.bounds.wasserstein_normalised, pair, method)
    value, std, where = pair.distances.wasserstein if pair.distances else None, pair.spread, (("column", column),)
    if value is None:
        return _no_values(name, pair)
    if pair.reference.low != pair.reference.high and (not std or not math.isfinite(std)):
        reason = "Not computable: the reference varies less or more than a number can say."
        return not_computable(name, reason, pair.counts, n=pair.n, slice=where)
    if not std:
        reason = "Not computable: the reference column has one value only, so its standard deviation is 0."
        return not_computable(name, reason, pair.counts, n=pair.n, slice=where)
    if not math.isfinite(value / std):
        return _too_wide(name, pair)
    return Measure(name, value / std, pair.n, method=method, slice=where, counts=pair.counts)


def _read(reference: Source | TwoSamples, current: Source, column: str) -> TwoSamples:
    return reference if isinstance(reference, TwoSamples) else TwoSamples.of(reference, current, column=column)


def _too_wide(name: str, pair: TwoSamples) -> Measure:
    reason = "Not computable: the values are further apart than a number can say."
    return not_computable(name, reason, pair.counts, n=pair.n, slice=(("column", pair.column),))


def _stats() -> Any:
    # Loading scipy.stats takes seconds, and most processes never ask for it.
    from scipy import stats  # noqa: PLC0415

    return stats


def missing_change(reference: ReferenceBins, current: Source | Counted) -> Measure:
    """Share missing now minus share missing in the reference, in [-1, 1]. Not computable without current rows."""
    counted = count(reference, current)
    n, missing = counted.n + counted.missing, counted.missing
    counts = (("missing_reference", reference.missing), ("missing_current", missing))
    if not n:
        return not_computable("missing_change", "Not computable: there are no current rows.", counts, n=0)
    value = missing / n - reference.missing / (reference.n + reference.missing)
    where = (("column", reference.column),)
    return Measure("missing_change", value, n, method="share now minus share then", slice=where, counts=counts)


def numeric_drift(
    reference: Source | TwoSamples,
    current: Source = (),
    *,
    column: str,
    bins: int = 10,
    stored: ReferenceBins | None = None,
    exactness: Exactness | None = None,
) -> dict[str, Measure]:
    """All numeric drift measures of one column, keyed psi, js_distance, ks, ks_p, wasserstein,
    wasserstein_normalised, missing_change. `stored` bins are used for PSI and Jensen-Shannon when given.

    With `exactness`, ks and the two Wasserstein distances of long tables are only bounded unless that leaves open on
    which side of a limit they lie; the others are always exact.
    """
    if isinstance(reference, TwoSamples):
        pair = reference
    else:
        rows = exactness.rows if exactness else None
        pair = TwoSamples.of(reference, current, column=column, bins=bins, exact_rows=rows)
    stored = stored or pair.stored()
    now = count(stored, pair.current)
    apart = _apart(pair)
    if not decided(apart, exactness.limits if exactness else {}):
        apart = _apart(pair.exactly())
    found = [psi(stored, now), js_distance(stored, now), *apart.values(), missing_change(stored, now)]
    return {measure.name: measure for measure in found}


def _apart(pair: TwoSamples) -> dict[str, Measure]:
    column = pair.column
    found = [*ks(pair, column=column), wasserstein(pair, column=column), wasserstein_normalised(pair, column=column)]
    return {measure.name: measure for measure in found}


def categorical_drift(
    reference: Source, current: Source | Counted, *, column: str, stored: ReferenceBins | None = None
) -> dict[str, Measure]:
    """All categorical drift measures of one column, keyed psi, js_distance, chi_square, chi_square_p,
    total_variation, new_levels (rows with a level the reference never had), missing_change.
    """
    if stored is None:
        stored = reference_bins(reference, column=column, kind="category")
    now = count(stored, current)
    known = set(stored.levels)
    new = Counter({level: rows for level, rows in now.levels.items() if level not in known})
    shown = tuple(sorted(new.items(), key=lambda item: (-item[1], item[0]))[:5])
    where = (("column", column),)
    found = [
        psi(stored, now),
        js_distance(stored, now),
        *chi_square(stored, now),
        total_variation(stored, now),
        Measure("new_levels", new.total(), now.n, method="count of rows", slice=where, counts=shown),
        missing_change(stored, now),
    ]
    return {measure.name: measure for measure in found}


def _pair(reference: ReferenceBins, current: Source | Counted) -> tuple[Floats, Floats, Counts] | None:
    """Rows per bin or level then and now, over the levels of both; None without current values."""
    counted = count(reference, current)
    if reference.kind == "number":
        before, now = reference.counts, counted.counts
    else:
        known = dict(zip(reference.levels, reference.counts, strict=True))
        names = sorted({*known, *counted.levels})
        before = tuple(known.get(name, 0) for name in names)
        now = tuple(counted.levels[name] for name in names)
    counts = (
        ("n_reference", reference.n),
        ("n_current", counted.n),
        ("missing_reference", reference.missing),
        ("missing_current", counted.missing),
    )
    return (np.array(before, dtype=np.float64), np.array(now, dtype=np.float64), counts) if counted.n else None


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


def _no_values(name: str, pair: TwoSamples) -> Measure:
    side = "reference" if not pair.reference.n else "current"
    reason = f"Not computable: the {side} column “{pair.column}” has no values."
    return not_computable(name, reason, pair.counts, n=pair.n, slice=(("column", pair.column),))
