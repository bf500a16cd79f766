"""Names of the acts that this app writes into the ledger. Unknown names are refused there."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """Dotted names: app, noun, past participle."""

    CARD_REQUESTED = "modelcards.card.requested"
    CARD_ISSUED = "modelcards.card.issued"
    DRAFT_MADE = "modelcards.draft.made"
    CARD_FAILED = "modelcards.card.failed"
    CARD_RESULT_REFUSED = "modelcards.card.result_refused"
    CARD_DOWNLOADED = "modelcards.card.downloaded"
    CARD_RENEWED = "modelcards.card.renewed"
    SEAL_ROTATED = "modelcards.seal.rotated"
    SEAL_REVOKED = "modelcards.seal.revoked"
    SEAL_NEEDS_CARE = "modelcards.seal.needs_care"
