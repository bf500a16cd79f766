"""What is watched from the day a version is deployed: the monitors that its pinned policy names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from approvals.checks.base import ParameterError
from approvals.evidence import current
from approvals.models import EvidenceKind, ModelVersion
from approvals.models.findings import Severity
from approvals.policy_document import parse
from approvals.stages import Stage
from monitoring import monitors
from monitoring.events import Event
from monitoring.models import Monitor
from portal import ledger
from portal.errors import Refused

EVERY_DAYS = 31


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


def _monitor(version: ModelVersion, entry: Any, now: datetime) -> Monitor:
    key = str(entry["monitor"])
    kind = monitors.find(key)
    if kind is None:
        raise Refused(f"The policy asks for the monitor “{key}”, which this portal does not have.")
    parameters, thresholds = dict(entry.get("parameters") or {}), dict(entry.get("thresholds") or {})
    try:
        kind.require_settings(parameters, thresholds)
    except ParameterError as error:
        raise Refused(error.sentence) from error
    levels = {level.label.lower(): level for level in Severity}
    severity = levels.get(str(entry.get("severity", "high")).lower())
    if severity is None:
        raise Refused(f"The monitor “{key}” names no known severity; known: {', '.join(levels)}.")
    return Monitor(
        version=version,
        key=key,
        parameters=parameters,
        thresholds=thresholds,
        severity=severity,
        every_days=int(entry.get("every_days", EVERY_DAYS)),
        suspends=bool(entry.get("suspends", False)),
        reference=current(version, EvidenceKind.EVALUATION_TABLE),
        created_at=now,
    )
