"""Doors for workers: each task makes one domain call. Messages are hints; forged or repeated ones do no harm."""

from __future__ import annotations

from celery import shared_task

from monitoring import batches, running, staleness
from portal import hints


@shared_task(name=batches.READ_TASK)
def read(reading_id: int) -> bool:
    """Carry out one reading if it is free."""
    return running.execute(reading_id)


@shared_task(name="monitoring.tasks.sweep")
def sweep() -> int:
    """Hint at readings that wait or lost their worker."""
    waiting = running.sweep()
    for reading_id in waiting:
        hints.send(batches.READ_TASK, reading_id)
    return len(waiting)


@shared_task(name="monitoring.tasks.check_staleness")
def check_staleness() -> int:
    """Order readings for versions that nobody feeds."""
    return len(staleness.check())
