"""Strangers' files are read in a process with limits: what asks for hours or gigabytes is answered, not served."""

import zlib

import pytest

from modelcards.inspection import inspect
from portal.errors import BadInput
from tests.modelcards.ledgers import vkey


def table_of(objects):
    """A PDF with these objects and a plain cross-reference table."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, start)
    return bytes(out)


def family(depth):
    """Form fields of which each has the next as child twice: depth 36 asks for 2^36 visits."""
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [3 0 R] >> >>"
    fields = {i: b"<< /T (a) /Kids [%d 0 R %d 0 R] >>" % (i + 1, i + 1) for i in range(3, 3 + depth)}
    last = {3 + depth: b"<< /T (b) /FT /Tx >>"}
    return table_of({1: catalog, 2: b"<< /Type /Pages /Kids [] /Count 0 >>", **fields, **last})


def endless_index():
    """A cross-reference stream whose entries have no width, so that a billion of them stand in one byte."""
    rows = zlib.compress(b"x")
    head = b"%PDF-1.7\n"
    stream = b"<< /Type /XRef /Size 999999999 /Index [0 999999999] /W [0 0 0] /Root 1 0 R /Filter /FlateDecode "
    stream += b"/Length %d >>\nstream\n%s\nendstream" % (len(rows), rows)
    return head + b"4 0 obj\n" + stream + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(head)


@pytest.mark.parametrize("file", [family(36), endless_index()], ids=["time", "memory"])
def test_a_file_made_to_exhaust_its_reader_is_not_relied_on(file, identity):
    found = inspect(file, roots=[identity.root_pem], keys=[vkey()])
    assert not found.claims_to_be_a_card
    assert not found.report.ok
    assert found.report.bottom_line.startswith("Do not rely on this file. ")


def test_the_report_from_the_process_is_that_of_the_verifier(sealed, identity, revoked):
    found = inspect(sealed, roots=[identity.root_pem], keys=["an+older+key", vkey()], revoked=[revoked])
    assert (found.claims_to_be_a_card, found.report.ok) == (True, True)
    assert found.report.card.number == "MC-2026-0007"


def test_a_root_that_is_no_certificate_is_refused_with_its_sentence(sealed):
    with pytest.raises(BadInput, match="not a certificate"):
        inspect(sealed, roots=[b"no certificate"], keys=[])
