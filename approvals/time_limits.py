"""Time limits of stages in working days: who is reminded, to whom it escalates. A limit decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals import permissions, telling
from approvals.events import Event
from approvals.models import ModelVersion, TimeNotice, TimeNoticeKind
from approvals.policy_document import PolicyDocument, parse
from approvals.policy_rules import Calendar
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import REVIEW_STAGES, Role, Stage
from portal import ledger
from portal.errors import BadInput


@dataclass(frozen=True)
class TimeStanding:
    """Until when a stage should be settled, and how many working days are left; below zero it is overdue."""

    due_on: date
    days_left: int
    remind: bool
    escalate_to: Role

    @property
    def overdue(self) -> bool:
        """Whether the day has passed."""
        return self.days_left < 0

    @property
    def in_words(self) -> str:
        """For reading."""
        if self.overdue:
            days = -self.days_left
            return f"overdue by {days} working day{'s' if days > 1 else ''}, since {self.due_on:%d %b %Y}"
        days = self.days_left
        left = f"{days} working day{'s' if days > 1 else ''} left" if days else "today"
        return f"by {self.due_on:%d %b %Y}, {left}"


def calendar() -> Calendar:
    """Working days of this organisation."""
    return Calendar(frozenset(settings.HOLIDAYS))


def standing(
    version: ModelVersion, *, now: datetime | None = None, document: PolicyDocument | None = None
) -> TimeStanding | None:
    """The limit of the present stage; None if the policy sets none."""
    limits = (document or parse(version.policy.text)).rules.time_limits
    if limits is None or version.stage not in REVIEW_STAGES or Stage(version.stage) not in limits.working_days:
        return None
    days, today = calendar(), (now or timezone.now()).date()
    due_on = days.after(version.stage_entered_at.date(), limits.working_days[Stage(version.stage)])
    left = days.between(today, due_on)
    if today > due_on and not left:
        left = -1  # past the day, though no working day has passed since
    return TimeStanding(due_on, left, left <= limits.remind_before, limits.escalate_to)


def tell(*, now: datetime | None = None) -> tuple[TimeNotice, ...]:
    """Remind and escalate where it is time: once for each stay in a stage, however many schedulers ask."""
    now = now or timezone.now()
    told: list[TimeNotice] = []
    for version in ModelVersion.objects.filter(stage__in=REVIEW_STAGES).select_related("model", "policy"):
        try:
            found = standing(version, now=now)
        except BadInput:
            continue  # a policy that can no longer be read closes its gates, which is said there
        if found is None or not found.remind:
            continue
        kind = TimeNoticeKind.ESCALATION if found.overdue else TimeNoticeKind.REMINDER
        row = _once(version, kind, found, now)
        told += [row] if row else []
    return tuple(told)


def _once(version: ModelVersion, kind: TimeNoticeKind, found: TimeStanding, now: datetime) -> TimeNotice | None:
    stay = {"version": version, "stage": version.stage, "entered_at": version.stage_entered_at, "kind": kind}
    if TimeNotice.objects.filter(**stay).exists():
        return None
    try:
        with transaction.atomic():
            row = TimeNotice.objects.create(**stay, at=now)
            _notify(version, kind, found)
            event = Event.TIME_ESCALATED if kind is TimeNoticeKind.ESCALATION else Event.TIME_REMINDED
            ledger.record(
                event=event,
                actor=None,
                subject=version,
                scope=version.scope,
                facts={
                    "stage": version.stage,
                    "due_on": found.due_on.isoformat(),
                    "days_left": found.days_left,
                    "escalated_to": found.escalate_to.value,
                },
            )
    except IntegrityError:
        return None  # another scheduler said it a moment ago
    return row


def _notify(version: ModelVersion, kind: TimeNoticeKind, found: TimeStanding) -> None:
    stage = Stage(version.stage).label
    people: set[User] = {version.submitted_by, version.model.owner, *_signers(version)}
    words = f"{version}: {stage.lower()} is due {found.in_words}."
    event = Event.TIME_REMINDED
    if kind is TimeNoticeKind.ESCALATION:
        people |= set(permissions.people_with(permissions.permission_for(found.escalate_to), version.model))
        words = f"{version}: {stage.lower()} is {found.in_words}. Escalated to the {found.escalate_to.in_words}."
        event = Event.TIME_ESCALATED
    telling.tell(version, people, event=event, text=words, link=version.get_absolute_url(), asks_for_act=True)


def _signers(version: ModelVersion) -> Iterable[User]:
    gate = parse(version.policy.text).gates.get(Stage(version.stage), ())
    for asked in gate:
        if isinstance(asked, SignOffsRequirement):
            for role in asked.roles:
                yield from permissions.people_with(permissions.permission_for(role), version.model)
