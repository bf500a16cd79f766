"""Which objects of a card an update may change, and how: nothing that a reader sees. Gives the first reason why not.

Programs that sign write anew when and with what they saved; they add what signatures are judged by. Part of the
auditor's script.
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from cryptography import x509
from cryptography.x509 import ocsp

from modelcards.detached import NotReadable, certificate_of
from modelcards.file_states import State, named, references, same
from modelcards.increments import Increment
from modelcards.pdf_objects import PdfName, PdfObject, PdfReference, stream_of

OF_STORES = {"Type", "Certs", "CRLs", "OCSPs", "VRI"}
OF_VRI = {"Type", "Cert", "CRL", "OCSP", "TU"}
OF_STREAMS = {"Length", "Filter"}
FREE_IN_INFO = {"ModDate", "Producer"}
FREE_IN_METADATA = {
    "{http://ns.adobe.com/pdf/1.3/}Producer",
    "{http://ns.adobe.com/xap/1.0/}ModifyDate",
    "{http://ns.adobe.com/xap/1.0/}MetadataDate",
    "{adobe:ns:meta/}xmptk",
}
LARGEST_METADATA, LARGEST_MATERIAL = 1_000_000, 20_000_000


def store_number(before: State, update: Increment) -> int | None:
    """The number of the store of the file with the update, if it is an object of its own."""
    root = update.objects.get(before.table.root)
    catalog = root.one.value if root is not None else before.catalog()
    named = catalog.get("DSS") if isinstance(catalog, dict) else None
    return named.number if isinstance(named, PdfReference) else None


def judge_change(before: State, now: PdfObject, number: int, store: int | None) -> None:
    """Whether an object that was there may be what it is now. Raises NotReadable."""
    old, catalog = before.objects.get(number), before.catalog()
    if old is None:
        raise NotReadable(f"it changes {named(now)}")
    if number == before.table.root:
        _judge_catalog(old.value, now)
    elif catalog.get("AcroForm") == PdfReference(number):
        if now.raw is not None or not same(old.value, now.value):
            raise NotReadable("it changes the list of form fields")
    elif number == before.table.info:
        _judge_information(old.value, now)
    elif catalog.get("Metadata") == PdfReference(number):
        _judge_metadata(old, now)
    elif number == store and catalog.get("DSS") == PdfReference(number):
        return  # store_objects judges it
    else:
        raise NotReadable(f"it changes {named(old)}")


def _judge_catalog(old: Any, now: PdfObject) -> None:
    if now.raw is not None or not isinstance(now.value, dict):
        raise NotReadable("it changes the catalog of the file")
    keys = (set(old) | set(now.value)) - {"DSS"}
    different = sorted(key for key in keys if not same(old.get(key), now.value.get(key)))
    if different:
        raise NotReadable(f"it changes the entry {different[0][:40]} of the catalog")
    if ("DSS" in old or "DSS" in now.value) and not isinstance(now.value.get("DSS"), PdfReference):
        raise NotReadable("it takes away what signatures are judged by, or puts it where it is not read")


def _judge_information(old: Any, now: PdfObject) -> None:
    value = now.value
    if now.raw is not None or not isinstance(value, dict):
        raise NotReadable("it changes the information about the document")
    for key in sorted(set(old) | set(value)):
        may = key in FREE_IN_INFO and isinstance(value.get(key), bytes)
        if not may and not same(old.get(key), value.get(key)):
            raise NotReadable(f"it changes the entry {key[:40]} of the information about the document")


def _judge_metadata(old: PdfObject, now: PdfObject) -> None:
    """Programs write when and with what they saved; nothing else of the metadata may differ."""
    if now.raw is None or set(now.value) - {"Type", "Subtype", "Length", "Filter"}:
        raise NotReadable("it changes the metadata")
    if (now.entry("Type"), now.entry("Subtype")) != (old.entry("Type"), old.entry("Subtype")):
        raise NotReadable("it changes the metadata")
    if _statements(stream_of(old)) != _statements(stream_of(now, LARGEST_METADATA)):
        raise NotReadable("it changes the metadata")


def _statements(xmp: bytes) -> Any:
    """What metadata says, without what programs may write anew."""
    try:
        text = xmp.decode("utf-8")
        if "<!" in text:
            raise NotReadable("it changes the metadata")
        return _element(ET.fromstring(text))  # noqa: S314  (no declaration gets here)
    except (UnicodeDecodeError, ET.ParseError) as problem:
        raise NotReadable("it changes the metadata") from problem


def _element(one: Any) -> Any:
    attributes = sorted((name, text) for name, text in one.attrib.items() if name not in FREE_IN_METADATA)
    inside = [_element(child) for child in one if child.tag not in FREE_IN_METADATA or len(child)]
    beside = [(child.tail or "").strip() for child in one]
    return one.tag, attributes, (one.text or "").strip(), inside, [text for text in beside if text]


def store_objects(state: State, before: State, update: Increment) -> Iterator[int]:
    """The numbers of new objects that belong to the store (DSS), all of which were judged. Raises NotReadable."""
    number = store_number(before, update)
    if number is None or (number not in update.objects and before.catalog().get("DSS") == PdfReference(number)):
        return
    if number not in update.objects:
        raise NotReadable("it takes for material what is none")
    store, old = state.store(), before.store()
    if set(store) - OF_STORES or store.get("Type", "DSS") != "DSS" or state.objects[number].raw is not None:
        raise NotReadable("it adds something else to what signatures are judged by")
    for key in ("Certs", "CRLs", "OCSPs"):
        held, named = before.resolved(old.get(key)) or [], state.resolved(store.get(key)) or []
        if not isinstance(named, list) or any(one not in named for one in held):
            raise NotReadable("it takes away what signatures are judged by")
    for key, reads in READ_IN_STORES.items():
        for one in state.resolved(store.get(key)) or ():
            _judge_material(state, one, reads)
    yield from (one for one in {number, *_reached(store, update)} if one >= before.table.size)
    for key, value in (state.resolved(store.get("VRI")) or {}).items():
        _judge_index(state, key, state.resolved(value))


def _judge_index(state: State, key: str, entry: Any) -> None:
    """An entry that says which of the material belongs to which signature, or that this is such a list."""
    if key == "Type" and isinstance(entry, PdfName):
        return
    pools = {"Cert": "Certs", "CRL": "CRLs", "OCSP": "OCSPs"}
    is_index = isinstance(entry, dict) and not set(entry) - OF_VRI
    fits = is_index and re.fullmatch(r"[0-9A-Fa-f]{40}", key) is not None
    # What stands here unread must refer to nothing: an object that only this names would be hidden in the file.
    fits = fits and not any(isinstance(entry.get(name), PdfReference | dict | list) for name in ("Type", "TU"))
    for name, pool in pools.items() if fits else ():
        held = state.resolved(state.store().get(pool)) or []
        fits = fits and all(one in held for one in state.resolved(entry.get(name)) or ())
    if not fits:
        raise NotReadable("it adds something else to what signatures are judged by")


def _judge_material(state: State, one: Any, reads: Any) -> None:
    found = state.objects.get(one.number) if isinstance(one, PdfReference) else None
    if found is None or found.raw is None or set(found.value) - OF_STREAMS:
        raise NotReadable("it adds something else to what signatures are judged by")
    try:
        reads(stream_of(found, LARGEST_MATERIAL))
    except (ValueError, TypeError, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as problem:
        raise NotReadable("it adds material that is no certificate, list or answer") from problem


READ_IN_STORES = {
    "Certs": certificate_of,
    "CRLs": x509.load_der_x509_crl,
    "OCSPs": ocsp.load_der_ocsp_response,
}


def _reached(store: Any, update: Increment) -> set[int]:
    """The numbers of objects of the update that the store refers to, each looked at once."""
    found: set[int] = set()
    waiting = list(references(store))
    while waiting:
        number = waiting.pop().number
        placed = update.objects.get(number)
        if placed is None or number in found:
            continue
        if placed.one.raw is not None and set(placed.one.value) - OF_STREAMS:
            raise NotReadable("it adds something else to what signatures are judged by")
        found.add(number)
        waiting += references(placed.one.value)
    return found
