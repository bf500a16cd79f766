"""Runs the attached artifact on the rows of the evaluation table and compares its answers with those submitted.

Performance and fairness are measured on submitted predictions; this check ties these to the artifact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from approvals.checks._evaluation import (
    BINARY,
    KINDS,
    LEFT_OUT,
    MULTICLASS,
    REGRESSION,
    Declaration,
    declaration_of,
    missing_rules,
    opened,
    with_inapplicable,
    with_kind,
)
from approvals.checks._loading import ArchiveBounds, answers, column_of, loaded, require_features
from approvals.checks._reproduced import Compared
from approvals.checks._scoring import Scored, Scorer
from approvals.checks._verdicts import at_most, judge_by
from approvals.checks.base import Check, CheckInputError, Input, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.labels import value_text
from approvals.measures.relative import in_deviations, label_deviation
from approvals.measures.tables import Table

SCORE_GAP = "largest difference between the submitted and the reproduced score"
NUMBER_GAP = "largest difference between the submitted and the reproduced number"
IN_DEVIATIONS = f"{NUMBER_GAP}, in standard deviations of the label"
OTHER_DECISIONS = "rows with another decision than submitted"
CLASSES = (BINARY, MULTICLASS)
KINDS_OF = {
    SCORE_GAP: CLASSES,
    OTHER_DECISIONS: CLASSES,
    NUMBER_GAP: (REGRESSION,),
    IN_DEVIATIONS: (REGRESSION,),
}
AT_ONCE = 20_000


Parameters = ArchiveBounds


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Scores differ by rounding where the table or the artifact is rounded.

    Of several classes the difference of scores is that of the class where it is largest. Of numbers it is in the unit
    of the label, or divided by the standard deviation of the label (in_deviations). Rows without a submitted prediction
    or declared score fail above the share allowed here.
    """

    max_score_difference: float | None = None
    max_different_decisions: int | None = None
    max_number_difference: float | None = None
    max_number_difference_in_deviations: float | None = None
    max_left_out_share: float = 0.0


class Reproducibility(Check):
    """Submitted against reproduced scores and decisions, or numbers, row by row."""

    title = "Reproducibility"
    version = "4"
    inputs = ("artifact", "evaluation_table")
    runs_artifact = True
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("max_score_difference", "max_different_decisions"), CLASSES),
        **dict.fromkeys(("max_number_difference", "max_number_difference_in_deviations"), (REGRESSION,)),
    }

    def measure(self, job: Job, report: Report) -> Reading:
        piece, artifact = job.input("evaluation_table"), job.input("artifact")
        declared = declaration_of(piece, kinds=KINDS)
        require_features(declared, piece)
        if piece.artifact_sha256 and piece.artifact_sha256 != artifact.sha256:
            raise CheckInputError(f"{piece.name} was attached for another artifact; attach the table of this one.")
        report(0.0, "Loading the artifact")
        scorer = loaded(artifact, job, declared)
        with opened(piece, job) as table:
            table.require(declared.prediction, *declared.features, *_score_columns(declared))
            found = _compared(table, declared, scorer, report)
            measures = found.measures()
            if declared.kind == REGRESSION:
                deviation = label_deviation(table, label=declared.label, prediction=declared.prediction)
                measures = (measures[0], in_deviations(measures[0], deviation, name=IN_DEVIATIONS), *measures[1:])
        reading = Reading(
            measures=measures,
            looked_at=_looked_at(found, declared, scorer, artifact),
            not_looked_at=(
                "What happens to data before they become these columns.",
                "Whether another version of the library gives the same answers.",
            ),
            tables=_tables(found, declared),
            details={"program": scorer.program},
        )
        return replace(reading, details=with_kind(reading.details, declared.kind))

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            at_most(SCORE_GAP, thresholds.max_score_difference),
            at_most(OTHER_DECISIONS, thresholds.max_different_decisions),
            at_most(NUMBER_GAP, thresholds.max_number_difference),
            at_most(IN_DEVIATIONS, thresholds.max_number_difference_in_deviations),
        ]
        whole = with_inapplicable(reading, KINDS_OF)
        return judge_by(whole, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))


def _score_columns(declared: Declaration) -> tuple[str, ...]:
    return ((declared.score,) if declared.score else ()) + tuple(declared.class_scores.values())


def _looked_at(found: Compared, declared: Declaration, scorer: Scorer, artifact: Input) -> tuple[str, ...]:
    classes = ", ".join(declared.class_scores)
    return (
        f"{found.rows:,} rows, run through {artifact.name} by {scorer.program}.",
        f"The artifact was given the columns {', '.join(scorer.order(declared.features))} in this order.",
        *((f"Of its outputs that could be it, {scorer.taken} was compared.",) if scorer.taken else ()),
        *((f"The scores of the classes {classes}.",) if classes else ()),
    )


def _tables(found: Compared, declared: Declaration) -> tuple[NumberTable, ...]:
    columns: tuple[str, ...] = (
        "Row",
        "Score submitted",
        "Score reproduced",
        "Decision submitted",
        "Decision reproduced",
    )
    rows = found.worst_rows()
    if declared.kind == REGRESSION:
        columns, rows = ("Row", "Submitted", "Reproduced"), tuple(row[:3] for row in rows)
    return (NumberTable("Rows that differ most", columns, rows),) if rows else ()


def _compared(table: Table, declared: Declaration, scorer: Scorer, report: Report) -> Compared:
    columns = {name: column_of(table, name) for name in declared.features}
    submitted = _submitted(table, declared)
    is_number = declared.kind == REGRESSION
    decisions = None if is_number else [value_text(text) for text in table.texts(declared.prediction)]
    found = Compared(
        gap_name=NUMBER_GAP if is_number else SCORE_GAP,
        decisions_name="" if is_number else OTHER_DECISIONS,
        names=tuple(declared.class_scores),
    )
    for start in range(0, table.rows, AT_ONCE):
        part = slice(start, min(start + AT_ONCE, table.rows))
        report(0.1 + 0.85 * start / table.rows, f"Scoring row {start + 1:,} of {table.rows:,}")
        given = {name: column[part] for name, column in columns.items()}
        scored = answers(scorer, given, part.stop - part.start)
        found.add(
            start,
            None if submitted is None else submitted[part],
            _answered(scored, declared),
            None if decisions is None else decisions[part],
            scored.decisions,
        )
    return found


def _submitted(table: Table, declared: Declaration) -> NDArray[np.float64] | None:
    """The submitted scores (or numbers), a column for each of them; None if the table declares none."""
    names = [declared.prediction] if declared.kind == REGRESSION else list(_score_columns(declared))
    return np.column_stack([table.numbers(name) for name in names]) if names else None


def _answered(scored: Scored, declared: Declaration) -> NDArray[np.float64] | None:
    """What the artifact says in their place."""
    if declared.kind == MULTICLASS:
        return scored.class_scores
    found = scored.numbers if declared.kind == REGRESSION else scored.scores
    return None if found is None else np.asarray(found, dtype=np.float64).reshape(-1, 1)
