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
from monitoring.models import Monitor, ReferenceChange
from portal import ledger


def in_force(version: ModelVersion) -> Evidence | None:
    """The table that a reading which is ordered now compares with; None where none was approved."""
    newest = changes_of(version).last()
    if newest is not None:
        return newest.evidence
    monitor = Monitor.objects.filter(version=version, reference__isnull=False).select_related("reference__file").first()
    return monitor.reference if monitor is not None else None


def ever_in_force(version: ModelVersion) -> list[Evidence]:
    """Every table that monitors of the version ever compared with."""
    first = Monitor.objects.filter(version=version, reference__isnull=False).select_related("reference").first()
    found = [first.reference] if first is not None and first.reference is not None else []
    return [*found, *(change.evidence for change in changes_of(version))]


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
    """From a renewal on compare with the evaluation table that it approved, where that is another one."""
    before, approved = in_force(version), current(version, EvidenceKind.EVALUATION_TABLE)
    if before is None or approved is None or approved.file_id == before.file_id:
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
