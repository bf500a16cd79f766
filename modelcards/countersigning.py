"""Signs a card that is sealed already, in a field that was prepared for that: for an auditor or a regulator.

Writes the smallest revision that can be: the field, the signature, no appearance. Needs no database.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from modelcards.continuations import continued_state
from modelcards.countersignatures import further_facts, may_sign
from modelcards.detached import NO_CONTENT, SIGNATURE_TIMESTAMP, SIGNED_DATA, VERSION_1, written
from modelcards.revisions import COUNTER_FIELDS, prepared, revision, spelled
from modelcards.sealed_part import SealedPart, sealed_part
from modelcards.timestamping import Clock
from modelcards.timestamps import is_valid
from modelcards.trust import Fact, Trust
from portal.errors import BadInput, Refused

SHA256 = bytes.fromhex("300b0609608648016503040201")
ECDSA, RSA = bytes.fromhex("300a06082a8648ce3d040302"), bytes.fromhex("300d06092a864886f70d01010b0500")
OF_CONTENT_TYPE, OF_DIGEST = bytes.fromhex("06092a864886f70d010903"), bytes.fromhex("06092a864886f70d010904")
OF_CERTIFICATE = bytes.fromhex("060b2a864886f70d010910022f")
DATA = bytes.fromhex("06092a864886f70d010701")
LEAST_RSA_BITS = 2048
ROOM_FOR_STAMP = 12_000
ROOM = 1_500
LONGEST_REASON = 500


@dataclass(frozen=True)
class SignerKey:
    """Somebody's key with its certificate and those that vouch for it."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    certificate: x509.Certificate
    beside: tuple[x509.Certificate, ...] = ()

    def signed(self, data: bytes) -> bytes:
        """A signature over the data with SHA-256, by ECDSA or RSA."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def read_key(content: bytes, passphrase: str, *, now: datetime) -> SignerKey:
    """The key in a PKCS#12 file. Raises BadInput with what is wrong with it."""
    try:
        key, certificate, beside = pkcs12.load_key_and_certificates(content, passphrase.encode() or None)
    except ValueError as problem:
        raise BadInput(
            "The key file cannot be opened: it is no PKCS#12 file (.p12), or the passphrase is another one.",
            field="key",
        ) from problem
    if key is None or certificate is None:
        raise BadInput("The key file holds no key with its certificate.", field="key")
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or key.key_size < (
        LEAST_RSA_BITS if isinstance(key, rsa.RSAPrivateKey) else 0
    ):
        raise BadInput(
            f"The key is neither of an elliptic curve (ECDSA) nor of RSA with {LEAST_RSA_BITS} bits or more.",
            field="key",
        )
    if not is_valid(certificate, now):
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        raise BadInput(f"The certificate of the key is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}.", field="key")
    if not may_sign(certificate):
        raise BadInput("The certificate of the key is not one for signatures (key usage).", field="key")
    return SignerKey(key, certificate, tuple(beside))


def free_fields(pdf: bytes, part: SealedPart) -> tuple[str, ...]:
    """The prepared fields in which nobody signed yet. Raises ValueError if the file is none that can go on."""
    empty = set(continued_state(pdf, part.end).fields().values())
    return tuple(name for name in COUNTER_FIELDS if name in empty)


def countersigned(
    pdf: bytes, signer: SignerKey, *, reason: str = "", clock: Clock | None = None, now: datetime | None = None
) -> tuple[bytes, Fact]:
    """The card with one more signature behind all that is in it, and what a verifier says of that signature.

    Raises Refused if the card has no room or is none, BadInput for the reason, TimestampFailed.
    """
    now = now or datetime.now(UTC)
    if len(reason) > LONGEST_REASON or not (reason.isprintable() or not reason):
        raise BadInput(f"The reason is one line of at most {LONGEST_REASON} characters.", field="reason")
    part = sealed_part(pdf)
    if isinstance(part, Fact):
        raise Refused(f"This file is no sealed card that can be signed: {part.sentence}")
    free = free_fields(pdf, part)
    if not free:
        raise Refused(
            "This card has no empty field for a further signature: all are filled, or it is older than such fields."
        )
    plan, state = prepared(pdf[: part.end], free[0]), continued_state(pdf, part.end)
    if plan is None:
        raise Refused("The fields of this card are not written as the portal writes them.")
    plan = replace(plan, table=state.table.place, size=state.table.size)
    text, start, end = revision(pdf, 2 * _room(signer, clock), plan, head=_head(reason, now))
    whole = pdf + text
    der = _signature(hashlib.sha256(whole[:start] + whole[end:]).digest(), signer, clock)
    digits = der.hex().upper().encode().ljust(end - start - 2, b"0")
    if len(digits) != end - start - 2:
        raise Refused("The signature is longer than the room for it.")
    signed = whole[: start + 1] + digits + whole[end - 1 :]
    return signed, _checked(signed, now)


def _checked(signed: bytes, now: datetime) -> Fact:
    """What a verifier says of the last signature, before anybody is given the file."""
    part = sealed_part(signed)
    facts = () if isinstance(part, Fact) else further_facts(signed, part.additions, Trust(None), now)
    if not facts or facts[-1].holds is False:
        said = part.sentence if isinstance(part, Fact) else facts[-1].sentence
        raise Refused(f"The signature was made, but does not verify, so nothing is written: {said}")
    return facts[-1]


def _head(reason: str, now: datetime) -> bytes:
    entries = b"<<\n/Type /Sig\n/Filter /Adobe.PPKLite\n/SubFilter /ETSI.CAdES.detached\n"
    entries += b"/M (D:%s)\n" % now.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()
    return entries + (b"/Reason %s\n" % spelled(b"\xfe\xff" + reason.encode("utf-16-be")) if reason else b"")


def _room(signer: SignerKey, clock: Clock | None) -> int:
    """Bytes that the signature may take."""
    held = sum(len(one.public_bytes(Encoding.DER)) for one in (signer.certificate, *signer.beside))
    return held + signer.key.key_size // 4 + ROOM + (ROOM_FOR_STAMP if clock else 0)


def _signature(digest: bytes, signer: SignerKey, clock: Clock | None) -> bytes:
    """A detached CMS signature (RFC 5652) as PAdES asks for it, with a timestamp if there is a clock."""
    certificate = signer.certificate.public_bytes(Encoding.DER)
    named = written(0x30, written(0x30, written(0x30, written(0x04, hashlib.sha256(certificate).digest()))))
    attributes = b"".join(
        sorted(
            written(0x30, name + written(0x31, value))
            for name, value in (
                (OF_CONTENT_TYPE, DATA),
                (OF_DIGEST, written(0x04, digest)),
                (OF_CERTIFICATE, named),
            )
        )
    )
    value = signer.signed(written(0x31, attributes))
    algorithm = ECDSA if isinstance(signer.key, ec.EllipticCurvePrivateKey) else RSA
    serial = signer.certificate.serial_number
    number = written(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
    by = written(0x30, signer.certificate.issuer.public_bytes() + number)
    beside = b""
    if clock is not None:
        token, _ = clock.stamp(hashlib.sha256(value).digest())
        beside = written(0xA1, written(0x30, SIGNATURE_TIMESTAMP + written(0x31, token)))
    info = VERSION_1 + by + SHA256 + written(0xA0, attributes) + algorithm + written(0x04, value) + beside
    held = b"".join(sorted(one.public_bytes(Encoding.DER) for one in (signer.certificate, *signer.beside)))
    content = VERSION_1 + written(0x31, SHA256) + NO_CONTENT + written(0xA0, held) + written(0x31, written(0x30, info))
    return written(0x30, SIGNED_DATA + written(0xA0, written(0x30, content)))
