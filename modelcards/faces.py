"""Which font draws which character: our own faces, and one face for each further script, told to fontconfig one by one.

The same text is given the same fonts on every machine, and a card in Latin, Greek or Cyrillic letters reads no more
fonts than it needs. Knows no PDF engine.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parent / "fonts"
SCRIPTS = Path(__file__).resolve().parent / "script_fonts"
FALLBACK = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
OWN = ("CardSans-Regular.ttf", "CardSans-Italic.ttf", "CardSans-Bold.ttf", "CardMono-Regular.ttf")
BLANKS = frozenset(" \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}")
CJK = "CardHan-Regular.otf"

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Face:
    """The file of a face, and the blocks of Unicode in which it is asked."""

    file: str
    blocks: Ranges

    @property
    def path(self) -> Path:
        """Where it lies."""
        return SCRIPTS / self.file


def _noto(name: str, *blocks: tuple[int, int], style: str = "Sans") -> Face:
    return Face(f"Noto{style}{name}-Regular.ttf", blocks)


FACES: tuple[Face, ...] = (
    _noto("Armenian", (0x0530, 0x058F), (0xFB13, 0xFB17)),
    _noto("Hebrew", (0x0590, 0x05FF), (0xFB1D, 0xFB4F)),
    _noto("Arabic", (0x0600, 0x06FF), (0x0750, 0x077F), (0x08A0, 0x08FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFE)),
    _noto("Syriac", (0x0700, 0x074F)),
    _noto("Thaana", (0x0780, 0x07BF)),
    _noto("NKo", (0x07C0, 0x07FF)),
    _noto("Devanagari", (0x0900, 0x097F), (0x1CD0, 0x1CFF), (0xA8E0, 0xA8FF)),
    _noto("Bengali", (0x0980, 0x09FF)),
    _noto("Gurmukhi", (0x0A00, 0x0A7F)),
    _noto("Gujarati", (0x0A80, 0x0AFF)),
    _noto("Oriya", (0x0B00, 0x0B7F)),
    _noto("Tamil", (0x0B80, 0x0BFF)),
    _noto("Telugu", (0x0C00, 0x0C7F)),
    _noto("Kannada", (0x0C80, 0x0CFF)),
    _noto("Malayalam", (0x0D00, 0x0D7F)),
    _noto("Sinhala", (0x0D80, 0x0DFF)),
    _noto("Thai", (0x0E00, 0x0E7F)),
    _noto("Lao", (0x0E80, 0x0EFF)),
    _noto("Tibetan", (0x0F00, 0x0FFF), style="Serif"),
    _noto("Myanmar", (0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    _noto("Georgian", (0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)),
    _noto("Ethiopic", (0x1200, 0x139F), (0x2D80, 0x2DDF), (0xAB00, 0xAB2F)),
    _noto("Cherokee", (0x13A0, 0x13FF), (0xAB70, 0xABBF)),
    _noto("CanadianAboriginal", (0x1400, 0x167F), (0x18B0, 0x18FF)),
    _noto("Khmer", (0x1780, 0x17FF), (0x19E0, 0x19FF)),
    _noto("Mongolian", (0x1800, 0x18AF)),
    _noto("OlChiki", (0x1C50, 0x1C7F)),
    _noto("Tifinagh", (0x2D30, 0x2D7F)),
    _noto("Yi", (0xA000, 0xA4CF)),
    _noto("Vai", (0xA500, 0xA63F)),
    _noto("Javanese", (0xA980, 0xA9DF)),
    _noto("MeeteiMayek", (0xAAE0, 0xAAFF), (0xABC0, 0xABFF)),
    _noto("Adlam", (0x1E900, 0x1E95F)),
    Face(
        CJK,
        (
            *((0x3001, 0x312F), (0x3131, 0x318E), (0x31A0, 0x31FF), (0x4E00, 0x9FFF)),
            *((0xAC00, 0xD7A3), (0xFA0E, 0xFA29), (0xFF01, 0xFFEE)),
        ),
    ),
)
COMPLEX: Ranges = ((0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1700, 0x1CFF), (0xA800, 0xABFF))
"""Blocks whose letters, written from left to right, are drawn in another order or number than they are written in."""
TURNED: Ranges = ((0x07C0, 0x07FF), (0x1E900, 0x1E95F))
"""N'Ko and Adlam, written from right to left, which programs that read pages take for scripts from left to right."""
FROM_THE_RIGHT = frozenset({"R", "AL"})

FONTCONFIG = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
{folders}<cachedir>{cache}</cachedir>
<selectfont><rejectfont><glob>{scripts}/*</glob></rejectfont>{accepted}</selectfont>
<alias binding="same"><family>sans-serif</family>
<prefer><family>Card Sans</family><family>DejaVu Sans</family></prefer></alias>
<alias binding="same"><family>serif</family>
<prefer><family>Card Sans</family><family>DejaVu Sans</family></prefer></alias>
<alias binding="same"><family>monospace</family>
<prefer><family>Card Mono</family><family>DejaVu Sans</family></prefer></alias>
</fontconfig>"""


def draws(character: str) -> bool:
    """Whether a face of ours draws the character, in every weight that a card uses."""
    return ord(character) in _own() or _face_for(character) is not None


def draws_by_itself(character: str) -> bool:
    """Whether one of our own faces draws it, and no face of a further script is needed."""
    return ord(character) in _own()


def needed(text: str) -> tuple[Face, ...]:
    """The faces beyond our own that a text needs, in the order of FACES."""
    foreign = {character for character in set(text) if not character.isascii() and ord(character) not in _own()}
    found = {face.file for character in foreign if (face := _face_for(character)) is not None}
    return tuple(face for face in FACES if face.file in found)


def fontconfig(text: str, *, cache: Path) -> str:
    """The configuration under which exactly the fonts that a text needs are found."""
    wanted = needed(text)
    folders = [FONTS, *((SCRIPTS,) if wanted else ())]
    globs = "".join(f"<acceptfont><glob>{escape(str(face.path))}</glob></acceptfont>" for face in wanted)
    return FONTCONFIG.format(
        folders="".join(f"<dir>{escape(str(folder))}</dir>" for folder in folders),
        cache=escape(str(cache)),
        scripts=escape(str(SCRIPTS)),
        accepted=globs,
    )


def reorders(text: str) -> bool:
    """Whether a text is drawn in another order than it is written in, so that its letters must be told besides.

    Text from right to left is told where vowel signs stand over its letters: the order of the shapes is then no guide.
    """
    if text.isascii():
        return False
    if any(_within(ord(character), COMPLEX) or _within(ord(character), TURNED) for character in text):
        return True
    has_marks = any(unicodedata.category(character) == "Mn" for character in text)
    return has_marks and any(unicodedata.bidirectional(character) in FROM_THE_RIGHT for character in text)


def _within(code: int, ranges: Ranges) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _face_for(character: str) -> Face | None:
    code = ord(character)
    return next((face for face in FACES if _within(code, face.blocks) and code in _drawn_by(face.path)), None)


@cache
def _own() -> frozenset[int]:
    """Code points that leave ink in every face: in all of our own, or in both weights of the fallback."""
    own, fallback = (frozenset.intersection(*(_drawn_by(FONTS / name) for name in names)) for names in (OWN, FALLBACK))
    return own | fallback


@cache
def _drawn_by(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        names = font.getBestCmap()
        if "glyf" not in font:  # outlines of the other kind are not opened one by one; the file was made without blanks
            return frozenset(names)
        blank = _without_outline(font)
        return frozenset(code for code, glyph in names.items() if chr(code) in BLANKS or glyph not in blank)


def _without_outline(font: TTFont) -> frozenset[str]:
    """Names of glyphs that draw nothing: no bytes, or the 0 that says of how many contours; points are not read."""
    shapes, places = font.reader["glyf"], font["loca"]
    sides = enumerate(pairwise(places))
    return frozenset(font.getGlyphName(number) for number, (at, end) in sides if not any(shapes[at : min(at + 2, end)]))


def files() -> Iterable[Path]:
    """Every font file that a card may be set in."""
    return (*(FONTS / name for name in (*OWN, *FALLBACK)), *(face.path for face in FACES))
