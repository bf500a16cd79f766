"""One version goes all the way through the use cases, with a real check run, and nobody can take a short cut."""

import pytest

from approvals import checking, dossier, running, workflow
from approvals.models import ModelVersion
from approvals.stages import PATH, REVIEW_STAGES, Role, Stage
from portal.errors import NotPermitted, Refused
from portal.models import LedgerEntry
from tests.cast import TABLE, tiny_table

GATES = {
    "scoping": [{"evidence": {"kind": "artifact"}}, {"signoffs": {"role": "business_analyst"}}],
    "validation": [
        {"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}},
        {"signoffs": {"role": "model_validator"}},
    ],
    "deployment_approval": [{"signoffs": {"role": "it_operations"}}, {"signoffs": {"role": "security_officer"}}],
}


@pytest.fixture
def version(cast):
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    return version


def stage_of(version):
    return ModelVersion.objects.get(pk=version.pk).stage


def test_a_version_reaches_monitoring_only_through_every_gate(cast, version):
    with pytest.raises(Refused, match="Business analyst has not signed"):
        cast.advance(version)
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(3):
        cast.advance(version)
    assert stage_of(version) == Stage.VALIDATION
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    with pytest.raises(Refused, match="queued"):
        cast.advance(version)
    assert running.execute(run.pk)
    run.refresh_from_db()
    assert run.verdict == "passed", run.sentences
    cast.sign(version, Role.MODEL_VALIDATOR)
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    cast.sign(version, Role.SECURITY_OFFICER)
    cast.advance(version)
    assert stage_of(version) == Stage.MONITORING
    moves = LedgerEntry.objects.filter(event="approvals.version.advanced").count()
    assert moves == len(PATH) - 1


def test_g7_a_new_artifact_voids_earlier_sign_offs_and_closes_their_gates(cast, version):
    cast.sign(version, Role.BUSINESS_ANALYST)
    cast.advance(version)
    cast.artifact(version, seed=2)
    with pytest.raises(Refused, match="Business analyst must sign again: the sign-off of Amara Nwosu covered"):
        cast.advance(version)
    cast.sign(version, Role.BUSINESS_ANALYST, stage=Stage.SCOPING)
    cast.advance(version)
    assert stage_of(version) == Stage.DEVELOPMENT
    assert LedgerEntry.objects.filter(event="approvals.signoff.voided").count() == 1


@pytest.mark.parametrize("who", ["submitter", "outsider", "superuser"])
def test_g3_people_who_may_not_sign_are_refused_and_recorded(cast, version, who):
    with pytest.raises(NotPermitted):
        cast.sign(version, Role.BUSINESS_ANALYST, by=getattr(cast, who))
    assert LedgerEntry.objects.filter(event="approvals.signoff.refused").count() == 1


def test_a_suspended_version_needs_fresh_sign_offs(cast, version):
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(3):
        cast.advance(version)
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    running.execute(run.pk)
    cast.sign(version, Role.MODEL_VALIDATOR)
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    cast.sign(version, Role.SECURITY_OFFICER)
    cast.advance(version)
    workflow.suspend(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason="Drift in production.")
    operations = cast.signers[Role.IT_OPERATIONS]
    with pytest.raises(Refused, match="must sign again"):
        workflow.reinstate(version_id=version.pk, actor=operations, reason="It is repaired now.")
    for role in (Role.IT_OPERATIONS, Role.SECURITY_OFFICER):
        cast.sign(version, role, stage=Stage.DEPLOYMENT_APPROVAL)
    workflow.reinstate(version_id=version.pk, actor=operations, reason="It is repaired now.")
    assert stage_of(version) == Stage.MONITORING


def test_a_request_for_changes_moves_back_and_blocks_until_something_changes(cast, version):
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.MODEL_VALIDATOR, decision="request_changes", to="development")
    assert stage_of(version) == Stage.DEVELOPMENT
    cast.advance(version)
    with pytest.raises(Refused, match="asked for changes"):
        cast.advance(version)


def test_every_stage_has_its_dossier(cast, version):
    case = dossier.load_case(ModelVersion.objects.get(pk=version.pk))
    assert set(case.dossiers) == {stage.value for stage in REVIEW_STAGES}
    assert len(set(case.dossiers.values())) == len(REVIEW_STAGES)
