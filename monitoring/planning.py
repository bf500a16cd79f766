"""What is watched from the day a version is deployed: the monitors of its policy. succession.py ends them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max

from approvals.evidence import current
from approvals.models import EvidenceKind, ModelVersion, Revalidation
from approvals.policy_document import PolicyDocument, parse
from approvals.stages import Stage
from monitoring.events import Event
from monitoring.models import Monitor
from monitoring.monitor_settings import MonitorSettings, settings_of, settings_written
from portal import ledger
from portal.errors import BadInput, Refused


def when_examined(*, document: PolicyDocument, **_: Any) -> None:
    """Refuse a policy whose monitors could not start: at its writing, not at the deployment of a version."""
    try:
        for entry in document.monitors:
            settings_written(entry)
        plan_of(document)
    except Refused as error:
        raise BadInput(error.sentence, field="text") from error


def plan_of(document: PolicyDocument) -> list[MonitorSettings]:
    """The monitors that a policy asks for, each once. Raises Refused for one that cannot begin."""
    plan = [settings_of(entry) for entry in document.monitors]
    keys = [one.key for one in plan]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise Refused(f"The policy asks for the monitor “{twice[0]}” twice; write one entry with all its limits.")
    return plan


def when_moved(*, version: ModelVersion, source: str, target: str, actor: User | None, now: datetime, **_: Any) -> None:
    """Start the monitors when a version enters monitoring for the first time; inside the transaction of the move."""
    if target != Stage.MONITORING or source == Stage.SUSPENDED:
        return
    plan = plan_of(parse(version.policy.text))
    begin(version, plan, began_with=None, now=now)
    ledger.record(
        event=Event.MONITORS_STARTED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={"monitors": [settings.key for settings in plan]},
    )


def begin(
    version: ModelVersion, plan: Iterable[MonitorSettings], *, began_with: Revalidation | None, now: datetime
) -> None:
    """Begin monitors of a locked version inside the caller's transaction: of its approval, or of a renewal."""
    last = Monitor.objects.filter(version=version).aggregate(last=Max("plan"))["last"]
    for settings in plan:
        Monitor.objects.create(
            version=version,
            plan=0 if last is None else last + 1,
            reference=current(version, EvidenceKind.EVALUATION_TABLE),
            began_with=began_with,
            created_at=now,
            **vars(settings),
        )
