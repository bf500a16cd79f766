"""Whether a card PDF is what the portal issued: one sentence for each thing that holds or does not. Needs no database.

What the signature does not protect is not read. Nothing is fetched; unknown is never a pass.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pikepdf
import rfc8785

from modelcards import agreement, embedded, pages
from modelcards.card import SCHEMA, Card, CardFormatError
from modelcards.countersignatures import FURTHER
from modelcards.seal_report import SealReport
from modelcards.sealed_part import LARGEST
from modelcards.trust import Fact, Trust, trust_of
from portal import merkle
from portal.errors import BadInput

__all__ = [
    "ATTACHED",
    "LARGEST",
    "NAMESPACE",
    "SINCE",
    "UNREADABLE",
    "CardReport",
    "Fact",
    "is_document",
    "verify_card",
    "verify_document",
]

NAMESPACE = "urn:model-approval-portal:card:1#"
ATTACHED = embedded.NAMES
SINCE = "Since then"
"""The name of what happened to a card after it was issued: that takes nothing from its being genuine."""
# What a reader of damaged files may raise; a damaged file is an answer here, not a failure of ours.
UNREADABLE = (
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
        wrong = [fact for fact in self.facts if fact.holds is False and not fact.name.startswith(FURTHER)]
        unknown = [fact for fact in self.facts if fact.holds is None]
        if wrong and (self.card is None or any(fact.name != SINCE for fact in wrong)):
            return f"Do not rely on this file. {next(fact.sentence for fact in wrong if fact.name != SINCE)}"
        if unknown or self.card is None:
            names = ", ".join(fact.name.lower() for fact in unknown) or "the card itself"
            return f"Nothing contradicts this card, but this could not be checked: {names}.{self._broken}"
        issued = (
            f"This is card {self.card.number} as issued: {self.card.model.name} {self.card.version.number}, "
            f"{self.card.summary.verdict.lower()}. Nothing was changed since"
        )
        said = f"{issued}, but it no longer stands. {wrong[0].sentence}" if wrong else f"{issued}."
        return said + self._broken

    @property
    def _broken(self) -> str:
        broken = [fact.sentence for fact in self.facts if fact.holds is False and fact.name.startswith(FURTHER)]
        return f" That is said of the card, not of who signed it further: {broken[0]}" if broken else ""


def verify_card(
    pdf: bytes,
    *,
    roots: Sequence[bytes] | None,
    vkey: str | None,
    moment: datetime | None = None,
    timestamp_roots: Sequence[bytes] | None = None,
    revoked: Sequence[bytes] = (),
    signer_roots: Sequence[bytes] = (),
) -> CardReport:
    """Check a card against what you trust: root certificates (PEM or DER) of seals and of timestamps, a ledger key.

    `revoked` are lists (CRL) of the root; `signer_roots` vouch for those who signed the card further. `moment` is when
    the certificate must be valid, now unless you know that the file existed at an earlier time. Raises BadInput if a
    root or list is none.
    """
    try:
        trust = trust_of(roots=roots, timestamp_roots=timestamp_roots, lists=revoked, signer_roots=signer_roots)
    except ValueError as problem:
        raise BadInput(
            "A root is not a certificate in PEM or DER form, or a list of revoked ones is none.", field="roots"
        ) from problem
    # Loading it takes long, and every program of the portal loads this module.
    from modelcards import seal_checks  # noqa: PLC0415

    try:
        seal = seal_checks.check_seal(pdf, trust, moment or datetime.now(UTC))
    except (*seal_checks.NOT_READ, *UNREADABLE) as problem:
        sentence = f"The file or its signature cannot be read ({type(problem).__name__})."
        seal = SealReport((Fact("Signature", False, sentence),))
    if any(fact.holds is False for fact in seal.facts):
        unread = Fact("Content", None, "The content was not looked at, because the signature does not vouch for it.")
        return CardReport((*seal.facts, unread))
    try:
        facts, card = _content_facts(seal, vkey, trust)
    except UNREADABLE as problem:
        unreadable = Fact("Content", False, f"The content cannot be read ({type(problem).__name__}).")
        return CardReport((*seal.facts, unreadable))
    return CardReport((*seal.facts, *facts, *seal.further), card)


def is_document(content: bytes) -> bool:
    """Whether a file claims to be a card as data, card.json."""
    return content[:1] == b"{" and b'"schema":"%s"' % SCHEMA.encode() in content


def verify_document(document: bytes, *, vkey: str | None) -> CardReport:
    """Check a card.json alone: nobody signs it, so this is how far it agrees with itself and with the ledger."""
    unsigned = Fact("Signature", None, "card.json alone is not signed; the card's PDF is, and holds the same file.")
    try:
        card, fact = _card(document)
        facts = () if card is None else (*_agreement_facts(card), *_ledger_facts(card, vkey))
    except UNREADABLE as problem:
        return CardReport((unsigned, Fact("Content", False, f"It cannot be read ({type(problem).__name__}).")))
    return CardReport((unsigned, fact, *facts), card)


def _content_facts(seal: SealReport, vkey: str | None, trust: Trust) -> tuple[tuple[Fact, ...], Card | None]:
    with pikepdf.open(io.BytesIO(seal.sealed)) as opened:
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
            held = "Each page bears number and digest, and the pages say what card.json says of subject and sign-offs."
            facts.append(_fact("Pages", pages.page_problems(opened, card, digest), held))
    if card is not None:
        facts += [_seal_fact(card, seal), *_agreement_facts(card)]
        facts += [_attachments_fact(card, attached), *_ledger_facts(card, vkey)]
        facts += _embedded_facts(card, attached, trust)
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
        card = Card.from_document(document)
        same = rfc8785.dumps(json.loads(document)) == document
    except (CardFormatError, ValueError, RecursionError) as problem:
        return None, Fact("Card document", False, f"card.json is not a card: {problem}")
    if not same:
        return None, Fact("Card document", False, "card.json is not written in its one canonical form.")
    if not card.issued:
        return card, Fact("Card document", False, "This is a draft; it approves nothing.")
    return card, Fact("Card document", True, f"card.json is the issued card {card.number}.")


def _seal_fact(card: Card, seal: SealReport) -> Fact:
    """What the card prints about its own seal, compared with the seal."""
    if card.seal is None or seal.standing is None:
        return Fact("Seal", False, "The card does not say how it is sealed.")
    found, said = seal.standing.level, card.seal.level
    if found != said:
        return Fact("Seal", False, f"The card says that it is sealed at level {said}, but the file carries {found}.")
    if card.seal.certificate_sha256 not in ("", seal.fingerprint):
        return Fact("Seal", False, "The card names another certificate than the one it is sealed with.")
    return Fact("Seal", True, f"The card is sealed as it says: {said}.{_because(card.seal.note)}")


def _because(note: str) -> str:
    return f" {note}" if note else ""


def _agreement_facts(card: Card) -> Iterator[Fact]:
    held = "Every sign-off shown as current covers the dossier at issue, and every required role has signed."
    yield _fact("Sign-offs", agreement.sign_off_problems(card), held)
    yield _fact("Policy", agreement.policy_problems(card), "The policy's text has its digest and asks for these roles.")


def _attachments_fact(card: Card, attached: dict[str, bytes]) -> Fact:
    proof = {} if card.ledger is None else card.ledger.proof
    strangers = sorted(set(attached) - set(ATTACHED))
    same = attached.get("ledger-proof.json") == rfc8785.dumps(proof)
    problems = [f"The file contains {name}, which no card does." for name in strangers]
    problems += [] if same else ["The attached ledger-proof.json is not the proof in card.json."]
    return _fact("Attachments", problems, "The attached files are those of the card.")


def _ledger_facts(card: Card, vkey: str | None) -> Iterator[Fact]:
    proof = {} if card.ledger is None else card.ledger.proof
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


def _embedded_facts(card: Card, attached: dict[str, bytes], trust: Trust) -> Iterator[Fact]:
    """The same card for machines, where it is inside: cards of the first portals carry neither."""
    if embedded.BILL in attached:
        yield Fact(*embedded.bill_finding(card, attached[embedded.BILL]))
    if embedded.ATTESTATIONS in attached:
        found = embedded.attestation_findings(card, attached[embedded.ATTESTATIONS], trust.roots)
        yield from (Fact(*finding) for finding in found)


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
