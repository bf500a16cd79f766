"""Whether a card PDF is what the portal issued: one sentence for each thing that holds or does not. Needs no database.

What the signature does not protect is not read. Nothing is fetched; unknown is never a pass.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pikepdf
import rfc8785
from asn1crypto import cms  # type: ignore[import-untyped]
from cryptography import x509
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from modelcards import agreement
from modelcards.card import Card, CardFormatError
from portal import merkle
from portal.errors import BadInput

NAMESPACE = "urn:model-approval-portal:card:1#"
FIELD = "PortalSeal"
ATTACHED = ("card.json", "ledger-proof.json")
SUBFILTER = "/ETSI.CAdES.detached"
LARGEST = 50_000_000
BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")
LONGEST_SUBJECT = 200
# The engine logs a traceback for whatever does not hold; here that is a fact with a sentence.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
# What a reader of damaged files may raise; a damaged file is an answer here, not a failure of ours.
UNREADABLE = (
    PdfError,
    pikepdf.PdfError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    OSError,
    EOFError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Fact:
    """One thing that was checked: it holds, it does not, or (None) it could not be checked."""

    name: str
    holds: bool | None
    sentence: str


@dataclass(frozen=True)
class CardReport:
    """All facts about one file, and the card in it if it could be read."""

    facts: tuple[Fact, ...]
    card: Card | None = None

    @property
    def ok(self) -> bool:
        """Whether everything was checked and holds."""
        return bool(self.facts) and all(fact.holds is True for fact in self.facts)

    @property
    def bottom_line(self) -> str:
        """The one sentence to act on."""
        wrong = [fact for fact in self.facts if fact.holds is False]
        unknown = [fact for fact in self.facts if fact.holds is None]
        if wrong:
            return f"Do not rely on this file. {wrong[0].sentence}"
        if unknown or self.card is None:
            names = ", ".join(fact.name.lower() for fact in unknown) or "the card itself"
            return f"Nothing contradicts this card, but this could not be checked: {names}."
        return (
            f"This is card {self.card.number} as issued: {self.card.model.name} {self.card.version.number}, "
            f"{self.card.summary.verdict.lower()}. Nothing was changed since."
        )


def verify_card(
    pdf: bytes, *, roots: Sequence[bytes] | None, vkey: str | None, moment: datetime | None = None
) -> CardReport:
    """Check a card against the root certificates (PEM or DER) and the ledger key that you trust.

    `moment` is when the certificate must be valid, now unless you know that the file existed at an earlier time.
    """
    trusted = None if roots is None else [_certificate(root) for root in roots]
    moment = moment or datetime.now(UTC)
    try:
        seal = tuple(_seal_facts(pdf, trusted, moment))
    except UNREADABLE as problem:
        seal = (Fact("Signature", False, f"The file or its signature cannot be read ({type(problem).__name__})."),)
    if any(fact.holds is False for fact in seal):
        unread = Fact("Content", None, "The content was not looked at, because the signature does not vouch for it.")
        return CardReport((*seal, unread))
    try:
        facts, card = _content_facts(pdf, vkey)
    except UNREADABLE as problem:
        return CardReport((*seal, Fact("Content", False, f"The content cannot be read ({type(problem).__name__}).")))
    return CardReport((*seal, *facts), card)


def _certificate(data: bytes) -> x509.Certificate:
    try:
        is_pem = data.lstrip().startswith(b"-----BEGIN")
        return x509.load_pem_x509_certificate(data) if is_pem else x509.load_der_x509_certificate(data)
    except ValueError as problem:
        raise BadInput("The root is not a certificate in PEM or DER form.", field="roots") from problem


def _seal_facts(pdf: bytes, trusted: list[x509.Certificate] | None, moment: datetime) -> Iterator[Fact]:
    if len(pdf) > LARGEST:
        yield Fact("Signature", False, "The file is larger than any card.")
        return
    ends = [after + rest for _, after, rest in signed_ranges(pdf)]
    if ends and (added := len(pdf) - ends[0]) > 0:
        yield Fact("Whole file", False, f"{added} bytes were added after the signature.")
        return
    signatures = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    if len(signatures) != 1:
        count = len(signatures) or "no"
        yield Fact("Signature", False, f"The file carries {count} signatures; a card carries exactly one.")
        return
    signature = signatures[0]
    certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
    status = _status(signature, certificate, trusted or [], moment)
    intact = bool(status.intact and status.valid)
    yield Fact("Signature", intact, "The signature fits the bytes it covers." if intact else _broken(status))
    yield _coverage(pdf, signature)
    yield _container(pdf, signature)
    yield _certification(signature)
    yield _trust(certificate, status, trusted)
    yield _validity(certificate, signature, moment)


def signed_ranges(pdf: bytes) -> list[tuple[int, int, int]]:
    """Where signatures stand in a file: start and end of each hole, and what follows. Text that only looks so is none.

    A model may be called “/ByteRange [0 1 2 3]”, and its name stands in the file as it is.
    """
    found = []
    for match in BYTE_RANGE.finditer(pdf):
        start, before, after, rest = (int(number) for number in match.groups())
        hole = pdf[before:after]
        if start == 0 and hole[:1] == b"<" and hole[-1:] == b">" and HEXADECIMAL.fullmatch(hole[1:-1]):
            found.append((before, after, rest))
    return found


def _status(
    signature: EmbeddedPdfSignature, certificate: x509.Certificate, trusted: list[x509.Certificate], moment: datetime
) -> PdfSignatureStatus:
    """The engine's answer, asked for a moment when the certificate was valid: its validity is a fact of its own."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    inside = min(max(moment, first + timedelta(seconds=1)), last - timedelta(seconds=1))
    context = ValidationContext(
        trust_roots=[translate_pyca_cryptography_cert_to_asn1(root) for root in trusted],
        moment=inside,
        allow_fetching=False,
    )
    # Nothing may follow a card's signature, so there is no change to judge: `_coverage` refuses any.
    return validate_pdf_signature(signature, context, skip_diff=True)


def _broken(status: PdfSignatureStatus) -> str:
    if not status.intact:
        return "The signed bytes were changed after signing."
    return "The signature was not made with the key of the certificate that it names."


def _coverage(pdf: bytes, signature: EmbeddedPdfSignature) -> Fact:
    start, _, rest, rest_length = (int(number) for number in signature.byte_range)
    engine = signature.evaluate_signature_coverage() == SignatureCoverageLevel.ENTIRE_FILE
    if start == 0 and rest + rest_length == len(pdf) and engine:
        return Fact("Whole file", True, "The signature covers the whole file.")
    return Fact("Whole file", False, "The signature does not cover the whole file.")


def _container(pdf: bytes, signature: EmbeddedPdfSignature) -> Fact:
    """The hole that the signature itself fills: nothing may stand in it that the signature does not protect."""
    hole = pdf[int(signature.byte_range[1]) : int(signature.byte_range[2])]
    raw = bytes.fromhex(hole[1:-1].decode("ascii"))
    content = cms.ContentInfo.load(raw)
    exact = content.dump(force=True)
    data = content["content"]
    info = data["signer_infos"][0]
    minimal = (
        hole == b"<" + (exact.hex().upper() + raw[len(exact) :].hex()).encode() + b">"
        and not any(raw[len(exact) :])
        # The engine compares names without regard to case; the copy of the name is not protected, so compare bytes.
        and info["sid"].chosen["issuer"].dump() == signature.signer_cert.issuer.dump()
        and (data["version"].native, info["version"].native) == ("v1", "v1")
        and [item["algorithm"].native for item in data["digest_algorithms"]]
        == [info["digest_algorithm"]["algorithm"].native]
        and len(data["signer_infos"]) == len(data["certificates"]) == 1
        and not data["crls"].native
        and not info["unsigned_attrs"].native
    )
    held = "The signature holds only what it protects."
    return Fact(
        "Container", minimal, held if minimal else "Something was put or changed beside the signature's own bytes."
    )


def _certification(signature: EmbeddedPdfSignature) -> Fact:
    permissions = signature.reader.root.get("/Perms", {})
    names_it = "/DocMDP" in permissions and permissions.raw_get("/DocMDP") == signature.sig_field.raw_get("/V")
    right = (
        signature.docmdp_level == MDPPerm.NO_CHANGES
        and names_it
        and signature.field_name == FIELD
        and signature.sig_object.get("/SubFilter") == SUBFILTER
    )
    held = "The signature certifies the document and allows no change."
    return Fact("Certification", right, held if right else "The signature does not certify the document as final.")


def _trust(certificate: x509.Certificate, status: PdfSignatureStatus, trusted: list[x509.Certificate] | None) -> Fact:
    subject = certificate.subject.rfc4514_string()[:LONGEST_SUBJECT]
    if trusted is None:
        return Fact("Trust", None, f"The signer calls itself {subject}; no root certificate was given to check that.")
    if status.trusted:
        return Fact("Trust", True, f"The signer {subject} is vouched for by the root that you trust.")
    return Fact(
        "Trust", False, f"The signer calls itself {subject}, but the root that you trust does not vouch for it."
    )


def _validity(certificate: x509.Certificate, signature: EmbeddedPdfSignature, moment: datetime) -> Fact:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    signed_at = signature.self_reported_timestamp
    if signed_at is None:
        return Fact("Validity", False, "The signature does not say when it was made.")
    if not first <= signed_at <= last:
        return Fact(
            "Validity", False, f"The certificate was not valid at the stated time, {signed_at:%Y-%m-%d %H:%M %Z}."
        )
    if moment > last:
        return Fact("Validity", False, f"The certificate expired on {last:%Y-%m-%d}.")
    if moment < first:
        return Fact("Validity", False, f"The certificate is valid only from {first:%Y-%m-%d}.")
    return Fact(
        "Validity",
        True,
        f"Signed {signed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC; certificate valid to {last:%Y-%m-%d}.",
    )


def _content_facts(pdf: bytes, vkey: str | None) -> tuple[tuple[Fact, ...], Card | None]:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        attached = {name: item.get_file().read_bytes() for name, item in opened.attachments.items()}
        stated = _stated_digest(opened.Root.Metadata.read_bytes())
    if "card.json" not in attached:
        return (Fact("Card document", False, "The file does not contain card.json."),), None
    document = attached["card.json"]
    digest = hashlib.sha256(document).hexdigest()
    facts = [_digest_fact(digest, stated)]
    card, fact = _card(document)
    facts.append(fact)
    if card is not None:
        facts += [*_agreement_facts(card), *_ledger_facts(card, attached, vkey)]
    return tuple(facts), card


def _stated_digest(xmp: bytes) -> str:
    if b"<!" in xmp:
        return ""
    tree = ET.fromstring(xmp)  # noqa: S314  (no declaration gets here, so no entity is ever expanded)
    found = [element.text or "" for element in tree.iter(f"{{{NAMESPACE}}}digest")]
    found += [value for element in tree.iter() for name, value in element.items() if name == f"{{{NAMESPACE}}}digest"]
    return found[0].strip() if len(found) == 1 else ""


def _digest_fact(digest: str, stated: str) -> Fact:
    if digest == stated:
        return Fact("Digest", True, f"card.json has the digest that the card states, {digest}.")
    return Fact("Digest", False, f"card.json has the digest {digest}, but the card states {stated or 'none'}.")


def _card(document: bytes) -> tuple[Card | None, Fact]:
    try:
        card = Card.from_json(json.loads(document))
        same = card.canonical() == document
    except (CardFormatError, ValueError, RecursionError) as problem:
        return None, Fact("Card document", False, f"card.json is not a card: {problem}")
    if not same:
        return None, Fact("Card document", False, "card.json is not written in its one canonical form.")
    if not card.issued:
        return card, Fact("Card document", False, "This is a draft; it approves nothing.")
    return card, Fact("Card document", True, f"card.json is the issued card {card.number}.")


def _agreement_facts(card: Card) -> Iterator[Fact]:
    held = "Every sign-off shown as current covers the dossier at issue, and every required role has signed."
    yield _fact("Sign-offs", agreement.sign_off_problems(card), held)
    yield _fact("Policy", agreement.policy_problems(card), "The policy's text has its digest and asks for these roles.")


def _ledger_facts(card: Card, attached: dict[str, bytes], vkey: str | None) -> Iterator[Fact]:
    proof = {} if card.ledger is None else card.ledger.proof
    strangers = sorted(set(attached) - set(ATTACHED))
    same = attached.get("ledger-proof.json") == rfc8785.dumps(proof)
    problems = [f"The file contains {name}, which no card does." for name in strangers]
    problems += [] if same else ["The attached ledger-proof.json is not the proof in card.json."]
    yield _fact("Attachments", problems, "The attached files are those of the card.")
    yield _fact("Ledger entries", agreement.ledger_problems(card), "The ledger says the same about every sign-off.")
    if card.ledger is None:
        yield Fact("Ledger proof", False, "The card holds no ledger proof.")
    elif vkey is None:
        problems = merkle.verify_bundle(proof, card.ledger.vkey)
        unknown = "The ledger proof holds together, but no ledger key was given to check who signed it."
        yield Fact("Ledger proof", False if problems else None, problems[0] if problems else unknown)
    else:
        held = f"All entries stand in the ledger that was signed at {card.ledger.size} entries."
        yield _fact("Ledger proof", [*merkle.verify_bundle(proof, vkey), *_misprints(card)], held)


def _misprints(card: Card) -> Iterator[str]:
    """What the card prints about the ledger beside the proof, compared with the proof."""
    ledger = card.ledger
    if ledger is None:
        return
    try:
        note = merkle.parse_note(str(ledger.proof.get("checkpoint")))[0]
    except merkle.Untrusted:
        return  # verify_bundle has said so
    printed = (ledger.size, ledger.root, ledger.vkey, ledger.checkpoint)
    if printed != (note.size, note.root.hex(), ledger.proof.get("vkey"), ledger.proof.get("checkpoint")):
        yield "The size, root, key or checkpoint that the card prints is not that of its ledger proof."


def _fact(name: str, problems: Sequence[str], held: str) -> Fact:
    return Fact(name, not problems, " ".join(problems) if problems else held)
