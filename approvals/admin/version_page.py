"""Everything the version page shows, as one frozen value: verdict, blockers, buttons with the reason they are off.

Reads only. What is allowed is asked of policy.py, permissions.py and signing_off.py; nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from approvals import (
    decommissioning,
    dossier,
    judging,
    lapsing,
    permissions,
    policy,
    repinning,
    restricting,
    time_limits,
    waivers,
    workflow,
)
from approvals.admin.exception_lines import ExceptionLine, exception_lines
from approvals.admin.finding_lines import FindingLine, MitigationLine, finding_lines, mitigation_lines
from approvals.admin.texts import rendered_markdown
from approvals.admin.version_lines import (
    BAD,
    OK,
    WAIT,
    CheckLine,
    EvidenceLine,
    SectionLine,
    SignOffLine,
    check_lines,
    evidence_lines,
    section_lines,
    sign_off_lines,
)
from approvals.models import Comment, ModelVersion, Policy, Restriction
from approvals.panels import panels_of
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import Case
from approvals.stages import ENDS, PATH, REVIEW_STAGES, Blocker, GateState, Role, Stage, Transition
from approvals.timeline import TimelineLine, lines_of, suspension_reason
from portal.ledger import name_of
from portal.panels import Panel

TIMELINE = 40


@dataclass(frozen=True)
class Button:
    """One act. A reason means: it is off now, and why."""

    label: str
    url: str
    reason: str = ""
    style: str = "plain"
    posts: bool = False
    id: str = ""


@dataclass(frozen=True)
class Step:
    """One stage of the path, for the line of steps."""

    label: str
    state: str
    blockers: int = 0


@dataclass(frozen=True)
class CommentLine:
    """One contribution to the discussion, rendered and cleaned."""

    author: str
    at: datetime
    html: SafeString


@dataclass(frozen=True)
class VersionPage:
    """The page."""

    version: ModelVersion
    verdict: str
    tone: str
    suspended_because: tuple[str, ...]
    blockers: tuple[Blocker, ...]
    earlier: tuple[GateState, ...]
    gates: tuple[GateState, ...]
    buttons: tuple[Button, ...]
    restrictions: tuple[Restriction, ...]
    may_lift: bool
    steps: tuple[Step, ...]
    facts: tuple[tuple[str, str, str], ...]
    evidence: tuple[EvidenceLine, ...]
    sections: tuple[SectionLine, ...]
    checks: tuple[CheckLine, ...]
    sign_offs: tuple[SignOffLine, ...]
    findings: tuple[FindingLine, ...]
    mitigations: tuple[MitigationLine, ...]
    exceptions: tuple[ExceptionLine, ...]
    may_ask_exception: bool
    comments: tuple[CommentLine, ...]
    timeline: tuple[TimelineLine, ...]
    panels: tuple[Panel, ...]
    may_answer: bool
    may_comment: bool
    may_open_findings: bool
    may_run_checks: bool

    @property
    def running(self) -> bool:
        """Whether a check is under way, so that the page looks again by itself."""
        return any(line.running for line in self.checks)


def build(version: ModelVersion, user: User, *, now: datetime | None = None) -> VersionPage:
    """The page of a version that this person may see."""
    now = now or timezone.now()
    document = judging.document_of(version)
    case = dossier.load_case(version)
    model = version.model
    in_review = version.stage in REVIEW_STAGES
    roles = set(permissions.roles_of(user, model))
    may_change = in_review or case.under_way is not None
    may_submit = permissions.may_submit(user, model) and may_change
    may_run = may_change and bool(roles or permissions.may_move(user, model))
    gates = tuple(policy.gate(case, document, stage, now=now) for stage in REVIEW_STAGES)
    blockers = _open_items(case, document, now)
    restricted = bool(restricting.standing(version))
    verdict, tone = _verdict(version, blockers, restricted=restricted, revalidated=case.under_way is not None)
    sign_offs = sign_off_lines(case, document, version, user)
    return VersionPage(
        version=version,
        verdict=verdict,
        tone=tone,
        suspended_because=_suspended_because(version, now),
        blockers=blockers,
        earlier=tuple(state for state in gates if not state.open),
        gates=gates,
        buttons=_buttons(version, user, roles, sign_offs, blockers),
        restrictions=restricting.standing(version),
        may_lift=not restricting.why_not_lift(version, user),
        steps=_steps(case.stage, gates),
        facts=_facts(version, case),
        evidence=evidence_lines(
            case,
            document,
            version,
            may_attach=may_submit,
            reports=may_change and Role.MODEL_VALIDATOR in roles,
        ),
        sections=section_lines(case, document, version),
        checks=check_lines(case, document, version, may_run=may_run),
        sign_offs=sign_offs,
        findings=finding_lines(version, user),
        mitigations=mitigation_lines(
            version, may_record=permissions.may_submit(user, model) and case.stage not in ENDS
        ),
        exceptions=exception_lines(version),
        may_ask_exception=_may_ask_exception(document, blockers) and not waivers.why_not_ask(version, user),
        comments=_comments(version),
        timeline=lines_of(version, newest=TIMELINE),
        panels=panels_of(version, user),
        may_answer=may_submit,
        may_comment=bool(roles or permissions.may_move(user, model)),
        may_open_findings=bool(roles) and version.stage not in ENDS,
        may_run_checks=may_run,
    )


def _open_items(case: Case, document: PolicyDocument, now: datetime) -> tuple[Blocker, ...]:
    """What stands before the next stage, before a renewal, or before a suspended approval can hold again."""
    if case.stage in REVIEW_STAGES:
        return policy.decide(case, document, Transition.ADVANCE, now=now).blockers
    if case.under_way is not None:
        return policy.renewal_blockers(case, document, now=now)
    if case.stage is Stage.SUSPENDED:
        return policy.decide(case, document, Transition.REINSTATE, now=now).blockers
    return ()


def _suspended_because(version: ModelVersion, now: datetime) -> tuple[str, ...]:
    """Why the approval was suspended, and what keeps it from holding again by itself, if that is something else."""
    if version.stage != Stage.SUSPENDED:
        return ()
    reason, standing = suspension_reason(version), lapsing.lapsed(version, now)
    return tuple(dict.fromkeys(sentence for sentence in (reason, standing) if sentence))


def _may_ask_exception(document: PolicyDocument, blockers: tuple[Blocker, ...]) -> bool:
    return bool(blockers and (document.rules.waivers or document.rules.emergency_override))


def checks_of(version: ModelVersion, user: User) -> tuple[CheckLine, ...]:
    """Only the check lines: what the page asks for while one is running."""
    document = judging.document_of(version)
    case = dossier.load_case(version)
    may_run = (version.stage in REVIEW_STAGES or case.under_way is not None) and bool(
        permissions.roles_of(user, version.model) or permissions.may_move(user, version.model)
    )
    return check_lines(case, document, version, may_run=may_run)


def _verdict(
    version: ModelVersion, blockers: tuple[Blocker, ...], *, restricted: bool, revalidated: bool
) -> tuple[str, str]:
    stage = Stage(version.stage)
    if stage in REVIEW_STAGES:
        if blockers:
            count = f"{len(blockers)} items are" if len(blockers) > 1 else "1 item is"
            return f"{stage.label} is blocked: {count} open", BAD
        return f"{stage.label} is complete: the version may advance", OK
    if stage is Stage.MONITORING:
        until = f" until {version.approval_expires_at:%d %b %Y}" if version.approval_expires_at else ""
        until += ", for restricted use only" if restricted else ""
        if revalidated:
            count = f"; {len(blockers)} item{'s' if len(blockers) > 1 else ''} open" if blockers else ""
            return f"Approved{until}, and its revalidation is under way{count}", WAIT if blockers else OK
        return f"Approved{until} and in monitoring", WAIT if restricted else OK
    if stage is Stage.SUSPENDED:
        count = f"{len(blockers)} items are" if len(blockers) > 1 else "1 item is"
        return "Suspended: the approval does not hold" + (f"; {count} open" if blockers else ""), BAD
    return f"{stage.label}: this version is closed", WAIT


def _steps(current: Stage, gates: tuple[GateState, ...]) -> tuple[Step, ...]:
    open_items = {state.stage: len(state.blockers) for state in gates}
    reached = PATH.index(current) if current in PATH else len(PATH)
    steps = []
    for index, stage in enumerate(PATH):
        state = "current" if stage is current else ("done" if index < reached and current in PATH else "ahead")
        # Once approved, what a new signature would meet is no open item of the approval that holds.
        count = open_items.get(stage, 0) if index <= reached and current in REVIEW_STAGES else 0
        steps.append(Step(stage.label, state, count))
    return tuple(steps)


def _buttons(
    version: ModelVersion,
    user: User,
    roles: set[Role],
    sign_offs: tuple[SignOffLine, ...],
    blockers: tuple[Blocker, ...],
) -> tuple[Button, ...]:
    signs = tuple(
        Button(f"Sign as {line.role_in_words} ({line.stage.lower()})…", line.sign_url, style="primary")
        for line in sign_offs
        if line.sign_url
    )
    return (*signs, *_moves(version, user, roles, blockers))


def _moves(version: ModelVersion, user: User, roles: set[Role], blockers: tuple[Blocker, ...]) -> tuple[Button, ...]:
    stage = Stage(version.stage)
    moves = permissions.may_move(user, version.model)

    def url(act: str) -> str:
        return reverse("admin:approvals_modelversion_move", args=[version.pk, act])

    if stage in REVIEW_STAGES:
        target = PATH[PATH.index(stage) + 1].label.lower()
        why = "" if moves else "Only the model's owner or a submitter may advance a version."
        if blockers:
            why = "Off while the items above are open."
        found = [Button(f"Advance to {target}…", url("advance"), why, "primary", id="advance")]
        newer = repinning.newer_policy(version)
        if newer is not None and not repinning.why_not_repin(version, user):
            address = reverse("admin:approvals_modelversion_repin", args=[version.pk, newer.pk])
            found.append(Button(f"Judge by {newer}…", address, "", "plain", id="repin"))
        if moves:
            found.append(Button("Withdraw…", url("withdraw"), "", "danger", id="withdraw"))
        return tuple(found)
    officers = {Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER} & roles
    retires = permissions.is_owner(user, version.model) or Role.BUSINESS_OWNER in roles
    found = []
    if stage is Stage.MONITORING:
        why = "" if officers else "Only a risk or compliance officer of this model may suspend its approval."
        found.append(Button("Suspend…", url("suspend"), why, "danger", id="suspend"))
    if stage is Stage.SUSPENDED:
        why = workflow.why_not_reinstate(version, user) or lapsing.lapsed(version, timezone.now())
        why = why or ("Off while the items above are open." if blockers else "")
        found.append(Button("Reinstate…", url("reinstate"), why, "primary", id="reinstate"))
    if stage in (Stage.MONITORING, Stage.SUSPENDED):
        why = "" if retires else "Only the model's owner or its business owner may retire a version."
        if retires and decommissioning.open_items(version):
            why = "Off while the decommission checklist has open items."
        found.append(Button("Retire…", url("retire"), why, "danger", id="retire"))
    return tuple(found)


def _facts(version: ModelVersion, case: Case) -> tuple[tuple[str, str, str], ...]:
    others, asks = workflow.incumbents(version), judging.of(version).policy
    facts = [
        ("Model", str(version.model), reverse("admin:approvals_registeredmodel_change", args=[version.model_id])),
        ("Stage", version.get_stage_display(), ""),
        ("In stage since", f"{version.stage_entered_at:%d %b %Y, %H:%M} UTC", ""),
        *((("Due", time.in_words, ""),) if (time := time_limits.standing(version)) else ()),
        ("Risk tier", version.model.get_risk_tier_display(), ""),
        ("Owner", name_of(version.model.owner), ""),
        ("Submitted by", name_of(version.submitted_by), ""),
        ("Developer", name_of(version.developer), ""),
        _policy_fact("Policy", version.policy),
        *((_policy_fact("Revalidation judged by", asks),) if asks != version.policy else ()),
        ("Artifact SHA-256", case.artifact_sha256 or "none attached", ""),
    ]
    if version.code_revision:
        facts.append(("Code revision", version.code_revision, ""))
    if others:
        facts.append(("Deployed now", ", ".join(other.number for other in others), others[0].get_absolute_url()))
    if version.approved_at:
        facts.append(("Approved", f"{version.approved_at:%d %b %Y, %H:%M} UTC", ""))
    return tuple(facts)


def _policy_fact(label: str, policy: Policy) -> tuple[str, str, str]:
    return label, str(policy), reverse("admin:approvals_policy_change", args=[policy.pk])


def _comments(version: ModelVersion) -> tuple[CommentLine, ...]:
    rows = Comment.objects.filter(version=version).select_related("author").order_by("pk")
    return tuple(CommentLine(name_of(row.author), row.created_at, rendered_markdown(row.text)) for row in rows)


__all__ = ["Button", "VersionPage", "build", "checks_of"]
