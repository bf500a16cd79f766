"""The fairness of a table as plain JSON values: groups, disparities, comparisons and two groups. Judges nothing.

Keys are those of the reference cases in tests/reference, and of the libraries named in two_groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from approvals.measures.comparisons import Comparison
from approvals.measures.defined_rates import adverse_impact, defined_only, overall_rates
from approvals.measures.fairness import Group, GroupTable, group_fairness
from approvals.measures.labels import Value, same_value
from approvals.measures.multiplicity import adjusted, chance_sentence, expected_by_chance
from approvals.measures.performance import RATES, Confusion
from approvals.measures.report import Report, block
from approvals.measures.tables import Table
from approvals.measures.two_groups import favourable_measures, inequality_measures, positive_measures
from approvals.measures.two_proportions import TwoProportions, two_proportions_each
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
    comparisons = _comparisons(found)
    for part in found:
        reports[part.attributes] |= comparisons[part.attributes]
        if part.attributes in (reference or {}):
            same = same_value(positive, favourable)
            reports[part.attributes]["two_groups"] = _two_groups(part, favourable_is_positive=same)
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
        "reference_group": None if part.reference is None else " | ".join(part.reference),
        **block(part.all_groups),
        f"groups_with_n_at_least_{small_group}": block(part.disparities),
        "defined_only": defined_only(part, small_group),
    }
    if scored:
        report["calibration_within_groups"] = {
            label: {
                "n": group.measures["mean_score"].n,
                **block({CALIBRATION.get(name, name): group.measures[name] for name in CALIBRATED}),
            }
            for label, group in groups.items()
            if "ece" in group.measures
        }
    return report


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


def _comparisons(parts: Sequence[GroupTable]) -> dict[tuple[str, ...], Report]:
    """The comparisons of each table, p values adjusted over those of all tables, and how many were made in all."""
    every = [item for part in parts for item in part.comparisons]
    exact, tested = adjusted([item.p_fisher for item in every]), adjusted([item.p_z for item in every])
    made = sum(item.p_fisher.computable for item in every)
    pairs = two_proportions_each([(item.k1, item.n1, item.k2, item.n2) for item in every])
    reports = iter(
        _comparison(
            item,
            pair,
            {
                "p_two_sided_z_holm": z.holm,
                "p_two_sided_z_benjamini_hochberg": z.benjamini_hochberg,
                "fisher_p_two_sided_holm": fisher.holm,
                "fisher_p_two_sided_benjamini_hochberg": fisher.benjamini_hochberg,
            },
        )
        for item, pair, z, fisher in zip(every, pairs, tested, exact, strict=True)
    )
    note = {
        "comparisons": made,
        "comparisons_without_p": len(every) - made,
        "expected_below_0_05_by_chance": expected_by_chance(made),
        "note": chance_sentence(made),
    }
    return {
        part.attributes: {
            "comparisons": {" | ".join(item.values): next(reports) for item in part.comparisons},
            "multiple_comparisons": dict(note),
        }
        for part in parts
    }


def _comparison(item: Comparison, pair: TwoProportions, adjusted_p: Mapping[str, Measure]) -> Report:
    measures = {
        "difference": item.difference,
        "ratio": item.ratio,
        "z_pooled": item.z,
        "p_two_sided_z": item.p_z,
        "fisher_p_two_sided": item.p_fisher,
        **adjusted_p,
    }
    facts = {"reference": " | ".join(item.reference), "k1": item.k1, "n1": item.n1, "k2": item.k2, "n2": item.n2}
    found = {**facts, "below_four_fifths": item.adverse, "small": item.small, **block(measures)}
    others = {name: value for name, value in _tests(pair).items() if name not in found}
    undefined = {**pair.undefined, **found.get("not_computable", {})}
    return {**found, **others, **({"not_computable": undefined} if undefined else {})}


def _tests(pair: TwoProportions) -> Report:
    """Every value and both ends of every interval by name, and the reasons of those that are null."""
    counts = dict(zip(("k1", "n1", "k2", "n2"), pair.counts, strict=True))
    ends = {name: None if found is None else [found.low, found.high] for name, found in pair.intervals.items()}
    undefined = {"not_computable": dict(pair.undefined)} if pair.undefined else {}
    return {**counts, **pair.values, **ends, **undefined}


def _two_groups(part: GroupTable, *, favourable_is_positive: bool) -> Report:
    """Each known group against the reference, and how unequally the rows are served: of both, and of the table."""
    groups = [group for group in part.groups if group.n and not group.unknown]
    reference = next(group for group in groups if group.values == part.reference)
    unequal = partial(inequality_measures, favourable_is_positive=favourable_is_positive)
    others = [group for group in groups if group is not reference]
    tests = _tests_of_rates([_cells(group) for group in others], _cells(reference))
    against: Report = {}
    for group, tested in zip(others, tests, strict=True):
        pair = _cells(group), _cells(reference)
        favoured = favourable_measures(*pair, favourable_is_positive=favourable_is_positive)
        against[group.label] = {
            "small": group.small or reference.small,
            "favourable_as_positive": block(favoured),
            "positive_as_predicted": block(positive_measures(*pair)),
            "inequality_of_both_groups": block(unequal(pair)),
            "tests": tested,
        }
    unknown = [_cells(group) for group in part.groups if group.unknown]
    whole = unequal([_cells(group) for group in groups], others=unknown)
    return {"reference": reference.label, "groups": against, "inequality_of_all_rows": block(whole)}


def _tests_of_rates(groups: Sequence[Confusion], reference: Confusion) -> list[Report]:
    """The tests of two proportions for each rate of each group: numerators and denominators against the reference."""
    rates = [RATES[rate] for rate in TESTED_RATES.values()]
    below = [(rate.k(reference), rate.n(reference)) for rate in rates]
    pairs = [(rate.k(group), rate.n(group), *k2) for group in groups for rate, k2 in zip(rates, below, strict=True)]
    found = [_tests(pair) for pair in two_proportions_each(pairs)]
    return [
        dict(zip(TESTED_RATES, found[start : start + len(rates)], strict=True))
        for start in range(0, len(found), len(rates))
    ]


def _cells(group: Group) -> Confusion:
    return Confusion(group.tp, group.fp, group.fn, group.tn)
