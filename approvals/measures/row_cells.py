"""Which of the different texts of a column each row has: a long column is held as small numbers and not as texts."""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.tables import Table

Places = NDArray[np.signedinteger[Any]]
_LONG_ROWS, _MOST_DIFFERENT = 1 << 19, 200_000


def row_cells(table: Table, column: str) -> tuple[list[str | None], Places]:
    """The different texts, None for missing, in any order, and for each row, in file order, its place among them."""
    found = None
    if table.rows > _LONG_ROWS and table.engine.has_hash and table.engine.in_pieces:
        found = _by_hash(table, table.cell(column))
    return found or _by_text(table.texts(column))


def _by_text(cells: list[str | None]) -> tuple[list[str | None], Places]:
    place = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
    return list(place), np.fromiter(map(place.__getitem__, cells), dtype=np.int64, count=len(cells))


def _by_hash(table: Table, cell: str) -> tuple[list[str | None], Places] | None:
    """Nothing for a column of too many texts, and where the hashes of rows do not tell them apart."""
    text = f"CAST({cell} AS VARCHAR)"
    by_value = f"SELECT {text} AS x FROM ({table.engine.rows_by([cell])}) AS r LIMIT {_MOST_DIFFERENT + 1}"
    different = table.fetch(f"SELECT DISTINCT x, HASH(x) FROM ({by_value}) AS d")
    hashes = np.array([row[1] for row in different], dtype=np.uint64)
    order = np.argsort(hashes).astype(np.int32)
    rising = hashes[order]
    if len(different) > _MOST_DIFFERENT or (rising[1:] == rising[:-1]).any():
        return None
    is_short = len(different) <= np.iinfo(np.int16).max
    places: Places = np.empty(table.rows, np.int16) if is_short else np.empty(table.rows, np.int32)
    taken, is_known = 0, True

    def take(piece: NDArray[np.uint64]) -> None:
        nonlocal taken, is_known
        at = np.minimum(np.searchsorted(rising, piece), rising.size - 1)
        # 0 and -0 are one value but two texts.
        is_known = is_known and bool((rising[at] == piece).all())
        places[taken : taken + piece.size] = order[at]
        taken += piece.size

    table.each_piece(f"SELECT HASH({text}) AS h FROM t", take)
    return ([row[0] for row in different], places) if is_known and taken == table.rows else None
