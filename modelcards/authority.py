"""The portal's own certificate authority: a root made once, certificates for seals, and the list of those revoked.

Works on files in var/keys, readable by their owner only. It is no qualified authority, and says so in its name.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portal.errors import Refused, Unavailable
from portal.keys import ensure_folders, make_once

DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
ROOT_LIFE = timedelta(days=365 * 25)
SEAL_LIFE = timedelta(days=365 * 12)
LIST_LIFE = timedelta(days=92)
"""How long a list may be used; it is made anew each day while the root's key is here."""
LIST_AGE, AT_ONCE = timedelta(days=1), timedelta(seconds=-1)
# RFC 5280 gives a name 64 places, which the library counts in bytes.
LONGEST_NAME = 64
COMPROMISED, SUPERSEDED = x509.ReasonFlags.key_compromise, x509.ReasonFlags.superseded

SealPublicKey = ec.EllipticCurvePublicKey


def root_path(var: Path) -> Path:
    """The root certificate as PEM: the file that auditors get."""
    return var / "keys" / "card-root.pem"


def list_path(var: Path) -> Path:
    """The list of revoked certificates (CRL, DER): auditors get it, too."""
    return var / "keys" / "card-root.crl"


def passphrase_of(var: Path, given: str) -> bytes:
    """The passphrase of the key files: the one given, or one made once and kept beside them."""
    if given:
        return given.encode()
    ensure_folders(var)
    path = var / "keys" / "card-passphrase"
    make_once(path, secrets.token_urlsafe(48).encode())
    return path.read_bytes()


def ensure_root(var: Path, *, organisation: str, passphrase: bytes, now: datetime) -> x509.Certificate:
    """The root certificate, made on first use with its key."""
    ensure_folders(var)
    keys = var / "keys"
    if not root_path(var).exists():
        make_once(keys / "card-root.p12", stored(*_new_root(organisation, now), passphrase))
        make_once(root_path(var), loaded(keys / "card-root.p12", passphrase)[1].public_bytes(Encoding.PEM))
    return x509.load_pem_x509_certificate(root_path(var).read_bytes())


def issue(var: Path, key: SealPublicKey, *, organisation: str, passphrase: bytes, now: datetime) -> x509.Certificate:
    """A certificate of the root for a seal's key. Raises Unavailable without the root's key."""
    root_key, root = _root_key(var, passphrase, "The seal's certificate must be made")
    life = min(SEAL_LIFE, root.not_valid_after_utc - now)
    builder = _builder(_name(organisation, "model card seal"), root.subject, key, now, life)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    # NSS, and so pdfsig, accepts documentSigning only beside emailProtection.
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, DOCUMENT_SIGNING])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    builder = builder.add_extension(uses, critical=False).add_extension(issuer, critical=False)
    return builder.sign(root_key, hashes.SHA256())


def revocation_list(
    var: Path, *, passphrase: bytes, now: datetime, age: timedelta = LIST_AGE
) -> x509.CertificateRevocationList | None:
    """The list as it stands, made anew if it is older than a day and the root's key is here; None if it never was."""
    found = _read_list(var)
    aged = found is None or now - found.last_update_utc > age
    if aged and (var / "keys" / "card-root.p12").exists():
        with _alone(var):
            return _write_list(var, list(_read_list(var) or ()), passphrase, now)
    return found


def revoke(
    var: Path,
    certificate: x509.Certificate,
    *,
    passphrase: bytes,
    reason: x509.ReasonFlags,
    since: datetime,
    now: datetime,
) -> x509.CertificateRevocationList:
    """Put a certificate on the list for good. Raises Refused for one that is not of this root or stands on it."""
    root = x509.load_pem_x509_certificate(root_path(var).read_bytes())
    if certificate.issuer != root.subject:
        raise Refused("This certificate was not issued by this portal's root.", code="card-key")
    with _alone(var):
        entries = list(_read_list(var) or ())
        if any(entry.serial_number == certificate.serial_number for entry in entries):
            raise Refused("This certificate is revoked already.", code="card-key")
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now)
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        entry = entry.add_extension(x509.InvalidityDate(since.astimezone(UTC).replace(tzinfo=None)), critical=False)
        return _write_list(var, [*entries, entry.build()], passphrase, now)


def _read_list(var: Path) -> x509.CertificateRevocationList | None:
    try:
        return x509.load_der_x509_crl(list_path(var).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise Unavailable(
            "The list of revoked certificates, card-root.crl, cannot be read.", code="card-key"
        ) from problem


def _write_list(
    var: Path, entries: list[x509.RevokedCertificate], passphrase: bytes, now: datetime
) -> x509.CertificateRevocationList:
    root_key, root = _root_key(var, passphrase, "The list of revoked certificates must be made")
    before = _read_list(var)
    number = 1 if before is None else before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.subject).last_update(now)
    builder = builder.next_update(now + LIST_LIFE).add_extension(x509.CRLNumber(number), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    made = builder.sign(root_key, hashes.SHA256())
    replace(list_path(var), made.public_bytes(Encoding.DER))
    return made


@contextmanager
def _alone(var: Path) -> Iterator[None]:
    """One process at a time: a list made anew must not lose what another has just put on it."""
    with (var / "keys" / ".card-root.lock").open("w") as lock:
        (var / "keys" / ".card-root.lock").chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _root_key(var: Path, passphrase: bytes, what: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    path = var / "keys" / "card-root.p12"
    if not path.exists():
        raise Unavailable(
            f"{what}, but its root key is not here: put card-root.p12 back into keys.", code="card-root-key-missing"
        )
    return loaded(path, passphrase)


def stored(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, passphrase: bytes) -> bytes:
    """A key and its certificate as PKCS#12."""
    return pkcs12.serialize_key_and_certificates(b"card", key, certificate, None, BestAvailableEncryption(passphrase))


def loaded(path: Path, passphrase: bytes) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """The key and certificate in a PKCS#12 file. Raises Unavailable."""
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), passphrase)
    except (OSError, ValueError) as failure:
        raise Unavailable(
            f"The signing key {path.name} cannot be read: it is damaged, or the passphrase is another one "
            "(CARD_KEY_PASSPHRASE, or the file card-passphrase).",
            code="card-key",
        ) from failure
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate is None:
        raise Unavailable(
            f"The signing key {path.name} is not an elliptic-curve key with a certificate.", code="card-key"
        )
    return key, certificate


def replace(path: Path, content: bytes) -> None:
    """Write a private file whole or not at all, in place of what is there."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).replace(path)


def common_name(certificate: x509.Certificate) -> str:
    """The name in a certificate that people read."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _name(organisation: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(organisation, LONGEST_NAME)),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{_cut(organisation, LONGEST_NAME - len(role) - 1)} {role}"),
        ]
    )


def _cut(text: str, length: int) -> str:
    return text.encode()[:length].decode(errors="ignore")


def _builder(
    subject: x509.Name, issuer: x509.Name, key: SealPublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _new_root(organisation: str, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(organisation, "model card root")
    builder = _builder(name, name, key.public_key(), now, ROOT_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return key, builder.sign(key, hashes.SHA256())


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
