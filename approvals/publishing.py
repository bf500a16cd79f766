"""Use cases on policies: drafted by one person, published by another, numbered, and never changed afterwards."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from approvals import checks
from approvals.checks._setting_ranges import require_ranges
from approvals.checks.base import ParameterError, build
from approvals.events import Event
from approvals.models import Policy
from approvals.models.policies import PolicyStatus
from approvals.policy_document import PolicyDocument, digest_of, parse, require_settings_of_one_kind
from approvals.requirements.checks import ChecksRequirement
from approvals.signals import policy_examined
from portal import ledger
from portal.errors import BadInput, NotPermitted, Refused, Stale
from portal.models import LedgerEntry

SCOPE = "portal"


def draft(*, actor: User, text: str, policy_id: int | None = None, now: datetime | None = None) -> Policy:
    """Write or rewrite a draft from YAML. Raises BadInput with the place that is wrong."""
    now = now or timezone.now()
    if not actor.has_perm("approvals.change_policy"):
        raise NotPermitted("You have no right to write policies.")
    document = parse(text)
    require_settings_of_one_kind(document)
    _require_meaningful_settings(document)
    policy_examined.send(sender=Policy, document=document)
    with transaction.atomic():
        if policy_id is None:
            row = Policy(author=actor, created_at=now)
        else:
            row = Policy.objects.select_for_update().get(pk=policy_id)
            if row.status != PolicyStatus.DRAFT:
                raise Refused("A published policy never changes; draft a new number instead.")
            row.author = actor
        row.name, row.title, row.tier = document.name, document.title, document.tier
        row.text, row.digest = text, digest_of(text)
        row.save()
        ledger.record(
            event=Event.POLICY_DRAFTED,
            actor=actor,
            subject=row,
            scope=SCOPE,
            facts={"name": row.name, "digest": row.digest},
        )
    return row


def publish(*, policy_id: int, actor: User, seen_digest: str, now: datetime | None = None) -> Policy:
    """Publish a draft under the next number of its name. Never by its author, and only as the publisher saw it.

    Raises NotPermitted, Refused (no draft) or Stale (rewritten since), or BadInput if it can no longer be read.
    """
    now = now or timezone.now()
    with transaction.atomic():
        row = Policy.objects.select_for_update().get(pk=policy_id)
        if row.status != PolicyStatus.DRAFT:
            raise Refused("Only a draft can be published.")
        if sentence := why_not_publish(row, actor):
            raise NotPermitted(sentence)
        if seen_digest != row.digest or seen_digest != digest_of(row.text):
            raise Stale("The draft was rewritten after it was shown, so nothing was published: read it again.")
        document = parse(row.text)
        require_settings_of_one_kind(document)
        _require_meaningful_settings(document)
        policy_examined.send(sender=Policy, document=document)
        newest = Policy.objects.filter(name=row.name).aggregate(newest=Max("number"))["newest"] or 0
        row.number, row.status, row.published_by, row.published_at = newest + 1, PolicyStatus.PUBLISHED, actor, now
        row.save()
        ledger.record(
            event=Event.POLICY_PUBLISHED,
            actor=actor,
            subject=row,
            scope=SCOPE,
            facts={"name": row.name, "number": row.number, "digest": row.digest},
        )
    return row


def predecessor(row: Policy) -> Policy | None:
    """The policy of the same name that was published before it; for a draft, the newest one."""
    earlier = Policy.objects.filter(name=row.name, number__isnull=False).exclude(pk=row.pk)
    if row.number is not None:
        earlier = earlier.filter(number__lt=row.number)
    return earlier.order_by("-number").first()


def why_not_publish(row: Policy, actor: User) -> str:
    """Why this person may not publish this draft; empty if they may."""
    if not actor.has_perm("approvals.publish_policy"):
        return "You have no right to publish policies."
    if row.author_id == actor.pk or _has_written(row, actor):
        return "Whoever wrote a policy does not publish it; a second person does."
    return ""


def _has_written(row: Policy, actor: User) -> bool:
    """Whether the person wrote any state of this draft: a later hand does not make it somebody else's."""
    return LedgerEntry.objects.filter(
        event=Event.POLICY_DRAFTED, object_type=Policy._meta.label_lower, object_id=str(row.pk), actor_id=actor.pk
    ).exists()


def retire(*, policy_id: int, actor: User) -> Policy:
    """Stop pinning new versions to a published policy. Versions pinned already keep it."""
    if not actor.has_perm("approvals.publish_policy"):
        raise NotPermitted("You have no right to retire policies.")
    with transaction.atomic():
        row = Policy.objects.select_for_update().get(pk=policy_id)
        if row.status != PolicyStatus.PUBLISHED:
            raise Refused("Only a published policy can be retired.")
        row.status = PolicyStatus.RETIRED
        row.save()
        ledger.record(
            event=Event.POLICY_RETIRED,
            actor=actor,
            subject=row,
            scope=SCOPE,
            facts={"name": row.name, "number": row.number},
        )
    return row


def _require_meaningful_settings(document: PolicyDocument) -> None:
    """BadInput, naming the place, for a parameter or threshold that has its type and means nothing: a level of 1.5.

    Asked where a policy is written and published, and not of one that was.
    """
    for stage, gate in document.gates.items():
        for place, requirement in enumerate(gate, 1):
            check = checks.find(requirement.check) if isinstance(requirement, ChecksRequirement) else None
            if check is None or not isinstance(requirement, ChecksRequirement):
                continue
            owner = f"Gate {stage.value}, item {place}, check {check.key}"
            try:
                for kind, given in (
                    (check.Parameters, requirement.parameters),
                    (check.Thresholds, requirement.thresholds),
                ):
                    require_ranges(build(kind, given, owner=owner), owner=owner)
            except ParameterError as error:
                raise BadInput(error.sentence, field="text") from None
