"""When a number that needs the order of values is computed exactly, and when its bounds are enough. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from approvals.measures.values import Measure

EXACT_ROWS = 20_000_000
"""Rows up to which people get every digit: it costs about two seconds."""


@dataclass(frozen=True)
class Exactness:
    """Measures that need order are only bounded beyond so many rows, if all they will be compared with lies outside.

    `limits` are the numbers that a measure will be compared with, by its name.
    """

    rows: int = EXACT_ROWS
    limits: Mapping[str, Sequence[float]] = field(default_factory=dict)


def decided(found: Mapping[str, Measure], limits: Mapping[str, Sequence[float]]) -> bool:
    """Whether each of these numbers lies clearly on one side of each bounded measure."""
    return not any(
        measure.bounds and measure.bounds[0] <= limit <= measure.bounds[1]
        for name, measure in found.items()
        for limit in limits.get(name, ())
    )
