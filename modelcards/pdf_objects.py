"""Reads the objects of a card's PDF and the files attached to it, as far as the portal writes such files.

Whole objects are read, so that text inside a string is never taken for a part of the file: people's words stand in
headings and titles. No reader of any PDF: what it cannot read is not read. Part of the auditor's script.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelcards.detached import NotReadable

OBJECT = re.compile(rb"(?<![0-9])(\d+)\s+(\d+)\s+obj\b")
BLANK = re.compile(rb"(?:[\0\t\n\f\r ]|%[^\r\n]*)*")
REFERENCE = re.compile(rb"(\d+)[\0\t\n\f\r ]+(\d+)[\0\t\n\f\r ]+R(?![^\0\t\n\f\r ()<>\[\]{}/%])")
WORD = re.compile(rb"[^\0\t\n\f\r ()<>\[\]{}/%]*")
STREAM = re.compile(rb"[\0\t\n\f\r ]*stream\r?\n")
STRING_PART = re.compile(rb"[()\\]")
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
OCTAL = re.compile(rb"[0-7]{1,3}")
NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)")
OBJECTS_NEST = 40
LARGEST_CONTENT = 100_000_000


class PdfName(str):
    """A name of PDF, without its slash."""

    __slots__ = ()


@dataclass(frozen=True)
class PdfReference:
    """Where another object stands: its number."""

    number: int


@dataclass(frozen=True)
class PdfObject:
    """One object: name, number, string (bytes), list or dictionary; of a stream also its bytes as they are stored."""

    value: Any
    raw: bytes | None = None

    def entry(self, name: str) -> Any:
        """An entry of a dictionary, None if there is none."""
        return self.value.get(name) if isinstance(self.value, dict) else None


def attachments(pdf: bytes) -> dict[str, bytes]:
    """The files attached to a PDF, by name. Of an object that stands there twice, the last one counts."""
    found = dict(pdf_objects(pdf))
    files: dict[str, bytes] = {}
    for one in found.values():
        place, name = one.entry("EF"), one.entry("UF") or one.entry("F")
        reference = place.get("F") if isinstance(place, dict) else None
        stream = found.get(reference.number) if isinstance(reference, PdfReference) else None
        if one.entry("Type") == "Filespec" and isinstance(name, bytes) and stream is not None:
            files[text_of_string(name)] = stream_of(stream)
    return files


def pdf_objects(pdf: bytes) -> Iterator[tuple[int, PdfObject]]:
    """The objects of a file by their number, also those inside object streams. Raises NotReadable."""
    position = 0
    while match := OBJECT.search(pdf, position):
        one, position = object_at(pdf, match.end())
        yield int(match.group(1)), one
        if one.entry("Type") == "ObjStm" and one.raw is not None:
            yield from _inner(one)


def stream_of(one: PdfObject, most: int = LARGEST_CONTENT) -> bytes:
    """The content of a stream, of at most so many bytes unpacked. Raises NotReadable if the object has none."""
    if one.raw is None:
        raise NotReadable("An attachment has no content.")
    if one.entry("Filter") is None:
        return one.raw
    if one.entry("Filter") != "FlateDecode" or one.entry("DecodeParms") is not None:
        raise NotReadable("A part of the file is stored in a way in which the portal stores none.")
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(one.raw, most)
    except zlib.error as problem:
        raise NotReadable("A part of the file is damaged.") from problem
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise NotReadable("A part of the file is cut off, or larger than any in a card.")
    return content


def text_of_string(text: bytes) -> str:
    """A string of PDF in characters."""
    return text.decode("utf-16") if text.startswith((b"\xfe\xff", b"\xff\xfe")) else text.decode("latin-1")


def object_at(pdf: bytes, start: int) -> tuple[PdfObject, int]:
    """The object that begins here, behind its number, and where it ends. Raises NotReadable."""
    value, end = _value(pdf, start, 0)
    stream = STREAM.match(pdf, end) if isinstance(value, dict) else None
    if stream is None:
        return PdfObject(value), end
    length = value.get("Length")
    if not isinstance(length, int) or not 0 <= length <= len(pdf) - stream.end():
        raise NotReadable("A part of the file does not say how long it is.")
    end = stream.end() + length
    return PdfObject(value, pdf[stream.end() : end]), end


def _inner(one: PdfObject) -> Iterator[tuple[int, PdfObject]]:
    """The objects inside an object stream."""
    content, count, first = stream_of(one), one.entry("N"), one.entry("First")
    if not isinstance(count, int) or not isinstance(first, int):
        raise NotReadable("A collection of objects does not say how many it holds.")
    numbers = [int(word) for word in content[:first].split()][: 2 * count]
    for number, place in zip(numbers[::2], numbers[1::2], strict=True):
        yield number, PdfObject(_value(content, first + place, 0)[0])


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins here, and where it ends."""
    if depth > OBJECTS_NEST:
        raise NotReadable("The objects of the file nest too deep.")
    at = _after_blanks(data, at)
    match = REFERENCE.match(data, at)
    if match:
        if int(match[2]):
            raise NotReadable("An object of the file names another generation of one than there is.")
        return PdfReference(int(match[1])), match.end()
    if data.startswith((b"<<", b"["), at):
        compound = _dictionary if data.startswith(b"<<", at) else _list
        return compound(data, at + (2 if compound is _dictionary else 1), depth)
    simple = {b"(": _string, b"<": _hexadecimal, b"/": _name}.get(data[at : at + 1])
    return simple(data, at + 1) if simple else _word(data, at)


def _after_blanks(data: bytes, at: int) -> int:
    blank = BLANK.match(data, at)
    return blank.end() if blank else at


def _dictionary(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while True:
        at = _after_blanks(data, at)
        if data.startswith(b">>", at):
            return found, at + 2
        if data[at : at + 1] != b"/":
            raise NotReadable("An object of the file cannot be read.")
        name, at = _name(data, at + 1)
        if name in found:
            raise NotReadable("An object of the file says one thing twice.")
        found[name], at = _value(data, at, depth + 1)


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while True:
        at = _after_blanks(data, at)
        if data[at : at + 1] == b"]":
            return found, at + 1
        value, at = _value(data, at, depth + 1)
        found.append(value)


def _name(data: bytes, at: int) -> tuple[PdfName, int]:
    match = WORD.match(data, at)
    word = match[0] if match else b""
    plain = re.sub(rb"#([0-9A-Fa-f]{2})", lambda code: bytes.fromhex(code[1].decode()), word)
    return PdfName(plain.decode("latin-1")), at + len(word)


def _word(data: bytes, at: int) -> tuple[int | float | bool | None, int]:
    match = WORD.match(data, at)
    word = match[0] if match else b""
    known = {b"true": True, b"false": False, b"null": None}
    if word in known:
        return known[word], at + len(word)
    if not NUMBER.fullmatch(word):
        raise NotReadable("An object of the file cannot be read.")
    return (float(word) if b"." in word else int(word)), at + len(word)


def _hexadecimal(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b">", at)
    if end < 0:
        raise NotReadable("A string of the file has no end.")
    digits = data[at:end].translate(None, b"\0\t\n\f\r ")
    try:
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii")), end + 1
    except ValueError as problem:
        raise NotReadable("A string of the file cannot be read.") from problem


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """A string in brackets, which may hold pairs of brackets and escaped signs."""
    parts, open_brackets = [], 1
    while match := STRING_PART.search(data, at):
        parts.append(data[at : match.start()])
        at = match.end()
        if match[0] == b"\\":
            part, at = _escaped_sign(data, at)
            parts.append(part)
            continue
        open_brackets += 1 if match[0] == b"(" else -1
        if open_brackets == 0:
            return b"".join(parts), at
        parts.append(match[0])
    raise NotReadable("A string of the file has no end.")


def _escaped_sign(data: bytes, at: int) -> tuple[bytes, int]:
    if match := OCTAL.match(data, at):
        return bytes([int(match[0], 8) & 0xFF]), match.end()
    if data.startswith(b"\r\n", at):
        return b"", at + 2
    sign = data[at : at + 1]
    return (b"" if sign in b"\r\n" else ESCAPES.get(sign, sign)), at + 1
