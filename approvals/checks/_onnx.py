"""Whether an ONNX file is a graph of standard operators with its numbers inside. Reads the wire format, runs nothing.

Needs no ONNX library; what it does not know in the file is a problem, never passed over.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import BinaryIO

MOST_NAMED, DEEPEST = 10, 64
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training")
_CONTRIBUTED = "com.microsoft"

# Field numbers of onnx.proto3. Values are the message that a field holds, or None where there is nothing to look into.
_MODEL = {
    1: None,
    2: None,
    3: None,
    4: None,
    5: None,
    6: None,
    7: "graph",
    8: None,
    14: None,
    20: "training",
    25: "function",
}
_FIELDS: dict[str, dict[int, str | None]] = {
    "model": {**_MODEL, 26: None},
    "graph": {
        1: "node",
        2: None,
        5: "tensor",
        10: None,
        11: None,
        12: None,
        13: None,
        14: None,
        15: "sparse",
        16: None,
    },
    "function": {
        1: None, 2: None, 4: None, 5: None, 6: None, 7: "node", 8: None, 9: None, 10: None, 11: "attribute", 12: None,
        13: None, 14: None,
    },
    "node": {1: None, 2: None, 3: None, 4: None, 5: "attribute", 6: None, 7: None, 8: None, 9: None, 10: None},
    "attribute": {
        1: None, 2: None, 3: None, 4: None, 5: "tensor", 6: "graph", 7: None, 8: None, 9: None, 10: "tensor",
        11: "graph", 13: None, 14: None, 15: None, 20: None, 21: None, 22: "sparse", 23: "sparse",
    },
    "training": {1: "graph", 2: "graph", 3: None, 4: None},
    "sparse": {1: "tensor", 2: "tensor", 3: None},
    "tensor": {**dict.fromkeys(range(1, 13)), 13: None, 14: None, 16: None},
}  # fmt: skip
# Of these messages every field is a text, bytes or a message. Programs take one of another kind for a field that they
# do not know, so that it would hide the true one from who reads it.
_ALL_OF_LENGTH = ("graph", "node")
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_ELSEWHERE = "The ONNX file keeps numbers in another file"


class _BrokenError(Exception):
    """The bytes are no such message."""


@dataclass
class OnnxReport:
    """What an ONNX file contains and what is wrong with it."""

    operators: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def onnx_report(stream: BinaryIO) -> OnnxReport:
    """Read the whole structure of the file, without the numbers in it."""
    report = OnnxReport()
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        scan = _Scan(content, report)
        try:
            scan.message("model", 0, len(content), 0)
        except _BrokenError as error:
            report.problems.append(f"The ONNX file is not well formed: {error}.")
        else:
            if scan.graphs == 0:
                report.problems.append("The ONNX file has no graph.")
    return report


@cache
def _contributed() -> frozenset[str]:
    lines = Path(__file__).with_name("onnx_contributed_operators.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


class _Scan:
    def __init__(self, content: mmap.mmap, report: OnnxReport) -> None:
        self._content = content
        self._report = report
        self.graphs = 0

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        """One message and all inside it that can name operators or files."""
        if depth > DEEPEST:
            raise _BrokenError("its graphs are nested too deeply")
        known = _FIELDS[kind]
        texts: dict[int, str] = {}
        for number, wire, begin, stop in self._fields(start, end):
            if number not in known:
                raise _BrokenError(f"it has the unknown field {number} in a {kind}")
            inner = known[number]
            if wire != _LENGTH and (inner or kind in _ALL_OF_LENGTH):
                raise _BrokenError(f"the field {number} of a {kind} is of another kind")
            if kind == "tensor" and number in (_EXTERNAL_DATA, _DATA_LOCATION):
                self._elsewhere(number, wire, begin, stop)
            elif inner:
                self.graphs += inner == "graph"
                self.message(inner, begin, stop, depth + 1)
            elif kind == "node" and number in (4, 7):
                texts[number] = bytes(self._content[begin:stop]).decode("utf-8", "replace")
        if kind == "node":
            self._operator(texts.get(7, ""), texts.get(4, ""))

    def _operator(self, domain: str, name: str) -> None:
        full = f"{domain}.{name}" if domain else name
        known = domain in _DOMAINS or (domain == _CONTRIBUTED and name in _contributed())
        if full not in self._report.operators and not known and len(self._report.problems) < MOST_NAMED:
            self._report.problems.append(
                f"The ONNX file uses the operator {full}, which is not standard: "
                "it may need code or files from elsewhere."
            )
        self._report.operators[full] = self._report.operators.get(full, 0) + 1

    def _elsewhere(self, number: int, wire: int, start: int, end: int) -> None:
        """A tensor that says where its numbers are: all but “in this file” is a problem, whatever else it says."""
        if wire != (_VARINT if number == _DATA_LOCATION else _LENGTH):
            raise _BrokenError("the place of a tensor's numbers is of another kind")
        place = ""
        if number == _EXTERNAL_DATA:
            parts = {field: bytes(self._content[begin:stop]) for field, _, begin, stop in self._fields(start, end)}
            if parts.get(1) in (b"offset", b"length", b"checksum"):
                return  # the file itself is named beside it, or nowhere
            place = f", {parts.get(2, b'').decode('utf-8', 'replace')!r}"
        elif self._varint(start, end)[0] == 0 or any(_ELSEWHERE in problem for problem in self._report.problems):
            return
        if len(self._report.problems) < MOST_NAMED:
            self._report.problems.append(f"{_ELSEWHERE}{place}, which an approval would not cover.")

    def _fields(self, place: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Number, wire type and place of every field of a message."""
        while place < end:
            key, place = self._varint(place, end)
            number, wire = key >> 3, key & 7
            begin = place
            if wire == _VARINT:
                _, place = self._varint(place, end)
            elif wire == _LENGTH:
                length, begin = self._varint(place, end)
                place = begin + length
            elif wire in (_FIXED32, _FIXED64):
                place += 4 if wire == _FIXED32 else 8
            else:
                raise _BrokenError(f"it has a field of the unknown kind {wire}")
            if place > end or number == 0:
                raise _BrokenError("a field goes beyond the end")
            yield number, wire, begin, place

    def _varint(self, place: int, end: int) -> tuple[int, int]:
        value = 0
        for step in range(_LONGEST_VARINT):
            if place + step >= end:
                raise _BrokenError("a number goes beyond the end")
            byte = self._content[place + step]
            value |= (byte & 0x7F) << (7 * step)
            if byte < 0x80:
                return value, place + step + 1
        raise _BrokenError("a number is too long")
