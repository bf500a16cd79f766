"""What somebody added to a card after it was sealed, in words. Best effort: that it was added is wrong enough."""

from __future__ import annotations

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
    for number, (old, new) in enumerate(zip(before.pages, after.pages, strict=False), start=1):
        for key, words in PARTS.items():
            if _bytes_of(old.obj.get(key)) != _bytes_of(new.obj.get(key)):
                yield words.format(number)
    for key, words in CATALOG.items():
        if _bytes_of(before.Root.get(key)) != _bytes_of(after.Root.get(key)):
            yield words


def _bytes_of(value: Any, depth: int = 0) -> bytes:
    """What an object says, some levels down: enough to see that it changed."""
    if value is None or depth > 6:
        return b""
    if isinstance(value, pikepdf.Stream):
        return value.read_raw_bytes() + b"".join(
            _bytes_of(item, depth + 1) for key, item in value.items() if key != "/Parent"
        )
    if isinstance(value, pikepdf.Array):
        return b"[" + b"".join(_bytes_of(item, depth + 1) for item in value) + b"]"
    if isinstance(value, pikepdf.Dictionary):
        # What points back to pages and structure would be walked for ever.
        back = {"/Parent", "/P", "/StructParent", "/Pg", "/Dest", "/A"}
        pairs = (key.encode() + _bytes_of(item, depth + 1) for key, item in value.items() if key not in back)
        return b"<" + b"".join(pairs) + b">"
    return repr(value).encode()
