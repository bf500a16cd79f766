"""Random people do random things: no walk ever reaches deployment past a gate that a plain model says is closed."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from approvals import workflow
from approvals.models import ModelVersion, SignOff
from approvals.stages import PATH, REVIEW_STAGES, Role, Stage
from portal.errors import DomainError
from tests.cast import SAFE, make_cast, tiny_safetensors

pytestmark = [pytest.mark.both_engines, pytest.mark.timeout(300)]
ASKED = {
    Stage.SCOPING: {Role.BUSINESS_ANALYST: 1},
    Stage.VALIDATION: {Role.MODEL_VALIDATOR: 1},
    Stage.DEPLOYMENT_APPROVAL: {Role.IT_OPERATIONS: 1, Role.SECURITY_OFFICER: 1},
}
ROLES = sorted({role for asked in ASKED.values() for role in asked})


class Walk(RuleBasedStateMachine):
    """The system under random acts, beside a plain account of which (stage, role) is signed for which artifact."""

    @initialize()
    def begin(self) -> None:
        self.cast = make_cast()
        gates = {stage.value: [{"signoffs": {"role": role.value}} for role in asked] for stage, asked in ASKED.items()}
        self.cast.publish({**gates, "data_review": [{"evidence": {"kind": "artifact"}}]})
        self.version = self.cast.version()
        self.stage = Stage.SCOPING
        self.artifact: int | None = None
        self.suspensions = 0
        self.signed: dict[tuple[Stage, Role], tuple[int | None, int, str]] = {}

    def now(self, stage: Stage) -> tuple[int | None, int]:
        return self.artifact, self.suspensions if stage is Stage.DEPLOYMENT_APPROVAL else 0

    def open(self, stage: Stage) -> bool:
        needed = ASKED.get(stage, {})
        approved = all(self.signed.get((stage, role)) == (*self.now(stage), "approve") for role in needed)
        return approved and (stage is not Stage.DATA_REVIEW or self.artifact is not None)

    @rule(role=st.sampled_from(ROLES), stage=st.sampled_from(list(ASKED)), right=st.booleans())
    def sign(self, role: Role, stage: Stage, right: bool) -> None:  # noqa: FBT001
        by = self.cast.signers[role] if right else self.cast.outsider
        if self.attempt(lambda: self.cast.sign(self.version, role, stage=stage, by=by)):
            assert right
            assert role in ASKED[stage]
            self.signed[stage, role] = (*self.now(stage), "approve")

    @rule(role=st.sampled_from(ROLES), to=st.sampled_from(REVIEW_STAGES))
    def request_changes(self, role: Role, to: Stage) -> None:
        stage = self.stage
        if stage in ASKED and self.attempt(
            lambda: self.cast.sign(self.version, role, decision="request_changes", to=to.value)
        ):
            self.signed[stage, role] = (*self.now(stage), "request_changes")
            if stage is not Stage.SCOPING:
                self.stage = to

    @rule(seed=st.integers(1, 3))
    def upload(self, seed: int) -> None:
        if self.attempt(lambda: self.cast.artifact(self.version, seed=seed)):
            self.artifact = seed

    @rule(by=st.sampled_from(["submitter", "outsider", "superuser", "auditor"]))
    def advance(self, by: str) -> None:
        before = self.stage
        if self.attempt(lambda: self.cast.advance(self.version, by=getattr(self.cast, by))):
            assert by == "submitter"
            index = REVIEW_STAGES.index(before)
            assert all(self.open(stage) for stage in REVIEW_STAGES[: index + 1])
            self.stage = PATH[index + 1]

    @rule()
    def suspend(self) -> None:
        risk = self.cast.signers[Role.RISK_OFFICER]
        if self.attempt(lambda: workflow.suspend(version_id=self.version.pk, actor=risk, reason=SAFE)):
            self.stage, self.suspensions = Stage.SUSPENDED, self.suspensions + 1

    @rule()
    def reinstate(self) -> None:
        operations = self.cast.signers[Role.IT_OPERATIONS]
        if self.attempt(lambda: workflow.reinstate(version_id=self.version.pk, actor=operations, reason=SAFE)):
            assert all(self.open(stage) for stage in REVIEW_STAGES)
            self.stage = Stage.MONITORING

    @invariant()
    def the_stage_is_what_the_plain_account_says(self) -> None:
        if hasattr(self, "version"):
            assert ModelVersion.objects.get(pk=self.version.pk).stage == self.stage
            people = SignOff.objects.values_list("signer_id", flat=True)
            assert not {self.cast.submitter.pk, self.cast.developer.pk} & set(people)

    def attempt(self, act: object) -> bool:
        try:
            act()  # type: ignore[operator]
        except DomainError:
            return False
        return True


def test_g10_no_random_walk_passes_a_closed_gate(db):
    class Isolated(Walk):
        """Each walk in a savepoint of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.atomic = transaction.atomic()
            self.atomic.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    run_state_machine_as_test(
        Isolated,
        settings=settings(
            max_examples=16,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert tiny_safetensors(1) != tiny_safetensors(2)
