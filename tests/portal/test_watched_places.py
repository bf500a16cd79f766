"""Which folders are watched: what was written wrongly is said by name, and days are read from file names."""

import json
from datetime import date

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.watched_places import watched_places

GOOD = {"path": "/srv/in", "model": "Credit", "version": "1.0.0", "deliverer": "ann", "pattern": "s_{month}.csv"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "must be JSON"),
        ("{", "must be JSON"),
        (json.dumps({"a b": GOOD}), "is no name"),
        (json.dumps({"in": {**GOOD, "path": 3}}), "must be a text"),
        (json.dumps({"in": {**GOOD, "folder": "x"}}), "see “in”"),
        (json.dumps({"in": {**GOOD, "what": "cards"}}), "is neither"),
        (json.dumps({"in": {**GOOD, "pattern": "s.csv"}}), r"needs \{start\}"),
        (json.dumps({"in": {**GOOD, "pattern": "{year}.csv"}}), r"may have \{start\}"),
        (json.dumps({"in": {**GOOD, "pattern": "a/{month}.csv"}}), r"may have \{start\}"),
        (json.dumps({"in": {**GOOD, "pattern": "{start}.csv"}}), r"needs \{start\}"),
    ],
)
def test_what_names_no_folder_is_a_sentence(text, why):
    with pytest.raises(ImproperlyConfigured, match=why):
        watched_places(text)


@pytest.mark.parametrize(
    ("pattern", "name", "window"),
    [
        ("s_{month}.csv", "s_2026-02.csv", (date(2026, 2, 1), date(2026, 2, 28))),
        ("s_{month}.csv", "s_202602xcsv", None),
        ("s_{start}_{end}*", "s_2026-09-01_20260930.parquet", (date(2026, 9, 1), date(2026, 9, 30))),
        ("{day}.csv", "2026-09-31.csv", None),
        ("{day}.csv", "2026-09-30.csv", (date(2026, 9, 30), date(2026, 9, 30))),
        ("(a+)+{day}.csv", "(a+)+2026-09-30.csv", (date(2026, 9, 30), date(2026, 9, 30))),
        ("{month}.csv", "2026-13.csv", None),
    ],
)
def test_days_are_read_from_names(pattern, name, window):
    place = watched_places(json.dumps({"in": {**GOOD, "pattern": pattern}}))["in"]
    assert place.window(name) == window
    assert "/srv/in" not in repr(place)
