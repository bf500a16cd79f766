import copy
import dataclasses
import hashlib
import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.measures.values import Measure
from modelcards.card import Card, CardFormatError, Number
from modelcards.exporters import load
from modelcards.reading import typed
from tests.modelcards.cards import card, smallest_card


def test_a_card_survives_json_unchanged():
    document = card()
    assert Card.from_json(json.loads(document.canonical())) == document


def test_the_smallest_card_survives_json_unchanged():
    document = smallest_card()
    assert Card.from_json(json.loads(document.canonical())) == document
    assert not document.issued


def test_the_digest_is_that_of_the_json_export():
    exported = load()["json"]().export(card())
    assert json.loads(exported)["number"] == "MC-2026-0007"
    assert exported == card().canonical()


def test_the_registry_knows_the_exporters_by_file_name():
    assert {key: kind.suffix for key, kind in load().items() if key in {"json", "pdf"}} == {
        "json": ".json",
        "pdf": ".pdf",
    }


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d.update(colour="red"), "card has entries that the schema does not know: colour"),
        (lambda d: d.pop("number"), "card.number is missing"),
        (lambda d: d.update(number=7), "card.number is not what"),
        (lambda d: d["sign_offs"][0].update(current="yes"), "card.sign_offs[0].current is not what"),
        (lambda d: d["sign_offs"][0].update(signer=True), "card.sign_offs[0].signer is not what"),
        (lambda d: d.update(checks={}), "card.checks is not what"),
        (lambda d: d.update(model=[]), "card.model must be an object"),
        (lambda d: d.update(status="final"), "card.status is neither draft nor issued"),
        (lambda d: d.update(schema="model-card@v9"), "not a card of the schema"),
    ],
)
def test_a_wrong_document_is_refused_by_place(change, place):
    data = copy.deepcopy(json.loads(card().canonical()))
    change(data)
    with pytest.raises(CardFormatError) as refused:
        Card.from_json(data)
    assert place in str(refused.value)


def test_a_card_of_before_a_field_was_added_keeps_its_bytes_and_digest():
    whole = dataclasses.replace(card(), claims=())
    data = json.loads(whole.canonical())
    del data["claims"]
    document = rfc8785.dumps(data)
    read = Card.from_document(document)
    assert read == whole
    assert read.canonical() == document
    assert read.digest() == hashlib.sha256(document).hexdigest() != whole.digest()
    assert dataclasses.replace(read, number="MC-2").canonical() != document


@pytest.mark.parametrize("data", [None, [], "card", 3, True])
def test_what_is_no_object_is_no_card(data):
    with pytest.raises(CardFormatError):
        Card.from_json(data)


def test_the_json_of_a_measure_reads_as_a_number():
    measure = Measure(
        "tpr", 0.5, 10, low=0.2, high=0.8, method="Wilson", level=0.95, slice=(("sex", "f"),), counts=(("k", 5),)
    )
    number = typed(Number, measure.as_json(), "number")
    assert (number.name, number.value, number.slice, number.counts) == ("tpr", 0.5, (("sex", "f"),), (("k", 5),))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(name=st.sampled_from(sorted(json.loads(smallest_card().canonical()))), value=JSON)
def test_any_json_in_any_place_is_a_card_or_is_refused(name, value):
    data = json.loads(smallest_card().canonical()) | {name: value}
    try:
        document = Card.from_json(data)
    except CardFormatError:
        return
    assert Card.from_json(document.as_json()) == document
