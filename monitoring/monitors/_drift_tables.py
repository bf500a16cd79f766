"""Drift by column as a table and charts. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.checks._charts import bars
from approvals.checks._rules import number, reason_of, value_text
from approvals.checks.base import ChartSpecification, NumberTable
from monitoring.monitors._charts import shares
from monitoring.monitors._drift import ColumnDrift, by_trouble
from monitoring.monitors._drift_limits import IN_WORDS, Family

LONGEST_CHART = 30


def drift_table(columns: Sequence[ColumnDrift], family: Family) -> NumberTable:
    """Every column with its drift, worst first."""
    correction = IN_WORDS[family.certainty.correction]
    rows = tuple(
        (
            item.column,
            item.bins.kind if item.bins else "",
            number(item.psi.value) if item.psi.computable else reason_of(item.psi),
            _by_chance(item),
            _cell(item, "ks"),
            _cell(item, "js_distance"),
            _cell(item, "wasserstein_normalised"),
            _cell(item, "total_variation"),
            _cell(item, "chi_square_effect"),
            _cell(item, "shares_p"),
            _cell(item, "ks_p"),
            _adjusted(item.column, family),
            _cell(item, "new_levels"),
            _cell(item, "missing_change"),
        )
        for item in by_trouble(columns)
    )
    return NumberTable(
        title="Drift by column, worst first",
        columns=(
            "Column",
            "Kind",
            "PSI",
            "PSI by chance",
            "KS distance",
            "Jensen-Shannon",
            "Wasserstein, in deviations",
            "Total variation",
            "Effect w",
            "p of the shares",
            "p of KS",
            "p, adjusted",
            "New values",
            "Missing share, change",
        ),
        rows=rows,
        note="PSI by chance is about what two samples of these sizes differ by when nothing has changed. The shares "
        "are compared by chi-square on the same bins, of fewer than 5 expected rows put together; KS is the test of "
        f"Kolmogorov and Smirnov. The adjusted p is the smaller one after {correction} over {family.size:,} tests.",
    )


def _adjusted(column: str, family: Family) -> str:
    found = [p for (test, name), p in family.adjusted.items() if name == column and test != "missing_p"]
    return number(min(found)) if found else ""


def _cell(item: ColumnDrift, key: str) -> str:
    return value_text(item.found[key]) if key in item.found else ""


def _by_chance(item: ColumnDrift) -> str:
    before, now = item.psi.count("n_reference"), item.psi.count("n_current")
    places = len(item.bins.counts) if item.bins else 0
    return number((places - 1) * (1 / before + 1 / now)) if before and now and places else ""


def drift_charts(columns: Sequence[ColumnDrift]) -> tuple[ChartSpecification, ...]:
    """PSI of each column, worst first, and the worst column's distribution as approved and now."""
    ranked = [item for item in by_trouble(columns) if item.psi.computable][:LONGEST_CHART]
    if not ranked or ranked[0].bins is None:
        return ()
    rows = [(item.column, float(item.psi.value or 0)) for item in ranked]
    said = "; ".join(f"{name} {number(value)}" for name, value in rows)
    worst = ranked[0]
    overview = bars(title="PSI by column", description=f"PSI, worst first: {said}.", axis="PSI", rows=rows)
    lately = shares(column=worst.column, bins=ranked[0].bins, now=worst.shares_now[:LONGEST_CHART])
    return (lately,) if len(columns) == 1 else (overview, lately)
