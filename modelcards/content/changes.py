"""What differs from the version approved before: both sides come from cards, so nothing is measured or worded again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from approvals import policy_changes
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from approvals.policy_document import PolicyDocument, parse
from modelcards import card as c
from modelcards.card import Card, CardFormatError
from modelcards.content.texts import iso
from modelcards.models import ModelCard
from portal.errors import DomainError

WITHOUT_CARD = "That version has no issued card, so its numbers cannot be set beside these."
UNREADABLE = "The card of that version cannot be read by this release, so its numbers cannot be set beside these."


def previous(version: ModelVersion, document: PolicyDocument, now: c.Card) -> c.PreviousVersion | None:
    """The approval of the same model before this one, beside the card that is being made; None if there was none."""
    earlier = ModelVersion.objects.filter(model=version.model_id, approved_at__isnull=False).exclude(pk=version.pk)
    if version.approved_at is not None:
        earlier = earlier.filter(approved_at__lt=version.approved_at)
    last = earlier.select_related("policy").order_by("-approved_at", "-pk").first()
    if last is None:
        return None
    row = ModelCard.objects.filter(version=last, kind="issued", status=RunStatus.FINISHED).order_by("-pk").first()
    card, note = (None, WITHOUT_CARD) if row is None else _read(row)
    return c.PreviousVersion(
        number=last.number,
        card=row.number if row else "",
        card_sha256=row.digest if row else "",
        approved_at=iso(last.approved_at),
        facts=tuple(_facts(card, now)) if card else (),
        numbers=tuple(_numbers(card, now)) if card else (),
        policy=_policy(last.policy.text, document),
        note=note,
    )


def _read(row: ModelCard) -> tuple[Card | None, str]:
    try:
        return Card.from_json(json.loads(row.content)), ""
    except CardFormatError:
        return None, UNREADABLE


def _facts(before: Card, now: Card) -> Iterator[c.Difference]:
    pairs = {
        "Artifact": (_artifact(before), _artifact(now)),
        "Code revision": (before.version.code_revision, now.version.code_revision),
        "Evaluation data": (_data(before.evaluation), _data(now.evaluation)),
        "Sources": (_data(before.lineage), _data(now.lineage)),
        "Risk tier": (before.model.risk_tier, now.model.risk_tier),
        "Owner": (before.model.owner, now.model.owner),
        "Policy": tuple(f"{one.policy.name} no. {one.policy.number}" for one in (before, now)),
    }
    for name, (then, this) in pairs.items():
        yield c.Difference(name, then, this)
    trained = [{fact.label: fact.value for fact in one.training.facts} for one in (before, now)]
    for name in dict.fromkeys([*trained[0], *trained[1]]):
        then, this = (facts.get(name, "") for facts in trained)
        if then != this and "sha256" not in name.lower():
            yield c.Difference(f"Training: {name.lower()}", then, this)


def _artifact(card: Card) -> str:
    return f"{card.artifact.name}, SHA-256 {card.artifact.sha256}" if card.artifact else "none"


def _data(datasets: Iterable[c.Dataset]) -> str:
    return "; ".join(f"{one.name}, SHA-256 {one.sha256}" for one in datasets if one.sha256) or "none"


def _numbers(before: Card, now: Card) -> Iterator[c.NumberChange]:
    """Numbers that both cards have and that say something about the model, not about the files."""
    for check in now.checks:
        known = {number.name: number for one in before.checks if one.key == check.key for number in one.numbers}
        for number in check.numbers:
            then = known.get(number.name)
            if then is None or not (_says_something(number) or _says_something(then)):
                continue
            difference = (
                float(number.value) - float(then.value) if number.value is not None and then.value is not None else None
            )
            yield c.NumberChange(check.title, then, number, difference)


def _says_something(number: c.Number) -> bool:
    return isinstance(number.value, float) or bool(number.reason)


def _policy(text: str, document: PolicyDocument) -> tuple[str, ...]:
    try:
        return policy_changes.changes(parse(text), document)
    except DomainError as error:
        return (f"The earlier policy cannot be compared: {error.sentence}",)
