"""One measured number with its size, uncertainty and method, or the reason why there is none. Never a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Counts = tuple[tuple[str, int], ...]
Slice = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Measure:
    """A number about `n` rows; `value` is None exactly when `reason` says why it cannot be computed.

    `low` and `high` are the ends of the interval at `level` (0.95 = 95 %), named by `method`; both or none.
    `slice` names the rows it is about, as (column, value) pairs; `counts` are the whole numbers behind it.
    """

    name: str
    value: float | int | None
    n: int | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    level: float | None = None
    slice: Slice = ()
    reason: str = ""
    counts: Counts = ()

    def __post_init__(self) -> None:
        value, low, high = self.value, self.low, self.high
        if (value is None) != bool(self.reason):
            raise ValueError(f"The measure “{self.name}” needs a value or a reason for having none, and not both.")
        if (low is None) != (high is None):
            raise ValueError(f"The interval of the measure “{self.name}” has only one end.")
        for number in (value, low, high):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"The measure “{self.name}” is not a finite number; say why it is not computable.")

    @property
    def computable(self) -> bool:
        """Whether there is a number at all."""
        return self.value is not None

    def count(self, name: str) -> int | None:
        """The named whole number behind the measure, or None when it is not recorded."""
        return dict(self.counts).get(name)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives the equal measure back."""
        return {
            "name": self.name,
            "value": self.value,
            "n": self.n,
            "low": self.low,
            "high": self.high,
            "method": self.method,
            "level": self.level,
            "slice": [list(pair) for pair in self.slice],
            "reason": self.reason,
            "counts": [list(pair) for pair in self.counts],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measure:
        """The measure that `as_json` wrote."""
        return cls(
            name=data["name"],
            value=data["value"],
            n=data["n"],
            low=data["low"],
            high=data["high"],
            method=data["method"],
            level=data["level"],
            slice=tuple((str(column), str(value)) for column, value in data["slice"]),
            reason=data["reason"],
            counts=tuple((str(name), int(count)) for name, count in data["counts"]),
        )


def not_computable(
    name: str,
    reason: str,
    counts: Iterable[tuple[str, int]] = (),
    *,
    n: int | None = None,
    method: str = "",
    slice: Slice = (),  # noqa: A002 - the name of the field
) -> Measure:
    """A measure without a value: one sentence says why, the counts show it."""
    return Measure(name=name, value=None, n=n, method=method, slice=slice, reason=reason, counts=tuple(counts))
