"""Two versions of one model on the same rows of a batch: is one better? What an interval does not show, nobody claims.

The batch carries what both said, so both have the same digest. Measures are those of the check that compares a
submitted model with the one in use, paired: McNemar for decisions, DeLong for ROC AUC, a bootstrap for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from approvals.checks import _champion_kinds, champion_comparison
from approvals.checks._evaluation import KINDS, LEFT_OUT, missing_rules, with_inapplicable, with_kind
from approvals.checks._verdicts import Rule, interval_text, number, reason_of
from approvals.checks.base import CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.values import Measure
from monitoring.monitors._outcomes import NONE_YET, NOT_KNOWN, OutcomesNeeded, coverage, has_outcomes, waits
from monitoring.monitors._tables import both, require_approved_coding
from monitoring.monitors.base import MonitorKind

WHAT = "which version is better"
CHAMPION = "the champion's"
"""What the check calls the model in use."""
MORE_IS_BETTER = (champion_comparison.ACCURACY, champion_comparison.AUC, _champion_kinds.F1)
LESS_IS_BETTER = (champion_comparison.BRIER, *_champion_kinds.OF_NUMBERS[:2])


@dataclass(frozen=True)
class Parameters:
    """The other version by its number, the columns of the batch that hold what it said, and the level of intervals."""

    other: str = ""
    other_prediction: str = ""
    other_score: str = ""
    level: float = 0.95


@dataclass(frozen=True)
class Thresholds(OutcomesNeeded, champion_comparison.Thresholds):
    """What is asked of this version minus the other one; None is not asked. `..._low` is asked of the lower end of the
    interval: at 0 this version has to be shown to be better, at -0.02 not to be worse by more than two hundredths.
    """


class Challenger(MonitorKind):
    """Paired differences of this version and another one of the model, for each batch that carries both."""

    title = "Comparison with another version"
    version = "4"
    needs_outcomes = True
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        name: kinds
        for name, kinds in champion_comparison.ChampionComparison.kinds_of_settings.items()
        if name != "champion_score"
    }

    def measure(self, job: Job, report: Report) -> Reading:
        asked = job.parameters
        if not asked.other or not asked.other_prediction:
            raise CheckInputError("The policy does not name the other version and the column of what it said.")
        report(0.0, "Reading the batch")
        with both(job, kinds=KINDS) as pair:
            pair.batch.require(*(name for name in (asked.other_prediction, asked.other_score) if name))
            if not has_outcomes(pair):
                details = with_kind({"labelled": False}, pair.declared.kind)
                return Reading((), (), (NONE_YET.format(WHAT),), details=details)
            for column in (pair.declared.label, pair.declared.prediction, asked.other_prediction):
                require_approved_coding(pair, column)
            kind = pair.declared.kind
            columns = champion_comparison.Parameters(
                champion_prediction=asked.other_prediction, champion_score=asked.other_score, level=asked.level
            )
            piece = replace(pair.piece, kind="evaluation_table")
            told = replace(job, inputs={"evaluation_table": piece}, parameters=columns)
            found = champion_comparison.ChampionComparison().measure(told, report)
            compared = max((measure.n or 0 for measure in found.measures), default=0)
            covered = coverage(pair, used=compared)
        measures = tuple(
            replace(measure, name=measure.name.replace(CHAMPION, that_of(asked.other)))
            for measure in found.measures
            if measure.name != LEFT_OUT
        )
        return replace(
            found,
            measures=(*measures, *covered),
            tables=tuple(_of_versions(table, asked.other) for table in found.tables),
            looked_at=(*found.looked_at[:1], f"The other version, {asked.other}, is “{asked.other_prediction}”."),
            not_looked_at=(*found.not_looked_at[1:], NOT_KNOWN),
            details=with_kind({"labelled": True, "other": asked.other}, kind),
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        asked = [rule for rule in champion_comparison.rules_of(thresholds) if rule.limit is not None]
        return [replace(rule, measure=_named(rule.measure, reading)) for rule in asked]

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share})

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """What the policy asks, after what the intervals show in words; what the policy is not met in comes first."""
        if waiting := waits(reading, thresholds, WHAT):
            return waiting
        kinds = {_named(name, reading): having for name, having in champion_comparison.KINDS_OF.items()}
        found = super().judge(with_inapplicable(reading, kinds), thresholds)
        return replace(found, sentences=(*in_words(reading, found.failed_measures), *found.sentences))


def that_of(other: str) -> str:
    """After “minus”: which of both is in use, this monitor does not know."""
    return f"that of version {other}".strip()


def _named(name: str, reading: Reading) -> str:
    """The name of a measure of the check in this reading; readings of earlier releases have it as it is there."""
    if any(CHAMPION in measure.name for measure in reading.measures):
        return name
    return name.replace(CHAMPION, that_of(str(reading.details.get("other", ""))))


def _of_versions(table: NumberTable, other: str) -> NumberTable:
    """A table of the check, told of this version and the other one."""
    words = {
        CHAMPION: that_of(other),
        "Submitted minus champion": f"This version minus version {other}",
        "the submitted model": "this version",
        "the model in use": f"version {other}",
    }

    def told(cell: Any) -> Any:
        for theirs, ours in words.items() if isinstance(cell, str) else ():
            cell = cell.replace(theirs, ours)
        return cell

    rows = tuple(tuple(map(told, row)) for row in table.rows)
    return replace(table, title=told(table.title), rows=rows, note=told(table.note))


def in_words(reading: Reading, decisive: Sequence[Measure] = ()) -> tuple[str, ...]:
    """One sentence for each difference: better, worse, or not shown, which is what an interval over zero means.

    Those that `decisive` measures are about come first.
    """
    other = f"version {reading.details.get('other', '')}".strip()
    by_name = {measure.name: measure for measure in reading.measures}
    sides = ((MORE_IS_BETTER, 1), (LESS_IS_BETTER, -1))
    named = [(_named(name, reading), sign) for names, sign in sides for name in names]
    told = [(by_name[name], sign) for name, sign in named if name in by_name]
    told.sort(key=lambda one: not any(one[0].name in measure.name for measure in decisive))
    return tuple(_shown(measure, sign, other) for measure, sign in told)


def _shown(measure: Measure, sign: int, other: str) -> str:
    name = measure.name.replace(CHAMPION, f"that of {other}")
    if not measure.computable:
        return f"{name}: {reason_of(measure)}"
    said = f"{name} is {number(measure.value)} ({interval_text(measure)})"
    if measure.low is None or measure.high is None:
        return f"Nothing is shown: {said}, and there is no interval."
    if measure.low > 0 or measure.high < 0:
        better = (measure.low > 0) == (sign > 0)
        return f"This version is {'better' if better else 'worse'} than {other}: {said}."
    return f"No difference from {other} is shown: {said}, and the interval covers zero."
