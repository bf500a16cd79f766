"""Takes batches and outcomes out of folders that the administrator named; moves and deletes nothing there.

A file is complete when a later look finds it as it was, size and time of writing. What is refused is told once for the
same bytes, and stops no other file.
"""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.core.checks import CheckMessage, Error
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals import telling
from approvals.measures.reading import TableError
from approvals.measures.referenced import Identity, hashed, identity, opened_file
from approvals.models import ModelVersion
from monitoring import batches, outcomes
from monitoring.events import Event
from monitoring.models import FileState, WatchedFile
from portal import ledger
from portal.errors import BadInput, DomainError, Unavailable
from portal.table_places import TablePlace, why_not_a_folder
from portal.watched_places import OUTCOMES, WatchedPlace

logger = logging.getLogger(__name__)

COMPLETE_AFTER = timedelta(seconds=30)
MOST_FILES = 10_000
AT_ONCE = 50
"""Files that one look takes."""
_NOT_YET = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp", "~")
_ANY_SIZE = 1 << 62


@dataclass(frozen=True)
class _Folder:
    name: str
    place: WatchedPlace
    root: Path
    version: ModelVersion
    deliverer: User


def look(*, now: datetime | None = None) -> int:
    """Look into every folder once; gives how many files were taken."""
    now = now or timezone.now()
    taken = 0
    for name, place in _places().items():
        try:
            folder = _opened(name, place)
            taken += sum(_look_at(folder, row) for row in _complete(folder, now)[:AT_ONCE])
        except (OSError, _UnusableError) as problem:
            logger.error("The watched folder “%s” was not looked into: %s", name, problem)  # noqa: TRY400 - no trace
    return taken


class _UnusableError(Exception):
    """Nothing can be taken from a folder; administrators read why in the log and at start-up."""


def _places() -> dict[str, WatchedPlace]:
    found: dict[str, WatchedPlace] = settings.WATCHED_FOLDERS
    return found


def _why_not(place: WatchedPlace) -> str:
    return why_not_a_folder(TablePlace(place.target), away_from=(Path(settings.VAR),))


def _opened(name: str, place: WatchedPlace) -> _Folder:
    if problem := _why_not(place):
        raise _UnusableError(problem)
    versions = ModelVersion.objects.select_related("model__owner")
    version = versions.filter(model__name=place.model, number=place.version).first()
    if version is None:
        raise _UnusableError(f"there is no version {place.version} of a model “{place.model}”")
    deliverer = User.objects.filter(username=place.deliverer, is_active=True).first()
    if deliverer is None:
        raise _UnusableError(f"there is no active account “{place.deliverer}”")
    return _Folder(name, place, Path(place.target).resolve(), version, deliverer)


def _complete(folder: _Folder, now: datetime) -> list[WatchedFile]:
    """Files that are as they were at an earlier look and were not dealt with, the earliest window first."""
    known = {row.name: row for row in WatchedFile.objects.filter(version=folder.version, folder=folder.name)}
    found = []
    for entry in _files_of(folder):
        row, seen = known.get(entry.name), entry.stat(follow_symlinks=False)
        if row is None or (row.size, row.changed_ns) != (seen.st_size, seen.st_mtime_ns) or row.seen_at > now:
            _note(folder, entry.name, seen, now)
        elif row.state == FileState.SEEN and row.seen_at <= now - COMPLETE_AFTER:
            found.append(row)
    return sorted(found, key=lambda row: (folder.place.window(row.name) or (date.max, date.max), row.name))


def _files_of(folder: _Folder) -> Iterator[os.DirEntry[str]]:
    """Plain files that are not hidden and not under way. Links lead elsewhere, pipes block: neither is looked at."""
    with os.scandir(folder.root) as entries:
        for place, entry in enumerate(entries):
            if place >= MOST_FILES:
                raise _UnusableError(f"it holds more than {MOST_FILES:,} entries")
            hidden = entry.name.startswith((".", "_")) or entry.name.lower().endswith(_NOT_YET)
            if not hidden and entry.name.isprintable() and stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                yield entry


def _note(folder: _Folder, name: str, seen: os.stat_result, now: datetime) -> None:
    """Begin to wait for a file, or begin anew because it changed."""
    looks = {"size": seen.st_size, "changed_ns": seen.st_mtime_ns, "seen_at": now, "state": FileState.SEEN}
    try:
        with transaction.atomic():
            WatchedFile.objects.update_or_create(
                version=folder.version,
                folder=folder.name,
                name=name,
                defaults={**looks, "sha256": "", "sentence": ""},
            )
    except IntegrityError:
        return  # another worker looked at the same moment


def _look_at(folder: _Folder, row: WatchedFile) -> bool:
    sha256 = ""
    try:
        with opened_file(folder.root, row.name) as opened:
            was = identity(opened)
            if (was[2], was[3]) != (row.size, row.changed_ns):
                return False  # it changed; the next look begins anew
            sha256, _ = hashed(opened, at_most=_ANY_SIZE, heard=lambda _: None)
            os.lseek(opened, 0, os.SEEK_SET)
            _deliver(folder, row, _Unchanged(opened, was))
    except batches.KnownBatch as known:
        if (known.batch.window_start, known.batch.window_end) != folder.place.window(row.name):
            _refuse(folder, row, sha256, f"{known.sentence} It is of another window, so this one has no data.")
            return False
    except outcomes.KnownDelivery:
        pass  # the same bytes are there already, by whichever door they came
    except Unavailable as failure:
        logger.warning("“%s” of “%s” waits: %s", row.name, folder.name, failure.sentence)
        return False
    except _ChangedError:
        return False
    except (DomainError, TableError, OSError) as refusal:
        _refuse(folder, row, sha256, getattr(refusal, "sentence", f"It cannot be read ({refusal})."))
        return False
    return _settled(row, state=FileState.TAKEN, sha256=sha256)


def _deliver(folder: _Folder, row: WatchedFile, stream: _Unchanged) -> None:
    place = folder.place
    if not place.matches(row.name):
        raise BadInput(f"Its name is not of the pattern “{place.pattern}”.")
    said = f"From the watched folder “{folder.name}”."
    given: dict[str, Any] = {"version_id": folder.version.pk, "actor": folder.deliverer, "name": row.name}
    source = cast(BinaryIO, io.BufferedReader(stream))
    if place.what == OUTCOMES:
        outcomes.receive(stream=source, description=said, **given)
        return
    window = place.window(row.name)
    if window is None:
        raise BadInput(f"Its name says no days that exist; the pattern is “{place.pattern}”.")
    batches.receive(stream=source, description=said, window_start=window[0], window_end=window[1], **given)


class _ChangedError(Exception):
    """Somebody wrote to the file while it was read."""


class _Unchanged(io.RawIOBase):
    """An open file that ends in an error if it was written to meanwhile."""

    def __init__(self, opened: int, was: Identity) -> None:
        self._opened, self._was = opened, was

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        chunk = os.read(self._opened, len(view))
        view[: len(chunk)] = chunk
        if not chunk and identity(self._opened) != self._was:
            raise _ChangedError
        return len(chunk)


def _refuse(folder: _Folder, row: WatchedFile, sha256: str, sentence: str) -> None:
    with transaction.atomic():
        told = WatchedFile.objects.filter(version=folder.version, state=FileState.REFUSED, sha256=sha256)
        told_before = bool(sha256) and told.filter(folder=folder.name).exclude(pk=row.pk).exists()
        if not _settled(row, state=FileState.REFUSED, sha256=sha256, sentence=sentence) or told_before:
            return
        telling.tell(
            folder.version,
            {folder.version.model.owner, folder.deliverer},
            event=Event.FILE_REFUSED,
            text=f"The file “{row.name}” of the watched folder “{folder.name}” was not taken for {folder.version}. "
            f"{sentence}",
            link=folder.version.get_absolute_url(),
            asks_for_act=True,
        )
        ledger.record(
            event=Event.FILE_REFUSED,
            actor=folder.deliverer,
            subject=folder.version,
            scope=folder.version.scope,
            facts={"folder": folder.name, "name": row.name, "sha256": sha256, "sentence": sentence},
        )


def _settled(row: WatchedFile, **told: str) -> bool:
    """Say what became of a file, if nobody else did meanwhile."""
    same = WatchedFile.objects.filter(pk=row.pk, state=FileState.SEEN, size=row.size, changed_ns=row.changed_ns)
    return bool(same.update(**told))


def check_folders(**_: object) -> list[CheckMessage]:
    """Say at start-up which watched folders are never looked into, and why."""
    return [
        Error(f"The folder “{name}” of PORTAL_WATCHED_FOLDERS is not looked into: {problem}.", id="monitoring.E001")
        for name, place in _places().items()
        if (problem := _why_not(place))
    ]
