"""The portal's seal: makes its own root and certificate once, and signs a finished card so that nothing may change.

Signs bytes it is given and knows nothing about cards. Keys stay in var/keys, readable by their owner only.
"""

from __future__ import annotations

import io
import os
import secrets
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.keys.internal import (
    translate_pyca_cryptography_cert_to_asn1,
    translate_pyca_cryptography_key_to_asn1,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from modelcards.card import SealFacts
from portal.errors import Refused, Unavailable
from portal.keys import ensure_folders, make_once

FIELD = "PortalSeal"
LEVEL = "PAdES B-B"
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
ROOT_LIFE = timedelta(days=365 * 25)
SEAL_LIFE = timedelta(days=365 * 12)
RENEW_BEFORE = timedelta(days=365)
# RFC 5280 gives a name 64 places, which the library counts in bytes.
LONGEST_NAME = 64


@dataclass(frozen=True)
class SigningIdentity:
    """A signing key with its certificate and the root that vouches for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate

    @property
    def facts(self) -> SealFacts:
        """What a card says about its seal."""
        return SealFacts(
            subject=self.certificate.subject.rfc4514_string(),
            root_subject=self.root.subject.rfc4514_string(),
            root_sha256=self.root.fingerprint(hashes.SHA256()).hex(),
            level=LEVEL,
        )

    @property
    def root_pem(self) -> bytes:
        """The root certificate, for auditors."""
        return self.root.public_bytes(Encoding.PEM)


def root_path(var: Path) -> Path:
    """The root certificate as PEM: the file that auditors get."""
    return var / "keys" / "card-root.pem"


def ensure_signing_identity(
    var: Path, *, organisation: str = "Model Approval Portal", now: datetime | None = None
) -> SigningIdentity:
    """The portal's seal; made on first use, and renewed under the same root in its last year.

    Of two processes that try at once, the first one's keys stay and both use them.
    """
    now = now or datetime.now(UTC)
    ensure_folders(var)
    keys = var / "keys"
    make_once(keys / "card-passphrase", secrets.token_urlsafe(48).encode())
    passphrase = (keys / "card-passphrase").read_bytes()
    if not root_path(var).exists():
        make_once(keys / "card-root.p12", _stored(*_new_root(organisation, now), passphrase))
        make_once(root_path(var), _loaded(keys / "card-root.p12", passphrase)[1].public_bytes(Encoding.PEM))
    root = x509.load_pem_x509_certificate(root_path(var).read_bytes())
    seal = keys / "card-seal.p12"
    if not seal.exists():
        make_once(seal, _new_seal_stored(keys, organisation, passphrase, now))
    key, certificate = _loaded(seal, passphrase)
    if certificate.not_valid_after_utc - now < RENEW_BEFORE:
        _replace(seal, _new_seal_stored(keys, organisation, passphrase, now))
        key, certificate = _loaded(seal, passphrase)
    return SigningIdentity(key=key, certificate=certificate, root=root)


def sign_pdf(pdf: bytes, *, identity: SigningIdentity, reason: str) -> bytes:
    """The PDF with one certifying PAdES B-B signature over all of it.

    DocMDP allows no change at all: a card has no form to fill, and a correction is a new card with a new number.
    """
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    if list(fields.enumerate_sig_fields(writer)):
        raise Refused("This document is signed already; a card is signed once.", code="card-signed")
    # Only the seal's own certificate goes into the signature: it is protected there, a root beside it would not be.
    signer = signers.SimpleSigner(
        signing_cert=translate_pyca_cryptography_cert_to_asn1(identity.certificate),
        signing_key=translate_pyca_cryptography_key_to_asn1(identity.key),
        cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]
    )
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        reason=reason,
        name=_common_name(identity.certificate),
    )
    field = fields.SigFieldSpec(
        FIELD,
        invis_sig_settings=fields.InvisSigSettings(box_out_of_bounds=True),
        readable_field_name="Seal of the portal",
    )
    signed = signers.PdfSigner(metadata, signer=signer, new_field_spec=field).sign_pdf(writer)
    return bytes(signed.getvalue())


def _name(organisation: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(organisation, LONGEST_NAME)),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{_cut(organisation, LONGEST_NAME - len(role) - 1)} {role}"),
        ]
    )


def _cut(text: str, length: int) -> str:
    return text.encode()[:length].decode(errors="ignore")


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _new_root(organisation: str, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(organisation, "model card root")
    builder = _builder(name, name, key, now, ROOT_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _new_seal_stored(keys: Path, organisation: str, passphrase: bytes, now: datetime) -> bytes:
    if not (keys / "card-root.p12").exists():
        raise Unavailable(
            "The seal's certificate must be made, but its root key is not here: put card-root.p12 back into keys.",
            code="card-root-key-missing",
        )
    root_key, root = _loaded(keys / "card-root.p12", passphrase)
    key = ec.generate_private_key(ec.SECP256R1())
    life = min(SEAL_LIFE, root.not_valid_after_utc - now)
    builder = _builder(_name(organisation, "model card seal"), root.subject, key, now, life)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    # NSS, and so pdfsig, accepts documentSigning only beside emailProtection.
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, DOCUMENT_SIGNING])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    builder = builder.add_extension(uses, critical=False).add_extension(issuer, critical=False)
    return _stored(key, builder.sign(root_key, hashes.SHA256()), passphrase)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _stored(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, passphrase: bytes) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"card", key, certificate, None, BestAvailableEncryption(passphrase))


def _loaded(path: Path, passphrase: bytes) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), passphrase)
    except (OSError, ValueError) as failure:
        raise Unavailable(f"The signing key {path.name} cannot be read.", code="card-key") from failure
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate is None:
        raise Unavailable(
            f"The signing key {path.name} is not an elliptic-curve key with a certificate.", code="card-key"
        )
    return key, certificate


def _replace(path: Path, content: bytes) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).replace(path)
