"""JSON from strangers that every program reads alike: no name twice, only finite numbers, no unprintable texts."""

from __future__ import annotations

import json
from typing import Any

from approvals.checks.base import CheckInputError, Input

DEEPEST = 60
LONGEST_REASON = 200


def strict_json(piece: Input, *, largest: int) -> Any:
    """What the file says. Raises CheckInputError with a sentence for anything else."""
    try:
        content = json.loads(strict_text(piece, largest=largest), parse_constant=_refuse, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        why = str(error)[:LONGEST_REASON] if isinstance(error, ValueError) else "it is nested too deep"
        raise CheckInputError(f"{piece.name} is not valid JSON: {why.rstrip('.')}.") from None
    if too_deep(content):
        raise CheckInputError(f"{piece.name} nests its entries more than {DEEPEST} deep.")
    return content


def strict_text(piece: Input, *, largest: int) -> str:
    """The text of a file in UTF-8. Raises CheckInputError if it is too large or something else."""
    if piece.path.stat().st_size > largest:
        raise CheckInputError(f"{piece.name} is larger than the {largest / (1 << 20):g} MiB that this check reads.")
    try:
        return piece.path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise CheckInputError(f"{piece.name} is no text in UTF-8.") from None


def text_at(value: Any, place: str, *, longest: int, name: str) -> str:
    """A text without spaces around it; missing is empty. Raises CheckInputError naming the place for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CheckInputError(f"{name}: {place} must be a text, not {kind_of(value)}.")
    stripped = value.strip()
    if len(stripped) > longest:
        raise CheckInputError(f"{name}: {place} has {len(stripped):,} characters; at most {longest:,} are read.")
    if not stripped.isprintable():
        raise CheckInputError(f"{name}: {place} holds a character that cannot be printed.")
    return stripped


def list_at(value: Any, place: str, *, name: str) -> list[Any]:
    """A list; missing is empty. Raises CheckInputError naming the place for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise CheckInputError(f"{name}: {place} must be a list, not {kind_of(value)}.")
    return value


def object_at(value: Any, place: str, *, name: str) -> dict[str, Any]:
    """An object with named entries. Raises CheckInputError naming the place for anything else."""
    if not isinstance(value, dict):
        raise CheckInputError(f"{name}: {place} must be an object with named entries, not {kind_of(value)}.")
    return value


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if isinstance(value, bool):
        return "true or false"
    words = {
        str: "a text",
        dict: "an object",
        list: "a list",
        int: "a number",
        float: "a number",
        type(None): "nothing",
    }
    return words.get(type(value), "something else")


def too_deep(content: Any) -> bool:
    """Whether lists and objects stand in each other too deep to be followed."""
    level, depth = [content], 0
    while level and depth <= DEEPEST:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return bool(level)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number that JSON knows")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The entries of an object for `json`. Raises ValueError for a name twice, of which programs take either."""
    entries: dict[str, Any] = {}
    for name, value in pairs:
        if name in entries:
            shown = name[:60] if name.isprintable() else "a name that cannot be printed"
            raise ValueError(f"an object names “{shown}” twice")
        entries[name] = value
    return entries
