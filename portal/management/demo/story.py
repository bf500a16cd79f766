"""The main story: a credit score fails fairness by age group, is mitigated, tested again, approved and watched.

Says who does what in which order; every number in it is measured while it is told.
"""

from __future__ import annotations

from functools import partial

from approvals.models.checks import Verdict
from approvals.stages import Role, Stage, Tier
from portal.management.demo import after_approval, comments, documents, texts
from portal.management.demo.cast import (
    ADA,
    ELIF,
    GRACE,
    HENRIK,
    LEILANI,
    MATEO,
    NADIA,
    OSCAR,
    PRIYA,
    ROSA,
    SAMIRA,
    TOMASZ,
    YUKI,
    Person,
)
from portal.management.demo.scenes import House, Scene
from portal.management.demo.steps import Step
from portal.management.demo.training import train_first, train_mitigated

FINDING = "Applicants of 25 or under are approved too seldom"
PASSED, FAILED = Verdict.PASSED, Verdict.FAILED


def credit_score(house: House) -> list[Step]:
    """All steps of the main story."""
    scene = Scene(house, texts.CREDIT_SCORE, Tier.HIGH)
    return [
        *_submission(scene),
        *_first_pass(scene),
        *_fairness_fails(scene),
        *_second_artifact(scene),
        *_second_pass(scene),
        *_approval(scene),
        *after_approval.steps(scene),
    ]


def signs(scene: Scene, person: Person, stage: Stage, *, take: int = 1) -> Step:
    """A person signs a stage with their own words."""
    comment = comments.OF[take, stage, person.username]
    again = " again" if take > 1 and (1, stage, person.username) in comments.OF else ""
    return Step(
        f"{person.full_name} signs {stage.label.lower()}{again} as {person.signs_as}",
        partial(scene.sign, person, stage, comment, take=take),
    )


def advances(scene: Scene, to: Stage) -> Step:
    """The submitter moves the version on."""
    return Step(f"Ada moves {scene.text.name} on to {to.label.lower()}", partial(scene.advance, to))


def checks(scene: Scene, what: str, **expected: Verdict) -> Step:
    """The submitter runs checks."""
    return Step(f"Ada runs the {what} of {scene.text.name}", partial(scene.check, **expected))


def _submission(scene: Scene) -> list[Step]:
    name = scene.text.name
    return [
        Step(f"Ada registers {name}", scene.register_model),
        Step(f"The administrator grants roles on {name}", scene.grant_rights),
        Step("Ada may deputise for the lead data scientist", partial(scene.grant, ADA, Role.LEAD_DATA_SCIENTIST)),
        Step(
            f"Ada registers version {scene.text.number} of {name}",
            lambda: scene.register_version(code_revision=train_first().code_revision),
        ),
        Step("Ada trains the first artifact and uploads it", lambda: scene.attach_model(train_first())),
        Step("Ada attaches risk register and plans", partial(_attach_documents, scene)),
        Step("Ada answers the questionnaires", partial(scene.answer, scene.text.answers)),
    ]


def _attach_documents(scene: Scene) -> None:
    scene.attach("risk_register", documents.as_json(documents.RISK_REGISTER), "risk-register.json")
    for kind, text in (
        ("monitoring_plan", documents.MONITORING_PLAN),
        ("rollback_plan", documents.ROLLBACK_PLAN),
        ("deployment_target", documents.DEPLOYMENT_TARGET),
    ):
        scene.attach(kind, text.encode(), f"{kind.replace('_', '-')}.md")


def _attach_report(scene: Scene, text: str) -> None:
    scene.attach("validation_report", text.encode(), "validation-report.md", by=MATEO)


def _first_pass(scene: Scene) -> list[Step]:
    refused = scene.is_refused_to_sign
    return [
        Step(
            "Oscar, who has no right on this model, tries to sign and is refused",
            partial(refused, OSCAR, Stage.SCOPING, Role.BUSINESS_ANALYST),
        ),
        Step(
            "Nadia, an administrator, tries to sign and is refused",
            partial(refused, NADIA, Stage.SCOPING, Role.BUSINESS_OWNER),
        ),
        Step("Ada tries to move on without sign-offs and is refused", scene.is_refused_to_advance),
        signs(scene, ROSA, Stage.SCOPING),
        signs(scene, HENRIK, Stage.SCOPING),
        advances(scene, Stage.DATA_REVIEW),
        checks(scene, "checks of data quality and lineage", data_quality=PASSED, lineage_completeness=PASSED),
        signs(scene, PRIYA, Stage.DATA_REVIEW),
        advances(scene, Stage.DEVELOPMENT),
        checks(scene, "check of digests", digest_match=PASSED),
        Step(
            "Ada, who deputises for the lead data scientist, tries to sign her own version and is refused",
            partial(refused, ADA, Stage.DEVELOPMENT, Role.LEAD_DATA_SCIENTIST),
        ),
        signs(scene, TOMASZ, Stage.DEVELOPMENT),
        advances(scene, Stage.VALIDATION),
        checks(
            scene,
            "checks of performance, calibration and reproducibility",
            performance=PASSED,
            calibration=PASSED,
            reproducibility=PASSED,
        ),
        Step("Mateo attaches his validation report", partial(_attach_report, scene, comments.FIRST_VALIDATION_REPORT)),
        signs(scene, ELIF, Stage.VALIDATION),
        advances(scene, Stage.FAIRNESS_REVIEW),
    ]


def _fairness_fails(scene: Scene) -> list[Step]:
    return [
        Step("Ada runs the check of group fairness", partial(_fails_by_age_alone, scene)),
        Step("Ada tries to move on in spite of it and is refused", scene.is_refused_to_advance),
        Step(
            "Samira opens a finding",
            partial(scene.open_finding, SAMIRA, FINDING, comments.FINDING_DESCRIPTION, TOMASZ),
        ),
        Step("Ada records a plan for each failed measure", partial(_plan, scene)),
        Step(
            "Samira, risk officer, asks for changes, back to development",
            partial(
                scene.sign,
                SAMIRA,
                Stage.FAIRNESS_REVIEW,
                comments.REQUEST_FOR_CHANGES,
                decision="request_changes",
                to=Stage.DEVELOPMENT.value,
            ),
        ),
    ]


def _fails_by_age_alone(scene: Scene) -> str:
    scene.check(group_fairness=FAILED)
    run = scene.latest_run("group_fairness")
    return " ".join(sentence for sentence in run.sentences if "by age_group" in sentence)


def _plan(scene: Scene) -> str:
    return scene.plan_mitigations("group_fairness", texts.MITIGATION_PLAN, TOMASZ)


def _second_artifact(scene: Scene) -> list[Step]:
    return [
        Step(
            "Ada trains the mitigated artifact and uploads it; sign-offs no longer count",
            lambda: scene.attach_model(train_mitigated()),
        ),
        Step("Ada says what is new", partial(scene.comment, ADA, texts.MITIGATED_SUMMARY)),
        Step("Ada changes her answers about limits and fairness", partial(_answer_again, scene)),
        Step("Ada tries to move on with the old sign-offs and is refused", scene.is_refused_to_advance),
        checks(
            scene,
            "checks again",
            data_quality=PASSED,
            lineage_completeness=PASSED,
            digest_match=PASSED,
            performance=PASSED,
            calibration=PASSED,
            reproducibility=PASSED,
            group_fairness=PASSED,
        ),
        Step("Group fairness by age group is measured again", partial(_by_age, scene)),
        Step("Samira closes her finding", partial(scene.close_finding, SAMIRA, FINDING, comments.PROOF_OF_MITIGATION)),
    ]


def _by_age(scene: Scene) -> str:
    sentences = scene.latest_run("group_fairness").sentences
    return " ".join(sentence for sentence in sentences if "by age_group" in sentence)


def _answer_again(scene: Scene) -> None:
    scene.answer(texts.ANSWERS_AFTER_MITIGATION)


def _second_pass(scene: Scene) -> list[Step]:
    return [
        signs(scene, ROSA, Stage.SCOPING, take=2),
        signs(scene, HENRIK, Stage.SCOPING, take=2),
        signs(scene, PRIYA, Stage.DATA_REVIEW, take=2),
        signs(scene, TOMASZ, Stage.DEVELOPMENT, take=2),
        advances(scene, Stage.VALIDATION),
        Step(
            "Mateo attaches his second validation report", partial(_attach_report, scene, documents.VALIDATION_REPORT)
        ),
        signs(scene, ELIF, Stage.VALIDATION, take=2),
        advances(scene, Stage.FAIRNESS_REVIEW),
        signs(scene, SAMIRA, Stage.FAIRNESS_REVIEW, take=2),
        signs(scene, GRACE, Stage.FAIRNESS_REVIEW, take=2),
        advances(scene, Stage.REGULATORY_REVIEW),
    ]


def _approval(scene: Scene) -> list[Step]:
    return [
        checks(scene, "check of the documentation", documentation_completeness=PASSED),
        Step("Ada asks for the draft of the model card", partial(after_approval.draft_card, scene)),
        signs(scene, GRACE, Stage.REGULATORY_REVIEW),
        advances(scene, Stage.DEPLOYMENT_APPROVAL),
        checks(
            scene,
            "security scan of the artifact and the check of its components",
            artifact_scan=PASSED,
            dependency_licences=PASSED,
        ),
        signs(scene, LEILANI, Stage.DEPLOYMENT_APPROVAL),
        signs(scene, YUKI, Stage.DEPLOYMENT_APPROVAL),
        signs(scene, HENRIK, Stage.DEPLOYMENT_APPROVAL),
        signs(scene, SAMIRA, Stage.DEPLOYMENT_APPROVAL),
        advances(scene, Stage.MONITORING),
    ]
