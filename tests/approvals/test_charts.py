"""Charts: drawn from a specification without any address, named for readers, and clean of everything that acts."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.charts import ATTRIBUTES, ELEMENTS, SVG, ChartError, clean_svg, drawn, render_chart
from approvals.checks.base import ChartSpecification

BARS = {
    "width": 200,
    "height": 100,
    "data": {"values": [{"group": "a <b>", "rate": 0.5}, {"group": "b", "rate": 0.7}]},
    "mark": "bar",
    "encoding": {"x": {"field": "group", "type": "nominal"}, "y": {"field": "rate", "type": "quantitative"}},
}


def drawing(inside, attributes=""):
    return (
        f'<svg xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9"{attributes}>{inside}</svg>'
    )


def test_a_chart_has_title_and_description_first():
    root = ET.fromstring(render_chart(BARS, title="Rates <1>", description="Two bars."))
    assert [(child.tag.split("}")[1], child.text) for child in root[:2]] == [
        ("title", "Rates <1>"),
        ("desc", "Two bars."),
    ]
    assert root.get("role") == "img"


def test_only_the_whole_chart_has_a_role_because_its_parts_have_no_names():
    root = ET.fromstring(render_chart(BARS, title="t", description="d"))
    assert [element.get("role") for element in root.iter() if element.get("role")] == ["img"]


def test_the_same_specification_gives_the_same_drawing():
    first = render_chart(BARS, title="t", description="d")
    assert render_chart(BARS, title="t", description="d") == first


def test_a_chart_is_set_in_our_font_and_holds_its_labels():
    svg = render_chart(BARS, title="t", description="d")
    assert "Card Sans" in svg
    assert "a &lt;b&gt;" in svg


def test_the_chart_survives_cleaning_unchanged():
    svg = render_chart(BARS, title="t", description="d")
    assert clean_svg(svg) == svg


def test_a_specification_without_type_or_schema_is_completed():
    assert BARS.get("$schema") is None
    assert render_chart(BARS, title="t", description="d").startswith("<svg")


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"url": "http://127.0.0.1:9/x.csv"}},
        {"data": {"url": "file:///etc/passwd"}},
        {"layer": [{"data": {"url": "x"}}]},
        {"encoding": {"href": {"value": "http://x"}}},
    ],
)
def test_a_specification_that_names_an_address_is_refused(change):
    with pytest.raises(ChartError) as refused:
        render_chart({**BARS, **change}, title="t", description="d")
    assert "address" in refused.value.sentence


def test_a_specification_that_cannot_be_drawn_is_refused_by_name():
    with pytest.raises(ChartError) as refused:
        render_chart({**BARS, "mark": "nonsense"}, title="Broken", description="d")
    assert "“Broken”" in refused.value.sentence


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        "<style>@import url(http://x)</style>",
        '<image href="file:///x"/>',
        '<image xlink:href="http://x"/>',
        '<use href="#x"/>',
        "<foreignObject><p>x</p></foreignObject>",
        '<a href="javascript:1"><rect/></a>',
        '<animate attributeName="href"/>',
        '<set attributeName="x"/>',
        '<iframe src="http://x"/>',
        '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
        "<svg><rect/></svg>",
    ],
)
def test_elements_that_act_or_load_are_dropped(inside):
    assert list(ET.fromstring(clean_svg(drawing(inside)))) == []


@pytest.mark.parametrize(
    "attribute",
    [
        'onload="1"',
        'style="fill:url(http://x)"',
        'fill="url(http://x)"',
        "fill=\"url('http://x')\"",
        'fill="URL(//x)"',
        'clip-path="url(file:///x#a)"',
        'href="#x"',
        'xml:base="http://x"',
        'class="x"',
    ],
)
def test_attributes_that_act_or_load_are_dropped(attribute):
    rectangle = ET.fromstring(clean_svg(drawing(f"<rect {attribute}/>")))[0]
    assert rectangle.attrib == {}


def test_a_reference_into_the_drawing_itself_stays():
    assert 'fill="url(#shade)"' in clean_svg(drawing('<rect fill="url(#shade)"/>'))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<svg",
        "<html/>",
        "<svg/>",
        f'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="{SVG}"><text>&a;</text></svg>',
        f'<svg xmlns="{SVG}">{" " * 2_000_001}</svg>',
    ],
    ids=["nothing", "broken", "html", "no namespace", "entities", "too large"],
)
def test_what_is_no_drawing_is_refused(text):
    with pytest.raises(ChartError):
        clean_svg(text)


def test_texts_go_through_the_words_given():
    assert "<text>A</text>" in clean_svg(drawing("<text>a</text>"), words=str.upper)


@given(st.text(alphabet="<>/=\"' svgrectusoimaghlft:#()xy", max_size=60))
def test_whatever_comes_in_only_known_names_go_out(text):
    try:
        cleaned = clean_svg(drawing(text))
    except ChartError:
        return
    for element in ET.fromstring(cleaned).iter():
        assert element.tag.removeprefix(f"{{{SVG}}}") in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES


def labelled(*names):
    values = [{"group": name, "rate": 0.5 + 0.1 * place} for place, name in enumerate(names)]
    return {**BARS, "data": {"values": values}}


@pytest.mark.parametrize("character", ["\0", "\x01", "\x0b", "\x1b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_a_character_that_no_drawing_can_hold_is_shown_as_such_and_ends_no_process(character):
    svg = render_chart(labelled(f"fe{character}male", "male"), title="t", description="d")
    assert "fe\ufffdmale" in svg


def test_long_labels_are_cut_and_stay_different():
    svg = render_chart(labelled("x" * 100_000, "x" * 100_001, "short"), title="t", description="d")
    names = {text for text in ET.fromstring(svg).itertext() if "xxx" in text or text == "short"}
    assert len(names) == 3
    assert max(map(len, names)) <= 120


def test_what_ends_the_drawing_process_costs_one_chart_and_the_next_is_drawn():
    too_slow = {**BARS, "data": {"sequence": {"start": 0, "stop": 50_000_000}}}
    charts = [ChartSpecification("Slow", "d", too_slow), ChartSpecification("Good", "d", BARS)]
    found, problems = drawn(charts, still_wanted=lambda: True)
    assert [chart["title"] for chart in found] == ["Good"]
    assert len(problems) == 1
    assert problems[0].startswith("The chart “Slow” cannot be drawn: ")


def test_nothing_is_drawn_once_it_is_not_wanted_any_more():
    charts = [ChartSpecification("One", "d", BARS), ChartSpecification("Two", "d", BARS)]
    answers = iter([True, False])
    found, problems = drawn(charts, still_wanted=lambda: next(answers))
    assert ([chart["title"] for chart in found], problems) == (["One"], ())
