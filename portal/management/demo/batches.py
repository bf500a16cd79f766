"""Two months of applications after approval, drawn from the held-out rows and scored by the frozen model itself.

No value of an application is made up: the months differ in which public applications are drawn, and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portal.management.demo.applications import Floats, Row, as_csv, rows_of, with_columns
from portal.management.demo.artifacts import thaw
from portal.management.demo.training import TrainedModel, score

ROWS = 400
AMOUNT_WEIGHT, DURATION_WEIGHT, YOUNG_WEIGHT = 0.9, 0.6, 3.0
JITTER = 0.01

_ORIGIN = (
    "Simulated for the demonstration by bootstrap from the held-out rows of the public data set Statlog German Credit: "
    "{rows} applications drawn with replacement, new application numbers, each amount changed by at most 1 % at random "
    "so that no application is an exact copy, scored by the approved artifact. "
)
CLEAN = _ORIGIN + "Every held-out application had the same chance to be drawn."
SHIFTED = _ORIGIN + (
    "Large and long loans and young applicants were drawn more often: chance in proportion to "
    "exp({amount} a + {duration} d) y, where a is the standardised logarithm of the amount, d the standardised "
    "duration, and y is {young} for applicants of 25 or under, else 1. Outcomes belong to the applications drawn."
)


@dataclass(frozen=True)
class Batch:
    """One month of applications with the columns of the evaluation table, and where they come from."""

    name: str
    description: str
    table: bytes


def monthly_batches(seed: int, model: TrainedModel) -> tuple[Batch, Batch]:
    """A month like the evaluation data, and one in which amounts, durations and ages have shifted."""
    reference = rows_of(model.evaluation_csv)
    words = {"rows": ROWS, "amount": AMOUNT_WEIGHT, "duration": DURATION_WEIGHT, "young": f"{YOUNG_WEIGHT:g}"}
    like, shifted = np.ones(len(reference)), shift_weights(reference)
    return (
        Batch("month-1", CLEAN.format(**words), _drawn(model, reference, like, seed=seed, first_id=10_001)),
        Batch("month-2", SHIFTED.format(**words), _drawn(model, reference, shifted, seed=seed + 1, first_id=20_001)),
    )


def shift_weights(rows: Sequence[Row]) -> Floats:
    """How much more often each application is drawn in the shifted month."""
    amounts = np.log([float(row["amount"]) for row in rows])
    durations = np.array([float(row["duration"]) for row in rows])
    young = np.array([row["age_group"] == "25_or_under" for row in rows])
    tilt = AMOUNT_WEIGHT * _standardised(amounts) + DURATION_WEIGHT * _standardised(durations)
    weights: Floats = np.exp(tilt) * np.where(young, YOUNG_WEIGHT, 1.0)
    return weights


def _standardised(values: Floats) -> Floats:
    found: Floats = (values - values.mean()) / values.std()
    return found


def _drawn(model: TrainedModel, reference: Sequence[Row], weights: Floats, *, seed: int, first_id: int) -> bytes:
    generator = np.random.default_rng(seed)
    places = generator.choice(len(reference), size=ROWS, p=weights / weights.sum())
    drawn = [reference[place] for place in places]
    jitter = 1.0 + generator.uniform(-JITTER, JITTER, size=ROWS)
    amounts = [round(float(row["amount"]) * factor) for row, factor in zip(drawn, jitter, strict=True)]
    rows = with_columns(drawn, id=range(first_id, first_id + ROWS), amount=amounts)
    return as_csv(score(thaw(model.artifact), rows, model.features), tuple(reference[0]))
