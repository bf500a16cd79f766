"""Whether a text of many different values gives the label away alone: the strongest of five views. Judges nothing.

What cannot be looked at is not computable, and its reason says what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from approvals.measures.label_rows import LabelRows
from approvals.measures.labels import ONE_CLASS, ONE_VALUE
from approvals.measures.reading import UnreachableError
from approvals.measures.tables import Column, Table, TableError
from approvals.measures.text_views import (
    FEWEST_ROWS,
    Lengths,
    TooFewRowsError,
    Totals,
    View,
    ends_view,
    length_view,
    lengths,
    order_views,
    strongest_view,
    values_view,
    words_view,
)
from approvals.measures.values import Counts, Measure, not_computable

MOST_LEVELS = 100
"""Different values of a column that are each looked at in the rows they are in; of more, each is nearly a row alone."""
MOST_CHARACTERS, MOST_ON_AVERAGE = 20_000, 5_000
"""Of longer texts words are not looked at, which are in memory several thousand texts at a time."""
MOST_COLUMNS = 1_000
"""Columns of one table that are looked at as texts of many values, which takes long."""
CURE = (
    "Declare the model's features without it, declare it as a key if it identifies rows, or give what the model reads "
    "of it in columns of their own."
)


class TextLeakage:
    """Looks at the texts of one table, one column after the other; `rows` gives those of a column with their labels."""

    def __init__(
        self, table: Table, label: str, rows: Callable[[str], LabelRows], name: str, *, most_columns: int = MOST_COLUMNS
    ) -> None:
        self._table = table
        self._label = label
        self._most_columns = most_columns
        self._rows = rows
        self._name = name
        self._looked_at = 0

    def of(self, column: Column) -> Measure:
        """The strongest view of a column as text, in [0.5, 1], as `method` names it. Over rows with both.

        Of classes the area under the ROC curve, or one minus it, of several that of the class against the rest that is
        told apart best; of numbers (1 + r) / 2, r the size of a correlation of ranks. Views: what a value says in half
        of its rows about the others (`held_out`); its place in order of bytes, and of length, then of bytes; its number
        of characters; having one of its words; how it begins and ends. It is above 0.5 by chance, as the largest.

        Not computable where the rows have one class or label, and, naming column and cure, for bytes, texts of more
        than MOST_CHARACTERS, more than `most_columns` columns, classes of too few rows, and what the engine cannot do.
        """
        self._looked_at += 1
        if self._table.holds_bytes(column.name):
            return self._unseen(column, "holds bytes, which are not set against the label.")
        if self._looked_at > self._most_columns:
            return self._unseen(
                column, f"is beyond the {self._most_columns:,} columns of many texts that are looked at."
            )
        table, counted = self._table, (self._table.distinct(column.name), self._table.missing()[column.name])
        try:
            with table.engine.held([table.cell(column.name), table.cell(self._label)], table.rows):
                return self._seen(column, *counted)
        except UnreachableError:
            raise
        except TableError as error:
            if table.engine.is_lost:
                raise
            return self._unseen(column, f"could not be looked at: {error.sentence}")
        except TooFewRowsError as error:
            few = f"{error.rows:,} rows of a class" if error.rows > 1 else "one row of a class"
            return self._unseen(
                column,
                f"has {error.pieces} in {FEWEST_ROWS} rows or more, and with {few} chance tells as much as any.",
            )

    def beside(self, column: Column, found: Measure | None) -> Measure:
        """What was found of a column of few values or parts of them; of more than MOST_LEVELS the stronger of both."""
        if found is not None and self._table.distinct(column.name) <= MOST_LEVELS:
            return found
        as_text = self.of(column)
        if found is None or as_text.value is None or found.value is None:
            return as_text
        return max(found, as_text, key=lambda measure: measure.value or 0.0)

    def _unseen(self, column: Column, why: str) -> Measure:
        reason = f"Not computable: “{column.name}” {why} {CURE}"
        return not_computable(self._name, reason, n=self._table.rows, slice=(("column", column.name),))

    def _seen(self, column: Column, distinct: int, missing: int) -> Measure:
        rows = self._rows(column.name)
        found = lengths(rows)
        totals, where = found.totals, (("column", column.name),)
        if not totals.told_apart:
            reason = ONE_VALUE if rows.of_numbers else ONE_CLASS
            return not_computable(self._name, reason, _behind(rows, totals), n=totals.n, slice=where)
        mean = sum(length * n for length, n, _ in found.by_length) / totals.n
        if totals.longest > MOST_CHARACTERS or mean > MOST_ON_AVERAGE:
            size = f"has texts of up to {totals.longest:,} characters, {mean:,.0f} on average"
            limits = f"at most {MOST_CHARACTERS:,}, {MOST_ON_AVERAGE:,} on average"
            return self._unseen(column, f"{size}, and words are looked at in those of {limits}.")
        best = strongest_view(self._views(rows, found, distinct, self._table.rows - missing))
        how = f"(1 + r) / 2; r is the {best.how}" if rows.of_numbers else best.how
        if best.of_class:
            how = f"max(AUC, 1 - AUC) of the class “{best.of_class}” against the rest; {best.how}"
        return Measure(self._name, best.strength, totals.n, method=how, slice=where, counts=_behind(rows, totals))

    def _views(self, rows: LabelRows, found: Lengths, distinct: int, present: int) -> Iterator[View]:
        if distinct < present:  # else no value has another row
            yield values_view(rows, found.totals)
        yield from order_views(rows, found.totals, recurring=2 * distinct < present)
        yield length_view(rows, found)
        yield words_view(rows, found.totals)
        yield ends_view(rows, found.totals)


def _behind(rows: LabelRows, totals: Totals) -> Counts:
    if rows.of_numbers:
        return ()
    if rows.names == ("",):
        return (("positives", totals.sums[0]), ("negatives", totals.n - totals.sums[0]))
    return (("classes", sum(1 for total in totals.sums if total)),)
