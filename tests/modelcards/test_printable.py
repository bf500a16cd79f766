import unicodedata

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from modelcards import faces, printable, rendering
from modelcards.printable import printable as show
from modelcards.printable import printable_document, prose
from tests.modelcards.cards import card


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Łódź, Ελληνικά, Кирилица, Tiếng Việt",
        "≥ ≤ → ✓ ✗ − – “ ” €",
        "שלום",
        "漢字 김 राजेश தமிழ் ខ្មែរ",
        "ශ්\u200dරී",
        "علی\u200cرضا",
        "1\u202f000\u00a0€",
        "two\nlines\tand a tab",
    ],
)
def test_readable_text_stays_as_it_is(text):
    assert show(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a[U+0000]b"),
        ("pay \u202ella\u202c", "pay [U+202E]lla[U+202C]"),
        ("\u2066x\u2069", "[U+2066]x[U+2069]"),
        ("no\u200bbreak\ufeff", "no[U+200B]break[U+FEFF]"),
        ("\U0001f9d1", "[U+1F9D1]"),
        ("a\u200db", "a[U+200D]b"),
        ("क्\u200cx\u200c", "क्\u200cx[U+200C]"),
        ("private \ue000", "private [U+E000]"),
        ("tag \U000e0041", "tag [U+E0041]"),
        ("lone \ud800", "lone [U+D800]"),
        ("line\u2028end", "line[U+2028]end"),
        ("Dubois\ufe00\u034f", "Dubois[U+FE00][U+034F]"),
        ("\u2800\u3000\u2003", "[U+2800][U+3000][U+2003]"),
    ],
)
def test_what_hides_or_has_no_glyph_is_made_visible(text, shown):
    assert show(text) == shown


def test_line_ends_of_other_systems_are_line_ends():
    assert show("a\r\nb\rc") == "a\nb\nc"


@given(st.text())
def test_every_shown_character_has_a_glyph_and_none_is_hidden(text):
    for character in show(text):
        assert character in "\n\t" or (
            (unicodedata.category(character) not in printable.HIDDEN or character in printable.JOINERS)
            and faces.draws(character)
        )


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**b** and *i*", "<p><strong>b</strong> and <em>i</em></p>"),
        ("- one\n- two", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>"),
        ("<img src=x>", "<p>&lt;img src=x&gt;</p>"),
        ("![p](file:///etc/passwd)", "<p>![p](file:///etc/passwd)</p>"),
        ("[a](http://b)", "<p>[a](http://b)</p>"),
        ("<http://b>", "<p>&lt;http://b&gt;</p>"),
        ("# a *heading*", "<p><strong>a <em>heading</em></strong></p>"),
        ("#", "<p></p>"),
        (
            "|a|b|\n|:-|-|\n|1|<b>|",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>&lt;b&gt;</td>\n</tr>\n</tbody>\n</table>",
        ),
        ("&#x202e;", "<p>&amp;#x202e;</p>"),
    ],
)
def test_markdown_gives_few_tags_and_no_attribute(markdown, html):
    assert prose(markdown).strip() == html


@given(st.text(alphabet="<>[]()!*_`#&;:/ \"'=abhimgrcstyle\n"))
def test_no_markdown_makes_an_attribute_or_an_unknown_tag(text):
    out = prose(text)
    for part in out.split("<")[1:]:
        assert part.split(">")[0].strip("/ ") in printable.TAGS


def test_a_table_too_large_to_print_in_time_stays_text():
    assert "<table>" not in prose("|a|b|\n|-|-|\n" + "|1|2|\n" * 400)


def test_every_text_of_a_document_is_made_printable():
    marked = printable_document(card(number="A\u202eB"))
    assert marked.number == "A[U+202E]B"
    assert marked.checks[1].charts[0].svg.startswith("<svg")


def test_all_faces_are_there_and_cover_what_the_template_prints():
    for character in "✓✗!?–“”·…≥≤±×":
        assert show(character) == character


def test_a_card_is_the_same_whatever_the_language_of_who_orders_it():
    with translation.override("de"):
        german = rendering.html(card())
    assert german == rendering.html(card())
