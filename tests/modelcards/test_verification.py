"""Every trick on a sealed card that we know, and the sentence that names it. No test here touches a database."""

import dataclasses
import hashlib
import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
import rfc8785
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from modelcards.card import Card
from modelcards.exporters.cyclonedx import CycloneDxExporter
from modelcards.pages import page_problems, text_of
from modelcards.sealing import sign_pdf
from modelcards.signing import ensure_signing_identity
from modelcards.verification import verify_card
from portal.errors import BadInput
from tests.modelcards.cards import ARTIFACT, POLICY_DIGEST, card, sign_offs, smallest_card
from tests.modelcards.ledgers import OTHER_KEY, ledger_of, payload_of, vkey

FLIPS = 60


@pytest.fixture
def check(identity, revoked):
    """Verify as an auditor who holds the right root, a fresh list of what it revoked, and the ledger key."""

    def verify(pdf, **changes):
        given = {"roots": [identity.root_pem], "vkey": vkey(), "revoked": [revoked], **changes}
        return verify_card(pdf, **given)

    return verify


def wrong(report):
    return {fact.name: fact.sentence for fact in report.facts if fact.holds is False}


def named(report):
    """What does not hold besides the pages, which cannot say what another document says."""
    return [name for name in wrong(report) if name != "Pages"]


def with_card(pdf, document, *, stated=None, proof=None, extra=None):
    """The unsigned PDF with another card inside, as a faulty portal might have made it."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        old = opened.attachments["card.json"].get_file().read_bytes()
        replace(opened, "card.json", document)
        proof = proof or json.loads(document).get("ledger", {}).get("proof")
        replace(opened, "ledger-proof.json", rfc8785.dumps(proof))
        if (found := card_in(document)) is not None:
            replace(opened, "bom.cdx.json", CycloneDxExporter().export(found))
        if extra:
            opened.attachments[extra] = b"more"
        metadata = opened.Root.Metadata.read_bytes()
        new = metadata.replace(digest_of(old).encode(), (stated or digest_of(document)).encode())
        opened.Root.Metadata.write(new)
        opened.save(output := io.BytesIO())
    return output.getvalue()


def card_in(document):
    try:
        return Card.from_json(json.loads(document))
    except ValueError:
        return None


def digest_of(document):
    return hashlib.sha256(document).hexdigest()


def replace(opened, name, content):
    opened.attachments[name].obj.EF.F.write(content)


def test_an_issued_card_is_found_genuine(check, sealed):
    report = check(sealed)
    assert wrong(report) == {}
    assert report.ok
    assert report.bottom_line.startswith("This is card MC-2026-0007 as issued: Consumer credit default 2.1.0")
    assert report.card == card()


def test_the_root_may_come_as_pem_or_der(check, sealed, identity):
    assert check(sealed, roots=[identity.root.public_bytes(Encoding.DER)]).ok


def test_what_is_no_certificate_is_refused(check, sealed):
    with pytest.raises(BadInput):
        check(sealed, roots=[b"root"])


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [({"roots": None}, "trust"), ({"vkey": None}, "ledger proof"), ({"revoked": []}, "revocation")],
    ids=["no root", "no key", "no list of revoked certificates"],
)
def test_what_could_not_be_checked_is_no_pass(check, sealed, changes, unknown):
    report = check(sealed, **changes)
    assert not report.ok
    assert wrong(report) == {}
    assert unknown in report.bottom_line


@pytest.mark.parametrize("step", range(FLIPS))
def test_a_flipped_bit_is_found_wherever_it_is(check, sealed, step):
    damaged = bytearray(sealed)
    place = (len(sealed) - 1) * step // (FLIPS - 1)
    damaged[place] ^= 0x04
    report = check(bytes(damaged))
    assert not report.ok
    assert report.bottom_line.startswith("Do not rely on this file.")


@pytest.mark.parametrize("tail", [b"\n", b" ", b"garbage", b"%%EOF\n", b"\x00" * 5000])
def test_bytes_after_the_end_are_found(check, sealed, tail):
    assert f"{len(tail)} bytes were added after the signature." == wrong(check(sealed + tail))["Whole file"]


def annotation(writer):
    note = {"/Type": "/Annot", "/Subtype": "/FreeText", "/Contents": "Approved without conditions"}
    entry = generic.DictionaryObject({generic.pdf_name(k): generic.pdf_string(v) for k, v in note.items()})
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Annots"] = generic.ArrayObject([writer.add_object(entry)])
    writer.update_container(page)


def other_json(writer):
    files = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    stream = files[1]["/EF"]["/F"]
    stream._data = b"{}"
    stream._encoded_data = None
    writer.update_container(stream)


def unused_object(writer):
    writer.add_object(generic.pdf_string("nothing refers to this"))


@pytest.mark.parametrize("change", [annotation, other_json, unused_object])
def test_an_update_appended_after_signing_is_found(check, sealed, change):
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    change(writer)
    writer.write(output := io.BytesIO())
    assert "bytes were added after the signature" in wrong(check(output.getvalue()))["Whole file"]


def test_the_hole_of_the_signature_hides_nothing(check, sealed):
    """Every digit in the hole counts: certificate, signature, names of algorithms, and the zeros that fill it."""
    start, end = (int(n) for n in re.search(rb"/ByteRange \[\s*0 (\d+) (\d+)", sealed).groups())
    missed = []
    for place in range(start + 1, end - 1, 37):
        damaged = bytearray(sealed)
        damaged[place] = ord("5") if damaged[place] != ord("5") else ord("A")
        if check(bytes(damaged)).ok:
            missed.append(place - start)
    assert missed == []


def test_the_signers_name_beside_the_certificate_is_compared_to_the_letter(check, sealed):
    name = b"Nordhaven Bank model card root".hex().upper().encode()
    _, place, _ = (found.start() for found in re.finditer(name, sealed))  # certificate, beside it, signed attributes
    shouted = b"NORDHAVEN BANK model card root".hex().upper().encode()
    assert list(wrong(check(sealed[:place] + shouted + sealed[place + len(name) :]))) == ["Container"]


def test_the_letters_of_the_hole_are_in_one_case(check, sealed):
    start, end = (int(n) for n in re.search(rb"/ByteRange \[\s*0 (\d+) (\d+)", sealed).groups())
    lowered = sealed[:start] + sealed[start:end].lower() + sealed[end:]
    assert list(wrong(check(lowered))) == ["Container"]


def test_a_card_without_its_signature_is_found(check, printed, sealed):
    assert wrong(check(printed.pdf)) == {"Signature": "The file carries no signatures; a card carries exactly one."}
    with pikepdf.open(io.BytesIO(sealed)) as opened:
        del opened.Root.AcroForm, opened.Root.Perms, opened.pages[0].obj.Annots
        opened.save(output := io.BytesIO())
    assert "Signature" in wrong(check(output.getvalue()))


def test_a_rewritten_file_with_another_card_is_found(check, sealed):
    with pikepdf.open(io.BytesIO(sealed)) as opened:
        replace(opened, "card.json", card(number="MC-2026-9999").canonical())
        opened.save(output := io.BytesIO())
    assert not check(output.getvalue()).ok


def test_another_portal_of_the_same_name_is_not_trusted(check, printed, tmp_path):
    imitation = ensure_signing_identity(tmp_path, organisation="Nordhaven Bank")
    report = check(sign_pdf(printed.pdf, identity=imitation, reason="Issued"))
    assert list(wrong(report)) == ["Trust"]
    assert "does not vouch for it" in report.bottom_line
    assert report.facts[-1].holds is None


def test_an_expired_certificate_is_named(check, printed, tmp_path):
    old = ensure_signing_identity(tmp_path, organisation="Nordhaven Bank", now=datetime(2010, 1, 1, tzinfo=UTC))
    report = check(sign_pdf(printed.pdf, identity=old, reason="Issued"), roots=[old.root_pem])
    assert list(wrong(report)) == ["Validity"]
    assert "not valid at the stated time" in report.bottom_line


def test_a_card_read_long_after_its_certificate_ended_is_named(check, sealed):
    report = check(sealed, moment=datetime(2045, 1, 1, tzinfo=UTC))
    assert wrong(report)["Validity"].startswith("The certificate expired on")
    assert check(sealed, moment=datetime.now(UTC) + timedelta(days=60)).ok
    assert "too old" in check(sealed, moment=datetime.now(UTC) + timedelta(days=200)).facts[5].sentence


@pytest.fixture
def resealed(printed, identity):
    """A correctly sealed PDF with another document inside."""

    def seal(document, **changes):
        content = document if isinstance(document, bytes) else document.canonical()
        return sign_pdf(with_card(printed.pdf, content, **changes), identity=identity, reason="Issued")

    return seal


def test_a_card_whose_json_was_exchanged_before_sealing_is_named(check, resealed, printed):
    report = check(resealed(card(number="MC-2026-0008"), stated=printed.card.digest()))
    assert named(report) == ["Digest"]


def test_pages_that_say_otherwise_than_the_document_are_named(check, resealed):
    """A seal and a digest that hold, and a document that says something else than what people read."""
    first, *rest = sign_offs()
    report = check(
        resealed(card(sign_offs=(first, dataclasses.replace(rest[0], printed_name="Someone Else"), *rest[1:])))
    )
    sentence = wrong(report)["Pages"]
    assert "Page 1 does not bear the digest of card.json." in sentence
    assert "more." in sentence


def test_pages_are_read_in_any_script_and_through_hidden_signs(printed):
    with pikepdf.open(io.BytesIO(printed.pdf)) as opened:
        found = text_of(opened.pages[-1]) + text_of(opened.pages[0])
        assert page_problems(opened, printed.card, printed.card.digest()) == []
        other = dataclasses.replace(printed.card, model=dataclasses.replace(printed.card.model, name="Another model"))
        assert page_problems(opened, other, printed.card.digest()) == [
            "The pages do not say what card.json says: the name of the model."
        ]
    assert "Consumer credit default" in found


def test_a_sealed_draft_approves_nothing(check, resealed):
    report = check(resealed(dataclasses.replace(card(), status="draft")))
    assert wrong(report)["Card document"] == "This is a draft; it approves nothing."


@pytest.mark.parametrize("document", [b"{}", b"[", b'{"schema": "model-card@v1"}', b'{"ledger":{"proof":{}}}'])
def test_what_is_no_card_is_named(check, resealed, document):
    assert "Card document" in wrong(check(resealed(document, proof={"x": 1})))


def test_a_card_that_is_not_canonical_is_named(check, resealed):
    spaced = json.dumps(json.loads(card().canonical()), indent=1).encode()
    assert "canonical form" in wrong(check(resealed(spaced)))["Card document"]


def test_another_file_inside_is_named(check, resealed):
    assert "better.json" in wrong(check(resealed(card(), extra="better.json")))["Attachments"]


def test_another_proof_file_than_the_cards_is_named(check, resealed):
    assert "is not the proof in card.json" in wrong(check(resealed(card(), proof={"other": 1})))["Attachments"]


def test_a_ledger_that_another_key_signed_is_named(check, resealed):
    payloads = [payload_of(s, artifact=ARTIFACT, policy_digest=POLICY_DIGEST) for s in sign_offs()]
    report = check(resealed(card(ledger=ledger_of(payloads, key=OTHER_KEY))))
    assert named(report) == ["Ledger proof"]


def test_a_card_that_misprints_its_ledger_is_named(check, resealed):
    ledger = dataclasses.replace(card().ledger, size=241)
    assert "prints is not that of its ledger proof" in wrong(check(resealed(card(ledger=ledger))))["Ledger proof"]


def test_a_forged_sign_off_is_not_in_the_ledger(check, resealed):
    forged = (*sign_offs()[:-1], dataclasses.replace(sign_offs()[-1], comment="I accept everything."))
    report = check(resealed(card(sign_offs=forged, ledger=card().ledger)))
    assert "otherwise about the sign-off of Charlotte Dubois" in wrong(report)["Ledger entries"]


def test_a_missing_role_is_named(check, resealed):
    report = check(resealed(card(sign_offs=sign_offs()[:-1])))
    assert "as business owner in deployment_approval; the card shows 0" in wrong(report)["Sign-offs"]


def test_a_voided_sign_off_shown_as_current_is_named(check, resealed):
    rows = (dataclasses.replace(sign_offs()[0], current=True), *sign_offs()[1:])
    assert "covers another dossier" in wrong(check(resealed(card(sign_offs=rows))))["Sign-offs"]


def test_a_policy_that_asks_less_than_its_text_is_named(check, resealed):
    policy = dataclasses.replace(card().policy, required_sign_offs=card().policy.required_sign_offs[:-1])
    assert "not those of the policy's text" in wrong(check(resealed(card(policy=policy))))["Policy"]


@pytest.mark.parametrize("file", [b"", b"%PDF-1.7", b"not a pdf", b"%PDF-1.7\n%%EOF", b"\x00" * 1000])
def test_what_is_no_pdf_is_an_answer_and_no_crash(check, file):
    report = check(file)
    assert not report.ok
    assert "Signature" in wrong(report)


def test_a_truncated_card_is_found(check, sealed):
    for part in (3, 5, 7):
        assert not check(sealed[: len(sealed) * part // 8]).ok


def test_verifying_needs_no_settings_and_no_database(sealed, identity, revoked, tmp_path):
    (tmp_path / "card.pdf").write_bytes(sealed)
    (tmp_path / "root.pem").write_bytes(identity.root_pem)
    (tmp_path / "revoked.crl").write_bytes(revoked)
    program = (
        "import sys, pathlib\n"
        "from modelcards.verification import verify_card\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "card, root, revoked = ((folder / name).read_bytes() for name in ('card.pdf', 'root.pem', 'revoked.crl'))\n"
        "report = verify_card(card, roots=[root], vkey=sys.argv[2], revoked=[revoked])\n"
        "from django.conf import settings\n"
        "print(report.ok, settings.configured)\n"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", program, str(tmp_path), vkey()]
    found = subprocess.run(
        command, capture_output=True, text=True, cwd=root, env={"PYTHONPATH": str(root)}, check=False
    )
    assert found.stdout.split() == ["True", "False"], found.stderr


def test_the_attached_proof_satisfies_the_one_file_verifier(sealed, tmp_path):
    with pikepdf.open(io.BytesIO(sealed)) as opened:
        (tmp_path / "proof.json").write_bytes(opened.attachments["ledger-proof.json"].get_file().read_bytes())
    program = Path(__file__).resolve().parents[2] / "portal" / "merkle.py"
    for key, expected in ((vkey(), 0), (vkey(OTHER_KEY), 1)):
        command = [sys.executable, "-I", str(program), str(tmp_path / "proof.json"), key]
        assert subprocess.run(command, capture_output=True, check=False).returncode == expected


def test_nothing_is_logged_about_a_bad_file(check, sealed, caplog):
    check(sealed.replace(b"/ETSI.CAdES.detached", b"/ETSI.CAdES.detacheD"))
    assert caplog.records == []


def test_the_smallest_issued_card_cannot_pass(check, resealed):
    bare = dataclasses.replace(smallest_card(), status="issued", number="MC-1")
    named = wrong(check(resealed(bare, proof={"x": 1})))
    assert {"Sign-offs", "Policy", "Ledger proof"} <= set(named)
