"""The parts of a card that were measured: checks with thresholds, numbers, groups, charts; claims and mitigations."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelcards.facts import Fact
from modelcards.reading import ADDED

Cell = str | int | float | None


@dataclass(frozen=True)
class Number:
    """One measured number with size and uncertainty; `value` is None exactly when `reason` says why.

    The fields up to `counts` are those of approvals.measures.values.Measure, so its JSON reads as a Number.
    """

    name: str
    value: float | int | None
    n: int | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    level: float | None = None
    slice: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    counts: tuple[tuple[str, int], ...] = ()
    title: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Threshold:
    """A limit that was fixed before the run, with who fixed it and when."""

    name: str
    value: str
    fixed_by: str
    fixed_at: str
    source: str = ""


@dataclass(frozen=True)
class Table:
    """A table of finished text and numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class GroupRow:
    """One group or intersection; `numbers` stand in the order of the table's columns."""

    group: str
    n: int | None
    numbers: tuple[Number, ...]
    small: bool = False
    flag: str = ""


@dataclass(frozen=True)
class GroupTable:
    """Numbers by group: one factor makes a unitary table, several an intersectional one."""

    title: str
    factors: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    reference: str = ""
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A picture (SVG text), the sentence for a reader without it, and the numbers it shows."""

    title: str
    description: str
    svg: str
    table: Table | None = None


@dataclass(frozen=True)
class CheckResult:
    """One automated check: verdict, thresholds, numbers, tables and charts of the run that counts."""

    key: str
    title: str
    version: str
    stage: str
    verdict: str
    sentences: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    parameters: tuple[Fact, ...] = ()
    numbers: tuple[Number, ...] = ()
    tables: tuple[Table, ...] = ()
    groups: tuple[GroupTable, ...] = ()
    charts: tuple[Chart, ...] = ()
    looked_at: tuple[str, ...] = ()
    not_looked_at: tuple[str, ...] = ()
    run: tuple[Fact, ...] = ()
    turns: tuple[str, ...] = field(default=(), metadata=ADDED)


@dataclass(frozen=True)
class Claim:
    """What the submitter stated beside what the portal measured."""

    measure: str
    claimed: Cell
    measured: Number
    difference: float | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Mitigation:
    """What is done about one failed measure, with the measure before and after."""

    measure: str
    before: Number
    after: Number | None
    plan: str
    owner: str
    due_on: str
    result: str = ""
