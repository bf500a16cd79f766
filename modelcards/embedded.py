"""The files inside a card's PDF: which they are, how they relate to the pages, and whether they say what the card says.

A file that says something else than the pages would be believed by a program and never seen by a person.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785
from cryptography import x509

from modelcards.card import Card
from modelcards.envelopes import EnvelopeError, Finding, read_envelopes, signature_findings
from modelcards.exporters.cyclonedx import FORM, SPACE, CycloneDxExporter, serial_number
from modelcards.exporters.in_toto import InTotoExporter, statements

DOCUMENT, PROOF, BILL, ATTESTATIONS = "card.json", "ledger-proof.json", "bom.cdx.json", "attestations.intoto.jsonl"
NAMES = (DOCUMENT, PROOF, BILL, ATTESTATIONS)


@dataclass(frozen=True)
class Embedded:
    """One file inside the PDF. `relationship` is its AFRelationship (ISO 19005-3, annex E)."""

    content: bytes
    media_type: str
    relationship: str
    description: str


def embedded(card: Card, attestations: bytes | None = None) -> dict[str, Embedded]:
    """The files of a card by name: the pages are drawn from Data, a Supplement says the same in another form."""
    files = {DOCUMENT: Embedded(card.canonical(), "application/json", "Data", "The card as data")}
    if card.ledger is not None:
        proof = rfc8785.dumps(card.ledger.proof)
        files[PROOF] = Embedded(proof, "application/json", "Data", "Proof that the sign-offs stand in the ledger")
    bill = CycloneDxExporter().export(card)
    files[BILL] = Embedded(bill, CycloneDxExporter.media_type, "Supplement", "The card as a bill of materials")
    if attestations is not None:
        kind, said = InTotoExporter.media_type, "What was checked and approved, as signed statements"
        files[ATTESTATIONS] = Embedded(attestations, kind, "Supplement", said)
    return files


def bill_finding(card: Card, bill: bytes) -> Finding:
    """Whether an embedded bill of materials says what the card says: word for word, if it is in our own form."""
    name = "Bill of materials"
    if bill == CycloneDxExporter().export(card):
        return name, True, f"{BILL} says what the card says."
    if _form(bill) == FORM or not _same_digests(card, bill):
        return name, False, f"{BILL} does not say what the card says."
    return name, True, f"{BILL} is in another form than this portal writes; it names this card and this artifact."


def _form(bill: bytes) -> str | None:
    try:
        stated: Any = json.loads(bill)["metadata"]["properties"]
        return next((str(one["value"]) for one in stated if one["name"] == f"{SPACE}:form"), None)
    except (ValueError, KeyError, TypeError, RecursionError):
        return FORM


def _same_digests(card: Card, bill: bytes) -> bool:
    content = json.loads(bill)
    artifact = card.artifact.sha256 if card.artifact else ""
    try:
        named = [one["content"] for one in content["metadata"]["component"].get("hashes", ())]
        return bool(content["serialNumber"] == serial_number(card.digest())) and named == (
            [artifact] if artifact else []
        )
    except (KeyError, TypeError):
        return False


def attestation_findings(
    card: Card, attestations: bytes, roots: Sequence[x509.Certificate] | None
) -> Iterator[Finding]:
    """Whether embedded attestations hold and are the statements of this card.

    Until when their certificate is valid does not matter here: the seal around them says when they existed.
    """
    try:
        envelopes = read_envelopes(attestations)
        yield from signature_findings(envelopes, roots)
        found = [rfc8785.dumps(envelope.statement()) for envelope in envelopes]
    except EnvelopeError as problem:
        yield "Attestations", False, f"{ATTESTATIONS} cannot be read: {problem}"
        return
    same = sorted(found) == sorted(statements(card))
    held = f"{ATTESTATIONS} says what the card says."
    yield "Attestations", same, held if same else f"{ATTESTATIONS} does not say what the card says."
