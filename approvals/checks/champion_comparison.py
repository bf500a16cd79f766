"""Is the submitted model better than the one it would replace? Both predictions stand in the evaluation table.

What is compared is paired, because both err on the same rows: McNemar for decisions, DeLong for ROC AUC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from approvals.checks import _champion_kinds
from approvals.checks._champion_pairs import at_least_as_right, right_and_wrong
from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    Declaration,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
    with_inapplicable,
    with_kind,
)
from approvals.checks._verdicts import Rule, at_least, at_most, interval_text, judge_by, number, reason_of
from approvals.checks.base import Check, CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.labels import Value
from approvals.measures.paired import accuracy_from_counts
from approvals.measures.paired_kinds import class_differences
from approvals.measures.paired_scores import PairedRows, Said, paired_rows, table_auc_difference, table_brier_difference
from approvals.measures.values import Measure, not_computable

NAMES = {
    "accuracy_difference": "accuracy minus the champion's",
    "mcnemar_p": "p that accuracy is the same (McNemar)",
    "roc_auc_difference": "ROC AUC minus the champion's",
    "delong_p": "p that ROC AUC is the same (DeLong)",
    "brier_difference": "Brier score minus the champion's",
}
LOWEST = "lower end of the interval of {}"
ACCURACY, AUC, BRIER = NAMES["accuracy_difference"], NAMES["roc_auc_difference"], NAMES["brier_difference"]
KINDS_OF = {
    **dict.fromkeys((ACCURACY, LOWEST.format(ACCURACY)), (BINARY, MULTICLASS)),
    **dict.fromkeys((AUC, LOWEST.format(AUC), BRIER), (BINARY,)),
    **_champion_kinds.KINDS_OF,
}


@dataclass(frozen=True)
class Parameters:
    """Columns of the evaluation table that hold what the model in use decided or predicted, and its score of 1."""

    champion_prediction: str = ""
    champion_score: str = ""
    level: float = 0.95


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Differences are submitted minus champion; a Brier difference is best below 0.

    `..._low` is asked of the lower end of the interval: at -0.01 the model is at most a hundredth worse, surely; and
    `..._high`, of errors of numbers, of the upper end. F1 is the mean over several classes; mae and rmse are of
    numbers, in the unit of the label, and the ratio is the mae as a multiple of the champion's. Rows without label, or
    without a prediction or score of either model, fail above the share allowed here.
    """

    min_accuracy_difference: float | None = None
    min_accuracy_difference_low: float | None = None
    min_roc_auc_difference: float | None = None
    min_roc_auc_difference_low: float | None = None
    max_brier_difference: float | None = None
    min_f1_macro_difference: float | None = None
    min_f1_macro_difference_low: float | None = None
    max_mae_difference: float | None = None
    max_mae_difference_high: float | None = None
    max_rmse_difference: float | None = None
    max_rmse_difference_high: float | None = None
    max_mae_ratio: float | None = None
    max_mae_ratio_high: float | None = None
    max_left_out_share: float = 0.0


class ChampionComparison(Check):
    """Accuracy, ROC AUC and Brier score against the model in use, paired."""

    title = "Comparison with the model in use"
    version = "5"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("min_accuracy_difference", "min_accuracy_difference_low"), (BINARY, MULTICLASS)),
        **dict.fromkeys(("min_roc_auc_difference", "min_roc_auc_difference_low", "max_brier_difference"), (BINARY,)),
        "champion_score": (BINARY,),
        **_champion_kinds.KINDS_OF_THRESHOLDS,
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("evaluation_table"), job.parameters
        declared = declaration_of(piece, kinds=KINDS)
        if not asked.champion_prediction:
            raise CheckInputError("The policy names no column with the predictions of the model in use.")
        _refuse_itself(declared, asked, piece.name)
        report(0.0, "Reading the evaluation table")
        if declared.kind != BINARY:
            with opened(piece, job) as table:
                reading = _champion_kinds.READINGS[declared.kind](table, declared, asked.champion_prediction, job)
            return replace(reading, details=with_kind(reading.details, declared.kind))
        with opened(piece, job) as table:
            ours = Said(declared.prediction, declared.score or "")
            theirs = Said(asked.champion_prediction, asked.champion_score)
            pairs = paired_rows(table, label=declared.label, first=ours, second=theirs)
            used, rows = sum(pairs.sizes), table.rows
            report(0.3, "Comparing both models row by row")
            measures = (*_differences(pairs, job), _f1_difference(pairs, job))
        lines = tuple((m.name, number(m.value) if m.computable else reason_of(m), interval_text(m)) for m in measures)
        return Reading(
            measures=(*measures, *_lower_ends(measures), left_out_share(used=used, rows=rows)),
            looked_at=(
                f"{used:,} rows that have a label and what both models said about them.",
                f"The model in use is column “{asked.champion_prediction}”.",
            ),
            not_looked_at=(
                "Whether the columns of the model in use are what it really said.",
                "Groups; see the check of group fairness.",
            ),
            tables=(
                NumberTable("Submitted minus champion", ("Measure", "Value", "Interval"), lines),
                *right_and_wrong(measures[0]),
            ),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        whole, rules = with_inapplicable(reading, KINDS_OF), rules_of(thresholds)
        return judge_by(whole, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))


def rules_of(thresholds: Any) -> list[Rule]:
    """The thresholds as rules on the measures of a comparison; those that are not asked have no limit."""
    f1, upper = _champion_kinds.F1, _champion_kinds.UPPER
    rules = [
        at_least_as_right(ACCURACY, thresholds.min_accuracy_difference),
        at_least(LOWEST.format(ACCURACY), thresholds.min_accuracy_difference_low),
        at_least(AUC, thresholds.min_roc_auc_difference),
        at_least(LOWEST.format(AUC), thresholds.min_roc_auc_difference_low),
        at_most(BRIER, thresholds.max_brier_difference),
        at_least(f1, thresholds.min_f1_macro_difference),
        at_least(LOWEST.format(f1), thresholds.min_f1_macro_difference_low),
    ]
    for name, key in zip(_champion_kinds.OF_NUMBERS, ("mae_difference", "rmse_difference", "mae_ratio"), strict=True):
        rules.append(at_most(name, getattr(thresholds, f"max_{key}")))
        rules.append(at_most(upper.format(name), getattr(thresholds, f"max_{key}_high")))
    return rules


def _refuse_itself(declared: Declaration, asked: Parameters, name: str) -> None:
    """Nobody is better than the model in use by declaring its columns as one's own."""
    for column, own in ((asked.champion_prediction, declared.prediction), (asked.champion_score, declared.score)):
        if column and column == own:
            raise CheckInputError(
                f"{name} declares “{column}” as what the submitted model says, and the policy as what the model in use "
                "says; a model compared with itself shows nothing."
            )


def _differences(pairs: PairedRows, job: Job) -> tuple[Measure, ...]:
    level = job.parameters.level
    right = {(y == p, y == q): 0 for y in (True, False) for p in (True, False) for q in (True, False)}
    for (y, p, q), rows in pairs.cells.items():
        right[y == p, y == q] += rows
    found = list(
        accuracy_from_counts(
            right[True, False], right[False, True], right[True, True], sum(right.values()), level=level
        )
    )
    if pairs.has_scores:
        found += table_auc_difference(pairs, level=level, scratch=job.work)
        found.append(table_brier_difference(pairs, level=level))
    else:
        reason = "Not computable: one of the models has no score column."
        found += [not_computable(name, reason) for name in ("roc_auc_difference", "delong_p", "brier_difference")]
    return tuple(replace(measure, name=NAMES[measure.name]) for measure in found)


def _f1_difference(pairs: PairedRows, job: Job) -> Measure:
    """From rows per label and both predictions, eight numbers, which are drawn again and again."""
    cells: dict[tuple[Value, Value, Value], int] = {(y, p, q): rows for (y, p, q), rows in pairs.cells.items()}
    found = class_differences(cells, level=job.parameters.level, seed=job.seed)["f1_macro_difference"]
    return replace(found, name=_champion_kinds.F1)


def _lower_ends(measures: tuple[Measure, ...]) -> list[Measure]:
    found = []
    for measure in measures:
        if measure.name in (ACCURACY, AUC, _champion_kinds.F1):
            name = LOWEST.format(measure.name)
            reason, low = _champion_kinds.why_no_interval(measure), measure.low
            found.append(not_computable(name, reason, n=measure.n) if low is None else Measure(name, low, measure.n))
    return found
