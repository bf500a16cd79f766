"""Reads an attached bill of materials of any known format, and judges an upload that claims to be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from approvals.checks._bills import LARGEST_BILL, Bill
from approvals.checks._cyclonedx import cyclonedx_bill
from approvals.checks._requirement_lists import listed_bill
from approvals.checks._strict_json import strict_json, strict_text
from approvals.checks.base import Check, CheckInputError, Input, Job, Judgement, Reading, Report


def read_bill(piece: Input) -> Bill:
    """The bill in a file, recognised by its content. Raises CheckInputError with a sentence for anything else."""
    text = strict_text(piece, largest=LARGEST_BILL)
    start = text.lstrip()[:1]
    if start == "<":
        raise CheckInputError(f"{piece.name} is XML; attach the CycloneDX document as JSON.")
    if start == "{":
        bill = cyclonedx_bill(strict_json(piece, largest=LARGEST_BILL), piece.name)
    else:
        bill = listed_bill(text, piece.name)
    if not bill.components:
        raise CheckInputError(f"{piece.name} lists no components.")
    return bill


@dataclass(frozen=True)
class Nothing:
    """Nothing can be set."""


class BillFormat(Check):
    """The format of a bill of materials, for uploads, in the limited child. No check of a policy."""

    title = "Format of a bill of materials"
    version = "1"
    inputs = ("bill_of_materials",)
    hashes_inputs_itself = True
    Parameters = Nothing
    Thresholds = Nothing

    def measure(self, job: Job, report: Report) -> Reading:
        bill = read_bill(job.input("bill_of_materials"))
        return Reading(measures=(), looked_at=(), details={"json": bill.states_licences})

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        raise NotImplementedError("What a bill must say is a policy's question, not the upload's.")
