"""The files inside a card's PDF besides the document: they hold, say what the pages say, and a trick is named."""

import io
import json

import pikepdf
import pytest

from modelcards.attesting import attested_statements
from modelcards.card import Card
from modelcards.embedded import ATTESTATIONS, BILL, attestation_findings
from modelcards.exporters.cyclonedx import CycloneDxExporter
from modelcards.exporters.in_toto import statements
from modelcards.exporters.pdf import PdfExporter
from modelcards.sealing import sign_pdf
from modelcards.signing import ensure_signing_identity
from modelcards.verification import verify_card
from tests.modelcards.cards import card
from tests.modelcards.ledgers import vkey
from tests.modelcards.test_auditor_script import TRUST, run, script  # noqa: F401


@pytest.fixture(scope="module")
def attested(identity):
    """The unsigned PDF as the portal makes it."""
    signed = attested_statements(statements(card()), identity)
    return PdfExporter().printed(card(), meanwhile=lambda: None, attestations=signed)


@pytest.fixture
def sealed_with(attested, identity):
    """The sealed PDF, with other files inside where some are given."""

    def seal(**files):
        with pikepdf.open(io.BytesIO(attested)) as opened:
            for name, content in files.items():
                opened.attachments[{"bill": BILL, "statements": ATTESTATIONS}[name]].obj.EF.F.write(content)
            opened.save(output := io.BytesIO())
        return sign_pdf(output.getvalue(), identity=identity, reason="Issued")

    return seal


@pytest.fixture
def named(identity, revoked):
    def found(pdf):
        report = verify_card(pdf, roots=[identity.root_pem], vkey=vkey(), revoked=[revoked])
        return {fact.name: fact.sentence for fact in report.facts if not fact.holds}

    return found


def test_all_four_files_are_inside_and_hold(sealed_with, named, run):  # noqa: F811
    pdf = sealed_with()
    assert named(pdf) == {}
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        relations = {str(item.F): str(item.AFRelationship) for item in opened.Root.AF}
    assert relations == {
        "card.json": "/Data",
        "ledger-proof.json": "/Data",
        BILL: "/Supplement",
        ATTESTATIONS: "/Supplement",
    }
    code, said = run(pdf, *TRUST)
    assert (code, said.splitlines()[0]) == (0, "GENUINE."), said
    assert "The attestations are about this card." in said


def test_printing_it_again_gives_the_same_bytes(attested, identity):
    signed = attested_statements(statements(card()), identity)
    assert PdfExporter().printed(card(), meanwhile=lambda: None, attestations=signed) == attested


def test_a_bill_of_another_card_is_named(sealed_with, named, run):  # noqa: F811
    pdf = sealed_with(bill=CycloneDxExporter().export(card(number="MC-2026-0008")))
    assert list(named(pdf)) == ["Bill of materials"]
    assert run(pdf, *TRUST)[0] == 1


@pytest.mark.parametrize(
    ("change", "held"),
    [
        (lambda bill: bill["metadata"]["component"].update(name="Another"), False),
        (lambda bill: bill["metadata"]["properties"][0].update(value="2"), True),
        (
            lambda bill: (bill["metadata"]["properties"][0].update(value="2"), bill.update(serialNumber="urn:uuid:0")),
            False,
        ),
        (lambda bill: bill.pop("metadata"), False),
    ],
    ids=["changed", "later form", "later form of another card", "no form"],
)
def test_a_bill_is_compared_word_for_word_in_our_form_and_by_its_digests_in_another(sealed_with, named, change, held):
    bill = json.loads(CycloneDxExporter().export(card()))
    change(bill)
    assert ("Bill of materials" not in named(sealed_with(bill=json.dumps(bill).encode()))) is held


def test_attestations_of_another_card_or_key_or_none_are_named(sealed_with, named, identity, tmp_path, run):  # noqa: F811
    other = attested_statements(statements(card(number="MC-2026-0008")), identity)
    assert list(named(sealed_with(statements=other))) == ["Attestations"]
    assert run(sealed_with(statements=other), *TRUST)[0] == 1
    stranger = ensure_signing_identity(tmp_path / "other", organisation="Nordhaven Bank")
    forged = attested_statements(statements(card()), stranger)
    assert list(named(sealed_with(statements=forged))) == ["Attestation authority"]
    assert list(named(sealed_with(statements=b"{}\n"))) == ["Attestations"]
    assert run(sealed_with(statements=b"{}\n"), *TRUST)[0] == 1


def test_attestations_inside_a_seal_that_holds_outlive_their_certificate(identity):
    signed = attested_statements(statements(card()), identity)
    names = [name for name, holds, _ in attestation_findings(card(), signed, [identity.root]) if holds]
    assert names == ["Attestation signature", "Attestation authority", "Attestations"]


def test_the_document_inside_is_the_one_that_was_attested(sealed_with):
    with pikepdf.open(io.BytesIO(sealed_with())) as opened:
        document = json.loads(opened.attachments["card.json"].get_file().read_bytes())
    assert Card.from_json(document) == card()
