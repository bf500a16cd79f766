"""Doors for workers: each task makes one domain call. Messages are hints; forged or repeated ones do no harm."""

from __future__ import annotations

from celery import shared_task

from monitoring import (
    alarm_clock,
    batches,
    drawing,
    leases,
    outcome_sources,
    outcomes,
    outcomes_in_use,
    rematching,
    rereading,
    running,
    sources,
    staleness,
    watching,
)
from portal import hints


@shared_task(name=batches.READ_TASK)
def read(reading_id: int) -> bool:
    """Carry out one reading if it is free; its charts follow in a task of their own."""
    taken = running.execute(reading_id)
    if taken:
        hints.send(drawing.DRAW_READING_TASK, reading_id)
    return taken


@shared_task(name=drawing.DRAW_READING_TASK)
def draw_reading(reading_id: int, columns: list[str] | None = None) -> int:
    """Draw distributions of a reading; the page of its version is drawn by the sweep, once for all its readings."""
    return drawing.draw_reading(reading_id, columns)


@shared_task(name=drawing.DRAW_TASK)
def draw(version_id: int) -> int:
    """Draw what is missing or outdated on the page of a version."""
    return drawing.draw(version_id)


@shared_task(name="monitoring.tasks.sweep_pictures")
def sweep_pictures() -> int:
    """Hint at versions whose charts are older than their readings."""
    waiting = drawing.outdated()
    for version_id in waiting:
        hints.send(drawing.DRAW_TASK, version_id)
    return len(waiting)


@shared_task(name=outcomes_in_use.MATCH_TASK)
def match(matching_id: int) -> bool:
    """Match one delivery of outcomes if it is free and its turn has come."""
    return outcomes.execute(matching_id)


@shared_task(name="monitoring.tasks.sweep")
def sweep() -> int:
    """Hint at readings and deliveries that wait or lost their worker."""
    waiting = running.sweep()
    for reading_id in waiting:
        hints.send(batches.READ_TASK, reading_id, expires=leases.HINTS_LAST)
    unmatched = outcomes.sweep()
    for matching_id in unmatched:
        hints.send(outcomes_in_use.MATCH_TASK, matching_id, expires=leases.HINTS_LAST)
    return len(waiting) + len(unmatched)


@shared_task(name="monitoring.tasks.try_again")
def try_again() -> int:
    """Order anew what a connection that did not answer, or an error, left without an answer."""
    return rereading.order_due() + rematching.order_due()


@shared_task(name="monitoring.tasks.check_staleness")
def check_staleness() -> int:
    """Order readings for versions that nobody feeds."""
    return len(staleness.check())


@shared_task(name="monitoring.tasks.look_at_alarms")
def look_at_alarms() -> int:
    """Act on outcomes that did not come in time and on mutes that ended."""
    return alarm_clock.look()


@shared_task(name="monitoring.tasks.look_into_folders")
def look_into_folders() -> int:
    """Take what lies complete in the folders that the administrator named."""
    return watching.look()


@shared_task(name="monitoring.tasks.take_from_sources")
def take_from_sources() -> int:
    """Order the windows of declared sources that are over, and take what is ordered."""
    sources.order_due()
    return sources.take()


@shared_task(name=outcome_sources.TAKE_TASK)
def take_outcomes() -> int:
    """Take what is new in the relation of outcomes that waits longest, if one is due."""
    return outcome_sources.take()
