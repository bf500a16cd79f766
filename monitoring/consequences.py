"""What follows from a reading: a finding once, notices, and where the policy says so restriction or suspension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from approvals import findings, permissions, restricting, revalidating, telling, voiding, workflow
from approvals.models import Finding, ModelVersion, Revalidation, RevalidationTrigger
from approvals.models.findings import FindingSource, FindingStatus, Severity
from approvals.policy_document import parse
from approvals.stages import Role, Stage
from monitoring import monitors, rereading, staleness
from monitoring.alarms import Level
from monitoring.events import Event
from monitoring.models import Monitor, Reading, Trouble
from monitoring.silences import NO_ANSWER, Silence, silences_of
from monitoring.standing import alarm_of, changed_by, day_of
from portal import ledger, notify

CRITICAL_SUFFIX = ":critical"
CLOSED_FOR = timedelta(days=1)
"""So long a finding may be closed while its cause stands; then another is opened."""
DEPLOYED = (Stage.MONITORING, Stage.SUSPENDED)


@dataclass(frozen=True)
class Alarm:
    """An alarm that was raised or is kept up: of which monitor, how bad, why, and how its finding names its source.

    `day` is the last one of the window that raised it.
    """

    monitor: Monitor
    level: Level
    sentences: tuple[str, ...]
    reference: str
    link: str
    event: Event
    facts: Mapping[str, Any]
    day: date | None = None

    @property
    def first(self) -> str:
        """The reason in one sentence."""
        return self.sentences[0] if self.sentences else "No reason was recorded."


def follow(row: Reading, version: ModelVersion, *, now: datetime) -> None:
    """Act on a finished reading inside the transaction that records it. The version must be locked.

    Of a version that was retired meanwhile the reading is kept, and nothing follows.
    """
    if version.stage not in DEPLOYED:
        return
    alarm = _of_reading(row, Level.CALM)
    if row.level is None:
        acted = follow_silence(row.monitor, version, now=now)
        if row.trouble == Trouble.DENIED:
            _tell_administrators(row, version)
        if not acted and row.verdict in NO_ANSWER and rereading.is_news(row):
            _tell(
                alarm, version, f"{monitors.title_of(row.monitor.key)} of {version} gave no answer. {alarm.first}", now
            )
        return
    level = _raised(row)
    if level >= Level.ALERT:
        _act(_of_reading(row, level), version, now)
    elif level == Level.WARN:
        _tell(alarm, version, f"{monitors.title_of(row.monitor.key)} of {version}, a warning: {alarm.first}", now)


def _tell_administrators(row: Reading, version: ModelVersion) -> None:
    """Only they can correct the account of a connection: once for a batch and what is wrong."""
    same = Reading.objects.filter(batch=row.batch, trouble=Trouble.DENIED, sentences=row.sentences)
    if not same.exclude(pk=row.pk).exists():
        text = f"A batch of {version} cannot be read. {row.sentences[0]}"
        notify.tell_administrators(event=Event.CONNECTION_DENIED, text=text, link=row.get_absolute_url())


def follow_silence(monitor: Monitor, version: ModelVersion, *, now: datetime) -> bool:
    """Act where a monitor gave no answer on too many windows in a row: once for a stretch. Gives whether it did.

    The version must be locked. A finding of it that was closed is followed by another when one more window has none,
    and after a day.
    """
    found = silences_of([monitor], now=now)[monitor.pk]
    if not found.is_alarm or version.stage not in DEPLOYED:
        return False
    prefix = f"{monitor.finding_reference}:unanswered:"
    told = {
        row: date.fromisoformat(row.source_reference.removeprefix(prefix))
        for row in Finding.objects.filter(version=version, source_reference__startswith=prefix).order_by("pk")
    }
    of_this = [row for row, day in told.items() if day >= found.days[0]]
    open_one = next((row for row in of_this if row.status == FindingStatus.OPEN), None)
    if open_one is not None:
        goes_on = _no_answer_since(monitor, found, version.stage_entered_at)
        if not _ends_a_reinstatement(monitor, version, open_one, now=now, goes_on=goes_on):
            return False
    elif of_this and not _is_over(of_this[-1], now):
        closed_at = of_this[-1].closed_at
        if not (_no_answer_since(monitor, found, closed_at) if closed_at else told[of_this[-1]] < found.days[-1]):
            return False
    alarm = Alarm(
        monitor=monitor,
        level=Level.ALERT,
        sentences=(found.in_words,),
        reference=open_one.source_reference if open_one else f"{prefix}{found.days[-1].isoformat()}",
        link=f"/monitoring/monitor/{monitor.pk}/change/",
        event=Event.MONITOR_UNANSWERED,
        facts={"windows": len(found.days), "from": found.days[0].isoformat(), "to": found.days[-1].isoformat()},
    )
    _act(alarm, version, now)
    return True


def _no_answer_since(monitor: Monitor, found: Silence, moment: datetime) -> bool:
    """Whether one more window of the stretch was read without an answer."""
    rows = Reading.objects.filter(monitor=monitor, level=None, verdict__in=NO_ANSWER, finished_at__gt=moment, retry=0)
    return rows.filter(batch__window_end__gte=found.days[0]).exists()


def follow_missing_data(monitor: Monitor, version: ModelVersion, *, now: datetime) -> bool:
    """Act again where a batch is overdue and what was done about it is over. The version must be locked.

    The reading that said it first has its consequences already; it is read once for a window that is missed. One that
    ended in an error had none.
    """
    since = staleness.overdue_since(monitor)
    row = Reading.objects.filter(monitor=monitor, overdue_since=since).exclude(level=Level.CALM).first()
    if row is None or row.finished_at is None or version.stage != Stage.MONITORING:
        return False
    rows = Finding.objects.filter(version=version, source_reference=monitor.finding_reference).order_by("pk")
    open_one = rows.filter(status=FindingStatus.OPEN).last()
    if open_one is not None:
        if not _ends_a_reinstatement(monitor, version, open_one, now=now, goes_on=False):
            return False
    elif (last := rows.last()) is not None and not _is_over(last, now):
        return False
    days = monitor.every_days + max(1, (now - since).days)
    sentence = (
        f"No batch covers the last {days:,} days, and one is expected at least every {monitor.every_days:,} days."
    )
    facts = {"reading": row.pk, "batch": None}
    link, reference = row.get_absolute_url(), monitor.finding_reference
    _act(Alarm(monitor, Level.ALERT, (sentence,), reference, link, Event.MONITOR_BREACHED, facts), version, now)
    return True


def _is_over(finding: Finding, now: datetime) -> bool:
    """Whether a finding was closed a day ago, or accepted until a day that is over, though its cause stands."""
    if finding.status == FindingStatus.CLOSED:
        return finding.closed_at is not None and finding.closed_at <= now - CLOSED_FOR
    return finding.accepted_until is not None and finding.accepted_until < now.date()


def _ends_a_reinstatement(
    monitor: Monitor, version: ModelVersion, finding: Finding, *, now: datetime, goes_on: bool
) -> bool:
    """Whether an approval that was reinstated beside an open finding is suspended again: its cause goes on."""
    suspends = monitor.suspends and monitor.suspends_from <= Level.ALERT and version.stage == Stage.MONITORING
    if not suspends or version.stage_entered_at <= finding.opened_at:
        return False
    return goes_on or version.stage_entered_at + timedelta(days=monitor.every_days) <= now


def _of_reading(row: Reading, level: Level) -> Alarm:
    reference = row.monitor.finding_reference
    return Alarm(
        monitor=row.monitor,
        level=level,
        sentences=tuple(map(str, row.sentences)),
        reference=f"{reference}{CRITICAL_SUFFIX}" if level == Level.CRITICAL else reference,
        link=row.get_absolute_url(),
        event=Event.MONITOR_BREACHED,
        facts={"reading": row.pk, "batch": row.batch_id},
        day=day_of(row),
    )


def _raised(row: Reading) -> Level:
    """The highest alarm that this reading raises or keeps up, in its own window or in a later one."""
    day = day_of(row)
    after, before = changed_by(row)
    earlier = {one.day: one.level for one in before}
    newly = [one.level for one in after if one.level > earlier.get(one.day, Level.CALM)]
    own = [one.level for one in after if one.day == day] if row.level else []
    kept = min(max(own, default=Level.CALM), Level(row.level or 0))
    return max((kept, *newly))


def _act(alarm: Alarm, version: ModelVersion, now: datetime) -> None:
    monitor, level = alarm.monitor, alarm.level
    title = monitors.title_of(monitor.key)
    severity = _severity(monitor, level)
    known = _known(alarm, version, severity)
    if known is None:
        with voiding.watched(version, actor=None):
            findings.add(
                version=version,
                actor=None,
                severity=severity,
                title=f"{title}: {alarm.first}",
                description="\n".join(alarm.sentences),
                source=FindingSource.MONITOR,
                source_reference=alarm.reference,
                owner=version.model.owner,
                due_on=(now + timedelta(days=parse(version.policy.text).rules.due_days(severity))).date(),
                now=now,
            )
    _tell(alarm, version, f"{title} of {version}: {alarm.first}", now)
    ledger.record(
        event=alarm.event,
        actor=None,
        subject=version,
        scope=version.scope,
        facts={**alarm.facts, "monitor": monitor.key, "level": level.in_words, "new_finding": known is None},
    )
    what = "gave no answer" if alarm.event == Event.MONITOR_UNANSWERED else "breached its limit"
    if monitor.restricts and level >= monitor.restricts_from:
        reason = f"{title} {what}. {alarm.first}"
        source = monitor.finding_reference
        restricting.impose(version, text=monitor.restriction, reason=reason, source_reference=source, now=now)
    if monitor.suspends and level >= monitor.suspends_from and version.stage == Stage.MONITORING:
        reason = f"{title} {what}, and the policy suspends on that. {alarm.first} {rollback(version)}"
        workflow.suspend(version_id=version.pk, actor=None, reason=reason, now=now)
    if level == Level.CRITICAL and not _revalidated_for(known):
        trigger, reason = (
            RevalidationTrigger.CRITICAL_ALARM,
            f"{title} raised a critical alarm. {alarm.first}",
        )
        revalidating.open_by_trigger(_again(version), trigger, reason=reason, now=now)


def _known(alarm: Alarm, version: ModelVersion, severity: int) -> Finding | None:
    """The open finding that speaks of this alarm already.

    That of a milder alarm does not speak of a graver one, however severe the policy calls both: that gets its own, with
    its own due date.
    """
    milder = alarm.monitor.finding_reference
    named = {alarm.reference, f"{milder}{CRITICAL_SUFFIX}"} if alarm.reference == milder else {alarm.reference}
    rows = Finding.objects.filter(
        version=version,
        source=FindingSource.MONITOR,
        source_reference__in=named,
        status=FindingStatus.OPEN,
        severity__gte=severity,
    )
    return rows.order_by("opened_at").first()


def _revalidated_for(known: Finding | None) -> bool:
    """Whether a critical alarm opened a pass already since its finding is open: one alarm opens one."""
    if known is None:
        return False
    passes = Revalidation.objects.filter(version=known.version_id, trigger=RevalidationTrigger.CRITICAL_ALARM)
    return passes.filter(opened_at__gte=known.opened_at).exists()


def _again(version: ModelVersion) -> ModelVersion:
    """The version as it stands after the suspension; it is locked already."""
    return ModelVersion.objects.select_related("model__owner", "policy", "submitted_by", "developer").get(pk=version.pk)


def _severity(monitor: Monitor, level: Level) -> int:
    """What the policy says; one step higher where the level is critical."""
    return min(monitor.severity + (level == Level.CRITICAL), Severity.CRITICAL)


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


def _tell(alarm: Alarm, version: ModelVersion, text: str, now: datetime) -> None:
    if _is_muted(alarm, now):
        return  # findings and suspension follow all the same
    telling.tell(version, told_of(version), event=alarm.event, text=text, link=alarm.link, asks_for_act=True)


def _is_muted(alarm: Alarm, now: datetime) -> bool:
    """Whether a mute covers it: of what is critical only the alarm that was muted as critical, no other window."""
    state = alarm_of(alarm.monitor, now=now)
    if state.muted is None or alarm.level < Level.CRITICAL:
        return state.muted is not None
    if alarm.day is None or state.since is None or state.through is None or state.level < Level.CRITICAL:
        return False
    return state.since <= alarm.day <= state.through


def told_of(version: ModelVersion) -> set[User]:
    """Who hears of alarms: the owner, the submitter and the risk officers. telling.py says who does where all left."""
    officers = permissions.people_with(permissions.permission_for(Role.RISK_OFFICER), version.model)
    return {version.model.owner, version.submitted_by, *officers}
