"""What the commands that measure tables share: opening a file, bad input as exit status 2, and the answer as text."""

from __future__ import annotations

import ctypes
import json
import resource
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from approvals.measures.tables import Table, TableError, open_relation, open_table

BAD_INPUT = 2
MEMORY_MB = 1024
_LEAST_MB, _TAKEN_MB, _MIB = 256, 1300, 1024 * 1024
_MOST_HEAPS = -8  # M_ARENA_MAX of mallopt(3)
_BESIDE = ("intervals", "not_computable")
TABLE_HELP = "a CSV (plain, gzip or zstd) or Parquet file, a folder of them, or CONNECTION:TABLE of a named connection"


class TableCommand(BaseCommand):
    """Measures files without a database. Exit status 0: measured. 2: the input cannot be measured, with a sentence."""

    requires_system_checks: list[str] = []  # noqa: RUF012  (Django declares it so)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What every one of these commands takes."""
        parser.add_argument("--json", action="store_true", help="answer in JSON instead of lines")

    def answer(self, measured: Callable[[], dict[str, Any]], *, as_json: bool) -> None:
        """Measure and print. What the engine cannot measure ends with its sentence and exit status 2."""
        try:
            report = measured()
        except TableError as error:
            raise CommandError(error.sentence, returncode=BAD_INPUT) from error
        except MemoryError:
            raise CommandError(
                "Measuring this needs more memory than this process may use; allow it more, or split the table.",
                returncode=BAD_INPUT,
            ) from None
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.", returncode=BAD_INPUT) from error
        if as_json:
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
        else:
            self.stdout.write("\n".join(_lines(report)))


@contextmanager
def opened(named: str, *, of: int = 1) -> Iterator[Table]:
    """The table in a file or a folder of files, or CONNECTION:TABLE; what is wrong with it as TableError.

    `of` so many tables that are open together, which share the memory that the engine may use.
    """
    path, (connection, colon, relation) = Path(named), named.partition(":")
    if colon and connection in settings.TABLE_CONNECTIONS and not path.exists():
        with open_relation(settings.TABLE_CONNECTIONS[connection].target, relation) as table:
            yield table
        return
    if not path.exists():
        known = ", ".join(sorted(settings.TABLE_CONNECTIONS))
        hint = f" Connections are named {known}." if known else ""
        raise TableError(f"There is no file {path}.{hint}")
    with (
        tempfile.TemporaryDirectory() as spill,
        open_table(path, memory_limit_mb=_engine_memory_mb() // of, spill=Path(spill)) as table,
    ):
        yield table


def _engine_memory_mb() -> int:
    """What the engine may use: less where the address space is limited (ulimit -v), most of which is never touched."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return MEMORY_MB
    if sys.platform == "linux":
        # Each thread would reserve 64 MiB for a heap of its own.
        getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)(_MOST_HEAPS, 2)
    return max(_LEAST_MB, min(MEMORY_MB, (most // _MIB - _TAKEN_MB) * 4 // 5))


def _lines(value: dict[str, Any], indent: int = 0) -> Iterator[str]:
    """Everything for people: an interval, or why there is no number, stands behind the number's name."""
    beside = {block: found if isinstance(found := value.get(block), dict) else {} for block in _BESIDE}
    for name, given in value.items():
        item = given
        if name in beside and isinstance(given, dict):
            item = {key: part for key, part in given.items() if key not in value}
            if not item:
                continue
        if isinstance(item, dict) and item:
            yield f"{' ' * indent}{name}:"
            yield from _lines(item, indent + 2)
        elif isinstance(item, list) and item and all(isinstance(part, dict) for part in item):
            yield f"{' ' * indent}{name}:"
            for part in item:
                yield f"{' ' * (indent + 2)}{_row(part)}"
        else:
            yield f"{' ' * indent}{name}: {_shown(item)}{_said_beside(name, **beside)}"


def _said_beside(name: str, *, intervals: dict[str, Any], not_computable: dict[str, Any]) -> str:
    if reason := not_computable.get(name):
        return f": {reason.removeprefix('Not computable').lstrip(':. ')}"
    if found := intervals.get(name):
        ends = f"{_shown(found['low'])} to {_shown(found['high'])}"
        return f" ({100 * found['level']:g} % interval {ends}; {found['method']})"
    return ""


def _row(part: dict[str, Any]) -> str:
    """One row of several alike, in one line; what stands deeper is in the JSON."""
    return ", ".join(f"{name} {_shown(item)}" for name, item in part.items() if not isinstance(item, dict))


def _shown(item: Any) -> str:
    if item is None:
        return "not computable"
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, list):
        return ", ".join(map(_shown, item)) or "none"
    if isinstance(item, dict):
        return "none"
    return f"{item:.6g}" if isinstance(item, float) else str(item)
