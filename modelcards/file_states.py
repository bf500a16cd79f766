"""A card's file as it is after some revision: objects that count, empty fields, what signatures are judged by.

Part of the auditor's script.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelcards.detached import NotReadable
from modelcards.increments import Table, end_before_last_update, last_table, read_increment
from modelcards.pdf_objects import PdfName, PdfObject, PdfReference, stream_of, text_of_string

KINDS = {
    "Page": "a page",
    "Pages": "the order of the pages",
    "Annot": "a note or form field that was not prepared for a signature",
    "Filespec": "an attached file",
    "EmbeddedFile": "an attached file",
    "XObject": "a drawing",
    "Font": "a font",
    "FontDescriptor": "a font",
    "StructElem": "the structure for screen readers",
    "StructTreeRoot": "the structure for screen readers",
    "Sig": "a signature that was there",
    "DocTimeStamp": "a timestamp that was there",
}


@dataclass
class State:
    """A file up to some revision: the objects that were written with the seal and since, and the last table."""

    objects: dict[int, PdfObject]
    table: Table

    def catalog(self) -> dict[str, Any]:
        """The root of the file."""
        found = self.objects[self.table.root].value
        return found if isinstance(found, dict) else {}

    def resolved(self, value: Any) -> Any:
        """What a reference refers to, or the value itself."""
        found = self.objects.get(value.number) if isinstance(value, PdfReference) else None
        return found.value if found is not None else None if isinstance(value, PdfReference) else value

    def fields(self) -> dict[int, str]:
        """The names of empty signature fields by the numbers of their objects."""
        form = self.resolved(self.catalog().get("AcroForm"))
        named = self.resolved(form.get("Fields")) if isinstance(form, dict) else []
        found = {}
        for one in named if isinstance(named, list) else ():
            value = self.resolved(one)
            if isinstance(one, PdfReference) and isinstance(value, dict) and isinstance(value.get("T"), bytes):
                is_empty = value.get("FT") == "Sig" and not {"V", "AP", "Kids", "MK"} & set(value)
                found.update({one.number: text_of_string(value["T"])} if is_empty else {})
        return found

    def store(self) -> dict[str, Any]:
        """What the file holds to judge signatures by (DSS)."""
        found = self.resolved(self.catalog().get("DSS"))
        return found if isinstance(found, dict) else {}

    def held(self, name: str) -> tuple[bytes, ...]:
        """The streams of one kind in the store."""
        named = self.resolved(self.store().get(name))
        numbers = [one.number for one in named or () if isinstance(one, PdfReference)]
        return tuple(stream_of(self.objects[number]) for number in numbers)


def state_of(sealed: bytes) -> State:
    """A sealed card: the objects that were written with the seal, which are all that may change. Raises NotReadable.

    Catalog, form, fields, information, metadata and store are among them, because the seal made or changed them.
    """
    end = end_before_last_update(sealed)
    update = read_increment(sealed, end, last_table(sealed[:end]))
    if len(sealed) not in update.ends:
        raise NotReadable("the sealed part does not end where it says")
    state = State({number: placed.one for number, placed in update.objects.items()}, update.table)
    form, described = state.catalog().get("AcroForm"), state.catalog().get("Metadata")
    for needed in (state.table.root, state.table.info, *(one.number for one in (form, described) if one is not None)):
        if needed not in state.objects:
            raise NotReadable("the sealed part is not written as the portal writes it")
    return state


def references(value: Any) -> Iterator[PdfReference]:
    """What a value refers to, at any depth."""
    if isinstance(value, PdfReference):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from references(one)


def named(one: PdfObject) -> str:
    """What an object is, for people."""
    kind = one.entry("Type")
    if kind == "Annot" or one.entry("Subtype") == "Widget" or one.entry("FT") is not None:
        return KINDS["Annot"]
    return KINDS.get(kind, "an object") if isinstance(kind, PdfName) else "an object"


def same(old: Any, now: Any) -> bool:
    """Whether two values say the same: true is not 1, a name is no string."""
    if isinstance(old, dict) and isinstance(now, dict):
        return set(old) == set(now) and all(same(old[key], now[key]) for key in old)
    if isinstance(old, list) and isinstance(now, list):
        return len(old) == len(now) and all(same(one, other) for one, other in zip(old, now, strict=True))
    return type(old) is type(now) and bool(old == now)
