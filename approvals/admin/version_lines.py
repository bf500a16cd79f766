"""What the version page says about evidence, answers, checks and sign-offs, as finished lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from approvals import checks, permissions, reviewed_again, signing_off
from approvals.models import CheckRun, EvidenceKind, ModelVersion, SignOff
from approvals.models.checks import RunStatus, Verdict
from approvals.models.evidence import MADE_BY_THE_PORTAL
from approvals.models.signoffs import SignOffDecision
from approvals.policy_document import PolicyDocument
from approvals.requirements.answers import AnswersRequirement
from approvals.requirements.base import Case
from approvals.requirements.checks import ChecksRequirement
from approvals.requirements.evidence import EvidenceRequirement
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import REVIEW_STAGES, Role, Stage, in_sentence
from approvals.timeline import standing_sign_offs

OK, BAD, WAIT, UNKNOWN = "ok", "bad", "wait", "unknown"
VERDICTS = {
    Verdict.PASSED: ("Passed", OK),
    Verdict.WARNING: ("Warning", WAIT),
    Verdict.FAILED: ("Failed", BAD),
    Verdict.NOT_COMPUTABLE: ("Not computable", UNKNOWN),
    Verdict.ERROR: ("Error", BAD),
}
ORDER = {BAD: 0, UNKNOWN: 1, WAIT: 2, OK: 3}


@dataclass(frozen=True)
class EvidenceLine:
    """One kind of evidence that the policy asks, or that is attached anyway."""

    kind: str
    label: str
    stages: tuple[str, ...]
    state: str
    tone: str
    name: str = ""
    size: int = 0
    sha256: str = ""
    by: str = ""
    at: datetime | None = None
    url: str = ""
    upload_url: str = ""


@dataclass(frozen=True)
class SectionLine:
    """One questionnaire with its answers."""

    section: str
    title: str
    stages: tuple[str, ...]
    answered: int
    questions: tuple[tuple[str, str], ...]
    url: str


@dataclass(frozen=True)
class CheckLine:
    """One check that the policy asks, with the newest run."""

    key: str
    title: str
    stages: tuple[str, ...]
    state: str
    tone: str
    sentences: tuple[str, ...]
    progress: int = 0
    progress_text: str = ""
    running: bool = False
    can_stop: bool = False
    run_id: int | None = None
    run_url: str = ""
    at: datetime | None = None
    earlier: int = 0
    can_run: bool = False


@dataclass(frozen=True)
class SignOffLine:
    """One sign-off that was given (counting or voided), or one that is missing."""

    stage: str
    role: str
    state: str
    tone: str
    name: str = ""
    comment: str = ""
    decision: str = ""
    at: datetime | None = None
    voided: bool = False
    waiting_for: str = ""
    sign_url: str = ""
    refusal: str = ""
    url: str = ""

    @property
    def role_in_words(self) -> str:
        """The role in the middle of a sentence."""
        return in_sentence(self.role)


def evidence_lines(
    case: Case, document: PolicyDocument, version: ModelVersion, *, may_attach: bool, reports: bool
) -> tuple[EvidenceLine, ...]:
    """Kinds in the order of the gates that ask them, then whatever else is attached. `reports`: may attach reports."""
    asked: dict[str, list[str]] = {}
    for stage, requirement in requirements_of(document):
        if isinstance(requirement, EvidenceRequirement):
            asked.setdefault(requirement.kind, []).append(stage.label)
    for kind in case.evidence:
        asked.setdefault(kind, [])
    lines = []
    for kind, stages in asked.items():
        allowed = may_attach or (reports and kind == EvidenceKind.VALIDATION_REPORT)
        upload = allowed and kind not in MADE_BY_THE_PORTAL and reviewed_again.may_attach(version, kind)
        url = reverse("admin:approvals_modelversion_attach", args=[version.pk, kind]) if upload else ""
        piece = case.evidence.get(kind)
        if piece is None:
            lines.append(
                EvidenceLine(kind, str(EvidenceKind(kind).label), tuple(stages), "Missing", BAD, upload_url=url)
            )
            continue
        outdated = bool(piece.artifact_sha256 and piece.artifact_sha256 != case.artifact_sha256)
        lines.append(
            EvidenceLine(
                kind=kind,
                label=piece.label,
                stages=tuple(stages),
                state="Of an earlier artifact" if outdated else ("Referred to" if piece.is_reference else "Attached"),
                tone=BAD if outdated else OK,
                name=piece.name,
                size=piece.size,
                sha256=piece.sha256,
                by=piece.uploaded_by_name,
                at=piece.uploaded_at,
                url=reverse("admin:approvals_evidence_change", args=[piece.id]),
                upload_url=url,
            )
        )
    return tuple(lines)


def section_lines(case: Case, document: PolicyDocument, version: ModelVersion) -> tuple[SectionLine, ...]:
    """Every questionnaire of the policy."""
    stages: dict[str, list[str]] = {}
    for stage, requirement in requirements_of(document):
        if isinstance(requirement, AnswersRequirement):
            stages.setdefault(requirement.section, []).append(stage.label)
    lines = []
    for section, questions in document.questionnaires.items():
        given = tuple(
            (
                str(question["text"]),
                answer.text if (answer := case.answers.get((section, str(question["key"])))) else "",
            )
            for question in questions
        )
        lines.append(
            SectionLine(
                section=section,
                title=section.replace("_", " ").capitalize(),
                stages=tuple(stages.get(section, ())),
                answered=sum(bool(text.strip()) for _, text in given),
                questions=given,
                url=reverse("admin:approvals_modelversion_answers", args=[version.pk, section])
                if reviewed_again.may_answer(version, section)
                else "",
            )
        )
    return tuple(lines)


def check_lines(case: Case, document: PolicyDocument, version: ModelVersion, *, may_run: bool) -> tuple[CheckLine, ...]:
    """Checks of the policy: what needs attention first, then running, then passed."""
    stages: dict[str, list[str]] = {}
    for stage, requirement in requirements_of(document):
        if isinstance(requirement, ChecksRequirement):
            stages.setdefault(requirement.check, []).append(stage.label)
    runs: dict[str, list[CheckRun]] = {}
    rows = CheckRun.objects.filter(version=version).only(
        "pk", "check_key", "status", "verdict", "sentences", "progress", "progress_text", "requested_at",
        "finished_at", "inputs_digest", "heartbeat_at", "version_id",
    )  # fmt: skip
    for run in rows.order_by("-pk"):
        runs.setdefault(run.check_key, []).append(run)
    lines = [
        _check_line(case, key, tuple(of), runs.get(key, []), may_run=may_run and reviewed_again.may_check(version, key))
        for key, of in stages.items()
    ]
    return tuple(sorted(lines, key=lambda line: (ORDER[line.tone], line.title)))


def _check_line(case: Case, key: str, stages: tuple[str, ...], runs: list[CheckRun], *, may_run: bool) -> CheckLine:
    kind = case.check_types.get(key)
    title = checks.title_of(key)
    missing = [] if kind is None else [name for name in kind.inputs if name not in case.evidence]
    can_run = may_run and kind is not None and not missing
    if not runs:
        why = f"Waits for: {', '.join(name.replace('_', ' ') for name in missing)}." if missing else "Has not run yet."
        why = why if kind else "This portal has no such check; the gate stays closed."
        return CheckLine(key, title, stages, "Not run", UNKNOWN, (why,), can_run=can_run)
    run = runs[0]
    running = run.status in (RunStatus.QUEUED, RunStatus.RUNNING)
    outdated = run.inputs_digest != case.check_inputs.get(key)
    state, tone = VERDICTS.get(Verdict(run.verdict), ("Error", BAD)) if run.verdict else ("Crashed", BAD)
    sentences = tuple(run.sentences)
    if running:
        state, tone = run.get_status_display(), WAIT
    elif outdated:
        state, tone = f"{state}, on earlier inputs", UNKNOWN
        sentences = ("What it looked at has changed since; run it again.", *sentences)
    return CheckLine(
        key=key,
        title=title,
        stages=stages,
        state=state,
        tone=tone,
        sentences=sentences,
        progress=run.progress,
        progress_text=run.progress_text,
        running=running,
        run_id=run.pk,
        run_url=reverse("admin:approvals_checkrun_change", args=[run.pk]),
        at=run.finished_at or run.requested_at,
        earlier=len(runs) - 1,
        can_run=can_run and not running,
        can_stop=may_run and running,
    )


def sign_off_lines(case: Case, document: PolicyDocument, version: ModelVersion, user: User) -> tuple[SignOffLine, ...]:
    """Every sign-off that the gates ask, stage by stage; voided ones stay visible."""
    mine = set(permissions.signing_roles(user, version.model))
    standing = standing_sign_offs(version, case)
    again = frozenset(one.id for one in case.sign_offs if case.counts(one))
    rows: dict[tuple[str, str], list[SignOff]] = {}
    for row in SignOff.objects.filter(version=version).order_by("pk"):
        rows.setdefault((row.stage, row.role), []).append(row)
    lines: list[SignOffLine] = []
    for stage, requirement in requirements_of(document):
        if not isinstance(requirement, SignOffsRequirement):
            continue
        given = [row for role in requirement.roles for row in rows.pop((stage.value, role.value), [])]
        counted = again if stage in case.pass_stages else standing
        lines += [_given(row, standing | counted, earlier=standing - counted) for row in given]
        counting = {row.signer_id for row in given if row.pk in counted}
        for _ in range(requirement.people - len(counting)):
            lines.append(_missing(case, document, version, stage, requirement, user, mine))
    for rest in rows.values():
        lines += [_given(row, standing) for row in rest]
    return tuple(lines)


def _given(row: SignOff, standing: frozenset[int], *, earlier: frozenset[int] = frozenset()) -> SignOffLine:
    """`earlier` are those that the approval rests on and that a revalidation asks for again."""
    counts = row.pk in standing
    approved = row.decision in (SignOffDecision.APPROVE, SignOffDecision.APPROVE_WITH_CONDITIONS)
    words = {
        SignOffDecision.APPROVE: "Signed",
        SignOffDecision.APPROVE_WITH_CONDITIONS: "Signed with conditions",
        SignOffDecision.REQUEST_CHANGES: "Asked for changes",
        SignOffDecision.REJECT: "Rejected",
    }
    return SignOffLine(
        stage=Stage(row.stage).label,
        role=Role(row.role).label,
        state=(words[SignOffDecision(row.decision)] + (" earlier" if row.pk in earlier else ""))
        if counts
        else "No longer counts",
        tone=(OK if approved else BAD) if counts else UNKNOWN,
        name=row.printed_name,
        comment=row.comment,
        decision=row.get_decision_display(),
        at=row.signed_at,
        voided=not counts,
        url=reverse("admin:approvals_signoff_change", args=[row.pk]),
    )


def _missing(
    case: Case,
    document: PolicyDocument,
    version: ModelVersion,
    stage: Stage,
    asked: SignOffsRequirement,
    user: User,
    mine: set[Role],
) -> SignOffLine:
    reached = case.stage in REVIEW_STAGES and REVIEW_STAGES.index(stage) <= REVIEW_STAGES.index(case.stage)
    reached = reached or case.stage is Stage.SUSPENDED or stage in case.pass_stages
    holders = dict.fromkeys(name for role in asked.roles for name in case.holders.get(role.value, ()))
    names = ", ".join(holders) or "nobody holds this role"
    if not reached:
        return SignOffLine(stage.label, asked.label, "Later", UNKNOWN, waiting_for=names)
    role = next((role for role in asked.roles if role in mine), None)
    why = url = ""
    if role is not None:
        url = reverse("admin:approvals_modelversion_sign", args=[version.pk, stage.value, role.value])
        why = signing_off.refusal(case, document, version, stage=stage, role=role, actor=user)
    return SignOffLine(
        stage=stage.label,
        role=asked.label if role is None else role.label,
        state="Waiting",
        tone=WAIT,
        waiting_for=names,
        sign_url="" if why else url,
        refusal=why,
    )


def requirements_of(document: PolicyDocument) -> list[tuple[Stage, Any]]:
    """Every requirement of a policy with its stage, in the order of the path."""
    return [(stage, requirement) for stage in REVIEW_STAGES for requirement in document.gates.get(stage, ())]
