"""The card document: everything a model card says, as plain frozen data that goes to JSON and back unchanged.

Holds facts only: it reads no database, decides nothing and formats nothing. Times are UTC in ISO 8601, days YYYY-MM-DD.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import rfc8785

from modelcards.approval import (
    Condition,
    EarlierPolicy,
    Finding,
    Gate,
    LedgerFacts,
    PolicyFacts,
    RequiredSignOff,
    Requirement,
    Risk,
    SealFacts,
    SignOff,
    TimelineEvent,
    Waiver,
)
from modelcards.changes import Difference, NumberChange, PreviousVersion
from modelcards.facts import (
    Artifact,
    Dataset,
    EvidenceItem,
    Fact,
    Issuer,
    ModelFacts,
    MonitoredMonth,
    MonitorHistory,
    MonitoringPlan,
    MonitoringRecord,
    MonitorPlan,
    Passage,
    Questionnaire,
    RetentionEnd,
    RetirementItem,
    TierAssessed,
    TierOverridden,
    Training,
    VersionFacts,
)
from modelcards.measured import (
    Cell,
    Chart,
    CheckResult,
    Claim,
    GroupRow,
    GroupTable,
    Mitigation,
    Number,
    Table,
    Threshold,
)
from modelcards.reading import ADDED, CardFormatError, typed, written

__all__ = [
    "SCHEMA",
    "Artifact",
    "Card",
    "CardFormatError",
    "CardStatus",
    "Cell",
    "Chart",
    "CheckResult",
    "Claim",
    "Condition",
    "Dataset",
    "Difference",
    "EarlierPolicy",
    "EvidenceItem",
    "Fact",
    "Finding",
    "Gate",
    "GroupRow",
    "GroupTable",
    "Highlight",
    "Issuer",
    "LedgerFacts",
    "Mitigation",
    "ModelFacts",
    "MonitorHistory",
    "MonitorPlan",
    "MonitoredMonth",
    "MonitoringPlan",
    "MonitoringRecord",
    "Number",
    "NumberChange",
    "Passage",
    "PolicyFacts",
    "PreviousVersion",
    "Questionnaire",
    "RequiredSignOff",
    "Requirement",
    "RetentionEnd",
    "RetirementItem",
    "Risk",
    "SealFacts",
    "SignOff",
    "Summary",
    "Table",
    "Threshold",
    "TierAssessed",
    "TierOverridden",
    "TimelineEvent",
    "Tone",
    "Training",
    "VersionFacts",
    "Waiver",
]

SCHEMA = "model-card@v1"


class CardStatus(StrEnum):
    """A draft is for review and never signed; an issued card is signed, numbered and final."""

    DRAFT = "draft"
    ISSUED = "issued"


class Tone(StrEnum):
    """How a verdict is set in print; always beside words, never by colour alone."""

    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class Highlight:
    """One number of the summary, already worded: the value, and what it is compared with."""

    label: str
    value: str
    note: str = ""
    tone: str = Tone.NEUTRAL.value


@dataclass(frozen=True)
class Summary:
    """The verdict in two words and one sentence, with a few numbers."""

    verdict: str
    tone: str
    sentence: str
    highlights: tuple[Highlight, ...] = ()


@dataclass(frozen=True)
class Card:
    """A model card."""

    number: str
    status: str
    made_at: str
    issuer: Issuer
    model: ModelFacts
    version: VersionFacts
    artifact: Artifact | None
    summary: Summary
    policy: PolicyFacts
    intended_use: tuple[Passage, ...] = ()
    out_of_scope: tuple[Passage, ...] = ()
    assumptions: tuple[Passage, ...] = ()
    limitations: tuple[Passage, ...] = ()
    questionnaires: tuple[Questionnaire, ...] = ()
    training: Training = field(default_factory=Training)
    lineage: tuple[Dataset, ...] = ()
    evaluation: tuple[Dataset, ...] = ()
    evidence: tuple[EvidenceItem, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    claims: tuple[Claim, ...] = ()
    risks: tuple[Risk, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    findings: tuple[Finding, ...] = ()
    conditions: tuple[Condition, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    gates: tuple[Gate, ...] = ()
    sign_offs: tuple[SignOff, ...] = ()
    monitoring: MonitoringPlan = field(default_factory=MonitoringPlan)
    timeline: tuple[TimelineEvent, ...] = ()
    ledger: LedgerFacts | None = None
    seal: SealFacts | None = None
    previous: PreviousVersion | None = field(default=None, metadata=ADDED)
    retirement: tuple[RetirementItem, ...] = field(default=(), metadata=ADDED)
    retention: tuple[RetentionEnd, ...] = field(default=(), metadata=ADDED)
    deployment_target: str = field(default="", metadata=ADDED)
    schema: str = SCHEMA

    @property
    def issued(self) -> bool:
        """Whether this is an issued card and not a draft."""
        return self.status == CardStatus.ISSUED

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives the equal card back."""
        document: dict[str, Any] = written(self)
        return document

    def canonical(self) -> bytes:
        """The document as canonical JSON (RFC 8785), the bytes of card.json: as it was read, if it was."""
        read: bytes | None = self.__dict__.get("_document")
        return rfc8785.dumps(self.as_json()) if read is None else read

    def digest(self) -> str:
        """SHA-256 of `canonical`, hexadecimal: the digest that the card prints on each page."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @classmethod
    def from_document(cls, document: bytes) -> Card:
        """The card in a document, which stays that document: this portal might write an older one with more fields.

        Raises CardFormatError, or ValueError if it is no JSON.
        """
        card = cls.from_json(json.loads(document))
        card.__dict__["_document"] = document
        return card

    @classmethod
    def from_json(cls, data: Any) -> Card:
        """The card in a JSON document. Raises CardFormatError that names the first entry which does not fit."""
        card = typed(cls, data, "card")
        if not isinstance(card, cls) or card.schema != SCHEMA:
            raise CardFormatError(f"The document is not a card of the schema {SCHEMA}.")
        if card.status not in set(CardStatus):
            raise CardFormatError(f"card.status is neither draft nor issued: {card.status!r}.")
        return card
