"""What is too long for paper: texts and lists are cut where no reader would go on, and the page says what was left out.

The attached card.json holds all of it. A card that could not be printed in time would be no card at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelcards.card import (
    Card,
    Condition,
    Dataset,
    Fact,
    Finding,
    Mitigation,
    MonitoringPlan,
    Passage,
    PolicyFacts,
    Risk,
    TimelineEvent,
    Training,
)

LONGEST_CELL = 2_000
"""Characters of a text in a table: some three pages in a narrow column."""
LONGEST_FLOWING, MOST_LINES = 60_000, 1_200
"""Characters and lines of a text that flows over the whole width: some fifteen pages."""
FLOWING = {
    (Passage, "text"),
    (Mitigation, "plan"),
    (MonitoringPlan, "text"),
    (Training, "text"),
    (Dataset, "text"),
    (Card, "deployment_target"),
}
WHOLE = {(PolicyFacts, "text"), (PolicyFacts, "digest")}
"""Not printed, but compared."""
RAW = frozenset({"svg", "proof"})
REST = "{:,} more stand in the attached card.json."
CUT = "… [{:,} more characters stand in the attached card.json]"


@dataclass(frozen=True)
class Longest:
    """How many rows of a kind are printed, of which so many from the end, and the row that says how many are not."""

    rows: int
    from_the_end: int
    rest: Callable[[str], Any]


LISTS: Mapping[type, Longest] = {
    Risk: Longest(150, 0, lambda told: Risk(told, "", "", "", "", "", "")),
    Finding: Longest(150, 0, lambda told: Finding(told, "", "", "", "", "")),
    Condition: Longest(150, 0, lambda told: Condition(told, "", "", "")),
    Fact: Longest(120, 0, lambda told: Fact("And", told)),
    Dataset: Longest(60, 1, lambda told: Dataset(told, "And")),
    TimelineEvent: Longest(300, 150, lambda told: TimelineEvent("", "", told)),
}


def shortened(card: Card) -> Card:
    """The card as far as it is printed."""
    found: Card = _walk(card, (type(card), ""))
    return found


def _walk(value: Any, place: tuple[type, str]) -> Any:
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, tuple):
        return tuple(_walk(item, place) for item in _rows(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        pairs = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return kind(**{name: item if name in RAW else _walk(item, (kind, name)) for name, item in pairs.items()})
    return value


def _rows(rows: tuple[Any, ...]) -> tuple[Any, ...]:
    limit = LISTS.get(type(rows[0])) if rows else None
    if limit is None or len(rows) <= limit.rows:
        return rows
    first = limit.rows - limit.from_the_end
    told = limit.rest(REST.format(len(rows) - limit.rows))
    return (*rows[:first], told, *rows[len(rows) - limit.from_the_end :])


def _text(text: str, place: tuple[type, str]) -> str:
    if place in WHOLE:
        return text
    shown = text[:LONGEST_CELL]
    if place in FLOWING:
        shown = "".join(text[:LONGEST_FLOWING].splitlines(keepends=True)[:MOST_LINES])
    if len(shown) == len(text):
        return text
    gap = "\n\n" if place in FLOWING else ""
    return shown + gap + CUT.format(len(text) - len(shown))
