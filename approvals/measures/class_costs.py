"""What decisions of one class out of several cost under a declared matrix. Judges nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from approvals.measures.intervals import student_mean
from approvals.measures.multiclass import ClassConfusion
from approvals.measures.performance import with_interval
from approvals.measures.thresholds import as_written
from approvals.measures.values import Measure, not_computable

NO_ROWS = "Not computable: no row has both a label and a prediction."


@dataclass(frozen=True)
class ClassCosts:
    """Cost of one row by its class and the class decided, in any one unit; a gain is a negative cost.

    Right decisions cost nothing unless the matrix says so. Every wrong decision must be in it.
    """

    matrix: Mapping[str, Mapping[str, float]]

    def of(self, label: str, decided: str) -> float | None:
        """The cost of one such row; None if the matrix does not say."""
        found = self.matrix.get(label, {}).get(decided)
        return 0.0 if found is None and label == decided else found

    def unsaid(self, confusion: ClassConfusion) -> tuple[tuple[str, str], ...]:
        """Pairs of label and decision that occur and whose cost is not said."""
        return tuple(
            (label, decided)
            for label, row in zip(confusion.classes, confusion.cells, strict=True)
            for decided, rows in zip(confusion.classes, row, strict=True)
            if rows and self.of(label, decided) is None
        )


def class_cost_measures(confusion: ClassConfusion, costs: ClassCosts, *, level: float = 0.95) -> dict[str, Measure]:
    """mean_cost: cost per row of the decisions, with Student's interval; and the decision that would cost least if
    everybody got the same, as constant_cost, with the difference excess_over_constant (below 0 where the model saves
    something). All in the unit of the matrix.

    Not computable without rows, and where the matrix does not say what a pair that occurs costs; constant_cost is over
    those classes whose cost is said for every label.
    """
    names = ("mean_cost", "constant_cost", "excess_over_constant")
    n, counts = confusion.n, confusion.counts
    unsaid = costs.unsaid(confusion)
    if unsaid or not n:
        shown = ", ".join(f"“{decided}” for “{label}”" for label, decided in unsaid[:5])
        reason = f"Not computable: the policy does not say what the decision {shown} costs." if unsaid else NO_ROWS
        return {name: not_computable(name, reason, counts, n=n) for name in names}
    cells = np.array(confusion.cells, dtype=np.int64)
    weights = np.array(
        [[costs.of(label, decided) or 0.0 for decided in confusion.classes] for label in confusion.classes]
    )
    total = sum(
        (as_written(float(cost)) * int(rows) for cost, rows in zip(weights.flat, cells.flat, strict=True)), Fraction(0)
    )
    mean = float(total / n)
    apart = cells * (weights - mean) ** 2
    variance = math.fsum(float(part) for part in apart.ravel()) / (n - 1) if n > 1 else None
    interval = student_mean(mean, variance, n, level)
    ours = with_interval("mean_cost", mean, n, interval, counts=counts)
    constant = _cheapest(confusion, costs)
    if constant is None:
        reason = "Not computable: the policy gives no class whose cost is said for every label."
        return {"mean_cost": ours} | {name: not_computable(name, reason, counts, n=n) for name in names[1:]}
    decided, least = constant
    method = f"{decided} for everybody"
    return {
        "mean_cost": ours,
        "constant_cost": Measure("constant_cost", float(least), n, method=method, counts=counts),
        "excess_over_constant": Measure(
            "excess_over_constant", float(total / n - least), n, method=f"against {method}", counts=counts
        ),
    }


def _cheapest(confusion: ClassConfusion, costs: ClassCosts) -> tuple[str, Fraction] | None:
    """The class that would cost least if everybody got it, and its cost per row."""
    support = dict(zip(confusion.classes, confusion.support, strict=True))
    found = []
    for decided in confusion.classes:
        parts = [(rows, costs.of(label, decided)) for label, rows in support.items() if rows]
        known = [rows * as_written(cost) for rows, cost in parts if cost is not None]
        if len(known) == len(parts):
            found.append((sum(known, Fraction(0)) / confusion.n, decided))
    if not found:
        return None
    cost, decided = min(found)
    return decided, cost
