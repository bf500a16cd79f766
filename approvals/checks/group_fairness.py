"""How groups of people and their intersections fare: rates with intervals, and disparities against the policy.

Groups that are too small or unknown are shown and decide nothing; a disparity that has no value is never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar

from approvals.checks._charts import interval_dots
from approvals.checks._differences import exact_difference
from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    REGRESSION,
    Declaration,
    declaration_of,
    missing_rules,
    opened,
    with_inapplicable,
    with_kind,
)
from approvals.checks._fairness_calibration import calibration_table, scored_groups
from approvals.checks._fairness_errors import DEVIATIONS, DIFFERENCES, reading_of_errors
from approvals.checks._fairness_groups import (
    attributes_of,
    known_groups,
    left_out,
    not_compared,
    small_name,
    small_sentence,
    small_share,
    unknown_name,
    unknown_share,
)
from approvals.checks._fairness_tables import comparison_tables, group_table, groups_as_json, ordered
from approvals.checks._fairness_turning import GroupCells, cells_of, turning_of_groups
from approvals.checks._fairness_undefined import undefined_limits, undefined_sentence, undefined_shares
from approvals.checks._verdicts import Rule, judge_by, number
from approvals.checks.base import (
    ChartSpecification,
    Check,
    CheckInputError,
    Job,
    Judgement,
    NumberTable,
    Reading,
    Report,
)
from approvals.measures.fairness import Group, GroupTable, group_fairness
from approvals.measures.tables import Table
from approvals.measures.values import Measure

DISPARITIES = {
    "min_selection_ratio": ("demographic_parity_ratio", "selection rate ratio"),
    "max_selection_difference": ("demographic_parity_difference", "selection rate difference"),
    "max_equal_opportunity_difference": ("equal_opportunity_difference", "equal opportunity difference"),
    "max_equalized_odds_difference": ("equalized_odds_difference_worst_case", "equalized odds difference"),
    "max_accuracy_difference": ("accuracy_difference_between_groups", "accuracy difference"),
}
"""Threshold, the engine's name of the measure, and what people read."""
OF_CLASSES, OF_NUMBERS = (BINARY, MULTICLASS), (REGRESSION,)
ASKED: list[tuple[str, str, tuple[str, ...]]] = [
    (threshold, name, OF_CLASSES) for threshold, (_, name) in DISPARITIES.items()
]
ASKED += [(threshold, name, OF_NUMBERS) for threshold, (_, name) in (DIFFERENCES | DEVIATIONS).items()]
LONGEST_CHART = 30

Rate = Callable[[Group], tuple[int, int]]
_RATES: dict[str, tuple[Rate, ...]] = {
    "demographic_parity_ratio": (lambda g: (g.tp + g.fp, g.n),),
    "demographic_parity_difference": (lambda g: (g.tp + g.fp, g.n),),
    "equal_opportunity_difference": (lambda g: (g.tp, g.tp + g.fn),),
    "equalized_odds_difference_worst_case": (lambda g: (g.tp, g.tp + g.fn), lambda g: (g.fp, g.fp + g.tn)),
    "accuracy_difference_between_groups": (lambda g: (g.tp + g.tn, g.n),),
    "fpr_difference_between_groups": (lambda g: (g.fp, g.fp + g.tn),),
}


@dataclass(frozen=True)
class Parameters:
    """Which groups are compared and how.

    No attributes named: every group column that the table declares, alone and in pairs. No favourable prediction
    named: the one that the table declares. Of several classes the policy must name the favourable class, and all others
    count as one; of numbers none is favourable.
    """

    attributes: tuple[tuple[str, ...], ...] = ()
    favourable: int | None = None
    favourable_class: str = ""
    small_group: int = 30
    level: float = 0.95
    draws: int = 2000


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. No attributes named: it is asked of every comparison that was measured.

    Rows without label or prediction, and rows whose group is unknown, fail above the shares allowed here; so do rows of
    groups too small to decide anything, because whoever splits a group finely would hide it, and of groups without any
    label that the rates of a threshold need (both by max_small_share). A threshold that does not apply to the declared
    kind of table is never met. Of numbers: the highest minus the lowest mean absolute error or mean prediction of a
    group, in the unit of the label, or divided by the standard deviation of the label (in_deviations).
    """

    min_selection_ratio: float | None = None
    max_selection_difference: float | None = None
    max_equal_opportunity_difference: float | None = None
    max_equalized_odds_difference: float | None = None
    max_accuracy_difference: float | None = None
    max_mae_difference_between_groups: float | None = None
    max_mean_prediction_difference: float | None = None
    max_mae_difference_in_deviations: float | None = None
    max_mean_prediction_difference_in_deviations: float | None = None
    attributes: tuple[tuple[str, ...], ...] = ()
    max_left_out_share: float = 0.0
    max_unknown_share: float = 0.05
    max_small_share: float | None = 0.05


class GroupFairness(Check):
    """Favourable rates, or errors of numbers, of groups and intersections, and the disparities between them."""

    title = "Group fairness"
    version = "8"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **{threshold: kinds for threshold, _, kinds in ASKED},
        "favourable": (BINARY,),
        "favourable_class": (MULTICLASS,),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("evaluation_table")
        declared = declaration_of(piece, kinds=KINDS)
        favourable = _favourable(job.parameters, declared, piece.name)
        attributes = attributes_of(job.parameters.attributes, declared, piece.name)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            if favourable is None:
                reading = reading_of_errors(table, declared, attributes, job)
            else:
                reading = _reading_of_rates(table, declared, attributes, favourable, job)
        return replace(reading, details=with_kind(reading.details, declared.kind))

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        measured = tuple(tuple(names) for names in reading.details.get("attributes", ()))
        asked = [
            (threshold, f"{name} by {' and '.join(attributes)}", kinds)
            for attributes in thresholds.attributes or measured or (("undeclared groups",),)
            for threshold, name, kinds in ASKED
        ]
        cells = cells_of(reading.details.get("groups", ()))
        rules = [_rule(threshold, name, getattr(thresholds, threshold), cells) for threshold, name, _ in asked]
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        limits |= {unknown_name(names): thresholds.max_unknown_share for names in measured}
        if thresholds.max_small_share is not None:
            limits |= {small_name(names): thresholds.max_small_share for names in measured}
        limits |= undefined_limits(thresholds.attributes or measured, thresholds)
        whole = with_inapplicable(reading, {name: kinds for _, name, kinds in asked})
        judgement = judge_by(whole, rules, required=missing_rules(reading, limits))
        notes = tuple(note for note in reading.details.get("small", ()) if note)
        return replace(judgement, sentences=(*judgement.sentences, *notes))


def _rule(threshold: str, name: str, limit: float | None, cells: GroupCells) -> Rule:
    if threshold not in DISPARITIES:
        return Rule(name, limit, at_least=False)
    exact = exact_ratio if threshold == "min_selection_ratio" else exact_difference
    turning = partial(turning_of_groups, cells=cells, threshold=threshold, limit=limit)
    return Rule(name, limit, at_least=threshold.startswith("min_"), exact=exact, turning=turning)


def _favourable(asked: Parameters, declared: Declaration, name: str) -> int | str | None:
    """The favourable prediction of a table of classes, None of numbers. Raises CheckInputError if it is not clear."""
    if declared.kind == REGRESSION and (asked.favourable is not None or asked.favourable_class):
        raise CheckInputError(
            f"The policy names a favourable prediction, but {name} is declared as a table of numbers, which has none; "
            "correct the one that is wrong."
        )
    if declared.kind == REGRESSION:
        return None
    if declared.kind == MULTICLASS:
        return _favourable_class(asked, name)
    if asked.favourable_class:
        raise CheckInputError(
            f"The policy names “{asked.favourable_class}” as the favourable one of several classes, but {name} is "
            "declared as a binary table, whose favourable prediction is 0 or 1; correct the one that is wrong."
        )
    if asked.favourable is None:
        return declared.favourable
    if asked.favourable != declared.favourable:
        raise CheckInputError(
            f"The policy says that prediction {asked.favourable} is favourable, "
            f"the evaluation table declares {declared.favourable}; correct the one that is wrong."
        )
    return asked.favourable


def _favourable_class(asked: Parameters, name: str) -> str:
    if asked.favourable is not None or not asked.favourable_class:
        raise CheckInputError(
            f"{name} has several classes, so the policy must name the favourable one as “favourable_class”, "
            "and nothing as “favourable”, which is for tables of 0 and 1."
        )
    return asked.favourable_class


def _reading_of_rates(
    table: Table, declared: Declaration, attributes: Sequence[tuple[str, ...]], favourable: int | str, job: Job
) -> Reading:
    small_group = job.parameters.small_group
    found = group_fairness(
        table,
        label=declared.label,
        prediction=declared.prediction,
        score=(declared.score or None) if favourable == 1 else None,
        attributes=attributes,
        positive=favourable,
        favourable=favourable,
        several=declared.kind == MULTICLASS,
        small_group=small_group,
        level=job.parameters.level,
        draws=job.parameters.draws,
        seed=job.seed,
    )
    scored = scored_groups(table, declared, found, favourable, small_group=small_group, level=job.parameters.level)
    measures = tuple(measure for part in found for measure in disparities_of(part, DISPARITIES.values()))
    unknown = tuple(share(part) for share in (unknown_share, small_share) for part in found)
    undefined = tuple(share for part in found for share in undefined_shares(part))
    return Reading(
        measures=(left_out(found[0]), *unknown, *undefined, *measures),
        looked_at=_looked_at(found, declared, favourable, small_group),
        not_looked_at=_not_looked_at(found, declared, favourable),
        tables=tuple(shown for shown in (*_tables(found), calibration_table(found, scored)) if shown.rows),
        charts=tuple(_chart(part) for part in found),
        details={
            "attributes": [list(part.attributes) for part in found],
            "small": [
                sentence for part in found for sentence in (small_sentence(part, small_group), undefined_sentence(part))
            ],
            "groups": [groups_as_json(part) for part in found],
        },
    )


def _tables(found: Sequence[GroupTable]) -> Iterable[NumberTable]:
    for part, compared in zip(found, comparison_tables(found), strict=True):
        yield group_table(part)
        yield compared


def disparities_of(part: GroupTable, asked: Iterable[tuple[str, str]]) -> Iterable[Measure]:
    """The asked disparities, each by the engine's and by its own name, with the whole numbers behind both ends."""
    by = " and ".join(part.attributes)
    for key, name in asked:
        measure = part.disparities[key]
        extremes = _extremes(key, part)
        defined = len(_counting(part)) - (measure.count("groups_undefined") or 0)
        whole = (("groups_that_count", defined), *extremes)
        yield replace(
            measure, name=f"{name} by {by}", slice=(("attributes", by),), counts=whole if extremes else measure.counts
        )


def _counting(part: GroupTable) -> list[Group]:
    return [group for group in part.groups if group.n and not group.small and not group.unknown]


def _extremes(key: str, part: GroupTable) -> tuple[tuple[str, int], ...]:
    """The whole numbers behind the lowest and the highest rate; of several rates, those that differ most."""
    widest: tuple[Fraction, tuple[tuple[str, int], ...]] | None = None
    for rate in _RATES[key]:
        rates = [(Fraction(*rate(group)), rate(group)) for group in _counting(part) if rate(group)[1]]
        if not rates:
            return ()
        (low, (k1, n1)), (high, (k2, n2)) = min(rates), max(rates)
        counts = (("lowest_k", k1), ("lowest_n", n1), ("highest_k", k2), ("highest_n", n2))
        if widest is None or high - low > widest[0]:
            widest = (high - low, counts)
    return widest[1] if widest else ()


def _ends(measure: Measure) -> tuple[Fraction, Fraction] | None:
    found = [measure.count(name) for name in ("lowest_k", "lowest_n", "highest_k", "highest_n")]
    k1, n1, k2, n2 = found
    if k1 is None or not n1 or k2 is None or not n2:
        return None
    return Fraction(k1, n1), Fraction(k2, n2)


def exact_ratio(measure: Measure) -> Fraction | None:
    """Lowest divided by highest as a fraction; None if the measure does not record both."""
    ends = _ends(measure)
    return ends[0] / ends[1] if ends and ends[1] else None


def _looked_at(
    found: Sequence[GroupTable], declared: Declaration, favourable: int | str, small_group: int
) -> tuple[str, ...]:
    rows = sum(group.n for group in found[0].groups)
    return (
        f"All {rows:,} rows that have a label and a prediction.",
        f"The favourable outcome is “{declared.prediction}” = {favourable}; the selection rate is its share.",
        f"True (false) favourable rate: the same share among those whose “{declared.label}” is (is not) {favourable}.",
        f"Groups of {'; '.join(known_groups(part) for part in found)}.",
        f"Groups of fewer than {small_group:,} rows, and rows whose group is unknown, are shown and decide nothing.",
    )


def _not_looked_at(found: Sequence[GroupTable], declared: Declaration, favourable: int | str) -> tuple[str, ...]:
    rest = f"Which of the other classes people get instead of {favourable}: they count as one."
    return (
        *not_compared(found, declared),
        *(() if declared.score else ("Calibration of the score within groups.",)),
        *((rest,) if declared.kind == MULTICLASS else ()),
        "Attributes that the table does not have, and whether the label itself is unfair.",
    )


def _chart(part: GroupTable) -> ChartSpecification:
    groups = [group for group in ordered(part) if group.n][:LONGEST_CHART]
    rates = [float(group.measures["favourable_rate"].value or 0) for group in _counting(part)]
    by = " and ".join(part.attributes)
    said = "; ".join(
        f"{group.label} {number(group.measures['favourable_rate'].value)} (n {group.n:,})" for group in groups
    )
    return interval_dots(
        title=f"Selection rate by {by}",
        description=f"Selection rates with their intervals, worst first: {said}. The dashed line is four fifths of the "
        "highest rate.",
        axis="selection rate",
        rows=[
            (f"{group.label} (n {group.n:,}{', small' if group.small else ''})", group.measures["favourable_rate"])
            for group in groups
        ],
        marks=[0.8 * max(rates)] if rates else [],
    )
