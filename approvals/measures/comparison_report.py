"""Groups against their reference group as plain JSON values, p values adjusted for their number. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from approvals.measures.comparisons import Comparison, Key
from approvals.measures.labels import group_label
from approvals.measures.multiplicity import adjusted, chance_sentence, expected_by_chance
from approvals.measures.report import Report, block
from approvals.measures.two_proportions import TwoProportions, two_proportions_each
from approvals.measures.values import Measure


def comparison_reports(parts: Mapping[Key, Sequence[Comparison]]) -> dict[Key, Report]:
    """The comparisons of each table, p values adjusted over those of all tables, and how many were made in all."""
    every = [item for comparisons in parts.values() for item in comparisons]
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
        attributes: {
            "comparisons": {group_label(item.values): next(reports) for item in comparisons},
            "multiple_comparisons": dict(note),
        }
        for attributes, comparisons in parts.items()
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
    facts = {"reference": group_label(item.reference), "k1": item.k1, "n1": item.n1, "k2": item.k2, "n2": item.n2}
    found = {**facts, "below_four_fifths": item.adverse, "small": item.small, **block(measures)}
    others = {name: value for name, value in tests_report(pair).items() if name not in found}
    undefined = {**pair.undefined, **found.get("not_computable", {})}
    return {**found, **others, **({"not_computable": undefined} if undefined else {})}


def tests_report(pair: TwoProportions) -> Report:
    """Every value and both ends of every interval by name, and the reasons of those that are null."""
    counts = dict(zip(("k1", "n1", "k2", "n2"), pair.counts, strict=True))
    ends = {name: None if found is None else [found.low, found.high] for name, found in pair.intervals.items()}
    undefined = {"not_computable": dict(pair.undefined)} if pair.undefined else {}
    return {**counts, **pair.values, **ends, **undefined}
