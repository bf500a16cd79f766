"""What follows from a reading: a finding once, notices, and where the policy says so restriction or suspension."""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals import findings, permissions, restricting, revalidating, voiding, workflow
from approvals.models import Finding, ModelVersion, Revalidation, RevalidationTrigger
from approvals.models.findings import FindingSource, FindingStatus, Severity
from approvals.policy_document import parse
from approvals.stages import Role, Stage
from monitoring import monitors
from monitoring.alarms import Level
from monitoring.events import Event
from monitoring.models import Reading, ReadingVerdict
from monitoring.standing import alarm_of, changed_by, day_of
from portal import ledger, notify


def follow(row: Reading, version: ModelVersion, *, now: datetime) -> None:
    """Act on a finished reading inside the transaction that records it. The version must be locked."""
    if row.verdict in (ReadingVerdict.ERROR, ReadingVerdict.NOT_COMPUTABLE):
        _tell(row, version, f"{_title(row)} of {version} gave no answer. {_first(row)}", now)
        return
    level = _raised(row)
    if level >= Level.ALERT:
        _alarm(row, version, level, now)
    elif level == Level.WARN:
        _tell(row, version, f"{_title(row)} of {version}, a warning: {_first(row)}", now)


def _raised(row: Reading) -> Level:
    """The highest alarm that this reading raises or keeps up, in its own window or in a later one."""
    day = day_of(row)
    after, before = changed_by(row)
    earlier = {one.day: one.level for one in before}
    newly = [one.level for one in after if one.level > earlier.get(one.day, Level.CALM)]
    own = [one.level for one in after if one.day == day] if row.level else []
    kept = min(max(own, default=Level.CALM), Level(row.level or 0))
    return max((kept, *newly))


def _alarm(row: Reading, version: ModelVersion, level: Level, now: datetime) -> None:
    reference = row.monitor.finding_reference
    severity = _severity(row, level)
    # A finding of a milder alarm does not speak of a graver one: that gets its own, with its own due date.
    known = (
        Finding.objects.filter(
            version=version,
            source=FindingSource.MONITOR,
            source_reference=reference,
            status=FindingStatus.OPEN,
            severity__gte=severity,
        )
        .order_by("opened_at")
        .first()
    )
    if known is None:
        with voiding.watched(version, actor=None):
            findings.add(
                version=version,
                actor=None,
                severity=severity,
                title=f"{_title(row)}: {_first(row)}",
                description="\n".join(str(sentence) for sentence in row.sentences),
                source=FindingSource.MONITOR,
                source_reference=reference,
                owner=version.model.owner,
                due_on=(now + timedelta(days=parse(version.policy.text).rules.due_days(severity))).date(),
                now=now,
            )
    _tell(row, version, f"{_title(row)} of {version}: {_first(row)}", now)
    ledger.record(
        event=Event.MONITOR_BREACHED,
        actor=None,
        subject=version,
        scope=version.scope,
        facts={
            "reading": row.pk,
            "monitor": row.monitor.key,
            "batch": row.batch_id,
            "level": level.in_words,
            "new_finding": known is None,
        },
    )
    if row.monitor.restricts and level >= row.monitor.restricts_from:
        reason = f"{_title(row)} breached its limit. {_first(row)}"
        restricting.impose(version, text=row.monitor.restriction, reason=reason, source_reference=reference, now=now)
    if row.monitor.suspends and level >= row.monitor.suspends_from and version.stage == Stage.MONITORING:
        reason = f"{_title(row)} breached its limit, and the policy suspends on that. {_first(row)} {rollback(version)}"
        workflow.suspend(version_id=version.pk, actor=None, reason=reason, now=now)
    if level == Level.CRITICAL and not _revalidated_for(known):
        trigger, reason = RevalidationTrigger.CRITICAL_ALARM, f"{_title(row)} raised a critical alarm. {_first(row)}"
        revalidating.open_by_trigger(_again(version), trigger, reason=reason, now=now)


def _revalidated_for(known: Finding | None) -> bool:
    """Whether a critical alarm opened a pass already since its finding is open: one alarm opens one."""
    if known is None:
        return False
    passes = Revalidation.objects.filter(version=known.version_id, trigger=RevalidationTrigger.CRITICAL_ALARM)
    return passes.filter(opened_at__gte=known.opened_at).exists()


def _again(version: ModelVersion) -> ModelVersion:
    """The version as it stands after the suspension; it is locked already."""
    return ModelVersion.objects.select_related("model__owner", "policy", "submitted_by", "developer").get(pk=version.pk)


def _severity(row: Reading, level: Level) -> int:
    """What the policy says; one step higher where the level is critical."""
    return min(row.monitor.severity + (level == Level.CRITICAL), Severity.CRITICAL)


def rollback(version: ModelVersion) -> str:
    """Which version can take over, in a sentence; what the attached plan says beyond that is not read."""
    beside = workflow.incumbents(version)
    if beside:
        names = ", ".join(other.number for other in beside)
        return f"Version {names} is deployed beside it and can take over."
    since = version.approved_at or version.created_at
    of_model = ModelVersion.objects.filter(model_id=version.model_id, approved_at__lt=since)
    earlier = of_model.order_by("-approved_at").first()
    if earlier is not None:
        return f"The version approved before it is {earlier.number}; its approval has ended and has to be given again."
    return "No other version of this model was ever approved: fall back to the decision process of the rollback plan."


def _tell(row: Reading, version: ModelVersion, text: str, now: datetime) -> None:
    if alarm_of(row.monitor, now=now).muted is not None:
        return  # findings and suspension follow all the same
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
