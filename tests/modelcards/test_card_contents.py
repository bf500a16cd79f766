"""What each source asks for stands where docs/card-contents.md says, and an empty section says so in words."""

import dataclasses
import re
from pathlib import Path

import pytest

from modelcards import card as c
from modelcards import crosswalk, placing, rendering
from modelcards.auditor_script import SCRIPT_NAME
from tests.modelcards.cards import card, smallest_card

DOCUMENT = Path(__file__).parents[2] / "docs" / "card-contents.md"
LAW = c.CheckResult(
    key="local_law_144",
    title="Local Law 144 tables",
    version="1",
    stage="Fairness review",
    verdict="passed",
    tables=(
        c.Table(
            "Sex Categories",
            ("Category", "# of Applicants", "# Selected", "Selection Rate", "Impact Ratio"),
            (("female", 120, 60, "50.0%", "0.833"), ("male", 100, 60, "60.0%", "1.000")),
            "7 individuals with an unknown category are not included.",
        ),
        c.Table(
            "Intersectional Categories (race/ethnicity and sex)",
            ("Ethnicity", "Sex", "Race", "# of Applicants", "# Selected", "Selection Rate", "Impact Ratio"),
            (
                ("Hispanic or Latino", "Male", "", 205, 90, "43.9%", "0.841"),
                ("Hispanic or Latino", "Female", "", 190, 82, "43.2%", "0.827"),
                ("Non-Hispanic or Latino", "Male", "White", 412, 215, "52.2%", "1.000"),
                ("Non-Hispanic or Latino", "Male", "Asian", 321, 167, "52.0%", "0.997"),
                ("Non-Hispanic or Latino", "Female", "White", 385, 197, "51.2%", "0.981"),
                ("Non-Hispanic or Latino", "Female", "Asian", 295, 135, "45.8%", "0.877"),
            ),
            "The AEDT was also used to assess 250 individuals with an unknown sex or race/ethnicity category.",
        ),
    ),
)


def with_every_answer():
    """The full card with an answer to each question that a place prints, and the tables of Local Law 144."""
    given: dict[str, list[c.Passage]] = {}
    for place, named in placing.PLACES.items():
        for section, key in named:
            given.setdefault(section, []).append(c.Passage(f"Question {key}?", f"Answer for {place}.", key=key))
    whole = card()
    answers = tuple(c.Questionnaire(section, tuple(texts), section) for section, texts in given.items())
    return card(questionnaires=(*whole.questionnaires, *answers), checks=(*whole.checks, LAW))


def sections(document):
    """The HTML of each section by its anchor."""
    return dict(re.findall(r'<section id="(\w+)">(.*?)</section>', rendering.html(document), re.DOTALL))


def test_the_document_holds_the_map_that_the_code_holds():
    assert DOCUMENT.read_text("utf-8").endswith(crosswalk.as_markdown(rendering.CONTENTS))


def test_everything_that_is_asked_for_stands_in_its_section():
    found = sections(with_every_answer())
    missing = [(one.point, one.anchor, one.words) for one in crosswalk.ENTRIES if one.words not in found[one.anchor]]
    assert missing == []


@pytest.mark.parametrize(
    "heading",
    [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ],
)
def test_every_section_of_model_cards_for_model_reporting_is_one_of_the_card(heading):
    assert any(title.startswith(heading) for _, title in rendering.CONTENTS)
    assert any(f": {heading}" in f": {one.point}" for one in crosswalk.ENTRIES) or heading == "Quantitative analyses"


def test_every_answer_is_printed_once_at_the_place_of_its_question():
    html = rendering.html(with_every_answer())
    for place, named in placing.PLACES.items():
        assert html.count(f"Answer for {place}.") == len(named)


def test_an_answer_to_a_question_that_no_place_knows_is_printed_all_the_same():
    own = c.Questionnaire("House rules", (c.Passage("Who reads this?", "The works council.", key="reader"),), "house")
    html = rendering.html(card(questionnaires=(own,)))
    assert "House rules" in html
    assert "The works council." in html


def test_an_empty_card_says_in_words_what_is_not_there():
    found = sections(smallest_card())
    assert set(found) == {anchor for anchor, _ in rendering.CONTENTS}
    for anchor, html in found.items():
        assert re.search(r"\b(no|nothing|none|nobody|not)\b", html, re.IGNORECASE), anchor


def test_thresholds_stand_together_with_who_fixed_them_and_when_the_run_was_finished():
    metrics = sections(card())["metrics"]
    assert "ROC AUC, at least <b>0.78</b>" in metrics
    assert "Ingrid Sørensen, 19 Jan 2026, 10:00:00 UTC" in metrics
    assert "15 Mar 2026, 07:10:00 UTC" in metrics


def test_the_tables_of_the_law_keep_its_columns_and_its_note():
    law = sections(with_every_answer())["law"]
    for column in LAW.tables[0].columns[1:]:
        assert f">{column}</th>" in law
    assert "7 individuals with an unknown category are not included." in law


def test_the_headings_of_the_intersections_stand_inside_each_other():
    law = sections(with_every_answer())["law"]
    assert '<th scope="rowgroup" rowspan="2">Hispanic or Latino</th><th scope="row" colspan="2">Male</th>' in law
    assert (
        '<th scope="rowgroup" rowspan="4">Non-Hispanic or Latino</th><th scope="rowgroup" rowspan="2">Male</th>' in law
    )
    assert law.count(">Asian</th>") == 2


def test_exceptions_are_red_and_say_who_granted_them_until_when():
    caveats = sections(card())["caveats"]
    assert 'class="waiver override"' in caveats
    assert "ends 30 Apr 2026" in caveats


def test_what_changed_is_set_side_by_side():
    before, now = c.Number("ROC AUC", 0.80, 500, 0.78, 0.82), c.Number("ROC AUC", 0.83, 500, 0.81, 0.85)
    previous = c.PreviousVersion(
        number="2.0.3",
        card="MC-2025-0003",
        card_sha256="a" * 64,
        approved_at="2025-03-01T08:00:00+00:00",
        facts=(c.Difference("Artifact", "old.bin", "new.bin"), c.Difference("Owner", "Ann", "Ann")),
        numbers=(c.NumberChange("Performance", before, now, 0.03),),
        policy=("Gate validation: the check of calibration is new.",),
    )
    changes = sections(card(previous=previous))["changes"]
    for words in ("MC-2025-0003", "old.bin", "new.bin", "unchanged: Ann", "+0.0300", "the check of calibration is new"):
        assert words in changes


def test_a_long_table_ends_and_says_where_the_rest_is():
    rows = tuple((f"row {number}", number) for number in range(500))
    check = c.CheckResult(
        "k", "Check", "1", "Validation", "passed", tables=(c.Table("Long", ("Name", "Number"), rows),)
    )
    html = rendering.html(card(checks=(check,)))
    assert "row 14" in html
    assert "row 15" not in html
    assert "485 more rows stand in the attached card.json." in html


def test_a_sign_off_of_a_stage_without_a_gate_is_shown():
    html = rendering.html(card(gates=()))
    for signed in card().sign_offs:
        assert signed.printed_name in html


@pytest.mark.parametrize(
    ("decision", "shown"),
    [
        ("approve", 'badge good"><b>✓'),
        ("approve_with_conditions", 'badge caution"><b>!'),
        ("reject", 'badge bad"><b>✗'),
        ("request_changes", 'badge bad"><b>✗'),
    ],
)
def test_a_decision_is_shown_in_its_own_tone(decision, shown):
    """A rejection covers the dossier as it is, so it stands as an approval does."""
    signed = dataclasses.replace(card().sign_offs[1], decision=decision, decision_title="Decided")
    assert f"{shown}</b> Decided" in sections(card(sign_offs=(signed,)))["approvals"]


def test_the_last_steps_name_the_script_that_is_handed_out():
    steps = sections(card())["verify"]
    assert f"python {SCRIPT_NAME} card.pdf --authority" in steps
    assert "merkle.py" not in steps
