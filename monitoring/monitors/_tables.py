"""The approved table and the batch side by side, the latter with the outcomes that came later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from approvals.checks._evaluation import BINARY, Declaration, declaration_of, opened
from approvals.checks.base import Input, Job
from approvals.measures.labels import Value, same_value
from approvals.measures.tables import Table
from monitoring.monitors._approved_classes import UnknownClassesError, classes_of, known_classes, require_known
from monitoring.monitors._late_outcomes import several, with_outcomes
from monitoring.monitors.base import BATCH, OUTCOMES, REFERENCE

AS_A_CORRECTION = "Deliver the right ones of these keys as a correction, and say why."


@dataclass(frozen=True)
class Pair:
    """What was approved, what came now, and the columns as declared at approval.

    `piece` is where the batch lies, with the outcomes that came later.
    """

    reference: Table
    batch: Table
    declared: Declaration
    piece: Input


@contextmanager
def both(job: Job, *, kinds: Sequence[str] = (BINARY,)) -> Iterator[Pair]:
    """Open both tables. What is wrong with one, or no table of these kinds, becomes a CheckInputError."""
    piece = job.input(REFERENCE)
    batch = job.input(BATCH)
    declared = declaration_of(piece, kinds=kinds)
    late = [delivery for _, delivery in several(job, OUTCOMES)]
    if late:  # joined before the other table takes memory
        try:
            with (
                with_outcomes(batch, late, declared, job) as whole,
                opened(piece, job) as reference,
                opened(whole, job) as now,
            ):
                reference.require(*watched_columns(declared))
                yield Pair(reference, now, declared, whole)
        except UnknownClassesError as problem:
            raise _of_deliveries(problem, late, declared, job) from problem
        return
    with opened(piece, job) as reference, opened(batch, job) as now:
        reference.require(*watched_columns(declared))
        now.require(*watched_columns(declared))
        yield Pair(reference, now, declared, batch)


def _of_deliveries(
    problem: UnknownClassesError, late: Sequence[Input], declared: Declaration, job: Job
) -> UnknownClassesError:
    """The same problem with the deliveries of outcomes that have it: these are corrected, not the batch."""
    if problem.column != declared.label:
        return problem
    names = []
    for delivery in late:
        with opened(delivery, job) as table:
            said = [value for value in table.levels(declared.label, limit=200_000) if value is not None]
        if any(same_value(value, odd) for value in said for odd in problem.odd):
            names.append(f"“{delivery.name}”")
    if not names:
        return problem
    which = f"the outcomes {' and '.join(names)}, which came later and are in use, say so"
    return problem.with_cure(f"; {which}. {AS_A_CORRECTION}")


def watched_columns(declared: Declaration) -> tuple[str, ...]:
    """Columns that every batch must have: all declared ones but the label, which comes late, and the key."""
    scores = (declared.score, *declared.class_scores.values())
    named = (declared.prediction, *scores, *declared.groups, *declared.features)
    return tuple(dict.fromkeys(name for name in named if name))


def approved_classes(pair: Pair) -> tuple[Value, ...]:
    """The values that labels and predictions had at approval; none where they were no classes."""
    return classes_of(pair.reference, pair.declared)


def require_approved_coding(pair: Pair, column: str) -> None:
    """Raise CheckInputError if a column of classes has a value that was no class at approval: 1, 2 are not 0, 1."""
    require_known(pair.batch, column, known_classes(pair.reference, pair.declared))


def is_number(table: Table, column: str) -> bool:
    """Whether drift of the column is measured on numbers."""
    return table.column(column).kind == "number"
