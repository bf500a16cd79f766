"""The rows that a replay of the ledger accounts for, as they stand in the tables. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from approvals.models import (
    Answer,
    CheckRun,
    DecommissionAnswer,
    Delegation,
    Evidence,
    Finding,
    ModelVersion,
    PassPolicy,
    Policy,
    RegisteredModelGroupObjectPermission,
    RegisteredModelUserObjectPermission,
    Restriction,
    Revalidation,
    SignOff,
    Waiver,
    WaiverSignature,
)

Row = dict[str, Any]


@dataclass
class Replay:
    """Rows by key, as they must be if every entry was carried out and nothing else happened."""

    versions: dict[int, Row] = field(default_factory=dict)
    sign_offs: dict[int, Row] = field(default_factory=dict)
    findings: dict[int, Row] = field(default_factory=dict)
    evidence: dict[int, Row] = field(default_factory=dict)
    answers: dict[tuple[int, str, str], Row] = field(default_factory=dict)
    runs: dict[int, Row] = field(default_factory=dict)
    policies: dict[int, Row] = field(default_factory=dict)
    rights: dict[tuple[int, str, str, int], Row] = field(default_factory=dict)
    waivers: dict[int, Row] = field(default_factory=dict)
    waiver_signatures: dict[int, Row] = field(default_factory=dict)
    delegations: dict[int, Row] = field(default_factory=dict)
    revalidations: dict[int, Row] = field(default_factory=dict)
    pass_policies: dict[int, Row] = field(default_factory=dict)
    decommissions: dict[int, Row] = field(default_factory=dict)
    restrictions: dict[int, Row] = field(default_factory=dict)


def as_tables() -> Replay:
    """The same rows as they stand in the tables."""
    return Replay(
        versions={
            row.pk: {
                "stage": row.stage,
                "number": row.number,
                "submitted_by": row.submitted_by_id,
                "developer": row.developer_id,
                "policy": row.policy.digest,
            }
            for row in ModelVersion.objects.select_related("policy").iterator()
        },
        sign_offs={row.pk: _sign_off(row) for row in SignOff.objects.iterator()},
        findings={row.pk: _finding(row) for row in Finding.objects.iterator()},
        evidence={
            row.pk: {
                "version": row.version_id,
                "uploaded_by": row.uploaded_by_id,
                "kind": row.kind,
                "sha256": row.file.sha256,
                "made_with_artifact": row.artifact_sha256,
            }
            for row in Evidence.objects.select_related("file").iterator()
        },
        answers={
            (row.version_id, row.section, row.question): {"text": row.text, "answered_by": row.answered_by_id}
            for row in Answer.objects.order_by("pk").iterator()
        },
        runs={
            row.pk: {
                "version": row.version_id,
                "check": row.check_key,
                "inputs": row.inputs_digest,
                "verdict": row.verdict,
                "reading": row.reading_digest,
            }
            for row in CheckRun.objects.defer("reading", "charts", "log").iterator()
        },
        policies={
            row.pk: {
                "status": row.status,
                "name": row.name,
                "number": row.number,
                "digest": row.digest,
                "published_by": row.published_by_id,
            }
            for row in Policy.objects.iterator()
        },
        rights=_rights(),
        waivers={row.pk: _waiver(row) for row in Waiver.objects.iterator()},
        waiver_signatures={
            row.pk: {
                "waiver": row.waiver_id,
                "signer": row.signer_id,
                "comment": row.comment,
                "authentication": row.authentication,
                "role": row.role,
                "printed_name": row.printed_name,
                "meaning": row.meaning,
                "signed_at": row.signed_at.isoformat(),
                "dossier": row.dossier_id,
            }
            for row in WaiverSignature.objects.iterator()
        },
        delegations={
            row.pk: {
                "model": row.model_id,
                "principal": row.principal_id,
                "reason": row.reason,
                "revoked_by": row.revoked_by_id,
                "role": row.role,
                "delegate": row.delegate_id,
                "starts_on": row.starts_on.isoformat(),
                "ends_on": row.ends_on.isoformat(),
            }
            for row in Delegation.objects.iterator()
        },
        revalidations={row.pk: _revalidation(row) for row in Revalidation.objects.iterator()},
        pass_policies={
            row.pk: {
                "revalidation": row.revalidation_id,
                "policy": row.policy.digest,
                "before": row.before.digest,
                "gates": row.gates,
                "reason": row.reason,
                "by": row.by_id,
            }
            for row in PassPolicy.objects.select_related("policy", "before").iterator()
        },
        restrictions={
            row.pk: {
                "version": row.version_id,
                "text": row.text,
                "reason": row.reason,
                "source_reference": row.source_reference,
                "lifted_by": row.lifted_by_id,
                "lifted_because": row.lifted_because,
            }
            for row in Restriction.objects.iterator()
        },
        decommissions={
            row.pk: {
                "version": row.version_id,
                "answered_by": row.answered_by_id,
                "evidence": row.evidence,
                "item": row.item,
                "text": row.text,
                "applies": row.applies,
                "role": row.role,
                "printed_name": row.printed_name,
            }
            for row in DecommissionAnswer.objects.iterator()
        },
    )


def _revalidation(row: Revalidation) -> Row:
    return {
        "version": row.version_id,
        "opened_by": row.opened_by_id,
        "reason": row.reason,
        "trigger": row.trigger,
        "gates": row.gates,
        "due_on": row.due_on.isoformat(),
        "outcome": row.outcome,
        "decided_by": row.decided_by_id,
        "decided_because": row.decided_because,
        "valid_until": row.valid_until.isoformat() if row.valid_until else None,
    }


def _waiver(row: Waiver) -> Row:
    return {
        "version": row.version_id,
        "asked_by": row.asked_by_id,
        "reason": row.reason,
        "revoked_by": row.revoked_by_id,
        "exception": row.kind,
        "stage": row.stage,
        "requirement": row.requirement,
        "title": row.title,
        "unmet": row.unmet,
        "basis": row.basis,
        "meanwhile": row.meanwhile,
        "expires_on": row.expires_on.isoformat(),
    }


def _sign_off(row: SignOff) -> Row:
    return {
        "version": row.version_id,
        "signer": row.signer_id,
        "comment": row.comment,
        "authentication": row.authentication,
        "stage": row.stage,
        "role": row.role,
        "decision": row.decision,
        "printed_name": row.printed_name,
        "meaning": row.meaning,
        "signed_at": row.signed_at.isoformat(),
        "dossier": row.dossier_id,
        "conditions": row.conditions,
        "on_behalf_of": row.on_behalf_of_id,
    }


def _finding(row: Finding) -> Row:
    return {
        "version": row.version_id,
        "status": row.status,
        "severity": row.get_severity_display(),
        "title": row.title,
        "description": row.description,
        "source": row.source,
        "source_reference": row.source_reference,
        "owner": row.owner_id,
        "due_on": row.due_on.isoformat(),
        "accepted_until": row.accepted_until.isoformat() if row.accepted_until else None,
        "resolution": row.resolution,
        "closed_by": row.closed_by_id,
    }


def _rights() -> dict[tuple[int, str, str, int], Row]:
    people = RegisteredModelUserObjectPermission.objects.select_related("permission")
    groups = RegisteredModelGroupObjectPermission.objects.select_related("permission")
    return {(row.content_object_id, row.permission.codename, "person", row.user_id): {} for row in people} | {
        (row.content_object_id, row.permission.codename, "group", row.group_id): {} for row in groups
    }
