"""Two short stories to the end: a model that predicts a number and one that chooses a class, each with its card."""

from __future__ import annotations

from functools import partial
from typing import Any

from approvals.models.checks import Verdict
from approvals.stages import Stage, Tier
from portal.management.demo import after_approval, other_texts
from portal.management.demo.cast import ELIF, GRACE, HENRIK, LEILANI, PRIYA, SAMIRA, TOMASZ, Person
from portal.management.demo.documents import as_json
from portal.management.demo.other_training import ALL, CODE, OtherModel
from portal.management.demo.scenes import House, Scene
from portal.management.demo.steps import Step
from portal.management.demo.texts import ModelText

PASSED = Verdict.PASSED
SIGNERS: dict[Stage, Person] = {
    Stage.SCOPING: HENRIK,
    Stage.DATA_REVIEW: PRIYA,
    Stage.DEVELOPMENT: TOMASZ,
    Stage.VALIDATION: ELIF,
    Stage.FAIRNESS_REVIEW: SAMIRA,
    Stage.REGULATORY_REVIEW: GRACE,
    Stage.DEPLOYMENT_APPROVAL: LEILANI,
}
TOLD = {"progress": other_texts.DEMAND, "reader": other_texts.READER}


def registered(house: House, key: str) -> list[Step]:
    """The model and its version, which is pinned to the newest policy of the tier."""
    scene = Scene(house, TOLD[key], Tier.LOW)
    name = scene.text.name
    return [
        Step(f"Ada registers {name}", scene.register_model),
        Step(f"The administrator grants roles on {name}", scene.grant_rights),
        Step(
            f"Ada registers version {scene.text.number} of {name}",
            lambda: scene.register_version(code_revision=ALL[key]().trained.code_revision),
        ),
    ]


def approved(house: House, key: str) -> list[Step]:
    """All gates in order, and the issued card."""
    scene = Scene(house, TOLD[key], Tier.LOW)
    name, by_group = scene.text.name, "group_fairness" if key == "progress" else "slice_performance"
    checks = {
        Stage.DATA_REVIEW: ("data_quality",),
        Stage.DEVELOPMENT: ("digest_match",),
        Stage.VALIDATION: ("performance",),
        Stage.FAIRNESS_REVIEW: (by_group,),
        Stage.REGULATORY_REVIEW: ("documentation_completeness",),
        Stage.DEPLOYMENT_APPROVAL: ("artifact_scan",),
    }
    steps = [
        Step(f"Ada trains and uploads the artifact of {name}", partial(_attach, scene, key)),
        Step(f"Ada answers the questionnaires of {name}", partial(scene.answer, scene.text.answers)),
        Step(
            f"Ada runs the checks of {name}",
            partial(scene.check, **{asked: PASSED for of_stage in checks.values() for asked in of_stage}),
        ),
    ]
    for stage, person in SIGNERS.items():
        steps += [_signs(scene, person, stage), _moves(scene, stage)]
    return [*steps, Step(f"The portal issues and signs the card of {name}", partial(after_approval.issued_card, scene))]


def _signs(scene: Scene, person: Person, stage: Stage) -> Step:
    comment = other_texts.COMMENTS[scene.text.name, stage]
    return Step(
        f"{person.full_name} signs {stage.label.lower()} of {scene.text.name}",
        partial(scene.sign, person, stage, comment),
    )


def _moves(scene: Scene, stage: Stage) -> Step:
    after = list(Stage)[list(Stage).index(stage) + 1]
    return Step(f"Ada moves {scene.text.name} on to {after.label.lower()}", partial(scene.advance, after))


def _attach(scene: Scene, key: str) -> None:
    made, text = ALL[key](), scene.text
    scene.attach_files(made.trained, lineage(made))
    scene.attach("risk_register", as_json(other_texts.RISKS[text.name]), "risk-register.json")
    scene.attach("monitoring_plan", other_texts.MONITORING.encode(), "monitoring-plan.md")
    scene.attach("rollback_plan", other_texts.ROLLBACK.encode(), "rollback-plan.md")


def lineage(made: OtherModel) -> dict[str, Any]:
    """Where the data of the model come from and what was done to them."""
    data, record = made.data, made.trained.training_record
    learned = f"Features of this model: {', '.join(data.features)}. Other columns are for checks only."
    return {
        "sources": [
            {
                "name": data.name,
                "origin": data.origin,
                "owner": data.owner,
                "licence": data.licence,
                "rows": data.rows,
                "period": data.period,
                "sha256": data.sha256,
                "personal_data": {"category": "none"},
            }
        ],
        "tables": [
            _table(record, "training", "training"),
            {"name": "model", "role": "artifact", "sha256": record["artifact_sha256"]},
            _table(record, "held_out", "evaluation"),
        ],
        "transformations": [
            _step(record, "split", [data.name], "training", [*data.steps, record["split"]]),
            _step(record, "train", ["training"], "model", [learned]),
            _step(record, "score", [data.name, "model"], "held-out", ["The other half, with the predictions."]),
        ],
        "lawful_basis": "Public data without names; no personal data of anybody who deals with the house is processed.",
        "sensitive_attributes": [
            {"name": name, "is_feature": name in data.features, "description": "For measuring only."}
            for name in data.groups
        ],
        "known_problems": list(data.problems),
        "steward": "Data steward",
    }


def _table(record: dict[str, Any], name: str, role: str) -> dict[str, Any]:
    digest = record[f"{name}_table_sha256"]
    return {"name": name.replace("_", "-"), "role": role, "rows": record[f"{name}_rows"], "sha256": digest}


def _step(record: dict[str, Any], name: str, used: list[str], made: str, said: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "description": said,
        "used": used,
        "generated": [made],
        "code": ", ".join(f"portal/management/demo/{file}" for file in CODE),
        "code_sha256": record["code_revision"],
    }


def texts_of_others() -> tuple[ModelText, ...]:
    """Every text of these stories."""
    return tuple(TOLD.values())
