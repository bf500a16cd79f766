"""Which approved evaluation table monitors compare with: that of the approval, or of the newest renewal since.

A reading keeps the table that it was ordered with, so that nothing that was read changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from approvals.evidence import current
from approvals.models import Evidence, EvidenceKind, ModelVersion, Revalidation
from monitoring.events import Event
from monitoring.models import Batch, Monitor, Reading, ReferenceChange
from portal import ledger


def in_force(version: ModelVersion) -> Evidence | None:
    """The table that a reading which is ordered now compares with; None where none was approved."""
    newest = changes_of(version).last()
    return newest.evidence if newest is not None else _first(version)


def in_force_at(version: ModelVersion, moment: datetime) -> Evidence | None:
    """The table that was in force then: what came then has the columns that it declares."""
    newest = changes_of(version).filter(since__lte=moment).last()
    return newest.evidence if newest is not None else _first(version)


def of_batch(batch: Batch) -> Evidence | None:
    """The table that readings of a batch compare with: the one of its first reading, also after a renewal."""
    first = Reading.objects.filter(batch=batch).select_related("reference", "monitor__reference").order_by("pk").first()
    return in_force(batch.version) if first is None else first.compared_with


def joins(table: Evidence | None) -> tuple[str, str]:
    """The columns of key and outcome by which later outcomes are joined."""
    said = table.details if table is not None else {}
    return str(said.get("key", "")), str(said.get("label", ""))


def _first(version: ModelVersion) -> Evidence | None:
    monitor = Monitor.objects.filter(version=version, reference__isnull=False).select_related("reference__file").first()
    return monitor.reference if monitor is not None else None


def ever_in_force(version: ModelVersion) -> list[Evidence]:
    """Every table that monitors of the version ever compared with."""
    first = _first(version)
    return [*([first] if first is not None else []), *(change.evidence for change in changes_of(version))]


def changes_of(version: ModelVersion) -> QuerySet[ReferenceChange]:
    """What renewals approved instead, oldest first."""
    return ReferenceChange.objects.filter(version=version).select_related("evidence__file").order_by("pk")


def told(version: ModelVersion) -> list[dict[str, str]]:
    """The same as JSON values, for a record."""
    return [
        {"sha256": one.evidence.file.sha256, "name": one.evidence.name, "since": one.since.isoformat()}
        for one in changes_of(version)
    ]


def when_renewed(*, version: ModelVersion, revalidation: Revalidation, actor: User, now: datetime, **_: Any) -> None:
    """From a renewal on compare with the evaluation table that it approved, where it or its declaration is another."""
    before, approved = in_force(version), current(version, EvidenceKind.EVALUATION_TABLE)
    if before is None or approved is None or (approved.file_id, approved.details) == (before.file_id, before.details):
        return
    ReferenceChange.objects.create(version=version, evidence=approved, revalidation=revalidation, since=now)
    ledger.record(
        event=Event.REFERENCE_CHANGED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={
            "revalidation": revalidation.pk,
            "name": approved.name,
            "sha256": approved.file.sha256,
            "before": before.file.sha256,
        },
    )
