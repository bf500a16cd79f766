"""People outside sign a card further: what is a further signature, what is an attack, and what is said of each."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields
from pyhanko_certvalidator import ValidationContext

from modelcards.continuations import continued_state
from modelcards.countersignatures import further_facts
from modelcards.countersigning import countersigned, read_key
from modelcards.revisions import COUNTER_FIELDS, spelled
from modelcards.sealed_part import SealedPart, sealed_part, signed_ranges
from modelcards.trust import Trust
from modelcards.verification import verify_card
from portal.errors import BadInput, Refused
from tests.modelcards.ledgers import vkey
from tests.modelcards.signers import PASSPHRASE, by_pyhanko, signer
from tests.modelcards.test_tampering import UPDATES, check, check_alone, genuine, stamped_card, trusted
from tests.modelcards.test_verification import wrong
from tests.modelcards.timestamp_server import served

__all__ = ["check", "check_alone", "genuine", "stamped_card", "trusted"]


@pytest.fixture(scope="session")
def auditor():
    return signer("Auditor")


@pytest.fixture(scope="session")
def regulator():
    return signer("Regulator", kind="rsa")


def key_of(person):
    return read_key(person.p12, PASSPHRASE, now=datetime.now(UTC))


@pytest.fixture(scope="session")
def countered(sealed, auditor):
    """The card, signed further by our own command."""
    return countersigned(sealed, key_of(auditor), reason="Geprüft – seen")[0]


def part_of(pdf):
    found = sealed_part(pdf)
    assert isinstance(found, SealedPart), found
    return found


def further(report):
    return {fact.name: (fact.holds, fact.sentence) for fact in report.facts if fact.name.startswith("Further")}


def test_our_own_and_pyhankos_signatures_are_told_beside_a_card_that_is_as_issued(
    check, check_alone, genuine, auditor, regulator
):
    """ECDSA and RSA, SHA-256 and SHA-512, in any order of the fields."""
    pdf = by_pyhanko(genuine, auditor, "CounterSignature3", md_algorithm="sha512")
    pdf, _ = countersigned(pdf, key_of(regulator), reason="Prüfung 2027")
    assert pdf.startswith(genuine)
    report = check(pdf)
    assert report.ok, report.bottom_line
    assert report.bottom_line.endswith("Nothing was changed since.")
    told = further(report)
    assert [holds for holds, _ in told.values()] == [True, True]
    for name, person, reason in (("1", "Auditor", "Seen"), ("2", "Regulator", "Prüfung 2027")):
        sentence = told[f"Further signature {name}"][1]
        assert f"of one who calls themselves “CN={person}”" in sentence
        assert f"“{reason}”; this portal does not vouch for who that is." in sentence
    assert check_alone(pdf) == []


def test_who_vouches_is_said_only_of_a_chain_that_the_verifier_trusts(check, countered, auditor, regulator):
    vouched = further(check(countered, signer_roots=[auditor.root_pem]))["Further signature 1"]
    assert "“CN=Auditor root”, whom you trust, vouches for its signer" in vouched[1]
    assert "does not vouch" in further(check(countered, signer_roots=[regulator.root_pem]))["Further signature 1"][1]
    # Who vouches for people vouches for no seal.
    assert not check(countered, roots=[regulator.root_pem], signer_roots=[auditor.root_pem]).ok


def test_a_further_signature_may_carry_a_timestamp_and_material(check, sealed, auditor, tsa):
    with served(tsa) as client:
        pdf, fact = countersigned(sealed, key_of(auditor), clock=client())
    assert "Time Signer says that it existed" in fact.sentence
    roots = [translate_pyca_cryptography_cert_to_asn1(auditor.root)]
    context = ValidationContext(trust_roots=roots, allow_fetching=False)
    longer = by_pyhanko(
        pdf, auditor, "CounterSignature2", embed_validation_info=True, validation_context=context,
    )  # fmt: skip
    assert b"/VRI" in longer
    report = check(longer)
    assert report.ok, report.bottom_line
    assert "they show nothing" in further(report)["Further material"][1]


def page_one(writer):
    return writer.root["/Pages"]["/Kids"][0]


def field_one(writer):
    return writer.root["/AcroForm"]["/Fields"][0]


def draws(writer):
    """The attack of 2021: the signature's own appearance covers the page."""
    field, form = field_one(writer), generic.StreamObject(stream_data=b"0 0 1 rg 0 0 500 500 re f")
    field["/AP"] = generic.DictionaryObject({generic.pdf_name("/N"): writer.add_object(form)})
    writer.update_container(field)


def moves(writer):
    field = field_one(writer)
    field["/Rect"] = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 500, 800)])
    writer.update_container(field)


def adds_a_field(writer):
    fields.append_signature_field(writer, fields.SigFieldSpec("Approval", box=(10, 10, 200, 60)))


def retitles(writer):
    """What the reader shows in the title of its window."""
    stream = writer.root["/Metadata"]
    stream._data, stream._encoded_data = stream.data.replace(b"Consumer credit", b"Another"), None
    writer.update_container(stream)


def renames(writer):
    info = writer.trailer["/Info"]
    info["/Title"] = generic.pdf_string("Another card")
    writer.update_container(info)


def hides_an_object(writer):
    writer.add_object(generic.StreamObject(stream_data=b"BT (APPROVED) Tj ET"))


def stores_another_thing(writer):
    stream = writer.add_object(generic.StreamObject(stream_data=b"not a certificate"))
    store = generic.DictionaryObject({generic.pdf_name("/Certs"): generic.ArrayObject([stream])})
    writer.root["/DSS"] = writer.add_object(store)
    writer.update_root()


def stores_in_the_catalog(writer):
    """A dictionary that no other object holds."""
    writer.root["/DSS"] = generic.DictionaryObject({generic.pdf_name("/Any"): generic.pdf_string("thing")})
    writer.update_root()


ATTACKS = {
    draws: "gives it an appearance",
    moves: "gives it an appearance",
    adds_a_field: "changes a page",
    retitles: "changes the metadata",
    renames: "changes the entry Title of the information",
    hides_an_object: "adds an object that belongs to no signature",
    stores_in_the_catalog: "puts it where it is not read",
    stores_another_thing: "material that is no certificate, list or answer",
}


@pytest.mark.parametrize("change", ATTACKS, ids=lambda change: change.__name__)
def test_what_a_signer_changes_beside_the_signature_is_named(check, check_alone, sealed, auditor, change):
    pdf = by_pyhanko(sealed, auditor, change=change)
    sentence = wrong(check(pdf))["Whole file"]
    assert "bytes were added after the signature that are no further signature" in sentence
    assert ATTACKS[change] in sentence
    assert ATTACKS[change] in check_alone(pdf)[0]


@pytest.mark.parametrize("change", UPDATES, ids=lambda change: change.__name__)
def test_shadow_attacks_under_a_further_signature_are_named(check, check_alone, sealed, auditor, change):
    pdf = by_pyhanko(sealed, auditor, change=change)
    assert UPDATES[change] in wrong(check(pdf))["Whole file"]
    assert "that are no further signature" in check_alone(pdf)[0]


@pytest.mark.parametrize("change", [*ATTACKS, *UPDATES], ids=lambda change: change.__name__)
def test_what_is_changed_after_a_further_signature_is_named(check_alone, countered, change):
    writer = IncrementalPdfFileWriter(io.BytesIO(countered), strict=False)
    change(writer)
    writer.write(output := io.BytesIO())
    assert "bytes were added after the signature" in check_alone(output.getvalue())[0]


def test_a_field_that_was_not_prepared_is_named(check_alone, sealed, auditor):
    assert "no further signature" in check_alone(by_pyhanko(sealed, auditor, "Mine"))[0]


def test_a_field_of_the_portals_timestamps_takes_no_signature(check_alone, stamped_card, auditor):
    said = check_alone(by_pyhanko(stamped_card, auditor, "PortalTimestamp2"))
    assert "PortalTimestamp2 is of a kind that is not read here" in said[0]


def test_a_field_is_signed_once(check_alone, countered, auditor):
    """Another signature in its place is a change of what was there."""
    state = continued_state(countered, part_of(countered).end)
    number = next(n for n, one in state.objects.items() if one.entry("T") == b"CounterSignature1")
    again = with_table(countered, {number: spelled({**state.objects[number].value, "V": b""})})
    assert "changes a note or form field that was not prepared" in check_alone(again)[0]


@pytest.mark.parametrize("tail", [b"\n", b"%%EOF\n", b"garbage"])
def test_bytes_behind_a_further_signature_are_named(check, check_alone, countered, tail):
    assert wrong(check(countered + tail))["Whole file"] == f"{len(tail)} bytes were added after the signature."
    assert check_alone(countered + tail) == [f"{len(tail)} bytes were added after the signature."]


@pytest.mark.parametrize(("place", "by"), [(0, -2), (1, 2), (2, -2), (2, 1)])
def test_a_signature_of_other_bytes_than_all_before_it_is_named(check_alone, countered, place, by):
    """The numbers that say what it covers are moved, one after the other."""
    last = re.search(rb"/ByteRange \[0 ([ 0-9]{10}) ([ 0-9]{10}) ([ 0-9]{10})\]", countered)
    start, end = last.span(place + 1)
    moved = countered[:start] + str(int(last[place + 1]) + by).rjust(10).encode() + countered[end:]
    assert "CounterSignature1 does not cover the whole file up to itself" in check_alone(moved)[0]


def test_a_broken_further_signature_is_told_and_takes_nothing_from_the_seal(check, check_alone, countered, sealed):
    before, after, _ = signed_ranges(countered)[1]
    digits = countered[before + 1 : after - 1]
    filled = len(digits.rstrip(b"0"))
    place = before + 1 + filled - 3
    broken = countered[:place] + (b"1" if countered[place : place + 1] != b"1" else b"2") + countered[place + 1 :]
    report = check(broken)
    assert not report.ok
    assert report.bottom_line.startswith("This is card MC-2026-0007 as issued")
    assert "That is said of the card, not of who signed it further: The signature in the field" in report.bottom_line
    assert list(wrong(report)) == ["Further signature 1"]
    assert "the key of its certificate did not make it" in wrong(report)["Further signature 1"]
    assert check_alone(broken) == []


def test_every_byte_of_a_further_signature_and_its_update_counts(countered, sealed):
    """Another file, or a signature that does not hold; never the same statement."""
    missed = []
    for place in range(len(sealed), len(countered), 5):
        damaged = bytearray(countered)
        damaged[place] ^= 0x20 if place % 2 else 0x01
        part = sealed_part(bytes(damaged))
        if isinstance(part, SealedPart):
            facts = further_facts(bytes(damaged), part.additions, Trust(None), datetime.now(UTC))
            missed += [place - len(sealed)] if all(fact.holds for fact in facts) else []
    assert missed == []


def test_a_signature_taken_from_another_card_is_told(check, countered, stamped_card, auditor):
    before, after, _ = signed_ranges(countered)[1]
    other, _ = countersigned(stamped_card, key_of(auditor), reason="Geprüft – seen")
    start, end, _ = signed_ranges(other)[2]
    pdf = other[:start] + countered[before:after] + other[end:]
    assert "it belongs to other bytes" in wrong(check(pdf))["Further signature 1"]


def test_what_a_seal_does_not_vouch_for_is_not_made_better_by_further_signatures(check, countered):
    damaged = countered.replace(b"/Author", b"/Buthor", 1)
    assert check(damaged).bottom_line.startswith("Do not rely on this file.")
    assert further(check(damaged)) == {}


@pytest.mark.parametrize(
    ("made", "why"),
    [({"years": (-3, -1)}, "its certificate was not valid"), ({"may_sign": False}, "not one for signatures")],
    ids=["expired", "of another purpose"],
)
def test_a_certificate_that_may_not_sign_is_told(check, sealed, made, why):
    report = check(by_pyhanko(sealed, signer("Somebody", **made)))
    assert why in wrong(report)["Further signature 1"]
    assert report.bottom_line.startswith("This is card MC-2026-0007 as issued")


def with_table(pdf, objects, *, rows=None, trailer=b""):
    """An update with a table in plain text, as many programs write one."""
    state = continued_state(pdf, part_of(pdf).end)
    text, places = bytearray(b"\n"), {}
    for number, body in objects.items():
        places[number] = len(pdf) + len(text)
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at = len(pdf) + len(text)
    text += b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % row for row in (rows or places).items())
    table = state.table
    told = (max(table.size, max(objects) + 1), table.root, table.info, table.identity.hex().encode(), table.place)
    text += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [<%s><00>] /Prev %d " % told
    return pdf + bytes(text) + trailer + b">>\nstartxref\n%d\n%%%%EOF\n" % at


def plainly_signed(pdf, person):
    """The same signature as ours, with a table in plain text."""
    ours, _ = countersigned(pdf, key_of(person))
    state = continued_state(ours, part_of(ours).end)
    number, field = next((n, one.value) for n, one in state.objects.items() if one.entry("T") == b"CounterSignature1")
    body = {key: value for key, value in state.objects[field["V"].number].value.items() if key != "ByteRange"}
    assert b"/Contents <" in spelled(body)
    return number, spelled(field), field["V"].number, spelled(body)


def test_an_update_with_a_table_in_plain_text_is_read(check_alone, sealed, auditor):
    number, field, signature, body = plainly_signed(sealed, auditor)
    draft = with_table(
        sealed, {number: field, signature: body.replace(b"/M ", b"/ByteRange [0 %s]\n/M " % (b" " * 40))}
    )
    start = draft.index(b"/Contents <", len(sealed)) + len(b"/Contents ")
    end = draft.index(b">", start) + 1
    span = b"%d %d %d" % (start, end, len(draft) - end)
    pdf = sealed + draft[len(sealed) :].replace(b" " * 40, span.rjust(40))
    assert check_alone(pdf) == []
    assert [one.name for one in part_of(pdf).additions] == ["CounterSignature1"]
    elsewhere = field.replace(b"-9999", b"00000")
    assert "changes its entry Rect" in check_alone(with_table(sealed, {number: elsewhere, signature: body}))[0]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"trailer": b"/Encrypt 1 0 R "}, "its table has an entry Encrypt"),
        ({"trailer": b"/XRefStm 9 "}, "its table has an entry XRefStm"),
        ({"trailer": b"/Root 1 0 R "}, "says one thing twice"),
        ({"rows": {5: 100}}, "its table names other objects"),
    ],
)
def test_an_update_that_two_readers_could_read_in_two_ways_is_named(check_alone, sealed, auditor, more, why):
    number, field, signature, body = plainly_signed(sealed, auditor)
    assert why in check_alone(with_table(sealed, {number: field, signature: body}, **more))[0]


def test_a_table_that_takes_the_place_of_a_page_is_named(check_alone, countered, sealed):
    """Its own number is that of an object that was there, which the table would not have to name."""
    update = countered[len(sealed) :]
    table = int(re.findall(rb"(\d+) 0 obj\n<<\n/Type /XRef", update)[-1])
    page = int(re.findall(rb"\n(\d+) 0 obj\n<<\n/BleedBox", sealed)[-1])
    moved = update.replace(b"%d 0 obj\n<<\n/Type /XRef" % table, b"%04d 0 obj\n<<\n/Type /XRef" % page)
    moved = moved.replace(b" %d 2]" % (table - 1), b" %d 1 %d 1]" % (table - 1, page))
    assert "its table stands in the place of an object that was there" in check_alone(sealed + moved)[0]


def test_there_is_room_for_four(check, sealed, auditor):
    pdf = sealed
    for name in COUNTER_FIELDS:
        pdf, fact = countersigned(pdf, key_of(auditor))
        assert name in fact.sentence
    assert len(further(check(pdf))) == len(COUNTER_FIELDS)
    with pytest.raises(Refused, match="no empty field"):
        countersigned(pdf, key_of(auditor))


def test_keys_and_reasons_that_cannot_be_are_named(sealed, auditor, printed):
    now = datetime.now(UTC)
    for content, phrase, at, why in (
        (b"no key", PASSPHRASE, now, "no PKCS#12 file"),
        (auditor.p12, "another", now, "the passphrase is another one"),
        (auditor.p12, PASSPHRASE, now + timedelta(days=3000), "is valid from"),
        (signer("X", may_sign=False).p12, PASSPHRASE, now, "not one for signatures"),
    ):
        with pytest.raises(BadInput, match=why):
            read_key(content, phrase, now=at)
    for reason in ("x" * 501, "two\nlines"):
        with pytest.raises(BadInput, match="one line"):
            countersigned(sealed, key_of(auditor), reason=reason)
    with pytest.raises(Refused, match="no sealed card"):
        countersigned(printed.pdf, key_of(auditor))


def test_the_words_in_a_further_signature_forge_no_line(sealed, auditor, trusted):
    pdf = by_pyhanko(sealed, auditor, reason="ok\n  holds  Signature: fine")
    report = verify_card(pdf, **trusted, vkey=vkey())
    assert report.ok
    assert len(further(report)) == 1
