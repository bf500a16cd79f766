"""No open finding at or above a severity, or each is formally accepted until a date that has not passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from approvals.models.findings import FindingSource, FindingStatus, Severity
from approvals.requirements.base import Case, FindingFact, Requirement, RequirementError, refuse_unknown, text_setting
from approvals.stages import Blocker, Outcome, Stage


@dataclass(frozen=True)
class FindingsRequirement(Requirement):
    """Findings below the severity may stay open."""

    severity: Severity

    title = "Findings"

    @classmethod
    def parse(cls, given: Mapping[str, Any], *, where: str) -> Self:
        refuse_unknown(given, ("at_or_above",), where=where)
        name = text_setting(given, "at_or_above", where=where)
        levels = {level.label.lower(): level for level in Severity}
        if name not in levels:
            raise RequirementError(f"{where}: there is no severity “{name}”; known: {', '.join(levels)}.")
        return cls(severity=levels[name])

    def as_policy(self) -> dict[str, Any]:
        return {"at_or_above": self.severity.label.lower()}

    def evaluate(self, case: Case, *, stage: Stage, now: datetime) -> Outcome:
        level = self.severity.label.lower()
        title = f"Findings at or above {level}"
        blockers = tuple(
            Blocker("finding_open", sentence, stage, anchor="findings", who=finding.owner_name)
            for finding in self._weighty(case)
            if (sentence := _open_sentence(finding, now))
        )
        if blockers:
            return Outcome(self.key, title, f"{len(blockers)} findings at or above {level} are open.", blockers)
        return Outcome(self.key, title, f"No finding at or above {level} is open.")

    def facts(self, case: Case) -> Any:
        return {
            "at_or_above": self.severity.label.lower(),
            "findings": [
                {
                    "id": finding.id,
                    "severity": finding.severity_label,
                    "title": finding.title,
                    "status": finding.status,
                    "accepted_until": finding.accepted_until.isoformat() if finding.accepted_until else None,
                }
                for finding in self._weighty(case)
            ],
        }

    def _weighty(self, case: Case) -> list[FindingFact]:
        # Conditions of an approval follow from a sign-off: counting them here would void that very sign-off.
        return [
            finding
            for finding in sorted(case.findings, key=lambda finding: finding.id)
            if finding.severity >= self.severity and finding.source != FindingSource.CONDITION
        ]


def _open_sentence(finding: FindingFact, now: datetime) -> str:
    if finding.status == FindingStatus.OPEN:
        return f"Finding “{finding.title}” ({finding.severity_label.lower()}) is open, due {finding.due_on:%d %b %Y}."
    if finding.accepted_until is None or finding.accepted_until < now.date():
        return f"The acceptance of finding “{finding.title}” has expired."
    return ""
