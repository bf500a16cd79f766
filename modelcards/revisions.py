"""The revisions that the portal itself puts behind a card's seal: each fills one prepared field, with no appearance.

Written here byte by byte, so that whoever reads a timestamp of the portal writes its revision again and compares.
Part of the auditor's script.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelcards.pdf_objects import PdfName, PdfReference

STAMP_FIELD = "PortalTimestamp"
STAMP_FIELDS = (STAMP_FIELD, *(f"{STAMP_FIELD}{number}" for number in range(2, 7)))
"""Prepared before the seal at level B-LTA: the timestamp of the whole, and five that renew it."""
COUNTER_FIELDS = tuple(f"CounterSignature{number}" for number in range(1, 5))
"""Prepared before the seal for people outside: an auditor, a regulator."""
ROOM = 10
STAMP_HEAD = b"<<\n/Type /DocTimeStamp\n/Filter /Adobe.PPKLite\n/SubFilter /ETSI.RFC3161\n"
LAST_TABLE = re.compile(rb"startxref\n(\d+)\n%%EOF\n?\Z")
TABLE = re.compile(rb"\d+ 0 obj\n<<(.*?)>>\nstream\r?\n", re.DOTALL)
ENTRIES = {
    "size": re.compile(rb"/Size (\d+)"),
    "root": re.compile(rb"/Root (\d+) 0 R"),
    "info": re.compile(rb"/Info (\d+) 0 R"),
    "id": re.compile(rb"/ID (\[ ?<[0-9A-Fa-f]+> ?<[0-9A-Fa-f]+> ?\])"),
}


@dataclass(frozen=True)
class Prepared:
    """An empty field of a sealed card, and what the revision that fills it has to repeat."""

    field: int
    dictionary: bytes
    table: int
    size: int
    root: int
    info: int
    identity: bytes


@dataclass(frozen=True)
class Material:
    """What lets a timestamp be judged later, put beside what the card holds: certificates, lists, answers (DER).

    `store` is the number of the store (DSS) in the file, `held` what stands in it.
    """

    store: int
    held: dict[str, Any]
    certificates: tuple[bytes, ...] = ()
    lists: tuple[bytes, ...] = ()
    answers: tuple[bytes, ...] = ()

    def streams(self) -> tuple[bytes, ...]:
        """All of it, in the order in which it is written."""
        return (*self.certificates, *self.lists, *self.answers)


def prepared(sealed: bytes, name: str = STAMP_FIELD) -> Prepared | None:
    """What the card has prepared under this name, or None if it has not."""
    field = re.compile(rb"\n(\d+) 0 obj\n(<<\n/FT /Sig\n/T \(" + name.encode() + rb"\)\n(?:/[^<>\n]*\n)*)>>\nendobj\n")
    fields, last = field.findall(sealed), LAST_TABLE.search(sealed)
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


def revision(
    before: bytes, digits: int, plan: Prepared | None, *, head: bytes = STAMP_HEAD, material: Material | None = None
) -> tuple[bytes, int, int]:
    """What follows a file, with a hole of so many zeros, and where in the whole file the hole begins and ends.

    Raises ValueError if there is no field for it.
    """
    if plan is None:
        raise ValueError("This card has no field for a timestamp.")
    places: list[tuple[int, int]] = []
    text = b"" if before.endswith(b"\n") else b"\n"
    for number, body in _objects(plan, material):
        places.append((number, len(before) + len(text)))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    signature = plan.size + (len(material.streams()) if material else 0)
    places += [(signature, len(before) + len(text))]
    text += b"%d 0 obj\n%s/Contents " % (signature, head)
    start = len(before) + len(text)
    end = start + digits + 2
    after = b"\n>>\nendobj\n"
    table_at = end + len(_byte_range(start, end, 0)) + len(after)
    rest = after + _table(plan, [*places, (signature + 1, table_at)])
    span = _byte_range(start, end, len(_byte_range(start, end, 0)) + len(rest))
    return text + b"<" + b"0" * digits + b">" + span + rest, start, end


def _objects(plan: Prepared, material: Material | None) -> list[tuple[int, bytes]]:
    """The objects before the signature: streams of material, their store and the field."""
    found: list[tuple[int, bytes]] = []
    if material is not None:
        streams = material.streams()
        found += [
            (plan.size + place, b"<<\n/Length %d\n>>\nstream\n%s\nendstream" % (len(stream), stream))
            for place, stream in enumerate(streams)
        ]
        found.append((material.store, spelled(_store(plan, material))))
    signature = plan.size + (len(material.streams()) if material else 0)
    return [*found, (plan.field, b"%s/V %d 0 R\n>>" % (plan.dictionary, signature))]


def _store(plan: Prepared, material: Material) -> dict[str, Any]:
    """The store with references to what is new behind those to what it held."""
    store, number = dict(material.held), plan.size
    for name, new in (("Certs", material.certificates), ("CRLs", material.lists), ("OCSPs", material.answers)):
        if new:
            held = store.get(name, [])
            store[name] = [*held, *(PdfReference(number + place) for place in range(len(new)))]
        number += len(new)
    return store


def spelled(value: Any) -> bytes:
    """A value of PDF in the one way in which the portal writes it. Raises ValueError for what it does not write."""
    if isinstance(value, dict):
        inner = b"".join(b"%s %s\n" % (spelled(PdfName(name)), spelled(one)) for name, one in value.items())
        return b"<<\n" + inner + b">>"
    if isinstance(value, list):
        return b"[" + b" ".join(spelled(one) for one in value) + b"]"
    if isinstance(value, PdfReference):
        return b"%d 0 R" % value.number
    if isinstance(value, PdfName) and re.fullmatch(r"[A-Za-z0-9.]+", value):
        return b"/" + value.encode("ascii")
    if isinstance(value, bytes):
        return b"<" + value.hex().encode() + b">"
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    raise ValueError("A value of the file is none that the portal writes.")


def _byte_range(start: int, end: int, rest: int) -> bytes:
    numbers = b" ".join(str(number).rjust(ROOM).encode() for number in (start, end, rest))
    return b"\n/ByteRange [0 %s]" % numbers


def _table(plan: Prepared, places: Sequence[tuple[int, int]]) -> bytes:
    ordered = sorted(places)
    last, at = ordered[-1]
    changed = [number for number, _ in ordered if number < plan.size]
    rows = b"".join(b"\x01" + place.to_bytes(4, "big") + b"\x00\x00" for _, place in ordered)
    index = b" ".join([*(b"%d 1" % number for number in changed), b"%d %d" % (plan.size, last + 1 - plan.size)])
    return (
        b"%d 0 obj\n<<\n/Type /XRef\n/Size %d\n/Root %d 0 R\n/Info %d 0 R\n/ID %s\n/Prev %d\n/W [1 4 2]\n/Index [%s]\n"
        b"/Length %d\n>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n"
    ) % (
        last, last + 1, plan.root, plan.info, plan.identity, plan.table, index, len(rows), rows, at,
    )  # fmt: skip
