"""The renewed files of cards: the newest one of a card, and the night's work of making them in time.

What was issued stays: each renewal is one more file, which begins with the one before, and an entry of the ledger.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from approvals import files
from approvals.models import StoredFile
from approvals.models.checks import RunStatus
from modelcards import renewing, seals
from modelcards.card import CardStatus
from modelcards.events import Event
from modelcards.models import CardRenewal, ModelCard
from modelcards.timestamping import TimestampAuthority
from portal import ledger, notify
from portal.errors import DomainError, Refused, Unavailable

LIMIT = 50_000_000


@dataclass(frozen=True)
class Renewed:
    """What became of one card: renewed, or why not."""

    number: str
    done: bool
    sentence: str


def newest(card: ModelCard) -> CardRenewal | None:
    """The last renewal of a card, if there is one."""
    return CardRenewal.objects.filter(card=card).select_related("pdf").order_by("-pk").first()


def current_file(card: ModelCard) -> StoredFile | None:
    """The file of a card with the newest timestamp; the one that was issued where none was renewed."""
    last = newest(card)
    return card.pdf if last is None else last.pdf


def unaltered(pdf: StoredFile) -> bytes:
    """The bytes of a stored card. Raises Unavailable if they are gone or others."""
    try:
        found = pdf.path.read_bytes()
    except OSError as failure:
        raise Unavailable("The file of this card is not in the store; tell an administrator.") from failure
    if hashlib.sha256(found).hexdigest() != pdf.sha256:
        raise Unavailable("The stored file of this card was altered, so it is not handed out; tell an administrator.")
    return found


def renew_due(*, within: timedelta | None = None, number: str = "", now: datetime | None = None) -> list[Renewed]:
    """Renew each issued card whose newest timestamp ends within this time; one sentence for each that is due.

    Cards that cannot be renewed are told to administrators, each day, until it is too late or done. Raises Unavailable
    if the files of the timestamp authority cannot be read.
    """
    now = now or timezone.now()
    within = within if within is not None else timedelta(days=int(settings.TIMESTAMPS["RENEW_DAYS"]))
    authority = seals.clock()
    cards = ModelCard.objects.filter(kind=CardStatus.ISSUED, status=RunStatus.FINISHED).select_related("pdf")
    if number:
        cards = cards.filter(number=number)
    found = [one for card in cards.order_by("pk").iterator() for one in _renewed_if_due(card, authority, within, now)]
    _tell([one for one in found if not one.done])
    return found


def _renewed_if_due(
    card: ModelCard, authority: TimestampAuthority | None, within: timedelta, now: datetime
) -> Iterator[Renewed]:
    pdf = current_file(card)
    if pdf is None:
        return
    try:
        content = unaltered(pdf)
        ends = renewing.ends_at(content)
        if ends is None or ends - now > within:
            return
        if authority is None:
            raise Refused("no timestamp authority is named in the settings (TIMESTAMP_URL)")
        made = _kept(card, pdf, renewing.renewed(content, authority, now=now), now)
    except DomainError as refusal:
        yield Renewed(card.number, False, f"Card {card.number} was not renewed: {refusal.sentence}")
        return
    if made is not None:
        until = f"{made.stamped_until:%Y-%m-%d}"
        yield Renewed(
            card.number, True, f"Card {card.number} carries a new timestamp, whose certificate ends on {until}."
        )


def _kept(card: ModelCard, former: StoredFile, content: bytes, now: datetime) -> CardRenewal | None:
    """The renewal as a row and an entry of the ledger; None if somebody else renewed the card meanwhile."""
    upload = files.receive(io.BytesIO(content), limit=LIMIT)
    ends = renewing.ends_at(content)
    if ends is None:
        raise Refused("it carries no timestamp")
    with transaction.atomic():
        row = ModelCard.objects.select_for_update(of=("self",)).select_related("version", "pdf").get(pk=card.pk)
        if current_file(row) != former:
            return None
        made = CardRenewal.objects.create(card=row, pdf=files.stored(upload), made_at=now, stamped_until=ends)
        ledger.record(
            event=Event.CARD_RENEWED,
            actor=None,
            subject=row.version,
            scope=row.version.scope,
            reason="",
            facts={
                "card": row.pk,
                "number": row.number,
                "before": former.sha256,
                "after": made.pdf.sha256,
                "stamped_until": f"{ends:%Y-%m-%d}",
            },
        )
    return made


def _tell(failed: list[Renewed]) -> None:
    with transaction.atomic():
        for one in failed:
            notify.tell_administrators(event=Event.SEAL_NEEDS_CARE, text=one.sentence, link="/")
