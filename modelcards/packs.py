"""Checks an audit pack: a ZIP file with a manifest of digests, which is signed. Makes none.

A pack is written in one way only, so that nothing hides in it; whatever is written otherwise does not hold. Part of the
auditor's script: the standard library and what the script holds already are all it needs.
"""

import hashlib
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from modelcards.envelopes import (
    MANIFEST_TYPE,
    EnvelopeError,
    Finding,
    attestation_findings,
    attested,
    key_findings,
    read_envelopes,
    signature_findings,
)
from modelcards.trust import Trust
from portal.merkle import read_bundle, verify_bundle

README, MANIFEST, SIGNED_MANIFEST = "README.txt", "MANIFEST", "MANIFEST.dsse.json"
CARD_PDF, CARD_JSON, SIGNED_STATEMENTS = "card.pdf", "card.json", "card.intoto.jsonl"
EXTRACT, INDEX, EVIDENCE = "ledger/extract.jsonl", "evidence/index.json", "evidence/"
ZIP_START = b"PK\x03\x04"
ISSUED = "modelcards.card.issued"
MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._/-]*)")
MOST_ENTRIES = 10_000
LARGEST_READ, LARGEST_DIRECTORY = 200_000_000, 5_000_000
PART = 1 << 20
VERSION, UNIX, SIZES_FOLLOW, READABLE = 45, 3, 8, 0o100644 << 16
MOMENT = (0, 1 | 1 << 5)  # the first moment that the format can say: midnight, 1 January 1980
UNKNOWN, LARGE = 0xFFFFFFFF, (1 << 31) - 1  # beyond it sizes and places are written long


class PackError(ValueError):
    """The file is no audit pack; the sentence says why."""


def pack_entry(path: Path, name: str) -> bytes:
    """The content of one entry. Raises PackError if it is not there or cannot be read."""
    try:
        with zipfile.ZipFile(path) as pack:
            return _content(pack, name)
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        raise PackError(f"{name} cannot be read out of the pack.") from problem


def pack_findings(path: Path, *, trust: Trust, vkey: str | None, moment: datetime | None = None) -> Iterator[Finding]:
    """Everything about a pack but its PDF: how it is written, the manifest, every file, card, evidence and ledger.

    What the manifest does not vouch for is not read.
    """
    try:
        if not _has_a_small_directory(path):
            yield "Archive", False, "The pack holds more than any audit pack, or something behind its end."
            return
        with zipfile.ZipFile(path) as pack, path.open("rb") as raw:
            found = [_layout(pack, raw), *_manifest_findings(pack, trust, moment)]
            yield from found
            if any(holds is False for _, holds, _ in found):
                return
            yield from _content_findings(pack, trust, vkey, moment)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, struct.error) as problem:
        yield "Archive", False, f"The pack cannot be read ({type(problem).__name__})."
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        yield "Content", False, f"The content of the pack cannot be read ({type(problem).__name__})."


def _has_a_small_directory(path: Path) -> bool:
    """Whether the file ends as a pack does, with a directory of few entries: whoever opens it reads all of that."""
    with path.open("rb") as raw:
        size = raw.seek(0, 2)
        raw.seek(max(0, size - 98))
        last = raw.read()
    end, long = last[-22:], last[:-22][-76:]
    if len(end) != 22 or not end.startswith(b"PK\x05\x06"):
        return False
    entries, listed = struct.unpack("<H", end[10:12])[0], struct.unpack("<L", end[12:16])[0]
    if long[-20:].startswith(b"PK\x06\x07"):
        if not long.startswith(b"PK\x06\x06"):
            return False
        entries, listed = struct.unpack("<2Q", long[32:48])
    return bool(entries <= MOST_ENTRIES and listed <= LARGEST_DIRECTORY)


def _layout(pack: zipfile.ZipFile, raw: BinaryIO) -> Finding:
    """Whether the file is nothing but its entries, one after the other, each once, stored and described in one way."""
    name, entries = "Archive", pack.infolist()
    if not 0 < len(entries) <= MOST_ENTRIES or len({one.filename for one in entries}) != len(entries):
        return name, False, "The pack holds no entry, too many, or two of one name."
    place = 0
    for one in entries:
        local, descriptor = _around(one)
        raw.seek(place)
        begins = one.header_offset == place and raw.read(len(local)) == local
        raw.seek(place + len(local) + one.file_size)
        if not begins or raw.read(len(descriptor)) != descriptor or one.compress_size != one.file_size:
            return name, False, f"{one.filename} is not written as an entry of an audit pack is."
        place += len(local) + one.file_size + len(descriptor)
    expected = _pack_end(entries, place)
    raw.seek(place)
    if place != pack.start_dir or raw.read(len(expected) + 1) != expected:
        return name, False, "Something stands in the pack that is no entry of it."
    return name, True, f"The pack holds {len(entries)} entries and nothing beside them."


def _around(one: zipfile.ZipInfo) -> tuple[bytes, bytes]:
    """What stands before and behind the content of an entry: sizes follow it, because it was written in one go."""
    file = one.filename.encode()
    fixed = (VERSION, SIZES_FOLLOW, 0, *MOMENT, 0, UNKNOWN, UNKNOWN, len(file), 20)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", *fixed) + file + struct.pack("<2H2Q", 1, 16, 0, 0)
    return local, struct.pack("<4sL2Q", b"PK\x07\x08", one.CRC, one.file_size, one.file_size)


def _pack_end(entries: Sequence[zipfile.ZipInfo], place: int) -> bytes:
    """The directory and the end of a pack with these entries."""
    directory = b"".join(_listed(one) for one in entries)
    count, size = len(entries), len(directory)
    found = directory
    if place > LARGE or size > LARGE:
        found += struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, VERSION, VERSION, 0, 0, count, count, size, place)
        found += struct.pack("<4sLQL", b"PK\x06\x07", 0, place + size, 1)
    ends = (count, count, min(size, UNKNOWN), min(place, UNKNOWN), 0)
    return found + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *ends)


def _listed(one: zipfile.ZipInfo) -> bytes:
    file, long = one.filename.encode(), [one.file_size] * 2 if one.file_size > LARGE else []
    size = UNKNOWN if long else one.file_size
    long += [one.header_offset] if one.header_offset > LARGE else []
    offset = UNKNOWN if one.header_offset > LARGE else one.header_offset
    extra = struct.pack(f"<2H{len(long)}Q", 1, 8 * len(long), *long) if long else b""
    fixed = (VERSION, UNIX, VERSION, 0, SIZES_FOLLOW, 0, *MOMENT, one.CRC, size, size, len(file), len(extra), 0, 0, 0)
    return struct.pack("<4s4B4H3L5H2L", b"PK\x01\x02", *fixed, READABLE, offset) + file + extra


def _content(pack: zipfile.ZipFile, name: str) -> bytes:
    if pack.getinfo(name).file_size > LARGEST_READ:
        raise PackError(f"{name} is larger than it is in any pack.")
    return pack.read(name)


def _manifest_findings(pack: zipfile.ZipFile, trust: Trust, moment: datetime | None) -> Iterator[Finding]:
    names = {one.filename for one in pack.infolist()}
    if MANIFEST not in names:
        yield "Manifest", False, "The pack has no manifest."
        return
    if pack.getinfo(MANIFEST).file_size > LARGEST_DIRECTORY:
        yield "Manifest", False, "The manifest is larger than that of any pack."
        return
    manifest = _content(pack, MANIFEST)
    if SIGNED_MANIFEST not in names:
        yield (
            "Manifest",
            False,
            "The manifest is not signed: this is a draft, which approves nothing, or no pack of the portal.",
        )
    else:
        yield from _seal_findings(_content(pack, SIGNED_MANIFEST), manifest, trust, moment)
    lines = [MANIFEST_LINE.fullmatch(line) for line in manifest.decode("ascii", "replace").split("\n")[:-1]]
    if not all(lines) or not manifest.endswith(b"\n"):
        yield "Manifest", False, "The manifest is not made of digests and names."
        return
    listed = {line[2]: line[1] for line in lines if line}
    present = names - {MANIFEST, SIGNED_MANIFEST}
    wrong = [f"{name} is missing." for name in sorted(set(listed) - present)]
    wrong += [f"{name} was added." for name in sorted(present - set(listed))]
    wrong += [f"{name} was changed." for name in sorted(present & set(listed)) if _digest(pack, name) != listed[name]]
    held = f"All {len(listed)} files are those of the manifest."
    yield "Files", not wrong, " ".join(wrong[:20]) or held


def _seal_findings(envelope: bytes, manifest: bytes, trust: Trust, moment: datetime | None) -> Iterator[Finding]:
    try:
        envelopes = read_envelopes(envelope)
    except EnvelopeError as problem:
        yield "Manifest", False, f"The signature of the manifest cannot be read: {problem}"
        return
    signed = [(one.payload_type, one.payload) for one in envelopes]
    same = signed == [(MANIFEST_TYPE, manifest)]
    yield (
        "Manifest",
        same,
        "The manifest is the signed one." if same else "The manifest is not the one that was signed.",
    )
    found = (*signature_findings(envelopes, trust.roots), *key_findings(envelopes[0].certificate, trust, moment))
    for name, holds, sentence in found:
        yield name.replace("Attestation", "Manifest"), holds, sentence


def _digest(pack: zipfile.ZipFile, name: str) -> str:
    found = hashlib.sha256()
    with pack.open(name) as content:
        while part := content.read(PART):
            found.update(part)
    return found.hexdigest()


def _content_findings(
    pack: zipfile.ZipFile, trust: Trust, vkey: str | None, moment: datetime | None
) -> Iterator[Finding]:
    """Whether card, evidence, attestations and ledger fit together."""
    document = _content(pack, CARD_JSON)
    card, digest = json.loads(document), hashlib.sha256(document).hexdigest()
    issued = card["status"] == "issued"
    yield "Card", issued, f"{CARD_JSON} is card {card['number']}, {card['status']}, SHA-256 {digest}."
    yield _evidence_finding(pack, card)
    statements = _content(pack, SIGNED_STATEMENTS)
    for name, holds, sentence in attestation_findings(statements, trust, moment):
        if name != "signed by":
            yield name, holds, sentence
    about = attested(read_envelopes(statements)).subjects.get(CARD_JSON)
    yield (
        "Attested card",
        about == digest,
        "The attestations are about this card." if about == digest else ("The attestations are about another card."),
    )
    yield from _ledger_findings(pack, card, digest, vkey)


def _evidence_finding(pack: zipfile.ZipFile, card: Any) -> Finding:
    names = [one.filename for one in pack.infolist() if one.filename.startswith(EVIDENCE) and one.filename != INDEX]
    held = {name.removeprefix(EVIDENCE).partition(".")[0]: name for name in names}
    wrong = [
        f"{name} has another digest than its name." for digest, name in held.items() if _digest(pack, name) != digest
    ]
    index = {one["sha256"]: one for one in json.loads(_content(pack, INDEX))}
    for one in card["evidence"]:
        entry = index.get(one["sha256"])
        if entry is None:
            wrong.append(f"The index of the evidence leaves out {one['name']}.")
        elif entry["file"] is not None and entry["file"] != held.get(one["sha256"]):
            wrong.append(f"{one['name']} is not in the pack.")
    referenced = [one for one in index.values() if one["file"] is None]
    beside = f", {len(referenced)} of them by reference only" if referenced else ""
    words = f"All {len(card['evidence'])} pieces of evidence are here by their digest{beside}."
    return "Evidence", not wrong, " ".join(wrong) or words


def _ledger_findings(pack: zipfile.ZipFile, card: Any, digest: str, vkey: str | None) -> Iterator[Finding]:
    bundle = read_bundle(_content(pack, EXTRACT).decode())
    problems = verify_bundle(bundle, vkey or str(bundle["vkey"]))
    held = f"All {len(bundle['entries'])} entries of the extract stand in the ledger."
    yield "Ledger extract", not problems, " ".join(problems[:5]) or held
    if vkey is None:
        yield "Ledger key", None, f"No key of the ledger was given; the extract names {bundle['vkey']}."
    if problems:
        return
    acts = [json.loads(entry["payload"]) for entry in bundle["entries"]]
    pdf = _digest(pack, CARD_PDF)
    facts = [act["facts"] for act in acts if act["event"] == ISSUED]
    recorded = any((one["document"], one["pdf"]) == (digest, pdf) for one in facts)
    held = "The ledger records that this very card was issued."
    yield "Issue", recorded, held if recorded else "The ledger does not record that this card was issued."
    later = sum(act["seq"] >= card["ledger"]["size"] for act in acts)
    words = f"{later} of the entries are later than the card; what happened after entry {acts[-1]['seq']}"
    yield "Since the issue", True, f"{words}, only the portal knows."
