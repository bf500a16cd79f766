"""What other apps contribute to the version page: cards, monitoring. This app knows none of them."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User

from approvals.models import ModelVersion
from portal.panels import Panel

VERSION_PAGE: list[Callable[[ModelVersion, User], Panel | None]] = []


def panels_of(version: ModelVersion, user: User) -> tuple[Panel, ...]:
    """Panels for this person, who may see the version, in the order of registration."""
    return tuple(panel for source in VERSION_PAGE if (panel := source(version, user)) is not None)
