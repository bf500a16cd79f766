"""What somebody added to a card after it was sealed, in words. Best effort: that it was added is wrong enough."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pikepdf

PARTS = {
    "/Contents": "what page {} shows",
    "/Annots": "notes or form fields on page {}",
    "/Resources": "what page {} draws with",
    "/MediaBox": "the size of page {}",
    "/CropBox": "the part of page {} that is shown",
}
CATALOG = {
    "/AcroForm": "the form",
    "/Names": "attached files, destinations or scripts",
    "/AF": "attached files",
    "/OpenAction": "what happens on opening",
    "/AA": "what happens on events",
    "/OCProperties": "layers that can be hidden",
    "/Metadata": "the metadata",
    "/Perms": "the certification",
    "/DSS": "data for later validation",
}

LEADS_BACK = frozenset({"/Parent", "/P", "/StructParent", "/Pg", "/Dest", "/A"})
"""Entries that point back to pages and structure, which would be walked for ever."""
DEEPEST = 6


def named(sealed: bytes, whole: bytes) -> str:
    """What the addition changes, as the end of a sentence; empty if that cannot be said."""
    try:
        with pikepdf.open(io.BytesIO(sealed)) as before, pikepdf.open(io.BytesIO(whole)) as after:
            found = list(dict.fromkeys(_differences(before, after)))
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""
    shown = found[:4] + (["more"] if len(found) > 4 else [])
    return ", ".join(shown)


def _differences(before: pikepdf.Pdf, after: pikepdf.Pdf) -> Iterator[str]:
    files = {name: item.get_file().read_bytes() for name, item in before.attachments.items()}
    for name, item in after.attachments.items():
        if files.get(name) != item.get_file().read_bytes():
            yield f"the attached {name[:60]}"
    if len(before.pages) != len(after.pages):
        yield f"the number of pages ({len(before.pages)} before, {len(after.pages)} now)"
    was, now = _Contents(), _Contents()
    for number, (old, new) in enumerate(zip(before.pages, after.pages, strict=False), start=1):
        for key, words in PARTS.items():
            if was.of(old.obj.get(key)) != now.of(new.obj.get(key)):
                yield words.format(number)
    for key, words in CATALOG.items():
        if was.of(before.Root.get(key)) != now.of(after.Root.get(key)):
            yield words


class _Contents:
    """What the objects of one document say, some levels down: enough to see that one changed."""

    def __init__(self) -> None:
        # Pages share fonts, and destinations lead to pages: without it each is read again for each that names it.
        self._known: dict[tuple[tuple[int, int], int], bytes] = {}

    def of(self, value: Any, depth: int = 0) -> bytes:
        """The same for objects that say the same; of an object that others refer to, a digest."""
        if value is None or depth > DEEPEST:
            return b""
        if not isinstance(value, pikepdf.Object):
            return repr(value).encode()
        if not value.is_indirect:
            return self._read(value, depth)
        place = (value.objgen, depth)
        if place not in self._known:
            self._known[place] = hashlib.sha256(self._read(value, depth)).digest()
        return self._known[place]

    def _read(self, value: pikepdf.Object, depth: int) -> bytes:
        if isinstance(value, pikepdf.Stream):
            return value.read_raw_bytes() + b"".join(
                self.of(item, depth + 1) for key, item in value.items() if key != "/Parent"
            )
        if isinstance(value, pikepdf.Array):
            return b"[" + b"".join(self.of(item, depth + 1) for item in value) + b"]"
        if isinstance(value, pikepdf.Dictionary):
            pairs = (key.encode() + self.of(item, depth + 1) for key, item in value.items() if key not in LEADS_BACK)
            return b"<" + b"".join(pairs) + b">"
        return repr(value).encode()
