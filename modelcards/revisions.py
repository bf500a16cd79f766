"""The one thing that may follow a card's seal: a revision of the PDF that fills the prepared field with a timestamp.

Written here byte by byte, so that whoever reads a card writes it again and compares. Part of the auditor's script.
"""

import re
from dataclasses import dataclass

STAMP_FIELD = "PortalTimestamp"
FIELD = re.compile(
    rb"\n(\d+) 0 obj\n(<<\n/FT /Sig\n/T \(" + STAMP_FIELD.encode() + rb"\)\n(?:/[^<>\n]*\n)*)>>\nendobj\n"
)
LAST_TABLE = re.compile(rb"startxref\n(\d+)\n%%EOF\n?\Z")
TABLE = re.compile(rb"\d+ 0 obj\n<<(.*?)>>\nstream\r?\n", re.DOTALL)
ENTRIES = {
    "size": re.compile(rb"/Size (\d+)"),
    "root": re.compile(rb"/Root (\d+) 0 R"),
    "info": re.compile(rb"/Info (\d+) 0 R"),
    "id": re.compile(rb"/ID (\[ ?<[0-9A-Fa-f]+> ?<[0-9A-Fa-f]+> ?\])"),
}
ROOM = 10


@dataclass(frozen=True)
class Prepared:
    """A sealed card with a field for a timestamp: the field, and what the next revision has to repeat."""

    field: int
    dictionary: bytes
    table: int
    size: int
    root: int
    info: int
    identity: bytes


def prepared(sealed: bytes) -> Prepared | None:
    """What the card has prepared for its timestamp, or None if it has not."""
    fields, last = FIELD.findall(sealed), LAST_TABLE.search(sealed)
    if len(fields) != 1 or last is None:
        return None
    place = int(last[1])
    table = TABLE.match(sealed, place)
    found = {name: pattern.search(table[1]) for name, pattern in ENTRIES.items()} if table else {}
    if not found or not all(found.values()):
        return None
    values = {name: match[1] for name, match in found.items() if match}
    number, dictionary = fields[0]
    return Prepared(
        field=int(number),
        dictionary=dictionary,
        table=place,
        size=int(values["size"]),
        root=int(values["root"]),
        info=int(values["info"]),
        identity=values["id"],
    )


def revision(sealed: bytes, digits: int) -> tuple[bytes, int, int]:
    """What follows the seal, with a hole of so many zeros, and where in the whole file the hole begins and ends.

    Raises ValueError if the card has not prepared a field.
    """
    plan = prepared(sealed)
    if plan is None:
        raise ValueError("This card has no field for a timestamp.")
    text = b"" if sealed.endswith(b"\n") else b"\n"
    field_at = len(sealed) + len(text)
    text += b"%d 0 obj\n%s/V %d 0 R\n>>\nendobj\n" % (plan.field, plan.dictionary, plan.size)
    stamp_at = len(sealed) + len(text)
    text += b"%d 0 obj\n<<\n/Type /DocTimeStamp\n/Filter /Adobe.PPKLite\n/SubFilter /ETSI.RFC3161\n" % plan.size
    text += b"/Contents "
    start = len(sealed) + len(text)
    end = start + digits + 2
    after = b"\n>>\nendobj\n"
    table_at = end + len(_byte_range(start, end, 0)) + len(after)
    rest = after + _table(plan, field_at, stamp_at, table_at)
    span = _byte_range(start, end, len(_byte_range(start, end, 0)) + len(rest))
    return text + b"<" + b"0" * digits + b">" + span + rest, start, end


def _byte_range(start: int, end: int, rest: int) -> bytes:
    numbers = b" ".join(str(number).rjust(ROOM).encode() for number in (start, end, rest))
    return b"\n/ByteRange [0 %s]" % numbers


def _table(plan: Prepared, field_at: int, stamp_at: int, table_at: int) -> bytes:
    places = ((plan.field, field_at), (plan.size, stamp_at), (plan.size + 1, table_at))
    rows = b"".join(b"\x01" + place.to_bytes(4, "big") + b"\x00\x00" for _, place in places)
    index = b"%d 1 %d 2" % (plan.field, plan.size)
    return (
        b"%d 0 obj\n<<\n/Type /XRef\n/Size %d\n/Root %d 0 R\n/Info %d 0 R\n/ID %s\n/Prev %d\n/W [1 4 2]\n/Index [%s]\n"
        b"/Length %d\n>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n"
    ) % (
        plan.size + 1, plan.size + 2, plan.root, plan.info, plan.identity, plan.table, index, len(rows), rows, table_at,
    )  # fmt: skip


def timestamp_after(sealed: bytes, rest: bytes) -> bytes | None:
    """The digits of the timestamp in what follows the seal, or None if anything else but that revision follows."""
    hole = re.search(rb"/Contents <([0-9A-F]*)>", rest)
    if hole is None or prepared(sealed) is None:
        return None
    text, start, end = revision(sealed, len(hole[1]))
    begin, stop = start - len(sealed), end - len(sealed)
    if text[:begin] + b"<" + hole[1] + b">" + text[stop:] != rest:
        return None
    return hole[1]
