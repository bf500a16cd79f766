"""Where versions stand, for lists, the inbox and the front page. Remembered until the ledger grows or the day changes.

Every act that could change an answer here writes into the ledger, so nothing remembered is ever out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from approvals import dossier, judging, permissions, policy, signing_off, time_limits
from approvals.models import ModelVersion, Revalidation, RevalidationOutcome
from approvals.models.revalidations import pass_under_way
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import REVIEW_STAGES, Blocker, Stage, Tier, Transition, in_sentence, stages_up_to
from portal import ledger
from portal.models import LedgerHead

Found = TypeVar("Found")
SIGN_OFF_CODES = frozenset({"sign_off_missing", "sign_off_voided", "role_nobody_holds", "changes_requested"})
OPEN_TO_SIGN = (*(stage.value for stage in REVIEW_STAGES), Stage.SUSPENDED.value)


@dataclass(frozen=True)
class AwaitedLine:
    """One signature that is asked of one person."""

    version: str
    url: str
    sign_url: str
    stage: str
    role: str
    tier: str
    submitted_by: str
    since: datetime
    others_open: int
    due: str = ""
    overdue: bool = False

    @property
    def role_in_words(self) -> str:
        """The role in the middle of a sentence."""
        return in_sentence(self.role)

    @property
    def ready(self) -> bool:
        """Whether nothing but sign-offs is missing, so that a signature will not be voided by what still changes."""
        return self.others_open == 0


def blockers_of(version: ModelVersion) -> tuple[Blocker, ...]:
    """What stands between a version in review and its next stage."""
    if version.stage not in REVIEW_STAGES:
        return ()

    def look() -> tuple[Blocker, ...]:
        document = judging.document_of(version)
        case = dossier.load_case(version)
        return policy.decide(case, document, Transition.ADVANCE, now=timezone.now()).blockers

    return _remembered(f"blockers:{version.pk}", look)


def awaited_of(user: User) -> tuple[AwaitedLine, ...]:
    """Signatures that this person can give now, those that are ready first, then the longest waiting."""
    return _remembered(f"awaited:{user.pk}:{user.is_active}", lambda: _look_for_awaited(user))


def _look_for_awaited(user: User) -> tuple[AwaitedLine, ...]:
    if not user.is_active:
        return ()
    lines: list[AwaitedLine] = []
    versions = (
        permissions.visible_versions(user)
        .filter(Q(stage__in=OPEN_TO_SIGN) | Q(pk__in=_revalidated()))
        .exclude(submitted_by=user)
        .exclude(developer=user)
        .select_related("model", "policy", "submitted_by")
    )
    for version in versions:
        lines += _awaited(version, user)
    return tuple(sorted(lines, key=lambda line: (not line.ready, not line.overdue, line.since)))


def _revalidated() -> QuerySet[Revalidation, int]:
    under_way = Revalidation.objects.filter(outcome=RevalidationOutcome.OPEN)
    return under_way.values_list("version_id", flat=True)


def _awaited(version: ModelVersion, user: User) -> list[AwaitedLine]:
    mine = set(permissions.signing_roles(user, version.model))
    if not mine:
        return []
    document, case, now = judging.document_of(version), dossier.load_case(version), timezone.now()
    stages = stages_up_to(case.stage) if case.stage in OPEN_TO_SIGN else case.pass_stages
    gates = [policy.gate(case, document, stage, now=now) for stage in stages]
    others = sum(blocker.code not in SIGN_OFF_CODES for state in gates for blocker in state.blockers)
    lines = []
    time = time_limits.standing(version, now=now, document=document)
    under_way = pass_under_way(version) if case.under_way else None
    again = f"revalidation, by {under_way.due_on:%d %b %Y}" if under_way else ""
    for state in gates:
        for requirement, outcome in zip(document.gates.get(state.stage, ()), state.outcomes, strict=False):
            if not isinstance(requirement, SignOffsRequirement) or outcome.met:
                continue
            role = next((role for role in requirement.roles if role in mine), None)
            if role is None or signing_off.refusal(case, document, version, stage=state.stage, role=role, actor=user):
                continue
            lines.append(
                AwaitedLine(
                    version=str(version),
                    url=version.get_absolute_url(),
                    sign_url=reverse(
                        "admin:approvals_modelversion_sign",
                        args=[version.pk, state.stage.value, role.value],
                    ),
                    stage=state.stage.label,
                    role=role.label,
                    tier=Tier(version.model.risk_tier).label,
                    submitted_by=ledger.printed_name(version.submitted_by),
                    since=version.stage_entered_at,
                    others_open=others,
                    due=time.in_words if time else again,
                    overdue=bool(time and time.overdue),
                )
            )
    return lines


def _remembered(name: str, look: Callable[[], Found]) -> Found:
    size = LedgerHead.objects.values_list("size", flat=True).first() or 0
    key = f"standing:{name}:{size}:{timezone.now():%Y%m%d}"
    found = cache.get(key)
    if found is None:
        found = look()
        cache.set(key, found, timeout=300)
    return cast(Found, found)
