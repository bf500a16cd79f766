"""When a batch is overdue. Orders one reading of the clock for each window that was missed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from approvals.stages import Stage
from monitoring import monitors
from monitoring.batches import READ_TASK
from monitoring.models import Batch, Monitor, Reading
from portal import hints


def overdue_since(monitor: Monitor) -> datetime:
    """From when on a batch is overdue: the end of the last covered day, or the start of monitoring, plus the days."""
    newest = Batch.objects.filter(version_id=monitor.version_id).aggregate(newest=Max("window_end"))["newest"]
    start = monitor.created_at
    if newest is not None:
        start = max(start, datetime.combine(newest, time.max, tzinfo=UTC))
    return start + timedelta(days=monitor.every_days)


def check(*, now: datetime | None = None) -> tuple[int, ...]:
    """Order a reading for every deployed version without data; gives their ids. One reading per missed window."""
    now = now or timezone.now()
    ordered = []
    for monitor in Monitor.objects.filter(version__stage=Stage.MONITORING).order_by("pk"):
        kind = monitors.find(monitor.key)
        since = overdue_since(monitor)
        if kind is None or kind.needs_batch or since > now:
            continue
        if Reading.objects.filter(monitor=monitor, overdue_since=since).exists():
            continue
        try:
            with transaction.atomic():
                row = Reading.objects.create(monitor=monitor, overdue_since=since, requested_at=now, hinted_at=now)
        except IntegrityError:
            continue  # another worker ordered the same reading a moment ago
        hints.send(READ_TASK, row.pk)
        ordered.append(row.pk)
    return tuple(ordered)
