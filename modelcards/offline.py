"""Verifies a card (PDF or JSON), attestations, a pack, a proof or an extract without the portal: the auditor's script.

Needs the standard library and `cryptography`. It reads the PDF by itself: the signature by its byte range, the attached
documents out of the objects of the file. It does not compare the printed pages with card.json; the portal does.
"""

import argparse
import hashlib
import json
import re
import sys
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from modelcards.countersignatures import FURTHER, further_facts
from modelcards.detached import Signature
from modelcards.envelopes import (
    ENVELOPE_KEYS,
    LARGEST_BUNDLE,
    EnvelopeError,
    Finding,
    attestation_findings,
    attested,
    read_envelopes,
    signature_findings,
)
from modelcards.packs import CARD_JSON, CARD_PDF, ZIP_START, PackError, pack_entry, pack_findings
from modelcards.pdf_objects import PdfObject, PdfReference, attachments, pdf_objects, stream_of
from modelcards.proofs import whole_stamps
from modelcards.sealed_part import sealed_part
from modelcards.standing import Seal, Standing, standing
from modelcards.timestamps import UNKNOWN_EXTENSIONS, issued
from modelcards.trust import Fact, Trust, trust_of
from portal.merkle import read_bundle, verify_bundle

LISTED = "signed by"
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, zlib.error)
NEVER_KNOWN = (LISTED, "Pages", "Since then")
NEEDED = ("signature", "authority", "ledger key", "attestation authority", "manifest authority")
ATTESTATIONS, BILL = "attestations.intoto.jsonl", "bom.cdx.json"
CARD_SCHEMA = b"model-card@v1"
OWN_AUTHORITY = "An authority that a portal made for itself is no qualified one in the sense of eIDAS."
SIGNED = "approvals.signoff.signed"
SAME_IN_LEDGER = ("stage", "role", "decision", "printed_name", "meaning", "signed_at", "dossier")
STATED = re.compile(rb"D:(\d{14})Z")
LONGEST_NAME = 200
NOT_BY_ITS_KEY = "The signature was not made with the key of the certificate that it names."
UNREAD = "The content was not looked at, because the signature does not vouch for it."


@dataclass(frozen=True)
class Sealed:
    """How a seal stands, the part of the file that it covers, and facts about what others signed behind it."""

    standing: Standing
    part: bytes
    further: tuple[Fact, ...]


def signature_facts(pdf: bytes, trust: Trust, moment: datetime) -> tuple[list[Fact], Sealed | None]:
    """Whether one seal covers the whole file, holds, comes from the authority given, and how it stands at a moment."""
    part = sealed_part(pdf)
    if isinstance(part, Fact):
        return [part], None
    sealed, signature = pdf[: part.end], part.signature
    name = signature.certificate.subject.rfc4514_string()[:LONGEST_NAME]
    holds = _holds(signature) and _may_sign(signature.certificate)
    held = f"The signature of {name} holds."
    facts = [
        Fact("Whole file", True, "The signature covers every byte of the file but itself."),
        Fact("Unchanged", True, "The file is unchanged since it was signed."),
        Fact("Signature", holds, held if holds else NOT_BY_ITS_KEY),
        _authority_fact(signature, trust),
    ]
    if any(fact.holds is False for fact in facts):
        return facts, None
    found = dict(pdf_objects(sealed))
    seal = Seal(
        certificate=signature.certificate,
        value=signature.value,
        token=signature.timestamp,
        stated_at=_stated_time(found),
        lists=_held(found, "CRLs"),
        answers=_held(found, "OCSPs"),
        stamps=whole_stamps(pdf, part.additions),
    )
    stands = standing(seal, trust, moment)
    return [*facts, *stands.facts], Sealed(
        stands, sealed, further_facts(pdf, part.additions, trust, moment, seal.stated_at)
    )


def _stated_time(found: dict[int, PdfObject]) -> datetime | None:
    """The time that the seal states, under the seal, as D:20260324100500Z."""
    stated = [one.entry("M") for one in found.values() if one.entry("Type") == "Sig"]
    match = STATED.match(stated[0]) if len(stated) == 1 and isinstance(stated[0], bytes) else None
    return datetime.strptime(match[1].decode() + "+0000", "%Y%m%d%H%M%S%z") if match else None


def _held(found: dict[int, PdfObject], kind: str) -> tuple[bytes, ...]:
    """What the card carries of one kind to judge certificates by, under the seal."""
    stores = [one.entry("DSS") for one in found.values() if one.entry("Type") == "Catalog"]
    store = found.get(stores[-1].number) if stores and isinstance(stores[-1], PdfReference) else None
    named = store.entry(kind) if store else None
    numbers = [one.number for one in named if isinstance(one, PdfReference)] if isinstance(named, list) else []
    return tuple(stream_of(found[number]) for number in numbers)


def _holds(signature: Signature) -> bool:
    try:
        key = signature.certificate.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature.value, signature.attributes, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature.value, signature.attributes, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _may_sign(certificate: x509.Certificate) -> bool:
    """Whether the certificate is for signatures and was not made for an authority."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except UNKNOWN_EXTENSIONS:
        return False
    return usage.digital_signature or usage.content_commitment


def _authority_fact(signature: Signature, trust: Trust) -> Fact:
    fingerprint = signature.certificate.fingerprint(hashes.SHA256()).hex()
    if trust.roots is None:
        return Fact(
            "Authority",
            None,
            "No certificate of the authority was given (--authority), so who signed is not known. The "
            f"signer's certificate has the SHA-256 fingerprint {fingerprint}.",
        )
    for root in trust.roots:
        if issued(signature.certificate, root):
            words = f"The certificate (SHA-256 {fingerprint}) was issued by {root.subject.rfc4514_string()}"
            return Fact("Authority", True, f"{words}. {OWN_AUTHORITY}")
    return Fact("Authority", False, "The signer's certificate was not issued by the authority given.")


def card_facts(card: dict[str, Any], attached: dict[str, bytes], vkey: str | None) -> Iterator[Fact]:
    """Whether the ledger's proof holds, and says of every sign-off what the card says."""
    number, status = card.get("number"), card.get("status")
    digest = hashlib.sha256(attached["card.json"]).hexdigest()
    yield Fact("Document", status == "issued", f"card.json is card {number}, {status}, SHA-256 {digest}.")
    bundle = (card.get("ledger") or {}).get("proof")
    if bundle is None:
        yield Fact("Ledger", False, "The card carries no proof from the ledger.")
        return
    problems = verify_bundle(bundle, vkey or str(bundle.get("vkey")))
    yield Fact("Ledger", not problems, " ".join(problems) or "The ledger's proof holds for every entry in it.")
    if vkey is None:
        words = f"No key of the ledger was given (--ledger-key); the card names {bundle.get('vkey')}."
        yield Fact("Ledger key", None, words)
    payloads = [json.loads(entry["payload"]) for entry in bundle["entries"]] if not problems else []
    acts = {act["facts"]["sign_off"]: act for act in payloads if act.get("event") == SIGNED}
    current = [signed for signed in card.get("sign_offs", ()) if signed.get("current")]
    wrong = [signed["printed_name"] for signed in current if not _agrees(signed, acts.get(signed["id"]))]
    words = (
        f"Not in the ledger as the card says: {', '.join(wrong)}." if wrong else f"{len(current)} stand in the ledger."
    )
    yield Fact("Sign-offs", not wrong and bool(current), words)


def _agrees(signed: dict[str, Any], act: dict[str, Any] | None) -> bool:
    if act is None:
        return False
    facts = act["facts"]
    same = all(signed.get(name) == facts.get(name) for name in SAME_IN_LEDGER)
    return same and signed.get("comment") == act.get("reason") and signed.get("signer") == act["actor"]["id"]


def embedded_facts(card: dict[str, Any], attached: dict[str, bytes], trust: Trust) -> Iterator[Fact]:
    """Whether the bill of materials and the attestations inside a card, where there are any, are about this card."""
    digest = hashlib.sha256(attached["card.json"]).hexdigest()
    if BILL in attached:
        serial = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:sha256:{digest}')}"
        same = json.loads(attached[BILL])["serialNumber"] == serial
        yield Fact("Bill of materials", same, f"{BILL} is {'' if same else 'not '}that of this card.")
    if ATTESTATIONS not in attached:
        return
    try:
        envelopes = read_envelopes(attached[ATTESTATIONS])
        yield from (_fact(one) for one in signature_findings(envelopes, trust.roots))
        found = attested(envelopes)
        named = (found.number, found.subjects.get("card.json"), len(found.sign_offs))
        same = found.passed and named == (card["number"], digest, sum(one["current"] for one in card["sign_offs"]))
    except EnvelopeError:
        same = False
    yield Fact("Attested card", same, f"The attestations are {'' if same else 'not '}about this card.")


def attested_facts(data: bytes, trust: Trust) -> Iterator[Fact]:
    """Everything about a file of attestations."""
    yield from (_fact(one) for one in attestation_findings(data, trust))


def _fact(finding: Finding) -> Fact:
    name, holds, sentence = finding
    return Fact(name, None if name == LISTED else holds, sentence)


def pack_facts(path: Path, trust: Trust, vkey: str | None) -> Iterator[Fact]:
    """Everything about an audit pack and the card in it. What the manifest does not vouch for is not read."""
    facts = [_fact(one) for one in pack_findings(path, trust=trust, vkey=vkey)]
    yield from facts
    if any(fact.holds is False for fact in facts):
        return
    try:
        pdf, document = pack_entry(path, CARD_PDF), pack_entry(path, CARD_JSON)
        same = attachments(pdf)["card.json"] == document
    except (PackError, KeyError, ValueError, zlib.error):
        yield Fact("Same card", False, "The PDF in the pack cannot be read.")
        return
    yield Fact("Same card", same, f"card.json inside the PDF is {'' if same else 'not '}the one in the pack.")
    yield from pdf_facts(pdf, trust=trust, vkey=vkey)


def pdf_facts(pdf: bytes, *, trust: Trust, vkey: str | None, moment: datetime | None = None) -> list[Fact]:
    """Everything about a card."""
    try:
        facts, seal = signature_facts(pdf, trust, moment or datetime.now(UTC))
    except UNREADABLE as problem:
        facts, seal = [Fact("Signature", False, f"The signature cannot be read: {problem}")], None
    if seal is None or any(fact.holds is False for fact in facts):
        return [*facts, Fact("Document", None, UNREAD)]
    try:
        attached = attachments(seal.part)
        card = json.loads(attached["card.json"], object_pairs_hook=_each_once, parse_constant=_no_number)
        facts += card_facts(card, attached, vkey)
        facts += embedded_facts(card, attached, trust)
        facts.append(_level_fact(card, seal.standing))
    except UNREADABLE as problem:
        facts.append(Fact("Document", False, f"card.json cannot be read out of the file: {problem}"))
        return facts
    facts.append(Fact("Pages", None, "Whether the printed pages say what card.json says is not checked here."))
    facts.append(
        Fact("Since then", None, "Whether it was superseded or withdrawn since, only its portal knows; ask it.")
    )
    facts += seal.further
    for signed in card.get("sign_offs", ()):
        if signed.get("current"):
            said = (signed[name] for name in ("printed_name", "role_title", "decision_title", "signed_at"))
            facts.append(Fact(LISTED, None, ", ".join(said)))
    return facts


def _level_fact(card: dict[str, Any], stands: Standing) -> Fact:
    said = (card.get("seal") or {}).get("level")
    if said != stands.level:
        return Fact(
            "Seal", False, f"The card says that it is sealed at level {said}, but the file carries {stands.level}."
        )
    return Fact("Seal", True, f"The card is sealed as it says: {said}.")


def main(arguments: Sequence[str]) -> int:
    """Verify a file; 0 if all that was looked at holds, 1 if not, 2 if the file is nothing that can be verified."""
    parser = argparse.ArgumentParser(
        description="Verify a model card (PDF), its attestations, an audit pack, a ledger proof or an extract, offline."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--authority", type=Path, help="certificate of the portal's authority (PEM), got by another way"
    )
    parser.add_argument("--ledger-key", help="public key of the ledger, got elsewhere")
    parser.add_argument("--revoked", type=Path, help="the authority's list of revoked certificates (CRL), got lately")
    parser.add_argument("--timestamp-authority", type=Path, help="certificates of the timestamp authority (PEM)")
    parser.add_argument("--signer-authority", type=Path, help="certificates that vouch for who signed further (PEM)")
    given = parser.parse_args(list(arguments))
    try:
        facts = list(file_facts(given.file, _trusted(given), given.ledger_key))
    except UNREADABLE as problem:
        sys.stderr.write(f"This file cannot be verified: {problem}\n")
        return 2
    return report(facts)


def file_facts(path: Path, trust: Trust, vkey: str | None) -> Iterator[Fact]:
    """Everything about a file, by what it is."""
    with path.open("rb") as opened:
        start = opened.read(len(ZIP_START))
    if start == ZIP_START:
        yield from pack_facts(path, trust, vkey)
        return
    data = path.read_bytes()
    if start == b"%PDF":
        yield from pdf_facts(data, trust=trust, vkey=vkey)
    elif is_attestation(data):
        yield from attested_facts(data, trust)
    elif is_document(data):
        yield from document_facts(data, vkey)
    else:
        yield from ledger_facts(data, vkey)


def is_attestation(data: bytes) -> bool:
    """Whether a file claims to hold signed envelopes."""
    line = data[:LARGEST_BUNDLE].partition(b"\n")[0]
    try:
        first = json.loads(line) if line.lstrip()[:1] == b"{" else None
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and set(first) >= ENVELOPE_KEYS


def is_document(data: bytes) -> bool:
    """Whether a file claims to be a card as data, card.json."""
    return data[:1] == b"{" and b'"schema":"%s"' % CARD_SCHEMA in data


def document_facts(data: bytes, vkey: str | None) -> Iterator[Fact]:
    """Everything about a card.json alone, which carries no signature: how far it agrees with itself and the ledger."""
    yield Fact("Signature", None, "card.json alone is not signed; the card's PDF is, and holds the same file.")
    try:
        card = json.loads(data, object_pairs_hook=_each_once, parse_constant=_no_number)
        yield from card_facts(card, {"card.json": data}, vkey)
    except UNREADABLE as problem:
        yield Fact("Document", False, f"card.json cannot be read: {problem}")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("An entry stands there twice.")
    return dict(pairs)


def _no_number(text: str) -> None:
    message = f"{text} is no number."
    raise ValueError(message)


def ledger_facts(data: bytes, vkey: str | None) -> Iterator[Fact]:
    """Everything about a proof or an extract of the ledger."""
    bundle = read_bundle(data.decode("utf-8"))
    problems = verify_bundle(bundle, vkey or str(bundle["vkey"]))
    yield Fact("Ledger", not problems, " ".join(problems) or f"{len(bundle['entries'])} entries are proven.")
    if vkey is None:
        yield Fact("Ledger key", None, f"None was given; the file names {bundle['vkey']}.")


def _trusted(given: argparse.Namespace) -> Trust:
    return trust_of(
        roots=[given.authority.read_bytes()] if given.authority else None,
        timestamp_roots=[given.timestamp_authority.read_bytes()] if given.timestamp_authority else None,
        lists=[given.revoked.read_bytes()] if given.revoked else [],
        signer_roots=[given.signer_authority.read_bytes()] if given.signer_authority else [],
    )


def report(facts: Sequence[Fact]) -> int:
    """One line in words, the facts below."""
    broken = [fact for fact in facts if fact.holds is False and fact.name.startswith(FURTHER)]
    failed = [fact for fact in facts if fact.holds is False and fact not in broken]
    unknown = [fact.name.lower() for fact in facts if fact.holds is None and fact.name not in NEVER_KNOWN]
    if failed:
        bottom = "NOT GENUINE: " + failed[0].sentence
    elif any(name in NEEDED for name in unknown):
        bottom = "CONSISTENT, but whether it comes from whom it says is for you to compare (see below)."
    elif unknown:
        bottom = f"GENUINE, but not all is known: {', '.join(unknown)}."
    else:
        bottom = "GENUINE."
    if broken:
        bottom += f" That is said of the card, not of who signed it further: {broken[0].sentence}"
    marks = {True: "holds", False: "DOES NOT HOLD", None: "not known"}
    lines = (f"  {LISTED if one.name == LISTED else marks[one.holds]:<13}  {_words(one)}" for one in facts)
    sys.stdout.write("\n".join(map(_shown, [bottom, *lines])) + "\n")
    return 1 if failed or broken else 0


def _shown(line: str) -> str:
    """A line that cannot move the cursor or forge another line: it may hold words out of a stranger's file."""
    return "".join(sign if sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in line)


def _words(fact: Fact) -> str:
    return fact.sentence if fact.name == LISTED else f"{fact.name}: {fact.sentence}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
