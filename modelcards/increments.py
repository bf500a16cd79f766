"""Reads one incremental update of a PDF in order and to its last byte, and refuses what is not plainly one.

Stricter than readers of PDF are: each object stands once, each is in the table, the table names nothing else. So no two
readers can see two different updates. Part of the auditor's script.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelcards.detached import NotReadable
from modelcards.pdf_objects import PdfObject, PdfReference, object_at, stream_of

SPACE = re.compile(rb"[\0\t\n\f\r ]*")
OBJECT_HERE = re.compile(rb"(\d{1,9})[\t\n\r ]+(\d{1,5})[\t\n\r ]+obj(?=[\0\t\n\f\r <\[(/])")
STREAM_ENDS = re.compile(rb"(?:\r\n|\r|\n)?endstream[\t\n\r ]+endobj(?=[\t\n\r ])")
OBJECT_ENDS = re.compile(rb"[\0\t\n\f\r ]*endobj(?=[\t\n\r ])")
TABLE_HERE = re.compile(rb"xref *\r?\n")
SECTION = re.compile(rb"(\d{1,9}) (\d{1,6}) *\r?\n")
ROW = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
TRAILER = re.compile(rb"trailer[\t\n\r ]*(?=<<)")
FILE_ENDS = re.compile(rb"[\t\n\r ]*startxref[\t\n\r ]+(\d{1,10})[\t\n\r ]+%%EOF")
LINE_END = re.compile(rb"\r?\n?")
OF_TRAILERS = {"Size", "Root", "Info", "ID", "Prev"}
OF_TABLES = OF_TRAILERS | {"Type", "W", "Index", "Length", "Filter"}
NO_UPDATE = "it is no update of a PDF"
MOST_ROWS = 10_000
WIDEST = 8


@dataclass(frozen=True)
class Table:
    """The last cross-reference table of a file: where it stands, and what an update has to repeat."""

    place: int
    size: int
    root: int
    info: int
    identity: bytes


@dataclass(frozen=True)
class Placed:
    """An object and where in the file it begins and ends."""

    one: PdfObject
    start: int
    end: int


@dataclass(frozen=True)
class Increment:
    """One update: its objects, without that of its table, where it may end (with and without a line end), its table."""

    start: int
    ends: tuple[int, ...]
    objects: dict[int, Placed]
    table: Table


def last_table(pdf: bytes) -> Table:
    """The table at the end of a file that ends in one as a stream, as the portal writes it. Raises NotReadable."""
    endings = list(FILE_ENDS.finditer(pdf, max(0, len(pdf) - 64)))
    ending = endings[-1] if endings else None
    if ending is None or LINE_END.sub(b"", pdf[ending.end() :], count=1):
        raise NotReadable("The end of the sealed part cannot be read.")
    place = int(ending[1])
    head = OBJECT_HERE.match(pdf, place)
    if head is None:
        raise NotReadable("The table of the sealed part cannot be read.")
    return _stated_table(object_at(pdf, head.end())[0].value, place)


def end_before_last_update(pdf: bytes) -> int:
    """Where the file ended before its last update. Raises NotReadable if it has none."""
    place = last_table(pdf).place
    head = OBJECT_HERE.match(pdf, place)
    former = object_at(pdf, head.end())[0].entry("Prev") if head else None
    ending = FILE_ENDS.search(pdf, former, place) if type(former) is int and former < place else None
    if ending is None or int(ending[1]) != former:
        raise NotReadable("the sealed part has no update that seals it")
    line = LINE_END.match(pdf, ending.end())
    return line.end() if line else ending.end()


def read_increment(pdf: bytes, start: int, before: Table) -> Increment:
    """The update that begins here, on a file whose last table is this one. Raises NotReadable with what is wrong."""
    found: dict[int, Placed] = {}
    at, table_number, trailer = _after_space(pdf, start), 0, None
    while trailer is None and (head := OBJECT_HERE.match(pdf, at)):
        number = int(head[1])
        if number in found or int(head[2]) != 0 or number == 0:
            raise NotReadable(f"object {number} stands there twice or in another generation")
        found[number], at = _placed(pdf, at, head.end())
        if found[number].one.entry("Type") == "XRef":
            table_number, trailer = number, found[number].one.value
        at = _after_space(pdf, at)
    place = found[table_number].start if trailer is not None else at
    if trailer is None:
        rows, trailer, at = _plain_table(pdf, at)
        allowed = OF_TRAILERS
    else:
        rows, allowed = dict(_rows_of(found.pop(table_number).one)), OF_TABLES
        if rows.pop(table_number, place) != place:
            raise NotReadable("its table says that it stands elsewhere")
    ending = FILE_ENDS.match(pdf, at)
    if ending is None or int(ending[1]) != place:
        raise NotReadable("its end does not name its table")
    if rows != {number: one.start for number, one in found.items()}:
        raise NotReadable("its table names other objects than stand in it")
    if table_number and table_number < before.size:
        raise NotReadable("its table stands in the place of an object that was there")
    if set(trailer) - allowed:
        raise NotReadable(f"its table has an entry {min(set(trailer) - allowed)[:40]}")
    table = _continued(_stated_table(trailer, place), trailer, before, max([table_number, *found]))
    line = LINE_END.match(pdf, ending.end())
    ends = dict.fromkeys((ending.end() if line is None else line.end(), ending.end()))
    return Increment(start, tuple(ends), found, table)


def _placed(pdf: bytes, start: int, at: int) -> tuple[Placed, int]:
    one, end = object_at(pdf, at)
    closing = (OBJECT_ENDS if one.raw is None else STREAM_ENDS).match(pdf, end)
    if closing is None:
        raise NotReadable("an object in it does not end where it says")
    return Placed(one, start, closing.end()), closing.end()


def _stated_table(trailer: Any, place: int) -> Table:
    if not isinstance(trailer, dict):
        raise NotReadable("its table cannot be read")
    size, root, info, named = (trailer.get(name) for name in ("Size", "Root", "Info", "ID"))
    first = named[0] if isinstance(named, list) and len(named) == 2 else None
    if not (
        type(size) is int
        and isinstance(root, PdfReference)
        and isinstance(info, PdfReference)
        and isinstance(first, bytes)
    ):
        raise NotReadable("its table does not say what the file's table says")
    return Table(place, size, root.number, info.number, first)


def _continued(table: Table, trailer: dict[str, Any], before: Table, highest: int) -> Table:
    """The table, if it goes on from the one before and from nothing else."""
    same = (table.root, table.info, table.identity) == (before.root, before.info, before.identity)
    if trailer.get("Prev") != before.place or type(trailer.get("Prev")) is not int or not same:
        raise NotReadable("it does not go on from the file before it, but names another beginning")
    if not max(before.size, highest + 1) <= table.size <= before.size + MOST_ROWS:
        raise NotReadable("it does not say how many objects there are")
    return table


def _plain_table(pdf: bytes, at: int) -> tuple[dict[int, int], dict[str, Any], int]:
    """The rows of a table in plain text, its trailer, and where that ends."""
    match = TABLE_HERE.match(pdf, at)
    if match is None:
        raise NotReadable(NO_UPDATE)
    rows: dict[int, int] = {}
    at = match.end()
    while section := SECTION.match(pdf, at):
        at = section.end()
        for number in range(int(section[1]), int(section[1]) + min(int(section[2]), MOST_ROWS)):
            row = ROW.match(pdf, at)
            if row is None:
                raise NotReadable("its table cannot be read")
            at = row.end()
            _add_row(rows, number, 1 if row[3] == b"n" else 0, int(row[1]), int(row[2]))
    head = TRAILER.match(pdf, at)
    if head is None:
        raise NotReadable("its table cannot be read")
    trailer, at = object_at(pdf, head.end())
    if trailer.raw is not None or not isinstance(trailer.value, dict):
        raise NotReadable("its table cannot be read")
    return rows, trailer.value, at


def _rows_of(one: PdfObject) -> Iterator[tuple[int, int]]:
    """Number and place of each object that a table as a stream names."""
    widths, index, content = one.entry("W"), one.entry("Index"), stream_of(one)
    if not isinstance(widths, list) or len(widths) != 3 or not all(_is_count(width, WIDEST) for width in widths):
        raise NotReadable("its table cannot be read")
    index = [0, one.entry("Size")] if index is None else index
    if not isinstance(index, list) or len(index) % 2 or not all(_is_count(part, 10**9) for part in index):
        raise NotReadable("its table cannot be read")
    if widths[0] == 0 or sum(index[1::2]) > MOST_ROWS or sum(index[1::2]) * sum(widths) != len(content):
        raise NotReadable("its table cannot be read")
    at, rows = 0, dict[int, int]()
    for first, count in zip(index[::2], index[1::2], strict=True):
        for number in range(first, first + count):
            fields = []
            for width in widths:
                fields.append(int.from_bytes(content[at : at + width], "big"))
                at += width
            _add_row(rows, number, *fields)
    yield from rows.items()


def _is_count(value: Any, largest: int) -> bool:
    return type(value) is int and 0 <= value <= largest


def _add_row(rows: dict[int, int], number: int, kind: int, place: int, generation: int) -> None:
    """A row of the table; what frees an object or packs it into another is not read."""
    if number == 0 and kind == 0:
        return
    if kind != 1 or generation != 0 or number in rows or number == 0:
        raise NotReadable(f"its table frees or packs object {number}")
    rows[number] = place


def _after_space(pdf: bytes, at: int) -> int:
    space = SPACE.match(pdf, at)
    return space.end() if space else at
