"""Whether a number gives the label away otherwise than by rising or falling with it: as a code, or in some ranges.

Judges nothing. What orders say is in `quality.leakage`, `class_leakage` and `number_leakage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from approvals.measures.label_rows import LabelRows, number_rows, several_class_rows, two_class_rows
from approvals.measures.labels import ONE_CLASS, ONE_VALUE, Value, positive_level
from approvals.measures.multiclass import MAX_CLASSES
from approvals.measures.number_views import Found, number_views
from approvals.measures.reading import UnreachableError
from approvals.measures.tables import Column, Table, TableError
from approvals.measures.text_leakage import CURE
from approvals.measures.values import Counts, Measure, not_computable

NAME = "form_leakage"
TOO_FEW = "Not computable: the rows are too few to tell what values and ranges say from chance."
BY_CHANCE = "what its values and ranges say is not beyond chance"


def two_class_form_leakage(
    table: Table, label: str, *, positive: Value = 1, exclude: Iterable[str] = ()
) -> dict[str, Measure]:
    """The strongest view of each number column that is not as strong by chance, in [0.5, 1]; 0.5 where none is.

    Views are areas under the ROC curve: of the share of positives of each value in half of its rows, for the other
    half, where values recur; and the same of ranges of 4, 16, 64, … rows in order of the numbers (of more from 262,144
    rows on, so that there are 65,536 ranges at most), in expectation over all halvings (`held_out`). A view counts
    where its evidence against chance (`label_chance`) is above that which one of all views of the column has in 5 % of
    tables at most. Over rows with a label and a finite number. Not computable when the rows have one class, of so few
    rows that no labels could be told from chance, and for what the engine cannot do. The label and `exclude` are not
    looked at.
    """
    chosen = positive_level(label, table.levels(label), positive)
    return _each(table, label, exclude, lambda name: two_class_rows(table, name, label, chosen))


def class_form_leakage(table: Table, label: str, *, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """The same of several classes: that of the class against the rest that is told apart best, named in `method`."""
    return _each(table, label, exclude, lambda name: several_class_rows(table, name, label, MAX_CLASSES + 1))


def number_form_leakage(table: Table, label: str, *, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """The same of labels that are numbers: (1 + r) / 2, r the correlation of the label's rank with what half says.

    Its evidence against chance is that of labels above the middle one. TableError unless the label holds numbers.
    """
    table.require_numbers(label)
    return _each(table, label, exclude, lambda name: number_rows(table, name, label))


def _each(table: Table, label: str, exclude: Iterable[str], rows: Callable[[str], LabelRows]) -> dict[str, Measure]:
    left_out = {label, *exclude}
    found = {}
    for column in table.columns:
        if column.kind == "number" and column.name not in left_out:
            with table.engine.held([table.cell(column.name), table.cell(label)], table.rows):
                found[column.name] = _of_column(table, column, rows)
    return found


def _of_column(table: Table, column: Column, rows: Callable[[str], LabelRows]) -> Measure:
    where = (("column", column.name),)
    distinct, present = table.distinct(column.name), table.rows - table.missing()[column.name]
    try:
        labelled = rows(column.name)
        found = number_views(labelled, distinct=distinct, present=present)
    except UnreachableError:
        raise
    except TableError as error:
        if table.engine.is_lost:
            raise
        reason = f"Not computable: “{column.name}” could not be looked at: {error.sentence} {CURE}"
        return not_computable(NAME, reason, n=table.rows, slice=where)
    if not _varies(found):
        return not_computable(NAME, ONE_VALUE if labelled.of_numbers else ONE_CLASS, n=found.n, slice=where)
    if not found.decidable:
        return not_computable(NAME, TOO_FEW, n=found.n, slice=where)
    if found.view is None:
        return Measure(NAME, 0.5, found.n, method=BY_CHANCE, slice=where, counts=_behind(labelled, found))
    best = found.view
    how = f"(1 + r) / 2; r is the {best.how}" if labelled.of_numbers else best.how
    if best.of_class:
        how = f"of the class “{best.of_class}” against the rest; {best.how}"
    return Measure(NAME, max(0.5, best.strength), found.n, method=how, slice=where, counts=_behind(labelled, found))


def _varies(found: Found) -> bool:
    """Whether rows have more than one class, or labels above the middle one and others."""
    return any(0 < rows < found.n for rows in found.sums)


def _behind(rows: LabelRows, found: Found) -> Counts:
    if rows.of_numbers:
        return ()
    if rows.names == ("",):
        return (("positives", found.sums[0]), ("negatives", found.n - found.sums[0]))
    return (("classes", sum(1 for total in found.sums if total)),)
