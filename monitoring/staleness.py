"""When a batch is overdue. Orders one reading of the clock for each window that was missed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max, Min, Q
from django.utils import timezone

from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from approvals.stages import Stage
from monitoring import monitors
from monitoring.batches import READ_TASK
from monitoring.models import Batch, Monitor, Reading, ReadingVerdict
from portal import hints

SAYS_SOMETHING = (ReadingVerdict.OK, ReadingVerdict.WARNING, ReadingVerdict.BREACH)
STILL_READ = (RunStatus.QUEUED, RunStatus.RUNNING)


def overdue_since(monitor: Monitor) -> datetime:
    """From when on a batch is overdue: the end of the last covered day, or the start of monitoring, plus the days.

    A batch that no monitor could read covers no day; one that is still being read does until the answer is there.
    """
    return overdue_of([monitor])[monitor.pk]


def overdue_of(rows: Iterable[Monitor]) -> dict[int, datetime]:
    """The same for many monitors at once."""
    chosen = list(rows)
    says_something = Q(readings__verdict__in=SAYS_SOMETHING) | Q(readings__status__in=STILL_READ)
    batches = Batch.objects.filter(says_something, version_id__in={row.version_id for row in chosen}).order_by()
    newest = dict(batches.values_list("version_id").annotate(newest=Max("window_end")))
    begun, found = _begun(chosen), {}
    for row in chosen:
        last = newest.get(row.version_id)
        if (end := getattr(row, "end", None)) is not None:  # what came since says nothing of how it stood at its end
            then = batches.filter(version=row.version_id, received_at__lte=end.at)
            last = then.aggregate(newest=Max("window_end"))["newest"]
        found[row.pk] = _start(begun[row.pk], last) + timedelta(days=row.every_days)
    return found


def _begun(rows: list[Monitor]) -> dict[int, datetime]:
    """When each was first expected to see data: another plan does not start the time without data anew."""
    later = {row.version_id for row in rows if row.began_with_id is not None}
    firsts = Monitor.objects.filter(version_id__in=later).order_by().values_list("version_id")
    first = dict(firsts.annotate(first=Min("created_at"))) if later else {}
    return {row.pk: first.get(row.version_id, row.created_at) for row in rows}


def _start(begun: datetime, newest: date | None) -> datetime:
    return begun if newest is None else max(begun, datetime.combine(newest, time.max, tzinfo=UTC))


def check(*, now: datetime | None = None) -> tuple[int, ...]:
    """Order a reading for every deployed version without data; gives their ids. One reading per missed window."""
    now = now or timezone.now()
    ordered = []
    watched = Monitor.in_force.filter(version__stage=Stage.MONITORING)
    for monitor in watched.order_by("pk"):
        kind = monitors.find(monitor.key)
        since = overdue_since(monitor)
        if kind is None or kind.needs_batch or since > now:
            continue
        if Reading.objects.filter(monitor=monitor, overdue_since=since).exists():
            continue
        try:
            with transaction.atomic():
                version = ModelVersion.objects.locked().get(pk=monitor.version_id)
                if not monitor.watches(version):
                    continue  # a renewal ended it, or the version was suspended, a moment ago
                row = Reading.objects.create(
                    monitor=monitor,
                    overdue_since=since,
                    policy=version.policy,
                    requested_at=now,
                    hinted_at=now,
                )
        except IntegrityError:
            continue  # another worker ordered the same reading a moment ago
        hints.send(READ_TASK, row.pk)
        ordered.append(row.pk)
    return tuple(ordered)
