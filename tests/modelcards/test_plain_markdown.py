"""Text by people inside Markdown: whatever it is, a reader shows it letter by letter and nothing else."""

import html
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from modelcards.plain_markdown import block, inline, visible

SIGNS = "\\`*_[](){}#+-.!|~<>&=$@:;/\"'^ \n\t1aw"
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def shown(markdown):
    """The elements and the text that a reader shows."""
    found = READER.render(markdown)
    return set(re.findall(r"<([a-z0-9]+)", found)), html.unescape(re.sub(r"<[^>]*>", "", found))


def squeezed(text):
    return re.sub(r"\s+", "", text)


@settings(deadline=None, max_examples=500)
@given(text=st.text(alphabet=SIGNS, max_size=40) | st.text(max_size=20))
def test_a_quotation_shows_the_text_and_no_element_of_its_own(text):
    elements, said = shown(block(text))
    assert elements <= {"blockquote", "p", "br"}
    assert squeezed(said) == squeezed(visible(text))


@settings(deadline=None, max_examples=500)
@given(text=st.text(alphabet=SIGNS, max_size=40))
def test_a_cell_stays_one_cell(text):
    elements, said = shown(f"| a | b |\n|---|---|\n| {inline(text)} | end |")
    assert elements == {"table", "thead", "tbody", "tr", "th", "td"}
    assert squeezed(said) == squeezed(f"ab{visible(text)}end")


@settings(deadline=None, max_examples=200)
@given(text=st.text(alphabet=SIGNS, max_size=40))
def test_a_list_item_and_a_heading_stay_what_they_are(text):
    elements, _ = shown(f"# x {inline(text)}\n\n- **b:** {inline(text)}\n")
    assert elements <= {"h1", "ul", "li", "strong"}


def test_addresses_do_not_become_links_by_themselves():
    assert inline("http://a.b www.c.d") == "http\\://a.b www\\.c.d"
