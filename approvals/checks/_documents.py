"""JSON documents that submitters attach, read with bounds, and texts that only pretend to say something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from approvals.checks._strict_json import strict_json
from approvals.checks.base import CheckInputError, Input

LARGEST_DOCUMENT = 1 << 20
FEWEST_DIFFERENT_LETTERS, LONG_ENOUGH_TO_TELL = 4, 12
_PLACEHOLDER = re.compile(
    r"\b(todo|tbd|tba|tbc|fixme|xxx+|lorem ipsum|placeholder|coming soon|fill (me )?in|foo ?bar|asdf\w*|"
    r"to be (added|completed|confirmed|decided|defined|determined|done|filled in|provided|written))\b",
    re.IGNORECASE,
)
_EMPTY_TALK = re.compile(r"(n/?a|none yet|test|dummy|example|unknown|[\W_]+)\.?", re.IGNORECASE)


def placeholder_in(text: str) -> str:
    """The part of a text that shows it was never finished, or nothing."""
    stripped = text.strip()
    if not stripped:
        return ""
    found = _PLACEHOLDER.search(stripped)
    if found:
        return found.group(0)
    letters = {letter for letter in stripped.lower() if letter.isalnum()}
    if _EMPTY_TALK.fullmatch(stripped) or (
        len(stripped) >= LONG_ENOUGH_TO_TELL and len(letters) < FEWEST_DIFFERENT_LETTERS
    ):
        return stripped[:40]
    return ""


def read_object(piece: Input) -> dict[str, Any]:
    """The JSON object in a document. Raises CheckInputError with a sentence otherwise."""
    content = strict_json(piece, largest=LARGEST_DOCUMENT)
    if not isinstance(content, dict):
        raise CheckInputError(f"{piece.name} must hold one JSON object with named entries.")
    return content


def is_empty(value: Any) -> bool:
    """Whether an entry says nothing, however deep it is packed; 0 and false say something."""
    if isinstance(value, dict | list):
        return all(is_empty(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return value is None or (isinstance(value, str) and not value.strip())


def texts_in(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text inside JSON with the place where it stands, such as sources[2].name."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts_in(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from texts_in(inner, f"{place}[{position}]")
