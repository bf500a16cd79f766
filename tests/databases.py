"""A database of its own, committed to and seen by other threads, for tests that cannot live in one transaction.

Our triggers refuse to empty the tables, so such a test gets a copy of the migrated database and throws it away.
"""

import fcntl
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import DjangoDbBlocker

ALIAS = "default"
FILE = "committed.sqlite3"


@pytest.fixture
def committed_database(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path, own_var: Path
) -> Iterator[BaseDatabaseWrapper]:
    """A database of its own for one test, and a folder: in it lies what was signed of this database's ledger."""
    with database_of_its_own(django_db_blocker, tmp_path) as connection:
        yield connection


@contextmanager
def database_of_its_own(
    blocker: DjangoDbBlocker, folder: Path, *, template: Path | None = None
) -> Iterator[BaseDatabaseWrapper]:
    """Point the default connection, in every thread, at a fresh copy of the migrated test database.

    Or at one of what such a copy became in another folder, or at what it became in this one: SQLite only, and not while
    that one is in use.
    """
    with blocker.unblock():
        original = connections[ALIAS]
        original_name = original.settings_dict["NAME"]
        vendor = original.vendor
        if template is not None:
            copy_name = folder / FILE if template == folder else shutil.copy(template / FILE, folder / FILE)
        else:
            copy_name = _copy_sqlite(original, folder) if vendor == "sqlite" else _copy_postgresql(original)
        settings.DATABASES[ALIAS]["NAME"] = original.settings_dict["NAME"] = str(copy_name)
        connections[ALIAS] = connections.create_connection(ALIAS)
        _forget_numbers()
        try:
            yield connections[ALIAS]
        finally:
            connections[ALIAS].close()
            settings.DATABASES[ALIAS]["NAME"] = original.settings_dict["NAME"] = original_name
            connections[ALIAS] = original
            _forget_numbers()
            if vendor == "postgresql":
                _run_elsewhere(original, f'DROP DATABASE "{copy_name}" WITH (FORCE)')


def _forget_numbers() -> None:
    """Of kinds of content, which are remembered by process; they are others where tables were emptied in between."""
    ContentType.objects.clear_cache()


@contextmanager
def migrated_once(connection: BaseDatabaseWrapper, folder: Path) -> Iterator[bool]:
    """Of processes that share a folder, let the first migrate its test database inside; say True to the others.

    They begin with a copy: migrating from nothing takes four seconds of processor time. A copy is migrated too, which
    finds nothing to do.
    """
    done = folder / "migrated"
    with (folder / "migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            yield False
            _keep_sqlite(connection, done) if connection.vendor == "sqlite" else _keep_postgresql(connection, done)
            return
    if connection.vendor == "sqlite":
        shutil.copy(done, connection.settings_dict["TEST"]["NAME"])
    else:
        connection.settings_dict["TEST"]["TEMPLATE"] = done.read_text("utf-8")
    yield True


def _keep_sqlite(connection: BaseDatabaseWrapper, done: Path) -> None:
    making = done.with_suffix(".making")
    connection.ensure_connection()
    with closing(sqlite3.connect(making)) as copy:
        connection.connection.backup(copy)
    making.rename(done)


def _keep_postgresql(connection: BaseDatabaseWrapper, done: Path) -> None:
    name = connection.settings_dict["NAME"]
    connection.close()
    _run_elsewhere(connection, f'CREATE DATABASE "{name}_migrated" TEMPLATE "{name}"')
    done.write_text(f"{name}_migrated", encoding="utf-8")


def _copy_sqlite(original: BaseDatabaseWrapper, folder: Path) -> str:
    name = str(folder / FILE)
    original.ensure_connection()
    with sqlite3.connect(name) as copy:
        original.connection.backup(copy)
    copy.close()
    return name


def _copy_postgresql(original: BaseDatabaseWrapper) -> str:
    template = original.settings_dict["NAME"]
    name = f"{template}_copy"
    original.close()
    _run_elsewhere(original, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _run_elsewhere(original, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return name


def _run_elsewhere(original: BaseDatabaseWrapper, statement: str) -> None:
    with original._nodb_cursor() as cursor:
        cursor.execute(statement)


def at_once(work: Callable[[int], Any], *, threads: int = 16) -> list[Any]:
    """Run `work(0)` to `work(threads - 1)` at the same instant and give their answers; connections are closed after."""
    start = Barrier(threads)

    def run(place: int) -> Any:
        try:
            start.wait(timeout=30)
            return work(place)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=threads) as pool:
        return [done.result() for done in [pool.submit(run, place) for place in range(threads)]]
