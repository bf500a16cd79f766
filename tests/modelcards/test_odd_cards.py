"""What cannot become a card ends with a sentence and never hangs; what is finished is neither changed nor mixed up."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.models import Evidence
from modelcards import issuing
from modelcards.models import ModelCard
from portal.errors import BadInput, Refused, Unavailable
from portal.models import LedgerEntry
from tests.modelcards.approvals import GATES, in_scoping, issued

pytestmark = pytest.mark.usefixtures("own_var")
LINEAGE = {"transformations": ["none"], "lawful_basis": "contract", "sensitive_attributes": ["sex"]}


def drafted(cast, version):
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    issuing.execute(row.pk)
    return ModelCard.objects.get(pk=row.pk)


def test_a_draft_without_an_artifact_is_refused_and_recorded(cast):
    cast.publish(GATES)
    version = cast.version()
    with pytest.raises(Refused, match="Attach the model artifact first"):
        issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    assert not ModelCard.objects.exists()
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 1


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"name": "half a character \ud800"}, "half a character"),
        ({"name": "rows", "rows": 10**30}, "beyond 2"),
        ({"name": "rows", "rows": float("inf")}, "not finite"),
        (nested(400), "nests its entries more than 20 deep"),
        (["a line"] * 40_000, "larger than the 200 kB that a model card prints"),
    ],
    ids=["surrogate", "integer", "infinite", "deep", "long"],
)
def test_a_document_that_no_card_can_carry_is_refused_at_its_upload(cast, source, why):
    version = in_scoping(cast)
    lineage = json.dumps({"sources": [source], **LINEAGE}).encode()
    with pytest.raises(BadInput, match=why):
        cast.attach(version, "data_lineage", lineage, "lineage.json")
    assert not Evidence.objects.filter(version=version, kind="data_lineage").exists()


def test_a_plan_that_no_card_can_print_in_time_is_refused_at_its_upload(cast):
    version = in_scoping(cast)
    with pytest.raises(BadInput, match="larger than 200 kB; attach it as PDF"):
        cast.attach(version, "monitoring_plan", b"- a line\n" * 110_000, "plan.md")


def test_printing_tells_meanwhile_that_it_lives_and_ends_when_nobody_wants_it(cast):
    version = in_scoping(cast)
    cast.attach(version, "monitoring_plan", b"- a line\n" * 20_000, "plan.md")
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    mine, beats = issuing.claim(row.pk, timezone.now()), []

    def beat(percent, text):
        beats.append(text)
        if beats.count("Printing") > 1:
            assert issuing.claim(row.pk, timezone.now() + timedelta(minutes=5))
        issuing.report_progress(row.pk, mine, percent, text)

    fresh = ModelCard.objects.select_related("version__model", "version__policy").get(pk=row.pk)
    with pytest.raises(issuing.LeaseLostError):
        issuing.make(fresh, beat)


def test_a_document_that_is_gone_ends_the_draft_with_a_sentence(cast):
    version = in_scoping(cast)
    piece = cast.attach(version, "data_lineage", json.dumps({"sources": ["a"], **LINEAGE}).encode(), "lineage.json")
    piece.file.path.unlink()
    assert "cannot be read: No such file" in drafted(cast, version).error


def test_a_draft_of_an_artifact_that_was_replaced_meanwhile_is_not_attached_to_the_new_one(cast):
    version = in_scoping(cast)
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    token = issuing.claim(row.pk, timezone.now())
    card, pdf = issuing.make(ModelCard.objects.select_related("version__model", "version__policy").get(pk=row.pk))
    cast.artifact(version, seed=2)
    assert not issuing.store(row.pk, token, card, pdf)
    assert "The artifact was replaced" in ModelCard.objects.get(pk=row.pk).error
    assert not Evidence.objects.filter(version=version, kind="card_draft").exists()


@pytest.mark.parametrize("changes", [{"content": "{}"}, {"status": "queued"}, {"number": "MC-1"}])
def test_the_database_refuses_to_change_a_finished_card(cast, changes):
    row = issued(cast)
    with pytest.raises(IntegrityError, match="finished model card is never changed"), transaction.atomic():
        ModelCard.objects.filter(pk=row.pk).update(**changes)


def test_a_stored_file_that_was_altered_or_lost_is_not_handed_out(cast):
    row = issued(cast)
    row.pdf.path.write_bytes(b"%PDF-1.7 another card")
    with pytest.raises(Unavailable, match="altered"):
        issuing.download(card_id=row.pk, actor=cast.auditor)
    row.pdf.path.unlink()
    with pytest.raises(Unavailable, match="not in the store"):
        issuing.download(card_id=row.pk, actor=cast.auditor)
    assert not LedgerEntry.objects.filter(event="modelcards.card.downloaded").exists()
