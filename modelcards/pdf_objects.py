"""Reads the objects of a card's PDF and the files attached to it, as far as the portal writes such files.

No reader of any PDF: what it cannot read is not read. Part of the auditor's script.
"""

import re
import zlib
from collections.abc import Iterator

from modelcards.detached import NotReadable

OBJECT = re.compile(rb"(?<![0-9])(\d+)\s+(\d+)\s+obj\b")
REFERENCE = re.compile(rb"/EF\s*<<[^>]*?/F\s+(\d+)\s+\d+\s+R")
FILE_NAME = re.compile(rb"/U?F\s*\(([^)]*)\)|/U?F\s*<([0-9A-Fa-f\s]*)>")


def attachments(pdf: bytes) -> dict[str, bytes]:
    """The files attached to a PDF, by name. Of an object that stands there twice, the last one counts."""
    found = dict(pdf_objects(pdf))
    files: dict[str, bytes] = {}
    for body in found.values():
        reference, name = REFERENCE.search(body), FILE_NAME.search(body)
        if reference and name and int(reference.group(1)) in found:
            files[_name(name)] = stream_of(found[int(reference.group(1))])
    return files


def pdf_objects(pdf: bytes) -> Iterator[tuple[int, bytes]]:
    """The objects of a file by their number, also those inside object streams."""
    position = 0
    while match := OBJECT.search(pdf, position):
        end = _end(pdf, match.end())
        body = pdf[match.end() : end]
        yield int(match.group(1)), body
        if re.search(rb"/Type\s*/ObjStm\b", body[:400]):
            yield from _inner(body)
        position = end


def _end(pdf: bytes, start: int) -> int:
    """Where an object ends: after its stream if it has one, whose length stands in its dictionary."""
    stop = pdf.find(b"endobj", start)
    stop = len(pdf) if stop < 0 else stop
    stream = re.compile(rb"stream\r?\n").search(pdf, start, stop)
    length = re.search(rb"/Length\s+(\d+)\b(?!\s+\d+\s+R)", pdf[start : stream.start()]) if stream else None
    return max(stop, stream.end() + int(length.group(1))) if stream and length else stop


def _inner(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The objects inside an object stream."""
    content = stream_of(body)
    count, first = (int(re.search(rb"/" + name + rb"\s+(\d+)", body)[1]) for name in (b"N", b"First"))  # type: ignore[index]
    numbers = [int(word) for word in content[:first].split()][: 2 * count]
    places = [*numbers[1::2], len(content) - first]
    for index, number in enumerate(numbers[::2]):
        yield number, content[first + places[index] : first + places[index + 1]]


def stream_of(body: bytes) -> bytes:
    """The content of an object. Raises NotReadable if it has none."""
    start = re.compile(rb"stream\r?\n").search(body)
    length = re.search(rb"/Length\s+(\d+)", body)
    if start is None or length is None:
        raise NotReadable("An attachment has no content.")
    content = body[start.end() : start.end() + int(length.group(1))]
    return zlib.decompress(content) if b"/FlateDecode" in body[: start.start()] else content


def _name(match: re.Match[bytes]) -> str:
    text = match.group(1) if match.group(1) is not None else bytes.fromhex(match.group(2).decode())
    return text.decode("utf-16") if text.startswith((b"\xfe\xff", b"\xff\xfe")) else text.decode("latin-1")
