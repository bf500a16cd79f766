"""Rates per group and intersection and the disparities between groups. Judges nothing.

A group whose rate is undefined, too small or unknown never makes a disparity pass or fail, and never counts as 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from approvals.measures.calibration import calibration_measures
from approvals.measures.comparisons import Comparison, compare_each, ratio_measure
from approvals.measures.disparities import Among, disparities, missing_reference
from approvals.measures.group_cells import (
    EMPTY,
    Key,
    against_the_rest,
    of_two,
    read_groups,
    refuse_repeated,
    with_empty_groups,
)
from approvals.measures.intervals import wilson
from approvals.measures.labels import UNKNOWN, Value, group_label, group_text, positive_level, same_value
from approvals.measures.performance import RATES, Confusion, rate_measure, score_measures, with_interval
from approvals.measures.score_reading import read_score_groups
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
    for names, cells in read_groups(table, wanted, columns, label, prediction):
        if several:
            confusions = against_the_rest(cells, label, prediction, positive)
        else:
            positive_level(prediction, dict.fromkeys(key[-1] for key in cells), favourable)
            confusions = of_two(cells, label, prediction, positive)
        margin = with_empty_groups(confusions)
        scored = _scored(table, score, label, positive, names, level) if score else {}
        asked = _asked(reference_group, names, margin)
        found.append(_group_table(names, margin, scored, asked, settings))
    return tuple(found)


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


def _scored(
    table: Table, score: str, label: str, positive: Value, names: Key, level: float
) -> dict[Key, dict[str, Measure]]:
    """What the scores of each group say; one group after the other, because all of them may not fit in memory."""
    found = {}
    for key, scored in read_score_groups(table, score, label, positive=positive, by=names, name=group_text):
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
    groups = tuple(
        _group(
            names, key, cell, scored.get(key, {}), margin[reference] if reference and len(known) > 1 else None, settings
        )
        for key, cell in margin.items()
    )
    judged, shown = _disparities(known, large, asked, settings)
    return GroupTable(
        attributes=names,
        groups=groups,
        disparities=judged,
        all_groups=shown,
        comparisons=compare_each(
            {key: (_favourable(cell, settings), cell.n) for key, cell in known.items()},
            reference,
            small_group=settings.small_group,
            level=settings.level,
        )
        if reference
        else (),
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


def _group(
    names: Key,
    key: Key,
    cell: Confusion,
    scored: Mapping[str, Measure],
    reference: Confusion | None,
    settings: _Settings,
) -> Group:
    level, good = settings.level, _favourable(cell, settings)
    where: Slice = tuple(zip(names, key, strict=True))
    measures = {
        name: rate_measure(name, cell, RATES[rate], level=level, slice=where) for name, rate in _GROUP_RATES.items()
    }
    interval = wilson(good, cell.n, level)
    name = "favourable_rate"
    if interval is None:
        measures[name] = not_computable(name, "Not computable: there are no rows.", n=0, slice=where)
    else:
        behind = (("k", good), ("n", cell.n))
        measures[name] = with_interval(name, good / cell.n, cell.n, interval, counts=behind, slice=where)
    others = {"impact_ratio": _impact_ratio(good, cell.n, reference, settings, unknown=UNKNOWN in key)}
    others |= scored
    return Group(
        values=key,
        n=cell.n,
        tp=cell.tp,
        fp=cell.fp,
        fn=cell.fn,
        tn=cell.tn,
        favourable=good,
        measures=measures | {name: replace(measure, slice=where) for name, measure in others.items()},
        small=cell.n < settings.small_group,
        unknown=UNKNOWN in key,
    )


def _impact_ratio(good: int, n: int, reference: Confusion | None, settings: _Settings, *, unknown: bool) -> Measure:
    name = "impact_ratio"
    if unknown:
        return not_computable(name, "Not computable: rows with an unknown value are not a group.", n=n)
    if not n:
        return not_computable(name, "Not computable: there are no rows.", n=n)
    if reference is None:
        return not_computable(name, "Not computable: there is no second group to compare with.", n=n)
    return ratio_measure(name, (good, n, _favourable(reference, settings), reference.n), settings.level)
