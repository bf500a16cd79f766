"""How a risk tier follows from recorded answers: exposure times purpose, by a versioned formula. Pure; reads its files.

Source: SR 26-2 / OCC Bulletin 2026-13, materiality = exposure x purpose; Regulation (EU) 2024/1689, Articles 5 and 6.
The points are the convention of the formula's file, which names its version, basis and first day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from approvals.stages import Tier
from portal.errors import BadInput

FOLDER = Path(__file__).parent / "tier_formulas"
PARTS = ("exposure", "purpose")


@dataclass(frozen=True)
class Choice:
    """One answer that can be given."""

    value: str
    text: str
    points: int = 0
    tier: str = ""
    refused: bool = False


@dataclass(frozen=True)
class TierQuestion:
    """One question; `part` says to which factor its points go, empty for none."""

    key: str
    text: str
    choices: tuple[Choice, ...]
    part: str = ""


@dataclass(frozen=True)
class Formula:
    """A formula with the digest of its file."""

    version: str
    title: str
    valid_from: date
    basis: tuple[str, ...]
    high_from: int
    questions: tuple[TierQuestion, ...]
    digest: str

    def assess(self, answers: Mapping[str, str]) -> Assessed:
        """The tier that follows. Raises BadInput for a missing or unknown answer, or a use that is prohibited."""
        chosen = {question.key: _chosen(question, answers) for question in self.questions}
        factors = {
            part: max((chosen[q.key].points for q in self.questions if q.part == part), default=0) for part in PARTS
        }
        score = factors["exposure"] * factors["purpose"]
        high = score >= self.high_from
        standing = f"{score}, {'at or above' if high else 'below'} {self.high_from}"
        reasons = [f"Exposure {factors['exposure']} times purpose {factors['purpose']} is {standing}."]
        for question in self.questions:
            choice = chosen[question.key]
            if choice.tier == Tier.HIGH:
                high = True
                reasons.append(f"{question.text} {choice.text}: high whatever the score.")
        return Assessed(Tier.HIGH if high else Tier.LOW, factors["exposure"], factors["purpose"], score, tuple(reasons))


@dataclass(frozen=True)
class Assessed:
    """A tier with how it came about."""

    tier: Tier
    exposure: int
    purpose: int
    score: int
    reasons: tuple[str, ...]


def _chosen(question: TierQuestion, answers: Mapping[str, str]) -> Choice:
    given = answers.get(question.key)
    found = next((choice for choice in question.choices if choice.value == given), None)
    if found is None:
        raise BadInput(f"Answer the question: {question.text}", field=f"tier_{question.key}")
    if found.refused:
        raise BadInput(
            f"{found.text}: no approval makes such a use lawful, so it is not registered here.",
            field=f"tier_{question.key}",
        )
    return found


def formulas() -> tuple[Formula, ...]:
    """Every formula, oldest first."""
    return tuple(sorted((_read(path) for path in FOLDER.glob("*.yaml")), key=lambda formula: formula.valid_from))


def formula_on(day: date) -> Formula:
    """The formula that is valid on a day. Raises BadInput before the first."""
    valid = [formula for formula in formulas() if formula.valid_from <= day]
    if not valid:
        raise BadInput("No formula for the risk tier is valid yet.")
    return valid[-1]


def formula_of(version: str) -> Formula | None:
    """The formula of that version; None if this portal does not have it any more."""
    return next((formula for formula in formulas() if formula.version == version), None)


@lru_cache(maxsize=32)
def _read(path: Path) -> Formula:
    raw: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return Formula(
        version=raw["version"],
        title=raw["title"],
        valid_from=date.fromisoformat(raw["valid_from"]),
        basis=tuple(raw["basis"]),
        high_from=raw["high_from"],
        questions=tuple(
            TierQuestion(
                key=question["key"],
                text=question["text"],
                part=question.get("part", ""),
                choices=tuple(Choice(**choice) for choice in question["choices"]),
            )
            for question in raw["questions"]
        ),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
