"""A policy's YAML as typed objects: gates, questionnaires, monitors. Refuses what it does not know."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from approvals import checks, requirements
from approvals.checks.base import ParameterError, build
from approvals.models import Policy
from approvals.plain_yaml import plain_yaml
from approvals.policy_rules import ENTRIES, Rules, rules_of
from approvals.requirements.answers import AnswersRequirement
from approvals.requirements.base import Requirement, RequirementError
from approvals.requirements.checks import ChecksRequirement
from approvals.requirements.mitigations import MitigationsRequirement
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import REVIEW_STAGES, Stage, Tier
from portal.errors import BadInput, Refused

LONGEST_NAME = 60
ENTRY_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
NO_TABLE = "no table has all of these, so the check could never pass. Ask for what tables of one kind have."
POLICY_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
MONITOR_ENTRIES = frozenset(
    [
        "monitor",
        "parameters",
        "thresholds",
        "warn",
        "critical",
        "after",
        "clears_after",
        "unanswered_after",
        "outcomes_within_days",
        "severity",
        "every_days",
        "suspends",
        "restricts",
        "restriction",
    ]
)
TOP_LEVEL = ("name", "title", "tier", "basis", "approval_valid_days", "questionnaires", "gates", "monitors", *ENTRIES)


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
    rules: Rules = field(default_factory=Rules)

    def as_policy(self) -> dict[str, Any]:
        """Back to what a policy text says: parsing it again gives an equal document."""
        return {
            "name": self.name,
            "title": self.title,
            "tier": self.tier.value,
            **({"basis": list(self.basis)} if self.basis else {}),
            "approval_valid_days": self.approval_valid_days,
            **self.rules.as_policy(),
            "questionnaires": {section: [dict(q) for q in asked] for section, asked in self.questionnaires.items()},
            "gates": {
                stage.value: [{requirement.key: requirement.as_policy()} for requirement in gate]
                for stage, gate in self.gates.items()
            },
            "monitors": [dict(entry) for entry in self.monitors],
        }

    def check_requirements(self) -> dict[str, ChecksRequirement]:
        """Every check that any gate asks, by check key."""
        return {
            requirement.check: requirement
            for gate in self.gates.values()
            for requirement in gate
            if isinstance(requirement, ChecksRequirement)
        }


def require_settings_of_one_kind(document: PolicyDocument) -> None:
    """BadInput for a check that is asked for what no one kind of table has: it could never pass.

    Asked where a policy is written and published, and not of one that was: a published policy stays readable.
    """
    for key, asked in document.check_requirements().items():
        check = checks.find(key)
        own = check.kinds_of_settings if check is not None else {}
        only = {name: set(own[name]) for name in (*asked.parameters, *asked.thresholds) if name in own}
        if only and not set.intersection(*only.values()):
            raise BadInput(f"The check {key} is asked for {_in_kinds(only)}; {NO_TABLE}", field="text")


def _in_kinds(only: Mapping[str, set[str]]) -> str:
    """Each setting beside the kinds of tables that have it, those of the same kinds together."""
    kinds: dict[str, list[str]] = {}
    for name, having in only.items():
        kinds.setdefault(" and ".join(sorted(having)), []).append(name)
    return ", and for ".join(f"{', '.join(names)}, which {having} tables have" for having, names in kinds.items())


def digest_of(text: str) -> str:
    """SHA-256 of the policy text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def pinned(policy: Policy) -> PolicyDocument:
    """The document of a policy row. Raises Refused if its text is not the one that was published."""
    if digest_of(policy.text) != policy.digest:
        raise Refused(
            f"The stored text of the policy {policy} is not the one that was published, so nothing is decided by it. "
            "Tell an administrator."
        )
    return parse(policy.text)


@lru_cache(maxsize=64)
def parse(text: str) -> PolicyDocument:
    """The typed policy. Raises BadInput with a sentence that names the place."""
    raw = plain_yaml(text)
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
    if not POLICY_NAME.fullmatch(raw["name"]):
        raise RequirementError("“name” takes at most 80 letters, digits, hyphens and underscores.")
    if len(raw["title"]) > 160:
        raise RequirementError("“title” takes at most 160 characters.")
    basis = _given(raw, "basis", [])
    if not isinstance(basis, list) or not all(isinstance(line, str) for line in basis):
        raise RequirementError("basis must be a list of texts.")
    if raw.get("tier") not in Tier.values:
        raise RequirementError(f"The policy needs “tier”, one of {', '.join(Tier.values)}.")
    valid_days = raw.get("approval_valid_days")
    if not isinstance(valid_days, int) or isinstance(valid_days, bool) or not 1 <= valid_days <= 3650:
        raise RequirementError("The policy needs “approval_valid_days”, a whole number from 1 to 3650.")
    questionnaires = _questionnaires(_given(raw, "questionnaires", {}))
    gates = _gates(_given(raw, "gates", {}))
    _cross_check(questionnaires, gates)
    rules = rules_of(raw)
    missing = [stage.value for stage in rules.revalidation.gates if stage not in gates] if rules.revalidation else []
    if missing:
        raise RequirementError(f"revalidation goes through {missing[0]}, for which the policy has no gate.")
    return PolicyDocument(
        name=raw["name"],
        title=raw["title"],
        tier=Tier(raw["tier"]),
        basis=tuple(basis),
        approval_valid_days=valid_days,
        questionnaires=questionnaires,
        gates=gates,
        monitors=_monitors(_given(raw, "monitors", [])),
        rules=rules,
    )


def _given(raw: dict[str, Any], name: str, nothing: Any) -> Any:
    """An entry that may be left out or left empty; anything else of the wrong kind is for the caller to refuse."""
    value = raw.get(name)
    return nothing if value is None else value


def _questionnaires(raw: Any) -> dict[str, tuple[Mapping[str, Any], ...]]:
    if not isinstance(raw, dict):
        raise RequirementError("questionnaires must map section names to lists of questions.")
    sections: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for section, questions in raw.items():
        if not isinstance(questions, list) or not questions:
            raise RequirementError(f"The questionnaire “{section}” must be a list of questions.")
        if not ENTRY_NAME.fullmatch(section):
            raise RequirementError(
                f"The name of the questionnaire “{section}” takes at most {LONGEST_NAME} letters, digits, hyphens and "
                "underscores."
            )
        for question in questions:
            _require_question(section, question)
        keys = [question["key"] for question in questions]
        if len(keys) != len(set(keys)):
            raise RequirementError(f"The questionnaire “{section}” uses a key twice.")
        sections[section] = tuple(questions)
    return sections


def _require_question(section: str, question: Any) -> None:
    if not isinstance(question, dict) or not all(
        isinstance(question.get(name), str) and question[name].strip() for name in ("key", "text")
    ):
        raise RequirementError(f"Every question of “{section}” needs “key” and “text” as text.")
    where = f"The question “{question['key']}” of “{section}”"
    unknown = sorted(set(question) - {"key", "text", "help", "required", "min_length"})
    if unknown:
        raise RequirementError(f"{where} has unknown entries: {', '.join(unknown)}.")
    if not ENTRY_NAME.fullmatch(question["key"]):
        raise RequirementError(f"{where}: the key takes at most {LONGEST_NAME} letters, digits, hyphens, underscores.")
    if not isinstance(question.get("help", ""), str):
        raise RequirementError(f"{where}: help must be text.")
    if not isinstance(question.get("required", True), bool):
        raise RequirementError(f"{where}: required must be true or false.")
    shortest = question.get("min_length", 1)
    if not isinstance(shortest, int) or isinstance(shortest, bool) or not 0 <= shortest <= 20_000:
        raise RequirementError(f"{where}: min_length must be a whole number from 0 to 20,000.")


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
        unknown = set(entry) - MONITOR_ENTRIES
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
    for stage, gate in gates.items():
        asked_for = [requirement for requirement in gate if isinstance(requirement, SignOffsRequirement)]
        roles = [role for requirement in asked_for for role in requirement.roles]
        for role in roles:
            if roles.count(role) > 1:
                raise RequirementError(f"The gate of {stage} asks twice for {role}; write how many “people” must sign.")
    for requirement in asked:
        if isinstance(requirement, AnswersRequirement) and requirement.section not in questionnaires:
            raise RequirementError(f"A gate asks for the questionnaire “{requirement.section}”, which is not defined.")
        if isinstance(requirement, MitigationsRequirement) and requirement.check not in checked:
            raise RequirementError(f"A gate asks for mitigation of “{requirement.check}”, a check that no gate asks.")
