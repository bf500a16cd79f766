"""Text by people inside a Markdown document: shown as it was typed, and nothing in it acts.

No markup, no link, no picture, no HTML, no heading and no front matter can come out of it, under CommonMark and under
GitHub's and Hugging Face's additions to it.
"""

from __future__ import annotations

import re
import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
ALWAYS = frozenset("\\`*_[]{}#|~$@")
ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
LIST = re.compile(r"^([-+])(?=\s|$)|^(\d{1,9})([.)])(?=\s|$)")
RULE = re.compile(r"^([-=])(?=[-=\s]*$)")


def inline(text: str) -> str:
    """The text on one line."""
    return _escaped(" ".join(visible(text).split()))


def block(text: str) -> str:
    """The text as a quotation, line for line."""
    lines = visible(text).split("\n")
    shown = [_escaped(" ".join(line.split())) for line in lines]
    return "\n".join(f"> {line}\\" if line and following else f"> {line}".rstrip() for line, following in _pairs(shown))


def visible(text: str) -> str:
    """The text with every hidden, direction-changing or unprintable character shown as [U+XXXX]."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        f"[U+{ord(sign):04X}]" if unicodedata.category(sign) in HIDDEN and sign not in "\n\t" else sign
        for sign in plain
    )


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    """Each line with the one that follows, empty at the end."""
    return list(zip(lines, [*lines[1:], ""], strict=True))


def _escaped(line: str) -> str:
    marked = ADDRESS.sub(lambda found: f"\0{found[0]}", line)
    safe = "".join(ENTITIES.get(sign, f"\\{sign}" if sign in ALWAYS else sign) for sign in marked)
    safe = safe.replace("\0", "\\")
    safe = RULE.sub(r"\\\1", safe)
    return LIST.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", safe)
