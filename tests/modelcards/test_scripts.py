"""Names come back from the page as they were written and are drawn with ink, whatever script they are written in."""

import dataclasses
import io
import re
import subprocess
import unicodedata

import pikepdf
import pytest
from PIL import Image

from modelcards import faces, printable
from modelcards.exporters import pdf as press
from tests.modelcards.cards import smallest_card
from tests.modelcards.test_pdf import order_for

NAMES = {
    "Latin": "Łucja Wójcik",
    "Greek": "Ραφαήλ Παππάς",
    "Cyrillic": "Ольга Кузнецова",
    "Hebrew": "דוד כהן",
    "Arabic": "محمد الفارسي",
    "Persian": "علی\u200cرضا",
    "Han": "王小明",
    "Kanji and kana": "田中 サトウ はなこ",
    "Hangul": "김민준",
    "Devanagari": "राजेश कुमार",
    "Bengali": "তানভীর হোসেন",
    "Gurmukhi": "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "Gujarati": "પટેલ કિરણ",
    "Oriya": "ଅଶୋକ ଦାସ",
    "Tamil": "அருண் குமார்",
    "Telugu": "రాజు రెడ్డి",
    "Kannada": "ರಾಜೇಶ್ ಗೌಡ",
    "Malayalam": "രാജീവ് മേനോൻ",
    "Sinhala": "ශ්\u200dරී වසන්ත",
    "Thai": "สมชาย ใจดี",
    "Lao": "ນາງ ສີດາ",
    "Khmer": "ខៀវ សំផន",
    "Myanmar": "အောင်ဆန်းစုကြည်",
    "Tibetan": "བསྟན་འཛིན",
    "Georgian": "გიორგი ბერიძე",
    "Armenian": "Արամ Պետրոսյան",
    "Ethiopic": "አበበ በቀለ",
    "Thaana": "ޢަލީ ޙަސަން",
    "Syriac": "ܐܦܪܝܡ",
    "N'Ko": "ߒߞߏ ߛߊ߬ߟߌ߬",
    "Adlam": "𞤀𞤣𞤤𞤢𞤥 𞤆𞤵𞤤𞤢𞤪",
    "Hebrew with points": "דָּוִד",
    "Arabic with vowels": "مُحَمَّد",
    "Urdu": "نستعلیق",
    "Javanese": "ꦱꦸꦏꦂꦤ",
    "Meetei Mayek": "ꯃꯅꯤꯄꯨꯔꯤ",
    "Vai": "ꕙꔤ",
    "Yi": "ꆈꌠ",
    "Ol Chiki": "ᱥᱟᱱᱛᱟᱲᱤ",
    "Emoji": "Ana 🙂",
    "Cherokee": "ᏣᎳᎩ",
    "Canadian syllabics": "ᐃᓄᒃᑎᑐᑦ",
    "Tifinagh": "ⵜⵉⴼⵉⵏⴰⵖ",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ",
}
DIRECTIONS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
STYLE = (
    "<style>@page{size:140mm 26mm;margin:6mm}p{font:12pt 'Card Sans','DejaVu Sans';margin:0;break-after:page}</style>"
)


def html_of(names):
    lines = "".join(f"<p>{printable.printable(name)} <b>{printable.printable(name)}</b></p>" for name in names)
    return f"<!DOCTYPE html><html lang=en><title>Names</title>{STYLE}{lines}"


@pytest.fixture(scope="module")
def written():
    """One page for each name, once as text and once in bold."""
    return press._print_in_child(order_for(html_of(NAMES.values())))


@pytest.fixture(scope="module")
def pages(written):
    text = subprocess.run(["pdftotext", "-", "-"], input=written, capture_output=True, check=True).stdout.decode()
    return [page.translate(DIRECTIONS) for page in text.split("\f")]


@pytest.fixture(scope="module")
def pictures(written, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "names.pdf").write_bytes(written)
    subprocess.run(["pdftoppm", "-r", "60", "-gray", str(folder / "names.pdf"), str(folder / "page")], check=True)
    return sorted(folder.glob("page-*.pgm"))


# Told as the standard asks, and drawn right; poppler turns the letters round once more when it reads them back.
TURNED_AGAIN = ("Thaana", "Hebrew with points", "Arabic with vowels")


@pytest.mark.parametrize("script", [script for script in NAMES if script not in TURNED_AGAIN])
def test_a_name_comes_back_as_it_was_written(pages, script):
    page, name = pages[list(NAMES).index(script)], NAMES[script]
    if script == "Persian":
        name = name.replace("\u200c", "")  # readers of PDF give back what is drawn, and a non-joiner only parts
    name = printable.printable(name)
    assert unicodedata.normalize("NFC", page).count(unicodedata.normalize("NFC", name)) == 2


@pytest.mark.parametrize("script", TURNED_AGAIN)
def test_vowel_signs_are_told_with_their_letters(written, script):
    name = printable.printable(NAMES[script])
    with pikepdf.open(io.BytesIO(written)) as opened:
        page = opened.pages[list(NAMES).index(script)]
        told = [
            str(one.operands[1].ActualText)
            for one in pikepdf.parse_content_stream(page)
            if str(one.operator) == "BDC" and "/ActualText" in one.operands[1]
        ]
    assert sum(name in text for text in told) == 2


@pytest.mark.parametrize("script", NAMES)
def test_a_name_is_drawn_with_ink(pictures, script):
    with Image.open(pictures[list(NAMES).index(script)]) as picture:
        dark = picture.point(lambda grey: 255 if grey < 128 else 0).convert("L")
    assert dark.histogram()[255] > 40


def test_every_font_of_the_page_is_inside_with_its_letters(written):
    listed = subprocess.run(["pdffonts", "-"], input=written, capture_output=True, check=True).stdout.decode()
    lines = listed.splitlines()[2:]
    assert len(lines) > 20
    assert all(re.search(r"yes yes yes", line) for line in lines)


def test_a_card_in_our_own_letters_is_given_no_other_font(tmp_path):
    assert faces.needed("Łucja Wójcik, Ραφαήλ, Ольга, ≥ ✓") == ()
    assert "script_fonts</dir>" not in faces.fontconfig("Łucja", cache=tmp_path)


def test_only_the_fonts_that_a_text_needs_are_named(tmp_path):
    configured = faces.fontconfig("王小明 and राजेश", cache=tmp_path)
    assert re.findall(r"<acceptfont><glob>.*?/(\w[\w-]*)\.\w+</glob>", configured) == [
        "NotoSansDevanagari-Regular",
        "CardHan-Regular",
    ]


def test_every_font_file_is_there():
    assert [path.name for path in faces.files() if not path.is_file()] == []


def test_a_letter_whose_shape_is_missing_becomes_a_code_and_the_card_is_printed_all_the_same(monkeypatch, card_with):
    monkeypatch.setattr(faces, "draws", lambda _: True)
    pdf = card_with("Name \ue000 of a private letter")
    text = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
    assert "[U+E000]" in text
    assert "printed as codes such as" in text


@pytest.fixture
def card_with():
    def printed(name):
        document = smallest_card()
        document = dataclasses.replace(document, model=dataclasses.replace(document.model, name=name))
        return press.PdfExporter().export(document)

    return printed
