"""What follows from a reading: a breach opens a finding once, tells people, and suspends where the policy says so."""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals import findings, permissions, voiding, workflow
from approvals.models import Finding, ModelVersion
from approvals.models.findings import FindingSource, FindingStatus
from approvals.stages import Role, Stage
from monitoring import monitors
from monitoring.events import Event
from monitoring.models import Reading, ReadingVerdict
from portal import ledger, notify

DUE = timedelta(days=14)


def follow(row: Reading, version: ModelVersion, *, now: datetime) -> None:
    """Act on a finished reading inside the transaction that records it. The version must be locked."""
    if row.verdict == ReadingVerdict.BREACH:
        _breach(row, version, now)
    elif row.verdict in (ReadingVerdict.ERROR, ReadingVerdict.NOT_COMPUTABLE):
        _tell(row, version, f"{_title(row)} of {version} gave no answer. {_first(row)}")


def _breach(row: Reading, version: ModelVersion, now: datetime) -> None:
    reference = row.monitor.finding_reference
    known = Finding.objects.filter(
        version=version, source=FindingSource.MONITOR, source_reference=reference, status=FindingStatus.OPEN
    ).exists()
    if not known:
        with voiding.watched(version, actor=None):
            findings.add(
                version=version,
                actor=None,
                severity=row.monitor.severity,
                title=f"{_title(row)}: {_first(row)}",
                description="\n".join(str(sentence) for sentence in row.sentences),
                source=FindingSource.MONITOR,
                source_reference=reference,
                owner=version.model.owner,
                due_on=(now + DUE).date(),
                now=now,
            )
    _tell(row, version, f"{_title(row)} of {version}: {_first(row)}")
    ledger.record(
        event=Event.MONITOR_BREACHED,
        actor=None,
        subject=version,
        scope=version.scope,
        facts={"reading": row.pk, "monitor": row.monitor.key, "batch": row.batch_id, "new_finding": not known},
    )
    if row.monitor.suspends and version.stage == Stage.MONITORING:
        reason = f"{_title(row)} breached its limit, and the policy suspends on that. {_first(row)}"
        workflow.suspend(version_id=version.pk, actor=None, reason=reason, now=now)


def _tell(row: Reading, version: ModelVersion, text: str) -> None:
    officers = permissions.people_with(permissions.permission_for(Role.RISK_OFFICER), version.model)
    notify.notify(
        recipients={version.model.owner, version.submitted_by, *officers},
        event=Event.MONITOR_BREACHED,
        text=text,
        link=row.get_absolute_url(),
        asks_for_act=True,
    )


def _title(row: Reading) -> str:
    kind = monitors.find(row.monitor.key)
    return kind.title if kind else row.monitor.key


def _first(row: Reading) -> str:
    return str(row.sentences[0]) if row.sentences else "No reason was recorded."
