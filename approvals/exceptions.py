"""Whether an exception from the policy holds: signed by enough people, on what is still there, until its day. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

from approvals.canonical import digest
from approvals.models.waivers import WaiverKind
from approvals.policy_document import PolicyDocument
from approvals.policy_rules import ExceptionRule
from approvals.requirements.base import Case, Requirement, WaiverFact
from approvals.stages import Outcome, Stage


class Asked(Protocol):
    """An exception as a row or as a fact."""

    @property
    def kind(self) -> str: ...

    @property
    def stage(self) -> str: ...

    @property
    def requirement(self) -> str: ...

    @property
    def basis(self) -> str: ...

    @property
    def asked_on(self) -> date: ...

    @property
    def expires_on(self) -> date: ...


def waiver_basis(case: Case, asked: Requirement) -> str:
    """Digest of what a requirement looks at now: an exception from it ends when that changes."""
    return digest({"requirement": asked.identity(), "artifact": case.artifact_sha256, "facts": asked.facts(case)})


def emergency_basis(case: Case, stage: str) -> str:
    """Digest of what an emergency override of a gate is bound to: this artifact under the policy that judges it."""
    return digest({"artifact": case.artifact_sha256, "policy": case.policy_of(stage)[1]})


def still_about(waiver: Asked, case: Case, document: PolicyDocument) -> bool:
    """Whether what the exception was asked for is still there, unchanged."""
    if waiver.kind == WaiverKind.EMERGENCY:
        return waiver.basis == emergency_basis(case, waiver.stage)
    gate = document.gates.get(Stage(waiver.stage), ())
    asked = next((one for one in gate if one.identity() == waiver.requirement), None)
    return asked is not None and asked.waivable and waiver.basis == waiver_basis(case, asked)


def rule_for(kind: str, document: PolicyDocument) -> ExceptionRule | None:
    """Who has to sign such an exception; None if the policy allows none."""
    return document.rules.emergency_override if kind == WaiverKind.EMERGENCY else document.rules.waivers


def why_not_allowed(waiver: Asked, document: PolicyDocument) -> str:
    """Why this policy allows no such exception, whoever signed it under which other one; empty if it does."""
    rule = rule_for(waiver.kind, document)
    if rule is None:
        return "The policy that is pinned now allows no such exception."
    if (waiver.expires_on - waiver.asked_on).days > rule.longest_days:
        return f"The policy that is pinned now allows such an exception for at most {rule.longest_days} days."
    return ""


def granted(waiver: WaiverFact, case: Case, document: PolicyDocument) -> bool:
    """Whether enough independent people signed it and it is still about what is there, whatever day it is."""
    rule = rule_for(waiver.kind, document)
    if rule is None or why_not_allowed(waiver, document):
        return False
    barred = {case.submitted_by, case.developer, waiver.asked_by}
    people = {signer for signer, role, _ in waiver.signatures if role in rule.roles and signer not in barred}
    return len(people) >= rule.people and still_about(waiver, case, document)


def granted_in(case: Case, document: PolicyDocument, stage: Stage) -> tuple[WaiverFact, ...]:
    """Exceptions of one gate that were granted, whether or not their day has passed."""
    return tuple(one for one in case.waivers if one.stage == stage and granted(one, case, document))


def applied(outcome: Outcome, asked: Requirement, waivers: Iterable[WaiverFact], *, now: datetime) -> Outcome:
    """The outcome of a requirement that is not met, under the exceptions of its gate."""
    if outcome.met:
        return outcome
    fitting = [one for one in waivers if one.kind == WaiverKind.EMERGENCY or one.requirement == asked.identity()]
    holding = [one for one in fitting if one.expires_on >= now.date()]
    if holding:
        one = max(holding, key=lambda waiver: waiver.expires_on)
        return replace(
            outcome,
            sentence=f"{_words(one)} until {one.expires_on:%d %b %Y}. Without it: {outcome.sentence}",
            blockers=(),
            details={**outcome.details, "waiver": one.id, "emergency": one.kind == WaiverKind.EMERGENCY},
        )
    if fitting:
        ended = f"{max(one.expires_on for one in fitting):%d %b %Y}"
        blockers = tuple(
            replace(blocker, sentence=f"{blocker.sentence} (The exception from this ended on {ended}.)")
            for blocker in outcome.blockers
        )
        return replace(
            outcome, sentence=f"The exception from this ended on {ended}. {outcome.sentence}", blockers=blockers
        )
    return outcome


def _words(waiver: WaiverFact) -> str:
    names = " and ".join(name for _, _, name in waiver.signatures)
    how = "EMERGENCY OVERRIDE signed by" if waiver.kind == WaiverKind.EMERGENCY else "Waived by"
    return f"{how} {names}"


def in_dossier(waivers: Iterable[WaiverFact]) -> list[dict[str, object]]:
    """What a signer of the gate sees of its exceptions; part of the dossier."""
    return [
        {
            "id": one.id,
            "exception": one.kind,
            "title": one.title,
            "requirement": one.requirement or None,
            "reason": one.reason,
            "meanwhile": one.meanwhile,
            "expires_on": one.expires_on.isoformat(),
            "signed_by": [name for _, _, name in one.signatures],
        }
        for one in waivers
    ]
