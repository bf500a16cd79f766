"""Verifies what goes with a card and is no PDF: its signed attestations, and the audit pack with everything in it.

The same findings as in the auditor's script; the PDF inside a pack is read in the limited process of `inspection`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelcards.card import Card
from modelcards.envelopes import (
    ENVELOPE_KEYS,
    LARGEST_BUNDLE,
    Attested,
    EnvelopeError,
    attestation_findings,
    attested,
    read_envelopes,
)
from modelcards.inspection import inspect
from modelcards.packs import CARD_JSON, CARD_PDF, EXTRACT, ZIP_START, PackError, pack_entry, pack_findings
from modelcards.trust import Trust, trust_of
from modelcards.verification import CardReport, Fact
from portal.errors import BadInput
from portal.merkle import read_bundle

ATTESTATIONS, PACK, OTHER = "attestations", "audit pack", "other"


@dataclass(frozen=True)
class CompanionReport:
    """All facts about one file, and what it is if they all hold."""

    facts: tuple[Fact, ...]
    genuine: str

    @property
    def card(self) -> Card | None:
        """The card in the file; attestations hold none."""
        return None

    @property
    def ok(self) -> bool:
        """Whether everything was checked and holds."""
        return bool(self.facts) and all(fact.holds is True for fact in self.facts)

    @property
    def bottom_line(self) -> str:
        """The one sentence to act on."""
        wrong = [fact for fact in self.facts if fact.holds is False]
        if wrong:
            return f"Do not rely on this file. {wrong[0].sentence}"
        if not self.ok:
            unknown = ", ".join(fact.name.lower() for fact in self.facts if fact.holds is None)
            return f"Nothing contradicts this file, but this could not be checked: {unknown}."
        return self.genuine


@dataclass(frozen=True)
class PackReport(CompanionReport):
    """The report on a pack, with the PDF in it and the report on that; None where it was not looked at."""

    pdf: bytes = b""
    inside: CardReport | None = None

    @property
    def card(self) -> Card | None:
        """The card in the pack, if it was read."""
        return None if self.inside is None else self.inside.card


def kind_of(path: Path) -> str:
    """What a file claims to be: an audit pack, attestations, or something else. Raises OSError."""
    with path.open("rb") as opened:
        if opened.read(len(ZIP_START)) == ZIP_START:
            return PACK
        opened.seek(0)
        line = opened.readline(LARGEST_BUNDLE)
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        return OTHER
    return ATTESTATIONS if isinstance(first, dict) and set(first) >= ENVELOPE_KEYS else OTHER


def trusted(roots: Sequence[bytes] | None, revoked: Sequence[bytes]) -> Trust:
    """Whom to trust, out of PEM or DER. Raises BadInput for what is neither."""
    try:
        return trust_of(roots=roots, lists=revoked)
    except ValueError as problem:
        raise BadInput(
            "A root is not a certificate in PEM or DER form, or a list of revoked ones is none.", field="roots"
        ) from problem


def verify_attestations(
    data: bytes, *, roots: Sequence[bytes] | None, revoked: Sequence[bytes] = ()
) -> tuple[CompanionReport, Attested | None]:
    """The report on a file of attestations, and what it attests if it could be read."""
    facts = tuple(Fact(*finding) for finding in attestation_findings(data, trusted(roots, revoked)))
    try:
        found = attested(read_envelopes(data))
    except EnvelopeError:
        return CompanionReport(facts, ""), None
    artifact = next((digest for name, digest in found.subjects.items() if name != CARD_JSON), "no artifact")
    genuine = (
        f"This is what was attested with card {found.number} ({found.verdict.lower()}) about the artifact {artifact}. "
        "Nothing was changed since."
    )
    return CompanionReport(facts, genuine), found


def verify_pack(
    path: Path,
    *,
    roots: Sequence[bytes] | None,
    keys: Sequence[str],
    timestamp_roots: Sequence[bytes] | None = None,
    revoked: Sequence[bytes] = (),
    signer_roots: Sequence[bytes] = (),
) -> PackReport:
    """The report on a pack and on the card in it. What the manifest does not vouch for is not looked at."""
    vkey = _key_for(path, keys)
    found = pack_findings(path, trust=trusted(roots, revoked), vkey=vkey)
    facts = [Fact(*finding) for finding in found]
    if any(fact.holds is False for fact in facts):
        return PackReport(tuple(facts), "")
    pdf, document = pack_entry(path, CARD_PDF), pack_entry(path, CARD_JSON)
    report = inspect(
        pdf, roots=roots, keys=keys, timestamp_roots=timestamp_roots, revoked=revoked, signer_roots=signer_roots
    ).report
    same = report.card is not None and report.card.canonical() == document
    facts.append(Fact("Same card", same, f"card.json inside the PDF is {'' if same else 'not '}the one in the pack."))
    number = report.card.number if report.card else ""
    genuine = f"This is the audit pack of card {number} as it was handed out. {report.bottom_line}"
    return PackReport((*facts, *report.facts), genuine, pdf, report)


def _key_for(path: Path, keys: Sequence[str]) -> str | None:
    """The trusted key that the extract names, else the first: a pack may be older than the present key."""
    if not keys:
        return None
    try:
        named = read_bundle(pack_entry(path, EXTRACT).decode())["vkey"]
    except (PackError, ValueError, KeyError, TypeError):
        return keys[0]
    return named if named in keys else keys[0]
