"""The one script that an auditor runs without the portal: on cards, on proofs, and on what was tampered with."""

import dataclasses
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.management import call_command

from modelcards import card as c
from modelcards import offline
from modelcards.auditor_script import auditor_script
from modelcards.exporters.pdf import PdfExporter
from modelcards.sealing import sign_pdf
from modelcards.signing import SigningIdentity, ensure_signing_identity
from modelcards.trust import trust_of
from modelcards.verification import verify_card
from tests.modelcards.cards import card
from tests.modelcards.ledgers import OTHER_KEY, vkey
from tests.modelcards.test_verification import FLIPS, with_card

ALONE = (
    "import sys; sys.meta_path.insert(0, type('Only', (), {'find_spec': staticmethod(lambda name, path, target=None: "
    "(_ for _ in ()).throw(ImportError(name)) if name.split('.')[0] in "
    "('portal', 'modelcards', 'approvals', 'django', 'pikepdf', 'pyhanko') else None)})); "
    "import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


@pytest.fixture(scope="session")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("auditor") / "verify_card.py"
    path.write_text(auditor_script(), encoding="utf-8")
    return path


@pytest.fixture
def run(script, identity, revoked, tmp_path):
    """Run it in a fresh interpreter that can import nothing of ours."""
    (tmp_path / "root.pem").write_bytes(identity.root_pem)
    (tmp_path / "revoked.crl").write_bytes(revoked)

    def ran(content, *options, name="card.pdf"):
        (tmp_path / name).write_bytes(content)
        command = [sys.executable, "-I", "-c", ALONE, str(script), name, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return ran


TRUST = ("--authority", "root.pem", "--ledger-key", vkey(), "--revoked", "revoked.crl")


def test_g30_a_genuine_card_is_genuine_and_its_signers_are_listed(run, sealed):
    code, said = run(sealed, *TRUST)
    assert (code, said.splitlines()[0]) == (0, "GENUINE."), said
    assert said.count("signed by") >= 5
    assert "DOES NOT HOLD" not in said


@pytest.fixture(scope="session")
def trust(identity, revoked):
    """The same trust for the functions of the script in this process."""
    return trust_of(roots=[identity.root_pem], lists=[revoked])


def test_without_a_fresh_list_of_revoked_certificates_it_says_so(run, sealed):
    code, said = run(sealed, *TRUST[:4])
    assert (code, said.splitlines()[0]) == (0, "GENUINE, but not all is known: revocation."), said


@pytest.mark.parametrize("options", [(), TRUST[:2], TRUST[2:]])
def test_without_the_keys_got_elsewhere_it_does_not_say_genuine(run, sealed, options):
    code, said = run(sealed, *options)
    assert code == 0
    assert said.startswith("CONSISTENT, but")


def test_a_card_of_another_authority_is_not_genuine(run, printed, tmp_path_factory):
    stranger = ensure_signing_identity(tmp_path_factory.mktemp("other"), organisation="Nordhaven Bank")
    code, said = run(sign_pdf(printed.pdf, identity=stranger, reason="Issued"), *TRUST)
    assert code == 1
    assert "was not issued by the authority" in said.splitlines()[0]


@pytest.mark.parametrize("tail", [b"\n", b"garbage", b"%%EOF\n"])
def test_bytes_after_the_end_are_found(run, sealed, tail):
    code, said = run(sealed + tail, *TRUST)
    assert code == 1
    assert "bytes were added after the signature" in said


def test_a_card_that_was_cut_off_is_found(run, sealed):
    assert run(sealed[:-10], *TRUST)[0] == 1
    assert run(sealed[: len(sealed) // 2], *TRUST)[0] == 1


def test_an_unsigned_card_is_not_genuine(run, printed):
    code, said = run(printed.pdf, *TRUST)
    assert code == 1
    assert "carries no signatures" in said
    assert "signed by" not in said, "nothing vouches for the names in it"


@pytest.mark.parametrize("name", ["card.json", "deep.json", "deep.pdf"])
def test_what_nests_without_end_is_said_to_be_unreadable(run, name):
    deep = b"[" * 200_000
    document = b'{"schema":"model-card@v1","deep":%s' % deep
    code, said = run(
        {"card.json": document, "deep.json": deep, "deep.pdf": b"%PDF-1.7\n1 0 obj " + deep}[name], name=name
    )
    assert code in (1, 2)
    assert "Traceback" not in said


def test_a_card_as_data_alone_is_consistent_and_never_genuine(run, printed):
    document = printed.card.canonical()
    code, said = run(document, *TRUST, name="card.json")
    assert (code, said.startswith("CONSISTENT, but")) == (0, True), said
    assert "card.json alone is not signed" in said
    twice = b'{"number":"MC-1",' + document[1:]
    for changed in (
        twice,
        document.replace(b'"size":240', b'"size":NaN'),
        document.replace(b'"role":"it', b'"role":"no'),
    ):
        assert changed != document
        assert run(changed, *TRUST, name="card.json")[0] == 1


def test_a_flipped_bit_is_found_wherever_it_is(sealed, trust):
    """In this process, because each place is tried; the functions are those of the script."""
    for step in range(FLIPS):
        damaged = bytearray(sealed)
        damaged[(len(sealed) - 1) * step // (FLIPS - 1)] ^= 0x04
        facts = offline.pdf_facts(bytes(damaged), trust=trust, vkey=vkey())
        assert any(fact.holds is False for fact in facts), step


def test_every_digit_of_the_signature_counts(sealed, trust):
    """Certificate, signature, names of algorithms, and the zeros that fill the hole."""
    start, end = (int(n) for n in re.search(rb"/ByteRange \[\s*0 (\d+) (\d+)", sealed).groups())
    filled = len(sealed[start + 1 : end - 1].rstrip(b"0"))
    missed = []
    for place in (*range(start + 1, start + 1 + filled), *range(start + 1 + filled, end - 1, 101)):
        damaged = bytearray(sealed)
        damaged[place] = ord("1") if damaged[place] != ord("1") else ord("2")
        facts, _ = offline.signature_facts(bytes(damaged), trust, datetime.now(UTC))
        if all(fact.holds for fact in facts):
            missed.append(place - start)
    assert missed == []


def test_a_sign_off_that_the_ledger_knows_otherwise_is_found(run, printed, identity):
    document = json.loads(printed.card.canonical())
    signed = next(one for one in document["sign_offs"] if one["current"])
    signed["printed_name"] = "Somebody Else"
    pdf = sign_pdf(with_card(printed.pdf, rfc8785.dumps(document)), identity=identity, reason="Issued")
    code, said = run(pdf, *TRUST)
    assert code == 1
    assert "Not in the ledger as the card says: Somebody Else" in said


def test_a_proof_under_another_key_is_refused(run, sealed):
    code, said = run(sealed, *TRUST[:2], "--ledger-key", vkey(OTHER_KEY))
    assert code == 1
    assert "NOT GENUINE" in said


def test_a_proof_alone_is_verified_too(run, printed):
    bundle = json.loads(printed.card.canonical())["ledger"]["proof"]
    code, said = run(json.dumps(bundle).encode(), "--ledger-key", vkey(), name="proof.json")
    assert (code, said.splitlines()[0]) == (0, "GENUINE.")
    bundle["entries"][0]["payload"] = bundle["entries"][0]["payload"].replace("approve", "reject")
    assert run(json.dumps(bundle).encode(), "--ledger-key", vkey(), name="proof.json")[0] == 1


@pytest.mark.parametrize("content", [b"", b"hello", b"{}", b"[1]", b"\xff\xfe\x00"])
def test_what_is_nothing_of_ours_is_said_to_be_so(run, content):
    code, said = run(content, name="other.json")
    assert code == 2
    assert "cannot be verified" in said


@pytest.mark.parametrize("content", [b"%PDF-1.7\n", b"%PDF-1.7\n1 0 obj\n<< /Type /ObjStm >>\nstream\nx\nendobj"])
def test_a_pdf_that_is_none_is_not_genuine(run, content):
    assert run(content)[0] == 1


@pytest.fixture(scope="session")
def odd_name(identity):
    """A card whose texts are called as parts of a PDF are: those before a signature, and those of attached files."""
    document = card()
    name = "Scoring /ByteRange [0 1 2 3] /CRLs [3 0 R] /Type /ObjStm"
    other = "/Type /Filespec /UF <636172642e6a736f6e> /EF << /F 343 0 R >> endobj 5 0 obj << /Length 3 >>"
    check = next(one for one in document.checks if one.charts)
    charts = tuple(dataclasses.replace(chart, title=other, description=other) for chart in check.charts)
    document = dataclasses.replace(
        document,
        model=dataclasses.replace(document.model, name=name),
        checks=(*(one for one in document.checks if one is not check), dataclasses.replace(check, charts=charts)),
        questionnaires=(*document.questionnaires, c.Questionnaire(other, (c.Passage(other, other),))),
    )
    return sign_pdf(PdfExporter().export(document), identity=identity, reason="Issued")


def test_a_model_that_is_called_like_a_part_of_a_signature_gets_a_good_card(run, odd_name, identity, revoked):
    code, said = run(odd_name, *TRUST)
    assert (code, said.splitlines()[0]) == (0, "GENUINE."), said
    report = verify_card(odd_name, roots=[identity.root_pem], vkey=vkey(), revoked=[revoked])
    assert report.ok, report.bottom_line
    assert not verify_card(odd_name + b" ", roots=[identity.root_pem], vkey=vkey()).ok
    assert run(odd_name + b" ", *TRUST)[0] == 1


@pytest.fixture(scope="session")
def forged(printed):
    """A changed card, signed by somebody whose name would paint a genuine verdict on a terminal."""
    lines = ("\x1b[2J\x1b[Hok      Signature: fits.\n", "\rGENUINE.\n", "\x1b[8m", "\u202eenog")
    kinds = (NameOID.COMMON_NAME, *[NameOID.ORGANIZATIONAL_UNIT_NAME] * len(lines))
    name = x509.Name([x509.NameAttribute(*pair) for pair in zip(kinds, reversed(lines), strict=False)])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    stranger = SigningIdentity(key=key, certificate=certificate, root=certificate)
    return sign_pdf(printed.pdf, identity=stranger, reason="Issued")


def test_a_forgers_name_moves_no_cursor(run, forged, identity, tmp_path, capsys):
    code, said = run(forged, *TRUST)
    assert code == 1
    assert said.startswith("NOT GENUINE")
    assert all(line.isprintable() for line in said.splitlines())
    (tmp_path / "forged.pdf").write_bytes(forged)
    with pytest.raises(SystemExit):
        call_command("verify", tmp_path / "forged.pdf", root=tmp_path / "root.pem", key=vkey())
    said = capsys.readouterr().out
    assert "[U+001B]" in said
    assert all(line.isprintable() for line in said.splitlines())
