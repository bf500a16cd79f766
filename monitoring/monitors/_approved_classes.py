"""Which classes there were at approval, and whether a table keeps to them: 1, 2 are not 0, 1."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.checks._evaluation import BINARY, MULTICLASS, Declaration
from approvals.checks.base import CheckInputError
from approvals.measures.labels import Value, same_value, value_text
from approvals.measures.multiclass import MAX_CLASSES
from approvals.measures.tables import Table

MOST_CLASSES = {BINARY: 2, MULTICLASS: MAX_CLASSES}


def classes_of(reference: Table, declared: Declaration) -> tuple[Value, ...]:
    """The values that labels and predictions had at approval; none where they were no classes."""
    most = MOST_CLASSES.get(declared.kind)
    if most is None:
        return ()
    found: list[Value] = []
    for column in (declared.label, declared.prediction):
        for value in reference.levels(column, limit=200_000):
            if value is not None and not any(same_value(value, known) for known in found):
                found.append(value)
            if len(found) > most:
                return ()
    return tuple(found)


def known_classes(reference: Table, declared: Declaration) -> tuple[Value, ...]:
    """The same with classes that have a declared score but no row at approval: a rare class is one all the same."""
    found = classes_of(reference, declared)
    unseen = [name for name in declared.class_scores if not any(same_value(name, value) for value in found)]
    return (*found, *unseen) if found else ()


class UnknownClassesError(CheckInputError):
    """A column of classes has values that were none at approval."""

    def __init__(self, table: str, column: str, odd: Sequence[Value], known: Sequence[Value], cure: str) -> None:
        self.table, self.column, self.odd, self.known = table, column, odd, known
        super().__init__(
            f"The column “{column}” of {table} has the values {_listed(odd[:5], ', ')}, but at approval the "
            f"classes were {_listed(known, ' and ')}{cure}"
        )

    def with_cure(self, cure: str) -> UnknownClassesError:
        """The same with another way out."""
        return UnknownClassesError(self.table, self.column, self.odd, self.known, cure)


def _listed(values: Sequence[Value], between: str) -> str:
    return between.join(value_text(value) or "" for value in values)


def require_known(table: Table, column: str, known: Sequence[Value]) -> None:
    """Raise UnknownClassesError if a column of classes has a value that was no class at approval."""
    if not known:
        return
    odd = [
        value
        for value in table.levels(column, limit=200_000)
        if value is not None and not any(same_value(value, approved) for approved in known)
    ]
    if odd:
        raise UnknownClassesError(table.name, column, odd, known, "; code the batch alike.")
