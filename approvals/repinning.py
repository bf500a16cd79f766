"""Another policy for a version in review or a revalidation: what it would change, and the act of pinning it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from approvals import dossier, judging, passes, permissions, policy, refusals, telling, voiding
from approvals.events import Event
from approvals.judging import Judgement
from approvals.models import ModelVersion, Policy, Revalidation, RevalidationOutcome
from approvals.models.policies import PolicyStatus
from approvals.models.revalidations import pass_under_way
from approvals.policy_changes import changes
from approvals.policy_document import parse, pinned
from approvals.requirements.base import Case
from approvals.signals import policy_tried
from approvals.stages import REVIEW_STAGES, Role, Stage
from portal import ledger
from portal.errors import NotPermitted, Refused
from portal.texts import require_reason

OFFICERS = frozenset({Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER})


@dataclass(frozen=True)
class Effect:
    """What a policy would do to one version, in review or in a revalidation: blockers it would add and take away.

    `gates` are those that a pass under way would go through besides those of now; a version in review has none.
    `after_renewal` says what a renewal under it would do to what is watched.
    """

    version: ModelVersion
    judged_by: Policy
    added: tuple[str, ...]
    removed: tuple[str, ...]
    sign_offs_void: int
    in_pass: bool = False
    gates: tuple[Stage, ...] = ()
    after_renewal: tuple[str, ...] = ()


def dry_run(row: Policy, *, user: User, now: datetime | None = None) -> tuple[Effect, ...]:
    """The effect on every version of the policy's tier, in review or revalidated, that this person may see.

    Changes nothing.
    """
    now = now or timezone.now()
    revalidated = Revalidation.objects.filter(outcome=RevalidationOutcome.OPEN).values("version_id")
    versions = (
        permissions.visible_versions(user)
        .filter(Q(stage__in=REVIEW_STAGES) | Q(pk__in=revalidated), model__risk_tier=row.tier)
        .select_related("model", "policy")
        .order_by("model__name", "pk")
    )
    return tuple(effect(version, row, now=now) for version in versions if judging.of(version).policy.pk != row.pk)


def effect(version: ModelVersion, row: Policy, *, now: datetime) -> Effect:
    """What would change for one version, or for its revalidation under way, if that policy were pinned."""
    judged, other = judging.of(version), judging.as_if(version, row)
    case, as_if = dossier.load_case(version, judged), dossier.load_case(version, other)
    before, after = _blockers(case, judged, now), _blockers(as_if, other, now)
    standing = voiding.of_pass(case, voiding.current_sign_offs(case))
    return Effect(
        version=version,
        judged_by=judged.policy,
        added=tuple(sentence for sentence in after if sentence not in before),
        removed=tuple(sentence for sentence in before if sentence not in after),
        sign_offs_void=len(standing - voiding.current_sign_offs(as_if)),
        in_pass=case.under_way is not None,
        gates=tuple(stage for stage in other.gates if stage not in judged.gates),
        after_renewal=_after_renewal(version, row, now) if case.under_way is not None else (),
    )


def _after_renewal(version: ModelVersion, row: Policy, now: datetime) -> tuple[str, ...]:
    said: list[tuple[Any, Any]] = policy_tried.send(sender=Policy, version=version, policy=row, now=now)
    return tuple(sentence for _, sentences in said for sentence in sentences)


def _blockers(case: Case, judged: Judgement, now: datetime) -> tuple[str, ...]:
    if case.under_way is not None:
        return tuple(blocker.sentence for blocker in policy.renewal_blockers(case, judged.document, now=now))
    states = policy.gates_up_to(case, judged.document, now=now)
    return tuple(blocker.sentence for state in states for blocker in state.blockers)


def newer_policy(version: ModelVersion) -> Policy | None:
    """The published policy that a version registered now would be pinned to, if it is not the one that asks now."""
    newest = (
        Policy.objects.filter(tier=version.model.risk_tier, status=PolicyStatus.PUBLISHED)
        .order_by("-published_at", "-pk")
        .first()
    )
    return newest if newest is not None and newest.pk != judging.of(version).policy.pk else None


def why_not_repin(version: ModelVersion, actor: User) -> str:
    """Why this person may not pin another policy to the version; empty if they may."""
    if not OFFICERS & set(permissions.roles_of(actor, version.model)):
        return "Only a risk or compliance officer of this model pins another policy to a version."
    if actor.pk in (version.submitted_by_id, version.developer_id):
        return "You submitted or developed this version; somebody else must decide which policy it is judged by."
    return ""


def repin(*, version_id: int, policy_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelVersion:
    """Judge a version in review, or the revalidation of a deployed one, by another published policy of its tier.

    Every sign-off of the review, or of the pass, has to be given again. The approval of a deployed version rests on its
    policy until the renewal. Raises BadInput (reason), NotPermitted, or Refused (neither in review nor revalidated, no
    published policy of the tier, the same one).
    """
    now = now or timezone.now()
    require_reason(reason)
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    recorded = refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="pin another policy")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if sentence := why_not_repin(version, actor):
            raise NotPermitted(sentence)
        under_way = pass_under_way(version)
        chosen = _usable(version, policy_id, under_way)
        with voiding.watched(version, actor=actor):
            if under_way is not None:
                passes.repinned(under_way, version=version, policy=chosen, actor=actor, reason=reason, now=now)
                return version
            old = version.policy
            version.policy = chosen
            version.save(update_fields=["policy"])
        _record(version, old, actor, reason)
    return version


def _usable(version: ModelVersion, policy_id: int, under_way: Revalidation | None) -> Policy:
    if version.stage not in REVIEW_STAGES and under_way is None:
        later = (
            " Another one is pinned in a revalidation." if version.stage in (Stage.MONITORING, Stage.SUSPENDED) else ""
        )
        raise Refused(
            f"A version in {version.get_stage_display().lower()} keeps the policy that it was judged by.{later}"
        )
    published = Q(tier=version.model.risk_tier, status=PolicyStatus.PUBLISHED)
    of_approval = Q(pk=version.policy_id) if under_way is not None else Q(pk__in=())
    chosen = Policy.objects.filter(published | of_approval, pk=policy_id).first()
    if chosen is None:
        raise Refused(f"That is no published policy of the {version.model.get_risk_tier_display().lower()} tier.")
    if chosen.pk == judging.of(version).policy.pk:
        about = "revalidation" if under_way is not None else "version"
        raise Refused(f"The {about} is pinned to {chosen} already.")
    if under_way is not None and is_older(chosen, version.policy):
        raise Refused(
            f"{chosen} was published before {version.policy}, under which the approval was given; an approval is "
            "renewed under that one or a newer one."
        )
    pinned(chosen)
    return chosen


def is_older(chosen: Policy, than: Policy) -> bool:
    """Whether a policy was published before another one."""
    if chosen.published_at is None or than.published_at is None:
        return chosen.pk < than.pk
    return (chosen.published_at, chosen.pk) < (than.published_at, than.pk)


def _record(version: ModelVersion, old: Policy, actor: User, reason: str) -> None:
    differences = changes(parse(old.text), parse(version.policy.text))
    telling.announce(
        version.model,
        {version.submitted_by, version.model.owner} - {actor},
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
