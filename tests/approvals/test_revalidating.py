"""A deployed version passes gates again: opened in time or by a trigger, signed anew, renewed or refused."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import (
    checking,
    dossier,
    evidence,
    findings,
    lapsing,
    policy,
    replaying,
    revalidating,
    timeline,
    workflow,
)
from approvals.models import Evidence, Finding, ModelVersion, Policy, Revalidation, RevalidationTrigger, SignOff
from approvals.policy_document import parse
from approvals.stages import Role, Stage
from modelcards.models import ModelCard
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import SAFE
from tests.portal.ledgers import drop_guards

pytestmark = pytest.mark.both_engines
GATES = {
    "scoping": [{"signoffs": {"role": "business_analyst"}}],
    "validation": [
        {"evidence": {"kind": "validation_report"}},
        {"findings": {"at_or_above": "medium"}},
        {"signoffs": {"role": "model_validator"}},
    ],
    "deployment_approval": [{"signoffs": {"role": "it_operations"}}],
}
RULE = {"every_months": 12, "days": 60, "gates": ["validation"], "triggers": ["suspended", "open_findings"]}
REPORT = b"# Report\n\nIt works as it did, and here is why we think so."


@pytest.fixture
def deployed(cast):
    return deploy(cast)


def deploy(cast, *, of=None, **rule):
    cast.publish(GATES, revalidation={**RULE, **rule})
    version = cast.version(of)
    cast.artifact(version)
    cast.attach(version, "validation_report", REPORT, "report.md")
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.MODEL_VALIDATOR)
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    return cast.advance(version)


def fresh(version):
    return ModelVersion.objects.select_related("model", "policy").get(pk=version.pk)


def after(version, **time):
    return version.approved_at + timedelta(**time)


def ask(cast, version):
    return revalidating.ask(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)


def renew(cast, version, by=None):
    actor = by or cast.signers[Role.RISK_OFFICER]
    return revalidating.renew(version_id=version.pk, actor=actor, reason=SAFE)


def sign_again(cast, version):
    return cast.sign(version, Role.MODEL_VALIDATOR, stage=Stage.VALIDATION)


class TestOpening:
    def test_it_opens_in_time_and_once_and_people_are_told(self, cast, deployed):
        assert revalidating.open_due(now=after(deployed, days=304)) == ()
        (row,) = revalidating.open_due(now=after(deployed, days=306))
        assert revalidating.open_due(now=after(deployed, days=307)) == ()
        assert row.trigger == RevalidationTrigger.SCHEDULED
        assert row.stages == (Stage.VALIDATION,)
        assert row.due_on == deployed.approval_expires_at.date()
        told = Notification.objects.filter(event="approvals.revalidation.opened")
        people = set(told.values_list("user__username", flat=True))
        assert people == {"submitter", "owner", "model_validator", "risk_officer"}
        assert fresh(deployed).stage == Stage.MONITORING

    def test_a_policy_that_says_nothing_opens_nothing_by_itself(self, cast):
        cast.publish()
        version = cast.version()
        for _ in range(7):
            version = cast.advance(version)
        assert revalidating.open_due(now=after(version, days=364)) == ()
        row = ask(cast, version)
        assert len(row.stages) == 7, "all gates, as none was named"

    @pytest.mark.parametrize("who", ["submitter", "auditor", "outsider", "superuser", Role.IT_OPERATIONS])
    def test_only_who_judges_or_owns_asks_for_one(self, cast, deployed, who):
        actor = cast.signers[who] if isinstance(who, Role) else getattr(cast, who)
        with pytest.raises(NotPermitted):
            revalidating.ask(version_id=deployed.pk, actor=actor, reason=SAFE)
        assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 1

    def test_a_version_in_review_has_none_and_one_is_enough(self, cast, deployed):
        other = cast.version(deployed.model, "2.0.0")
        with pytest.raises(Refused, match="Deployed versions are revalidated"):
            ask(cast, other)
        ask(cast, deployed)
        with pytest.raises(Refused, match="under way"):
            ask(cast, deployed)
        with pytest.raises(BadInput):
            revalidating.ask(version_id=deployed.pk, actor=cast.owner, reason="because")

    def test_a_suspension_opens_one_once(self, cast, deployed):
        workflow.suspend(version_id=deployed.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
        (row,) = revalidating.open_due()
        assert row.trigger == RevalidationTrigger.SUSPENDED
        revalidating.refuse(version_id=deployed.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
        assert revalidating.open_due() == (), "the refusal was the answer to this suspension"

    def test_so_many_open_findings_open_one(self, cast, deployed):
        for number in range(3):
            assert revalidating.open_due() == ()
            findings.open_finding(
                version_id=deployed.pk,
                actor=cast.signers[Role.RISK_OFFICER],
                severity=1,
                title=f"Finding number {number}",
                description="",
                owner=cast.owner,
                due_on=timezone.now().date(),
            )
        (row,) = revalidating.open_due()
        assert row.trigger == RevalidationTrigger.OPEN_FINDINGS
        assert "3 findings" in row.reason

    def test_an_altered_policy_stops_no_other_version_and_is_told_once_a_day(self, cast, deployed):
        other = deploy(cast, of=cast.model("Another model"))
        drop_guards()
        Policy.objects.filter(pk=deployed.policy_id).update(text="name: [")
        now = after(other, days=306).replace(hour=9)
        (row,) = revalidating.open_due(now=now)
        assert row.version == other
        assert revalidating.open_due(now=now + timedelta(hours=1)) == ()
        told = Notification.objects.filter(event="approvals.act.failed")
        assert set(told.values_list("user__username", flat=True)) >= {"owner", "risk_officer", cast.superuser.username}
        assert "Its revalidation cannot be opened." in told[0].text
        first = told.count()
        revalidating.open_due(now=now + timedelta(days=1))
        assert told.count() == 2 * first
        assert LedgerEntry.objects.filter(event="approvals.act.failed").count() == 2

    def test_an_altered_policy_keeps_no_lapsed_approval_in_force(self, cast, deployed):
        other = deploy(cast, of=cast.model("Another model"))
        for one in (deployed, other):
            ask(cast, one)
        drop_guards()
        altered = Policy.objects.get(pk=deployed.policy_id)
        Policy.objects.filter(pk=altered.pk).update(text=f"{altered.text}# altered")
        late = after(other, days=400)
        assert {one.pk for one in workflow.suspend_lapsed(now=late)} == {deployed.pk, other.pk}
        assert {fresh(one).stage for one in (deployed, other)} == {Stage.SUSPENDED}

    @pytest.mark.parametrize(("gates", "opens"), [({"scoping": []}, True), ({}, False)])
    def test_a_policy_that_asks_something_else_opens_one_and_another_wording_does_not(self, cast, gates, opens):
        deploy(cast, triggers=["policy_changed"])
        cast.publish({**GATES, **gates}, revalidation=RULE, basis=["Another wording."])
        assert bool(revalidating.open_due()) is opens


class TestThePass:
    def test_the_record_of_monitoring_is_evidence_of_the_pass_and_part_of_what_is_signed(self, cast, deployed):
        ask(cast, deployed)
        made = Evidence.objects.get(kind="monitoring_record")
        record = json.loads(made.file.path.read_text())
        assert record["format"] == "monitoring-record/1"
        assert record["monitors"] == []
        version = fresh(deployed)
        shown = dossier.build(dossier.load_case(version), parse(version.policy.text), Stage.VALIDATION)
        assert shown.content["revalidation"]["monitoring_record"] == made.file.sha256
        with pytest.raises(BadInput, match="no evidence kind"):
            cast.attach(version, "monitoring_record", b"{}", "record.json")

    def test_the_approval_stands_meanwhile_and_old_signatures_open_nothing(self, cast, deployed):
        before = timeline.standing_sign_offs(fresh(deployed))
        ask(cast, deployed)
        assert timeline.standing_sign_offs(fresh(deployed)) == before
        with pytest.raises(Refused, match="Model validator must sign again"):
            renew(cast, deployed)

    def test_signed_anew_the_approval_is_renewed_with_a_new_card(self, cast, deployed):
        ask(cast, deployed)
        old = deployed.approval_expires_at
        signed = sign_again(cast, deployed)
        version = renew(cast, deployed)
        assert version.approval_expires_at > old
        row = Revalidation.objects.get()
        assert (row.outcome, row.valid_until) == ("renewed", version.approval_expires_at)
        standing = timeline.standing_sign_offs(fresh(version))
        assert signed.pk in standing
        assert len(standing) == 3, "those of the other gates are still what the approval rests on"
        assert ModelCard.objects.filter(version=version, kind="issued").count() == 2
        assert replaying.differences() == ()
        assert revalidating.open_due(now=timezone.now() + timedelta(days=300)) == ()

    @pytest.mark.parametrize("who", ["owner", "submitter", "superuser", Role.MODEL_VALIDATOR])
    def test_only_whom_the_policy_names_decides(self, cast, deployed, who):
        ask(cast, deployed)
        sign_again(cast, deployed)
        actor = cast.signers[who] if isinstance(who, Role) else getattr(cast, who)
        for act in (revalidating.renew, revalidating.refuse):
            with pytest.raises(NotPermitted):
                act(version_id=deployed.pk, actor=actor, reason=SAFE)

    def test_only_what_its_gates_ask_by_name_changes(self, cast, deployed):
        with pytest.raises(Refused, match="Locked since"):
            cast.attach(deployed, "validation_report", REPORT + b" More.", "again.md")
        ask(cast, deployed)
        cast.attach(deployed, "validation_report", REPORT + b" More.", "again.md")
        for kind, content in (("artifact", b"x"), ("rollback_plan", b"# Plan")):
            with pytest.raises(Refused, match="goes through validation"):
                cast.attach(deployed, kind, content, "x.md")
        with pytest.raises(NotPermitted, match="Scoping is not open for signing"):
            cast.sign(deployed, Role.BUSINESS_ANALYST, stage=Stage.SCOPING)
        with pytest.raises(Refused, match="goes through validation"):
            checking.request_check(version_id=deployed.pk, check_key="performance", actor=cast.submitter)
        with pytest.raises(Refused, match="goes through validation"):
            evidence.record_answers(version_id=deployed.pk, actor=cast.submitter, section="use", answers={})

    def test_changed_evidence_voids_what_was_signed_in_the_pass(self, cast, deployed):
        ask(cast, deployed)
        sign_again(cast, deployed)
        cast.attach(deployed, "validation_report", REPORT + b" More.", "again.md")
        with pytest.raises(Refused, match="must sign again"):
            renew(cast, deployed)

    def test_an_open_finding_keeps_the_gate_closed(self, cast, deployed):
        ask(cast, deployed)
        findings.open_finding(
            version_id=deployed.pk,
            actor=cast.signers[Role.RISK_OFFICER],
            severity=3,
            title="It has drifted",
            description="",
            owner=cast.owner,
            due_on=timezone.now().date(),
        )
        sign_again(cast, deployed)
        with pytest.raises(Refused, match="It has drifted"):
            renew(cast, deployed)

    def test_a_rejection_refuses_the_renewal_and_suspends(self, cast, deployed):
        ask(cast, deployed)
        cast.sign(deployed, Role.MODEL_VALIDATOR, stage=Stage.VALIDATION, decision="reject")
        assert Revalidation.objects.get().outcome == "refused"
        assert fresh(deployed).stage == Stage.SUSPENDED
        assert replaying.differences() == ()

    def test_a_request_for_changes_moves_nothing_and_closes_the_gate(self, cast, deployed):
        ask(cast, deployed)
        cast.sign(deployed, Role.MODEL_VALIDATOR, stage=Stage.VALIDATION, decision="request_changes")
        assert fresh(deployed).stage == Stage.MONITORING
        with pytest.raises(Refused, match="asked for changes"):
            renew(cast, deployed)

    def test_a_retired_version_ends_its_pass(self, cast, deployed):
        ask(cast, deployed)
        workflow.retire(version_id=deployed.pk, actor=cast.owner, reason=SAFE)
        assert Revalidation.objects.get().outcome == "ended"
        assert replaying.differences() == ()


class TestOverdue:
    def test_it_suspends_and_a_reminder_comes_once(self, cast, deployed):
        ask(cast, deployed)
        due = Revalidation.objects.get().due_on
        soon = timezone.now() + timedelta(days=50)
        assert revalidating.watch(now=soon) == 1
        assert revalidating.watch(now=soon) == 0
        late = timezone.now() + timedelta(days=62)
        assert workflow.suspend_lapsed(now=soon) == ()
        (version,) = workflow.suspend_lapsed(now=late)
        assert version.stage == Stage.SUSPENDED
        assert f"{due:%d %b %Y}" in lapsing.lapsed(version, late)
        cast.sign(version, Role.MODEL_VALIDATOR, stage=Stage.VALIDATION)
        cast.sign(version, Role.IT_OPERATIONS, stage=Stage.DEPLOYMENT_APPROVAL)
        with pytest.raises(Refused, match="decision comes first"):
            workflow.reinstate(version_id=version.pk, actor=cast.signers[Role.IT_OPERATIONS], reason=SAFE)
        renew(cast, version)
        workflow.reinstate(version_id=version.pk, actor=cast.signers[Role.IT_OPERATIONS], reason=SAFE)
        assert fresh(version).stage == Stage.MONITORING

    def test_where_the_policy_says_so_it_opens_a_finding_instead(self, cast):
        version = deploy(cast, overdue="finding")
        ask(cast, version)
        late = timezone.now() + timedelta(days=62)
        assert workflow.suspend_lapsed(now=late) == ()
        assert revalidating.watch(now=late) == 1
        assert revalidating.watch(now=late) == 0
        assert Finding.objects.get().source == "review"


def test_the_blockers_of_a_renewal_are_those_of_its_gates(cast, deployed):
    case, document = dossier.load_case(fresh(deployed)), parse(deployed.policy.text)
    assert [one.code for one in policy.renewal_blockers(case, document, now=timezone.now())] == ["no_revalidation"]
    ask(cast, deployed)
    case = dossier.load_case(fresh(deployed))
    assert [one.code for one in policy.renewal_blockers(case, document, now=timezone.now())] == ["sign_off_voided"]
    assert SignOff.objects.count() == 3


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"gates": []}, "at least one"),
        ({"gates": ["monitoring"]}, "no stage with a gate"),
        ({"gates": ["validation"], "triggers": ["whim"]}, "no trigger"),
        ({"gates": ["validation"], "every_months": 0}, "whole number"),
        ({"gates": ["validation"], "overdue": "nothing"}, "suspend or finding"),
        ({"gates": ["validation"], "decided_by": []}, "must name a role"),
        ({"gates": ["validation"], "dais": 3}, "unknown"),
    ],
)
def test_a_rule_that_nobody_could_follow_is_refused_where_it_is_written(cast, rule, why):
    with pytest.raises(BadInput, match=why):
        cast.publish(revalidation=rule)
