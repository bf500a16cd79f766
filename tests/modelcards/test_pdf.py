"""The printed card: conformance, determinism, and text that tries to act."""

import dataclasses
import hashlib
import io
import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pikepdf
import pytest

from modelcards import card as c
from modelcards.exporters import pdf as press
from modelcards.exporters.pdf import PdfExporter
from modelcards.rendering import CONTENTS
from portal.errors import Unavailable
from tests.modelcards.cards import card, smallest_card

KEPT = {"status", "schema", "made_at", "svg", "proof"}


def run(*command, data=None):
    return subprocess.run(command, input=data, capture_output=True, check=False)


def text_of(pdf):
    return run("pdftotext", "-layout", "-", "-", data=pdf).stdout.decode()


def squeezed(text):
    return re.sub(r"\s+", "", text)


def metadata_of(pdf):
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return opened.Root.Metadata.read_bytes().decode()


def every_byte_of(pdf, tmp_path):
    """The document with all its streams unpacked."""
    source, unpacked = tmp_path / "card.pdf", tmp_path / "unpacked.pdf"
    source.write_bytes(pdf)
    run("qpdf", "--qdf", "--object-streams=disable", str(source), str(unpacked))
    return unpacked.read_bytes()


def test_the_document_is_sound_tagged_and_long_enough(printed, tmp_path):
    (tmp_path / "card.pdf").write_bytes(printed.pdf)
    assert run("qpdf", "--check", str(tmp_path / "card.pdf")).returncode == 0
    facts = run("pdfinfo", "-", data=printed.pdf).stdout.decode()
    assert re.search(r"Tagged: +yes", facts)
    assert re.search(r"JavaScript: +no", facts)
    assert int(re.search(r"Pages: +(\d+)", facts)[1]) >= 8


def test_it_declares_archive_and_access_conformance_and_the_digest(printed):
    metadata = metadata_of(printed.pdf)
    assert re.search(r'pdfaid:part="3"', metadata)
    assert re.search(r'pdfaid:conformance="A"', metadata)
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert f"<card:digest>{printed.card.digest()}</card:digest>" in metadata


def test_every_font_is_embedded_with_a_unicode_map(printed):
    lines = run("pdffonts", "-", data=printed.pdf).stdout.decode().splitlines()[2:]
    assert lines
    for line in lines:
        assert re.search(r"yes yes yes", line), line


def test_card_and_proof_are_attached_as_data_once(printed):
    with pikepdf.open(io.BytesIO(printed.pdf)) as opened:
        names = {str(item.F): (item, item.EF.F.read_bytes()) for item in opened.Root.AF}
        assert len(opened.Root.AF) == 3
    assert hashlib.sha256(names["card.json"][1]).hexdigest() == printed.card.digest()
    assert json.loads(names["ledger-proof.json"][1]) == printed.card.ledger.proof


def test_the_attachments_say_how_they_relate_to_the_pages_and_what_they_are(printed):
    with pikepdf.open(io.BytesIO(printed.pdf)) as opened:
        found = {str(item.F): (str(item.AFRelationship), str(item.EF.F.Subtype)) for item in opened.Root.AF}
    assert found == {
        "card.json": ("/Data", "/application/json"),
        "ledger-proof.json": ("/Data", "/application/json"),
        "bom.cdx.json": ("/Supplement", "/application/vnd.cyclonedx+json"),
    }


def test_each_page_names_the_card_and_its_digest(printed):
    pages = text_of(printed.pdf).split("\f")[:-1]
    assert all(printed.card.digest() in squeezed(page) for page in pages)
    assert all("MC-2026-0007" in page for page in pages)


def test_the_contents_name_the_page_of_each_section(printed):
    pages = text_of(printed.pdf).split("\f")
    for number, (_, title) in enumerate(CONTENTS, start=1):
        page = int(re.search(rf"{number}\s+{re.escape(title)}\W*?(\d+)\n", pages[1])[1])
        assert re.search(rf"{number}\s+{re.escape(title)}", pages[page - 1]), title


def test_the_card_prints_every_sign_off_with_its_meaning_and_dossier(printed):
    cell_by_cell = run("pdftotext", "-raw", "-", "-", data=printed.pdf).stdout.decode()
    text = squeezed(cell_by_cell)
    for signed in printed.card.sign_offs:
        for part in (signed.printed_name, signed.role_title, signed.meaning, signed.comment, signed.dossier):
            assert squeezed(part) in text


def test_names_of_other_scripts_can_be_copied_out(printed):
    text = text_of(printed.pdf)
    assert all(name in text for name in ("Łucja Wójcik", "Ραφαήλ Παππάς", "Yuki Tanaka-Weiß"))


def test_a_draft_says_on_each_page_that_it_is_one():
    pages = text_of(PdfExporter().export(smallest_card())).split("\f")[:-1]
    assert len(pages) >= 3
    assert all("DRAFT, not an approval" in page for page in pages)


def test_an_override_is_announced_on_the_cover(printed):
    assert "emergency override" in text_of(printed.pdf).split("\f")[0].lower()


@pytest.fixture
def canary(tmp_path):
    """A server and a file that notice, or leave a trace of, being opened."""
    hits = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<svg xmlns='http://www.w3.org/2000/svg'/>")

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    file = tmp_path / "canary.svg"
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg'><text>SECRET-OF-THE-FILE</text></svg>", encoding="utf-8")
    yield SimpleNamespace(hits=hits, address=f"http://127.0.0.1:{server.server_port}/x", file=file.as_uri())
    server.shutdown()
    thread.join()
    server.server_close()


def hostile(canary):
    return (
        f'"><img src={canary.address}>![p]({canary.address})<link rel=attachment href={canary.file}>'
        f"<style>@import url({canary.address})</style>"
        "{{ 7|add:7 }}<script>1</script>\x00\u202egpj\u2066漢\U0001f9d1"
    )


def poisoned(value, poison, name=""):
    """The same document with `poison` in every text that people can write."""
    if isinstance(value, str):
        return value if name in KEPT else f"{value} {poison}"
    if isinstance(value, tuple):
        return tuple(poisoned(item, poison, name) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((item.name, getattr(value, item.name)) for item in dataclasses.fields(value))
        return dataclasses.replace(value, **{n: item if n in KEPT else poisoned(item, poison, n) for n, item in pairs})
    return value


def short_card():
    """Every kind of text at least once, few of them twice: long poison makes many pages."""
    whole = card()
    quality, fairness = whole.checks[3], whole.checks[2]
    groups = tuple(dataclasses.replace(table, rows=table.rows[:1]) for table in fairness.groups[1:])
    checks = (dataclasses.replace(fairness, groups=groups), quality)
    few = {name: getattr(whole, name)[:2] for name in ("evidence", "timeline", "gates", "sign_offs", "lineage")}
    return card(**few, checks=checks, policy=dataclasses.replace(whole.policy, required_sign_offs=()))


def test_text_that_names_addresses_and_files_opens_nothing(canary, tmp_path):
    pdf = PdfExporter().export(poisoned(short_card(), hostile(canary)))
    assert canary.hits == []
    assert b"SECRET-OF-THE-FILE" not in every_byte_of(pdf, tmp_path)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert sorted(opened.attachments) == ["bom.cdx.json", "card.json", "ledger-proof.json"]
    text = squeezed(text_of(pdf))
    assert "<script>1</script>" in text
    assert "{{7|add:7}}" in text
    assert "[U+202E]gpj[U+2066]" in text
    assert "漢[U+1F9D1]" in text


def test_a_drawing_that_loads_opens_nothing(canary, tmp_path):
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'
        f'<style>@import url("{canary.address}");</style><image xlink:href="{canary.file}" href="{canary.address}"/>'
        f'<use href="{canary.file}#x"/><rect width="9" height="9" fill="url({canary.address})"/></svg>'
    )
    check = dataclasses.replace(card().checks[1], charts=(c.Chart("t", "d", drawing),))
    pdf = PdfExporter().export(card(checks=(check,)))
    assert canary.hits == []
    assert b"SECRET-OF-THE-FILE" not in every_byte_of(pdf, tmp_path)


def order_for(html):
    return json.dumps(
        {"html": html, "files": {}, "made_at": "2026-03-24T10:05:00+00:00", "digest": "0", "number": "1"}
    ).encode()


@pytest.mark.parametrize(
    "html",
    [
        "<img src='{0}'>",
        "<link rel=stylesheet href='{0}'>",
        "<style>@import url({0})</style>",
        "<style>body{{background:url({0})}}</style>",
        "<object data='{0}'></object>",
        "<link rel=attachment href='{0}'>",
    ],
)
def test_even_markup_cannot_make_the_press_open_anything(canary, html):
    for address in (canary.address, canary.file):
        with pytest.raises(Unavailable) as refused:
            press._print_in_child(order_for(html.format(address)))
        assert refused.value.code == "card-not-printed"
    assert canary.hits == []


def test_a_character_without_a_glyph_is_never_printed_as_a_box():
    with pytest.raises(Unavailable) as refused:
        press._print_in_child(order_for("<p>\ue000</p>"))
    assert "notdef" in refused.value.sentence
    assert refused.value.code == "card-lacks-a-letter"


SLOW = f"<table><tr>{'<td colspan=1000000>x</td>' * 50}</tr></table>"


def test_a_card_that_takes_too_much_of_the_processor_is_stopped():
    with pytest.raises(Unavailable) as refused:
        press._print_in_child(order_for(SLOW), seconds=1)
    assert refused.value.code == "card-too-slow"
    assert "more than 1 seconds of the processor" in refused.value.sentence


def test_a_card_that_waits_for_the_processor_too_long_is_told_apart():
    with pytest.raises(Unavailable) as refused:
        press._print_in_child(order_for(SLOW), patience=0.2)
    assert refused.value.code == "card-kept-waiting"
    assert "too much else to do" in refused.value.sentence


def test_the_press_uses_our_fonts_and_no_other():
    pdf = press._print_in_child(order_for("<p style='font-family:Courier New, serif'>x</p><code>y</code>"))
    fonts = run("pdffonts", "-", data=pdf).stdout.decode()
    assert "Card-Sans" in fonts
    assert "Card-Mono" in fonts
