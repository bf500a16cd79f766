"""Until when the law has the documentation kept: worked out from what the dossier says, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from approvals import tier_assessment, tiering
from approvals.models import ModelVersion, RegisteredModel
from approvals.policy_document import PolicyDocument
from approvals.requirements.checks import ChecksRequirement
from approvals.stages import Stage
from modelcards import card as c
from modelcards.content.texts import iso

YEARS = 10
"""Regulation (EU) 2024/1689, Article 18(1), from the day of placing on the market or putting into service."""
MONTHS = 6
"""New York City Local Law 144, from the last use of the tool."""
DAY = re.compile(r"(?<![\d-])\d{4}-\d{2}-\d{2}(?![\d-])")
MARKET = "market_date"
LAW = "local_law_144"
ARTICLE_18 = (
    "Regulation (EU) 2024/1689, Article 18, for high-risk systems: ten years after placing on the market or putting "
    "into service"
)
CATEGORY, HIGH_RISK = "eu_category", "high_risk"
"""Question and answer of the formula for the risk tier."""
AFTER_USE = "New York City Local Law 144: at least six months after the last use"


def retention(
    version: ModelVersion, document: PolicyDocument, answers: Iterable[c.Passage]
) -> tuple[c.RetentionEnd, ...]:
    """One line for each rule; the answers are those of the classification."""
    return tuple(_ends(version, document, answers))


def _ends(version: ModelVersion, document: PolicyDocument, answers: Iterable[c.Passage]) -> Iterator[c.RetentionEnd]:
    given = next((one for one in answers if one.key == MARKET), None)
    day, why = _day_in(given)
    category = _other_category(version.model)
    if day is not None:
        yield c.RetentionEnd(ARTICLE_18, iso(years_after(day)), iso(day))
    elif category:
        yield c.RetentionEnd(ARTICLE_18, reason=f"{why} By the assessment of the risk tier it is: {category}.")
    elif version.approved_at is not None:
        approved = version.approved_at.date()
        yield c.RetentionEnd(
            ARTICLE_18,
            reason=f"{why} If it is put into service here and not before its approval, which began to hold on "
            f"{approved:%d %b %Y}, then not before {years_after(approved):%d %b %Y}.",
        )
    else:
        yield c.RetentionEnd(ARTICLE_18, reason=why)
    if _asks_for_the_law(document):
        yield _after_the_last_use(version)


def _after_the_last_use(version: ModelVersion) -> c.RetentionEnd:
    if version.stage != Stage.RETIRED:
        return c.RetentionEnd(AFTER_USE, reason="The version is not taken out of service, so no last use is recorded.")
    last = version.stage_entered_at.date()
    return c.RetentionEnd(AFTER_USE, iso(months_after(last)), iso(last))


def _day_in(given: c.Passage | None) -> tuple[date | None, str]:
    """The one day that an answer names, or why there is none."""
    if given is None:
        return None, "Nobody was asked for the day, or nobody answered."
    found = DAY.findall(given.text)
    if len(set(found)) != 1:
        return None, "The answer names no day." if not found else "The answer names several days."
    try:
        return date.fromisoformat(found[0]), ""
    except ValueError:
        return None, "The answer names a day that no calendar has."


def _other_category(model: RegisteredModel) -> str:
    """What the model is under the regulation by the assessment that stands; empty for high-risk, or if unknown."""
    row = tier_assessment.newest(model)
    given = None if row is None else row.answers.get(CATEGORY)
    formula = None if row is None else tiering.formula_of(row.formula)
    if given is None or given == HIGH_RISK or formula is None:
        return ""
    asked = next(question for question in formula.questions if question.key == CATEGORY)
    return next((choice.text for choice in asked.choices if choice.value == given), "")


def _asks_for_the_law(document: PolicyDocument) -> bool:
    return any(
        isinstance(asked, ChecksRequirement) and asked.check == LAW
        for gate in document.gates.values()
        for asked in gate
    )


def years_after(day: date) -> date:
    """The same day ten years later; 29 February becomes 1 March, because shorter is not kept long enough."""
    try:
        return day.replace(year=day.year + YEARS)
    except ValueError:
        return date(day.year + YEARS, 3, 1)


def months_after(day: date) -> date:
    """The same day six months later, or the first of the month after where that month has no such day."""
    year, month = divmod(day.month - 1 + MONTHS, 12)
    try:
        return date(day.year + year, month + 1, day.day)
    except ValueError:
        return date(day.year + year, month + 2, 1)
