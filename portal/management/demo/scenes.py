"""What people of the demonstration do to one version, each act through the use case that the admin calls too.

Every act may be repeated: what is done already is not done twice, so that a story that was cut short goes on.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from approvals import (
    checking,
    dossier,
    evidence,
    findings,
    permissions,
    registration,
    running,
    signing_off,
    waivers,
    workflow,
)
from approvals.models import CheckRun, Comment, Finding, MitigationPlan, ModelVersion, RegisteredModel, SignOff, Waiver
from approvals.models.checks import RunStatus, Verdict
from approvals.models.findings import FindingStatus, Severity
from approvals.stages import Role, Stage, Tier
from portal.errors import NotPermitted, Refused
from portal.management.demo.cast import ADA, HENRIK, NADIA, SIGNERS, VIKTOR, Person, user
from portal.management.demo.components import bill_of_materials
from portal.management.demo.documents import as_json, lineage
from portal.management.demo.texts import Answers, ModelText
from portal.management.demo.training import TrainedModel
from portal.management.demo.work import Queue, StoryError, Work
from portal.reauthentication import Proof

TIER_ANSWERS = {
    Tier.HIGH: {"people": "many", "amount": "material", "use": "decision", "harm": "loss", "eu_category": "high_risk"},
    Tier.LOW: {
        "people": "few",
        "amount": "minor",
        "use": "recommendation",
        "harm": "inconvenience",
        "eu_category": "minimal",
    },
}
DUE = timedelta(days=14)


@dataclass(frozen=True)
class House:
    """What all scenes share: the common password, who does queued work, the private folder, and how much is told."""

    password: str
    work: Work
    var: Path
    brief: bool = False


@dataclass(frozen=True)
class Scene:
    """One model and its version."""

    house: House
    text: ModelText
    tier: Tier

    def model(self) -> RegisteredModel:
        """The registered model."""
        return RegisteredModel.objects.get(name=self.text.name)

    def version(self) -> ModelVersion:
        """The version as it stands."""
        return ModelVersion.objects.select_related("model", "policy").get(
            model__name=self.text.name, number=self.text.number
        )

    def register_model(self) -> None:
        """Ada registers the model, which belongs to the business owner."""
        if not RegisteredModel.objects.filter(name=self.text.name).exists():
            registration.register_model(
                actor=user(ADA),
                name=self.text.name,
                purpose=self.text.purpose,
                owner=user(HENRIK),
                business_unit=self.text.business_unit,
                tier_answers=TIER_ANSWERS[self.tier],
            )

    def grant_rights(self) -> None:
        """The administrator gives each signer the right of their role, and the auditor that of reading."""
        for person in SIGNERS:
            if person.role:
                self.grant(person, person.role)
        self._give(VIKTOR, permissions.AUDIT)

    def grant(self, person: Person, role: Role) -> None:
        """The administrator gives one person one role on the model."""
        self._give(person, permissions.permission_for(role))

    def _give(self, person: Person, codename: str) -> None:
        model = self.model()
        if not permissions.granted(user(person), codename, model):
            permissions.grant(actor=user(NADIA), codename=codename, to=user(person), model=model)

    def register_version(self, *, code_revision: str) -> None:
        """Ada registers the version that she developed herself."""
        if not ModelVersion.objects.filter(model=self.model(), number=self.text.number).exists():
            registration.register_version(
                model_id=self.model().pk,
                actor=user(ADA),
                number=self.text.number,
                summary=self.text.summary,
                developer=user(ADA),
                code_revision=code_revision,
            )

    def attach(
        self, kind: str, content: bytes, name: str, *, by: Person = ADA, details: Mapping[str, Any] | None = None
    ) -> None:
        """Attach a file, unless it is the current one of its kind."""
        version = self.version()
        current = evidence.current(version, kind)
        artifact = evidence.current(version, "artifact")
        if current is not None and current.file.path.read_bytes() == content and current.details == (details or {}):
            made_with = current.artifact_sha256
            if not made_with or (artifact is not None and made_with == artifact.file.sha256):
                return
        evidence.attach(
            version_id=version.pk,
            actor=user(by),
            kind=kind,
            stream=io.BytesIO(content),
            name=name,
            details=details,
        )

    def attach_model(self, trained: TrainedModel) -> None:
        """Attach a trained model with everything that is made along with it."""
        self.attach_files(trained, lineage(trained))

    def attach_files(self, trained: TrainedModel, lineage_document: dict[str, Any]) -> None:
        """The same, with a lineage that is written elsewhere."""
        self.attach("artifact", trained.artifact, trained.artifact_name)
        self.attach("evaluation_table", trained.evaluation_csv, "evaluation.csv", details=trained.declaration)
        self.attach("training_table", trained.training_csv, "training.csv")
        self.attach("training_record", trained.training_record_json, "training-record.json")
        self.attach("data_lineage", as_json(lineage_document), "data-lineage.json")
        bill = bill_of_materials(name=trained.name, artifact_sha256=trained.training_record["artifact_sha256"])
        self.attach("bill_of_materials", bill, "bill-of-materials.cdx.json")

    def answer(self, answers: Answers) -> None:
        """Ada answers the questionnaires."""
        for section, given in answers.items():
            evidence.record_answers(version_id=self.version().pk, actor=user(ADA), section=section, answers=given)

    def check(self, **expected: Verdict) -> str:
        """Run checks on what is attached now, and see that they say what the story tells."""
        version = self.version()
        open_now = checking.open_checks(dossier.load_case(version))
        for key in expected:
            if key in open_now:
                checking.request_check(version_id=version.pk, check_key=key, actor=user(ADA))
        self.house.work.finish(Queue("checks", lambda: _waiting_checks(version), running.execute))
        return "; ".join(self._said(key, verdict) for key, verdict in expected.items())

    def _said(self, key: str, expected: Verdict) -> str:
        run = self.latest_run(key)
        if run.verdict != expected:
            raise StoryError(
                f"The story tells that {key} of {run.version} is {expected.label.lower()}, but it is "
                f"{run.verdict or run.status}: {' '.join(run.sentences)}"
            )
        return f"{key.replace('_', ' ')} {expected.label.lower()}"

    def latest_run(self, key: str) -> CheckRun:
        """The newest run of a check."""
        return CheckRun.objects.filter(version=self.version(), check_key=key).latest("pk")

    def sign(
        self,
        person: Person,
        stage: Stage,
        comment: str,
        *,
        take: int = 1,
        decision: str = "approve",
        to: str = "",
        role: Role | None = None,
    ) -> None:
        """Sign a stage after looking at it as it stands, with the password, as on the page."""
        version, actor = self.version(), user(person)
        as_role = role or person.role
        if as_role is None:
            raise StoryError(f"{person.full_name} has no role to sign as.")
        key = f"demo-{version.pk}-{take}-{stage}-{person.username}"
        if SignOff.objects.filter(signer=actor, idempotency_key=key).exists():
            return
        asked = signing_off.Request(
            stage=stage,
            role=as_role,
            decision=decision,
            comment=comment,
            seen_digest=dossier.load_case(version).dossiers[stage],
            idempotency_key=key,
        )
        workflow.sign_off(
            version_id=version.pk,
            actor=actor,
            asked=asked,
            proof=Proof(self.house.password),
            http_request=_local_request(),
            to=to,
        )

    def sign_exception(self, waiver: Waiver, person: Person, comment: str) -> None:
        """Somebody signs an exception as they see it now."""
        signer = user(person)
        waivers.sign(
            waiver_id=waiver.pk,
            actor=signer,
            proof=Proof(self.house.password),
            comment=comment,
            seen_digest=waivers.prepare(waiver=waiver, actor=signer).digest,
            idempotency_key=f"demo-exception-{waiver.pk}-{signer.pk}",
            http_request=_local_request(),
        )

    def is_refused_to_sign(self, person: Person, stage: Stage, role: Role) -> str:
        """Somebody tries to sign who may not; gives the sentence of the refusal, which the ledger keeps."""
        try:
            self.sign(person, stage, "Looks fine to me, let us go on.", role=role)
        except NotPermitted as refusal:
            return refusal.sentence
        raise StoryError(f"{person.full_name} could sign, which must never happen.")

    def advance(self, to: Stage) -> None:
        """Ada moves the version on."""
        version = self.version()
        if version.stage != to:
            moved = workflow.advance(version_id=version.pk, actor=user(ADA))
            if moved.stage != to:
                raise StoryError(f"{moved} is in {moved.get_stage_display().lower()}, not in {to.label.lower()}.")

    def is_refused_to_advance(self) -> str:
        """Ada tries to move on through a closed gate; gives the sentence of the refusal."""
        try:
            workflow.advance(version_id=self.version().pk, actor=user(ADA))
        except Refused as refusal:
            return refusal.sentence
        raise StoryError(f"{self.version()} went through a gate that should have been closed.")

    def comment(self, person: Person, text: str) -> None:
        """Say something in the discussion."""
        version, actor = self.version(), user(person)
        if not Comment.objects.filter(version=version, author=actor, text=text).exists():
            workflow.comment(version_id=version.pk, actor=actor, text=text)

    def open_finding(self, person: Person, title: str, description: str, owner: Person) -> None:
        """A signer writes down what is wrong."""
        version = self.version()
        if not Finding.objects.filter(version=version, title=title).exists():
            findings.open_finding(
                version_id=version.pk,
                actor=user(person),
                severity=Severity.HIGH,
                title=title,
                description=description,
                owner=user(owner),
                due_on=(timezone.now() + DUE).date(),
            )

    def close_finding(self, person: Person, title: str, proof: str) -> None:
        """A signer who does not own the finding closes it."""
        row = Finding.objects.get(version=self.version(), title=title)
        if row.status != FindingStatus.CLOSED:
            findings.close_finding(finding_id=row.pk, actor=user(person), evidence=proof)

    def plan_mitigations(self, key: str, plan: str, owner: Person) -> str:
        """Ada records what is done about each measure that failed in the newest failed run of a check."""
        run = CheckRun.objects.filter(version=self.version(), check_key=key, verdict=Verdict.FAILED).latest("pk")
        names = [str(measure["name"]) for measure in run.reading["failed_measures"]]
        for name in names:
            if not MitigationPlan.objects.filter(failed_run=run, measure=name).exists():
                findings.record_mitigation(
                    run_id=run.pk,
                    measure=name,
                    plan=plan,
                    owner=user(owner),
                    due_on=(timezone.now() + DUE).date(),
                    actor=user(ADA),
                )
        return " and ".join(names)


def _waiting_checks(version: ModelVersion) -> list[int]:
    waiting = CheckRun.objects.filter(version=version, status__in=(RunStatus.QUEUED, RunStatus.RUNNING))
    return list(waiting.order_by("pk").values_list("pk", flat=True))


def _local_request() -> HttpRequest:
    """A request from this machine: confirming a password counts wrong ones by address."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = "127.0.0.1"
    return request
