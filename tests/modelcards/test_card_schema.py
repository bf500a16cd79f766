"""The schema of the card document: it is what the types say, every field is described, and wrong documents fail it."""

import json

import pytest

from modelcards import card_schema
from modelcards.card_descriptions import DESCRIPTIONS
from modelcards.exporters import load
from tests.modelcards.cards import card, smallest_card
from tests.modelcards.schemas import validator_of

REGENERATE = "Run: python -m modelcards.card_schema"


@pytest.fixture(scope="module")
def validator():
    return validator_of(card_schema.packaged())


def problems(validator, document):
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_the_packaged_schema_and_its_page_are_those_of_the_types():
    assert card_schema.FILE.read_text("utf-8") == card_schema.text(), REGENERATE
    assert card_schema.PAGE.read_text("utf-8") == card_schema.page(), REGENERATE


def test_every_described_field_exists():
    found = {"Card": card_schema.built(), **card_schema.built()["$defs"]}
    assert set(DESCRIPTIONS) == set(found)
    for name, fields in DESCRIPTIONS.items():
        assert set(fields) == {"", *found[name]["properties"]}
        assert all(text.endswith(".") for text in fields.values()), name


@pytest.mark.parametrize("document", [card(), smallest_card()], ids=["issued", "draft"])
def test_a_card_is_valid(validator, document):
    assert problems(validator, json.loads(load()["json"]().export(document))) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d.update(colour="red"), "$: "),
        (lambda d: d.pop("number"), "$: "),
        (lambda d: d.update(status="final"), "$.status"),
        (lambda d: d.update(schema="model-card@v2"), "$.schema"),
        (lambda d: d["artifact"].update(sha256="ABC"), "$.artifact"),
        (lambda d: d["checks"][0].update(verdict="fine"), "$.checks[0].verdict"),
        (lambda d: d["checks"][0]["numbers"][0].update(value="0.8"), "$.checks[0].numbers[0].value"),
        (lambda d: d["sign_offs"][0].update(current="yes"), "$.sign_offs[0].current"),
        (lambda d: d["ledger"]["proof"].update(more=1), "$.ledger"),
        (lambda d: d["summary"].update(tone="glad"), "$.summary.tone"),
    ],
)
def test_a_wrong_document_is_named_by_its_place(validator, change, place):
    document = json.loads(card().canonical())
    change(document)
    found = problems(validator, document)
    assert found
    assert all(problem.startswith(place) for problem in found)
