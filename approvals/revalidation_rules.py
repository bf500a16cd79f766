"""What a policy says about revalidation: when a deployed version passes which gates again, and who decides."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from approvals.models.revalidations import RevalidationTrigger
from approvals.requirements.base import RequirementError, refuse_unknown
from approvals.rule_entries import roles, whole
from approvals.stages import REVIEW_STAGES, Role, Stage

ENTRIES = ("every_months", "gates", "days", "triggers", "open_findings", "decided_by", "overdue")
BY_ITSELF = (
    RevalidationTrigger.CRITICAL_ALARM,
    RevalidationTrigger.OPEN_FINDINGS,
    RevalidationTrigger.SUSPENDED,
    RevalidationTrigger.POLICY_CHANGED,
)
SUSPEND, FINDING = "suspend", "finding"
DAYS, OPEN_FINDINGS = 60, 3


@dataclass(frozen=True)
class RevalidationRule:
    """A pass has so many `days`: a scheduled one opens that long before its date, any other is due so long after.

    Without `every_months` the date is the day on which the approval ends. `open_findings` is how many findings of a
    version, opened since its last pass, open the next one.
    """

    gates: tuple[Stage, ...]
    every_months: int | None = None
    days: int = DAYS
    triggers: tuple[RevalidationTrigger, ...] = ()
    open_findings: int = OPEN_FINDINGS
    decided_by: tuple[Role, ...] = (Role.RISK_OFFICER,)
    overdue: str = SUSPEND

    def as_policy(self) -> dict[str, Any]:
        """Back to policy text: only what is said."""
        said: dict[str, Any] = {"gates": [stage.value for stage in self.gates]}
        if self.every_months is not None:
            said["every_months"] = self.every_months
        if self.triggers:
            said["triggers"] = [trigger.value for trigger in self.triggers]
        said |= {"days": self.days} if self.days != DAYS else {}
        said |= {"open_findings": self.open_findings} if self.open_findings != OPEN_FINDINGS else {}
        if self.decided_by != (Role.RISK_OFFICER,):
            said["decided_by"] = [role.value for role in self.decided_by]
        return said | ({"overdue": self.overdue} if self.overdue != SUSPEND else {})


def revalidation_rule(given: Any) -> RevalidationRule | None:
    """The rule in a policy's text; None if the policy says nothing. Raises RequirementError."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise RequirementError("revalidation must name the gates, and when they are passed again.")
    refuse_unknown(given, ENTRIES, where="revalidation")
    months = given.get("every_months")
    overdue = given.get("overdue", SUSPEND)
    if overdue not in (SUSPEND, FINDING):
        raise RequirementError(f"revalidation: overdue must be {SUSPEND} or {FINDING}.")
    decided_by = roles(given.get("decided_by", [Role.RISK_OFFICER.value]), "revalidation: decided_by")
    if not decided_by:
        raise RequirementError("revalidation: decided_by must name a role.")
    return RevalidationRule(
        gates=_gates(given.get("gates")),
        every_months=None if months is None else whole(months, "revalidation: every_months", 1, 120),
        days=whole(given.get("days", DAYS), "revalidation: days", 1, 365),
        triggers=_triggers(given.get("triggers", [])),
        open_findings=whole(given.get("open_findings", OPEN_FINDINGS), "revalidation: open_findings", 1, 100),
        decided_by=decided_by,
        overdue=overdue,
    )


def _gates(given: Any) -> tuple[Stage, ...]:
    if not isinstance(given, list) or not given:
        raise RequirementError("revalidation: gates must be a list of stages; at least one.")
    unknown = [str(name) for name in given if name not in REVIEW_STAGES]
    if unknown:
        raise RequirementError(f"revalidation: “{unknown[0]}” is no stage with a gate.")
    if len(given) != len(set(given)):
        raise RequirementError("revalidation: gates names a stage twice.")
    return tuple(stage for stage in REVIEW_STAGES if stage in given)


def _triggers(given: Any) -> tuple[RevalidationTrigger, ...]:
    if not isinstance(given, list):
        raise RequirementError("revalidation: triggers must be a list.")
    known = [trigger.value for trigger in BY_ITSELF]
    unknown = [str(name) for name in given if name not in known]
    if unknown:
        raise RequirementError(f"revalidation: there is no trigger “{unknown[0]}”; known: {', '.join(known)}.")
    return tuple(RevalidationTrigger(name) for name in dict.fromkeys(given))


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or the last one of that month if it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
