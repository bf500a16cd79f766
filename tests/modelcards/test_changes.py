"""What a card says about the version that was approved before: both sides as their own cards say them."""

import json

import pytest
from django.utils import timezone

from approvals.models import ModelVersion, RegisteredModel
from approvals.stages import Role
from modelcards import content, issuing
from modelcards.card import Card, CardStatus
from modelcards.models import ModelCard
from modelcards.reading import written
from tests.modelcards.approvals import in_scoping

pytestmark = pytest.mark.usefixtures("own_var")


def card_of(version):
    version = ModelVersion.objects.select_related("model__owner", "policy", "submitted_by").get(pk=version.pk)
    return content.build(version, number="X", status=CardStatus.DRAFT, now=timezone.now())


def second(cast, seed=2):
    """The next version of the same model, with another artifact."""
    version = cast.version(RegisteredModel.objects.get(), number="2.0.0")
    cast.artifact(version, seed=seed)
    return version


def test_the_first_version_has_none_before_it(cast):
    assert card_of(in_scoping(cast)).previous is None


def test_the_approved_version_is_set_beside_the_new_one(with_card):
    cast, row = with_card
    previous = card_of(second(cast)).previous
    assert (previous.number, previous.card, previous.card_sha256) == (row.version.number, row.number, row.digest)
    facts = {fact.name: fact for fact in previous.facts}
    assert not facts["Artifact"].same
    assert json.loads(row.content)["artifact"]["sha256"] in facts["Artifact"].before
    assert facts["Policy"].same
    assert previous.policy == ()


def test_another_policy_is_told_requirement_by_requirement(with_card):
    cast, _ = with_card
    gates = {"scoping": [{"evidence": {"kind": "artifact"}}, {"signoffs": {"role": "risk_officer"}}]}
    cast.publish(gates)
    previous = card_of(second(cast)).previous
    assert any("isk officer" in sentence for sentence in previous.policy)


def test_a_version_that_was_approved_without_a_card_is_named_as_such(with_card):
    cast, row = with_card
    version = second(cast)
    earlier = ModelVersion.objects.create(
        model=row.version.model,
        number="1.5.0",
        summary="Between.",
        policy=row.version.policy,
        submitted_by=cast.submitter,
        developer=cast.developer,
        created_at=timezone.now(),
        stage_entered_at=timezone.now(),
        approved_at=timezone.now(),
    )
    previous = card_of(version).previous
    assert (previous.number, previous.facts) == (earlier.number, ())
    assert "has no issued card" in previous.note


def test_a_version_does_not_stand_beside_a_later_one(with_card):
    cast, first = with_card
    version = second(cast)
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(6):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    cast.advance(version, incumbent_plan="replaced")
    assert card_of(first.version).previous is None
    row = ModelCard.objects.get(version=version, kind="issued")
    assert issuing.execute(row.pk)
    row.refresh_from_db()
    assert json.loads(row.content)["previous"]["card"] == first.number


def test_a_card_that_was_issued_before_a_field_was_added_keeps_its_bytes(with_card):
    _, row = with_card
    data = json.loads(row.content)
    assert "previous" not in data
    assert Card.from_json(data).canonical().decode() == row.content
    assert written(Card.from_json(data)) == data
