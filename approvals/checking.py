"""Use cases on check runs. A lease with a fencing token makes a run happen once, whatever dies."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from approvals import case as cases
from approvals import checks, dossier, judging, kept_results, permissions, refusals, reviewed_again, telling, voiding
from approvals.canonical import digest
from approvals.events import Event
from approvals.kept_results import LONGEST_RUN
from approvals.models import CheckRun, ModelVersion
from approvals.models.checks import RunStatus, Verdict
from approvals.models.revalidations import pass_under_way
from approvals.requirements.base import Case
from approvals.stages import REVIEW_STAGES
from portal import hints, ledger
from portal.errors import BadInput, NotPermitted, Refused
from portal.texts import storable

LEASE = timedelta(seconds=60)
ATTEMPTS = 3
HINT_AGAIN = timedelta(seconds=10)
SEED = 20_240_613


RUN_TASK = "approvals.tasks.run_check"


@dataclass(frozen=True)
class Result:
    """What a finished run says."""

    verdict: str
    sentences: tuple[str, ...]
    reading: dict[str, Any]
    charts: list[dict[str, str]]
    engine: dict[str, str]
    log: str


def send_hint(run_id: int) -> None:
    """Tell the workers that a run waits."""
    hints.send(RUN_TASK, run_id)


def request_check(*, version_id: int, check_key: str, actor: User, now: datetime | None = None) -> CheckRun:
    """Queue a run of one check on the current inputs. A run already under way on the same inputs is given back.

    Raises NotPermitted, Refused (not in review, inputs missing) or BadInput (the policy does not ask that check).
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act=f"run {check_key}")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        _require_may_run(version, actor)
        if pass_under_way(version):
            reviewed_again.require(version, allowed=reviewed_again.may_check(version, check_key))
        case = dossier.load_case(version)
        return _queue(version, case, check_key, actor, now)


def request_open_checks(*, version_id: int, actor: User, now: datetime | None = None) -> tuple[CheckRun, ...]:
    """Queue every check of the policy whose inputs are attached and whose newest run is not of these inputs."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="run checks")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        _require_may_run(version, actor)
        case = dossier.load_case(version)
        wanted = [key for key in open_checks(case) if reviewed_again.may_check(version, key)]
        return tuple(_queue(version, case, key, actor, now) for key in wanted)


def open_checks(case: Case) -> tuple[str, ...]:
    """Checks of the policy that could run now and have no run on the current inputs."""
    return tuple(
        key
        for key, inputs in case.check_inputs.items()
        if all(kind in case.evidence for kind in case.check_types[key].inputs)
        and (key not in case.runs or case.runs[key].inputs_digest != inputs)
    )


def _require_may_run(version: ModelVersion, actor: User) -> None:
    _require_part(version, actor, "run its checks")
    if version.stage not in REVIEW_STAGES and pass_under_way(version) is None:
        raise Refused(
            "Checks of the approval run during review and revalidation; the version is "
            f"{version.get_stage_display().lower()}."
        )


def _require_part(version: ModelVersion, actor: User, act: str) -> None:
    if not (permissions.may_move(actor, version.model) or permissions.roles_of(actor, version.model)):
        raise NotPermitted(f"Only submitters, the owner and signers of this model may {act}.")


def _queue(version: ModelVersion, case: Case, key: str, actor: User, now: datetime) -> CheckRun:
    inputs_digest = case.check_inputs.get(key)
    if inputs_digest is None:
        raise BadInput(f"The pinned policy asks for no check “{key}” that this portal has.", field="check")
    missing = [kind for kind in case.check_types[key].inputs if kind not in case.evidence]
    if missing:
        raise Refused(f"The check cannot run: {', '.join(kind.replace('_', ' ') for kind in missing)} is not attached.")
    running = CheckRun.objects.filter(
        version=version,
        check_key=key,
        inputs_digest=inputs_digest,
        status__in=(RunStatus.QUEUED, RunStatus.RUNNING),
    ).first()
    if running is not None:
        return running
    with voiding.watched(version, actor=actor):
        run = CheckRun.objects.create(
            version=version,
            check_key=key,
            check_version=case.check_types[key].version,
            inputs=cases.inputs_of_checks(case, judging.document_of(version))[key],
            inputs_digest=inputs_digest,
            thresholds_fixed=_thresholds_fixed(version),
            seed=SEED,
            requested_by=actor,
            requested_at=now,
            hinted_at=now,
        )
    ledger.record(
        event=Event.CHECK_REQUESTED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={"run": run.pk, "check": key, "inputs": inputs_digest},
    )
    hints.send_after_commit(RUN_TASK, run.pk)
    return run


def _thresholds_fixed(version: ModelVersion) -> dict[str, Any]:
    policy = judging.of(version).policy
    by = policy.published_by
    return {
        "policy": str(policy),
        "digest": policy.digest,
        "by": ledger.printed_name(by) if by else "",
        "at": policy.published_at.isoformat() if policy.published_at else "",
    }


def claim(run_id: int, *, now: datetime) -> uuid.UUID | None:
    """Take the lease of a queued run, or of one whose holder went silent. None: nothing to do."""
    token = uuid.uuid4()
    free = Q(status=RunStatus.QUEUED) | Q(status=RunStatus.RUNNING, lease_until__lt=now)
    taken = CheckRun.objects.filter(free, pk=run_id, attempt__lt=ATTEMPTS).update(
        status=RunStatus.RUNNING,
        token=token,
        attempt=F("attempt") + 1,
        lease_until=now + LEASE,
        heartbeat_at=now,
        started_at=now,
    )
    return token if taken else None


def report_progress(
    run_id: int, token: uuid.UUID, *, percent: int, text: str, now: datetime, headway: bool = False
) -> bool:
    """Renew the lease and show progress. False: the lease is somebody else's now, stop working.

    `headway`: something was kept, so that a later attempt would not be another vain one.
    """
    counted = {"attempt": 1} if headway else {}
    return bool(
        CheckRun.objects.filter(pk=run_id, token=token, status=RunStatus.RUNNING).update(
            progress=max(0, min(100, percent)),
            progress_text=text[:200],
            heartbeat_at=now,
            lease_until=now + LEASE,
            **counted,
        )
    )


def is_held(run_id: int, token: uuid.UUID) -> bool:
    """Whether the lease is still the holder's of this token: it is not when somebody stopped the run."""
    return CheckRun.objects.filter(pk=run_id, token=token, status=RunStatus.RUNNING).exists()


def is_open(run_id: int) -> bool:
    """Whether a run waits or is under way."""
    return CheckRun.objects.filter(pk=run_id, status__in=(RunStatus.QUEUED, RunStatus.RUNNING)).exists()


def kept_name(run_id: int) -> str:
    """Under which name a run keeps what a later attempt goes on with."""
    return f"run-{run_id}"


def put_back(run_id: int, token: uuid.UUID, *, now: datetime) -> bool:
    """Let a run that ran out of time go on in a new attempt. False: it took too long already, or is not ours."""
    with transaction.atomic():
        mine = CheckRun.objects.filter(
            pk=run_id, token=token, status=RunStatus.RUNNING, requested_at__gt=now - LONGEST_RUN
        )
        queued = mine.update(
            status=RunStatus.QUEUED, token=None, lease_until=None, attempt=0, heartbeat_at=now, hinted_at=now
        )
        if queued:
            hints.send_after_commit(RUN_TASK, run_id)
    return bool(queued)


def renew(run_id: int, token: uuid.UUID, *, now: datetime) -> bool:
    """Renew the lease without news. False: the lease is somebody else's now, stop working."""
    mine = CheckRun.objects.filter(pk=run_id, token=token, status=RunStatus.RUNNING)
    return bool(mine.update(heartbeat_at=now, lease_until=now + LEASE))


def finish(run_id: int, token: uuid.UUID, *, result: Result, now: datetime) -> bool:
    """Record a result once. A zombie's late result is refused and recorded as such; gives whether it was taken."""
    result = Result(**storable(vars(result)))
    with transaction.atomic():
        found = CheckRun.objects.select_related("version__model").get(pk=run_id)
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        run = CheckRun.objects.select_for_update(of=("self",)).get(pk=run_id)
        if run.token != token or run.status != RunStatus.RUNNING:
            ledger.record(
                event=Event.CHECK_RESULT_REFUSED,
                actor=None,
                subject=version,
                scope=version.scope,
                facts={"run": run.pk, "check": run.check_key, "verdict": result.verdict},
            )
            return False
        with voiding.watched(version, actor=None):
            run.status, run.verdict, run.sentences = RunStatus.FINISHED, result.verdict, list(result.sentences)
            run.reading, run.reading_digest = result.reading, digest(result.reading)
            run.charts, run.engine, run.log = result.charts, result.engine, result.log[:100_000]
            run.progress, run.progress_text, run.finished_at, run.token = 100, "", now, None
            run.save()
        _tell(run, version)
        ledger.record(
            event=Event.CHECK_FINISHED,
            actor=None,
            subject=version,
            scope=version.scope,
            facts={
                "run": run.pk,
                "check": run.check_key,
                "inputs": run.inputs_digest,
                "verdict": result.verdict,
                "reading": run.reading_digest,
            },
        )
    return True


def stop(*, run_id: int, actor: User, now: datetime | None = None) -> CheckRun:
    """End a run that waits or is under way; its worker learns of it with its next sign of life and stops working.

    Raises NotPermitted as `request_check` does, or Refused if the run is over.
    """
    now = now or timezone.now()
    found = CheckRun.objects.select_related("version__model").get(pk=run_id)
    recorded = refusals.recorded(
        event=Event.ACT_REFUSED, actor=actor, version=found.version, act=f"stop {found.check_key}"
    )
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        _require_part(version, actor, "stop its checks")
        run = CheckRun.objects.select_for_update(of=("self",)).get(pk=run_id)
        if run.status not in (RunStatus.QUEUED, RunStatus.RUNNING):
            raise Refused("The run is over; there is nothing to stop.")
        with voiding.watched(version, actor=actor):
            run.status, run.verdict, run.token, run.finished_at = RunStatus.CRASHED, Verdict.ERROR, None, now
            by = ledger.printed_name(actor)
            run.sentences = [f"{by} stopped the run at {run.progress} %; it says nothing about the model."]
            run.save()
        ledger.record(
            event=Event.CHECK_STOPPED,
            actor=actor,
            subject=version,
            scope=version.scope,
            facts={"run": run.pk, "check": run.check_key, "inputs": run.inputs_digest},
        )
        transaction.on_commit(lambda: kept_results.forget(kept_name(run_id)))
    return run


def sweep(*, now: datetime | None = None) -> tuple[int, ...]:
    """Ids of runs that wait too long or lost their worker, to be hinted again; exhausted ones are marked crashed."""
    now = now or timezone.now()
    silent = Q(status=RunStatus.RUNNING, lease_until__lt=now)
    for run_id in CheckRun.objects.filter(silent, attempt__gte=ATTEMPTS).values_list("pk", flat=True):
        _give_up(run_id, now)
    waiting = Q(status=RunStatus.QUEUED, hinted_at__lt=now - HINT_AGAIN) | silent
    ids = tuple(CheckRun.objects.filter(waiting, attempt__lt=ATTEMPTS).order_by("pk").values_list("pk", flat=True))
    CheckRun.objects.filter(pk__in=ids).update(hinted_at=now)
    return ids


def _give_up(run_id: int, now: datetime) -> None:
    with transaction.atomic():
        found = CheckRun.objects.select_related("version__model").get(pk=run_id)
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        run = CheckRun.objects.select_for_update(of=("self",)).get(pk=run_id)
        if run.status != RunStatus.RUNNING or run.lease_until is None or run.lease_until >= now:
            return
        run.status, run.verdict, run.token, run.finished_at = RunStatus.CRASHED, Verdict.ERROR, None, now
        run.sentences = [f"The worker died on each of {run.attempt} attempts; the run was stopped."]
        run.save()
        _tell(run, version)
        ledger.record(
            event=Event.CHECK_FINISHED,
            actor=None,
            subject=version,
            scope=version.scope,
            facts={"run": run.pk, "check": run.check_key, "inputs": run.inputs_digest, "verdict": "crashed"},
        )
        transaction.on_commit(lambda: kept_results.forget(kept_name(run_id)))


def _tell(run: CheckRun, version: ModelVersion) -> None:
    if run.verdict != Verdict.PASSED:
        title = checks.title_of(run.check_key)
        word = "crashed" if run.status == RunStatus.CRASHED else Verdict(run.verdict).label.lower()
        telling.announce(
            version.model,
            {person for person in (version.submitted_by, run.requested_by) if person is not None},
            event=Event.CHECK_FINISHED,
            text=f"Check “{title}” of {version}: {word}. {run.sentences[0] if run.sentences else ''}".strip(),
            link=f"{version.get_absolute_url()}#check-{run.check_key}",
            asks_for_act=True,
        )
