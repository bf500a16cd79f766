"""Reads everything about one version that gates look at, in a handful of queries, into a frozen case file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from approvals import checks, judging, permissions
from approvals.canonical import digest
from approvals.checks.base import Check
from approvals.judging import Judgement
from approvals.measures.references import MEDIA_TYPE
from approvals.models import (
    Answer,
    CheckRun,
    Evidence,
    EvidenceKind,
    Finding,
    MitigationPlan,
    ModelVersion,
    Revalidation,
    RevalidationOutcome,
    SignOff,
    Waiver,
)
from approvals.models.checks import RunStatus, Verdict
from approvals.models.evidence import MADE_BY_THE_PORTAL
from approvals.models.findings import FindingStatus
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import (
    AnswerFact,
    Case,
    CheckType,
    EvidenceFact,
    FindingFact,
    MitigationFact,
    RevalidationFact,
    RunFact,
    SignOffFact,
    WaiverFact,
)
from approvals.stages import Stage
from portal import ledger


def load(version: ModelVersion, judged: Judgement | None = None) -> Case:
    """The case file of a version as it stands, without dossier digests (dossier.py adds them).

    It is judged by the policy that asks now, if nothing else is given.
    """
    judged = judged or judging.of(version)
    document = judged.document
    evidence = _evidence(version)
    answers = _answers(version)
    rows = _runs(version)
    artifact = evidence.get(EvidenceKind.ARTIFACT)
    case = Case(
        version_id=version.pk,
        model_id=version.model_id,
        number=version.number,
        tier=version.model.risk_tier,
        stage=Stage(version.stage),
        artifact_sha256=artifact.sha256 if artifact else "",
        policy=str(judged.policy),
        policy_digest=judged.policy.digest,
        other_policies={stage.value: (str(one), one.digest) for stage, one in judged.others.items()},
        submitted_by=version.submitted_by_id,
        developer=version.developer_id,
        suspensions=version.suspensions,
        evidence=evidence,
        answers=answers,
        questions=document.questionnaires,
        runs={key: runs[-1] for key, runs in rows.items()},
        finished_runs={
            (key, run.inputs_digest): run
            for key, runs in rows.items()
            for run in runs
            if run.status == RunStatus.FINISHED
        },
        failed_runs={key: failed for key, runs in rows.items() if (failed := tuple(_failed(runs)))},
        check_inputs={},
        check_types={
            key: CheckType(
                key, kind.title, kind.version, tuple(kind.inputs), tuple(kind.optional_inputs), tuple(kind.facts)
            )
            for key, kind in checks.load().items()
        },
        sign_offs=_sign_offs(version),
        findings=_findings(version),
        mitigations=_mitigations(version),
        holders=permissions.holders(version.model),
        waivers=_waivers(version),
        revalidations=_revalidations(version, judged),
    )
    inputs = {key: digest(value) for key, value in inputs_of_checks(case, document).items()}
    return _with(case, check_inputs=inputs, runs={key: _newest(runs, case, inputs) for key, runs in rows.items()})


def _with(case: Case, **changes: Any) -> Case:
    return Case(**{**case.__dict__, **changes})


def inputs_of_checks(case: Case, document: PolicyDocument) -> dict[str, dict[str, Any]]:
    """For every check the policy asks and the portal has: all that a run looks at, as digests and settings."""
    found: dict[str, dict[str, Any]] = {}
    for key, requirement in document.check_requirements().items():
        kind = checks.find(key)
        if kind is None:
            continue
        wanted = (*kind.inputs, *kind.optional_inputs)
        found[key] = {
            "check": key,
            "check_version": kind.version,
            "artifact": case.artifact_sha256,
            "evidence": {name: _piece(case.evidence[name]) for name in wanted if name in case.evidence},
            "facts": {name: digest(value) for name, value in facts_for(case, kind, requirement.parameters).items()},
            "parameters": dict(requirement.parameters),
            "thresholds": dict(requirement.thresholds),
        }
    return found


def _piece(piece: EvidenceFact) -> dict[str, Any]:
    return {"sha256": piece.sha256, "made_with_artifact": piece.artifact_sha256, "details": dict(piece.details)}


def facts_for(case: Case, kind: type[Check], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a run of a check with these parameters is told about the version, JSON-able."""
    return {name: kind.looks_at(name, fact(case, name), parameters) for name in kind.facts}


def fact(case: Case, name: str) -> Any:
    """A named fact that checks may ask for, JSON-able. Raises KeyError for a name that nobody defined."""
    facts = {
        "version": {"number": case.number, "tier": case.tier, "artifact": case.artifact_sha256},
        "questions": {section: [dict(q) for q in questions] for section, questions in case.questions.items()},
        "answers": _nested({key: answer.text for key, answer in case.answers.items()}),
        "evidence": {
            kind: {"name": piece.name, "sha256": piece.sha256, "made_with_artifact": piece.artifact_sha256}
            for kind, piece in case.evidence.items()
            if kind not in MADE_BY_THE_PORTAL
        },
    }
    return facts[name]


def _nested(flat: Mapping[tuple[str, str], str]) -> dict[str, dict[str, str]]:
    nested: dict[str, dict[str, str]] = {}
    for (section, question), text in flat.items():
        nested.setdefault(section, {})[question] = text
    return nested


def _evidence(version: ModelVersion) -> dict[str, EvidenceFact]:
    current: dict[str, EvidenceFact] = {}
    people: dict[str, set[int]] = {}
    for row in Evidence.objects.filter(version=version).select_related("file", "uploaded_by").order_by("pk"):
        people.setdefault(row.kind, set()).add(row.uploaded_by_id)
        current[row.kind] = EvidenceFact(
            id=row.pk,
            kind=row.kind,
            label=row.get_kind_display(),
            name=row.name,
            sha256=row.file.sha256,
            size=row.file.size,
            artifact_sha256=row.artifact_sha256,
            details=row.details,
            uploaded_by=row.uploaded_by_id,
            uploaded_by_name=ledger.printed_name(row.uploaded_by),
            uploaded_at=row.uploaded_at,
            contributors=frozenset(people[row.kind]),
            is_reference=row.media_type == MEDIA_TYPE,
        )
    return current


def _answers(version: ModelVersion) -> dict[tuple[str, str], AnswerFact]:
    current: dict[tuple[str, str], AnswerFact] = {}
    people: dict[tuple[str, str], set[int]] = {}
    for row in Answer.objects.filter(version=version).select_related("answered_by").order_by("pk"):
        key = (row.section, row.question)
        people.setdefault(key, set()).add(row.answered_by_id)
        current[key] = AnswerFact(
            row.text, row.answered_by_id, ledger.printed_name(row.answered_by), row.answered_at, frozenset(people[key])
        )
    return current


def _runs(version: ModelVersion) -> dict[str, list[RunFact]]:
    """Every run of each check, oldest first."""
    found: dict[str, list[RunFact]] = {}
    for row in CheckRun.objects.filter(version=version).defer("charts", "log").order_by("pk"):
        found.setdefault(row.check_key, []).append(run_fact(row))
    return found


def _failed(runs: Iterable[RunFact]) -> Iterable[RunFact]:
    return (run for run in runs if run.status == RunStatus.FINISHED and run.verdict == Verdict.FAILED)


def _newest(runs: list[RunFact], case: Case, inputs: Mapping[str, str]) -> RunFact:
    """The newest run; one for another policy hides none that is of what this policy asks."""
    newest = runs[-1]
    if newest.policy_digest == case.policy_digest:
        return newest
    return next((run for run in reversed(runs) if run.inputs_digest == inputs.get(run.check)), newest)


def run_fact(row: CheckRun) -> RunFact:
    """One run as requirements see it."""
    return RunFact(
        id=row.pk,
        check=row.check_key,
        check_version=row.check_version,
        status=row.status,
        verdict=row.verdict,
        inputs_digest=row.inputs_digest,
        reading_digest=row.reading_digest,
        sentences=tuple(row.sentences),
        progress=row.progress,
        requested_at=row.requested_at,
        failed_measures=tuple(row.reading.get("failed_measures", ())),
        policy_digest=str(row.thresholds_fixed.get("digest", "")),
        measured=tuple(
            item["name"]
            for item in row.reading.get("measures", ())
            if item.get("value") is not None or item.get("bounds")
        ),
    )


def _sign_offs(version: ModelVersion) -> tuple[SignOffFact, ...]:
    rows: Iterable[SignOff] = SignOff.objects.filter(version=version).order_by("pk")
    return tuple(
        SignOffFact(
            id=row.pk,
            stage=row.stage,
            role=row.role,
            decision=row.decision,
            signer=row.signer_id,
            printed_name=row.printed_name,
            comment=row.comment,
            signed_at=row.signed_at,
            dossier=row.dossier_id,
            on_behalf_of=row.on_behalf_of_id,
        )
        for row in rows
    )


def _findings(version: ModelVersion) -> tuple[FindingFact, ...]:
    rows = Finding.objects.filter(version=version).exclude(status=FindingStatus.CLOSED).select_related("owner")
    return tuple(
        FindingFact(
            id=row.pk,
            severity=row.severity,
            severity_label=row.get_severity_display(),
            title=row.title,
            status=row.status,
            source=row.source,
            owner_name=ledger.printed_name(row.owner),
            due_on=row.due_on,
            accepted_until=row.accepted_until,
        )
        for row in rows
    )


def _mitigations(version: ModelVersion) -> tuple[MitigationFact, ...]:
    # Of a run, its key is looked at; its drawings and readings are most of a database.
    beside = ("failed_run__charts", "failed_run__log", "failed_run__reading")
    rows = MitigationPlan.objects.filter(version=version).select_related("owner", "failed_run").defer(*beside)
    return tuple(
        MitigationFact(
            id=row.pk,
            check=row.failed_run.check_key,
            failed_run=row.failed_run_id,
            measure=row.measure,
            before=row.before,
            plan=row.plan,
            owner_name=ledger.printed_name(row.owner),
            due_on=row.due_on,
            recorded_by=row.recorded_by_id,
            recorded_at=row.recorded_at,
        )
        for row in rows.order_by("pk")
    )


def _waivers(version: ModelVersion) -> tuple[WaiverFact, ...]:
    rows = Waiver.objects.filter(version=version, revoked_at__isnull=True).prefetch_related("signatures").order_by("pk")
    return tuple(
        WaiverFact(
            id=row.pk,
            kind=row.kind,
            stage=row.stage,
            requirement=row.requirement,
            title=row.title,
            basis=row.basis,
            reason=row.reason,
            meanwhile=row.meanwhile,
            expires_on=row.expires_on,
            asked_on=row.asked_on,
            asked_by=row.asked_by_id,
            signatures=tuple((one.signer_id, one.role, one.printed_name) for one in row.signatures.all()),
        )
        for row in rows
    )


def _revalidations(version: ModelVersion, judged: Judgement) -> tuple[RevalidationFact, ...]:
    if not judged.passes:
        return ()
    made = Evidence.objects.filter(version=version, kind=EvidenceKind.MONITORING_RECORD).order_by("pk")
    records = {row.details.get("revalidation"): row.file.sha256 for row in made.select_related("file")}
    return tuple(
        RevalidationFact(
            id=row.pk,
            trigger=row.trigger,
            gates=judged.gates if row.is_open else _gates(row),
            opened_at=row.opened_at,
            is_open=row.is_open,
            record_sha256=records.get(row.pk, ""),
        )
        for row in judged.passes
    )


def _gates(row: Revalidation) -> tuple[Stage, ...]:
    """The gates whose dossiers name a decided pass. Of a policy that it did not renew under nothing holds."""
    return row.stages if row.outcome == RevalidationOutcome.RENEWED else tuple(Stage(name) for name in row.gates)
