"""What the database itself refuses to do to the rows that decisions rest on, whichever program asks."""

from __future__ import annotations

from approvals.models import (
    Answer,
    CheckRun,
    Comment,
    DecommissionAnswer,
    Delegation,
    DossierSnapshot,
    Evidence,
    Finding,
    MitigationPlan,
    ModelVersion,
    PassPolicy,
    Policy,
    RegisteredModel,
    Restriction,
    Revalidation,
    SignOff,
    StoredFile,
    TierAssessment,
    TierOverride,
    TimeNotice,
    Waiver,
    WaiverSignature,
)
from approvals.stages import legal_moves
from portal import guards

ONLY_GROW = (
    SignOff,
    DossierSnapshot,
    StoredFile,
    Evidence,
    Answer,
    Comment,
    MitigationPlan,
    WaiverSignature,
    TimeNotice,
    TierAssessment,
    DecommissionAnswer,
    PassPolicy,
)
STAY = (
    Policy,
    RegisteredModel,
    ModelVersion,
    CheckRun,
    Finding,
    Waiver,
    Delegation,
    TierOverride,
    Revalidation,
    Restriction,
)
POLICY_FIELDS = ("name", "number", "tier", "title", "text", "digest", "author", "published_by", "published_at")


def declare() -> None:
    """Make the guards part of the promise; migrate installs them."""
    for table in ONLY_GROW:
        guards.append_only(table)
    for changing in STAY:
        guards.undeletable(changing)
    guards.stage_guard(ModelVersion, "stage", legal_moves(), initial=["scoping"])
    guards.kept(
        ModelVersion,
        ("model", "number", "submitted_by", "developer", "created_at"),
        slug="origin",
        sentence="Where a version comes from never changes.",
    )
    guards.stage_guard(Policy, "status", [("draft", "published"), ("published", "retired")], initial=["draft"])
    guards.kept(
        Policy,
        POLICY_FIELDS,
        slug="published",
        sentence="A published policy never changes.",
        when="OLD.\"status\" <> 'draft'",
    )
    guards.kept(
        CheckRun,
        [field.name for field in CheckRun._meta.local_concrete_fields],
        slug="finished",
        sentence="A finished run never changes: a repeated check is a new run.",
        when="OLD.\"status\" IN ('finished', 'crashed')",
    )
    guards.kept(
        Finding,
        ("version", "severity", "title", "description", "source", "source_reference", "opened_by", "opened_at"),
        slug="what_was_found",
        sentence="What was found never changes.",
    )
    guards.kept(
        Finding,
        [field.name for field in Finding._meta.local_concrete_fields],
        slug="closed",
        sentence="A closed finding never changes.",
        when="OLD.\"status\" = 'closed'",
    )
    guards.kept(
        Revalidation,
        ("version", "trigger", "reason", "gates", "due_on", "opened_by", "opened_at"),
        slug="why_opened",
        sentence="Why a revalidation was opened never changes.",
    )
    guards.kept(
        Revalidation,
        ("outcome", "decided_by", "decided_at", "decided_because", "valid_until"),
        slug="decided",
        sentence="A decided revalidation never changes: the next one is a new pass.",
        when="OLD.\"outcome\" <> 'open'",
    )
    guards.kept(
        Restriction,
        ("version", "text", "reason", "source_reference", "imposed_at"),
        slug="what_was_imposed",
        sentence="What a condition of use says never changes.",
    )
    guards.kept(
        Restriction,
        ("lifted_by", "lifted_at", "lifted_because"),
        slug="lifted",
        sentence="A lifted condition of use stays lifted: the next one is new.",
        when='OLD."lifted_at" IS NOT NULL',
    )
    guards.kept(
        Waiver,
        [field.name for field in Waiver._meta.local_concrete_fields if not field.name.startswith("revoked")],
        slug="what_was_asked",
        sentence="What an exception says never changes: an extension is a new one.",
    )
    guards.kept(
        Waiver,
        ("revoked_by", "revoked_at", "revoked_because"),
        slug="revoked",
        sentence="A revoked exception stays revoked.",
        when='OLD."revoked_at" IS NOT NULL',
    )
    guards.kept(
        Delegation,
        [field.name for field in Delegation._meta.local_concrete_fields if not field.name.startswith("revoked")],
        slug="what_was_given",
        sentence="What a delegation says never changes.",
    )
    guards.kept(
        Delegation,
        ("revoked_by", "revoked_at"),
        slug="revoked",
        sentence="A delegation that was ended stays ended.",
        when='OLD."revoked_at" IS NOT NULL',
    )
    guards.kept(
        TierOverride,
        ("assessment", "tier", "reason", "asked_by", "asked_at"),
        slug="what_was_asked",
        sentence="What an override asks never changes.",
    )
    guards.kept(
        TierOverride,
        ("confirmed_by", "confirmed_at", "authentication"),
        slug="confirmed",
        sentence="A confirmed override stays as it was signed.",
        when='OLD."confirmed_at" IS NOT NULL',
    )
