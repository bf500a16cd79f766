"""The rates of groups and the gaps between them under the plain names of the reference cases, as plain JSON values.

A rate without a denominator is null and enters no gap, where other libraries take 0 for it. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from approvals.measures.comparisons import four_fifths
from approvals.measures.fairness import Group, GroupTable
from approvals.measures.performance import RATES, Confusion
from approvals.measures.values import Measure

_OF_GROUP = {
    "selection_rate": "selection_rate",
    "tpr": "recall",
    "fnr": "fnr",
    "fpr": "fpr",
    "precision": "precision",
    "accuracy": "accuracy",
    "tnr": "specificity",
}
_GAPS = {
    "selection_rate_difference": "demographic_parity_difference",
    "selection_rate_ratio": "demographic_parity_ratio",
    "tpr_difference": "equal_opportunity_difference",
    "tpr_ratio": "equal_opportunity_ratio",
    "fpr_difference": "fpr_difference_between_groups",
    "fpr_ratio": "fpr_ratio_between_groups",
    "fnr_difference": "fnr_difference_between_groups",
    "fnr_ratio": "fnr_ratio_between_groups",
    "precision_difference": "precision_difference_between_groups",
    "precision_ratio": "precision_ratio_between_groups",
    "equalized_odds_difference": "equalized_odds_difference_worst_case",
}
_NOTE = "a rate with a zero denominator is null and left out of every difference and ratio"


def overall_rates(groups: Iterable[Group]) -> dict[str, Any]:
    """The rates of all rows of known groups together; null without a denominator."""
    known = [group for group in groups if not group.unknown]
    whole = Confusion(*(sum(getattr(group, cell) for group in known) for cell in ("tp", "fp", "fn", "tn")))
    return {"count": whole.n, **_rates(whole)}


def defined_only(part: GroupTable, small_group: int) -> dict[str, Any]:
    """Rates with their denominators by group, and the gaps between all known groups and between the large ones."""
    known = [group for group in part.groups if not group.unknown]
    large = [group for group in known if not group.small]
    return {
        "note": _NOTE,
        "by_group": {group.label: _of_group(group) for group in known},
        "all_groups": {**_gaps(part.all_groups), "groups": [group.label for group in known if group.n]},
        f"groups_with_n_at_least_{small_group}": {
            **_gaps(part.disparities),
            "groups": [group.label for group in large if group.n],
        },
    }


def adverse_impact(groups: Iterable[Group]) -> dict[str, bool | None]:
    """Whether the favourable rate of each known group is below four fifths of the highest, in whole numbers.

    None where the highest is 0, where there is one group only, and for a group without rows.
    """
    known = {group.label: (group.favourable, group.n) for group in groups if not group.unknown}
    with_rows = [counts for counts in known.values() if counts[1]]
    if len(with_rows) <= 1:
        return dict.fromkeys(known)
    k2, n2 = with_rows[0]
    for k, n in with_rows:
        if k * n2 > k2 * n:
            k2, n2 = k, n
    return {label: four_fifths(k, n, k2, n2) for label, (k, n) in known.items()}


def _of_group(group: Group) -> dict[str, Any]:
    cell = Confusion(group.tp, group.fp, group.fn, group.tn)
    counts = {
        "n": cell.n,
        "positives": cell.tp + cell.fn,
        "negatives": cell.fp + cell.tn,
        "predicted_positives": cell.tp + cell.fp,
    }
    return {**counts, **_rates(cell)}


def _rates(cell: Confusion) -> dict[str, float | None]:
    parts = {name: (RATES[rate].k(cell), RATES[rate].n(cell)) for name, rate in _OF_GROUP.items()}
    return {name: k / n if n else None for name, (k, n) in parts.items()}


def _gaps(measures: Mapping[str, Measure]) -> dict[str, Any]:
    return {name: measures[ours].value for name, ours in _GAPS.items()}
