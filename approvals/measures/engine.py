"""What a table asks of the engine that holds it: SQL over a relation t with columns c0, c1, …

The SQL is of few words that engines share; where they differ, the engine translates. Questions are marks, and their
values are bound, never written into the text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.measures.kinds import Kind


@dataclass(frozen=True)
class Column:
    """One column; its kind comes from every row, or from a Parquet file's types. "other" is nested or all missing."""

    name: str
    kind: Kind


class Engine(ABC):
    """Holds one table. Whatever goes wrong with it becomes a TableError with a sentence."""

    has_hash: bool
    """Whether HASH(c0, c1, …) gives a number that holds while the table is open, and in other tables of this engine."""

    @abstractmethod
    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a query, as Python values."""

    @abstractmethod
    def arrays(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """The columns of a query as numpy arrays, masked where missing."""

    @abstractmethod
    def close(self) -> None:
        """Give up the table."""
