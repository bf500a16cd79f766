"""Another policy for a version under way: what it would change, and the act of pinning it, with a reason."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import dossier, permissions, policy, refusals, voiding
from approvals.events import Event
from approvals.models import ModelVersion, Policy
from approvals.models.policies import PolicyStatus
from approvals.policy_changes import changes
from approvals.policy_document import parse, pinned
from approvals.stages import REVIEW_STAGES, Role
from portal import ledger, notify
from portal.errors import NotPermitted, Refused
from portal.texts import require_reason

OFFICERS = frozenset({Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER})


@dataclass(frozen=True)
class Effect:
    """What a policy would do to one version: blockers up to its stage that it would add and take away."""

    version: ModelVersion
    added: tuple[str, ...]
    removed: tuple[str, ...]
    sign_offs_void: int


def dry_run(row: Policy, *, user: User, now: datetime | None = None) -> tuple[Effect, ...]:
    """The effect on every version in review of the policy's tier that this person may see. Changes nothing."""
    now = now or timezone.now()
    versions = (
        permissions.visible_versions(user)
        .filter(stage__in=REVIEW_STAGES, model__risk_tier=row.tier)
        .exclude(policy=row)
        .select_related("model", "policy")
        .order_by("model__name", "pk")
    )
    return tuple(effect(version, row, now=now) for version in versions)


def effect(version: ModelVersion, row: Policy, *, now: datetime) -> Effect:
    """What would change for one version if it were pinned to that policy."""
    as_if = copy.copy(version)
    as_if.policy = row
    before, after = _blockers(version, now), _blockers(as_if, now)
    standing = voiding.current_sign_offs(dossier.load_case(version))
    return Effect(
        version=version,
        added=tuple(sentence for sentence in after if sentence not in before),
        removed=tuple(sentence for sentence in before if sentence not in after),
        sign_offs_void=len(standing - voiding.current_sign_offs(dossier.load_case(as_if))),
    )


def _blockers(version: ModelVersion, now: datetime) -> tuple[str, ...]:
    case, document = dossier.load_case(version), parse(version.policy.text)
    states = policy.gates_up_to(case, document, now=now)
    return tuple(blocker.sentence for state in states for blocker in state.blockers)


def newer_policy(version: ModelVersion) -> Policy | None:
    """The published policy that a version registered now would be pinned to, if it is another one."""
    newest = (
        Policy.objects.filter(tier=version.model.risk_tier, status=PolicyStatus.PUBLISHED)
        .order_by("-published_at", "-pk")
        .first()
    )
    return newest if newest is not None and newest.pk != version.policy_id else None


def why_not_repin(version: ModelVersion, actor: User) -> str:
    """Why this person may not pin another policy to the version; empty if they may."""
    if not OFFICERS & set(permissions.roles_of(actor, version.model)):
        return "Only a risk or compliance officer of this model pins another policy to a version."
    if actor.pk in (version.submitted_by_id, version.developer_id):
        return "You submitted or developed this version; somebody else must decide which policy it is judged by."
    return ""


def repin(*, version_id: int, policy_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelVersion:
    """Judge a version in review by another published policy of its tier. Every sign-off has to be given again.

    Raises BadInput (reason), NotPermitted, or Refused (not in review, no published policy of the tier, the same one).
    """
    now = now or timezone.now()
    require_reason(reason)
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    recorded = refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="pin another policy")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if sentence := why_not_repin(version, actor):
            raise NotPermitted(sentence)
        chosen = _usable(version, policy_id)
        old = version.policy
        with voiding.watched(version, actor=actor):
            version.policy = chosen
            version.save(update_fields=["policy"])
        _record(version, old, actor, reason)
    return version


def _usable(version: ModelVersion, policy_id: int) -> Policy:
    if version.stage not in REVIEW_STAGES:
        raise Refused(f"A version in {version.get_stage_display().lower()} keeps the policy that it was judged by.")
    chosen = Policy.objects.filter(pk=policy_id, tier=version.model.risk_tier, status=PolicyStatus.PUBLISHED).first()
    if chosen is None:
        raise Refused(f"That is no published policy of the {version.model.get_risk_tier_display().lower()} tier.")
    if chosen.pk == version.policy_id:
        raise Refused(f"The version is pinned to {chosen} already.")
    pinned(chosen)
    return chosen


def _record(version: ModelVersion, old: Policy, actor: User, reason: str) -> None:
    differences = changes(parse(old.text), parse(version.policy.text))
    notify.notify(
        recipients={version.submitted_by, version.model.owner} - {actor},
        event=Event.VERSION_REPINNED,
        text=f"{version} is judged by {version.policy} instead of {old} from now on. Reason: {reason.strip()}",
        link=version.get_absolute_url(),
        asks_for_act=True,
    )
    ledger.record(
        event=Event.VERSION_REPINNED,
        actor=actor,
        subject=version,
        scope=version.scope,
        reason=reason.strip(),
        facts={
            "policy": str(version.policy),
            "policy_digest": version.policy.digest,
            "before": str(old),
            "before_digest": old.digest,
            "differences": list(differences),
        },
    )
