"""Runs the attached artifact on the rows of the evaluation table and compares its answers with those submitted.

Performance and fairness are measured on submitted predictions; this check ties these to the artifact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._evaluation import (
    BINARY,
    LEFT_OUT,
    MULTICLASS,
    Declaration,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
)
from approvals.checks._loading import ArchiveBounds, answers, column_of, loaded, require_features
from approvals.checks._scoring import Scored, Scorer
from approvals.checks._verdicts import at_most, judge_by, number
from approvals.checks.base import Check, CheckInputError, Input, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.labels import same_value, value_text
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

SCORE_GAP = "largest difference between the submitted and the reproduced score"
OTHER_DECISIONS = "rows with another decision than submitted"
AT_ONCE = 20_000
SHOWN = 20


Parameters = ArchiveBounds


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Scores differ by rounding where the table or the artifact is rounded.

    Rows without a submitted prediction or declared score fail above the share allowed here.
    """

    max_score_difference: float | None = None
    max_different_decisions: int | None = None
    max_left_out_share: float = 0.0


class Reproducibility(Check):
    """Submitted against reproduced scores and decisions, row by row."""

    title = "Reproducibility"
    version = "1"
    inputs = ("artifact", "evaluation_table")
    runs_artifact = True
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece, artifact = job.input("evaluation_table"), job.input("artifact")
        declared = declaration_of(piece, kinds=(BINARY, MULTICLASS))
        require_features(declared, piece)
        if piece.artifact_sha256 and piece.artifact_sha256 != artifact.sha256:
            raise CheckInputError(f"{piece.name} was attached for another artifact; attach the table of this one.")
        report(0.0, "Loading the artifact")
        scorer = loaded(artifact, job)
        with opened(piece, job) as table:
            table.require(declared.prediction, *declared.features, *([declared.score] if declared.score else []))
            found = _compared(table, declared, scorer, report)
        return found.reading(declared, scorer, artifact)

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = [
            at_most(SCORE_GAP, thresholds.max_score_difference),
            at_most(OTHER_DECISIONS, thresholds.max_different_decisions),
        ]
        return judge_by(reading, rules, required=missing_rules(reading, {LEFT_OUT: thresholds.max_left_out_share}))


class _Comparison:
    """Collects differences, part by part."""

    def __init__(self) -> None:
        self.rows = self.used = self.other = 0
        self.has_scores = self.has_decisions = True
        self.gaps: list[NDArray[np.float64]] = []
        self.worst: list[tuple[tuple[bool, float], int, str, str, str, str]] = []

    def add(self, start: int, scored: Scored, scores: NDArray[np.float64] | None, decisions: list[str | None]) -> None:
        """One part of the table: what was submitted, and what the artifact says."""
        present = np.array([text is not None for text in decisions])
        if scores is not None:
            present &= np.isfinite(scores)
        self.rows += len(decisions)
        self.used += int(present.sum())
        different = np.zeros(len(decisions), dtype=np.bool_)
        if scored.decisions is None:
            self.has_decisions = False
        else:
            different = present & ~_same(decisions, scored.decisions)
            self.other += int(different.sum())
        gaps = np.zeros(len(decisions))
        if scores is None or scored.scores is None:
            self.has_scores = False
        else:
            # A score that the artifact cannot give is as far from the submitted one as a score can be.
            gaps = np.where(present, np.nan_to_num(np.abs(scores - scored.scores), nan=1.0, posinf=1.0), 0.0)
            self.gaps.append(gaps)
        self._remember(start, scored, scores, decisions, different, gaps)

    def _remember(
        self,
        start: int,
        scored: Scored,
        scores: NDArray[np.float64] | None,
        decisions: list[str | None],
        different: NDArray[np.bool_],
        gaps: NDArray[np.float64],
    ) -> None:
        for place in np.lexsort((-gaps, ~different))[:SHOWN]:
            if different[place] or gaps[place] > 0:
                self.worst.append(
                    (
                        (not different[place], -float(gaps[place])),
                        start + int(place) + 1,
                        "" if scores is None else number(float(scores[place])),
                        "" if scored.scores is None else number(float(scored.scores[place])),
                        decisions[place] or "",
                        "" if scored.decisions is None else scored.decisions[place],
                    )
                )
        self.worst = sorted(self.worst)[:SHOWN]

    def measures(self) -> Iterator[Measure]:
        """Largest difference of scores, different decisions, rows left out."""
        if self.has_scores and self.gaps:
            every = np.concatenate(self.gaps)
            counts = tuple((f"rows above {limit:g}", int((every > limit).sum())) for limit in (1e-6, 1e-4, 1e-2))
            yield Measure(SCORE_GAP, float(every.max()), self.used, method="absolute", counts=counts)
        else:
            reason = "Not computable: the table declares no score, or the artifact gives none of two classes."
            yield not_computable(SCORE_GAP, reason, n=self.used)
        if self.has_decisions:
            yield Measure(OTHER_DECISIONS, self.other, self.used, method="count of rows")
        else:
            yield not_computable(OTHER_DECISIONS, "Not computable: the artifact gives no decisions.", n=self.used)
        yield left_out_share(used=self.used, rows=self.rows)

    def reading(self, declared: Declaration, scorer: Scorer, artifact: Input) -> Reading:
        """Everything in one reading."""
        columns = ("Row", "Score submitted", "Score reproduced", "Decision submitted", "Decision reproduced")
        rows = tuple(row[1:] for row in self.worst)
        order = ", ".join(declared.features)
        return Reading(
            measures=tuple(self.measures()),
            looked_at=(
                f"{self.rows:,} rows, run through {artifact.name} by {scorer.program}.",
                f"The artifact was given the columns {order} in this order.",
            ),
            not_looked_at=(
                "What happens to data before they become these columns.",
                "Whether another version of the library gives the same answers.",
            ),
            tables=(NumberTable("Rows that differ most", columns, rows),) if rows else (),
            details={"program": scorer.program},
        )


def _same(submitted: list[str | None], reproduced: list[str]) -> NDArray[np.bool_]:
    """Whether decisions mean the same; each pair of texts is compared once."""
    known: dict[tuple[str | None, str], bool] = {}
    for pair in set(zip(submitted, reproduced, strict=True)):
        known[pair] = pair[0] is not None and same_value(pair[0], pair[1])
    return np.array([known[pair] for pair in zip(submitted, reproduced, strict=True)], dtype=np.bool_)


def _compared(table: Table, declared: Declaration, scorer: Scorer, report: Report) -> _Comparison:
    columns = {name: column_of(table, name) for name in declared.features}
    scores = table.numbers(declared.score) if declared.score else None
    decisions = [value_text(text) for text in table.texts(declared.prediction)]
    found = _Comparison()
    for start in range(0, table.rows, AT_ONCE):
        part = slice(start, min(start + AT_ONCE, table.rows))
        report(0.1 + 0.85 * start / table.rows, f"Scoring row {start + 1:,} of {table.rows:,}")
        given = {name: column[part] for name, column in columns.items()}
        scored = answers(scorer, given, part.stop - part.start)
        found.add(start, scored, None if scores is None else scores[part], decisions[part])
    return found
