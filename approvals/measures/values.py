"""One measured number with its size, uncertainty and method, or the reason why there is none. Never a verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

Counts = tuple[tuple[str, int], ...]
Slice = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number about `n` rows; `value` is None exactly when `reason` says why it cannot be computed.

    `low` and `high` are the ends of the interval at `level` (0.95 = 95 %), named by `method`; both or none.
    `slice` names the rows it is about, as (column, value) pairs; `counts` are the whole numbers behind it.
    `bounds` are what a number that was not computed is proved to lie between, ends included, which is no matter of
    chance as the interval is. Then there is no value, and the reason says so.
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
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        value, low, high = self.value, self.low, self.high
        if value is not None and low is not None and high is not None and not self.reason and not self.bounds:
            total = value + low + high
            if total - total == 0.0:  # so all three are finite, as nearly always: thousands are made at a time
                return
        if (value is None) != bool(self.reason):
            raise ValueError(f"The measure “{self.name}” needs a value or a reason for having none, and not both.")
        if (low is None) != (high is None):
            raise ValueError(f"The interval of the measure “{self.name}” has only one end.")
        if self.bounds and (value is not None or self.bounds[0] > self.bounds[1]):
            raise ValueError(f"The measure “{self.name}” has a value and bounds, or bounds in the wrong order.")
        for number in (value, low, high, *(self.bounds or ())):
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
        """Plain JSON values; `from_json` gives the equal measure back. There are bounds only where they are known."""
        plain: dict[str, Any] = {
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
        return plain | ({"bounds": list(self.bounds)} if self.bounds else {})

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
            bounds=(data["bounds"][0], data["bounds"][1]) if data.get("bounds") else None,
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


def bounded(
    name: str,
    bounds: tuple[float, float],
    *,
    n: int | None,
    method: str,
    interval: tuple[float, float, float] | None = None,
    slice: Slice = (),  # noqa: A002 - the name of the field
    counts: Counts = (),
) -> Measure:
    """A measure that was not computed but is known to lie between two numbers; `method` says how it is known.

    `interval` is low, high and level of what chance leaves open beside that.
    """
    low, high, level = interval or (None, None, None)
    reason = f"{_LIES}{between(bounds)}, {method}."
    return Measure(name, None, n, low, high, method, level, slice, reason, counts, bounds)


_LIES = "Not computed exactly: it lies "
_SAID = re.compile(rf"{_LIES}(between \S+ and \S+), ")


def said_between(reason: str) -> str:
    """Between what a number lies, in the words of the reason of a bounded measure; empty for any other reason."""
    found = _SAID.match(reason)
    return found.group(1) if found else ""


def between(bounds: tuple[float, float], *, beside: float | None = None) -> str:
    """Bounds for people, rounded outwards, with as many decimals as show how far apart they are.

    And with more where they are needed to see that `beside` lies outside.
    """
    low, high = bounds
    if max(abs(low), abs(high)) >= _PLAIN_BELOW:
        return f"between {low!r} and {high!r}"
    width = high - low
    first = min(_MOST_DIGITS, max(3, -math.floor(math.log10(width)))) if width > 0.0 else _MOST_DIGITS
    for digits in range(first, _MOST_DIGITS + 1):
        unit = Decimal(1).scaleb(-digits)
        down, up = (
            Decimal(end).quantize(unit, rounding=side) for end, side in ((low, ROUND_FLOOR), (high, ROUND_CEILING))
        )
        if beside is None or low <= beside <= high or not down <= Decimal(beside) <= up:
            break
    return f"between {down:,f} and {up:,f}"


_PLAIN_BELOW = 1e9
_MOST_DIGITS = 17
