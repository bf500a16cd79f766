"""Words without end, given places where a line may break, so that setting them takes seconds and not minutes.

Works on the finished HTML; not a letter is changed or left out, and words of usual length stay as they are.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST, PART = 160, 8
"""Letters of a word that is left alone (longer than any digest or address of ours), and between two places to break."""
BREAK = "\N{ZERO WIDTH SPACE}"
TEXT = re.compile(r"(?<=>)[^<>]+(?=<)")
WORD = re.compile(rf"[^\s<>\u200b]{{{LONGEST + 1},}}")
LETTER = re.compile(r"&#?\w{1,31};|.", re.DOTALL)
VIRAMA = 9
JOINERS = "\u200c\u200d"


def breakable(html: str) -> str:
    """The document with places to break in every long word of its body."""
    head, body, rest = html.partition("<body")
    return head + body + TEXT.sub(lambda text: WORD.sub(_broken, text[0]), rest)


def _broken(word: re.Match[str]) -> str:
    parts, since, before = [], 0, ""
    for letter in LETTER.findall(word[0]):
        if since >= PART and not _belong_together(before, letter):
            parts.append(BREAK)
            since = 0
        parts.append(letter)
        since, before = since + 1, letter
    return "".join(parts)


def _belong_together(before: str, letter: str) -> bool:
    """Whether two signs are drawn as one: a letter with its marks, or with the one that joins it."""
    return (
        unicodedata.category(letter[0]).startswith("M")
        or unicodedata.combining(before[-1]) == VIRAMA
        or before in JOINERS
        or letter in JOINERS
    )
