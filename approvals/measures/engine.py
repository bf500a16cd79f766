"""What a table asks of the engine that holds it: SQL over a relation t with columns c0, c1, …

The SQL is of few words that engines share; where they differ, the engine translates. Questions are marks, and their
values are bound, never written into the text.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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

    at_once: int = 1
    """How many threads may use it; their questions may be answered in turn."""

    @abstractmethod
    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a query, as Python values."""

    @abstractmethod
    def arrays(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """The columns of a query as numpy arrays, masked where missing."""

    def rows_by(self, cells: Sequence[str]) -> str:
        """SQL of a relation of these cells, each once, and n: rows per combination of their values."""
        chosen = ", ".join(cells)
        return f"SELECT {chosen}, COUNT(*) AS n FROM t GROUP BY {chosen}"  # noqa: S608 - cells are c0, c1, …

    def block(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """The same, of few enough rows that the engine may hold them once more, where that is faster."""
        return self.arrays(sql, parameters)

    @abstractmethod
    def close(self) -> None:
        """Give up the table."""


def column_array(values: Sequence[Any]) -> Any:
    """Python values of one kind as a numpy array, masked where missing."""
    missing = np.array([value is None for value in values], dtype=np.bool_)
    if all(value is None or isinstance(value, bool) for value in values):
        plain = np.array([bool(value) for value in values], dtype=np.bool_)
    else:
        plain = np.array([0.0 if value is None else float(value) for value in values], dtype=np.float64)
    return np.ma.masked_array(plain, missing) if missing.any() else plain


def said(error: BaseException) -> str:
    """The first line of what a library says, without what may hold a password."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return re.sub(r"\S+://\S+|password=\S+", "…", line)[:300]
