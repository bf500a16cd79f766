"""Timestamps of an authority of our own: what a card carries at each level, and every way in which it fails."""

import dataclasses
import hashlib
import io
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

from modelcards import authority, offline
from modelcards.auditor_script import auditor_script
from modelcards.exporters.pdf import PdfExporter
from modelcards.revisions import prepared, revision
from modelcards.sealing import sign_pdf
from modelcards.signing import Level, Plan, ensure_signing_identity
from modelcards.timestamping import TimestampFailed
from modelcards.timestamps import read_stamp, without_ballast
from modelcards.trust import trust_of
from modelcards.verification import verify_card
from tests.modelcards.cards import card
from tests.modelcards.ledgers import vkey
from tests.modelcards.test_verification import wrong
from tests.modelcards.timestamp_server import make_authority, served

DIGEST = hashlib.sha256(b"a card").digest()
STAMPED = [Level.B_T, Level.B_LT, Level.B_LTA]


@cache
def stating(level):
    """The card that says that it is sealed at this level, printed."""
    document = card()
    seal = dataclasses.replace(document.seal, level=level.value)
    return PdfExporter().export(dataclasses.replace(document, seal=seal))


def signed_at(level, identity, client):
    plan = Plan.of(level, client(), identity)
    return sign_pdf(stating(level), identity=identity, reason="Issued", plan=plan)


@pytest.fixture(scope="session")
def stamped(identity, time_authority):
    """The card at each level."""
    time_authority.fault = ""
    with served(time_authority) as client:
        return {level: signed_at(level, identity, client) for level in Level}


@pytest.fixture
def check(identity, revoked, time_authority):
    def verify(pdf, **changes):
        given = {"roots": [identity.root_pem], "vkey": vkey(), "revoked": [revoked]}
        return verify_card(pdf, **{**given, "timestamp_roots": [time_authority.root_pem], **changes})

    return verify


@pytest.mark.parametrize("level", Level)
def test_a_card_at_each_level_is_genuine_and_carries_what_it_says(check, stamped, level):
    report = check(stamped[level])
    assert report.ok, report.bottom_line
    facts = {fact.name: fact.sentence for fact in report.facts}
    assert facts["Seal"] == f"The card is sealed as it says: {level}."
    assert ("Timestamp" in facts, "Timestamp of the whole" in facts) == (level != Level.B_B, level == Level.B_LTA)


@pytest.mark.parametrize("level", Level)
def test_the_script_alone_says_the_same(stamped, identity, revoked, time_authority, level):
    trust = trust_of(roots=[identity.root_pem], timestamp_roots=[time_authority.root_pem], lists=[revoked])
    facts = offline.pdf_facts(stamped[level], trust=trust, vkey=vkey())
    assert [fact for fact in facts if fact.holds is False] == []
    unknown = {fact.name for fact in facts if fact.holds is None}
    assert unknown == set(offline.NEVER_KNOWN)


def test_the_script_is_told_by_its_options_whom_to_trust(stamped, identity, revoked, time_authority, tmp_path):
    (tmp_path / "verify_card.py").write_text(auditor_script(), encoding="utf-8")
    given = {
        "card.pdf": stamped[Level.B_LTA],
        "root.pem": identity.root_pem,
        "root.crl": revoked,
        "time.pem": time_authority.root_pem,
    }
    for name, content in given.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-I", "verify_card.py", "card.pdf", "--authority", "root.pem", "--revoked", "root.crl"]
    command += ["--ledger-key", vkey()]
    told = subprocess.run(
        [*command, "--timestamp-authority", "time.pem"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("GENUINE.\n"), told.stdout
    untold = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert untold.stdout.startswith("GENUINE, but not all is known: timestamp of the whole, timestamp.\n")


@pytest.mark.parametrize("level", Level)
def test_pyhanko_and_poppler_agree_at_each_level(stamped, identity, time_authority, level, tmp_path):
    roots = [translate_pyca_cryptography_cert_to_asn1(root) for root in (identity.root, time_authority.root)]
    context = ValidationContext(trust_roots=roots, allow_fetching=False)
    reader = PdfFileReader(io.BytesIO(stamped[level]))
    (seal,) = reader.embedded_regular_signatures
    status = validate_pdf_signature(seal, context, context)
    assert status.bottom_line, status.pretty_print_details()
    assert status.docmdp_ok
    assert (status.timestamp_validity is not None) == (level != Level.B_B)
    stamps = reader.embedded_timestamp_signatures
    assert len(stamps) == (level == Level.B_LTA)
    for one in stamps:
        found = validate_pdf_timestamp(one, context)
        assert (found.intact, found.valid, found.trusted, found.coverage.name) == (True, True, True, "ENTIRE_FILE")
    (tmp_path / "card.pdf").write_bytes(stamped[level])
    said = subprocess.run(
        ["pdfsig", "-nocert", str(tmp_path / "card.pdf")], capture_output=True, text=True, check=True
    ).stdout
    assert said.count("Signature is Valid") == 1
    subprocess.run(["qpdf", "--check", str(tmp_path / "card.pdf")], capture_output=True, check=True)


def test_openssl_verifies_the_timestamp_over_the_whole(stamped, time_authority, tmp_path):
    pdf = stamped[Level.B_LTA]
    numbers = re.findall(rb"/ByteRange \[0 +(\d+) +(\d+) +(\d+)\]", pdf)[-1]
    start, end, rest = map(int, numbers)
    assert end + rest == len(pdf)
    token = bytes.fromhex(pdf[start + 1 : end - 1].decode())
    (tmp_path / "token.der").write_bytes(token[: 4 + int.from_bytes(token[2:4], "big")])
    (tmp_path / "signed").write_bytes(pdf[:start] + pdf[end:])
    (tmp_path / "root.pem").write_bytes(time_authority.root_pem)
    command = ["openssl", "ts", "-verify", "-data", "signed", "-in", "token.der", "-token_in", "-CAfile", "root.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Verification: OK" in done.stdout + done.stderr


@pytest.mark.parametrize("level", STAMPED)
def test_without_the_authoritys_certificate_the_time_is_unknown(check, stamped, level):
    report = check(stamped[level], timestamp_roots=None)
    assert not report.ok
    assert "timestamp" in report.bottom_line
    assert wrong(report) == {}


def test_another_timestamp_authority_of_the_same_name_is_not_trusted(check, stamped, tmp_path):
    report = check(stamped[Level.B_LTA], timestamp_roots=[make_authority(tmp_path / "other").root_pem])
    assert "does not vouch for it" in wrong(report)["Timestamp"]
    assert "does not vouch for it" in wrong(report)["Timestamp of the whole"]


def test_a_card_that_lost_its_last_timestamp_is_not_what_it_says(check, stamped):
    pdf = stamped[Level.B_LTA]
    sealed = pdf[: pdf.index(b"%%EOF\n", pdf.index(b"/ByteRange")) + 6]
    report = check(sealed)
    assert "sealed at level PAdES B-LTA, but the file carries PAdES B-LT" in wrong(report)["Seal"]


def test_a_card_that_lost_the_timestamp_of_its_seal_is_not_what_it_says(check, identity):
    report = check(sign_pdf(stating(Level.B_T), identity=identity, reason="Issued"))
    assert "but the file carries PAdES B-B" in wrong(report)["Seal"]


@pytest.mark.parametrize("level", STAMPED)
def test_a_card_outlives_its_certificate_by_its_timestamp(check, stamped, level):
    later = datetime.now(UTC) + timedelta(days=365 * 20)
    report = check(stamped[level], moment=later)
    validity = next(fact for fact in report.facts if fact.name == "Validity")
    assert (validity.holds, "after the proven time" in validity.sentence) == (True, True)
    # Whether it was revoked before is known only from a list that the seal covers, or a fresh one.
    assert report.ok == (level != Level.B_T), report.bottom_line


def test_a_card_does_not_outlive_the_certificate_of_its_timestamp(check, stamped):
    report = check(stamped[Level.B_LTA], moment=datetime.now(UTC) + timedelta(days=365 * 45))
    assert not report.ok
    stamp = next(fact for fact in report.facts if fact.name == "Timestamp of the whole")
    assert (stamp.holds, "proves nothing now" in stamp.sentence) == (None, True)


@pytest.fixture(scope="session")
def compromised(time_authority, tmp_path_factory):
    """Cards of a seal that was revoked afterwards: its list, and the cards without and with timestamps."""
    var = tmp_path_factory.mktemp("compromised")
    identity = ensure_signing_identity(var, organisation="Nordhaven Bank")
    time_authority.fault = ""
    with served(time_authority) as client:
        cards = {level: signed_at(level, identity, client) for level in (Level.B_B, Level.B_LTA)}
    secret = authority.passphrase_of(var, "")

    def listed(since, now):
        revoke = partial(authority.revoke, passphrase=secret, reason=authority.COMPROMISED)
        found = revoke(var, identity.certificate, since=since, now=now)
        authority.list_path(var).unlink()
        return found.public_bytes(Encoding.DER)

    now = datetime.now(UTC)
    later = now + timedelta(hours=1)
    return identity, cards, listed(later, later), listed(now - timedelta(days=3), now)


def test_a_revoked_certificate_is_named(check, compromised):
    identity, cards, _, earlier = compromised
    for level, pdf in cards.items():
        report = check(pdf, roots=[identity.root_pem], revoked=[earlier])
        assert list(wrong(report)) == ["Revocation"], level
        assert "was revoked as of" in report.bottom_line
        assert "its key came into other hands" in report.bottom_line


def test_a_timestamp_from_before_saves_a_card_of_a_certificate_revoked_later(check, compromised):
    identity, cards, later, _ = compromised
    trusted = {"roots": [identity.root_pem], "revoked": [later]}
    assert "Revocation" in wrong(check(cards[Level.B_B], **trusted))
    report = check(cards[Level.B_LTA], moment=datetime.now(UTC) + timedelta(days=2), **trusted)
    assert report.ok, report.bottom_line
    revocation = next(fact for fact in report.facts if fact.name == "Revocation")
    assert "a timestamp proves that the card was sealed before" in revocation.sentence


FAULTS = {
    "slow": "did not answer within 0.5 seconds",
    "garbage": "is no timestamp",
    "empty": "is no timestamp",
    "cut": "is no timestamp",
    "refused": "it refused the request",
    "nonce": "belongs to another request (the nonce",
    "document": "is of another document",
    "bit": "is no timestamp",
    "changed": "is no timestamp",
    "huge": "larger than any answer",
    "http": "the HTTP status 503",
    "moved": "the HTTP status 302",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_authority_that_fails_is_named_with_its_failure(tsa, fault):
    tsa.fault = fault
    with served(tsa) as client, pytest.raises(TimestampFailed) as failed:
        client(seconds=0.5 if fault == "slow" else 30).stamp(DIGEST)
    assert failed.value.sentence.startswith("The timestamp authority 127.0.0.1 gave no timestamp: ")
    assert FAULTS[fault] in failed.value.sentence


def test_an_authority_that_is_down_is_named(tsa):
    with served(tsa) as client:
        down = client()
    with pytest.raises(TimestampFailed, match="cannot be reached"):
        down.stamp(DIGEST)


def test_an_authority_behind_a_closed_port_of_ours_is_named(tsa):
    """Nothing accepts the connection, so only the patience ends it."""
    with socket.create_server(("127.0.0.1", 0)) as silent, served(tsa) as client:
        waiting = dataclasses.replace(client(seconds=0.3), url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(TimestampFailed, match=r"did not answer within 0\.3 seconds"):
            waiting.stamp(DIGEST)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({}, "does not vouch for it"),
        ({"stamps": False}, "not one for timestamps"),
        ({"years": -0.5}, "was not valid on"),
    ],
    ids=["untrusted", "of another purpose", "expired"],
)
def test_a_certificate_that_may_not_say_the_time_is_named(tsa, tmp_path, made, why):
    other = make_authority(tmp_path / "other", **made)
    root = tsa.root if not made else other.root
    with served(other) as client, pytest.raises(TimestampFailed) as failed:
        client(roots=(root,)).stamp(DIGEST)
    # openssl itself refuses to sign with what is no certificate for timestamps.
    assert why in failed.value.sentence or "HTTP" in failed.value.sentence or "broke" in failed.value.sentence


def test_an_authority_that_asks_who_we_are_is_told(tsa):
    with served(tsa, user="portal") as client:
        with pytest.raises(TimestampFailed, match="HTTP status 401"):
            client().stamp(DIGEST)
        told = client(user="portal", password="secret")
        assert told.stamp(DIGEST)[1].digest == DIGEST
    assert "secret" not in repr(told)


def test_a_level_that_needs_lists_is_refused_without_them_and_for_a_revoked_authority(tsa, identity):
    with served(tsa) as client:
        with pytest.raises(TimestampFailed, match="no revocation list for its certificate"):
            Plan.of(Level.B_LT, client(lists=()), identity)
        with pytest.raises(TimestampFailed, match="its certificate was revoked"):
            Plan.of(Level.B_LT, client(lists=tsa.revoking), identity)
        assert Plan.of(Level.B_T, client(lists=()), identity).lists == ()


def test_a_failure_between_plan_and_signature_signs_nothing(tsa, printed, identity):
    with served(tsa) as client:
        plan = Plan.of(Level.B_LTA, client(), identity)
        tsa.fault = "garbage"
        with pytest.raises(TimestampFailed, match="is no timestamp"):
            sign_pdf(printed.pdf, identity=identity, reason="Issued", plan=plan)


def test_a_token_holds_nothing_that_is_not_accounted_for(tsa):
    """Each byte of a token is changed in turn; none may be read as the same statement."""
    with served(tsa) as client:
        token, stamp = client().stamp(DIGEST)
    assert read_stamp(without_ballast(token)) == stamp
    assert len(stamp.chain) == 2
    missed = []
    for place in range(len(token)):
        damaged = bytearray(token)
        damaged[place] ^= 0x01
        try:
            found = read_stamp(bytes(damaged))
        except ValueError:
            continue
        if found.chain[-1].public_bytes(Encoding.DER) == stamp.chain[-1].public_bytes(Encoding.DER):
            missed.append(place)
    assert missed == []


def test_the_revision_of_a_timestamp_is_written_again_to_the_letter(stamped, printed):
    pdf = stamped[Level.B_LTA]
    sealed = pdf[: pdf.index(b"%%EOF\n", pdf.index(b"/ByteRange")) + 6]
    assert prepared(sealed) is not None
    text, start, end = revision(sealed, 100, prepared(sealed))
    assert (sealed + text)[start:end] == b"<" + b"0" * 100 + b">"
    assert prepared(printed.pdf) is None
    with pytest.raises(ValueError, match="no field for a timestamp"):
        revision(printed.pdf, 100, prepared(printed.pdf))


def test_every_part_of_the_timestamps_revision_counts(check, stamped):
    pdf = stamped[Level.B_LTA]
    end = pdf.index(b"%%EOF\n", pdf.index(b"/ByteRange")) + 6
    missed = []
    for place in (
        *range(end, end + 400, 7),
        *range(end + 400, len(pdf) - 600, 211),
        *range(len(pdf) - 600, len(pdf), 11),
    ):
        damaged = bytearray(pdf)
        damaged[place] = ord("5") if damaged[place] != ord("5") else ord("A")
        if check(bytes(damaged)).ok:
            missed.append(place - end)
    assert missed == []


@pytest.mark.parametrize("level", STAMPED)
def test_bytes_after_a_stamped_card_are_named(check, stamped, level):
    assert "bytes were added after the signature" in wrong(check(stamped[level] + b"\n"))["Whole file"]
