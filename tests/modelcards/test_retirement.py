"""A card of a version that is taken out of service says how far its decommission checklist is answered."""

from django.utils import timezone

from approvals import decommissioning
from approvals.stages import Role
from modelcards import rendering
from modelcards.card import Card, CardStatus
from modelcards.content.assembly import build

ITEMS = [
    {"item": "endpoint_off", "text": "The endpoint is off.", "roles": ["it_operations"]},
    {"item": "successor", "text": "The successor is named.", "roles": ["business_owner"]},
    {"item": "jobs", "text": "Its jobs are stopped.", "roles": ["it_operations", "risk_officer"]},
]


def said_of_the_end(version):
    card = build(version, number="", status=CardStatus.DRAFT, now=timezone.now())
    assert Card.from_json(card.as_json()) == card
    _, _, section = rendering.html(card).partition("<h3>Retirement</h3>")
    return card, section.partition("</section>")[0]


def test_the_checklist_stands_on_the_card_once_somebody_has_answered_it(cast):
    cast.publish(decommission=ITEMS)
    version = cast.version()
    for _ in range(6):
        cast.advance(version)
    version = cast.advance(version)
    card, section = said_of_the_end(version)
    assert "retirement" not in card.as_json()
    assert "no item of the decommission checklist is answered" in section

    for item, role, applies, evidence in (
        ("endpoint_off", Role.IT_OPERATIONS, True, "Switched off under change 4711."),
        ("successor", Role.BUSINESS_OWNER, False, "The product itself is ended."),
    ):
        decommissioning.answer(
            version_id=version.pk, actor=cast.signers[role], item=item, applies=applies, evidence=evidence
        )
    card, section = said_of_the_end(version)
    assert [bool(item.printed_name) for item in card.retirement] == [True, True, False]
    for words in ("Switched off under change 4711.", "</b> done", "</b> does not apply", "</b> open"):
        assert words in section
    assert "to be answered by IT operations or risk officer" in section
