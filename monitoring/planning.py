"""What is watched from the day a version is deployed: the monitors that its pinned policy names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from approvals.checks.base import ParameterError
from approvals.evidence import current
from approvals.models import EvidenceKind, ModelVersion
from approvals.models.findings import Severity
from approvals.policy_document import PolicyDocument, parse
from approvals.stages import Stage
from monitoring import monitors
from monitoring.events import Event
from monitoring.models import Monitor
from portal import ledger
from portal.errors import BadInput, Refused

EVERY_DAYS = 31
LONGEST_PAUSE = 366


def when_examined(*, document: PolicyDocument, **_: Any) -> None:
    """Refuse a policy whose monitors could not start: at its writing, not at the deployment of a version."""
    for entry in document.monitors:
        try:
            _settings(entry)
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


@dataclass(frozen=True)
class _Settings:
    """One entry of a policy's monitors, understood."""

    key: str
    parameters: dict[str, Any]
    thresholds: dict[str, Any]
    severity: Severity
    every_days: int
    suspends: bool


def _settings(entry: Mapping[str, Any]) -> _Settings:
    key = str(entry["monitor"])
    kind = monitors.find(key)
    if kind is None:
        raise Refused(f"The policy asks for the monitor “{key}”, which this portal does not have.")
    parameters, thresholds = entry.get("parameters") or {}, entry.get("thresholds") or {}
    if not isinstance(parameters, Mapping) or not isinstance(thresholds, Mapping):
        raise Refused(f"The parameters and thresholds of the monitor “{key}” must be names with values.")
    try:
        kind.require_settings(parameters, thresholds)
    except ParameterError as error:
        raise Refused(error.sentence) from error
    levels = {level.label.lower(): level for level in Severity}
    severity = levels.get(str(entry.get("severity", "high")).lower())
    if severity is None:
        raise Refused(f"The monitor “{key}” names no known severity; known: {', '.join(levels)}.")
    days, suspends = entry.get("every_days", EVERY_DAYS), entry.get("suspends", False)
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= LONGEST_PAUSE:
        raise Refused(f"The monitor “{key}” needs “every_days”, a whole number from 1 to {LONGEST_PAUSE}.")
    if not isinstance(suspends, bool):
        raise Refused(f"The monitor “{key}”: “suspends” must be true or false.")
    return _Settings(key, dict(parameters), dict(thresholds), severity, days, suspends)


def _monitor(version: ModelVersion, entry: Mapping[str, Any], now: datetime) -> Monitor:
    return Monitor(
        version=version,
        reference=current(version, EvidenceKind.EVALUATION_TABLE),
        created_at=now,
        **vars(_settings(entry)),
    )
