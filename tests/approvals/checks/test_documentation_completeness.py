import pytest

from approvals.checks._documents import placeholder_in
from approvals.checks.base import CheckInputError
from approvals.checks.documentation_completeness import DocumentationCompleteness

QUESTIONS = {
    "scope": [
        {"key": "use", "text": "What is it for?", "required": True, "min_length": 20},
        {"key": "more", "text": "Anything else?", "required": False},
    ]
}
ANSWERS = {"scope": {"use": "It decides about small loans of private customers."}}
RECORD = {
    "algorithm": "logistic regression",
    "hyperparameters": {"C": 1.0},
    "seed": 0,
    "code_revision": "4f2c1",
    "artifact_sha256": "ab12",
}
LINEAGE = {
    "sources": [{"name": "loan book"}],
    "transformations": ["dropped cases without a decision"],
    "lawful_basis": "contract",
    "sensitive_attributes": ["sex"],
}


@pytest.fixture
def look(measured, judged, piece):
    def run(
        *, answers=ANSWERS, questions=QUESTIONS, record=RECORD, lineage=LINEAGE, attached=(), thresholds=None, **kw
    ):
        pieces = [piece("training_record", record)] if record is not None else []
        pieces += [piece("data_lineage", lineage)] if lineage is not None else []
        facts = {"answers": answers, "questions": questions, "evidence": {kind: {} for kind in attached}}
        reading = measured(DocumentationCompleteness, *pieces, facts=facts, **kw)
        return judged(DocumentationCompleteness, reading, **(thresholds or {})), reading

    return run


def problems(reading):
    return [row for table in reading.tables for row in table.rows]


def test_everything_said_passes(look):
    judgement, reading = look()
    assert judgement.verdict == "passed", judgement.sentences
    assert problems(reading) == []


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({}, "There is no answer."),
        ({"scope": {"use": "   "}}, "There is no answer."),
        ({"scope": {"use": "Loans."}}, "The answer has 6 of at least 20 characters."),
        ({"scope": {"use": "TODO: ask the business"}}, "The answer contains the placeholder “TODO”."),
        (
            {"scope": {"use": "To be determined with the board"}},
            "The answer contains the placeholder “To be determined”.",
        ),
    ],
)
def test_an_answer_that_says_nothing_is_named(look, answers, sentence):
    judgement, reading = look(answers=answers)
    assert judgement.verdict == "failed"
    assert problems(reading) == [("scope: What is it for?", sentence)]


def test_missing_documents_and_entries_are_named(look):
    judgement, reading = look(record=None, lineage={**LINEAGE, "lawful_basis": " "})
    assert judgement.verdict == "failed"
    assert ("training record: seed", "No training record is attached.") in problems(reading)
    assert ("data lineage: lawful_basis", "The data lineage does not state “lawful_basis”.") in problems(reading)
    assert len(problems(reading)) == 6


@pytest.mark.parametrize("said", [[""], [None], {"name": " "}, [[], {}], [{"name": ""}], {"a": {"b": []}}])
def test_an_entry_that_only_packs_nothing_is_not_stated(look, said):
    assert problems(look(lineage={**LINEAGE, "sources": said})[1]) == [
        ("data lineage: sources", "The data lineage does not state “sources”.")
    ]
    assert look(record={**RECORD, "hyperparameters": {"C": 0, "warm": False}})[0].verdict == "passed"


def test_placeholders_inside_documents_are_found(look):
    _, reading = look(lineage={**LINEAGE, "sources": [{"name": "lorem ipsum dolor"}]})
    assert problems(reading) == [("data lineage: sources[0].name", "The entry contains the placeholder “lorem ipsum”.")]


def test_required_evidence_is_asked_for(look):
    assert look(attached=["rollback_plan"], evidence=["rollback_plan"])[0].verdict == "passed"
    judgement, reading = look(evidence=["rollback_plan"])
    assert judgement.verdict == "failed"
    assert problems(reading) == [("rollback_plan", "No rollback plan is attached.")]


def test_a_policy_without_questions_is_not_computable(look):
    judgement, _ = look(questions={})
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0].endswith("the policy defines no questions.")


def test_a_section_that_the_policy_does_not_define_is_not_computable(look):
    assert look(sections=["ethics"])[0].verdict == "not_computable"


def test_a_policy_can_ask_for_less_but_not_for_nothing(look):
    less = {"max_open_questions": 1}
    assert look(answers={}, thresholds=less)[0].verdict == "passed"
    nothing = dict.fromkeys(
        ("max_open_questions", "max_short_answers", "max_placeholders", "max_missing_entries", "max_missing_evidence")
    )
    assert look(thresholds=nothing)[0].verdict == "not_computable"


def test_documents_that_are_no_json_are_refused(measured, piece):
    facts = {"answers": {}, "questions": QUESTIONS, "evidence": {}}
    twice = '{"seed": 1, "seed": 2}'
    for text in ("not json", "[1]", "[" * 100_000, twice, '{"seed": NaN}'):
        with pytest.raises(CheckInputError, match="JSON"):
            measured(DocumentationCompleteness, piece("training_record", text), facts=facts)


@pytest.mark.parametrize(
    "text", ["TBD", "n/a", "...", "xxxx", "Lorem Ipsum", "fill in", "aaaaaaaaaaaaaaaa", "to be done"]
)
def test_placeholders(text):
    assert placeholder_in(text)


@pytest.mark.parametrize(
    "text", ["No limitations are known.", "C = 1.0", "0", "The todos of the team are separate.", "sex"]
)
def test_real_answers(text):
    assert placeholder_in(text) == ""
