"""What an exporter is: a card in, the bytes of one file out. It reads nothing but the card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from modelcards.card import Card


@dataclass(frozen=True)
class Piece:
    """One piece of evidence with its bytes, which are read when they are needed."""

    kind: str
    name: str
    sha256: str
    size: int
    chunks: Iterable[bytes]


class Records(Protocol):
    """What the portal keeps beside a card's document, for formats that hold more than the document says."""

    def pdf(self) -> bytes:
        """The file that was made, unaltered. Raises Unavailable if it is not there."""

    def attestations(self) -> bytes | None:
        """The signed statements that were made with the card; None for a draft and for cards that had none yet."""

    def evidence(self) -> Sequence[Piece]:
        """Every piece of evidence that the card names. Raises Unavailable if one is not there."""

    def extract(self) -> Iterator[str]:
        """The ledger's entries about the version with their proofs, line by line."""

    def trust(self) -> dict[str, bytes]:
        """What an auditor needs to verify without the portal, by file name."""

    def signed(self, manifest: bytes) -> bytes:
        """An envelope around the manifest of a pack."""


class Exporter(ABC):
    """One format. Subclasses live one per file in this folder; the file name is the key."""

    key: ClassVar[str] = ""
    title: ClassVar[str]
    sentence: ClassVar[str] = ""
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    streamed: ClassVar[bool] = False
    """Whether a download may be too large to be held."""

    @abstractmethod
    def export(self, card: Card) -> bytes:
        """The card in this format. Equal cards give equal bytes."""

    def handed_out(self, card: Card, records: Records) -> Iterator[bytes]:
        """What a person gets who downloads the finished card in this format, piece by piece."""
        yield self.export(card)
