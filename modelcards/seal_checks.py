"""Whether the seal of a card holds: one sentence for each thing, arithmetic by pyHanko, what counts by our own rules.

What the seal does not protect is not read. Nothing is fetched; unknown is never a pass.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from modelcards import additions
from modelcards.detached import NotReadable, Signature, read_signature
from modelcards.revisions import timestamp_after
from modelcards.standing import Fact, Seal, Standing, Trust, standing

FIELD = "PortalSeal"
SUBFILTER = "/ETSI.CAdES.detached"
LARGEST = 50_000_000
LONGEST_SUBJECT = 200
CHANGED = "The signed bytes were changed after signing."
OWN_AUTHORITY = "A root that a portal made for itself is no qualified authority in the sense of eIDAS."
BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")
# The engine logs a traceback for whatever does not hold; here that is a fact with a sentence.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class SealReport:
    """The facts about a seal; `sealed` is the part of the file that it covers, the only part to read."""

    facts: tuple[Fact, ...]
    sealed: bytes = b""
    standing: Standing | None = None
    fingerprint: str = ""


def check_seal(pdf: bytes, trust: Trust, moment: datetime) -> SealReport:
    """Every fact about the seal of a file; the first that does not hold may be the last."""
    if len(pdf) > LARGEST:
        return SealReport((Fact("Signature", False, "The file is larger than any card."),))
    ranges = signed_ranges(pdf)
    end = ranges[0][1] + ranges[0][2] if ranges else len(pdf)
    sealed = pdf[:end]
    if (added := len(pdf) - end) > 0 and timestamp_after(sealed, pdf[end:]) is None:
        what = additions.named(_issued_part(pdf, ranges, end), pdf)
        sentence = f"{added} bytes were added after the signature{f'; they change {what}' if what else ''}."
        return SealReport((Fact("Whole file", False, sentence),))
    if ranges and _is_changed(sealed, *ranges[0][:2]):
        return SealReport((Fact("Signature", False, CHANGED),), sealed)
    signatures = PdfFileReader(io.BytesIO(sealed)).embedded_signatures
    if len(signatures) != 1:
        count = len(signatures) or "no"
        sentence = f"The file carries {count} signatures; a card carries exactly one."
        return SealReport((Fact("Signature", False, sentence),))
    facts, read = _facts(sealed, signatures[0], trust, moment)
    if read is None or any(fact.holds is False for fact in facts):
        return SealReport(facts, sealed)
    certificate = read.certificate
    seal = Seal(
        certificate=certificate,
        value=read.value,
        token=read.timestamp,
        end=end,
        stated_at=signatures[0].self_reported_timestamp,
        lists=_lists_in(sealed),
    )
    stands = standing(pdf, seal, trust, moment)
    return SealReport((*facts, *stands.facts), sealed, stands, certificate.fingerprint(hashes.SHA256()).hex())


def _issued_part(pdf: bytes, ranges: list[tuple[int, int, int]], end: int) -> bytes:
    """The seal and its timestamp, if that is what follows first: what was issued, before anything was added."""
    stamped = ranges[1][1] + ranges[1][2] if len(ranges) > 1 else end
    return pdf[:stamped] if timestamp_after(pdf[:end], pdf[end:stamped]) is not None else pdf[:end]


def _is_changed(sealed: bytes, before: int, after: int) -> bool:
    """Whether a readable seal is of other bytes: then nobody needs to parse what somebody has changed."""
    try:
        read = read_signature(bytes.fromhex(sealed[before + 1 : after - 1].decode("ascii")))
    except (NotReadable, ValueError, TypeError, LookupError, StopIteration, x509.InvalidVersion):
        return False  # what is wrong with it is named below
    return hashlib.sha256(sealed[:before] + sealed[after:]).digest() != read.message_digest


def signed_ranges(pdf: bytes) -> list[tuple[int, int, int]]:
    """Where signatures stand in a file: start and end of each hole, and what follows. Text that only looks so is none.

    A model may be called “/ByteRange [0 1 2 3]”, and its name stands in the file as it is.
    """
    found = []
    for match in BYTE_RANGE.finditer(pdf):
        start, before, after, rest = (int(number) for number in match.groups())
        hole = pdf[before:after]
        if start == 0 and hole[:1] == b"<" and hole[-1:] == b">" and HEXADECIMAL.fullmatch(hole[1:-1]):
            found.append((before, after, rest))
    return found


def _facts(
    sealed: bytes, signature: EmbeddedPdfSignature, trust: Trust, moment: datetime
) -> tuple[tuple[Fact, ...], Signature | None]:
    certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
    status = _status(signature, certificate, trust, moment)
    intact = bool(status.intact and status.valid)
    container, read = _container(sealed, signature)
    facts = (
        Fact("Signature", intact, "The signature fits the bytes it covers." if intact else _broken(status)),
        _coverage(sealed, signature),
        container,
        _certification(signature),
        _trust(certificate, status, trust),
    )
    return facts, read


def _status(
    signature: EmbeddedPdfSignature, certificate: x509.Certificate, trust: Trust, moment: datetime
) -> PdfSignatureStatus:
    """The engine's answer, asked for a moment when the certificate was valid: its validity is a fact of its own."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    inside = min(max(moment, first + timedelta(seconds=1)), last - timedelta(seconds=1))
    context = ValidationContext(
        trust_roots=[translate_pyca_cryptography_cert_to_asn1(root) for root in trust.roots or ()],
        moment=inside,
        allow_fetching=False,
    )
    # Nothing but our own timestamp may follow a card's signature, and that is compared byte by byte.
    # A timestamp beside the signature is judged by standing.py, under roots of its own.
    return validate_pdf_signature(signature, context, ts_validation_context=context, skip_diff=True)


def _broken(status: PdfSignatureStatus) -> str:
    if not status.intact:
        return CHANGED
    return "The signature was not made with the key of the certificate that it names."


def _coverage(sealed: bytes, signature: EmbeddedPdfSignature) -> Fact:
    start, _, rest, rest_length = (int(number) for number in signature.byte_range)
    engine = signature.evaluate_signature_coverage() == SignatureCoverageLevel.ENTIRE_FILE
    if start == 0 and rest + rest_length == len(sealed) and engine:
        return Fact("Whole file", True, "The signature covers the whole file.")
    return Fact("Whole file", False, "The signature does not cover the whole file.")


def _container(sealed: bytes, signature: EmbeddedPdfSignature) -> tuple[Fact, Signature | None]:
    """The hole that the signature itself fills: nothing may stand in it that is not accounted for."""
    hole = sealed[int(signature.byte_range[1]) : int(signature.byte_range[2])]
    wrong = "Something was put or changed beside the signature's own bytes."
    try:
        raw = bytes.fromhex(hole[1:-1].decode("ascii"))
        read = read_signature(raw)
    except (NotReadable, ValueError, TypeError, LookupError, StopIteration, x509.InvalidVersion):
        return Fact("Container", False, wrong), None
    written = len(raw.rstrip(b"\0"))
    # pyHanko writes capitals and fills with zeros; any other spelling was put there by somebody else.
    if hole[1 : 1 + 2 * written] != raw[:written].hex().upper().encode() or hole[1 + 2 * written : -1].strip(b"0"):
        return Fact("Container", False, wrong), None
    return Fact("Container", True, "The signature holds only what it protects."), read


def _certification(signature: EmbeddedPdfSignature) -> Fact:
    permissions = signature.reader.root.get("/Perms", {})
    names_it = "/DocMDP" in permissions and permissions.raw_get("/DocMDP") == signature.sig_field.raw_get("/V")
    right = (
        signature.docmdp_level == MDPPerm.NO_CHANGES
        and names_it
        and signature.field_name == FIELD
        and signature.sig_object.get("/SubFilter") == SUBFILTER
    )
    held = "The signature certifies the document and allows no change."
    return Fact("Certification", right, held if right else "The signature does not certify the document as final.")


def _trust(certificate: x509.Certificate, status: PdfSignatureStatus, trust: Trust) -> Fact:
    subject = certificate.subject.rfc4514_string()[:LONGEST_SUBJECT]
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    if trust.roots is None:
        return Fact("Trust", None, f"The signer calls itself {subject}; no root certificate was given to check that.")
    if status.trusted:
        return Fact(
            "Trust",
            True,
            f"The signer {subject} (certificate SHA-256 {fingerprint}) is vouched for by the root that you trust. "
            + OWN_AUTHORITY,
        )
    return Fact(
        "Trust", False, f"The signer calls itself {subject}, but the root that you trust does not vouch for it."
    )


def _lists_in(sealed: bytes) -> tuple[bytes, ...]:
    """The lists of revoked certificates that the card carries, under the seal."""
    with pikepdf.open(io.BytesIO(sealed)) as opened:
        store = opened.Root.get("/DSS")
        if not isinstance(store, pikepdf.Dictionary):
            return ()
        found = store.get("/CRLs")
        return tuple(one.read_bytes() for one in found) if isinstance(found, pikepdf.Array) else ()
