"""What the child says while it measures: how far it is, what it does, and for how long, at least every two seconds."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any, TextIO

from approvals.measures.keeping import Pass

SAID_EVERY = 2.0
_END = 0.99


@dataclass
class _Step:
    """A part of the way, in [0, 1], that is under way; `passes` were begun in it."""

    start: float
    end: float
    text: str = ""
    passes: int = 0


class Progress:
    """Passes on what a check reports, which range of a pass is read, and, while nothing changes, that it goes on.

    Nobody knows how many passes follow in a step, so that the first takes half of it, the next half of the rest, and
    so on, unless it is said to be the only one: it never goes back and never ends early.
    """

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._last: tuple[int, str] = (-1, "")
        self._steps = [_Step(0.0, _END, "Starting")]
        self._since = time.monotonic()

    def __call__(self, share: float, text: str) -> None:
        """A step of the check begins; `share` in [0, 1] is done."""
        share = min(max(share, 0.0), 1.0)
        self._steps = [_Step(share, max(share, _END), text)]
        self._changed()

    def told(self, pass_: Pass) -> None:
        """A pass is at a range."""
        del self._steps[pass_.depth + 1 :]
        step = self._steps[-1]
        step.passes += pass_.begins
        width = step.end - step.start
        start = step.start + width * (1.0 - 0.5 ** max(step.passes - 1, 0))
        end = step.end if pass_.is_only else start + (step.end - start) / 2.0
        part = (end - start) / pass_.of
        text = f"{pass_.noun} {pass_.place:,} of {pass_.of:,}" if pass_.of > 1 else ""
        self._steps.append(_Step(start + part * (pass_.place - 1), start + part * pass_.place, text))
        self._changed()

    def asked(self) -> None:
        """A question goes to the engine."""
        self._since = time.monotonic()

    def _changed(self) -> None:
        self._since = time.monotonic()
        self._say("")

    def _say(self, waiting: str) -> None:
        text, *details = [step.text for step in self._steps]
        doing = ", ".join(detail for detail in details if detail)
        with self._lock:
            state = (
                max(round(100 * self._steps[-1].start), self._last[0]),
                f"{text}{': ' if doing else ''}{doing}{waiting}",
            )
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
