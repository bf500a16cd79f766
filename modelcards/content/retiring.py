"""What a card says of the end of a version: the decommission checklist as far as it is answered."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.decommissioning import ItemState
from modelcards import card as c
from modelcards.content.texts import iso


def retirement(checklist: Sequence[ItemState]) -> tuple[c.RetirementItem, ...]:
    """Every item with its answer, once somebody has answered one; nothing before."""
    if all(state.answer is None for state in checklist):
        return ()
    return tuple(_item(state) for state in checklist)


def _item(state: ItemState) -> c.RetirementItem:
    answer = state.answer
    if answer is None:
        return c.RetirementItem(state.item.text, state.item.by_whom)
    return c.RetirementItem(
        text=answer.text,
        asked_of=state.item.by_whom,
        applies=answer.applies,
        evidence=answer.evidence,
        printed_name=answer.printed_name,
        role_title=answer.get_role_display(),
        answered_at=iso(answer.answered_at),
    )
