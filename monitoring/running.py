"""Carries out one queued reading: claim, measure in the sandbox, draw, judge, record, and act on a breach.

A lease with a fencing token makes it happen once, whatever dies. Unknown is never ok.
"""

from __future__ import annotations

import platform
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version as library_version
from typing import Any

from django.db import transaction
from django.utils import timezone

from approvals import kept_results
from approvals.canonical import digest
from approvals.charts import drawn
from approvals.checks._readings import reading_as_json
from approvals.checks.base import ParameterError, build
from approvals.checks.base import Reading as Measured
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from approvals.sandbox import ABOUT_INPUTS, DENIED, UNREACHABLE, SandboxError
from monitoring import batch_facts, consequences, inputs, leases, monitors, rereading, standing
from monitoring.batches import READ_TASK, is_a_relation
from monitoring.events import Event
from monitoring.models import Reading, ReadingVerdict, Trouble
from monitoring.monitors.base import MonitorKind
from portal import hints, ledger
from portal.texts import storable

ATTEMPTS = leases.ATTEMPTS
LIBRARIES = ("duckdb", "numpy", "scipy")
TROUBLES = {UNREACHABLE: Trouble.UNREACHABLE, DENIED: Trouble.DENIED}
UNMEASURABLE = dict.fromkeys(ABOUT_INPUTS, ReadingVerdict.NOT_COMPUTABLE)


@dataclass(frozen=True)
class Result:
    """What a reading says."""

    verdict: str
    sentences: tuple[str, ...]
    numbers: dict[str, Any] = field(default_factory=dict)
    charts: list[dict[str, str]] = field(default_factory=list)
    log: str = ""
    level: int | None = None
    rows: int | None = None
    trouble: str = ""


def execute(reading_id: int) -> bool:
    """Carry out a reading if it is free; gives whether this call recorded its result."""
    asked = Reading.objects.select_related("monitor", "batch").filter(pk=reading_id).first()
    if asked is None or batch_facts.waits_for_earlier(asked):
        return False
    token = claim(reading_id, now=timezone.now())
    if token is None:
        return False
    needed = ("monitor__version__model", "monitor__reference__file", "reference__file", "batch__file")
    row = Reading.objects.select_related(*needed).get(pk=reading_id)
    kind = monitors.find(row.monitor.key)
    if kind is None:
        sentence = f"This portal has no monitor “{row.monitor.key}”."
        return finish(row.pk, token, result=Result(ReadingVerdict.ERROR, (sentence,)), now=timezone.now())
    kept = kept_results.kept_for(_kept_name(row.pk), _looked_at(row, kind))
    try:
        result = _judged(
            row, token, kind, leases.measure(row, token, check=kind, job=inputs.of_reading(row, kind), kept=kept)
        )
    except SandboxError as failure:
        if failure.kind == "stopped":
            return False
        if failure.kind == "time" and kept.moved_at_all() and _put_back(row.pk, token, now=timezone.now()):
            return False
        result = _without_answer(row, failure)
    except ParameterError as failure:
        result = Result(ReadingVerdict.ERROR, (failure.sentence,))
    taken = finish(row.pk, token, result=result, now=timezone.now())
    if taken:
        kept_results.forget(_kept_name(row.pk))
    return taken


def _without_answer(row: Reading, failure: SandboxError) -> Result:
    """What failed, and whether and when it is tried again; nothing where it is the batch that cannot be measured."""
    verdict, log = UNMEASURABLE.get(failure.kind, ReadingVerdict.ERROR), "\n".join(failure.log)
    trouble = TROUBLES.get(failure.kind) or (Trouble.FAILED if verdict == ReadingVerdict.ERROR else None)
    if trouble is None:
        return Result(verdict, (failure.sentence,), log=log)
    return Result(verdict, (failure.sentence, rereading.in_words(trouble, row.retry)), log=log, trouble=trouble)


def _kept_name(reading_id: int) -> str:
    return f"reading-{reading_id}"


def _looked_at(row: Reading, kind: type[MonitorKind]) -> list[Any]:
    files = [piece.file.sha256 if piece else "" for piece in (row.compared_with, row.batch)]
    levels = [row.monitor.thresholds, row.monitor.warn, row.monitor.critical]
    asked = [row.monitor.parameters, *levels]
    return [row.monitor.key, kind.version, *asked, files, row.outcomes_digest, inputs.SEED]


def _put_back(reading_id: int, token: uuid.UUID, *, now: datetime) -> bool:
    """Let a reading that ran out of time go on in a new attempt; False if it took too long already."""
    with transaction.atomic():
        mine = Reading.objects.filter(
            pk=reading_id, token=token, status=RunStatus.RUNNING, requested_at__gt=now - kept_results.LONGEST_RUN
        )
        queued = mine.update(
            status=RunStatus.QUEUED, token=None, lease_until=None, attempt=0, heartbeat_at=now, hinted_at=now
        )
        if queued:
            hints.send_after_commit(READ_TASK, reading_id)
    return bool(queued)


def claim(reading_id: int, *, now: datetime) -> uuid.UUID | None:
    """Take the lease of a queued reading, or of one whose holder went silent. None: nothing to do."""
    return leases.claim(Reading, reading_id, now=now)


def _judged(row: Reading, token: uuid.UUID, kind: type[MonitorKind], measured: Measured) -> Result:
    monitor = kind()
    thresholds = build(kind.Thresholds, row.monitor.thresholds, owner=kind.title)
    grade = monitor.graded(
        measured,
        monitor.judge(measured, thresholds),
        warn=_limits(kind, row.monitor.warn),
        critical=_limits(kind, row.monitor.critical),
    )
    judgement, headline = grade.judgement, monitor.headline(measured, thresholds)
    numbers = reading_as_json(measured, with_log=False)
    numbers["looked_at"] = [*numbers["looked_at"], *_outcomes_in_words(row)]
    numbers["headline"] = headline.as_json() if headline else None
    numbers["failed_measures"] = [measure.as_json() for measure in judgement.failed_measures]
    charts, problems = drawn(
        measured.charts, still_wanted=lambda: leases.renew(Reading, row.pk, token, now=timezone.now())
    )
    log = "\n".join((*measured.log, *problems))
    level = None if grade.level is None else int(grade.level)
    rows = monitor.sample_rows(measured, thresholds)
    return Result(judgement.verdict, judgement.sentences, numbers, charts, log, level, rows)


def _outcomes_in_words(row: Reading) -> list[str]:
    found = [
        f"Outcomes of “{entry['name']}”{' as a correction' if entry['corrects'] else ''}, SHA-256 {entry['sha256']}, "
        "joined by key."
        for entry in row.outcomes
    ]
    if found and row.batch is not None and is_a_relation(row.batch):
        found.append(
            "For that the columns that are needed were copied out of the state that was measured, and deleted."
        )
    return found


def _limits(kind: type[MonitorKind], given: dict[str, Any]) -> Any:
    return build(kind.Thresholds, given, owner=kind.title) if given else None


def finish(reading_id: int, token: uuid.UUID, *, result: Result, now: datetime) -> bool:
    """Record a result once, with what follows from it. A late result is refused and recorded as such."""
    result = Result(**storable(vars(result)))
    with transaction.atomic():
        version, row = _mine(reading_id)
        if row.token != token or row.status != RunStatus.RUNNING:
            _record(Event.READING_RESULT_REFUSED, row, version, verdict=result.verdict)
            return False
        row.status, row.verdict, row.sentences = RunStatus.FINISHED, result.verdict, list(result.sentences)
        row.level, row.rows, row.trouble = result.level, result.rows, result.trouble
        row.numbers, row.numbers_digest = result.numbers, digest(result.numbers)
        row.charts, row.log = result.charts, result.log[:100_000]
        row.engine = {"python": platform.python_version(), **{name: library_version(name) for name in LIBRARIES}}
        row.progress, row.progress_text, row.finished_at, row.token = 100, "", now, None
        row.save()
        _record(Event.READING_FINISHED, row, version, verdict=row.verdict, numbers=row.numbers_digest)
        if not standing.superseded(row):
            consequences.follow(row, version, now=now)
        _hint_at_next(row)
    return True


def _hint_at_next(row: Reading) -> None:
    if (waited := batch_facts.next_that_waited(row)) is not None:
        hints.send_after_commit(READ_TASK, waited)


def sweep(*, now: datetime | None = None) -> tuple[int, ...]:
    """Ids of readings that wait too long or lost their worker, to be hinted again; exhausted ones become errors."""
    now = now or timezone.now()
    for reading_id in leases.silent(Reading, now=now):
        _give_up(reading_id, now)
    return leases.waiting(Reading, now=now)


def _give_up(reading_id: int, now: datetime) -> None:
    with transaction.atomic():
        version, row = _mine(reading_id)
        if not leases.is_lost(row, now=now):
            return
        row.status, row.verdict, row.token, row.finished_at = RunStatus.CRASHED, ReadingVerdict.ERROR, None, now
        row.sentences = [f"The worker died on each of {row.attempt} attempts; nothing is known about this batch."]
        if row.batch_id is not None:
            row.trouble, again = Trouble.FAILED, rereading.in_words(Trouble.FAILED, row.retry)
            row.sentences = [*row.sentences, again]
        row.save()
        _record(Event.READING_FINISHED, row, version, verdict="crashed")
        consequences.follow(row, version, now=now)
        _hint_at_next(row)


def _mine(reading_id: int) -> tuple[ModelVersion, Reading]:
    """The version, locked first as everywhere, and the reading, locked too."""
    version_id = Reading.objects.values_list("monitor__version_id", flat=True).get(pk=reading_id)
    version = ModelVersion.objects.locked().get(pk=version_id)
    row = Reading.objects.select_for_update(of=("self",)).select_related("monitor", "batch").get(pk=reading_id)
    return version, row


def _record(event: Event, row: Reading, version: ModelVersion, **facts: str) -> None:
    ledger.record(
        event=event,
        actor=None,
        subject=version,
        scope=version.scope,
        facts={"reading": row.pk, "monitor": row.monitor.key, "batch": row.batch_id, **facts},
    )
