"""What stands in the way of a version and could be set aside under its policy. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from approvals import dossier, judging, policy
from approvals.models import ModelVersion, WaiverKind
from approvals.policy_rules import ExceptionRule
from approvals.stages import REVIEW_STAGES, Stage, stages_up_to


@dataclass(frozen=True)
class Waivable:
    """Something that stands in the way and could be set aside."""

    kind: str
    stage: Stage
    requirement: str
    title: str
    unmet: str
    rule: ExceptionRule

    @property
    def key(self) -> str:
        """For a form."""
        return f"{self.kind} {self.stage.value} {self.requirement}".strip()


def waivable(version: ModelVersion, *, now: datetime | None = None) -> tuple[Waivable, ...]:
    """What of the gates up to the present stage is not met and could be set aside under the pinned policy."""
    now = now or timezone.now()
    if version.stage not in (*REVIEW_STAGES, Stage.SUSPENDED):
        return ()
    document, case = judging.pinned_document_of(version), dossier.load_case(version)
    found: list[Waivable] = []
    for stage in stages_up_to(case.stage):
        state = policy.gate(case, document, stage, now=now)
        pairs = list(zip(document.gates.get(stage, ()), state.outcomes, strict=False))
        unmet = [(asked, outcome) for asked, outcome in pairs if not outcome.met]
        found += [
            Waivable(WaiverKind.WAIVER, stage, asked.identity(), outcome.title, outcome.sentence, rule)
            for asked, outcome in unmet
            if (rule := document.rules.waivers) is not None and asked.waivable
        ]
        if unmet and (rule := document.rules.emergency_override) is not None:
            sentences = " ".join(outcome.sentence for _, outcome in unmet)
            title = f"Everything that {stage.label.lower()} asks"
            found.append(Waivable(WaiverKind.EMERGENCY, stage, "", title, sentences, rule))
    return tuple(found)
