"""Some columns of a relation as Parquet files here, so that tables in files can be set beside them.

Copied by reading only, in the snapshot that is compared with the fingerprint; the files are gone after the block.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from approvals.measures.duckdb_engine import Workbench
from approvals.measures.engine import Copying
from approvals.measures.reading import TableError
from approvals.measures.referenced import open_listed, open_referenced
from approvals.measures.references import Reference, Referenced, RelationReference
from approvals.measures.tables import Table

MOST_ROWS = 50_000_000
"""Of a relation that is copied: they cross the network for each reading."""
MEMORY_MB = 200
_PIECE = 128_000_000
"""Bytes of text that become one Parquet file."""


@contextmanager
def copied(
    referenced: Referenced, columns: Collection[str], *, exact: Collection[str], name: str, scratch: Path
) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """A folder with the rows of a relation, and the files in it; only those of these columns that the relation has.

    Numbers of the columns `exact` keep every digit. TableError if the relation is not what was listed any more, or has
    more than MOST_ROWS rows.
    """
    _require_few(referenced.reference, name)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="copied-") as folder:
        with open_referenced(referenced, spill=scratch) as table:
            files = _written(table, columns, exact, name=name, folder=Path(folder).resolve())
        yield Path(folder).resolve(), files


@contextmanager
def copied_now(
    referenced: Referenced, columns: Collection[str], *, exact: Collection[str], name: str, scratch: Path
) -> Iterator[tuple[Path, tuple[Path, ...], RelationReference]]:
    """The same of a relation as it is now, and the reference that says what it held."""
    reference = referenced.reference
    if not isinstance(reference, RelationReference):
        raise TableError(f"{name} is no relation of a connection.")
    with tempfile.TemporaryDirectory(dir=scratch, prefix="copied-") as folder:
        with open_listed(referenced, reference) as (table, listed):
            _require_few(listed, name)
            files = _written(table, columns, exact, name=name, folder=Path(folder).resolve())
        yield Path(folder).resolve(), files, listed


def _require_few(reference: Reference, name: str) -> None:
    if isinstance(reference, RelationReference) and reference.rows > MOST_ROWS:
        raise TableError(
            f"{name} has {reference.rows:,} rows, and outcomes are joined to at most {MOST_ROWS:,} rows of a relation, "
            "because they are copied for it; take shorter windows, or bring outcomes in the label column."
        )


def _written(
    table: Table, columns: Collection[str], exact: Collection[str], *, name: str, folder: Path
) -> tuple[Path, ...]:
    engine = table.engine
    chosen = [(place, one) for place, one in enumerate(table.columns) if one.name in columns]
    copying, cells = [], {}
    for number, (place, column) in enumerate(chosen):
        as_written = column.name in exact and engine.exact_numbers(place)
        copying.append(Copying(place, as_written))
        cells[column.name] = _cell(f"c{number}", column.kind, as_written=as_written, whole=engine.whole_numbers(place))
    with (
        closing(Workbench((), memory_limit_mb=MEMORY_MB, scratch=folder)) as bench,
        closing(_Pieces(bench, cells, folder, name)) as pieces,
    ):
        engine.copy_lines(copying, pieces.take)
        pieces.turn()
    if pieces.rows != table.rows:
        raise TableError(f"{name} has {table.rows:,} rows, but {pieces.rows:,} could be copied, so nothing is joined.")
    return tuple(pieces.files)


def _cell(cell: str, kind: str, *, as_written: bool, whole: bool) -> str:
    if as_written:  # 7.00 and 7 are one key, as they are where numbers are compared
        digits = f"REGEXP_REPLACE({cell}, '([.][0-9]*?)0+$', '\\1')"
        return f"CASE WHEN {cell} <> 'NaN' THEN REGEXP_REPLACE({digits}, '[.]$', '') END"
    types = {"number": "BIGINT" if whole else "DOUBLE", "boolean": "BOOLEAN"}
    return f"CAST({cell} AS {types.get(kind, 'VARCHAR')})"


class _Pieces:
    """Lines that come, as Parquet files of a folder."""

    def __init__(self, bench: Workbench, cells: dict[str, str], folder: Path, name: str) -> None:
        self._bench, self._cells, self._folder, self._name = bench, cells, folder, name
        self._lines = folder / "lines.csv"
        self._stream = self._lines.open("wb")
        self._size = 0
        self.rows = 0
        self.files: list[Path] = []

    def take(self, lines: bytes) -> None:
        """Whole lines."""
        if b"\0" in lines:
            raise TableError(f"{self._name} has a text with a zero byte in it, which no table of values has.")
        self._stream.write(lines)
        self._size += len(lines)
        if self._size >= _PIECE:
            self.turn()

    def turn(self) -> None:
        """Make a file of the lines that came."""
        self._stream.flush()
        if self._size:
            path = self._folder / f"{len(self.files):06d}.parquet"
            self.rows += self._bench.write_lines(self._lines, self._cells, path, about=self._name)
            self.files.append(path)
        self._stream.seek(0)
        self._stream.truncate()
        self._size = 0

    def close(self) -> None:
        """Give up the lines."""
        self._stream.close()
        self._lines.unlink(missing_ok=True)
