"""Groups of a batch that counted at approval and of which nothing is known now. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from approvals.measures.fairness import Group, GroupTable
from approvals.measures.regression import ErrorGroup, ErrorGroupTable

Groups = GroupTable | ErrorGroupTable
Unjudged = dict[str, dict[str, list[tuple[str, str]]]]
"""Comparison, threshold, each group that it says nothing of with a sentence."""

OF_FAVOURABLE = ("max_equal_opportunity_difference", "max_equalized_odds_difference")
OF_OTHERS = ("max_false_favourable_difference", "max_equalized_odds_difference")


def of_decisions(then: Sequence[Groups], now: Sequence[Groups], least: int) -> dict[str, list[str]]:
    """A sentence for each group that counted at approval and has too few rows in the batch to count."""
    said: dict[str, list[str]] = {}
    for before, after in zip(then, now, strict=True):
        sizes = {group.label: group.n for group in after.groups}
        by = " and ".join(before.attributes)
        said[by] = [
            f"The group “{group.label}” by {by} has {sizes.get(group.label, 0):,} rows in the batch, fewer than "
            f"{least}, so nothing is known about it; it counted at approval."
            for group in _counted(before, least)
            if sizes.get(group.label, 0) < least
        ]
    return said


def of_outcomes(
    then: Sequence[Groups], batch: Sequence[Groups], now: Sequence[Groups], *, least: int, asked: Iterable[str]
) -> Unjudged:
    """The same of errors: of groups that are large enough in the `batch`, those with too few rows whose outcome is
    known (`now`), or with none whose outcome is the one that a rate is about, although there were some at approval.
    """
    said: Unjudged = {}
    for before, decided, after in zip(then, batch, now, strict=True):
        by = " and ".join(before.attributes)
        here = {group.label for group in _counted(decided, least)}
        found = {group.label: group for group in after.groups}
        said[by] = {
            setting: [
                (group.label, f"The group “{group.label}” by {by} has {lack}; it was compared at approval.")
                for group in _counted(before, least)
                if group.label in here
                for lack in _lacks(setting, group, found.get(group.label), least)
            ]
            for setting in asked
        }
    return said


def together(parts: Iterable[Unjudged]) -> Unjudged:
    """What several classes in turn leave open, as one."""
    said: Unjudged = {}
    for part in parts:
        for by, settings in part.items():
            for setting, groups in settings.items():
                said.setdefault(by, {}).setdefault(setting, []).extend(groups)
    return said


def _counted(part: Groups, least: int) -> list[Group | ErrorGroup]:
    return [group for group in part.groups if not group.unknown and group.n >= least]


def _lacks(setting: str, then: Group | ErrorGroup, now: Group | ErrorGroup | None, least: int) -> Iterator[str]:
    rows = now.n if now else 0
    if rows < least:
        yield f"{rows:,} rows with an outcome in the batch, fewer than {least}, so nothing is known of its errors"
    elif isinstance(then, Group) and isinstance(now, Group):
        if setting in OF_FAVOURABLE and then.tp + then.fn and not now.tp + now.fn:
            yield "no row whose outcome is the favourable one in the batch, so it has no true favourable rate"
        if setting in OF_OTHERS and then.fp + then.tn and not now.fp + now.tn:
            yield "no row whose outcome is another than the favourable one, so it has no false favourable rate"
