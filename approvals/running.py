"""Carries out one queued check run: claim, measure in the sandbox, draw, judge, finish. Called by workers and tests."""

from __future__ import annotations

import platform
import uuid
from dataclasses import replace
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from approvals import case as cases
from approvals import checking, checks, judging, kept_results, referring
from approvals.charts import drawn
from approvals.checking import kept_name
from approvals.checks._readings import reading_as_json
from approvals.checks.base import Check, Input, ParameterError, Reading, build
from approvals.files import TABLE_KINDS
from approvals.kept_results import KeptResults
from approvals.measures.reading import TableError
from approvals.measures.references import Referenced
from approvals.models import CheckRun, Evidence, RegisteredModel
from approvals.models.checks import Verdict
from approvals.sandbox import ABOUT_INPUTS, JobDescription, Limits, SandboxError, Seldom, run_measurement

LIBRARIES = ("duckdb", "numpy", "scipy")
UNMEASURABLE = dict.fromkeys(ABOUT_INPUTS, Verdict.NOT_COMPUTABLE)


def execute(run_id: int) -> bool:
    """Carry out a run if it is free; gives whether this call recorded its result."""
    token = checking.claim(run_id, now=timezone.now())
    if token is None:
        return False
    run = CheckRun.objects.select_related("version__model", "version__policy").get(pk=run_id)
    kind = checks.find(run.check_key)
    if kind is None:
        sentence = f"This portal has no check “{run.check_key}”."
        return _give(run, token, Verdict.ERROR, (sentence,), {}, [], "")
    if kind.version != run.check_version:
        sentence = (
            f"The run asks for version {run.check_version} of the check, and this worker has version {kind.version}: "
            "restart the workers after an upgrade, then run the check again."
        )
        return _give(run, token, Verdict.ERROR, (sentence,), {}, [], "")
    kept = kept_results.kept_for(kept_name(run.pk), looked_at(run))
    try:
        reading = _measure(run, token, kept)
    except SandboxError as failure:
        return _without_reading(run, token, kept, failure)
    log = reading.log if kept.is_new else (f"Continued at {run.progress} %.", *reading.log)
    return _judge(run, token, kind(), replace(reading, log=log))


def looked_at(run: CheckRun) -> list[Any]:
    """Everything that a run's numbers depend on, but for the code and the engines."""
    return [run.inputs_digest, run.check_key, run.check_version, run.seed]


def _without_reading(run: CheckRun, token: uuid.UUID, kept: KeptResults, failure: SandboxError) -> bool:
    if failure.kind == "stopped":
        if not checking.is_open(run.pk):
            kept_results.forget(kept_name(run.pk))
        return False
    if failure.kind == "time" and kept.moved_at_all() and checking.put_back(run.pk, token, now=timezone.now()):
        return False
    verdict = UNMEASURABLE.get(failure.kind, Verdict.ERROR)
    return _give(run, token, verdict, (failure.sentence,), {}, [], "\n".join(failure.log))


def _measure(run: CheckRun, token: uuid.UUID, kept: KeptResults) -> Reading:
    begun_at = 0 if kept.is_new else run.progress
    alive = checking.report_progress(
        run.pk,
        token,
        percent=begun_at,
        text="Starting" if kept.is_new else f"Continued at {begun_at} %",
        now=timezone.now(),
    )

    def tell(percent: int, text: str) -> None:
        nonlocal alive
        alive = checking.report_progress(
            run.pk,
            token,
            percent=max(percent, begun_at),
            text=text if kept.is_new else f"Continued at {begun_at} %: {text}",
            headway=kept.moved(),
            now=timezone.now(),
        )

    last_beat, on_progress = timezone.now(), Seldom(tell)

    def should_stop() -> bool:
        nonlocal alive, last_beat
        on_progress.flush()
        now = timezone.now()
        if now - last_beat > checking.LEASE / 4:
            last_beat = now
            alive = checking.renew(run.pk, token, now=now)
        return not (alive and checking.is_held(run.pk, token))

    return run_measurement(
        check_key=run.check_key,
        job=replace(_job(run), kept=kept.for_child),
        limits=Limits(**settings.CHECK_LIMITS),
        on_progress=on_progress,
        should_stop=should_stop,
        work_root=_work_root(),
    )


def _work_root() -> Path:
    root = Path(settings.VAR) / "run"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def _job(run: CheckRun) -> JobDescription:
    inputs = {}
    for kind, piece in run.inputs["evidence"].items():
        row = (
            Evidence.objects.filter(version=run.version, kind=kind, file__sha256=piece["sha256"])
            .select_related("file")
            .order_by("-pk")
            .first()
        )
        if row is None:
            raise SandboxError(f"The {kind.replace('_', ' ')} of this run is gone.", kind="input")
        inputs[kind] = Input(
            kind=kind,
            path=row.file.path,
            name=row.name,
            sha256=row.file.sha256,
            artifact_sha256=piece["made_with_artifact"],
            details=piece["details"],
            table=table_of(row, run.version.model),
        )
    case = cases.load(run.version)
    document = judging.document_of(run.version)
    if cases.inputs_of_checks(case, document).get(run.check_key, {}).get("facts") != run.inputs["facts"]:
        raise SandboxError("The answers or documents changed before the run began; run the check again.", kind="input")
    kind = checks.load()[run.check_key]
    return JobDescription(
        inputs=inputs,
        facts=cases.facts_for(case, kind, run.inputs["parameters"]),
        parameters=run.inputs["parameters"],
        seed=run.seed,
        thresholds=run.inputs["thresholds"],
    )


def table_of(row: Evidence, model: RegisteredModel) -> Referenced | None:
    """Where a piece of evidence refers to, if it does. Raises SandboxError: without the table there is no reading."""
    if row.kind not in TABLE_KINDS:
        return None
    try:
        return referring.table_in(row.file.path, name=row.name, model=model, attached=row.uploaded_at)
    except TableError as error:
        raise SandboxError(error.sentence, kind="input") from None
    except OSError:
        return None  # the check says that the bytes are gone


def _judge(run: CheckRun, token: uuid.UUID, check: Check, reading: Reading) -> bool:
    try:
        thresholds = build(type(check).Thresholds, run.inputs["thresholds"], owner=type(check).title)
    except ParameterError as failure:
        return _give(run, token, Verdict.ERROR, (failure.sentence,), {}, [], "")
    judgement = check.judge(reading, thresholds)
    plain = reading_as_json(reading, with_log=False)
    plain["failed_measures"] = [measure.as_json() for measure in judgement.failed_measures]
    plain["turns"] = list(judgement.turns)
    charts, problems = drawn(reading.charts, still_wanted=lambda: checking.renew(run.pk, token, now=timezone.now()))
    log = "\n".join((*reading.log, *problems))
    return _give(run, token, judgement.verdict, judgement.sentences, plain, charts, log)


def _give(
    run: CheckRun,
    token: uuid.UUID,
    verdict: str,
    sentences: tuple[str, ...],
    reading: dict[str, Any],
    charts: list[dict[str, str]],
    log: str,
) -> bool:
    engine = {"python": platform.python_version(), **{name: library_version(name) for name in LIBRARIES}}
    result = checking.Result(
        verdict=verdict, sentences=sentences, reading=reading, charts=charts, engine=engine, log=log
    )
    taken = checking.finish(run.pk, token, result=result, now=timezone.now())
    if taken:
        kept_results.forget(kept_name(run.pk))
    return taken
