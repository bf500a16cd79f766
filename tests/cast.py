"""The people and things that tests play with: one of each kind, made through the public use cases."""

from __future__ import annotations

import io
import json
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import yaml
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest

from approvals import dossier, evidence, judging, permissions, publishing, registration, signing_off, workflow
from approvals.models import ModelVersion, RegisteredModel, SignOff
from approvals.stages import REVIEW_STAGES, Role, Stage
from portal.reauthentication import Proof

PASSWORD = "correct horse battery staple"
NAMES = {
    Role.BUSINESS_ANALYST: "Amara Nwosu",
    Role.BUSINESS_OWNER: "Bengt Olsson",
    Role.DATA_STEWARD: "Chiara Rossi",
    Role.LEAD_DATA_SCIENTIST: "Dmitri Petrov",
    Role.MODEL_VALIDATOR: "Elif Kaya",
    Role.RISK_OFFICER: "Farah Haddad",
    Role.COMPLIANCE_OFFICER: "Goran Horvat",
    Role.SECURITY_OFFICER: "Hana Sato",
    Role.IT_OPERATIONS: "Ivan Dvorak",
}
TIER_ANSWERS = {
    "high": {"people": "most", "amount": "material", "use": "decision", "harm": "loss", "eu_category": "high_risk"},
    "low": {"people": "few", "amount": "minor", "use": "information", "harm": "loss", "eu_category": "minimal"},
}
SAFE = "A comment that is long enough."


def person(username: str, full_name: str, **extra: Any) -> User:
    """A staff account with the common password."""
    first, _, last = full_name.partition(" ")
    return User.objects.create_user(
        username, f"{username}@example.com", PASSWORD, first_name=first, last_name=last, is_staff=True, **extra
    )


def web_request() -> HttpRequest:
    """A request as axes needs it."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = "127.0.0.1"
    return request


@dataclass
class Cast:
    """Everybody."""

    submitter: User
    developer: User
    owner: User
    auditor: User
    outsider: User
    superuser: User
    author: User
    publisher: User
    signers: dict[Role, User]

    def publish(self, gates: dict[str, list[Any]] | None = None, *, tier: str = "high", **extra: Any):
        """A published policy; stages that are not given have gates named as empty, as is the checklist."""
        given = gates or {}
        text = yaml.safe_dump(
            {
                "name": extra.pop("name", f"policy-{tier}"),
                "title": "A policy for tests",
                "tier": tier,
                "approval_valid_days": 365,
                "decommission": [],
                "gates": {stage.value: given.get(stage.value, []) for stage in REVIEW_STAGES},
                **extra,
            },
            sort_keys=False,
            allow_unicode=True,
        )
        draft = publishing.draft(actor=self.author, text=text)
        return publishing.publish(policy_id=draft.pk, actor=self.publisher, seen_digest=draft.digest)

    def model(self, name: str = "Consumer credit scoring", *, tier: str = "high") -> RegisteredModel:
        """A registered model with every role granted to its signer, and an auditor."""
        model = registration.register_model(
            actor=self.submitter,
            name=name,
            purpose="Decides who gets credit.",
            owner=self.owner,
            business_unit="Retail",
            tier_answers=TIER_ANSWERS[tier],
        )
        for role, user in self.signers.items():
            permissions.grant(actor=self.superuser, codename=permissions.permission_for(role), to=user, model=model)
        permissions.grant(actor=self.superuser, codename=permissions.AUDIT, to=self.auditor, model=model)
        return model

    def version(self, model: RegisteredModel | None = None, number: str = "1.0.0") -> ModelVersion:
        """A version in scoping, without evidence."""
        return registration.register_version(
            model_id=(model or self.model()).pk,
            actor=self.submitter,
            number=number,
            summary="The first one.",
            developer=self.developer,
        )

    def attach(self, version: ModelVersion, kind: str, content: bytes, name: str, /, **details: Any):
        """Attach evidence as the submitter."""
        return evidence.attach(
            version_id=version.pk,
            actor=self.submitter,
            kind=kind,
            stream=io.BytesIO(content),
            name=name,
            details=details,
        )

    def artifact(self, version: ModelVersion, seed: int = 1):
        """Attach a small artifact; another seed is another artifact."""
        return self.attach(version, "artifact", tiny_safetensors(seed), "model.safetensors")

    def request(self, version: ModelVersion, role: Role, **changes: Any) -> signing_off.Request:
        """What the signer of a role would send after looking at the page as it is now."""
        version = ModelVersion.objects.get(pk=version.pk)
        stage = changes.pop("stage", Stage(version.stage))
        case, document = dossier.load_case(version), judging.document_of(version)
        given = {
            "stage": stage,
            "role": role,
            "decision": "approve",
            "comment": SAFE,
            "seen_digest": dossier.build(case, document, stage).digest,
            "idempotency_key": uuid.uuid4().hex,
            **changes,
        }
        return signing_off.Request(**given)

    def sign(
        self,
        version: ModelVersion,
        role: Role,
        *,
        by: User | None = None,
        password: str = PASSWORD,
        code: str = "",
        to: str = "",
        asked: signing_off.Request | None = None,
        **changes: Any,
    ) -> SignOff:
        """Sign as the holder of the role, or as somebody else."""
        return workflow.sign_off(
            version_id=version.pk,
            actor=by or self.signers[role],
            asked=asked or self.request(version, role, **changes),
            proof=Proof(password, code),
            http_request=web_request(),
            to=to,
        )

    def advance(self, version: ModelVersion, by: User | None = None, **extra: Any) -> ModelVersion:
        """Advance as the submitter."""
        return workflow.advance(version_id=version.pk, actor=by or self.submitter, **extra)


def make_cast() -> Cast:
    """Create everybody in the database."""
    submitter = person("submitter", "Sofia Lind")
    author, publisher = person("author", "Paul Writer"), person("publisher", "Petra Second")
    submitter.user_permissions.add(Permission.objects.get(codename="add_registeredmodel"))
    author.user_permissions.add(Permission.objects.get(codename="change_policy"))
    publisher.user_permissions.add(Permission.objects.get(codename="publish_policy"))
    return Cast(
        submitter=submitter,
        developer=person("developer", "Dev Eloper"),
        owner=person("owner", "Olga Owner"),
        auditor=person("auditor", "Anders Auditor"),
        outsider=person("outsider", "Otto Outsider"),
        superuser=person("root", "Rosa Root", is_superuser=True),
        author=author,
        publisher=publisher,
        signers={role: person(role.value, name) for role, name in NAMES.items()},
    )


@pytest.fixture
def cast(db: None) -> Cast:
    """Everybody, in the test's own transaction."""
    return make_cast()


def tiny_safetensors(seed: int = 1) -> bytes:
    """A real safetensors file with three numbers."""
    data = np.random.default_rng(seed).normal(size=3).astype("<f4").tobytes()
    header = json.dumps({"weights": {"dtype": "F32", "shape": [3], "data_offsets": [0, len(data)]}}).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


def tiny_table(rows: int = 200, seed: int = 1) -> bytes:
    """A small evaluation table with a working score, two groups each and a key."""
    rng = np.random.default_rng(seed)
    lines = ["id,sex,age_group,amount,y_true,y_score,y_pred"]
    for row in range(rows):
        label = int(rng.random() < 0.6)
        score = float(np.clip(rng.normal(0.35 + 0.35 * label, 0.15), 0.01, 0.99))
        sex, age = ("female", "male")[row % 2], ("young", "old")[(row // 2) % 2]
        lines.append(f"{row},{sex},{age},{rng.integers(100, 9000)},{label},{score:.4f},{int(score >= 0.5)}")
    return ("\n".join(lines) + "\n").encode()


TABLE = {
    "label": "y_true",
    "prediction": "y_pred",
    "score": "y_score",
    "key": "id",
    "groups": ["sex", "age_group"],
    "features": ["amount"],
    "favourable": 1,
}
