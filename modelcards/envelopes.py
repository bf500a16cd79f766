"""Reads DSSE envelopes and the in-toto statements in them, and says whether they hold. Makes none.

One line of JSON is one envelope; a bundle has several lines. Part of the auditor's script: the standard library and
`cryptography` are all it needs.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from modelcards.standing import Seal, revocation_fact
from modelcards.timestamps import UNKNOWN_EXTENSIONS
from modelcards.trust import Trust

STATEMENT = "https://in-toto.io/Statement/v1"
STATEMENT_TYPE = "application/vnd.in-toto+json"
MANIFEST_TYPE = "application/vnd.model-approval-portal.manifest"
SUMMARY = "https://slsa.dev/verification_summary/v1"
TESTS = "https://in-toto.io/attestation/test-result/v0.1"
APPROVAL = "urn:model-approval-portal:approval:1"
ENVELOPE_KEYS = {"payload", "payloadType", "signatures"}
SIGNATURE_KEYS = {"keyid", "sig", "certificate"}
LARGEST_BUNDLE = 4_000_000

Finding = tuple[str, bool | None, str]
"""What was looked at, whether it holds (None: not known), and a sentence."""


class EnvelopeError(ValueError):
    """What was given is no envelope of ours; the sentence says why."""


@dataclass(frozen=True)
class Envelope:
    """One signed payload: its type, its bytes, the signature and the certificate that comes with it."""

    payload_type: str
    payload: bytes
    signature: bytes
    certificate: x509.Certificate

    def statement(self) -> dict[str, Any]:
        """The in-toto statement in it. Raises EnvelopeError if it holds none."""
        found = _parsed(self.payload)
        if self.payload_type != STATEMENT_TYPE or not isinstance(found, dict) or found.get("_type") != STATEMENT:
            raise EnvelopeError("The signed content is not an in-toto statement.")
        return found


def encoded(payload_type: str, payload: bytes) -> bytes:
    """What a DSSE signature covers: the pre-authentication encoding of type and content."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_name(certificate: x509.Certificate) -> str:
    """The name of a key: SHA-256 of its public key (SubjectPublicKeyInfo, DER), hexadecimal."""
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def read_envelopes(data: bytes) -> list[Envelope]:
    """The envelopes of a bundle, one a line. Raises EnvelopeError with the reason for anything else."""
    if len(data) > LARGEST_BUNDLE:
        raise EnvelopeError("The file is larger than any attestation.")
    lines = data.split(b"\n")
    if lines[-1] or len(lines) < 2:
        raise EnvelopeError("The file is not made of whole lines.")
    return [_envelope(line) for line in lines[:-1]]


def _envelope(line: bytes) -> Envelope:
    content = _parsed(line)
    signatures = content.get("signatures") if isinstance(content, dict) else None
    if not isinstance(content, dict) or set(content) != ENVELOPE_KEYS or not isinstance(signatures, list):
        raise EnvelopeError("A line is not a signed envelope (DSSE).")
    if len(signatures) != 1 or not isinstance(signatures[0], dict) or set(signatures[0]) != SIGNATURE_KEYS:
        raise EnvelopeError("An envelope carries exactly one signature with its certificate.")
    signed = signatures[0]
    try:
        certificate = x509.load_pem_x509_certificate(str(signed["certificate"]).encode())
        found = Envelope(
            str(content["payloadType"]), _unpacked(content["payload"]), _unpacked(signed["sig"]), certificate
        )
        named = key_name(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise EnvelopeError("An envelope's content, signature or certificate cannot be read.") from problem
    if envelope_line(found) != line or signed["keyid"] != named:
        raise EnvelopeError("An envelope is not written in its one form.")
    return found


def envelope_line(envelope: Envelope) -> bytes:
    """The one line that an envelope is written as, without its line end."""
    content = {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": envelope.payload_type,
        "signatures": [
            {
                "certificate": envelope.certificate.public_bytes(Encoding.PEM).decode(),
                "keyid": key_name(envelope.certificate),
                "sig": base64.b64encode(envelope.signature).decode(),
            }
        ],
    }
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _unpacked(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise EnvelopeError("The file is not JSON.") from problem


def signature_findings(envelopes: Sequence[Envelope], roots: Sequence[x509.Certificate] | None) -> Iterator[Finding]:
    """Whether every envelope is unchanged since signing, and who vouches for the key that signed."""
    first = envelopes[0].certificate
    name = first.subject.rfc4514_string()[:200]
    alike = all(one.certificate == first for one in envelopes)
    holds = alike and all(_fits(one) for one in envelopes) and _may_attest(first)
    words = "is unchanged since it was signed" if holds else "was changed after signing, or another key signed it"
    yield "Attestation signature", holds, f"What {name} signed {words}; key {key_name(first)[:16]}…."
    if roots is None:
        yield "Attestation authority", None, "No certificate of the authority was given, so who signed is not known."
    else:
        vouched = any(_vouches(root, first) for root in roots)
        does = "vouches" if vouched else "does not vouch"
        yield "Attestation authority", vouched, f"The authority that you trust {does} for the key of {name}."


def key_findings(certificate: x509.Certificate, trust: Trust, moment: datetime | None) -> Iterator[Finding]:
    """Whether the certificate of the key is valid at a moment, and was not revoked."""
    moment = moment or datetime.now(UTC)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    valid = begins <= moment <= ends
    words = f"The certificate of the key is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
    yield "Attestation validity", valid, f"{words}." if valid else f"{words}, and not now."
    if trust.roots is not None:
        revoked = revocation_fact(Seal(certificate, b"", b""), trust, None, moment)
        yield "Attestation revocation", revoked.holds, revoked.sentence


def _fits(envelope: Envelope) -> bool:
    key, covered = envelope.certificate.public_key(), encoded(envelope.payload_type, envelope.payload)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(envelope.signature, covered, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(envelope.signature, covered, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _may_attest(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except UNKNOWN_EXTENSIONS:
        return False
    return usage.digital_signature or usage.content_commitment


def _vouches(root: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


@dataclass(frozen=True)
class Attested:
    """What a bundle says: the approval, and by name the digests of what it is about."""

    number: str
    verdict: str
    passed: bool
    subjects: dict[str, str]
    sign_offs: tuple[dict[str, Any], ...]


def attested(envelopes: Sequence[Envelope]) -> Attested:
    """The approval that a bundle attests. Raises EnvelopeError unless its statements are whole and fit together."""
    by_type: dict[Any, tuple[dict[str, Any], bytes]] = {}
    for one in envelopes:
        statement = one.statement()
        if by_type.setdefault(statement.get("predicateType"), (statement, one.payload))[1] is not one.payload:
            raise EnvelopeError("The file holds two statements of one kind.")
    if set(by_type) != {SUMMARY, TESTS}:
        raise EnvelopeError("The file does not hold one summary and one statement about the checks.")
    summary, tests = by_type[SUMMARY], by_type[TESTS]
    digest = hashlib.sha256(tests[1]).hexdigest()
    try:
        predicate = summary[0]["predicate"]
        approval = predicate[APPROVAL]
        if {"uri": TESTS, "digest": {"sha256": digest}} not in predicate["inputAttestations"]:
            raise EnvelopeError("The statement about the checks is not the one that the summary rests on.")
        if tests[0]["subject"] != summary[0]["subject"]:
            raise EnvelopeError("The statements are about different things.")
        return Attested(
            number=str(approval["number"]),
            verdict=str(approval["verdict"]),
            passed=predicate["verificationResult"] == "PASSED",
            subjects={str(one["name"]): str(one["digest"]["sha256"]) for one in summary[0]["subject"]},
            sign_offs=tuple(dict(one) for one in approval["signOffs"]),
        )
    except (KeyError, TypeError, ValueError) as problem:
        if isinstance(problem, EnvelopeError):
            raise
        raise EnvelopeError("A statement does not say what an attestation of the portal says.") from problem


def attestation_findings(data: bytes, trust: Trust, moment: datetime | None = None) -> Iterator[Finding]:
    """Everything about a file of attestations. What the signature does not vouch for is not read."""
    try:
        envelopes = read_envelopes(data)
    except EnvelopeError as problem:
        yield "Attestation", False, str(problem)
        return
    seal = [*signature_findings(envelopes, trust.roots), *key_findings(envelopes[0].certificate, trust, moment)]
    yield from seal
    if any(holds is False for _, holds, _ in seal):
        return
    try:
        found = attested(envelopes)
    except EnvelopeError as problem:
        yield "Attestation", False, str(problem)
        return
    about = ", ".join(f"{name} with SHA-256 {digest}" for name, digest in found.subjects.items())
    yield "Attestation", found.passed, f"Card {found.number}: {found.verdict}, about {about}."
    for signed in found.sign_offs:
        said = (signed.get(name) for name in ("printedName", "role", "decision", "signedAt"))
        yield "signed by", True, ", ".join(str(part) for part in said)
