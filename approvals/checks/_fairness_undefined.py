"""Groups large enough to be compared that have no true or no false favourable rate, because nobody has such a label.

The rate of such a group is left out of the disparity, so whoever is in it decides nothing there. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from approvals.checks._evaluation import left_out_share
from approvals.measures.fairness import Group, GroupTable
from approvals.measures.values import Measure

Rated = Callable[[Group], int]
LACKING: tuple[tuple[str, Rated, str, tuple[str, ...]], ...] = (
    (
        "favourable",
        lambda group: group.tp + group.fn,
        "true favourable rate",
        ("max_equal_opportunity_difference", "max_equalized_odds_difference"),
    ),
    ("other", lambda group: group.fp + group.tn, "false favourable rate", ("max_equalized_odds_difference",)),
)
"""Which label is lacking, how many rows of a group have it, the rate that it is needed for, and who asks for that."""


def _name(label: str, attributes: Sequence[str]) -> str:
    return f"share of rows of groups by {' and '.join(attributes)} without any {label} label"


def _lacking(part: GroupTable, rated: Rated) -> list[Group]:
    return [group for group in part.groups if group.n and not (group.small or group.unknown or rated(group))]


def undefined_shares(part: GroupTable) -> tuple[Measure, ...]:
    """What part of the rows belongs to groups that have none of these labels."""
    rows = sum(group.n for group in part.groups)
    return tuple(
        left_out_share(
            used=rows - sum(group.n for group in _lacking(part, rated)),
            rows=rows,
            name=_name(label, part.attributes),
        )
        for label, rated, _, _ in LACKING
    )


def undefined_sentence(part: GroupTable) -> str:
    """Which groups decide nothing in which rate; empty if none."""
    said = []
    for label, rated, rate, _ in LACKING:
        if lacking := _lacking(part, rated):
            names = ", ".join(f"{group.label} (n {group.n:,})" for group in lacking[:5])
            more = f" and {len(lacking) - 5:,} more" if len(lacking) > 5 else ""
            known = sum(bool(group.n and not group.unknown) for group in part.groups)
            said.append(
                f"{len(lacking):,} of {known:,} groups by {' and '.join(part.attributes)} have no row with a {label} "
                f"label, so no {rate} to compare: {names}{more}."
            )
    return " ".join(said)


def undefined_limits(attributes: Sequence[Sequence[str]], thresholds: Any) -> dict[str, float]:
    """The largest share of such rows, where the policy asks for what they lack."""
    if thresholds.max_small_share is None:
        return {}
    return {
        _name(label, names): thresholds.max_small_share
        for label, _, _, asking in LACKING
        if any(getattr(thresholds, threshold) is not None for threshold in asking)
        for names in attributes
    }
