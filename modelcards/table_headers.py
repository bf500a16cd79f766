"""Which headings each cell of a printed table stands under, told in its tags (PDF/UA-1, 7.5).

WeasyPrint connects a cell with the headings of its own row alone, so where a heading is for several rows, the rows
after its first are connected here. Works on the objects of WeasyPrint's document, which it is handed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pydyf  # type: ignore[import-untyped]


def connect(pdf: Any) -> None:
    """Give each heading its scope, and each cell of a table with headings of several rows all of its headings."""
    for element in pdf.objects:
        if _tag(element) == "/Table":
            _connect(pdf, element)


def _connect(pdf: Any, table: Any) -> None:
    rows = list(_rows(pdf, table))
    spanning = any("RowSpan" in cell["A"] for row, _ in rows for cell in row)
    above: dict[int, list[Any]] = {}
    beside: dict[int, list[Any]] = {}
    taken: set[tuple[int, int]] = set()
    for place, (row, in_head) in enumerate(rows):
        column = 0
        for cell in row:
            while (place, column) in taken:
                column += 1
            deep, wide = cell["A"].get("RowSpan", 1), cell["A"].get("ColSpan", 1)
            here = [(place + down, column + along) for down in range(deep) for along in range(wide)]
            taken.update(here)
            if _tag(cell) == "/TH":
                cell["A"]["Scope"] = "/Column" if in_head else "/Row"
                places, found = (
                    (range(column, column + wide), above) if in_head else (range(place, place + deep), beside)
                )
                for one in places:
                    found.setdefault(one, []).append(cell["ID"])
            elif spanning:
                headings = [
                    *beside.get(place, ()),
                    *(one for along in range(wide) for one in above.get(column + along, ())),
                ]
                cell["A"]["Headers"] = pydyf.Array(headings)
            column += wide


def _rows(pdf: Any, element: Any, *, in_head: bool = False) -> Iterator[tuple[list[Any], bool]]:
    for kid in _kids(pdf, element):
        if _tag(kid) == "/TR":
            yield [cell for cell in _kids(pdf, kid) if _tag(cell) in ("/TH", "/TD")], in_head
        elif _tag(kid) in ("/THead", "/TBody", "/TFoot"):
            yield from _rows(pdf, kid, in_head=_tag(kid) == "/THead")


def _kids(pdf: Any, element: Any) -> Iterator[Any]:
    """The elements inside; marks of text, which are numbers, are left out."""
    for kid in element["K"]:
        if isinstance(kid, bytes):
            yield pdf.objects[int(kid.split()[0])]


def _tag(element: Any) -> str:
    return str(element.get("S", "")) if isinstance(element, pydyf.Dictionary) else ""
