"""Reads the detached CMS signature of a card (RFC 5652) out of DER, and refuses whatever a card's signature has not.

Strict, because what a signature does not protect could vary unnoticed. Part of the auditor's script.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

MESSAGE_DIGEST, SIGNING_CERTIFICATE = "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47"
SIGNATURE_TIMESTAMP = bytes.fromhex("060b2a864886f70d010910020e")
SIGNED_DATA, NO_CONTENT = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("300b06092a864886f70d010701")
VERSION_1 = bytes.fromhex("020101")
SHA256_WRITTEN = (bytes.fromhex("300b0609608648016503040201"), bytes.fromhex("300d06096086480165030402010500"))
SIGNATURE_WRITTEN = (
    bytes.fromhex("300a06082a8648ce3d040302"),
    bytes.fromhex("300d06092a864886f70d01010b0500"),
    bytes.fromhex("300d06092a864886f70d0101010500"),
)
"""ECDSA and RSA with SHA-256, as DER writes them."""


class NotReadable(ValueError):
    """The file is not what it should be; the sentence says how."""


@dataclass(frozen=True)
class Element:
    """One element of DER: its tag, its content, and all of its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def children(self) -> list["Element"]:
        """The elements inside."""
        return list(elements(self.content))


def elements(data: bytes) -> Iterator[Element]:
    """The elements of DER one after the other. Raises NotReadable for what is none."""
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        if at + 2 > len(data):
            raise NotReadable("The signature ends in the middle of an element.")
        length, at = data[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            length, at = int.from_bytes(data[at : at + width], "big"), at + width
            if not 1 <= width <= 4:
                raise NotReadable("The signature holds an element of indefinite or absurd length.")
        if at + length > len(data):
            raise NotReadable("The signature ends in the middle of an element.")
        yield Element(tag, data[at : at + length], data[start : at + length])
        at += length


def certificate_of(der: bytes) -> x509.Certificate:
    """A certificate whose own signature uses all of its bits: the reader would not look at those declared as unused.

    Raises NotReadable, and what the reader of certificates raises.
    """
    certificate = x509.load_der_x509_certificate(der)
    if not certificate.public_bytes(Encoding.DER).endswith(b"\0" + certificate.signature):
        raise NotReadable("It holds a certificate that is not written as DER writes it.")
    return certificate


def object_identifier(content: bytes) -> str:
    """An object identifier in dots."""
    numbers, value = [content[0] // 40, content[0] % 40] if content[0] < 120 else [2, content[0] - 80], 0
    for byte in content[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))


@dataclass(frozen=True)
class Signature:
    """A CMS signature: its signer's certificate, what was signed and the digest of the file that it names.

    `timestamp` is the token of RFC 3161 over `value`, empty if there is none; nothing of it was looked at.
    """

    certificate: x509.Certificate
    attributes: bytes
    message_digest: bytes
    value: bytes
    timestamp: bytes = b""


def read_signature(der: bytes) -> Signature:
    """A detached SignedData with one signer, one certificate, SHA-256 and perhaps a timestamp, and nothing else.

    It is written again out of what was read and compared: a byte that nothing accounts for could vary unnoticed.
    Raises NotReadable.
    """
    outer = next(elements(der)).children()
    signed = outer[1].children()[0].children()
    digests, certificates, signers = signed[1].content, signed[3].content, signed[4].children()
    certificate = certificate_of(certificates)
    parts = signers[0].children()
    digest, attributes, algorithm, value = (parts[place] for place in (2, 3, 4, 5))
    if digests not in SHA256_WRITTEN or digest.raw not in SHA256_WRITTEN or algorithm.raw not in SIGNATURE_WRITTEN:
        raise NotReadable("It is made with other algorithms than those of a card.")
    serial = certificate.serial_number
    number = written(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
    named = written(0x30, certificate.issuer.public_bytes() + number)
    token = parts[6].children()[0].children()[1].content if len(parts) > 6 else b""
    stamped = written(0x30, SIGNATURE_TIMESTAMP + written(0x31, token))
    protected = (written(0xA0, attributes.content), algorithm.raw, written(0x04, value.content))
    beside = written(0xA1, stamped) if token else b""
    signer = written(0x30, VERSION_1 + named + digest.raw + b"".join(protected) + beside)
    content = (VERSION_1, written(0x31, digests), NO_CONTENT, written(0xA0, certificates), written(0x31, signer))
    plain = written(0x30, SIGNED_DATA + written(0xA0, written(0x30, b"".join(content))))
    if der[: len(plain)] != plain or der[len(plain) :].strip(b"\0"):
        raise NotReadable("It is not written as the signature of a card is.")
    found = {object_identifier(one.children()[0].content): one.children()[1] for one in attributes.children()}
    if hashlib.sha256(certificates).digest() not in found[SIGNING_CERTIFICATE].raw:
        raise NotReadable("It was made for another certificate than the one in it (RFC 5035).")
    return Signature(
        certificate=certificate,
        attributes=written(0x31, attributes.content),
        message_digest=found[MESSAGE_DIGEST].children()[0].content,
        value=value.content,
        timestamp=token,
    )


def written(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    width = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + size.to_bytes(width, "big") + content
