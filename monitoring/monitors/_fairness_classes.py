"""Decisions about groups of people in a batch: selection rates, and error rates once outcomes are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.checks._evaluation import MULTICLASS
from approvals.checks._fairness_tables import group_table, ordered
from approvals.checks._rules import interval_text, number
from approvals.checks.base import CheckInputError, NumberTable
from approvals.checks.group_fairness import disparities_of
from approvals.measures.fairness import Group, GroupTable, group_fairness
from approvals.measures.labels import Value, value_text
from approvals.measures.tables import Table
from approvals.measures.values import Measure
from monitoring.monitors._tables import Pair, approved_classes

DECISIONS = {
    "min_selection_ratio": ("demographic_parity_ratio", "selection rate ratio"),
    "max_selection_difference": ("demographic_parity_difference", "selection rate difference"),
}
"""Threshold, the engine's name, and what people read; known without outcomes."""
WITH_OUTCOMES = {
    "max_equal_opportunity_difference": ("equal_opportunity_difference", "equal opportunity difference"),
    "max_false_favourable_difference": ("fpr_difference_between_groups", "false favourable rate difference"),
    "max_equalized_odds_difference": ("equalized_odds_difference_worst_case", "equalized odds difference"),
    "max_accuracy_difference": ("accuracy_difference_between_groups", "accuracy difference"),
}
MOST_CLASSES = 12
LONGEST_TABLE = 200


@dataclass(frozen=True)
class Chosen:
    """A class that counts as favourable, and how measures of it are named: nothing is added where only one can be."""

    value: Value
    words: str = ""


def favourable_classes(pair: Pair, asked: str) -> tuple[Chosen, ...]:
    """The favourable one of two classes as declared; of several the one that a policy names, or each in turn.

    Raises CheckInputError for a class that was not there at approval, and for too many to take each in turn.
    """
    if pair.declared.kind != MULTICLASS:
        if asked:
            raise CheckInputError(
                f"The policy names “{asked}” as the favourable one of several classes, but the approved table is "
                "declared as a binary one, whose favourable prediction is 0 or 1; correct the one that is wrong."
            )
        return (Chosen(pair.declared.favourable),)
    known = [value_text(value) or "" for value in approved_classes(pair)]
    if asked and asked not in known:
        raise CheckInputError(f"The policy names the favourable class “{asked}”; at approval there were {known[:9]}.")
    if not asked and len(known) > MOST_CLASSES:
        raise CheckInputError(
            f"There are {len(known):,} classes, so the policy must name the favourable one as “favourable_class”."
        )
    return (Chosen(asked),) if asked else tuple(Chosen(name, f" of {name}") for name in known)


def groups_of(
    table: Table, pair: Pair, attributes: Sequence[tuple[str, ...]], chosen: Chosen, *, label: str, settings: Any
) -> tuple[GroupTable, ...]:
    """Groups by what is decided about them; with the prediction as label nothing is asked of outcomes."""
    return group_fairness(
        table,
        label=label,
        prediction=pair.declared.prediction,
        attributes=attributes,
        positive=chosen.value,
        favourable=chosen.value,
        several=pair.declared.kind == MULTICLASS,
        **settings,
    )


def measured(found: Iterable[GroupTable], asked: dict[str, tuple[str, str]], chosen: Chosen) -> tuple[Measure, ...]:
    """The disparities of every comparison, named after the class where several are taken in turn."""
    names = [(key, f"{name}{chosen.words}") for key, name in asked.values()]
    return tuple(measure for part in found for measure in disparities_of(part, names))


def decision_table(part: GroupTable, chosen: Chosen, least: int) -> NumberTable:
    """Groups by their selection rate, lowest first."""
    rows = [
        (
            group.label,
            group.n,
            group.favourable,
            number(group.measures["favourable_rate"].value),
            interval_text(group.measures["favourable_rate"]),
            _remark(group, least),
        )
        for group in ordered(part)
        if group.n
    ]
    return NumberTable(
        f"Groups by {' and '.join(part.attributes)}{chosen.words}",
        ("Group", "Rows", "Selected", "Selection rate", "Interval", "Remark"),
        tuple(rows[:LONGEST_TABLE]),
        note=f"{len(rows) - LONGEST_TABLE:,} more are not shown." if len(rows) > LONGEST_TABLE else "",
    )


def outcome_table(part: GroupTable, chosen: Chosen) -> NumberTable:
    """Groups with their error rates, of rows with an outcome."""
    found = group_table(part)
    return replace(found, title=f"{found.title}{chosen.words}, rows with an outcome")


def _remark(group: Group, least: int) -> str:
    if group.unknown:
        return "not known, not compared"
    return "small group, not judged" if group.n < least else ""
