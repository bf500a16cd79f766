"""Verifies a stranger's file in a process that has little memory, little time, no network and no secrets.

A file of two hundred bytes can ask a reader for gigabytes or for hours. No card does, so that is an answer too.
"""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf

from approvals.confinement import close_file_system, leave_network, limit_resources
from modelcards.card import Card
from modelcards.verification import (
    ATTACHED,
    NAMESPACE,
    UNREADABLE,
    CardReport,
    Fact,
    is_document,
    verify_card,
    verify_document,
)
from portal.errors import BadInput

PROJECT = Path(__file__).resolve().parent.parent
MEMORY_MB, PROCESSOR_SECONDS, SECONDS = 768, 10, 30
LARGEST_FILE_MB = 64
MARKS = (NAMESPACE.encode(), b"PortalSeal")


@dataclass(frozen=True)
class Inspection:
    """What a file is: whether it claims to be a card at all, changed or not, and the report about it."""

    claims_to_be_a_card: bool
    report: CardReport


def inspect(
    pdf: bytes,
    *,
    roots: Sequence[bytes] | None,
    keys: Sequence[str],
    timestamp_roots: Sequence[bytes] | None = None,
    revoked: Sequence[bytes] = (),
    signer_roots: Sequence[bytes] = (),
) -> Inspection:
    """Verify a card's PDF or card.json: against roots, lists of revoked certificates, and the key of its checkpoint.

    Raises BadInput if a root is no certificate. A file that cannot be read within the limits does not verify.
    """
    order = {
        "roots": _text(roots),
        "keys": list(keys),
        "timestamp_roots": _text(timestamp_roots),
        "revoked": _text(revoked),
        "signer_roots": _text(signer_roots),
    }
    try:
        with tempfile.TemporaryDirectory(prefix="inspection-") as scratch:
            child = subprocess.run(
                [sys.executable, "-s", "-P", "-m", "modelcards.inspection"],
                input=json.dumps(order).encode() + b"\n" + pdf,
                capture_output=True,
                cwd=scratch,
                env={"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "HOME": scratch},
                timeout=SECONDS,
                check=False,
            )
        answer = json.loads(child.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return Inspection(claims_to_be_a_card=_is_marked(pdf), report=_unreadable())
    if "refused" in answer:
        raise BadInput(str(answer["refused"]), field="roots")
    card = None if answer["card"] is None else Card.from_document(answer["card"].encode())
    facts = tuple(Fact(*fact) for fact in answer["facts"])
    return Inspection(claims_to_be_a_card=bool(answer["claims"]), report=CardReport(facts, card))


def _text(contents: Sequence[bytes] | None) -> list[str] | None:
    return None if contents is None else [content.decode("latin-1") for content in contents]


def _bytes(texts: list[str] | None) -> list[bytes] | None:
    return None if texts is None else [text.encode("latin-1") for text in texts]


def _unreadable() -> CardReport:
    sentence = "Reading the file needs more time or memory than any card does, so it was stopped."
    unread = Fact("Content", None, "The content was not looked at.")
    return CardReport((Fact("Signature", False, sentence), unread))


def _is_marked(pdf: bytes) -> bool:
    return any(mark in pdf for mark in MARKS)


def _claims_to_be_a_card(pdf: bytes) -> bool:
    if not pdf.startswith(b"%PDF-"):
        return is_document(pdf)
    if _is_marked(pdf):
        return True
    try:
        with pikepdf.open(io.BytesIO(pdf)) as opened:
            return ATTACHED[0] in opened.attachments
    except UNREADABLE:
        return False


def _verified(pdf: bytes, order: dict[str, Any]) -> CardReport:
    if is_document(pdf):
        return _with_its_key(order["keys"], lambda key: verify_document(pdf, vkey=key))
    trusted: dict[str, Any] = {
        "roots": _bytes(order["roots"]),
        "timestamp_roots": _bytes(order["timestamp_roots"]),
        "revoked": _bytes(order["revoked"]) or (),
        "signer_roots": _bytes(order["signer_roots"]) or (),
    }
    return _with_its_key(order["keys"], lambda key: verify_card(pdf, vkey=key, **trusted))


def _with_its_key(keys: list[str], verified: Callable[[str | None], CardReport]) -> CardReport:
    """The report under the key that the card names, if it is one of these; else under the first."""
    report = verified(keys[0] if keys else None)
    stated = report.card.ledger.vkey if report.card is not None and report.card.ledger is not None else ""
    return verified(stated) if keys and stated != keys[0] and stated in keys else report


def _answer(pdf: bytes, order: dict[str, Any]) -> dict[str, Any]:
    try:
        report = _verified(pdf, order)
    except BadInput as problem:
        return {"refused": problem.sentence}
    return {
        "claims": _claims_to_be_a_card(pdf),
        "facts": [[fact.name, fact.holds, fact.sentence] for fact in report.facts],
        "card": None if report.card is None else report.card.canonical().decode(),
    }


def main() -> None:
    """Be the child: an order as one line of JSON and the file behind it, the report as JSON."""
    importlib.import_module("modelcards.seal_checks")  # now, because it is needed, and later less can be read
    leave_network()
    close_file_system(readable=[PROJECT / "modelcards"], writable=[])
    limit_resources(memory_mb=MEMORY_MB, cpu_seconds=PROCESSOR_SECONDS, file_mb=LARGEST_FILE_MB)
    order = json.loads(sys.stdin.buffer.readline())
    json.dump(_answer(sys.stdin.buffer.read(), order), sys.stdout)


if __name__ == "__main__":
    main()
