"""What an exporter is: a card in, the bytes of one file out. It reads nothing but the card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from modelcards.card import Card


class Exporter(ABC):
    """One format. Subclasses live one per file in this folder; the file name is the key."""

    key: ClassVar[str] = ""
    title: ClassVar[str]
    media_type: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def export(self, card: Card) -> bytes:
        """The card in this format. Equal cards give equal bytes."""
