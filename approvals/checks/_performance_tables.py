"""Measures of performance for people: a table, a chart, and claims beside what was measured. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.checks._charts import interval_dots
from approvals.checks._evaluation import Declaration
from approvals.checks._verdicts import interval_text, number, reason_of
from approvals.checks.base import ChartSpecification, CheckInputError, NumberTable
from approvals.measures.values import Measure


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
        measured = measures[key].value if key in measures else None
        name = names[key]
        if measured is None:
            sentence = f"The claim of {name} {number(claimed)} could not be compared: it was not measured."
            difference = None
        else:
            difference = claimed - measured
            agrees = abs(difference) <= tolerances[key]
            sentence = (
                ""
                if agrees
                else (
                    f"The submitter claims {name} {number(claimed)}; measured is {number(measured)}, "
                    f"which differs by more than {tolerances[key]:g}."
                )
            )
        rows.append(
            {"name": name, "claimed": claimed, "measured": measured, "difference": difference, "sentence": sentence}
        )
    return rows


def claims_table(claims: Iterable[Mapping[str, Any]]) -> NumberTable:
    """Claims, measured values and whether they agree."""
    return NumberTable(
        title="Claimed and measured",
        columns=("Measure", "Claimed", "Measured", "Claimed less measured", "Agrees"),
        rows=tuple(
            (
                claim["name"],
                number(claim["claimed"]),
                number(claim["measured"]),
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
            number(measure.value),
            interval_text(measure),
            measure.n if measure.n is not None else "",
            measure.method if measure.computable else reason_of(measure),
        )
        for measure in measures.values()
    )
    return NumberTable("Measures", ("Measure", "Value", "Interval", "Rows", "Method"), rows)


def measures_chart(
    measures: Iterable[Measure], *, title: str = "Measures with their intervals", axis: str = "value"
) -> ChartSpecification:
    """Those measures that have an interval, which are all on one axis."""
    shown = [(measure.name, measure) for measure in measures if measure.low is not None]
    return interval_dots(
        title=title,
        description="; ".join(f"{name} {number(measure.value)}" for name, measure in shown)
        or "No measure has an interval.",
        axis=axis,
        rows=shown,
    )
