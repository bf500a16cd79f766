"""The key and certificate of the portal's seal, and what a signature with them will carry. sealing.py signs.

Knows nothing about cards. Keys stay in var/keys, for their owner only, or in a token.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from modelcards import authority
from modelcards.authority import DOCUMENT_SIGNING, root_path
from modelcards.card import SealFacts
from modelcards.hardware import Token, TokenKey
from modelcards.timestamping import Clock
from modelcards.timestamps import Stamp
from portal.errors import Unavailable
from portal.keys import make_once

__all__ = ["DOCUMENT_SIGNING", "Level", "Plan", "SigningIdentity", "ensure_signing_identity", "root_path"]

RENEW_BEFORE = timedelta(days=365)


class Level(StrEnum):
    """How much a signature carries of what it takes to believe it later (ETSI EN 319 142-1)."""

    B_B = "PAdES B-B"
    B_T = "PAdES B-T"
    B_LT = "PAdES B-LT"
    B_LTA = "PAdES B-LTA"


@dataclass(frozen=True)
class SigningIdentity:
    """A signing key with its certificate, the root that vouches for it and the root's list of revoked certificates."""

    key: ec.EllipticCurvePrivateKey | TokenKey
    certificate: x509.Certificate
    root: x509.Certificate
    revoked: x509.CertificateRevocationList | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def facts(self) -> SealFacts:
        """What a card says about its seal."""
        return SealFacts(
            subject=self.certificate.subject.rfc4514_string(),
            root_subject=self.root.subject.rfc4514_string(),
            root_sha256=self.root.fingerprint(hashes.SHA256()).hex(),
            level=Level.B_B.value,
            certificate_sha256=self.fingerprint,
            certificate_until=f"{self.certificate.not_valid_after_utc:%Y-%m-%d}",
        )

    @property
    def root_pem(self) -> bytes:
        """The root certificate, for auditors."""
        return self.root.public_bytes(Encoding.PEM)

    def signature_of(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 over the data, as DER."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return self.key.sign(data)


@dataclass(frozen=True)
class Plan:
    """What a signature will carry, agreed upon before the card is printed, because the card prints it."""

    level: Level = Level.B_B
    clock: Clock | None = None
    token: bytes = b""
    stamp: Stamp | None = None
    lists: tuple[bytes, ...] = ()
    answers: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, level: Level, clock: Clock, identity: SigningIdentity) -> Plan:
        """Ask for a timestamp once, so that what would go wrong does now. Raises TimestampFailed, Unavailable."""
        if level is Level.B_B:
            return cls()
        token, stamp = clock.stamp(hashlib.sha256(secrets.token_bytes(32)).digest())
        if level is Level.B_T:
            return cls(level, clock, token, stamp)
        if identity.revoked is None:
            raise Unavailable(
                f"{level} needs the root's list of revoked certificates, card-root.crl, and there is none.",
                code="card-root-key-missing",
            )
        lists, answers = clock.revocation_material(stamp, datetime.now(UTC))
        return cls(level, clock, token, stamp, (identity.revoked.public_bytes(Encoding.DER), *lists), answers)


def ensure_signing_identity(
    var: Path,
    *,
    organisation: str = "Model Approval Portal",
    passphrase: str = "",
    token: Token | None = None,
    now: datetime | None = None,
) -> SigningIdentity:
    """The portal's seal; made on first use, and renewed under the same root in its last year.

    Of two processes that try at once, the first one's keys stay and both use them. Raises Unavailable.
    """
    now = now or datetime.now(UTC)
    secret = authority.passphrase_of(var, passphrase)
    root = authority.ensure_root(var, organisation=organisation, passphrase=secret, now=now)
    if not seal_path(var, token).exists():
        make_once(seal_path(var, token), _new_seal(var, organisation, secret, token, now))
    key, certificate = _read_seal(var, secret, token)
    if certificate.not_valid_after_utc - now < RENEW_BEFORE:
        key, certificate = rotate(var, organisation=organisation, passphrase=passphrase, token=token, now=now)
    revoked = authority.revocation_list(var, passphrase=secret, now=now)
    if revoked is None:
        raise Unavailable(
            "There is no list of revoked certificates, card-root.crl, and the root key that makes it is not here: put "
            "card-root.p12 back into keys once.",
            code="card-root-key-missing",
        )
    if revoked.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
        raise Unavailable(
            "The seal's certificate is revoked, so nothing is signed with it. Run `manage.py card_key rotate`.",
            code="card-key-revoked",
        )
    return SigningIdentity(key=key, certificate=certificate, root=root, revoked=revoked)


def rotate(
    var: Path, *, organisation: str, passphrase: str, token: Token | None, now: datetime
) -> tuple[ec.EllipticCurvePrivateKey | TokenKey, x509.Certificate]:
    """A new key with a new certificate under the same root, in place of the present one, whose certificate is kept."""
    secret, path = authority.passphrase_of(var, passphrase), seal_path(var, token)
    made = _new_seal(var, organisation, secret, token, now)
    if path.exists():
        _keep(var, _read_seal(var, secret, token)[1])
    authority.replace(path, made)
    return _read_seal(var, secret, token)


def seal_path(var: Path, token: Token | None) -> Path:
    """The file of the seal: key and certificate as PKCS#12, or the certificate alone where a token holds the key."""
    return var / "keys" / ("card-seal.p12" if token is None else "card-seal-token.pem")


def present_certificate(var: Path, *, passphrase: str, token: Token | None) -> x509.Certificate | None:
    """The certificate of the seal as it is, or None if none was made yet. Makes nothing. Raises Unavailable."""
    path = seal_path(var, token)
    if not path.exists():
        return None
    if token is None:
        return authority.loaded(path, authority.passphrase_of(var, passphrase))[1]
    return _certificate_in(path)[1]


def retired(var: Path) -> list[x509.Certificate]:
    """The certificates of former seals."""
    paths = sorted((var / "keys" / "retired-seals").glob("*.pem"))
    return [x509.load_pem_x509_certificate(path.read_bytes()) for path in paths]


def _keep(var: Path, certificate: x509.Certificate) -> None:
    folder = var / "keys" / "retired-seals"
    folder.mkdir(mode=0o700, exist_ok=True)
    make_once(folder / f"{certificate.serial_number:x}.pem", certificate.public_bytes(Encoding.PEM))


def _new_seal(var: Path, organisation: str, passphrase: bytes, token: Token | None, now: datetime) -> bytes:
    if token is None:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        made = authority.issue(var, public, organisation=organisation, passphrase=passphrase, now=now)
        return authority.stored(key, made, passphrase)
    name = f"card seal {secrets.token_hex(8)}"
    public = token.make_key(name).public_key()
    made = authority.issue(var, public, organisation=organisation, passphrase=passphrase, now=now)
    return f"{name}\n".encode() + made.public_bytes(Encoding.PEM)


def _read_seal(
    var: Path, passphrase: bytes, token: Token | None
) -> tuple[ec.EllipticCurvePrivateKey | TokenKey, x509.Certificate]:
    path = seal_path(var, token)
    if token is None:
        return authority.loaded(path, passphrase)
    name, certificate = _certificate_in(path)
    key = TokenKey(token, name)
    if key.public_key() != certificate.public_key():
        raise Unavailable("The key in the token is not that of the seal's certificate.", code="card-token")
    return key, certificate


def _certificate_in(path: Path) -> tuple[str, x509.Certificate]:
    """The name of the key in its token and the certificate, which stand in one file."""
    try:
        name, _, pem = path.read_bytes().partition(b"\n")
        return name.decode("ascii"), x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError) as failure:
        raise Unavailable(f"The certificate of the seal, {path.name}, cannot be read.", code="card-key") from failure
