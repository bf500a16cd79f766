"""The evaluation table beside the training table: rows in both, and columns that are distributed otherwise.

Whatever is predicted, this is the same. Judges nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.checks._evaluation import Declaration
from approvals.checks._rules import number
from approvals.checks.base import NumberTable
from approvals.measures import quality
from approvals.measures.bins import Counted, ReferenceBins, count, reference_bins
from approvals.measures.drift import categorical_drift, numeric_drift, psi
from approvals.measures.drift_tests import missing_p
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
LONGEST_TABLE, MOST_NAMED = 200, 20
MISSING = "whether it is missing"


@dataclass(frozen=True)
class AgainstTraining:
    """What was found: measures, what it was found by, and the columns beside each other."""

    measures: tuple[Measure, ...]
    notes: tuple[str, ...]
    tables: tuple[NumberTable, ...]
    not_looked_at: tuple[str, ...] = ()


def nothing_to_compare() -> tuple[Measure, ...]:
    """The measures where no training table is attached."""
    return tuple(not_computable(name, "Not computable: no training table is attached.") for name in EVERY)


def against_training(table: Table, training: Table, declared: Declaration) -> AgainstTraining:
    """Rows of both by key (else by the features), equal rows, and shifts of the features and the label.

    A declared feature, or the label, that one of the tables does not have leaves open what needs all of them.
    """
    lacking = _lacking(declared, table, training)
    by_key = bool(declared.key) and all(name in table.names and name in training.names for name in declared.key)
    compared = declared.key if by_key else _shared(declared.features or table.names, table, training)
    columns = () if lacking else _columns(declared, table, training)
    moved, shown = _shifts(table, training, columns, lacking)
    by_rows = _overlap(table, training, compared, OVERLAP, "" if by_key or not declared.features else lacking)
    equal = _overlap(table, training, columns, EQUAL_ROWS, lacking)
    return AgainstTraining(
        measures=(by_rows, equal, *moved),
        notes=(
            *((f"Rows of both tables were compared by {', '.join(compared)}.",) if by_rows.computable else ()),
            *((f"Equal rows, and distributions, were compared by {', '.join(columns)}.",) if columns else ()),
        ),
        tables=shown,
        not_looked_at=_only_here(declared, table, training),
    )


def _lacking(declared: Declaration, table: Table, training: Table) -> str:
    """Why not everything that is declared can be compared; empty if it can."""
    for where, one in (("evaluation", table), ("training", training)):
        for name in (*declared.features, declared.label):
            if name not in one.names:
                return f"Not computable: the {where} table has no column “{name}”."
    return ""


def _only_here(declared: Declaration, table: Table, training: Table) -> tuple[str, ...]:
    """Columns that may be features and stand in one table only, where no features are declared."""
    if declared.features:
        return ()
    alone = [name for name in table.names if name not in training.names and name not in _said(declared)]
    more = f" and {len(alone) - MOST_NAMED:,} more" if len(alone) > MOST_NAMED else ""
    if not alone:
        return ()
    return (f"Columns that the training table does not have: {', '.join(alone[:MOST_NAMED])}{more}.",)


def _shared(names: Sequence[str], table: Table, training: Table) -> tuple[str, ...]:
    return tuple(name for name in names if name in table.names and name in training.names)


def _columns(declared: Declaration, table: Table, training: Table) -> tuple[str, ...]:
    """The features and the label; without declared features everything but keys and what the model says."""
    names = declared.features or tuple(name for name in table.names if name not in _said(declared))
    return _shared(tuple(dict.fromkeys((*names, declared.label))), table, training) if names else ()


def _said(declared: Declaration) -> set[str]:
    """Keys, the label, and what the model says."""
    return {declared.prediction, declared.score, *declared.class_scores.values(), *declared.key, declared.label}


def _overlap(table: Table, training: Table, columns: Sequence[str], name: str, lacking: str) -> Measure:
    if lacking:
        return not_computable(name, lacking, n=table.rows)
    if not columns:
        return not_computable(name, "Not computable: the tables share no key and no feature.")
    if empty := _empty_on_one_side(table, training, columns):
        return not_computable(name, empty, n=table.rows)
    found = quality.row_overlap(table, training, columns)
    if found.value is None or not found.n:
        return replace(found, name=name)
    rows = int(found.value)
    counts = (("k", rows), ("n", found.n))
    return replace(found, name=name, value=rows / found.n, method=f"{rows:,} of {found.n:,} rows", counts=counts)


def _empty_on_one_side(table: Table, training: Table, columns: Sequence[str]) -> str:
    """Why no row can be found again: a column that only one of the tables has values in; empty if there is none."""
    for where, one, other in (("evaluation", table, training), ("training", training, table)):
        missing, beside = one.missing(), other.missing()
        for name in columns:
            if missing[name] == one.rows and beside[name] < other.rows:
                return f"Not computable: “{name}” has no values in the {where} table."
    return ""


def _shifts(
    table: Table, training: Table, columns: Sequence[str], lacking: str
) -> tuple[tuple[Measure, Measure], tuple[NumberTable, ...]]:
    """The largest shift and how many columns moved, and a line for each test. One column that cannot be compared
    leaves both open: it may be the one that moved.
    """
    if not columns:
        reason = lacking or "Not computable: the tables share no key and no feature."
        return (not_computable(SHIFT, reason), not_computable(SHIFTED, reason)), ()
    found: list[_Compared] = []
    for name in columns:
        try:
            found += _shift(table, training, name)
        except TableError as error:
            reason = f"Not computable: the column “{name}” cannot be compared. {error.sentence}"
            return (not_computable(SHIFT, reason), not_computable(SHIFTED, reason)), ()
    holm = [item.holm for item in adjusted([one.p for one in found])]
    unknown = [m for one in found for m in (one.shift, one.p) if not m.computable and not _is_constant(m)]
    rows = tuple(
        (one.title, number(one.shift.value), number(one.p.value), number(p.value))
        for one, p in sorted(zip(found, holm, strict=True), key=lambda item: -(item[0].shift.value or 0.0))
    )
    shown = NumberTable(
        "Columns against the training table",
        ("Column", "Population stability index", "p", "p, adjusted"),
        rows[:LONGEST_TABLE],
        note=f"p asks whether both come from one distribution (Kolmogorov and Smirnov for numbers, chi-square for "
        f"others), or whether as much is missing (Fisher), adjusted by Holm for {len(found):,} tests.",
    )
    if unknown:
        return (not_computable(SHIFT, unknown[0].reason), not_computable(SHIFTED, unknown[0].reason)), (shown,)
    worst = max(found, key=lambda one: float(one.shift.value or 0.0))
    moved = [one for one, p in zip(found, holm, strict=True) if p.value is not None and p.value <= LEVEL]
    named = f"; {', '.join(one.title for one in moved[:5])}" if moved else ""
    method = f"at {LEVEL:g}, Holm over {len(found):,} tests{named}"
    return (
        Measure(SHIFT, worst.shift.value, table.rows, method=f"{worst.title}; {worst.shift.method}"),
        Measure(SHIFTED, len({one.column for one in moved}), len(columns), method=method),
    ), (shown,)


@dataclass(frozen=True)
class _Compared:
    """One column of both tables: its values, or whether they are missing."""

    column: str
    shift: Measure
    p: Measure
    of_missing: bool = False

    @property
    def title(self) -> str:
        return f"{self.column}, {MISSING}" if self.of_missing else self.column


def _shift(table: Table, training: Table, name: str) -> Iterator[_Compared]:
    """Population stability index and the p of a test: of the values of one column, and of their being missing."""
    kinds = {one.column(name).kind == "number" for one in (table, training)}
    if len(kinds) > 1:
        raise TableError("It holds numbers in one table and something else in the other.")
    found: dict[str, Any]
    if kinds == {True}:
        pair = TwoSamples.of(training, table, column=name)
        stored = pair.stored()
        found, now = numeric_drift(pair, column=name, stored=stored), count(stored, pair.current)
        yield _Compared(name, found["psi"], found["ks_p"])
    else:
        stored = reference_bins(training, column=name, kind="category")
        now = count(stored, table)
        found = categorical_drift(training, now, column=name, stored=stored)
        yield _Compared(name, found["psi"], found["chi_square_p"])
    if stored.missing or now.missing:
        yield _Compared(name, _missing_psi(stored, now), missing_p(stored, now), of_missing=True)


def _missing_psi(stored: ReferenceBins, now: Counted) -> Measure:
    """Population stability index of what is missing and what is there."""
    before, after = (Counter({MISSING: one.missing, "there": one.n}) for one in (stored, now))
    rows = before.total()
    levels, counts = tuple(sorted(before)), tuple(before[level] for level in sorted(before))
    return psi(ReferenceBins(stored.column, "category", (), levels, counts, rows, 0), Counted((), after, 0))


def _is_constant(measure: Measure) -> bool:
    """A test of one value on both sides says nothing, and nothing has moved."""
    return "only one and the same value" in measure.reason
