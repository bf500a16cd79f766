"""A policy's YAML as typed objects: gates, questionnaires, monitors. Refuses what it does not know."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from approvals import checks, requirements
from approvals.checks.base import ParameterError, build
from approvals.requirements.answers import AnswersRequirement
from approvals.requirements.base import Requirement, RequirementError
from approvals.requirements.checks import ChecksRequirement
from approvals.requirements.mitigations import MitigationsRequirement
from approvals.stages import REVIEW_STAGES, Stage, Tier
from portal.errors import BadInput

TOP_LEVEL = ("name", "title", "tier", "basis", "approval_valid_days", "questionnaires", "gates", "monitors")


@dataclass(frozen=True)
class PolicyDocument:
    """What a policy says. A stage missing from `gates` is closed; an empty tuple is a gate named as empty."""

    name: str
    title: str
    tier: Tier
    basis: tuple[str, ...]
    approval_valid_days: int
    questionnaires: Mapping[str, tuple[Mapping[str, Any], ...]]
    gates: Mapping[Stage, tuple[Requirement, ...]]
    monitors: tuple[Mapping[str, Any], ...]

    def check_requirements(self) -> dict[str, ChecksRequirement]:
        """Every check that any gate asks, by check key."""
        return {
            requirement.check: requirement
            for gate in self.gates.values()
            for requirement in gate
            if isinstance(requirement, ChecksRequirement)
        }


def digest_of(text: str) -> str:
    """SHA-256 of the policy text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=64)
def parse(text: str) -> PolicyDocument:
    """The typed policy. Raises BadInput with a sentence that names the place."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"The policy is not valid YAML: {' '.join(str(error).split())}", field="text") from error
    if not isinstance(raw, dict):
        raise BadInput("The policy must be a YAML mapping with name, title, tier and gates.", field="text")
    try:
        return _document(raw)
    except (RequirementError, ParameterError) as error:
        raise BadInput(error.sentence, field="text") from error


def _document(raw: dict[str, Any]) -> PolicyDocument:
    unknown = sorted(set(raw) - set(TOP_LEVEL))
    if unknown:
        raise RequirementError(f"The policy has unknown entries: {', '.join(unknown)}.")
    for name in ("name", "title"):
        if not isinstance(raw.get(name), str) or not raw[name].strip():
            raise RequirementError(f"The policy needs “{name}” as text.")
    if raw.get("tier") not in Tier.values:
        raise RequirementError(f"The policy needs “tier”, one of {', '.join(Tier.values)}.")
    valid_days = raw.get("approval_valid_days")
    if not isinstance(valid_days, int) or isinstance(valid_days, bool) or not 1 <= valid_days <= 3650:
        raise RequirementError("The policy needs “approval_valid_days”, a whole number from 1 to 3650.")
    questionnaires = _questionnaires(raw.get("questionnaires") or {})
    gates = _gates(raw.get("gates") or {})
    _cross_check(questionnaires, gates)
    return PolicyDocument(
        name=raw["name"],
        title=raw["title"],
        tier=Tier(raw["tier"]),
        basis=tuple(str(line) for line in raw.get("basis") or ()),
        approval_valid_days=valid_days,
        questionnaires=questionnaires,
        gates=gates,
        monitors=_monitors(raw.get("monitors") or []),
    )


def _questionnaires(raw: Any) -> dict[str, tuple[Mapping[str, Any], ...]]:
    if not isinstance(raw, dict):
        raise RequirementError("questionnaires must map section names to lists of questions.")
    sections: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for section, questions in raw.items():
        if not isinstance(questions, list) or not questions:
            raise RequirementError(f"The questionnaire “{section}” must be a list of questions.")
        for question in questions:
            if not isinstance(question, dict) or not question.get("key") or not question.get("text"):
                raise RequirementError(f"Every question of “{section}” needs “key” and “text”.")
            unknown = set(question) - {"key", "text", "help", "required", "min_length"}
            if unknown:
                raise RequirementError(f"A question of “{section}” has unknown entries: {', '.join(sorted(unknown))}.")
        keys = [question["key"] for question in questions]
        if len(keys) != len(set(keys)):
            raise RequirementError(f"The questionnaire “{section}” uses a key twice.")
        sections[str(section)] = tuple(questions)
    return sections


def _gates(raw: Any) -> dict[Stage, tuple[Requirement, ...]]:
    if not isinstance(raw, dict):
        raise RequirementError("gates must map stages to lists of requirements.")
    gates: dict[Stage, tuple[Requirement, ...]] = {}
    for stage, asked in raw.items():
        if stage not in REVIEW_STAGES:
            raise RequirementError(f"“{stage}” is no stage with a gate; known: {', '.join(REVIEW_STAGES)}.")
        if not isinstance(asked, list):
            raise RequirementError(f"The gate of {stage} must be a list; write [] to name it as empty.")
        gates[Stage(stage)] = tuple(_requirement(entry, f"Gate {stage}, item {i}") for i, entry in enumerate(asked, 1))
    return gates


def _requirement(entry: Any, where: str) -> Requirement:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise RequirementError(f"{where} must be one requirement kind with its settings.")
    kind, given = next(iter(entry.items()))
    known = requirements.load()
    if kind not in known:
        raise RequirementError(f"{where}: there is no requirement kind “{kind}”; known: {', '.join(sorted(known))}.")
    if not isinstance(given, dict):
        raise RequirementError(f"{where}: the settings of “{kind}” must be names with values.")
    requirement = known[kind].parse(given, where=where)
    if isinstance(requirement, ChecksRequirement):
        check = checks.find(requirement.check)
        if check is not None:
            build(check.Parameters, requirement.parameters, owner=f"{where}, check {check.key}")
            build(check.Thresholds, requirement.thresholds, owner=f"{where}, check {check.key}")
    return requirement


def _monitors(raw: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(raw, list) or not all(isinstance(entry, dict) and entry.get("monitor") for entry in raw):
        raise RequirementError("monitors must be a list of entries that each name a “monitor”.")
    for entry in raw:
        unknown = set(entry) - {"monitor", "parameters", "thresholds", "severity", "every_days", "suspends"}
        if unknown:
            raise RequirementError(f"Monitor {entry['monitor']} has unknown entries: {', '.join(sorted(unknown))}.")
    return tuple(raw)


def _cross_check(questionnaires: Mapping[str, Any], gates: Mapping[Stage, tuple[Requirement, ...]]) -> None:
    asked = [requirement for gate in gates.values() for requirement in gate]
    checked = [requirement.check for requirement in asked if isinstance(requirement, ChecksRequirement)]
    twice = sorted({check for check in checked if checked.count(check) > 1})
    if twice:
        raise RequirementError(
            f"The check {', '.join(twice)} is asked twice; one run cannot serve two sets of thresholds."
        )
    for requirement in asked:
        if isinstance(requirement, AnswersRequirement) and requirement.section not in questionnaires:
            raise RequirementError(f"A gate asks for the questionnaire “{requirement.section}”, which is not defined.")
        if isinstance(requirement, MitigationsRequirement) and requirement.check not in checked:
            raise RequirementError(f"A gate asks for mitigation of “{requirement.check}”, a check that no gate asks.")
