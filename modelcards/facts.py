"""The parts of a card that say what is approved: model, version, artifact, texts, data, monitoring. Facts only."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelcards.reading import ADDED


@dataclass(frozen=True)
class Fact:
    """A label with a value, as one line of a list of facts."""

    label: str
    value: str


@dataclass(frozen=True)
class Issuer:
    """Who issues the card, and from which portal."""

    organisation: str
    portal: str
    address: str = ""


@dataclass(frozen=True)
class TierOverridden:
    """Another tier than the formula gives, which a second person signed."""

    tier: str
    reason: str
    asked_by: str
    asked_at: str
    confirmed_by: str
    confirmed_at: str


@dataclass(frozen=True)
class TierAssessed:
    """How the risk tier was set: who answered what, when, and the formula by which the tier followed."""

    tier: str
    formula: str
    title: str
    digest: str
    assessed_by: str
    assessed_at: str
    answers: tuple[Fact, ...] = ()
    overridden: TierOverridden | None = None


@dataclass(frozen=True)
class RetentionEnd:
    """Until when one rule has the documentation kept, or why no day can be named."""

    rule: str
    until: str = ""
    counted_from: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ModelFacts:
    """The registered model: what the business owns."""

    id: int
    name: str
    purpose: str
    owner: str
    business_unit: str
    risk_tier: str
    risk_tier_reason: str = ""
    risk_tier_assessment: TierAssessed | None = field(default=None, metadata=ADDED)


@dataclass(frozen=True)
class VersionFacts:
    """The version that the card is about."""

    id: int
    number: str
    summary: str
    stage: str
    submitted_by: str
    developer: str
    code_revision: str
    created_at: str
    approved_at: str = ""
    approval_expires_at: str = ""
    incumbent: str = ""


@dataclass(frozen=True)
class Artifact:
    """The file that is approved."""

    name: str
    sha256: str
    size: int
    media_type: str = ""


@dataclass(frozen=True)
class Passage:
    """A text by a person, in Markdown, under the question it answers; `key` names the question in the policy."""

    heading: str
    text: str
    author: str = ""
    at: str = ""
    key: str = field(default="", metadata=ADDED)


@dataclass(frozen=True)
class Questionnaire:
    """The answers to one questionnaire of the policy that no other section holds."""

    title: str
    answers: tuple[Passage, ...]
    section: str = field(default="", metadata=ADDED)


@dataclass(frozen=True)
class Training:
    """The training record: what would be needed to train this version again."""

    facts: tuple[Fact, ...] = ()
    text: str = ""
    record_sha256: str = ""


@dataclass(frozen=True)
class Dataset:
    """One data set of the lineage or of the evaluation."""

    name: str
    role: str
    sha256: str = ""
    rows: int | None = None
    facts: tuple[Fact, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class EvidenceItem:
    """One document or data file that the approval stands on."""

    kind: str
    name: str
    sha256: str
    size: int
    uploaded_by: str
    uploaded_at: str


@dataclass(frozen=True)
class MonitorPlan:
    """One monitor that watches the version once it is deployed."""

    title: str
    measure: str
    thresholds: str
    every: str
    severity: str
    consequence: str = ""


@dataclass(frozen=True)
class MonitoredMonth:
    """What one monitor read in one month: the worst level and the measure that decided it; nothing read, no level."""

    month: str
    readings: int
    level: str = ""
    measure: str = ""
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class MonitorHistory:
    """One monitor month by month, and its alarm at the end of the record."""

    title: str
    alarm: str
    months: tuple[MonitoredMonth, ...] = ()


@dataclass(frozen=True)
class MonitoringRecord:
    """The record of monitoring that the card was issued with: evidence of its own, by digest."""

    sha256: str
    since: str
    until: str
    batches: int
    readings: int
    without_answer: int
    waiting_for_labels: int
    months: int
    months_with_data: int
    months_without_data: tuple[str, ...] = ()
    monitors: tuple[MonitorHistory, ...] = ()
    alarms: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetirementItem:
    """One item of the decommission checklist, and who said on what evidence that it is done or does not apply."""

    text: str
    asked_of: str
    applies: bool = True
    evidence: str = ""
    printed_name: str = ""
    role_title: str = ""
    answered_at: str = ""


@dataclass(frozen=True)
class MonitoringPlan:
    """What is watched after approval and, on a card that is issued again, what was read so far."""

    monitors: tuple[MonitorPlan, ...] = ()
    text: str = ""
    record: MonitoringRecord | None = field(default=None, metadata=ADDED)
