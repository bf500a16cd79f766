"""The approved table and the batch side by side, and columns of a batch in a form that drift can be measured on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._evaluation import Declaration, declaration_of, opened
from approvals.checks.base import Job
from approvals.measures.tables import Table
from monitoring.monitors.base import BATCH, REFERENCE

NUMBERS = ("number", "boolean")


@dataclass(frozen=True)
class Pair:
    """What was approved, what came now, and the columns as declared at approval."""

    reference: Table
    batch: Table
    declared: Declaration


@contextmanager
def both(job: Job) -> Iterator[Pair]:
    """Open both tables. What is wrong with one becomes a CheckInputError that names the uploaded file."""
    piece = job.input(REFERENCE)
    batch = job.input(BATCH)
    declared = declaration_of(piece)
    with opened(piece, job) as reference, opened(batch, job) as now:
        reference.require(*watched_columns(declared))
        now.require(*watched_columns(declared))
        yield Pair(reference, now, declared)


def watched_columns(declared: Declaration) -> tuple[str, ...]:
    """Columns that every batch must have: all declared ones but the label, which comes late, and the key."""
    named = (declared.prediction, declared.score, *declared.groups, *declared.features)
    return tuple(dict.fromkeys(name for name in named if name))


def is_number(table: Table, column: str) -> bool:
    """Whether drift of the column is measured on numbers."""
    return table.column(column).kind == "number"


def numbers_of(table: Table, column: str) -> NDArray[Any]:
    """The column as numbers; a column without any value is all missing, whatever kind the file gives it."""
    if table.column(column).kind not in NUMBERS and not table.distinct(column):
        return np.full(table.rows, np.nan)
    return table.numbers(column)
