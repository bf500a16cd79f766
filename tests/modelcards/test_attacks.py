"""Text that attacks the printer, in every text field of a card: nothing is asked for or read, and it stays readable."""

import dataclasses
import io
import re
import subprocess
from html.parser import HTMLParser

import pikepdf
import pytest

from modelcards import card as c
from modelcards import printable, rendering
from modelcards.card import Card
from modelcards.exporters.pdf import PdfExporter
from modelcards.long_words import breakable
from tests.modelcards.cards import card, smallest_card
from tests.modelcards.test_pdf import canary, every_byte_of, poisoned, squeezed, text_of

__all__ = ["canary"]

ATTACKS = {
    "addresses": "<img src={0}><link rel=stylesheet href={0}><base href={0}>[a]({0})![b]({0})<{0}> {0} url({0})",
    "files": "<link rel=attachment href={1}><a rel=attachment href={1}>x</a><object data={1}></object>![f]({1})",
    "styles": "</style><style>@import url({0});@font-face{{font-family:serif;src:url({1})}}*{{background:url({0})}}",
    "drawing": "<svg><image href='{0}'/><use href='{1}#x'/><script>1</script></svg><iframe src={0}></iframe>",
    "entities": "<!DOCTYPE x [<!ENTITY y SYSTEM '{1}'>]>&y;&#x3c;img src={0}&#x3e;",
    "template": "{{% include '{1}' %}}{{{{ card }}}}{{% load static %}}",
    "table": "|a|b|\n|-|-|\n|<img src={0}>|![x]({1})|",
    "directions": "pay\u202e001\u202c to \u2066x\u2069 \u200eא\u200f",
    "invisible": "a\u200bb\ufeffc\u00add\u2060e\u180ef\U000e0041g\u034fh",
    "controls": "a\x00b\x07c\x1bd\x7fe\x85f\u2028g\ufffeh",
    "emoji": "\U0001f9d1\u200d\U0001f680 \U0001f1eb\U0001f1f7 \u2764\ufe0f",
    "scripts": "漢字 かな 한글 שלום مرحبا नमस्ते ไทย ខ្មែរ",
    "marks": "e" + "\u0301" * 12,
}
SHOWN = {
    "addresses": "<imgsrc=",
    "files": "<linkrel=attachment",
    "styles": "@import",
    "drawing": "<script>1</script>",
    "entities": "<!ENTITY",
    "template": "{%loadstatic%}",
    "table": "<imgsrc=",
    "directions": "pay[U+202E]001[U+202C]",
    "invisible": "a[U+200B]b[U+FEFF]c",
    "controls": "a[U+0000]b[U+0007]c",
    "emoji": "[U+1F9D1][U+200D][U+1F680]",
    "scripts": "漢字かな한글",
    "marks": "é",
}


def small():
    """A card with few fields: poison in each of hundreds takes minutes to print. test_pdf poisons a full card."""
    return dataclasses.replace(smallest_card(), sign_offs=card().sign_offs[:1], ledger=card().ledger)


def test_every_attack_in_every_field_opens_nothing_and_is_shown_as_text(canary, tmp_path):
    poison = " ".join(text.format(canary.address, canary.file) for text in ATTACKS.values())
    pdf = PdfExporter().export(poisoned(small(), poison))
    assert canary.hits == []
    assert b"SECRET-OF-THE-FILE" not in every_byte_of(pdf, tmp_path)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert sorted(opened.attachments) == ["bom.cdx.json", "card.json", "ledger-proof.json"]
        assert "/OpenAction" not in opened.Root
        assert not any("/URI" in str(note.get("/A", "")) for page in opened.pages for note in page.get("/Annots", []))
    text = squeezed(text_of(pdf))
    assert [name for name, shown in SHOWN.items() if shown not in text] == []
    assert "Consumercreditdefault" in text


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_makes_no_element_and_no_attribute_of_the_page(name):
    poison = ATTACKS[name].format("http://127.0.0.1:9/x", "file:///etc/hostname")
    before, after = (
        elements_of(rendering.html(document)) for document in (smallest_card(), poisoned(smallest_card(), poison))
    )
    made_by_markdown = {(tag, ()) for tag in printable.TAGS}
    for_long_texts = {("tr", ("class",))}
    assert after.found - before.found <= made_by_markdown | for_long_texts
    assert [address for address in after.addresses if not address.startswith(("#", "data:image/svg+xml;base64,"))] == []


class Elements(HTMLParser):
    """Collects every element with the names of its attributes, and every value that could be an address."""

    def __init__(self):
        super().__init__()
        self.found, self.addresses = set(), []

    def handle_starttag(self, tag, attrs):
        self.found.add((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value for name, value in attrs if name in {"src", "href", "style", "data"}]


def elements_of(html):
    parsed = Elements()
    parsed.feed(html)
    return parsed


def test_words_and_lists_without_end_are_printed_in_time_and_the_page_says_what_it_leaves_out():
    """Each of these alone took minutes, after which no card was made at all."""
    whole = card()
    document = dataclasses.replace(
        smallest_card(),
        intended_use=(c.Passage("What for?", "Langwort" * 6_250),),
        findings=(dataclasses.replace(whole.findings[0], title="Kurzwort" * 12_500),),
        risks=tuple(dataclasses.replace(whole.risks[0], title=f"Risk {number}") for number in range(3_000)),
        timeline=tuple(dataclasses.replace(whole.timeline[0], text=f"Act {number}.") for number in range(5_000)),
        monitoring=dataclasses.replace(whole.monitoring, text="- item\n" * 25_000),
    )
    pdf = PdfExporter().export(document)
    text = squeezed(text_of(pdf)).replace("\u200b", "").replace("\u2009", "")
    # Where a page ends, its foot stands between the letters.
    assert text.count("Langwort") > 6_250 - 60
    assert text.count("Kurzwort") > 250 - 10
    for told in ("98,000morecharacters", "2,850morestandin", "4,700morestandin", "166,600morecharacters"):
        assert f"{told}" in text, told
    assert all(shown in text for shown in ("Risk149", "Act149.", "Act4850.", "Act4999."))
    assert Card.from_document(document.canonical()) == document
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert len(opened.pages) < 120
        assert opened.attachments["card.json"].get_file().read_bytes() == document.canonical()


@pytest.mark.parametrize("word", ["a" * 160, "f0" * 64, "https://example.org/" + "x" * 100])
def test_words_of_usual_length_are_left_alone(word):
    assert breakable(f"<body><p>{word}</p></body>") == f"<body><p>{word}</p></body>"


def test_a_long_word_is_not_broken_inside_of_a_letter():
    """Neither between a letter and its marks, nor in the name that stands for a sign, nor in an attribute."""
    accents, signs = "e\u0301" * 200, "&amp;" * 200
    found = breakable(f'<body><p title="{accents}">{accents}</p><p>{signs}</p></body>')
    assert f'title="{accents}"' in found
    parts = found.split("\u200b")
    assert len(parts) > 8
    assert not any(part.startswith("\u0301") for part in parts)
    assert found.replace("\u200b", "").count("&amp;") == 200
    assert all(part.count("&") == part.count(";") for part in parts)


def test_a_table_without_end_is_cut_with_a_word_about_the_rest():
    rows = tuple((f"{number}", *("x" * 20 for _ in range(30))) for number in range(5_000))
    table = c.Table("Huge", tuple(f"column {number}" for number in range(31)), rows)
    check = c.CheckResult("k", "Check", "1", "Validation", "passed", tables=(table,))
    pdf = PdfExporter().export(dataclasses.replace(smallest_card(), checks=(check,)))
    assert "4985morerowsstandintheattachedcard.json" in squeezed(text_of(pdf)).replace("\u2009", "")


def test_nothing_of_a_page_lies_outside_of_its_paper_or_covers_the_number_of_the_card():
    long_words = poisoned(small(), "w" * 300)
    named = dataclasses.replace(long_words.model, name="W" * 120, purpose="W" * 5_000)
    kept = {name: getattr(card(), name) for name in ("issuer", "version", "waivers")}
    pdf = PdfExporter().export(dataclasses.replace(long_words, model=named, summary=small().summary, **kept))
    boxes = subprocess.run(["pdftotext", "-bbox", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
    width = float(re.search(r'<page width="([\d.]+)"', boxes)[1])
    assert max(float(right) for right in re.findall(r'xMax="([\d.]+)"', boxes)) <= width - 40
    first, second = boxes.split("<page ")[1:3]
    assert "approves" in first, "the verdict stands on the first page, however long the purpose is"
    assert "emergency" in first
    heads = re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)".*?>([^<]+)<', second)
    number = next(float(left) for left, top, _, word in heads if word == "DRAFT," and float(top) < 70)
    beside = [float(right) for left, top, right, _ in heads if float(top) < 70 and float(left) < number]
    assert beside
    assert max(beside) < number
