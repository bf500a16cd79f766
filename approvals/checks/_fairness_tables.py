"""The tables of group fairness for people: groups worst first, and each against the reference group. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from approvals.checks._verdicts import interval_text, number
from approvals.checks.base import NumberTable
from approvals.measures.comparisons import Comparison
from approvals.measures.fairness import Group, GroupTable
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
    ("Accuracy", "accuracy"),
    ("Mean score", "mean_score"),
    ("Share of favourable labels", "base_rate"),
    ("Calibration in the large", "calibration_in_the_large"),
    ("ROC AUC", "roc_auc"),
)


def groups_as_json(part: GroupTable) -> dict[str, Any]:
    """The groups with their rates as measures, worst first, for whoever prints them otherwise than as text."""
    keys = ("favourable_rate", "impact_ratio", "tpr", "fpr", "accuracy")
    return {
        "attributes": list(part.attributes),
        "reference": " | ".join(part.reference) if part.reference else "",
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
    columns = [(title, key) for title, key in _COLUMNS if any(key in group.measures for group in groups)]
    rows = tuple(
        (
            group.label,
            group.n,
            group.tp + group.fp,
            _cell(group.measures["favourable_rate"]),
            interval_text(group.measures["favourable_rate"]),
            *(_cell(group.measures[key]) if key in group.measures else "" for _, key in columns),
            _remark(group),
        )
        for group in groups[:LONGEST_TABLE]
    )
    return NumberTable(
        title=f"Groups by {' and '.join(part.attributes)}",
        columns=("Group", "Rows", "Selected", "Selection rate", "Interval", *(title for title, _ in columns), "Remark"),
        rows=rows,
        note=_hidden(len(groups)),
    )


def comparison_table(part: GroupTable, comparisons: int) -> NumberTable:
    """Every known group against the reference group, worst first, with a word on how many comparisons there are."""
    ratio: Callable[[Comparison], float] = lambda item: float("inf") if item.ratio.value is None else item.ratio.value  # noqa: E731
    compared = sorted(part.comparisons, key=ratio)
    rows = tuple(
        (
            " | ".join(item.values),
            f"{item.k1:,} of {item.n1:,}",
            _cell(item.difference),
            interval_text(item.difference),
            _cell(item.ratio),
            interval_text(item.ratio),
            _cell(item.p_fisher),
            {True: "below", False: "not below", None: "not computable"}[item.adverse],
            "small sample" if item.small else "",
        )
        for item in compared[:LONGEST_TABLE]
    )
    reference = " | ".join(part.reference) if part.reference else "none"
    note = (
        f"The reference group is {reference}. Of {comparisons:,} comparisons in all, about {comparisons / 20:.3g} "
        "have a p value below 0.05 by chance alone, so a small p value of one of many is no proof."
    )
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
            "Four fifths",
            "Remark",
        ),
        rows=rows,
        note=f"{note} {_hidden(len(compared))}".strip(),
    )


def _cell(measure: Measure) -> Any:
    return number(measure.value) if measure.computable else "not computable"


def _remark(group: Group) -> str:
    if group.unknown:
        return "unknown group"
    if not group.n:
        return "no rows"
    return "small sample" if group.small else ""


def _hidden(size: int) -> str:
    return f"{size - LONGEST_TABLE:,} more are not shown." if size > LONGEST_TABLE else ""
