"""Runs the attached artifact on slightly changed rows: do decisions hold when inputs are measured a little differently?

One feature after the other, then all of them together. Numbers get normal noise of a share of their standard deviation
(whole numbers stay whole, missing stays missing); a share of the values of other features, and of whole numbers that so
little noise would leave as they are, is replaced by those of other rows. Seeded, so that the same table gives the same
answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from approvals.checks._charts import bars
from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    REGRESSION,
    Declaration,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
    with_inapplicable,
    with_kind,
)
from approvals.checks._loading import ArchiveBounds, answers, column_of, loaded, require_features
from approvals.checks._noise import (
    ALL,
    UNMOVED,
    cells_moved,
    drawn_rows,
    features_changed,
    unmoved_words,
    versions,
)
from approvals.checks._perturbed_numbers import MOVE, MOVE_BY_ONE, MOVE_IN_DEVIATIONS, RISE, reading_of_numbers
from approvals.checks._scoring import Columns, Scored, Scorer
from approvals.checks._verdicts import at_most, interval_text, judge_by, number
from approvals.checks.base import Check, CheckInputError, Job, Judgement, NumberTable, ParameterError, Reading, Report
from approvals.measures.intervals import wilson
from approvals.measures.labels import same_value, value_text
from approvals.measures.performance import with_interval
from approvals.measures.values import Measure, not_computable

CHANGED = "share of decisions that change with all features"
CHANGED_BY_ONE = "share of decisions that change with the worst feature"
SCORE_CHANGE = "mean change of the score with all features"
LOSS = "loss of accuracy with all features"
CLASSES = (BINARY, MULTICLASS)
KINDS_OF = {
    **dict.fromkeys((CHANGED, CHANGED_BY_ONE, LOSS), CLASSES),
    SCORE_CHANGE: (BINARY,),
    **dict.fromkeys((MOVE, MOVE_IN_DEVIATIONS, MOVE_BY_ONE, RISE), (REGRESSION,)),
}
LONGEST_CHART = 15


@dataclass(frozen=True)
class Parameters(ArchiveBounds):
    """How much is changed, how often it is repeated, and on how many rows at most (drawn with the seed)."""

    noise: float = 0.05
    repeats: int = 5
    max_rows: int = 5_000


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Shares are of decisions on changed rows.

    Where a loss of accuracy or a rise of the error is asked, rows without label fail above the share allowed here.

    Of numbers: the mean change, in the unit of the label or in standard deviations of the predicted numbers, and by how
    much of itself the mean absolute error rises.
    """

    max_changed_share: float | None = None
    max_changed_share_of_one_feature: float | None = None
    max_mean_score_change: float | None = None
    max_accuracy_loss: float | None = None
    max_mean_number_change: float | None = None
    max_mean_number_change_in_deviations: float | None = None
    max_mean_number_change_of_one_feature: float | None = None
    max_error_rise: float | None = None
    max_left_out_share: float = 0.0


@dataclass(frozen=True)
class _Line:
    """What changing one feature, or all of them, did."""

    name: str
    rows: int
    n: int
    changed: int
    score_change: float | None
    loss: float | None
    moved: int
    """Cells that are other ones; of none, nothing was tried."""

    @property
    def share(self) -> float:
        return self.changed / self.n


class Perturbation(Check):
    """Decisions, scores and accuracy of the artifact on rows that differ a little from those submitted."""

    title = "Perturbation"
    version = "3"
    inputs = ("artifact", "evaluation_table")
    runs_artifact = True
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("max_changed_share", "max_changed_share_of_one_feature", "max_accuracy_loss"), CLASSES),
        "max_mean_score_change": (BINARY,),
        "max_mean_number_change": (REGRESSION,),
        "max_mean_number_change_in_deviations": (REGRESSION,),
        "max_mean_number_change_of_one_feature": (REGRESSION,),
        "max_error_rise": (REGRESSION,),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece, artifact, asked = job.input("evaluation_table"), job.input("artifact"), job.parameters
        declared = declaration_of(piece, kinds=KINDS)
        require_features(declared, piece)
        if not 0.0 < asked.noise <= 1.0 or asked.repeats < 1 or asked.max_rows < 1:
            raise ParameterError("noise must be above 0 and at most 1; repeats and max_rows at least 1.")
        report(0.0, "Loading the artifact")
        scorer = loaded(artifact, job, declared)
        with opened(piece, job) as table:
            table.require(declared.label, *declared.features)
            chosen = drawn_rows(table.rows, asked.max_rows, job.seed)
            columns = {name: column_of(table, name)[chosen] for name in declared.features}
            if declared.kind == REGRESSION:
                reading = reading_of_numbers(scorer, columns, table.numbers(declared.label)[chosen], job, report)
                return _with_words(reading, declared, scorer, rows=table.rows, used=len(chosen), asked=asked)
            labels = [value_text(table_value) for table_value in table.texts(declared.label)]
            rows = table.rows
        actual = [labels[place] for place in chosen]
        lines = list(_lines(scorer, columns, actual, job, report))
        return _with_words(
            _reading(lines, actual, asked.repeats), declared, scorer, rows=rows, used=len(chosen), asked=asked
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        needs_labels = thresholds.max_accuracy_loss is not None or thresholds.max_error_rise is not None
        limits = {LEFT_OUT: thresholds.max_left_out_share} if needs_labels else {}
        return judge_by(
            with_inapplicable(reading, KINDS_OF),
            [
                at_most(CHANGED, thresholds.max_changed_share),
                at_most(CHANGED_BY_ONE, thresholds.max_changed_share_of_one_feature),
                at_most(SCORE_CHANGE, thresholds.max_mean_score_change),
                at_most(LOSS, thresholds.max_accuracy_loss),
                at_most(MOVE, thresholds.max_mean_number_change),
                at_most(MOVE_IN_DEVIATIONS, thresholds.max_mean_number_change_in_deviations),
                at_most(MOVE_BY_ONE, thresholds.max_mean_number_change_of_one_feature),
                at_most(RISE, thresholds.max_error_rise),
            ],
            required=missing_rules(reading, limits),
        )


def _lines(scorer: Scorer, columns: Columns, actual: list[str | None], job: Job, report: Report) -> Iterator[_Line]:
    asked, rows = job.parameters, len(actual)
    plain, decided = _scored(scorer, columns, rows)
    kinds = features_changed(columns)
    for step, (name, changed) in enumerate(kinds):
        report(0.05 + 0.9 * step / len(kinds), f"Changing {name}")
        other, moved, changes, losses = 0, 0, [], []
        for given in versions(columns, changed, noise=asked.noise, repeats=asked.repeats, seed=job.seed):
            scored, after = _scored(scorer, given, rows)
            moved += cells_moved(columns, given)
            other += sum(one != two for one, two in zip(decided, after, strict=True))
            if plain.scores is not None and scored.scores is not None:
                changes.append(float(np.mean(np.abs(scored.scores - plain.scores))))
            before, now = (_accuracy(actual, decisions) for decisions in (decided, after))
            if before is not None and now is not None:
                losses.append(before - now)
        yield _Line(name, rows, rows * asked.repeats, other, _mean(changes), _mean(losses), moved)


def _scored(scorer: Scorer, columns: Columns, rows: int) -> tuple[Scored, list[str]]:
    scored = answers(scorer, columns, rows)
    if scored.decisions is None:
        raise CheckInputError("The artifact gives no decisions, so none can change; it gives scores only.")
    return scored, scored.decisions


def _accuracy(actual: list[str | None], decisions: list[str]) -> float | None:
    known = [(one, two) for one, two in zip(actual, decisions, strict=True) if one is not None]
    alike = {pair: same_value(*pair) for pair in set(known)}
    return sum(alike[pair] for pair in known) / len(known) if known else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values and all(np.isfinite(values)) else None


def _with_words(
    reading: Reading, declared: Declaration, scorer: Scorer, *, rows: int, used: int, asked: Parameters
) -> Reading:
    """The reading with what was and was not looked at, which is the same whatever is predicted."""
    return replace(
        reading,
        looked_at=(
            f"{used:,} of {rows:,} rows, changed {asked.repeats} times and run by {scorer.program}.",
            f"Numbers moved by noise of {asked.noise:g} of their standard deviation.",
            f"{asked.noise:.0%} of other values, and of whole numbers too small for that, became those of other rows.",
            f"Features: {', '.join(declared.features)}.",
        ),
        not_looked_at=(
            *reading.not_looked_at,
            "Changes that somebody makes on purpose, and features that only change together.",
        ),
        details=with_kind({"program": scorer.program}, declared.kind),
    )


def _reading(lines: list[_Line], actual: Sequence[str | None], repeats: int) -> Reading:
    every, alone = lines[-1], sorted(lines[:-1], key=lambda line: (-line.changed, line.name)) or lines
    worst = next((line for line in alone if line.moved), every)
    labelled = sum(label is not None for label in actual)
    shown = [every, *(alone if alone is not lines else [])]
    return Reading(
        measures=(
            _share(CHANGED, every),
            _share(CHANGED_BY_ONE, worst),
            _number(SCORE_CHANGE, every, every.score_change, every.n, "the artifact gives no scores of two classes"),
            _number(LOSS, every, every.loss, labelled * repeats, "no row has a label"),
            left_out_share(used=labelled, rows=len(actual)),
        ),
        looked_at=(),
        not_looked_at=unmoved_words([line.name for line in lines if not line.moved and line.name != ALL]),
        tables=(
            NumberTable(
                "What small changes do, worst first",
                ("Changed", "Decisions that change", "Interval", "Mean change of the score", "Loss of accuracy"),
                tuple(
                    (
                        line.name,
                        number(line.share) if line.moved else "not changed",
                        interval_text(_share(CHANGED, line)),
                        "" if line.score_change is None else number(line.score_change),
                        "" if line.loss is None else number(line.loss),
                    )
                    for line in shown
                ),
            ),
        ),
        charts=(
            bars(
                title="Decisions that change, by feature",
                description="; ".join(f"{line.name} {number(line.share)}" for line in shown[:LONGEST_CHART]) + ".",
                axis="share of decisions that change",
                rows=[(line.name, line.share) for line in shown[:LONGEST_CHART]],
            ),
        ),
    )


def _share(name: str, line: _Line) -> Measure:
    if not line.moved:
        return not_computable(name, UNMOVED, n=line.n)
    method = "" if line.name == ALL else line.name
    counts = (("k", line.changed), ("n", line.n))
    interval = wilson(line.share * line.rows, line.rows)  # the same row changed again is no further row
    return with_interval(name, line.share, line.n, interval, method=method, counts=counts)


def _number(name: str, line: _Line, value: float | None, n: int, why: str) -> Measure:
    if not line.moved:
        return not_computable(name, UNMOVED, n=n)
    return not_computable(name, f"Not computable: {why}.", n=n) if value is None else Measure(name, value, n)
