"""A card made from the database, with real checks, in every format for machines."""

import json

import pytest
from huggingface_hub import ModelCard as TheirCard

from modelcards import issuing
from modelcards.card import Card
from modelcards.card_schema import packaged
from modelcards.exporters.cyclonedx import bill
from modelcards.models import ModelCard
from tests.modelcards.schemas import problem_of_bill, validator_of
from tests.modelcards.test_issuing import approved, cast, in_validation  # noqa: F401
from tests.modelcards.test_verify_command import verify


def check_formats(row, actor):
    content = issuing.download(card_id=row.pk, actor=actor, exporter="json").content
    assert list(validator_of(packaged()).iter_errors(json.loads(content))) == []
    card = Card.from_json(json.loads(content))
    for version in ("1.6", "1.7"):
        assert problem_of_bill(json.dumps(bill(card, version))) is None
    read = TheirCard(issuing.download(card_id=row.pk, actor=actor, exporter="huggingface").content.decode())
    return card, read.data.to_dict()


@pytest.mark.both_engines
def test_an_issued_card_is_valid_in_every_format_and_its_pack_agrees_with_the_records(cast, tmp_path):  # noqa: F811
    row = ModelCard.objects.get(version=approved(cast), kind="issued")
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    card, front = check_formats(row, cast.auditor)
    results = front["model-index"][0]["results"]
    assert results[0]["task"] == {"type": "tabular-classification", "name": "classification into two classes"}
    assert results[0]["dataset"]["revision"] == card.evaluation[0].sha256
    assert {"accuracy"} <= {metric["type"] for metric in results[0]["metrics"]}
    assert any(" and " in result["dataset"].get("config", "") for result in results)
    path = tmp_path / "pack.zip"
    path.write_bytes(issuing.download(card_id=row.pk, actor=cast.auditor, exporter="zip").content)
    status, words = verify(path, "--ledger")
    assert status == 0, words
    assert "Records: The file is, byte for byte, the card" in words


def test_a_draft_is_valid_in_every_format_and_marked_as_one(cast):  # noqa: F811
    row = issuing.request_draft(version_id=in_validation(cast).pk, actor=cast.submitter)
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    card, front = check_formats(row, cast.submitter)
    assert (card.issued, "draft-not-an-approval" in front["tags"]) == (False, True)
    statements = issuing.download(card_id=row.pk, actor=cast.submitter, exporter="in_toto").content.splitlines()
    assert json.loads(statements[1])["predicate"]["verificationResult"] == "FAILED"
