"""Use cases on exceptions from a policy: ask, sign, revoke. Two people sign; each ends on a day and is never extended.

An exception is bound to what the requirement looked at: whoever changes that needs a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from approvals import dossier, exceptions, judging, permissions, refusals, telling, voiding
from approvals.canonical import canonical_text, digest
from approvals.events import Event
from approvals.models import DossierSnapshot, ModelVersion, Waiver, WaiverSignature
from approvals.policy_document import PolicyDocument
from approvals.policy_rules import ExceptionRule
from approvals.requirements.base import Case, Requirement
from approvals.stages import REVIEW_STAGES, Role, Stage
from approvals.waivable import waivable
from portal import ledger, reauthentication
from portal.errors import BadInput, NotPermitted, Refused, Stale
from portal.texts import require_reason

REASON_MINIMUM = 20
LONGEST_NAME = 160  # of the column; Django lets a first and a last name of 301 through
MEANING = (
    "I have read what is set aside, why, and what limits the harm meanwhile, and agree as {role} that the version goes "
    "on without it until the day named here."
)


@dataclass(frozen=True)
class WaiverSigning:
    """What a signer of an exception is shown."""

    waiver: Waiver
    role: Role | None
    content: dict[str, Any]
    text: str
    digest: str
    refusal: str


def why_not_ask(version: ModelVersion, actor: User) -> str:
    """Why this person may not ask for an exception; empty if they may."""
    if not (permissions.may_move(actor, version.model) or permissions.roles_of(actor, version.model)):
        return "Only submitters, the owner and signers of this model ask for exceptions."
    if version.stage not in (*REVIEW_STAGES, Stage.SUSPENDED):
        return "Exceptions are asked for during review, or while an approval is suspended."
    return ""


def ask(
    *,
    version_id: int,
    actor: User,
    key: str,
    reason: str,
    meanwhile: str,
    expires_on: date,
    now: datetime | None = None,
) -> Waiver:
    """Ask for an exception; it holds nothing open until enough people have signed it.

    Raises BadInput, NotPermitted, or Refused (the policy allows none, or nothing is in the way).
    """
    now = now or timezone.now()
    for field, text in (("reason", reason), ("meanwhile", meanwhile)):
        asks = "Write at least {least} characters; it is printed on the card."
        require_reason(text, field=field, least=REASON_MINIMUM, asks=asks)
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    recorded = refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="ask for an exception")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if sentence := why_not_ask(version, actor):
            raise NotPermitted(sentence)
        wanted = next((one for one in waivable(version, now=now) if one.key == key), None)
        if wanted is None:
            raise Refused("That is met, or the policy allows no exception from it.")
        _require_end(wanted.rule, expires_on, now)
        row = Waiver.objects.create(
            version=version,
            kind=wanted.kind,
            stage=wanted.stage,
            requirement=wanted.requirement,
            title=wanted.title[:200],
            unmet=wanted.unmet,
            basis=_basis(
                dossier.load_case(version),
                judging.pinned_document_of(version),
                wanted.stage,
                wanted.requirement,
            ),
            reason=reason.strip(),
            meanwhile=meanwhile.strip(),
            expires_on=expires_on,
            asked_by=actor,
            asked_at=now,
        )
        _tell_signers(row, wanted.rule)
        ledger.record(
            event=Event.WAIVER_ASKED,
            actor=actor,
            subject=version,
            scope=version.scope,
            reason=row.reason,
            facts=_facts(row),
        )
    return row


def _require_end(rule: ExceptionRule, expires_on: date, now: datetime) -> None:
    if expires_on <= now.date():
        raise BadInput("The last day must lie in the future.", field="expires_on")
    if expires_on > now.date() + timedelta(days=rule.longest_days):
        raise BadInput(f"The policy allows at most {rule.longest_days} days.", field="expires_on")


def _basis(case: Case, document: PolicyDocument, stage: Stage, requirement: str) -> str:
    if not requirement:
        return exceptions.emergency_basis(case, stage)
    asked = next(one for one in document.gates[stage] if one.identity() == requirement)
    return exceptions.waiver_basis(case, asked)


def rule_of(waiver: Waiver) -> ExceptionRule | None:
    """Who has to sign it, by the policy that is pinned now; None if that policy allows no such exception."""
    return exceptions.rule_for(waiver.kind, judging.pinned_document_of(waiver.version))


def prepare(*, waiver: Waiver, actor: User, now: datetime | None = None) -> WaiverSigning:
    """What the page of an exception shows to this person. Raises NotPermitted for somebody without a right here."""
    now = now or timezone.now()
    permissions.require_view(actor, waiver.version)
    content = _content(waiver)
    text = canonical_text(content)
    role = _role_for(waiver, actor)
    shown = WaiverSigning(waiver, role, content, text, digest(content), _refusal(waiver, actor, role, now))
    if not shown.refusal:
        DossierSnapshot.objects.get_or_create(digest=shown.digest, defaults={"text": text, "created_at": now})
    return shown


def _content(waiver: Waiver) -> dict[str, Any]:
    case = dossier.load_case(waiver.version)
    document = judging.pinned_document_of(waiver.version)
    policy, policy_digest = case.policy_of(waiver.stage)
    asked = _asked(document, Stage(waiver.stage), waiver.requirement)
    return {
        "exception": {**_facts(waiver), "reason": waiver.reason, "asked_by": waiver.asked_by_id},
        "version": {"id": case.version_id, "model": case.model_id, "number": case.number},
        "artifact": case.artifact_sha256 or None,
        "policy": {"name": policy, "digest": policy_digest},
        "looked_at": [{"kind": one.key, "facts": one.facts(case)} for one in asked],
    }


def _asked(document: PolicyDocument, stage: Stage, requirement: str) -> tuple[Requirement, ...]:
    gate = document.gates.get(stage, ())
    return tuple(one for one in gate if not requirement or one.identity() == requirement)


def _role_for(waiver: Waiver, actor: User) -> Role | None:
    rule = rule_of(waiver)
    mine = permissions.roles_of(actor, waiver.version.model)
    return next((role for role in (rule.roles if rule else ()) if role in mine), None)


def _refusal(waiver: Waiver, actor: User, role: Role | None, now: datetime) -> str:  # noqa: PLR0911  (one sentence each)
    version, rule = waiver.version, rule_of(waiver)
    barred = exceptions.why_not_allowed(waiver, judging.pinned_document_of(version))
    if rule is None or barred:
        return barred
    if role is None:
        names = ", ".join(one.in_words for one in rule.roles)
        return f"Such an exception is signed as {names}; you hold none of these roles on this model."
    if actor.pk in (version.submitted_by_id, version.developer_id):
        return "You submitted or developed this version; somebody else must sign the exception."
    if actor.pk == waiver.asked_by_id:
        return "You asked for this exception; two other people must sign it."
    if waiver.revoked_at is not None:
        return "This exception was revoked."
    if waiver.expires_on < now.date():
        return f"This exception ended on {waiver.expires_on:%d %b %Y}; a new one has to be asked for."
    if version.stage not in (*REVIEW_STAGES, Stage.SUSPENDED):
        return f"The version is {version.get_stage_display().lower()}; nothing is set aside now."
    if WaiverSignature.objects.filter(waiver=waiver, signer=actor).exists():
        return "You have signed this exception already."
    if not exceptions.still_about(waiver, dossier.load_case(version), judging.pinned_document_of(version)):
        return "What this exception is about has changed since it was asked for; a new one has to be asked for."
    return ""


def sign(
    *,
    waiver_id: int,
    actor: User,
    proof: reauthentication.Proof,
    comment: str,
    seen_digest: str,
    idempotency_key: str,
    http_request: HttpRequest,
    now: datetime | None = None,
) -> WaiverSignature:
    """Sign an exception. It holds from the signature that completes the number of people on.

    Raises BadInput, NotPermitted or Stale; nothing is written then but the refusal.
    """
    now = now or timezone.now()
    waiver = _read(waiver_id)
    require_reason(comment, field="comment")
    version = waiver.version
    event, act = Event.SIGN_OFF_REFUSED, f"sign exception {waiver.pk}"
    with refusals.recorded(event=event, actor=actor, version=version, act=act, also=(BadInput,)):
        earlier = WaiverSignature.objects.filter(signer=actor, idempotency_key=idempotency_key).first()
        if earlier is not None and earlier.waiver_id == waiver.pk:
            return earlier
        role = _require_may_sign(waiver, actor, seen_digest, now)
        authentication = reauthentication.confirm(
            actor=actor,
            proof=proof,
            http_request=http_request,
            code_needed=role in judging.pinned_document_of(version).rules.one_time_codes,
            now=now,
        )
        with transaction.atomic():
            ModelVersion.objects.locked().get(pk=version.pk)
            waiver = _read(waiver_id)
            role = _require_may_sign(waiver, actor, seen_digest, now)
            with voiding.watched(waiver.version, actor=actor):
                row = WaiverSignature.objects.create(
                    waiver=waiver,
                    signer=actor,
                    role=role,
                    printed_name=ledger.printed_name(actor)[:LONGEST_NAME],
                    meaning=MEANING.format(role=role.in_words),
                    comment=comment.strip(),
                    signed_at=now,
                    authentication=authentication,
                    dossier=DossierSnapshot.objects.get(digest=seen_digest),
                    idempotency_key=idempotency_key,
                )
            _tell_signed(waiver, row)
            ledger.record(
                event=Event.WAIVER_SIGNED,
                actor=actor,
                subject=waiver.version,
                scope=waiver.version.scope,
                authentication=authentication,
                reason=row.comment,
                facts={
                    "waiver": waiver.pk,
                    "signature": row.pk,
                    "title": waiver.title,
                    "exception": waiver.kind,
                    "role": row.role,
                    "printed_name": row.printed_name,
                    "meaning": row.meaning,
                    "signed_at": row.signed_at.isoformat(),
                    "dossier": seen_digest,
                },
            )
    return row


def _require_may_sign(waiver: Waiver, actor: User, seen_digest: str, now: datetime) -> Role:
    shown = prepare(waiver=waiver, actor=actor, now=now)
    if shown.refusal or shown.role is None:
        raise NotPermitted(shown.refusal)
    if shown.digest != seen_digest:
        before = DossierSnapshot.objects.filter(digest=seen_digest).first()
        changes = dossier.changes(before.text, shown.text) if before else ()
        raise Stale("What the page showed has changed, so nothing was signed: read it again.", changes=changes)
    return shown.role


def revoke(*, waiver_id: int, actor: User, reason: str, now: datetime | None = None) -> Waiver:
    """End an exception before its day: whoever asked for it, or anybody who could sign it."""
    now = now or timezone.now()
    waiver = _read(waiver_id)
    require_reason(reason)
    version = waiver.version
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="revoke an exception"),
        transaction.atomic(),
    ):
        ModelVersion.objects.locked().get(pk=version.pk)
        waiver = _read(waiver_id)
        if not may_revoke(waiver, actor):
            raise NotPermitted("An exception is revoked by whoever asked for it, or by somebody who could sign it.")
        if waiver.revoked_at is not None:
            raise Refused("This exception was revoked already.")
        with voiding.watched(waiver.version, actor=actor):
            waiver.revoked_by, waiver.revoked_at, waiver.revoked_because = actor, now, reason.strip()
            waiver.save(update_fields=["revoked_by", "revoked_at", "revoked_because"])
        ledger.record(
            event=Event.WAIVER_REVOKED,
            actor=actor,
            subject=waiver.version,
            scope=waiver.version.scope,
            reason=reason.strip(),
            facts={"waiver": waiver.pk, "title": waiver.title},
        )
    return waiver


def may_revoke(waiver: Waiver, actor: User) -> bool:
    """Whether this person may end the exception."""
    return actor.is_active and (
        (actor.pk == waiver.asked_by_id and permissions.may_view(actor, waiver.version.model))
        or _role_for(waiver, actor) is not None
    )


def _facts(row: Waiver) -> dict[str, Any]:
    return {
        "waiver": row.pk,
        "exception": row.kind,
        "stage": row.stage,
        "requirement": row.requirement,
        "title": row.title,
        "unmet": row.unmet,
        "basis": row.basis,
        "meanwhile": row.meanwhile,
        "expires_on": row.expires_on.isoformat(),
    }


def _tell_signers(row: Waiver, rule: ExceptionRule) -> None:
    people = {
        person
        for role in rule.roles
        for person in permissions.people_with(permissions.permission_for(role), row.version.model)
    }
    telling.announce(
        row.version.model,
        people - {row.asked_by, row.version.submitted_by, row.version.developer},
        event=Event.WAIVER_ASKED,
        text=f"{row.version}: an exception waits for signatures. {row}",
        link=f"/approvals/waiver/{row.pk}/change/",
        asks_for_act=True,
    )


def _tell_signed(waiver: Waiver, row: WaiverSignature) -> None:
    telling.announce(
        waiver.version.model,
        {waiver.asked_by, waiver.version.submitted_by, waiver.version.model.owner} - {row.signer},
        event=Event.WAIVER_SIGNED,
        text=f"{row.printed_name} signed an exception of {waiver.version}: {waiver.title}.",
        link=f"/approvals/waiver/{waiver.pk}/change/",
    )


def _read(waiver_id: int) -> Waiver:
    return Waiver.objects.select_related("version__model", "version__policy", "asked_by").get(pk=waiver_id)
