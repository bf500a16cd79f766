"""Kinds of requirements a gate can ask: one class per file, loaded as a closed registry."""

from __future__ import annotations

from functools import cache

from approvals.requirements.base import Requirement
from portal.registry import load_folder


@cache
def load() -> dict[str, type[Requirement]]:
    """Every requirement kind by key (its file name). Loud on any broken module."""
    return load_folder("approvals.requirements", Requirement)
