"""Lists a table that is to be referred to: digests of files, or the fingerprint of a relation. No check of a policy.

Runs in the limited child like everything that reads what others wrote; what takes long is hashing and counting.
"""

from __future__ import annotations

from typing import Any

from approvals.checks._columns import Nothing
from approvals.checks._evaluation import input_error
from approvals.checks.base import Check, CheckInputError, Job, Judgement, Reading, Report
from approvals.measures.reading import TableError
from approvals.measures.referenced import listed_files, listed_relation
from approvals.measures.references import RelationReference, document


class TableListing(Check):
    """The finished reference document, in `details["document"]`, of a table whose place is known."""

    title = "Listing of a table"
    version = "1"
    inputs = ("table",)
    hashes_inputs_itself = True
    Parameters = Nothing
    Thresholds = Nothing

    def measure(self, job: Job, report: Report) -> Reading:
        table = job.input("table").table
        if table is None:
            raise CheckInputError("There is no table to list.")
        try:
            if isinstance(table.reference, RelationReference):
                report(0.0, "Counting the rows and taking the fingerprint")
                found = document(listed_relation(table, table.reference))
            else:
                found = document(listed_files(table, table.reference, report))
        except TableError as error:
            raise input_error(error, error.sentence) from None
        return Reading(measures=(), looked_at=(), details={"document": found.decode()})

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        raise NotImplementedError("Whether the table is good enough is asked of the checks that measure it.")
