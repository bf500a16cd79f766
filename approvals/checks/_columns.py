"""Names the columns of a table by the reader that the checks use, in the limited child. No check of a policy.

For uploads whose head alone says nothing: the columns of a Parquet file stand at its end, in a format of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from approvals.checks.base import Check, CheckInputError, Input, Job, Judgement, Reading, Report
from approvals.measures.reading import TableError
from approvals.measures.referenced import relation_columns
from approvals.measures.references import RelationReference
from approvals.measures.tables import open_table


@dataclass(frozen=True)
class Nothing:
    """Nothing can be set."""


class TableColumns(Check):
    """The names of a table's columns, in `details["columns"]`; a table without rows is no table."""

    title = "Columns of a table"
    version = "1"
    inputs = ("table",)
    hashes_inputs_itself = True
    Parameters = Nothing
    Thresholds = Nothing

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("table")
        try:
            names = _names(piece)
        except TableError as error:
            raise CheckInputError(error.sentence.replace(piece.path.name, piece.name)) from error
        return Reading(measures=(), looked_at=(), details={"columns": names})

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        raise NotImplementedError("What the columns must be is the upload's question, not a policy's.")


def _names(piece: Input) -> list[str]:
    if piece.table is not None and isinstance(piece.table.reference, RelationReference):
        return relation_columns(piece.table, piece.table.reference)
    with open_table(piece.path) as table:
        return list(table.names)
