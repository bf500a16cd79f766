"""Readings that a connection or an error left without an answer are ordered once more, each as a reading of its own.

The schedule does so hourly, for a day where a connection did not answer and a few times after an error; never where a
connection refuses the account, which might lock it. A person may whenever there is one. What a batch held when it came
is in its digest or reference, so a later reading is of the same rows or says that they changed.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from approvals import refusals
from approvals.events import Event as ApprovalsEvent
from approvals.models import ModelVersion
from monitoring import tries
from monitoring.batches import DEPLOYED, require_may_deliver
from monitoring.events import Event
from monitoring.models import Batch, Monitor, Reading, ReadingVerdict, Trouble
from monitoring.outcomes_in_use import READ_TASK
from monitoring.silences import ENDED
from portal import hints, ledger
from portal.errors import Refused
from portal.texts import require_reason

MOST = {Trouble.UNREACHABLE: 24, Trouble.FAILED: tries.OF_ERRORS}
"""How often the schedule reads again."""
_NEWER = Reading.objects.filter(monitor=OuterRef("monitor"), batch=OuterRef("batch"), pk__gt=OuterRef("pk"))
_BUTTON = "use “Read again” on the page of the batch"


def in_words(trouble: Trouble, retry: int) -> str:
    """What follows from a reading without an answer this time."""
    if trouble == Trouble.DENIED:
        return f"It is not read again by itself; when that is corrected, {_BUTTON}."
    if trouble == Trouble.FAILED:
        if retry < MOST[trouble]:
            return "An error says nothing about the batch: it is read again in an hour, by itself."
        return f"It was read again {retry} times and is not any more by itself; when the cause is gone, {_BUTTON}."
    if retry < MOST[trouble]:
        return "Nothing is known of the batch until then: it is read again in an hour, by itself."
    return f"It was read again {retry} times and is not any more by itself; when the connection answers, {_BUTTON}."


def is_news(row: Reading) -> bool:
    """Whether people are to be told that it gave no answer: the first time, and when it is not tried any more."""
    most = MOST.get(Trouble(row.trouble)) if row.trouble else None
    return most is None or not 0 < row.retry < most


def order_due(*, now: datetime | None = None) -> int:
    """Order those that have waited long enough; gives how many. Only of versions and monitors that are watched."""
    now = now or timezone.now()
    return tries.each(lambda: _due(now), "monitor__version_id", lambda row, version: _order(row, version, now))


def waiting(batch: Batch) -> QuerySet[Reading]:
    """Readings of the batch that a person may order once more, whatever the schedule does."""
    return _without_answer().filter(batch=batch)


def read_again(*, batch_id: int, actor: User, reason: str, now: datetime | None = None) -> int:
    """Read a batch again at once; gives by how many monitors.

    Raises NotPermitted, BadInput without a reason, or Refused if none is waiting.
    """
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
            raise Refused("No reading of this batch ended in an error, or waits for a connection.")
        require_reason(reason, asks="Say in at least {least} characters why it would be another one now.")
        for row in rows:
            _order(row, version, now)
        ledger.record(
            event=Event.BATCH_READ_AGAIN,
            actor=actor,
            subject=version,
            scope=version.scope,
            reason=reason.strip(),
            facts={"batch": batch.pk, "name": batch.name, "readings": len(rows)},
        )
    return len(rows)


def _due(now: datetime) -> QuerySet[Reading]:
    due = Q()
    for trouble, most in MOST.items():
        due |= Q(trouble=trouble) & tries.is_due(now, most=most)
    return _without_answer().filter(due)


def _without_answer() -> QuerySet[Reading]:
    """Only the newest reading of a batch: one with later outcomes was ordered for itself."""
    return Reading.objects.filter(
        ~Q(trouble="") | Q(verdict=ReadingVerdict.ERROR),
        ~Exists(_NEWER),
        batch__isnull=False,
        status__in=ENDED,
        monitor__in=Monitor.in_force.filter(version__stage__in=DEPLOYED),
    )


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
