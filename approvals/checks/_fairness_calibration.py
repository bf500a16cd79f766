"""What the score says within groups of people, whichever outcome is favourable. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.checks._evaluation import BINARY, Declaration
from approvals.checks._fairness_tables import LONGEST_TABLE, cell, hidden, ordered
from approvals.checks._verdicts import interval_text
from approvals.checks.base import NumberTable
from approvals.measures.fairness import Group, GroupTable, group_fairness
from approvals.measures.tables import Table

_COLUMNS = (
    *("Groups by", "Group", "n", "Mean score", "Share of 1", "In the large", "Interval"),
    *("Bin error", "ROC AUC", "Interval of it"),
)
_NOTE = (
    "The score is of label 1, and n rows have one. “In the large” is the share of label 1 minus the mean "
    "score. The bin error is the calibration error over 10 bins of equal width, closed on the right; it is above 0 by "
    "chance."
)


def scored_groups(
    table: Table,
    declared: Declaration,
    found: Sequence[GroupTable],
    favourable: int | str,
    *,
    small_group: int,
    level: float,
) -> Sequence[GroupTable]:
    """The groups with the measures of their scores, which are of label 1: those found, unless 0 is favourable.

    Without a score, the groups as they are.
    """
    if favourable == 1 or declared.kind != BINARY or not declared.score:
        return found
    return group_fairness(
        table,
        label=declared.label,
        prediction=declared.prediction,
        score=declared.score,
        attributes=[part.attributes for part in found],
        small_group=small_group,
        level=level,
        draws=0,
    )


def calibration_table(found: Sequence[GroupTable], scored: Sequence[GroupTable]) -> NumberTable:
    """What the score says in every group that has one, in the order of the other tables; no rows without scores."""
    rows: list[tuple[object, ...]] = []
    notes = [_NOTE]
    for part, measured in zip(found, scored, strict=True):
        by = " and ".join(part.attributes)
        calibrated = {group.values: group for group in measured.groups if "ece" in group.measures}
        groups = [calibrated[group.values] for group in ordered(part) if group.values in calibrated]
        rows += [_row(by, group) for group in groups[:LONGEST_TABLE]]
        if more := hidden(len(groups)):
            notes.append(f"By {by}: {more}")
    return NumberTable(
        title="Calibration of the score within groups", columns=_COLUMNS, rows=tuple(rows), note=" ".join(notes)
    )


def _row(by: str, group: Group) -> tuple[object, ...]:
    found = group.measures
    rows, positives = found["mean_score"].n or 0, found["mean_score"].count("positives") or 0
    area = found["roc_auc"]
    return (
        by,
        group.label,
        rows,
        cell(found["mean_score"]),
        f"{positives / rows:.3f}" if rows else "not computable",
        cell(found["calibration_in_the_large"]),
        interval_text(found["calibration_in_the_large"]),
        cell(found["ece"]),
        cell(area),
        interval_text(area),
    )
