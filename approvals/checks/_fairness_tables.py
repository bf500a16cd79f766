"""The tables of group fairness for people: groups worst first, and each against the reference group. Judges nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from approvals.checks._verdicts import interval_text, number
from approvals.checks.base import NumberTable
from approvals.measures.comparisons import Comparison
from approvals.measures.fairness import Group, GroupTable
from approvals.measures.labels import group_label
from approvals.measures.multiplicity import adjusted, chance_sentence
from approvals.measures.values import Measure

LONGEST_TABLE = 200


def known(part: GroupTable) -> list[Group]:
    """Groups whose values are known and that have rows."""
    return [group for group in part.groups if group.n and not group.unknown]


def ordered(part: GroupTable) -> list[Group]:
    """Known groups by their selection rate, worst first; empty and unknown ones at the end."""

    def place(group: Group) -> tuple[bool, bool, float]:
        rate = group.measures["favourable_rate"].value
        return group.unknown, rate is None, float(rate or 0)

    return sorted(part.groups, key=place)


_COLUMNS: tuple[tuple[str, str], ...] = (
    ("Impact ratio", "impact_ratio"),
    ("True favourable rate", "tpr"),
    ("False favourable rate", "fpr"),
    ("Missed favourable rate", "fnr"),
    ("Precision", "precision"),
    ("Accuracy", "accuracy"),
    ("Share of favourable labels", "base_rate"),
)


def groups_as_json(part: GroupTable) -> dict[str, Any]:
    """The groups with their rates as measures, worst first, for whoever prints them otherwise than as text."""
    keys = ("favourable_rate", "impact_ratio", "tpr", "fpr", "accuracy")
    return {
        "attributes": list(part.attributes),
        "reference": group_label(part.reference) if part.reference else "",
        "columns": ["Selection rate", "Impact ratio", "True favourable rate", "False favourable rate", "Accuracy"],
        "rows": [
            {
                "group": group.label,
                "n": group.n,
                "small": group.small,
                "unknown": group.unknown,
                "numbers": [group.measures[key].as_json() for key in keys],
            }
            for group in ordered(part)[:LONGEST_TABLE]
        ],
    }


def group_table(part: GroupTable) -> NumberTable:
    """Every group with its rates, worst first."""
    groups = ordered(part)
    rows = tuple(
        (
            group.label,
            group.n,
            group.tp + group.fp,
            cell(group.measures["favourable_rate"]),
            interval_text(group.measures["favourable_rate"]),
            *(cell(group.measures[key]) for _, key in _COLUMNS),
            remark(group),
        )
        for group in groups[:LONGEST_TABLE]
    )
    return NumberTable(
        title=f"Groups by {' and '.join(part.attributes)}",
        columns=(
            "Group",
            "Rows",
            "Selected",
            "Selection rate",
            "Interval",
            *(title for title, _ in _COLUMNS),
            "Remark",
        ),
        rows=rows,
        note=hidden(len(groups)),
    )


def comparison_tables(parts: Sequence[GroupTable]) -> list[NumberTable]:
    """Each attribute's groups against its reference group. p values are adjusted over the comparisons of all tables."""
    adjustments = iter(adjusted([item.p_fisher for part in parts for item in part.comparisons]))
    compared = [[(item, next(adjustments).holm) for item in part.comparisons] for part in parts]
    made = sum(item.p_fisher.computable for pairs in compared for item, _ in pairs)
    return [_comparison_table(part, pairs, made) for part, pairs in zip(parts, compared, strict=True)]


def _comparison_table(part: GroupTable, pairs: Sequence[tuple[Comparison, Measure]], made: int) -> NumberTable:
    """Every known group against the reference group, worst first, with a word on how many comparisons there are."""
    worst_first = sorted(pairs, key=lambda pair: math.inf if pair[0].ratio.value is None else pair[0].ratio.value)
    rows = tuple(
        (
            group_label(item.values),
            f"{item.k1:,} of {item.n1:,}",
            cell(item.difference),
            interval_text(item.difference),
            cell(item.ratio),
            interval_text(item.ratio),
            cell(item.p_fisher),
            cell(p_holm),
            {True: "below", False: "not below", None: "not computable"}[item.adverse],
            "small sample" if item.small else "",
        )
        for item, p_holm in worst_first[:LONGEST_TABLE]
    )
    reference = group_label(part.reference) if part.reference else "none"
    note = f"The reference group is {reference}. In all {chance_sentence(made)} The adjusted p allows for that."
    return NumberTable(
        title=f"Groups by {' and '.join(part.attributes)} against {reference}",
        columns=(
            "Group",
            "Selected",
            "Difference",
            "Interval of the difference",
            "Ratio",
            "Interval of the ratio",
            "p (Fisher)",
            "p adjusted (Holm)",
            "Four fifths",
            "Remark",
        ),
        rows=rows,
        note=f"{note} {hidden(len(pairs))}".strip(),
    )


def cell(measure: Measure) -> Any:
    """A number as people read it, or that there is none."""
    return number(measure.value) if measure.computable else "not computable"


def remark(group: Group) -> str:
    """Why a group decides nothing, or nothing."""
    if group.unknown:
        return "unknown group"
    if not group.n:
        return "no rows"
    return "small sample" if group.small else ""


def hidden(size: int) -> str:
    """How many rows of a table are not shown, or nothing."""
    return f"{size - LONGEST_TABLE:,} more are not shown." if size > LONGEST_TABLE else ""
