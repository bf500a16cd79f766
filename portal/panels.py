"""What apps contribute to pages that are not theirs: entries of the sidebar, panels of the front page.

Holds names and finished content only; which rows a person may see was decided by whoever built them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User


@dataclass(frozen=True)
class WorkEntry:
    """A line at the top of the sidebar; a count above zero is shown as a badge."""

    title: str
    url: str
    count: int = 0


@dataclass(frozen=True)
class Panel:
    """A titled box of a page, rendered by its template with `panel` in the context."""

    anchor: str
    title: str
    template: str
    content: Mapping[str, Any] = field(default_factory=dict)


WORK: list[Callable[[User], WorkEntry | None]] = []
FRONT_PAGE: list[Callable[[User], Panel | None]] = []
SCOPES: list[Callable[[User], Iterable[str]]] = []
"""Who may read which part of the ledger: sources of scopes by person."""


def work_of(user: User) -> tuple[WorkEntry, ...]:
    """Entries for this person, in the order of registration."""
    return tuple(entry for source in WORK if (entry := source(user)) is not None)


def front_page_of(user: User) -> tuple[Panel, ...]:
    """Panels for this person, in the order of registration."""
    return tuple(panel for source in FRONT_PAGE if (panel := source(user)) is not None)


def scopes_of(user: User) -> frozenset[str]:
    """Scopes of the ledger that this person may read."""
    return frozenset(scope for source in SCOPES for scope in source(user))
