"""How many decisions about people would turn a disparity between groups, tried before it is said. Judges nothing.

All other decisions stay as they are. Groups that are too small or unknown decide nothing and are not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from approvals.measures.values import Measure

RATE, TRUE_RATE, FALSE_RATE, RIGHT = 0, 2, 3, 4  # places of these in the numbers of a group
MOST_NAMED = 4
LARGEST = 200
"""Groups beyond these are not in the reading, and what is said would not be of all of them."""


@dataclass(frozen=True)
class Cell:
    """k of n people of one group."""

    group: str
    k: int
    n: int

    @property
    def share(self) -> Fraction:
        """The share k of n."""
        return Fraction(self.k, self.n)


@dataclass(frozen=True)
class Kind:
    """A disparity: which numbers of the groups it is made of, what one counted thing is, and whether it is a ratio."""

    numbers: tuple[int, ...]
    thing: str
    is_ratio: bool = False


KINDS = {
    "min_selection_ratio": Kind((RATE,), "favourable decision", is_ratio=True),
    "max_selection_difference": Kind((RATE,), "favourable decision"),
    "max_equal_opportunity_difference": Kind((TRUE_RATE,), "favourable decision about those whose label is favourable"),
    "max_equalized_odds_difference": Kind((TRUE_RATE, FALSE_RATE), "favourable decision"),
    "max_accuracy_difference": Kind((RIGHT,), "right decision"),
    "min_impact_ratio": Kind((RATE,), "selection", is_ratio=True),
}
GroupCells = Mapping[str, Mapping[int, Sequence[Cell]]]
"""By what the groups are cut by (“sex and age”): the cells of every number of the groups that count."""


def cells_of(parts: Iterable[Mapping[str, Any]]) -> GroupCells:
    """The counted groups of a reading, as `groups_as_json` wrote them; nothing of those with too many groups."""
    found: dict[str, dict[int, list[Cell]]] = {}
    for part in parts:
        rows = [row for row in part["rows"] if row["n"] and not row["small"] and not row["unknown"]]
        if len(part["rows"]) >= LARGEST:
            continue
        cells: dict[int, list[Cell]] = {}
        for row in rows:
            for place in (RATE, TRUE_RATE, FALSE_RATE, RIGHT):
                measure = Measure.from_json(row["numbers"][place])
                k, n = measure.count("k"), measure.count("n")
                if measure.computable and k is not None and n:
                    cells.setdefault(place, []).append(Cell(row["group"], k, n))
        found[" and ".join(part["attributes"])] = cells
    return found


def turning_of_groups(measure: Measure, *, cells: GroupCells, threshold: str, limit: float | None) -> str:
    """What would turn the disparity, in decisions; empty if no such change was found."""
    kind, by = KINDS[threshold], dict(measure.slice).get("attributes", "")
    parts = {place: list(cells.get(by, {}).get(place, ())) for place in kind.numbers}
    if limit is None or not any(len(part) > 1 for part in parts.values()):
        return ""
    edge = Fraction(str(limit))
    if _meets(kind, parts, edge):
        return _to_fail(kind, parts, edge)
    return _to_meet(kind, parts, edge)


def value_of(kind: Kind, parts: Mapping[int, Sequence[Cell]]) -> Fraction | None:
    """The disparity of these cells: lowest of highest, or the widest difference; None where it has no value."""
    widest: Fraction | None = None
    for part in parts.values():
        shares = [cell.share for cell in part]
        if len(shares) <= 1:
            continue
        low, high = min(shares), max(shares)
        if kind.is_ratio:
            return low / high if high else None
        widest = high - low if widest is None else max(widest, high - low)
    return widest


def _meets(kind: Kind, parts: Mapping[int, Sequence[Cell]], edge: Fraction) -> bool:
    value = value_of(kind, parts)
    return value is not None and (value >= edge if kind.is_ratio else value <= edge)


def _to_fail(kind: Kind, parts: Mapping[int, Sequence[Cell]], edge: Fraction) -> str:
    """So many fewer in the lowest group: that group alone changes."""
    place = kind.numbers[0]
    part = parts[place]
    if len(part) <= 1:
        return ""
    lowest = min(part, key=lambda cell: (cell.share, cell.group))
    rest = [cell for cell in part if cell is not lowest]

    def fails(fewer: int) -> bool:
        changed = {**parts, place: [*rest, replace(lowest, k=lowest.k - fewer)]}
        return value_of(kind, changed) is not None and not _meets(kind, changed, edge)

    fewer = _smallest(fails, lowest.k)
    who = f"for the group “{lowest.group}”{_among(kind, place)}"
    return f"{_things(kind, fewer, 'fewer')} {who} would fail it" if fewer else ""


def _to_meet(kind: Kind, parts: Mapping[int, Sequence[Cell]], edge: Fraction) -> str:
    """So many more in each group that is too low (of false favourable decisions: fewer in each that is too high)."""
    changed: dict[int, list[Cell]] = {}
    said: list[tuple[int, str]] = []
    for place, part in parts.items():
        is_false = place == FALSE_RATE
        shares = [cell.share for cell in part]
        changed[place] = []
        for cell in part:
            target = _enough(kind, cell, shares, edge, down=is_false)
            if not 0 <= target <= cell.n:
                return ""
            changed[place].append(replace(cell, k=target))
            if target != cell.k:
                what = _things(kind, abs(target - cell.k), "fewer" if is_false else "more")
                among = " whose label is not favourable" if is_false else _among(kind, place)
                said.append((abs(target - cell.k), f"{what} for the group “{cell.group}”{among}"))
    if not said or not _meets(kind, changed, edge):
        return ""
    said.sort(key=lambda item: -item[0])
    if len(said) > MOST_NAMED:
        in_all = sum(size for size, _ in said)
        return f"{in_all:,} decisions in {len(said):,} groups would have to be other ones: {said[0][1]} is the most"
    together = " together" if len(said) > 1 else ""
    return f"{' and '.join(words for _, words in said)} would{together} meet it"


def _among(kind: Kind, place: int) -> str:
    return " whose label is favourable" if len(kind.numbers) > 1 and place == TRUE_RATE else ""


def _enough(kind: Kind, cell: Cell, shares: Sequence[Fraction], edge: Fraction, *, down: bool) -> int:
    """The count nearest to that of the group which is near enough to the best one."""
    if down:
        return min(cell.k, (cell.n * (min(shares) + edge)).__floor__())
    needed = cell.n * (max(shares) * edge if kind.is_ratio else max(shares) - edge)
    return max(cell.k, needed.__ceil__())


def _smallest(turned: Any, most: int) -> int:
    """The smallest size up to `most` that turns, for what turns at every larger one; 0 if none does."""
    if most <= 0 or not turned(most):
        return 0
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if turned(middle) else (middle, high)
    return high


def _things(kind: Kind, size: int, which: str) -> str:
    words = kind.thing.split(" about ")
    several = words[0] if size == 1 else f"{words[0]}s"
    return " about ".join([f"{size:,} {which} {several}", *words[1:]])
