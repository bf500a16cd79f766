"""A story as numbered steps that can be stopped anywhere and taken up again; knows nothing about models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.management.demo.work import StoryError


@dataclass(frozen=True)
class Step:
    """One act of the story: what is said about it, and the act, which may give what came of it."""

    text: str
    act: Callable[[], str | None]


class Progress:
    """How far a story has come, in a file. It counts for the story with these very steps only."""

    def __init__(self, path: Path, steps: Sequence[Step]) -> None:
        self._path = path
        self._story = hashlib.sha256("\n".join(step.text for step in steps).encode()).hexdigest()
        self._steps = len(steps)

    def done(self) -> int:
        """The number of finished steps. Raises StoryError for another story's progress."""
        if not self._path.is_file():
            return 0
        kept = json.loads(self._path.read_text(encoding="utf-8"))
        if kept["story"] != self._story and kept["done"] < kept["of"]:
            raise StoryError(
                "Demo data was begun by another release and left unfinished. Stop the portal, move its private folder "
                f"{self._path.parent.parent} away, and start again."
            )
        return self._steps if kept["done"] >= kept["of"] else int(kept["done"])

    def keep(self, done: int) -> None:
        """Write down that so many steps are finished."""
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps({"story": self._story, "done": done, "of": self._steps}), encoding="utf-8")
        draft.replace(self._path)

    def forget(self) -> None:
        """Begin anew, because the database is another one."""
        self._path.unlink(missing_ok=True)


def play(steps: Sequence[Step], progress: Progress, say: Callable[[str], None]) -> None:
    """Do the steps that are left, one line for each."""
    width = len(str(len(steps)))
    for number, step in enumerate(steps, 1):
        if number <= progress.done():
            continue
        came_of_it = step.act()
        say(f"[{number:>{width}}/{len(steps)}] {step.text}{f': {came_of_it}' if came_of_it else '.'}")
        progress.keep(number)
