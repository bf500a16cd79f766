"""Who carries out queued work while the demonstration is made: the workers that run already, or this very process.

Decides nothing about results; says in one sentence when work does not come to an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from celery import current_app
from kombu.exceptions import OperationalError

ANSWER_SECONDS = 2
LONGEST_WAIT = 180.0
LOOK_EVERY = 0.5


class StoryError(Exception):
    """The story cannot go on; the sentence says why and what to do."""


@dataclass(frozen=True)
class Queue:
    """Rows that wait for work: what they are called, which wait, and how one is carried out here."""

    what: str
    waiting: Callable[[], list[int]]
    execute: Callable[[int], object]


class Work(Protocol):
    """Brings a queue to its end."""

    sentence: str

    def finish(self, queue: Queue) -> None:
        """Return when nothing waits any more. Raises StoryError otherwise."""


class Inline:
    """Carries out everything in this process."""

    sentence = "Checks and cards are carried out in this process."

    def __init__(self, *, longest: float = LONGEST_WAIT) -> None:
        self._longest = longest

    def finish(self, queue: Queue) -> None:
        """Carry out what waits. What a killed process had begun is free again after its lease, so try until then."""
        deadline = time.monotonic() + self._longest
        while waiting := queue.waiting():
            for pk in waiting:
                queue.execute(pk)
            left = queue.waiting()
            if left and time.monotonic() > deadline:
                raise StoryError(f"{len(left)} {queue.what} did not come to an end; run `manage.py seed` again.")
            if left:
                time.sleep(LOOK_EVERY)


class Workers:
    """Waits for the portal's own workers."""

    sentence = "Checks and cards are left to the portal's workers."

    def __init__(self, *, longest: float = LONGEST_WAIT) -> None:
        self._longest = longest

    def finish(self, queue: Queue) -> None:
        """Look at the rows until none waits."""
        deadline = time.monotonic() + self._longest
        while left := queue.waiting():
            if time.monotonic() > deadline:
                raise StoryError(
                    f"{len(left)} {queue.what} still wait after {self._longest:.0f} seconds: see whether the worker "
                    "runs (`manage.py up` starts one), then run `manage.py seed` again, or `manage.py seed --inline`."
                )
            time.sleep(LOOK_EVERY)


def workers_answer() -> bool:
    """Whether a broker answers and a worker listens to it."""
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=ANSWER_SECONDS)
            return bool(current_app.control.inspect(timeout=ANSWER_SECONDS, connection=connection).ping())
    except (OperationalError, OSError):
        return False


@contextmanager
def hints_to_nobody() -> Iterator[None]:
    """Let hints to workers stay in this process, where it does the work itself and perhaps no broker runs."""
    before = current_app.conf.broker_url
    current_app.conf.update(broker_url="memory://localhost/")
    try:
        yield
    finally:
        current_app.conf.update(broker_url=before)
