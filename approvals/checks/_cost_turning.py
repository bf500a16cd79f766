"""How many mistakes fewer, or more, would turn a verdict on the cost of decisions. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from approvals.checks._rules import PASSED, Rule, apply
from approvals.measures.performance import Confusion
from approvals.measures.thresholds import CostMatrix
from approvals.measures.values import Measure

_MISTAKES = (("fp", "tn", "false positives"), ("fn", "tp", "false negatives"))
"""A mistake, what it would be if it were none, and how it is called."""


def at_most_per_row(measure: str, limit: float | None, costs: Mapping[str, Any]) -> Rule:
    """The cost per row must be at or below the limit; where the costs are known, mistakes say what would turn that."""
    rule = Rule(measure, limit, at_least=False)
    if not costs:
        return rule
    matrix = CostMatrix(**{str(name): float(cost) for name, cost in costs.items()})
    return replace(rule, turning=partial(_turning, rule=rule, costs=matrix))


def _turning(measure: Measure, *, rule: Rule, costs: CostMatrix) -> str:
    """The kind of mistake of which the fewest changes turn the verdict, tried on the numbers."""
    cells = {name: measure.count(name) or 0 for name in ("tp", "fp", "fn", "tn")}
    verdict = apply(rule, measure)[0]
    found = []
    for wrong, right, words in _MISTAKES:
        source, target = (right, wrong) if verdict == PASSED else (wrong, right)
        most = cells[source]
        if most and _verdict(rule, measure, costs, cells, source, target, most) != verdict:
            low, high = 0, most  # the cost moves one way with their number, so half of what is left can be left out
            while high - low > 1:
                middle = (low + high) // 2
                turned = _verdict(rule, measure, costs, cells, source, target, middle) != verdict
                low, high = (low, middle) if turned else (middle, high)
            found.append((high, words))
    if not found:
        return ""
    size, words = min(found)
    kind = words if size != 1 else words.removesuffix("s")
    return (
        f"{size:,} {'more' if verdict == PASSED else 'fewer'} {kind} would {'fail' if verdict == PASSED else 'meet'} it"
    )


def _verdict(
    rule: Rule, measure: Measure, costs: CostMatrix, cells: Mapping[str, int], source: str, target: str, size: int
) -> str:
    moved = {**cells, source: cells[source] - size, target: cells[target] + size}
    confusion = Confusion(**moved)
    changed = replace(measure, value=costs.mean(confusion), counts=confusion.counts)
    return apply(rule, changed)[0]
