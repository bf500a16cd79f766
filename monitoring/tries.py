"""When work that ended without an answer is tried again by itself: an hour later, a few times, each under its lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import models, transaction
from django.db.models import Q, QuerySet

from approvals.models import ModelVersion
from monitoring.leases import MOST_AHEAD

EVERY = timedelta(hours=1)
OF_ERRORS = 5
"""How often what ended in an error is tried again: its cause may pass, but mostly comes back."""
Row = TypeVar("Row", bound=models.Model)


def is_due(now: datetime, *, most: int) -> Q:
    """Rows that wait for an hour and were tried less often than that; those of a clock that was set back, too."""
    waited = Q(finished_at__lte=now - EVERY) | Q(finished_at__gt=now + MOST_AHEAD)
    return Q(retry__lt=most) & waited


def each(due: Callable[[], QuerySet[Row]], version: str, order: Callable[[Row, ModelVersion], None]) -> int:
    """Order each due row once, whoever else does the same now; gives how many. `version` is the path to its id."""
    return sum(_ordered(due, pk, of, order) for pk, of in due().order_by("pk").values_list("pk", version))


def _ordered(
    due: Callable[[], QuerySet[Row]], pk: int, version_id: int, order: Callable[[Row, ModelVersion], None]
) -> bool:
    with transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        row = due().filter(pk=pk).first()
        if row is None:
            return False
        order(row, version)
    return True
