"""Logs in to PostgreSQL, and tells a refused account by its SQLSTATE, whatever language the server speaks.

libpq says the code of a refusal only in messages that are asked to be verbose. psycopg has no function for that, so it
is taken from the library that psycopg itself is linked to; without it, only refusals in English are told as such.
"""

from __future__ import annotations

import ctypes
import re
import select
import sys
import time
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_REFUSED = re.compile(r"^(?:.* failed: )?[^:\n]+: +(?:28[0-9A-Z]{3}|3D000|42501): ", re.MULTILINE)
"""Severity and code: an invalid authorisation or password, no such database, no right to connect to it."""
_SAID_SO = re.compile(
    r"password authentication failed|authentication failed for user|no password supplied|no pg_hba\.conf entry"
    r"|role \".*\" does not exist|database \".*\" does not exist|not permitted to log in"
    r"|permission denied for database"
)
"""What libpq says itself, and servers between it and the database that have no codes."""
_EACH = ("host", "hostaddr", "port")
_VERBOSE = 2
_READS, _WRITES = pq.PollingStatus.READING, pq.PollingStatus.WRITING


class LogInRefusedError(psycopg.OperationalError):
    """The server answers and refuses the account."""


def logged_in(url: str, *, seconds: float) -> psycopg.Connection[Any]:
    """A connection to the first server of the URL that gives one, asked for so many seconds each.

    Raises LogInRefusedError where one refuses the account, else psycopg.OperationalError.
    """
    failures: list[psycopg.OperationalError] = []
    for attempt in _attempts(url):
        try:
            return _connected(attempt, time.monotonic() + seconds)
        except psycopg.OperationalError as failure:
            failures.append(failure)
    raise next((one for one in failures if isinstance(one, LogInRefusedError)), failures[-1])


def _attempts(url: str) -> Iterator[str]:
    """What is said of each server, where the URL names several."""
    said = conninfo_to_dict(url)
    lists = {name: str(said[name]).split(",") for name in _EACH if said.get(name)}
    for place in range(max(map(len, lists.values()), default=1)):
        own = {name: values[place] if len(values) > 1 else values[0] for name, values in lists.items()}
        yield make_conninfo("", **{**said, **own})


def _connected(attempt: str, until: float) -> psycopg.Connection[Any]:
    connection = pq.PGconn.connect_start(attempt.encode())
    try:
        _converse(connection, until)
    except BaseException:
        connection.finish()
        raise
    connection.nonblocking = 1
    return psycopg.Connection(connection)


def _converse(connection: pq.abc.PGconn, until: float) -> None:
    _be_verbose(connection)
    while (status := pq.PollingStatus(connection.connect_poll())) in (_READS, _WRITES):
        _wait(connection.socket, select.POLLIN if status == _READS else select.POLLOUT, until)
    if status != pq.PollingStatus.OK:
        raise _failure(connection.get_error_message(), needs_password=connection.needs_password)


def _be_verbose(connection: pq.abc.PGconn) -> None:
    module, pointer = sys.modules[pq.PGconn.__module__], getattr(connection, "pgconn_ptr", None)
    asked = getattr(ctypes.CDLL(module.__file__), "PQsetErrorVerbosity", None) if _is_library(module) else None
    if asked is not None and pointer:
        asked(ctypes.c_void_p(pointer), _VERBOSE)


def _is_library(module: ModuleType) -> bool:
    """Whether it is compiled, and so leads to the libpq that it is linked to."""
    return bool(module.__file__) and str(module.__file__).endswith(tuple(EXTENSION_SUFFIXES))


def _wait(socket: int, what: int, until: float) -> None:
    poll, left = select.poll(), until - time.monotonic()
    poll.register(socket, what)
    if left <= 0 or not poll.poll(left * 1000):
        raise psycopg.errors.ConnectionTimeout("connection timeout expired")


def _failure(message: str, *, needs_password: bool) -> psycopg.OperationalError:
    is_refused = needs_password or _REFUSED.search(message) or _SAID_SO.search(message)
    return (LogInRefusedError if is_refused else psycopg.OperationalError)(message)
