"""One writer at a time, across threads and processes, with bounded waiting.

SQLite makes contending writers sleep and retry, so an unlucky one can wait for seconds or fail. Here a writer waits its
turn on two lock files: who holds the turnstile is next, and nobody can overtake him. Never decides what is a write.
"""

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

PAUSE = 0.001


class WriterQueue:
    """The queue in front of one database file; threads of a process share one instance."""

    def __init__(self, database: str) -> None:
        self.paths = [Path(f"{database}.{name}lock") for name in ("turn", "write")]
        self.reset()

    def reset(self) -> None:
        """Start afresh, as a forked child must: what its parent holds is not the child's."""
        self.thread_lock = threading.Lock()
        self.files: list[int] = []
        self.ticket: object | None = None

    def acquire(self, *, timeout: float) -> object:
        """Wait for the turn to write and return the ticket to give back; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        if not self.thread_lock.acquire(timeout=timeout):
            raise TimeoutError
        try:
            if not self.files:
                self.files = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for path in self.paths]
            turnstile, writer = self.files
            lock(turnstile, deadline)
            try:
                lock(writer, deadline)
            finally:
                fcntl.flock(turnstile, fcntl.LOCK_UN)
        except BaseException:
            self.thread_lock.release()
            raise
        self.ticket = object()
        return self.ticket

    def release(self, ticket: object | None) -> None:
        """Let the next writer in; a ticket that is not the current one changes nothing."""
        if ticket is None or ticket is not self.ticket:
            return
        self.ticket = None
        fcntl.flock(self.files[1], fcntl.LOCK_UN)
        self.thread_lock.release()


def lock(file: int, deadline: float) -> None:
    """Take an exclusive lock on an open file before the deadline."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
        else:
            return
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(PAUSE)


QUEUES: dict[str, WriterQueue] = {}


def queue_for(database: str) -> WriterQueue:
    """Return this process's queue for a database file."""
    return QUEUES.setdefault(os.path.realpath(database), WriterQueue(os.path.realpath(database)))


def start_afresh_in_child() -> None:
    """Forget the parent's locks after a fork; closing the inherited files does not unlock them for the parent."""
    for queue in QUEUES.values():
        for file in queue.files:
            os.close(file)
        queue.reset()


os.register_at_fork(after_in_child=start_afresh_in_child)
