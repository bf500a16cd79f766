"""The writer queue of the embedded database: nobody is told "database is locked"."""

import os
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import OperationalError, connections, transaction

from portal.sqlite.base import DatabaseWrapper
from portal.sqlite.queue import WriterQueue, queue_for
from tests.databases import at_once, committed_database  # noqa: F401

pytestmark = pytest.mark.usefixtures("committed_database")

WRITE_FROM_OUTSIDE = """
import sqlite3, sys
from portal.sqlite.queue import queue_for
queue = queue_for(sys.argv[1])
for _ in range(int(sys.argv[2])):
    ticket = queue.acquire(timeout=60)
    rows = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
    rows.execute("BEGIN IMMEDIATE")
    rows.execute("UPDATE auth_group SET name = CAST(name AS INTEGER) + 1")
    rows.execute("COMMIT")
    rows.close()
    queue.release(ticket)
"""


class UndoneError(Exception):
    pass


def own_connection() -> DatabaseWrapper:
    connection = connections["default"]
    assert isinstance(connection, DatabaseWrapper)
    return connection


def database_file() -> str:
    return str(own_connection().settings_dict["NAME"])


def count_up(_place: int) -> None:
    """Read, then write what was read, ten times: lost if two do it at once."""
    for _ in range(10):
        with transaction.atomic():
            group = Group.objects.get()
            with transaction.atomic():
                group.name = str(int(group.name) + 1)
                group.save()


def begin_and_fail(*, close: bool = False) -> None:
    with transaction.atomic():
        Group.objects.create(name="undone")
        if close:
            own_connection().close()
        raise UndoneError


def test_sixteen_threads_and_two_other_processes_lose_no_write():
    Group.objects.create(name="0")
    command = [sys.executable, "-c", WRITE_FROM_OUTSIDE, database_file(), "40"]
    others = [subprocess.Popen(command, cwd=settings.BASE_DIR) for _ in range(2)]
    at_once(count_up, threads=16)
    assert [other.wait() for other in others] == [0, 0]
    assert Group.objects.get().name == "240"


def test_lone_writes_of_sixteen_threads_wait_their_turn():
    def write(place: int) -> None:
        for number in range(10):
            Group.objects.create(name=f"{place} {number}")
            Group.objects.filter(name=f"{place} {number}").update(name=f"renamed {place} {number}")

    at_once(write, threads=16)
    assert Group.objects.filter(name__startswith="renamed").count() == 160


def test_a_rolled_back_savepoint_keeps_the_turn_and_the_end_of_the_transaction_gives_it_back():
    with transaction.atomic():
        with pytest.raises(UndoneError):
            begin_and_fail()
        Group.objects.create(name="done")
        assert own_connection().ticket is not None
    assert own_connection().ticket is None
    assert list(Group.objects.values_list("name", flat=True)) == ["done"]


def test_a_failed_transaction_gives_the_turn_back():
    with pytest.raises(UndoneError):
        begin_and_fail()
    assert own_connection().ticket is None
    assert not Group.objects.exists()


def test_closing_the_connection_inside_a_transaction_gives_the_turn_back():
    with pytest.raises(UndoneError):
        begin_and_fail(close=True)
    queue = queue_for(database_file())
    queue.release(queue.acquire(timeout=0))
    assert own_connection().ticket is None
    assert not Group.objects.exists()


def test_readers_do_not_wait_for_a_writer():
    Group.objects.create(name="before")
    seen: list[str] = []

    def read() -> None:
        seen.extend(Group.objects.values_list("name", flat=True))
        connections.close_all()

    with transaction.atomic():
        Group.objects.update(name="after")
        reader = threading.Thread(target=read)
        reader.start()
        reader.join()
    assert seen == ["before"]


def test_a_writer_that_waits_too_long_gets_a_database_error(monkeypatch):
    monkeypatch.setitem(own_connection().settings_dict["OPTIONS"], "timeout", 0.05)
    queue = queue_for(database_file())
    ticket = queue.acquire(timeout=5)
    try:
        with pytest.raises(OperationalError, match="another writer"):
            Group.objects.create(name="late")
    finally:
        queue.release(ticket)
    Group.objects.create(name="in time")


def test_a_forked_child_neither_holds_nor_frees_its_parents_turn():
    with transaction.atomic():
        child = os.fork()
        if child == 0:
            own_connection().let_next_in()
            try:
                queue_for(database_file()).acquire(timeout=0.05)
            except TimeoutError:
                os._exit(42)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        Group.objects.create(name="still mine")
    queue = queue_for(database_file())
    queue.release(queue.acquire(timeout=0))
    assert Group.objects.get().name == "still mine"


def test_an_old_ticket_opens_nothing(tmp_path):
    queue = WriterQueue(str(tmp_path / "file"))
    old = queue.acquire(timeout=1)
    queue.release(old)
    new = queue.acquire(timeout=1)
    queue.release(old)
    with pytest.raises(TimeoutError):
        queue.acquire(timeout=0.01)
    queue.release(new)


def test_the_embedded_database_is_durable_and_guards_its_references():
    with own_connection().cursor() as cursor:
        pragmas = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        ]
    assert pragmas == ["wal", 2, 1, 1]
