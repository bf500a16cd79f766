"""What cannot become a card ends with a sentence and never hangs; what is finished is neither changed nor mixed up."""

import json
import subprocess
from datetime import timedelta

import pikepdf
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from approvals import workflow
from approvals.models import Evidence
from approvals.stages import Role, Stage
from modelcards import content, issuing
from modelcards.card import CardStatus
from modelcards.models import ModelCard
from portal.errors import BadInput, NotPermitted, Unavailable
from portal.models import LedgerEntry
from tests.modelcards.approvals import GATES, in_scoping

pytestmark = pytest.mark.usefixtures("own_var")
LINEAGE = {"transformations": ["none"], "lawful_basis": "contract", "sensitive_attributes": ["sex"]}


def drafted(cast, version):
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    issuing.execute(row.pk)
    return ModelCard.objects.get(pk=row.pk)


def test_a_draft_without_an_artifact_is_a_file_and_no_evidence(cast):
    cast.publish(GATES)
    version = cast.version()
    row = drafted(cast, version)
    assert row.status == "finished", row.error
    assert "none attached" in text_of(row.pdf.path.read_bytes())
    assert not Evidence.objects.filter(version=version, kind="card_draft").exists()


def text_of(pdf):
    return subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


def moved(cast, version, steps):
    """The version some stages further on the shortest way."""
    cast.sign(version, Role.BUSINESS_ANALYST)
    for step in range(steps):
        if step == 6:
            cast.sign(version, Role.IT_OPERATIONS)
        cast.advance(version)


@pytest.mark.parametrize("steps", range(8))
def test_a_draft_can_be_ordered_at_every_stage_and_is_evidence_during_review_only(cast, steps):
    version = in_scoping(cast)
    moved(cast, version, steps)
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    fresh = ModelCard.objects.select_related("version__model", "version__policy").get(pk=row.pk)
    token = issuing.claim(row.pk, timezone.now())
    made = content.build(fresh.version, number=row.number, status=CardStatus.DRAFT, now=timezone.now())
    assert made.version.stage == Stage(list(Stage)[steps]).label
    assert issuing.store(row.pk, token, made, b"%PDF-1.7 printed elsewhere")
    assert Evidence.objects.filter(version=version, kind="card_draft").exists() is (steps < 7)


def test_a_draft_of_a_rejected_version_can_be_read_too(cast):
    version = in_scoping(cast)
    workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason="Another model does it.")
    assert issuing.request_draft(version_id=version.pk, actor=cast.submitter).kind == "draft"


@pytest.mark.parametrize("who", ["outsider", "auditor", "superuser", "developer"])
def test_nobody_but_a_submitter_orders_a_draft(cast, who):
    version = in_scoping(cast)
    with pytest.raises(NotPermitted):
        issuing.request_draft(version_id=version.pk, actor=getattr(cast, who))
    assert not ModelCard.objects.exists()


def test_a_draft_has_its_watermark_on_every_page_and_no_number_and_no_signature(cast, tmp_path):
    path = drafted(cast, in_scoping(cast)).pdf.path
    subprocess.run(["pdftoppm", "-r", "24", str(path), str(tmp_path / "page")], check=True)
    pages = sorted(tmp_path.glob("page-*.ppm"))
    assert len(pages) >= 5
    assert all(reddish(page) > 300 for page in pages)
    with pikepdf.open(path) as opened:
        assert "/AcroForm" not in opened.Root
    assert "MC-" not in text_of(path.read_bytes())


def reddish(page):
    """How many pixels are of the watermark's colour."""
    with Image.open(page) as picture:
        pixels = picture.convert("RGB").tobytes()
    return sum(red > 210 and red - green > 20 for red, green in zip(pixels[::3], pixels[1::3], strict=True))


def test_the_command_writes_a_draft_for_who_may(cast, tmp_path):
    version = in_scoping(cast)
    out = tmp_path / "draft.pdf"
    with pytest.raises(CommandError, match="Only a submitter"):
        call_command("draft_card", version.model.name, version.number, str(out), "--as", cast.outsider.username)
    assert not out.exists()
    call_command("draft_card", version.model.name, version.number, str(out), "--as", cast.submitter.username)
    assert "DRAFT, not an approval" in text_of(out.read_bytes())
    with pytest.raises(CommandError, match="not overwritten"):
        call_command("draft_card", version.model.name, version.number, str(out), "--as", cast.submitter.username)
    with pytest.raises(CommandError, match="There is no version"):
        call_command("draft_card", version.model.name, "9", str(tmp_path / "x"), "--as", cast.submitter.username)


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
    with pytest.raises(BadInput, match="larger than 200 kB; attach it as PDF"):
        cast.attach(version, "deployment_target", b"- a line\n" * 110_000, "target.md")


def test_printing_tells_meanwhile_that_it_lives_and_ends_when_nobody_wants_it(cast):
    version = in_scoping(cast)
    cast.attach(version, "monitoring_plan", b"- a line\n" * 20_000, "plan.md")
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    mine, beats = issuing.claim(row.pk, timezone.now()), []

    def beat(percent, text):
        beats.append(text)
        if sum(one.startswith("Printing") for one in beats) > 1:
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
def test_the_database_refuses_to_change_a_finished_card(with_card, changes):
    _, row = with_card
    with pytest.raises(IntegrityError, match="finished model card is never changed"), transaction.atomic():
        ModelCard.objects.filter(pk=row.pk).update(**changes)


def test_a_stored_file_that_was_altered_or_lost_is_not_handed_out(with_card):
    cast, row = with_card
    row.pdf.path.write_bytes(b"%PDF-1.7 another card")
    with pytest.raises(Unavailable, match="altered"):
        issuing.download(card_id=row.pk, actor=cast.auditor)
    row.pdf.path.unlink()
    with pytest.raises(Unavailable, match="not in the store"):
        issuing.download(card_id=row.pk, actor=cast.auditor)
    assert not LedgerEntry.objects.filter(event="modelcards.card.downloaded").exists()
