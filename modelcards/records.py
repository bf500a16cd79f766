"""What this portal itself knows about a card file: the roots and keys to trust, and whether its records agree.

Reads only. The file is judged by verification.py first, in a limited process; nothing here makes a wrong file right.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone

from approvals.models.checks import RunStatus
from approvals.stages import Stage
from modelcards import seals
from modelcards.authority import list_path, root_path
from modelcards.card import Card
from modelcards.companions import CompanionReport, PackReport
from modelcards.envelopes import Attested
from modelcards.events import Event
from modelcards.models import ModelCard
from modelcards.verification import SINCE, CardReport, Fact, is_document
from portal import checkpoints
from portal.errors import Unavailable
from portal.models import LedgerEntry


def trusted_roots() -> list[bytes] | None:
    """The root certificate of this portal, or None if it has not issued a card yet."""
    path = root_path(settings.VAR)
    return [path.read_bytes()] if path.is_file() else None


def trusted_timestamp_roots() -> list[bytes] | None:
    """The timestamp authorities that the settings trust, or None if there are none."""
    return seals.timestamp_roots()


def revoked() -> list[bytes]:
    """The list of revoked certificates of this portal, if it was made."""
    path = list_path(settings.VAR)
    return [path.read_bytes()] if path.is_file() else []


def trusted_keys() -> list[str]:
    """The public ledger keys of this portal, the present one first; empty where it has no key."""
    try:
        return checkpoints.trusted_vkeys()
    except (OSError, ValueError, Unavailable):
        return []


def compared(content: bytes, report: CardReport) -> CardReport:
    """The report on a PDF or a card.json with what the database says about it; without a readable card nothing.

    A card.json is signed by nobody; that it is the document of a signed card, the records can say.
    """
    if report.card is None:
        unread = Fact("Records", None, "The records were not compared, because the card in the file was not read.")
        return CardReport((*report.facts, unread))
    found = tuple(_record_facts(content, report.card))
    if is_document(content) and found[0].holds:
        vouched = Fact("Signature", True, f"It is the document of the signed card {report.card.number}.")
        return CardReport(
            (*(vouched if fact.name == vouched.name else fact for fact in report.facts), *found), report.card
        )
    return CardReport((*report.facts, *found), report.card)


def attested_fact(found: Attested) -> Fact:
    """Whether the records hold the card that attestations name, with the same document."""
    digest = found.subjects.get("card.json", "")
    held = ModelCard.objects.filter(number=found.number, digest=digest, status=RunStatus.FINISHED).exists()
    words = f"The records hold card {found.number} with this document."
    return Fact("Records", held, words if held else f"This portal has no finished card {found.number} of this digest.")


def compared_pack(report: PackReport) -> PackReport:
    """The report on an audit pack with what the database says about the card in it."""
    if report.inside is None:
        return report
    added = compared(report.pdf, report.inside).facts[len(report.inside.facts) :]
    return dataclasses.replace(report, facts=(*report.facts, *added))


def compared_attestations(report: CompanionReport, found: Attested | None) -> CompanionReport:
    """The report on attestations with whether the records hold their card; nothing is asked about forged ones."""
    if not report.ok or found is None:
        return report
    return dataclasses.replace(report, facts=(*report.facts, attested_fact(found)))


def _record_facts(content: bytes, card: Card) -> Iterator[Fact]:
    rows = ModelCard.objects.filter(number=card.number, kind=card.status).select_related("pdf", "version")
    if is_document(content):
        # Anybody can write one, so nothing is said about a card that this is not: not even whether it exists.
        rows = rows.filter(digest=card.digest())
    row = rows.first()
    if row is None or row.status != RunStatus.FINISHED or row.pdf is None:
        of = f" of the digest {card.digest()}" if is_document(content) else ""
        yield Fact("Records", False, f"This portal has no finished card {card.number}{of}.")
        return
    begins = is_document(content) or row.pdf.sha256 == hashlib.sha256(content[: row.pdf.size]).hexdigest()
    same = begins and row.digest == card.digest()
    held = f"The file is, byte for byte, the card {card.number} in the records"
    # That nothing but signatures and timestamps follows, the verifier has said before: else the card is not read.
    more = "" if is_document(content) or len(content) == row.pdf.size else _what_follows(row, content)
    yield Fact(
        "Records", same, f"{held}{more}." if same else f"The records hold another file or document as {card.number}."
    )
    recorded = _recorded_issue(row)
    held = "The ledger records that this file was issued."
    yield Fact("Issue", recorded, held if recorded else "The ledger does not record that this file was issued.")
    problems = list(_changed_entries(card))
    held = "Every entry of the proof is what the ledger holds now."
    yield Fact("Ledger today", not problems, " ".join(problems) or held)
    yield _seal_in_ledger(card)
    yield _since(row)


def _what_follows(row: ModelCard, content: bytes) -> str:
    """What the records know of what stands behind the issued file."""
    found = [
        one
        for one in row.renewals.select_related("pdf")
        if one.pdf.sha256 == hashlib.sha256(content[: one.pdf.size]).hexdigest()
    ]
    if not found:
        return ", with more signatures or timestamps behind it"
    others = " and more signatures" if len(content) > found[0].pdf.size else ""
    return f", with its timestamp renewed on {found[0].made_at:%Y-%m-%d}{others} behind it"


def _seal_in_ledger(card: Card) -> Fact:
    """What became of the seal's certificate since, by the ledger."""
    certificate = "" if card.seal is None else card.seal.certificate_sha256
    held = "The ledger records no revocation of the certificate that this card is sealed with."
    entries = LedgerEntry.objects.filter(event__in=(Event.SEAL_ROTATED, Event.SEAL_REVOKED)).order_by("seq")
    rotated = ""
    for event, at, payload in entries.values_list("event", "at", "payload"):
        facts = json.loads(payload)["facts"]
        if event == Event.SEAL_REVOKED and facts["certificate"] == certificate:
            return Fact(
                "Seal today",
                True,
                f"The seal's certificate was revoked on {at:%Y-%m-%d}; “Revocation” says whether that matters.",
            )
        if event == Event.SEAL_ROTATED and facts["former"] == certificate:
            rotated = f" The portal seals with another key since {at:%Y-%m-%d}; this one's cards stay good."
    return Fact("Seal today", True, held + rotated)


def _since(row: ModelCard) -> Fact:
    """Whether the card is the last word on its model: what only the portal knows."""
    version = row.version
    if version.stage != Stage.MONITORING:
        words = f"The approval does not hold any more: the version is {version.get_stage_display().lower()}."
        return Fact(SINCE, False, words)
    if version.approval_expires_at is not None and version.approval_expires_at <= timezone.now():
        return Fact(SINCE, False, f"The approval ended on {version.approval_expires_at:%Y-%m-%d}.")
    later = ModelCard.objects.filter(
        version__model_id=version.model_id, kind=row.kind, status=RunStatus.FINISHED, pk__gt=row.pk
    ).order_by("-pk")
    newer = later.filter(version_id=version.pk).first()
    if newer is not None:
        return Fact(SINCE, False, f"It was superseded by the card {newer.number} of {newer.finished_at:%Y-%m-%d}.")
    beside = later.filter(version__stage=Stage.MONITORING).select_related("version").first()
    if beside is not None:
        other = f"Version {beside.version.number} was approved beside it since, with the card {beside.number}."
        return Fact(SINCE, True, f"The approval holds and no newer card of this version was issued. {other}")
    return Fact(SINCE, True, "The approval holds and no newer card of this version was issued.")


def _recorded_issue(row: ModelCard) -> bool:
    entries = LedgerEntry.objects.filter(
        event=Event.CARD_ISSUED, object_type="approvals.modelversion", object_id=str(row.version_id)
    )
    wanted = {"card": row.pk, "document": row.digest, "pdf": row.pdf.sha256 if row.pdf else ""}
    facts = (json.loads(payload)["facts"] for payload in entries.values_list("payload", flat=True))
    return any(all(found.get(name) == value for name, value in wanted.items()) for found in facts)


def _changed_entries(card: Card) -> Iterator[str]:
    proven = _proven(card.ledger.proof) if card.ledger is not None else {}
    if not proven:
        yield "The card proves no ledger entry."
        return
    now = dict(LedgerEntry.objects.filter(seq__in=proven).values_list("seq", "payload"))
    differing = sorted(seq for seq, text in proven.items() if now.get(seq) != text)
    if differing:
        yield f"Entry {differing[0]} of the ledger is not what the card proves."


def _proven(proof: Mapping[str, Any]) -> dict[int, str]:
    """Texts by number; a proof that cannot be read proves nothing."""
    try:
        return {int(entry["seq"]): str(entry["payload"]) for entry in proof["entries"]}
    except (KeyError, TypeError, ValueError):
        return {}
