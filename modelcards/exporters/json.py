"""The card document itself, as canonical JSON (RFC 8785): the same bytes that the PDF carries as card.json."""

from __future__ import annotations

from modelcards.card import Card
from modelcards.exporters.base import Exporter


class JsonExporter(Exporter):
    """Canonical JSON."""

    title = "Card document (JSON)"
    sentence = "For programs: everything that the card says, in a documented schema; the PDF carries the same bytes."
    media_type = "application/json"
    suffix = ".json"

    def export(self, card: Card) -> bytes:
        return card.canonical()
