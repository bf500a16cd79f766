"""The parts of a card that say who approved what under which rules, and where that is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelcards.reading import ADDED

EITHER = "|"
CONTRIBUTED = "The signer contributed afterwards to what was signed."


@dataclass(frozen=True)
class RequiredSignOff:
    """How many people the policy asks to sign for a role in a stage; several roles of which any counts are joined."""

    stage: str
    role: str
    role_title: str
    people: int = 1


@dataclass(frozen=True)
class EarlierPolicy:
    """A policy that the approval rested on before; `stages` ask the same now and were signed under it."""

    name: str
    number: int
    digest: str
    approved_at: str
    stages: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyFacts:
    """The pinned policy; its text is part of the card document so that the digest can be recomputed."""

    name: str
    number: int
    title: str
    tier: str
    digest: str
    author: str
    published_by: str
    published_at: str
    text: str = ""
    basis: tuple[str, ...] = ()
    required_sign_offs: tuple[RequiredSignOff, ...] = ()
    earlier: tuple[EarlierPolicy, ...] = field(default=(), metadata=ADDED)


@dataclass(frozen=True)
class Requirement:
    """What one requirement of a gate says at the time of the card."""

    title: str
    sentence: str
    met: bool


@dataclass(frozen=True)
class Gate:
    """One stage's gate with the digest of the dossier that its signers must have seen."""

    stage: str
    title: str
    open: bool
    dossier: str
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True)
class SignOff:
    """One signature of a person. `current` exactly if `dossier` is its gate's dossier at the time of the card."""

    id: int
    stage: str
    stage_title: str
    role: str
    role_title: str
    signer: int
    printed_name: str
    decision: str
    decision_title: str
    meaning: str
    comment: str
    signed_at: str
    authentication: str
    dossier: str
    current: bool
    voided_because: str = ""
    on_behalf_of: str = ""
    ledger_seq: int | None = None


@dataclass(frozen=True)
class Condition:
    """What has to be done after an approval with conditions."""

    text: str
    owner: str
    due_on: str
    status: str
    asked_by: str = ""


@dataclass(frozen=True)
class Waiver:
    """A departure from the policy; an emergency override is printed in red."""

    title: str
    reason: str
    granted_by: tuple[str, ...]
    granted_at: str
    expires_on: str
    is_override: bool = False


@dataclass(frozen=True)
class Finding:
    """Something that is or was wrong."""

    title: str
    severity: str
    status: str
    source: str
    owner: str
    due_on: str
    resolution: str = ""
    accepted_by: str = ""
    accepted_until: str = ""


@dataclass(frozen=True)
class Risk:
    """One line of the risk register."""

    title: str
    description: str
    likelihood: str
    impact: str
    owner: str
    mitigation: str
    residual: str
    status: str = ""


@dataclass(frozen=True)
class TimelineEvent:
    """One act out of the ledger."""

    at: str
    actor: str
    text: str
    seq: int | None = None


@dataclass(frozen=True)
class LedgerFacts:
    """The ledger when the card was made: size, root, signed checkpoint, public key, and the proof of the sign-offs."""

    size: int
    root: str
    checkpoint: str
    vkey: str
    proof: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SealFacts:
    """The certificate that the finished PDF is signed under, and what its signature carries.

    `note` says why it carries less than the portal is set to; empty if it does not.
    """

    subject: str
    root_subject: str
    root_sha256: str
    level: str = "PAdES B-B"
    certificate_sha256: str = field(default="", metadata=ADDED)
    certificate_until: str = field(default="", metadata=ADDED)
    timestamps_by: str = field(default="", metadata=ADDED)
    note: str = field(default="", metadata=ADDED)
