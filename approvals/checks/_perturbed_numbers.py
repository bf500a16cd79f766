"""How far predicted numbers move when inputs are measured a little differently. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from approvals.checks._charts import bars
from approvals.checks._evaluation import left_out_share
from approvals.checks._loading import answers
from approvals.checks._noise import ALL, UNMOVED, cells_moved, features_changed, unmoved_words, versions
from approvals.checks._rules import number
from approvals.checks._scoring import Columns, Scorer
from approvals.checks.base import CheckInputError, Job, NumberTable, Reading, Report
from approvals.measures.values import Measure, not_computable

MOVE = "mean change of the number with all features"
MOVE_IN_DEVIATIONS = "mean change of the number with all features, in standard deviations of the numbers"
MOVE_BY_ONE = "mean change of the number with the worst feature, in standard deviations of the numbers"
RISE = "rise of the mean absolute error with all features, as a share of it"
LONGEST_CHART = 15
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Line:
    name: str
    n: int
    move: float
    rise: float | None
    moved: int


def reading_of_numbers(scorer: Scorer, columns: Columns, labels: Floats, job: Job, report: Report) -> Reading:
    """Mean changes of the numbers of rows that were drawn, feature by feature and with all of them."""
    plain = _numbers(scorer, columns, labels.size)
    spread = float(np.std(plain))
    lines = []
    kinds = features_changed(columns)
    for step, (name, changed) in enumerate(kinds):
        report(0.05 + 0.9 * step / len(kinds), f"Changing {name}")
        given = versions(columns, changed, noise=job.parameters.noise, repeats=job.parameters.repeats, seed=job.seed)
        after, moved = [], 0
        for one in given:
            after.append(_numbers(scorer, one, labels.size))
            moved += cells_moved(columns, one)
        move = float(np.mean([np.mean(np.abs(one - plain)) for one in after]))
        lines.append(_Line(name, labels.size * len(after), move, _rise(plain, after, labels), moved))
    every, alone = lines[-1], sorted(lines[:-1], key=lambda line: (-line.move, line.name)) or lines
    worst = next((line for line in alone if line.moved), every)
    labelled = int(np.isfinite(labels).sum())
    shown = [every, *(alone if alone is not lines else [])]
    measures: tuple[Measure, ...] = (
        Measure(MOVE, every.move, every.n, method="mean |change|, in the unit of the label"),
        _relative(MOVE_IN_DEVIATIONS, every, spread),
        _relative(MOVE_BY_ONE, worst, spread),
        Measure(RISE, every.rise, labelled * job.parameters.repeats)
        if every.rise is not None
        else not_computable(RISE, "Not computable: no row has a label, or the artifact never errs.", n=every.n),
    )
    if not every.moved:
        measures = tuple(not_computable(measure.name, UNMOVED, n=measure.n) for measure in measures)
    return Reading(
        measures=(*measures, left_out_share(used=labelled, rows=labels.size)),
        looked_at=(),
        not_looked_at=unmoved_words([line.name for line in lines if not line.moved and line.name != ALL]),
        tables=(
            NumberTable(
                "What small changes do, worst first",
                ("Changed", "Mean change of the number", "Rise of the mean absolute error"),
                tuple(
                    (
                        line.name,
                        number(line.move) if line.moved else "not changed",
                        "" if line.rise is None else number(line.rise),
                    )
                    for line in shown
                ),
            ),
        ),
        charts=(
            bars(
                title="Mean change of the number, by feature",
                description="; ".join(f"{line.name} {number(line.move)}" for line in shown[:LONGEST_CHART]) + ".",
                axis="mean change, unit of the label",
                rows=[(line.name, line.move) for line in shown[:LONGEST_CHART]],
            ),
        ),
    )


def _numbers(scorer: Scorer, columns: Columns, rows: int) -> Floats:
    found = answers(scorer, columns, rows).numbers
    if found is None or not np.isfinite(found).all():
        raise CheckInputError("The artifact does not give a finite number for every row, so none can be compared.")
    return found


def _rise(plain: Floats, after: list[Floats], labels: Floats) -> float | None:
    """How much larger the mean absolute error is, as a share of it; None where there is none."""
    known = np.isfinite(labels)
    if not known.any():
        return None
    before = float(np.mean(np.abs(plain - labels)[known]))
    now = float(np.mean([np.mean(np.abs(one - labels)[known]) for one in after]))
    rise = (now - before) / before if before else float("nan")
    return rise if np.isfinite(rise) else None


def _relative(name: str, line: _Line, spread: float) -> Measure:
    if not spread or not np.isfinite(spread):
        return not_computable(name, "Not computable: the artifact gives every row the same number.", n=line.n)
    return Measure(name, line.move / spread, line.n, method="" if line.name == ALL else line.name)
