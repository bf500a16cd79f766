"""Readings whose connection did not answer are ordered once more, each as a reading of its own.

The schedule does so hourly for a day, and a person whenever there is one. What a batch held when it came is in its
reference, so a later reading is of the same rows or says that they changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from approvals import refusals
from approvals.events import Event as ApprovalsEvent
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from monitoring.batches import DEPLOYED, require_may_deliver
from monitoring.events import Event
from monitoring.models import Batch, Monitor, Reading
from monitoring.outcomes_in_use import READ_TASK
from portal import hints, ledger
from portal.errors import Refused

EVERY = timedelta(hours=1)
MOST = 24
_NEWER = Reading.objects.filter(monitor=OuterRef("monitor"), batch=OuterRef("batch"), pk__gt=OuterRef("pk"))


def in_words(retry: int) -> str:
    """What follows from a connection that did not answer this time."""
    if retry < MOST:
        return "Nothing is known of the batch until then: it is read again in an hour, by itself."
    return (
        f"It was read again {retry} times and is not any more by itself; when the connection answers, use “Read again” "
        "on the page of the batch."
    )


def order_due(*, now: datetime | None = None) -> int:
    """Order those that have waited long enough; gives how many. Only of versions and monitors that are watched."""
    now = now or timezone.now()
    return sum(_ordered(reading_id, now) for reading_id in _due(now).order_by("pk").values_list("pk", flat=True))


def waiting(batch: Batch) -> QuerySet[Reading]:
    """Readings of the batch that a person may order once more, whatever the schedule does."""
    return _unreached().filter(batch=batch)


def read_again(*, batch_id: int, actor: User, now: datetime | None = None) -> int:
    """Read a batch again at once; gives by how many monitors. Raises NotPermitted, or Refused if none is waiting."""
    now = now or timezone.now()
    batch = Batch.objects.select_related("version__model").get(pk=batch_id)
    recorded = refusals.recorded(
        event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=batch.version, act="read batch again"
    )
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=batch.version_id)
        require_may_deliver(version, actor)
        rows = list(waiting(batch).order_by("pk"))
        if not rows:
            raise Refused("No reading of this batch waits for a connection that did not answer.")
        for row in rows:
            _order(row, version, now)
        ledger.record(
            event=Event.BATCH_READ_AGAIN,
            actor=actor,
            subject=version,
            scope=version.scope,
            facts={"batch": batch.pk, "name": batch.name, "readings": len(rows)},
        )
    return len(rows)


def _due(now: datetime) -> QuerySet[Reading]:
    return _unreached().filter(retry__lt=MOST, finished_at__lte=now - EVERY)


def _unreached() -> QuerySet[Reading]:
    """Only the newest reading of a batch: one with later outcomes was ordered for itself."""
    return Reading.objects.filter(
        ~Exists(_NEWER),
        unreachable=True,
        status=RunStatus.FINISHED,
        monitor__in=Monitor.in_force.filter(version__stage__in=DEPLOYED),
    )


def _ordered(reading_id: int, now: datetime) -> bool:
    with transaction.atomic():
        version_id = Reading.objects.values_list("monitor__version_id", flat=True).get(pk=reading_id)
        version = ModelVersion.objects.locked().get(pk=version_id)
        row = _due(now).filter(pk=reading_id).first()
        if row is None:
            return False
        _order(row, version, now)
    return True


def _order(row: Reading, version: ModelVersion, now: datetime) -> None:
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
