"""What a table asks of the engine that holds it: SQL over a relation t with columns c0, c1, …

The SQL is of few words that engines share; where they differ, the engine translates. Questions are marks, and their
values are bound, never written into the text.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from approvals.measures.kinds import Kind
from approvals.measures.reading import TableError


@dataclass(frozen=True)
class Column:
    """One column; its kind comes from every row, or from a Parquet file's types. "other" is nested or all missing."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Copying:
    """A column that is copied, by its place; `as_written` with every digit of its numbers, as text."""

    place: int
    as_written: bool = False


class Engine(ABC):
    """Holds one table. Whatever goes wrong with it becomes a TableError with a sentence."""

    has_hash: bool
    """Whether HASH(c0, c1, …) gives a number that holds while the table is open, and in other tables of this engine."""

    in_pieces: bool = False
    """Whether a long column is handed out without being held whole."""

    at_once: int = 1
    """How many threads may use it; their questions may be answered in turn."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection to what holds the table ended by itself, so that it cannot answer any more."""
        return False

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

    def there(self, cell: str) -> str:
        """SQL of the numbers x of a cell that are not missing, in the order of rows; NaN among them is missing, too."""
        return f"SELECT CAST({cell} AS DOUBLE) + 0.0 AS x FROM t WHERE {cell} IS NOT NULL"  # noqa: S608 - as above

    def block(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """The same, of few enough rows that the engine may hold them once more, where that is faster."""
        return self.arrays(sql, parameters)

    def each_piece(self, sql: str, parameters: Sequence[Any], take: Callable[..., None]) -> None:
        """Give a query's columns, of doubles of which none is missing, to `take`, an array each, in the order of rows.

        They come in pieces where `in_pieces` says so, and no piece outlives what `take` does with it.
        """
        take(*(np.asarray(column, dtype=np.float64) for column in self.block(sql, parameters).values()))

    def held(self, cells: Sequence[str], rows: int) -> AbstractContextManager[None]:
        """Inside, cells of a table of so many rows may be in memory, where reading them again and again takes longer.

        Only these may be asked for then.
        """
        del cells, rows
        return nullcontext()

    identity = ""
    """Tells this table from others of the same run, where what it answers is remembered; empty where it is not."""
    keeps_snapshot = True
    """Whether everything that is asked while the table is open is answered from the same state of it."""
    of_system = False
    """Whether the relation belongs to the database's own catalogue, which may hold what is no table for models."""

    def exact_numbers(self, place: int) -> bool:
        """Whether a column holds numbers of more digits than a double has, which `Copying.as_written` keeps."""
        del place
        return False

    def whole_numbers(self, place: int) -> bool:
        """Whether a column of numbers holds whole ones, by its type."""
        del place
        return False

    def holds_bytes(self, place: int) -> bool:
        """Whether a column holds bytes, alone or within lists or structs, which engines write as text each its way."""
        del place
        return False

    def holds_singles(self, place: int) -> bool:
        """Whether a column holds numbers of 32 bits, of an engine that gives hashes."""
        del place
        return False

    def in_byte_order(self, cell: str) -> str:
        """SQL of a cell of text that is ordered, and told apart, by its bytes."""
        return cell

    @abstractmethod
    def words(self, rows: str, others: str) -> str:
        """SQL of w, each different word of the text x once for each of `rows`, beside the columns `others` of it.

        Words are what `kinds.NO_WORD` parts, in lower case as this engine has it; one may be empty.
        """

    def copy_lines(self, copied: Sequence[Copying], take: Callable[[bytes], None]) -> None:
        """Give every row to `take` as lines of CSV in UTF-8, several at a time: a 1, then these columns.

        A missing value is an empty cell. Nothing is written where the table lies. TableError if it cannot.
        """
        raise TableError("Only tables of connections are copied; files are read where they lie.")

    def fingerprint(self) -> str:
        """What every row and column holds, as one short text that no order of rows changes. TableError if it cannot.

        It holds for one engine and version of its hash; a changed table has another one.
        """
        raise TableError("Only tables of connections have a fingerprint; files have a digest.")

    @abstractmethod
    def close(self) -> None:
        """Give up the table."""


def fingerprint_of(engine: str, columns: Sequence[tuple[str, str]], sums: Sequence[Any]) -> str:
    """A fingerprint from names and types of the columns, in order, and whole numbers added up over all rows."""
    said = json.dumps([[list(column) for column in columns], [str(int(total or 0)) for total in sums]])
    return f"{engine}-1:{hashlib.sha256(said.encode()).hexdigest()}"


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
