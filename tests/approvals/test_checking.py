"""A run happens once whatever dies: lease, fencing token, hints that may get lost, results that come too late."""

import gzip
import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import checking, dossier, running, workflow
from approvals.checking import ATTEMPTS, HINT_AGAIN, LEASE, Result
from approvals.models import CheckRun, ModelVersion
from approvals.stages import Role
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import TABLE, tiny_table

pytestmark = pytest.mark.both_engines
GATES = {
    "validation": [
        {"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}},
        {"signoffs": {"role": "model_validator"}},
    ],
}
NO_DOCUMENTS: dict[str, list[str]] = {"training_record": [], "data_lineage": []}
PASSED = Result(verdict="passed", sentences=("Fine.",), reading={}, charts=[], engine={}, log="")


@pytest.fixture
def version(cast):
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    return version


@pytest.fixture
def queue(cast, version):
    def queued(by=None, key="performance"):
        return checking.request_check(version_id=version.pk, check_key=key, actor=by or cast.submitter)

    return queued


@pytest.fixture
def now():
    return timezone.now()


def ledger_of(event):
    return [json.loads(entry.payload)["facts"] for entry in LedgerEntry.objects.filter(event=event).order_by("pk")]


class TestAsking:
    def test_who_takes_no_part_is_refused_and_recorded(self, cast, queue):
        for user in (cast.outsider, cast.auditor, cast.superuser):
            with pytest.raises(NotPermitted, match="may run its checks"):
                queue(user)
        assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 3
        assert not CheckRun.objects.exists()

    def test_submitter_owner_and_signers_may(self, cast, queue):
        runs = {queue(user).pk for user in (cast.submitter, cast.owner, cast.signers[Role.MODEL_VALIDATOR])}
        assert len(runs) == 1, "a run under way on the same inputs is given back"
        assert len(ledger_of("approvals.check.requested")) == 1

    def test_a_check_the_policy_does_not_ask_is_named(self, queue):
        for key in ("calibration", "no_such_check", "../performance"):
            with pytest.raises(BadInput, match="asks for no check"):
                queue(key=key)

    def test_inputs_that_are_missing_are_named(self, cast):
        cast.publish(GATES, name="second")
        bare = cast.version(cast.model("Another model"))
        with pytest.raises(Refused, match="evaluation table is not attached"):
            checking.request_check(version_id=bare.pk, check_key="performance", actor=cast.submitter)
        assert checking.request_open_checks(version_id=bare.pk, actor=cast.submitter) == ()

    def test_after_review_nothing_runs(self, cast, version, queue):

        workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason="Not needed any more.")
        with pytest.raises(Refused, match="the version is withdrawn"):
            queue()

    def test_other_inputs_are_another_run_and_the_old_result_is_outdated(self, cast, version, queue):
        first = queue()
        assert running.execute(first.pk)
        cast.attach(version, "evaluation_table", tiny_table(seed=2), "evaluation.csv", **TABLE)
        second = queue()
        assert second.pk != first.pk
        assert second.inputs_digest != first.inputs_digest


class TestTheLease:
    def test_one_worker_claims_and_the_second_goes_away(self, queue, now):
        run = queue()
        token = checking.claim(run.pk, now=now)
        assert isinstance(token, uuid.UUID)
        assert checking.claim(run.pk, now=now) is None
        assert checking.claim(run.pk, now=now + LEASE) is None

    def test_g20_a_silent_workers_run_is_taken_over_and_its_late_result_refused_and_recorded(self, queue, now):
        run = queue()
        late = checking.claim(run.pk, now=now)
        later = now + LEASE + timedelta(seconds=1)
        token = checking.claim(run.pk, now=later)
        assert token not in (None, late)
        assert not checking.report_progress(run.pk, late, percent=99, text="Almost", now=later)
        assert not checking.renew(run.pk, late, now=later)
        assert not checking.finish(run.pk, late, result=PASSED, now=later)
        run.refresh_from_db()
        assert (run.status, run.verdict, run.progress) == ("running", "", 0)
        assert [facts["verdict"] for facts in ledger_of("approvals.check.result_refused")] == ["passed"]
        failed = Result("failed", ("Too low.",), {}, [], {}, "")
        assert checking.finish(run.pk, token, result=failed, now=later)
        assert not checking.finish(run.pk, token, result=PASSED, now=later), "a result is recorded once"
        run.refresh_from_db()
        assert run.verdict == "failed"
        assert [facts["verdict"] for facts in ledger_of("approvals.check.finished")] == ["failed"]

    def test_progress_renews_the_lease_and_stays_between_0_and_100(self, queue, now):
        run = queue()
        token = checking.claim(run.pk, now=now)
        for percent, shown in ((-5, 0), (40, 40), (400, 100)):
            assert checking.report_progress(run.pk, token, percent=percent, text="x" * 500, now=now + LEASE)
            run.refresh_from_db()
            assert (run.progress, len(run.progress_text)) == (shown, 200)
        assert checking.claim(run.pk, now=now + LEASE) is None

    def test_a_lost_hint_is_sent_again_and_a_fresh_one_is_not(self, queue, now):
        run = queue()
        assert checking.sweep(now=now) == ()
        late = now + HINT_AGAIN + timedelta(seconds=5)
        assert checking.sweep(now=late) == (run.pk,)
        assert checking.sweep(now=late) == (), "hinted a moment ago"

    def test_g15_workers_that_die_on_every_attempt_end_in_a_crash_that_opens_no_gate(self, cast, version, queue, now):
        run = queue()
        for _ in range(ATTEMPTS):
            assert checking.claim(run.pk, now=now)
            now += LEASE + timedelta(seconds=1)
        assert checking.claim(run.pk, now=now) is None
        assert checking.sweep(now=now) == ()
        run.refresh_from_db()
        assert (run.status, run.verdict) == ("crashed", "error")
        assert run.sentences == [f"The worker died on each of {ATTEMPTS} attempts; the run was stopped."]
        assert checking.sweep(now=now) == ()
        assert len(ledger_of("approvals.check.finished")) == 1
        assert Notification.objects.filter(user=cast.submitter, text__contains="crashed").count() == 1
        for _ in range(3):
            cast.advance(version)
        with pytest.raises(Refused, match="crashed on every attempt or was stopped"):
            cast.advance(version)
        assert ModelVersion.objects.get(pk=version.pk).stage == "validation"

    def test_g19_duplicate_messages_measure_once(self, queue):
        run = queue()
        assert running.execute(run.pk)
        assert not running.execute(run.pk)
        assert not running.execute(run.pk)
        assert len(ledger_of("approvals.check.finished")) == 1


class TestWhatTheGateThinks:
    def test_g20_a_result_on_inputs_that_changed_meanwhile_does_not_count(self, cast, version, queue, now):
        for _ in range(3):
            cast.advance(version)
        run = queue()
        token = checking.claim(run.pk, now=now)
        cast.attach(version, "evaluation_table", tiny_table(seed=3), "evaluation.csv", **TABLE)
        assert checking.finish(run.pk, token, result=PASSED, now=now)
        cast.sign(version, Role.MODEL_VALIDATOR)
        with pytest.raises(Refused, match="ran on earlier inputs"):
            cast.advance(version)

    @pytest.mark.parametrize("verdict", ["failed", "warning", "not_computable", "error", "", "superb"])
    def test_only_passed_passes(self, cast, version, queue, now, verdict):
        for _ in range(3):
            cast.advance(version)
        run = queue()
        token = checking.claim(run.pk, now=now)
        if verdict in ("", "superb"):
            CheckRun.objects.filter(pk=run.pk).update(status="finished", verdict=verdict, token=None)
        else:
            assert checking.finish(run.pk, token, result=Result(verdict, ("Because.",), {}, [], {}, ""), now=now)
        cast.sign(version, Role.MODEL_VALIDATOR)
        with pytest.raises(Refused):
            cast.advance(version)

    def test_a_table_of_an_earlier_artifact_passes_no_gate(self, cast, version, queue, now):
        for _ in range(3):
            cast.advance(version)
        cast.artifact(version, seed=2)
        run = queue()
        checking.finish(run.pk, checking.claim(run.pk, now=now), result=PASSED, now=now)
        cast.sign(version, Role.MODEL_VALIDATOR)
        with pytest.raises(Refused, match="was made with an earlier artifact"):
            cast.advance(version)

    def test_a_repeated_check_with_the_same_result_takes_no_signature_away(self, cast, version, queue, now):
        for _ in range(3):
            cast.advance(version)
        run = queue()
        checking.finish(run.pk, checking.claim(run.pk, now=now), result=PASSED, now=now)
        cast.sign(version, Role.MODEL_VALIDATOR)
        again = queue(cast.signers[Role.IT_OPERATIONS])
        assert again.pk != run.pk
        with pytest.raises(Refused, match="queued"):
            cast.advance(version)
        checking.finish(again.pk, checking.claim(again.pk, now=now), result=PASSED, now=now)
        assert not LedgerEntry.objects.filter(event="approvals.signoff.voided").exists()
        cast.advance(version)

    def test_a_new_result_voids_the_signature_that_saw_the_old_one(self, cast, version, queue, now):
        for _ in range(3):
            cast.advance(version)
        cast.sign(version, Role.MODEL_VALIDATOR)
        run = queue()
        token = checking.claim(run.pk, now=now)
        assert checking.finish(run.pk, token, result=PASSED, now=now)
        with pytest.raises(Refused, match="must sign again"):
            cast.advance(version)


def test_evidence_of_a_later_gate_leaves_a_finished_check_and_its_signature_alone(cast):
    """Documentation completeness reads the kinds that the policy names; a rollback plan is none of them."""
    gate = [
        {"checks": {"check": "documentation_completeness", "parameters": {**NO_DOCUMENTS, "evidence": ["artifact"]}}},
        {"signoffs": {"role": "business_analyst"}},
    ]
    later = [{"evidence": {"kind": "rollback_plan"}}]
    questions = {"use": [{"key": "who", "text": "Who uses it?", "required": False}]}
    cast.publish({"scoping": gate, "deployment_approval": later}, questionnaires=questions)
    version = cast.version()
    cast.artifact(version)
    run = checking.request_check(version_id=version.pk, check_key="documentation_completeness", actor=cast.submitter)
    assert running.execute(run.pk)
    run.refresh_from_db()
    assert run.verdict == "passed", run.sentences
    signed = cast.sign(version, Role.BUSINESS_ANALYST)
    cast.attach(version, "rollback_plan", b"Back to 0.9 by switching the route.", "rollback.md")
    case = dossier.load_case(version)
    assert case.check_inputs["documentation_completeness"] == run.inputs_digest
    assert [one.id for one in case.sign_offs if case.counts(one)] == [signed.pk]
    cast.artifact(version, seed=2)
    case = dossier.load_case(version)
    assert case.check_inputs["documentation_completeness"] != run.inputs_digest
    assert not any(case.counts(one) for one in case.sign_offs)


class TestStopping:
    def test_who_takes_no_part_cannot_stop_a_run(self, cast, queue):
        run = queue()
        for user in (cast.outsider, cast.auditor, cast.superuser):
            with pytest.raises(NotPermitted, match="may stop its checks"):
                checking.stop(run_id=run.pk, actor=user)
        run.refresh_from_db()
        assert run.status == "queued"
        assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 3

    def test_a_stopped_run_is_not_taken_up_and_says_by_whom(self, cast, queue, now):
        run = queue()
        checking.stop(run_id=run.pk, actor=cast.submitter)
        run.refresh_from_db()
        assert (run.status, run.verdict) == ("crashed", "error")
        assert "stopped the run at 0 %" in run.sentences[0]
        assert checking.claim(run.pk, now=now) is None
        assert checking.sweep(now=now + HINT_AGAIN * 10) == ()
        assert not running.execute(run.pk)
        assert ledger_of("approvals.check.stopped") == [
            {"run": run.pk, "check": "performance", "inputs": run.inputs_digest}
        ]
        assert queue().pk != run.pk, "it can be asked for again"

    def test_a_worker_learns_that_its_run_was_stopped_and_its_late_result_counts_for_nothing(self, cast, queue, now):
        run = queue()
        token = checking.claim(run.pk, now=now)
        assert token is not None
        assert checking.report_progress(run.pk, token, percent=40, text="Halfway", now=now)
        checking.stop(run_id=run.pk, actor=cast.submitter)
        assert not checking.report_progress(run.pk, token, percent=50, text="Further", now=now)
        assert not checking.renew(run.pk, token, now=now)
        assert not checking.finish(run.pk, token, result=PASSED, now=now)
        run.refresh_from_db()
        assert (run.status, run.verdict) == ("crashed", "error")
        assert "at 40 %" in run.sentences[0]
        with pytest.raises(Refused, match="is over"):
            checking.stop(run_id=run.pk, actor=cast.submitter)

    def test_a_stopped_run_opens_no_gate(self, cast, version, queue):
        checking.stop(run_id=queue().pk, actor=cast.submitter)
        for _ in range(3):
            cast.advance(version)
        with pytest.raises(Refused, match="or was stopped"):
            cast.advance(version)


def test_a_packed_table_is_evidence_like_a_plain_one(cast):
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    content = tiny_table()
    packed = gzip.compress(content if isinstance(content, bytes) else content.encode())
    cast.attach(version, "evaluation_table", packed, "evaluation.csv.gz", **TABLE)
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    assert running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.verdict) == ("finished", "passed"), run.sentences
