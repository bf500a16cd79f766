"""How well one score per class ranks and predicts the labels of several classes. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from approvals.measures.class_ranking import mean_areas
from approvals.measures.intervals import delong
from approvals.measures.performance import with_interval
from approvals.measures.rows import mean_measure, row_texts
from approvals.measures.scores import Floats, Integers, ScoreCounts, roc_auc
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Counts, Measure, not_computable

SUM_TOLERANCE = 1e-5
"""How far from 1 the probabilities of one row may sum and still be probabilities (scikit-learn's, of roc_auc_score)."""

_MEANS = {
    "roc_auc_ovr_macro": "one class against the rest, mean over classes",
    "roc_auc_ovr_weighted": "one class against the rest, mean weighted by the rows of each class",
    "roc_auc_ovo_macro": "one class against one other, mean over pairs (Hand and Till)",
    "roc_auc_ovo_weighted": "one class against one other, mean over pairs weighted by their rows",
}
_LOG_CLIP = float(np.finfo(np.float64).eps)
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class ClassScores:
    """The rows with a label and a finite score for every class of `classes`, which are those with a score column.

    `labels` are positions in `classes`, -1 for a label without a score column; `scores` are [rows, classes].
    `unscored` are the labels of the table without a score column; `left_out` rows have a label but not every score.
    """

    classes: tuple[str, ...]
    labels: Integers
    scores: Floats
    unscored: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def n(self) -> int:
        """Rows with a label and every score."""
        return int(self.labels.size)

    @property
    def counts(self) -> Counts:
        """The sizes behind every measure of the scores."""
        counts = (("classes", len(self.classes)),)
        return (*counts, ("rows_left_out", self.left_out)) if self.left_out else counts

    def of_class(self, position: int) -> ScoreCounts:
        """The counts of one class against all others, by its own score."""
        return ScoreCounts.from_arrays(self.labels == position, self.scores[:, position])


def read_scores(table: Table, *, label: str, columns: Mapping[str, str]) -> ClassScores:
    """The scores of the classes in `columns`, which names the score column of each class.

    TableError for missing columns, columns without numbers, and one column named for two classes.
    """
    table.require(label, *columns.values())
    repeated = [name for name in columns.values() if list(columns.values()).count(name) > 1]
    if repeated:
        raise TableError(f"The score column “{repeated[0]}” is named for more than one class; name one for each.")
    classes = tuple(sorted(columns))
    rows = row_texts(table, label)
    position = {name: i for i, name in enumerate(classes)}
    translated = np.array([*(position.get(text, -1) for text in rows.texts), -1], dtype=np.int64)
    every = np.column_stack([table.numbers(columns[name]) for name in classes])
    labelled = rows.positions >= 0
    usable = labelled & np.isfinite(every).all(axis=1)
    return ClassScores(
        classes=classes,
        labels=translated[rows.positions[usable]],
        scores=every[usable],
        unscored=tuple(text for text in rows.texts if text not in position),
        left_out=int(labelled.sum() - usable.sum()),
    )


def class_score_measures(found: ClassScores, *, level: float = 0.95) -> dict[str, Measure]:
    """The measures of all classes together, keyed by name; n counts rows with a label and a score for every class.

    roc_auc_ovr_macro: mean over classes of the area of one class against the rest by its own score, in [0, 1];
    roc_auc_ovr_weighted: the same, weighted by the rows of each class (Provost & Domingos 2000);
    roc_auc_ovo_macro: mean over pairs of classes of the mean of both areas within the rows of the pair (Hand & Till
    2001); roc_auc_ovo_weighted: the same, weighted by the rows of each pair; all as scikit-learn, with the interval
    of `class_ranking`. Any finite scores can be ranked, also such that are no probabilities.
    log_loss: mean -ln of the probability of the label, clipped at float64 eps as scikit-learn does, in [0, 36.05];
    brier: mean over rows of the sum over classes of (probability - [is the label])², in [0, 2] (Brier 1950), not
    halved for two classes. Both with Student's interval cut at 0; the probabilities are taken as they are and never
    scaled: rows outside 0 to 1, or whose sum is further than SUM_TOLERANCE from 1, make both not computable and are
    counted. Nothing is computable without rows, or when a label has no score column; areas neither when a class has
    no rows or is the only one.
    """
    return _areas(found, level) | _losses(found, level)


def class_areas(found: ClassScores, names: Iterable[str], *, level: float = 0.95) -> dict[str, Measure]:
    """roc_auc of each named class against the rest by its own score, in [0, 1] (Mann-Whitney, DeLong interval).

    Not computable for a class without a score column, and when no row, or every row, has the class.
    """
    return {
        name: _class_area(found, found.classes.index(name), level)
        if name in found.classes
        else not_computable("roc_auc", f"Not computable: {_unscored([name])}.", found.counts, n=found.n)
        for name in names
    }


def _class_area(found: ClassScores, position: int, level: float) -> Measure:
    counts = found.of_class(position)
    behind: Counts = (
        ("positives", counts.positive_rows),
        ("negatives", counts.negative_rows),
        ("distinct_scores", int(counts.scores.size)),
    )
    if found.left_out:
        behind = (*behind, ("rows_left_out", found.left_out))
    area = roc_auc(counts)
    if area is None:
        reason = f"no row with scores has the label of {listed([found.classes[position]])}"
        if counts.positive_rows:
            reason = "the labels of the rows with scores have only one class"
        return not_computable("roc_auc", f"Not computable: {reason}.", behind, n=found.n)
    method = "Mann-Whitney, ties one half"
    if counts.scores.size == 1:
        method = f"{method}; every score is the same, so the score separates nothing"
    estimate = delong(counts, level)
    interval = estimate.interval if estimate else None
    return with_interval("roc_auc", area, found.n, interval, method=method, counts=behind)


def _unscored(names: Iterable[str]) -> str:
    return f"no score column is named for {listed(names)}"


def listed(names: Iterable[str]) -> str:
    """The first few of these classes in words."""
    every = list(names)
    shown = ", ".join(f"“{name}”" for name in every[:_SHOWN])
    return f"the class{'es' if len(every) > 1 else ''} {shown}{', …' if len(every) > _SHOWN else ''}"


def _lacking(found: ClassScores) -> str:
    """Why no measure of the scores is computable, or nothing."""
    if found.unscored:
        return _unscored(found.unscored)
    return "" if found.n else "no row has a label and a score for every class"


def _areas(found: ClassScores, level: float) -> dict[str, Measure]:
    sizes = np.bincount(found.labels[found.labels >= 0], minlength=len(found.classes))
    reason = _lacking(found)
    if not reason and len(found.classes) <= 1:
        reason = "there is only one class"
    if not reason and not sizes.all():
        empty = [name for name, size in zip(found.classes, sizes, strict=True) if not size]
        reason = f"no row with scores has the label of {listed(empty)}"
    if reason:
        return {name: not_computable(name, f"Not computable: {reason}.", found.counts, n=found.n) for name in _MEANS}
    found_means = mean_areas(found.labels, found.scores, level)
    flat = found.scores.min(axis=0) == found.scores.max(axis=0)
    constant = [name for name, is_flat in zip(found.classes, flat, strict=True) if is_flat]
    flag = f"; every row has the same score for {listed(constant)}, which separates nothing" if constant else ""
    return {
        name: with_interval(
            name, mean.value, found.n, mean.interval, method=f"{_MEANS[name]}{flag}", counts=found.counts
        )
        for name, mean in found_means.items()
    }


def _losses(found: ClassScores, level: float) -> dict[str, Measure]:
    outside = int(((found.scores < 0.0) | (found.scores > 1.0)).any(axis=1).sum())
    with np.errstate(over="ignore", invalid="ignore"):
        not_one = int((~(np.abs(found.scores.sum(axis=1) - 1.0) <= SUM_TOLERANCE)).sum())
    reason, counts = _lacking(found), found.counts
    if not reason and outside:
        reason = f"{outside} of {found.n} rows have a score outside 0 to 1, so they are no probabilities"
        counts = (*counts, ("rows_outside_0_to_1", outside))
    if not reason and not_one:
        reason = f"the probabilities of {not_one} of {found.n} rows do not sum to 1 (within {SUM_TOLERANCE:.5f})"
        counts = (*counts, ("rows_not_summing_to_1", not_one))
    if reason:
        names = ("log_loss", "brier")
        return {name: not_computable(name, f"Not computable: {reason}.", counts, n=found.n) for name in names}
    own = found.scores[np.arange(found.n), found.labels]
    distance = found.scores.copy()
    distance[np.arange(found.n), found.labels] -= 1.0
    losses = -np.log(np.clip(own, _LOG_CLIP, 1.0 - _LOG_CLIP))
    squares = np.sum(distance**2, axis=1)
    method = "sum over classes, from 0 to 2"
    return {
        "log_loss": mean_measure("log_loss", losses, level=level, lowest=0.0, method="natural log", counts=counts),
        "brier": mean_measure("brier", squares, level=level, lowest=0.0, method=method, counts=counts),
    }
