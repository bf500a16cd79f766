"""How often only one of two models is right, and what would turn a verdict on the difference. Judges nothing."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

from approvals.checks._rules import Rule
from approvals.checks._turning import things
from approvals.checks.base import NumberTable
from approvals.measures.values import Measure

BOTH, OURS, THEIRS = "both_right", "only_first_right", "only_second_right"


def right_and_wrong(difference: Measure) -> tuple[NumberTable, ...]:
    """Rows by which of the two models is right, from the counts of their difference in accuracy; none without rows."""
    n = difference.n or 0
    both, ours, theirs = (difference.count(name) for name in (BOTH, OURS, THEIRS))
    if not n or both is None or ours is None or theirs is None:
        return ()
    lines = (
        ("Both models are right", both),
        ("Only the submitted model is right", ours),
        ("Only the model in use is right", theirs),
        ("Neither is right", n - both - ours - theirs),
    )
    return (
        NumberTable(
            "Right and wrong, row by row",
            ("Decisions", "Rows"),
            lines,
            note="The test of McNemar compares the second line with the third; the others say nothing of a difference.",
        ),
    )


def at_least_as_right(measure: str, limit: float | None) -> Rule:
    """The difference of two accuracies must be at or above the limit; its rows say what would turn that."""
    return Rule(measure, limit, at_least=True, exact=_exact, turning=partial(_turning, limit=limit))


def _exact(difference: Measure) -> Fraction | None:
    ours, theirs, n = difference.count(OURS), difference.count(THEIRS), difference.n
    return Fraction(ours - theirs, n) if n and ours is not None and theirs is not None else None


def _turning(difference: Measure, *, limit: float | None) -> str:
    value, n = _exact(difference), difference.n or 0
    if value is None or limit is None:
        return ""
    edge = Fraction(str(limit))
    right = (difference.count(BOTH) or 0) + (difference.count(OURS) or 0)
    if value >= edge:
        size = math.floor((value - edge) * n) + 1
        return f"{size:,} more wrong {things(size, 'predictions')} would fail it" if size <= right else ""
    size = math.ceil((edge - value) * n)
    return f"{size:,} more right {things(size, 'predictions')} would meet it" if size <= n - right else ""
