"""Drift of named columns between the approved table and a batch, as measures, a table and charts. Judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from approvals.checks._charts import bars
from approvals.checks._verdicts import Rule, at_most, number, reason_of, value_text
from approvals.checks.base import ChartSpecification, NumberTable, Reading
from approvals.measures.bins import ReferenceBins, count, reference_bins
from approvals.measures.drift import categorical_drift, numeric_drift
from approvals.measures.exactness import Exactness
from approvals.measures.labels import value_text as level_text
from approvals.measures.two_samples import TwoSamples
from approvals.measures.values import Measure
from monitoring.monitors._charts import labels_of, shares
from monitoring.monitors._tables import Pair, is_number

LONGEST_CHART = 30
Kind = Literal["number", "category"]
NAMES = {
    "psi": "PSI",
    "ks": "KS distance",
    "ks_p": "KS p",
    "chi_square_p": "chi-square p",
    "js_distance": "Jensen-Shannon distance",
    "new_levels": "rows with new values",
    "missing_change": "change of the missing share",
}
"""What the engine calls a measure, and what people read before “of” and the column."""


@dataclass(frozen=True)
class ColumnDrift:
    """One column: its stored bins and every measure by the engine's name."""

    column: str
    bins: ReferenceBins
    found: dict[str, Measure]
    now: tuple[tuple[str, float], ...]

    @property
    def psi(self) -> Measure:
        """The measure that policies limit."""
        return self.found["psi"]


def drift_of(pair: Pair, column: str, *, bins: int, exactness: Exactness) -> ColumnDrift:
    """All drift measures of one column: on deciles for numbers, on levels for anything else."""
    if is_number(pair.reference, column):
        both = TwoSamples.of(pair.reference, pair.batch, column=column, bins=bins, exact_rows=exactness.rows)
        stored = both.stored()
        found = numeric_drift(both, column=column, stored=stored, exactness=exactness)
        now = list(zip(labels_of(stored), count(stored, both.current).counts, strict=True))
    else:
        stored = reference_bins(pair.reference, column=column, kind="category")
        found = categorical_drift(pair.reference, pair.batch, column=column, stored=stored)
        now = _levels(pair, column, stored)
    total = sum(count for _, count in now) or 1
    return ColumnDrift(column, stored, found, tuple((place, count / total) for place, count in now))


def _levels(pair: Pair, column: str, stored: ReferenceBins) -> list[tuple[str, int]]:
    levels: Counter[str] = Counter()
    for value, rows in pair.batch.levels(column, limit=200_000).items():
        text = level_text(value)
        if text:
            levels[text] += rows
    places = dict.fromkeys((*stored.levels, *sorted(levels)))
    return [(place, levels[place]) for place in places]


def by_trouble(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """What cannot be computed first, then the largest PSI."""
    return sorted(columns, key=lambda item: (item.psi.computable, -float(item.psi.value or 0), item.column))


def named(item: ColumnDrift) -> tuple[Measure, ...]:
    """The measures of a column under the names that people and thresholds use."""
    return tuple(
        replace(item.found[key], name=f"{name} of {item.column}") for key, name in NAMES.items() if key in item.found
    )


def missing_rules(reading: Reading, limit: float) -> list[Rule]:
    """Rules that hold under any policy: what is missing or infinite now, and was not then, is in no distribution."""
    return [
        at_most(f"{NAMES['missing_change']} of {column}", limit)
        for column in reading.details.get("columns", ())
        if any(
            measure.name == f"{NAMES['missing_change']} of {column}"
            and (measure.value is None or measure.value > limit)
            for measure in reading.measures
        )
    ]


def drift_table(columns: Sequence[ColumnDrift]) -> NumberTable:
    """Every column with its drift, worst first."""
    rows = tuple(
        (
            item.column,
            item.bins.kind,
            number(item.psi.value) if item.psi.computable else reason_of(item.psi),
            _by_chance(item),
            _cell(item, "ks"),
            _cell(item, "ks_p", "chi_square_p"),
            _cell(item, "new_levels"),
            _cell(item, "missing_change"),
        )
        for item in by_trouble(columns)
    )
    return NumberTable(
        title="Drift by column, worst first",
        columns=("Column", "Kind", "PSI", "PSI by chance", "KS distance", "p", "New values", "Missing share, change"),
        rows=rows,
        note="PSI by chance is about what two samples of these sizes differ by when nothing has changed. "
        "p is of the Kolmogorov-Smirnov test for numbers and of the chi-square test for categories.",
    )


def _cell(item: ColumnDrift, *keys: str) -> str:
    return next((value_text(item.found[key]) for key in keys if key in item.found), "")


def _by_chance(item: ColumnDrift) -> str:
    before, now = item.psi.count("n_reference"), item.psi.count("n_current")
    places = len(item.bins.counts)
    return number((places - 1) * (1 / before + 1 / now)) if before and now else ""


def drift_charts(columns: Sequence[ColumnDrift]) -> tuple[ChartSpecification, ...]:
    """PSI of each column, worst first, and the worst column's distribution as approved and now."""
    ranked = [item for item in by_trouble(columns) if item.psi.computable][:LONGEST_CHART]
    if not ranked:
        return ()
    rows = [(item.column, float(item.psi.value or 0)) for item in ranked]
    said = "; ".join(f"{name} {number(value)}" for name, value in rows)
    worst = ranked[0]
    overview = bars(title="PSI by column", description=f"PSI, worst first: {said}.", axis="PSI", rows=rows)
    lately = shares(column=worst.column, bins=worst.bins, now=worst.now[:LONGEST_CHART])
    return (lately,) if len(columns) == 1 else (overview, lately)
