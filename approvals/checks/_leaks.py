"""Columns that give the label away alone, by their values or by being missing, for each kind of table on one scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from approvals.checks._evaluation import BINARY, MULTICLASS, REGRESSION, Declaration
from approvals.measures.class_leakage import class_leakage, class_missingness_leakage
from approvals.measures.form_leakage import (
    TOO_FEW,
    class_form_leakage,
    number_form_leakage,
    two_class_form_leakage,
)
from approvals.measures.labels import ONE_CLASS, ONE_VALUE
from approvals.measures.level_leakage import level_leakage
from approvals.measures.number_leakage import number_leakage, number_missingness_leakage
from approvals.measures.quality import leakage, missingness_leakage
from approvals.measures.tables import Table
from approvals.measures.text_leakage import CURE, MOST_LEVELS
from approvals.measures.values import Measure, bounded, not_computable

SCALE = (
    "max(AUC, 1 - AUC), of several classes that of the class told apart best, of numbers (1 + |rank correlation|) / 2; "
    "0.5 says nothing about the label, 1 gives it away"
)
MOST_NAMED = 5
Measured = Callable[..., dict[str, Measure]]
OF_VALUES: Mapping[str, tuple[Measured, ...]] = {
    BINARY: (level_leakage, leakage, two_class_form_leakage),
    MULTICLASS: (class_leakage, class_form_leakage),
    REGRESSION: (number_leakage, number_form_leakage),
}
OF_MISSING: Mapping[str, Measured] = {
    BINARY: missingness_leakage,
    MULTICLASS: class_missingness_leakage,
    REGRESSION: number_missingness_leakage,
}


@dataclass(frozen=True)
class Leaks:
    """By column the stronger of values and of being missing; and why values of other columns could not be looked at.

    `left_out` are columns that leakage is not asked of: the label, what the model says, keys, and what is no feature.
    `has_texts` says whether some column was looked at as a text of many values, `has_numbers` whether as a number;
    `by_order` are numbers of so few rows that only their order counts.
    """

    by_column: dict[str, Measure]
    unseen: dict[str, str]
    left_out: tuple[str, ...]
    has_texts: bool
    has_numbers: bool
    by_order: tuple[str, ...]


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
    unseen: dict[str, str] = {}
    by_order: list[str] = []
    for measured in OF_VALUES[kind]:
        for name, measure in measured(table, declared.label, exclude=exclude).items():
            if measure.value is not None or name not in found:
                found[name] = _stronger(found.get(name), measure)
            # Of rows of one class, and of one value, values say nothing; other reasons leave open what they say.
            if measure.value is None and measure.reason == TOO_FEW:
                by_order.append(name)
            elif measure.value is None and measure.reason not in {ONE_CLASS, ONE_VALUE}:
                unseen[name] = measure.reason
    kinds = {name: table.column(name).kind for name in found}
    texts = [name for name, kind_of in kinds.items() if kind_of not in {"number", "boolean"}]
    gaps = OF_MISSING[kind](table, declared.label, exclude=exclude)
    for name, measure in gaps.items():
        if (measure.value or 0) > (found[name].value or 0 if name in found else 0):
            found[name] = replace(measure, method="whether it is missing")
    left_out = tuple(name for name in table.names if name in exclude or name == declared.label)
    has_texts = any(table.distinct(name) > MOST_LEVELS for name in texts)
    return Leaks(found, unseen, left_out, has_texts, "number" in kinds.values(), tuple(by_order))


def _stronger(found: Measure | None, other: Measure) -> Measure:
    """What gives more away; of equal ones the first."""
    return other if found is None or (other.value or 0) > (found.value or 0) else found


def strongest(leaks: Leaks | None, where: str) -> Measure:
    """The column that gives most of the label away, named in its method.

    Where some column could not be looked at, only what it lies between is known.
    """
    name = f"strongest single column of {where}"
    known = {column: measure for column, measure in leaks.by_column.items() if measure.computable} if leaks else {}
    unseen = _why(leaks.unseen) if leaks else ""
    if not known:
        reason = f"Not computable: no column of {where} could be set against the label."
        return not_computable(name, f"{reason} {unseen}".strip())
    column, measure = max(known.items(), key=lambda item: item[1].value or 0)
    if unseen:
        how = f"of the columns that were looked at, {column} gives most away ({measure.method}). {unseen}"
        return bounded(name, (float(measure.value or 0), 1.0), n=measure.n, method=how.removesuffix("."))
    return replace(measure, name=name, method=f"{column}; {measure.method}")


def _why(unseen: Mapping[str, str]) -> str:
    """Which columns could not be looked at, why, and what to do about it."""
    if not unseen:
        return ""
    reasons = [reason.removeprefix("Not computable: ").removesuffix(CURE).strip() for reason in unseen.values()]
    more = f" So it is with {len(reasons) - MOST_NAMED:,} more columns." if len(reasons) > MOST_NAMED else ""
    return f"{' '.join(reasons[:MOST_NAMED])}{more} {CURE}"
