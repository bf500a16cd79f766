"""What the API says of versions, monitors, batches, outcomes and readings: typed fields, and how rows fill them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from ninja import Schema

from approvals import restricting
from approvals.models import ModelVersion
from approvals.models.revalidations import pass_under_way
from monitoring import monitors
from monitoring.alarms import Level
from monitoring.batches import DEPLOYED
from monitoring.models import Batch, Monitor, OutcomeDelivery, Reading
from monitoring.splitting import Delivered
from monitoring.standing import AlarmState


class VersionDocument(Schema):
    """A version that is or was deployed."""

    id: int
    model: str
    number: str
    stage: str
    owner: str
    approval_expires_at: datetime | None
    conditions_of_use: list[str]
    revalidation_due: date | None
    alarm: str | None
    alarm_since: date | None


class MonitorDocument(Schema):
    """One monitor with its limits. `alarm` is null where no reading, or none of the newest batch, says anything."""

    id: int
    key: str
    title: str
    thresholds: dict[str, Any]
    warn: dict[str, Any]
    critical: dict[str, Any]
    every_days: int
    unanswered_after: int
    outcomes_within_days: int
    suspends: bool
    alarm: str | None
    alarm_since: date | None
    readings_beyond_in_a_row: int
    windows_unanswered_in_a_row: int
    muted_until: date | None
    incident: str | None


class BatchDocument(Schema):
    """Rows that the version met."""

    id: int
    name: str
    description: str
    window_start: date
    window_end: date
    sha256: str
    size: int
    received_at: datetime


class LeftOutDocument(Schema):
    """Rows of the window that is not over, which were not taken."""

    first: date
    last: date
    rows: int


class SplitDocument(Schema):
    """A table that was split: batches made now, batches that were there, rows left out."""

    new: list[BatchDocument]
    known: list[BatchDocument]
    left_out: LeftOutDocument | None


class DeliveryDocument(Schema):
    """Outcomes, and what became of them."""

    id: int
    name: str
    description: str
    corrects: bool
    sha256: str
    size: int
    received_at: datetime
    status: str
    verdict: str
    sentences: list[str]
    matched: dict[str, Any]


class ReadingSummary(Schema):
    """What a monitor says of a batch; without a batch, of the clock. `policy` is the one it was ordered under."""

    id: int
    monitor: str
    batch: int | None
    window_start: date | None
    window_end: date | None
    status: str
    verdict: str
    level: str | None
    sentences: list[str]
    outcomes: list[dict[str, Any]]
    policy: str | None
    requested_at: datetime
    finished_at: datetime | None


class ReadingDocument(ReadingSummary):
    """The same, with everything that was measured and by what."""

    numbers: dict[str, Any]
    numbers_sha256: str
    engine: dict[str, Any]


def as_version(row: ModelVersion, alarms: Iterable[AlarmState]) -> dict[str, Any]:
    """With the worst alarm of its monitors."""
    every = list(alarms)
    worst = max((alarm.level for alarm in every), default=Level.CALM)
    # Nothing is watched of a version that is not deployed any more, so nobody knows.
    is_known = row.stage in DEPLOYED and bool(every) and all(alarm.in_words is not None for alarm in every)
    since = [alarm.since for alarm in every if alarm.since is not None and alarm.level == worst]
    return {
        "id": row.pk,
        "model": row.model.name,
        "number": row.number,
        "stage": row.stage,
        "owner": row.model.owner.get_username(),
        "approval_expires_at": row.approval_expires_at,
        "conditions_of_use": [one.text for one in restricting.standing(row)],
        "revalidation_due": under_way.due_on if (under_way := pass_under_way(row)) else None,
        "alarm": worst.in_words if worst or is_known else None,
        "alarm_since": min(since, default=None),
    }


MONITOR_COLUMNS = (
    "thresholds",
    "warn",
    "critical",
    "every_days",
    "unanswered_after",
    "outcomes_within_days",
    "suspends",
)


def as_monitor(row: Monitor, alarm: AlarmState) -> dict[str, Any]:
    """With its alarm."""
    kind = monitors.find(row.key)
    return {
        "id": row.pk,
        "key": row.key,
        "title": str(kind.title) if kind else row.key,
        **{name: getattr(row, name) for name in MONITOR_COLUMNS},
        "alarm": alarm.in_words if alarm.level or row.version.stage in DEPLOYED else None,
        "alarm_since": alarm.since,
        "readings_beyond_in_a_row": alarm.in_a_row,
        "windows_unanswered_in_a_row": len(alarm.silence.days),
        "muted_until": alarm.muted.until if alarm.muted else None,
        "incident": alarm.incident.incident if alarm.incident else None,
    }


def as_batch(row: Batch) -> dict[str, Any]:
    """Its facts."""
    names = ("name", "description", "window_start", "window_end", "received_at")
    return {"id": row.pk, "sha256": row.file.sha256, "size": row.file.size} | {n: getattr(row, n) for n in names}


def as_split(done: Delivered) -> dict[str, Any]:
    """In the order of windows."""
    new, known = ([as_batch(row) for row in rows] for rows in (done.new, done.known))
    return {"new": new, "known": known, "left_out": vars(done.left_out) if done.left_out else None}


def as_delivery(row: OutcomeDelivery) -> dict[str, Any]:
    """With what became of it."""
    matching = row.matching
    return {
        "id": row.pk,
        **{name: getattr(row, name) for name in ("name", "description", "corrects", "received_at")},
        "sha256": row.file.sha256,
        "size": row.file.size,
        "status": matching.status,
        "verdict": matching.verdict,
        "sentences": matching.sentences,
        "matched": matching.numbers,
    }


def as_summary(row: Reading) -> dict[str, Any]:
    """Without numbers."""
    return {
        "id": row.pk,
        "monitor": row.monitor.key,
        "batch": row.batch_id,
        "window_start": row.batch.window_start if row.batch else None,
        "window_end": row.batch.window_end if row.batch else None,
        "policy": str(row.policy) if row.policy else None,
        "level": None if row.level is None else Level(row.level).in_words,
        **{name: getattr(row, name) for name in ("status", "verdict", "sentences", "outcomes")},
        **{name: getattr(row, name) for name in ("requested_at", "finished_at")},
    }


def as_reading(row: Reading) -> dict[str, Any]:
    """With numbers."""
    return {
        **as_summary(row),
        "numbers": row.numbers,
        "numbers_sha256": row.numbers_digest,
        "engine": row.engine,
    }
