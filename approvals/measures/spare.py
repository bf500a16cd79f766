"""Memory for one column after the other: to touch new memory costs as much as to sort what is put there."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_KEPT = 2
"""As many as are read at once."""
Words = NDArray[np.uint64]


class Spare:
    """Arrays of 64-bit words that nobody uses now."""

    def __init__(self) -> None:
        self._free: list[Words] = []
        self._turn = threading.Lock()

    @contextmanager
    def lent(self, room: int) -> Iterator[Words]:
        """So many words, whatever they hold, until the end; no part of them may be used after it."""
        held = self._held(room)
        try:
            yield held[:room]
        finally:
            self._give_back(held)

    def taken(self, room: int, user: object) -> Words:
        """The same until `user`, who hands out no part of them, is gone."""
        held = self._held(room)
        weakref.finalize(user, self._give_back, held)
        return held[:room]

    def forget(self) -> None:
        """Give the memory back to the machine."""
        with self._turn:
            self._free.clear()

    def _held(self, room: int) -> Words:
        with self._turn:
            for place, words in enumerate(self._free):
                if words.size >= room:
                    return self._free.pop(place)
            self._free.clear()
        return np.empty(room, dtype=np.uint64)

    def _give_back(self, held: Words) -> None:
        with self._turn:
            self._free = [*self._free, held][-_KEPT:]
