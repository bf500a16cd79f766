"""A card that is issued again carries the record of monitoring so far; the first one has none."""

import io
from datetime import date

import pytest
from django.utils import timezone

from approvals import revalidating
from approvals.models import Evidence, ModelVersion
from approvals.stages import Role
from modelcards import content, reissuing
from modelcards.card import Card, CardStatus
from modelcards.models import ModelCard
from modelcards.rendering import html
from monitoring import batches
from monitoring import running as readings
from monitoring.models import Reading
from portal.errors import BadInput, NotPermitted, Refused
from tests.cast import SAFE, TABLE, tiny_table

MONITORS = [{"monitor": "score_drift", "thresholds": {"max_psi": 0.25}, "severity": "medium", "every_days": 31}]


@pytest.fixture
def version(cast):
    cast.publish(monitors=MONITORS, name="watched")
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    for _ in range(7):
        cast.advance(version)
    ModelCard.objects.update(status="finished")
    return ModelVersion.objects.get(pk=version.pk)


def card_of(version):
    return content.build(version, number="MC-2026-00001", status=CardStatus.DRAFT, now=timezone.now())


def test_the_first_card_has_no_record_and_does_not_name_it(version):
    card = card_of(version)
    assert card.monitoring.record is None
    assert "record" not in card.as_json()["monitoring"]


def test_the_card_that_is_issued_again_tells_what_was_read(cast, version):
    today = timezone.now().date()
    batch = batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(tiny_table(rows=600, seed=2)),
        name="This month",
        window_start=today,
        window_end=today,
    )
    (reading,) = Reading.objects.filter(batch=batch)
    assert readings.execute(reading.pk)
    row = reissuing.reissue(version_id=version.pk, actor=cast.owner, reason=SAFE)
    assert reissuing.reissue(version_id=version.pk, actor=cast.owner, reason=SAFE) == row, "one is under way"
    card = card_of(version)
    record = card.monitoring.record
    assert record.sha256 == Evidence.objects.get(kind="monitoring_record").file.sha256
    assert (record.batches, record.readings, record.months_with_data) == (1, 1, 1)
    (monitor,) = record.monitors
    assert monitor.months[-1].level == "within limits"
    assert monitor.months[-1].limit == 0.25
    assert Card.from_document(card.canonical()) == card
    page = html(card)
    assert "The record so far" in page
    first, last = (f"{date.fromisoformat(day):%d %b %Y}" for day in (record.since, record.until))
    assert f"From {first} to {last}: 1 batch, 1 reading, of which" in page
    assert "No alarm was raised." in page


@pytest.mark.parametrize("who", ["auditor", "outsider", "superuser", Role.MODEL_VALIDATOR])
def test_only_the_owner_a_submitter_or_a_risk_officer_has_it_issued_again(cast, version, who):
    actor = cast.signers[who] if isinstance(who, Role) else getattr(cast, who)
    with pytest.raises(NotPermitted):
        reissuing.reissue(version_id=version.pk, actor=actor, reason=SAFE)
    with pytest.raises(BadInput):
        reissuing.reissue(version_id=version.pk, actor=cast.owner, reason="because")
    assert ModelCard.objects.count() == 1


def test_a_card_is_not_issued_again_during_a_revalidation(cast, version):
    revalidating.ask(version_id=version.pk, actor=cast.owner, reason=SAFE)
    with pytest.raises(Refused, match="revalidation is under way"):
        reissuing.reissue(version_id=version.pk, actor=cast.owner, reason=SAFE)
