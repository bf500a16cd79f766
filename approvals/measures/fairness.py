"""Rates per group and intersection and the disparities between groups. Judges nothing.

A group whose rate is undefined, too small or unknown never makes a disparity pass or fail, and never counts as 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from approvals.measures import scores
from approvals.measures.calibration import calibration_measures
from approvals.measures.disparities import disparities, missing_reference
from approvals.measures.group_cells import EMPTY, Key, cells_against_rest, cells_of_two
from approvals.measures.intervals import Interval, fisher, katz_log, newcombe, wilson, z_test
from approvals.measures.labels import UNKNOWN, Value, group_text, positive_level, same_value
from approvals.measures.performance import RATES, Confusion, rate_measure, score_measures, with_interval
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Counts, Measure, Slice, not_computable

MAX_LEVELS = 100
MAX_GROUPS = 20_000

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
        return " | ".join(self.values)


@dataclass(frozen=True)
class Comparison:
    """Favourable outcomes k1 of n1 in a group against k2 of n2 in the reference group.

    difference k1/n1 - k2/n2 (Newcombe), ratio (Katz log), z pooled with p_z, p_fisher two-sided. `adverse` is the
    four-fifths rule in whole numbers, None when it cannot be computed.
    """

    values: Key
    reference: Key
    k1: int
    n1: int
    k2: int
    n2: int
    difference: Measure
    ratio: Measure
    z: Measure
    p_z: Measure
    p_fisher: Measure
    adverse: bool | None
    small: bool


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


def four_fifths(k1: int, n1: int, k2: int, n2: int) -> bool | None:
    """Whether k1/n1 is below four fifths of k2/n2 (29 CFR 1607.4(D)), in whole numbers: 5 k1 n2 < 4 k2 n1.

    None, not computable, when a group is empty or nobody in the second has the outcome.
    """
    if min(n1, n2, k2) <= 0:
        return None
    return 5 * k1 * n2 < 4 * k2 * n1


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
    _check_columns(table, wanted, [label, prediction, *([score] if score else []), *columns])
    if several:
        cells = cells_against_rest(table, columns, label, prediction, positive)
    else:
        positive_level(prediction, table.levels(prediction), favourable)
        cells = cells_of_two(table, columns, label, prediction, positive)
    settings = _Settings(several or same_value(positive, favourable), small_group, level, draws, seed)
    found = []
    for names in wanted:
        margin = _margin(cells, [columns.index(name) for name in names])
        scored = _scored(table, score, label, positive, names) if score else {}
        asked = _asked(reference_group, names, margin)
        found.append(_group_table(names, margin, scored, asked, settings))
    return tuple(found)


def _asked(reference_group: Reference, names: Key, margin: Mapping[Key, Confusion]) -> Key | None:
    if isinstance(reference_group, Mapping):
        asked = reference_group.get(names)
    else:
        asked = reference_group if reference_group and len(reference_group) == len(names) else None
    if asked and not margin.get(tuple(asked), EMPTY).n:
        raise TableError(f"The reference group “{' | '.join(asked)}” has no rows in {' by '.join(names)}.")
    return tuple(asked) if asked else None


def _check_columns(table: Table, wanted: Iterable[Key], needed: Sequence[str]) -> None:
    table.require(*needed)
    for names in wanted:
        if not names or len(set(names)) < len(names):
            raise TableError("A comparison of groups needs one or more different columns.")
        size = 1
        for name in names:
            size *= len(table.levels(name, limit=MAX_LEVELS))
        if size > MAX_GROUPS:
            raise TableError(f"{' by '.join(names)} makes {size} groups; at most {MAX_GROUPS} can be compared.")


def _margin(cells: Mapping[Key, Confusion], positions: Sequence[int]) -> dict[Key, Confusion]:
    found: dict[Key, Confusion] = {}
    for key, cell in cells.items():
        part = tuple(key[position] for position in positions)
        so_far = found.get(part, EMPTY)
        sums = [getattr(so_far, name) + getattr(cell, name) for name in ("tp", "fp", "fn", "tn", "left_out")]
        found[part] = Confusion(*sums)
    levels = [sorted({key[i] for key in found} - {UNKNOWN}) for i in range(len(positions))]
    for key in itertools.product(*levels):
        found.setdefault(key, EMPTY)
    return dict(sorted(found.items(), key=lambda item: ([value == UNKNOWN for value in item[0]], item[0])))


def _scored(table: Table, score: str, label: str, positive: Value, names: Key) -> dict[Key, ScoreCounts]:
    parts: dict[Key, list[ScoreCounts]] = {}
    for values, counts in table.score_counts(score, label, positive=positive, by=names).items():
        parts.setdefault(tuple(group_text(value) for value in values), []).append(counts)
    return {key: scores.merge(counts) for key, counts in parts.items()}


def _favourable(confusion: Confusion, settings: _Settings) -> int:
    return confusion.tp + confusion.fp if settings.favourable_is_positive else confusion.fn + confusion.tn


def _group_table(
    names: Key,
    margin: Mapping[Key, Confusion],
    scored: Mapping[Key, ScoreCounts],
    asked: Key | None,
    settings: _Settings,
) -> GroupTable:
    known = {key: cell for key, cell in margin.items() if UNKNOWN not in key and cell.n}
    large = {key: cell for key, cell in known.items() if cell.n >= settings.small_group}
    reference = asked or _highest(large, settings)
    groups = tuple(
        _group(names, key, cell, scored.get(key), margin[reference] if reference and len(known) > 1 else None, settings)
        for key, cell in margin.items()
    )
    words = f"known groups of at least {settings.small_group} rows"
    return GroupTable(
        attributes=names,
        groups=groups,
        disparities=_disparities(large, words, asked, settings),
        all_groups=_disparities(known, "known groups with rows", asked, settings),
        comparisons=tuple(
            _compare(key, cell, reference, margin[reference], settings)
            for key, cell in known.items()
            if reference and key != reference
        ),
        reference=reference,
        unknown_rows=sum(cell.n for key, cell in margin.items() if UNKNOWN in key),
        rows_left_out=sum(cell.left_out for cell in margin.values()),
    )


def _highest(groups: Mapping[Key, Confusion], settings: _Settings) -> Key | None:
    if len(groups) <= 1:
        return None
    return max(groups, key=lambda key: _favourable(groups[key], settings) / groups[key].n)


def _disparities(
    groups: Mapping[Key, Confusion], words: str, asked: Key | None, settings: _Settings
) -> dict[str, Measure]:
    cells = np.array([[cell.tp, cell.fp, cell.fn, cell.tn] for cell in groups.values()], dtype=np.int64).reshape(-1, 4)
    position = list(groups).index(asked) if asked and asked in groups else None
    measures = disparities(
        cells,
        group_words=words,
        favourable_is_positive=settings.favourable_is_positive,
        reference=position,
        reference_words=" | ".join(asked) if asked and position is not None else "",
        level=settings.level,
        draws=settings.draws,
        seed=settings.seed,
    )
    return missing_reference(" | ".join(asked), measures) if asked and position is None else measures


def _group(
    names: Key,
    key: Key,
    cell: Confusion,
    scored: ScoreCounts | None,
    reference: Confusion | None,
    settings: _Settings,
) -> Group:
    level, good = settings.level, _favourable(cell, settings)
    measures = {name: rate_measure(name, cell, RATES[rate], level=level) for name, rate in _GROUP_RATES.items()}
    interval = wilson(good, cell.n, level)
    if interval is None:
        measures["favourable_rate"] = not_computable("favourable_rate", "Not computable: there are no rows.", n=0)
    else:
        behind = (("k", good), ("n", cell.n))
        measures["favourable_rate"] = with_interval("favourable_rate", good / cell.n, cell.n, interval, counts=behind)
    measures["impact_ratio"] = _impact_ratio(good, cell.n, reference, settings, unknown=UNKNOWN in key)
    if scored is not None:
        calibrated = calibration_measures(scored, level=level)
        measures |= {name: calibrated[name] for name in ("mean_score", "calibration_in_the_large", "ece", "brier")}
        measures["roc_auc"] = score_measures(scored, level=level)["roc_auc"]
    where: Slice = tuple(zip(names, key, strict=True))
    return Group(
        values=key,
        n=cell.n,
        tp=cell.tp,
        fp=cell.fp,
        fn=cell.fn,
        tn=cell.tn,
        favourable=good,
        measures={name: replace(measure, slice=where) for name, measure in measures.items()},
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
    return _ratio(name, (good, n, _favourable(reference, settings), reference.n), settings.level)


def _ratio(name: str, counts: tuple[int, int, int, int], level: float) -> Measure:
    k1, n1, k2, n2 = counts
    behind: Counts = (("k1", k1), ("n1", n1), ("k2", k2), ("n2", n2))
    if not k2:
        return not_computable(name, "Not computable: the favourable rate of the reference group is 0.", behind, n=n1)
    same = counts[:2] == counts[2:]
    interval = None if same else katz_log(*counts, level)
    return with_interval(name, (k1 * n2) / (k2 * n1), n1 + n2, interval, counts=behind)


def _compare(key: Key, cell: Confusion, reference: Key, other: Confusion, settings: _Settings) -> Comparison:
    counts = (_favourable(cell, settings), cell.n, _favourable(other, settings), other.n)
    k1, n1, k2, n2 = counts
    gap = k1 / n1 - k2 / n2 if n2 else None
    tested, exact = z_test(*counts), fisher(*counts)
    z, p = tested or (None, None)
    return Comparison(
        values=key,
        reference=reference,
        k1=k1,
        n1=n1,
        k2=k2,
        n2=n2,
        difference=_compared("difference", gap, newcombe(*counts, settings.level), counts),
        ratio=_ratio("ratio", counts, settings.level),
        z=_compared("z", z, None, counts),
        p_z=_compared("p_z", p, None, counts),
        p_fisher=_compared("p_fisher", exact, None, counts),
        adverse=four_fifths(*counts),
        small=min(n1, n2) < settings.small_group,
    )


def _compared(name: str, value: float | None, interval: Interval | None, counts: tuple[int, int, int, int]) -> Measure:
    k1, n1, k2, n2 = counts
    behind: Counts = (("k1", k1), ("n1", n1), ("k2", k2), ("n2", n2))
    if value is None:
        return not_computable(name, "Not computable: a group is empty or all outcomes are the same.", behind, n=n1 + n2)
    return with_interval(name, value, n1 + n2, interval, counts=behind)
