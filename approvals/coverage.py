"""Which clauses of a framework a policy covers, clause by clause, and a first draft that asks for the rest. Pure.

Coverage says what is asked and by which gate. It is never a statement that anything conforms to a law or standard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from approvals import checks
from approvals.models import EvidenceKind
from approvals.policy_document import PolicyDocument, parse
from approvals.requirements.signoffs import SignOffsRequirement
from approvals.stages import Role, Stage

FOLDER = Path(__file__).parent / "frameworks"
TEMPLATES = Path(__file__).parent / "policy_templates"
DAYS_OF_A_YEAR = 366
STANDARD_RULES: dict[str, Any] = {"waivers": {"roles": ["risk_officer", "compliance_officer"], "longest_days": 90}}


@dataclass(frozen=True)
class Clause:
    """One clause, and everything that together covers it: kind and subject of each."""

    id: str
    title: str
    needs: tuple[tuple[str, str], ...]
    crosswalk: str = ""


@dataclass(frozen=True)
class Framework:
    """A law, guidance or standard as data, with its source and first day."""

    key: str
    title: str
    jurisdiction: str
    source: str
    valid_from: date
    note: str
    clauses: tuple[Clause, ...]
    questionnaires: Mapping[str, Mapping[str, Any]]
    gates: Mapping[str, Sequence[Mapping[str, Any]]]
    """Requirements of its own by stage, which a template takes over."""


@dataclass(frozen=True)
class CoveredNeed:
    """One need in words, with the gate or part of the policy that asks for it; empty if nothing does."""

    words: str
    by: str


@dataclass(frozen=True)
class CoveredClause:
    """A clause with what covers it."""

    clause: Clause
    needs: tuple[CoveredNeed, ...]

    @property
    def covered(self) -> bool:
        """Whether everything is asked for."""
        return all(need.by for need in self.needs)

    @property
    def word(self) -> str:
        """For reading."""
        if self.covered:
            return "Covered"
        return "Partly covered" if any(need.by for need in self.needs) else "Not covered"


@lru_cache(maxsize=1)
def frameworks() -> tuple[Framework, ...]:
    """Every framework that this portal knows, by key."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.yaml")))


def find(key: str) -> Framework | None:
    """The framework of that key; None if there is none."""
    return next((framework for framework in frameworks() if framework.key == key), None)


def _read(path: Path) -> Framework:
    raw = yaml.safe_load(path.read_text("utf-8"))
    return Framework(
        key=path.stem,
        title=raw["title"],
        jurisdiction=raw["jurisdiction"],
        source=raw["source"],
        valid_from=date.fromisoformat(raw["valid_from"]),
        note=raw["note"],
        clauses=tuple(
            Clause(
                id=str(clause["id"]),
                title=clause["title"],
                needs=tuple(next(iter(need.items())) for need in clause["all_of"]),
                crosswalk=clause.get("crosswalk", ""),
            )
            for clause in raw["clauses"]
        ),
        questionnaires=raw.get("questionnaires", {}),
        gates=raw.get("gates", {}),
    )


def coverage(framework: Framework, document: PolicyDocument) -> tuple[CoveredClause, ...]:
    """Every clause with what of the policy covers it."""
    return tuple(
        CoveredClause(
            clause,
            tuple(CoveredNeed(_words(kind, subject), _by(kind, subject, document)) for kind, subject in clause.needs),
        )
        for clause in framework.clauses
    )


def summary(document: PolicyDocument) -> tuple[tuple[Framework, int, int], ...]:
    """For each framework how many clauses are covered, and of how many."""
    found = []
    for framework in frameworks():
        clauses = coverage(framework, document)
        found.append((framework, sum(clause.covered for clause in clauses), len(clauses)))
    return tuple(found)


def _words(kind: str, subject: str) -> str:
    words = WORDS.get(kind)
    return words(subject) if words else f"{kind.capitalize()}: {subject.replace('_', ' ')}"


def _check_title(subject: str) -> str:
    return f"Check: {checks.title_of(subject)}"


RULES = {"waivers": "Exceptions are signed and end", "yearly": "An approval ends within a year"}
WORDS: dict[str, Callable[[str], str]] = {
    "portal": str,
    "check": _check_title,
    "evidence": lambda subject: f"Evidence: {EvidenceKind(subject).label}",
    "sign_off": lambda subject: f"Sign-off: {Role(subject).label}",
    "findings": lambda _: "Open findings close a gate",
    "rule": lambda subject: RULES[subject],
}


def _by(kind: str, subject: str, document: PolicyDocument) -> str:
    """What of the policy asks for it, in words; empty if nothing does."""
    return BY[kind](document, subject)


def _gates(document: PolicyDocument, asks: Callable[[Any], bool]) -> str:
    stages = [stage.label for stage, gate in document.gates.items() if any(asks(asked) for asked in gate)]
    return ", ".join(stages)


def _asked(key: str, attribute: str) -> Callable[[PolicyDocument, str], str]:
    def by(document: PolicyDocument, subject: str) -> str:
        return _gates(document, lambda asked: asked.key == key and getattr(asked, attribute) == subject)

    return by


def _signed(document: PolicyDocument, subject: str) -> str:
    return _gates(document, lambda asked: isinstance(asked, SignOffsRequirement) and asked.roles == (Role(subject),))


def _monitored(document: PolicyDocument, subject: str) -> str:
    return "Monitors" if any(entry["monitor"] == subject for entry in document.monitors) else ""


def _ruled(document: PolicyDocument, subject: str) -> str:
    if subject == "yearly":
        return "Validity of approvals" if document.approval_valid_days <= DAYS_OF_A_YEAR else ""
    return "Rules of the policy" if document.rules.waivers is not None else ""


BY: dict[str, Callable[[PolicyDocument, str], str]] = {
    "portal": lambda _document, _subject: "The portal itself",
    "evidence": _asked("evidence", "kind"),
    "answers": _asked("answers", "section"),
    "check": _asked("checks", "check"),
    "mitigation": _asked("mitigations", "check"),
    "sign_off": _signed,
    "findings": lambda document, _subject: _gates(document, lambda asked: asked.key == "findings"),
    "monitor": _monitored,
    "rule": _ruled,
}


def template(framework: Framework, *, tier: str) -> str:
    """A first draft for a tier, as policy text: the portal's own template, and all of the framework that it lacks.

    The high tier's template lends what is missing of evidence, checks, signatures and monitors; thresholds are to be
    read again by whoever writes the policy.
    """
    base = parse((TEMPLATES / f"{tier}_tier.yaml").read_text("utf-8")).as_policy()
    donor = parse((TEMPLATES / "high_tier.yaml").read_text("utf-8")).as_policy()
    base["name"] = f"{tier}-{framework.key.replace('_', '-')}"
    base["title"] = f"{framework.title}, {tier} tier"
    base["basis"] = [f"{framework.title} ({framework.source}).", *base.get("basis", [])]
    for section, asked in framework.questionnaires.items():
        base["questionnaires"][section] = [dict(question) for question in asked["questions"]]
        base["gates"][asked["stage"]].append({"answers": {"section": section}})
    for stage, entries in framework.gates.items():
        base["gates"][stage] += [dict(entry) for entry in entries]
    for clause in coverage(framework, parse(_text(base))):
        for (kind, subject), need in zip(clause.clause.needs, clause.needs, strict=True):
            if not _by(kind, subject, parse(_text(base))) and not need.by:
                _lend(base, donor, kind, subject)
    return _text(base)


def _lend(base: dict[str, Any], donor: Mapping[str, Any], kind: str, subject: str) -> None:
    if kind == "rule":
        base.update(STANDARD_RULES if subject == "waivers" else {"approval_valid_days": 365})
        return
    if kind == "monitor":
        base["monitors"] += [entry for entry in donor["monitors"] if entry["monitor"] == subject]
        return
    key, setting = {
        "evidence": ("evidence", "kind"),
        "answers": ("answers", "section"),
        "check": ("checks", "check"),
        "mitigation": ("mitigations", "check"),
        "sign_off": ("signoffs", "role"),
        "findings": ("findings", ""),
    }[kind]
    for stage in Stage:
        for entry in donor["gates"].get(stage.value, ()):
            if key in entry and (not setting or entry[key].get(setting) == subject):
                if kind == "answers":
                    base["questionnaires"].setdefault(subject, donor["questionnaires"][subject])
                base["gates"][stage.value].append(entry)
                return


def _text(policy: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(policy), sort_keys=False, allow_unicode=True, width=118)
