"""Signatures of other people behind the seal of a card: whether each holds, and who its signer claims to be.

They say nothing about the seal, and the seal nothing about them. Any program may have made one, so its CMS (RFC 5652)
is read as it comes; what it does not protect is not believed. Part of the auditor's script.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from modelcards.continuations import MATERIAL, STAMP, Addition
from modelcards.detached import (
    MESSAGE_DIGEST,
    NO_CONTENT,
    SIGNATURE_TIMESTAMP,
    SIGNED_DATA,
    SIGNING_CERTIFICATE,
    Element,
    NotReadable,
    certificate_of,
    elements,
    object_identifier,
    written,
)
from modelcards.pdf_objects import text_of_string
from modelcards.proofs import judged, without_filling
from modelcards.revisions import STAMP_FIELDS
from modelcards.revocation import covers
from modelcards.standing import CLOCKS_MAY_DIFFER
from modelcards.timestamps import (
    CONTENT_TYPE,
    HASHES,
    LONGEST_CHAIN,
    NULL,
    SIGNATURES,
    UNKNOWN_EXTENSIONS,
    is_authority,
    is_valid,
    issued,
    signer_among,
    without_ballast,
)
from modelcards.trust import Fact, Trust

SIGNING_TIME = "1.2.840.113549.1.9.5"
DATA = bytes.fromhex("06092a864886f70d010701")
VERSIONS = (bytes.fromhex("020101"), bytes.fromhex("020103"))
PSS = bytes.fromhex("06092a864886f70d01010a")
FURTHER = "Further signature"
LONGEST = 200
LEAST_RSA_BITS, LEAST_CURVE_BITS = 2048, 224
NOT_READ = (ValueError, TypeError, LookupError, ArithmeticError, x509.InvalidVersion, UnsupportedAlgorithm)
NOT_VOUCHED = "this portal does not vouch for who that is"
OF = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True)
class OtherSignature:
    """A CMS signature as somebody else made it: its signer's certificate and those beside it, and what it protects."""

    certificate: x509.Certificate
    beside: tuple[x509.Certificate, ...]
    hashed: str
    message_digest: bytes
    attributes: bytes
    algorithm: bytes
    value: bytes
    signed_at: datetime | None
    token: bytes = b""

    def holds(self) -> bool:
        """Whether the key of the certificate made it."""
        try:
            return self._checked()
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False

    def is_weak(self) -> bool:
        """Whether its key is shorter than what counts today."""
        key = self.certificate.public_key()
        least = LEAST_RSA_BITS if isinstance(key, rsa.RSAPublicKey) else LEAST_CURVE_BITS
        return isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and key.key_size < least

    def _checked(self) -> bool:
        key, how = self.certificate.public_key(), OF[self.hashed]
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(self.value, self.attributes, ec.ECDSA(how))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(how), padding.PSS.AUTO)
            filling = pss if self.algorithm.startswith(PSS) else padding.PKCS1v15()
            key.verify(self.value, self.attributes, filling, how)
        else:
            return False
        return True


def further_facts(
    pdf: bytes, additions: Sequence[Addition], trust: Trust, moment: datetime, sealed_at: datetime | None = None
) -> tuple[Fact, ...]:
    """One fact for each thing that others put behind the seal, which states that it was made at `sealed_at`."""
    found = [one for one in additions if one.name not in STAMP_FIELDS]
    signed = [one for one in found if one.kind != MATERIAL]
    facts = []
    for place, one in enumerate(signed, start=1):
        name = f"{FURTHER} {place}"
        try:
            facts.append(_further_fact(name, pdf, one, trust, moment, sealed_at))
        except NOT_READ:
            facts.append(Fact(name, False, f"What is in the field {one.name} cannot be read."))
    if len(found) > len(signed):
        words = "Certificates and lists for later validation were added behind the seal; they show nothing."
        facts.append(Fact("Further material", True, words))
    return tuple(facts)


def _further_fact(
    name: str, pdf: bytes, one: Addition, trust: Trust, moment: datetime, sealed_at: datetime | None
) -> Fact:
    data = pdf[: one.hole[0]] + pdf[one.hole[1] : one.end]
    if one.kind == STAMP:
        return judged(name, without_filling(one.content), data, "the file existed", trust, moment)[1]
    try:
        signature = read_other_signature(without_filling(one.content))
    except NotReadable as problem:
        return Fact(name, False, f"The signature in the field {one.name} cannot be read. {problem}".strip())
    subject = quoted(signature.certificate.subject.rfc4514_string())
    who = f"The signature in the field {one.name} of one who calls themselves {subject}"
    if broken := _broken(signature, data):
        return Fact(name, False, f"{who} {broken}.")
    said = ""
    if signature.token:
        stamp = (name, signature.token, signature.value, "it existed")
        if (fact := judged(*stamp, Trust(None), moment)[1]).holds is False:
            return Fact(name, False, f"{who} carries a timestamp that does not hold. {fact.sentence}")
        # Who signs further may ask an authority of their own; that it is not known here is told.
        said = f" {judged(*stamp, trust, moment)[1].sentence}"
    found = _standing(name, who, one, signature, trust, sealed_at)
    return Fact(name, found.holds, found.sentence + said)


def _broken(signature: OtherSignature, data: bytes) -> str:
    """Why a signature of these bytes proves nothing, as the end of a sentence; empty if it holds."""
    if hashlib.new(signature.hashed, data).digest() != signature.message_digest:
        return "does not hold: it belongs to other bytes than those before it"
    if not signature.holds():
        return "does not hold: the key of its certificate did not make it"
    return "proves nothing: its key is so short that others can find it out" if signature.is_weak() else ""


def quoted(words: str) -> str:
    """Words of a stranger, of which nobody can take a part for ours: in quotation marks that they do not hold."""
    plain = "".join("'" if sign in '“”„"' else sign if sign.isprintable() else "\ufffd" for sign in words)
    return f"“{plain[:LONGEST]}”"


def _standing(
    name: str, who: str, one: Addition, signature: OtherSignature, trust: Trust, sealed_at: datetime | None
) -> Fact:
    """Of a signature that holds: whether its certificate was good then, and who vouches for its signer."""
    stated, certificate = signature.signed_at or _stated(one), signature.certificate
    if stated is None:
        return Fact(name, False, f"{who} does not say when it was made.")
    if untimely := _not_then(certificate, stated, sealed_at):
        return Fact(name, False, f"{who} says {stated:%Y-%m-%d %H:%M} UTC, when {untimely}.")
    if not may_sign(certificate):
        return Fact(name, False, f"{who} was made with a certificate that is not one for signatures.")
    if _is_revoked(certificate, trust):
        return Fact(name, False, f"{who} was made with a certificate that is revoked.")
    reason = one.entries.get("Reason")
    said = f": {quoted(_reason(reason))}" if isinstance(reason, bytes) and reason else ""
    held = f"{who} covers the whole card as it was then and states the time {stated:%Y-%m-%d %H:%M} UTC{said}"
    roots = (*(trust.roots or ()), *trust.signer_roots)
    if vouching := _vouching(certificate, signature.beside, roots, stated):
        by = quoted(vouching.subject.rfc4514_string())
        return Fact(name, True, f"{held}; {by}, whom you trust, vouches for its signer. A revocation may be unknown.")
    return Fact(name, True, f"{held}; {NOT_VOUCHED}.")


def _not_then(certificate: x509.Certificate, stated: datetime, sealed_at: datetime | None) -> str:
    if not is_valid(certificate, stated):
        return "its certificate was not valid"
    is_early = sealed_at is not None and stated < sealed_at - CLOCKS_MAY_DIFFER
    return "the card was not sealed yet" if is_early else ""


def _reason(text: bytes) -> str:
    try:
        return text_of_string(text)
    except UnicodeDecodeError:
        return "\ufffd"


def _stated(one: Addition) -> datetime | None:
    text = one.entries.get("M")
    digits = (
        text[2:16] if isinstance(text, bytes) and text.startswith(b"D:") and text[16:] in (b"Z", b"+00'00'") else b""
    )
    try:
        return datetime.strptime(digits.decode("ascii") + "+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        return None


def _is_revoked(certificate: x509.Certificate, trust: Trust) -> bool:
    for found in trust.lists:
        above = [root for root in (trust.roots or ()) if issued(certificate, root)]
        signed = any(found.is_signature_valid(root.public_key()) for root in above)  # type: ignore[arg-type]
        entry = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if signed and covers(found, certificate) and entry is not None:
            return True
    return False


def _vouching(
    certificate: x509.Certificate,
    beside: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    moment: datetime,
) -> x509.Certificate | None:
    """The root that vouches for a certificate through those beside it, all of them valid at a moment."""
    chain = [certificate]
    while len(chain) <= LONGEST_CHAIN:
        for root in roots:
            if issued(chain[-1], root) and is_authority(root) and is_valid(root, moment):
                return root
        above = [one for one in beside if one not in chain and is_authority(one) and is_valid(one, moment)]
        following = next((one for one in above if issued(chain[-1], one)), None)
        if following is None:
            return None
        chain.append(following)
    return None


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether a certificate may make signatures of people: its usage, where it names one, says so."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except UNKNOWN_EXTENSIONS:
        return False
    return usage.digital_signature or usage.content_commitment


def read_other_signature(der: bytes) -> OtherSignature:
    """A detached CMS signature with one signer, SHA-2, RSA or ECDSA. Raises NotReadable."""
    try:
        return _read_other(der)
    except NotReadable:
        raise
    except (LookupError, StopIteration, TypeError, ValueError, OverflowError, x509.InvalidVersion) as problem:
        raise NotReadable("It is no signature (CMS) that is read here.") from problem


def _read_other(der: bytes) -> OtherSignature:
    outer = next(elements(der)).children()
    if outer[0].raw != SIGNED_DATA:
        raise NotReadable("It is no signature (CMS).")
    signed = outer[1].children()[0].children()
    held = next((part.children() for part in signed[3:-1] if part.tag == 0xA0), [])
    certificates = tuple(certificate_of(one.raw) for one in held if one.tag == 0x30)
    signers = signed[-1].children()
    if len(signers) != 1 or [one.raw for one in signed[2].children()] != [DATA]:
        raise NotReadable("It has several signers, or holds what it signs.")
    parts = signers[0].children()
    if parts[3].tag != 0xA0:
        raise NotReadable("It does not say what it signs.")
    certificate = signer_among(certificates, parts[1].raw)
    if certificate is None:
        raise NotReadable("It does not hold the certificate of its signer.")
    attributes = _attributes(parts[3].content)
    hashed = _hash(parts[2].raw)
    if attributes[CONTENT_TYPE] != DATA or not _names(certificate, attributes):
        raise NotReadable("It was made for another certificate than the one in it (RFC 5035).")
    _require_plain(der, signed, parts)
    digest = next(elements(attributes[MESSAGE_DIGEST]))
    return OtherSignature(
        certificate=certificate,
        beside=tuple(one for one in certificates if one != certificate),
        hashed=hashed,
        message_digest=digest.content,
        attributes=written(0x31, parts[3].content),
        algorithm=parts[4].content,
        value=parts[5].content,
        signed_at=_time(attributes[SIGNING_TIME]) if SIGNING_TIME in attributes else None,
        token=_token_in(parts[6].children()) if len(parts) > 6 else b"",
    )


def _token_in(unsigned: Sequence[Element]) -> bytes:
    """The timestamp over the signature, without what vouches for nothing in it; empty if there is none."""
    for one in unsigned:
        name, values = one.children()
        if name.raw == SIGNATURE_TIMESTAMP:
            return without_ballast(values.content)
    return b""


def _require_plain(der: bytes, signed: Sequence[Element], parts: Sequence[Element]) -> None:
    """The frame around what is protected is written again and compared: else two programs could read two signatures.

    Certificates, lists and remarks beside the signature stay as they are; nothing rests on them alone.
    """
    beside = b"".join(written(one.tag, one.content) for one in signed[3:-1] if one.tag in (0xA0, 0xA1))
    remarks = b"".join(written(0xA1, one.content) for one in parts[6:7])
    version, protected = parts[0].raw, written(0xA0, parts[3].content)
    signer = (
        version + parts[1].raw + parts[2].raw + protected + parts[4].raw + written(0x04, parts[5].content) + remarks
    )
    content = signed[0].raw + written(0x31, parts[2].raw) + NO_CONTENT + beside + written(0x31, written(0x30, signer))
    again = written(0x30, SIGNED_DATA + written(0xA0, written(0x30, content)))
    fitting = [name for name, meaning in SIGNATURES.items() if meaning in ("", _hash(parts[2].raw))]
    known = [written(0x30, name + end) for name in fitting for end in (b"", NULL)]
    algorithm = parts[4].raw in known or (parts[4].tag == 0x30 and parts[4].content.startswith(PSS))
    if again != der or {version, signed[0].raw} - set(VERSIONS) or not algorithm:
        raise NotReadable("It is not written as signatures (CMS) are.")


def _attributes(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for one in elements(content):
        name, values = one.children()
        if object_identifier(name.content) in found:
            raise NotReadable("It says one thing twice.")
        found[object_identifier(name.content)] = values.content
    return found


def _names(certificate: x509.Certificate, attributes: dict[str, bytes]) -> bool:
    """Whether a signature that names its certificate by digest names this one."""
    named = attributes.get(SIGNING_CERTIFICATE)
    return named is None or certificate.fingerprint(hashes.SHA256()) in named


def _hash(raw: bytes) -> str:
    for name, meaning in HASHES.items():
        if raw in (written(0x30, name), written(0x30, name + NULL)):
            return meaning
    raise NotReadable("It is made with algorithms that are not known here.")


def _time(value: bytes) -> datetime:
    one = next(elements(value))
    text = one.content.decode("ascii")
    century = "" if one.tag == 0x18 else "20" if int(text[:2]) < 50 else "19"
    return datetime.strptime(f"{century}{text.removesuffix('Z')}+0000", "%Y%m%d%H%M%S%z").astimezone(UTC)
