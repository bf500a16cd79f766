"""Django's SQLite backend with the writer queue: every transaction and every lone write waits its turn.

Readers never wait. A database in memory has one writer already and no queue.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base as sqlite3_base
from django.db.utils import OperationalError

from portal.sqlite.queue import WriterQueue, queue_for

READS = ("SELECT", "PRAGMA", "EXPLAIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT", "BEGIN", "END")


class QueueingCursor(sqlite3_base.SQLiteCursorWrapper):
    """A cursor whose writes outside a transaction wait their turn too."""

    wrapper: "DatabaseWrapper"

    def execute(self, query: str, params: Any = None) -> Any:
        """Run one statement."""
        with self.wrapper.turn_to_write(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        """Run one statement for several rows."""
        with self.wrapper.turn_to_write(query):
            return super().executemany(query, param_list)


class DatabaseWrapper(sqlite3_base.DatabaseWrapper):
    """A connection that queues before BEGIN IMMEDIATE and lets the next one in after COMMIT or ROLLBACK."""

    ticket: object | None = None
    ticket_queue: WriterQueue | None = None

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor that knows this connection."""
        cursor = self.connection.cursor(factory=QueueingCursor)
        cursor.wrapper = self
        return cursor

    def get_new_connection(self, conn_params: Any) -> Any:
        """Connect; the first connection turns the file to write-ahead logging, which needs the write lock."""
        # Asked by name: opening and closing the file itself would drop this process's locks on it.
        is_first = not Path(f"{self.settings_dict['NAME']}-wal").exists()
        queued = is_first and self.ticket is None and self.wait_for_turn()
        try:
            return super().get_new_connection(conn_params)
        finally:
            if queued:
                self.let_next_in()

    @contextmanager
    def turn_to_write(self, query: str) -> Iterator[None]:
        """Hold the turn for one statement, unless it only reads or a transaction holds the turn already."""
        if self.ticket is not None or self.in_atomic_block or query.lstrip(" \n\t(").upper().startswith(READS):
            yield
            return
        queued = self.wait_for_turn()
        try:
            yield
        finally:
            if queued:
                self.let_next_in()

    def wait_for_turn(self) -> bool:
        """Take the turn; say False for a database in memory."""
        if self.is_in_memory_db():
            return False
        timeout = float(self.settings_dict["OPTIONS"].get("timeout", 5))
        self.ticket_queue = queue_for(str(self.settings_dict["NAME"]))
        try:
            self.ticket = self.ticket_queue.acquire(timeout=timeout)
        except TimeoutError:
            message = f"database is locked: another writer kept it for more than {timeout:g} seconds"
            raise OperationalError(message) from None
        return True

    def let_next_in(self) -> None:
        """Give the turn back, if this connection has it."""
        ticket, self.ticket = self.ticket, None
        if self.ticket_queue is not None:
            self.ticket_queue.release(ticket)

    def _start_transaction_under_autocommit(self) -> None:
        queued = self.ticket is None and self.wait_for_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            if queued:
                self.let_next_in()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self.let_next_in()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.let_next_in()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self.let_next_in()
