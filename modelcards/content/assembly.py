"""Puts the parts of a card together. Reads only; the same database state and moment give the same card."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.conf import settings

from approvals import decommissioning, dossier, judging, restricting, timeline, workflow
from approvals.models import Evidence, EvidenceKind, Finding, ModelVersion
from modelcards import card as c
from modelcards.content import approval, changes, measured, retiring, subject
from modelcards.content.retention import retention
from portal.ledger import name_of
from portal.models import Checkpoint


def build(
    version: ModelVersion,
    *,
    number: str,
    status: c.CardStatus,
    now: datetime,
    checkpoint: Checkpoint | None = None,
    seal: c.SealFacts | None = None,
) -> c.Card:
    """The card of a version as it stands. An issued one needs the checkpoint and the seal that it will carry."""
    # A draft shows what is asked now; a card that is issued says under which policy the approval was given.
    judged = judging.of(version) if status is c.CardStatus.DRAFT else judging.of_approval(version)
    document, case = judged.document, dossier.load_case(version, judged)
    # A card made again after a monitor opened a finding still says what the approval rests on.
    case = replace(case, dossiers=timeline.dossiers_at_approval(version) or case.dossiers)
    rows = _evidence(version)
    runs = measured.newest_runs(version)
    results = measured.checks(case, document, runs)
    texts = subject.passages(case, document)
    found = list(
        Finding.objects.filter(version=version).select_related("owner", "accepted_by").order_by("-severity", "pk")
    )
    gates = approval.gates(case, document, now)
    signed = approval.sign_offs(version, case)
    restricted = restricting.standing(version)
    held = approval.waivers(version, case, document, now)
    made = c.Card(
        number=number,
        status=status.value,
        made_at=now.isoformat(),
        issuer=c.Issuer(settings.ORGANISATION, settings.LEDGER_ORIGIN, settings.PORTAL_URL),
        model=subject.model_facts(version),
        version=subject.version_facts(version, workflow.incumbents(version)),
        artifact=subject.artifact(rows),
        summary=_summary(version, status, gates, found, signed, results, held, restricted=bool(restricted)),
        policy=approval.policy_facts(version, judged),
        intended_use=texts.get(subject.USE, ()),
        out_of_scope=texts.get("out_of_scope", ()),
        assumptions=texts.get("assumptions", ()),
        limitations=texts.get("limitations", ()),
        questionnaires=subject.questionnaires(texts),
        training=subject.training(rows),
        lineage=subject.lineage(rows),
        evaluation=subject.evaluation(rows),
        evidence=subject.evidence(rows),
        checks=results,
        claims=measured.claims(results, runs),
        risks=subject.risks(rows),
        mitigations=measured.mitigations(version, runs),
        findings=approval.findings(found),
        conditions=approval.conditions(found, signed, restricted),
        waivers=held,
        gates=gates,
        sign_offs=signed,
        monitoring=subject.monitoring(document, rows),
        timeline=approval.history(version),
        ledger=approval.ledger_facts(version, checkpoint) if checkpoint else None,
        retirement=retiring.retirement(decommissioning.checklist(version)),
        deployment_target=subject.text_of(rows.get(EvidenceKind.DEPLOYMENT_TARGET)),
        retention=retention(version, document, texts.get("classification", ())),
        seal=seal,
    )
    return replace(made, previous=changes.previous(version, document, made))


def signing_entries(version: ModelVersion) -> tuple[int, ...]:
    """Ledger entries that the checkpoint of an issued card must cover."""
    return tuple(approval.signing_numbers(version).values())


def _evidence(version: ModelVersion) -> dict[str, Evidence]:
    """The current piece of each kind; a draft card is no evidence of itself."""
    rows = Evidence.objects.filter(version=version).exclude(kind=EvidenceKind.CARD_DRAFT)
    return {row.kind: row for row in rows.select_related("file", "uploaded_by").order_by("pk")}


def _summary(
    version: ModelVersion,
    status: c.CardStatus,
    gates: tuple[c.Gate, ...],
    found: list[Finding],
    signed: tuple[c.SignOff, ...],
    results: tuple[c.CheckResult, ...],
    held: tuple[c.Waiver, ...],
    *,
    restricted: bool,
) -> c.Summary:
    numbers = measured.highlights(results)
    if status is c.CardStatus.DRAFT:
        missing = sum(not requirement.met for gate in gates for requirement in gate.requirements)
        sentence = f"In {version.get_stage_display().lower()}: {missing} requirements of all gates are not met yet."
        return c.Summary("Draft", c.Tone.NEUTRAL.value, sentence, numbers)
    people = {row.signer for row in signed if row.current}
    conditional = any(row.source == "condition" for row in found)
    until = f" until {version.approval_expires_at:%d %b %Y}" if version.approval_expires_at else ""
    sentence = (
        f"Approved{until} under {version.policy}, with sign-offs of {len(people)} people "
        f"for {name_of(version.model.owner)}, {version.model.business_unit}."
    )
    if any(one.is_override for one in held):
        return c.Summary("Approved by emergency override", c.Tone.BAD.value, sentence, numbers)
    if held:
        return c.Summary("Approved with exceptions", c.Tone.CAUTION.value, sentence, numbers)
    if restricted:
        return c.Summary("Approved for restricted use", c.Tone.CAUTION.value, sentence, numbers)
    if conditional:
        return c.Summary("Approved with conditions", c.Tone.CAUTION.value, sentence, numbers)
    return c.Summary("Approved", c.Tone.GOOD.value, sentence, numbers)
