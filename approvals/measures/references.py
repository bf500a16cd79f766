"""What a document says that refers to a table instead of holding it. Read strictly; opens no table.

Either files of a folder that the administrator named, each with its SHA-256 and size, or a relation of a connection
that the administrator named, with its number of rows and a fingerprint of its content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from approvals.measures.reading import TableError
from approvals.measures.sources import MOST_FILES

MARK = "table_reference"
FORMAT = 1
MEDIA_TYPE = "application/vnd.table-reference+json"
LARGEST = 4_000_000
"""Bytes of a reference document: the listing of MOST_FILES files."""
_LARGEST_COUNT = 2**53
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"[a-z]+-[0-9]+:[0-9a-f]{64}")
_LONGEST_PATH, _LONGEST_PART = 1000, 255


@dataclass(frozen=True)
class ListedFile:
    """One file: its path below the folder, with /, and what it held when it was listed. Size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class FileReference:
    """Files of a named folder, which together are one table."""

    folder: str
    files: tuple[ListedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Window:
    """Rows of some days only: the column of dates or times that says so, first and last day, both of them in it."""

    column: str
    first: date
    last: date


@dataclass(frozen=True)
class RelationReference:
    """A relation of a named connection, or its rows of a window, and what it held when it was listed."""

    connection: str
    relation: str
    rows: int
    fingerprint: str
    window: Window | None = None


Reference = FileReference | RelationReference


@dataclass(frozen=True)
class Referenced:
    """A reference and where it leads on this machine: a folder, or a URL that nobody may read.

    `since` says when it was attached, for sentences.
    """

    reference: Reference
    target: str = field(repr=False)
    since: str = ""
    system_tables: bool = False

    @property
    def is_relation(self) -> bool:
        """Whether reading it needs the network."""
        return isinstance(self.reference, RelationReference)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are read."""
        if isinstance(self.reference, RelationReference):
            return ()
        return tuple(Path(self.target, file.path) for file in self.reference.files)

    def as_json(self) -> dict[str, Any]:
        """For the process that measures. Holds the URL."""
        return {**vars(self), "reference": document(self.reference).decode()}

    @classmethod
    def from_json(cls, said: Mapping[str, Any], name: str) -> Referenced:
        """What `as_json` wrote."""
        return cls(**{**said, "reference": parse(said["reference"].encode(), name)})


def is_reference(path: Path) -> bool:
    """Whether a stored table is a reference: no table begins like JSON, which is refused at upload."""
    with path.open("rb") as stream:
        return stream.read(64).lstrip().startswith(b"{")


def read_reference(path: Path, name: str) -> Reference:
    """The reference in a file. TableError with a sentence for anything but exactly what a reference has."""
    if path.stat().st_size > LARGEST:
        raise TableError(f"{name} is larger than {LARGEST // 1_000_000} MB, which no reference to a table is.")
    return parse(path.read_bytes(), name)


def parse(text: bytes, name: str) -> Reference:
    """The reference that a document of that name says; TableError as `read_reference`."""
    try:
        said = json.loads(text.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_constant)
    except TableError:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise TableError(
            f"{name} looks like JSON, not a table, and is not even valid JSON; export it as CSV (UTF-8) or Parquet."
        ) from None
    if not isinstance(said, dict) or MARK not in said:
        raise TableError(f"{name} looks like JSON, not a table; export it as CSV (UTF-8) or Parquet.")
    if type(said[MARK]) is not int or said[MARK] != FORMAT:
        raise TableError(f"{name} is a reference of a format that this portal does not know; it knows {FORMAT}.")
    entries = said.keys() - {MARK}
    if entries == {"folder", "files"}:
        return _files(said, name)
    relation = {"connection", "relation", "rows", "fingerprint"}
    if entries in (relation, relation | {"time_column", "from", "to"}):
        return _relation(said, name)
    raise TableError(
        f"{name} must name either “folder” and “files”, or “connection”, “relation”, “rows” and “fingerprint”, with "
        "“time_column”, “from” and “to” for the rows of some days, and nothing else."
    )


def document(reference: Reference) -> bytes:
    """The reference as the bytes that are attached; the same reference gives the same bytes."""
    if isinstance(reference, FileReference):
        said: dict[str, Any] = {"folder": reference.folder, "files": [vars(file) for file in reference.files]}
    else:
        said = {name: value for name, value in vars(reference).items() if name != "window"}
        if reference.window is not None:
            days = {"from": reference.window.first.isoformat(), "to": reference.window.last.isoformat()}
            said |= {"time_column": reference.window.column, **days}
    return (json.dumps({MARK: FORMAT, **said}, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise TableError("The reference to a table names an entry twice.")
    return dict(pairs)


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _files(said: Mapping[str, Any], name: str) -> FileReference:
    entries = said["files"]
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_FILES:
        raise TableError(f"{name} must list one to {MOST_FILES:,} files.")
    files = tuple(_file(entry, name) for entry in entries)
    if len({file.path for file in files}) < len(files):
        raise TableError(f"{name} lists a file twice.")
    return FileReference(_text(said["folder"], "folder", name), files)


def _file(entry: Any, name: str) -> ListedFile:
    if not isinstance(entry, dict) or entry.keys() != {"path", "sha256", "size"}:
        raise TableError(f"Every file that {name} lists must have “path”, “sha256” and “size”, and nothing else.")
    if not isinstance(entry["sha256"], str) or not _SHA256.fullmatch(entry["sha256"]):
        raise TableError(f"{name} must give each SHA-256 as 64 digits of 0-9 and a-f.")
    path = _text(entry["path"], "path", name)
    if problem := why_not_a_path(path):
        raise TableError(f"{name} lists “{path[:100]}”, which {problem}.")
    return ListedFile(path, entry["sha256"], _count(entry["size"], "size", name))


def why_not_a_path(path: str) -> str:
    """Why a text is no path of a file below a folder; empty if it is one."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or ":" in parts[0]:
        return "is not a path below the folder"
    if any(part in ("", ".", "..") for part in parts):
        return "has a part that is empty, “.” or “..”"
    if any(sign in path for sign in "*?[]") or not path.isprintable():
        return "has signs that name patterns or cannot be printed"
    if len(path.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_PART for part in parts):
        return "is too long"
    return ""


def _relation(said: Mapping[str, Any], name: str) -> RelationReference:
    relation = _text(said["relation"], "relation", name)
    if problem := why_not_a_relation(relation):
        raise TableError(f"{name} names the relation “{relation[:100]}”, which {problem}.")
    if not isinstance(said["fingerprint"], str) or not _FINGERPRINT.fullmatch(said["fingerprint"]):
        raise TableError(f"{name} must give a “fingerprint” as “manage.py refer” and the page write it.")
    connection = _text(said["connection"], "connection", name)
    rows, fingerprint = _count(said["rows"], "rows", name), str(said["fingerprint"])
    return RelationReference(connection, relation, rows, fingerprint, _window(said, name))


def _window(said: Mapping[str, Any], name: str) -> Window | None:
    if "time_column" not in said:
        return None
    column = _text(said["time_column"], "time_column", name)
    try:
        first, last = (date.fromisoformat(_text(said[entry], entry, name)) for entry in ("from", "to"))
    except ValueError:
        raise TableError(f"{name} must give “from” and “to” as days, for example 2026-09-01.") from None
    if last < first or not column.isprintable():
        raise TableError(f"{name} names a window that ends before it starts, or a column that cannot be printed.")
    return Window(column, first, last)


def why_not_a_relation(relation: str) -> str:
    """Why a text names no relation of a schema; empty if it may. Names are quoted wherever they are asked for."""
    parts = relation.split(".")
    if len(parts) not in (2, 3) or not all(part.strip() for part in parts):
        return "must be schema.table (on Spark also catalogue.schema.table)"
    if not relation.isprintable():
        return "has signs that cannot be printed"
    return "is too long" if len(relation) > 200 else ""


def _text(value: Any, entry: str, name: str) -> str:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_PATH:
        raise TableError(f"{name} must give “{entry}” as a text.")
    return value


def _count(value: Any, entry: str, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise TableError(f"{name} must give “{entry}” as a whole number from 0.")
    return int(value)


def described(reference: Reference) -> str:
    """Where the table lies and how much of it there is, in words."""
    if isinstance(reference, FileReference):
        files = "1 file" if len(reference.files) == 1 else f"{len(reference.files):,} files"
        return f"{files} of the folder “{reference.folder}”, {bytes_in_words(reference.size)}"
    window = reference.window
    days = f" from {window.first} to {window.last} by {window.column}" if window else ""
    return (
        f"the relation {reference.relation} of the connection “{reference.connection}”, {reference.rows:,} rows{days}, "
        f"fingerprint {reference.fingerprint}"
    )


def bytes_in_words(size: int) -> str:
    """Bytes as people read them."""
    for unit, worth in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= worth:
            return f"{size / worth:,.1f} {unit}"
    return f"{size} bytes"
