"""The JSON Schema of a card document and the page that describes it, both made from the card's own types.

Run as a module it writes both files anew. A field without a description is an error, so none is ever left out.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from modelcards.approval import LedgerFacts
from modelcards.card import SCHEMA, Card, CardStatus, Tone
from modelcards.card_descriptions import DESCRIPTIONS
from modelcards.facts import Dataset
from modelcards.measured import CheckResult

FILE = Path(__file__).resolve().parent / "model-card-v1.schema.json"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "card-format.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTIFIER = f"urn:model-approval-portal:schema:{SCHEMA}"
SHA256 = "^([0-9a-f]{64})?$"
DIGESTS = frozenset({"sha256", "card_sha256", "digest", "dossier", "root_sha256", "record_sha256"})
VERDICTS = ("passed", "warning", "failed", "not_computable", "error")
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
CLOSED: dict[tuple[type, str], tuple[str, ...]] = {
    (Card, "status"): tuple(status.value for status in CardStatus),
    (Card, "schema"): (SCHEMA,),
    (CheckResult, "verdict"): VERDICTS,
}
PROOF = {
    "type": "object",
    "properties": {
        "format": {"type": "string", "description": "The format of the proof: ledger-proof@v1."},
        "vkey": {"type": "string", "description": "The public key that signed the checkpoint, as a C2SP vkey."},
        "checkpoint": {"type": "string", "description": "The checkpoint as a C2SP signed note."},
        "entries": {
            "type": "array",
            "description": "The entries that are proven.",
            "items": {
                "type": "object",
                "properties": {
                    "seq": {"type": "integer", "description": "Number of the entry."},
                    "payload": {"type": "string", "description": "The entry to the letter, as JSON text."},
                    "proof": {
                        "type": "array",
                        "description": "SHA-256 hashes from the entry to the root (RFC 9162), nearest first.",
                        "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    },
                },
                "required": ["seq", "payload", "proof"],
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}


def built() -> dict[str, Any]:
    """The schema, from the types and their descriptions. Raises KeyError for a field that nobody described."""
    kinds = list(_kinds(Card))
    return {
        "$schema": DIALECT,
        "$id": IDENTIFIER,
        "title": "Model card",
        **_object(Card),
        "$defs": {kind.__name__: _object(kind) for kind in sorted(kinds, key=lambda one: one.__name__)},
    }


@cache
def packaged() -> dict[str, Any]:
    """The schema as it lies in the package."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


def text() -> str:
    """The schema file."""
    return json.dumps(built(), ensure_ascii=False, indent=2) + "\n"


INTRODUCTION = f"""# The card document

`card.json` is what a model card says, for programs: the portal hands it out, the PDF carries the same bytes, and its
SHA-256 digest is printed on every page. It is canonical JSON (RFC 8785), so equal cards are equal bytes. Its schema is
`{SCHEMA}`, a JSON Schema (2020-12): `modelcards/{FILE.name}`, also in every audit pack. This page is
written from it by `python -m modelcards.card_schema`.

Every text is the text itself: nothing is escaped or shortened, and texts by people are Markdown where it says so.
Digests are SHA-256 in lower-case hexadecimal. Moments are ISO 8601 with their offset, days YYYY-MM-DD. What is not
known is an empty text, an empty list or null; a number that cannot be computed is null with the reason beside it.
Entries of other names are refused; fields without “yes” may be left out and then have the default.
"""


def page() -> str:
    """The page for people: one table for each kind of object."""
    lines = [INTRODUCTION, *_page_of("The card", built())]
    for name, definition in built()["$defs"].items():
        lines += _page_of(name, definition)
    return "\n".join(lines).rstrip("\n") + "\n"


def _page_of(title: str, definition: dict[str, Any]) -> Iterator[str]:
    required = set(definition.get("required", ()))
    yield from (
        f"## {title}",
        "",
        definition["description"],
        "",
        "| field | type | required | meaning |",
        "|---|---|---|---|",
    )
    for name, field in definition["properties"].items():
        yield f"| `{name}` | {_type_in_words(field)} | {'yes' if name in required else ''} | {field['description']} |"
    yield ""


def _type_in_words(field: dict[str, Any]) -> str:
    if "enum" in field or "const" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type_in_words(one) for one in field["anyOf"])
    if "prefixItems" in field:
        return "pair of " + " and ".join(_type_in_words(one) for one in field["prefixItems"])
    if field["type"] == "array":
        return f"list of {_type_in_words(field['items'])}"
    return " or ".join(field["type"]) if isinstance(field["type"], list) else str(field["type"])


def _kinds(kind: type, seen: set[type] | None = None) -> Iterator[type]:
    """Every kind of object inside a card, each once."""
    seen = set() if seen is None else seen
    for hint in typing.get_type_hints(kind).values():
        for inner in _inside(hint):
            if dataclasses.is_dataclass(inner) and isinstance(inner, type) and inner not in seen:
                seen.add(inner)
                yield inner
                yield from _kinds(inner, seen)


def _inside(hint: Any) -> Iterator[Any]:
    yield hint
    for argument in typing.get_args(hint):
        yield from _inside(argument)


def _object(kind: type) -> dict[str, Any]:
    hints, described = typing.get_type_hints(kind), DESCRIPTIONS[kind.__name__]
    fields = [item for item in dataclasses.fields(kind) if item.init]
    return {
        "description": described[""],
        "type": "object",
        "properties": {
            item.name: {"description": described[item.name], **_field(kind, item.name, hints[item.name])}
            for item in fields
        },
        "required": [item.name for item in fields if _has_no_default(item)],
        "additionalProperties": False,
    }


def _has_no_default(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _field(kind: type, name: str, hint: Any) -> dict[str, Any]:
    if (kind, name) in CLOSED:
        values = CLOSED[kind, name]
        return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}
    if name == "tone":
        return {"enum": [tone.value for tone in Tone]}
    if (kind, name) == (LedgerFacts, "proof"):
        return PROOF
    found = _type(hint)
    # The digests of a lineage are as somebody wrote them.
    is_ours = name in DIGESTS and kind is not Dataset
    return {**found, "pattern": SHA256} if is_ours else found


def _type(hint: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and arguments[-1] is Ellipsis:
        return {"type": "array", "items": _type(arguments[0])}
    if origin is tuple:
        items = [_type(one) for one in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if origin in {typing.Union, types.UnionType}:
        choices = [_type(one) for one in arguments]
        if all(set(one) == {"type"} for one in choices):
            return {"type": [one["type"] for one in choices]}
        return {"anyOf": choices}
    return {"type": PLAIN[hint]}


def main() -> int:
    """Write both files."""
    FILE.write_text(text(), "utf-8")
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
