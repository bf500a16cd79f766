"""Folders in which runs keep what a later attempt goes on with. A folder is of one run and of exactly what it looks at.

Decides when something kept is outdated: when the inputs, the code or an engine is another, when the run is over, or
when nobody came back for days.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

from django.conf import settings

from approvals.canonical import digest
from approvals.sandbox import Kept

KEPT_FOR = timedelta(days=7)
LONGEST_RUN = timedelta(hours=24)
"""From the request on: a run that needs more attempts than fit into it is given up."""
_LIBRARIES = ("duckdb", "numpy", "scipy")
_CODE = ("approvals/measures", "approvals/checks", "monitoring/monitors")


@dataclass
class KeptResults:
    """The folder of one run, None where there is no room for one; nothing is kept then."""

    folder: Path | None
    is_new: bool
    _seen: int = 0

    def __post_init__(self) -> None:
        self._seen = self._changed_at()
        self._begun_at = self._seen

    def _changed_at(self) -> int:
        try:
            return self.folder.stat().st_mtime_ns if self.folder else 0
        except OSError:
            return 0

    def moved(self) -> bool:
        """Whether something was kept since this was asked last."""
        now = self._changed_at()
        moved, self._seen = now != self._seen, now
        return moved

    def moved_at_all(self) -> bool:
        """Whether something was kept in this attempt."""
        return self._changed_at() not in (0, self._begun_at)

    @property
    def for_child(self) -> Kept | None:
        """What the process that measures is told."""
        if self.folder is None:
            return None
        seconds = float(settings.KEEP_AFTER_SECONDS)
        return Kept(self.folder, least_seconds=seconds, state_every=8 * seconds)


def kept_for(run: str, looked_at: Iterable[Any]) -> KeptResults:
    """The folder of a run for exactly these inputs; what it kept for others is deleted."""
    key = digest([*looked_at, {name: library_version(name) for name in _LIBRARIES}, _code()])[:32]
    own = _root() / run
    for other in own.iterdir() if own.is_dir() else ():
        if other.name != key:
            shutil.rmtree(other, ignore_errors=True)
    folder = own / key
    try:
        for place in (_root(), own, folder):
            place.mkdir(mode=0o700, exist_ok=True)
        return KeptResults(folder, is_new=not any(folder.iterdir()))
    except OSError:  # no room: an attempt that is ended then starts anew
        return KeptResults(None, is_new=True)


def forget(run: str) -> None:
    """Delete what a run kept: it is over."""
    shutil.rmtree(_root() / run, ignore_errors=True)


def forget_old(now: datetime) -> int:
    """Delete what nobody came back for; gives how many runs that were."""
    old = [folder for folder in _folders(_root()) if _last_used(folder) < (now - KEPT_FOR).timestamp()]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def forget_scratch(now: datetime) -> int:
    """Delete what lay in the scratch folders of processes whose worker was killed: it may be rows of people.

    Gives how many folders that were. None of a process that may still run is among them.
    """
    root, last = Path(settings.VAR) / "run", (now - timedelta(seconds=2 * settings.CHECK_SECONDS)).timestamp()
    left = [folder for folder in _folders(root) if _last_used(folder) < last]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _folders(root: Path) -> list[Path]:
    return [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []


def _last_used(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:  # deleted this moment by the worker whose run it is
        return time.time()


def _root() -> Path:
    return Path(settings.VAR) / "kept"


@functools.cache
def _code() -> str:
    """Digest of all code that numbers come from: after an upgrade everything is measured anew."""
    hasher = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for path in sorted(path for folder in _CODE for path in (root / folder).glob("*.py")):
        hasher.update(path.read_bytes())
    return hasher.hexdigest()
