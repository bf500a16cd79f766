"""Verifies a model card (PDF), a proof or an extract of the ledger without the portal: the auditor's script.

Needs the standard library and `cryptography`. It reads the PDF by itself: the signature by its byte range, the attached
documents out of the objects of the file. It does not compare the printed pages with card.json; the portal does.
"""

import argparse
import binascii
import hashlib
import json
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from modelcards.detached import NotReadable, Signature, read_signature
from modelcards.revisions import timestamp_after
from modelcards.standing import Fact, Seal, Standing, Trust, standing, trust_of
from modelcards.timestamps import issued
from portal.merkle import read_bundle, verify_bundle

LISTED = "signed by"
NEVER_KNOWN = (LISTED, "Pages", "Since then")
NEEDED = ("authority", "ledger key")
OWN_AUTHORITY = "An authority that a portal made for itself is no qualified one in the sense of eIDAS."
SIGNED = "approvals.signoff.signed"
SAME_IN_LEDGER = ("stage", "role", "decision", "printed_name", "meaning", "signed_at", "dossier")
BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")
OBJECT = re.compile(rb"(?<![0-9])(\d+)\s+(\d+)\s+obj\b")
REFERENCE = re.compile(rb"/EF\s*<<[^>]*?/F\s+(\d+)\s+\d+\s+R")
FILE_NAME = re.compile(rb"/U?F\s*\(([^)]*)\)|/U?F\s*<([0-9A-Fa-f\s]*)>")


def signed_ranges(pdf: bytes) -> list[tuple[int, int, int]]:
    """Start and end of the hole of each signature, and what follows it. Text that only looks so has no such hole."""
    found = []
    for match in BYTE_RANGE.finditer(pdf):
        start, before, after, rest = (int(number) for number in match.groups())
        hole = pdf[before:after]
        if start == 0 and hole[:1] == b"<" and hole[-1:] == b">" and HEXADECIMAL.fullmatch(hole[1:-1]):
            found.append((before, after, rest))
    return found


def signature_facts(pdf: bytes, trust: Trust, moment: datetime) -> tuple[list[Fact], Standing | None]:
    """Whether one seal covers the whole file, holds, comes from the authority given, and how it stands at a moment."""
    ranges = signed_ranges(pdf)
    if not ranges:
        return [Fact("Signature", False, "The file holds 0 signatures instead of one.")], None
    before, after, rest = ranges[0]
    end = after + rest
    added = len(pdf) - end
    if added < 0 or (added and timestamp_after(pdf[:end], pdf[end:]) is None):
        words = f"{added} bytes were added after it was sealed" if added > 0 else f"{-added} bytes are missing"
        sentence = f"The signature does not cover the whole file, something was added or cut off: {words}."
        return [Fact("Whole file", False, sentence)], None
    sealed = pdf[:end]
    if len(signed_ranges(sealed)) != 1:
        return [Fact("Signature", False, "The file holds several signatures instead of one.")], None
    try:
        signature = read_signature(_hole(pdf, before, after))
        name = signature.certificate.subject.rfc4514_string()
    except (ValueError, TypeError, LookupError, StopIteration, x509.InvalidVersion) as problem:
        return [Fact("Signature", False, f"The signature cannot be read: {problem}")], None
    same = hashlib.sha256(pdf[:before] + sealed[after:]).digest() == signature.message_digest
    holds = _holds(signature) and _may_sign(signature.certificate)
    words = "The file is unchanged since it was signed." if same else "The file was changed after it was signed."
    facts = [
        Fact("Whole file", True, "The signature covers every byte of the file but itself."),
        Fact("Unchanged", same, words),
        Fact("Signature", holds, f"The signature of {name} {'holds' if holds else 'does not hold'}."),
        _authority_fact(signature, trust),
    ]
    if any(fact.holds is False for fact in facts):
        return facts, None
    seal = Seal(
        certificate=signature.certificate,
        value=signature.value,
        token=signature.timestamp,
        end=end,
        stated_at=_stated_time(sealed),
        lists=_lists(sealed),
    )
    stands = standing(pdf, seal, trust, moment)
    return [*facts, *stands.facts], stands


def _hole(pdf: bytes, start: int, end: int) -> bytes:
    """The signature's bytes. Raises NotReadable if they are spelled otherwise than the portal does."""
    digits = pdf[start + 1 : end - 1]
    if digits != digits.upper():
        raise NotReadable("It is spelled in another way than the portal's.")
    return binascii.unhexlify(digits)


def _stated_time(sealed: bytes) -> datetime | None:
    """The time that the seal states, under the seal: D:20260324100500Z with its signs written in octal or not."""
    found = re.search(rb"/M \(D(?:\\072|:)(\d{14})Z?[^)]*\)", sealed[sealed.rfind(b"/Type /Sig\n") :])
    return datetime.strptime(found[1].decode() + "+0000", "%Y%m%d%H%M%S%z") if found else None


def _lists(sealed: bytes) -> tuple[bytes, ...]:
    """The lists of revoked certificates that the card carries, under the seal."""
    named = re.findall(rb"/CRLs \[([0-9 R\n]*)\]", sealed)
    numbers = [int(number) for number in re.findall(rb"(\d+) 0 R", named[-1])] if named else []
    found = dict(_objects(sealed)) if numbers else {}
    return tuple(_stream(found[number]) for number in numbers if number in found)


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
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
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


def attachments(pdf: bytes) -> dict[str, bytes]:
    """The files attached to a PDF, by name. Of an object that stands there twice, the last one counts."""
    found = dict(_objects(pdf))
    files: dict[str, bytes] = {}
    for body in found.values():
        reference, name = REFERENCE.search(body), FILE_NAME.search(body)
        if reference and name and int(reference.group(1)) in found:
            files[_name(name)] = _stream(found[int(reference.group(1))])
    return files


def _objects(pdf: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while match := OBJECT.search(pdf, position):
        end = _end(pdf, match.end())
        body = pdf[match.end() : end]
        yield int(match.group(1)), body
        if re.search(rb"/Type\s*/ObjStm\b", body[:400]):
            yield from _inner(body)
        position = end


def _end(pdf: bytes, start: int) -> int:
    """Where an object ends: after its stream if it has one, whose length stands in its dictionary."""
    stop = pdf.find(b"endobj", start)
    stop = len(pdf) if stop < 0 else stop
    stream = re.compile(rb"stream\r?\n").search(pdf, start, stop)
    length = re.search(rb"/Length\s+(\d+)\b(?!\s+\d+\s+R)", pdf[start : stream.start()]) if stream else None
    return max(stop, stream.end() + int(length.group(1))) if stream and length else stop


def _inner(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The objects inside an object stream."""
    content = _stream(body)
    count, first = (int(re.search(rb"/" + name + rb"\s+(\d+)", body)[1]) for name in (b"N", b"First"))  # type: ignore[index]
    numbers = [int(word) for word in content[:first].split()][: 2 * count]
    places = [*numbers[1::2], len(content) - first]
    for index, number in enumerate(numbers[::2]):
        yield number, content[first + places[index] : first + places[index + 1]]


def _stream(body: bytes) -> bytes:
    start = re.compile(rb"stream\r?\n").search(body)
    length = re.search(rb"/Length\s+(\d+)", body)
    if start is None or length is None:
        raise NotReadable("An attachment has no content.")
    content = body[start.end() : start.end() + int(length.group(1))]
    return zlib.decompress(content) if b"/FlateDecode" in body[: start.start()] else content


def _name(match: re.Match[bytes]) -> str:
    text = match.group(1) if match.group(1) is not None else bytes.fromhex(match.group(2).decode())
    return text.decode("utf-16") if text.startswith((b"\xfe\xff", b"\xff\xfe")) else text.decode("latin-1")


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


def pdf_facts(pdf: bytes, *, trust: Trust, vkey: str | None, moment: datetime | None = None) -> list[Fact]:
    """Everything about a card."""
    facts, stands = signature_facts(pdf, trust, moment or datetime.now(UTC))
    try:
        attached = attachments(pdf)
        card = json.loads(attached["card.json"])
        facts += card_facts(card, attached, vkey)
        if stands is not None:
            facts.append(_level_fact(card, stands))
    except (KeyError, TypeError, ValueError, zlib.error) as problem:
        facts.append(Fact("Document", False, f"card.json cannot be read out of the file: {problem}"))
        return facts
    facts.append(Fact("Pages", None, "Whether the printed pages say what card.json says is not checked here."))
    facts.append(
        Fact("Since then", None, "Whether it was superseded or withdrawn since, only its portal knows; ask it.")
    )
    for signed in card.get("sign_offs", ()):
        if signed.get("current"):
            said = (signed[name] for name in ("printed_name", "role_title", "decision_title", "signed_at"))
            facts.append(Fact(LISTED, None, ", ".join(said)))
    return facts


def _level_fact(card: dict[str, Any], stands: Standing) -> Fact:
    said = (card.get("seal") or {}).get("level")
    if said != stands.level:
        return Fact("Level", False, f"The card says that it is sealed at level {said}, but it carries {stands.level}.")
    return Fact("Level", True, f"The card is sealed as it says: {said}.")


def main(arguments: Sequence[str]) -> int:
    """Verify a file; 0 if all that was looked at holds, 1 if not, 2 if the file is nothing that can be verified."""
    parser = argparse.ArgumentParser(description="Verify a model card (PDF), a ledger proof or an extract, offline.")
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--authority", type=Path, help="certificate of the portal's authority (PEM), got by another way"
    )
    parser.add_argument("--ledger-key", help="public key of the ledger, got elsewhere")
    parser.add_argument("--revoked", type=Path, help="the authority's list of revoked certificates (CRL), got lately")
    parser.add_argument("--timestamp-authority", type=Path, help="certificates of the timestamp authority (PEM)")
    given = parser.parse_args(list(arguments))
    try:
        data = given.file.read_bytes()
        if data.startswith(b"%PDF-"):
            facts = pdf_facts(data, trust=_trusted(given), vkey=given.ledger_key)
        else:
            bundle = read_bundle(data.decode("utf-8"))
            problems = verify_bundle(bundle, given.ledger_key or str(bundle["vkey"]))
            words = " ".join(problems) or f"{len(bundle['entries'])} entries are proven."
            facts = [Fact("Ledger", not problems, words)]
            if given.ledger_key is None:
                facts.append(Fact("Ledger key", None, f"None was given; the file names {bundle['vkey']}."))
    except (OSError, ValueError, KeyError, TypeError) as problem:
        sys.stderr.write(f"This file cannot be verified: {problem}\n")
        return 2
    return report(facts)


def _trusted(given: argparse.Namespace) -> Trust:
    return trust_of(
        roots=[given.authority.read_bytes()] if given.authority else None,
        timestamp_roots=[given.timestamp_authority.read_bytes()] if given.timestamp_authority else None,
        lists=[given.revoked.read_bytes()] if given.revoked else [],
    )


def report(facts: Sequence[Fact]) -> int:
    """One line in words, the facts below."""
    failed = [fact for fact in facts if fact.holds is False]
    unknown = [fact.name.lower() for fact in facts if fact.holds is None and fact.name not in NEVER_KNOWN]
    if failed:
        bottom = "NOT GENUINE: " + failed[0].sentence
    elif any(name in NEEDED for name in unknown):
        bottom = "CONSISTENT, but whether it comes from whom it says is for you to compare (see below)."
    elif unknown:
        bottom = f"GENUINE, but not all is known: {', '.join(unknown)}."
    else:
        bottom = "GENUINE."
    marks = {True: "holds", False: "DOES NOT HOLD", None: "not known"}
    lines = (f"  {LISTED if one.name == LISTED else marks[one.holds]:<13}  {_words(one)}" for one in facts)
    sys.stdout.write("\n".join(map(_shown, [bottom, *lines])) + "\n")
    return 1 if failed else 0


def _shown(line: str) -> str:
    """A line that cannot move the cursor or forge another line: it may hold words out of a stranger's file."""
    return "".join(sign if sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in line)


def _words(fact: Fact) -> str:
    return fact.sentence if fact.name == LISTED else f"{fact.name}: {fact.sentence}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
