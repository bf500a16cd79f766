"""Values row by row: classes and groups as text, and means that no order of rows can change. Judges nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from approvals.measures.intervals import Interval, student_mean
from approvals.measures.labels import value_text
from approvals.measures.paired_values import number_cell
from approvals.measures.performance import with_interval
from approvals.measures.row_cells import row_cells
from approvals.measures.scores import Floats, Integers, MeanLoss
from approvals.measures.tables import Table
from approvals.measures.values import Counts, Measure, not_computable

_PART = 1 << 16
TOO_LARGE = "the numbers are beyond the range of 64-bit floating point"


@dataclass(frozen=True, eq=False)
class RowTexts:
    """Each row's text as its position in `texts`, in file order; -1 where the cell is missing or blank."""

    texts: tuple[str, ...]
    positions: Integers


def row_texts(table: Table, column: str) -> RowTexts:
    """A column row by row, its values written as `labels.value_text` writes them, `texts` sorted."""
    cells, at = row_cells(table, column)
    is_number = table.column(column).kind == "number"
    written = {cell: value_text(_number(cell) if is_number else cell) or None for cell in cells if cell}
    texts = tuple(sorted({text for text in written.values() if text is not None}))
    place: dict[str | None, int] = {text: position for position, text in enumerate(texts)}
    positions = np.array([place.get(written.get(cell or ""), -1) for cell in cells], dtype=np.int64)
    return RowTexts(texts, positions[at])


def complete_rows(table: Table, *, present: Sequence[str], finite: Sequence[str]) -> int:
    """Rows that have a value in each column of `present` and a finite number in each of `finite`.

    A blank text is no value. TableError for columns that are not there, and for texts where numbers must be.
    """
    for name in finite:
        table.require_numbers(name)
    conditions = [f"{number_cell(table, name)} IS NOT NULL" for name in finite]
    for name in present:
        is_text = table.column(name).kind not in {"number", "boolean"}
        cell = table.cell(name)
        conditions.append(f"TRIM(CAST({cell} AS VARCHAR)) <> ''" if is_text else f"{cell} IS NOT NULL")
    return int(table.fetch(f"SELECT COUNT(*) FROM t WHERE {' AND '.join(conditions)}")[0][0])  # noqa: S608 - c0, c1, …


def _number(cell: str) -> int | float:
    # A whole number beyond 2**53 is no float, and its last digits may be all that tells two classes apart.
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)


def exact_mean(values: Floats) -> float:
    """Mean of at least one number from the exactly rounded sum; not finite when 64-bit floats cannot hold the sum."""
    try:
        # A part at a time, because a list of numbers takes four times their memory; the sum is exact in any case.
        parts = (values[start : start + _PART].tolist() for start in range(0, values.size, _PART))
        return math.fsum(itertools.chain.from_iterable(parts)) / values.size
    except (OverflowError, ValueError):
        return math.nan


def centred(values: Floats) -> Floats:
    """The values minus their mean, taken twice: the first mean is rounded, which counts when the spread is small."""
    once = values - exact_mean(values)
    return once - exact_mean(once)


def row_mean(values: Floats) -> MeanLoss | None:
    """Mean of one number per row, at least one row, and its sample variance (ddof 1).

    No variance for one row, for rows that are all the same and beyond 64-bit floats. Undefined when the sum is beyond
    64-bit floats.
    """
    mean = exact_mean(values)
    if not math.isfinite(mean):
        return None
    if values.size <= 1 or values.min() == values.max():
        return MeanLoss(mean, None, values.size)
    with np.errstate(over="ignore", invalid="ignore"):
        variance = exact_mean(centred(values) ** 2) * (values.size / (values.size - 1))
    return MeanLoss(mean, variance if math.isfinite(variance) else None, values.size)


def mean_interval(found: MeanLoss, level: float, *, lowest: float = -math.inf) -> Interval | None:
    """Student's interval of a mean, cut at `lowest`. Undefined without a variance: rows all alike show no doubt."""
    interval = student_mean(found.mean, found.variance, found.n, level)
    if interval is None or interval.low >= lowest:
        return interval
    return replace(interval, low=lowest, method=f"{interval.method}, cut at {lowest:g}")


def mean_measure(
    name: str,
    values: Floats,
    *,
    level: float = 0.95,
    lowest: float = -math.inf,
    method: str = "",
    counts: Counts = (),
) -> Measure:
    """The mean of one number per row, at least one row, with Student's interval; see `row_mean`, `mean_interval`."""
    found = row_mean(values)
    if found is None:
        return not_computable(name, f"Not computable: {TOO_LARGE}.", counts, n=values.size, method=method)
    interval = mean_interval(found, level, lowest=lowest)
    return with_interval(name, found.mean, found.n, interval, method=method, counts=counts)
