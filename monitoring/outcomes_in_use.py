"""Which deliveries of outcomes a batch is read with, and the readings that follow. Orders; measures nothing.

A reading is never changed: another state of the outcomes is another reading, and the same state is the same one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db.models import QuerySet

from approvals.models import ModelVersion
from monitoring import monitors, references
from monitoring.models import Batch, Matching, MatchVerdict, Monitor, OutcomeDelivery, Reading
from portal import hints

READ_TASK, MATCH_TASK = "monitoring.tasks.read", "monitoring.tasks.match"


def in_use(version: ModelVersion) -> QuerySet[OutcomeDelivery]:
    """Deliveries that were found usable as a whole, in the order they came."""
    return OutcomeDelivery.objects.filter(version=version, matching__verdict=MatchVerdict.IN_USE).order_by("pk")


def outcomes_of(batch: Batch) -> list[OutcomeDelivery]:
    """Deliveries in use that have, or may have, outcomes for rows of the batch.

    A batch that came after a delivery was not looked at with it, so it may. Where a renewal declared another key or
    outcome, those from before it join batches from before it only.
    """
    found, joined = (
        in_use(batch.version).select_related("file", "matching"),
        references.joins(references.of_batch(batch)),
    )
    return [
        delivery
        for delivery in found
        if may_match(delivery.matching, batch)
        and references.joins(references.in_force_at(batch.version, delivery.received_at)) == joined
    ]


def may_match(matching: Matching, batch: Batch) -> bool:
    """Whether the delivery has outcomes for the batch, as far as is known."""
    counted = matching.numbers.get("batches", {}).get(str(batch.pk))
    return counted is None or counted["matched"] > 0


def order_readings(batch: Batch, *, now: datetime, only_of_outcomes: bool = False) -> int:
    """Order what is not ordered yet for the batch as its outcomes are now; gives how many. The version is locked."""
    deliveries = outcomes_of(batch)
    entries = [
        {"delivery": one.pk, "name": one.name, "sha256": one.file.sha256, "corrects": one.corrects}
        for one in deliveries
    ]
    ordered, reference = 0, references.of_batch(batch)
    for monitor in Monitor.in_force.filter(version=batch.version).order_by("pk"):
        kind = monitors.find(monitor.key)
        if kind is None or not kind.needs_batch or (only_of_outcomes and not kind.needs_outcomes):
            continue
        used = entries if kind.needs_outcomes else []
        reading, created = Reading.objects.get_or_create(
            monitor=monitor,
            batch=batch,
            outcomes_digest=_digest(deliveries) if used else "",
            retry=0,
            defaults={
                "outcomes": used,
                "reference": reference,
                "policy": batch.version.policy,
                "requested_at": now,
                "hinted_at": now,
            },
        )
        if created:
            hints.send_after_commit(READ_TASK, reading.pk)
            ordered += 1
    return ordered


def _digest(deliveries: list[OutcomeDelivery]) -> str:
    said = "\n".join(f"{one.file.sha256} {'corrects' if one.corrects else 'adds'}" for one in deliveries)
    return hashlib.sha256(said.encode()).hexdigest() if deliveries else ""
