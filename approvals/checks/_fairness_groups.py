"""What holds for groups of people whatever is predicted: which are compared, left out, unknown or too small."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from approvals.checks._evaluation import Declaration, left_out_share
from approvals.checks.base import CheckInputError
from approvals.measures.fairness import GroupTable
from approvals.measures.regression import ErrorGroupTable
from approvals.measures.values import Measure

Groups = GroupTable | ErrorGroupTable


def attributes_of(asked: Sequence[tuple[str, ...]], declared: Declaration, name: str) -> tuple[tuple[str, ...], ...]:
    """The comparisons that the policy asks for, or every declared group alone and in pairs."""
    if asked:
        return tuple(asked)
    if not declared.groups:
        raise CheckInputError(f"{name} declares no group columns, so no groups can be compared; declare them.")
    alone = tuple((group,) for group in declared.groups)
    return (*alone, *itertools.combinations(declared.groups, 2))


def left_out(part: Groups) -> Measure:
    """What part of the rows has nothing to compare."""
    used = sum(group.n for group in part.groups)
    return left_out_share(used=used, rows=used + part.rows_left_out)


def unknown_name(attributes: Sequence[str]) -> str:
    """What the share of rows of unknown groups is called."""
    return f"share of rows of unknown {' and '.join(attributes)}"


def unknown_share(part: Groups) -> Measure:
    """What part of the rows belongs to no known group."""
    rows = sum(group.n for group in part.groups)
    return left_out_share(used=rows - part.unknown_rows, rows=rows, name=unknown_name(part.attributes))


def small_name(attributes: Sequence[str]) -> str:
    """What the share of rows of groups that are too small to decide anything is called."""
    return f"share of rows of small groups by {' and '.join(attributes)}"


def small_share(part: Groups) -> Measure:
    """What part of the rows belongs to known groups that decide nothing because they are too small."""
    rows = sum(group.n for group in part.groups)
    small = sum(group.n for group in part.groups if group.small and not group.unknown)
    return left_out_share(used=rows - small, rows=rows, name=small_name(part.attributes))


def known_groups(part: Groups) -> str:
    """The comparison with the number of its known groups."""
    known = [group for group in part.groups if group.n and not group.unknown]
    return f"{' and '.join(part.attributes)} ({len(known):,} groups)"


def small_sentence(part: Groups, small_group: int) -> str:
    """Which groups decide nothing because they are too small; empty if none."""
    known = [group for group in part.groups if group.n and not group.unknown]
    small = [group for group in known if group.small]
    if not small:
        return ""
    names = ", ".join(f"{group.label} (n {group.n:,})" for group in small[:5])
    more = f" and {len(small) - 5:,} more" if len(small) > 5 else ""
    return (
        f"{len(small):,} of {len(known):,} groups by {' and '.join(part.attributes)} have fewer than "
        f"{small_group:,} rows and decide nothing: {names}{more}."
    )


def not_compared(found: Sequence[Groups], declared: Declaration) -> tuple[str, ...]:
    """Declared groups that the policy does not ask for, in a sentence."""
    others = [name for name in declared.groups if not any(name in part.attributes for part in found)]
    return (f"The declared groups {', '.join(others)}, because the policy does not ask for them.",) if others else ()
