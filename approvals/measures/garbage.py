"""Looks for Python's garbage more seldom where tens of thousands of small results are made that all stay."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 100_000
"""New objects after which the youngest are looked through; Python's own 700 take a tenth of the time of a comparison
of 1,000 groups, and find nothing, because numbers and texts hold no circles."""
_turn = threading.Lock()
_users = 0
_before = (0, 0, 0)


@contextmanager
def collected_seldom() -> Iterator[None]:
    """While this is open, in any thread; then it is again as often as before."""
    global _users, _before  # noqa: PLW0603 - so is the setting itself
    with _turn:
        _users += 1
        if _users == 1:
            _before = gc.get_threshold()
            if _before[0]:  # nobody switched it off
                gc.set_threshold(max(_OBJECTS, _before[0]), *_before[1:])
    try:
        yield
    finally:
        with _turn:
            _users -= 1
            if not _users:
                gc.set_threshold(*_before)
