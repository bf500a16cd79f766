"""Whether files of the data-only formats are nothing but what they say: safetensors, NumPy arrays and archives.

Every byte must be accounted for, because what is not can be read as something else by another program.
"""

from __future__ import annotations

import json
import math
import tokenize
import zipfile
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from approvals.checks._archives import BROKEN, Bounds, archive_problems

_BYTES_PER_NUMBER = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
_NPY_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0, (3, 0): npy.read_array_header_2_0}
BROKEN_ARRAY = (*BROKEN, KeyError, RecursionError, SyntaxError, TypeError, tokenize.TokenError)
LONGEST_REASON = 200


def safetensors_problems(stream: BinaryIO, size: int) -> list[str]:
    """What is wrong with a safetensors file: its header must describe all bytes after it, once each."""
    length = int.from_bytes(stream.read(8), "little")
    try:
        header = json.loads(stream.read(length), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        return [f"The header of the safetensors file is not valid JSON: {error}."]
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return ["The metadata of the safetensors file must be texts."]
    spans = []
    for name, tensor in header.items():
        span = _tensor_span(tensor)
        if span is None:
            return [f"The safetensors file describes the tensor {name!r} in a way that does not add up."]
        spans.append(span)
    place = 0
    for begin, end in sorted(spans):
        if begin != place:
            return ["The tensors of the safetensors file overlap or leave gaps."]
        place = end
    rest = size - 8 - length - place
    return [f"The safetensors file has {rest:,} bytes that belong to no tensor."] if rest else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _tensor_span(tensor: Any) -> tuple[int, int] | None:
    """Where a tensor lies, if its type, shape and place agree."""
    if not isinstance(tensor, dict) or set(tensor) != {"dtype", "shape", "data_offsets"}:
        return None
    width, shape, place = _BYTES_PER_NUMBER.get(str(tensor["dtype"])), tensor["shape"], tensor["data_offsets"]
    numbers = [*shape, *place] if isinstance(shape, list) and isinstance(place, list) else [None]
    if width is None or len(place) != len(("begin", "end")):
        return None
    if not all(isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in numbers):
        return None
    return (place[0], place[1]) if place[1] - place[0] == width * math.prod(shape) else None


def npy_problems(stream: IO[bytes], size: int) -> list[str]:
    """What is wrong with one NumPy array file: numbers or texts only, and nothing behind them."""
    try:
        read_header = _NPY_READERS[npy.read_magic(stream)]
        shape, _, kind = read_header(stream)
    except BROKEN_ARRAY as error:
        return [f"The NumPy array cannot be read: {str(error)[:LONGEST_REASON]}."]
    if kind.hasobject:
        return ["The NumPy array holds Python objects, which are a pickle inside and run code when loaded."]
    if any(extent < 0 for extent in shape):
        return ["The NumPy array has a shape of negative numbers."]
    rest = size - stream.tell() - kind.itemsize * math.prod(shape)
    too = "more" if rest > 0 else "fewer"
    return [f"The NumPy array has {abs(rest):,} bytes {too} than its shape needs."] if rest else []


def npz_problems(stream: IO[bytes], size: int, bounds: Bounds) -> list[str]:
    """What is wrong with a NumPy archive: a zip of array files and nothing else."""
    problems = archive_problems(stream, size, bounds)
    if problems:
        return problems
    try:
        with zipfile.ZipFile(stream) as archive:
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    problems.append(f"The NumPy archive has a member that is no array: {member.filename!r}.")
                    continue
                with archive.open(member) as inner:
                    found = npy_problems(inner, member.file_size)
                problems += [f"{member.filename}: {sentence}" for sentence in found]
    except BROKEN as error:
        problems.append(f"The NumPy archive cannot be read: {error}.")
    return problems


def array_in(stream: IO[bytes]) -> np.ndarray[Any, Any]:
    """The numbers of an array file that `npy_problems` found nothing wrong with. Never unpickles."""
    array: np.ndarray[Any, Any] = npy.read_array(stream, allow_pickle=False)
    return array
