"""A version with something of everything that decisions rest on."""

from datetime import timedelta

from approvals import checking, evidence, findings, workflow
from approvals.models import ModelVersion
from approvals.stages import Role
from tests.cast import SAFE, TABLE, Cast, tiny_table

GATES = {
    "scoping": [{"signoffs": {"role": "business_analyst"}}],
    "validation": [{"checks": {"check": "performance"}}, {"signoffs": {"role": "model_validator"}}],
}


def furnished(cast: Cast) -> ModelVersion:
    """One of each kind of row, made through the use cases."""
    cast.publish(GATES, questionnaires={"use": [{"key": "who", "text": "Who?"}]})
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers={"who": "All."})
    cast.sign(version, Role.BUSINESS_ANALYST)
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    now = run.requested_at
    token = checking.claim(run.pk, now=now)
    checking.finish(run.pk, token, result=checking.Result("failed", ("No.",), {}, [], {}, ""), now=now)
    workflow.comment(version_id=version.pk, actor=cast.submitter, text="Why?")
    row = findings.open_finding(
        version_id=version.pk,
        actor=cast.signers[Role.RISK_OFFICER],
        severity=3,
        title="Incomes are missing",
        description="",
        owner=cast.owner,
        due_on=now.date() + timedelta(days=1),
    )
    findings.close_finding(finding_id=row.pk, actor=cast.signers[Role.MODEL_VALIDATOR], evidence=SAFE)
    return version
