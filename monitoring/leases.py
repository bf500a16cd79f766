"""Leases of rows that are work: taken by one worker at a time, renewed while it measures, free again if it goes silent.

A token fences off whoever lost the lease. Decides nothing about what was measured.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from approvals.checks.base import Check
from approvals.checks.base import Reading as Measured
from approvals.kept_results import KeptResults
from approvals.models.checks import LeasedRun, RunStatus
from approvals.sandbox import JobDescription, Limits, Seldom, measure_in_child

LEASE = timedelta(seconds=60)
ATTEMPTS = 3
HINT_AGAIN = timedelta(seconds=10)
HINTS_AT_ONCE = 50
"""Of thousands that wait most have a hint in the broker already; another one of each every ten seconds would be all
that workers read. Each has its turn."""
HINTS_LAST = 60.0
"""Seconds, of those that are sent again."""
MOST_AHEAD = timedelta(minutes=10)
"""How far clocks of workers may differ. What lies further ahead was written before a clock was set back."""

Rows = type[LeasedRun]


def is_lost(row: LeasedRun, *, now: datetime) -> bool:
    """Whether the holder of a running row went silent; the row is locked."""
    if row.status != RunStatus.RUNNING or row.lease_until is None:
        return False
    return row.lease_until < now or row.lease_until > now + LEASE + MOST_AHEAD


def _lost(now: datetime) -> Q:
    """The same for many rows."""
    silent = Q(lease_until__lt=now) | Q(lease_until__gt=now + LEASE + MOST_AHEAD)
    return Q(status=RunStatus.RUNNING) & silent


def claim(rows: Rows, row_id: int, *, now: datetime) -> uuid.UUID | None:
    """Take the lease of a queued row, or of one whose holder went silent. None: nothing to do."""
    token = uuid.uuid4()
    free = Q(status=RunStatus.QUEUED) | _lost(now)
    taken = _all(rows).filter(free, pk=row_id, attempt__lt=ATTEMPTS)
    found = taken.update(
        status=RunStatus.RUNNING,
        token=token,
        attempt=F("attempt") + 1,
        lease_until=now + LEASE,
        heartbeat_at=now,
        started_at=now,
    )
    return token if found else None


def renew(rows: Rows, row_id: int, token: uuid.UUID, *, now: datetime, **told: Any) -> bool:
    """Hold the lease a little longer; False if it is not ours any more."""
    mine = _all(rows).filter(pk=row_id, token=token, status=RunStatus.RUNNING)
    return bool(mine.update(heartbeat_at=now, lease_until=now + LEASE, **told))


def silent(rows: Rows, *, now: datetime) -> tuple[int, ...]:
    """Ids of rows whose holders went silent in each of their attempts."""
    lost = _all(rows).filter(_lost(now), attempt__gte=ATTEMPTS)
    return tuple(lost.order_by("pk").values_list("pk", flat=True))


def waiting(rows: Rows, *, now: datetime) -> tuple[int, ...]:
    """Ids of rows that wait too long or lost their worker, the longest without a hint first; they have one now."""
    asked = Q(status=RunStatus.QUEUED) & (Q(hinted_at__lt=now - HINT_AGAIN) | Q(hinted_at__gt=now + MOST_AHEAD))
    asked |= _lost(now)
    found = _all(rows).filter(asked, attempt__lt=ATTEMPTS).order_by(F("hinted_at").asc(nulls_first=True), "pk")
    ids = tuple(found.values_list("pk", flat=True)[:HINTS_AT_ONCE])
    _all(rows).filter(pk__in=ids).update(hinted_at=now)
    return ids


def measure(
    row: LeasedRun, token: uuid.UUID, *, check: type[Check], job: JobDescription, kept: KeptResults
) -> Measured:
    """Measure in the limited child while the lease is held. Raises SandboxError as `measure_in_child`."""
    rows = type(row)
    begun_at, last_beat = 0 if kept.is_new else row.progress, timezone.now()
    prefix = "" if kept.is_new else f"Continued at {begun_at} %: "
    alive = renew(rows, row.pk, token, now=last_beat, progress=begun_at, progress_text=f"{prefix}Starting")

    def tell(percent: int, text: str) -> None:
        nonlocal alive
        told: dict[str, Any] = {"progress": max(percent, begun_at), "progress_text": f"{prefix}{text}"[:200]}
        if kept.moved():  # a later attempt would not be another vain one
            told["attempt"] = 1
        alive = renew(rows, row.pk, token, now=timezone.now(), **told)

    on_progress = Seldom(tell)

    def should_stop() -> bool:
        nonlocal alive, last_beat
        on_progress.flush()
        now = timezone.now()
        if now - last_beat > LEASE / 4:
            last_beat = now
            alive = renew(rows, row.pk, token, now=now)
        return not alive

    root = Path(settings.VAR) / "run"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    measured = measure_in_child(
        check=check,
        job=replace(job, kept=kept.for_child),
        limits=Limits(**settings.CHECK_LIMITS),
        on_progress=on_progress,
        should_stop=should_stop,
        work_root=root,
    )
    return measured if kept.is_new else replace(measured, log=(f"Continued at {begun_at} %.", *measured.log))


def _all(rows: Rows) -> Any:
    return rows._default_manager  # noqa: SLF001 - Django documents it
