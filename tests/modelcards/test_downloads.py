"""The pages of the cards: the wrong people first, then lists, downloads, orders and the page that verifies a file."""

import html
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from modelcards import exporters, issuing
from modelcards.models import ModelCard
from modelcards.panels import cards_panel
from modelcards.verification import verify_card
from portal.models import LedgerEntry
from tests.modelcards.approvals import in_scoping, issued, ordered

pytestmark = pytest.mark.usefixtures("own_var")

BACKEND = "django.contrib.auth.backends.ModelBackend"
DOWNLOADED = "modelcards.card.downloaded"


def at(name, *args):
    return reverse(f"admin:modelcards_modelcard_{name}", args=args)


@pytest.fixture
def as_(client):
    def sign_in(user):
        client.force_login(user, backend=BACKEND)
        return client

    return sign_in


def test_an_outsider_finds_no_card_no_file_and_no_act(with_card, as_):
    cast, row = with_card
    client = as_(cast.outsider)
    for url in (at("change", row.pk), at("download", row.pk, "pdf"), at("download", row.pk, "json")):
        assert client.get(url).status_code == 404, url
    for url in (at("retry", row.pk), at("order_draft", row.version_id)):
        assert client.post(url).status_code == 404, url
    assert row.number not in client.get(at("changelist")).content.decode()
    assert not LedgerEntry.objects.filter(event=DOWNLOADED).exists()
    assert ModelCard.objects.count() == 1


def test_an_auditor_sees_the_card_and_each_download_is_in_the_ledger(with_card, as_):
    cast, row = with_card
    client = as_(cast.auditor)
    assert row.number in client.get(at("changelist")).content.decode()
    page = client.get(at("change", row.pk)).content.decode()
    assert "Issued card" in page
    assert row.digest in page
    answer = client.get(at("download", row.pk, "pdf"))
    assert answer.content == row.pdf.path.read_bytes()
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{row.number}.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert client.get(at("download", row.pk, "json")).content.decode() == row.content
    assert "There is no format" in client.get(at("download", row.pk, "docx"), follow=True).content.decode()
    entries = LedgerEntry.objects.filter(event=DOWNLOADED)
    assert [entry.actor_id for entry in entries] == [cast.auditor.pk] * 2


def test_a_card_that_is_not_made_has_no_file_and_says_so(cast, as_):
    row = ordered(cast)
    client = as_(cast.auditor)
    answer = client.get(at("download", row.pk, "pdf"), follow=True)
    assert "This card is not made yet." in answer.content.decode()
    assert "Queued" in answer.content.decode()
    assert not LedgerEntry.objects.filter(event=DOWNLOADED).exists()


def test_a_get_never_orders_and_a_submitter_orders_a_draft_once(cast, as_):
    version = in_scoping(cast)
    client = as_(cast.submitter)
    assert client.get(at("order_draft", version.pk)).status_code == 405
    assert not ModelCard.objects.exists()
    for _ in range(2):
        assert client.post(at("order_draft", version.pk)).status_code == 302
    row = ModelCard.objects.get()
    assert (row.kind, row.status) == ("draft", "queued")
    assert issuing.execute(row.pk)
    panel = cards_panel(version, cast.submitter)
    assert [card.number for card in panel.content["cards"]] == [row.number]
    page = client.get(version.get_absolute_url()).content.decode()
    assert at("download", row.pk, "pdf") in page


def test_the_page_verifies_a_file_and_refuses_what_is_none(with_card, as_):
    cast, row = with_card
    pdf = row.pdf.path.read_bytes()
    client = as_(cast.auditor)

    def verdict(content):
        return client.post(at("verify"), {"file": SimpleUploadedFile("card.pdf", content)}).content.decode()

    found = verdict(pdf)
    assert f"This is card {row.number} as issued" in found
    assert "byte for byte" in found
    assert "added after the signature" in verdict(pdf + b"\n%more")
    assert "The file is not a PDF" in verdict(b"<script>alert(1)</script>")
    assert "Do not rely on this file." in verdict(b"PK\x03\x04")
    assert "is empty" in verdict(b"")
    assert client.post(at("verify")).status_code == 200


def test_the_page_of_a_card_lists_the_formats_with_a_sentence_each_and_each_is_handed_out(with_card, as_):
    cast, row = with_card
    client = as_(cast.auditor)
    page = client.get(at("change", row.pk)).content.decode()
    for key, kind in exporters.load().items():
        assert kind.sentence in html.unescape(page)
        assert at("download", row.pk, key) in page
        answer = client.get(at("download", row.pk, key))
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code == 200
        assert answer["Content-Disposition"] == f'attachment; filename="{row.number}{kind.suffix}"'
        assert content
    assert LedgerEntry.objects.filter(event=DOWNLOADED).count() == len(exporters.load())
    assert json.loads(client.get(at("trust", "schema")).content)["title"] == "Model card"


def test_the_page_verifies_attestations_too(with_card, as_):
    cast, row = with_card
    client = as_(cast.auditor)
    signed = client.get(at("download", row.pk, "in_toto")).content

    def verdict(content):
        return client.post(at("verify"), {"file": SimpleUploadedFile("x.jsonl", content)}).content.decode()

    assert f"This is what was attested with card {row.number}" in verdict(signed)
    assert "Do not rely on this file." in verdict(signed.replace(b'"payload":"', b'"payload":"A', 1))


def test_whoever_holds_a_file_may_verify_it_and_a_forger_learns_nothing_from_the_records(with_card, as_):
    cast, row = with_card
    client = as_(cast.outsider)

    def verdict(content):
        return client.post(at("verify"), {"file": SimpleUploadedFile("card.pdf", content)}).content.decode()

    pdf = row.pdf.path.read_bytes()
    assert f"This is card {row.number} as issued" in verdict(pdf)
    forged = verdict(pdf.replace(b"/ByteRange", b"/ByteRangf"))
    assert "Do not rely on this file." in forged
    assert row.number not in forged
    written = verdict(row.content.replace('"name":"', '"name":"A', 1).encode())
    assert "Do not rely on this file." in written
    assert all(told not in written for told in ("Since then", "<strong>Issue", "byte for byte"))
    assert "and no newer card" in verdict(row.content.encode())


def test_what_an_auditor_needs_is_handed_out(cast, as_, settings, tsa, tmp_path):
    client = as_(cast.outsider)
    for what in ("root", "revoked", "timestamps"):
        assert client.get(at("trust", what)).status_code == 404, what
    row = issued(cast)
    (tmp_path / "tsa.pem").write_bytes(tsa.root_pem)
    settings.TIMESTAMPS = {**settings.TIMESTAMPS, "CA": str(tmp_path / "tsa.pem")}
    got = {what: client.get(at("trust", what)).content for what in ("root", "revoked", "timestamps", "key", "script")}
    report = verify_card(
        row.pdf.path.read_bytes(),
        roots=[got["root"]],
        vkey=got["key"].decode().strip(),
        revoked=[got["revoked"]],
        timestamp_roots=[got["timestamps"]],
    )
    assert report.ok, report.bottom_line
    assert b"import argparse" in got["script"]


def test_nobody_signed_in_gets_nothing(client, with_card):
    _, row = with_card
    for url in (at("changelist"), at("change", row.pk), at("download", row.pk, "pdf"), at("verify")):
        answer = client.get(url)
        assert (answer.status_code, "/login/" in answer["Location"]) == (302, True)
