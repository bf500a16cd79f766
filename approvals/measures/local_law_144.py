"""The tables of New York City's Local Law 144: rates and impact ratios by category. Judges nothing.

Source: 6 RCNY 5-300 and 5-301 (final rule of April 2023). Sex, race/ethnicity and their intersection are asked; any
columns may be named here. Race and ethnicity in columns of their own are counted as in law_categories.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from approvals.measures.comparisons import four_fifths
from approvals.measures.group_cells import MAX_GROUPS
from approvals.measures.intervals import wilson
from approvals.measures.labels import UNKNOWN, Value, group_label, group_text, positive_level, same_value
from approvals.measures.law_categories import category_of, is_a_category, of_any_race
from approvals.measures.performance import with_interval
from approvals.measures.rows import row_texts
from approvals.measures.scores import Floats
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Measure, not_computable

Key = tuple[str, ...]
Basis = Literal["selection", "scoring"]


@dataclass(frozen=True)
class Category:
    """One line of a table: k of n applicants selected, or scored above the median.

    `share_of_data` is n of all rows whose category is known; `below_two_percent` says that it is less than 2 %, when an
    auditor may leave the category out of the impact ratios. `excluded` says that this was done.
    """

    values: Key
    n: int
    k: int
    rate: Measure
    impact_ratio: Measure
    share_of_data: float
    below_two_percent: bool
    excluded: bool
    below_four_fifths: bool | None

    @property
    def label(self) -> str:
        """The category's values in one text."""
        return group_label(self.values)


@dataclass(frozen=True)
class LawTable:
    """One table as the rule prints it, and what stands below it: rows of unknown category, rows without an outcome.

    Of a scoring table, `median` is that of all rows with a score, and `median_of_known` of those among them whose
    category is known, for comparison only. `justification` is the auditor's, for exclusions.
    """

    attributes: Key
    basis: Basis
    categories: tuple[Category, ...]
    unknown_rows: int
    rows_left_out: int
    median: float | None = None
    median_of_known: float | None = None
    justification: str = ""


def selection_tables(
    table: Table,
    *,
    selected: str,
    attributes: Sequence[Sequence[str]],
    positive: Value = 1,
    justification: str = "",
) -> tuple[LawTable, ...]:
    """Selection rates and impact ratios of each attribute or intersection (6 RCNY 5-301(b)).

    Rate: selected / applicants of the category, in [0, 1], Wilson interval. Impact ratio: rate / highest rate of the
    table, in [0, 1]. Rows of unknown category are counted and enter no rate. With a `justification`, categories under
    2 % of the data are left out of the ratios, also as the highest; their rate stays. Every combination of known values
    is listed, with n = 0 where no row has it. Not computable: the rate of an empty category, ratios where nobody is
    selected or where there is only one category. TableError for unusable columns.
    """
    table.require(selected, *itertools.chain.from_iterable(attributes))
    chosen = positive_level(selected, table.levels(selected), positive)
    found = []
    for names in map(tuple, attributes):
        cells: Counter[tuple[Key, bool]] = Counter()
        left_out = 0
        for values, rows in table.counts(*names, selected).items():
            *group, outcome = values
            if outcome is None:
                left_out += rows
            else:
                cells[_key(group), same_value(outcome, chosen)] += rows
        found.append(_table(names, "selection", cells, left_out, justification))
    return tuple(found)


def scoring_tables(
    table: Table, *, score: str, attributes: Sequence[Sequence[str]], justification: str = ""
) -> tuple[LawTable, ...]:
    """Scoring rates and impact ratios (6 RCNY 5-301(c)): the rate is the share of scores strictly above the median.

    The median is that of the full sample: all rows with a score, also those of unknown category. A score that equals
    the median is not above it. Otherwise as `selection_tables`. TableError if the score is no number.
    """
    names_of = list(map(tuple, attributes))
    table.require(score, *itertools.chain.from_iterable(names_of))
    values = table.numbers(score)
    scored = np.isfinite(values)
    if not scored.any():
        raise TableError(f"The score column “{score}” of “{table.name}” has no values.")
    lower, median = _middle(values[scored])
    # No score lies between the two middle ones, so above their middle is above the lower, whatever rounding does.
    above = (values > lower).tolist()
    texts = {name: _written(table, name) for name in dict.fromkeys(itertools.chain.from_iterable(names_of))}
    found = []
    for names in names_of:
        groups = list(zip(*(texts[name] for name in names), strict=True))
        rows = zip(groups, above, scored.tolist(), strict=True)
        counted = Counter((group, is_above) for group, is_above, has_score in rows if has_score)
        cells: Counter[tuple[Key, bool]] = Counter()
        for (group, is_above), count in counted.items():
            cells[_key(group), is_above] += count
        known = {group for group, _ in counted if UNKNOWN not in category_of(names, _key(group))}
        among = values[scored & np.fromiter((group in known for group in groups), np.bool_, len(groups))]
        made = _table(names, "scoring", cells, int((~scored).sum()), justification)
        found.append(replace(made, median=median, median_of_known=_middle(among)[1] if among.size else None))
    return tuple(found)


def _written(table: Table, column: str) -> list[str | None]:
    """The column row by row, a number as it is written elsewhere: 1 and 1.0 are one category."""
    rows = row_texts(table, column)
    names = [*rows.texts, None]
    return [names[position] for position in rows.positions.tolist()]


def _middle(values: Floats) -> tuple[float, float]:
    """The lower of the middle values, which is the only one of an odd number, and the median."""
    places = (values.size - 1) // 2, values.size // 2
    lower, upper = (float(np.partition(values, place)[place]) for place in places)
    total = lower + upper
    return lower, total / 2.0 if math.isfinite(total) else lower / 2.0 + upper / 2.0


def _key(group: Iterable[Value]) -> Key:
    return tuple(group_text(value) for value in group)


def _table(
    names: Key, basis: Basis, cells: Mapping[tuple[Key, bool], int], left_out: int, justification: str
) -> LawTable:
    if not names or len(set(names)) < len(names):
        raise TableError("A table of categories needs one or more different columns.")
    cells = of_any_race(names, cells)
    sizes: Counter[Key] = Counter()
    for (key, _), rows in cells.items():
        sizes[key] += rows
    levels = [sorted({key[place] for key in sizes} - {UNKNOWN}) for place in range(len(names))]
    if np.prod([len(level) for level in levels]) > MAX_GROUPS:
        raise TableError(f"{' by '.join(names)} makes more than {MAX_GROUPS:,} categories.")
    possible = (key for key in itertools.product(*levels) if is_a_category(names, key))
    known = {key: (cells.get((key, True), 0), sizes[key]) for key in possible}
    total = sum(n for _, n in known.values())
    excluded = {key for key, (_, n) in known.items() if justification and n and 50 * n < total}
    compared = {key: counts for key, counts in known.items() if counts[1] and key not in excluded}
    highest = max(compared.values(), key=lambda counts: counts[0] / counts[1], default=None)
    categories = tuple(
        Category(
            values=key,
            n=n,
            k=k,
            rate=_rate(basis, k, n),
            impact_ratio=_impact_ratio(k, n, highest, len(compared), excluded=key in excluded),
            share_of_data=n / total if total else 0.0,
            below_two_percent=50 * n < total,
            excluded=key in excluded,
            below_four_fifths=None
            if not n or highest is None or len(compared) <= 1 or key in excluded
            else four_fifths(k, n, *highest),
        )
        for key, (k, n) in known.items()
    )
    unknown = sum(rows for key, rows in sizes.items() if UNKNOWN in key)
    return LawTable(names, basis, categories, unknown, left_out, justification=justification)


def _rate(basis: Basis, k: int, n: int) -> Measure:
    name, counts = f"{basis}_rate", (("k", k), ("n", n))
    interval = wilson(k, n)
    if interval is None:
        return not_computable(name, "Not computable: the category has no rows.", counts, n=0)
    return with_interval(name, k / n, n, interval, counts=counts)


def _impact_ratio(k: int, n: int, highest: tuple[int, int] | None, compared: int, *, excluded: bool) -> Measure:
    name = "impact_ratio"
    if not n:
        return not_computable(name, "Not computable: the category has no rows.", n=0)
    if excluded:
        return not_computable(name, "Not computable: left out, because the category is under 2 % of the data.", n=n)
    if highest is None or compared <= 1:
        return not_computable(name, "Not computable: there is no second category to compare with.", n=n)
    k2, n2 = highest
    counts = (("k1", k), ("n1", n), ("k2", k2), ("n2", n2))
    if not k2:
        return not_computable(name, "Not computable: the highest rate is 0.", counts, n=n)
    return Measure(name, (k * n2) / (n * k2), n + n2, method="rate divided by the highest rate", counts=counts)
