"""The parts of a card that say who approved what: policy, gates, sign-offs, findings, conditions, history, ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from approvals import exceptions, judging, timeline
from approvals import policy as gates_of
from approvals.judging import Judgement
from approvals.models import Finding, ModelVersion, Restriction, SignOff, Waiver
from approvals.models.findings import FindingSource
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import Case
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import REVIEW_STAGES, Stage
from modelcards import card as c
from modelcards.approval import CONTRIBUTED, EITHER
from modelcards.content.texts import iso
from portal import ledger
from portal.ledger import name_of
from portal.models import Checkpoint, LedgerEntry

SIGNED = "approvals.signoff.signed"
LEFT_OUT = frozenset(
    {
        "approvals.evidence.viewed",
        "approvals.version.viewed",
        "approvals.answer.recorded",
        "approvals.check.requested",
        "modelcards.card.requested",
        "modelcards.card.downloaded",
    }
)


def policy_facts(version: ModelVersion, judged: Judgement) -> c.PolicyFacts:
    """The policy with its text, and those that the approval was given under before."""
    row, document = judged.policy, judged.document
    return c.PolicyFacts(
        name=row.name,
        number=row.number or 0,
        title=row.title,
        tier=row.get_tier_display(),
        digest=row.digest,
        author=name_of(row.author),
        published_by=name_of(row.published_by) if row.published_by else "",
        published_at=iso(row.published_at),
        text=row.text,
        basis=document.basis,
        required_sign_offs=tuple(
            c.RequiredSignOff(stage.value, EITHER.join(requirement.roles), requirement.label, requirement.people)
            for stage in REVIEW_STAGES
            for requirement in document.gates.get(stage, ())
            if isinstance(requirement, SignOffsRequirement)
        ),
        earlier=tuple(
            c.EarlierPolicy(
                name=one.name,
                number=one.number or 0,
                digest=one.digest,
                approved_at=iso(at),
                stages=tuple(stage.value for stage in REVIEW_STAGES if judged.policy_of(stage).pk == one.pk != row.pk),
            )
            for one, at in judging.earlier_approvals(version)
        ),
    )


def gates(case: Case, document: PolicyDocument, now: datetime) -> tuple[c.Gate, ...]:
    """Every gate as it stands, with the digest of its dossier."""
    states = [gates_of.gate(case, document, stage, now=now) for stage in REVIEW_STAGES]
    return tuple(
        c.Gate(
            stage=state.stage.value,
            title=state.stage.label,
            open=state.open,
            dossier=case.dossiers[state.stage.value],
            requirements=tuple(c.Requirement(o.title, o.sentence, o.met) for o in state.outcomes),
        )
        for state in states
    )


def sign_offs(version: ModelVersion, case: Case) -> tuple[c.SignOff, ...]:
    """Every signature ever given on the version; those that no longer count say why."""
    numbers = signing_numbers(version)
    standing = {signed.id for signed in case.sign_offs if case.counts(signed)}
    rows = SignOff.objects.filter(version=version).order_by("pk")
    return tuple(_sign_off(row, case, numbers, current=row.pk in standing) for row in rows)


def _sign_off(row: SignOff, case: Case, numbers: dict[int, int], *, current: bool) -> c.SignOff:
    covers = case.dossiers.get(row.stage) == row.dossier_id
    return c.SignOff(
        id=row.pk,
        stage=row.stage,
        stage_title=Stage(row.stage).label,
        role=row.role,
        role_title=row.get_role_display(),
        signer=row.signer_id,
        printed_name=row.printed_name,
        decision=row.decision,
        decision_title=row.get_decision_display(),
        meaning=row.meaning,
        comment=row.comment,
        signed_at=row.signed_at.isoformat(),
        authentication=row.authentication,
        dossier=row.dossier_id,
        current=current,
        voided_because="" if current else CONTRIBUTED if covers else "What it covered has changed since.",
        ledger_seq=numbers.get(row.pk),
    )


def signing_numbers(version: ModelVersion) -> dict[int, int]:
    """Sign-off to the number of its ledger entry."""
    rows = LedgerEntry.objects.filter(
        event=SIGNED, object_type="approvals.modelversion", object_id=str(version.pk)
    ).values_list("seq", "payload")
    return {int(json.loads(payload)["facts"]["sign_off"]): seq for seq, payload in rows}


def findings(rows: Iterable[Finding]) -> tuple[c.Finding, ...]:
    """Everything that is or was wrong, without conditions."""
    return tuple(
        c.Finding(
            title=row.title,
            severity=row.get_severity_display(),
            status=row.get_status_display(),
            source=row.get_source_display(),
            owner=name_of(row.owner),
            due_on=iso(row.due_on),
            resolution=row.resolution,
            accepted_by=name_of(row.accepted_by) if row.accepted_by else "",
            accepted_until=iso(row.accepted_until),
        )
        for row in rows
        if row.source != FindingSource.CONDITION
    )


def waivers(version: ModelVersion, case: Case, document: PolicyDocument, now: datetime) -> tuple[c.Waiver, ...]:
    """Exceptions that hold: granted, not revoked, and their day has not passed."""
    holding = {
        one.id
        for stage in REVIEW_STAGES
        for one in exceptions.granted_in(case, document, stage)
        if one.expires_on >= now.date()
    }
    rows = Waiver.objects.filter(version=version, pk__in=holding).prefetch_related("signatures").order_by("pk")
    return tuple(
        c.Waiver(
            title=f"{row.get_kind_display()}, {row.get_stage_display().lower()}: {row.title}",
            reason=f"{row.reason} Until it is met: {row.meanwhile} Not met: {row.unmet}",
            granted_by=tuple(f"{one.printed_name} ({one.get_role_display()})" for one in row.signatures.all()),
            granted_at=max(one.signed_at for one in row.signatures.all()).isoformat(),
            expires_on=row.expires_on.isoformat(),
            is_override=row.is_emergency,
        )
        for row in rows
    )


def conditions(
    rows: Iterable[Finding], signed: Iterable[c.SignOff], restrictions: Iterable[Restriction]
) -> tuple[c.Condition, ...]:
    """What has to be done after an approval with conditions, and the conditions of use that hold."""
    by_reference = {f"sign-off {row.id}": row.printed_name for row in signed}
    of_use = tuple(
        c.Condition(row.text, owner="", due_on="", status=f"Restricts the use since {iso(row.imposed_at)[:10]}")
        for row in restrictions
    )
    return of_use + tuple(
        c.Condition(
            text=row.description,
            owner=name_of(row.owner),
            due_on=iso(row.due_on),
            status=row.get_status_display(),
            asked_by=by_reference.get(row.source_reference, ""),
        )
        for row in rows
        if row.source == FindingSource.CONDITION
    )


def history(version: ModelVersion) -> tuple[c.TimelineEvent, ...]:
    """What happened, oldest first."""
    lines = timeline.lines_of(version, without=LEFT_OUT)
    return tuple(c.TimelineEvent(line.at.isoformat(), line.by, line.sentence, line.seq) for line in reversed(lines))


def ledger_facts(version: ModelVersion, checkpoint: Checkpoint) -> c.LedgerFacts:
    """The checkpoint, and the proof that every signing act and move stands in the ledger that it signs."""
    wanted = LedgerEntry.objects.filter(
        object_type="approvals.modelversion", object_id=str(version.pk), seq__lt=checkpoint.size
    ).exclude(event__in=LEFT_OUT)
    proof = ledger.proof_for(list(wanted.values_list("seq", flat=True)), checkpoint)
    return c.LedgerFacts(
        size=checkpoint.size,
        root=bytes(checkpoint.root).hex(),
        checkpoint=checkpoint.note,
        vkey=str(proof["vkey"]),
        proof=proof,
    )
