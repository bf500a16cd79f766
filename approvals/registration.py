"""Use cases that bring a model or a version into the portal, pinned to the policy of its tier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals import permissions, tier_assessment, tiering
from approvals.events import Event
from approvals.models import ModelVersion, Policy, RegisteredModel
from approvals.models.policies import PolicyStatus
from portal import ledger
from portal.errors import BadInput, NotPermitted, Refused


def register_model(
    *,
    actor: User,
    name: str,
    purpose: str,
    owner: User,
    business_unit: str,
    tier_answers: Mapping[str, str],
    now: datetime | None = None,
) -> RegisteredModel:
    """Register what the business owns, in the tier that follows from the answers.

    The actor becomes a submitter of it, and nothing else.
    """
    now = now or timezone.now()
    if not actor.has_perm("approvals.add_registeredmodel"):
        raise NotPermitted("You have no right to register models.")
    _require_texts(RegisteredModel, name=name, purpose=purpose, business_unit=business_unit)
    tier = tiering.formula_on(now.date()).assess(tier_answers).tier
    try:
        with transaction.atomic():
            model = RegisteredModel.objects.create(
                name=name.strip(),
                purpose=purpose.strip(),
                owner=owner,
                business_unit=business_unit.strip(),
                risk_tier=tier,
                created_by=actor,
                created_at=now,
            )
            permissions.grant_submitter_at_registration(actor, model)
            ledger.record(
                event=Event.MODEL_REGISTERED,
                actor=actor,
                subject=model,
                scope=model.scope,
                facts={"name": model.name, "owner": owner.pk, "risk_tier": tier.value, "submitter": actor.pk},
            )
            tier_assessment.first(model=model, actor=actor, answers=tier_answers, now=now)
    except IntegrityError as error:
        raise BadInput(f"A model named “{name.strip()}” is registered already.", field="name") from error
    return model


def _require_texts(table: type[RegisteredModel | ModelVersion], **texts: str) -> None:
    for field, text in texts.items():
        if not text.strip():
            raise BadInput("This must not be empty.", field=field)
        _require_short(table, field, text)


def _require_short(table: type[RegisteredModel | ModelVersion], field: str, text: str) -> None:
    longest = getattr(table._meta.get_field(field), "max_length", None)
    if longest is not None and len(text.strip()) > longest:
        raise BadInput(f"This takes at most {longest} characters.", field=field)


def register_version(
    *,
    model_id: int,
    actor: User,
    number: str,
    summary: str,
    developer: User,
    code_revision: str = "",
    now: datetime | None = None,
) -> ModelVersion:
    """Register a version in scoping, pinned to the newest published policy of the model's tier."""
    now = now or timezone.now()
    model = RegisteredModel.objects.get(pk=model_id)
    if not permissions.may_submit(actor, model):
        raise NotPermitted("Only a submitter of this model may register versions of it.")
    _require_texts(ModelVersion, number=number, summary=summary)
    _require_short(ModelVersion, "code_revision", code_revision)
    pinned = (
        Policy.objects.filter(tier=model.risk_tier, status=PolicyStatus.PUBLISHED)
        .order_by("-published_at", "-pk")
        .first()
    )
    if pinned is None:
        raise Refused(f"No policy is published for the {model.risk_tier} tier; nothing can be approved without one.")
    try:
        with transaction.atomic():
            version = ModelVersion.objects.create(
                model=model,
                number=number.strip(),
                summary=summary.strip(),
                policy=pinned,
                submitted_by=actor,
                developer=developer,
                code_revision=code_revision.strip(),
                created_at=now,
                stage_entered_at=now,
            )
            ledger.record(
                event=Event.VERSION_REGISTERED,
                actor=actor,
                subject=version,
                scope=version.scope,
                facts={
                    "number": version.number,
                    "developer": developer.pk,
                    "policy": str(pinned),
                    "policy_digest": pinned.digest,
                },
            )
    except IntegrityError as error:
        raise BadInput(f"Version {number.strip()} of {model} exists already.", field="number") from error
    return version
