"""Whether one column alone gives one of several classes away, by its values or by being missing. Judges nothing.

Each class is set against all others, and the class that is told apart best counts (one against the rest: Fawcett 2006).
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from approvals.measures.label_rows import several_class_rows
from approvals.measures.labels import ONE_CLASS, value_text
from approvals.measures.level_leakage import area_of_shares, counts_of, is_empty, level_cell
from approvals.measures.multiclass import MAX_CLASSES
from approvals.measures.paired_values import TWICE_CENTRED, exact, number_cell, pairs_query
from approvals.measures.tables import Column, Table, TableError
from approvals.measures.text_leakage import TextLeakage
from approvals.measures.values import Measure, not_computable

TWO = 2


def class_leakage(table: Table, label: str, *, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """Largest over classes of max(AUC, 1 - AUC) of each column against this class or not, in [0.5, 1].

    Numbers and booleans by their size, Mann-Whitney's U from midranks; texts and dates by the share of the class among
    the rows of their value, and those of more than MOST_LEVELS values as texts (`text_leakage`), as in `level_leakage`.
    Over rows with both. Not computable when the rows have one class, and as said there. TableError above MAX_CLASSES
    labels. `exclude` is not looked at.
    """
    _require_classes(table, label)
    texts = TextLeakage(table, label, lambda name: several_class_rows(table, name, label, MAX_CLASSES + 1), "leakage")
    found = {}
    for column in table.columns:
        if column.name in {label, *exclude} or is_empty(table, column):
            continue
        measure = _of_column(table, column, label)
        is_sized = column.kind in {"number", "boolean"}
        found[column.name] = measure if measure and is_sized else texts.beside(column, measure)
    return found


def class_missingness_leakage(table: Table, label: str, *, exclude: Iterable[str] = ()) -> dict[str, Measure]:
    """The same of whether a column is missing, where some of it is: one half, and half the size of TPR - FPR."""
    _require_classes(table, label)
    missing = table.missing()
    names = [name for name in table.names if name not in {label, *exclude} and 0 < missing[name] < table.rows]
    present = "".join(f", COUNT({table.cell(name)})" for name in names)
    asked = f"SELECT {table.cell(label)}, COUNT(*){present} FROM t GROUP BY {table.cell(label)}"
    sizes: Counter[str] = Counter()
    having: dict[str, Counter[str]] = {name: Counter() for name in names}
    for level, rows, *counts in table.fetch(asked):
        if text := value_text(level):
            sizes[text] += int(rows)
            for name, count in zip(names, counts, strict=True):
                having[name][text] += int(count)
    return {name: _of_missing(name, sizes, having[name]) for name in names}


def _require_classes(table: Table, label: str) -> None:
    table.require(label)
    if len([level for level in table.levels(label, limit=MAX_CLASSES + 1) if level is not None]) > MAX_CLASSES:
        raise TableError(f"The column “{label}” has more than {MAX_CLASSES} classes.")


def _of_column(table: Table, column: Column, label: str) -> Measure | None:
    if column.kind in {"number", "boolean"}:
        return _of_numbers(table, column.name, label)
    levels = level_cell(table, column)
    if levels is None:
        return None
    cells: dict[str, Counter[str]] = {}
    for value, level, rows in counts_of(table, levels[0], label):
        text, named = value_text(value), value_text(level)
        if text is not None and named:
            cells.setdefault(text, Counter())[named] += rows
    sizes: Counter[str] = sum(cells.values(), Counter())
    areas = {
        name: area_of_shares([(of[name], of.total() - of[name]) for of in cells.values()])
        for name in _told_apart(sizes)
    }
    return _largest(
        "leakage", column.name, areas, sizes.total(), f"share of the class of each value{levels[1]}, in the same rows"
    )


def _of_numbers(table: Table, column: str, label: str) -> Measure:
    pairs = pairs_query(number_cell(table, column), table.cell(label))
    ranked = f"SELECT y, n, {TWICE_CENTRED.format('x')} AS a FROM ({pairs}) AS p"
    sizes: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for level, n, ranks in table.fetch(f"SELECT y, SUM(n), {exact('n', 'a')} FROM ({ranked}) AS q GROUP BY y"):
        if text := value_text(level):
            sizes[text] += int(n)
            sums[text] += int(ranks)
    total = sizes.total()
    # The sum of twice the centred ranks of n rows is 2 n (N - n) (AUC - 1/2).
    areas = {name: 0.5 + sums[name] / (2 * sizes[name] * (total - sizes[name])) for name in _told_apart(sizes)}
    return _largest("leakage", column, areas, total, "AUC of its size")


def _of_missing(column: str, sizes: Mapping[str, int], having: Mapping[str, int]) -> Measure:
    total, present = sum(sizes.values()), sum(having.values())
    areas = {}
    for name in _told_apart(sizes):
        rest = total - sizes[name]
        areas[name] = 0.5 + (having[name] / sizes[name] - (present - having[name]) / rest) / 2
    return _largest("missingness_leakage", column, areas, total, "AUC of being missing")


def _told_apart(sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Classes that have rows, if there are two or more of them."""
    names = tuple(sorted(name for name, rows in sizes.items() if rows))
    return names if len(names) >= TWO else ()


def _largest(name: str, column: str, areas: Mapping[str, float], n: int, method: str) -> Measure:
    where = (("column", column),)
    if not areas:
        return not_computable(name, ONE_CLASS, n=n, slice=where)
    apart = {one: max(area, 1.0 - area) for one, area in areas.items()}
    best = max(apart, key=lambda one: apart[one])
    method = f"max(AUC, 1 - AUC) of the class “{best}” against the rest; {method}"
    return Measure(name, apart[best], n, method=method, slice=where, counts=(("classes", len(areas)),))
