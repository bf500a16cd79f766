"""What became of each column since approval: its type, its gaps, its values and its range. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from approvals.checks._evaluation import BINARY, MULTICLASS
from approvals.checks._rules import number
from approvals.checks.base import NumberTable
from approvals.measures.bins import count_levels
from approvals.measures.quality import missing_share, out_of_range
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._tables import Pair, watched_columns

ABSENT = "largest share missing in one column"
CHANGED = "columns of another type than at approval"
NEW_VALUES = "largest share of rows with a value that was not there at approval"
OUTSIDE_RANGE = "largest share of rows outside the range at approval"
CONSTANT = "columns that varied at approval and do not now"
SIGNIFICANCE = 0.05
"""Of all columns together (Bonferroni): above it, one value in so many rows may be chance."""
SAME_VALUES = 0.5
LONGEST_TABLE = 500
ALIKE = frozenset({"number", "boolean"})


@dataclass(frozen=True)
class ColumnNow:
    """One watched column: its types then and now, and measures of it where they have a meaning."""

    name: str
    then: str
    now: str
    missing: Measure
    new_values: Measure | None
    outside: Measure | None
    one_value: float | None
    """How likely the values as approved are to give one value only in so many rows; None where it varies now, or did
    not at approval."""

    @property
    def changed(self) -> bool:
        """Whether the type is another one; a column without any value has none, whatever it was declared as."""
        return self.now != self.then and not self.is_empty

    @property
    def is_empty(self) -> bool:
        """Whether no cell has a value; lists, bytes and the like have values, and a type that is none of the others."""
        return self.now == "other" and self.missing.value in {None, 1.0}


def columns_now(pair: Pair) -> tuple[ColumnNow, ...]:
    """Every watched column that both tables have."""
    names = [name for name in watched_columns(pair.declared) if name in pair.reference.names]
    return tuple(_column(pair, name) for name in names if name in pair.batch.names)


def _column(pair: Pair, name: str) -> ColumnNow:
    then, now = (table.column(name).kind for table in (pair.reference, pair.batch))
    is_class = pair.declared.kind in (BINARY, MULTICLASS) and name == pair.declared.prediction
    if is_class and {then, now} <= ALIKE:
        now = then  # 0 and 1, or false and true: the classes say whether the coding is another one
    if (then, now) == ("text", "other") and _has_its_values(pair, name):
        now = then  # names of an enumeration, or as bytes: a database or a program writes them so
    numbers = then == now == "number"
    return ColumnNow(
        name,
        then,
        now,
        _absent_share(pair.batch, name),
        None if numbers or is_class or then != now else _new_values(pair, name),
        _outside(pair, name) if numbers and not is_class else None,
        _one_value(pair, name) if pair.batch.distinct(name) <= 1 < pair.reference.distinct(name) else None,
    )


def _has_its_values(pair: Pair, name: str) -> bool:
    """Whether most rows have a value that was there at approval, however it is stored."""
    share = _new_values(pair, name).value
    return pair.batch.distinct(name) > 0 and share is not None and share < SAME_VALUES


def _one_value(pair: Pair, name: str) -> float:
    """The sum over all values of their share at approval to the power of the rows with a value now.

    Of too many different values at approval the share of the most frequent one is bounded from above.
    """
    rows, before = pair.batch.counted(name).present, pair.reference.counted(name)
    if not rows:
        return 0.0
    try:
        shares = [size / before.present for size in count_levels(pair.reference, name)[0].values()]
    except TableError:
        shares = [(before.present - before.distinct + 1) / before.present]
    return min(1.0, sum(share**rows for share in shares))


def _absent_share(batch: Table, column: str) -> Measure:
    """Share of cells that are missing or, among numbers, infinite."""
    if batch.column(column).kind != "number":
        return replace(missing_share(batch, column), name=ABSENT)
    found = batch.summary(column)
    absent = found.missing + found.not_finite
    counts = (("k", absent), ("n", batch.rows))
    return Measure(ABSENT, absent / batch.rows, batch.rows, slice=(("column", column),), counts=counts)


def _new_values(pair: Pair, column: str) -> Measure:
    where = (("column", column),)
    try:
        before, now = (count_levels(table, column)[0] for table in (pair.reference, pair.batch))
    except TableError as error:
        return not_computable(NEW_VALUES, f"Not computable: {error.sentence}", slice=where)
    rows = sum(size for level, size in now.items() if level not in before)
    counts = (("k", rows), ("n", pair.batch.rows))
    return Measure(NEW_VALUES, rows / pair.batch.rows, pair.batch.rows, method=column, slice=where, counts=counts)


def _outside(pair: Pair, column: str) -> Measure:
    where, found = (("column", column),), pair.reference.summary(column)
    if found.minimum is None or found.maximum is None:
        reason = f"Not computable: “{column}” had no number at approval."
        return not_computable(OUTSIDE_RANGE, reason, slice=where)
    rows = int(out_of_range(pair.batch, column, low=found.minimum, high=found.maximum).value or 0)
    counts = (("k", rows), ("n", pair.batch.rows))
    return Measure(OUTSIDE_RANGE, rows / pair.batch.rows, pair.batch.rows, method=column, slice=where, counts=counts)


def measures_of(columns: Sequence[ColumnNow], rows: int) -> tuple[Measure, ...]:
    """The worst column of each kind of trouble, and how many columns changed."""
    changed = [item.name for item in columns if item.changed]
    constant, _ = constants_of(columns)
    return (
        _worst(ABSENT, [item.missing for item in columns], rows),
        _worst(NEW_VALUES, [item.new_values for item in columns if item.new_values], rows),
        _worst(OUTSIDE_RANGE, [item.outside for item in columns if item.outside], rows),
        Measure(CHANGED, len(changed), rows, method=", ".join(changed[:5])),
        Measure(CONSTANT, len(constant), rows, method=", ".join(constant[:5])),
    )


def constants_of(columns: Sequence[ColumnNow]) -> tuple[list[str], list[str]]:
    """Columns that no longer vary: those of which that is more than chance, with all columns looked at together, and
    those of which so few rows do not tell.
    """
    found: tuple[list[str], list[str]] = ([], [])
    for item in columns:
        if item.one_value is not None:
            found[item.one_value * len(columns) > SIGNIFICANCE].append(item.name)
    return found


def _worst(name: str, found: Sequence[Measure], rows: int) -> Measure:
    """The largest; what cannot be computed of one column leaves open which is. Nothing is 0 where no column has it."""
    if not found:
        return Measure(name, 0.0, rows, method="no column has it")
    return max(found, key=lambda measure: (measure.value is None, float(measure.value or 0)))


def table_of(columns: Sequence[ColumnNow]) -> NumberTable:
    """Every watched column."""
    constant, by_chance = constants_of(columns)
    rows = tuple(
        (
            item.name,
            item.then,
            "empty" if item.is_empty else item.now,
            number(item.missing.value),
            number(item.new_values.value) if item.new_values else "",
            number(item.outside.value) if item.outside else "",
            "constant" if item.name in constant else "one value, which may be chance" if item.name in by_chance else "",
        )
        for item in columns[:LONGEST_TABLE]
    )
    return NumberTable(
        "Columns",
        ("Column", "Type at approval", "Type now", "Share missing", "New values", "Outside the range", "Remark"),
        rows,
    )
