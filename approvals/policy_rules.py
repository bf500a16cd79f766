"""What a policy says besides its gates: exceptions, codes, time limits, revalidation, retirement, due days.

An exception that is not named is not allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from approvals.decommission_rules import DEFAULT_ITEMS, DecommissionItem, decommission_items
from approvals.models.findings import Severity
from approvals.requirements.base import RequirementError, refuse_unknown
from approvals.revalidation_rules import RevalidationRule, revalidation_rule
from approvals.rule_entries import roles as _roles
from approvals.rule_entries import whole as _whole
from approvals.stages import REVIEW_STAGES, Role, Stage

ENTRIES = (
    "waivers",
    "emergency_override",
    "one_time_codes",
    "time_limits",
    "revalidation",
    "decommission",
    "finding_due_days",
)
DUE_DAYS = {Severity.LOW: 60, Severity.MEDIUM: 30, Severity.HIGH: 14, Severity.CRITICAL: 7}
"""Days that the owner of a finding has which the portal opens, where the policy says nothing else."""
LONGEST_WAIVER_DAYS = 365
LONGEST_EMERGENCY_DAYS = 30
TWO = 2


@dataclass(frozen=True)
class ExceptionRule:
    """Who signs an exception and for how long it may hold. Two different people always; never one alone."""

    roles: tuple[Role, ...]
    longest_days: int
    people: int = TWO

    def as_policy(self) -> dict[str, Any]:
        """Back to policy text."""
        asked: dict[str, Any] = {"roles": [role.value for role in self.roles], "longest_days": self.longest_days}
        return asked | ({"people": self.people} if self.people != TWO else {})


@dataclass(frozen=True)
class TimeLimits:
    """Working days that a version may stay in a stage; afterwards people are told. A limit never decides anything."""

    working_days: Mapping[Stage, int]
    escalate_to: Role
    remind_before: int = TWO

    def as_policy(self) -> dict[str, Any]:
        """Back to policy text."""
        return {
            "working_days": {stage.value: days for stage, days in self.working_days.items()},
            "escalate_to": self.escalate_to.value,
            "remind_before": self.remind_before,
        }


@dataclass(frozen=True)
class Rules:
    """All of them."""

    waivers: ExceptionRule | None = None
    emergency_override: ExceptionRule | None = None
    one_time_codes: tuple[Role, ...] = ()
    time_limits: TimeLimits | None = None
    revalidation: RevalidationRule | None = None
    decommission: tuple[DecommissionItem, ...] | None = None
    finding_due_days: Mapping[Severity, int] = field(default_factory=dict)

    @property
    def decommission_items(self) -> tuple[DecommissionItem, ...]:
        """What is asked before a retirement: the policy's list, or the default one where it has none."""
        return DEFAULT_ITEMS if self.decommission is None else self.decommission

    def due_days(self, severity: int) -> int:
        """How many days the owner of a finding of that severity has."""
        level = Severity(severity)
        return self.finding_due_days.get(level, DUE_DAYS[level])

    def as_policy(self) -> dict[str, Any]:
        """Back to policy text: only what is said."""
        said: dict[str, Any] = {}
        if self.decommission is not None:
            said["decommission"] = [item.as_policy() for item in self.decommission]
        if self.finding_due_days:
            said["finding_due_days"] = {level.label.lower(): days for level, days in self.finding_due_days.items()}
        for name in ("waivers", "emergency_override", "time_limits", "revalidation"):
            if (rule := getattr(self, name)) is not None:
                said[name] = rule.as_policy()
        if self.one_time_codes:
            said["one_time_codes"] = [role.value for role in self.one_time_codes]
        return said


def rules_of(raw: Mapping[str, Any]) -> Rules:
    """The rules of a policy. Raises RequirementError with a sentence that names the entry."""
    return Rules(
        waivers=_exceptions(raw.get("waivers"), "waivers", LONGEST_WAIVER_DAYS),
        emergency_override=_exceptions(raw.get("emergency_override"), "emergency_override", LONGEST_EMERGENCY_DAYS),
        one_time_codes=_roles(raw.get("one_time_codes") or [], "one_time_codes"),
        time_limits=_time_limits(raw.get("time_limits")),
        revalidation=revalidation_rule(raw.get("revalidation")),
        decommission=decommission_items(raw.get("decommission")),
        finding_due_days=_due_days(raw.get("finding_due_days")),
    )


def _due_days(given: Any) -> dict[Severity, int]:
    if given is None:
        return {}
    levels = {level.label.lower(): level for level in Severity}
    if not isinstance(given, Mapping):
        raise RequirementError("finding_due_days must map severities to days.")
    refuse_unknown(given, levels, where="finding_due_days")
    return {levels[name]: _whole(days, f"finding_due_days: {name}", 1, 365) for name, days in given.items()}


def _exceptions(given: Any, name: str, longest: int) -> ExceptionRule | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise RequirementError(f"{name} must name roles and longest_days.")
    refuse_unknown(given, ("roles", "longest_days", "people"), where=name)
    roles = _roles(given.get("roles"), f"{name}: roles")
    if not roles:
        raise RequirementError(f"{name} must name the roles that sign.")
    return ExceptionRule(
        roles=roles,
        longest_days=_whole(given.get("longest_days"), f"{name}: longest_days", 1, longest),
        people=_whole(given.get("people", TWO), f"{name}: people", TWO, 9),
    )


def _time_limits(given: Any) -> TimeLimits | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or not isinstance(given.get("working_days"), Mapping):
        raise RequirementError("time_limits must map stages to working_days, and name escalate_to.")
    refuse_unknown(given, ("working_days", "escalate_to", "remind_before"), where="time_limits")
    days: dict[Stage, int] = {}
    for stage, limit in given["working_days"].items():
        if stage not in REVIEW_STAGES:
            raise RequirementError(f"time_limits: “{stage}” is no stage with a gate.")
        days[Stage(stage)] = _whole(limit, f"time_limits: working_days of {stage}", 1, 250)
    escalate = given.get("escalate_to")
    if escalate not in Role.values:
        raise RequirementError(f"time_limits: escalate_to must be one of {', '.join(Role.values)}.")
    return TimeLimits(
        days, Role(escalate), _whole(given.get("remind_before", TWO), "time_limits: remind_before", 0, 30)
    )


@dataclass(frozen=True)
class Calendar:
    """Working days: Monday to Friday without the holidays of the organisation."""

    holidays: frozenset[date] = field(default_factory=frozenset)

    def works(self, day: date) -> bool:
        """Whether people work on that day."""
        return day.weekday() < 5 and day not in self.holidays

    def after(self, start: date, working_days: int) -> date:
        """The day on which so many working days after the start have passed; the start itself is not counted."""
        day, left = start, working_days
        while left:
            day += timedelta(days=1)
            left -= self.works(day)
        return day

    def between(self, start: date, end: date) -> int:
        """Working days after the start up to the end, both as days; negative if the end lies before the start."""
        if end < start:
            return -self.between(end, start)
        return sum(self.works(start + timedelta(days=n)) for n in range(1, (end - start).days + 1))
