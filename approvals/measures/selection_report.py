"""Who is selected, or scored above the median, by group, without any label: as plain JSON values. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from approvals.measures.comparison_report import comparison_reports
from approvals.measures.comparisons import compare_each
from approvals.measures.disparities import Among, disparities
from approvals.measures.labels import UNKNOWN, Value, group_label
from approvals.measures.local_law_144 import LawTable, scoring_tables, selection_tables
from approvals.measures.report import Report, block
from approvals.measures.tables import Table, TableError

Key = tuple[str, ...]

_OF_SELECTION = ("demographic_parity_difference", "demographic_parity_ratio", "disparate_impact")


def law_tables(
    table: Table,
    *,
    prediction: str | None,
    score: str | None,
    attributes: Sequence[Sequence[str]],
    positive: Value = 1,
    justification: str = "",
) -> tuple[LawTable, ...]:
    """Selection tables when there is a prediction, scoring tables when there is a score only."""
    if prediction:
        return selection_tables(
            table, selected=prediction, attributes=attributes, positive=positive, justification=justification
        )
    if score:
        return scoring_tables(table, score=score, attributes=attributes, justification=justification)
    raise TableError("Name the column of predictions or of scores; without one nobody is selected.")


def law_report(tables: Sequence[LawTable]) -> Report:
    """The tables of Local Law 144 by attribute or intersection, each line as the rule prints it."""
    return {"_x_".join(found.attributes): _law(found) for found in tables}


def _law(found: LawTable) -> Report:
    lines = [
        {
            "category": line.label,
            "applicants": line.n,
            "selected": line.k,
            "selection_rate": line.rate.value,
            f"{found.basis}_rate": line.rate.value,
            "rate": line.rate.value,
            "impact_ratio": line.impact_ratio.value,
            "share_of_data": line.share_of_data,
            "under_2_percent": line.below_two_percent,
            "excluded": line.excluded,
            "four_fifths_flag": line.below_four_fifths,
            **_reasons(line.rate.reason or line.impact_ratio.reason),
        }
        for line in found.categories
    ]
    medians = {"median_all_rows": found.median, "median_known_only": found.median_of_known}
    return {
        "basis": found.basis,
        **(medians if found.basis == "scoring" else {}),
        "unknown_count": found.unknown_rows,
        "rows_left_out": found.rows_left_out,
        "categories": lines,
    }


def _reasons(reason: str) -> Report:
    return {"not_computable": reason} if reason else {}


def selection_reports(
    tables: Sequence[LawTable],
    *,
    reference: Mapping[Key, Key] | None = None,
    small_group: int = 30,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Report]:
    """One report per table, named as those of `fairness_reports`: selection rates, their gaps, and comparisons.

    Each known group is compared with the reference asked for, else with the highest rate of a group that is not small.
    TableError for a reference that is no known group with rows.
    """
    compared = {}
    for found in tables:
        good = {line.values: (line.k, line.n) for line in found.categories if line.n}
        against = _reference(found, good, (reference or {}).get(found.attributes), small_group)
        pairs = compare_each(good, against, small_group=small_group, level=0.95) if against else ()
        compared[found.attributes] = (against, pairs)
    comparisons = comparison_reports({names: pairs for names, (_, pairs) in compared.items()})
    reports = {}
    for found in tables:
        against, _ = compared[found.attributes]
        name = f"fairness_{'_x_'.join(found.attributes)}"
        reports[name] = _groups(found, against, small_group, draws, seed) | comparisons[found.attributes]
    return reports


def _reference(found: LawTable, good: Mapping[Key, tuple[int, int]], asked: Key | None, small_group: int) -> Key | None:
    if asked and (UNKNOWN in asked or asked not in good):
        raise TableError(f"The reference group “{' | '.join(asked)}” has no rows in {' by '.join(found.attributes)}.")
    large = {key: counts for key, counts in good.items() if counts[1] >= small_group}
    if asked or len(large) <= 1:
        return asked
    return max(large, key=lambda key: large[key][0] / large[key][1])


def _groups(found: LawTable, against: Key | None, small_group: int, draws: int, seed: int) -> Report:
    known = [line for line in found.categories if line.n]
    cells = np.array([[line.k, 0, 0, line.n - line.k] for line in known], dtype=np.int64).reshape(-1, 4)
    large = tuple(i for i, line in enumerate(known) if line.n >= small_group)
    among = [
        Among(tuple(range(len(known))), "known groups with rows"),
        Among(large, f"known groups of at least {small_group} rows"),
    ]
    shown, judged = disparities(cells, among, draws=draws, seed=seed)
    n, k = sum(line.n for line in known), sum(line.k for line in known)
    return {
        "rows_left_out": found.rows_left_out,
        "unknown_rows": found.unknown_rows,
        "unknown_count": found.unknown_rows,
        "overall": {"count": n, "selection_rate": k / n if n else None},
        "by_group": {
            line.label: {
                "count": line.n,
                "selected": line.k,
                "small": line.n < small_group,
                **block({"selection_rate": line.rate}),
            }
            for line in found.categories
        },
        "impact_ratio_vs_highest": {line.label: line.impact_ratio.value for line in found.categories},
        "adverse_impact_indicated": {line.label: line.below_four_fifths for line in found.categories},
        "reference_group": None if against is None else group_label(against),
        **block({name: shown[name] for name in _OF_SELECTION}),
        f"groups_with_n_at_least_{small_group}": block({name: judged[name] for name in _OF_SELECTION}),
    }
