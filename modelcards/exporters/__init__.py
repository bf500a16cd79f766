"""Formats that a card goes out in: one class per file, the key is the file's name."""

from __future__ import annotations

from functools import cache

from modelcards.exporters.base import Exporter
from portal.registry import load_folder


@cache
def load() -> dict[str, type[Exporter]]:
    """Every exporter by key. Loud on any broken module."""
    return load_folder(__name__, Exporter)
