"""The record of monitoring: what monitors read on a version since a day, as one canonical document with a digest.

It is evidence of a revalidation. Everything in it stands in the tables; a month without data is named, not left out.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Min, Q
from django.utils import timezone

from approvals import evidence, permissions, refusals
from approvals.canonical import canonical_text
from approvals.events import Event as ApprovalsEvent
from approvals.models import Evidence, EvidenceKind, Finding, ModelVersion, Revalidation, RevalidationOutcome
from approvals.models.checks import RunStatus
from approvals.models.findings import FindingSource
from approvals.models.revalidations import pass_under_way
from approvals.revalidation_rules import months_after
from monitoring import monitors as monitor_kinds
from monitoring import outcome_source_models, references
from monitoring.alarms import Level
from monitoring.models import AlarmNote, Batch, Monitor, OutcomeDelivery, Reading, ReadingVerdict
from monitoring.panels import end_of, title_in_history
from monitoring.silences import Silence, reads_batches
from monitoring.standing import AlarmState, alarms_of, day_of, trajectory_of, with_sources
from portal import ledger
from portal.errors import NotPermitted, Refused

FORMAT = "monitoring-record/1"
ENDED = (RunStatus.FINISHED, RunStatus.CRASHED)
ANEW = (
    "Have the record made anew: a submitter, the owner or a signer of the model does, by “Bring the record up to "
    "date”; whoever signed the earlier one signs again."
)
PARTLY = "not everything known"
"""The level of a month in which a window is calm and another one has no answer."""


def begins(version: ModelVersion, *, before: Revalidation | None = None) -> datetime:
    """From when on a record counts: that on which the approval was renewed last, so that none is between two records.

    Before any renewal it is the approval, or the first window where that lies before it.
    """
    renewed = Revalidation.objects.filter(version=version, outcome=RevalidationOutcome.RENEWED)
    if before is not None:
        renewed = renewed.filter(pk__lt=before.pk)
    last = renewed.first()
    if last is not None and last.decided_at is not None:
        rows = Evidence.objects.filter(version=version, kind=EvidenceKind.MONITORING_RECORD)
        signed = rows.filter(uploaded_at__lte=last.decided_at).order_by("pk").last()
        return last.decided_at if signed is None else signed.uploaded_at
    approved = version.approved_at or version.created_at
    first = Batch.objects.filter(version=version).aggregate(first=Min("window_start"))["first"]
    return approved if first is None else min(approved, datetime.combine(first, time.min, tzinfo=UTC))


def document(version: ModelVersion, *, since: datetime, now: datetime) -> dict[str, Any]:
    """The record as JSON values. Readings count by the last day of their window, those under way not at all.

    What was read since of windows before, because data or outcomes came late, counts, too: no earlier record has it.
    """
    start, end = since.date(), now.date()
    watched_then = Q(end__isnull=True) | Q(end__at__gt=since)
    watched = Monitor.objects.filter(watched_then, version=version).select_related("reference__file", "end")
    monitors = list(watched.order_by("pk"))
    readings: dict[int, list[Reading]] = {row.pk: [] for row in monitors}
    rows = with_sources(Reading.objects.filter(monitor__in=monitors, status__in=ENDED, requested_at__lte=now))
    for row in rows.select_related("batch").defer("charts", "log").order_by("pk"):
        readings[row.monitor_id].append(row)
    replaced = [one for row in monitors for one in _replaced(row, readings[row.pk], since)]
    readings = {key: _deciding(found) for key, found in readings.items()}
    counted = {key: [row for row in found if _counts(row, since)] for key, found in readings.items()}
    alarms = alarms_of([one for one in monitors if end_of(one) is None], now=now)
    for one in monitors:
        if (ended := end_of(one)) is not None:  # as it stood when a renewal ended it
            alarms |= alarms_of([one], now=ended.at)
    silences = {key: state.silence for key, state in alarms.items()}
    late = {f"{day_of(row):%Y-%m}" for found in counted.values() for row in found}
    months = sorted({*_months(start, end), *late})
    return {
        "format": FORMAT,
        "version": {"id": version.pk, "model": version.model.name, "number": version.number},
        "from": start.isoformat(),
        "to": end.isoformat(),
        "made_at": now.isoformat(),
        "batches": _batches(version, since, now),
        "coverage": _coverage(counted, months),
        "monitors": [_monitor(row, counted[row.pk], alarms[row.pk], months) for row in monitors],
        "alarms": [one for row in monitors for one in _alarms(row, readings[row.pk], silences[row.pk], since)],
        "references": references.told(version),
        "outcome_sources": outcome_source_models.told(version, since=since, now=now),
        "corrections": _corrections(version, since, now),
        "replaced": replaced,
        "notes": _notes(version, since, now),
        "findings": _findings(version, since, now),
    }


def _counts(row: Reading, since: datetime) -> bool:
    return day_of(row) >= since.date() or (row.finished_at is not None and row.finished_at >= since)


def _deciding(rows: Iterable[Reading]) -> list[Reading]:
    """Of several readings of one batch, made as outcomes came, the newest that says something; else the newest."""
    found: dict[Any, Reading] = {}
    for row in rows:
        key = row.batch_id or f"clock {row.pk}"
        if key not in found or row.level is not None or found[key].level is None:
            found[key] = row
    return list(found.values())


def _replaced(monitor: Monitor, rows: Iterable[Reading], since: datetime) -> list[dict[str, str]]:
    """Readings that said another level before outcomes of their batch came or were corrected."""
    found: list[dict[str, str]] = []
    before: dict[int, Reading] = {}
    for row in rows:
        if row.batch is None or row.level is None:
            continue
        earlier = before.get(row.batch.pk)
        if earlier is not None and earlier.level != row.level and _counts(row, since):
            was, now = Level(earlier.level or 0).in_words, Level(row.level).in_words
            found.append({"monitor": monitor.key, "batch": row.batch.name, "was": was, "is": now})
        before[row.batch.pk] = row
    return found


def _corrections(version: ModelVersion, since: datetime, now: datetime) -> list[dict[str, Any]]:
    """Deliveries that replaced outcomes: whose, why, and what became of them."""
    rows = OutcomeDelivery.objects.filter(version=version, corrects=True, received_at__gte=since, received_at__lte=now)
    return [
        {
            "name": row.name,
            "sha256": row.file.sha256,
            "reason": row.description,
            "by": ledger.printed_name(row.uploaded_by),
            "token": str(row.token) if row.token else None,
            "at": row.received_at.isoformat(),
            "verdict": row.matching.verdict,
        }
        for row in rows.select_related("file", "uploaded_by", "token", "matching").order_by("pk")
    ]


def _months(first: date, last: date) -> list[str]:
    found, day = [], min(first, last).replace(day=1)
    while day <= last:
        found.append(f"{day:%Y-%m}")
        day = months_after(day, 1)
    return found


def _batches(version: ModelVersion, since: datetime, now: datetime) -> list[dict[str, Any]]:
    rows = Batch.objects.filter(version=version, received_at__lte=now)
    rows = rows.filter(Q(window_end__gte=since.date()) | Q(received_at__gte=since))
    rows = rows.select_related("file", "uploaded_by", "token")
    return [
        {
            "name": row.name,
            "sha256": row.file.sha256,
            "from": row.window_start.isoformat(),
            "to": row.window_end.isoformat(),
            "by": ledger.printed_name(row.uploaded_by),
            "token": str(row.token) if row.token else None,
        }
        for row in rows.order_by("window_end", "pk")
    ]


def _coverage(counted: dict[int, list[Reading]], months: list[str]) -> dict[str, Any]:
    rows = [row for found in counted.values() for row in found]
    known = {f"{day_of(row):%Y-%m}" for row in rows if row.batch_id and row.level is not None}
    verdicts = Counter(row.verdict for row in rows)
    return {
        "months": months,
        "months_with_data": sum(month in known for month in months),
        "months_without_data": [month for month in months if month not in known],
        "readings": len(rows),
        "without_answer": verdicts[ReadingVerdict.ERROR] + verdicts[ReadingVerdict.NOT_COMPUTABLE],
        "waiting_for_labels": verdicts[ReadingVerdict.NO_LABELS],
    }


def _monitor(row: Monitor, counted: list[Reading], state: AlarmState, months: list[str]) -> dict[str, Any]:
    silent = state.silence
    by_month: dict[str, list[Reading]] = {month: [] for month in months}
    for reading in counted:
        by_month.setdefault(f"{day_of(reading):%Y-%m}", []).append(reading)
    kind = monitor_kinds.find(row.key)
    return {
        "monitor": row.key,
        "title": title_in_history(row),
        **({"until": ended.at.isoformat()} if (ended := end_of(row)) is not None else {}),
        "reads": "the clock" if kind is not None and not kind.needs_batch else "batches",
        "thresholds": row.thresholds,
        "warn": row.warn,
        "critical": row.critical,
        "after": row.after,
        "clears_after": row.clears_after,
        "severity": row.get_severity_display(),
        "every_days": row.every_days,
        "reference": row.reference.file.sha256 if row.reference else None,
        "unanswered_after": row.unanswered_after,
        "outcomes_within_days": row.outcomes_within_days,
        "alarm": state.in_words,
        "unanswered": {"windows": [day.isoformat() for day in silent.days], "outcomes_only": silent.of_outcomes},
        "months": [_month(name, of_month) for name, of_month in by_month.items()],
    }


def _month(name: str, readings: list[Reading]) -> dict[str, Any]:
    worst = max((row for row in readings if row.level is not None), key=lambda row: row.level or 0, default=None)
    return {
        "month": name,
        "readings": len(readings),
        "verdicts": dict(sorted(Counter(row.verdict for row in readings).items())),
        "level": _level_of(readings),
        "value": _headline(worst),
    }


def _level_of(readings: list[Reading]) -> str | None:
    """The worst of what was said, in words: calm windows beside one without an answer are not a calm month."""
    said = [(day_of(row), Level(row.level)) for row in readings if row.level is not None]
    if not said:
        return None
    worst = max(level for _, level in said)
    is_open = {day_of(row) for row in readings} - {day for day, _ in said}
    return PARTLY if is_open and worst == Level.CALM else worst.in_words


def _headline(row: Reading | None) -> dict[str, Any] | None:
    found = row.numbers.get("headline") if row is not None else None
    return {name: found[name] for name in ("name", "value", "limit")} if found else None


def _alarms(row: Monitor, readings: list[Reading], silent: Silence, since: datetime) -> list[dict[str, str]]:
    """Every change of the alarm's level, in the order of windows; last that nothing is known of the newest ones."""
    found, before = [], Level.CALM
    counted = {day_of(one) for one in readings if _counts(one, since)}
    if not reads_batches(row):  # a batch that came ended the alarm of the clock: each missed window is one of its own
        missed = [(day_of(one).isoformat(), Level(one.level)) for one in readings if one.level and _counts(one, since)]
        return [{"monitor": row.key, "on": day, "level": level.in_words} for day, level in missed]
    for standing in trajectory_of(row, readings):
        if standing.level != before and (standing.day >= since.date() or standing.day in counted):
            found.append({"monitor": row.key, "on": standing.day.isoformat(), "level": standing.level.in_words})
        before = standing.level
    if silent.raised_on is not None:
        level = f"{Level.ALERT.in_words}: {silent.how_long}"
        found.append({"monitor": row.key, "on": silent.raised_on.isoformat(), "level": level})
    return found


def _notes(version: ModelVersion, since: datetime, now: datetime) -> list[dict[str, Any]]:
    rows = AlarmNote.objects.filter(monitor__version=version, at__gte=since, at__lte=now)
    return [
        {
            "monitor": row.monitor.key,
            "kind": row.kind,
            "reason": row.reason,
            "until": row.until.isoformat() if row.until else None,
            "incident": row.incident,
            "by": ledger.printed_name(row.by),
            "at": row.at.isoformat(),
        }
        for row in rows.select_related("monitor", "by").order_by("pk")
    ]


def _findings(version: ModelVersion, since: datetime, now: datetime) -> list[dict[str, str]]:
    rows = Finding.objects.filter(
        version=version, source=FindingSource.MONITOR, opened_at__gte=since, opened_at__lte=now
    )
    return [
        {
            "title": row.title,
            "severity": row.get_severity_display(),
            "status": row.status,
            "opened_at": row.opened_at.isoformat(),
            "due_on": row.due_on.isoformat(),
        }
        for row in rows.order_by("pk")
    ]


def when_revalidation_opened(*, version: ModelVersion, revalidation: Revalidation, now: datetime, **_: Any) -> None:
    """Add the record to a pass that opens, inside its transaction."""
    attach(version, revalidation=revalidation, now=now)


def when_record_wanted(*, version: ModelVersion, now: datetime, **_: Any) -> None:
    """Make the record as it stands, inside the transaction of whoever needs it. The version must be locked."""
    attach(version, revalidation=pass_under_way(version), now=now)


def when_renewal_examined(*, version: ModelVersion, now: datetime, **_: Any) -> str:
    """What speaks against a renewal: an alarm worse than in the record that was signed, or less known than it says."""
    monitors = list(Monitor.in_force.filter(version=version).order_by("pk"))
    if not monitors:
        return ""
    row = evidence.current(version, EvidenceKind.MONITORING_RECORD)
    try:
        told = json.loads(row.file.path.read_text("utf-8"))["monitors"] if row is not None else []
        then = {one["monitor"]: one["alarm"] for one in told if "until" not in one}
    except (OSError, ValueError, KeyError):
        return f"The record of monitoring cannot be read. {ANEW}"
    levels = {level.in_words: level for level in Level}
    alarms = alarms_of(monitors, now=now)
    worse = [one for one in monitors if alarms[one.pk].level > levels.get(then.get(one.key) or "", Level.CALM)]
    if worse:
        names = ", ".join(f"{monitor_kinds.title_of(one.key)} ({alarms[one.pk].level.in_words})" for one in worse)
        return f"The record that was signed does not tell of this alarm: {names}. {ANEW}"
    unknown = [one for one in monitors if then.get(one.key) is not None and alarms[one.pk].in_words is None]
    if unknown:
        why = "; ".join(f"{monitor_kinds.title_of(one.key)} {alarms[one.pk].why_not_known}" for one in unknown)
        return f"The record that was signed tells more than is known now: {why}. {ANEW}"
    return ""


def attach(version: ModelVersion, *, revalidation: Revalidation | None, now: datetime) -> Evidence:
    """Make the record and attach it as evidence. It is nobody's contribution: it stands under the submitter's name."""
    since = begins(version, before=revalidation)
    text = canonical_text(document(version, since=since, now=now))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        path.write_text(text, encoding="utf-8")
        return evidence.attach_generated(
            version=version,
            kind=EvidenceKind.MONITORING_RECORD,
            path=path,
            name=f"monitoring-record-{now:%Y-%m-%d}.json",
            media_type="application/json",
            actor=version.submitted_by,
            now=now,
            details={"made_by": "the portal", "revalidation": revalidation.pk if revalidation else None},
        )


def make_anew(*, version_id: int, actor: User, now: datetime | None = None) -> Evidence:
    """Bring the record of the pass under way up to date. Whoever signed it before signs again, if it says more now."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act="make the record")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if not (permissions.may_move(actor, version.model) or permissions.roles_of(actor, version.model)):
            raise NotPermitted("Only submitters, the owner and signers of this model have its record made anew.")
        under_way = pass_under_way(version)
        if under_way is None:
            raise Refused("No revalidation is under way; its record is made when it opens.")
        return attach(version, revalidation=under_way, now=now)
