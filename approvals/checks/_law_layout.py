"""How the tables of Local Law 144 are laid out on paper: which headings stand inside which, and in what order.

Source: the examples of 6 RCNY 5-301. Hispanic or Latino comes first and is not divided by race; everybody else stands
by sex and then by race. Columns of other meanings are nested in the order in which they are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from approvals.measures.law_categories import ANY_RACE, apart, is_hispanic
from approvals.measures.local_law_144 import Category

HISPANIC, OTHERS = "Hispanic or Latino", "Non-Hispanic or Latino"
SEX = frozenset({"sex", "gender"})
SEXES = ("male", "man", "men", "m", "female", "woman", "women", "f")
RACES = ("white", "black", "native hawaiian", "asian", "native american", "american indian", "two or more")
"""The order of the rule's examples, by how a category begins."""


@dataclass(frozen=True)
class Line:
    """One category with its headings from the outermost in; an empty one belongs to the heading before it."""

    headings: tuple[str, ...]
    category: Category


@dataclass(frozen=True)
class Layout:
    """The names of the columns of headings, and the lines in the order of the rule."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def layout(attributes: Sequence[str], categories: Sequence[Category]) -> Layout:
    """The categories of a table as the rule lists them.

    A column of which one value is Hispanic or Latino and others are races is race and ethnicity in one, as in the
    categories of the EEO-1 report: with it, ethnicity stands outside, then sex, then race.
    """
    if _are_race_and_ethnicity(attributes):
        return Layout(("Category",), _sorted(Line((_in_one(attributes, one),), one) for one in categories))
    values = [{one.values[place] for one in categories} for place in range(len(attributes))]
    joined = [place for place, found in enumerate(values) if _is_race_and_ethnicity(found)]
    if len(attributes) == 1 or len(joined) != 1:
        order = sorted(range(len(attributes)), key=lambda place: _nesting(attributes[place], values[place]))
        columns = tuple(_word(attributes[place]) for place in order) if len(attributes) > 1 else ("Category",)
        return Layout(columns, _sorted(Line(_picked(one, order), one) for one in categories))
    race = joined[0]
    others = [place for place in range(len(attributes)) if place != race]
    lines = [
        Line((HISPANIC, *_picked(one, others), ""), one)
        if is_hispanic(one.values[race])
        else Line((OTHERS, *_picked(one, others), one.values[race]), one)
        for one in categories
    ]
    return Layout(("Ethnicity", *(_word(attributes[place]) for place in others), "Race"), _sorted(lines))


def heading(attributes: Sequence[str], categories: Iterable[Category]) -> str:
    """The heading of a table: “Sex Categories”, “Race/Ethnicity Categories”, “Intersectional Categories”."""
    if _are_race_and_ethnicity(attributes):
        return "Race/Ethnicity Categories"
    if len(attributes) > 1:
        return f"Intersectional Categories ({' and '.join(_word(name).lower() for name in attributes)})"
    if _is_race_and_ethnicity({one.values[0] for one in categories}):
        return "Race/Ethnicity Categories"
    return f"{_word(attributes[0])} Categories"


def named(attributes: Sequence[str]) -> str:
    """The attributes as the note of the rule names them: “sex or race/ethnicity”."""
    return " or ".join(_word(name).lower() for name in attributes)


def _is_race_and_ethnicity(values: set[str]) -> bool:
    """Whether one value is Hispanic or Latino, and another more than its contrary, which “White (Not …)” is."""
    others = {value for value in values if not is_hispanic(value)}
    return len(others) < len(values) and any("hispanic" not in value.lower().split("(")[0] for value in others)


def _are_race_and_ethnicity(attributes: Sequence[str]) -> bool:
    return len(attributes) == 2 and apart(attributes) is not None


def _in_one(attributes: Sequence[str], category: Category) -> str:
    """Race and ethnicity of a category as the rule names them in one."""
    ethnicity, race = apart(attributes) or (0, 1)
    said = category.values[ethnicity]
    return said if is_hispanic(said) else f"{category.values[race]} (Not Hispanic or Latino)"


def _nesting(name: str, values: set[str]) -> int:
    if any(is_hispanic(value) for value in values):
        return 0
    return 1 if name.lower() in SEX else 2


def _picked(category: Category, order: Iterable[int]) -> tuple[str, ...]:
    return tuple("" if category.values[place] == ANY_RACE else category.values[place] for place in order)


def _word(name: str) -> str:
    """A column's name in words; `race_ethnicity` is the rule's race/ethnicity."""
    joined = {"race_ethnicity": "race/ethnicity", "ethnicity_race": "race/ethnicity"}
    said = joined.get(name.lower(), name.replace("_", " "))
    return f"{said[:1].upper()}{said[1:]}"


def _sorted(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: [_rank(heading) for heading in line.headings]))


def _rank(value: str) -> tuple[int, str]:
    """Where the rule has a category; what it does not name comes after, by its letters."""
    said = value.lower()
    if not value or said == HISPANIC.lower() or is_hispanic(value):
        return 0, said
    if said in SEXES:
        return 1 + SEXES.index(said), said
    known = next((place for place, begins in enumerate(RACES) if said.startswith(begins)), len(RACES))
    return 20 + known, said
