"""Ledger entries about cards as sentences, for the timeline of a version."""

from __future__ import annotations

from approvals.ledger_words import Facts, Words
from modelcards.events import Event


def _card(words: str) -> Words:
    return lambda facts: f"{words}: {facts['number']}" if facts.get("number") else words


def _requested(facts: Facts) -> str:
    return "Draft of the model card requested" if facts.get("kind") == "draft" else "Model card requested"


def _downloaded(facts: Facts) -> str:
    how = f" as {facts['format']}" if facts.get("format") else ""
    return f"Model card downloaded{how}: {facts.get('number', '')}"


WORDS: dict[str, Words] = {
    Event.CARD_REQUESTED.value: _requested,
    Event.CARD_ISSUED.value: _card("Model card issued"),
    Event.DRAFT_MADE.value: _card("Draft of the model card made"),
    Event.CARD_FAILED.value: _card("Model card could not be made"),
    Event.CARD_RESULT_REFUSED.value: _card("Late model card refused"),
    Event.CARD_DOWNLOADED.value: _downloaded,
    Event.CARD_RENEWED.value: _card("Timestamp of the model card renewed"),
    Event.SEAL_ROTATED.value: lambda _: "Key of the card seal replaced",
    Event.SEAL_REVOKED.value: lambda _: "Certificate of the card seal revoked",
    Event.SEAL_NEEDS_CARE.value: lambda _: "The card seal needs care",
}
