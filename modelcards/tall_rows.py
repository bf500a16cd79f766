"""Rows of tables with a long text: they may go on on the next page, and are tied to no other row.

Rows that stay whole and are tied to the next one, as rows of a few words are, would leave a heading alone on its page
where the text of the first of them is long.
"""

from __future__ import annotations

import re

TALL = 420
"""Letters in one cell; some twenty lines of a narrow column."""
ROW = re.compile(r'<tr(?: class="([^"]*)")?>(.*?)</tr>', re.DOTALL)
KEPT = re.compile(r'<table class="([^"]*)\bkeep\b([^"]*)">(?=((?:(?!</table>).)*?)<tr class="[^"]*\btall">)', re.DOTALL)
CELL = re.compile(r"</t[dh]>")
TAG = re.compile(r"<[^>]*>")


def loosened(html: str) -> str:
    """The same document with the class `tall` on such rows, and without `keep` on the tables that have one."""
    return KEPT.sub(r'<table class="\1\2">', ROW.sub(_marked, html))


def _marked(row: re.Match[str]) -> str:
    if len(row[2]) <= TALL or max(len(TAG.sub("", cell)) for cell in CELL.split(row[2])) <= TALL:
        return row[0]
    return f'<tr class="{row[1] or ""} tall">{row[2]}</tr>'
