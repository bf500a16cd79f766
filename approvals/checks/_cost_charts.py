"""What other thresholds would cost, and how many positives the highest scores hold, as pictures. Judges nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from approvals.checks._charts import curve
from approvals.checks._rules import number
from approvals.checks.base import ChartSpecification
from approvals.measures.thresholds import CostMatrix, DecisionCurves, LiftRow, mean_cost
from approvals.measures.values import Measure

Points = Sequence[tuple[float, float]]


def cost_charts(curves: DecisionCurves, costs: CostMatrix, ours: Measure) -> tuple[ChartSpecification, ...]:
    """The cost per row by threshold beside that of the submitted decisions, and the gain; none without rows."""
    found = [
        (row.threshold, float(cost))
        for row in curves.rows
        if (cost := mean_cost(row.confusion, costs, level=None).value) is not None and math.isfinite(row.threshold)
    ]
    return (*_costs(found, ours), *_gain(curves.lift))


def _costs(found: Points, ours: Measure) -> tuple[ChartSpecification, ...]:
    if not found:
        return ()
    said = "; ".join(f"at {threshold:.4g} {number(cost)}" for threshold, cost in found)
    beside = f" The dashed line is the submitted decisions, {number(ours.value)}." if ours.computable else ""
    chart = curve(
        title="Cost by threshold",
        description=f"Cost per row if all scores at or above a threshold were decided positively: {said}.{beside}",
        axes=("threshold", "cost per row"),
        points=found,
        level=float(ours.value) if ours.value is not None else None,
    )
    return (chart,)


def _gain(lift: Sequence[LiftRow]) -> tuple[ChartSpecification, ...]:
    n, points, said = sum(row.n for row in lift), [(0.0, 0.0)], []
    seen = 0
    for row in lift:
        if row.gain is None:
            return ()
        seen += row.n
        points.append((seen / n, row.gain))
        said.append(f"{number(seen / n)} of rows hold {number(row.gain)}")
    if not said:
        return ()
    chart = curve(
        title="Positives among the highest scores",
        description=f"Share of all positives among the rows of highest score: {'; '.join(said)}. The dashed line is "
        "rows in no order.",
        axes=("share of rows, by falling score", "share of positives"),
        points=points,
        diagonal=True,
    )
    return (chart,)
