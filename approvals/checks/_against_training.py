"""The evaluation table beside the training table: rows in both, and columns that are distributed otherwise.

Whatever is predicted, this is the same. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.checks._evaluation import Declaration
from approvals.checks._rules import number
from approvals.checks.base import NumberTable
from approvals.measures import quality
from approvals.measures.bins import reference_bins
from approvals.measures.drift import categorical_drift, numeric_drift
from approvals.measures.multiplicity import adjusted
from approvals.measures.tables import Table, TableError
from approvals.measures.two_samples import TwoSamples
from approvals.measures.values import Measure, not_computable

OVERLAP = "share of rows that are also in the training table"
EQUAL_ROWS = "share of rows that equal one of the training table in every feature and the label"
SHIFT = "largest population stability index of a column against the training table"
SHIFTED = "columns that are distributed otherwise than in the training table"
EVERY = (OVERLAP, EQUAL_ROWS, SHIFT, SHIFTED)
LEVEL = 0.01
LONGEST_TABLE = 200


@dataclass(frozen=True)
class AgainstTraining:
    """What was found: measures, what it was found by, and the columns beside each other."""

    measures: tuple[Measure, ...]
    notes: tuple[str, ...]
    tables: tuple[NumberTable, ...]


def nothing_to_compare() -> tuple[Measure, ...]:
    """The measures where no training table is attached."""
    return tuple(not_computable(name, "Not computable: no training table is attached.") for name in EVERY)


def against_training(table: Table, training: Table, declared: Declaration) -> AgainstTraining:
    """Rows of both by key (else by the features), equal rows, and shifts of the features and the label."""
    by_key = bool(declared.key) and all(name in table.names and name in training.names for name in declared.key)
    features = _shared(declared.features or table.names, table, training)
    compared = declared.key if by_key else features
    columns = _columns(declared, table, training)
    moved, shown = _shifts(table, training, columns)
    return AgainstTraining(
        measures=(_overlap(table, training, compared, OVERLAP), _overlap(table, training, columns, EQUAL_ROWS), *moved),
        notes=(
            *((f"Rows of both tables were compared by {', '.join(compared)}.",) if compared else ()),
            *((f"Equal rows, and distributions, were compared by {', '.join(columns)}.",) if columns else ()),
        ),
        tables=shown,
    )


def _shared(names: Sequence[str], table: Table, training: Table) -> tuple[str, ...]:
    return tuple(name for name in names if name in table.names and name in training.names)


def _columns(declared: Declaration, table: Table, training: Table) -> tuple[str, ...]:
    """The features and the label; without declared features everything but keys and what the model says."""
    said = {declared.prediction, declared.score, *declared.class_scores.values(), *declared.key, declared.label}
    names = declared.features or tuple(name for name in table.names if name not in said)
    return _shared(tuple(dict.fromkeys((*names, declared.label))), table, training) if names else ()


def _overlap(table: Table, training: Table, columns: Sequence[str], name: str) -> Measure:
    if not columns:
        return not_computable(name, "Not computable: the tables share no key and no feature.")
    found = quality.row_overlap(table, training, columns)
    if found.value is None or not found.n:
        return replace(found, name=name)
    rows = int(found.value)
    counts = (("k", rows), ("n", found.n))
    return replace(found, name=name, value=rows / found.n, method=f"{rows:,} of {found.n:,} rows", counts=counts)


def _shifts(
    table: Table, training: Table, columns: Sequence[str]
) -> tuple[tuple[Measure, Measure], tuple[NumberTable, ...]]:
    """The largest shift and how many columns moved, and a line for each column. One column that cannot be compared
    leaves both open: it may be the one that moved.
    """
    if not columns:
        reason = "Not computable: the tables share no key and no feature."
        return (not_computable(SHIFT, reason), not_computable(SHIFTED, reason)), ()
    found: list[tuple[str, Measure, Measure]] = []
    for name in columns:
        try:
            found.append((name, *_shift(table, training, name)))
        except TableError as error:
            reason = f"Not computable: the column “{name}” cannot be compared. {error.sentence}"
            return (not_computable(SHIFT, reason), not_computable(SHIFTED, reason)), ()
    holm = [item.holm for item in adjusted([p for _, _, p in found])]
    lacking = next((m for _, one, p in found for m in (one, p) if not m.computable and not _is_constant(m)), None)
    rows = tuple(
        (name, number(psi.value), number(p.value), number(one.value))
        for (name, psi, p), one in sorted(zip(found, holm, strict=True), key=lambda item: -(item[0][1].value or 0.0))
    )
    shown = NumberTable(
        "Columns against the training table",
        ("Column", "Population stability index", "p", "p, adjusted"),
        rows[:LONGEST_TABLE],
        note=f"p asks whether both come from one distribution (Kolmogorov and Smirnov for numbers, chi-square for "
        f"others), adjusted by Holm for {len(found):,} columns.",
    )
    if lacking is not None:
        return (not_computable(SHIFT, lacking.reason), not_computable(SHIFTED, lacking.reason)), (shown,)
    worst = max(found, key=lambda item: float(item[1].value or 0.0))
    moved = [
        name for (name, _, _), one in zip(found, holm, strict=True) if one.value is not None and one.value <= LEVEL
    ]
    method = f"at {LEVEL:g}, Holm over {len(found):,} columns" + (f"; {', '.join(moved[:5])}" if moved else "")
    return (
        Measure(SHIFT, worst[1].value, table.rows, method=f"{worst[0]}; {worst[1].method}"),
        Measure(SHIFTED, len(moved), len(found), method=method),
    ), (shown,)


def _shift(table: Table, training: Table, name: str) -> tuple[Measure, Measure]:
    """Population stability index and the p of a test, of one column."""
    kinds = {one.column(name).kind == "number" for one in (table, training)}
    if len(kinds) > 1:
        raise TableError("It holds numbers in one table and something else in the other.")
    found: dict[str, Any]
    if kinds == {True}:
        pair = TwoSamples.of(training, table, column=name)
        found = numeric_drift(pair, column=name, stored=pair.stored())
        return found["psi"], found["ks_p"]
    stored = reference_bins(training, column=name, kind="category")
    found = categorical_drift(training, table, column=name, stored=stored)
    return found["psi"], found["chi_square_p"]


def _is_constant(measure: Measure) -> bool:
    """A test of one value on both sides says nothing, and nothing has moved."""
    return "only one and the same value" in measure.reason
