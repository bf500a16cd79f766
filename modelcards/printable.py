"""Text by people, made safe to print: nothing hides in it, nothing in it acts, and every character has a glyph.

Invisible, direction-changing and unprintable characters are shown as [U+XXXX]. Never drops or guesses a character.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from modelcards import faces

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
KEPT = frozenset("\n\t")
NON_JOINER, JOINER = "\u200c", "\u200d"
JOINERS = frozenset({NON_JOINER, JOINER})
VIRAMA = 9
"""The combining class of signs that take a letter's vowel away."""
RAW = frozenset({"svg", "proof"})

TAGS = {"p", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote", "br"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
# Links and pictures would reach outside.
SWITCHED_OFF = [
    "lheading",
    "hr",
    "link",
    "image",
    "autolink",
    "html_block",
    "html_inline",
    "reference",
    "entity",
]
DEEPEST = 12
MOST_CELLS = 600
"""Strokes between cells; a text with more of them is printed as text, because each cell costs time."""

Document = TypeVar("Document")


def printable(text: str, *, cautious: bool = False) -> str:
    """The text with every hidden character, and every one without a glyph, made visible as [U+XXXX].

    A joiner is kept where its script is written with it. `cautious` keeps the letters of our own faces only.
    """
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if plain.isascii() and plain.replace("\n", "").replace("\t", "").isprintable():
        return plain
    drawn = faces.draws_by_itself if cautious else faces.draws
    neighbours = zip(f"\n{plain}", plain, f"{plain[1:]}\n", strict=False)
    return "".join(
        one if _joins(one, before, after) and not cautious else _visible(one, drawn)
        for before, one, after in neighbours
    )


def prose(text: str) -> SafeString:
    """Markdown as HTML made of a few tags without any attribute.

    Headings become bold paragraphs: the outline is the card's own.
    """
    markdown = _markdown(tables=text.count("|") <= MOST_CELLS)
    tokens = markdown.parse(text)
    for place, token in enumerate(tokens):
        if token.type in {"heading_open", "heading_close"}:
            token.type, token.tag = token.type.replace("heading", "paragraph"), "p"
            if token.type == "paragraph_open" and tokens[place + 1].children:
                children = tokens[place + 1].children or []
                tokens[place + 1].children = [
                    Token("strong_open", "strong", 1),
                    *children,
                    Token("strong_close", "strong", -1),
                ]
    html: str = markdown.renderer.render(tokens, markdown.options, {})
    return mark_safe(nh3.clean(html, tags=TAGS, attributes={}))  # noqa: S308  (cleaned right here)


def printable_document(document: Document, *, cautious: bool = False) -> Document:
    """The same frozen document with `printable` applied to every text in it; drawings and proofs stay as they are."""
    changed: Document = _walk(document, cautious=cautious)
    return changed


def _visible(character: str, drawn: Callable[[str], bool]) -> str:
    if character in KEPT:
        return character
    hidden = unicodedata.category(character) in HIDDEN
    return f"[U+{ord(character):04X}]" if hidden or not drawn(character) else character


def _joins(character: str, before: str, after: str) -> bool:
    """Whether this is a joiner where its script needs one: after a virama, or between Arabic letters (RFC 5892, A)."""
    if character not in JOINERS:
        return False
    if unicodedata.combining(before) == VIRAMA:
        return True
    return character == NON_JOINER and all(unicodedata.bidirectional(side) == "AL" for side in (before, after))


def _walk(value: Any, *, cautious: bool) -> Any:
    if isinstance(value, str):
        return printable(value, cautious=cautious)
    if isinstance(value, tuple):
        return tuple(_walk(item, cautious=cautious) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return type(value)(
            **{name: item if name in RAW else _walk(item, cautious=cautious) for name, item in pairs.items()}
        )
    return value


@cache
def _markdown(*, tables: bool) -> MarkdownIt:
    plain = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST}).disable(SWITCHED_OFF)
    return plain.enable("table") if tables else plain
