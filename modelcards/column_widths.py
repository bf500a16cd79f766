"""How wide the columns of a printed table are: as their words need, and a number on one line wherever it can be.

Knows texts only; the press measures letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LETTERS = 122
"""Letters of a table's type that fit beside each other on a page."""
GAP = 2
"""Letters between two columns."""
DIGIT = 1.25
"""Letters that a digit is as wide as."""
WIDEST, NARROWEST = 44, 3
"""Letters after which a text goes on in the next line, and what the narrowest column has."""
NUMBER = re.compile(r"[-−+]?[\d.,\s]+%?( (to|of) [-−+]?[\d.,\s]+%?)?")


def percentages(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[float, ...]:
    """The share of the width of each column, in percent; together 100 for any table with a column.

    Each column gets what its longest word or number needs, or its part of that where all do not fit, and then its part
    of the rest, by how much longer its texts are.
    """
    if not columns:
        return ()
    cells = [[columns[place], *(row[place] for row in rows if place < len(row))] for place in range(len(columns))]
    least = [max(NARROWEST, *map(_unbroken, texts)) + GAP for texts in cells]
    ideal = [max(low, min(WIDEST, max(map(len, texts))) + GAP) for low, texts in zip(least, cells, strict=True)]
    room = max(LETTERS - sum(least), 0)
    wanted = sum(ideal) - sum(least)
    part = min(room / wanted, 1.0) if wanted else 0.0
    widths = [low + part * (best - low) for low, best in zip(least, ideal, strict=True)]
    return tuple(round(100 * width / sum(widths), 1) for width in widths)


def _unbroken(text: str) -> float:
    """Letters of the longest piece that stays on one line."""
    if NUMBER.fullmatch(text):
        return min(_wide(text), WIDEST)
    return min(max(map(_wide, text.split()), default=0), WIDEST // 2)


def _wide(text: str) -> float:
    return len(text) + (DIGIT - 1) * sum(map(str.isdigit, text))
