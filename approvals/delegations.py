"""Use cases on delegations: whoever holds a role lets somebody else sign in it for some days. No right is widened."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import permissions, telling
from approvals.events import Event
from approvals.models import Delegation, RegisteredModel
from approvals.stages import Role
from portal import ledger
from portal.errors import BadInput, NotPermitted, Refused
from portal.texts import require_reason

LONGEST = timedelta(days=92)


def delegate(
    *,
    model_id: int,
    actor: User,
    role: Role,
    to: User,
    starts_on: date,
    ends_on: date,
    reason: str,
    now: datetime | None = None,
) -> Delegation:
    """Let somebody sign in one's own role on one model on these days.

    Raises NotPermitted (the role is not one's own, or only by delegation) or BadInput with the sentence for the form.
    """
    now = now or timezone.now()
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update(of=("self",)).get(pk=model_id)
        if not permissions.granted(actor, permissions.permission_for(role), model):
            raise NotPermitted(f"You do not hold the role {role.in_words} on {model}, so you cannot pass it on.")
        _require_days(starts_on, ends_on, now)
        if to.pk == actor.pk or not (to.is_active and to.is_staff):
            raise BadInput("Choose another active member of staff.", field="to")
        require_reason(reason)
        row = Delegation.objects.create(
            model=model,
            role=role,
            principal=actor,
            delegate=to,
            starts_on=starts_on,
            ends_on=ends_on,
            reason=reason.strip(),
            made_at=now,
        )
        _tell(row)
        ledger.record(
            event=Event.DELEGATED,
            actor=actor,
            subject=model,
            scope=model.scope,
            reason=row.reason,
            facts={
                "delegation": row.pk,
                "role": row.role,
                "delegate": to.pk,
                "name": ledger.printed_name(to),
                "starts_on": starts_on.isoformat(),
                "ends_on": ends_on.isoformat(),
            },
        )
    return row


def _tell(row: Delegation) -> None:
    """The delegate may view the model from the first day on; of one that begins later they are told no more than that.

    That a role is passed on to them, by whom and for which days is said in any case.
    """
    days = f"from {row.starts_on:%d %b %Y} to {row.ends_on:%d %b %Y}"
    telling.announce(
        row.model,
        [row.delegate],
        event=Event.DELEGATED,
        text=f"{row} on {row.model}, {days}. Reason: {row.reason}",
        to_others=f"{row}, {days}. Which model it is about is shown to you from the first day on.",
        link="/approvals/modelversion/awaiting/",
        asks_for_act=True,
    )


def _require_days(starts_on: date, ends_on: date, now: datetime) -> None:
    if ends_on < starts_on:
        raise BadInput("The last day lies before the first.", field="ends_on")
    if ends_on < now.date():
        raise BadInput("The last day lies in the past.", field="ends_on")
    if ends_on - starts_on > LONGEST:
        raise BadInput(f"A delegation lasts at most {LONGEST.days} days.", field="ends_on")


def may_revoke(row: Delegation, actor: User) -> bool:
    """Whether this person may end it: the principal, the delegate, or an administrator of rights."""
    return actor.is_active and (actor.pk in (row.principal_id, row.delegate_id) or permissions.may_administer(actor))


def revoke(*, delegation_id: int, actor: User, now: datetime | None = None) -> Delegation:
    """End a delegation at once. What was signed under it stays signed."""
    now = now or timezone.now()
    with transaction.atomic():
        row = Delegation.objects.select_for_update(of=("self",)).select_related("model").get(pk=delegation_id)
        if not may_revoke(row, actor):
            raise NotPermitted("A delegation is ended by whoever gave it, whoever holds it, or an administrator.")
        if row.revoked_at is not None:
            raise Refused("This delegation was ended already.")
        row.revoked_by, row.revoked_at = actor, now
        row.save(update_fields=["revoked_by", "revoked_at"])
        ledger.record(
            event=Event.DELEGATION_REVOKED,
            actor=actor,
            subject=row.model,
            scope=row.model.scope,
            facts={"delegation": row.pk, "role": row.role, "delegate": row.delegate_id},
        )
    return row
