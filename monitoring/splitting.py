"""Takes in one table that spans several windows: each window that is over becomes a batch, all of them or none.

The window that today lies in is left out and named, so that a growing table may be sent as often as one likes: windows
that are there already have the same bytes, and the current one is taken once it is over.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import files, refusals
from approvals.checks.base import Input
from approvals.events import Event as ApprovalsEvent
from approvals.models import EvidenceKind, ModelVersion
from approvals.sandbox import ABOUT_INPUTS, JobDescription, Limits, SandboxError, measure_in_child
from monitoring import batches
from monitoring.models import Batch, Schedule
from monitoring.monitors._splitting import Splitting
from monitoring.monitors.base import BATCH
from monitoring.source_windows import MOST, window_of
from portal.errors import BadInput, Refused
from portal.models import AccessToken
from portal.texts import require_storable

LIMITS = Limits(memory_mb=2048, cpu_seconds=120, wall_seconds=90, file_mb=4096)
NOT_SPLIT = (
    f"The table cannot be split within {LIMITS.wall_seconds} s and {LIMITS.memory_mb:,} MiB, so nothing was taken; "
    "deliver it in pieces."
)


@dataclass(frozen=True)
class LeftOut:
    """Rows of the window that is not over."""

    first: date
    last: date
    rows: int


@dataclass(frozen=True)
class Delivered:
    """Batches in the order of windows: those made now, those that were there; and what was left out."""

    new: tuple[Batch, ...]
    known: tuple[Batch, ...]
    left_out: LeftOut | None

    def __str__(self) -> str:
        taken = f"{len(self.new):,} {'batch is' if len(self.new) == 1 else 'batches are'} taken and being read."
        known = f" {len(self.known):,} were there already." if self.known else ""
        if self.left_out is None:
            return taken + known
        window = f"{self.left_out.first} to {self.left_out.last}"
        return f"{taken}{known} Left out: {self.left_out.rows:,} rows of {window}, which is not over; send them later."


@dataclass(frozen=True)
class _Piece:
    upload: files.Upload
    first: date
    last: date
    rows: int


def receive(  # noqa: PLR0913  (a delivery is that many facts)
    *,
    version_id: int,
    actor: User,
    stream: BinaryIO,
    name: str,
    time_column: str,
    pace: str,
    description: str = "",
    token: AccessToken | None = None,
    now: datetime | None = None,
) -> Delivered:
    """Store a batch for every window that is over, and queue its readings. Errors as `batches.receive`, all or none.

    A row without a readable time (UTC), or with one after today, refuses the whole table.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act="deliver batch")
    with recorded:
        batches.require_may_deliver(version, actor)
        for field, text in (("name", name), ("description", description), ("time_column", time_column)):
            require_storable(text, field=field)
        if not time_column.strip():
            raise BadInput("Name the column that says from which day a row is.", field="time_column")
        if pace not in Schedule.values:
            raise BadInput(f"Choose how long a window is: {', '.join(Schedule.values)}.", field="pace")
        with files.incoming(stream) as upload:
            _judge(version, upload, name)
            with _split(upload, name, time_column.strip(), pace, now) as (pieces, left_out):
                source = f"Split from “{name.strip()}” (SHA-256 {upload.sha256}) by “{time_column.strip()}” in UTC"
                with transaction.atomic():
                    version = ModelVersion.objects.locked().get(pk=version_id)
                    batches.require_may_deliver(version, actor)
                    texts = (name.strip(), source, description.strip())
                    new, there = _kept(version, (actor, token), pieces, texts, now)
                    return Delivered(new, there, left_out)


def _judge(version: ModelVersion, upload: files.Upload, name: str) -> None:
    if files.reference_in(EvidenceKind.EVALUATION_TABLE, upload, name=name) is not None:
        raise BadInput(
            "A reference names rows that lie elsewhere, which are not split; name its first and last day, or declare "
            "a source.",
            field="file",
        )
    files.judge_delivery(upload, name=name, details=batches.watched(version))
    batches.known(version, upload)  # refuses the table that was approved


@contextmanager
def _split(
    upload: files.Upload, name: str, time_column: str, pace: str, now: datetime
) -> Iterator[tuple[list[_Piece], LeftOut | None]]:
    """The files of windows as uploads, gone afterwards unless they were stored."""
    today = now.date()
    with tempfile.TemporaryDirectory(prefix="split-") as folder, ExitStack() as stack:
        found = _measured(
            JobDescription(
                inputs={BATCH: Input(kind=BATCH, path=upload.path, name=name, sha256=upload.sha256)},
                parameters={"time_column": time_column, "pace": pace, "today": today.isoformat(), "most": MOST},
                output=Path(folder),
            ),
            time_column,
        )
        pieces = []
        for said, rows in found["parts"]:
            first, last = window_of(date.fromisoformat(said), pace)
            _require_window(first, last, time_column, now)
            with _opened(Path(folder) / f"{first}.parquet") as stream:
                pieces.append(_Piece(stack.enter_context(files.incoming(stream)), first, last, int(rows)))
        current = window_of(today, pace)
        left_out = LeftOut(*current, int(found["left_out"])) if found["left_out"] else None
        if not pieces:
            raise BadInput(
                f"All rows lie in the window {current[0]} to {current[1]}, which is not over; deliver them when it is.",
                field="file",
            )
        yield pieces, left_out


def _opened(path: Path) -> BinaryIO:
    """A file that the child made, and nothing else that a name may lead to: it had read what strangers sent."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as failure:
        raise BadInput(NOT_SPLIT, field="file") from failure
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(NOT_SPLIT, field="file")
    return os.fdopen(descriptor, "rb")


def _measured(job: JobDescription, time_column: str) -> dict[str, Any]:
    """What the child says of the file it split. What it says about the time column names that."""
    try:
        return dict(measure_in_child(check=Splitting, job=job, limits=LIMITS).details)
    except SandboxError as failure:
        sentence = failure.sentence if failure.kind in ABOUT_INPUTS else NOT_SPLIT
        raise BadInput(sentence, field="time_column" if f"“{time_column}”" in sentence else "file") from failure


def _require_window(first: date, last: date, time_column: str, now: datetime) -> None:
    try:
        batches.require_window(first, last, now)
    except BadInput as problem:
        said = f"“{time_column}” says {first} to {last} of some rows. {problem.sentence}"
        raise BadInput(said, field="time_column") from problem


def _kept(
    version: ModelVersion,
    sender: tuple[User, AccessToken | None],
    pieces: list[_Piece],
    said: tuple[str, str, str],
    now: datetime,
) -> tuple[tuple[Batch, ...], tuple[Batch, ...]]:
    """Every window as a batch: the new ones, and those that were there.

    What is wrong with one of them is found before the first is stored.
    """
    (actor, token), (name, source, description) = sender, said
    there = [batches.known(version, piece.upload) for piece in pieces]
    for piece, batch in zip(pieces, there, strict=True):
        if batch is not None and (batch.window_start, batch.window_end) != (piece.first, piece.last):
            raise Refused(
                f"The rows of {piece.first} to {piece.last} are the batch “{batch.name}” already, of "
                f"{batch.window_start} to {batch.window_end}, another window; nothing was taken.",
                code=batches.KnownBatch.code,
            )
    new = []
    for piece, batch in zip(pieces, there, strict=True):
        if batch is None:
            window = f"{piece.first} to {piece.last}"
            rows = f"{piece.rows:,} {'row' if piece.rows == 1 else 'rows'}"
            texts = f"{name[:170]}, {window}", f"{source}: {rows} of {window}. {description}".strip()
            days = (piece.first, piece.last)
            new.append(batches.keep(version, actor, piece.upload, said=texts, window=days, token=token, now=now))
    return tuple(new), tuple(batch for batch in there if batch is not None)
