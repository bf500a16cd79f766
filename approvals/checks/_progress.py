"""What the child says while it measures: how far it is, what it does, and for how long, at least every two seconds."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, TextIO

SAID_EVERY = 2.0
_END = 0.99


class Progress:
    """Passes on what a check reports, which range of a pass is read, and, while nothing changes, that it goes on.

    Nobody knows how many passes follow in a step of a check, so that the first takes half of what is left of the
    percentage, the next half of the rest, and so on: it never goes back and never ends early.
    """

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._last: tuple[int, str] | None = None
        self._share, self._text, self._doing = 0.0, "Starting", ""
        self._within = 0.0
        self._passes = 0
        self._since = time.monotonic()

    def __call__(self, share: float, text: str) -> None:
        """A step of the check begins; `share` in [0, 1] is done."""
        self._share, self._text, self._doing = min(max(share, 0.0), 1.0), text, ""
        self._within, self._passes = 0.0, 0
        self._changed()

    def told(self, place: int, of: int) -> None:
        """A range of a pass is read."""
        if place == 1 or not self._passes:
            self._passes += 1
        self._within = 1.0 - 0.5 ** (self._passes - 1) + 0.5**self._passes * (place - 1) / of
        self._doing = f": range {place:,} of {of:,}" if of > 1 else ""
        self._changed()

    def asked(self) -> None:
        """A question goes to the engine."""
        self._since = time.monotonic()

    def _changed(self) -> None:
        self._since = time.monotonic()
        self._say("")

    def _say(self, waiting: str) -> None:
        share = self._share + (_END - self._share) * self._within if self._share < _END else self._share
        state = (round(100 * share), f"{self._text}{self._doing}{waiting}")
        with self._lock:
            if state != self._last:
                self._last = state
                write(self._answers, {"percent": state[0], "text": state[1]})

    def keep_saying(self) -> None:
        """From a thread of its own, until the process ends; call it when no rights are left to give up."""
        threading.Thread(target=self._ticking, daemon=True).start()

    def _ticking(self) -> None:
        while True:
            time.sleep(SAID_EVERY)
            waited = time.monotonic() - self._since
            if waited >= SAID_EVERY:
                self._say(f" ({waited:.0f} s)")

    def last(self, line: dict[str, Any]) -> None:
        """The answer itself, after which nothing is said."""
        self._lock.acquire()
        write(self._answers, line)


def write(answers: TextIO, line: dict[str, Any]) -> None:
    """One line of the conversation."""
    answers.write(json.dumps(line, allow_nan=False) + "\n")
    answers.flush()
