"""Ports for servers that tests start by their command line, which cannot be told to take any that is free."""

import random
import socket

NEVER_GIVEN_BY_THE_SYSTEM = range(20_000, 32_000)


def free_port() -> int:
    """A port that nobody listens at, below those that outgoing connections and `bind` to port 0 are given.

    So no connection takes it between this question and the server's start.
    """
    for port in random.SystemRandom().sample(NEVER_GIVEN_BY_THE_SYSTEM, 100):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("None of a hundred ports is free.")
