"""Turns what a person names, a file, a packed file or a folder of them, into plain files that an engine can read."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from approvals.measures.packing import DAMAGED, opened, packing_of
from approvals.measures.reading import Format, Header, TableError, checked_format, damaged, read_header

MOST_FILES = 10_000
LARGEST_RATIO = 200
"""A CSV that people make packs at most about thirty to one; gzip can make a thousand to one of nothing, zstd more."""
ALWAYS_UNPACKED = 100_000_000
_CHUNK = 1 << 20
_NOT_DATA = (".", "_")
_IN_FOLDER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^/]*")
_TEXTS, _PACKED = (".csv", ".tsv", ".txt"), ("", ".gz", ".zst")
_SUFFIXES = (*(text + packed for text in _TEXTS for packed in _PACKED), ".parquet", ".pq")


@dataclass(frozen=True)
class Source:
    """Plain files of one table. `header` is that of a CSV; `places` are the files as the table's own folder has them.

    Folders of these places may be named key=value; what the folders around the table are named says nothing of it.
    """

    name: str
    format: Format
    files: tuple[Path, ...]
    header: Header | None
    places: tuple[Path, ...]


@contextmanager
def plain_source(
    path: Path, declared: Format | None, *, scratch: Path | None, files: Sequence[Path] = ()
) -> Iterator[Source]:
    """The files to read; what had to be unpacked lies in a folder of its own in `scratch` and is gone afterwards.

    `files` are those of a folder that count; without them all that it has. TableError for what is no table, for files
    of a folder that do not belong together, and for bombs.
    """
    named = list(files) or (_files_in(path) if path.is_dir() else [path])
    formats = {checked_format(file, declared) for file in named}
    if len(formats) > 1:
        raise TableError(f"The folder “{path.name}” has CSV and Parquet files; keep one format.")
    with ExitStack() as stack:
        if any(packing_of(file) for file in named):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch, prefix="unpacked-")))
            plain = [_unpacked(file, folder / _place(file, path)) if packing_of(file) else file for file in named]
        else:
            plain = named
        found = formats.pop()
        places = tuple(_place(file, path) for file in named)
        header = _common_header(path, plain, places) if found == "csv" else None
        yield Source(path.name, found, tuple(file.resolve() for file in plain), header, places)


def is_data(name: str) -> bool:
    """Whether a file of a folder belongs to its table, by its name."""
    return not name.startswith(_NOT_DATA) and name.lower().endswith(_SUFFIXES)


def folder_keys(file: Path) -> tuple[str, ...]:
    """The keys of folders named key=value that a file lies in: columns of the table."""
    return tuple(part.split("=")[0] for part in file.parts[:-1] if _IN_FOLDER.fullmatch(part))


def _files_in(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(_NOT_DATA))
        for name in sorted(names):
            file = Path(place, name)
            if not is_data(name) or file.is_symlink():
                continue
            found.append(file)
        if len(found) > MOST_FILES:
            raise TableError(f"The folder “{folder.name}” has more than {MOST_FILES:,} files.")
    if not found:
        raise TableError(f"The folder “{folder.name}” has no CSV or Parquet files.")
    return found


def _place(file: Path, root: Path) -> Path:
    """Where an unpacked file goes: in folders of the same names, because they may hold values."""
    return Path(file.name) if file == root else file.relative_to(root)


def _unpacked(packed: Path, plain: Path) -> Path:
    plain.parent.mkdir(parents=True, exist_ok=True)
    largest = max(ALWAYS_UNPACKED, LARGEST_RATIO * packed.stat().st_size)
    try:
        with opened(packed) as source, plain.open("wb") as target:
            size = 0
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise TableError(
                        f"The file “{packed.name}” unpacks to more than {LARGEST_RATIO} times its size, which no table "
                        "of people's work does."
                    )
                target.write(chunk)
    except DAMAGED:
        raise damaged(packed) from None
    except OSError as error:
        free = shutil.disk_usage(plain.parent).free
        raise TableError(
            f"The file “{packed.name}” cannot be unpacked here ({error.strerror}; {free / 1e9:.1f} GB are free)."
        ) from error
    return plain


def _common_header(path: Path, files: list[Path], places: Sequence[Path]) -> Header:
    headers = [read_header(file) for file in files]
    for place, header in zip(places, headers, strict=True):
        if header != headers[0]:
            raise TableError(
                f"The files of “{path.name}” do not have the same columns: “{place}” differs from “{places[0]}”."
            )
    return headers[0]
