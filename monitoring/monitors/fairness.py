"""Does what the model decides, or predicts, still reach every group alike? Once outcomes are known: is it as right?

Without outcomes: the ratio of the lowest to the highest selection rate (29 CFR 1607.4(D) takes four fifths as the level
to look closer) and their difference, of each class in turn where no favourable one of several is named; of numbers the
gap of mean predictions. With outcomes: differences of true and of false favourable rates (Hardt, Price & Srebro 2016),
of accuracy; of numbers of mean absolute errors. Names are those of the check of group fairness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from approvals.checks._differences import exact_difference
from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    REGRESSION,
    missing_rules,
    with_inapplicable,
    with_kind,
)
from approvals.checks._fairness_groups import attributes_of, left_out, unknown_name, unknown_share
from approvals.checks._verdicts import NO_THRESHOLD, Rule
from approvals.checks.base import CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.checks.group_fairness import exact_ratio
from approvals.measures.fairness import GroupTable
from approvals.measures.regression import ErrorGroupTable
from approvals.measures.values import Measure
from monitoring.monitors import _fairness_classes as classes
from monitoring.monitors import _fairness_numbers as numbers
from monitoring.monitors import _fairness_unjudged as unjudged
from monitoring.monitors._outcomes import (
    OutcomesNeeded,
    coverage,
    has_outcomes,
    labelled_rows,
    too_few_rows,
    waiting_for,
)
from monitoring.monitors._tables import Pair, both, require_approved_coding
from monitoring.monitors.base import BREACH, NO_LABELS, NOT_COMPUTABLE, OK, MonitorKind

OF_CLASSES, OF_NUMBERS = (BINARY, MULTICLASS), (REGRESSION,)
NOW: dict[str, tuple[str, tuple[str, ...]]] = {
    **{setting: (name, OF_CLASSES) for setting, (_, name) in classes.DECISIONS.items()},
    **{setting: (name, OF_NUMBERS) for setting, (_, name, _) in numbers.PREDICTIONS.items()},
}
"""Thresholds that need no outcomes: what people read, and the kinds of tables that have it."""
LATER: dict[str, tuple[str, tuple[str, ...]]] = {
    **{setting: (name, OF_CLASSES) for setting, (_, name) in classes.WITH_OUTCOMES.items()},
    **{setting: (name, OF_NUMBERS) for setting, (_, name, _) in numbers.WITH_OUTCOMES.items()},
}

NO_ERRORS = "Errors of groups, which need outcomes."


@dataclass(frozen=True)
class Parameters:
    """Which groups (none named: the declared ones, alone and in pairs), and from how many rows a group counts.

    Of several classes `favourable_class` is the favourable one; none named: each class in turn.
    """

    attributes: tuple[tuple[str, ...], ...] = ()
    favourable_class: str = ""
    small_group: int = 30
    level: float = 0.95
    draws: int = 2000


@dataclass(frozen=True)
class Thresholds(OutcomesNeeded):
    """What is asked; None is not asked. It is asked of single attributes, or of those named in `attributes`, among
    which there may be intersections; all others are shown.

    Of classes: selection rates; with outcomes true and false favourable rates, the larger of both gaps (equalized
    odds), accuracy. Of numbers: mean predictions and, with outcomes, mean absolute errors, in the unit of the label or
    in standard deviations of it as approved. Outcomes of fewer rows than min_labelled_rows and min_labelled_share are
    waited for. Rows without a prediction, and rows whose group is unknown, breach above the shares allowed here. More
    groups than allowed that counted at approval and have too few rows now, or no outcome that a rate is about, leave
    the question open.
    """

    min_selection_ratio: float | None = None
    max_selection_difference: float | None = None
    max_equal_opportunity_difference: float | None = None
    max_false_favourable_difference: float | None = None
    max_equalized_odds_difference: float | None = None
    max_accuracy_difference: float | None = None
    max_mean_prediction_difference: float | None = None
    max_mean_prediction_difference_in_deviations: float | None = None
    max_mae_difference_between_groups: float | None = None
    max_mae_difference_in_deviations: float | None = None
    attributes: tuple[tuple[str, ...], ...] = ()
    max_left_out_share: float = 0.0
    max_unknown_share: float = 0.05
    max_unjudged_groups: int = 0


@dataclass(frozen=True)
class _Found:
    """What is known of a batch: one comparison per entry of `now` and of `then`, measures and tables."""

    now: Sequence[GroupTable | ErrorGroupTable]
    then: Sequence[GroupTable | ErrorGroupTable]
    measures: tuple[Measure, ...]
    tables: tuple[NumberTable, ...]
    words: tuple[str, ...] = ("",)
    unjudged: unjudged.Unjudged = field(default_factory=dict)


class Fairness(MonitorKind):
    """Decisions and, once outcomes are known, errors for groups and intersections, of every kind of table."""

    title = "Fairness of the batch"
    version = "6"
    needs_outcomes = True
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **{setting: kinds for setting, (_, kinds) in (NOW | LATER).items()},
        "favourable_class": (MULTICLASS,),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        asked = job.parameters
        with both(job, kinds=KINDS) as pair:
            attributes = attributes_of(asked.attributes, pair.declared, "The approved table")
            for table in (pair.reference, pair.batch):
                table.require(*(name for names in attributes for name in names))
            require_approved_coding(pair, pair.declared.prediction)
            unusable = _unusable_outcomes(pair)
            labelled = not unusable and has_outcomes(pair)
            of_kind = _of_numbers if pair.declared.kind == REGRESSION else _of_classes
            found = of_kind(pair, attributes, job, labelled=labelled)
            known = coverage(pair, used=labelled_rows(pair))[:1] if labelled else ()
        least = asked.small_group
        return Reading(
            measures=(*found.measures, left_out(found.now[0]), *(unknown_share(part) for part in found.now), *known),
            looked_at=tuple(f"Groups by {' and '.join(names)}." for names in attributes),
            not_looked_at=(
                f"Groups of fewer than {least} rows, and rows whose group is unknown, are shown and not compared.",
                *(() if labelled else (f"Errors of groups: {unusable}" if unusable else NO_ERRORS,)),
            ),
            tables=found.tables,
            details=with_kind(
                {
                    "attributes": [list(names) for names in attributes],
                    "classes": list(found.words),
                    "unjudged": unjudged.of_decisions(found.then, found.now, least),
                    "unjudged_with_outcomes": found.unjudged,
                    "labelled": labelled,
                    "unusable_outcomes": unusable,
                },
                pair.declared.kind,
            ),
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        """Of outcomes only if enough of them are known."""
        asked = NOW if waiting_for(reading, thresholds, "it") else NOW | LATER
        return [
            _rule(setting, f"{name}{words} by {by}", getattr(thresholds, setting))
            for setting, (name, _) in asked.items()
            if getattr(thresholds, setting) is not None
            for words in reading.details.get("classes", ("",))
            for by in _judged(reading, thresholds)
        ]

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        limits |= {unknown_name((by,)): thresholds.max_unknown_share for by in _judged(reading, thresholds)}
        return missing_rules(reading, limits)

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """What is left may be within limits; a group that counted at approval and is gone leaves the question open, and
        so do outcomes that are asked for and not there yet.
        """
        now, later = (any(getattr(thresholds, setting) is not None for setting in asked) for asked in (NOW, LATER))
        waiting = _waiting(reading, thresholds) if later else ""
        if not now and not later:
            return Judgement(NOT_COMPUTABLE, (NO_THRESHOLD,))
        found = super().judge(with_inapplicable(reading, _kinds(reading, thresholds)), thresholds)
        if found.verdict == BREACH or (waiting and not now):
            return found if found.verdict == BREACH else Judgement(_until(reading, thresholds), (waiting,))
        groups, gone = _gone(reading, thresholds, later=not waiting)
        if found.verdict == OK and groups > thresholds.max_unjudged_groups:
            return Judgement(NOT_COMPUTABLE, (*gone, *found.sentences), found.failed_measures)
        if waiting and found.verdict == OK:
            return Judgement(_until(reading, thresholds), (waiting, *found.sentences))
        return found


def _unusable_outcomes(pair: Pair) -> str:
    """Why outcomes that came say nothing; empty if they can be used, or none came. Decisions are judged without."""
    if has_outcomes(pair):
        try:
            require_approved_coding(pair, pair.declared.label)
        except CheckInputError as error:
            return str(error)
    return ""


def _waiting(reading: Reading, thresholds: Any) -> str:
    """Why errors are not judged; empty if enough outcomes are known."""
    unusable = str(reading.details.get("unusable_outcomes", ""))
    return unusable or waiting_for(reading, thresholds, "fairness of errors")


def _until(reading: Reading, thresholds: Any) -> str:
    """The verdict while errors are not judged: waiting, unless no outcome that comes later is enough."""
    hopeless = reading.details.get("unusable_outcomes") or too_few_rows(reading, thresholds)
    return NOT_COMPUTABLE if hopeless else NO_LABELS


def _judged(reading: Reading, thresholds: Any) -> tuple[str, ...]:
    """The comparisons that are judged: those that the policy names, or each attribute alone."""
    measured = [tuple(names) for names in reading.details.get("attributes", ())]
    named = thresholds.attributes or [names for names in measured if len(names) == 1]
    return tuple(" and ".join(names) for names in named) or ("undeclared groups",)


def _gone(reading: Reading, thresholds: Any, *, later: bool) -> tuple[int, list[str]]:
    """How many groups counted at approval of which something that is asked is not known now, with sentences."""
    judged = _judged(reading, thresholds)
    said = [one for by in judged for one in reading.details.get("unjudged", {}).get(by, ())]
    of_errors = reading.details.get("unjudged_with_outcomes", {}) if later else {}
    asked = [setting for setting in LATER if getattr(thresholds, setting) is not None]
    found = [(by, *one) for by in judged for name in asked for one in of_errors.get(by, {}).get(name, ())]
    groups = {(by, group) for by, group, _ in found}
    return len(said) + len(groups), [*said, *dict.fromkeys(sentence for _, _, sentence in found)]


def _kinds(reading: Reading, thresholds: Any) -> dict[str, tuple[str, ...]]:
    return {
        f"{name}{words} by {by}": kinds
        for name, kinds in (NOW | LATER).values()
        for words in reading.details.get("classes", ("",))
        for by in _judged(reading, thresholds)
    }


def _rule(setting: str, name: str, limit: float) -> Rule:
    if setting == "min_selection_ratio":
        return Rule(name, limit, at_least=True, exact=exact_ratio)
    return Rule(name, limit, at_least=False, exact=exact_difference)


def _settings(job: Job, **changed: Any) -> dict[str, Any]:
    asked = asdict(job.parameters)
    return {name: asked[name] for name in ("small_group", "level", "draws")} | {"seed": job.seed} | changed


def _of_classes(pair: Pair, attributes: Sequence[tuple[str, ...]], job: Job, *, labelled: bool) -> _Found:
    chosen = classes.favourable_classes(pair, job.parameters.favourable_class)
    said, label = pair.declared.prediction, pair.declared.label
    then = classes.groups_of(pair.reference, pair, attributes, chosen[0], label=said, settings=_settings(job, draws=0))
    measures: list[Measure] = []
    tables: list[NumberTable] = []
    first: Sequence[GroupTable] = ()
    gone: list[unjudged.Unjudged] = []
    least = job.parameters.small_group
    for one in chosen:
        now = classes.groups_of(pair.batch, pair, attributes, one, label=said, settings=_settings(job))
        measures += classes.measured(now, classes.DECISIONS, one)
        tables += [classes.decision_table(part, one, least) for part in now]
        if labelled:
            later = classes.groups_of(pair.batch, pair, attributes, one, label=label, settings=_settings(job))
            measures += classes.measured(later, classes.WITH_OUTCOMES, one)
            tables += [classes.outcome_table(part, one) for part in later]
            known = classes.groups_of(
                pair.reference, pair, attributes, one, label=label, settings=_settings(job, draws=0)
            )
            gone.append(unjudged.of_outcomes(known, now, later, least=least, asked=classes.WITH_OUTCOMES))
        first = first or now
    words = tuple(one.words for one in chosen)
    return _Found(first, then, tuple(measures), tuple(tables), words, unjudged.together(gone))


def _of_numbers(pair: Pair, attributes: Sequence[tuple[str, ...]], job: Job, *, labelled: bool) -> _Found:
    said, label = pair.declared.prediction, pair.declared.label
    then = numbers.groups_of(pair.reference, pair, attributes, label=said, settings=_settings(job, draws=0))
    now = numbers.groups_of(pair.batch, pair, attributes, label=said, settings=_settings(job))
    gone: unjudged.Unjudged = {}
    deviation = numbers.approved_deviation(pair)
    measures = list(numbers.measured(now, numbers.PREDICTIONS, deviation))
    tables = [numbers.prediction_table(part, job.parameters.small_group) for part in now]
    if labelled:
        later = numbers.groups_of(pair.batch, pair, attributes, label=label, settings=_settings(job))
        measures += numbers.measured(later, numbers.WITH_OUTCOMES, deviation)
        tables += [numbers.outcome_table(part) for part in later]
        known = numbers.groups_of(pair.reference, pair, attributes, label=label, settings=_settings(job, draws=0))
        gone = unjudged.of_outcomes(known, now, later, least=job.parameters.small_group, asked=numbers.WITH_OUTCOMES)
    return _Found(now, then, (*measures, deviation), tuple(tables), unjudged=gone)
