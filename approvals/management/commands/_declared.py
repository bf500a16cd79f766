"""Reads what is declared of columns at the command line, as COLUMN=…; what cannot be read is a TableError."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from approvals.measures.profile_details import Ends
from approvals.measures.tables import TableError

KINDS = ("number", "text", "boolean", "date")


def _parts(text: str, form: str) -> tuple[str, str]:
    column, equals, said = text.rpartition("=")
    if not equals or not column or not said:
        raise TableError(f"“{text}” declares nothing of a column; write it as {form}.")
    return column, said


def read_lists(given: Sequence[str], *, form: str = "COLUMN=A,B,C") -> dict[str, tuple[str, ...]]:
    """Several values of each column."""
    found: dict[str, tuple[str, ...]] = {}
    for text in given:
        column, said = _parts(text, form)
        found[column] = (*found.get(column, ()), *said.split(","))
    return found


def read_cuts(given: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Several numbers of each column."""
    form = "COLUMN=1,2,3"
    found = {
        column: tuple(_number(value, f"{column}={','.join(values)}", form) for value in values)
        for column, values in read_lists(given, form=form).items()
    }
    for column, cuts in found.items():
        if any(low >= high for low, high in itertools.pairwise(cuts)):
            raise TableError(f"The cuts between the bins of “{column}” must rise.")
    return found


def read_ranges(given: Sequence[str]) -> dict[str, Ends]:
    """The ends of each column, one of which may be left open."""
    found: dict[str, Ends] = {}
    for text in given:
        form = "COLUMN=LOW..HIGH, where one of the two may be missing"
        column, said = _parts(text, form)
        low, dots, high = said.partition("..")
        if not dots or not (low or high):
            raise TableError(f"“{text}” declares nothing of a column; write it as {form}.")
        ends = tuple(_number(end, text, form) if end else None for end in (low, high))
        if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
            raise TableError(f"The range “{text}” ends before it begins.")
        found[column] = (ends[0], ends[1])
    return found


def read_kinds(given: Sequence[str]) -> dict[str, str]:
    """The kind of each column."""
    found = {}
    for text in given:
        column, said = _parts(text, "COLUMN=KIND")
        if said not in KINDS:
            raise TableError(f"“{said}” is no kind of a column; use one of {', '.join(KINDS)}.")
        found[column] = said
    return found


def _number(text: str, whole: str, form: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TableError(f"“{text}” in “{whole}” is no number; write it as {form}.")
    return value
