"""Looks at the bytes and the first line of an uploaded table before any engine does. Never reads its rows."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from approvals.measures.packing import DAMAGED, opened, packing_of

Format = Literal["csv", "parquet"]

MAX_COLUMNS = 2000
MISSING_TEXTS = (
    *("", "NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "<NA>", "NULL", "null"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
"""What a CSV cell means by "no value", after trimming, as pandas has it, with the ways of C to write no number.

"None" is not among them: it can be a real category.
"""

_DELIMITERS = ",;\t|"
_PART_BYTES = 1 << 20
_LONGEST_LINE = 1 << 21
_HEAD_BYTES = 1 << 20
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"%PDF", "a PDF"),
    (b"BZh", "packed by bzip2, which is not read here (gzip and zstd are)"),
    (b"\xfd7zXZ", "packed by xz, which is not read here (gzip and zstd are)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)


class TableError(Exception):
    """The file or a column cannot be used; the sentence says what is wrong and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class UnreachableError(TableError):
    """The database does not answer at all, or not any more; what it said may name machines and accounts."""


class DeniedError(TableError):
    """The database answers and refuses the account; `relation` says that only this one is refused to it."""

    def __init__(self, sentence: str, *, relation: str = "") -> None:
        super().__init__(sentence)
        self.relation = relation


@dataclass(frozen=True)
class Header:
    """What the first line of a CSV says: column names in file order and the delimiter between them."""

    names: tuple[str, ...]
    delimiter: str


def checked_format(path: Path, declared: Format | None) -> Format:
    """The format of an existing, non-empty file, from its own bytes; TableError when it is no CSV and no Parquet."""
    if not path.is_file():
        raise TableError(f"The file “{path.name}” does not exist; upload it again.")
    if any(character in str(path) for character in "*?["):
        raise TableError(f"The path of “{path.name}” contains *, ? or [, which name patterns; rename the file.")
    if path.stat().st_size == 0:
        raise TableError(f"The file “{path.name}” is empty (0 bytes).")
    head = _head(path, 4096)
    is_parquet = head.startswith(b"PAR1")
    if declared == "csv" and is_parquet:
        raise TableError(f"The file “{path.name}” was declared as CSV, but it is Parquet.")
    if is_parquet and packing_of(path):
        raise TableError(f"The file “{path.name}” is a packed Parquet file; Parquet is packed already: unpack it.")
    if is_parquet:
        return "parquet"
    if declared == "parquet" or (declared is None and path.suffix.lower() in {".parquet", ".pq"}):
        raise TableError(f"The file “{path.name}” was declared as Parquet, but its first bytes are not Parquet.")
    _refuse_foreign(path.name, head)
    return "csv"


def _head(path: Path, size: int) -> bytes:
    """The first bytes, unpacked."""
    try:
        with opened(path) as stream:
            return stream.read(size)
    except DAMAGED:
        raise damaged(path) from None


def damaged(path: Path) -> TableError:
    """What is said of a packed file that cannot be unpacked."""
    packing = packing_of(path)
    return TableError(
        f"The file “{path.name}” is a damaged {packing.name if packing else 'packed'} archive; pack it again."
    )


def refuse_what_is_no_text(path: Path) -> None:
    """TableError for a zero byte anywhere in a text file, and for a line that no table of values has.

    What stands behind a zero byte could be left out without a word, and an engine that splits a file among threads
    does not say what is wrong with a line that is longer than the part of one.
    """
    line, run = 1, 0
    with path.open("rb") as stream:
        while part := stream.read(_PART_BYTES):
            if b"\x00" in part:
                raise TableError(
                    f"The file “{path.name}” is binary or damaged: it holds a zero byte, which no text does."
                )
            ends = [place for end in (b"\n", b"\r") for place in (part.find(end), part.rfind(end)) if place >= 0]
            run += min(ends, default=len(part))
            if run > _LONGEST_LINE:
                raise TableError(
                    f"The table “{path.name}” has a line longer than two megabytes in line {line}; no table of values "
                    "has."
                )
            if ends:
                line, run = line + part.count(b"\n"), len(part) - max(ends) - 1


def _refuse_foreign(name: str, head: bytes) -> None:
    for magic, meaning in _FOREIGN:
        if head.startswith(magic):
            raise TableError(f"The file “{name}” is {meaning}, not a table; export it as CSV (UTF-8) or Parquet.")
    if b"\x00" in head:
        raise TableError(f"The file “{name}” is binary, not a table; export it as CSV (UTF-8) or Parquet.")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        raise TableError(f"The file “{name}” is a web page or XML, not a table; export it as CSV (UTF-8) or Parquet.")
    if start.startswith((b"{", b"[")):
        raise TableError(f"The file “{name}” looks like JSON, not a table; export it as CSV (UTF-8) or Parquet.")


def read_header(path: Path) -> Header:
    """Names and delimiter of a CSV; TableError for no header, unnamed, duplicate or too many columns."""
    head = _head(path, _HEAD_BYTES)
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A cut inside the last character of the block is no fault of the file.
        if len(head) < _HEAD_BYTES or error.start < len(head) - 4:
            raise TableError(f"The file “{path.name}” is not UTF-8 text; save it as CSV UTF-8.") from None
        text = head[: error.start].decode("utf-8-sig")
    candidates = [(_first_record(text, delimiter), delimiter) for delimiter in _DELIMITERS]
    names, delimiter = max(candidates, key=lambda candidate: len(candidate[0]))
    if len(head) == _HEAD_BYTES and "\n" not in text and "\r" not in text:
        raise TableError(f"The first line of “{path.name}” is longer than a megabyte, so it names no columns.")
    if not names and text.strip():
        raise TableError(f"The first line of “{path.name}” cannot be read as names of columns.")
    if not any(names):
        raise TableError(f"The file “{path.name}” has no header: its first line is empty.")
    check_names(path.name, names)
    return Header(names=names, delimiter=delimiter)


def has_rows(path: Path, header: Header) -> bool:
    """Whether anything that is not blank stands below the header, as far as the first megabyte shows it."""
    text = _head(path, _HEAD_BYTES).decode("utf-8-sig", errors="ignore")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=header.delimiter)
    try:
        next(reader, None)
        return any(any(cell.strip() for cell in record) for record in reader)
    except csv.Error:
        return True  # what is wrong there is said by whoever reads the whole file


def _first_record(text: str, delimiter: str) -> tuple[str, ...]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return tuple(name.strip() for name in next(reader, []))
    except csv.Error:
        return ()


def check_names(file_name: str, names: tuple[str, ...]) -> None:
    """TableError unless every column has a name of its own and there are at most MAX_COLUMNS."""
    if len(names) > MAX_COLUMNS:
        raise TableError(f"The file “{file_name}” has {len(names)} columns; at most {MAX_COLUMNS} can be checked.")
    unnamed = [str(position) for position, name in enumerate(names, start=1) if not name]
    if unnamed:
        raise TableError(f"The file “{file_name}” has no name for column {', '.join(unnamed[:5])}; name every column.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        listed = ", ".join(f"“{name}”" for name in repeated[:5])
        raise TableError(f"The file “{file_name}” has more than one column named {listed}; give each its own name.")
