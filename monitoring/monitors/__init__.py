"""Monitors: one class per file, loaded as a closed registry. An unknown key is an error, never "nothing to see"."""

from __future__ import annotations

from functools import cache

from monitoring.monitors.base import MonitorKind
from portal.registry import load_folder


@cache
def load() -> dict[str, type[MonitorKind]]:
    """Every monitor by key (its file name). Loud on any broken module."""
    return load_folder("monitoring.monitors", MonitorKind)


def find(key: str) -> type[MonitorKind] | None:
    """The monitor of that key, or None if no such monitor exists."""
    return load().get(key)


def title_of(key: str) -> str:
    """What the monitor is called, or its key with a word that this portal has none of that key."""
    kind = find(key)
    return kind.title if kind else f"{key} (this portal has no such monitor)"
