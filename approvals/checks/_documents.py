"""JSON documents that submitters attach, read with bounds, and texts that only pretend to say something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

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
    if piece.path.stat().st_size > LARGEST_DOCUMENT:
        raise CheckInputError(f"{piece.name} is larger than 1 MiB; a record of words and numbers is smaller.")
    try:
        content = json.loads(piece.path.read_text("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise CheckInputError(f"{piece.name} is not valid JSON in UTF-8; attach it again as JSON.") from None
    if not isinstance(content, dict):
        raise CheckInputError(f"{piece.name} must hold one JSON object with named entries.")
    return content


def is_empty(value: Any) -> bool:
    """Whether an entry says nothing; 0 and false say something."""
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


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
