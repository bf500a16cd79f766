"""The tamper drill: every trick on an issued card, at two levels, and the word by which the verifier names it."""

import io
import zlib
from datetime import UTC, datetime

import pikepdf
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields

from modelcards import offline
from modelcards.detached import read_signature
from modelcards.sealed_part import signed_ranges
from modelcards.sealing import sign_pdf
from modelcards.signing import Level, SigningIdentity, ensure_signing_identity
from modelcards.trust import trust_of
from modelcards.verification import verify_card
from tests.modelcards.cards import card
from tests.modelcards.ledgers import vkey
from tests.modelcards.test_timestamps import signed_at
from tests.modelcards.test_verification import replace, wrong
from tests.modelcards.timestamp_server import served

FLIPS = 200


@pytest.fixture(scope="session")
def stamped_card(identity, time_authority):
    """The card with all that a card can carry."""
    time_authority.fault, time_authority.sound = "", 0
    with served(time_authority) as client:
        return signed_at(Level.B_LTA, identity, client)


@pytest.fixture(scope="session")
def trusted(identity, revoked, time_authority):
    return {"roots": [identity.root_pem], "timestamp_roots": [time_authority.root_pem], "revoked": [revoked]}


@pytest.fixture
def check(trusted):
    return lambda pdf, **changes: verify_card(pdf, **{**trusted, "vkey": vkey(), **changes})


@pytest.fixture
def check_alone(identity, revoked, time_authority):
    """The same question about the seal to the auditor's script; gives the sentences that do not hold."""
    trust = trust_of(roots=[identity.root_pem], timestamp_roots=[time_authority.root_pem], lists=[revoked])

    def ask(pdf):
        facts, _ = offline.signature_facts(pdf, trust, datetime.now(UTC))
        return [fact.sentence for fact in facts if fact.holds is False]

    return ask


@pytest.fixture(params=["B-B", "B-LTA"])
def genuine(request, sealed, stamped_card):
    return sealed if request.param == "B-B" else stamped_card


def places(pdf):
    """200 places over the whole file, of which some lie in the hole of each signature."""
    spread = [(len(pdf) - 1) * step // (FLIPS - 21) for step in range(FLIPS - 20)]
    holes = [
        before + 1 + (after - before - 3) * step // 9 for before, after, _ in signed_ranges(pdf) for step in range(10)
    ]
    return [*spread, *holes, *range(1, FLIPS)][:FLIPS]


@pytest.mark.timeout(180)
def test_one_byte_flipped_at_200_places_is_named_each_time(check, check_alone, genuine):
    """What the seal covers is named as changed; in its hole, zeros that fill it included, nothing may vary either."""
    tried = places(genuine)
    assert len(set(tried)) == FLIPS
    for place in tried:
        damaged = bytearray(genuine)
        damaged[place] ^= 0x10
        report = check(bytes(damaged))
        assert report.bottom_line.startswith("Do not rely on this file."), place
        assert any(len(sentence) > 20 for sentence in wrong(report).values()), place
        assert check_alone(bytes(damaged)), place


def annotation(writer):
    note = {"/Type": "/Annot", "/Subtype": "/FreeText", "/Contents": "Approved without conditions"}
    entry = generic.DictionaryObject({generic.pdf_name(k): generic.pdf_string(v) for k, v in note.items()})
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Annots"] = generic.ArrayObject([*page.get("/Annots", ()), writer.add_object(entry)])
    writer.update_container(page)


def form_field(writer):
    fields.append_signature_field(writer, fields.SigFieldSpec("Approval", box=(10, 10, 200, 60)))


def shown_otherwise(writer):
    """The shadow attack “replace”: the first page is given other content."""
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT /F1 20 Tf (APPROVED) Tj ET"))
    writer.update_container(page)


def hidden(writer):
    """The shadow attack “hide”: a layer that was there is switched off."""
    group = writer.add_object(generic.DictionaryObject({generic.pdf_name("/Type"): generic.pdf_name("/OCG")}))
    writer.root["/OCProperties"] = generic.DictionaryObject(
        {generic.pdf_name("/OCGs"): generic.ArrayObject([group]), generic.pdf_name("/D"): generic.DictionaryObject()}
    )
    writer.update_root()


def hidden_and_replaced(writer):
    """The shadow attack “hide-and-replace”: the tree of pages is another one."""
    writer.root["/Pages"] = writer.add_object(
        generic.DictionaryObject(
            {
                generic.pdf_name("/Type"): generic.pdf_name("/Pages"),
                generic.pdf_name("/Kids"): generic.ArrayObject([writer.root["/Pages"].raw_get("/Kids")[1]]),
                generic.pdf_name("/Count"): generic.NumberObject(1),
            }
        )
    )
    writer.update_root()


def other_json(writer):
    names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    place = next(place for place in range(0, len(names), 2) if names[place] == "card.json")
    stream = names[place + 1]["/EF"]["/F"]
    stream._data, stream._encoded_data = b"{}", None
    writer.update_container(stream)


def script(writer):
    writer.root["/OpenAction"] = generic.DictionaryObject(
        {generic.pdf_name("/S"): generic.pdf_name("/JavaScript"), generic.pdf_name("/JS"): generic.pdf_string("1")}
    )
    writer.update_root()


UPDATES = {
    annotation: "notes or form fields on page 1",
    form_field: "the form",
    shown_otherwise: "what page 1 shows",
    hidden: "layers that can be hidden",
    hidden_and_replaced: "the number of pages",
    other_json: "the attached card.json",
    script: "what happens on opening",
}


@pytest.mark.parametrize("change", UPDATES, ids=lambda change: change.__name__)
def test_an_update_appended_after_the_seal_is_named_with_what_it_changes(check, check_alone, genuine, change):
    writer = IncrementalPdfFileWriter(io.BytesIO(genuine), strict=False)
    change(writer)
    writer.write(output := io.BytesIO())
    sentence = wrong(check(output.getvalue()))["Whole file"]
    assert "bytes were added after the signature" in sentence
    assert UPDATES[change] in sentence
    assert any("were added after the signature" in said for said in check_alone(output.getvalue()))


def rewritten(pdf, change):
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        change(opened)
        opened.save(output := io.BytesIO())
    return output.getvalue()


def swap_json(opened):
    replace(opened, "card.json", card(number="MC-2026-9999").canonical())


def swap_page(opened):
    opened.pages[0].obj.Contents = opened.make_stream(b"BT (APPROVED) Tj ET")


def drop_page(opened):
    del opened.pages[2]


@pytest.mark.parametrize("change", [swap_json, swap_page, drop_page], ids=lambda change: change.__name__)
def test_a_file_written_anew_with_another_json_or_page_is_named(check, check_alone, genuine, change):
    report = check(rewritten(genuine, change))
    assert not report.ok
    assert "Signature" in wrong(report) or "Whole file" in wrong(report)
    assert check_alone(rewritten(genuine, change))


def test_the_embedded_json_swapped_in_place_is_named(check, check_alone, genuine):
    """Same length, same place: only the digest of the file tells."""
    with pikepdf.open(io.BytesIO(genuine)) as opened:
        stream = opened.attachments["card.json"].obj.EF.F
        packed = stream.read_raw_bytes()
    assert genuine.count(packed) == 1
    other = zlib.compress(b"{}", 9).ljust(len(packed), b"\0")
    changed = genuine.replace(packed, other)
    assert "The signed bytes were changed after signing." in wrong(check(changed))["Signature"]
    assert check_alone(changed) == ["The signed bytes were changed after signing."]


def strip(opened):
    del opened.Root.AcroForm, opened.Root.Perms
    for page in opened.pages:
        if "/Annots" in page.obj:
            del page.obj.Annots


def test_a_card_without_its_signature_is_named(check, check_alone, genuine, printed):
    for pdf in (printed.pdf, rewritten(genuine, strip)):
        assert wrong(check(pdf))["Signature"] == "The file carries no signatures; a card carries exactly one."
        assert check_alone(pdf) == ["The file carries no signatures; a card carries exactly one."]


def test_another_key_under_the_same_names_is_named(check, check_alone, printed, tmp_path):
    imitation = ensure_signing_identity(tmp_path, organisation="Nordhaven Bank")
    pdf = sign_pdf(printed.pdf, identity=imitation, reason="Issued as MC-2026-0007")
    assert "does not vouch for it" in wrong(check(pdf))["Trust"]
    assert "The signer's certificate was not issued by the authority given." in check_alone(pdf)


def test_another_key_under_the_very_certificate_is_named(check, check_alone, printed, identity):
    thief = SigningIdentity(ec.generate_private_key(ec.SECP256R1()), identity.certificate, identity.root)
    pdf = sign_pdf(printed.pdf, identity=thief, reason="Issued")
    assert "not made with the key of the certificate" in wrong(check(pdf))["Signature"]
    assert any("not made with the key of the certificate" in said for said in check_alone(pdf))


def test_what_fills_the_hole_is_the_signature_of_a_card_and_no_other(check, genuine):
    (before, after, _), *_ = signed_ranges(genuine)
    value = read_signature(bytes.fromhex(genuine[before + 1 : after - 1].decode())).value.hex().upper().encode()
    changed = genuine.replace(value, value[:-2] + (b"00" if value[-2:] != b"00" else b"01"))
    assert not check(changed).ok
    lowered = genuine[:before] + genuine[before:after].lower() + genuine[after:]
    assert not check(lowered).ok


def variants(pdf):
    """Files that a seal does not vouch for, each spoiled in another way."""
    (before, after, rest), *_ = signed_ranges(pdf)
    hole = pdf[before:after]
    place = pdf.index(b"/ByteRange", after)
    yield "before the beginning", b"\n" + pdf
    yield "behind the end", pdf + b"\n%%EOF\n"
    yield "cut off", pdf[:-1]
    yield "cut in half", pdf[: len(pdf) // 2]
    yield "twice", pdf + pdf
    yield "hole moved", pdf[:place] + pdf[place:].replace(b"[0 %d" % before, b"[0 %d" % (before - 1), 1)
    yield "less covered", pdf[:place] + pdf[place:].replace(b"%d]" % rest, b"%d]" % (rest - 9), 1)
    yield "more covered", pdf[:place] + pdf[place:].replace(b"%d]" % rest, b"%d]" % (rest + 9), 1)
    yield "hole emptied", pdf[:before] + b"<" + b"0" * (len(hole) - 2) + b">" + pdf[after:]
    yield "hole spelled otherwise", pdf[:before] + hole.lower() + pdf[after:]
    yield "hole filled", pdf[: after - 3] + b"01>" + pdf[after:]
    yield "page changed", pdf.replace(b"stream\n", b"stream\r", 1)
    yield "nothing", b""


def test_each_verifier_names_the_same_cause(check, check_alone, genuine):
    """The auditor's script and the portal, word for word; the portal may add what was changed."""
    for name, pdf in variants(genuine):
        assert pdf != genuine, name
        said, alone = next(iter(wrong(check(pdf)).values())), check_alone(pdf)[0]
        assert said.startswith(alone.rstrip(".")), (name, said, alone)
