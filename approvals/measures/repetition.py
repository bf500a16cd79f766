"""Rows that occur more than once, in one table or in two. Missing equals missing, 0 equals -0.

Rows are first compared by a hash that holds within one run only; what it finds alike is then compared for real.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from approvals.measures.keeping import steps
from approvals.measures.likeness import comparable

if TYPE_CHECKING:
    from approvals.measures.tables import Table

PART_ROWS = 3 << 22
"""Hashes held in memory at once, 8 bytes each and as much again while they are read."""
_SIDE = np.uint64(1)
_CACHED = 1 << 16
_LISTED = 10_000


def repeated_rows(table: Table, columns: Sequence[str], *, part_rows: int = PART_ROWS) -> tuple[int, int]:
    """Rows beyond the first of equal rows, and all rows that have an equal."""
    cells = ", ".join(table.cell(name) for name in columns)
    if not table.engine.has_hash:
        return _groups(table, cells, "TRUE")
    alike = _alike(table, f"HASH({cells})", part_rows)
    if not alike.size:
        return 0, 0
    among = f"HASH({cells}) IN ({', '.join(map(str, alike.tolist()))})" if alike.size <= _LISTED else "TRUE"
    return _groups(table, cells, among)


def _groups(table: Table, cells: str, among: str) -> tuple[int, int]:
    groups = f"SELECT COUNT(*) AS n FROM t WHERE {among} GROUP BY {cells} HAVING COUNT(*) > 1"
    rows, in_groups = table.fetch(
        f"SELECT CAST(COALESCE(SUM(n - 1), 0) AS BIGINT), CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM ({groups}) AS g"
    )[0]
    return int(rows), int(in_groups)


def _alike(table: Table, key: str, part_rows: int) -> NDArray[np.uint64]:
    """Hashes that occur more than once."""
    found = [np.zeros(0, dtype=np.uint64)]
    for part in steps((), _parts(table.rows, part_rows)):
        keys = _hashes(table, key, part)
        keys.sort()
        found.append(np.unique(keys[1:][keys[1:] == keys[:-1]]))
    return np.concatenate(found)


def shared_rows(table: Table, other: Table, columns: Sequence[str], *, part_rows: int = PART_ROWS) -> int:
    """Rows of `table` that also occur in `other`, over columns of both; what is alike says `likeness`."""
    first, second = (
        ", ".join(comparable(side, name, beside) for name in columns)
        for side, beside in ((table, other), (other, table))
    )
    parts = steps((), _parts(max(table.rows, other.rows), part_rows))
    return sum(_shared_in(part, (table, first), (other, second)) for part in parts)


def _shared_in(part: str, one: tuple[Table, str], two: tuple[Table, str]) -> int:
    """Rows of the first table whose hash is of this part that also occur in the second; each with its cells."""
    (table, first), (other, second) = one, two
    keys, known = _hashes(table, f"HASH({first})", part), _hashes(other, f"HASH({second})", part)
    common = _common(keys, known)
    del known
    if not common.size:
        return 0
    # A second hash of the rows that the first one finds alike: together 127 bits say that rows are equal.
    np.bitwise_or(keys, _SIDE, out=keys)
    alike = _are_among(keys, common)
    del keys, common
    again = _hashes(table, f"HASH({first})", part, f"HASH(1, {first})")[alike]
    again.sort()
    among = _hashes(other, f"HASH({second})", part, f"HASH(1, {second})")
    among.sort()
    return int(_are_among(again, among).sum())


def _common(keys: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The keys on both sides, each once, their last bit set; that bit says the side while all are sorted together."""
    both = np.empty(keys.size + known.size, dtype=np.uint64)
    np.bitwise_and(keys, ~_SIDE, out=both[: keys.size])
    np.bitwise_or(known, _SIDE, out=both[keys.size :])
    both.sort()
    found = 0
    for start in range(0, both.size, _CACHED):
        piece = both[start : start + _CACHED + 1]
        common = piece[1:][(piece[1:] ^ piece[:-1]) == _SIDE]
        both[found : found + common.size] = common  # in place of what was looked at: a copy of all costs memory
        found += common.size
    return both[:found].copy()


def _are_among(keys: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which keys are among those that are known, which rise. `numpy.isin` needs eight times the memory."""
    found = np.empty(keys.size, dtype=np.bool_)
    for start in range(0, keys.size, _CACHED):
        piece = keys[start : start + _CACHED]
        places = np.minimum(np.searchsorted(known, piece), known.size - 1)
        found[start : start + _CACHED] = known[places] == piece
    return found


def _parts(rows: int, part_rows: int) -> Iterator[str]:
    """Conditions on the hash k that cut so many rows into parts that fit in memory."""
    parts = -(-rows // part_rows)
    for part in range(parts):
        yield f"k % {parts} = {part}" if parts > 1 else "TRUE"


def _hashes(table: Table, key: str, part: str, wanted: str = "k") -> NDArray[np.uint64]:
    """The hash of every row of a part, in file order."""
    inner = f"SELECT {key} AS k FROM t" if wanted == "k" else f"SELECT {key} AS k, {wanted} AS l FROM t"
    name = "k" if wanted == "k" else "l"
    found = table.arrays(f"SELECT {name} FROM ({inner}) AS d WHERE {part}")[name]
    return np.require(found, dtype=np.uint64, requirements=("W", "O"))
