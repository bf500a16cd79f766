"""What a requirement is, and the case file it looks at: everything about one version, frozen at one moment.

Requirements are pure: case and moment in, outcome out. They read no clock, no settings and no database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Self

from approvals.canonical import digest
from approvals.stages import Outcome, Stage


class RequirementError(Exception):
    """A policy words a requirement wrongly; the sentence says what and where."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class EvidenceFact:
    """The current piece of evidence of one kind."""

    id: int
    kind: str
    label: str
    name: str
    sha256: str
    size: int
    artifact_sha256: str
    details: Mapping[str, Any]
    uploaded_by: int
    uploaded_by_name: str
    uploaded_at: datetime
    contributors: frozenset[int]
    """Everybody who ever attached a piece of this kind: uploading it again washes nobody clean."""
    is_reference: bool = False
    """Whether it refers to a table that lies elsewhere."""


@dataclass(frozen=True)
class AnswerFact:
    """The current answer to one question."""

    text: str
    answered_by: int
    answered_by_name: str
    answered_at: datetime
    contributors: frozenset[int]
    """Everybody who ever answered this question."""


@dataclass(frozen=True)
class RunFact:
    """The newest run of one check."""

    id: int
    check: str
    check_version: str
    status: str
    verdict: str
    inputs_digest: str
    reading_digest: str
    sentences: tuple[str, ...]
    progress: int
    requested_at: datetime
    failed_measures: tuple[Mapping[str, Any], ...] = ()
    policy_digest: str = ""
    """Of the policy that fixed its thresholds."""
    measured: tuple[str, ...] = ()
    """The names of the measures that it has a number of, or bounds."""


@dataclass(frozen=True)
class SignOffFact:
    """One sign-off as recorded, with the digest of the dossier it covers."""

    id: int
    stage: str
    role: str
    decision: str
    signer: int
    printed_name: str
    comment: str
    signed_at: datetime
    dossier: str
    on_behalf_of: int | None = None

    @property
    def seat(self) -> int:
        """Whose signature it is: the signer's, or that of whom the signer stood in for."""
        return self.on_behalf_of or self.signer


@dataclass(frozen=True)
class FindingFact:
    """One finding that is not closed."""

    id: int
    severity: int
    severity_label: str
    title: str
    status: str
    source: str
    owner_name: str
    due_on: date
    accepted_until: date | None


@dataclass(frozen=True)
class MitigationFact:
    """One mitigation plan."""

    id: int
    check: str
    failed_run: int
    measure: str
    before: Mapping[str, Any]
    plan: str
    owner_name: str
    due_on: date
    recorded_by: int
    recorded_at: datetime


@dataclass(frozen=True)
class WaiverFact:
    """One exception that was not revoked, with those who signed it."""

    id: int
    kind: str
    stage: str
    requirement: str
    title: str
    basis: str
    reason: str
    meanwhile: str
    expires_on: date
    asked_on: date
    asked_by: int
    signatures: tuple[tuple[int, str, str], ...]
    """Signer, role and printed name of each signature, in order."""


@dataclass(frozen=True)
class RevalidationFact:
    """One pass through gates again, with the digest of the monitoring record that was made for it; empty if none."""

    id: int
    trigger: str
    gates: tuple[Stage, ...]
    opened_at: datetime
    is_open: bool
    record_sha256: str


@dataclass(frozen=True)
class CheckType:
    """What a requirement needs to know about a check class."""

    key: str
    title: str
    version: str
    inputs: tuple[str, ...]
    optional_inputs: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """Everything about one version that gates look at, read in one go."""

    version_id: int
    model_id: int
    number: str
    tier: str
    stage: Stage
    artifact_sha256: str
    policy: str
    policy_digest: str
    submitted_by: int
    developer: int
    suspensions: int
    evidence: Mapping[str, EvidenceFact]
    answers: Mapping[tuple[str, str], AnswerFact]
    questions: Mapping[str, tuple[Mapping[str, Any], ...]]
    runs: Mapping[str, RunFact]
    finished_runs: Mapping[tuple[str, str], RunFact]
    """The newest finished run for each check and digest of inputs: what is known while a repetition is under way."""
    failed_runs: Mapping[str, tuple[RunFact, ...]]
    check_inputs: Mapping[str, str]
    check_types: Mapping[str, CheckType]
    sign_offs: tuple[SignOffFact, ...]
    findings: tuple[FindingFact, ...]
    mitigations: tuple[MitigationFact, ...]
    holders: Mapping[str, tuple[str, ...]]
    waivers: tuple[WaiverFact, ...] = ()
    revalidations: tuple[RevalidationFact, ...] = ()
    """In the order of their opening; only the last can be under way."""
    other_policies: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name and digest of the policy that a stage was judged by, where it is another one that asks the same."""
    dossiers: Mapping[str, str] = field(default_factory=dict)
    """Digest of each stage's dossier as it stands; empty while the dossiers themselves are being built."""
    contributors: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """People who contributed to what each stage looks at: neither do they sign it, nor does what they signed count."""

    def policy_of(self, stage: str) -> tuple[str, str]:
        """Name and digest of the policy that the dossier of a stage names."""
        return self.other_policies.get(stage, (self.policy, self.policy_digest))

    @property
    def under_way(self) -> RevalidationFact | None:
        """The pass that waits for its decision."""
        return next((one for one in self.revalidations if one.is_open), None)

    @property
    def pass_stages(self) -> tuple[Stage, ...]:
        """The stages whose gates are passed again now."""
        return self.under_way.gates if self.under_way else ()

    def newest_pass(self, stage: Stage) -> RevalidationFact | None:
        """The last pass that went, or goes, through the gate of a stage."""
        return next((one for one in reversed(self.revalidations) if stage in one.gates), None)

    def counts(self, signed: SignOffFact) -> bool:
        """Whether a sign-off still stands: on the dossier as it is, by somebody who contributed nothing to it."""
        on_this_dossier = signed.dossier == self.dossiers.get(signed.stage)
        barred = self.contributors.get(signed.stage, ())
        return on_this_dossier and signed.signer not in barred and signed.seat not in barred


class Requirement(ABC):
    """One thing a gate asks. Subclasses live one per file in this folder; the file name is the key in policies."""

    key: ClassVar[str] = ""
    title: ClassVar[str]
    waivable: ClassVar[bool] = True
    """Whether two people may set it aside for a time; signatures themselves never are, short of an emergency."""

    def identity(self) -> str:
        """Digest of what the policy asks here: another threshold is another requirement."""
        return digest({"kind": self.key, "settings": self.as_policy()})

    @classmethod
    @abstractmethod
    def parse(cls, given: Mapping[str, Any], *, where: str) -> Self:
        """From policy text. Raises RequirementError with a sentence that names `where`."""

    @abstractmethod
    def as_policy(self) -> dict[str, Any]:
        """Back to policy text: parse(as_policy()) equals the requirement."""

    @abstractmethod
    def evaluate(self, case: Case, *, stage: Stage, now: datetime) -> Outcome:
        """Met or not, in sentences. Whatever is unknown is not met."""

    def facts(self, case: Case) -> Any:
        """What a signer of this stage looks at because of this requirement; JSON-able. Part of the dossier."""
        return None

    def contributors(self, case: Case) -> Iterable[int]:
        """Ids of the people whose current work this requirement looks at; they cannot sign the stage."""
        return ()


def text_setting(given: Mapping[str, Any], name: str, *, where: str) -> str:
    """A required text entry of a requirement."""
    value = given.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RequirementError(f"{where} needs “{name}” as text.")
    return value


def refuse_unknown(given: Mapping[str, Any], allowed: Iterable[str], *, where: str) -> None:
    """Refuse entries that nobody would read: a misspelt requirement must not silently ask less."""
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise RequirementError(f"{where} has unknown entries: {', '.join(unknown)}.")
