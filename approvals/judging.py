"""By which policy a version is judged: that of its approval, or during a revalidation the one pinned to the pass.

A gate that was not passed again under a newer policy asks the same there; its dossier names the policy it was signed
under. Reads only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from approvals import checks
from approvals.models import ModelVersion, Policy, Revalidation, RevalidationOutcome, Waiver
from approvals.policy_document import PolicyDocument, parse, pinned
from approvals.requirements.answers import AnswersRequirement
from approvals.requirements.base import Requirement
from approvals.requirements.checks import ChecksRequirement
from approvals.requirements.mitigations import MitigationsRequirement
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import REVIEW_STAGES, Stage

TOLD_OF_QUESTIONS = frozenset({"questions", "answers"})


@dataclass(frozen=True)
class Judgement:
    """The policy that asks now, the gates of the pass under way, and of each gate another policy that judged it.

    With all passes that this was read from, oldest first.
    """

    policy: Policy
    gates: tuple[Stage, ...]
    others: Mapping[Stage, Policy]
    passes: tuple[Revalidation, ...]

    @property
    def document(self) -> PolicyDocument:
        """What the policy says. Raises BadInput if this release cannot read it."""
        return parse(self.policy.text)

    def policy_of(self, stage: Stage) -> Policy:
        """The policy that the dossier of a stage names."""
        return self.others.get(stage, self.policy)


def of(version: ModelVersion) -> Judgement:
    """How a version is judged now: during a revalidation by what is pinned to the pass."""
    passes = _passes(version)
    under_way = next((row for row in passes if row.is_open), None)
    pin = under_way.pin if under_way is not None else None
    gates = under_way.stages if under_way is not None else ()
    return _judgement(version, passes, pin.policy if pin is not None else version.policy, gates)


def of_approval(version: ModelVersion) -> Judgement:
    """How the approval was judged, whatever is pinned to a pass under way."""
    passes = _passes(version)
    gates = next((row.stages for row in passes if row.is_open), ())
    return replace(_judgement(version, passes, version.policy, ()), gates=gates)


def as_if(version: ModelVersion, policy: Policy) -> Judgement:
    """How the version, or the pass under way, would be judged if that policy were pinned."""
    passes = _passes(version)
    if not any(row.is_open for row in passes):
        return Judgement(policy, (), {}, tuple(passes))
    return _judgement(version, passes, policy, gates_under(version, policy))


def earlier_approvals(version: ModelVersion) -> tuple[tuple[Policy, datetime | None], ...]:
    """Each policy that the approval was given or renewed under before that of now, and since when, oldest first."""
    found: list[tuple[Policy, datetime | None]] = []
    current, since = None, version.approved_at
    for row in _passes(version):
        if row.outcome != RevalidationOutcome.RENEWED or row.pin is None:
            continue
        current = current or row.pin.before
        if row.pin.policy.pk != current.pk:
            found.append((current, since))
            current, since = row.pin.policy, row.decided_at
    return tuple(found)


def document_of(version: ModelVersion) -> PolicyDocument:
    """What the policy says that asks now."""
    return of(version).document


def pinned_document_of(version: ModelVersion) -> PolicyDocument:
    """The same to decide by. Raises Refused if its text is not the one that was published."""
    return pinned(of(version).policy)


def gates_under(version: ModelVersion, policy: Policy) -> tuple[Stage, ...]:
    """The gates of a pass judged by that policy: those it names, and those that ask otherwise than the approval's."""
    document = parse(policy.text)
    named = document.rules.revalidation.gates if document.rules.revalidation else REVIEW_STAGES
    if policy.pk == version.policy_id:
        return named
    before = parse(version.policy.text)
    excepted = _excepted(version) if _exceptions(before) != _exceptions(document) else frozenset()
    return tuple(
        stage
        for stage in REVIEW_STAGES
        if stage in named or stage in excepted or _asked(before, stage) != _asked(document, stage)
    )


def asks_otherwise(before: PolicyDocument, after: PolicyDocument) -> bool:
    """Whether a gate asks something else, questionnaires included, or something else is watched: not the wording."""
    gates = any(_asked(before, stage) != _asked(after, stage) for stage in REVIEW_STAGES)
    return gates or before.monitors != after.monitors


def _exceptions(document: PolicyDocument) -> tuple[Any, ...]:
    """Who signs exceptions, for how long they hold, and which of these signatures need a code."""
    rules = document.rules
    found = [rule for rule in (rules.waivers, rules.emergency_override) if rule is not None]
    codes = {role for rule in found for role in rule.roles} & set(rules.one_time_codes)
    return rules.waivers, rules.emergency_override, codes


def _excepted(version: ModelVersion) -> frozenset[str]:
    rows = Waiver.objects.filter(version=version, revoked_at__isnull=True)
    return frozenset(rows.values_list("stage", flat=True))


def _asked(document: PolicyDocument, stage: Stage) -> Any:
    """Everything that a gate asks, with what its requirements look up elsewhere in the policy."""
    gate = document.gates.get(stage)
    return None if gate is None else [(asked, _looked_up(document, asked)) for asked in gate]


def _looked_up(document: PolicyDocument, asked: Requirement) -> Any:
    if isinstance(asked, AnswersRequirement):
        return document.questionnaires.get(asked.section)
    if isinstance(asked, MitigationsRequirement):
        return document.check_requirements().get(asked.check)
    if isinstance(asked, ChecksRequirement):
        kind = checks.find(asked.check)
        return document.questionnaires if kind is not None and TOLD_OF_QUESTIONS & set(kind.facts) else None
    if isinstance(asked, SignOffsRequirement):  # how a signature is given is part of what is asked
        return set(asked.roles) & set(document.rules.one_time_codes)
    return None


def _passes(version: ModelVersion) -> list[Revalidation]:
    rows = Revalidation.objects.filter(version=version).order_by("pk")
    return list(rows.prefetch_related("pins__policy", "pins__before"))


def _judgement(
    version: ModelVersion, passes: list[Revalidation], policy: Policy, gates: tuple[Stage, ...]
) -> Judgement:
    """Each gate is judged by the policy of the last pass that renewed the approval through it, else by the first."""
    renewed = [row for row in passes if row.outcome == RevalidationOutcome.RENEWED]
    first = next((row.pin.before for row in renewed if row.pin is not None), version.policy)
    current, found = first, dict.fromkeys(REVIEW_STAGES, first)
    for row in renewed:
        current = row.pin.policy if row.pin is not None else current
        found |= dict.fromkeys(row.stages, current)
    found |= dict.fromkeys(gates, policy)
    others = {stage: one for stage, one in found.items() if one.pk != policy.pk}
    return Judgement(policy, gates, others, tuple(passes))
