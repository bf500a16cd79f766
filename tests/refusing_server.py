"""A server that speaks as much PostgreSQL as it takes to refuse every account, in whatever words."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

_QUESTIONS_BEFORE = (80877103, 80877104)  # for TLS and for GSS encryption


class RefusingServer:
    """How often somebody tried to log in, and at which port."""

    def __init__(self, severity: str, code: str, message: str, *, is_silent: bool) -> None:
        fields = f"S{severity}\0VFATAL\0C{code}\0M{message}\0Fauth.c\0\0".encode()
        self._answer = b"E" + struct.pack("!I", len(fields) + 4) + fields
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.asked, self._is_silent = 0, is_silent

    def serve(self) -> None:
        """Until it is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, suppress(OSError, struct.error):
                    self._refuse(connection)

    def _refuse(self, connection: socket.socket) -> None:
        if self._is_silent:
            connection.recv(8)
            connection.recv(1 << 16)  # until the other side gives up
            return
        while True:
            length, code = struct.unpack("!II", connection.recv(8, socket.MSG_WAITALL))
            connection.recv(max(length - 8, 0), socket.MSG_WAITALL)
            if code not in _QUESTIONS_BEFORE:
                break
            connection.sendall(b"N")
        self.asked += 1
        connection.sendall(self._answer)

    def close(self) -> None:
        """No more connections."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextmanager
def refusing(
    severity: str = "FATAL",
    code: str = "28P01",
    message: str = 'password authentication failed for user "reader"',
    *,
    is_silent: bool = False,
) -> Iterator[RefusingServer]:
    """The server while the block runs."""
    server = RefusingServer(severity, code, message, is_silent=is_silent)
    thread = Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
