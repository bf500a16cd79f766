"""Doors for workers: each task makes one domain call. Messages are hints; forged or repeated ones do no harm."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from approvals import checking, kept_results, revalidating, running, time_limits, workflow


@shared_task
def run_check(run_id: int) -> bool:
    """Carry out one check run if it is free."""
    return running.execute(run_id)


@shared_task
def sweep() -> int:
    """Hint at check runs that wait or lost their worker; suspend approvals that lapsed."""
    workflow.suspend_lapsed()
    waiting = checking.sweep()
    for run_id in waiting:
        checking.send_hint(run_id)
    return len(waiting)


@shared_task
def look_at_time_limits() -> int:
    """Remind people of stages that are due and escalate those that are overdue."""
    return len(time_limits.tell())


@shared_task
def look_at_revalidations() -> int:
    """Open the revalidations for which it is time, and tell people of those that are due."""
    opened = len(revalidating.open_due())
    return opened + revalidating.watch()


@shared_task
def forget_kept_results() -> int:
    """Delete what runs kept and nobody came back for, and what killed ones left behind."""
    now = timezone.now()
    return kept_results.forget_scratch(now) + kept_results.forget_old(now)
