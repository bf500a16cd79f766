"""Readings whose connection did not answer are ordered once more, each as a reading of its own: hourly, for a day.

What a batch held when it came is in its reference, so a later reading is of the same rows or says that they changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from monitoring.batches import DEPLOYED
from monitoring.models import Monitor, Reading
from monitoring.outcomes_in_use import READ_TASK
from portal import hints

EVERY = timedelta(hours=1)
MOST = 24
_NEWER = Reading.objects.filter(monitor=OuterRef("monitor"), batch=OuterRef("batch"), pk__gt=OuterRef("pk"))


def in_words(retry: int) -> str:
    """What follows from a connection that did not answer this time."""
    if retry < MOST:
        return "Nothing is known of the batch until then: it is read again in an hour, by itself."
    return (
        f"It was read again {MOST} times and is not any more; when the connection answers, deliver the rows of the "
        "window as a file."
    )


def order_due(*, now: datetime | None = None) -> int:
    """Order those that have waited long enough; gives how many. Only of versions and monitors that are watched."""
    now = now or timezone.now()
    return sum(_ordered(reading_id, now) for reading_id in _due(now).order_by("pk").values_list("pk", flat=True))


def _due(now: datetime) -> QuerySet[Reading]:
    """Only the newest reading of a batch: one with later outcomes was ordered for itself."""
    return Reading.objects.filter(
        ~Exists(_NEWER),
        unreachable=True,
        status=RunStatus.FINISHED,
        retry__lt=MOST,
        finished_at__lte=now - EVERY,
        monitor__in=Monitor.in_force.filter(version__stage__in=DEPLOYED),
    )


def _ordered(reading_id: int, now: datetime) -> bool:
    with transaction.atomic():
        version_id = Reading.objects.values_list("monitor__version_id", flat=True).get(pk=reading_id)
        version = ModelVersion.objects.locked().get(pk=version_id)
        row = _due(now).filter(pk=reading_id).first()
        if row is None:
            return False
        again = Reading.objects.create(
            monitor=row.monitor,
            batch=row.batch,
            reference=row.reference,
            policy=version.policy,
            outcomes=row.outcomes,
            outcomes_digest=row.outcomes_digest,
            retry=row.retry + 1,
            requested_at=now,
            hinted_at=now,
        )
        hints.send_after_commit(READ_TASK, again.pk)
    return True
