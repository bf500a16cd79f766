"""The only module that moves a version: lock, permit, decide, move, record, tell. One transaction each."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from approvals import decommissioning, dossier, judging, passes, permissions, policy, refusals, signing_off, telling
from approvals.events import Event
from approvals.lapsing import lapsed
from approvals.models import Comment, Finding, ModelVersion, Revalidation, RevalidationOutcome, SignOff, Waiver
from approvals.models.findings import FindingSource, FindingStatus
from approvals.models.revalidations import pass_under_way
from approvals.models.signoffs import SignOffDecision
from approvals.policy_document import PolicyDocument, parse, pinned
from approvals.requirements.base import Case
from approvals.requirements.signoffs import APPROVALS, SignOffsRequirement
from approvals.signals import version_moved
from approvals.stages import REVIEW_STAGES, Blocker, Role, Stage, Transition
from portal import ledger, reauthentication
from portal.errors import BadInput, NotPermitted, Refused
from portal.texts import require_reason, require_storable

MOVED: dict[Transition, Event] = {
    Transition.ADVANCE: Event.VERSION_ADVANCED,
    Transition.REQUEST_CHANGES: Event.VERSION_RETURNED,
    Transition.REJECT: Event.VERSION_REJECTED,
    Transition.WITHDRAW: Event.VERSION_WITHDRAWN,
    Transition.SUSPEND: Event.VERSION_SUSPENDED,
    Transition.REINSTATE: Event.VERSION_REINSTATED,
    Transition.RETIRE: Event.VERSION_RETIRED,
}


def incumbents(version: ModelVersion) -> tuple[ModelVersion, ...]:
    """Other versions of the same model that are deployed now."""
    return tuple(
        ModelVersion.objects.filter(model_id=version.model_id, stage=Stage.MONITORING)
        .exclude(pk=version.pk)
        .order_by("pk")
    )


def advance(*, version_id: int, actor: User, incumbent_plan: str = "", now: datetime | None = None) -> ModelVersion:
    """Move to the next stage if this gate and all before it are open. Entering monitoring settles the incumbent too."""
    now = now or timezone.now()
    version = _read(version_id)
    with _recorded(version, actor, Transition.ADVANCE), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if not permissions.may_move(actor, version.model):
            raise NotPermitted("Only the model's owner or a submitter may advance a version.")
        case = _decide(version, Transition.ADVANCE, now=now)
        entering = version.stage == Stage.DEPLOYMENT_APPROVAL
        if entering:
            _settle_incumbents(version, incumbent_plan, actor, now)
            version.approved_at = now
            version.approval_expires_at = now + timedelta(days=parse(version.policy.text).approval_valid_days)
        _move(version, Transition.ADVANCE, actor=actor, reason="", now=now, case=case)
    return version


def _settle_incumbents(version: ModelVersion, plan: str, actor: User, now: datetime) -> None:
    others = list(ModelVersion.objects.locked().filter(pk__in=[other.pk for other in incumbents(version)]))
    if not others:
        return
    if plan not in ("replaced", "kept"):
        names = ", ".join(other.number for other in others)
        raise BadInput(
            f"Version {names} is deployed: say whether it is replaced or kept beside this one.", field="incumbent_plan"
        )
    version.incumbent_plan = plan
    if plan == "replaced":
        for other in others:
            _replace(other, version, actor, now)


def _replace(other: ModelVersion, by: ModelVersion, actor: User, now: datetime) -> None:
    """Retire the incumbent if its decommission checklist is answered; until then its approval is suspended."""
    reason = f"Replaced by version {by.number}."
    if decommissioning.open_items(other):
        _move(other, Transition.SUSPEND, actor=actor, reason=f"{reason} {decommissioning.TO_DO}", now=now)
    else:
        _move(other, Transition.RETIRE, actor=actor, reason=reason, now=now)


def sign_off(
    *,
    version_id: int,
    actor: User,
    asked: signing_off.Request,
    proof: reauthentication.Proof,
    http_request: HttpRequest,
    to: str = "",
    now: datetime | None = None,
) -> SignOff:
    """Sign; a request for changes moves back to stage `to`, a rejection ends the version, in the same transaction.

    In a revalidation a request for changes moves nothing and keeps its gate closed; a rejection refuses the renewal.
    """
    now = now or timezone.now()

    def and_then(version: ModelVersion, row: SignOff) -> None:
        under_way = pass_under_way(version)
        if under_way is not None and row.decision == SignOffDecision.REJECT:
            refuse_renewal(version, under_way, actor=actor, reason=row.comment, now=now)
        elif under_way is not None or row.decision in APPROVALS:
            _tell_submitter(version, row)
        elif row.decision == SignOffDecision.REQUEST_CHANGES:
            target = _earlier_stage(version, to)
            if target is not None:
                _move(version, Transition.REQUEST_CHANGES, actor=actor, reason=row.comment, now=now, to=target)
        elif row.decision == SignOffDecision.REJECT:
            _move(version, Transition.REJECT, actor=actor, reason=row.comment, now=now)

    return signing_off.record_sign_off(
        version_id=version_id,
        actor=actor,
        asked=asked,
        proof=proof,
        http_request=http_request,
        and_then=and_then,
        now=now,
    )


def _earlier_stage(version: ModelVersion, to: str) -> Stage | None:
    index = REVIEW_STAGES.index(Stage(version.stage))
    if index == 0:
        return None
    if to not in REVIEW_STAGES[:index]:
        raise BadInput("Choose the earlier stage to which the version goes back.", field="to")
    return Stage(to)


def withdraw(*, version_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelVersion:
    """Take a version back before it is deployed."""
    now = now or timezone.now()
    version = _read(version_id)
    require_reason(reason)
    with _recorded(version, actor, Transition.WITHDRAW), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if not permissions.may_move(actor, version.model):
            raise NotPermitted("Only the model's owner or a submitter may withdraw a version.")
        _move(version, Transition.WITHDRAW, actor=actor, reason=reason, now=now)
    return version


def suspend(*, version_id: int, actor: User | None, reason: str, now: datetime | None = None) -> ModelVersion:
    """Pause an approval: a risk or compliance officer, or the system (actor None)."""
    now = now or timezone.now()
    version = _read(version_id)
    require_reason(reason)
    with _recorded(version, actor, Transition.SUSPEND), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        officers = {Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER}
        if actor is not None and not officers & set(permissions.roles_of(actor, version.model)):
            raise NotPermitted("Only a risk or compliance officer of this model may suspend its approval.")
        _move(version, Transition.SUSPEND, actor=actor, reason=reason, now=now)
    return version


def reinstate(*, version_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelVersion:
    """Let an approval hold again: by a signer of the deployment gate, with sign-offs given after the suspension."""
    now = now or timezone.now()
    version = _read(version_id)
    require_reason(reason)
    with _recorded(version, actor, Transition.REINSTATE), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if sentence := why_not_reinstate(version, actor):
            raise NotPermitted(sentence)
        case = _decide(version, Transition.REINSTATE, now=now)
        _require_nothing_lapsed(version, now)
        _move(version, Transition.REINSTATE, actor=actor, reason=reason, now=now, case=case)
    return version


def why_not_reinstate(version: ModelVersion, actor: User) -> str:
    """Why this person may not reinstate the version; empty if they may."""
    signers = _roles_of_gate(parse(version.policy.text), Stage.DEPLOYMENT_APPROVAL)
    if not signers & set(permissions.roles_of(actor, version.model)):
        return "Only a signer of the deployment approval may reinstate it."
    if actor.pk in (version.submitted_by_id, version.developer_id):
        return "You submitted or developed this version; somebody else must reinstate it."
    return ""


def _require_nothing_lapsed(version: ModelVersion, now: datetime) -> None:
    if sentence := lapsed(version, now):
        raise Refused(f"The approval cannot hold again: {sentence}")


def refuse_renewal(version: ModelVersion, under_way: Revalidation, *, actor: User, reason: str, now: datetime) -> None:
    """End a pass of a locked version without renewal, and suspend its approval, inside the caller's transaction."""
    passes.decided(under_way, version=version, outcome=RevalidationOutcome.REFUSED, actor=actor, reason=reason, now=now)
    if version.stage == Stage.MONITORING:
        sentence = f"The revalidation ended without renewal. {reason.strip()}"
        _move(version, Transition.SUSPEND, actor=actor, reason=sentence, now=now)


def retire(*, version_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelVersion:
    """Take a deployed version out of service. The owner or whoever signs as business owner.

    Refused while an item of the decommission checklist is not answered: in an emergency the approval is suspended.
    """
    now = now or timezone.now()
    version = _read(version_id)
    require_reason(reason)
    with _recorded(version, actor, Transition.RETIRE), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        signs = Role.BUSINESS_OWNER in permissions.roles_of(actor, version.model)
        if not (permissions.is_owner(actor, version.model) or signs):
            raise NotPermitted("Only the model's owner or its business owner may retire a version.")
        if sentence := policy.why_illegal(Stage(version.stage), Transition.RETIRE):
            raise Refused(sentence)
        decommissioning.require_answered(version)
        _move(version, Transition.RETIRE, actor=actor, reason=reason, now=now)
    return version


def suspend_lapsed(*, now: datetime | None = None) -> tuple[ModelVersion, ...]:
    """Suspend every approval that expired, or has an overdue condition or revalidation. Two callers are harmless."""
    now = now or timezone.now()
    suspended = []
    overdue = Finding.objects.filter(
        source=FindingSource.CONDITION, status=FindingStatus.OPEN, due_on__lt=now.date()
    ).values("version_id")
    ended = Waiver.objects.filter(Q(expires_on__lt=now.date()) | Q(revoked_at__isnull=False)).values("version_id")
    late = Revalidation.objects.filter(outcome=RevalidationOutcome.OPEN, due_on__lt=now.date()).values("version_id")
    due = ModelVersion.objects.filter(stage=Stage.MONITORING).filter(
        Q(approval_expires_at__lte=now) | Q(pk__in=overdue) | Q(pk__in=ended) | Q(pk__in=late)
    )
    for version_id in due.values_list("pk", flat=True):
        try:
            with transaction.atomic():
                version = ModelVersion.objects.locked().get(pk=version_id)
                sentence = lapsed(version, now)
                if version.stage == Stage.MONITORING and sentence:
                    _move(version, Transition.SUSPEND, actor=None, reason=sentence, now=now)
                    suspended.append(version)
        except (BadInput, Refused) as refusal:  # of this version: the others are suspended all the same
            telling.tell_refused(
                version_id, refusal.sentence, "Its approval, which lapsed, cannot be suspended.", now=now
            )
    return tuple(suspended)


def comment(*, version_id: int, actor: User, text: str, now: datetime | None = None) -> Comment:
    """Add to the discussion of a version. Anybody who sees the version may, but an auditor changes nothing."""
    now = now or timezone.now()
    version = _read(version_id)
    if not 1 <= len(text.strip()) <= 10_000:
        raise BadInput("Write between 1 and 10,000 characters.", field="text")
    require_storable(text, field="text")
    with refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="comment"), transaction.atomic():
        takes_part = permissions.may_move(actor, version.model) or permissions.roles_of(actor, version.model)
        if not takes_part:
            raise NotPermitted("Only submitters, the owner and signers of this model take part in its discussion.")
        row = Comment.objects.create(version=version, author=actor, text=text.strip(), created_at=now)
        ledger.record(
            event=Event.COMMENT_ADDED,
            actor=actor,
            subject=version,
            scope=version.scope,
            facts={"comment": row.pk, "text": row.text},
        )
    return row


def _read(version_id: int) -> ModelVersion:
    return ModelVersion.objects.select_related("model", "policy").get(pk=version_id)


def _recorded(version: ModelVersion, actor: User | None, transition: Transition) -> AbstractContextManager[None]:
    return refusals.recorded(event=Event.MOVE_REFUSED, actor=actor, version=version, act=transition.value)


def _roles_of_gate(document: PolicyDocument, stage: Stage) -> set[Role]:
    return {role for r in document.gates.get(stage, ()) if isinstance(r, SignOffsRequirement) for role in r.roles}


def _decide(version: ModelVersion, transition: Transition, *, now: datetime) -> Case:
    """What a move of a locked version is allowed by. Raises Refused if it is not."""
    judged = judging.of(version)
    case = dossier.load_case(version, judged)
    decision = policy.decide(case, pinned(judged.policy), transition, now=now)
    if not decision.allowed:
        raise Refused(_sentence(decision.blockers), blockers=decision.blockers)
    return case


def _require_legal(version: ModelVersion, transition: Transition, to: Stage | None) -> None:
    """A move that opens no gate asks no policy: under an altered one an approval is suspended all the same."""
    stage = Stage(version.stage)
    if sentence := policy.why_illegal(stage, transition, to):
        raise Refused(sentence, blockers=(Blocker("illegal_move", sentence, stage),))


def _sentence(blockers: Iterable[Blocker]) -> str:
    sentences = [blocker.sentence for blocker in blockers]
    more = f" And {len(sentences) - 3} more." if len(sentences) > 3 else ""
    return " ".join(sentences[:3]) + more


def _move(
    version: ModelVersion,
    transition: Transition,
    *,
    actor: User | None,
    reason: str,
    now: datetime,
    to: Stage | None = None,
    case: Case | None = None,
) -> None:
    """Make a legal move of a locked version in the caller's transaction. It was decided before, by `case` if by any."""
    source = Stage(version.stage)
    if transition not in (Transition.ADVANCE, Transition.REINSTATE):
        _require_legal(version, transition, to)
    if transition is Transition.SUSPEND:
        version.suspensions += 1
    if transition is Transition.REQUEST_CHANGES:
        version.request_changes(to=str(to))
    else:
        getattr(version, transition.value)()
    version.stage_entered_at = now
    version.save()
    if transition is Transition.RETIRE and (under_way := pass_under_way(version)) is not None:
        ended = RevalidationOutcome.ENDED
        passes.decided(under_way, version=version, outcome=ended, actor=actor, reason=reason, now=now)
    version_moved.send(
        sender=ModelVersion, version=version, source=source.value, target=version.stage, actor=actor, now=now
    )
    _tell(version, source, actor, reason)
    case = case or dossier.load_case(version)  # named is what was decided by
    ledger.record(
        event=MOVED[transition],
        actor=actor,
        subject=version,
        scope=version.scope,
        reason=reason.strip(),
        facts={
            "from": source.value,
            "to": version.stage,
            "artifact": case.artifact_sha256,
            "policy_digest": version.policy.digest,
            "dossiers": dict(case.dossiers),
            **({"exceptions": _exceptions_used(version, case, now)} if version.stage == Stage.MONITORING else {}),
        },
    )


def _exceptions_used(version: ModelVersion, case: Case, now: datetime) -> list[int]:
    """Ids of the exceptions that keep a gate open now."""
    document = pinned(version.policy)
    states = [policy.gate(case, document, stage, now=now) for stage in REVIEW_STAGES]
    details = [outcome.details for state in states for outcome in state.outcomes]
    return sorted({int(entry["waiver"]) for entry in details if "waiver" in entry})


def _tell(version: ModelVersion, source: Stage, actor: User | None, reason: str) -> None:
    stage = Stage(version.stage)
    about = f" Reason: {reason.strip()}" if reason.strip() else ""
    people, link = {version.submitted_by, version.model.owner}, version.get_absolute_url()
    text = f"{version} moved from {source.label.lower()} to {stage.label.lower()}.{about}"
    if actor is None:
        telling.tell(version, people, event=Event.VERSION_ADVANCED, text=text, link=link)
    else:
        telling.announce(version.model, people - {actor}, event=Event.VERSION_ADVANCED, text=text, link=link)
    if stage in REVIEW_STAGES:
        for role in sorted(_roles_of_gate(parse(version.policy.text), stage)):
            holders = permissions.people_with(permissions.permission_for(role), version.model)
            people = {*holders, *permissions.delegates_for(role, version.model)}
            telling.announce(
                version.model,
                people - {version.submitted_by, version.developer},
                event=Event.VERSION_ADVANCED,
                text=f"{version} waits for a sign-off as {role.in_words} ({stage.label.lower()}).",
                link=link,
                asks_for_act=True,
            )


def _tell_submitter(version: ModelVersion, row: SignOff) -> None:
    text, link = f"{row.printed_name} signed {version} as {Role(row.role).in_words}.", version.get_absolute_url()
    telling.announce(version.model, [version.submitted_by], event=Event.SIGNED, text=text, link=link)
