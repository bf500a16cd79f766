"""Opens a table that a reference names, if it still is what was referred to. What changed is said, never measured.

Files are compared with their digests before, and with what the file system says of them after they were measured; a
relation with its fingerprint, in the snapshot that is measured.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from approvals.measures.reading import DeniedError, TableError, UnreachableError
from approvals.measures.references import FileReference, ListedFile, Referenced, RelationReference
from approvals.measures.tables import Table, open_relation, open_table

AGAIN = "attach the table again"
_CHUNK = 1 << 20
_ANY_SIZE = 1 << 62

Identity = tuple[int, int, int, int, int]
Said = Callable[[float, str], None]


@contextmanager
def opened_file(root: Path, path: str) -> Iterator[int]:
    """A plain file below a folder, open for reading. No link is followed, nothing that blocks is opened.

    Raises OSError if it is not there, TableError if it is no plain file.
    """
    *folders, name = path.split("/")
    place = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        for folder in folders:
            deeper = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = deeper
        if not stat.S_ISREG(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
            raise TableError(f"“{path}” is not a plain file.")
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    finally:
        os.close(place)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise TableError(f"“{path}” is not a plain file.")
        yield file
    finally:
        os.close(file)


def identity(file: int) -> Identity:
    """What changes when somebody writes to, or puts another file in the place of, an open file."""
    found = os.fstat(file)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def hashed(file: int, *, at_most: int, heard: Callable[[int], None]) -> tuple[str, int]:
    """SHA-256 and number of bytes of an open file; ends soon after `at_most` bytes. `heard` gets the bytes so far."""
    hasher, size = hashlib.sha256(), 0
    while size <= at_most and (chunk := os.read(file, _CHUNK)):
        hasher.update(chunk)
        size += len(chunk)
        heard(size)
    return hasher.hexdigest(), size


def verify(referenced: Referenced, said: Said) -> dict[str, Identity]:
    """Compare every file with its digest; gives what the file system says of each. TableError naming what changed."""
    reference = referenced.reference
    if isinstance(reference, RelationReference):
        return {}
    found, total, done = {}, max(reference.size, 1), 0
    for place, file in enumerate(reference.files, start=1):
        text = f"Verifying file {place:,} of {len(reference.files):,}"
        before = done

        def heard(size: int, before: int = before, text: str = text) -> None:
            said(min((before + size) / total, 1.0), text)

        said(done / total, text)
        with _sentences(referenced, file), opened_file(Path(referenced.target), file.path) as opened:
            _compare(referenced, file, *hashed(opened, at_most=file.size, heard=heard))
            found[file.path] = identity(opened)
        done += file.size
    return found


def _compare(referenced: Referenced, file: ListedFile, sha256: str, size: int) -> None:
    if size != file.size:
        there = f"more than {file.size:,}" if size > file.size else f"{size:,}"
        raise TableError(
            f"{_named(referenced, file)} has changed{referenced.since}: it holds {there} bytes instead of "
            f"{file.size:,}. Nothing was measured; {AGAIN}."
        )
    if sha256 != file.sha256:
        raise TableError(
            f"{_named(referenced, file)} has changed{referenced.since}: its SHA-256 is {sha256[:12]}… instead of "
            f"{file.sha256[:12]}…. Nothing was measured; {AGAIN}."
        )


def confirm_unchanged(referenced: Referenced, before: Mapping[str, Identity]) -> None:
    """TableError if a file is not the same as when it was verified."""
    if isinstance(referenced.reference, RelationReference):
        return
    for file in referenced.reference.files:
        with _sentences(referenced, file), opened_file(Path(referenced.target), file.path) as opened:
            if identity(opened) != before[file.path]:
                raise TableError(
                    f"{_named(referenced, file)} was written to or replaced while it was measured, so the numbers say "
                    "nothing; run the check again when nobody writes there."
                )


@contextmanager
def _sentences(referenced: Referenced, file: ListedFile) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"{_named(referenced, file)} is gone; put it back, or {AGAIN}.") from None
    except OSError as error:
        raise TableError(
            f"{_named(referenced, file)} cannot be read ({error.strerror}); links are not followed. Put the file "
            f"there itself, or {AGAIN}."
        ) from None


def _named(referenced: Referenced, file: ListedFile) -> str:
    reference = referenced.reference
    return f"The file “{file.path}” of the folder “{getattr(reference, 'folder', '')}”"


@contextmanager
def open_referenced(
    referenced: Referenced, *, memory_limit_mb: int = 1024, spill: Path | None = None
) -> Iterator[Table]:
    """The table that is referred to. Files must have been verified; a relation is compared with its fingerprint here.

    TableError as `open_table`, UnreachableError where a connection does not answer or is lost, DeniedError where
    it refuses the account; none of its sentences, nor their causes, tells where a connection leads.
    """
    reference = referenced.reference
    if isinstance(reference, FileReference):
        with open_table(
            Path(referenced.target), memory_limit_mb=memory_limit_mb, spill=spill, files=referenced.paths
        ) as table:
            yield table
        return
    with _open_relation(referenced, reference) as table:
        _require_same(referenced, reference, table)
        yield table
        if not table.engine.keeps_snapshot:
            _require_same(referenced, reference, table)


@contextmanager
def _open_relation(referenced: Referenced, reference: RelationReference) -> Iterator[Table]:
    problem: TableError | None = None
    try:
        with (
            open_relation(referenced.target, reference.relation, reference.window) as table,
            _connected_to_the_end(table),
        ):
            _require_allowed(referenced, reference, table)
            yield table
    except UnreachableError:
        sentence = f"The connection “{reference.connection}” does not answer; tell an administrator."
        problem = UnreachableError(sentence)
    except DeniedError as error:
        problem = DeniedError(_refusal(reference, error))
    except TableError as error:
        problem = TableError(error.sentence)
    if problem is not None:  # raised here, where no cause hangs on it that would name machines or accounts
        raise problem


def _refusal(reference: RelationReference, error: DeniedError) -> str:
    name = reference.connection
    if error.relation:
        return (
            f"The account of the connection “{name}” may not read {reference.relation}. Somebody who administers the "
            "database grants it the right to read it."
        )
    return (
        f"The connection “{name}” answers and refuses the portal's account: its user, password or database is wrong, "
        "or it may not be used from here. An administrator corrects it in PORTAL_TABLE_CONNECTIONS."
    )


@contextmanager
def _connected_to_the_end(table: Table) -> Iterator[None]:
    """UnreachableError if the connection was lost meanwhile: whatever came of that says nothing about the table."""
    engine = table.engine
    try:
        yield
    except Exception as error:
        if engine.is_lost:
            raise UnreachableError("The connection was lost.") from error
        raise
    if engine.is_lost:
        raise UnreachableError("The connection was lost.")


def require_present(referenced: Referenced, reference: FileReference) -> None:
    """TableError unless every file is there, a plain file, of the size that is listed. Reads nothing of them."""
    for file in reference.files:
        with _sentences(referenced, file), opened_file(Path(referenced.target), file.path) as opened:
            if (size := os.fstat(opened).st_size) != file.size:
                raise TableError(
                    f"{_named(referenced, file)} holds {size:,} bytes, but the reference says {file.size:,}; "
                    "make the reference anew."
                )


def relation_columns(referenced: Referenced, reference: RelationReference) -> list[str]:
    """The names of a relation's columns; its rows are counted, too. TableError as `open_referenced`."""
    with _open_relation(referenced, reference) as table:
        return list(table.names)


def listed_relation(referenced: Referenced, reference: RelationReference) -> RelationReference:
    """The reference with rows and fingerprint as they are now. TableError as `open_referenced`."""
    with _open_relation(referenced, reference) as table:
        return replace(reference, rows=table.rows, fingerprint=table.engine.fingerprint())


@contextmanager
def open_listed(referenced: Referenced, reference: RelationReference) -> Iterator[tuple[Table, RelationReference]]:
    """A relation as it is now, and the reference with its rows and fingerprint in that state. TableError as above."""
    with _open_relation(referenced, reference) as table:
        found = replace(reference, rows=table.rows, fingerprint=table.engine.fingerprint())
        yield table, found
        if not table.engine.keeps_snapshot:
            _require_same(referenced, found, table)


def unsaid(share: float, text: str) -> None:
    """Nobody listens."""


def listed_files(referenced: Referenced, reference: FileReference, said: Said = unsaid) -> FileReference:
    """The reference with digest and size of every file as they are now. TableError as `verify`."""
    total, done, found = max(reference.size, 1), 0, []
    for place, file in enumerate(reference.files, start=1):
        text = f"Computing the SHA-256 of file {place:,} of {len(reference.files):,}"
        before = done

        def heard(size: int, before: int = before, text: str = text) -> None:
            said(min((before + size) / total, 1.0), text)

        with _sentences(referenced, file), opened_file(Path(referenced.target), file.path) as opened:
            was = identity(opened)
            sha256, size = hashed(opened, at_most=_ANY_SIZE, heard=heard)
            if identity(opened) != was:
                raise TableError(f"{_named(referenced, file)} was written to while it was read; try again later.")
        found.append(ListedFile(file.path, sha256, size))
        done += file.size
    return replace(reference, files=tuple(found))


def _require_allowed(referenced: Referenced, reference: RelationReference, table: Table) -> None:
    if table.engine.of_system and not referenced.system_tables:
        raise TableError(
            f"{reference.relation} belongs to the database's own catalogue, which the administrator does not let "
            f"anybody measure over “{reference.connection}”."
        )


def _require_same(referenced: Referenced, reference: RelationReference, table: Table) -> None:
    if table.rows != reference.rows:
        changed = f"it has {table.rows:,} rows instead of {reference.rows:,}"
    elif (found := table.engine.fingerprint()) != reference.fingerprint:
        changed = f"its fingerprint is {found[:24]}… instead of {reference.fingerprint[:24]}…"
    else:
        return
    raise TableError(
        f"The table {reference.relation} of “{reference.connection}” has changed{referenced.since}: {changed}. "
        f"Nothing was measured; {AGAIN}."
    )
