import io
import multiprocessing
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm

from modelcards.sealing import sign_pdf
from modelcards.signing import DOCUMENT_SIGNING, ensure_signing_identity, root_path
from portal.errors import Refused, Unavailable
from tests.modelcards.validators import pdfsig


def fingerprint_of(var):
    return ensure_signing_identity(var).certificate.serial_number


def test_keys_are_made_once_and_are_private(tmp_path):
    first = ensure_signing_identity(tmp_path)
    assert ensure_signing_identity(tmp_path).certificate == first.certificate
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert len((tmp_path / "keys" / "card-passphrase").read_bytes()) == 64


def test_auditors_get_the_root_as_pem(tmp_path):
    identity = ensure_signing_identity(tmp_path, organisation="Nordhaven Bank")
    root = x509.load_pem_x509_certificate(root_path(tmp_path).read_bytes())
    assert root == identity.root
    assert identity.facts.root_sha256 == root.fingerprint(hashes.SHA256()).hex()
    assert "Nordhaven Bank" in identity.facts.subject


def test_the_seal_may_sign_documents_and_nothing_else(tmp_path):
    identity = ensure_signing_identity(tmp_path)
    extensions = identity.certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, False)
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {ExtendedKeyUsageOID.EMAIL_PROTECTION, DOCUMENT_SIGNING}
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    identity.certificate.verify_directly_issued_by(identity.root)


def test_processes_that_start_at_once_share_one_seal(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert len(set(pool.map(fingerprint_of, [tmp_path] * 6))) == 1


def test_the_seal_is_renewed_under_the_same_root_in_its_last_year(tmp_path):
    made = datetime(2026, 1, 1, tzinfo=UTC)
    first = ensure_signing_identity(tmp_path, now=made)
    near_the_end = first.certificate.not_valid_after_utc - timedelta(days=30)
    second = ensure_signing_identity(tmp_path, now=near_the_end)
    assert second.certificate != first.certificate
    assert second.root == first.root
    second.certificate.verify_directly_issued_by(first.root)


def test_without_the_root_key_the_seal_still_signs_but_is_not_renewed(tmp_path):
    first = ensure_signing_identity(tmp_path, now=datetime(2026, 1, 1, tzinfo=UTC))
    (tmp_path / "keys" / "card-root.p12").unlink()
    assert ensure_signing_identity(tmp_path, now=datetime(2027, 1, 1, tzinfo=UTC)).certificate == first.certificate
    with pytest.raises(Unavailable) as refused:
        ensure_signing_identity(tmp_path, now=first.certificate.not_valid_after_utc)
    assert "card-root.p12" in refused.value.sentence


def test_a_damaged_key_file_is_named(tmp_path):
    ensure_signing_identity(tmp_path)
    (tmp_path / "keys" / "card-seal.p12").write_bytes(b"not a key")
    with pytest.raises(Unavailable) as refused:
        ensure_signing_identity(tmp_path)
    assert "card-seal.p12" in refused.value.sentence


def test_a_very_long_organisation_still_gets_a_certificate(tmp_path):
    identity = ensure_signing_identity(tmp_path, organisation="Ö" * 200)
    assert "model card seal" in identity.facts.subject


def test_a_card_is_signed_once(sealed, identity):
    with pytest.raises(Refused):
        sign_pdf(sealed, identity=identity, reason="again")


def test_the_signature_certifies_and_allows_only_further_signatures(sealed):
    (signature,) = PdfFileReader(io.BytesIO(sealed)).embedded_signatures
    assert signature.docmdp_level == MDPPerm.FILL_FORMS
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.sig_object["/Reason"] == "Issued as MC-2026-0007"


def test_signing_keeps_the_document_and_its_conformance_claims(printed, sealed):
    assert sealed.startswith(printed.pdf)
    metadata = bytes(PdfFileReader(io.BytesIO(sealed)).root["/Metadata"].data)
    assert b'part="3"' in metadata or b"part>3<" in metadata
    assert printed.card.digest().encode() in metadata


def test_pdfsig_agrees(sealed, identity, tmp_path):
    (tmp_path / "card.pdf").write_bytes(sealed)
    assert [verdict for verdict in pdfsig(tmp_path, [identity.root]) if not verdict.passed] == []


def test_pdfsig_does_not_trust_a_stranger(sealed, tmp_path):
    (tmp_path / "card.pdf").write_bytes(sealed)
    stranger = ensure_signing_identity(tmp_path / "stranger", organisation="Nordhaven Bank")
    assert [verdict.passed for verdict in pdfsig(tmp_path, [stranger.root])] == [True, False, True]


def test_qpdf_finds_the_sealed_card_sound(sealed, tmp_path):
    (tmp_path / "card.pdf").write_bytes(sealed)
    assert (
        subprocess.run(["qpdf", "--check", str(tmp_path / "card.pdf")], capture_output=True, check=False).returncode
        == 0
    )
