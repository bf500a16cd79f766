"""Decides whether a version may move: the union of blockers. Pure; what is not configured is blocked."""

from __future__ import annotations

from datetime import datetime

from approvals import exceptions
from approvals.models.findings import FindingSource, FindingStatus
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import Case
from approvals.stages import (
    ENDS,
    REVIEW_STAGES,
    Blocker,
    Decision,
    GateState,
    Outcome,
    Stage,
    Transition,
    legal_moves,
    next_stage,
    stages_up_to,
)


def gate(case: Case, document: PolicyDocument, stage: Stage, *, now: datetime) -> GateState:
    """What every requirement of one stage says. A stage that the policy does not name is closed."""
    if stage not in document.gates:
        sentence = f"The policy {case.policy} has no gate for {stage.label.lower()}; nothing may pass it."
        return GateState(stage, (), (Blocker("gate_undefined", sentence, stage, who="Policy author"),))
    waivers = exceptions.granted_in(case, document, stage)
    outcomes = tuple(
        exceptions.applied(asked.evaluate(case, stage=stage, now=now), asked, waivers, now=now)
        for asked in document.gates[stage]
    )
    outcomes += _monitoring_record(case, stage)
    if stage is Stage.DEPLOYMENT_APPROVAL:
        outcomes += _overdue_conditions(case, stage, now)
    return GateState(stage, outcomes, tuple(blocker for outcome in outcomes for blocker in outcome.blockers))


def _overdue_conditions(case: Case, stage: Stage, now: datetime) -> tuple[Outcome, ...]:
    """What no policy has to ask: an approval does not begin to hold while a condition of it is overdue."""
    overdue = [
        finding
        for finding in case.findings
        if finding.source == FindingSource.CONDITION
        and finding.status == FindingStatus.OPEN
        and finding.due_on < now.date()
    ]
    if not overdue:
        return ()
    blockers = tuple(
        Blocker(
            "condition_overdue",
            f"“{finding.title}” was due on {finding.due_on:%d %b %Y} and is not fulfilled.",
            stage,
            anchor="findings",
            who=finding.owner_name,
        )
        for finding in overdue
    )
    return (Outcome("conditions", "Conditions of sign-offs", f"{len(overdue)} conditions are overdue.", blockers),)


def _monitoring_record(case: Case, stage: Stage) -> tuple[Outcome, ...]:
    """What every revalidation asks, in the first of its gates: the record of what monitors read since the approval."""
    if stage not in case.pass_stages[:1] or case.under_way is None:
        return ()
    title, digest = "Record of monitoring", case.under_way.record_sha256
    if digest:
        return (Outcome("evidence", title, f"The record of monitoring is attached (SHA-256 {digest[:12]}…)."),)
    sentence = "There is no record of monitoring for this revalidation; have it made."
    blocker = Blocker("monitoring_record_missing", sentence, stage, anchor="revalidation", who="The portal")
    return (Outcome("evidence", title, sentence, (blocker,)),)


def gates_of_pass(case: Case, document: PolicyDocument, *, now: datetime) -> tuple[GateState, ...]:
    """The gates that a revalidation under way goes through; none if there is none."""
    return tuple(gate(case, document, stage, now=now) for stage in case.pass_stages)


def renewal_blockers(case: Case, document: PolicyDocument, *, now: datetime) -> tuple[Blocker, ...]:
    """What stands before the renewal of the approval by the pass under way."""
    if case.under_way is None:
        return (Blocker("no_revalidation", "No revalidation is under way.", case.stage, anchor="revalidation"),)
    gates = gates_of_pass(case, document, now=now)
    conditions = () if Stage.DEPLOYMENT_APPROVAL in case.pass_stages else _overdue_conditions(case, case.stage, now)
    return (
        *_wrong_tier(case, document),
        *(blocker for state in gates for blocker in state.blockers),
        *(blocker for outcome in conditions for blocker in outcome.blockers),
    )


def gates_up_to(case: Case, document: PolicyDocument, *, now: datetime) -> tuple[GateState, ...]:
    """The gates that must be open for the next step: the current one and every one before it."""
    return tuple(gate(case, document, stage, now=now) for stage in stages_up_to(case.stage))


def decide(
    case: Case, document: PolicyDocument, transition: Transition, *, now: datetime, to: Stage | None = None
) -> Decision:
    """Whether the transition may happen now. Who asks is not looked at here; permissions.py does that."""
    target = _target(case.stage, transition, to)
    if sentence := why_illegal(case.stage, transition, to):
        return Decision(transition, case.stage, target, (Blocker("illegal_move", sentence, case.stage),))
    if transition not in (Transition.ADVANCE, Transition.REINSTATE):
        return Decision(transition, case.stage, target, ())
    gates = gates_up_to(case, document, now=now)
    blockers = (*_wrong_tier(case, document), *(blocker for state in gates for blocker in state.blockers))
    return Decision(transition, case.stage, target, blockers)


def _wrong_tier(case: Case, document: PolicyDocument) -> tuple[Blocker, ...]:
    """A model that came into another tier is not approved by the policy of its earlier one."""
    if document.tier.value == case.tier:
        return ()
    sentence = (
        f"The model is in the {case.tier} tier, and this version is judged by {case.policy}, a policy of the "
        f"{document.tier.value} tier. A risk or compliance officer pins a policy of the right tier."
    )
    return (Blocker("policy_of_another_tier", sentence, case.stage, anchor="gate", who="Risk or compliance officer"),)


def why_illegal(source: Stage, transition: Transition, to: Stage | None = None) -> str:
    """Why no version can ever make this move from that stage; empty if it can."""
    target = _target(source, transition, to)
    if target is not None and (source.value, target.value) in legal_moves():
        return ""
    standing = (
        f"A {source.label.lower()} version"
        if source in (Stage.SUSPENDED, *ENDS)
        else (f"A version in {source.label.lower()}")
    )
    return f"{standing} cannot {transition.in_words}."


def _target(source: Stage, transition: Transition, to: Stage | None) -> Stage | None:
    if transition is Transition.ADVANCE:
        return next_stage(source) if source in REVIEW_STAGES else None
    if transition is Transition.REQUEST_CHANGES:
        return to if to in stages_up_to(source)[:-1] and source in REVIEW_STAGES else None
    sources, target = {
        Transition.REJECT: (REVIEW_STAGES, Stage.REJECTED),
        Transition.WITHDRAW: (REVIEW_STAGES, Stage.WITHDRAWN),
        Transition.SUSPEND: ((Stage.MONITORING,), Stage.SUSPENDED),
        Transition.REINSTATE: ((Stage.SUSPENDED,), Stage.MONITORING),
        Transition.RETIRE: ((Stage.MONITORING, Stage.SUSPENDED), Stage.RETIRED),
    }[transition]
    return target if source in sources else None
