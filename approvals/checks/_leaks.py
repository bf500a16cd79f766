"""Columns that give the label away alone, by their values or by being missing, for each kind of table on one scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from approvals.checks._evaluation import BINARY, MULTICLASS, REGRESSION, Declaration
from approvals.measures.class_leakage import class_leakage, class_missingness_leakage
from approvals.measures.level_leakage import MOST_LEVELS, level_leakage
from approvals.measures.number_leakage import number_leakage, number_missingness_leakage
from approvals.measures.quality import leakage, missingness_leakage
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

SCALE = (
    "max(AUC, 1 - AUC), of several classes that of the class told apart best, of numbers (1 + |rank correlation|) / 2; "
    "0.5 says nothing about the label, 1 gives it away"
)
Measured = Callable[..., dict[str, Measure]]
OF_VALUES: Mapping[str, tuple[Measured, ...]] = {
    BINARY: (level_leakage, leakage),  # the size of booleans, which both look at, is what counts
    MULTICLASS: (class_leakage,),
    REGRESSION: (number_leakage,),
}
OF_MISSING: Mapping[str, Measured] = {
    BINARY: missingness_leakage,
    MULTICLASS: class_missingness_leakage,
    REGRESSION: number_missingness_leakage,
}


@dataclass(frozen=True)
class Leaks:
    """By column the stronger of values and of being missing; and columns whose values are not looked at.

    These have too many texts, or are of a type that is not set against the label, such as lists and times of day.
    """

    by_column: dict[str, Measure]
    not_looked_at: tuple[str, ...]
    of_other_types: tuple[str, ...] = ()


def leaks_of(table: Table, declared: Declaration) -> Leaks:
    """What each feature says about the label, or each column if no features are declared and there.

    Without what the model says, and without keys. TableError where the label is not of the declared kind.
    """
    kind = declared.kind
    said = {declared.prediction, declared.score, *declared.class_scores.values(), *declared.key}
    features = [name for name in declared.features if name in table.names]
    others = {name for name in table.names if name not in features} if features else set()
    exclude = (said - set(declared.features)) | others
    found: dict[str, Measure] = {}
    for measured in OF_VALUES[kind]:
        found |= measured(table, declared.label, exclude=exclude)
    unseen = tuple(
        name
        for name, measure in found.items()
        if table.column(name).kind not in {"number", "boolean"} and table.distinct(name) > MOST_LEVELS
        if measure.value is None
    )
    gaps = OF_MISSING[kind](table, declared.label, exclude=exclude)
    for name, measure in gaps.items():
        if (measure.value or 0) > (found[name].value or 0 if name in found else 0):
            found[name] = replace(measure, method="whether it is missing")
    missing = table.missing()
    other = tuple(
        column.name
        for column in table.columns
        if column.kind == "other"
        and column.name not in {declared.label, *exclude}
        and missing[column.name] < table.rows
    )
    return Leaks(found, unseen, other)


def strongest(leaks: Mapping[str, Measure], where: str) -> Measure:
    """The column that gives most of the label away, named in its method."""
    name = f"strongest single column of {where}"
    known = {column: measure for column, measure in leaks.items() if measure.value is not None}
    if not known:
        return not_computable(name, f"Not computable: no column of {where} could be set against the label.")
    column, measure = max(known.items(), key=lambda item: item[1].value or 0)
    return replace(measure, name=name, method=f"{column}; {measure.method}")
