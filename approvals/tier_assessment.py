"""Use cases on risk tiers: assess by the formula, ask for an override, confirm it as a second person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from approvals import permissions, telling, tiering, voiding
from approvals.events import Event
from approvals.models import ModelVersion, RegisteredModel, TierAssessment, TierOverride
from approvals.stages import REVIEW_STAGES, Role, Tier
from portal import ledger, reauthentication
from portal.errors import BadInput, NotPermitted, Refused
from portal.texts import require_reason

REASON_MINIMUM = 20
OFFICERS = frozenset({Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER})


def first(*, model: RegisteredModel, actor: User, answers: Mapping[str, str], now: datetime) -> TierAssessment:
    """The assessment of a model that is being registered, inside the caller's transaction."""
    return _assessed(model, actor, answers, now)


def assess(*, model_id: int, actor: User, answers: Mapping[str, str], now: datetime | None = None) -> TierAssessment:
    """Answer again, by the formula that is valid now. An override of the earlier answers ends with it."""
    now = now or timezone.now()
    with transaction.atomic():
        model = _locked(model_id)
        if sentence := why_not_assess(model, actor):
            raise NotPermitted(sentence)
        with _watched(model, actor):
            row = _assessed(model, actor, answers, now)
            _set(model, row.tier)
    return row


def why_not_assess(model: RegisteredModel, actor: User) -> str:
    """Why this person may not assess the model; empty if they may."""
    takes_part = permissions.may_move(actor, model) or OFFICERS & set(permissions.roles_of(actor, model))
    return "" if takes_part else "Only submitters, the owner, and risk or compliance officers assess the risk tier."


def _assessed(model: RegisteredModel, actor: User, answers: Mapping[str, str], now: datetime) -> TierAssessment:
    formula = tiering.formula_on(now.date())
    found = formula.assess(answers)
    row = TierAssessment.objects.create(
        model=model,
        formula=formula.version,
        formula_digest=formula.digest,
        answers={question.key: answers[question.key] for question in formula.questions},
        exposure=found.exposure,
        purpose=found.purpose,
        tier=found.tier,
        reasons=list(found.reasons),
        assessed_by=actor,
        assessed_at=now,
    )
    ledger.record(
        event=Event.TIER_ASSESSED,
        actor=actor,
        subject=model,
        scope=model.scope,
        facts={
            "assessment": row.pk,
            "formula": row.formula,
            "formula_digest": row.formula_digest,
            "answers": row.answers,
            "tier": row.tier,
        },
    )
    return row


def ask_override(*, model_id: int, actor: User, tier: str, reason: str, now: datetime | None = None) -> TierOverride:
    """Ask for another tier than the formula gives. Nothing changes until a second person confirms it."""
    now = now or timezone.now()
    require_reason(reason, least=REASON_MINIMUM)
    with transaction.atomic():
        model = _locked(model_id)
        if sentence := why_not_assess(model, actor):
            raise NotPermitted(sentence)
        assessment = newest(model)
        if assessment is None:
            raise Refused("Assess the model first.")
        if tier not in Tier.values or tier == model.risk_tier:
            raise BadInput("Choose another tier than the present one.", field="tier")
        row = TierOverride.objects.create(
            assessment=assessment, tier=tier, reason=reason.strip(), asked_by=actor, asked_at=now
        )
        officers = {
            person for role in OFFICERS for person in permissions.people_with(permissions.permission_for(role), model)
        }
        telling.announce(
            model,
            officers - {actor},
            event=Event.TIER_OVERRIDE_ASKED,
            text=f"{model}: an override of the risk tier waits for confirmation. {row}. Reason: {row.reason}",
            link=f"/approvals/registeredmodel/{model.pk}/change/#risk-tier",
            asks_for_act=True,
        )
        ledger.record(
            event=Event.TIER_OVERRIDE_ASKED,
            actor=actor,
            subject=model,
            scope=model.scope,
            reason=row.reason,
            facts={"override": row.pk, "assessment": assessment.pk, "tier": tier},
        )
    return row


def why_not_confirm(row: TierOverride, actor: User) -> str:
    """Why this person may not confirm an override; empty if they may."""
    model = row.assessment.model
    if not OFFICERS & set(permissions.roles_of(actor, model)):
        return "A risk or compliance officer of this model confirms an override."
    if actor.pk in (row.asked_by_id, model.created_by_id, row.assessment.assessed_by_id):
        return "You registered, assessed or asked; a second person confirms an override."
    if row.confirmed_at is not None:
        return "It is confirmed already."
    latest = newest(model)
    if latest is None or latest.pk != row.assessment_id:
        return "The model was assessed again since; ask anew."
    return ""


def confirm_override(
    *,
    override_id: int,
    actor: User,
    proof: reauthentication.Proof,
    http_request: HttpRequest,
    now: datetime | None = None,
) -> TierOverride:
    """Sign an override as the second person; from then on the model is in that tier."""
    now = now or timezone.now()
    found = TierOverride.objects.select_related("assessment__model").get(pk=override_id)
    if sentence := why_not_confirm(found, actor):
        raise NotPermitted(sentence)
    how = reauthentication.confirm(actor=actor, proof=proof, http_request=http_request, code_needed=False, now=now)
    with transaction.atomic():
        model = _locked(found.assessment.model_id)
        row = TierOverride.objects.select_related("assessment__model").get(pk=override_id)
        if sentence := why_not_confirm(row, actor):
            raise NotPermitted(sentence)
        with _watched(model, actor):
            row.confirmed_by, row.confirmed_at, row.authentication = actor, now, how
            row.save(update_fields=["confirmed_by", "confirmed_at", "authentication"])
            _set(model, row.tier)
        ledger.record(
            event=Event.TIER_OVERRIDDEN,
            actor=actor,
            subject=model,
            scope=model.scope,
            authentication=how,
            facts={"override": row.pk, "assessment": row.assessment_id, "tier": row.tier},
        )
    return row


def newest(model: RegisteredModel) -> TierAssessment | None:
    """The assessment that stands."""
    return TierAssessment.objects.filter(model=model).order_by("-pk").first()


def standing_override(assessment: TierAssessment) -> TierOverride | None:
    """The override that a second person signed last, if any."""
    return assessment.overrides.filter(confirmed_at__isnull=False).order_by("-confirmed_at").first()


def in_words(model: RegisteredModel) -> str:
    """Why the model is in its tier, for the card; empty if it was never assessed."""
    assessment = newest(model)
    if assessment is None:
        return ""
    words = f"{' '.join(assessment.reasons)} (formula {assessment.formula})"
    override = standing_override(assessment)
    if override is None or override.confirmed_by is None:
        return words
    names = " and ".join(ledger.printed_name(one) for one in (override.asked_by, override.confirmed_by))
    return f"{words} Overridden by {names}: {override.reason}"


def _set(model: RegisteredModel, tier: str) -> None:
    model.risk_tier = tier
    model.save(update_fields=["risk_tier"])


@contextmanager
def _watched(model: RegisteredModel, actor: User) -> Iterator[None]:
    """The tier is part of every dossier: whose sign-offs a change voids is recorded, version by version."""
    versions = ModelVersion.objects.locked().filter(model=model, stage__in=REVIEW_STAGES).order_by("pk")
    with ExitStack() as stack:
        for version in versions:
            version.model = model  # the one whose tier changes, not a copy read before
            stack.enter_context(voiding.watched(version, actor=actor))
        yield


def _locked(model_id: int) -> RegisteredModel:
    return RegisteredModel.objects.select_for_update(of=("self",)).select_related("owner").get(pk=model_id)
