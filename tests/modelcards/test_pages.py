"""How a card is set on its pages: nothing that leads to something ends a page, and headings reach all their cells."""

import dataclasses
import io
import json

import pikepdf
import pytest

from modelcards import rendering
from modelcards.exporters import pdf as press
from tests.modelcards.cards import card
from tests.modelcards.page_ends import leading_ends
from tests.modelcards.test_card_contents import LAW, with_every_answer

TALL = "A sentence that somebody wrote about it, and not the shortest one. " * 24


def printed(html):
    order = {"html": html, "files": {}, "made_at": "2026-03-24T10:05:00+00:00", "digest": "0", "number": "1"}
    return press._print_in_child(json.dumps(order).encode())


def with_tall_rows():
    """A card whose tables begin with rows of a third of a page."""
    whole = card()
    tall = {
        "risks": tuple(dataclasses.replace(one, mitigation=TALL) for one in whole.risks * 2),
        "findings": tuple(dataclasses.replace(one, resolution=TALL) for one in whole.findings * 2),
        "conditions": tuple(dataclasses.replace(one, text=TALL) for one in whole.conditions * 2),
        "sign_offs": tuple(dataclasses.replace(one, comment=TALL) for one in whole.sign_offs[:5]),
        "lineage": tuple(dataclasses.replace(one, text=TALL) for one in whole.lineage),
        "evaluation": tuple(dataclasses.replace(one, text=TALL) for one in whole.evaluation),
        "checks": (*whole.checks[:2], LAW),
    }
    return card(**tall)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("lower", [0, 63, 131])
def test_no_page_ends_with_what_leads_to_the_next(lower):
    """Millimetres of blank above the first section move everything to other places on its page."""
    html = rendering.html(with_tall_rows())
    moved = html.replace('<section id="model">', f'<section id="model"><div style="height: {lower}mm"></div>', 1)
    assert leading_ends(printed(moved)) == []


def test_an_end_that_leads_is_found():
    filled = "<html lang=en><title>x</title><style>@page { size: A5; margin: 20mm } h2 { break-after: auto }</style>"
    for kind in ("<h2>Heading</h2>", "<h2>Heading</h2><p>One line.</p>"):
        rows = "<tr><td style='height: 90mm'>x</td></tr>"
        pdf = printed(f"{filled}<p style='height: 110mm'>x</p>{kind}<table>{rows}</table></html>")
        assert [page for page, *_ in leading_ends(pdf)] == [1]


def test_a_heading_of_several_rows_is_told_with_each_of_their_cells():
    with pikepdf.open(io.BytesIO(printed(rendering.html(with_every_answer())))) as opened:
        elements = [one for one in opened.objects if isinstance(one, pikepdf.Dictionary)]
        scopes = {str(one.A.Scope) for one in elements if one.get("/S") == "/TH"}
        spanned = [one for one in elements if one.get("/S") == "/TH" and one.A.get("/RowSpan", 1) > 1]
        head, *rows = rows_of(spanned[0].P.P.P)
        hispanic, male = rows[0][:2]
        others, female, asian = rows[2][0], rows[4][0], rows[5][0]
        assert told(rows[0][2]) == names(hispanic, male, head[1])
        assert told(rows[1][1]) == names(hispanic, rows[1][0], head[1])
        assert told(rows[5][2]) == names(others, female, asian, head[2])
    assert scopes == {"/Column", "/Row"}


def rows_of(table):
    """The cells of each row, from the head of the table down."""
    parts = [part for part in table.K if part.S in ("/THead", "/TBody")]
    return [list(row.K) for part in parts for row in part.K]


def told(cell):
    return [bytes(name) for name in cell.A.Headers]


def names(*headings):
    return [bytes(heading.ID) for heading in headings]
