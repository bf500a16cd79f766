"""The part of a card that says what differs from the version that was approved before it. Facts only."""

from __future__ import annotations

from dataclasses import dataclass

from modelcards.measured import Number


@dataclass(frozen=True)
class Difference:
    """One fact of the earlier version and of this one; `same` where they are equal."""

    name: str
    before: str
    now: str

    @property
    def same(self) -> bool:
        """Whether nothing changed."""
        return self.before == self.now


@dataclass(frozen=True)
class NumberChange:
    """One measured number of both versions; the difference is this less the earlier one, if both have a value."""

    check: str
    before: Number
    now: Number
    difference: float | None = None


@dataclass(frozen=True)
class PreviousVersion:
    """The version of the same model that was approved last before this one, as its own card says it."""

    number: str
    card: str
    card_sha256: str
    approved_at: str
    facts: tuple[Difference, ...] = ()
    numbers: tuple[NumberChange, ...] = ()
    policy: tuple[str, ...] = ()
    note: str = ""
