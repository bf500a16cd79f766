"""Writes the rows of revalidations, opened and decided, and tells people. Decides neither when nor whether."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import User

from approvals import judging, permissions, telling
from approvals.events import Event
from approvals.models import ModelVersion, PassPolicy, Policy, Revalidation, RevalidationOutcome, RevalidationTrigger
from approvals.policy_changes import changes
from approvals.policy_document import PolicyDocument, parse
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.signals import revalidation_opened
from approvals.stages import Role, Stage
from portal import ledger

DECIDED = {
    RevalidationOutcome.RENEWED: Event.REVALIDATION_RENEWED,
    RevalidationOutcome.REFUSED: Event.REVALIDATION_REFUSED,
    RevalidationOutcome.ENDED: Event.REVALIDATION_ENDED,
}


def deciders_of(document: PolicyDocument) -> tuple[Role, ...]:
    """As what somebody renews an approval or refuses to."""
    return document.rules.revalidation.decided_by if document.rules.revalidation else (Role.RISK_OFFICER,)


def opened(
    *,
    version: ModelVersion,
    trigger: RevalidationTrigger,
    reason: str,
    due_on: date,
    actor: User | None,
    now: datetime,
) -> Revalidation:
    """Open a pass of a locked version inside the caller's transaction. The version must have none under way."""
    document = parse(version.policy.text)
    row = Revalidation.objects.create(
        version=version,
        trigger=trigger,
        reason=reason,
        gates=[stage.value for stage in judging.gates_under(version, version.policy)],
        due_on=due_on,
        opened_by=actor,
        opened_at=now,
    )
    ledger.record(
        event=Event.REVALIDATION_OPENED,
        actor=actor,
        subject=version,
        scope=version.scope,
        reason=reason,
        facts=row.facts(),
    )
    revalidation_opened.send(sender=Revalidation, version=version, revalidation=row, now=now)
    telling.tell(
        version,
        {*people_of(version, document, row.stages), version.submitted_by, version.model.owner},
        event=Event.REVALIDATION_OPENED,
        text=f"{version} is revalidated, due {due_on:%d %b %Y}. {reason}",
        link=f"{version.get_absolute_url()}#revalidation",
        asks_for_act=True,
    )
    return row


def repinned(
    row: Revalidation, *, version: ModelVersion, policy: Policy, actor: User | None, reason: str, now: datetime
) -> None:
    """Judge a pass of a locked version by that policy from now on, inside the caller's transaction."""
    before = row.pin.policy if row.pin is not None else version.policy
    gates = judging.gates_under(version, policy)
    pin = PassPolicy.objects.create(
        revalidation=row,
        policy=policy,
        before=version.policy,
        gates=[stage.value for stage in gates],
        reason=reason.strip(),
        by=actor,
        at=now,
    )
    document = parse(policy.text)
    ledger.record(
        event=Event.REVALIDATION_REPINNED,
        actor=actor,
        subject=version,
        scope=version.scope,
        reason=pin.reason,
        facts={
            "pin": pin.pk,
            "revalidation": row.pk,
            "policy": str(policy),
            "policy_digest": policy.digest,
            "before": str(before),
            "before_digest": before.digest,
            "approval_digest": version.policy.digest,
            "gates": pin.gates,
            "differences": list(changes(parse(version.policy.text), document)),
        },
    )
    telling.announce(
        version.model,
        {*people_of(version, document, gates), version.submitted_by, version.model.owner} - {actor},
        event=Event.REVALIDATION_REPINNED,
        text=f"The revalidation of {version} is judged by {policy} instead of {before}. {pin.reason}",
        link=f"{version.get_absolute_url()}#revalidation",
        asks_for_act=True,
    )


def decided(
    row: Revalidation,
    *,
    version: ModelVersion,
    outcome: RevalidationOutcome,
    actor: User | None,
    reason: str,
    now: datetime,
    valid_until: datetime | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """End a pass of a locked version inside the caller's transaction."""
    row.outcome, row.decided_by, row.decided_at = outcome, actor, now
    row.decided_because, row.valid_until = reason.strip(), valid_until
    row.save()
    until = f" until {valid_until:%d %b %Y}" if valid_until else ""
    telling.announce(
        version.model,
        {version.submitted_by, version.model.owner} - {actor},
        event=DECIDED[outcome],
        text=f"Revalidation of {version}: {row.get_outcome_display().lower()}{until}. {row.decided_because}",
        link=f"{version.get_absolute_url()}#revalidation",
    )
    ledger.record(
        event=DECIDED[outcome],
        actor=actor,
        subject=version,
        scope=version.scope,
        reason=row.decided_because,
        facts={
            "revalidation": row.pk,
            "outcome": outcome.value,
            "valid_until": valid_until.isoformat() if valid_until else None,
            **(facts or {}),
        },
    )


def people_of(version: ModelVersion, document: PolicyDocument, stages: Iterable[Stage]) -> set[User]:
    """Who signs the gates of a pass or decides at its end, without those who may not sign this version."""
    asked = [one for stage in stages for one in document.gates.get(stage, ()) if isinstance(one, SignOffsRequirement)]
    roles = {*deciders_of(document), *(role for one in asked for role in one.roles)}
    people = {
        person
        for role in roles
        for person in (
            *permissions.people_with(permissions.permission_for(role), version.model),
            *permissions.delegates_for(role, version.model),
        )
    }
    return people - {version.submitted_by, version.developer}
