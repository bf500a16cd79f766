import base64

import pytest

from approvals.measures.values import bounded
from modelcards import column_widths, printing
from modelcards.card import Chart, MonitoredMonth, Number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.812731, "0.8127"),
        (-0.0021, "\u22120.0021"),
        (0.00065, "0.00065"),
        (0.0, "0"),
        (18442, "18\u2009442"),
        (1234.5678, "1235"),
        (0.0000891, "0.0000891"),
        (4.993e-07, "4.99\u00a0×\u00a010⁻⁷"),
        (None, "\u2013"),
        ("text", "text"),
    ],
)
def test_numbers_are_shown_to_a_sensible_length(value, text):
    assert printing.decimal(value) == text


def test_months_and_days_are_in_words_and_what_people_wrote_stays():
    assert printing.months(["2026-06", "2026-07"]) == "Jun 2026, Jul 2026"
    assert printing.month("always") == "always"
    assert printing.dated("2026-07-31: score drift until 2026-08-05") == "31 Jul 2026: score drift until 2026-08-05"
    assert printing.dated("No day at all.") == "No day at all."


def test_months_without_readings_are_one_line_and_no_month_with_one_is_left_out():
    read = [MonitoredMonth(f"2026-{month:02d}", readings) for month, readings in enumerate((0, 2, 0, 0, 0, 1), 1)]
    lines = [(name, one.readings) for name, one in printing.with_gaps(read)]
    assert lines == [("Jan 2026", 0), ("Feb 2026", 2), ("Mar 2026 to May 2026", 0), ("Jun 2026", 1)]


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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Roc auc, at least", "ROC AUC, at least"),
        ("Training table sha256", "Training table SHA-256"),
        ("Duckdb", "DuckDB"),
        ("Inputs", "SHA-256 of the inputs"),
        ("Sensitive attributes", "Sensitive attributes"),
    ],
)
def test_labels_made_of_keys_are_spelled_as_their_owners_do(name, text):
    assert printing.label(name) == text


def test_values_of_thresholds_have_no_exponent():
    assert [printing.limit(value) for value in ("1e-05", "0.8", "sex; age_group")] == [
        "0.00001",
        "0.8",
        "sex, age_group",
    ]


def test_cells_that_are_numbers_have_the_sign_of_one():
    assert printing.cell("-0.159 to 0.027") == "\u22120.159 to 0.027"
    assert printing.cell("2026-11-28") == "2026-11-28"


def test_a_tone_has_a_sign_beside_its_colour():
    assert [printing.sign(tone) for tone in ("good", "caution", "bad", "neutral")] == ["✓", "!", "✗", ""]
    assert [printing.capital(text) for text in ("held-out rows", "age 3", "ROC AUC", "n", "")] == [
        "Held-out rows",
        "Age 3",
        "ROC AUC",
        "n",
        "",
    ]


def test_sentences_stand_after_each_other_and_other_texts_apart():
    assert printing.together(["All rows.", "One column.", "No more"]) == "All rows. One column. No more"
    assert printing.together(["sex", "age"]) == "sex; age"
    assert printing.more(1, "row") == "1 more row stands"


def test_columns_are_as_wide_as_their_words_need():
    wide, narrow = column_widths.percentages(["Licence", "No."], [["BSD-3-Clause AND 0BSD AND MIT AND Zlib", "1"]])
    assert wide > 5 * narrow
    assert wide + narrow == pytest.approx(100, abs=0.2)
    assert column_widths.percentages([], []) == ()


def test_digits_are_wider_than_letters_so_that_no_number_breaks_in_a_narrow_column():
    digits, letters = column_widths.percentages(["n", "x"], [["156", "one"]])
    assert digits > letters


def test_what_a_number_is_and_how_its_interval_was_made_stand_apart():
    method = "highest minus lowest TPR; percentile bootstrap of counts, 2000 draws; the value is outside"
    ranged = Number("tpr_difference", 0.04, 500, 0.01, 0.1, method, 0.95)
    assert printing.methods_of(ranged) == (
        "highest minus lowest TPR",
        "95 % percentile bootstrap of counts, 2000 draws",
        "the value is outside",
    )
    assert printing.interval_method(ranged) == "95 % percentile bootstrap of counts, 2000 draws"
    bare = Number("tpr_difference", 0.04, 500, method="a; b")
    assert (printing.methods_of(bare), printing.interval_method(bare)) == (("a; b",), "")


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
