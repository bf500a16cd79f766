"""Measures of performance for people: a table, a chart, and claims beside what was measured. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from approvals.checks._charts import interval_dots
from approvals.checks._evaluation import Declaration
from approvals.checks._verdicts import interval_text, method_text, number, value_text
from approvals.checks.base import ChartSpecification, CheckInputError, NumberTable
from approvals.measures.values import Measure, between


@dataclass(frozen=True)
class Performed:
    """What was measured of one table: measures by the engine's names, `used` rows, and what only this kind shows.

    `tolerances` are how far a claim may differ, for measures that have a tolerance of their own.
    """

    measures: dict[str, Measure]
    rows: Measure
    used: int
    columns: str
    not_looked_at: tuple[str, ...]
    tables: tuple[NumberTable, ...]
    charts: tuple[ChartSpecification, ...]
    tolerances: Mapping[str, float]


def claims_beside(
    declared: Declaration, measures: Mapping[str, Measure], names: Mapping[str, str], tolerances: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Every claim beside the measured value; the sentence is empty where they agree."""
    rows = []
    for key, claimed in declared.claims.items():
        if key not in names:
            raise CheckInputError(
                f"The submitter claims “{key}”, which this check does not measure; it knows {', '.join(names)}."
            )
        measured = measures.get(key)
        value = measured.value if measured else None
        rows.append(
            {
                "name": names[key],
                "claimed": claimed,
                "measured": value,
                "difference": None if value is None else claimed - value,
                "sentence": _disagreement(names[key], claimed, measured, tolerances.get(key, 0.0)),
            }
            | ({"between": between(measured.bounds)} if measured and measured.bounds else {})
        )
    return rows


def _disagreement(name: str, claimed: float, measured: Measure | None, tolerance: float) -> str:
    """What is wrong with a claim; empty if it agrees. Of a bounded measure every number it may be must agree."""
    ends = () if measured is None else measured.bounds or (() if measured.value is None else (measured.value,))
    if measured is None or not ends:
        return f"The claim of {name} {number(claimed)} could not be compared: it was not measured."
    # As people write the numbers: of floats 0.805 is more than 0.005 away from 0.8.
    if all(abs(Fraction(str(claimed)) - Fraction(str(end))) <= Fraction(str(tolerance)) for end in ends):
        return ""
    return (
        f"The submitter claims {name} {number(claimed)}; measured is {value_text(measured)}, "
        f"which differs by more than {tolerance:g}."
    )


def claims_table(claims: Iterable[Mapping[str, Any]]) -> NumberTable:
    """Claims, measured values and whether they agree."""
    return NumberTable(
        title="Claimed and measured",
        columns=("Measure", "Claimed", "Measured", "Claimed less measured", "Agrees"),
        rows=tuple(
            (
                claim["name"],
                number(claim["claimed"]),
                claim.get("between") or number(claim["measured"]),
                number(claim["difference"]) if claim["difference"] is not None else "",
                "no" if claim["sentence"] else "yes",
            )
            for claim in claims
        ),
        note="Claims are the submitter's words; the portal measured the other column itself.",
    )


def numbers_table(measures: Mapping[str, Measure]) -> NumberTable:
    """Every measure with its interval and how it is made, or why it has no value."""
    rows = tuple(
        (
            measure.name,
            value_text(measure),
            interval_text(measure),
            measure.n if measure.n is not None else "",
            method_text(measure),
        )
        for measure in measures.values()
    )
    return NumberTable("Measures", ("Measure", "Value", "Interval", "Rows", "Method"), rows)


def measures_chart(
    measures: Iterable[Measure], *, title: str = "Measures with their intervals", axis: str = "value"
) -> ChartSpecification:
    """Those measures that have an interval, which are all on one axis."""
    shown = [(measure.name, measure) for measure in measures if measure.low is not None and measure.computable]
    return interval_dots(
        title=title,
        description="; ".join(f"{name} {number(measure.value)}" for name, measure in shown)
        or "No measure has an interval.",
        axis=axis,
        rows=shown,
    )
