"""How checks are laid out: numbers on one line each with their methods below, tables with their columns, and no table
without an end. What is cut stands whole in card.json, and the page says so. Decides nothing about numbers.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass

from modelcards.card import (
    Card,
    Cell,
    Chart,
    CheckResult,
    GroupRow,
    GroupTable,
    Mitigation,
    Number,
    Table,
    Threshold,
)
from modelcards.column_widths import percentages
from modelcards.law_tables import LawSheet, law_sheet
from modelcards.printing import HEXADECIMAL, interval_method, methods_of, printed, rows_of

LAW = "local_law_144"
LONGEST, FIRST_ROWS = 40, 15
"""Rows that are printed of a table by group or of the law, and of any other table."""
HALF_A_DIGEST = "0" * 39
"""A digest takes two lines of a table."""
CLAIMS = "Claimed and measured"
NUMBERS = ("Measure", "Value", "Interval")
"""How a table begins that says the numbers of the check once more."""


@dataclass(frozen=True)
class NumberLine:
    """One number, the letter of its method, and the rows it is about where its name does not say them."""

    number: Number
    letter: str
    rows: str


@dataclass(frozen=True)
class TableSheet:
    """A table with which of its columns are right-aligned numbers, and how many rows are not printed."""

    title: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[tuple[Cell, bool], ...], ...]
    note: str
    left_out: int

    @property
    def has_digests(self) -> bool:
        """Whether there are digests in it, which take room."""
        return any(_is_digest(cell) for row in self.rows for cell, _ in row)

    @property
    def headings(self) -> tuple[tuple[str, bool, float], ...]:
        """Each column's name, whether it holds numbers, and its part of the width in percent."""
        texts = [[HALF_A_DIGEST if _is_digest(cell) else printed(cell) for cell, _ in row] for row in self.rows]
        widths = percentages([name for name, _ in self.columns], texts)
        return tuple((*column, width) for column, width in zip(self.columns, widths, strict=True))


@dataclass(frozen=True)
class GroupSheet:
    """A table by group, with the title of its check and how many rows are not printed."""

    check: str
    table: GroupTable
    rows: tuple[GroupRow, ...]
    left_out: int


@dataclass(frozen=True)
class ChartSheet:
    """A picture, with its numbers where no other table says them."""

    chart: Chart
    table: TableSheet | None


@dataclass(frozen=True)
class PlanSheet:
    """One plan of mitigation with all the measures that it is for."""

    measures: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class CheckSheet:
    """One check as it is printed."""

    check: CheckResult
    numbers: tuple[NumberLine, ...]
    methods: tuple[tuple[str, str], ...]
    judged: bool
    tables: tuple[TableSheet, ...]
    law_tables: tuple[LawSheet, ...]
    charts: tuple[ChartSheet, ...]


@dataclass(frozen=True)
class LimitLine:
    """Thresholds of one check that were fixed together, and the moment its run was finished."""

    check: str
    thresholds: tuple[Threshold, ...]
    finished: str

    @property
    def fixed(self) -> Threshold:
        """One of them, for who fixed them, when and where."""
        return self.thresholds[0]


def check_sheet(check: CheckResult) -> CheckSheet:
    """The check with everything that its page prints."""
    letters: dict[str, str] = {}
    lines = [NumberLine(number, _letters(methods_of(number), letters), _rows(number)) for number in check.numbers]
    return CheckSheet(
        check=check,
        numbers=tuple(lines),
        methods=tuple((letter, method) for method, letter in letters.items()),
        judged=any(number.verdict for number in check.numbers),
        tables=()
        if check.key == LAW
        else tuple(table_sheet(table, longest=FIRST_ROWS) for table in check.tables if not _said_elsewhere(table)),
        law_tables=tuple(law_sheet(table, longest=LONGEST) for table in check.tables) if check.key == LAW else (),
        charts=tuple(ChartSheet(chart, table_sheet(chart.table) if chart.table else None) for chart in check.charts),
    )


def plans(mitigations: Iterable[Mitigation]) -> tuple[PlanSheet, ...]:
    """Each plan once, with its measures."""
    measures: dict[str, list[str]] = {}
    for mitigation in mitigations:
        measures.setdefault(mitigation.plan, []).append(mitigation.measure)
    return tuple(PlanSheet(tuple(names), text) for text, names in measures.items())


def _letters(methods: Iterable[str], letters: dict[str, str]) -> str:
    return " ".join(_letter(method, letters) for method in methods)


def _letter(method: str, letters: dict[str, str]) -> str:
    place = len(letters)
    alphabet = string.ascii_lowercase
    name = alphabet[place] if place < len(alphabet) else f"{alphabet[place // 26 - 1]}{alphabet[place % 26]}"
    return letters.setdefault(method, name)


def _rows(number: Number) -> str:
    named = all(level in (number.title or number.name) for _, level in number.slice)
    return "" if named else rows_of(number)


def _said_elsewhere(table: Table) -> bool:
    return table.title == CLAIMS or table.columns[: len(NUMBERS)] == NUMBERS


def table_sheet(table: Table, *, longest: int = LONGEST) -> TableSheet:
    """The table with its number columns and its first rows."""
    shown = table.rows[:longest]
    numeric = [
        place > 0 and bool(shown) and all(_is_number(row[place]) for row in shown if place < len(row))
        for place in range(len(table.columns))
    ]
    return TableSheet(
        title=table.title,
        columns=tuple(zip(table.columns, numeric, strict=True)),
        rows=tuple(tuple(zip(row, numeric, strict=False)) for row in shown),
        note=table.note,
        left_out=len(table.rows) - len(shown),
    )


def _is_digest(cell: Cell) -> bool:
    return isinstance(cell, str) and HEXADECIMAL.fullmatch(cell) is not None


def _is_number(cell: Cell) -> bool:
    if not isinstance(cell, str):
        return True
    text = cell.strip().replace(",", "").replace("\N{MINUS SIGN}", "-").replace(" to ", " ")
    return all(_reads_as_number(part) for part in text.rstrip("%").split())


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def group_sheets(card: Card, *, intersectional: bool) -> tuple[GroupSheet, ...]:
    """Tables by one factor, or by several, in the order of the checks."""
    return tuple(
        GroupSheet(check.title, table, table.rows[:LONGEST], max(len(table.rows) - LONGEST, 0))
        for check in card.checks
        for table in check.groups
        if (len(table.factors) > 1) is intersectional
    )


def limits(checks: Iterable[CheckResult]) -> tuple[LimitLine, ...]:
    """Every threshold that was fixed before a run, in the order of the checks; together what was fixed together."""
    lines = []
    for check in checks:
        together: dict[tuple[str, str, str], list[Threshold]] = {}
        for threshold in check.thresholds:
            together.setdefault((threshold.fixed_by, threshold.fixed_at, threshold.source), []).append(threshold)
        lines += [LimitLine(check.title, tuple(those), _finished(check)) for those in together.values()]
    return tuple(lines)


def _finished(check: CheckResult) -> str:
    return next((fact.value for fact in check.run if fact.label in {"Finished", "Started"}), "")


def factors(card: Card) -> tuple[tuple[str, str], ...]:
    """What results were broken down by: the factors of every table by group, with the check."""
    found = [(" and ".join(table.factors), check.title) for check in card.checks for table in check.groups]
    return tuple(dict.fromkeys(found))


def methods(checks: Iterable[CheckResult]) -> tuple[str, ...]:
    """Every way in which an interval was made, once."""
    made = dict.fromkeys(interval_method(number) for check in checks for number in check.numbers)
    return tuple(method for method in made if method)
