"""What Local Law 144 calls a category where race and ethnicity stand in columns of their own.

Source: 6 RCNY 5-301 and the EEO-1 report: Hispanic or Latino people are one category, of any race; everybody else is
counted by race.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from approvals.measures.labels import UNKNOWN

Key = tuple[str, ...]
ANY_RACE = "any race"
"""The race in the category of Hispanic or Latino people."""
ETHNICITY = frozenset({"ethnicity", "hispanic", "latino", "hispanic_or_latino", "hispanic_latino"})
RACE = "race"
_NOT = re.compile(r"\b(non|not)\b", re.IGNORECASE)


def is_hispanic(value: str) -> bool:
    """Whether a value says Hispanic or Latino, and not the contrary."""
    said = value.lower()
    return ("hispanic" in said or "latin" in said) and not _NOT.search(said)


def apart(names: Sequence[str]) -> tuple[int, int] | None:
    """The places of ethnicity and of race where both are columns of their own, by their names."""
    ethnicity = [place for place, name in enumerate(names) if name.lower() in ETHNICITY]
    race = [place for place, name in enumerate(names) if name.lower() == RACE]
    return (ethnicity[0], race[0]) if len(ethnicity) == 1 and len(race) == 1 else None


def of_any_race(names: Sequence[str], cells: Mapping[tuple[Key, bool], int]) -> Counter[tuple[Key, bool]]:
    """The same counts with Hispanic or Latino people of all races, and of unknown race, together."""
    counted: Counter[tuple[Key, bool]] = Counter()
    for (key, chosen), rows in cells.items():
        counted[category_of(names, key), chosen] += rows
    return counted


def category_of(names: Sequence[str], key: Key) -> Key:
    """The category in which people of these values are counted."""
    places = apart(names)
    if places is None or key[places[0]] == UNKNOWN or not is_hispanic(key[places[0]]):
        return key
    return (*key[: places[1]], ANY_RACE, *key[places[1] + 1 :])


def is_a_category(names: Sequence[str], key: Key) -> bool:
    """Whether there can be such a category: of any race is said of Hispanic or Latino people, and of nobody else."""
    places = apart(names)
    return places is None or is_hispanic(key[places[0]]) is (key[places[1]] == ANY_RACE)
