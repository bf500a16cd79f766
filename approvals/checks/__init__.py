"""Automated checks: one class per file, loaded as a closed registry. An unknown key is an error, never a pass."""

from __future__ import annotations

from functools import cache

from approvals.checks.base import Check
from portal.registry import load_folder


@cache
def load() -> dict[str, type[Check]]:
    """Every check by key (its file name). Loud on any broken module."""
    return load_folder("approvals.checks", Check)


def find(key: str) -> type[Check] | None:
    """The check of that key, or None if no such check exists."""
    return load().get(key)


def title_of(key: str) -> str:
    """What the check is called, or its key where this portal has none of that key."""
    kind = find(key)
    return kind.title if kind else key
