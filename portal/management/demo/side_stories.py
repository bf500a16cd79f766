"""Three short stories: a model that waits for a signature, one that a check stops, and one that a signer rejects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.utils import timezone

from approvals import waivers
from approvals.models import Waiver
from approvals.models.checks import Verdict
from approvals.stages import Stage, Tier
from approvals.waivable import waivable
from portal.management.demo import comments, texts
from portal.management.demo.cast import ADA, HENRIK, MATEO, PRIYA, ROSA, SAMIRA, TOMASZ, Person, user
from portal.management.demo.scenes import House, Scene
from portal.management.demo.steps import Step
from portal.management.demo.story import advances, checks
from portal.management.demo.training import (
    TrainedModel,
    train_applicant_profile,
    train_campaign,
    train_early_warning,
)

PASSED = Verdict.PASSED
Comments = dict[tuple[Stage, str], str]


def campaign(house: House) -> list[Step]:
    """A low-tier model that has passed its checks and waits for the validator's signature."""
    scene = Scene(house, texts.CAMPAIGN, Tier.LOW)
    return [
        *_submitted(scene, train_campaign),
        _signs(scene, HENRIK, Stage.SCOPING, comments.LETTER),
        advances(scene, Stage.DATA_REVIEW),
        *_through_data_and_development(scene, comments.LETTER),
        checks(scene, "checks before validation", performance=PASSED, group_fairness=PASSED),
    ]


def early_warning(house: House) -> list[Step]:
    """A model whose claims do not hold: performance fails, and the gate stays closed."""
    scene = Scene(house, texts.EARLY_WARNING, Tier.HIGH)
    return [
        *_submitted(scene, train_early_warning),
        _signs(scene, ROSA, Stage.SCOPING, comments.WARNING),
        _signs(scene, HENRIK, Stage.SCOPING, comments.WARNING),
        advances(scene, Stage.DATA_REVIEW),
        checks(scene, "check of the lineage", lineage_completeness=PASSED),
        *_through_data_and_development(scene, comments.WARNING),
        Step(f"Mateo attaches his validation report of {scene.text.name}", partial(_report, scene)),
        Step(f"Ada runs the checks of performance and calibration of {scene.text.name}", partial(_claims_fail, scene)),
        Step("Ada tries to move on in spite of it and is refused", scene.is_refused_to_advance),
        Step("Ada says what she will do", partial(scene.comment, ADA, comments.DEVELOPER_ON_WARNING)),
        Step(
            "Ada asks for an exception from the calibration until it is trained again", partial(_asks_exception, scene)
        ),
        Step(
            f"{SAMIRA.full_name} signs the exception; a second signature is missing", partial(_signs_exception, scene)
        ),
    ]


def applicant_profile(house: House) -> list[Step]:
    """A model that decides by who somebody is: the data steward rejects it."""
    scene = Scene(house, texts.APPLICANT_PROFILE, Tier.HIGH)
    reject = partial(scene.sign, PRIYA, Stage.DATA_REVIEW, texts.REASON_TO_REJECT, decision="reject")
    return [
        *_submitted(scene, train_applicant_profile),
        _signs(scene, ROSA, Stage.SCOPING, comments.PROFILE),
        _signs(scene, HENRIK, Stage.SCOPING, comments.PROFILE),
        advances(scene, Stage.DATA_REVIEW),
        checks(scene, "check of group fairness", group_fairness=Verdict.FAILED),
        Step(f"Priya Raman, data steward, rejects {scene.text.name}", reject),
    ]


def _report(scene: Scene) -> None:
    report = comments.WARNING_VALIDATION_REPORT.encode()
    scene.attach("validation_report", report, "validation-report.md", by=MATEO)


def _claims_fail(scene: Scene) -> str:
    scene.check(performance=Verdict.FAILED, calibration=Verdict.FAILED, reproducibility=Verdict.PASSED)
    return str(scene.latest_run("performance").sentences[0])


def _asks_exception(scene: Scene) -> None:
    version = scene.version()
    if not Waiver.objects.filter(version=version).exists():
        wanted = next(one for one in waivable(version) if one.title == "Calibration")
        waivers.ask(
            version_id=version.pk,
            actor=user(ADA),
            key=wanted.key,
            reason=comments.WHY_AN_EXCEPTION,
            meanwhile=comments.MEANWHILE,
            expires_on=timezone.now().date() + timedelta(days=60),
        )


def _signs_exception(scene: Scene) -> None:
    waiver = Waiver.objects.select_related("version__model", "version__policy").get(version=scene.version())
    signer = user(SAMIRA)
    if not waiver.signatures.filter(signer=signer).exists():
        scene.sign_exception(waiver, SAMIRA, comments.SAMIRA_ON_EXCEPTION)


def _submitted(scene: Scene, train: Callable[[], TrainedModel]) -> list[Step]:
    name = scene.text.name
    return [
        Step(f"Ada registers {name}", scene.register_model),
        Step(f"The administrator grants roles on {name}", scene.grant_rights),
        Step(
            f"Ada registers version {scene.text.number} of {name}",
            lambda: scene.register_version(code_revision=train().code_revision),
        ),
        Step(f"Ada uploads the artifact and tables of {name}", lambda: scene.attach_model(train())),
        Step(f"Ada answers the questionnaires of {name}", partial(scene.answer, scene.text.answers)),
    ]


def _through_data_and_development(scene: Scene, said: Comments) -> list[Step]:
    return [
        checks(scene, "checks of data quality and digests", data_quality=PASSED, digest_match=PASSED),
        _signs(scene, PRIYA, Stage.DATA_REVIEW, said),
        advances(scene, Stage.DEVELOPMENT),
        _signs(scene, TOMASZ, Stage.DEVELOPMENT, said),
        advances(scene, Stage.VALIDATION),
    ]


def _signs(scene: Scene, person: Person, stage: Stage, said: Comments) -> Step:
    return Step(
        f"{person.full_name} signs {stage.label.lower()} of {scene.text.name}",
        partial(scene.sign, person, stage, said[stage, person.username]),
    )
