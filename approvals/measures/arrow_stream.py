"""Numbers out of a stream in Arrow's C data interface, piece after piece, without a copy and without pyarrow.

https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html say what stands where in memory.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES: dict[bytes, Any] = {b"g": ctypes.c_double, b"L": ctypes.c_uint64}


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema))),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream))),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Stream))),
    ("private_data", ctypes.c_void_p),
]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


class StreamError(Exception):
    """The stream ended before its end; the text is what its maker says."""


def each_piece(capsule: Any, take: Callable[..., None]) -> None:
    """Give every piece of a stream of columns of doubles or hashes, none missing, to `take`, which it does not outlive.

    `take` gets an array for each column.

    StreamError for what the maker of the stream says, TypeError for a stream of anything else.
    """
    stream = ctypes.cast(_pointer(capsule, b"arrow_array_stream"), ctypes.POINTER(_Stream))
    types = _types(stream)
    while True:
        piece = _Array()
        if stream.contents.get_next(stream, piece):
            raise StreamError(_said(stream))
        if not piece.release:
            return
        try:
            take(*(_numbers(piece, place, kind) for place, kind in enumerate(types)))
        finally:
            piece.release(piece)


def _types(stream: Any) -> list[Any]:
    schema = _Schema()
    if stream.contents.get_schema(stream, schema):
        raise StreamError(_said(stream))
    try:
        said = [schema.children[place].contents.format for place in range(schema.n_children)]
    finally:
        schema.release(schema)
    if not _TYPES.keys() >= set(said):
        raise TypeError("A stream of columns of doubles or of 64-bit hashes was expected.")
    return [_TYPES[one] for one in said]


def _numbers(piece: _Array, place: int, kind: Any) -> NDArray[Any]:
    column = piece.children[place].contents
    if column.null_count:
        raise TypeError("A stream without missing values was expected.")
    if not column.length:
        return np.zeros(0, dtype=kind)
    start = column.buffers[1] + 8 * (column.offset + piece.offset)
    return np.ctypeslib.as_array(ctypes.cast(start, ctypes.POINTER(kind)), (column.length,))


def _said(stream: Any) -> str:
    return (stream.contents.get_last_error(stream) or b"").decode(errors="replace")
