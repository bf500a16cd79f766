"""Cost of decisions of several classes, as the check of the cost of decisions shows it. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from approvals.checks._evaluation import Declaration, left_out_share
from approvals.checks._rules import number
from approvals.checks.base import NumberTable, ParameterError, Reading
from approvals.measures.class_costs import ClassCosts, class_cost_measures
from approvals.measures.multiclass import ClassConfusion, read_classes
from approvals.measures.tables import Table
from approvals.measures.thresholds import LARGEST_COST

MEAN = "cost per row of the submitted decisions"
CONSTANT = "cost per row of the cheapest decision if everybody got the same"
OVER_CONSTANT = "cost per row above that of the cheapest decision if everybody got the same"
NAMES = {"mean_cost": MEAN, "constant_cost": CONSTANT, "excess_over_constant": OVER_CONSTANT}
LONGEST_TABLE = 40


def costs_of(matrix: Mapping[str, Any]) -> ClassCosts:
    """The matrix of a policy: for each class, what each decision about it costs. Raises ParameterError otherwise."""
    for label, row in matrix.items():
        if not isinstance(row, Mapping) or not row:
            raise ParameterError(f"The costs of the class “{label}” must be decisions with numbers, as {{approve: 5}}.")
        for decided, cost in row.items():
            if isinstance(cost, bool) or not isinstance(cost, int | float) or not abs(cost) <= LARGEST_COST:
                raise ParameterError(f"The cost of deciding “{decided}” for the class “{label}” must be a number.")
    return ClassCosts(
        {str(label): {str(decided): float(cost) for decided, cost in row.items()} for label, row in matrix.items()}
    )


def reading_of_class_costs(table: Table, declared: Declaration, matrix: Mapping[str, Any]) -> Reading:
    """The mean cost of the decisions by the declared matrix, and what each mistake adds to it."""
    costs = costs_of(matrix)
    if not matrix:
        raise ParameterError("The policy must say as class_costs what the decisions about several classes cost.")
    table.require(declared.label, declared.prediction)
    cells = {(key[0], key[1]): rows for key, rows in table.counts(declared.label, declared.prediction).items()}
    confusion = read_classes(cells, label=declared.label, prediction=declared.prediction)
    found = class_cost_measures(confusion, costs)
    measures = tuple(replace(found[key], name=name) for key, name in NAMES.items())
    return Reading(
        measures=(*measures, left_out_share(used=confusion.n, rows=table.rows)),
        looked_at=(
            f"{confusion.n:,} decisions about {len(confusion.classes):,} classes, by the declared costs.",
            "A right decision costs nothing where the policy says nothing else.",
        ),
        not_looked_at=(
            "Costs that differ from case to case, and who bears them.",
            "What other decisions from the scores of the classes would cost.",
        ),
        tables=(_table(confusion, costs),),
    )


def _table(confusion: ClassConfusion, costs: ClassCosts) -> NumberTable:
    lines = []
    for label, row in zip(confusion.classes, confusion.cells, strict=True):
        for decided, rows in zip(confusion.classes, row, strict=True):
            cost = costs.of(label, decided)
            if rows and cost is not None:
                lines.append((rows * cost, label, decided, rows, cost))
    lines.sort(key=lambda line: (-line[0], line[1], line[2]))
    return NumberTable(
        "What decisions cost, dearest first",
        ("Label", "Decision", "Rows", "Cost of one", "Cost of all"),
        tuple((label, decided, rows, number(cost), number(whole)) for whole, label, decided, rows, cost in lines)[
            :LONGEST_TABLE
        ],
        note=f"{len(lines) - LONGEST_TABLE:,} more are not shown." if len(lines) > LONGEST_TABLE else "",
    )
