"""Timestamps (RFC 3161): reads a token out of DER, says what it proves, and whether an authority vouches for it.

Strict like detached.py: a token is written again out of what was read and compared. Part of the auditor's script.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from modelcards.detached import (
    MESSAGE_DIGEST,
    SIGNED_DATA,
    NotReadable,
    certificate_of,
    elements,
    object_identifier,
    written,
)

CONTENT_TYPE = "1.2.840.113549.1.9.3"
NAMES_SIGNER = {"1.2.840.113549.1.9.16.2.12": "sha1", "1.2.840.113549.1.9.16.2.47": "sha256"}
"""Attributes that name the signer's certificate by a digest (RFC 2634 and RFC 5035)."""
TIME_STAMPING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.8")
STAMP_INFO, STAMP_VERSION = bytes.fromhex("060b2a864886f70d0109100104"), bytes.fromhex("020103")
HASHES = {
    bytes.fromhex("0609608648016503040201"): "sha256",
    bytes.fromhex("0609608648016503040202"): "sha384",
    bytes.fromhex("0609608648016503040203"): "sha512",
}
SIGNATURES = {
    bytes.fromhex("06082a8648ce3d040302"): "sha256",
    bytes.fromhex("06082a8648ce3d040303"): "sha384",
    bytes.fromhex("06082a8648ce3d040304"): "sha512",
    bytes.fromhex("06092a864886f70d01010b"): "sha256",
    bytes.fromhex("06092a864886f70d01010c"): "sha384",
    bytes.fromhex("06092a864886f70d01010d"): "sha512",
    bytes.fromhex("06092a864886f70d010101"): "",
}
"""ECDSA and RSA by the hash that they sign; the last leaves it to the digest beside it."""
NULL = bytes.fromhex("0500")
LONGEST_CHAIN = 5
UNKNOWN_EXTENSIONS = (
    x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError, TypeError,
)  # fmt: skip
"""What the reader of certificates raises for extensions that it does not find or know: they say nothing then."""


@dataclass(frozen=True)
class Stamp:
    """What a token says: this digest existed at this moment. `chain` begins with the signer's certificate."""

    moment: datetime
    algorithm: str
    digest: bytes
    nonce: int | None
    chain: tuple[x509.Certificate, ...]

    @property
    def by(self) -> str:
        """Who says so."""
        return self.chain[0].subject.rfc4514_string()[:200]

    def is_of(self, data: bytes) -> bool:
        """Whether it is these bytes that existed."""
        return hashlib.new(self.algorithm, data).digest() == self.digest


@dataclass(frozen=True)
class _Token:
    info: bytes
    certificates: tuple[x509.Certificate, ...]
    named: bytes
    digest: bytes
    attributes: bytes
    algorithm: bytes
    value: bytes

    def written(self) -> bytes:
        """The token as DER writes it, and nothing in it that is not accounted for."""
        signer = STAMP_VERSION if self.named[:1] == b"\x80" else bytes.fromhex("020101")
        signer += self.named + self.digest + written(0xA0, self.attributes) + self.algorithm + written(0x04, self.value)
        enclosed = written(0x30, STAMP_INFO + written(0xA0, written(0x04, self.info)))
        held = written(0xA0, b"".join(sorted(one.public_bytes(Encoding.DER) for one in self.certificates)))
        signers = written(0x31, written(0x30, signer))
        content = STAMP_VERSION + written(0x31, self.digest) + enclosed + held + signers
        return written(0x30, SIGNED_DATA + written(0xA0, written(0x30, content)))


def read_stamp(token: bytes) -> Stamp:
    """What the token says; its signature is checked, whether to trust the signer is not. Raises NotReadable."""
    with _readable():
        parts = _taken_apart(token)
        if token != parts.written():
            raise NotReadable("The timestamp holds something that its signature does not protect.")
        return _read(parts)


def without_ballast(token: bytes) -> bytes:
    """The same token without certificates that vouch for nothing in it, lists and remarks. Raises NotReadable."""
    with _readable():
        parts = _taken_apart(token)
        kept = _Token(**{**vars(parts), "certificates": _chain(parts)})
        return kept.written()


@contextmanager
def _readable() -> Iterator[None]:
    """What damaged bytes may raise, here or in the reader of certificates, is NotReadable."""
    try:
        yield
    except NotReadable:
        raise
    except (LookupError, StopIteration, TypeError, ValueError, OverflowError, x509.InvalidVersion) as problem:
        raise NotReadable("The timestamp cannot be read.") from problem


def _taken_apart(token: bytes) -> _Token:
    first = next(elements(token), None)
    if first is None:
        raise NotReadable("It is empty.")
    signed = first.children()[1].children()[0].children()
    info = signed[2].children()[1].children()[0].content
    held = next((part.children() for part in signed[3:-1] if part.tag == 0xA0), [])
    signers = signed[-1].children()
    parts = signers[0].children()
    if len(signers) != 1 or signed[2].children()[0].raw != STAMP_INFO:
        raise NotReadable("It is no timestamp.")
    certificates = tuple(certificate_of(one.raw) for one in held)
    return _Token(info, certificates, parts[1].raw, parts[2].raw, parts[3].content, parts[4].raw, parts[5].content)


def signer_among(certificates: Sequence[x509.Certificate], named: bytes) -> x509.Certificate | None:
    """The certificate that a signature names by issuer and number, or by key."""
    for one in certificates:
        serial = one.serial_number
        number = written(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
        names = [written(0x30, one.issuer.public_bytes() + number)]
        try:
            key = one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            names.append(written(0x80, key))
        except UNKNOWN_EXTENSIONS:
            pass
        if named in names:
            return one
    return None


def _signer(parts: _Token) -> x509.Certificate:
    found = signer_among(parts.certificates, parts.named)
    if found is None:
        raise NotReadable("The timestamp does not hold the certificate of its signer.")
    return found


def _chain(parts: _Token) -> tuple[x509.Certificate, ...]:
    """The signer's certificate and those in the token that vouch for it, one for the other, without the root."""
    chain, rest = [_signer(parts)], [one for one in parts.certificates if one.subject != one.issuer]
    while len(chain) < LONGEST_CHAIN:
        above = next((one for one in rest if one not in chain and issued(chain[-1], one)), None)
        if above is None:
            break
        chain.append(above)
    return tuple(chain)


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether one certificate was signed with the key of another."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _read(parts: _Token) -> Stamp:
    chain = _chain(parts)
    if len(chain) != len(parts.certificates):
        raise NotReadable("The timestamp holds certificates that vouch for nothing in it.")
    hashed, named = _hash_of(parts), {}
    for one in elements(parts.attributes):
        named[object_identifier(one.children()[0].content)] = one.children()[1]
    certificate = chain[0].public_bytes(Encoding.DER)
    names = [named[name].raw for name in NAMES_SIGNER if name in named]
    digests = [hashlib.new(how, certificate).digest() for name, how in NAMES_SIGNER.items() if name in named]
    fits = (
        named[MESSAGE_DIGEST].children()[0].content == hashlib.new(hashed, parts.info).digest()
        and named[CONTENT_TYPE].children()[0].raw == STAMP_INFO
        and bool(digests)
        and all(digest in name for digest, name in zip(digests, names, strict=True))
    )
    if not fits or not _is_signed_by(chain[0], parts, hashed):
        raise NotReadable("The timestamp's signature does not hold.")
    return _stamp(parts.info, chain)


def _hash_of(parts: _Token) -> str:
    hashed = _algorithm(parts.digest, HASHES)
    signs = _algorithm(parts.algorithm, SIGNATURES)
    if signs not in ("", hashed):
        raise NotReadable("The timestamp names two hashes.")
    return hashed


def _algorithm(raw: bytes, known: dict[bytes, str]) -> str:
    for name, meaning in known.items():
        if raw in (written(0x30, name), written(0x30, name + NULL)):
            return meaning
    raise NotReadable("The timestamp is made with algorithms that are not known here.")


def _is_signed_by(signer: x509.Certificate, parts: _Token, hashed: str) -> bool:
    signed = written(0x31, parts.attributes)
    how = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[hashed]
    try:
        key = signer.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(parts.value, signed, ec.ECDSA(how))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(parts.value, signed, padding.PKCS1v15(), how)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _stamp(info: bytes, chain: tuple[x509.Certificate, ...]) -> Stamp:
    parts = next(elements(info)).children()
    imprint = parts[2].children()
    text = parts[4].content.decode("ascii")
    moment = datetime.strptime(text.partition(".")[0].rstrip("Z") + "+0000", "%Y%m%d%H%M%S%z")
    if parts[4].tag != 0x18 or not text.endswith("Z"):
        raise NotReadable("The timestamp does not say its time in UTC.")
    nonce = next((int.from_bytes(one.content, "big") for one in parts[5:] if one.tag == 0x02), None)
    return Stamp(moment.astimezone(UTC), _algorithm(imprint[0].raw, HASHES), imprint[1].content, nonce, chain)


def distrust(stamp: Stamp, roots: Sequence[x509.Certificate]) -> str:
    """Why the signer of a timestamp is not to be trusted under these roots, as the end of a sentence; or nothing."""
    signer, moment = stamp.chain[0], stamp.moment
    try:
        uses = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except UNKNOWN_EXTENSIONS:
        return "its certificate is not one for timestamps"
    if not uses.critical or list(uses.value) != [TIME_STAMPING]:
        return "its certificate is not one for timestamps"
    if any(not is_valid(one, moment) for one in stamp.chain):
        return f"its certificate was not valid on {moment:%Y-%m-%d}"
    if any(not is_authority(one) for one in stamp.chain[1:]):
        return "a certificate above its own is not one of an authority"
    if not any(issued(stamp.chain[-1], root) and is_authority(root) and is_valid(root, moment) for root in roots):
        return "the timestamp authority that you trust does not vouch for it"
    return ""


def is_valid(certificate: x509.Certificate, moment: datetime) -> bool:
    """Whether the moment lies in the certificate's time."""
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except UNKNOWN_EXTENSIONS:
        return False
