import base64

import pytest

from approvals.measures.values import bounded
from modelcards import printing
from modelcards.card import Chart, Number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.812731, "0.8127"),
        (-0.0021, "\u22120.0021"),
        (0.00065, "0.00065"),
        (0.0, "0"),
        (18442, "18\u2009442"),
        (1234.5678, "1235"),
        (None, "\u2013"),
        ("text", "text"),
    ],
)
def test_numbers_are_shown_to_a_sensible_length(value, text):
    assert printing.decimal(value) == text


def test_a_difference_has_its_sign():
    assert printing.signed_decimal(0.0072) == "+0.0072"
    assert printing.signed_decimal(None) == "\u2013"


def test_a_number_that_cannot_be_computed_is_never_zero():
    assert printing.value(Number("auc", None, 3, reason="One class only.")) == "not computable"


def test_a_number_that_was_only_bounded_is_between_its_bounds():
    measure = bounded("auc", (0.731701, 0.731719), n=3, method="bounded by a histogram")
    assert printing.value(Number("auc", None, 3, reason=measure.reason)) == "between 0.73170 and 0.73172"


@pytest.mark.parametrize(
    ("name", "text"),
    [("roc_auc", "ROC AUC"), ("favourable_rate", "Favourable rate"), ("Already worded", "Already worded")],
)
def test_names_from_code_are_worded(name, text):
    assert printing.wording(name) == text


def test_times_carry_their_zone():
    assert printing.moment("2026-03-24T12:05:00+02:00") == "24 Mar 2026, 10:05:00 UTC"
    assert printing.moment("2026-03-24T12:05:00") == "2026-03-24T12:05:00"
    assert printing.moment("") == "\u2013"
    assert printing.day("2026-07-15") == "15 Jul 2026"
    assert printing.day("soon") == "soon"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (4_120_332, "4.1 MB"), (9_000_000_000_000, "9000.0 GB")]
)
def test_sizes_are_for_people(size, text):
    assert printing.bytes_of(size) == text


def test_an_unknown_verdict_is_shown_as_bad():
    assert 'class="badge bad"' in printing.verdict("splendid")
    assert "Not run" in printing.verdict("")


def test_badges_escape_what_they_are_given():
    assert "<b>x" not in printing.badge("<b>x", '"><script>')


def test_a_drawing_is_cleaned_and_its_texts_made_visible():
    drawing = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///x"/><text>a\u202eb</text></svg>'
    address = printing.picture(Chart("t", "d", drawing))
    assert address.startswith("data:image/svg+xml;base64,")
    decoded = base64.b64decode(address.partition(",")[2]).decode()
    assert "image" not in decoded
    assert "a[U+202E]b" in decoded
