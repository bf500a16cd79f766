"""A card beside this portal's own records: the card's row and the ledger entries that it carries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from modelcards.card import Card
from modelcards.models import ModelCard
from modelcards.verification import Fact
from portal.models import LedgerEntry


def with_database(pdf: bytes, card: Card | None) -> tuple[Fact, ...]:
    """Whether the portal issued exactly this file, and whether its ledger still says what the card carries."""
    return tuple(_facts(pdf, card))


def _facts(pdf: bytes, card: Card | None) -> Iterator[Fact]:
    if card is None:
        yield Fact("Portal's record", None, "The file holds no card that could be compared with the portal's records.")
        return
    row = ModelCard.objects.filter(number=card.number).select_related("pdf").first()
    sha256 = hashlib.sha256(pdf).hexdigest()
    if row is None or row.pdf is None:
        yield Fact("Portal's record", False, f"This portal has not issued a card {card.number}.")
    elif row.pdf.sha256 != sha256:
        yield Fact("Portal's record", False, f"Card {card.number} in this portal is another file.")
    else:
        yield Fact("Portal's record", True, f"This portal issued exactly this file as card {card.number}.")
    if card.ledger is not None:
        yield _same_entries(card)


def _same_entries(card: Card) -> Fact:
    carried = {
        int(entry["seq"]): str(entry["payload"]) for entry in (card.ledger.proof if card.ledger else {})["entries"]
    }
    kept = dict(LedgerEntry.objects.filter(seq__in=list(carried)).values_list("seq", "payload"))
    differing = sorted(seq for seq, payload in carried.items() if kept.get(seq) != payload)
    if differing:
        return Fact(
            "Portal's ledger", False, f"Entry {differing[0]} of this portal's ledger is not what the card carries."
        )
    return Fact(
        "Portal's ledger", True, f"All {len(carried)} entries that the card carries stand in this portal's ledger."
    )
