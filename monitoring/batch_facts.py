"""What monitors ask about a batch that is in no table: how long its window is, and how large earlier batches were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import F, QuerySet

from approvals.measures.values import Measure
from approvals.models.checks import RunStatus
from monitoring import monitors
from monitoring.models import Batch, Reading
from monitoring.monitors.base import MonitorKind
from monitoring.monitors.volume import EARLIER_FACT, ROWS_PER_DAY, WINDOW_FACT

MOST_EARLIER = 24


def facts_for(row: Reading, kind: type[MonitorKind]) -> dict[str, Any]:
    """The facts that this kind of monitor names."""
    batch = row.batch
    if batch is None:
        return {}
    return {name: FACTS[name](row, batch) for name in kind.facts if name in FACTS}


def waits_for_earlier(row: Reading) -> bool:
    """Whether the reading needs what one of an earlier window says that was ordered before it and has not ended.

    So several workers find what one would.
    """
    kind, batch = monitors.find(row.monitor.key), row.batch
    if kind is None or batch is None or EARLIER_FACT not in kind.facts:
        return False
    return _under_way(row).filter(pk__lt=row.pk, batch__window_end__lt=batch.window_end).exists()


def next_that_waited(row: Reading) -> int | None:
    """The reading that may have waited for this one."""
    kind = monitors.find(row.monitor.key)
    if kind is None or EARLIER_FACT not in kind.facts:
        return None
    return _under_way(row).filter(pk__gt=row.pk).order_by("pk").values_list("pk", flat=True).first()


def _under_way(row: Reading) -> QuerySet[Reading]:
    return Reading.objects.filter(monitor=row.monitor_id, status__in=(RunStatus.QUEUED, RunStatus.RUNNING))


def _window_days(row: Reading, batch: Batch) -> int:
    del row
    return (batch.window_end - batch.window_start).days + 1


def _earlier(row: Reading, batch: Batch) -> list[float]:
    """Rows per day of the batches before, by the order of their windows, as this monitor and its forerunners saw them.

    Of a batch that several of them read, the newest reading counts.
    """
    finished = Reading.objects.filter(
        monitor__version=row.monitor.version_id,
        monitor__key=row.monitor.key,
        status=RunStatus.FINISHED,
        batch__window_end__lt=batch.window_end,
    )
    found: dict[int | None, float | None] = {}
    for reading in finished.order_by(F("batch__window_end").desc(), "-pk")[: 2 * MOST_EARLIER]:
        found.setdefault(reading.batch_id, _rows_per_day(reading))
    latest = list(found.values())[:MOST_EARLIER]
    return [value for value in reversed(latest) if value is not None]


def _rows_per_day(reading: Reading) -> float | None:
    measures = [Measure.from_json(said) for said in reading.numbers.get("measures", ())]
    value = next((measure.value for measure in measures if measure.name == ROWS_PER_DAY), None)
    return None if value is None else float(value)


FACTS: dict[str, Callable[[Reading, Batch], Any]] = {WINDOW_FACT: _window_days, EARLIER_FACT: _earlier}
