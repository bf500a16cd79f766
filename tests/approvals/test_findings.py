"""Findings and mitigation plans: who opens, closes and accepts them, and what a gate makes of them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import checking, findings, permissions, workflow
from approvals.checking import Result
from approvals.models import CheckRun, Finding, MitigationPlan
from approvals.models.findings import Severity
from approvals.stages import Role
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import SAFE, TABLE, tiny_table

GATES = {"scoping": [{"findings": {"at_or_above": "medium"}}, {"signoffs": {"role": "business_analyst"}}]}
MEASURE = {"name": "disparate impact by age", "value": 0.66, "threshold": 0.8}


def today():
    return timezone.now().date()


@pytest.fixture
def version(cast):
    cast.publish(GATES)
    return cast.version()


@pytest.fixture
def opened(cast, version):
    def finding(**changes):
        given = {
            "severity": Severity.HIGH,
            "title": "Incomes are missing",
            "description": "A tenth of the rows.",
            "owner": cast.owner,
            "due_on": today() + timedelta(days=30),
            "actor": cast.signers[Role.RISK_OFFICER],
            **changes,
        }
        return findings.open_finding(version_id=version.pk, **given)

    return finding


def said(refused):
    return [(blocker.code, blocker.sentence) for blocker in refused.blockers]


def count(event):
    return LedgerEntry.objects.filter(event=event).count()


class TestOpening:
    @pytest.mark.parametrize("who", ["outsider", "auditor", "superuser", "submitter", "owner"])
    def test_only_who_signs_on_the_model_opens_one(self, cast, opened, who):
        with pytest.raises(NotPermitted, match="Only people who sign"):
            opened(actor=getattr(cast, who))
        assert not Finding.objects.exists()
        assert count("approvals.act.refused") == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"title": "short"}, "title"),
            ({"severity": 99}, "severity"),
            ({"severity": "30'"}, "severity"),
            ({"due_on": today() - timedelta(days=1)}, "due_on"),
        ],
    )
    def test_bad_input_is_named_at_its_field(self, opened, changes, field):
        with pytest.raises(BadInput) as caught:
            opened(**changes)
        assert caught.value.field == field
        assert not Finding.objects.exists()

    def test_nobody_becomes_owner_without_a_right_on_the_model(self, cast, opened):
        with pytest.raises(BadInput, match="The owner has no right on this model"):
            opened(owner=cast.outsider)

    def test_the_owner_is_told_and_the_gate_closes_and_the_sign_off_is_voided(self, cast, version, opened):
        cast.sign(version, Role.BUSINESS_ANALYST)
        opened()
        assert Notification.objects.filter(user=cast.owner, text__contains="is yours, due").count() == 1
        with pytest.raises(Refused, match=r"Finding “Incomes are missing” .* is open"):
            cast.advance(version)
        assert count("approvals.signoff.voided") == 1

    def test_one_below_the_severity_of_the_gate_leaves_it_open(self, cast, version, opened):
        cast.sign(version, Role.BUSINESS_ANALYST)
        opened(severity=Severity.LOW)
        cast.advance(version)


class TestClosing:
    @pytest.mark.parametrize(
        ("who", "sentence"),
        [
            ("outsider", "Only the model validator or a risk officer"),
            ("auditor", "Only the model validator or a risk officer"),
            ("superuser", "Only the model validator or a risk officer"),
            ("submitter", "Whoever submitted or developed a version never closes its findings"),
            ("developer", "Whoever submitted or developed a version never closes its findings"),
        ],
    )
    def test_only_a_judge_closes(self, cast, version, opened, who, sentence):
        row = opened()
        if who in ("submitter", "developer"):
            permissions.grant(
                actor=cast.superuser, codename="sign_off_as_risk_officer", to=getattr(cast, who), model=version.model
            )
        with pytest.raises(NotPermitted, match=sentence):
            findings.close_finding(finding_id=row.pk, actor=getattr(cast, who), evidence=SAFE)
        row.refresh_from_db()
        assert row.status == "open"

    def test_a_judge_who_owns_it_does_not(self, cast, opened):
        risk = cast.signers[Role.RISK_OFFICER]
        row = opened(owner=risk)
        with pytest.raises(NotPermitted, match="The owner of a finding never closes it"):
            findings.close_finding(finding_id=row.pk, actor=risk, evidence=SAFE)
        with pytest.raises(NotPermitted, match="The owner of a finding never accepts it"):
            findings.accept_finding(finding_id=row.pk, actor=risk, reason=SAFE, until=today() + timedelta(days=9))
        findings.close_finding(finding_id=row.pk, actor=cast.signers[Role.MODEL_VALIDATOR], evidence=SAFE)

    def test_it_is_closed_once_with_evidence_and_the_gate_opens(self, cast, version, opened):
        row = opened()
        judge = cast.signers[Role.MODEL_VALIDATOR]
        with pytest.raises(BadInput):
            findings.close_finding(finding_id=row.pk, actor=judge, evidence="done")
        closed = findings.close_finding(finding_id=row.pk, actor=judge, evidence=f"  {SAFE}\n")
        assert (closed.status, closed.closed_by, closed.resolution) == ("closed", judge, SAFE)
        for act in (
            lambda: findings.close_finding(finding_id=row.pk, actor=judge, evidence=SAFE),
            lambda: findings.accept_finding(
                finding_id=row.pk, actor=judge, reason=SAFE, until=today() + timedelta(days=9)
            ),
        ):
            with pytest.raises(Refused, match="closed already"):
                act()
        assert count("approvals.finding.closed") == 1
        cast.sign(version, Role.BUSINESS_ANALYST)
        cast.advance(version)


class TestAccepting:
    def test_an_acceptance_ends_and_the_gate_closes_again(self, cast, version, opened):
        row = opened()
        until = today() + timedelta(days=9)
        risk = cast.signers[Role.RISK_OFFICER]
        findings.accept_finding(finding_id=row.pk, actor=risk, reason=SAFE, until=until)
        cast.sign(version, Role.BUSINESS_ANALYST)
        later = timezone.now() + timedelta(days=11)
        with pytest.raises(Refused, match="The acceptance of finding “Incomes are missing” has expired"):
            cast.advance(version, now=later)
        cast.advance(version)

    @pytest.mark.parametrize("days", [0, -1])
    def test_an_acceptance_without_a_future_is_refused(self, cast, opened, days):
        with pytest.raises(BadInput) as caught:
            findings.accept_finding(
                finding_id=opened().pk,
                actor=cast.signers[Role.RISK_OFFICER],
                reason=SAFE,
                until=today() + timedelta(days=days),
            )
        assert caught.value.field == "until"


class TestMitigation:
    @pytest.fixture
    def version(self, cast):
        cast.publish(
            {
                "validation": [
                    {"checks": {"check": "performance"}},
                    {"mitigations": {"check": "performance"}},
                    {"signoffs": {"role": "model_validator"}},
                ]
            }
        )
        version = cast.version()
        cast.artifact(version)
        cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
        for _ in range(3):
            cast.advance(version)
        return version

    def run(self, cast, version, verdict, failed=(), measured=()):
        run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
        now = timezone.now()
        token = checking.claim(run.pk, now=now)
        result = Result(
            verdict, ("So.",), {"measures": [*failed, *measured], "failed_measures": list(failed)}, [], {}, ""
        )
        assert checking.finish(run.pk, token, result=result, now=now)
        return run

    def plan(self, cast, run, **changes):
        given = {
            "measure": MEASURE["name"],
            "plan": "Reweigh the young.",
            "owner": cast.owner,
            "due_on": today() + timedelta(days=30),
            "actor": cast.submitter,
            **changes,
        }
        return findings.record_mitigation(run_id=run.pk, **given)

    def test_only_a_submitter_records_a_plan(self, cast, version):
        run = self.run(cast, version, "failed", [MEASURE])
        for user in (cast.outsider, cast.owner, cast.superuser, cast.signers[Role.MODEL_VALIDATOR]):
            with pytest.raises(NotPermitted, match="Only a submitter"):
                self.plan(cast, run, actor=user)
        assert not MitigationPlan.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"measure": "something else"}, "measure"),
            ({"plan": " "}, "plan"),
            ({"due_on": today() - timedelta(days=1)}, "due_on"),
        ],
    )
    def test_bad_input_is_named_at_its_field(self, cast, version, changes, field):
        run = self.run(cast, version, "failed", [MEASURE])
        with pytest.raises(BadInput) as caught:
            self.plan(cast, run, **changes)
        assert caught.value.field == field

    def test_nothing_is_planned_for_a_version_that_is_closed(self, cast, version):
        run = self.run(cast, version, "failed", [MEASURE])
        workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason=SAFE)
        with pytest.raises(Refused, match="withdrawn and closed"):
            self.plan(cast, run)

    def test_a_run_that_passed_has_nothing_to_mitigate(self, cast, version):
        run = self.run(cast, version, "passed")
        with pytest.raises(BadInput, match="belongs to a measure that failed"):
            self.plan(cast, run)

    def test_without_any_run_it_is_unknown_what_needs_a_plan(self, cast, version):
        cast.sign(version, Role.MODEL_VALIDATOR)
        with pytest.raises(Refused) as caught:
            cast.advance(version)
        assert {"check_not_run", "mitigation_unknown"} <= {code for code, _ in said(caught.value)}

    def test_a_failure_needs_a_plan_and_a_passed_retest_on_the_current_inputs(self, cast, version):
        def codes():
            with pytest.raises(Refused) as caught:
                cast.advance(version)
            return [sentence for code, sentence in said(caught.value) if code == "mitigation_open"]

        run = self.run(cast, version, "failed", [MEASURE])
        assert codes() == ["“disparate impact by age” failed and has no mitigation plan."]
        row = self.plan(cast, run)
        assert row.before == MEASURE
        assert codes() == ["“disparate impact by age” has a mitigation plan, but the re-test did not pass."]
        cast.attach(version, "evaluation_table", tiny_table(seed=2), "evaluation.csv", **TABLE)
        assert codes() == [
            "“disparate impact by age” has a mitigation plan but no finished re-test on the current inputs."
        ]
        self.run(cast, version, "not_computable")
        assert codes() == ["“disparate impact by age” has a mitigation plan, but the re-test did not pass."]
        cast.attach(version, "evaluation_table", tiny_table(seed=3), "evaluation.csv", **TABLE)
        self.run(cast, version, "passed", measured=[MEASURE | {"value": 0.9}])
        cast.sign(version, Role.MODEL_VALIDATOR)
        cast.advance(version)

    @pytest.mark.parametrize(
        "measured", [[], [MEASURE | {"name": "another", "value": 0.9}], [MEASURE | {"value": None}]]
    )
    def test_a_retest_that_does_not_measure_what_failed_is_none(self, cast, version, measured):
        """A new table without the column of ages passes everything that is left to ask."""
        self.plan(cast, self.run(cast, version, "failed", [MEASURE]))
        cast.attach(version, "evaluation_table", tiny_table(seed=3), "evaluation.csv", **TABLE)
        self.run(cast, version, "passed", measured=measured)
        cast.sign(version, Role.MODEL_VALIDATOR)
        with pytest.raises(Refused, match="the re-test did not measure it"):
            cast.advance(version)

    def test_a_plan_shows_the_measure_before_and_after(self, cast, version, client):
        client.force_login(cast.auditor)

        def shown():
            page = client.get(version.get_absolute_url()).content.decode()
            part = page[page.index('id="mitigations"') :]
            return part[: part.index("</section>")]

        self.run(cast, version, "failed", [MEASURE])
        assert "No plan" in shown()
        row = self.plan(cast, CheckRun.objects.get())
        assert findings.retest(row) is None
        assert "Planned" in shown()
        assert "was 0.660, not re-tested yet" in shown()
        cast.attach(version, "evaluation_table", tiny_table(seed=2), "evaluation.csv", **TABLE)
        self.run(cast, version, "failed", [{**MEASURE, "value": 0.7}])
        assert "Failed again" in shown()
        cast.attach(version, "evaluation_table", tiny_table(seed=3), "evaluation.csv", **TABLE)
        self.run(cast, version, "passed", measured=[{**MEASURE, "value": 0.91}])
        assert "was 0.660, is 0.910" in shown()
        assert "Repaired" in shown()
        page = client.get(f"/approvals/mitigationplan/{row.pk}/change/").content.decode()
        assert "0.910" in page
        assert "no longer failed" in page

    def test_a_pass_without_a_plan_does_not_cover_an_earlier_failure(self, cast, version):
        self.run(cast, version, "failed", [MEASURE])
        cast.attach(version, "evaluation_table", tiny_table(seed=2), "evaluation.csv", **TABLE)
        self.run(cast, version, "passed")
        cast.sign(version, Role.MODEL_VALIDATOR)
        with pytest.raises(Refused, match="has no mitigation plan"):
            cast.advance(version)
