"""The fairness of a table as plain JSON values: groups, disparities, comparisons and two groups. Judges nothing.

Keys are those of the reference cases in tests/reference, and of the libraries named in two_groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from approvals.measures.comparison_report import comparison_reports, tests_report
from approvals.measures.defined_rates import adverse_impact, defined_only, overall_rates
from approvals.measures.fairness import Group, GroupTable, calibration_of_groups, group_fairness
from approvals.measures.labels import Value, group_label, same_value
from approvals.measures.pair_bootstrap import bootstrap_rates
from approvals.measures.performance import RATES, Confusion, rate_measure
from approvals.measures.report import Report, block, uncertain_report
from approvals.measures.tables import Table
from approvals.measures.two_groups import favourable_measures, inequality_measures, positive_measures
from approvals.measures.two_proportions import two_proportions_each
from approvals.measures.values import Measure

GROUP_RATES = ("selection_rate", "favourable_rate", "accuracy", "tpr", "fpr", "fnr", "tnr", "precision", "base_rate")
CALIBRATION = {"ece": "ece_10_equal_width_right_closed"}
TESTED_RATES = {
    "selection_rate": "selection_rate",
    "tpr": "recall",
    "fpr": "fpr",
    "fnr": "fnr",
    "precision": "precision",
    "accuracy": "accuracy",
    "base_rate": "prevalence",
}
CALIBRATED = ("mean_score", "base_rate", "calibration_in_the_large", "ece", "brier", "roc_auc")


def fairness_reports(  # noqa: PLR0913 - the columns and the declared settings of one use
    table: Table,
    *,
    label: str,
    prediction: str,
    attributes: Sequence[Sequence[str]],
    score: str | None = None,
    positive: Value = 1,
    favourable: Value = 1,
    reference: Mapping[tuple[str, ...], tuple[str, ...]] | None = None,
    several: bool = False,
    small_group: int = 30,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Report]:
    """One report per attribute or intersection, named fairness_sex or fairness_sex_x_age. TableError as in fairness.

    p values of comparisons are adjusted over all comparisons of all reports. Where `reference` names a group, the block
    two_groups sets each other known group against it. TableError also for a reference that is no known group.
    """
    found = group_fairness(
        table,
        label=label,
        prediction=prediction,
        attributes=attributes,
        score=score,
        positive=positive,
        favourable=favourable,
        reference_group=reference,
        several=several,
        small_group=small_group,
        draws=draws,
        seed=seed,
    )
    reports = {part.attributes: _fairness(part, small_group, scored=bool(score)) for part in found}
    comparisons = comparison_reports({part.attributes: part.comparisons for part in found})
    for part in found:
        reports[part.attributes] |= comparisons[part.attributes]
        if part.attributes in (reference or {}):
            same = same_value(positive, favourable)
            reports[part.attributes]["two_groups"] = _two_groups(
                part, favourable_is_positive=same, draws=draws, seed=seed
            )
    return {f"fairness_{'_x_'.join(names)}": report for names, report in reports.items()}


def intersections(attributes: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """What was asked for and, of several single columns, their full intersection."""
    asked = list(dict.fromkeys(tuple(names) for names in attributes))
    alone = tuple(names[0] for names in asked if len(names) == 1)
    return list(dict.fromkeys([*asked, *([alone] if len(alone) > 1 else [])]))


def _fairness(part: GroupTable, small_group: int, *, scored: bool) -> Report:
    groups = {group.label: group for group in part.groups}
    report: Report = {
        "rows_left_out": part.rows_left_out,
        "unknown_rows": part.unknown_rows,
        "unknown_count": part.unknown_rows,
        "overall": overall_rates(part.groups),
        "by_group": {label: _group(group) for label, group in groups.items()},
        "impact_ratio_vs_highest": _impact_ratios(part.groups),
        "adverse_impact_indicated": adverse_impact(part.groups),
        "reference_group": None if part.reference is None else group_label(part.reference),
        **block(part.all_groups),
        f"groups_with_n_at_least_{small_group}": block(part.disparities),
        "defined_only": defined_only(part, small_group),
    }
    if scored:
        report["calibration_within_groups"] = {
            label: _calibrated(group.measures) for label, group in groups.items() if "ece" in group.measures
        }
    return report


def calibration_reports(
    table: Table, *, label: str, score: str, attributes: Sequence[Sequence[str]], positive: Value = 1
) -> dict[str, Report]:
    """What `fairness_reports` says of the scores within groups, under the same names, where nothing is predicted."""
    found = calibration_of_groups(table, label=label, score=score, attributes=attributes, positive=positive)
    return {
        f"fairness_{'_x_'.join(names)}": {
            "calibration_within_groups": {group_label(key): _calibrated(measures) for key, measures in groups.items()}
        }
        for names, groups in found.items()
    }


def _calibrated(measures: Mapping[str, Measure]) -> Report:
    """The measures of a group's scores; the base rate is that of the rows with a score, as all else beside it."""
    of_scores = measures["mean_score"]
    k, rest = of_scores.count("positives") or 0, of_scores.count("negatives") or 0
    scored = Confusion(tp=k, fp=0, fn=0, tn=rest)
    shown = {**measures, "base_rate": rate_measure("base_rate", scored, RATES["prevalence"])}
    return {
        "n": of_scores.n,
        "constant_score": measures["roc_auc"].count("distinct_scores") == 1,
        **block({CALIBRATION.get(name, name): shown[name] for name in CALIBRATED}),
    }


def _group(group: Group) -> Report:
    facts: Report = {"count": group.n, "tp": group.tp, "fp": group.fp, "fn": group.fn, "tn": group.tn}
    marks = {"small": group.small, "unknown": group.unknown}
    return {**facts, **marks, **block({name: group.measures[name] for name in GROUP_RATES})}


def _impact_ratios(groups: Iterable[Group]) -> dict[str, float | None]:
    """Favourable rate of each known group divided by the highest; null where that is 0 or there is one group only."""
    rates = {group.label: Fraction(group.favourable, group.n) for group in groups if group.n and not group.unknown}
    highest = max(rates.values(), default=Fraction(0))
    usable = highest and len(rates) > 1
    return {label: float(rate / highest) if usable else None for label, rate in rates.items()}


def _two_groups(part: GroupTable, *, favourable_is_positive: bool, draws: int, seed: int) -> Report:
    """Each known group against the reference, and how unequally the rows are served: of both, and of the table."""
    groups = [group for group in part.groups if group.n and not group.unknown]
    reference = next(group for group in groups if group.values == part.reference)
    unequal = partial(inequality_measures, favourable_is_positive=favourable_is_positive)
    others = [group for group in groups if group is not reference]
    cells = [_cells(group) for group in others]
    tests = _tests_of_rates(cells, _cells(reference))
    drawn = bootstrap_rates(cells, _cells(reference), TESTED_RATES, draws=draws, seed=seed)
    against: Report = {}
    for group, tested, uncertain in zip(others, tests, drawn, strict=True):
        pair = _cells(group), _cells(reference)
        favoured = favourable_measures(*pair, favourable_is_positive=favourable_is_positive)
        against[group.label] = {
            "small": group.small or reference.small,
            "favourable_as_positive": block(favoured),
            "positive_as_predicted": block(positive_measures(*pair)),
            "inequality_of_both_groups": block(unequal(pair)),
            "tests": tested,
            "bootstrap": {
                rate: {name: uncertain_report(found) for name, found in parts.items()}
                for rate, parts in uncertain.items()
            },
        }
    unknown = [_cells(group) for group in part.groups if group.unknown]
    whole = unequal([_cells(group) for group in groups], others=unknown)
    return {"reference": reference.label, "groups": against, "inequality_of_all_rows": block(whole)}


def _tests_of_rates(groups: Sequence[Confusion], reference: Confusion) -> list[Report]:
    """The tests of two proportions for each rate of each group: numerators and denominators against the reference."""
    rates = [RATES[rate] for rate in TESTED_RATES.values()]
    below = [(rate.k(reference), rate.n(reference)) for rate in rates]
    pairs = [(rate.k(group), rate.n(group), *k2) for group in groups for rate, k2 in zip(rates, below, strict=True)]
    found = [tests_report(pair) for pair in two_proportions_each(pairs)]
    return [
        dict(zip(TESTED_RATES, found[start : start + len(rates)], strict=True))
        for start in range(0, len(found), len(rates))
    ]


def _cells(group: Group) -> Confusion:
    return Confusion(group.tp, group.fp, group.fn, group.tn)
