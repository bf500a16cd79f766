"""What is watched from the day a version is deployed: the monitors that its pinned policy names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from approvals.evidence import current
from approvals.models import EvidenceKind, ModelVersion
from approvals.policy_document import PolicyDocument, parse
from approvals.stages import Stage
from monitoring.events import Event
from monitoring.models import Monitor
from monitoring.monitor_settings import settings_of, settings_written
from portal import ledger
from portal.errors import BadInput, Refused


def when_examined(*, document: PolicyDocument, **_: Any) -> None:
    """Refuse a policy whose monitors could not start: at its writing, not at the deployment of a version."""
    for entry in document.monitors:
        try:
            settings_written(entry)
        except Refused as error:
            raise BadInput(error.sentence, field="text") from error


def when_moved(*, version: ModelVersion, source: str, target: str, actor: User | None, now: datetime, **_: Any) -> None:
    """Start the monitors when a version enters monitoring for the first time; inside the transaction of the move."""
    if target != Stage.MONITORING or source == Stage.SUSPENDED:
        return
    rows = [_monitor(version, entry, now) for entry in parse(version.policy.text).monitors]
    for row in rows:
        row.save()
    ledger.record(
        event=Event.MONITORS_STARTED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={"monitors": [row.key for row in rows]},
    )


def _monitor(version: ModelVersion, entry: Mapping[str, Any], now: datetime) -> Monitor:
    return Monitor(
        version=version,
        reference=current(version, EvidenceKind.EVALUATION_TABLE),
        created_at=now,
        **vars(settings_of(entry)),
    )
