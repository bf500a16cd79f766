"""Signing: re-authentication, separation of duties, and the dossier digest that was on the signer's screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from approvals import dossier, findings, judging, permissions, policy, refusals
from approvals.canonical import digest
from approvals.dossier import Dossier
from approvals.events import Event
from approvals.models import DossierSnapshot, ModelVersion, SignOff
from approvals.models.findings import FindingSource, Severity
from approvals.models.signoffs import SignOffDecision
from approvals.policy_document import PolicyDocument, pinned
from approvals.requirements.base import Case
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import REVIEW_STAGES, GateState, Role, Stage, stages_up_to
from portal import ledger, reauthentication
from portal.errors import BadInput, DomainError, NotPermitted, Refused, Stale
from portal.ledger import printed_name

MEANINGS: dict[str, str] = {
    SignOffDecision.APPROVE: "I have read what is listed on this page and approve it as {role}.",
    SignOffDecision.APPROVE_WITH_CONDITIONS: "I have read what is listed on this page and approve it as {role}, "
    "on the conditions that I name; if one is overdue the approval is suspended.",
    SignOffDecision.REQUEST_CHANGES: "I have read what is listed on this page and ask, as {role}, for changes "
    "before it goes on.",
    SignOffDecision.REJECT: "I have read what is listed on this page and reject this version as {role}.",
}
COMMENT_MINIMUM = 10


@dataclass(frozen=True)
class Condition:
    """What has to be done after an approval with conditions, by whom and until when."""

    text: str
    owner: User
    due_on: date


@dataclass(frozen=True)
class Signing:
    """What a signer is shown before signing, and why this person may not sign, if so."""

    version: ModelVersion
    stage: Stage
    role: Role
    case: Case
    gate: GateState
    dossier: Dossier
    refusal: str
    on_behalf_of: User | None = None


@dataclass(frozen=True)
class Request:
    """What a signer sends: everything that the signature covers besides the dossier."""

    stage: Stage
    role: Role
    decision: str
    comment: str
    seen_digest: str
    idempotency_key: str
    conditions: tuple[Condition, ...] = ()

    def digest(self) -> str:
        """One key stands for one request: the same key with another body is refused."""
        return digest(
            {
                "stage": self.stage,
                "role": self.role,
                "decision": self.decision,
                "comment": self.comment,
                "seen": self.seen_digest,
                "conditions": [[c.text, c.owner.pk, c.due_on.isoformat()] for c in self.conditions],
            }
        )


def meaning_of(decision: str, role: Role) -> str:
    """The meaning of a signature, as shown and recorded (21 CFR 11.50)."""
    return MEANINGS[decision].format(role=role.in_words)


def prepare(*, version: ModelVersion, stage: Stage, role: Role, actor: User, now: datetime | None = None) -> Signing:
    """What the sign page shows; kept if the person may sign it, so that a later change can be named to them.

    Raises NotPermitted for a person without any right on the model.
    """
    permissions.require_view(actor, version)
    now = now or timezone.now()
    document = judging.document_of(version)
    case = dossier.load_case(version)
    shown = dossier.build(case, document, stage)
    principal, refused = _seat(case, document, version, stage=stage, role=role, actor=actor)
    if not refused:
        _kept(shown, now)
    return Signing(
        version=version,
        stage=stage,
        role=role,
        case=case,
        gate=policy.gate(case, document, stage, now=now),
        dossier=shown,
        refusal=refused,
        on_behalf_of=principal if principal != actor else None,
    )


def _kept(shown: Dossier, now: datetime) -> DossierSnapshot:
    """The snapshot of a dossier; one row for each digest."""
    row, _ = DossierSnapshot.objects.get_or_create(
        digest=shown.digest, defaults={"text": shown.text, "created_at": now}
    )
    return row


def refusal(
    case: Case, document: PolicyDocument, version: ModelVersion, *, stage: Stage, role: Role, actor: User
) -> str:
    """Why this person may not sign this stage in this role now; empty if they may. Superusers are not exempt."""
    return _seat(case, document, version, stage=stage, role=role, actor=actor)[1]


def _seat(
    case: Case, document: PolicyDocument, version: ModelVersion, *, stage: Stage, role: Role, actor: User
) -> tuple[User | None, str]:
    """For whom this person can sign, themselves first; or why not, for the first for whom they could have."""
    principals = permissions.principals(actor, role, version.model)
    if not principals:
        exempt = " Being an administrator gives no right to sign." if actor.is_superuser else ""
        return None, f"You do not hold the role {role.in_words} on {version.model}.{exempt}"
    found = [(one, _why_not(case, document, stage=stage, role=role, actor=actor, principal=one)) for one in principals]
    return next((pair for pair in found if not pair[1]), (None, found[0][1]))


def _why_not(  # noqa: PLR0911  (one sentence each)
    case: Case, document: PolicyDocument, *, stage: Stage, role: Role, actor: User, principal: User
) -> str:
    if actor.pk in (case.submitted_by, case.developer):
        who = "submitted" if actor.pk == case.submitted_by else "developed"
        return f"You {who} this version; somebody else must sign it."
    if actor.pk in dossier.contributors(case, document, stage):
        return "You contributed to what this stage looks at; somebody else must sign it."
    if principal != actor and principal.pk in dossier.contributors(case, document, stage):
        return f"{printed_name(principal)}, for whom you would sign, contributed to this version and cannot sign it."
    if stage not in _open_stages(case):
        again = ", and its revalidation does not go through that gate" if case.under_way else ""
        return f"{stage.label} is not open for signing while the version is in {case.stage.label.lower()}{again}."
    if not any(isinstance(r, SignOffsRequirement) and role in r.roles for r in document.gates.get(stage, ())):
        return f"The policy asks no sign-off as {role.in_words} in {stage.label.lower()}."
    signed = [one for one in case.sign_offs if one.stage == stage and one.dossier == case.dossiers[stage]]
    if any(actor.pk in (one.signer, one.seat) for one in signed):
        return f"You have signed {stage.label.lower()} already; one person signs once per stage."
    if any(principal.pk in (one.signer, one.seat) for one in signed):
        return f"{printed_name(principal)}, for whom you would sign, has signed {stage.label.lower()} already."
    return ""


def _open_stages(case: Case) -> tuple[Stage, ...]:
    if case.stage is Stage.SUSPENDED:
        return REVIEW_STAGES
    return stages_up_to(case.stage) if case.stage in REVIEW_STAGES else case.pass_stages


def record_sign_off(
    *,
    version_id: int,
    actor: User,
    asked: Request,
    proof: reauthentication.Proof,
    http_request: HttpRequest,
    and_then: Callable[[ModelVersion, SignOff], None] | None = None,
    now: datetime | None = None,
) -> SignOff:
    """Record a sign-off; `and_then` moves the version in the same transaction (workflow.py gives it).

    Raises BadInput, NotPermitted, Refused or Stale; nothing is written then but the refusal. The same idempotency key
    with the same request gives the same sign-off again; with another request it is refused.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    _require_complete(asked)
    refused = partial(refusals.recorded, event=Event.SIGN_OFF_REFUSED, actor=actor, version=version, act=_act(asked))
    with refused():
        _require_first_or_same(version, actor, asked, now)
        with refused(also=(BadInput,)):  # a wrong password is an attempt to sign as somebody
            authentication = reauthentication.confirm(
                actor=actor,
                proof=proof,
                http_request=http_request,
                code_needed=asked.role in judging.pinned_document_of(version).rules.one_time_codes,
                now=now,
            )
        with transaction.atomic():
            version = ModelVersion.objects.locked().get(pk=version_id)
            if (earlier := _same(version, actor, asked)) is not None:
                return earlier
            row = _write(version, User.objects.get(pk=actor.pk), asked, authentication, now)
            if and_then is not None:
                and_then(version, row)
            return row


def _require_first_or_same(version: ModelVersion, actor: User, asked: Request, now: datetime) -> None:
    if _same(version, actor, asked) is not None:
        return
    try:
        _require_may_sign(version, asked, actor)
        _require_conditions(version, asked, now)
    except DomainError:
        # The same form may have been recorded by another request a moment ago; then there is nothing to refuse.
        if _same(version, actor, asked) is None:
            raise


def _act(asked: Request) -> str:
    return f"{asked.decision} as {asked.role} in {asked.stage}"


def _require_complete(asked: Request) -> None:
    if asked.decision not in SignOffDecision.values:
        raise BadInput("Choose a decision.", field="decision")
    if len(asked.comment.strip()) < COMMENT_MINIMUM:
        raise BadInput(
            f"Give a reason of at least {COMMENT_MINIMUM} characters; it is printed on the card.", field="comment"
        )
    if not asked.idempotency_key or len(asked.idempotency_key) > 64:
        raise BadInput("The form carries no valid key; load the page again.", field="idempotency_key")
    conditional = asked.decision == SignOffDecision.APPROVE_WITH_CONDITIONS
    if conditional and not asked.conditions:
        raise BadInput("Name at least one condition with an owner and a due date.", field="conditions")
    if asked.conditions and not conditional:
        raise BadInput("Conditions belong to the decision “approve with conditions”.", field="conditions")


def _require_conditions(version: ModelVersion, asked: Request, now: datetime) -> None:
    for condition in asked.conditions:
        if not condition.text.strip():
            raise BadInput("Say of each condition what has to be done.", field="conditions")
        if condition.due_on < now.date():
            raise BadInput("The due date of a condition lies in the past.", field="conditions")
        if not permissions.may_view(condition.owner, version.model):
            raise BadInput("The owner of a condition has no right on this model.", field="conditions")


def _same(version: ModelVersion, actor: User, asked: Request) -> SignOff | None:
    earlier = SignOff.objects.filter(signer=actor, idempotency_key=asked.idempotency_key).first()
    if earlier is not None and (earlier.version_id, earlier.request_digest) != (version.pk, asked.digest()):
        raise Refused("This form was used already for another signature; load the page again.", code="key-reused")
    return earlier


def _require_may_sign(version: ModelVersion, asked: Request, actor: User) -> tuple[Case, Dossier, User]:
    judged = judging.of(version)
    document = pinned(judged.policy)
    case = dossier.load_case(version, judged)
    principal, sentence = _seat(case, document, version, stage=asked.stage, role=asked.role, actor=actor)
    if sentence or principal is None:
        raise NotPermitted(sentence)
    objects = asked.decision in (SignOffDecision.REQUEST_CHANGES, SignOffDecision.REJECT)
    if objects and asked.stage not in (case.stage, *case.pass_stages):
        raise Refused("Changes and rejection can be asked only in the stage that the version is in.")
    shown = dossier.build(case, document, asked.stage)
    if shown.digest != asked.seen_digest:
        before = DossierSnapshot.objects.filter(digest=asked.seen_digest).first()
        changes = dossier.changes(before.text, shown.text) if before else ()
        raise Stale(
            "The evidence changed after this page was shown, so nothing was signed: read it again.", changes=changes
        )
    return case, shown, principal


def _write(version: ModelVersion, actor: User, asked: Request, authentication: str, now: datetime) -> SignOff:
    case, shown, principal = _require_may_sign(version, asked, actor)
    stands_in = principal != actor
    name = printed_name(actor)
    row = SignOff.objects.create(
        version=version,
        stage=asked.stage,
        role=asked.role,
        decision=asked.decision,
        signer=actor,
        on_behalf_of=principal if stands_in else None,
        printed_name=f"{name} for {printed_name(principal)}" if stands_in else name,
        meaning=meaning_of(asked.decision, asked.role),
        comment=asked.comment.strip(),
        conditions=_conditions_json(asked.conditions),
        signed_at=now,
        authentication=authentication,
        dossier=_kept(shown, now),
        idempotency_key=asked.idempotency_key,
        request_digest=asked.digest(),
    )
    _open_conditions(version, row, asked.conditions, actor, now)
    ledger.record(
        event=Event.SIGNED,
        actor=actor,
        subject=version,
        scope=version.scope,
        authentication=authentication,
        reason=row.comment,
        facts=_ledger_facts(row, case),
    )
    return row


def _conditions_json(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    return [
        {"text": c.text, "owner": c.owner.pk, "owner_name": printed_name(c.owner), "due_on": c.due_on.isoformat()}
        for c in conditions
    ]


def _open_conditions(
    version: ModelVersion, row: SignOff, conditions: Sequence[Condition], actor: User, now: datetime
) -> None:
    for condition in conditions:
        findings.add(
            version=version,
            actor=actor,
            severity=Severity.LOW,
            title=f"Condition: {condition.text}"[:200],
            description=condition.text,
            source=FindingSource.CONDITION,
            source_reference=f"sign-off {row.pk}",
            owner=condition.owner,
            due_on=condition.due_on,
            now=now,
        )


def _ledger_facts(row: SignOff, case: Case) -> dict[str, Any]:
    return {
        "sign_off": row.pk,
        "stage": row.stage,
        "role": row.role,
        "decision": row.decision,
        "printed_name": row.printed_name,
        "meaning": row.meaning,
        "signed_at": row.signed_at.isoformat(),
        "dossier": row.dossier_id,
        "artifact": case.artifact_sha256,
        "policy_digest": case.policy_of(row.stage)[1],
        "conditions": row.conditions,
        **({"on_behalf_of": row.on_behalf_of_id} if row.on_behalf_of_id else {}),
    }
