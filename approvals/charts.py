"""A Vega-Lite specification as clean SVG with a title. Loads nothing from outside; never runs in a web request.

Texts that come from tables are made drawable and cut before they are drawn. `clean_svg` is an allow-list: what it lets
through holds no script, style, link, picture or foreign element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree as ET

from approvals.checks.base import ChartSpecification
from approvals.drawing import DrawingError, draw

FONT = "Card Sans, DejaVu Sans, sans-serif"
SVG = "http://www.w3.org/2000/svg"

INK, MUTED, GRID = "#1b2733", "#52606d", "#d9dee3"
# Okabe and Ito's colours without yellow: told apart by colour-blind readers; the order also falls in grey value.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]

CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "gridColor": GRID,
        "domainColor": "#8a96a3",
        "tickColor": "#8a96a3",
    },
    "legend": {"labelColor": INK, "titleColor": INK, "titleFontWeight": "normal", "labelFontSize": 11},
    "title": {"color": INK, "fontSize": 12, "fontWeight": "bold", "anchor": "start"},
    "range": {"category": COLOURS},
    "bar": {"color": COLOURS[0]},
    "line": {"color": COLOURS[0], "strokeWidth": 2},
    "point": {"color": COLOURS[0], "filled": True, "size": 40},
    "rule": {"color": MUTED},
}

ELEMENTS = frozenset(
    """
    svg g path rect line circle ellipse polygon polyline text tspan title desc defs clipPath linearGradient
    radialGradient stop
    """.split()  # noqa: SIM905  (sixty quoted lines read worse)
)
ATTRIBUTES = frozenset(
    """
    xmlns version width height viewBox x y x1 x2 y1 y2 dx dy cx cy r rx ry d points transform fill fill-opacity
    stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin
    stroke-miterlimit opacity font-family font-size font-weight font-style text-anchor dominant-baseline clip-path
    clip-rule fill-rule id offset stop-color stop-opacity gradientUnits preserveAspectRatio display visibility
    role aria-hidden aria-labelledby
    """.split()  # noqa: SIM905  (sixty quoted lines read worse)
)
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST_SVG = 2_000_000
LONGEST_LABEL = 120
LONGEST_DESCRIPTION = 4000


class ChartError(Exception):
    """A chart that cannot be drawn; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def _without_invalid(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)


def drawn(
    charts: Iterable[ChartSpecification], *, still_wanted: Callable[[], bool]
) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """The charts as titles, descriptions and SVG, and a sentence for each that could not be drawn.

    `still_wanted` is asked before each, so that whoever holds a lease can renew it; False leaves the rest out.
    """
    found, problems = [], []
    for chart in charts:
        if not still_wanted():
            break
        title, description = (
            _cut(_without_invalid(text), LONGEST_DESCRIPTION) for text in (chart.title, chart.description)
        )
        try:
            svg = render_chart(chart.specification, title=title, description=description)
        except ChartError as failure:
            problems.append(failure.sentence)
        else:
            found.append({"title": title, "description": description, "svg": svg})
    return found, tuple(problems)


def render_chart(specification: dict[str, Any], *, title: str, description: str) -> str:
    """The chart as an SVG text whose title and description serve a reader without the picture. Raises ChartError."""
    if _names_an_address(specification):
        raise ChartError(f"The chart “{title}” asks for data from an address; put the values into the specification.")
    plain = _Labels().drawable({name: value for name, value in specification.items() if name != "description"})
    complete = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", **plain}
    try:
        svg = draw(complete, CONFIG)
    except DrawingError as error:
        raise ChartError(f"The chart “{title}” cannot be drawn: {error}.") from error
    return clean_svg(svg, title=title, description=description)


class _Labels:
    """Texts as they can be drawn: without what no drawing can hold, cut, and still different where they differ."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def drawable(self, value: Any) -> Any:
        """The same value with drawable texts, names of fields included."""
        if isinstance(value, dict):
            return {self._label(key): self.drawable(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.drawable(item) for item in value]
        return self._label(value) if isinstance(value, str) else value

    def _label(self, text: str) -> str:
        if text not in self._known:
            short = _cut(_without_invalid(text), LONGEST_LABEL)
            count = 1
            while short in self._taken:
                count += 1
                short = f"({count}) {_cut(_without_invalid(text), LONGEST_LABEL - 8)}"
            self._known[text] = short
            self._taken.add(short)
        return self._known[text]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def clean_svg(
    svg: str, *, title: str = "", description: str = "", words: Callable[[str], str] = _without_invalid
) -> str:
    """The drawing with only allowed elements and attributes, and a new title if one is given. Raises ChartError.

    `words` is applied to each text in it.
    """
    if len(svg) > LONGEST_SVG:
        raise ChartError("The drawing is too large; draw fewer points.")
    if "<!DOCTYPE" in svg.upper() or "<!ENTITY" in svg.upper():
        raise ChartError("The drawing declares entities, which no chart needs.")
    try:
        root = ET.fromstring(svg)  # noqa: S314  (no DOCTYPE gets here, so no entity is ever expanded)
    except ET.ParseError as error:
        raise ChartError(f"The drawing is not well-formed SVG: {error}.") from error
    if root.tag != f"{{{SVG}}}svg":
        raise ChartError("The drawing is not an SVG.")
    _clean(root)
    if title:
        _name(root, title, description)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
        element.text, element.tail = words(element.text or ""), words(element.tail or "")
    root.set("xmlns", SVG)
    root.tail = ""
    return ET.tostring(root, encoding="unicode")


def _clean(element: ET.Element) -> None:
    for name in [name for name in element.attrib if not _attribute_allowed(name, element.attrib[name])]:
        del element.attrib[name]
    for child in list(element):
        local = child.tag.removeprefix(f"{{{SVG}}}") if isinstance(child.tag, str) else ""
        if local in ELEMENTS and local != "svg":
            _clean(child)
            child.attrib.pop("role", None)  # the drawing is one picture; a part with a role would need a name
        else:
            element.remove(child)


def _attribute_allowed(name: str, value: str) -> bool:
    if name not in ATTRIBUTES:
        return False
    lowered = value.lower()
    return "url(" not in lowered or re.fullmatch(r"url\(\s*#[\w-]+\s*\)", lowered) is not None


def _name(root: ET.Element, title: str, description: str) -> None:
    for child in list(root):
        if child.tag in {f"{{{SVG}}}title", f"{{{SVG}}}desc"}:
            root.remove(child)
    root.set("role", "img")
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        if text:
            child = ET.Element(f"{{{SVG}}}{tag}")
            child.text = text
            root.insert(position, child)


def _names_an_address(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key in {"url", "href"} or _names_an_address(item) for key, item in value.items())
    return isinstance(value, list | tuple) and any(_names_an_address(item) for item in value)
