"""An upload in one file for each window, made in the limited child. No check of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from approvals.checks.base import Check, CheckInputError, Job, Judgement, Reading, Report
from approvals.measures.reading import TableError
from approvals.measures.splitting import split
from monitoring.monitors.base import BATCH


@dataclass(frozen=True)
class Asked:
    """How to split. `today` is an ISO day in UTC."""

    time_column: str
    pace: str
    today: str
    most: int


@dataclass(frozen=True)
class Nothing:
    """Nothing can be set."""


class Splitting(Check):
    """Files in the job's output folder; `details` has the first day and the rows of each, and the rows left out."""

    title = "Splitting of an upload"
    version = "1"
    inputs = (BATCH,)
    Parameters = Asked
    Thresholds = Nothing

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input(BATCH), job.parameters
        if job.output is None:
            raise CheckInputError("There is no folder for the files of windows.")
        try:
            parts, left_out = split(
                piece.path,
                piece.name,
                time_column=asked.time_column,
                pace=asked.pace,
                today=date.fromisoformat(asked.today),
                most=asked.most,
                output=job.output,
            )
        except TableError as error:
            raise CheckInputError(error.sentence) from error
        found = [[part.first.isoformat(), part.rows] for part in parts]
        return Reading(measures=(), looked_at=(), details={"parts": found, "left_out": left_out})

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        raise NotImplementedError("What follows from a delivery is no verdict of a policy.")
