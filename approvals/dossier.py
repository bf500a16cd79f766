"""What a signer of a stage looks at, as canonical JSON with a digest. Never includes the sign-offs themselves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from approvals import case as cases
from approvals import exceptions, judging
from approvals.canonical import canonical_text
from approvals.judging import Judgement
from approvals.models import ModelVersion
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import Case
from approvals.stages import REVIEW_STAGES, Stage


@dataclass(frozen=True)
class Dossier:
    """The canonical text of one stage and its SHA-256."""

    stage: Stage
    content: dict[str, Any]
    text: str
    digest: str


def build(case: Case, document: PolicyDocument, stage: Stage) -> Dossier:
    """The dossier of a stage: all its gate looks at, the artifact and the policy that judges it."""
    policy, policy_digest = case.policy_of(stage)
    content: dict[str, Any] = {
        "version": {"id": case.version_id, "model": case.model_id, "number": case.number, "tier": case.tier},
        "stage": stage.value,
        "artifact": case.artifact_sha256 or None,
        "policy": {"name": policy, "digest": policy_digest},
        "looked_at": [
            {"kind": requirement.key, "facts": facts}
            for requirement in document.gates.get(stage, ())
            if (facts := requirement.facts(case)) is not None
        ],
    }
    if stage is Stage.DEPLOYMENT_APPROVAL:
        content["suspensions"] = case.suspensions
    if (newest := case.newest_pass(stage)) is not None:
        content["revalidation"] = {
            "id": newest.id,
            "trigger": newest.trigger,
            "opened_at": newest.opened_at.isoformat(),
            "monitoring_record": newest.record_sha256 or None,
        }
    if waivers := exceptions.granted_in(case, document, stage):
        content["exceptions"] = exceptions.in_dossier(waivers)
    text = canonical_text(content)
    return Dossier(stage, content, text, hashlib.sha256(text.encode()).hexdigest())


def load_case(version: ModelVersion, judged: Judgement | None = None) -> Case:
    """The case file of a version with the digest of every stage's dossier, judged by the policy that asks now."""
    judged = judged or judging.of(version)
    bare, document = cases.load(version, judged), judged.document
    return replace(
        bare,
        dossiers={stage.value: build(bare, document, stage).digest for stage in REVIEW_STAGES},
        contributors={stage.value: contributors(bare, document, stage) for stage in REVIEW_STAGES},
    )


def current_text(version: ModelVersion, stage: str) -> str:
    """The dossier of a stage as it stands now, to set beside one that was signed."""
    judged = judging.of(version)
    return build(load_case(version, judged), judged.document, Stage(stage)).text


def contributors(case: Case, document: PolicyDocument, stage: Stage) -> frozenset[int]:
    """Ids of the people whose work the stage's dossier shows: they, the submitter and the developer cannot sign it."""
    people = {case.submitted_by, case.developer}
    artifact = case.evidence.get("artifact")
    if artifact is not None:
        people |= artifact.contributors
    for requirement in document.gates.get(stage, ()):
        people.update(requirement.contributors(case))
    return frozenset(people)


def changes(before: str, after: str) -> tuple[str, ...]:
    """What differs between two canonical dossier texts, one line per changed entry, for people."""
    old, new = _flat(json.loads(before)), _flat(json.loads(after))
    lines = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            was, now = _in_words(old.get(path)), _in_words(new.get(path))
            if was == now:  # the number 1 and the text 1, for example
                was, now = old.get(path, was), new.get(path, now)
            lines.append(f"{path}: {_short(was)} became {_short(now)}")
    return tuple(lines)


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """Every single entry as JSON text under its path; an empty list or mapping is an entry too."""
    if isinstance(value, dict) and value:
        parts = [(name, value[name]) for name in value]
    elif isinstance(value, list) and value:
        parts = list(zip(_labels(value), value, strict=True))
    else:
        return {path: canonical_text(value)}
    return {
        place: text for name, part in parts for place, text in _flat(part, f"{path} › {name}" if path else name).items()
    }


def _in_words(text: str | None) -> str:
    if text is None:
        return "absent"
    value = json.loads(text)
    return "nothing" if value is None or value in ({}, []) else str(value)


def _labels(items: list[Any]) -> list[str]:
    """A name for each item; two items of one name are told apart by a number."""
    names: list[str] = []
    for index, item in enumerate(items):
        name, count = _label(item, index), 2
        while name in names:
            name, count = f"{_label(item, index)} ({count})", count + 1
        names.append(name)
    return names


def _label(item: Any, index: int) -> str:
    if isinstance(item, dict):
        facts = item.get("facts", item)
        for name in ("check", "section", "measure", "title", "at_or_above"):
            if isinstance(facts, dict) and facts.get(name):
                return f"{item.get('kind', '')} {facts[name]}".strip()
        if isinstance(facts, dict) and facts.get("kind"):
            return str(facts["kind"])
    return str(index + 1)


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


__all__ = ["Dossier", "build", "changes", "contributors", "current_text", "load_case"]
