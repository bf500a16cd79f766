"""Favourable outcomes of one group against those of another: difference, ratio, tests and the four-fifths rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from approvals.measures.distributions import Start, at_once
from approvals.measures.intervals import Interval, fisher_started, katz_log, newcombe, z_test
from approvals.measures.performance import with_interval
from approvals.measures.values import Counts, Measure, Slice, not_computable

Key = tuple[str, ...]
FourCounts = tuple[int, int, int, int]


@dataclass(frozen=True)
class Comparison:
    """Favourable outcomes k1 of n1 in a group against k2 of n2 in the reference group.

    difference k1/n1 - k2/n2 (Newcombe), ratio (Katz log), z pooled with p_z, p_fisher two-sided. `adverse` is the
    four-fifths rule in whole numbers, None when it cannot be computed.
    """

    values: Key
    reference: Key
    k1: int
    n1: int
    k2: int
    n2: int
    difference: Measure
    ratio: Measure
    z: Measure
    p_z: Measure
    p_fisher: Measure
    adverse: bool | None
    small: bool


def four_fifths(k1: int, n1: int, k2: int, n2: int) -> bool | None:
    """Whether k1/n1 is below four fifths of k2/n2 (29 CFR 1607.4(D)), in whole numbers: 5 k1 n2 < 4 k2 n1.

    None, not computable, when a group is empty or nobody in the second has the outcome.
    """
    if min(n1, n2, k2) <= 0:
        return None
    return 5 * k1 * n2 < 4 * k2 * n1


def ratio_measure(
    name: str,
    counts: FourCounts,
    level: float,
    where: Slice = (),
) -> Measure:
    """k1/n1 divided by k2/n2 with Katz's interval, from (k1, n1, k2, n2); not computable for a rate of 0 below."""
    k1, n1, k2, n2 = counts
    behind: Counts = (("k1", k1), ("n1", n1), ("k2", k2), ("n2", n2))
    if not k2:
        return not_computable(
            name, "Not computable: the favourable rate of the reference group is 0.", behind, n=n1, slice=where
        )
    same = counts[:2] == counts[2:]
    interval = None if same else katz_log(*counts, level)
    return with_interval(name, (k1 * n2) / (k2 * n1), n1 + n2, interval, counts=behind, slice=where)


def compare_each(
    good: Mapping[Key, tuple[int, int]], reference: Key, *, small_group: int, level: float
) -> tuple[Comparison, ...]:
    """Every group but the reference against it; `good` has the favourable outcomes and the rows of every group."""
    return compare_started(good, reference, small_group=small_group, level=level, start=at_once)()


def compare_started(
    good: Mapping[Key, tuple[int, int]], reference: Key, *, small_group: int, level: float, start: Start
) -> Callable[[], tuple[Comparison, ...]]:
    """What hands out `compare_each`; `start` may let another thread do the longest part of the exact tests."""
    pairs = {key: (*counts, *good[reference]) for key, counts in good.items() if key != reference}
    exact = fisher_started(list(pairs.values()), start)
    measures = [_quick(counts, level) for counts in pairs.values()]

    def found() -> tuple[Comparison, ...]:
        return tuple(
            Comparison(
                key,
                reference,
                *counts,
                *quick,
                p_fisher=_compared("p_fisher", p, None, counts),
                adverse=four_fifths(*counts),
                small=min(counts[1], counts[3]) < small_group,
            )
            for (key, counts), quick, p in zip(pairs.items(), measures, exact(), strict=True)
        )

    return found


def _quick(counts: FourCounts, level: float) -> tuple[Measure, Measure, Measure, Measure]:
    """Difference, ratio, z and its p."""
    k1, n1, k2, n2 = counts
    z, p = z_test(*counts) or (None, None)
    gap = k1 / n1 - k2 / n2
    return (
        _compared("difference", gap, newcombe(*counts, level), counts),
        ratio_measure("ratio", counts, level),
        _compared("z", z, None, counts),
        _compared("p_z", p, None, counts),
    )


def _compared(name: str, value: float | None, interval: Interval | None, counts: FourCounts) -> Measure:
    k1, n1, k2, n2 = counts
    behind: Counts = (("k1", k1), ("n1", n1), ("k2", k2), ("n2", n2))
    if value is None:
        return not_computable(name, "Not computable: a group is empty or all outcomes are the same.", behind, n=n1 + n2)
    return with_interval(name, value, n1 + n2, interval, counts=behind)
