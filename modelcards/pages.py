"""What the pages of a card say, read out of the page itself by the tables of its fonts, and compared with card.json.

Reads the PDF that our own press makes (codes of two bytes, a table to Unicode in each font), not any PDF there is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pikepdf

from modelcards.card import Card
from modelcards.printable import printable

PAIR = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]+)>")
RANGE = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]+)>")
BLOCK = re.compile(rb"begin(bfchar|bfrange)(.*?)end(?:bfchar|bfrange)", re.DOTALL)
SPACE = re.compile(r"\s+")
MOST_NAMED = 3
TURNED = frozenset({"R", "AL", "AN"})
"""Kinds of signs that are drawn from the right (Unicode Annex 9)."""


def page_problems(opened: pikepdf.Pdf, card: Card, digest: str) -> list[str]:
    """What card.json, whose digest is given, says and the pages do not, one sentence each; at most a few are named.

    Texts in scripts that are drawn from the right, or with marks over letters, are not compared: their signs stand in
    another order on the page.
    """
    pages = [squeezed(text_of(page)) for page in opened.pages]
    whole = "".join(pages)
    problems = [
        f"Page {number} does not bear the {what} of card.json."
        for number, text in enumerate(pages, start=1)
        for what, mark in (("number", card.number), ("digest", digest))
        if squeezed(printable(mark)) not in text
    ]
    problems += [
        f"The pages do not say what card.json says: {name}."
        for name, text in _said(card)
        if _is_drawn_in_order(printable(text)) and squeezed(printable(text)) not in whole
    ]
    more = [f"And {len(problems) - MOST_NAMED} more."] if len(problems) > MOST_NAMED else []
    return [*problems[:MOST_NAMED], *more]


def _said(card: Card) -> Iterator[tuple[str, str]]:
    """What must stand on the pages as in the document: verdict, subject, policy, numbers, signatures, ledger."""
    yield "the verdict", card.summary.verdict
    yield "the name of the model", card.model.name
    yield "the version", card.version.number
    if card.artifact is not None:
        yield "the digest of the artifact", card.artifact.sha256
    yield "the digest of the policy", card.policy.digest
    if card.ledger is not None:
        yield "the root of the ledger", card.ledger.root
    for signed in card.sign_offs:
        yield f"the sign-off of {signed.printed_name}", signed.printed_name
        yield f"the meaning of the sign-off of {signed.printed_name}", signed.meaning
        yield f"the dossier that {signed.printed_name} signed", signed.dossier
    for waiver in card.waivers:
        yield f"the exception “{waiver.title}”", waiver.title
    for item in card.evidence:
        yield f"the digest of {item.name}", item.sha256


def _is_drawn_in_order(text: str) -> bool:
    return not any(unicodedata.combining(sign) or unicodedata.bidirectional(sign) in TURNED for sign in text)


def squeezed(text: str) -> str:
    """Without white space and what is not seen: where lines break says nothing."""
    return SPACE.sub("", text).replace("\u200b", "").replace("\u00ad", "")


def text_of(page: pikepdf.Page) -> str:
    """The text of a page in the order in which it is drawn."""
    return "".join(_drawn(page, page.obj.Resources.get("/Font", {})))


def _drawn(page: pikepdf.Page, fonts: Any) -> Iterator[str]:
    tables: dict[str, dict[int, str]] = {}
    table: dict[int, str] = {}
    for instruction in pikepdf.parse_content_stream(page):
        operands: Any = instruction.operands
        name = str(instruction.operator)
        if name == "Tf":
            key = str(operands[0])
            if key not in tables:
                tables[key] = _table(fonts[key])
            table = tables[key]
        elif name in ("Tj", "'"):
            yield _decoded(operands[0], table)
        elif name == "TJ":
            yield "".join(_decoded(one, table) for one in operands[0] if isinstance(one, pikepdf.String))


def _decoded(text: Any, table: dict[int, str]) -> str:
    raw = bytes(text)
    codes = (int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw), 2))
    return "".join(table.get(code, "\ufffd") for code in codes)


def _table(font: Any) -> dict[int, str]:
    """The characters by their codes."""
    found: dict[int, str] = {}
    for kind, body in BLOCK.findall(font.ToUnicode.read_bytes()):
        if kind == b"bfchar":
            found.update({int(code, 16): _characters(text) for code, text in PAIR.findall(body)})
        else:
            for first, last, text in RANGE.findall(body):
                start = int(first, 16)
                for code in range(start, int(last, 16) + 1):
                    found[code] = _characters(text)[:-1] + chr(ord(_characters(text)[-1]) + code - start)
    return found


def _characters(text: bytes) -> str:
    return bytes.fromhex(text.decode("ascii")).decode("utf-16-be", "replace")
