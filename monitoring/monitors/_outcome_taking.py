"""Outcomes out of a relation as it is now: a file of those that nobody delivered before. No check of a policy."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from approvals.checks._evaluation import declaration_of, input_error
from approvals.checks.base import Check, CheckInputError, Job, Judgement, Reading, Report
from approvals.measures.late_outcomes import Files, Named, matcher
from approvals.measures.reading import TableError
from approvals.measures.references import described
from approvals.measures.relation_copies import copied_now
from monitoring.monitors._late_outcomes import EARLIER, files_of, several, verified
from monitoring.monitors.base import OUTCOMES

FILE = "outcomes.parquet"


@dataclass(frozen=True)
class Nothing:
    """Nothing can be set."""


class OutcomeTaking(Check):
    """The file in the job's output folder; `details` says what the relation held, and how much of it is new."""

    title = "Taking of outcomes from a relation"
    version = "1"
    inputs = (OUTCOMES,)
    hashes_inputs_itself = True
    Parameters = Nothing
    Thresholds = Nothing

    def measure(self, job: Job, report: Report) -> Reading:
        piece, earlier = job.input(OUTCOMES), [one for _, one in several(job, EARLIER)]
        declared = declaration_of(piece, kinds=("binary", "multiclass", "regression"))
        if job.output is None or piece.table is None:
            raise CheckInputError("There is no relation to take outcomes from, or no folder for their file.")
        named = Named(declared.key, declared.label)
        try:
            for one in earlier:
                verified(one)
            before = [files_of(one) for one in earlier]
            report(0.1, "Copying keys and outcomes")
            wanted = {*named.key, named.label}
            with (
                copied_now(piece.table, wanted, exact=named.key, name=piece.name, scratch=job.work) as (
                    folder,
                    files,
                    listed,
                ),
                matcher(before, named, scratch=job.work) as prepared,
            ):
                report(0.6, "Looking for those that are new")
                made = job.work / FILE
                counted, news = prepared.news(Files(piece.name, folder, files), before, made)
            if news.keys:
                shutil.copyfile(made, job.output / FILE)
        except TableError as error:
            raise input_error(error, error.sentence) from error
        said = {"described": described(listed), "without_outcome": counted.without_outcome, **vars(news)}
        return Reading(measures=(), looked_at=(), details=said)

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        raise NotImplementedError("What follows from a delivery is no verdict of a policy.")
