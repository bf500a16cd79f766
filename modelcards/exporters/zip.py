"""The audit pack: a card in every format, its evidence, the ledger's extract and what verifies them without the portal.

The same state of the portal gives the same bytes: fixed order and moments, nothing compressed. Evidence may be
gigabytes, so a pack is written piece by piece and never held.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import rfc8785

from modelcards import exporters
from modelcards.auditor_script import SCRIPT_NAME
from modelcards.card import Card
from modelcards.card_schema import FILE as SCHEMA_FILE
from modelcards.exporters.base import Exporter, Piece, Records
from modelcards.exporters.cyclonedx import VERSIONS, bill
from modelcards.packs import EVIDENCE, EXTRACT, INDEX, MANIFEST, README, SIGNED_MANIFEST
from portal.errors import Unavailable

MOMENT = (1980, 1, 1, 0, 0, 0)
READABLE = 0o100644 << 16
UNIX = 3
EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,12})$")


@dataclass(frozen=True)
class Entry:
    """One file of the pack; its digest is known before its bytes are read."""

    name: str
    sha256: str
    chunks: Iterable[bytes]


class ZipExporter(Exporter):
    """ZIP with a signed manifest."""

    title = "Audit pack (ZIP)"
    sentence = (
        "For auditors: all formats, every piece of evidence, the ledger's extract and a verifier that needs no portal."
    )
    media_type = "application/zip"
    suffix = ".audit-pack.zip"
    streamed = True

    def export(self, card: Card) -> bytes:
        """What the card alone gives: no PDF, no evidence, no extract and no signature."""
        return b"".join(_zipped([*_about(card), *_formats(card, None)], card, None))

    def handed_out(self, card: Card, records: Records) -> Iterator[bytes]:
        """The whole pack. Everything but the evidence is collected before the first byte is given."""
        entries = [*_about(card), *_formats(card, records), *_held(card, records)]
        yield from _zipped(entries, card, records)


def _entry(name: str, content: bytes) -> Entry:
    return Entry(name, hashlib.sha256(content).hexdigest(), [content])


def _about(card: Card) -> Iterator[Entry]:
    yield _entry(README, _readme(card).encode())
    yield _entry(f"schema/{SCHEMA_FILE.name}", SCHEMA_FILE.read_bytes())
    for version in VERSIONS[1:]:
        yield _entry(f"card-{version}.cdx.json", rfc8785.dumps(bill(card, version)))


def _formats(card: Card, records: Records | None) -> Iterator[Entry]:
    """The card in every other format; without records those that need nothing but the card."""
    for key, kind in sorted(exporters.load().items()):
        if kind.streamed:
            continue
        if records is not None:
            yield _entry(f"card{kind.suffix}", b"".join(kind().handed_out(card, records)))
        elif key != "pdf":
            yield _entry(f"card{kind.suffix}", kind().export(card))


def _held(card: Card, records: Records) -> Iterator[Entry]:
    yield _entry(EXTRACT, "".join(records.extract()).encode())
    for name, content in records.trust().items():
        yield _entry(f"trust/{name}", content)
    files: dict[str, str] = {}
    for piece in records.evidence():
        if piece.sha256 not in files:
            files[piece.sha256] = f"{EVIDENCE}{piece.sha256}{_extension(piece.name)}"
            yield Entry(files[piece.sha256], piece.sha256, _checked(piece))
    index = [
        {
            "kind": one.kind,
            "name": one.name,
            "sha256": one.sha256,
            "size": one.size,
            "uploaded_by": one.uploaded_by,
            "uploaded_at": one.uploaded_at,
            "file": files.get(one.sha256),
        }
        for one in card.evidence
    ]
    yield _entry(INDEX, rfc8785.dumps(index))


def _extension(name: str) -> str:
    found = EXTENSION.search(name)
    return f".{found[1].lower()}" if found else ""


def _checked(piece: Piece) -> Iterator[bytes]:
    """The bytes of a piece; ends the download if they are not those that its digest names."""
    found = hashlib.sha256()
    for chunk in piece.chunks:
        found.update(chunk)
        yield chunk
    if found.hexdigest() != piece.sha256:
        raise Unavailable(f"The stored file of {piece.name} was altered, so the pack was not finished.")


def _zipped(entries: list[Entry], card: Card, records: Records | None) -> Iterator[bytes]:
    first, *rest = entries
    listed = "".join(f"{one.sha256}  {one.name}\n" for one in sorted(entries, key=lambda one: one.name)).encode()
    seal = [_entry(SIGNED_MANIFEST, records.signed(listed))] if records is not None and card.issued else []
    ordered = [first, _entry(MANIFEST, listed), *seal, *sorted(rest, key=lambda one: one.name)]
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as pack:
        for one in ordered:
            with pack.open(_described(one.name), "w", force_zip64=True) as target:
                for chunk in one.chunks:
                    target.write(chunk)
                    yield sink.taken()
        yield sink.taken()
    yield sink.taken()


def _described(name: str) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name, MOMENT)
    found.create_system, found.external_attr = UNIX, READABLE
    return found


class _Sink(io.RawIOBase):
    """Takes what the archive writes until it is given on; it cannot seek, so the archive is written in one go."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _readme(card: Card) -> str:
    state = (
        f"Model card {card.number}: {card.summary.verdict}."
        if card.issued
        else f"DRAFT {card.number}: this approves nothing, and nothing in this pack is signed."
    )
    return f"""{state}
{_one_line(f"{card.model.name} {card.version.number}, {card.issuer.organisation}")}. Made {card.made_at}.

What is in here
  card.pdf                   the card for people, signed
  card.json                  the card for programs; its SHA-256 digest stands on every page of card.pdf
  card.README.md             the card for a model repository (Hugging Face)
  card.cdx.json, card-1.7.cdx.json   the card as bill of materials (CycloneDX 1.6 and 1.7)
  card.intoto.jsonl          what was checked and approved, as signed statements (in-toto in DSSE envelopes)
  evidence/                  every piece of evidence, named by its SHA-256 digest; index.json says what each is
  ledger/extract.jsonl       what the ledger says about this version, each entry with its proof
  schema/                    the JSON Schema of card.json
  trust/                     certificate of the authority, key of the ledger, and the verifier
  MANIFEST                   the SHA-256 digest of every file but itself and its signature
  MANIFEST.dsse.json         the same manifest, signed (DSSE)

How to check it
  Files against the manifest:    sha256sum -c MANIFEST
  Everything, without the portal, with Python and its package cryptography:
    python trust/{SCRIPT_NAME} PACK.zip --authority card-root.pem --ledger-key "..."
  The certificate and the key in trust/ come with the pack, so they prove nothing about who made it: use those that
  you got by another way, and the verifier that you got by another way too.
  What happened after the last entry of the extract (superseded, suspended, withdrawn), only the portal knows.
"""


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in text)
