"""Whether everything speaks of the same artifact: its stored bytes, the training record, the evaluation table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from approvals.checks._documents import read_object
from approvals.checks._verdicts import PASSED, at_most, judge_by
from approvals.checks.base import Check, CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.reading import TableError
from approvals.measures.referenced import listed_files, listed_relation
from approvals.measures.references import Referenced, RelationReference
from approvals.measures.values import Measure, not_computable

DIFFER = "digests that differ"
LABELS = {"artifact": "artifact", "training_record": "training record", "evaluation_table": "evaluation table"}


@dataclass(frozen=True)
class Parameters:
    """Which pieces must be attached besides the artifact; others are compared when they are there."""

    required: tuple[str, ...] = ("training_record",)


@dataclass(frozen=True)
class Thresholds:
    """Nothing can be set: a digest agrees or it does not."""


@dataclass(frozen=True)
class _Comparison:
    what: str
    expected: str
    found: str

    @property
    def agrees(self) -> bool:
        return bool(self.expected) and self.expected == self.found


class DigestMatch(Check):
    """Stored bytes against recorded digests, and records against the artifact that is to be approved."""

    title = "Digest match"
    version = "2"
    inputs = ("artifact",)
    optional_inputs = ("training_record", "evaluation_table")
    facts = ("version",)
    hashes_inputs_itself = True
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        artifact = job.input("artifact")
        pinned = str(job.fact("version").get("artifact", ""))
        report(0.0, "Hashing the stored bytes")
        comparisons = list(_comparisons(job, pinned or artifact.sha256))
        missing = [kind for kind in job.parameters.required if kind not in job.inputs]
        differing = [item for item in comparisons if not item.agrees]
        if missing and not differing:
            names = " and ".join(LABELS.get(kind, kind.replace("_", " ")) for kind in missing)
            measure = not_computable(DIFFER, f"Not computable: no {names} is attached.")
        else:
            what = "; ".join(item.what for item in differing) or "all agree"
            measure = Measure(DIFFER, len(differing), len(comparisons), method=what)
        rows = tuple(
            (item.what, item.expected or "none", item.found or "none", "yes" if item.agrees else "no")
            for item in comparisons
        )
        return Reading(
            measures=(measure,),
            looked_at=tuple(
                f"The {LABELS[kind]} {piece.name}." for kind, piece in job.inputs.items() if kind in LABELS
            ),
            not_looked_at=("Whether the training record tells the truth about how the artifact came about.",),
            tables=(NumberTable("Digests", ("What", "Expected", "Found", "Agrees"), rows),),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        judgement = judge_by(reading, (), required=(at_most(DIFFER, 0),))
        wrong = tuple(
            f"{what} is {found[:12]}, expected is {expected[:12]}."
            for table in reading.tables
            for what, expected, found, agrees in table.rows
            if agrees == "no"
        )
        if judgement.verdict == PASSED:
            agree = f"All {sum(len(table.rows) for table in reading.tables):,} digests agree."
            return replace(judgement, sentences=(agree,))
        return replace(judgement, sentences=(*judgement.sentences, *wrong))


def _comparisons(job: Job, pinned: str) -> Iterable[_Comparison]:
    for kind, label in LABELS.items():
        if kind in job.inputs:
            piece = job.inputs[kind]
            yield _Comparison(f"Digest of the stored {label}", piece.sha256, _sha256(piece.path))
            if piece.table is not None:
                yield from _referred(piece.table)
    yield _Comparison("Digest of the artifact recorded at upload", pinned, job.input("artifact").sha256)
    if "training_record" in job.inputs:
        named = read_object(job.inputs["training_record"]).get("artifact_sha256")
        yield _Comparison("Artifact that the training record names", pinned, str(named or "").lower())
    for kind in ("training_record", "evaluation_table"):
        if kind in job.inputs:
            yield _Comparison(
                f"Artifact that the {LABELS[kind]} was made with", pinned, job.inputs[kind].artifact_sha256
            )


def _referred(table: Referenced) -> Iterable[_Comparison]:
    """What a table that is referred to holds now, against what it held when it was attached."""
    reference = table.reference
    try:
        if isinstance(reference, RelationReference):
            now = listed_relation(table, reference)
            yield _Comparison(f"Fingerprint of {reference.relation}", reference.fingerprint, now.fingerprint)
            return
        for file in reference.files:
            one = replace(reference, files=(file,))
            found = listed_files(table, one).files[0]
            yield _Comparison(f"Digest of {file.path} in the folder {reference.folder}", file.sha256, found.sha256)
    except TableError as error:
        raise CheckInputError(error.sentence) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
