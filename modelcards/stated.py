"""What a card's facts state about licence, language, task and method, for formats that have a field for it.

Only what somebody wrote down under that name counts; what nobody stated is None. Nothing is inferred from numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import rfc8785

from modelcards.card import Card, CheckResult, Dataset, Fact, Number, Passage

TRAINING_ROLES = ("training", "Training table")
# What the portal takes for the kind of a table that declares its columns and no kind: see docs/evaluation-tables.md.
UNDECLARED_KIND = "binary"
JUDGED = ("passed", "warning", "failed")
NOTHING_STATED = "none"
ABOUT_FILES_AND_DATA = frozenset(
    {
        "artifact_scan",
        "data_quality",
        "dependency_licences",
        "digest_match",
        "documentation_completeness",
        "lineage_completeness",
    }
)
"""Checks whose numbers say nothing of how well the model does, so that no format may call them its performance."""
TASKS = {
    "binary": "classification into two classes",
    "multiclass": "classification into several classes",
    "regression": "regression",
}


def fact(facts: Iterable[Fact], *labels: str) -> str | None:
    """The value under one of these labels, in any case; None if nobody stated it."""
    wanted = {label.lower() for label in labels}
    return next((one.value for one in facts if one.label.lower() in wanted and one.value.strip()), None)


def licence(card: Card) -> str | None:
    """The licence of the model, as the training record states it."""
    return fact(card.training.facts, "licence", "license")


def language(card: Card) -> tuple[str, ...]:
    """Languages of the data by their codes (ISO 639), as the training record states them."""
    stated = fact(card.training.facts, "language", "languages") or ""
    codes = [part.strip() for part in re.split(r"[;,]", stated)]
    return tuple(code for code in codes if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", code))


def algorithm(card: Card) -> str | None:
    """The algorithm, as the training record states it."""
    return fact(card.training.facts, "algorithm")


def evaluated(card: Card) -> Dataset | None:
    """The data set that was scored for evaluation, not the one trained on."""
    return next((one for one in card.evaluation if one.role not in TRAINING_ROLES), None)


def kind(card: Card) -> str | None:
    """What the evaluation table was declared to predict: binary, multiclass or regression."""
    table = evaluated(card)
    if table is None:
        return None
    declared = fact(table.facts, "kind")
    if declared is None and fact(table.facts, "label") and fact(table.facts, "prediction"):
        return UNDECLARED_KIND
    return declared if declared in TASKS else None


def is_tabular(card: Card) -> bool:
    """Whether the submitter declared columns of the evaluation table as the model's features."""
    table = evaluated(card)
    return table is not None and fact(table.facts, "features") is not None


def answers(card: Card) -> Iterator[Passage]:
    """Every answered question of the card."""
    for group in (card.intended_use, card.out_of_scope, card.assumptions, card.limitations):
        yield from group
    for questionnaire in card.questionnaires:
        yield from questionnaire.answers


def answered(card: Card, *keys: str) -> tuple[Passage, ...]:
    """Answers to the questions that the policy calls so."""
    return tuple(one for one in answers(card) if one.key in keys)


def digits(value: float) -> str:
    """A number as the card document writes it (RFC 8785): all its digits, and 1.0 is 1."""
    return rfc8785.dumps(value).decode()


@dataclass(frozen=True)
class Measured:
    """One measured number with the check that measured it and, in words, the rows it is about; empty for all."""

    number: Number
    check: CheckResult
    rows: str = ""
    factors: int = 0
    small: bool = False

    @property
    def title(self) -> str:
        """The number's title, or its name."""
        return self.number.title or self.number.name

    @property
    def of_the_model(self) -> bool:
        """Whether it says how well the model does, and not how files or data are."""
        return self.check.key not in ABOUT_FILES_AND_DATA


def measured(card: Card) -> Iterator[Measured]:
    """Every measured number: those of the checks, then those of the groups, one factor before several."""
    for check in card.checks:
        for number in check.numbers:
            yield Measured(number, check, " and ".join(f"{name} = {level}" for name, level in number.slice))
    tables = [(check, table) for check in card.checks for table in check.groups]
    for check, table in sorted(tables, key=lambda pair: len(pair[1].factors) > 1):
        for row in table.rows:
            rows = f"{' and '.join(table.factors)}: {row.group}"
            for number in row.numbers:
                yield Measured(number, check, rows, len(table.factors), row.small)


@dataclass(frozen=True)
class Library:
    """One component that the attached bill of materials lists, as the check of dependencies read it."""

    name: str
    version: str
    licence: str


def libraries(card: Card) -> tuple[tuple[Library, ...], bool]:
    """The components that the check of dependencies lists in the card, and whether these are all of them.

    A run that was not judged may have read an earlier bill of materials, so it lists nothing here.
    """
    check = next((one for one in card.checks if one.key == "dependency_licences" and one.verdict in JUDGED), None)
    table = next((one for one in check.tables if one.title == "Components"), None) if check else None
    if table is None:
        return (), False
    places = [table.columns.index(name) for name in ("Component", "Version", "Licence")]
    rows = ([str(row[place]) for place in places] for row in table.rows)
    found = tuple(Library(*("" if cell == NOTHING_STATED else cell for cell in row)) for row in rows)
    return found, not table.note
