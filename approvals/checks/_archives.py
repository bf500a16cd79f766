"""Bounds and shape of zip archives, before anything in them is read: no bombs, no ways out, nothing hidden."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_EXTRA = struct.Struct("<HH")
_END_OF_DIRECTORY = 22
_HAS_DESCRIPTOR, _ENCRYPTED = 0x8, 0x1
_DESCRIPTOR_SIZES = (12, 16, 20, 24)
_RATIO_MATTERS_FROM = 1 << 20
_PIECE = 1 << 20
_IN_EXTRA = 0xFFFFFFFF
"""A size that stands in an extra field instead."""
_USUAL_EXTRAS = (0x0001, 0x000A, 0x5455, 0x5855, 0x7875)
"""Extra fields that say sizes, times and owners; another could give a member a second name or hide something."""
BROKEN = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
"""What reading a broken or unusual archive can raise."""


@dataclass(frozen=True)
class Bounds:
    """How large an archive may be when unpacked."""

    members: int = 10_000
    unpacked: int = 4 << 30
    ratio: int = 200


def archive_problems(stream: IO[bytes], size: int, bounds: Bounds) -> list[str]:
    """What is wrong with the archive as an archive, one sentence each."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members, start = archive.infolist(), archive.start_dir
    except BROKEN as error:
        return [f"It is a zip archive that cannot be read: {error}."]
    if len(members) > bounds.members:
        return [f"The archive has {len(members):,} members; {bounds.members:,} are allowed."]
    problems = [sentence for member in members for sentence in _member_problems(member, bounds)]
    unpacked = sum(member.file_size for member in members)
    if unpacked > bounds.unpacked:
        problems.append(f"Unpacked, the archive has {unpacked:,} bytes; {bounds.unpacked:,} are allowed.")
    repeated = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
    problems += [f"The archive has several members named {name!r}." for name in repeated[:5]]
    if problems:
        return problems
    try:
        return list(_gaps(stream, members, start or 0, size)) or list(_unpacked(stream, members))
    except BROKEN as error:
        return [f"It is a zip archive that cannot be read: {error}."]


def _unpacked(stream: IO[bytes], members: Sequence[zipfile.ZipInfo]) -> Iterable[str]:
    """Whether each member is unpacked out of all of its bytes to what its checksum says."""
    with zipfile.ZipFile(stream) as archive:
        for member in members:
            if member.compress_type == zipfile.ZIP_DEFLATED:
                yield from _inflated(stream, member)
                continue
            if member.compress_type == zipfile.ZIP_STORED and member.compress_size != member.file_size:
                yield f"The archive member {member.filename!r} is stored with another size than its own."
            with archive.open(member) as inner:
                while inner.read(_PIECE):
                    pass


def _inflated(stream: IO[bytes], member: zipfile.ZipInfo) -> Iterable[str]:
    stream.seek(member.header_offset)
    header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    stream.seek(header[9] + header[10], 1)
    inflater, checksum, size, left = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0, member.compress_size
    while not inflater.eof and (left or inflater.unconsumed_tail):
        packed = inflater.unconsumed_tail or stream.read(min(left, _PIECE))
        left -= 0 if inflater.unconsumed_tail else len(packed)
        piece = inflater.decompress(packed, _PIECE)
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
        if size > member.file_size:
            break
    if not inflater.eof or size != member.file_size or checksum != member.CRC:
        yield f"The archive member {member.filename!r} is damaged."
    elif left or inflater.unused_data:
        yield f"The archive member {member.filename!r} has bytes behind its end, which belong to nothing."


def _member_problems(member: zipfile.ZipInfo, bounds: Bounds) -> Iterable[str]:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
        yield f"The archive has a member that leaves its folder: {member.filename!r}."
    if stat.S_ISLNK(member.external_attr >> 16):
        yield f"The archive has a link instead of a file: {member.filename!r}."
    if member.flag_bits & _ENCRYPTED:
        yield f"The archive has an encrypted member, which cannot be scanned: {member.filename!r}."
    if member.comment or not _is_usual(member.extra):
        yield f"The archive keeps something beside the member {member.filename!r}, which no model needs."
    large = member.file_size >= _RATIO_MATTERS_FROM
    if large and member.file_size > bounds.ratio * max(member.compress_size, 1):
        yield (
            f"The archive member {member.filename!r} grows {member.file_size // max(member.compress_size, 1):,}-fold "
            f"when unpacked; {bounds.ratio}-fold is allowed."
        )


def _is_usual(extra: bytes) -> bool:
    """Whether an extra field is made of known ones to its end."""
    place = 0
    while place + _EXTRA.size <= len(extra):
        kind, length = _EXTRA.unpack_from(extra, place)
        if kind not in _USUAL_EXTRAS:
            return False
        place += _EXTRA.size + length
    return place == len(extra)


def _gaps(stream: IO[bytes], members: Sequence[zipfile.ZipInfo], start: int, size: int) -> Iterable[str]:
    """Whether the members fill the file up to the directory, and the directory fills it to the end."""
    place = 0
    for member in sorted(members, key=lambda item: item.header_offset):
        if member.header_offset != place:
            yield f"The file has {member.header_offset - place:,} bytes that belong to no member of the archive."
            return
        stream.seek(place)
        header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
        name = stream.read(header[9]).decode("utf-8" if member.flag_bits & 0x800 else "cp437", "replace")
        if name != member.orig_filename:
            yield f"The archive calls a member {member.filename!r} in its directory, and {name!r} where it lies."
            return
        packed = header[7] if not member.flag_bits & _HAS_DESCRIPTOR else member.compress_size
        if header[3] != member.compress_type or packed not in (member.compress_size, _IN_EXTRA):
            yield f"The archive packs the member {member.filename!r} otherwise in its directory than where it lies."
            return
        if not _is_usual(stream.read(header[10])):
            yield f"The archive keeps something beside the member {member.filename!r}, which no model needs."
            return
        place += _LOCAL_HEADER.size + header[9] + header[10] + member.compress_size
        if member.flag_bits & _HAS_DESCRIPTOR:
            following = min((item.header_offset for item in members if item.header_offset >= place), default=start)
            if following - place in _DESCRIPTOR_SIZES:
                place = following
    if place != start:
        yield f"The file has {start - place:,} bytes that belong to no member of the archive."
    stream.seek(size - _END_OF_DIRECTORY)
    if stream.read(4) != b"PK\x05\x06":
        yield "The file goes on after the end of the archive."
