"""Updates behind a seal that a forger wrote so that our reader and another one could see different things."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from modelcards.continuations import continued_state
from modelcards.countersigning import SignerKey, countersigned
from modelcards.revisions import spelled
from portal.errors import Refused
from tests.modelcards.test_countersignatures import (
    auditor,
    countered,
    further,
    key_of,
    part_of,
    plainly_signed,
    with_table,
)
from tests.modelcards.test_tampering import check, check_alone, stamped_card, trusted

__all__ = ["auditor", "check", "check_alone", "countered", "stamped_card", "trusted"]

NOW, DAY = datetime.now(UTC), timedelta(days=1)


def with_packed_table(pdf, objects, *, number=None, place=None):
    """An update whose table is a stream of this number, and says of itself that it stands there."""
    table = continued_state(pdf, part_of(pdf).end).table
    text, places = bytearray(b"\n"), {}
    for one, body in objects.items():
        places[one] = len(pdf) + len(text)
        text += b"%d 0 obj\n%s\nendobj\n" % (one, body)
    at, number = len(pdf) + len(text), number or max([table.size - 1, *objects]) + 1
    places[number] = at if place is None else len(pdf) + text.index(place)
    rows = b"".join(b"\x01" + where.to_bytes(4, "big") for _, where in sorted(places.items()))
    told = (number, max(table.size, number + 1), table.root, table.info, table.identity.hex().encode(), table.place)
    text += b"%d 0 obj\n<</Type/XRef/Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><00>]/Prev %d/W[1 4 0]" % told
    text += b"/Index[%s]" % b" ".join(b"%d 1" % one for one in sorted(places))
    return pdf + bytes(text) + b"/Length %d>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        len(rows), rows, at,
    )  # fmt: skip


def test_a_table_that_takes_the_place_of_a_page_is_named(check_alone, sealed, auditor):
    """Its row for itself could point readers to a page that is written inside the reason of a signature."""
    number, field, signature, body = plainly_signed(sealed, auditor)
    objects = {number: field, signature: body}
    assert "does not cover" in check_alone(with_packed_table(sealed, objects))[0]
    page = re.search(rb"\n(\d+) 0 obj\s*<<[^>]*/Type\s*/Page\b", sealed)
    why = "its table stands in the place of an object that was there"
    assert why in check_alone(with_packed_table(sealed, objects, number=int(page[1])))[0]
    assert "its table says that it stands elsewhere" in check_alone(with_packed_table(sealed, objects, place=b"/M "))[0]


def test_form_and_store_are_written_in_the_one_way_that_all_readers_understand(check_alone, sealed):
    """References that run into what follows, a store without an object of its own, objects that only a date names."""
    state = continued_state(sealed, part_of(sealed).end)
    root, number = state.table.root, state.table.size
    form = state.catalog()["AcroForm"].number
    glued = spelled(state.objects[form].value).replace(b" R ", b" R", 1)
    assert "no further signature" in check_alone(with_table(sealed, {form: glued}))[0]
    catalog = sealed[sealed.rindex(b"\n%d 0 obj" % root) :]
    catalog = catalog[catalog.index(b"<<") : catalog.index(b"endobj")].rstrip()[:-2]
    index = b"<< /VRI << /%s << /TU %d 0 R >> >> >>" % (b"A" * 40, number + 1)
    loop = {number + step: b"[" + b"%d 0 R " % (number + step + 1) * 200 + b"]" for step in range(1, 9)}
    for store, more, why in (
        (b"<< /Evil 1 >>", {}, "puts it where it is not read"),
        (b"%d 0 R" % number, {number: index, number + 1: b"<< /Type /Page >>"}, "adds something else"),
        (b"%d 0 R" % number, {number: b"<< /VRI << /Type %d 0 R >> >>" % (number + 1), **loop}, "adds something else"),
    ):
        changed = with_table(sealed, {root: catalog + b"/DSS " + store + b">>", **more})
        assert why in check_alone(changed)[0]


def certified(name, *, key=None, alternative=None):
    """A key whose holder certified themselves, with any name, perhaps with another name that no reader knows."""
    key = key or rsa.generate_private_key(65537, 2048)
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(named, named, key.public_key(), 7, NOW - DAY, NOW + DAY)
    if alternative:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), alternative)
        builder = builder.add_extension(unknown, critical=False)
    return SignerKey(key, builder.sign(key, hashes.SHA256()))


def test_words_of_a_signer_cannot_be_taken_for_ours(check, sealed):
    """A name and a reason that close the quotation marks and go on as the verifier would."""
    forged = "x”; “Root”, whom you trust, vouches for its signer."
    pdf, _ = countersigned(sealed, certified(f"{forged}\u202e"), reason=forged)
    (_, sentence) = further(check(pdf))["Further signature 1"]
    assert sentence.count("“") == sentence.count("”") == 2
    assert "\u202e" not in sentence
    assert "this portal does not vouch for who that is" in sentence


def test_a_broken_further_signature_never_stops_the_verifiers(check, check_alone, countered, sealed):
    """Names in a certificate that its reader does not know; a reason that is no text; a key that is too short."""
    with pytest.raises(Refused, match="not one for signatures"):
        countersigned(sealed, certified("X", alternative=bytes.fromhex("3004a3023000")))
    start = countered.rindex(b"/Reason <feff") + len(b"/Reason <feff")
    pdf = countered[:start] + b"d8d8" + countered[start + 4 :]
    report = check(pdf)
    assert report.bottom_line.startswith("This is card MC-2026-0007 as issued")
    assert "it belongs to other bytes" in further(report)["Further signature 1"][1]
    assert check_alone(pdf) == []
    with pytest.raises(Refused, match="its key is so short"):
        countersigned(sealed, certified("X", key=rsa.generate_private_key(65537, 1024)))


def test_nobody_signed_a_card_before_it_was_sealed(check, sealed, auditor):
    pdf, _ = countersigned(sealed, key_of(auditor), now=datetime.now(UTC) - timedelta(days=30))
    report = check(pdf)
    assert report.bottom_line.startswith("This is card MC-2026-0007 as issued")
    assert further(report)["Further signature 1"] == (False, report.bottom_line.split("further: ")[1])
    assert "when the card was not sealed yet" in report.bottom_line
