"""Makes the document that refers to a table: finds its files, and lets the limited child hash them or ask the engine.

Decides nothing about who may: `referring` does, before.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from approvals.checks._listing import TableListing
from approvals.checks.base import Input
from approvals.measures.reading import TableError
from approvals.measures.referenced import opened_file
from approvals.measures.references import (
    FileReference,
    ListedFile,
    Reference,
    Referenced,
    RelationReference,
    Window,
    bytes_in_words,
    why_not_a_path,
    why_not_a_relation,
)
from approvals.measures.sources import MOST_FILES, is_data
from approvals.referring import FOLDER
from approvals.sandbox import DENIED, JobDescription, Limits, SandboxError, measure_in_child
from portal.errors import BadInput
from portal.table_places import TablePlace

_MOST_VISITED = 200_000
_NO_DIGEST = "0" * 64
_NO_FINGERPRINT = "none-0:" + _NO_DIGEST

Progress = Callable[[int, str], None]


def silent(percent: int, text: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Asked:
    """A table by its place: `what` is a folder or a connection, `place` its name, `table` what is meant there."""

    what: str
    place: str
    table: str
    window: Window | None = None
    """Of a relation: only its rows of these days."""

    @property
    def name(self) -> str:
        """How the reference is named among the evidence: it is downloaded as the document that it is."""
        return f"{self.place} {self.table.replace('/', ' ')}"[:185] + ".reference.json"


@dataclass(frozen=True)
class Allowance:
    """How much may be listed, and for how long."""

    most_bytes: int
    seconds: int


AT_ONCE = Allowance(most_bytes=2_000_000_000, seconds=25)
"""While a person waits for a page."""
WITH_TIME = Allowance(most_bytes=1 << 60, seconds=24 * 3600)
"""On the command line."""


def listed(found: TablePlace, asked: Asked, *, limits: Allowance, on_progress: Progress = silent) -> bytes:
    """The reference document of a table: a file, a folder or a pattern below a folder; or a relation.

    Raises BadInput with a sentence if there is no such table, or if it is more than `limits` allow.
    """
    reference: Reference
    if asked.what == FOLDER:
        root = Path(found.target).resolve()
        reference, target = FileReference(asked.place, tuple(_files(root, asked.place, asked.table))), str(root)
        if reference.size > limits.most_bytes:
            raise BadInput(
                f"These files hold {bytes_in_words(reference.size)}, and hashing more than "
                f"{bytes_in_words(limits.most_bytes)} {_TOO_LONG.format(asked=asked)}",
                field="table",
            )
    else:
        if problem := why_not_a_relation(asked.table):
            raise BadInput(f"“{asked.table[:100]}” {problem}.", field="table")
        reference, target = (
            RelationReference(asked.place, asked.table, 0, _NO_FINGERPRINT, asked.window),
            found.target,
        )
    return _measured(Referenced(reference, target, system_tables=found.system_tables), asked, limits, on_progress)


_TOO_LONG = (
    "takes longer than a page may: ask an administrator to run “manage.py refer {asked.place} {asked.table}” and "
    "attach what it prints."
)


def _measured(referenced: Referenced, asked: Asked, limits: Allowance, on_progress: Progress) -> bytes:
    piece = Input(kind="table", path=Path(__file__), name=asked.table, sha256=_NO_DIGEST, table=referenced)
    try:
        reading = measure_in_child(
            check=TableListing,
            job=JobDescription(inputs={"table": piece}),
            limits=Limits(cpu_seconds=limits.seconds, wall_seconds=limits.seconds),
            on_progress=on_progress,
        )
    except SandboxError as failure:
        late = f"Listing “{asked.table}” {_TOO_LONG.format(asked=asked)}"
        code = DENIED if failure.kind == DENIED else None
        raise BadInput(late if failure.kind == "time" else failure.sentence, field="table", code=code) from failure
    return str(reading.details["document"]).encode()


def _files(root: Path, place: str, table: str) -> Iterator[ListedFile]:
    chosen = _chosen(root, place, table.strip().strip("/"))
    if not chosen:
        raise BadInput(f"The folder “{place}” has no CSV or Parquet file that “{table[:100]}” names.", field="table")
    for path in chosen:
        try:
            with opened_file(root, path) as opened:
                yield ListedFile(path, _NO_DIGEST, os.fstat(opened).st_size)
        except (OSError, TableError):
            raise BadInput(
                f"“{path}” in the folder “{place}” is no plain file that can be read; links are not followed.",
                field="table",
            ) from None


def _chosen(root: Path, place: str, table: str) -> Sequence[str]:
    is_pattern = any(sign in table for sign in "*?[")
    if problem := why_not_a_path(table.translate(str.maketrans("*?[]", "xxxx"))):
        raise BadInput(f"“{table[:100]}” {problem}.", field="table")
    wanted = table.split("/")
    found: list[str] = []
    for path in _walked(root, place):
        parts = path.split("/")
        if _matches(parts, wanted) or (not is_pattern and parts[: len(wanted)] == wanted):
            found.append(path)
        if len(found) > MOST_FILES:
            raise BadInput(f"“{table[:100]}” names more than {MOST_FILES:,} files.", field="table")
    for path in found:
        if why_not_a_path(path):
            raise BadInput(f"The name of “{path[:100]}” has signs that a reference cannot hold.", field="table")
    return sorted(found)


def _walked(root: Path, place: str) -> Iterator[str]:
    visited = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        visited += 1 + len(names)
        if visited > _MOST_VISITED:
            raise BadInput(f"The folder “{place}” has more than {_MOST_VISITED:,} files; tell an administrator.")
        for name in names:
            if is_data(name):
                yield Path(folder, name).relative_to(root).as_posix()


def _matches(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a path is named by a pattern; ** stands for any number of folders."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return _matches(parts, wanted[1:]) or (bool(parts) and _matches(parts[1:], wanted))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])
