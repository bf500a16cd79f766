"""Drift of named columns between the approved table and a batch, as measures. Judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.measures.bins import ReferenceBins, Source, count, reference_bins
from approvals.measures.declared_bins import declared_bins
from approvals.measures.drift import (
    categorical_drift,
    chi_square,
    largest_change,
    numeric_drift,
    total_variation,
)
from approvals.measures.drift_tests import chi_square_effect, missing_p, shares_p
from approvals.measures.exactness import Exactness
from approvals.measures.tables import TableError
from approvals.measures.two_samples import TwoSamples
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._charts import labels_of
from monitoring.monitors._tables import Pair, is_number

MOST_BINS, MOST_COLUMNS, LONGEST_LABEL = 30, 500, 60
OTHERS, QUANTILES = "other values", "reference quantile bins"
NAMES = {
    "psi": "PSI",
    "ks": "KS distance",
    "ks_p": "KS p",
    "js_distance": "Jensen-Shannon distance",
    "wasserstein": "Wasserstein distance",
    "wasserstein_normalised": "Wasserstein distance in standard deviations",
    "total_variation": "total variation",
    "l_infinity": "largest change of a share",
    "chi_square": "chi-square",
    "chi_square_p": "chi-square p",
    "chi_square_effect": "chi-square effect size",
    "shares_p": "p of the shares",
    "new_levels": "rows with new values",
    "missing_change": "change of the missing share",
    "missing_p": "p of the missing share",
}
"""What the engine calls a measure, and what people read before “of” and the column."""


@dataclass(frozen=True)
class ColumnDrift:
    """One column: every measure by the engine's name, its stored bins, and the rows in each of them now.

    No bins for a column that cannot be compared; its measures say why.
    """

    column: str
    found: dict[str, Measure]
    bins: ReferenceBins | None = None
    now: tuple[tuple[str, int], ...] = ()

    @property
    def psi(self) -> Measure:
        """The measure that is shown first."""
        return self.found["psi"]

    @property
    def shares_now(self) -> tuple[tuple[str, float], ...]:
        """Share of the rows with a value in each bin or level now."""
        total = sum(rows for _, rows in self.now) or 1
        return tuple((place, rows / total) for place, rows in self.now)


@dataclass(frozen=True)
class Binning:
    """How the values of columns are put together: so many quantiles, the cuts that a policy declares, or each apart."""

    bins: int = 10
    cuts: tuple[tuple[str, tuple[float, ...]], ...] = ()
    categories: tuple[str, ...] = ()

    def cuts_of(self, column: str) -> tuple[float, ...]:
        """The declared cuts; none: quantiles."""
        return dict(self.cuts).get(column, ())


def drift_of(pair: Pair, column: str, *, binning: Binning, exactness: Exactness) -> ColumnDrift:
    """All drift measures of one column. What cannot be compared leaves the column open, and no other one."""
    try:
        if is_number(pair.reference, column) and column not in binning.categories:
            return drift_of_numbers(pair.reference, pair.batch, column, binning=binning, exactness=exactness)
        return drift_of_levels(pair.reference, pair.batch, column)
    except TableError as error:
        reason = f"Not computable: {error.sentence}"
        keys = ("psi", "ks", "js_distance", "shares_p", "ks_p", "missing_change", "missing_p")
        where = (("column", column),)
        return ColumnDrift(column, {key: not_computable(key, reason, slice=where) for key in keys})


def drift_of_numbers(
    reference: Source, current: Source, column: str, *, binning: Binning, exactness: Exactness
) -> ColumnDrift:
    """Of a column of numbers. TableError where there are none."""
    both = TwoSamples.of(reference, current, column=column, bins=binning.bins, exact_rows=exactness.rows)
    cuts = binning.cuts_of(column)
    stored = declared_bins(both.reference, cuts, column=column, std=both.spread) if cuts else both.stored()
    counted = count(stored, both.current)
    found = numeric_drift(both, column=column, stored=stored, exactness=exactness)
    found |= _tests(stored, counted, [*chi_square(stored, counted), total_variation(stored, counted)])
    if cuts:
        found = {key: replace(m, method=m.method.replace(QUANTILES, "declared bins")) for key, m in found.items()}
    now = tuple(zip(labels_of(stored), counted.counts, strict=True))
    return ColumnDrift(column, found, stored, now)


def drift_of_levels(reference: Source, current: Source, column: str) -> ColumnDrift:
    """Of a column of names. TableError where there are none, or too many."""
    stored = reference_bins(reference, column=column, kind="category")
    counted = count(stored, current)
    found = categorical_drift(reference, counted, column=column, stored=stored)
    levels: Counter[str] = Counter(counted.levels)
    places = dict.fromkeys((*stored.levels, *sorted(levels)))
    now = tuple((place, levels[place]) for place in places)
    return ColumnDrift(column, found | _tests(stored, counted, list(found.values())), stored, now)


def _tests(stored: ReferenceBins, counted: Any, found: Sequence[Measure]) -> dict[str, Measure]:
    by_name = {measure.name: measure for measure in found}
    more = [
        *found,
        largest_change(stored, counted),
        chi_square_effect(by_name["chi_square"]),
        shares_p(stored, counted),
        missing_p(stored, counted),
    ]
    return {measure.name: measure for measure in more}


def by_trouble(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """What cannot be computed first, then the largest PSI."""
    return sorted(columns, key=lambda item: (item.psi.computable, -float(item.psi.value or 0), item.column))


def named(item: ColumnDrift) -> tuple[Measure, ...]:
    """The measures of a column under the names that people and thresholds use."""
    where = (("feature", item.column),)
    return tuple(
        replace(item.found[key], name=f"{name} of {item.column}", slice=where)
        for key, name in NAMES.items()
        if key in item.found
    )


def distributions(columns: Sequence[ColumnDrift]) -> dict[str, dict[str, Any]]:
    """Shares of each bin or level as approved and now, by column, worst first; for pages to draw.

    At most MOST_COLUMNS columns, of each at most MOST_BINS bins: of more levels the most frequent ones and the rest.
    """
    shown = [item for item in by_trouble(columns) if item.bins is not None][:MOST_COLUMNS]
    return {item.column: _distribution(item, item.bins) for item in shown if item.bins is not None}


def _distribution(item: ColumnDrift, bins: ReferenceBins) -> dict[str, Any]:
    before = dict(zip(labels_of(bins), bins.counts, strict=True))
    rows = [(place, before.get(place, 0), now) for place, now in item.now]
    if len(rows) > MOST_BINS:
        most = sorted(rows, key=lambda row: (-max(row[1] / bins.n, row[2] / (_total(item) or 1)), row[0]))
        kept = {row[0] for row in most[: MOST_BINS - 1]}
        rest = [row for row in rows if row[0] not in kept]
        rows = [row for row in rows if row[0] in kept]
        rows.append((f"{OTHERS} ({len(rest):,})", sum(row[1] for row in rest), sum(row[2] for row in rest)))
    return {
        "bins": [place if len(place) <= LONGEST_LABEL else f"{place[: LONGEST_LABEL - 1]}…" for place, _, _ in rows],
        "reference": [then / bins.n for _, then, _ in rows],
        "current": [now / (_total(item) or 1) for _, _, now in rows],
        "cuts": list(bins.cuts),
        "n": [bins.n, _total(item)],
    }


def _total(item: ColumnDrift) -> int:
    return sum(rows for _, rows in item.now)
