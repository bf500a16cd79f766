"""Stages, sign-offs, findings, rights and policies follow from the ledger alone; whatever differs is named."""

import pytest
from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, remove_perm

from approvals import permissions, replaying, workflow
from approvals.models import Answer, CheckRun, Evidence, Finding, ModelVersion, Policy, SignOff
from approvals.stages import Role
from portal.auditing import verify
from tests.cast import SAFE
from tests.furnished import furnished
from tests.portal.ledgers import drop_guards

pytestmark = pytest.mark.both_engines


@pytest.fixture
def version(cast):
    version = furnished(cast)
    permissions.revoke(actor=cast.superuser, codename=permissions.AUDIT, to=cast.auditor, model=version.model)
    for _ in range(2):
        cast.advance(version)
    workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason=SAFE)
    return version


def test_g32_the_tables_are_what_the_ledger_says(version):
    state = replaying.replay()
    assert state.versions[version.pk]["stage"] == "withdrawn"
    assert len(state.sign_offs) == len(state.findings) == len(state.runs) == 1
    assert len(state.evidence) == 2
    assert replaying.differences() == ()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: ModelVersion.objects.update(stage="monitoring"), "stage is “monitoring” in the tables"),
        (lambda: SignOff.objects.update(comment="Fine, fine, fine."), "comment is “Fine"),
        (lambda: SignOff.objects.all().delete(), "is in the ledger and not in the tables"),
        (lambda: Finding.objects.update(severity=1), "severity is “Low”"),
        (lambda: Finding.objects.update(description="nothing"), "description is “nothing”"),
        (lambda: Evidence.objects.update(artifact_sha256="0" * 64), "made with artifact is"),
        (lambda: Answer.objects.update(text="Nobody."), "text is “Nobody.” in the tables and “All.” by the ledger"),
        (lambda: CheckRun.objects.update(verdict="passed"), "verdict is “passed” in the tables and “failed”"),
        (lambda: Policy.objects.update(text="name: x"), "is not the one whose digest it carries"),
        (lambda: Policy.objects.update(status="retired"), "status is “retired”"),
    ],
)
def test_g32_a_row_that_was_changed_past_the_use_cases_is_named(version, act, said):
    drop_guards()
    act()
    assert any(said in sentence for sentence in replaying.differences()), replaying.differences()


def test_a_right_that_nobody_granted_is_named(cast, version):
    assign_perm("sign_off_as_risk_officer", cast.outsider, version.model)
    remove_perm("submit_versions", cast.submitter, version.model)
    unknown, missing = sorted(replaying.differences(), reverse=True)
    assert unknown.startswith(f"The right {version.model.pk} submit_versions person")
    assert unknown.endswith("is in the ledger and not in the tables.")
    assert missing.endswith("is in the tables, and the ledger knows nothing of it.")
    assert cast.signers[Role.RISK_OFFICER] != cast.outsider


def test_verifying_the_ledger_verifies_the_tables(version, own_var):
    report = verify()
    assert report.ok, report.sentences
    drop_guards()
    Finding.objects.update(severity=1)
    report = verify()
    assert not report.ok
    assert any("severity is “Low” in the tables and “High” by the ledger" in said for said in report.sentences)


def test_with_the_guards_in_place_it_does_not_come_to_that(version):
    with pytest.raises(IntegrityError), transaction.atomic():
        Finding.objects.update(severity=1)
    assert replaying.differences() == ()
