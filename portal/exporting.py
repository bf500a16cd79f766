"""Extracts of the ledger for auditors: a table for reading, and lines with proofs that merkle.py checks without us."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from portal import checkpoints, ledger, merkle
from portal.errors import BadInput, Refused
from portal.models import Checkpoint, LedgerEntry

COLUMNS = (
    "number",
    "time",
    "event",
    "by",
    "by_id",
    "object",
    "object_type",
    "object_id",
    "scope",
    "authentication",
    "reason",
    "facts",
    "leaf_sha256",
    "proof",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""


@dataclass(frozen=True)
class Extract:
    """Entries to be handed out, the checkpoint that covers them, and how they were chosen."""

    entries: QuerySet[LedgerEntry]
    checkpoint: Checkpoint
    chosen: str

    def proofs(self) -> Iterator[tuple[LedgerEntry, list[str]]]:
        """Each entry with its inclusion proof, in order."""
        tree = ledger.tree_of(self.checkpoint.size)
        for entry in self.entries.filter(seq__lt=self.checkpoint.size).order_by("seq").iterator(chunk_size=2000):
            yield entry, [item.hex() for item in tree.inclusion(entry.seq)]


def extract(*, entries: QuerySet[LedgerEntry], form: str, actor: User | None, chosen: str, event: Any) -> Iterator[str]:
    """Sign the ledger as it is now and give the entries in a form, line by line. The export is an entry itself.

    Raises BadInput for an unknown form, Refused if no entry is chosen. `event` is what the act is recorded as.
    """
    if form not in FORMS:
        raise BadInput(f"There is no form “{form}”; known: {', '.join(FORMS)}.", field="form")
    count = entries.count()
    if not count:
        raise Refused("No entry matches, so there is nothing to export.")
    checkpoint = ledger.checkpoint()
    with transaction.atomic():
        ledger.record(
            event=event,
            actor=actor,
            subject=checkpoint,
            scope="portal",
            facts={"entries": count, "form": form, "chosen": chosen, "checkpoint": checkpoint.size},
        )
    return FORMS[form](Extract(entries, checkpoint, chosen))


def as_csv(given: Extract) -> Iterator[str]:
    """One row for each entry, names as they were then, with leaf hash and proof. To check proofs take JSON lines."""
    yield _row(COLUMNS)
    for entry, proof in given.proofs():
        content = json.loads(entry.payload)
        yield _row(
            (
                entry.seq,
                content["time"],
                content["event"],
                content["actor"]["name"],
                content["actor"]["id"],
                content["object"]["label"],
                content["object"]["type"],
                content["object"]["id"],
                content["scope"],
                content["authentication"],
                content["reason"],
                json.dumps(content["facts"], ensure_ascii=False, sort_keys=True),
                bytes(entry.leaf).hex(),
                " ".join(proof),
            )
        )


def as_json_lines(given: Extract) -> Iterator[str]:
    """First the signed checkpoint and the key's name, then one entry to the letter with its proof on each line."""
    yield _line(
        {
            "format": merkle.EXTRACT_FORMAT,
            "vkey": checkpoints.vkey_of(given.checkpoint),
            "checkpoint": given.checkpoint.note,
            "chosen": given.chosen,
        }
    )
    for entry, proof in given.proofs():
        yield _line({"seq": entry.seq, "payload": entry.payload, "proof": proof})


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"


def _row(cells: tuple[object, ...]) -> str:
    target = io.StringIO()
    csv.writer(target).writerow([harmless(cell) for cell in cells])
    return target.getvalue()


def harmless(cell: object) -> object:
    """A cell of a table that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


FORMS: dict[str, Callable[[Extract], Iterator[str]]] = {"csv": as_csv, "jsonl": as_json_lines}
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
