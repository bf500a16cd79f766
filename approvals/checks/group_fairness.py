"""How groups of people and their intersections fare: rates with intervals, and disparities against the policy.

Groups that are too small or unknown are shown and decide nothing; a disparity that has no value is never a pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from approvals.checks._charts import interval_dots
from approvals.checks._evaluation import LEFT_OUT, Declaration, declaration_of, left_out_share, missing_rules, opened
from approvals.checks._fairness_tables import comparison_tables, group_table, groups_as_json, known, ordered
from approvals.checks._verdicts import Rule, judge_by, number
from approvals.checks.base import ChartSpecification, Check, CheckInputError, Job, Judgement, Reading, Report
from approvals.measures.fairness import Group, GroupTable, group_fairness
from approvals.measures.values import Measure

DISPARITIES = {
    "min_selection_ratio": ("demographic_parity_ratio", "selection rate ratio"),
    "max_selection_difference": ("demographic_parity_difference", "selection rate difference"),
    "max_equal_opportunity_difference": ("equal_opportunity_difference", "equal opportunity difference"),
    "max_equalized_odds_difference": ("equalized_odds_difference_worst_case", "equalized odds difference"),
    "max_accuracy_difference": ("accuracy_difference_between_groups", "accuracy difference"),
}
"""Threshold, the engine's name of the measure, and what people read."""
LONGEST_CHART = 30

Rate = Callable[[Group], tuple[int, int]]
_RATES: dict[str, tuple[Rate, ...]] = {
    "demographic_parity_ratio": (lambda g: (g.tp + g.fp, g.n),),
    "demographic_parity_difference": (lambda g: (g.tp + g.fp, g.n),),
    "equal_opportunity_difference": (lambda g: (g.tp, g.tp + g.fn),),
    "equalized_odds_difference_worst_case": (lambda g: (g.tp, g.tp + g.fn), lambda g: (g.fp, g.fp + g.tn)),
    "accuracy_difference_between_groups": (lambda g: (g.tp + g.tn, g.n),),
}


@dataclass(frozen=True)
class Parameters:
    """Which groups are compared and how.

    No attributes named: every group column that the table declares, alone and in pairs. No favourable prediction
    named: the one that the table declares.
    """

    attributes: tuple[tuple[str, ...], ...] = ()
    favourable: int | None = None
    small_group: int = 30
    level: float = 0.95
    draws: int = 2000


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. No attributes named: it is asked of every comparison that was measured.

    Rows without label or prediction, and rows whose group is unknown, fail above the shares allowed here.
    """

    min_selection_ratio: float | None = None
    max_selection_difference: float | None = None
    max_equal_opportunity_difference: float | None = None
    max_equalized_odds_difference: float | None = None
    max_accuracy_difference: float | None = None
    attributes: tuple[tuple[str, ...], ...] = ()
    max_left_out_share: float = 0.0
    max_unknown_share: float = 0.05


class GroupFairness(Check):
    """Selection, true and false favourable rates of groups and intersections, and the disparities between them."""

    title = "Group fairness"
    version = "1"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("evaluation_table")
        declared = declaration_of(piece)
        favourable = _favourable(job.parameters.favourable, declared)
        attributes = _attributes(job.parameters.attributes, declared, piece.name)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            found = group_fairness(
                table,
                label=declared.label,
                prediction=declared.prediction,
                score=(declared.score or None) if favourable == 1 else None,
                attributes=attributes,
                positive=favourable,
                favourable=favourable,
                small_group=job.parameters.small_group,
                level=job.parameters.level,
                draws=job.parameters.draws,
                seed=job.seed,
            )
        report(0.9, "Drawing")
        measures = tuple(measure for part in found for measure in _disparities(part))
        unknown = tuple(_unknown_share(part) for part in found)
        return Reading(
            measures=(_left_out(found[0]), *unknown, *measures),
            looked_at=_looked_at(found, declared, favourable, job.parameters.small_group),
            not_looked_at=_not_looked_at(found, declared, favourable),
            tables=tuple(
                table
                for part, compared in zip(found, comparison_tables(found), strict=True)
                for table in (group_table(part), compared)
                if table.rows
            ),
            charts=tuple(_chart(part) for part in found),
            details={
                "attributes": [list(part.attributes) for part in found],
                "small": [_small_sentence(part, job.parameters.small_group) for part in found],
                "groups": [groups_as_json(part) for part in found],
            },
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        measured = tuple(tuple(names) for names in reading.details.get("attributes", ()))
        rules = [
            Rule(
                measure=f"{name} by {' and '.join(attributes)}",
                limit=getattr(thresholds, threshold),
                at_least=threshold.startswith("min_"),
                exact=_exact_ratio if threshold == "min_selection_ratio" else _exact_difference,
            )
            for attributes in thresholds.attributes or measured or (("undeclared groups",),)
            for threshold, (_, name) in DISPARITIES.items()
        ]
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        limits |= {_unknown_name(names): thresholds.max_unknown_share for names in measured}
        judgement = judge_by(reading, rules, required=missing_rules(reading, limits))
        notes = tuple(note for note in reading.details.get("small", ()) if note)
        return Judgement(judgement.verdict, (*judgement.sentences, *notes), judgement.failed_measures)


def _favourable(asked: int | None, declared: Declaration) -> int:
    if asked is None:
        return declared.favourable
    if asked != declared.favourable:
        raise CheckInputError(
            f"The policy says that prediction {asked} is favourable, "
            f"the evaluation table declares {declared.favourable}; correct the one that is wrong."
        )
    return asked


def _attributes(asked: Sequence[tuple[str, ...]], declared: Declaration, name: str) -> tuple[tuple[str, ...], ...]:
    if asked:
        return tuple(asked)
    if not declared.groups:
        raise CheckInputError(f"{name} declares no group columns, so no groups can be compared; declare them.")
    alone = tuple((group,) for group in declared.groups)
    return (*alone, *itertools.combinations(declared.groups, 2))


def _left_out(part: GroupTable) -> Measure:
    used = sum(group.n for group in part.groups)
    return left_out_share(used=used, rows=used + part.rows_left_out)


def _unknown_name(attributes: Sequence[str]) -> str:
    return f"share of rows of unknown {' and '.join(attributes)}"


def _unknown_share(part: GroupTable) -> Measure:
    rows = sum(group.n for group in part.groups)
    return left_out_share(used=rows - part.unknown_rows, rows=rows or 1, name=_unknown_name(part.attributes))


def _disparities(part: GroupTable) -> Iterable[Measure]:
    by = " and ".join(part.attributes)
    for key, name in DISPARITIES.values():
        measure = part.disparities[key]
        extremes = _extremes(key, part)
        whole = (("groups_that_count", len(_counting(part))), *extremes)
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


def _exact_ratio(measure: Measure) -> Fraction | None:
    ends = _ends(measure)
    return ends[0] / ends[1] if ends and ends[1] else None


def _exact_difference(measure: Measure) -> Fraction | None:
    ends = _ends(measure)
    return ends[1] - ends[0] if ends else None


def _looked_at(
    found: Sequence[GroupTable], declared: Declaration, favourable: int, small_group: int
) -> tuple[str, ...]:
    rows = sum(group.n for group in found[0].groups)
    compared = "; ".join(f"{' and '.join(part.attributes)} ({len(known(part)):,} groups)" for part in found)
    return (
        f"All {rows:,} rows that have a label and a prediction.",
        f"The favourable outcome is “{declared.prediction}” = {favourable}; the selection rate is its share.",
        f"True (false) favourable rate: the same share among those whose “{declared.label}” is (is not) {favourable}.",
        f"Groups of {compared}.",
        f"Groups of fewer than {small_group:,} rows, and rows whose group is unknown, are shown and decide nothing.",
    )


def _not_looked_at(found: Sequence[GroupTable], declared: Declaration, favourable: int) -> tuple[str, ...]:
    others = [name for name in declared.groups if not any(name in part.attributes for part in found)]
    return (
        *((f"The declared groups {', '.join(others)}, because the policy does not ask for them.",) if others else ()),
        *(() if favourable == 1 and declared.score else ("Calibration of the score within groups.",)),
        "Attributes that the table does not have, and whether the label itself is unfair.",
    )


def _small_sentence(part: GroupTable, small_group: int) -> str:
    small = [group for group in part.groups if group.small and not group.unknown and group.n]
    if not small:
        return ""
    names = ", ".join(f"{group.label} (n {group.n:,})" for group in small[:5])
    more = f" and {len(small) - 5:,} more" if len(small) > 5 else ""
    return (
        f"{len(small):,} of {len(known(part)):,} groups by {' and '.join(part.attributes)} have fewer than "
        f"{small_group:,} rows and decide nothing: {names}{more}."
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
