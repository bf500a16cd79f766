"""Remembers what the parts of a long run found, so that a later attempt goes on where an earlier one was ended.

Only counts and carried sums are kept, never rows. What is kept is found under what was asked, and only if it is whole:
a damaged file is no answer. Without a run under way nothing is remembered and nothing costs anything.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from approvals.measures.engine import Copying, Engine
from approvals.measures.kept_values import UNREADABLE, NotKeptError, as_plain, from_plain, state_of

MOST_BYTES, MOST_FILES = 256_000_000, 10_000
"""Of all that one run keeps."""
LARGEST_ANSWER = 10_000
"""Rows of an answer that is kept: what has more is no count."""
LEAST_SECONDS = 0.25
"""What took less is computed again."""
STATE_EVERY = 2.0
"""Seconds after which the carried sums of a pass are kept again."""
_COUNTS = re.compile(r"\b(COUNT|SUM|MIN|MAX)\(|\bGROUP BY\b|\bDISTINCT\b")
"""Answers without any of these may come in the order of rows, which need not be the same in a later attempt."""
_CHECKSUM = 64

Item = TypeVar("Item")
Found = TypeVar("Found")


class Keeper:
    """Files of one run in a folder of its own."""

    def __init__(
        self,
        folder: Path | None,
        *,
        least_seconds: float = LEAST_SECONDS,
        state_every: float = STATE_EVERY,
    ) -> None:
        self._folder = folder
        self._room = MOST_BYTES - sum(path.stat().st_size for path in folder.iterdir()) if folder else 0
        self._files = MOST_FILES - sum(1 for _ in folder.iterdir()) if folder else 0
        self.least_seconds, self.state_every = least_seconds, state_every
        self.used = 0
        self.notes: list[str] = []

    def find(self, name: Sequence[Any]) -> Any | None:
        """What is kept under a name, or None."""
        if self._folder is None:
            return None
        key = _key(name)
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            found = _unsealed(content, key)
        except UNREADABLE:
            self.notes.append("A kept result was damaged, so it was not used; that part was measured anew.")
            path.unlink(missing_ok=True)
            return None
        self.used += 1
        return found

    def keep(self, name: Sequence[Any], value: Any) -> None:
        """Keep a value under a name, whole or not at all. A full disk or a folder that is gone only costs time."""
        if self._folder is None:
            return
        key = _key(name)
        try:
            content = _sealed(key, value)
        except NotKeptError:
            return
        path = self._path(key)
        before = path.stat().st_size if path.exists() else None
        if len(content) > self._room + (before or 0) or (before is None and self._files <= 0):
            return
        partial = path.with_name(f".{path.name}.{threading.get_ident()}")
        try:
            partial.write_bytes(content)
            partial.replace(path)
        except OSError:
            self._folder = None
            return
        self._room += (before or 0) - len(content)
        self._files -= before is None

    def _path(self, key: str) -> Path:
        if self._folder is None:
            raise NotKeptError
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:40]


def _key(name: Sequence[Any]) -> str:
    return json.dumps(as_plain(list(name)))


def _sealed(key: str, value: Any) -> bytes:
    body = json.dumps({"name": key, "value": as_plain(value)}).encode()
    return hashlib.sha256(body).hexdigest().encode() + body


def _unsealed(content: bytes, key: str) -> Any:
    body = content[_CHECKSUM:]
    if hashlib.sha256(body).hexdigest().encode() != content[:_CHECKSUM]:
        raise ValueError("the checksum is wrong")
    said = json.loads(body)
    if said["name"] != key:
        raise ValueError("it is about something else")
    return from_plain(said["value"])


@dataclass(frozen=True)
class Pass:
    """Where a pass is: at range number `place` of so many. `depth` passes are around it; `begins` says it is its first.

    `is_only` says that no other pass follows in the same step.
    """

    place: int
    of: int
    noun: str
    depth: int
    begins: bool
    is_only: bool


class Undertaking:
    """A run under way: what it keeps, and whom it tells where a pass is and that the engine is asked."""

    def __init__(self, keeper: Keeper, told: Callable[[Pass], None], asked: Callable[[], None]) -> None:
        self.keeper = keeper
        self.told = told
        self.asked = asked
        self.depth = 0


_current: ContextVar[Undertaking | None] = ContextVar("undertaking", default=None)


@contextmanager
def under_way(undertaking: Undertaking) -> Iterator[None]:
    """Let what is measured inside remember and report."""
    token = _current.set(undertaking)
    try:
        yield
    finally:
        _current.reset(token)


class Remembering(Engine):
    """An engine whose counts are remembered under the name of the table, which must not change within a run."""

    def __init__(self, engine: Engine, identity: str, undertaking: Undertaking) -> None:
        self._engine = engine
        self._undertaking = undertaking
        self.identity = identity
        self.has_hash, self.at_once, self.in_pieces = engine.has_hash, engine.at_once, engine.in_pieces
        self.keeps_snapshot, self.of_system = engine.keeps_snapshot, engine.of_system

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        keeper = self._undertaking.keeper
        name = ["fetch", self.identity, sql, *parameters]
        if not _COUNTS.search(sql):
            return self._answer(sql, parameters)
        kept = keeper.find(name)
        if kept is not None:
            return list(kept)
        start = time.monotonic()
        found = self._answer(sql, parameters)
        if len(found) <= LARGEST_ANSWER and time.monotonic() - start >= keeper.least_seconds:
            keeper.keep(name, found)
        return found

    def _answer(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        self._undertaking.asked()
        return self._engine.fetch(sql, parameters)

    def arrays(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        self._undertaking.asked()
        return self._engine.arrays(sql, parameters)

    def block(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        self._undertaking.asked()
        return self._engine.block(sql, parameters)

    def each_piece(self, sql: str, parameters: Sequence[Any], take: Callable[..., None]) -> None:
        self._undertaking.asked()
        self._engine.each_piece(sql, parameters, take)

    def rows_by(self, cells: Sequence[str]) -> str:
        return self._engine.rows_by(cells)

    def there(self, cell: str) -> str:
        return self._engine.there(cell)

    def held(self, cells: Sequence[str], rows: int) -> AbstractContextManager[None]:
        return self._engine.held(cells, rows)

    def fingerprint(self) -> str:
        return self._engine.fingerprint()

    def exact_numbers(self, place: int) -> bool:
        return self._engine.exact_numbers(place)

    def whole_numbers(self, place: int) -> bool:
        return self._engine.whole_numbers(place)

    def holds_bytes(self, place: int) -> bool:
        return self._engine.holds_bytes(place)

    def holds_singles(self, place: int) -> bool:
        return self._engine.holds_singles(place)

    def in_byte_order(self, cell: str) -> str:
        return self._engine.in_byte_order(cell)

    def words(self, rows: str, others: str) -> str:
        return self._engine.words(rows, others)

    def copy_lines(self, copied: Sequence[Copying], take: Callable[[bytes], None]) -> None:
        self._engine.copy_lines(copied, take)

    @property
    def is_lost(self) -> bool:
        return self._engine.is_lost

    def close(self) -> None:
        self._engine.close()


def remembering(engine: Engine, identity: str) -> Engine:
    """The engine, remembering if a run is under way."""
    undertaking = _current.get()
    return Remembering(engine, identity, undertaking) if undertaking else engine


def remembered(name: Sequence[Any], compute: Callable[[], Found]) -> Found:
    """What a whole pass finds, from an earlier attempt if it is kept. An empty part of the name: never kept."""
    undertaking = _current.get()
    if undertaking is None or not all(name):
        return compute()
    kept: Found | None = undertaking.keeper.find(["pass", *name])
    if kept is not None:
        return kept
    start = time.monotonic()
    found = compute()
    if time.monotonic() - start >= undertaking.keeper.least_seconds:
        undertaking.keeper.keep(["pass", *name], found)
    return found


def steps(
    name: Sequence[Any], ranges: Iterable[Item], *carried: object, noun: str = "range", is_only: bool = False
) -> Iterator[Item]:
    """The ranges of a pass, one after the other, told to whoever listens as what `noun` says.

    `carried` are the objects that add up what the ranges give, and all that is needed to go on after one: they are
    put back as an earlier attempt left them, and its ranges are left out. Whoever takes the next range must have
    added everything of the one before. An empty part of the name: nothing is kept.
    """
    undertaking = _current.get()
    if undertaking is None:
        yield from ranges
        return
    every = list(ranges)
    key = ["steps", *name, every] if carried and all(name) else []
    done = _put_back(undertaking.keeper.find(key), carried) if key else 0
    depth, last = undertaking.depth, time.monotonic()
    for place in range(done, len(every)):
        undertaking.told(Pass(place + 1, len(every), noun, depth, place == done, is_only))
        undertaking.depth = depth + 1
        try:
            yield every[place]
        finally:
            undertaking.depth = depth
        if key and place + 1 < len(every) and time.monotonic() - last >= undertaking.keeper.state_every:
            undertaking.keeper.keep(key, [place + 1, [state_of(one) for one in carried]])
            last = time.monotonic()


def _put_back(kept: Any, carried: Sequence[object]) -> int:
    if kept is None:
        return 0
    done, states = kept
    if any(state.keys() - vars(one).keys() for state, one in zip(states, carried, strict=True)):
        return 0
    for state, one in zip(states, carried, strict=True):
        vars(one).update(state)
    return int(done)
