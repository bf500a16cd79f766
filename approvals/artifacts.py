"""Tells from the first and last bytes of a model file which format it is. Loads nothing, executes nothing.

The depth is the artifact scan's part; this is for a message at upload and for knowing where to look.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SAFETENSORS, ONNX, SKOPS, NPY, NPZ = "safetensors", "onnx", "skops", "npy", "npz"
PICKLE, TORCH, KERAS, ZIP, HDF5, EMPTY, UNKNOWN = "pickle", "torch", "keras", "zip", "hdf5", "empty", "unknown"
GZIP, ZLIB, BZIP2, XZ, LZMA, ZSTD, LZ4 = "gzip", "zlib", "bzip2", "xz", "lzma", "zstd", "lz4"
DATA_ONLY = (SAFETENSORS, ONNX, SKOPS, NPY, NPZ)
"""Formats that hold numbers and names but no code."""
COMPRESSED = (GZIP, ZLIB, BZIP2, XZ, LZMA, ZSTD, LZ4)
LABELS = {
    SAFETENSORS: "safetensors file",
    ONNX: "ONNX model",
    SKOPS: "skops file",
    NPY: "NumPy array",
    NPZ: "NumPy archive",
    PICKLE: "Python pickle",
    TORCH: "PyTorch archive, which is a pickle inside",
    KERAS: "Keras archive",
    ZIP: "zip archive",
    HDF5: "HDF5 file",
    EMPTY: "empty file",
    UNKNOWN: "file of a format that this portal does not know",
    **{
        name: f"file compressed with {name}, as joblib writes pickles"
        for name in (GZIP, ZLIB, BZIP2, XZ, LZMA, ZSTD, LZ4)
    },
}
_ENDINGS = {".safetensors": SAFETENSORS, ".onnx": ONNX, ".skops": SKOPS, ".npy": NPY, ".npz": NPZ}
UNFAMILIAR = (ZIP, UNKNOWN)
"""Formats of which nothing can be said, neither that they hold code nor that they hold none."""
_INSTEAD = "attach the model as skops, safetensors or ONNX instead."
_HEAD = 4096
_LONGEST_SAFETENSORS_HEADER = 100 * 1024 * 1024
_LONGEST_ZIP_END = 22 + 0xFFFF
_LARGEST_DIRECTORY = 4_000_000


@dataclass(frozen=True)
class ArtifactDescription:
    """What a file is and why it cannot be accepted, if so."""

    format: str
    problems: tuple[str, ...]


def describe_artifact(path: Path, name: str) -> ArtifactDescription:
    """The format of a file and what speaks against it at first sight, one sentence each."""
    found = format_of(path)
    problems = []
    if found == EMPTY:
        problems.append(f"{name} is empty.")
    expected = _ENDINGS.get(Path(name).suffix.lower())
    if found in UNFAMILIAR:
        problems.append(_unfamiliar(path, name, found, expected))
    elif found != EMPTY and found not in DATA_ONLY:
        problems.append(f"{name} is a {LABELS[found]}, which may run code when it is loaded; {_INSTEAD}")
    if expected and found not in (expected, EMPTY, *UNFAMILIAR):
        problems.append(f"{name} is named like a {LABELS[expected]}, but its content is a {LABELS[found]}.")
    return ArtifactDescription(found, tuple(problems))


def _unfamiliar(path: Path, name: str, found: str, expected: str | None) -> str:
    """Why a file that is no known format is refused; nothing is said about it that was not seen."""
    if found == ZIP and not _has_directory(path):
        return f"{name} is a zip archive that is damaged, was cut off or has far too many members; export it anew."
    if expected:
        article = "an" if expected == ONNX else "a"
        return f"{name} is named like {article} {LABELS[expected]}, but it is damaged or something else; {_INSTEAD}"
    return f"{name} is a {LABELS[found]}; {_INSTEAD}"


def _has_directory(path: Path) -> bool:
    with path.open("rb") as stream:
        return bool(_members(stream))


def _members(stream: BinaryIO) -> list[str]:
    """Names in the directory of a zip archive; none if it is broken, or larger than a web request may read."""
    try:
        if not _directory_is_small(stream):
            return []
        with zipfile.ZipFile(stream) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        return []


def _directory_is_small(stream: BinaryIO) -> bool:
    """By the record at the archive's end. Directories of the 64-bit kind are for files beyond what is taken here."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _LONGEST_ZIP_END))
    tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or b"PK\x06\x07" in tail[max(0, place - 20) : place]:
        return False
    (length,) = struct.unpack_from("<I", tail, place + 12)
    return int(length) <= _LARGEST_DIRECTORY


def format_of(path: Path) -> str:
    """The format by content. A file that could be two things is named by the more dangerous one."""
    with path.open("rb") as stream:
        size = path.stat().st_size
        head = stream.read(_HEAD)
        return sniff(head, size=size, stream=stream)


def sniff(head: bytes, *, size: int, stream: BinaryIO | None = None) -> str:
    """The format by its first bytes; with a seekable stream also by the directory of a zip archive."""
    if not head:
        return EMPTY
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_format(stream) if stream is not None else ZIP
    for name, matches in _SIGNS:
        if matches(head, size):
            return name
    return UNKNOWN


def _zip_format(stream: BinaryIO) -> str:
    names = _members(stream)
    if any(name.endswith((".pkl", ".pickle")) for name in names):
        return TORCH
    if "schema.json" in names:
        return SKOPS
    if "config.json" in names and any(name.endswith(".h5") for name in names):
        return KERAS
    if names and all(name.endswith(".npy") for name in names):
        return NPZ
    return ZIP


def _is_safetensors(head: bytes, size: int) -> bool:
    """Eight bytes with the length of the header, then the header, which is JSON."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and len("{}") <= length <= min(size - 8, _LONGEST_SAFETENSORS_HEADER)


def _is_onnx(head: bytes, size: int) -> bool:
    """A ModelProto as all exporters write it: the field ir_version, a small number, then a text or the graph."""
    return size > 8 and head[0] == 0x08 and 1 <= head[1] < 0x20 and head[2] in (0x12, 0x1A, 0x3A, 0x42)


def _is_binary_pickle(head: bytes, size: int) -> bool:
    return size >= 2 and head[0] == 0x80 and head[1] <= 5


def _is_text_pickle(head: bytes, size: int) -> bool:
    """Protocols 0 and 1 have no signature: the first operation is all there is to go by."""
    first = head.split(b"\n", 1)[0]
    called = head[:1] in (b"c", b"i") and b"\n" in head and _is_dotted_name(first[1:])
    return called or head[:2] in (b"(d", b"(l", b"(i", b"(c", b"}q", b"]q", b")R") or (size < _HEAD and _ends(head))


def _ends(head: bytes) -> bool:
    return head.rstrip(b"\n").endswith((b"R.", b"b.", b"u.", b"s.", b"a.", b"t.")) and b"\n" in head


def _is_dotted_name(text: bytes) -> bool:
    return bool(text) and all(part.isidentifier() for part in text.decode("ascii", "replace").split("."))


def _is_zlib(head: bytes, size: int) -> bool:
    return size > 6 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0


def _starts(*signs: bytes) -> Callable[[bytes, int], bool]:
    return lambda head, _: head.startswith(signs)


_SIGNS: tuple[tuple[str, Callable[[bytes, int], bool]], ...] = (
    (NPY, _starts(b"\x93NUMPY")),
    (GZIP, _starts(b"\x1f\x8b")),
    (BZIP2, _starts(b"BZh")),
    (XZ, _starts(b"\xfd7zXZ\x00")),
    (ZSTD, _starts(b"\x28\xb5\x2f\xfd")),
    (LZ4, _starts(b"\x04\x22\x4d\x18")),
    (HDF5, _starts(b"\x89HDF\r\n\x1a\n")),
    # No pickle can look like safetensors: its third and fourth byte are operations, which as a length are too large.
    (SAFETENSORS, _is_safetensors),
    (PICKLE, _is_binary_pickle),
    (ONNX, _is_onnx),
    (ZLIB, _is_zlib),
    (LZMA, _starts(b"\x5d\x00\x00")),
    (PICKLE, _is_text_pickle),
)
