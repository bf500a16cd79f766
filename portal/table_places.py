"""Folders and connections whose tables may be referred to, as the administrator named them in the environment.

Says what is named and for whom; opens nothing. Where a place leads (a path, a URL with its password) is never printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_NEVER = tuple(Path(place) for place in ("/proc", "/sys", "/dev", "/etc"))


@dataclass(frozen=True)
class TablePlace:
    """One named place. Empty `groups`: any submitter may refer to it. Empty `models`: for any model.

    `system_tables` lets relations of a database's own catalogue be referred to.
    """

    target: str = field(repr=False)
    groups: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    system_tables: bool = False


def table_places(text: str, *, variable: str, target: Literal["url", "path"]) -> dict[str, TablePlace]:
    """The places in a JSON text of names, each with its URL or path, or with an object that says for whom, too.

    Raises ImproperlyConfigured, which never quotes what stands behind a name.
    """
    example = "postgresql://…" if target == "url" else "/srv/lake"
    expected = f'{variable} must be JSON of names: {{"name": "{example}"}} or {{"name": {{"{target}": "{example}"}}}}'
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ImproperlyConfigured(f"{expected}.")
    return {name: _place(name, entry, expected, target) for name, entry in found.items()}


def _place(name: str, entry: Any, expected: str, target: str) -> TablePlace:
    if not _NAME.fullmatch(name):
        raise ImproperlyConfigured(f"{expected}; “{name[:60]}” is no name of letters, digits, point, dash and line.")
    said: Mapping[str, Any] = {target: entry} if isinstance(entry, str) else entry
    known = {target, "groups", "models", "system_tables"}
    if not isinstance(said, dict) or not said.keys() <= known or not isinstance(said.get(target), str):
        raise ImproperlyConfigured(
            f"{expected}, with “groups”, “models” and “system_tables” if you like: see “{name}”."
        )
    if not isinstance(said.get("system_tables", False), bool):
        raise ImproperlyConfigured(f"{expected}; “system_tables” of “{name}” must be true or false.")
    if target == "url" and not _is_url(said[target]):
        raise ImproperlyConfigured(f"{expected}; what stands for “{name}” is no URL.")
    return TablePlace(
        target=said[target],
        groups=_words(said, "groups", name, expected),
        models=_words(said, "models", name, expected),
        system_tables=said.get("system_tables", False),
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme) and "://" in text and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _words(said: Mapping[str, Any], entry: str, name: str, expected: str) -> tuple[str, ...]:
    given = said.get(entry, [])
    if not isinstance(given, list) or not all(isinstance(word, str) and word for word in given):
        raise ImproperlyConfigured(f"{expected}; “{entry}” of “{name}” must be a list of names.")
    if entry in said and not given:
        raise ImproperlyConfigured(f"{expected}; “{entry}” of “{name}” is empty, so nobody could use it: leave it out.")
    return tuple(given)


def why_not_a_folder(place: TablePlace, *, away_from: Iterable[Path]) -> str:
    """Why tables of a folder cannot be referred to; empty if they can. Secrets of the portal lie in `away_from`."""
    path = Path(place.target)
    if not path.is_absolute():
        return "it is not an absolute path"
    real = path.resolve()
    if any(real == never or never in real.parents for never in _NEVER):
        return "it belongs to the operating system"
    for secret in (folder.resolve() for folder in away_from):
        if real == secret or real in secret.parents or secret in real.parents:
            return "it holds, or is inside of, the portal's own folder, where its keys are"
    return ""
