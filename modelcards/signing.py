"""The portal's seal: signs a finished card so that nothing may change, with timestamps if an authority gives them.

Signs bytes it is given and knows nothing about cards. Keys stay in var/keys, for their owner only, or in a token.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from asn1crypto import cms, crl, ocsp  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore

from modelcards import authority
from modelcards.authority import DOCUMENT_SIGNING, root_path
from modelcards.card import SealFacts
from modelcards.hardware import Token, TokenKey
from modelcards.revisions import COUNTER_FIELDS, STAMP_FIELDS, prepared, revision
from modelcards.timestamping import Clock, TimestampFailed
from modelcards.timestamps import Stamp
from portal.errors import Refused, Unavailable
from portal.keys import make_once

__all__ = ["DOCUMENT_SIGNING", "Level", "Plan", "SigningIdentity", "ensure_signing_identity", "root_path", "sign_pdf"]

FIELD = "PortalSeal"
RENEW_BEFORE = timedelta(days=365)
LONGEST_SIGNATURE = 72
"""Bytes of an ECDSA signature on P-256 in DER, at most."""


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


def sign_pdf(pdf: bytes, *, identity: SigningIdentity, reason: str, plan: Plan | None = None) -> bytes:
    """The PDF with one certifying PAdES signature over all of it, at the level of the plan.

    The fields for those who sign further and for timestamps of the whole are in the file before, so that the seal
    covers them: DocMDP 2 allows to fill them, and the verifiers allow nothing else. Raises TimestampFailed.
    """
    plan = plan or Plan()
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    if list(fields.enumerate_sig_fields(writer)):
        raise Refused("This document is signed already; a card is signed once.", code="card-signed")
    if plan.lists:
        _add_lists(writer, identity, plan)
    for number, name in enumerate(COUNTER_FIELDS, start=1):
        fields.append_signature_field(writer, _field(name, f"Room for further signature {number}"))
    for name in STAMP_FIELDS if plan.level is Level.B_LTA else ():
        fields.append_signature_field(writer, _field(name, "Timestamp of the whole card"))
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.FILL_FORMS,
        reason=reason,
        name=authority.common_name(identity.certificate),
    )
    signer = signers.PdfSigner(
        metadata,
        signer=_Seal(identity),
        timestamper=None if plan.clock is None else _Tokens(plan),
        new_field_spec=_field(FIELD, "Seal of the portal"),
    )
    sealed = bytes(signer.sign_pdf(writer).getvalue())
    return _stamped(sealed, plan) if plan.level is Level.B_LTA else sealed


def _field(name: str, readable: str) -> fields.SigFieldSpec:
    invisible = fields.InvisSigSettings(box_out_of_bounds=True)
    return fields.SigFieldSpec(name, invis_sig_settings=invisible, readable_field_name=readable)


def _add_lists(writer: IncrementalPdfFileWriter, identity: SigningIdentity, plan: Plan) -> None:
    """Put certificates and lists into the file before it is sealed, so that the seal covers them."""
    chain = () if plan.stamp is None else plan.stamp.chain
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[translate_pyca_cryptography_cert_to_asn1(one) for one in (identity.certificate, identity.root, *chain)],
        crls=[crl.CertificateList.load(content) for content in plan.lists],
        ocsps=[ocsp.OCSPResponse.load(content) for content in plan.answers],
    )


def _stamped(sealed: bytes, plan: Plan) -> bytes:
    if plan.clock is None:
        raise TimestampFailed("The plan names no timestamp authority.")
    try:
        text, start, end = revision(sealed, 2 * len(plan.token) + 512, prepared(sealed))
    except ValueError as problem:
        raise TimestampFailed(f"The card cannot carry a timestamp of the whole: {problem}") from problem
    whole = sealed + text
    token, _ = plan.clock.stamp(hashlib.sha256(whole[:start] + whole[end:]).digest())
    digits = token.hex().upper().encode().ljust(end - start - 2, b"0")
    if len(digits) != end - start - 2:
        raise TimestampFailed("The second timestamp is much longer than the first, so it does not fit.")
    return whole[: start + 1] + digits + whole[end - 1 :]


class _Seal(signers.Signer):
    """Signs with the key of an identity, wherever that is."""

    def __init__(self, identity: SigningIdentity) -> None:
        # Only the seal's own certificate goes into the signature: it is protected there, a root beside it would not be.
        super().__init__(
            signing_cert=translate_pyca_cryptography_cert_to_asn1(identity.certificate),
            cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]
        )
        self._identity = identity

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002
        if digest_algorithm != "sha256":
            raise Refused("A card is signed with SHA-256 and nothing else.")
        return bytes(LONGEST_SIGNATURE) if dry_run else self._identity.signature_of(data)


class _Tokens(TimeStamper):
    """Timestamps out of our own client, which takes none that would not hold later."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._plan = plan

    async def async_dummy_response(self, md_algorithm: str) -> cms.ContentInfo:
        return cms.ContentInfo.load(self._plan.token)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        if self._plan.clock is None:
            raise TimestampFailed("The plan names no timestamp authority.")
        return cms.ContentInfo.load(self._plan.clock.stamp(message_digest)[0])
