"""Text by people, made safe to print: nothing hides in it, nothing in it acts, and every character has a glyph.

Invisible, direction-changing and unprintable characters are shown as [U+XXXX]. Never drops or guesses a character.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import nh3
from django.utils.safestring import SafeString, mark_safe
from fontTools.ttLib import TTFont
from markdown_it import MarkdownIt
from markdown_it.token import Token

FONTS = Path(__file__).resolve().parent / "fonts"
FALLBACK = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
OWN = ("CardSans-Regular.ttf", "CardSans-Italic.ttf", "CardSans-Bold.ttf", "CardMono-Regular.ttf")

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
KEPT = frozenset("\n\t")
BLANKS = frozenset(" \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}")
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


def printable(text: str) -> str:
    """The text with every hidden character, and every one without a glyph, made visible as [U+XXXX]."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if plain.isascii() and plain.replace("\n", "").replace("\t", "").isprintable():
        return plain
    return "".join(map(_visible, plain))


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


def printable_document(document: Document) -> Document:
    """The same frozen document with `printable` applied to every text in it; drawings and proofs stay as they are."""
    changed: Document = _walk(document)
    return changed


def _visible(character: str) -> str:
    if character in KEPT:
        return character
    hidden = unicodedata.category(character) in HIDDEN
    return f"[U+{ord(character):04X}]" if hidden or ord(character) not in _coverage() else character


def _walk(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple):
        return tuple(_walk(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return type(value)(**{name: item if name in RAW else _walk(item) for name, item in pairs.items()})
    return value


@cache
def _coverage() -> frozenset[int]:
    """Code points that leave ink in every face: in all of our own, or in both weights of the fallback."""
    own, fallback = (frozenset.intersection(*(_code_points(name) for name in names)) for names in (OWN, FALLBACK))
    return own | fallback


def _code_points(name: str) -> frozenset[int]:
    with TTFont(FONTS / name, lazy=True) as font:
        shapes = font["glyf"]
        return frozenset(
            code for code, glyph in font.getBestCmap().items() if chr(code) in BLANKS or shapes[glyph].numberOfContours
        )


@cache
def _markdown(*, tables: bool) -> MarkdownIt:
    plain = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST}).disable(SWITCHED_OFF)
    return plain.enable("table") if tables else plain
