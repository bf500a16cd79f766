"""Conditions of use of an approval that holds: imposed where the policy says so, lifted by an officer with a reason."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import permissions, refusals, telling
from approvals.events import Event
from approvals.models import ModelVersion, Restriction
from approvals.stages import Role
from portal import ledger
from portal.errors import NotPermitted, Refused
from portal.texts import require_reason

OFFICERS = frozenset({Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER})
TOLD = (Role.BUSINESS_OWNER, Role.IT_OPERATIONS, Role.RISK_OFFICER)


def standing(version: ModelVersion) -> tuple[Restriction, ...]:
    """The conditions of use that hold now."""
    return tuple(Restriction.objects.filter(version=version, lifted_at__isnull=True))


def impose(
    version: ModelVersion, *, text: str, reason: str, source_reference: str, now: datetime
) -> Restriction | None:
    """Restrict a locked version inside the caller's transaction; None if the same cause restricts it already."""
    if Restriction.objects.filter(version=version, source_reference=source_reference, lifted_at__isnull=True).exists():
        return None
    row = Restriction.objects.create(
        version=version, text=text, reason=reason, source_reference=source_reference, imposed_at=now
    )
    telling.tell(
        version,
        _told_of(version),
        event=Event.RESTRICTED,
        text=f"The use of {version} is restricted from now on: {text}",
        link=version.get_absolute_url(),
        asks_for_act=True,
    )
    ledger.record(
        event=Event.RESTRICTED,
        actor=None,
        subject=version,
        scope=version.scope,
        reason=reason,
        facts={"restriction": row.pk, "text": text, "source_reference": source_reference},
    )
    return row


def _told_of(version: ModelVersion) -> set[User]:
    """Who uses it, runs it, answers for it: they hear of a condition, and that it is no more."""
    people = {
        person for role in TOLD for person in permissions.people_with(permissions.permission_for(role), version.model)
    }
    return {*people, version.submitted_by, version.model.owner}


def why_not_lift(version: ModelVersion, actor: User) -> str:
    """Why this person may not lift a condition of use; empty if they may."""
    if not OFFICERS & set(permissions.roles_of(actor, version.model)):
        return "Only a risk or compliance officer of this model lifts a condition of use."
    if actor.pk in (version.submitted_by_id, version.developer_id):
        return "You submitted or developed this version; somebody else must lift it."
    return ""


def lift(*, restriction_id: int, actor: User, reason: str, now: datetime | None = None) -> Restriction:
    """End a condition of use. Raises BadInput, NotPermitted, or Refused for one that was lifted already."""
    now = now or timezone.now()
    row = Restriction.objects.select_related("version__model").get(pk=restriction_id)
    require_reason(reason)
    act = "lift a condition of use"
    with refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=row.version, act=act), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=row.version_id)
        row = Restriction.objects.select_for_update().get(pk=restriction_id)
        if sentence := why_not_lift(version, actor):
            raise NotPermitted(sentence)
        if row.lifted_at is not None:
            raise Refused("This condition of use was lifted already.")
        row.lifted_by, row.lifted_at, row.lifted_because = actor, now, reason.strip()
        row.save(update_fields=["lifted_by", "lifted_at", "lifted_because"])
        telling.announce(
            version.model,
            _told_of(version) - {actor},
            event=Event.RESTRICTION_LIFTED,
            text=f"A condition of use of {version} is lifted: {row.text} Reason: {row.lifted_because}",
            link=version.get_absolute_url(),
        )
        ledger.record(
            event=Event.RESTRICTION_LIFTED,
            actor=actor,
            subject=version,
            scope=version.scope,
            reason=row.lifted_because,
            facts={"restriction": row.pk, "text": row.text},
        )
    return row
