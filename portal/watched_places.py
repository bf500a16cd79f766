"""Folders that are looked into for batches or outcomes, as the administrator named them in the environment.

Says what is named, for which version, and how file names are read; opens nothing.
"""

from __future__ import annotations

import json
import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.exceptions import ImproperlyConfigured

BATCHES, OUTCOMES = "batches", "outcomes"
VARIABLE = "PORTAL_WATCHED_FOLDERS"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_DAY, _MONTH = r"\d{4}-?\d{2}-?\d{2}", r"\d{4}-?\d{2}"
_MARKS = {"start": _DAY, "end": _DAY, "day": _DAY, "month": _MONTH}
_WINDOWS = ({"start", "end"}, {"day"}, {"month"})
_EXPECTED = (
    f"{VARIABLE} must be JSON of names, each with “path”, “model”, “version”, “deliverer” and “pattern”, and “what” "
    f"({BATCHES} or {OUTCOMES}) if you like"
)


@dataclass(frozen=True)
class WatchedPlace:
    """One folder: whose batches or outcomes lie there, who delivers them, and how the window stands in file names."""

    target: str = field(repr=False)
    model: str
    version: str
    deliverer: str
    pattern: str
    what: str = BATCHES

    def matches(self, name: str) -> bool:
        """Whether a file is named by the pattern."""
        return _expression(self.pattern).fullmatch(name) is not None

    def window(self, name: str) -> tuple[date, date] | None:
        """First and last day in a file's name; None if it is named otherwise or names no days that exist."""
        found = _expression(self.pattern).fullmatch(name)
        if found is None:
            return None
        said = {mark: text.replace("-", "") for mark, text in found.groupdict().items()}
        try:
            if "month" in said:
                year, month = int(said["month"][:4]), int(said["month"][4:])
                return date(year, month, 1), date(year, month, monthrange(year, month)[1])
            first, last = said.get("start", said.get("day", "")), said.get("end", said.get("day", ""))
            return date.fromisoformat(first), date.fromisoformat(last)
        except ValueError:
            return None


def watched_places(text: str) -> dict[str, WatchedPlace]:
    """The folders in a JSON text. Raises ImproperlyConfigured, which names the entry that is wrong."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ImproperlyConfigured(f"{_EXPECTED}.")
    return {name: _place(name, said) for name, said in found.items()}


def _place(name: str, said: Any) -> WatchedPlace:
    if not _NAME.fullmatch(name):
        raise ImproperlyConfigured(f"{_EXPECTED}; “{name[:60]}” is no name of letters, digits, point, dash and line.")
    needed = {"path", "model", "version", "deliverer", "pattern"}
    if not isinstance(said, Mapping) or not needed <= said.keys() <= needed | {"what"}:
        raise ImproperlyConfigured(f"{_EXPECTED}; see “{name}”.")
    if not all(isinstance(value, str) and value for value in said.values()):
        raise ImproperlyConfigured(f"{_EXPECTED}; every entry of “{name}” must be a text.")
    what = said.get("what", BATCHES)
    if what not in (BATCHES, OUTCOMES):
        raise ImproperlyConfigured(f"{_EXPECTED}; “what” of “{name}” is neither.")
    marks = re.findall(r"\{(\w*)\}", said["pattern"])
    if "/" in said["pattern"] or len(set(marks)) < len(marks) or not set(marks) <= _MARKS.keys():
        raise ImproperlyConfigured(
            f"{_EXPECTED}; the pattern of “{name}” may have {{start}} and {{end}}, or {{day}}, or {{month}}, each once."
        )
    if set(marks) not in _WINDOWS and not (what == OUTCOMES and not marks):
        raise ImproperlyConfigured(
            f"{_EXPECTED}; the pattern of “{name}” needs {{start}} and {{end}}, or {{day}}, or {{month}}."
        )
    given = {entry: said[entry] for entry in ("model", "version", "deliverer", "pattern")}
    return WatchedPlace(target=said["path"], what=what, **given)


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression: marks are days, a star is any text, everything else means itself."""
    parts = re.split(r"(\{\w+\}|\*)", pattern)
    return re.compile("".join(_part(part) for part in parts), re.ASCII)


def _part(part: str) -> str:
    if part == "*":
        return r"[^/]*"
    if part.startswith("{"):
        return f"(?P<{part[1:-1]}>{_MARKS[part[1:-1]]})"
    return re.escape(part)
