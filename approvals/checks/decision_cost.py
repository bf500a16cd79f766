"""What do the decisions cost, by what the policy says each kind of right and wrong decision costs?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from approvals.checks._class_costs import MEAN, OVER_CONSTANT, costs_of, reading_of_class_costs
from approvals.checks._cost_charts import cost_charts
from approvals.checks._cost_turning import at_most_per_row
from approvals.checks._evaluation import (
    BINARY,
    LEFT_OUT,
    MULTICLASS,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
    rows_with_all,
    with_inapplicable,
    with_kind,
)
from approvals.checks._verdicts import at_most, judge_by, number
from approvals.checks.base import Check, Job, Judgement, NumberTable, ParameterError, Reading, Report
from approvals.measures.performance import Confusion, read_confusion
from approvals.measures.thresholds import LARGEST_COST, CostMatrix, DecisionCurves, decision_curves, mean_cost
from approvals.measures.values import Measure, not_computable

LEAST = "least cost per row at any threshold"
EXCESS = "cost per row above the least possible"
_CELLS = ("tp", "fp", "fn", "tn")
OF_OTHER_ROWS = "Not computable: the prediction or the score is missing in rows that have the other."


@dataclass(frozen=True)
class Parameters:
    """Cost of one row of each kind in any one unit; a gain is a negative cost. A row is positive as declared: 1.

    Of several classes `class_costs` gives each class with what each decision about it costs: {bad: {good: 5, fair: 2}}.
    """

    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0
    parts: int = 20
    class_costs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        costs_of(self.class_costs)
        for name in ("true_positive", "false_positive", "false_negative", "true_negative"):
            if not abs(getattr(self, name)) <= LARGEST_COST:
                raise ParameterError(f"The cost {name} must be a number of at most {LARGEST_COST:g}.")


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows without label, prediction or declared score fail above the share.

    The excess is over the cheapest threshold of the score (two classes), and over the cheapest decision if everybody
    got the same (several classes; below 0 the model saves something).
    """

    max_mean_cost: float | None = None
    max_excess_cost: float | None = None
    max_excess_over_constant: float | None = None
    max_left_out_share: float = 0.0


class DecisionCost(Check):
    """Mean cost of the decisions, and what other thresholds of the score would cost."""

    title = "Cost of decisions"
    version = "5"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("true_positive", "false_positive", "false_negative", "true_negative"), (BINARY,)),
        "max_excess_cost": (BINARY,),
        **dict.fromkeys(("class_costs", "max_excess_over_constant"), (MULTICLASS,)),
        "max_mean_cost": (BINARY, MULTICLASS),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("evaluation_table"), job.parameters
        declared = declaration_of(piece, kinds=(BINARY, MULTICLASS))
        if declared.kind == MULTICLASS:
            with opened(piece, job) as table:
                reading = reading_of_class_costs(table, declared, asked.class_costs)
            return replace(reading, details=with_kind(reading.details, declared.kind))
        costs = CostMatrix(asked.true_positive, asked.false_positive, asked.false_negative, asked.true_negative)
        if not any(vars(costs).values()):
            raise ParameterError("The policy must say what decisions cost: false_positive, false_negative and so on.")
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            table.require(declared.label, declared.prediction)
            cells = {(key[0], key[1]): rows for key, rows in table.counts(declared.label, declared.prediction).items()}
            confusion = read_confusion(cells, label=declared.label, prediction=declared.prediction, positive=1)
            rows, used, curves, is_of_same_rows = table.rows, confusion.n, None, True
            if declared.score:
                scored = table.scores(declared.score, declared.label, positive=1)
                report(0.3, "Trying every threshold")
                curves = decision_curves(scored, costs, parts=asked.parts)
                used = rows_with_all(table, declared, decided=confusion.n, scored=scored.n)
                is_of_same_rows = used == confusion.n == scored.n
        ours = mean_cost(confusion, costs, name=MEAN)
        return Reading(
            measures=(
                ours,
                *_least(ours, curves, costs, is_of_same_rows=is_of_same_rows),
                left_out_share(used=used, rows=rows),
            ),
            looked_at=(
                f"{confusion.n:,} decisions.",
                f"A false positive costs {costs.false_positive:g}, a false negative {costs.false_negative:g}.",
                f"A true positive costs {costs.true_positive:g}, a true negative {costs.true_negative:g}.",
            ),
            not_looked_at=("Costs that differ from case to case, and who bears them.",),
            tables=() if curves is None else _tables(curves, costs),
            charts=() if curves is None else cost_charts(curves, costs, ours),
            details={"costs": vars(costs)},
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            at_most_per_row(MEAN, thresholds.max_mean_cost, reading.details.get("costs", {})),
            at_most(EXCESS, thresholds.max_excess_cost),
            at_most(OVER_CONSTANT, thresholds.max_excess_over_constant),
        ]
        whole = with_inapplicable(reading, {EXCESS: (BINARY,), OVER_CONSTANT: (MULTICLASS,)})
        return judge_by(whole, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))


def _least(
    ours: Measure, curves: DecisionCurves | None, costs: CostMatrix, *, is_of_same_rows: bool
) -> tuple[Measure, Measure]:
    if curves is None:
        reason = "Not computable: no score column was declared, so there is no other threshold."
        return not_computable(LEAST, reason), not_computable(EXCESS, reason)
    threshold, least = curves.best_threshold, curves.least
    if threshold is None or least.value is None or ours.value is None:
        reason = least.reason or ours.reason
        return not_computable(LEAST, reason), not_computable(EXCESS, reason)
    method = f"threshold {_shown(threshold)}"
    lowest = Measure(LEAST, least.value, least.n, method=method, counts=least.counts)
    if not is_of_same_rows:
        return lowest, not_computable(EXCESS, OF_OTHER_ROWS, n=ours.n)
    decided, cheapest = (Confusion(*(one.count(cell) or 0 for cell in _CELLS)) for one in (ours, least))
    # Both are of the same rows. Of whole numbers, because 0.8 - 0.7 of floats is more than 0.1.
    excess = float((costs.exactly(decided) - costs.exactly(cheapest)) / decided.n)
    return lowest, Measure(EXCESS, excess, ours.n, method=f"against the {method}")


def _shown(threshold: float) -> str:
    return "above every score" if math.isinf(threshold) else f"{threshold:.4g}"


def _tables(curves: DecisionCurves, costs: CostMatrix) -> tuple[NumberTable, ...]:
    rows = tuple(
        (
            _shown(row.threshold),
            row.confusion.tp,
            row.confusion.fp,
            row.confusion.fn,
            row.confusion.tn,
            number(mean_cost(row.confusion, costs, level=None).value),
        )
        for row in curves.rows
    )
    lift = tuple(
        (
            f"{row.highest_score:.4g} to {row.lowest_score:.4g}",
            row.n,
            row.positives,
            "not computable" if row.lift is None else number(row.lift),
            "not computable" if row.gain is None else number(row.gain),
        )
        for row in curves.lift
    )
    cells = ("True positives", "False positives", "False negatives", "True negatives")
    return (
        NumberTable("Other thresholds", ("Threshold", *cells, "Cost per row"), rows),
        NumberTable("Lift, by falling score", ("Scores", "Rows", "Positives", "Lift", "Gain"), lift),
    )
