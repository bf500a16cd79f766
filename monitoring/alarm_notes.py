"""Use cases on an alarm: acknowledge it, mute its notices until a day, link it to an incident. None of them ends it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import permissions, refusals
from approvals.events import Event as ApprovalsEvent
from approvals.models import ModelVersion
from approvals.stages import Role
from monitoring.alarms import Level
from monitoring.batches import DEPLOYED
from monitoring.events import Event
from monitoring.models import AlarmNote, AlarmNoteKind, Monitor, MonitorEnd
from monitoring.standing import alarm_of
from portal import ledger
from portal.errors import BadInput, NotPermitted, Refused
from portal.texts import require_reason, require_storable

LONGEST_MUTE = timedelta(days=90)


def may_note(user: User, version: ModelVersion) -> bool:
    """Whether the person may speak about alarms: the owner, a submitter, IT operations, or a risk officer."""
    roles = set(permissions.roles_of(user, version.model))
    return permissions.may_move(user, version.model) or bool({Role.IT_OPERATIONS, Role.RISK_OFFICER} & roles)


def may_mute(user: User, version: ModelVersion) -> bool:
    """Whether the person may silence notices: the owner or a risk officer, not who submitted the version."""
    officer = Role.RISK_OFFICER in permissions.roles_of(user, version.model)
    return (officer or user.pk == version.model.owner_id) and user.pk != version.submitted_by_id


def acknowledge(*, monitor_id: int, actor: User, reason: str, now: datetime | None = None) -> AlarmNote:
    """Say that somebody has seen the alarm and what is done. Raises Refused where there is none."""
    return _note(monitor_id, actor, AlarmNoteKind.ACKNOWLEDGED, reason, now=now)


def link_incident(
    *, monitor_id: int, actor: User, incident: str, reason: str, now: datetime | None = None
) -> AlarmNote:
    """Name the incident that the alarm belongs to. Raises Refused where there is no alarm."""
    if not incident.strip():
        raise BadInput("Name the incident: its number or address.", field="incident")
    require_storable(incident, field="incident")
    return _note(monitor_id, actor, AlarmNoteKind.INCIDENT, reason, incident=incident.strip()[:200], now=now)


def mute(*, monitor_id: int, actor: User, reason: str, until: date, now: datetime | None = None) -> AlarmNote:
    """Send no notices of this monitor through that day. Findings and suspension follow all the same.

    An alarm that becomes critical later is told of: only one that is critical already is muted as such.
    """
    moment = now or timezone.now()
    if not moment.date() <= until <= moment.date() + LONGEST_MUTE:
        raise BadInput(f"The last day is today or within {LONGEST_MUTE.days} days.", field="until")
    return _note(monitor_id, actor, AlarmNoteKind.MUTED, reason, until=until, now=moment)


def _note(
    monitor_id: int,
    actor: User,
    kind: AlarmNoteKind,
    reason: str,
    *,
    incident: str = "",
    until: date | None = None,
    now: datetime | None = None,
) -> AlarmNote:
    now = now or timezone.now()
    monitor = Monitor.objects.select_related("version__model__owner").get(pk=monitor_id)
    version = monitor.version
    act = f"{kind.label.lower()} alarm"
    recorded = refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act=act)
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version.pk)
        alarm = alarm_of(monitor, now=now)
        level = alarm.level
        _require(kind, monitor, version, actor, level)
        require_reason(reason)
        row = AlarmNote.objects.create(
            monitor=monitor,
            kind=kind,
            reason=reason.strip(),
            incident=incident,
            level=level,
            alarm_through=alarm.through,
            until=until,
            by=actor,
            at=now,
        )
        ledger.record(
            event=Event.ALARM_NOTED,
            actor=actor,
            subject=version,
            scope=version.scope,
            facts={
                "note": row.pk,
                "monitor": monitor.key,
                "kind": kind.value,
                "level": level.in_words,
                "reason": row.reason,
                "incident": incident,
                "until": until.isoformat() if until else "",
            },
        )
    return row


def why_not_note(kind: AlarmNoteKind, user: User, version: ModelVersion) -> str:
    """Why the person may not answer an alarm in this way; empty if they may."""
    if kind == AlarmNoteKind.MUTED:
        allowed = may_mute(user, version)
        return "" if allowed else "Only the owner or a risk officer, not the submitter, mutes a monitor of this model."
    allowed = may_note(user, version)
    return "" if allowed else "Only who owns, submits, runs or oversees this model speaks about its alarms."


def _require(kind: AlarmNoteKind, monitor: Monitor, version: ModelVersion, actor: User, level: Level) -> None:
    if sentence := why_not_note(kind, actor, version):
        raise NotPermitted(sentence)
    _require_watched(monitor, version)
    if kind != AlarmNoteKind.MUTED and level == Level.CALM:
        raise Refused("This monitor has raised no alarm, so there is nothing to answer.")


def _require_watched(monitor: Monitor, version: ModelVersion) -> None:
    if version.stage not in DEPLOYED:
        raise Refused(f"The version is {version.get_stage_display().lower()}: nothing is watched any more.")
    end = MonitorEnd.objects.filter(monitor=monitor).select_related("policy").first()
    if end is not None:
        raise Refused(f"This monitor {end.in_words}; its findings are closed on their pages.")
