"""Outcomes come late: how many of a batch are known, and whether these are enough to judge by. Judges nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from approvals.checks._evaluation import left_out_share
from approvals.checks._rules import percent
from approvals.checks.base import Judgement, Reading
from approvals.measures.values import Measure
from monitoring.monitors._tables import Pair
from monitoring.monitors.base import NO_LABELS, NOT_COMPUTABLE

LABELLED = "share of rows with an outcome"
NONE_YET = "The batch has no outcomes yet, so {} is not known."
NOT_KNOWN = "Rows whose outcome is not known yet; they may differ from those that are."


@dataclass(frozen=True)
class OutcomesNeeded:
    """Outcomes of fewer rows than these are waited for."""

    min_labelled_share: float = 0.9
    min_labelled_rows: int = 30


def has_outcomes(pair: Pair) -> bool:
    """Whether any outcome of the batch is known."""
    return pair.declared.label in pair.batch.names and pair.batch.distinct(pair.declared.label) > 0


def labelled_rows(pair: Pair) -> int:
    """Rows of the batch whose outcome is known."""
    return pair.batch.rows - pair.batch.missing()[pair.declared.label]


def coverage(pair: Pair, *, used: int) -> tuple[Measure, Measure]:
    """Share of rows with an outcome, and of these the share without what is compared with it."""
    rows, labelled = pair.batch.rows, labelled_rows(pair)
    return (
        Measure(LABELLED, labelled / rows, rows, counts=(("labelled", labelled), ("rows", rows))),
        left_out_share(used=min(used, labelled), rows=labelled),
    )


def without(measures: Iterable[Measure], *names: str) -> tuple[Measure, ...]:
    """The measures but those of these names."""
    return tuple(measure for measure in measures if measure.name not in names)


def waiting_for(reading: Reading, thresholds: Any, what: str) -> str:
    """Why `what` is not judged yet; empty if enough outcomes are known."""
    if not reading.details.get("labelled", False):
        return NONE_YET.format(what)
    found = next((measure for measure in reading.measures if measure.name == LABELLED), None)
    labelled = (found.count("labelled") or 0) if found else 0
    rows = (found.count("rows") or 1) if found else 1
    share = Fraction(str(thresholds.min_labelled_share))
    if too_few_rows(reading, thresholds):
        return (
            f"The batch has {rows:,} {'row' if rows == 1 else 'rows'}, and outcomes of at least "
            f"{thresholds.min_labelled_rows:,} are needed before {what} is judged, so no outcome that comes later is "
            "enough; deliver windows with more rows."
        )
    if labelled >= thresholds.min_labelled_rows and Fraction(labelled, rows) >= share:
        return ""
    return (
        f"Outcomes of {labelled:,} of {rows:,} rows are known; at least {thresholds.min_labelled_rows:,} and "
        f"{percent(thresholds.min_labelled_share)} are needed before {what} is judged."
    )


def too_few_rows(reading: Reading, thresholds: Any) -> bool:
    """Whether the whole batch is smaller than the outcomes that are needed; nothing is worth waiting for then.

    Told once any outcome of it is known: before, readings do not hold how many rows there are.
    """
    return any(
        measure.name == LABELLED and (measure.count("rows") or 0) < thresholds.min_labelled_rows
        for measure in reading.measures
    )


def waits(reading: Reading, thresholds: Any, what: str) -> Judgement | None:
    """The judgement that `what` waits for outcomes, or that none will be enough; None if enough are known."""
    if not (why := waiting_for(reading, thresholds, what)):
        return None
    return Judgement(NOT_COMPUTABLE if too_few_rows(reading, thresholds) else NO_LABELS, (why,))
