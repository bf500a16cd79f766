"""Carries out one queued reading: claim, measure in the sandbox, draw, judge, record, and act on a breach.

A lease with a fencing token makes it happen once, whatever dies. Unknown is never ok.
"""

from __future__ import annotations

import platform
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from approvals import kept_results, referring
from approvals.canonical import digest
from approvals.charts import drawn
from approvals.checks._readings import reading_as_json
from approvals.checks.base import Input, ParameterError, build
from approvals.checks.base import Reading as Measured
from approvals.kept_results import KeptResults
from approvals.measures.reading import TableError
from approvals.measures.references import Referenced
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from approvals.sandbox import JobDescription, Limits, SandboxError, Seldom, measure_in_child
from monitoring import batch_facts, consequences, monitors
from monitoring.batches import READ_TASK
from monitoring.events import Event
from monitoring.models import Reading, ReadingVerdict
from monitoring.monitors.base import BATCH, REFERENCE, MonitorKind
from portal import hints, ledger

LEASE = timedelta(seconds=60)
ATTEMPTS = 3
HINT_AGAIN = timedelta(seconds=10)
SEED = 20_240_613
LIBRARIES = ("duckdb", "numpy", "scipy")
UNMEASURABLE = {"input": ReadingVerdict.NOT_COMPUTABLE}


@dataclass(frozen=True)
class Result:
    """What a reading says."""

    verdict: str
    sentences: tuple[str, ...]
    numbers: dict[str, Any] = field(default_factory=dict)
    charts: list[dict[str, str]] = field(default_factory=list)
    log: str = ""
    level: int | None = None


def execute(reading_id: int) -> bool:
    """Carry out a reading if it is free; gives whether this call recorded its result."""
    token = claim(reading_id, now=timezone.now())
    if token is None:
        return False
    row = Reading.objects.select_related("monitor__version__model", "monitor__reference__file", "batch__file").get(
        pk=reading_id
    )
    kind = monitors.find(row.monitor.key)
    if kind is None:
        sentence = f"This portal has no monitor “{row.monitor.key}”."
        return finish(row.pk, token, result=Result(ReadingVerdict.ERROR, (sentence,)), now=timezone.now())
    kept = kept_results.kept_for(_kept_name(row.pk), _looked_at(row, kind))
    try:
        result = _judged(row, token, kind, _measure(row, token, kind, kept))
    except SandboxError as failure:
        if failure.kind == "stopped":
            return False
        if failure.kind == "time" and kept.moved_at_all() and _put_back(row.pk, token, now=timezone.now()):
            return False
        verdict = UNMEASURABLE.get(failure.kind, ReadingVerdict.ERROR)
        result = Result(verdict, (failure.sentence,), log="\n".join(failure.log))
    except ParameterError as failure:
        result = Result(ReadingVerdict.ERROR, (failure.sentence,))
    taken = finish(row.pk, token, result=result, now=timezone.now())
    if taken:
        kept_results.forget(_kept_name(row.pk))
    return taken


def _kept_name(reading_id: int) -> str:
    return f"reading-{reading_id}"


def _looked_at(row: Reading, kind: type[MonitorKind]) -> list[Any]:
    files = [piece.file.sha256 if piece else "" for piece in (row.monitor.reference, row.batch)]
    return [row.monitor.key, kind.version, row.monitor.parameters, row.monitor.thresholds, files, SEED]


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
    token = uuid.uuid4()
    free = Q(status=RunStatus.QUEUED) | Q(status=RunStatus.RUNNING, lease_until__lt=now)
    taken = Reading.objects.filter(free, pk=reading_id, attempt__lt=ATTEMPTS).update(
        status=RunStatus.RUNNING,
        token=token,
        attempt=F("attempt") + 1,
        lease_until=now + LEASE,
        heartbeat_at=now,
        started_at=now,
    )
    return token if taken else None


def _renew(reading_id: int, token: uuid.UUID, *, now: datetime, **told: Any) -> bool:
    """Hold the lease a little longer; False if it is not ours any more."""
    mine = Reading.objects.filter(pk=reading_id, token=token, status=RunStatus.RUNNING)
    return bool(mine.update(heartbeat_at=now, lease_until=now + LEASE, **told))


def _measure(row: Reading, token: uuid.UUID, kind: type[MonitorKind], kept: KeptResults) -> Measured:
    begun_at, last_beat = 0 if kept.is_new else row.progress, timezone.now()
    prefix = "" if kept.is_new else f"Continued at {begun_at} %: "
    alive = _renew(row.pk, token, now=last_beat, progress=begun_at, progress_text=f"{prefix}Starting")

    def tell(percent: int, text: str) -> None:
        nonlocal alive
        told: dict[str, Any] = {"progress": max(percent, begun_at), "progress_text": f"{prefix}{text}"[:200]}
        if kept.moved():  # a later attempt would not be another vain one
            told["attempt"] = 1
        alive = _renew(row.pk, token, now=timezone.now(), **told)

    on_progress = Seldom(tell)

    def should_stop() -> bool:
        nonlocal alive, last_beat
        on_progress.flush()
        now = timezone.now()
        if now - last_beat > LEASE / 4:
            last_beat = now
            alive = _renew(row.pk, token, now=now)
        return not alive

    root = Path(settings.VAR) / "run"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    measured = measure_in_child(
        check=kind,
        job=replace(_job(row, kind), kept=kept.for_child),
        limits=Limits(**settings.CHECK_LIMITS),
        on_progress=on_progress,
        should_stop=should_stop,
        work_root=root,
    )
    return measured if kept.is_new else replace(measured, log=(f"Continued at {begun_at} %.", *measured.log))


def _job(row: Reading, kind: type[MonitorKind]) -> JobDescription:
    if not kind.needs_batch:
        facts = {"days": _days_without(row), "every_days": row.monitor.every_days}
        return JobDescription(inputs={}, facts=facts, parameters=row.monitor.parameters, seed=SEED)
    reference, batch = row.monitor.reference, row.batch
    if reference is None or batch is None:
        raise SandboxError("There is no approved evaluation table to compare the batch with.", kind="input")
    inputs = {
        REFERENCE: Input(
            kind=REFERENCE,
            path=reference.file.path,
            name=reference.name,
            sha256=reference.file.sha256,
            artifact_sha256=reference.artifact_sha256,
            details=reference.details,
            table=_table(row, reference.file.path, reference.name, reference.uploaded_at),
        ),
        BATCH: Input(
            kind=BATCH,
            path=batch.file.path,
            name=batch.name,
            sha256=batch.file.sha256,
            artifact_sha256="",
            details=reference.details,
            table=_table(row, batch.file.path, batch.name, batch.received_at),
        ),
    }
    return JobDescription(
        inputs=inputs,
        facts=batch_facts.facts_for(row, kind),
        parameters=row.monitor.parameters,
        seed=SEED,
        thresholds=row.monitor.thresholds,
    )


def _table(row: Reading, path: Path, name: str, at: datetime) -> Referenced | None:
    """Where a table refers to, if it does. Raises SandboxError: without the table there is no reading."""
    try:
        return referring.table_in(path, name=name, model=row.monitor.version.model, attached=at)
    except TableError as error:
        raise SandboxError(error.sentence, kind="input") from None
    except OSError:
        return None  # the monitor says that the bytes are gone


def _days_without(row: Reading) -> int:
    """Days from the last covered day to when the reading was ordered."""
    since = row.overdue_since or row.requested_at
    return row.monitor.every_days + max(1, (row.requested_at - since).days)


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
    numbers["headline"] = headline.as_json() if headline else None
    numbers["failed_measures"] = [measure.as_json() for measure in judgement.failed_measures]
    charts, problems = drawn(measured.charts, still_wanted=lambda: _renew(row.pk, token, now=timezone.now()))
    log = "\n".join((*measured.log, *problems))
    level = None if grade.level is None else int(grade.level)
    return Result(judgement.verdict, judgement.sentences, numbers, charts, log, level)


def _limits(kind: type[MonitorKind], given: dict[str, Any]) -> Any:
    return build(kind.Thresholds, given, owner=kind.title) if given else None


def finish(reading_id: int, token: uuid.UUID, *, result: Result, now: datetime) -> bool:
    """Record a result once, with what follows from it. A late result is refused and recorded as such."""
    with transaction.atomic():
        version, row = _mine(reading_id)
        if row.token != token or row.status != RunStatus.RUNNING:
            _record(Event.READING_RESULT_REFUSED, row, version, verdict=result.verdict)
            return False
        row.status, row.verdict, row.sentences = RunStatus.FINISHED, result.verdict, list(result.sentences)
        row.level = result.level
        row.numbers, row.numbers_digest = result.numbers, digest(result.numbers)
        row.charts, row.log = result.charts, result.log[:100_000]
        row.engine = {"python": platform.python_version(), **{name: library_version(name) for name in LIBRARIES}}
        row.progress, row.progress_text, row.finished_at, row.token = 100, "", now, None
        row.save()
        _record(Event.READING_FINISHED, row, version, verdict=row.verdict, numbers=row.numbers_digest)
        consequences.follow(row, version, now=now)
    return True


def sweep(*, now: datetime | None = None) -> tuple[int, ...]:
    """Ids of readings that wait too long or lost their worker, to be hinted again; exhausted ones become errors."""
    now = now or timezone.now()
    silent = Q(status=RunStatus.RUNNING, lease_until__lt=now)
    for reading_id in Reading.objects.filter(silent, attempt__gte=ATTEMPTS).values_list("pk", flat=True):
        _give_up(reading_id, now)
    waiting = Q(status=RunStatus.QUEUED, hinted_at__lt=now - HINT_AGAIN) | silent
    ids = tuple(Reading.objects.filter(waiting, attempt__lt=ATTEMPTS).order_by("pk").values_list("pk", flat=True))
    Reading.objects.filter(pk__in=ids).update(hinted_at=now)
    return ids


def _give_up(reading_id: int, now: datetime) -> None:
    with transaction.atomic():
        version, row = _mine(reading_id)
        if row.status != RunStatus.RUNNING or row.lease_until is None or row.lease_until >= now:
            return
        row.status, row.verdict, row.token, row.finished_at = RunStatus.CRASHED, ReadingVerdict.ERROR, None, now
        row.sentences = [f"The worker died on each of {row.attempt} attempts; nothing is known about this batch."]
        row.save()
        _record(Event.READING_FINISHED, row, version, verdict="crashed")
        consequences.follow(row, version, now=now)


def _mine(reading_id: int) -> tuple[ModelVersion, Reading]:
    """The version, locked first as everywhere, and the reading, locked too."""
    version_id = Reading.objects.values_list("monitor__version_id", flat=True).get(pk=reading_id)
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner", "policy", "submitted_by")
        .get(pk=version_id)
    )
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
