"""Errors of a numeric prediction against the labels, overall and by group, with intervals. Judges nothing.

A group whose mean is undefined, too small or unknown is shown and never makes a difference between groups.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from approvals.measures.group_cells import refuse_repeated, refuse_too_many
from approvals.measures.intervals import Interval, of_a_gap, student_mean
from approvals.measures.labels import UNKNOWN, group_label, group_text
from approvals.measures.performance import with_interval
from approvals.measures.rows import TOO_LARGE, centred, exact_mean, mean_measure, row_mean, row_texts
from approvals.measures.scores import Floats, Integers
from approvals.measures.tables import Table
from approvals.measures.values import Counts, Measure, not_computable

Key = tuple[str, ...]

_FEWEST_DRAWS = 100


@dataclass(frozen=True)
class ErrorGroup:
    """The rows of one group: how many count, their measures, whether it is small, and whether a value is unknown."""

    values: Key
    n: int
    measures: dict[str, Measure]
    small: bool
    unknown: bool

    @property
    def label(self) -> str:
        """The group's values in one text."""
        return group_label(self.values)


@dataclass(frozen=True)
class ErrorGroupTable:
    """All groups of one attribute or intersection, and the differences between them.

    `disparities` are between known groups of at least `small_group` rows; `all_groups` between all known groups.
    """

    attributes: Key
    groups: tuple[ErrorGroup, ...]
    disparities: dict[str, Measure]
    all_groups: dict[str, Measure]
    unknown_rows: int
    rows_left_out: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Labels and predictions of the rows where both are finite; how many are missing or not finite."""

    labels: Floats
    predictions: Floats
    missing: int = 0
    not_finite: int = 0

    @property
    def n(self) -> int:
        return int(self.labels.size)

    @property
    def left_out(self) -> int:
        return self.missing + self.not_finite

    @property
    def counts(self) -> Counts:
        return (("rows_left_out", self.left_out),) if self.left_out else ()

    @property
    def errors(self) -> Floats:
        with np.errstate(over="ignore"):
            return self.predictions - self.labels

    @classmethod
    def of(cls, labels: Floats, predictions: Floats) -> _Rows:
        missing = np.isnan(labels) | np.isnan(predictions)
        finite = np.isfinite(labels) & np.isfinite(predictions)
        not_finite = int(labels.size - finite.sum() - missing.sum())
        return cls(labels[finite], predictions[finite], int(missing.sum()), not_finite)


def regression_performance(table: Table, *, label: str, prediction: str, level: float = 0.95) -> dict[str, Measure]:
    """Every measure of one numeric prediction, keyed by name; see `error_measures`.

    Rows without a finite number in both columns are left out and counted. TableError unless both hold numbers.
    """
    table.require(label, prediction)
    return error_measures(table.numbers(label), table.numbers(prediction), level=level)


def error_measures(labels: Floats, predictions: Floats, *, level: float = 0.95) -> dict[str, Measure]:
    """The measures of predictions y' of labels y, one each per row, keyed by name; error = y' - y, u the label's unit.

    n and rows_left_out (missing or not finite in either); mean_error in u, above 0 where predictions are too high;
    mae, mean |error| in u; median_ae and max_error in u; mse, mean error² in u²; rmse, its root in u; mape, mean
    |error|/|y| as a fraction; r2 1 - sum error²/sum (y - mean y)², at most 1; explained_variance 1 - var error/var y,
    at most 1; mean_prediction in u. Definitions of scikit-learn where it has one, sums exactly rounded.
    Student's intervals of means, cut at 0 where nothing can be below; of rmse the roots of the ends of mse; of r2 by
    the delta method, cut at 1; none for one row or for rows all alike.
    Not computable: anything without rows or beyond 64-bit floats; mape with a label of 0 (scikit-learn divides by
    2.2e-16); r2 and explained_variance for one row or equal labels (scikit-learn: NaN, 0 or 1).
    """
    return _measures(_Rows.of(labels, predictions), level)


def _measures(rows: _Rows, level: float) -> dict[str, Measure]:
    left_out = (("missing", rows.missing), ("not_finite", rows.not_finite))
    measures = {
        "n": Measure("n", rows.n, rows.n, method="count of rows"),
        "rows_left_out": Measure("rows_left_out", rows.left_out, rows.n, method="count of rows", counts=left_out),
    }
    if not rows.n:
        reason = "no row has a finite label and a finite prediction" if rows.left_out else "there are no rows"
        return measures | {name: _undefined(name, reason, rows) for name in _NAMES}
    errors, counts = rows.errors, rows.counts
    sizes = np.abs(errors)
    with np.errstate(over="ignore"):
        squares = errors**2
    mse = mean_measure("mse", squares, level=level, lowest=0.0, method="mean squared error", counts=counts)
    return measures | {
        "mse": mse,
        "rmse": _root(mse),
        "mae": mean_measure("mae", sizes, level=level, lowest=0.0, method="mean |error|", counts=counts),
        "median_ae": _plain("median_ae", lambda: float(np.median(sizes)), "median |error|", rows),
        "r2": _r2(rows, level),
        "mape": _mape(rows, level),
        "max_error": _plain("max_error", lambda: float(sizes.max()), "largest |error|", rows),
        "explained_variance": _explained(rows),
        "mean_error": mean_measure("mean_error", errors, level=level, method="prediction minus label", counts=counts),
        "mean_prediction": mean_measure(
            "mean_prediction", rows.predictions, level=level, method="mean prediction", counts=counts
        ),
    }


_NAMES = (
    "mse",
    "rmse",
    "mae",
    "median_ae",
    "r2",
    "mape",
    "max_error",
    "explained_variance",
    "mean_error",
    "mean_prediction",
)


def _undefined(name: str, reason: str, rows: _Rows, counts: Counts = ()) -> Measure:
    return not_computable(name, f"Not computable: {reason}.", (*rows.counts, *counts), n=rows.n)


def _plain(
    name: str, compute: Callable[[], float], method: str, rows: _Rows, interval: Interval | None = None
) -> Measure:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value = compute()
    if not math.isfinite(value):
        return _undefined(name, TOO_LARGE, rows)
    return with_interval(name, value, rows.n, interval, method=method, counts=rows.counts)


def _root(mse: Measure) -> Measure:
    if mse.value is None:
        return replace(mse, name="rmse")
    ends = [None if end is None else math.sqrt(end) for end in (mse.low, mse.high)]
    return replace(
        mse, name="rmse", value=math.sqrt(mse.value), low=ends[0], high=ends[1], method=f"root of the {mse.method}"
    )


def _mape(rows: _Rows, level: float) -> Measure:
    zeros = int((rows.labels == 0.0).sum())
    if zeros:
        reason = f"the label of {zeros} of {rows.n} rows is 0, and nothing is a fraction of 0"
        return _undefined("mape", reason, rows, (("zero_labels", zeros),))
    with np.errstate(over="ignore"):
        shares = np.abs(rows.errors) / np.abs(rows.labels)
    method = "mean |error| / |label|, a fraction"
    return mean_measure("mape", shares, level=level, lowest=0.0, method=method, counts=rows.counts)


def _unspread(rows: _Rows) -> str:
    if rows.n <= 1:
        return "there is only one row"
    return "every label is the same, so there is no variance" if rows.labels.min() == rows.labels.max() else ""


def _r2(rows: _Rows, level: float) -> Measure:
    reason = _unspread(rows)
    if reason:
        return _undefined("r2", reason, rows)
    with np.errstate(over="ignore", invalid="ignore"):
        squares, spreads = rows.errors**2, centred(rows.labels) ** 2
    total = exact_mean(spreads)
    lost = exact_mean(squares) / total if total else math.inf
    interval = _r2_interval(lost, squares, spreads, total, level) if math.isfinite(lost) else None
    return _plain("r2", lambda: 1.0 - lost, "1 - squared errors / squared deviations of the labels", rows, interval)


def _r2_interval(lost: float, squares: Floats, spreads: Floats, total: float, level: float) -> Interval | None:
    with np.errstate(over="ignore", invalid="ignore"):
        influence = (lost * spreads - squares) / total
        # No error at all, or a prediction of the mean: the first order, which is all there is here, says nothing.
        if not np.abs(influence).max() > 1e-9 * squares.max() / total:
            return None
        spread = row_mean(influence)
    interval = student_mean(1.0 - lost, spread.variance, spread.n, level) if spread else None
    if interval is None:
        return None
    cut = interval.high > 1.0
    words = "Student's t by the delta method" + (", cut at 1" if cut else "")
    return replace(interval, high=1.0 if cut else interval.high, method=words)


def _explained(rows: _Rows) -> Measure:
    reason = _unspread(rows)
    if reason:
        return _undefined("explained_variance", reason, rows)

    def share() -> float:
        total = exact_mean(centred(rows.labels) ** 2)
        return 1.0 - exact_mean(centred(rows.errors) ** 2) / total if total else math.nan

    return _plain("explained_variance", share, "1 - variance of the errors / variance of the labels", rows)


@dataclass(frozen=True)
class _Settings:
    small_group: int
    level: float
    draws: int
    seed: int


def group_errors(
    table: Table,
    *,
    label: str,
    prediction: str,
    attributes: Sequence[Sequence[str]],
    small_group: int = 30,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[ErrorGroupTable, ...]:
    """One ErrorGroupTable per entry of `attributes`, each one column or an intersection of several.

    Every group has the measures of `error_measures`. Every group of known values is listed, with n = 0 when no row
    counts; rows with a missing or unknown value make groups named Unknown, which are kept out of every difference.
    mae_difference: highest minus lowest mae; mean_prediction_difference: highest minus lowest mean prediction; both
    in the unit of the label, 0 best (fairlearn's difference, but an undefined mean is left out and counted as
    groups_undefined). Their intervals are percentiles of seeded draws of all group means from their normal
    approximations; none when a group has one row or rows all alike. The largest gap of many groups is biased upwards,
    as any maximum is. Not computable with fewer than two such groups.
    TableError for columns that cannot be used, more than MAX_LEVELS values in one or more than MAX_GROUPS groups.
    """
    wanted = [tuple(names) for names in attributes]
    table.require(label, prediction, *itertools.chain.from_iterable(wanted))
    for names in wanted:
        refuse_repeated(names)
        refuse_too_many(table, names)
    labels, predictions = table.numbers(label), table.numbers(prediction)
    levels = {name: _levels(table, name) for name in dict.fromkeys(itertools.chain.from_iterable(wanted))}
    settings = _Settings(small_group, level, draws, seed)
    found = []
    for names in wanted:
        parts = _split([levels[name] for name in names])
        groups = {key: _Rows.of(labels[chosen], predictions[chosen]) for key, chosen in parts.items()}
        found.append(_group_table(names, groups, settings))
    return tuple(found)


def _levels(table: Table, column: str) -> tuple[Key, Integers]:
    """The known values of an attribute, sorted, and of each row the position of its value, past the end if unknown."""
    rows = row_texts(table, column)
    names = [group_text(text) for text in rows.texts]
    known = sorted(set(names) - {UNKNOWN})
    place = np.array([known.index(name) if name in known else len(known) for name in [*names, UNKNOWN]], dtype=np.int64)
    return tuple(known), place[rows.positions]


def _split(levels: Sequence[tuple[Key, Integers]]) -> dict[Key, Integers]:
    """The rows of each combination of known values, also of those that do not occur, and of unknown ones that do."""
    cells = np.zeros_like(levels[0][1])
    for known, positions in levels:
        # Numbered anew each time, because the product of many columns is more than 64 bits can number.
        cells = np.unique(cells * (len(known) + 1) + positions, return_inverse=True)[1]
    order = np.argsort(cells, kind="stable")
    found = {}
    for rows in np.split(order, np.flatnonzero(np.diff(cells[order])) + 1):
        found[tuple([*known, UNKNOWN][positions[rows[0]]] for known, positions in levels)] = rows
    for key in itertools.product(*[known for known, _ in levels]):
        found.setdefault(key, order[:0])
    return dict(sorted(found.items(), key=lambda item: ([value == UNKNOWN for value in item[0]], item[0])))


def _group_table(names: Key, groups: Mapping[Key, _Rows], settings: _Settings) -> ErrorGroupTable:
    known = {key: rows for key, rows in groups.items() if UNKNOWN not in key and rows.n}
    large = [rows for rows in known.values() if rows.n >= settings.small_group]
    words = f"known groups of at least {settings.small_group} rows"
    return ErrorGroupTable(
        attributes=names,
        groups=tuple(_group(names, key, rows, settings) for key, rows in groups.items()),
        disparities=_differences(large, words, settings),
        all_groups=_differences(list(known.values()), "known groups with rows", settings),
        unknown_rows=sum(rows.n for key, rows in groups.items() if UNKNOWN in key),
        rows_left_out=sum(rows.left_out for rows in groups.values()),
    )


def _group(names: Key, key: Key, rows: _Rows, settings: _Settings) -> ErrorGroup:
    where = tuple(zip(names, key, strict=True))
    return ErrorGroup(
        values=key,
        n=rows.n,
        measures={name: replace(measure, slice=where) for name, measure in _measures(rows, settings.level).items()},
        small=rows.n < settings.small_group,
        unknown=UNKNOWN in key,
    )


_DIFFERENCES: dict[str, tuple[str, Callable[[_Rows], Floats]]] = {
    "mae_difference": ("mean |error|", lambda rows: np.abs(rows.errors)),
    "mean_prediction_difference": ("mean prediction", lambda rows: rows.predictions),
}


def _differences(groups: Sequence[_Rows], group_words: str, settings: _Settings) -> dict[str, Measure]:
    return {name: _difference(name, groups, group_words, settings) for name in _DIFFERENCES}


def _difference(name: str, groups: Sequence[_Rows], group_words: str, settings: _Settings) -> Measure:
    words, values = _DIFFERENCES[name]
    n = sum(rows.n for rows in groups)
    means = [found for rows in groups if (found := row_mean(values(rows))) is not None]
    behind: Counts = (("groups", len(groups)), ("groups_undefined", len(groups) - len(means)))
    method = f"highest minus lowest {words}"
    value = max(mean.mean for mean in means) - min(mean.mean for mean in means) if len(means) > 1 else math.nan
    if math.isfinite(value):
        interval = _drawn([mean.mean for mean in means], [mean.variance for mean in means], groups, settings)
        return with_interval(name, value, n, of_a_gap(interval, value), method=method, counts=behind)
    reason = f"{len(groups)} of the two groups needed" if len(groups) <= 1 else TOO_LARGE
    return not_computable(name, f"Not computable: {reason} ({group_words}).", behind, n=n, method=method)


def _drawn(
    means: Sequence[float], variances: Sequence[float | None], groups: Sequence[_Rows], settings: _Settings
) -> Interval | None:
    known = [variance for variance in variances if variance is not None]
    if len(known) < len(groups) or settings.draws < _FEWEST_DRAWS:
        return None
    errors = np.sqrt(np.array(known) / [rows.n for rows in groups])
    drawn = np.random.default_rng(settings.seed).normal(means, errors, size=(settings.draws, len(means)))
    ranges = drawn.max(axis=1) - drawn.min(axis=1)
    low, high = np.quantile(ranges, [(1.0 - settings.level) / 2.0, (1.0 + settings.level) / 2.0])
    words = f"normal draws of the group means, {settings.draws} draws, seed {settings.seed}"
    return Interval(float(low), float(high), settings.level, words)
