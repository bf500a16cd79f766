"""The decommission checklist: each item answered by a person in a role, before a version can be retired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from approvals import permissions, refusals
from approvals.decommission_rules import DecommissionItem
from approvals.events import Event
from approvals.models import DecommissionAnswer, ModelVersion
from approvals.policy_document import parse
from approvals.stages import Role, Stage
from portal import ledger
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry
from portal.texts import require_storable

MINIMUM = 10
LONGEST = 4_000
LONGEST_NAME = 160
TO_DO = "It is retired once its decommission checklist is answered."
DEPLOYED = (Stage.MONITORING, Stage.SUSPENDED)


@dataclass(frozen=True)
class ItemState:
    """One item with its current answer; None while nobody has answered it."""

    item: DecommissionItem
    answer: DecommissionAnswer | None


def checklist(version: ModelVersion) -> tuple[ItemState, ...]:
    """Every item that the pinned policy asks, in its order. A reinstated version is in use again: what was said counts
    no longer.
    """
    rows = DecommissionAnswer.objects.filter(version=version).order_by("pk")
    reinstated = LedgerEntry.objects.filter(
        event=Event.VERSION_REINSTATED, object_type="approvals.modelversion", object_id=str(version.pk)
    )
    again = reinstated.aggregate(at=Max("at"))["at"]
    given = {row.item: row for row in (rows.filter(answered_at__gt=again) if again else rows)}
    items = parse(version.policy.text).rules.decommission_items
    return tuple(ItemState(item, given.get(item.key)) for item in items)


def open_items(version: ModelVersion) -> tuple[DecommissionItem, ...]:
    """What nobody has answered yet."""
    return tuple(state.item for state in checklist(version) if state.answer is None)


def require_answered(version: ModelVersion) -> None:
    """Raise Refused, naming the items that are open."""
    missing = open_items(version)
    if missing:
        names = " ".join(f"{item.text} ({item.by_whom})" for item in missing[:3])
        more = f" And {len(missing) - 3} more." if len(missing) > 3 else ""
        raise Refused(
            f"The decommission checklist has {len(missing)} open item{'s' if len(missing) > 1 else ''}: {names}{more} "
            "In an emergency, have the approval suspended first."
        )


def role_for(version: ModelVersion, item: DecommissionItem, user: User) -> Role | None:
    """As what this person can answer the item; None if they cannot."""
    mine = permissions.roles_of(user, version.model)
    return next((role for role in item.roles if role in mine), None)


def answer(
    *, version_id: int, actor: User, item: str, applies: bool, evidence: str, now: datetime | None = None
) -> DecommissionAnswer:
    """Say that an item is done, with what shows it, or that it does not apply, with the reason. A later one replaces.

    Raises BadInput (no such item, too short), NotPermitted, or Refused (not deployed).
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    act = f"answer decommission item {item[:60]}"
    with refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act=act), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        wanted = next((one for one in parse(version.policy.text).rules.decommission_items if one.key == item), None)
        if wanted is None:
            raise BadInput("The pinned policy has no such item.", field="item")
        role = role_for(version, wanted, actor)
        if role is None:
            raise NotPermitted(f"This item is answered by the {wanted.by_whom} of this model.")
        if version.stage not in DEPLOYED:
            raise Refused(f"The version is {version.get_stage_display().lower()}; nothing is taken out of service.")
        require_storable(evidence, field="evidence")
        if not MINIMUM <= len(evidence.strip()) <= LONGEST:
            raise BadInput(f"Write between {MINIMUM} and {LONGEST:,} characters.", field="evidence")
        row = DecommissionAnswer.objects.create(
            version=version,
            item=wanted.key,
            text=wanted.text,
            applies=applies,
            evidence=evidence.strip(),
            role=role,
            answered_by=actor,
            printed_name=ledger.printed_name(actor)[:LONGEST_NAME],
            answered_at=now,
        )
        ledger.record(
            event=Event.DECOMMISSION_ANSWERED,
            actor=actor,
            subject=version,
            scope=version.scope,
            reason=row.evidence,
            facts={
                "answer": row.pk,
                "item": row.item,
                "text": row.text,
                "applies": applies,
                "role": row.role,
                "printed_name": row.printed_name,
            },
        )
    return row
