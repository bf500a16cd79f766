"""Stores uploaded bytes once under their SHA-256 and judges whether an upload can be what it claims; runs nothing."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import rfc8785
from django.conf import settings
from django.utils import timezone

from approvals.artifacts import describe_artifact
from approvals.canonical import canonical_text
from approvals.checks._bill_reading import BillFormat
from approvals.checks._columns import TableColumns
from approvals.checks._documents import is_empty
from approvals.checks._evaluation import kind_of, slices_of
from approvals.checks._lineage import read_lineage
from approvals.checks._strict_json import once
from approvals.checks.base import Check, CheckInputError, Input
from approvals.measures.reading import TableError, checked_format, has_rows, read_header
from approvals.measures.referenced import opened_file, require_present
from approvals.measures.references import (
    MEDIA_TYPE,
    Reference,
    Referenced,
    RelationReference,
    is_reference,
    read_reference,
)
from approvals.measures.sources import folder_keys
from approvals.models import EvidenceKind, StoredFile
from approvals.sandbox import ABOUT_INPUTS, JobDescription, Limits, SandboxError, measure_in_child
from portal.errors import BadInput, Unavailable

CHUNK = 1 << 20
JSON_KEYS: dict[str, tuple[str, ...]] = {
    EvidenceKind.TRAINING_RECORD: ("algorithm", "hyperparameters", "seed", "code_revision", "artifact_sha256"),
    EvidenceKind.DATA_LINEAGE: ("sources", "transformations", "lawful_basis", "sensitive_attributes"),
    EvidenceKind.RISK_REGISTER: ("risks",),
}
TABLE_KINDS = (EvidenceKind.EVALUATION_TABLE, EvidenceKind.TRAINING_TABLE)
NO_ROOM = (
    "The portal cannot store files just now (its disk may be full), so nothing was kept. Try again, and tell an "
    "administrator."
)
TEXT_LIMIT = 1 << 20
PRINTED = frozenset({EvidenceKind.MONITORING_PLAN, EvidenceKind.DEPLOYMENT_TARGET})
PRINTED_LIMIT = 200_000
"""Bytes of a document that the model card prints, which is for people and is made within minutes."""
DEEPEST = 20
PROBE_LIMITS = Limits(memory_mb=1024, cpu_seconds=20, wall_seconds=30, file_mb=1)


@dataclass(frozen=True)
class Upload:
    """Bytes that were received and belong to no row yet."""

    sha256: str
    size: int
    path: Path


def receive(stream: BinaryIO, *, limit: int | None = None) -> Upload:
    """Copy a stream into the store. Raises BadInput for an empty or too large file; leaves nothing behind then."""
    with incoming(stream, limit=limit) as upload:
        return _kept(upload)


@contextmanager
def incoming(stream: BinaryIO, *, limit: int | None = None) -> Iterator[Upload]:
    """Bytes to be judged, beside the store. They are gone after the block unless stored() took them."""
    limit = limit or int(settings.UPLOAD_LIMIT_BYTES)
    root = Path(settings.VAR) / "uploads"
    name = ""
    try:
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=root, prefix="incoming-")
            with os.fdopen(handle, "wb") as target:
                sha256, size = _copy(stream, target, limit)
        except OSError as failure:
            raise Unavailable(NO_ROOM, code="no-room") from failure
        yield Upload(sha256, size, Path(name))
    finally:
        if name:
            Path(name).unlink(missing_ok=True)


def _kept(upload: Upload) -> Upload:
    final = Path(settings.VAR) / "uploads" / upload.sha256[:2] / upload.sha256
    # A check may be reading the stored file this moment, so it is replaced only if its bytes are not sound.
    if upload.path != final and not _sound(final, upload):
        final.parent.mkdir(exist_ok=True, mode=0o700)
        upload.path.replace(final)
    return replace(upload, path=final)


def _sound(stored_file: Path, upload: Upload) -> bool:
    try:
        with stored_file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == upload.sha256
    except FileNotFoundError:
        return False


def _copy(stream: BinaryIO, target: BinaryIO, limit: int) -> tuple[str, int]:
    hasher, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise BadInput(
                f"The file is larger than the {limit / 1_000_000:.0f} MB that this portal takes.", field="file"
            )
        hasher.update(chunk)
        target.write(chunk)
    if not size:
        raise BadInput("The file is empty.", field="file")
    target.flush()
    os.fsync(target.fileno())
    return hasher.hexdigest(), size


def stored(upload: Upload) -> StoredFile:
    """The row of these bytes, which lie in the store from now on; the same bytes are one row."""
    _kept(upload)
    row, _ = StoredFile.objects.get_or_create(
        sha256=upload.sha256, defaults={"size": upload.size, "created_at": timezone.now()}
    )
    return row


def opened(row: StoredFile) -> BinaryIO:
    """Stored bytes for reading. Raises Unavailable if they are gone or are not what was uploaded."""
    try:
        found = row.path.open("rb")
    except OSError as failure:
        raise Unavailable("The stored file is gone; tell an administrator.", code="file-gone") from failure
    if hashlib.file_digest(found, "sha256").hexdigest() != row.sha256:
        found.close()
        raise Unavailable(
            "The stored file no longer has the digest recorded at upload, so it is not handed out; "
            "tell an administrator.",
            code="file-changed",
        )
    found.seek(0)
    return found


def reference_in(kind: str, upload: Upload, *, name: str) -> Reference | None:
    """What an upload refers to, if it is a reference to a table. Raises BadInput if it only looks like one."""
    if kind not in TABLE_KINDS or not is_reference(upload.path):
        return None
    try:
        return read_reference(upload.path, name)
    except TableError as error:
        raise BadInput(error.sentence, field="file") from error


def judge_upload(
    kind: str, upload: Upload, *, name: str, details: Mapping[str, Any], table: Referenced | None = None
) -> str:
    """The media type of an upload that can be what it claims. Raises BadInput with a sentence otherwise.

    `table` is where the upload leads, if it is a reference and the person may follow it.
    """
    if kind == EvidenceKind.ARTIFACT:
        description = describe_artifact(upload.path, name)
        if description.problems:
            raise BadInput(f"This artifact is not accepted: {description.problems[0]}", field="file")
        return "application/octet-stream"
    if kind in TABLE_KINDS:
        _require_meaning(details, name)
        return _table(upload, details, name) if table is None else _referenced(upload, table, details, name)
    if kind in JSON_KEYS:
        return _json(kind, upload, name)
    if kind == EvidenceKind.BILL_OF_MATERIALS:
        return _bill(upload, name)
    if kind == EvidenceKind.CARD_DRAFT:
        return "application/pdf"
    return _document(upload, limit=PRINTED_LIMIT if kind in PRINTED else TEXT_LIMIT)


def judge_delivery(upload: Upload, *, name: str, details: Mapping[str, Any], table: Referenced | None = None) -> None:
    """Judge a table whose columns were declared before, at approval: whatever is wrong is in the file that was sent."""
    try:
        judge_upload(EvidenceKind.EVALUATION_TABLE, upload, name=name, details=details, table=table)
    except BadInput as problem:
        raise BadInput(problem.sentence, field="file", code=problem.code) from problem


def _json(kind: str, upload: Upload, name: str) -> str:
    content = read_json(upload.path, size=upload.size)
    missing = [key for key in JSON_KEYS[kind] if is_empty(content.get(key))]
    if missing:
        label = EvidenceKind(kind).label.lower()
        raise BadInput(f"The {label} does not state: {', '.join(missing)}.", field="file")
    if kind == EvidenceKind.DATA_LINEAGE:
        try:
            read_lineage(Input(kind=kind, path=upload.path, name=name, sha256=upload.sha256))
        except CheckInputError as failure:
            raise BadInput(failure.sentence, field="file") from failure
    return "application/json"


def read_json(path: Path, *, size: int) -> dict[str, Any]:
    """A JSON object that a card can print and RFC 8785 can write. Raises BadInput with a sentence otherwise."""
    if size > PRINTED_LIMIT:
        raise BadInput(
            f"The JSON file is larger than the {PRINTED_LIMIT // 1000} kB that a model card prints; "
            "summarise it and attach the whole as another document.",
            field="file",
        )
    try:
        content = json.loads(path.read_text("utf-8"), object_pairs_hook=once)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInput(f"The file is not valid JSON: {error}.", field="file") from error
    if not isinstance(content, dict):
        raise BadInput("The JSON file must hold one object with named entries.", field="file")
    if _depth(content) > DEEPEST:
        raise BadInput(f"The JSON file nests its entries more than {DEEPEST} deep.", field="file")
    try:
        canonical_text(content)
    except rfc8785.CanonicalizationError as error:
        raise BadInput(
            "The JSON file holds a value that programs read differently: a number beyond 2^53, one that is not finite, "
            f"or half a character ({error}).",
            field="file",
        ) from error
    return content


def _depth(content: Any) -> int:
    """How deep lists and objects stand in each other."""
    level, depth = [content], 0
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth - 1


def _document(upload: Upload, *, limit: int) -> str:
    with upload.path.open("rb") as source:
        head = source.read(5)
    if head == b"%PDF-":
        return "application/pdf"
    if upload.size > limit:
        raise BadInput(f"The text is larger than {limit // 1000:,} kB; attach it as PDF.", field="file")
    try:
        text = upload.path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("The document must be a PDF or a text file in UTF-8.", field="file") from error
    if "\x00" in text:
        raise BadInput("The document must be a PDF or a text file in UTF-8.", field="file")
    return "text/markdown"


def _require_meaning(details: Mapping[str, Any], name: str) -> None:
    try:
        kind_of(details, name)
        slices_of(details, name)
    except CheckInputError as error:
        raise BadInput(error.sentence, field="details") from error


def _referenced(upload: Upload, table: Referenced, details: Mapping[str, Any], name: str) -> str:
    """Whether the table is there and has the declared columns; what it holds is read by workers."""
    reference = table.reference
    if isinstance(reference, RelationReference):
        what = f"The relation {reference.relation} of “{reference.connection}”, named by"
        found = _probed(TableColumns, "table", upload, name, what=what, table=table)
        _require_columns([str(column) for column in found["columns"]], declared_columns(details))
        return MEDIA_TYPE
    try:
        require_present(table, reference)
    except TableError as error:
        raise BadInput(error.sentence, field="file") from error
    listed, folders = reference.files[0], folder_keys(Path(reference.files[0].path))
    with opened_file(Path(table.target), listed.path) as opened, tempfile.TemporaryDirectory() as scratch:
        # What is open, by its own name: somebody may put a link to another file in its place meanwhile.
        first = Path(scratch, table.paths[0].name)
        first.symlink_to(f"/proc/self/fd/{opened}")
        _table(Upload(listed.sha256, listed.size, first), details, listed.path, folders=folders)
    return MEDIA_TYPE


def _table(upload: Upload, details: Mapping[str, Any], name: str, *, folders: Sequence[str] = ()) -> str:
    """By the same reader that the checks use, but only the beginning of the file: the rest is read by workers."""
    try:
        if checked_format(upload.path, None) == "parquet":
            _require_columns([*_parquet_columns(upload, name), *folders], declared_columns(details))
            return "application/vnd.apache.parquet"
        header = read_header(upload.path)
        if not has_rows(upload.path, header):
            raise BadInput("The table has a header but no rows.", field="file")
    except TableError as error:
        raise BadInput(error.sentence.replace(upload.path.name, name), field="file") from error
    _require_columns([*header.names, *folders], declared_columns(details))
    return "text/csv"


def _parquet_columns(upload: Upload, name: str) -> list[str]:
    """Columns of a Parquet file, read in a process of its own: the engine's reader takes bytes from strangers."""
    details = _probed(TableColumns, "table", upload, name, what="The Parquet file")
    return [str(column) for column in details["columns"]]


def _bill(upload: Upload, name: str) -> str:
    """By the reader of the check, in a process of its own: a bill may be large and comes from strangers."""
    details = _probed(BillFormat, EvidenceKind.BILL_OF_MATERIALS, upload, name, what="The bill of materials")
    return "application/vnd.cyclonedx+json" if details["json"] else "text/plain"


def _probed(
    check: type[Check], kind: str, upload: Upload, name: str, *, what: str, table: Referenced | None = None
) -> Mapping[str, Any]:
    """What a reader in the limited child says of an upload. Raises BadInput with a sentence if it cannot be read."""
    piece = Input(kind=kind, path=upload.path, name=name, sha256=upload.sha256, table=table)
    try:
        return measure_in_child(check=check, job=JobDescription(inputs={kind: piece}), limits=PROBE_LIMITS).details
    except SandboxError as failure:
        sentence = (
            failure.sentence
            if failure.kind in ABOUT_INPUTS
            else f"{what} “{name}” cannot be opened within {PROBE_LIMITS.wall_seconds} s and "
            f"{PROBE_LIMITS.memory_mb:,} MiB, as every upload must; export it anew."
        )
        raise BadInput(sentence, field="file") from failure


def declared_columns(details: Mapping[str, Any]) -> list[str]:
    """Every column that the submitter declared, in order."""
    single = [*(details.get(name) for name in ("label", "prediction", "score")), *_class_scores(details)]
    key = details.get("key") or ()
    keys = (key,) if isinstance(key, str) else key
    slices = (column for described in (details.get("slices") or {}).values() for column in described)
    several: Iterable[Any] = (*keys, *(details.get("groups") or ()), *(details.get("features") or ()), *slices)
    return [str(column) for column in (*single, *several) if column]


def _class_scores(details: Mapping[str, Any]) -> Iterable[Any]:
    named = details.get("class_scores")
    return named.values() if isinstance(named, Mapping) else ()


def _require_columns(columns: list[str], declared: list[str]) -> None:
    missing = [column for column in dict.fromkeys(declared) if column not in columns]
    if missing:
        shown = ", ".join(columns[:30])
        raise BadInput(f"The table has no column {', '.join(missing)}. Its columns are: {shown}.", field="details")
