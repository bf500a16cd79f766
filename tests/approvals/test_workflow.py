"""Every move of a version: who may make it, from where, and what it leaves behind."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from approvals import findings, permissions, workflow
from approvals.models import Comment, Finding, ModelVersion, SignOff
from approvals.signing_off import Condition
from approvals.stages import REVIEW_STAGES, Role, Stage
from portal import checkpoints
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import SAFE, make_cast

pytestmark = pytest.mark.both_engines
GATES = {
    "scoping": [{"signoffs": {"role": "business_analyst"}}],
    "deployment_approval": [{"signoffs": {"role": "it_operations"}}, {"signoffs": {"role": "security_officer"}}],
}


@pytest.fixture
def version(cast):
    cast.publish(GATES)
    return cast.version()


@pytest.fixture
def deployed(cast, version):
    return deploy(cast, version)


def deploy(cast, version, **advancing):
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(6):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    cast.sign(version, Role.SECURITY_OFFICER)
    return cast.advance(version, **advancing)


def stage_of(version):
    return ModelVersion.objects.get(pk=version.pk).stage


def moves():
    rows = LedgerEntry.objects.filter(event__startswith="approvals.version.").order_by("pk")
    facts = [json.loads(row.payload)["facts"] for row in rows if row.event != "approvals.version.registered"]
    return [(fact["from"], fact["to"]) for fact in facts if "to" in fact]


ACTS = {
    "withdraw": lambda version, actor: workflow.withdraw(version_id=version.pk, actor=actor, reason=SAFE),
    "suspend": lambda version, actor: workflow.suspend(version_id=version.pk, actor=actor, reason=SAFE),
    "reinstate": lambda version, actor: workflow.reinstate(version_id=version.pk, actor=actor, reason=SAFE),
    "retire": lambda version, actor: workflow.retire(version_id=version.pk, actor=actor, reason=SAFE),
    "advance": lambda version, actor: workflow.advance(version_id=version.pk, actor=actor),
}
MAY: dict[str, set[str]] = {
    "withdraw": {"submitter", "owner"},
    "advance": {"submitter", "owner"},
    "suspend": {Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER},
    "reinstate": {Role.IT_OPERATIONS, Role.SECURITY_OFFICER},
    "retire": {"owner", Role.BUSINESS_OWNER},
}
EVERYBODY = ("submitter", "developer", "owner", "auditor", "outsider", "superuser", "publisher", *Role)


@pytest.mark.parametrize("act", ACTS)
def test_only_those_who_may_make_a_move_are_heard(cast, version, act):
    for who in EVERYBODY:
        actor = cast.signers[who] if isinstance(who, Role) else getattr(cast, who)
        if who in MAY[act]:
            continue
        with pytest.raises(NotPermitted):
            ACTS[act](version, actor)
    refused = LedgerEntry.objects.filter(event="approvals.version.move_refused").count()
    assert refused == len(EVERYBODY) - len(MAY[act])
    assert stage_of(version) == Stage.SCOPING
    assert moves() == []


@pytest.mark.parametrize("act", ["withdraw", "suspend", "reinstate", "retire"])
def test_a_move_needs_a_reason(cast, version, act):
    with pytest.raises(BadInput) as caught:
        getattr(workflow, act)(version_id=version.pk, actor=cast.owner, reason="  because  ")
    assert caught.value.field == "reason"


def test_what_is_not_deployed_is_neither_suspended_nor_retired_nor_reinstated(cast, version):
    for act, actor in (
        ("suspend", cast.signers[Role.RISK_OFFICER]),
        ("retire", cast.owner),
        ("reinstate", cast.signers[Role.IT_OPERATIONS]),
    ):
        with pytest.raises(Refused, match="A version in scoping cannot"):
            ACTS[act](version, actor)


def test_what_waits_for_deployment_is_not_reinstated_into_it(cast, version):
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(6):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    cast.sign(version, Role.SECURITY_OFFICER)
    with pytest.raises(Refused, match="A version in deployment approval cannot be reinstated"):
        ACTS["reinstate"](version, cast.signers[Role.IT_OPERATIONS])
    assert stage_of(version) == Stage.DEPLOYMENT_APPROVAL


def test_the_end_is_the_end(cast, version):
    workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason=SAFE)
    for act, actor in (
        ("withdraw", cast.submitter),
        ("advance", cast.submitter),
        ("suspend", cast.signers[Role.RISK_OFFICER]),
        ("retire", cast.owner),
        ("reinstate", cast.signers[Role.IT_OPERATIONS]),
    ):
        with pytest.raises(Refused, match="A withdrawn version cannot"):
            ACTS[act](version, actor)
    assert moves() == [("scoping", "withdrawn")]


def test_a_deployed_version_is_not_withdrawn(cast, deployed):
    with pytest.raises(Refused, match="A version in monitoring cannot be withdrawn"):
        ACTS["withdraw"](deployed, cast.owner)


class TestObjections:
    def test_a_rejection_ends_the_version_in_the_same_act(self, cast, version):
        cast.sign(version, Role.BUSINESS_ANALYST, decision="reject")
        assert stage_of(version) == Stage.REJECTED
        assert moves() == [("scoping", "rejected")]

    def test_changes_can_be_asked_only_to_an_earlier_stage(self, cast, version):
        cast.sign(version, Role.BUSINESS_ANALYST)
        for _ in range(6):
            cast.advance(version)
        for to in ("deployment_approval", "monitoring", "nowhere", ""):
            with pytest.raises(BadInput) as caught:
                cast.sign(version, Role.IT_OPERATIONS, decision="request_changes", to=to)
            assert caught.value.field == "to"
        assert SignOff.objects.count() == 1, "nothing is half written"
        cast.sign(version, Role.IT_OPERATIONS, decision="request_changes", to="data_review")
        assert stage_of(version) == Stage.DATA_REVIEW

    def test_changes_in_an_earlier_stage_are_not_asked_any_more(self, cast, version):
        cast.sign(version, Role.BUSINESS_ANALYST)
        cast.advance(version)
        cast.artifact(version)
        with pytest.raises(Refused, match="only in the stage that the version is in"):
            cast.sign(version, Role.BUSINESS_ANALYST, stage=Stage.SCOPING, decision="reject")


class TestDeployment:
    def test_the_path_is_walked_step_by_step_and_recorded(self, cast, deployed):
        path = [stage.value for stage in REVIEW_STAGES] + ["monitoring"]
        assert moves() == list(pairwise(path))
        days = (deployed.approval_expires_at - deployed.approved_at).days
        assert days == 365
        assert stage_of(deployed) == Stage.MONITORING

    def test_a_second_version_says_what_becomes_of_the_first(self, cast, deployed):
        second = cast.version(deployed.model, number="2.0.0")
        with pytest.raises(BadInput, match=r"Version 1\.0\.0 is deployed") as caught:
            deploy(cast, second)
        assert caught.value.field == "incumbent_plan"
        assert stage_of(second) == Stage.DEPLOYMENT_APPROVAL
        cast.advance(second, incumbent_plan="replaced")
        assert (stage_of(deployed), stage_of(second)) == (Stage.RETIRED, Stage.MONITORING)

    def test_or_keeps_both(self, cast, deployed):
        second = cast.version(deployed.model, number="2.0.0")
        deploy(cast, second, incumbent_plan="kept")
        assert (stage_of(deployed), stage_of(second)) == (Stage.MONITORING, Stage.MONITORING)

    def test_a_gate_that_closed_behind_the_version_stops_it(self, cast, version):
        cast.sign(version, Role.BUSINESS_ANALYST)
        for _ in range(6):
            cast.advance(version)
        cast.sign(version, Role.IT_OPERATIONS)
        cast.sign(version, Role.SECURITY_OFFICER)
        permissions.revoke(
            actor=cast.superuser,
            codename="sign_off_as_business_analyst",
            to=cast.signers[Role.BUSINESS_ANALYST],
            model=version.model,
        )
        cast.artifact(version)
        with pytest.raises(Refused, match=r"must sign again|Nobody holds the role"):
            cast.advance(version)


class TestLapse:
    def test_g24_an_expired_approval_suspends_itself_once_however_many_ask(self, deployed):
        late = deployed.approval_expires_at + timedelta(seconds=1)
        assert workflow.suspend_lapsed(now=deployed.approval_expires_at - timedelta(seconds=1)) == ()
        assert [version.pk for version in workflow.suspend_lapsed(now=late)] == [deployed.pk]
        assert workflow.suspend_lapsed(now=late) == ()
        assert stage_of(deployed) == Stage.SUSPENDED
        assert moves().count(("monitoring", "suspended")) == 1
        assert Notification.objects.filter(text__contains="The approval expired on").exists()

    def test_an_expired_approval_is_not_reinstated(self, cast, deployed):
        late = deployed.approval_expires_at + timedelta(seconds=1)
        workflow.suspend_lapsed(now=late)
        for role in (Role.IT_OPERATIONS, Role.SECURITY_OFFICER):
            cast.sign(deployed, role, stage=Stage.DEPLOYMENT_APPROVAL)
        with pytest.raises(Refused, match="cannot hold again: The approval expired"):
            workflow.reinstate(version_id=deployed.pk, actor=cast.signers[Role.IT_OPERATIONS], reason=SAFE, now=late)

    def test_an_overdue_condition_suspends_and_a_fulfilled_one_does_not(self, cast, version):
        due = timezone.now().date() + timedelta(days=5)
        cast.sign(
            version,
            Role.BUSINESS_ANALYST,
            decision="approve_with_conditions",
            conditions=(Condition("Explain the refusals.", cast.owner, due),),
        )
        for _ in range(6):
            cast.advance(version)
        cast.sign(version, Role.IT_OPERATIONS)
        cast.sign(version, Role.SECURITY_OFFICER)
        cast.advance(version)
        assert workflow.suspend_lapsed(now=timezone.now() + timedelta(days=4)) == ()
        [suspended] = workflow.suspend_lapsed(now=timezone.now() + timedelta(days=7))
        assert suspended.pk == version.pk
        for role in (Role.IT_OPERATIONS, Role.SECURITY_OFFICER):
            cast.sign(version, role, stage=Stage.DEPLOYMENT_APPROVAL)
        operations = cast.signers[Role.IT_OPERATIONS]
        late = timezone.now() + timedelta(days=7)
        with pytest.raises(Refused, match=r"Explain the refusals.” was due on .* and is not fulfilled"):
            workflow.reinstate(version_id=version.pk, actor=operations, reason=SAFE, now=late)
        findings.close_finding(
            finding_id=Finding.objects.get().pk, actor=cast.signers[Role.MODEL_VALIDATOR], evidence=SAFE
        )
        workflow.reinstate(version_id=version.pk, actor=operations, reason=SAFE, now=late)
        assert stage_of(version) == Stage.MONITORING

    def test_nothing_is_deployed_with_an_overdue_condition(self, cast, version):
        due = timezone.now().date() + timedelta(days=1)
        conditions = (Condition("Explain the refusals.", cast.owner, due),)
        cast.sign(version, Role.BUSINESS_ANALYST, decision="approve_with_conditions", conditions=conditions)
        for _ in range(6):
            cast.advance(version)
        cast.sign(version, Role.IT_OPERATIONS)
        cast.sign(version, Role.SECURITY_OFFICER)
        late = timezone.now() + timedelta(days=30)
        with pytest.raises(Refused, match="is not fulfilled"):
            cast.advance(version, now=late)
        assert stage_of(version) == Stage.DEPLOYMENT_APPROVAL

    def test_who_submitted_a_version_does_not_reinstate_it(self, cast, deployed):
        permissions.grant(
            actor=cast.superuser, codename="sign_off_as_it_operations", to=cast.submitter, model=deployed.model
        )
        workflow.suspend(version_id=deployed.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
        with pytest.raises(NotPermitted, match="somebody else must reinstate"):
            ACTS["reinstate"](deployed, cast.submitter)


class TestDiscussion:
    def test_who_takes_part_comments_and_the_others_are_refused(self, cast, version):
        for user in (cast.submitter, cast.owner, cast.signers[Role.RISK_OFFICER]):
            workflow.comment(version_id=version.pk, actor=user, text="Why 0.8?")
        for user in (cast.outsider, cast.auditor, cast.superuser):
            with pytest.raises(NotPermitted, match="take part in its discussion"):
                workflow.comment(version_id=version.pk, actor=user, text="Why 0.8?")
        assert Comment.objects.count() == 3
        assert LedgerEntry.objects.filter(event="approvals.comment.added").count() == 3

    @pytest.mark.parametrize("text", ["", "  \n ", "x" * 10_001, "a\0b", "a\ud800b"])
    def test_nothing_and_too_much_are_refused(self, cast, version, text):
        with pytest.raises(BadInput) as caught:
            workflow.comment(version_id=version.pk, actor=cast.submitter, text=text)
        assert caught.value.field == "text"


def test_the_ledger_is_signed_after_a_final_decision_and_once(committed_database, own_var):
    cast = make_cast()
    cast.publish()
    version = cast.version()
    cast.artifact(version)
    assert checkpoints.sign_decisions() is None
    workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason=SAFE)
    signed = checkpoints.sign_decisions()
    assert signed is not None
    assert '"approvals.version.withdrawn"' in LedgerEntry.objects.get(seq=signed.size - 1).payload
    assert checkpoints.sign_decisions() is None
