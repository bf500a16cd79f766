"""The stages of a model version, the legal moves between them, and the shape of a decision.

Knows no database and no clock: everything else asks here what may follow what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import TextChoices


def in_sentence(label: str) -> str:
    """A label in the middle of a sentence: in lower case, unless it begins with an abbreviation."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


class Stage(TextChoices):
    """Where a version stands. The first eight are the path; the others are ends and the pause."""

    SCOPING = "scoping", "Scoping"
    DATA_REVIEW = "data_review", "Data review"
    DEVELOPMENT = "development", "Development"
    VALIDATION = "validation", "Validation"
    FAIRNESS_REVIEW = "fairness_review", "Fairness review"
    REGULATORY_REVIEW = "regulatory_review", "Regulatory review"
    DEPLOYMENT_APPROVAL = "deployment_approval", "Deployment approval"
    MONITORING = "monitoring", "Monitoring"
    SUSPENDED = "suspended", "Suspended"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    RETIRED = "retired", "Retired"


class Role(TextChoices):
    """What a person signs as. Each has one object permission on RegisteredModel."""

    BUSINESS_ANALYST = "business_analyst", "Business analyst"
    BUSINESS_OWNER = "business_owner", "Business owner"
    DATA_STEWARD = "data_steward", "Data steward"
    LEAD_DATA_SCIENTIST = "lead_data_scientist", "Lead data scientist"
    MODEL_VALIDATOR = "model_validator", "Model validator"
    RISK_OFFICER = "risk_officer", "Risk officer"
    COMPLIANCE_OFFICER = "compliance_officer", "Compliance officer"
    SECURITY_OFFICER = "security_officer", "Security officer"
    IT_OPERATIONS = "it_operations", "IT operations"

    @property
    def in_words(self) -> str:
        """The role in the middle of a sentence."""
        return in_sentence(str(self.label))


class Tier(TextChoices):
    """Risk tier of a registered model; selects the policy."""

    HIGH = "high", "High"
    LOW = "low", "Low"


class Transition(StrEnum):
    """The named moves of a version."""

    ADVANCE = "advance"
    REQUEST_CHANGES = "request_changes"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    RETIRE = "retire"

    @property
    def in_words(self) -> str:
        """After "cannot", of a version."""
        return _PASSIVE[self]


_PASSIVE = {
    Transition.ADVANCE: "advance",
    Transition.REQUEST_CHANGES: "be sent back there",
    Transition.REJECT: "be rejected",
    Transition.WITHDRAW: "be withdrawn",
    Transition.SUSPEND: "be suspended",
    Transition.REINSTATE: "be reinstated",
    Transition.RETIRE: "be retired",
}


REVIEW_STAGES: tuple[Stage, ...] = (
    Stage.SCOPING,
    Stage.DATA_REVIEW,
    Stage.DEVELOPMENT,
    Stage.VALIDATION,
    Stage.FAIRNESS_REVIEW,
    Stage.REGULATORY_REVIEW,
    Stage.DEPLOYMENT_APPROVAL,
)
PATH: tuple[Stage, ...] = (*REVIEW_STAGES, Stage.MONITORING)
ENDS: tuple[Stage, ...] = (Stage.REJECTED, Stage.WITHDRAWN, Stage.RETIRED)


def next_stage(stage: str) -> Stage:
    """The stage that follows a review stage on the path. Raises ValueError for any other stage."""
    return PATH[REVIEW_STAGES.index(Stage(stage)) + 1]


def stages_up_to(stage: str) -> tuple[Stage, ...]:
    """The review stages from scoping to the given one, inclusive; all of them once past review."""
    if stage in REVIEW_STAGES:
        return REVIEW_STAGES[: REVIEW_STAGES.index(Stage(stage)) + 1]
    return REVIEW_STAGES


def legal_moves() -> frozenset[tuple[str, str]]:
    """Every (from, to) pair that any transition allows; the database guard holds the same set."""
    moves: set[tuple[str, str]] = set()
    for index, stage in enumerate(REVIEW_STAGES):
        moves.add((stage.value, PATH[index + 1].value))
        moves.update((stage.value, earlier.value) for earlier in REVIEW_STAGES[:index])
        moves.add((stage.value, Stage.REJECTED.value))
        moves.add((stage.value, Stage.WITHDRAWN.value))
    moves.update(
        (source.value, target.value)
        for source, target in (
            (Stage.MONITORING, Stage.SUSPENDED),
            (Stage.SUSPENDED, Stage.MONITORING),
            (Stage.MONITORING, Stage.RETIRED),
            (Stage.SUSPENDED, Stage.RETIRED),
        )
    )
    return frozenset(moves)


@dataclass(frozen=True)
class Blocker:
    """One reason why a gate is closed, as a sentence a person understands.

    `anchor` names the place on the version page that cures it; `who` says who can cure it.
    """

    code: str
    sentence: str
    stage: Stage
    anchor: str = ""
    who: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What one requirement says about one version: met exactly if it names no blocker."""

    kind: str
    title: str
    sentence: str
    blockers: tuple[Blocker, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        return not self.blockers


@dataclass(frozen=True)
class GateState:
    """All outcomes of one stage's gate, and the reasons why it is closed."""

    stage: Stage
    outcomes: tuple[Outcome, ...]
    blockers: tuple[Blocker, ...]

    @property
    def open(self) -> bool:
        return not self.blockers


@dataclass(frozen=True)
class Decision:
    """Whether a move may happen now: allowed exactly if nothing blocks it."""

    transition: Transition
    source: Stage
    target: Stage | None
    blockers: tuple[Blocker, ...]

    @property
    def allowed(self) -> bool:
        return not self.blockers
