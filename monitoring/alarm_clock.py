"""What the clock alone brings about: outcomes that did not come in time, causes that stand, and mutes that ended.

Told once each.
"""

from __future__ import annotations

import json
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from approvals import telling
from approvals.models import ModelVersion
from approvals.stages import Stage
from monitoring import monitors
from monitoring.alarms import Level
from monitoring.consequences import follow_missing_data, follow_silence, told_of
from monitoring.events import Event
from monitoring.models import AlarmNote, AlarmNoteKind, Monitor
from monitoring.silences import reads_batches, silences_of
from monitoring.staleness import overdue_since
from monitoring.standing import alarm_of
from portal import ledger
from portal.models import LedgerEntry


def look(*, now: datetime | None = None) -> int:
    """Act on what is due; gives how many acts. Two callers do everything once."""
    now = now or timezone.now()
    return sum(_silences(now)) + sum(_missing_data(now)) + sum(_mutes(now))


def _silences(now: datetime) -> list[bool]:
    watched = list(Monitor.in_force.filter(version__stage=Stage.MONITORING).select_related("version").order_by("pk"))
    found = silences_of(watched, now=now)
    return [_silence(row, now) for row in watched if found[row.pk].is_alarm]


def _silence(row: Monitor, now: datetime) -> bool:
    with transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=row.version_id)
        return row.watches(version) and follow_silence(row, version, now=now)


def _missing_data(now: datetime) -> list[bool]:
    watched = Monitor.in_force.filter(version__stage=Stage.MONITORING).select_related("version").order_by("pk")
    return [_missing(row, now) for row in watched if not reads_batches(row) and overdue_since(row) <= now]


def _missing(row: Monitor, now: datetime) -> bool:
    with transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=row.version_id)
        return row.watches(version) and follow_missing_data(row, version, now=now)


def _mutes(now: datetime) -> list[bool]:
    """Of each monitor the newest mute, if its last day is over and that was not told."""
    newest: dict[int, AlarmNote] = {}
    rows = AlarmNote.objects.filter(
        kind=AlarmNoteKind.MUTED, monitor__version__stage=Stage.MONITORING, monitor__end__isnull=True
    )
    for row in rows.select_related("monitor", "by").order_by("pk"):
        newest[row.monitor_id] = row
    over = [row for row in newest.values() if row.until is not None and row.until < now.date()]
    return [_mute_ended(row, now) for row in over]


def _mute_ended(row: AlarmNote, now: datetime) -> bool:
    with transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=row.monitor.version_id)
        if _is_told(row, version):
            return False
        state = alarm_of(row.monitor, now=now)
        stands = f"The alarm stands: {state.level.in_words}." if state.level > Level.CALM else "No alarm stands now."
        if state.in_words is None:
            stands += f" Not everything is known: it {state.why_not_known or 'had no reading that says it'}."
        telling.tell(
            version,
            {row.by, *told_of(version)},
            event=Event.MUTE_ENDED,
            text=f"The mute of {monitors.title_of(row.monitor.key)} of {version} ended on {row.until:%d %b %Y}; "
            f"notices are sent again. {stands}",
            link=f"/monitoring/monitor/{row.monitor_id}/change/",
            asks_for_act=state.level >= Level.ALERT,
        )
        ledger.record(
            event=Event.MUTE_ENDED,
            actor=None,
            subject=version,
            scope=version.scope,
            facts={"note": row.pk, "monitor": row.monitor.key, "until": str(row.until), "level": state.level.in_words},
        )
    return True


def _is_told(row: AlarmNote, version: ModelVersion) -> bool:
    entries = LedgerEntry.objects.filter(
        event=Event.MUTE_ENDED, object_type="approvals.modelversion", object_id=str(version.pk)
    )
    return any(json.loads(text)["facts"]["note"] == row.pk for text in entries.values_list("payload", flat=True))
