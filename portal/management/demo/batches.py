"""A year of applications after approval, drawn from the held-out rows and scored by the frozen model itself.

No value of an application is made up: the months differ in which public applications are drawn, and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portal.management.demo.applications import Floats, Row, as_csv, rows_of, with_columns
from portal.management.demo.artifacts import thaw
from portal.management.demo.training import TrainedModel, score

ROWS = 800
MONTHS = 12
DRIFTS_FROM = 8
"""The first month, counted from one, whose applications are drawn otherwise; all later ones are, too."""
AMOUNT_WEIGHT, DURATION_WEIGHT, YOUNG_WEIGHT = 0.45, 0.3, 4.0
JITTER = 0.01
SHADOW_PREDICTION, SHADOW_SCORE = "shadow_pred", "shadow_score"
"""What the version in shadow said of the same applications."""

_ORIGIN = (
    "Simulated for the demonstration by bootstrap from the held-out rows of the public data set Statlog German Credit: "
    f"{ROWS} applications drawn with replacement, with new application numbers and each amount changed by about 1 % at "
    "random so that no application is an exact copy of another, scored by the frozen artifact. Outcomes belong to the "
    "applications drawn. "
)
LIKE = _ORIGIN + (
    "Drawn evenly within each combination of outcome, recommendation, sex and age group, so that their shares are "
    "those of the evaluation table."
)
SHIFTED = _ORIGIN + (
    "Large and long loans and young applicants were drawn more often: with a chance in proportion to "
    f"exp({AMOUNT_WEIGHT} a + {DURATION_WEIGHT} d) y, where a is the standardised logarithm of the amount, d the "
    f"standardised duration, and y is {YOUNG_WEIGHT:g} for applicants of 25 or under, else 1."
)

IN_SHADOW = (
    f"The columns {SHADOW_PREDICTION} and {SHADOW_SCORE} are what the frozen artifact of version 0.9.0 says of the "
    "same applications: it runs in shadow and decides nothing."
)


@dataclass(frozen=True)
class Batch:
    """One month of applications with the columns of the evaluation table, and where they come from."""

    name: str
    description: str
    table: bytes


def monthly_batches(seed: int, model: TrainedModel, *, shadow: TrainedModel | None = None) -> tuple[Batch, ...]:
    """Twelve months: like the evaluation data, until amounts, durations and ages shift all at once and stay so.

    With what a version in shadow says of the same applications, if there is one.
    """
    reference = rows_of(model.evaluation_csv)
    months = tuple(_month(number, seed, model, reference) for number in range(1, MONTHS + 1))
    return months if shadow is None else tuple(_with_shadow(month, shadow) for month in months)


def _with_shadow(month: Batch, shadow: TrainedModel) -> Batch:
    rows = rows_of(month.table)
    said = score(thaw(shadow.artifact), rows, shadow.features)
    names = (*rows[0], SHADOW_PREDICTION, SHADOW_SCORE)
    both = with_columns(
        rows, **{SHADOW_PREDICTION: [row["y_pred"] for row in said], SHADOW_SCORE: [row["y_score"] for row in said]}
    )
    return Batch(month.name, f"{month.description} {IN_SHADOW}", as_csv(both, names))


def _month(number: int, seed: int, model: TrainedModel, reference: Sequence[Row]) -> Batch:
    generator = np.random.default_rng([seed, number])
    drifts = number >= DRIFTS_FROM
    drawn = _shifted(reference, generator) if drifts else _like(reference, generator)
    name = f"month-{number:02d}-{'shifted' if drifts else 'as-approved'}"
    table = _table(model, drawn, generator, first_id=number * 10_000 + 1)
    return Batch(name, SHIFTED if drifts else LIKE, table)


def _like(reference: Sequence[Row], generator: np.random.Generator) -> list[Row]:
    strata: dict[tuple[str, ...], list[Row]] = {}
    for row in reference:
        strata.setdefault((row["y_true"], row["y_pred"], row["sex"], row["age_group"]), []).append(row)
    sizes = _rounded([len(rows) * ROWS / len(reference) for rows in strata.values()])
    drawn = [
        rows[place]
        for rows, size in zip(strata.values(), sizes, strict=True)
        for place in generator.integers(len(rows), size=size)
    ]
    return [drawn[place] for place in generator.permutation(ROWS)]


def _rounded(sizes: Sequence[float]) -> list[int]:
    """Whole numbers with the same sum, each the size rounded down or up, the largest remainders up."""
    whole = [int(size) for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda place: whole[place] - sizes[place])
    for place in by_remainder[: round(sum(sizes)) - sum(whole)]:
        whole[place] += 1
    return whole


def _shifted(reference: Sequence[Row], generator: np.random.Generator) -> list[Row]:
    weights = shift_weights(reference)
    return [reference[place] for place in generator.choice(len(reference), size=ROWS, p=weights / weights.sum())]


def shift_weights(rows: Sequence[Row]) -> Floats:
    """How much more often each application is drawn in a shifted month."""
    amounts = np.log([float(row["amount"]) for row in rows])
    durations = np.array([float(row["duration"]) for row in rows])
    young = np.array([row["age_group"] == "25_or_under" for row in rows])
    tilt = AMOUNT_WEIGHT * _standardised(amounts) + DURATION_WEIGHT * _standardised(durations)
    weights: Floats = np.exp(tilt) * np.where(young, YOUNG_WEIGHT, 1.0)
    return weights


def _standardised(values: Floats) -> Floats:
    found: Floats = (values - values.mean()) / values.std()
    return found


def _table(model: TrainedModel, drawn: Sequence[Row], generator: np.random.Generator, *, first_id: int) -> bytes:
    rows = with_columns(drawn, id=range(first_id, first_id + ROWS), amount=_amounts(drawn, generator))
    return as_csv(score(thaw(model.artifact), rows, model.features), tuple(drawn[0]))


def _amounts(drawn: Sequence[Row], generator: np.random.Generator) -> list[int]:
    """The amounts after the random change; a copy of an application gets the next amount that no copy has."""
    taken: set[tuple[str, int]] = set()
    amounts = []
    for row, change in zip(drawn, generator.uniform(-JITTER, JITTER, size=len(drawn)), strict=True):
        amount = round(float(row["amount"]) * (1.0 + change))
        while (row["id"], amount) in taken:
            amount += 1
        taken.add((row["id"], amount))
        amounts.append(amount)
    return amounts
