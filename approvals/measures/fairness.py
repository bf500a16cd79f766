"""Rates per group and intersection and the disparities between groups. Judges nothing.

A group whose rate is undefined, too small or unknown never makes a disparity pass or fail, and never counts as 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from approvals.measures.calibration import calibration_measures
from approvals.measures.comparisons import Comparison, compare_started, ratio_measure
from approvals.measures.disparities import Among, disparities, missing_reference
from approvals.measures.garbage import collected_seldom
from approvals.measures.group_cells import (
    EMPTY,
    Key,
    against_the_rest,
    of_two,
    read_groups,
    refuse_repeated,
    with_empty_groups,
)
from approvals.measures.intervals import WILSON, wilson_each
from approvals.measures.labels import UNKNOWN, Value, group_label, group_text, positive_level, same_value
from approvals.measures.performance import RATES, Confusion, score_measures
from approvals.measures.score_sets import ScoreSets
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Measure, Slice, not_computable

Reference = Key | Mapping[Key, Key] | None

_GROUP_RATES = {
    "selection_rate": "selection_rate",
    "tpr": "recall",
    "fpr": "fpr",
    "fnr": "fnr",
    "tnr": "specificity",
    "precision": "precision",
    "accuracy": "accuracy",
    "base_rate": "prevalence",
}


@dataclass(frozen=True)
class Group:
    """The rows of one group: cells, rates with intervals, whether it is small, and whether a value is unknown."""

    values: Key
    n: int
    tp: int
    fp: int
    fn: int
    tn: int
    favourable: int
    measures: dict[str, Measure]
    small: bool
    unknown: bool

    @property
    def label(self) -> str:
        """The group's values in one text."""
        return group_label(self.values)


@dataclass(frozen=True)
class GroupTable:
    """All groups of one attribute or intersection, and the disparities between them.

    `disparities` are between known groups of at least `small_group` rows; `all_groups` between all known groups.
    `comparisons` set each known group against `reference`: the one asked for, else the highest favourable rate.
    """

    attributes: Key
    groups: tuple[Group, ...]
    disparities: dict[str, Measure]
    all_groups: dict[str, Measure]
    comparisons: tuple[Comparison, ...]
    reference: Key | None
    unknown_rows: int
    rows_left_out: int


@dataclass(frozen=True)
class _Settings:
    favourable_is_positive: bool
    small_group: int
    level: float
    draws: int
    seed: int


def group_fairness(  # noqa: PLR0913 - the columns and the declared settings of one use
    table: Table,
    *,
    label: str,
    prediction: str,
    attributes: Sequence[Sequence[str]],
    score: str | None = None,
    positive: Value = 1,
    favourable: Value = 1,
    small_group: int = 30,
    reference_group: Reference = None,
    several: bool = False,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[GroupTable, ...]:
    """One GroupTable per entry of `attributes`, each one column or an intersection of several.

    Every group of known values is listed, with n = 0 when no row has it; rows with a missing or unknown value make
    groups named Unknown, which are counted and kept out of every disparity. Group measures, shares in [0, 1] with
    Wilson intervals: selection_rate (predicted `positive`), favourable_rate (predicted `favourable`), tpr, fpr, fnr,
    tnr, precision, accuracy, base_rate, and impact_ratio (favourable rate / that of the reference group). With a
    score: mean_score, calibration_in_the_large, ece, brier, roc_auc. Disparities: see `disparities.disparities`.
    `several`: label and prediction are of several classes, `positive` is the favourable one and all others count as
    the rest; such a table has no score. Rows without label or prediction are left out and counted. TableError for
    unusable columns, more than MAX_LEVELS values in one column, more than MAX_GROUPS groups, or a reference group that
    does not occur.
    """
    wanted = [tuple(names) for names in attributes]
    columns = list(dict.fromkeys(itertools.chain.from_iterable(wanted)))
    table.require(label, prediction, *([score] if score else []), *columns)
    for names in wanted:
        refuse_repeated(names)
    settings = _Settings(several or same_value(positive, favourable), small_group, level, draws, seed)
    found = []
    sets = ScoreSets(table, score, label, positive=positive, sets=wanted, name=group_text) if score else None
    with collected_seldom():
        for names, cells in read_groups(table, wanted, columns, label, prediction):
            if several:
                confusions = against_the_rest(cells, label, prediction, positive)
            else:
                positive_level(prediction, dict.fromkeys(key[-1] for key in cells), favourable)
                confusions = of_two(cells, label, prediction, positive)
            margin = with_empty_groups(confusions)
            scored = _scored(sets, names, level) if sets else {}
            asked = _asked(reference_group, names, margin)
            found.append(_group_table(names, margin, scored, asked, settings))
    return tuple(found)


def calibration_of_groups(
    table: Table,
    *,
    label: str,
    score: str,
    attributes: Sequence[Sequence[str]],
    positive: Value = 1,
    level: float = 0.95,
) -> dict[Key, dict[Key, dict[str, Measure]]]:
    """What `group_fairness` says of the scores of each group, by attribute or intersection, where nothing is predicted.

    Rows without label or score are left out; those with a missing or unknown value are groups named Unknown, the last.
    TableError as there.
    """
    wanted = [tuple(names) for names in attributes]
    table.require(label, score, *itertools.chain.from_iterable(wanted))
    for names in wanted:
        refuse_repeated(names)
    sets = ScoreSets(table, score, label, positive=positive, sets=wanted, name=group_text)
    found = {names: _scored(sets, names, level) for names in wanted}
    return {
        names: dict(sorted(part.items(), key=lambda pair: (UNKNOWN in pair[0], pair))) for names, part in found.items()
    }


def _asked(reference_group: Reference, names: Key, margin: Mapping[Key, Confusion]) -> Key | None:
    if isinstance(reference_group, Mapping):
        asked = reference_group.get(names)
    else:
        asked = reference_group if reference_group and len(reference_group) == len(names) else None
    if asked and UNKNOWN in asked:
        raise TableError(
            f"Rows whose value is {UNKNOWN} are not a group to compare with; name another reference group."
        )
    if asked and not margin.get(tuple(asked), EMPTY).n:
        raise TableError(f"The reference group “{' | '.join(asked)}” has no rows in {' by '.join(names)}.")
    return tuple(asked) if asked else None


def _scored(sets: ScoreSets, names: Key, level: float) -> dict[Key, dict[str, Measure]]:
    """What the scores of each group say; one group after the other, because all of them may not fit in memory."""
    found = {}
    for key, scored in sets.of(names):
        calibrated = calibration_measures(scored, level=level)
        found[key] = {name: calibrated[name] for name in ("mean_score", "calibration_in_the_large", "ece", "brier")}
        found[key]["roc_auc"] = score_measures(scored, level=level)["roc_auc"]
    return found


def _favourable(confusion: Confusion, settings: _Settings) -> int:
    return confusion.tp + confusion.fp if settings.favourable_is_positive else confusion.fn + confusion.tn


def _group_table(
    names: Key,
    margin: Mapping[Key, Confusion],
    scored: Mapping[Key, Mapping[str, Measure]],
    asked: Key | None,
    settings: _Settings,
) -> GroupTable:
    known = {key: cell for key, cell in margin.items() if UNKNOWN not in key and cell.n}
    large = {key: cell for key, cell in known.items() if cell.n >= settings.small_group}
    reference = asked or _highest(large, settings)
    good = {key: (_favourable(cell, settings), cell.n) for key, cell in known.items()}
    # Draws, which take both processors, before the many small measures, so that memory does not hold both; exact tests
    # are made beside these.
    judged, shown = _disparities(known, large, asked, settings)
    with ThreadPoolExecutor(1) as beside:
        compared = (
            compare_started(
                good,
                reference,
                small_group=settings.small_group,
                level=settings.level,
                start=lambda function, *arguments: beside.submit(function, *arguments).result,
            )
            if reference
            else tuple
        )
        groups = _groups(names, margin, scored, margin[reference] if reference and len(known) > 1 else None, settings)
        comparisons = compared()
    return GroupTable(
        attributes=names,
        groups=groups,
        disparities=judged,
        all_groups=shown,
        comparisons=comparisons,
        reference=reference,
        unknown_rows=sum(cell.n for key, cell in margin.items() if UNKNOWN in key),
        rows_left_out=sum(cell.left_out for cell in margin.values()),
    )


def _highest(groups: Mapping[Key, Confusion], settings: _Settings) -> Key | None:
    if len(groups) <= 1:
        return None
    return max(groups, key=lambda key: _favourable(groups[key], settings) / groups[key].n)


def _disparities(
    known: Mapping[Key, Confusion], large: Mapping[Key, Confusion], asked: Key | None, settings: _Settings
) -> list[dict[str, Measure]]:
    """The disparities between the large groups, and those between all known ones."""
    every = list(known)
    cells = np.array([[cell.tp, cell.fp, cell.fn, cell.tn] for cell in known.values()], dtype=np.int64).reshape(-1, 4)
    words = (f"known groups of at least {settings.small_group} rows", "known groups with rows")
    among = [
        Among(
            rows=tuple(i for i, key in enumerate(every) if key in groups),
            words=meant,
            reference=every.index(asked) if asked and asked in groups else None,
            reference_words=group_label(asked) if asked and asked in groups else "",
        )
        for groups, meant in zip((large, known), words, strict=True)
    ]
    found = disparities(
        cells,
        among,
        favourable_is_positive=settings.favourable_is_positive,
        level=settings.level,
        draws=settings.draws,
        seed=settings.seed,
    )
    return [
        missing_reference(group_label(asked), measures) if asked and part.reference is None else measures
        for part, measures in zip(among, found, strict=True)
    ]


def _groups(
    names: Key,
    margin: Mapping[Key, Confusion],
    scored: Mapping[Key, Mapping[str, Measure]],
    reference: Confusion | None,
    settings: _Settings,
) -> tuple[Group, ...]:
    rates = _rates(names, margin, settings)
    found = []
    for (key, cell), measures in zip(margin.items(), rates, strict=True):
        where: Slice = tuple(zip(names, key, strict=True))
        good, is_unknown = _favourable(cell, settings), UNKNOWN in key
        measures["impact_ratio"] = _impact_ratio(good, cell.n, reference, settings, where, unknown=is_unknown)
        measures |= {name: replace(measure, slice=where) for name, measure in scored.get(key, {}).items()}
        found.append(
            Group(
                values=key,
                n=cell.n,
                tp=cell.tp,
                fp=cell.fp,
                fn=cell.fn,
                tn=cell.tn,
                favourable=good,
                measures=measures,
                small=cell.n < settings.small_group,
                unknown=is_unknown,
            )
        )
    return tuple(found)


def _rates(names: Key, margin: Mapping[Key, Confusion], settings: _Settings) -> list[dict[str, Measure]]:
    """Every rate of every group with its Wilson interval, all groups at once; see `performance.rate_measure`."""
    cells = list(margin.values())
    wheres: list[Slice] = [tuple(zip(names, key, strict=True)) for key in margin]
    whole: Any = Confusion(*np.array([(c.tp, c.fp, c.fn, c.tn) for c in cells], dtype=np.int64).T)
    asked: dict[str, tuple[Any, Any, str]] = {
        name: (RATES[rate].k(whole), RATES[rate].n(whole), RATES[rate].empty) for name, rate in _GROUP_RATES.items()
    }
    asked["favourable_rate"] = (_favourable(whole, settings), whole.n, "there are no rows")
    found: list[dict[str, Measure]] = [{} for _ in cells]
    for name, (above, below, empty) in asked.items():
        ends = (end.tolist() for end in wilson_each(above, below, settings.level))
        columns = zip(above.tolist(), below.tolist(), *ends, found, wheres, cells, strict=True)
        for k, n, low, high, measures, where, cell in columns:
            if n:
                measures[name] = Measure(
                    name, k / n, n, low, high, WILSON, settings.level, where, counts=(("k", k), ("n", n))
                )
            else:
                reason = f"Not computable: {empty}."
                measures[name] = not_computable(name, reason, cell.counts, n=0, slice=where)
    return found


def _impact_ratio(
    good: int, n: int, reference: Confusion | None, settings: _Settings, where: Slice, *, unknown: bool
) -> Measure:
    name = "impact_ratio"
    if unknown:
        reason = "Not computable: rows with an unknown value are not a group."
    elif not n:
        reason = "Not computable: there are no rows."
    elif reference is None:
        reason = "Not computable: there is no second group to compare with."
    else:
        return ratio_measure(name, (good, n, _favourable(reference, settings), reference.n), settings.level, where)
    return not_computable(name, reason, n=n, slice=where)
