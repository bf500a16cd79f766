"""Cuts the values of a column into ranges that fit in memory, from histograms of values that occur."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Histogram = Callable[[float, float], list[tuple[int, int, float, float]]]
"""From the lowest and highest value to bins that have rows, rising: number, rows, least and greatest value in it."""

BLOCK_ROWS = 1 << 22
"""Rows held in memory at once, about 60 bytes each while they are sorted and measured."""
FINITE = "x BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
BINS = 4096


def histogram_query(rows: str) -> str:
    """SQL of a histogram of the column x of a query; its parameters follow those of `histogram_parameters`."""
    cut = "CAST(LEAST(FLOOR((x / 2.0 - ?) / ? * ?), ?) AS INTEGER)"
    return (
        f"SELECT b, COUNT(*), MIN(x), MAX(x) FROM (SELECT x, {cut} AS b FROM ({rows}) AS r "  # noqa: S608 - ours
        "WHERE x BETWEEN ? AND ?) AS s GROUP BY b ORDER BY b"
    )


def histogram_parameters(low: float, high: float) -> tuple[float, float, float, float]:
    """What stands before the parameters of the query itself; low and high stand after them."""
    # Halves, because the width may be more than a double can hold.
    return low / 2.0, high / 2.0 - low / 2.0, float(BINS), float(BINS - 1)


def plan(n: int, low: float, high: float, histogram: Histogram, block_rows: int) -> Iterator[tuple[float, float]]:
    """Ranges of values that occur, rising, each with at most so many rows or with one value only."""
    if n <= block_rows or high / 2.0 == low / 2.0:  # one value, or two that lie as close as doubles can
        yield low, high
        return
    whole: tuple[float, float] | None = None
    held = 0
    for _, size, least, most in histogram(low, high):
        if whole and held + size > block_rows:
            yield whole
            whole, held = None, 0
        if size > block_rows:
            yield from plan(size, least, most, histogram, block_rows)
        else:
            whole, held = (whole[0] if whole else least, most), held + size
    if whole:
        yield whole
