"""Files that are packed by gzip or zstd, by their own first bytes. Unpacks nothing by itself."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from backports import zstd


@dataclass(frozen=True)
class Packing:
    """One way to pack a file: its first bytes, how it is read, and what a damaged one raises."""

    name: str
    magic: bytes
    opened: Callable[[Path], BinaryIO]
    damaged: tuple[type[Exception], ...]


# zstd refuses by itself what would need more than 128 MiB to be unpacked.
PACKINGS = (
    Packing("gzip", b"\x1f\x8b", lambda path: cast("BinaryIO", gzip.GzipFile(path)), (gzip.BadGzipFile, zlib.error)),
    Packing("zstd", b"\x28\xb5\x2f\xfd", lambda path: cast("BinaryIO", zstd.ZstdFile(path)), (zstd.ZstdError,)),
)
DAMAGED: tuple[type[Exception], ...] = (EOFError, *(error for packing in PACKINGS for error in packing.damaged))


def packing_of(path: Path) -> Packing | None:
    """How the file is packed, from its own bytes; None if it is not."""
    with path.open("rb") as stream:
        head = stream.read(max(len(packing.magic) for packing in PACKINGS))
    return next((packing for packing in PACKINGS if head.startswith(packing.magic)), None)


def opened(path: Path) -> BinaryIO:
    """The bytes of the file, unpacked where it is packed. Reading them raises DAMAGED where it is damaged."""
    packing = packing_of(path)
    return packing.opened(path) if packing else path.open("rb")
