"""Outcomes that came later, beside the batch they belong to; and a delivery of them beside every batch."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from approvals.checks._evaluation import Declaration, declaration_of, input_error, opened
from approvals.checks.base import (
    Check,
    CheckInputError,
    DeniedInputError,
    Input,
    Job,
    Judgement,
    Reading,
    Report,
    UnreachableInputError,
)
from approvals.measures.late_outcomes import BatchMatch, Contradiction, Examined, Files, Named, joined, matcher
from approvals.measures.reading import TableError
from approvals.measures.referenced import confirm_unchanged, unsaid, verify
from approvals.measures.relation_copies import copied
from monitoring.monitors._approved_classes import MOST_CLASSES, known_classes, require_known
from monitoring.monitors.base import BATCH, OUTCOMES, REFERENCE

EARLIER, LATER = "earlier", "later"
SECONDS_FACT = "seconds"
"""How long relations may be looked at, one after the other; the outcomes of the rest are joined when they are read."""
UNCHECKED = "unchecked"
NOT_TOLD = "Whether each outcome is a class of the approved table was not looked at:"
WHEN_READ = "its outcomes are joined when it is read."


def numbered(kind: str, number: int) -> str:
    """What one of several inputs of a kind is called; they are in order by this name."""
    return f"{kind}_{number:09d}"


def several(job: Job, kind: str) -> list[tuple[str, Input]]:
    """The inputs of a kind, in order, with the number that each was given."""
    found = sorted((name, piece) for name, piece in job.inputs.items() if name.startswith(f"{kind}_"))
    return [(name.removeprefix(f"{kind}_").lstrip("0"), piece) for name, piece in found]


@contextmanager
def with_outcomes(batch: Input, deliveries: Sequence[Input], declared: Declaration, job: Job) -> Iterator[Input]:
    """The batch with the outcomes of these deliveries as its label column, without features that nothing needs.

    What is wrong with one of them becomes a CheckInputError.
    """
    columns, named, late = (
        _columns(declared),
        Named(declared.key, declared.label),
        [files_of(one) for one in deliveries],
    )
    asked = set(_texts_in(vars(job.parameters))) if job.parameters is not None else set()
    digest = hashlib.sha256(" ".join(piece.sha256 for piece in (batch, *deliveries)).encode()).hexdigest()
    try:
        with (
            _readable(batch, named, {*columns, *asked}, job.work) as rows,
            joined(rows, late, named, columns, scratch=job.work, also=asked) as path,
        ):
            yield replace(batch, path=path, table=None, sha256=digest)
    except TableError as error:
        raise input_error(error, error.sentence) from error


def _columns(declared: Declaration) -> list[str]:
    """All that measures of outcomes look at, without the outcome itself."""
    scores = (declared.score, *declared.class_scores.values())
    slices = (column for described in declared.slices.values() for column in described)
    named = (declared.prediction, *scores, *declared.groups, *slices)
    return list(dict.fromkeys(name for name in named if name and name != declared.label))


def _texts_in(value: Any) -> Iterator[str]:
    """Every text in what a policy sets: some of them name columns that were not declared."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from (*_texts_in(name), *_texts_in(inner))
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from _texts_in(inner)


@contextmanager
def _readable(batch: Input, named: Named, columns: Collection[str], scratch: Path) -> Iterator[Files]:
    """The files of a batch; of one that is a relation these columns, copied in the state that was listed."""
    if batch.table is None or not batch.table.is_relation:
        yield files_of(batch)
        return
    wanted = {*columns, *named.key, named.label}
    with copied(batch.table, wanted, exact=named.key, name=batch.name, scratch=scratch) as (folder, files):
        yield Files(batch.name, folder, files)


def files_of(piece: Input) -> Files:
    """Where a table in files lies. CheckInputError for a relation."""
    corrects = bool(piece.details.get("corrects"))
    if piece.table is None:
        return Files(piece.name, piece.path, corrects=corrects)
    if piece.table.is_relation:
        raise CheckInputError(f"{piece.name} is a relation, and outcomes are joined from files only.")
    return Files(piece.name, Path(piece.table.target), piece.table.paths, corrects=corrects)


@dataclass(frozen=True)
class Nothing:
    """Nothing can be set."""


class OutcomeMatching(Check):
    """Which rows of which batches a delivery has outcomes for, in `details`. No check of a policy."""

    title = "Matching of outcomes"
    version = "5"
    inputs = (OUTCOMES,)
    hashes_inputs_itself = True
    Parameters = Nothing
    Thresholds = Nothing

    def measure(self, job: Job, report: Report) -> Reading:
        delivery, batches = job.input(OUTCOMES), several(job, BATCH)
        earlier, later = several(job, EARLIER), several(job, LATER)
        declared = declaration_of(delivery, kinds=("binary", "multiclass", "regression"))
        pieces = [delivery, *(piece for _, piece in earlier), *(piece for _, piece in later)]
        until = time.monotonic() + float(job.facts.get(SECONDS_FACT, 0))
        try:
            for piece in pieces:
                verified(piece)
            unchecked = _require_approved_classes(job, delivery, declared)
            named, said = Named(declared.key, declared.label), [files_of(piece) for piece in pieces]
            readable = [*said, *(files_of(piece) for _, piece in batches if not _is_relation(piece))]
            with matcher(readable, named, scratch=job.work) as prepared:
                found = prepared.examine(said[0], said[1 : 1 + len(earlier)], said[1 + len(earlier) :])
                troubles = {}
                for place, (number, piece) in enumerate(_in_turn(batches)):
                    report(place / len(batches), f"Looking at batch {place + 1:,} of {len(batches):,}")
                    if _is_relation(piece) and time.monotonic() > until:
                        troubles[number] = f"“{piece.name}” was not looked at yet; {WHEN_READ}"
                        continue
                    try:
                        verified(piece)
                        with _readable(piece, named, (), job.work) as rows:
                            found.batches[number] = prepared.match(rows, f"b{place}")
                    except Contradiction:
                        raise
                    except TableError as error:
                        troubles[number] = f"“{piece.name}” was not looked at: {error.sentence}"
                found.unmatched = prepared.unmatched()
        except TableError as error:
            raise input_error(error, error.sentence) from error
        said_of_classes = {UNCHECKED: unchecked} if unchecked else {}
        return Reading(measures=(), looked_at=(), details={**_as_json(found, troubles), **said_of_classes})

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        raise NotImplementedError("What follows from a delivery is no verdict of a policy.")


def _require_approved_classes(job: Job, delivery: Input, declared: Declaration) -> str:
    """CheckInputError if an outcome is no class of the approved table, because what is in use is not replaced easily.

    Gives why nobody can tell, where the approved table is gone or changed: no reading is made of it either. One of a
    connection that does not answer, or refuses the account, is asked later.
    """
    if declared.kind not in MOST_CLASSES:
        return ""
    approved = job.inputs.get(REFERENCE)
    if approved is None:
        return f"{NOT_TOLD} it cannot be had."
    try:
        verified(approved)
        with opened(approved, job) as reference:
            known = known_classes(reference, declared)
    except (UnreachableInputError, DeniedInputError):
        raise
    except (TableError, CheckInputError) as problem:
        return f"{NOT_TOLD} {problem.sentence}"
    with opened(delivery, job) as table:
        require_known(table, declared.label, known)
    return ""


def _is_relation(piece: Input) -> bool:
    return piece.table is not None and piece.table.is_relation


def _in_turn(batches: list[tuple[str, Input]]) -> list[tuple[str, Input]]:
    """Files first, which are near; then relations, the newest first, because outcomes are mostly of these."""
    near = [one for one in batches if not _is_relation(one[1])]
    return [*near, *(one for one in reversed(batches) if _is_relation(one[1]))]


def verified(piece: Input) -> None:
    """TableError unless the bytes are those that were delivered."""
    if piece.table is not None:
        confirm_unchanged(piece.table, verify(piece.table, unsaid))
        return
    try:
        with piece.path.open("rb") as stream:
            same = hashlib.file_digest(stream, "sha256").hexdigest() == piece.sha256
    except OSError:
        same = False
    if not same:
        raise TableError(f"The stored bytes of {piece.name} are gone or are not what was delivered.")


def _as_json(found: Examined, troubles: dict[str, str]) -> dict[str, Any]:
    return {
        **{name: value for name, value in vars(found).items() if name != "batches"},
        "batches": {number: _match(one) for number, one in found.batches.items()},
        "troubles": troubles,
    }


def _match(one: BatchMatch) -> dict[str, int]:
    return dict(vars(one))
