"""Whether the seal of a card holds: one sentence for each thing, arithmetic by pyHanko, what counts by our own rules.

What the seal does not protect is not read. Nothing is fetched; unknown is never a pass. Loads pyHanko, which takes as
long as a fifth of the portal, so only what is about to read a seal imports it.
"""

from __future__ import annotations

import io
import logging
from datetime import datetime, timedelta

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from modelcards import additions
from modelcards.continuations import NotContinued
from modelcards.continuations import additions as what_follows
from modelcards.countersignatures import further_facts
from modelcards.proofs import whole_stamps
from modelcards.seal_report import SealReport
from modelcards.sealed_part import CHANGED, SealedPart, sealed_part, signed_ranges
from modelcards.standing import Seal, standing
from modelcards.trust import Fact, Trust

FIELD = "PortalSeal"
SUBFILTER = "/ETSI.CAdES.detached"
LONGEST_SUBJECT = 200
OWN_AUTHORITY = "A root that a portal made for itself is no qualified authority in the sense of eIDAS."
NOT_READ = (PdfError,)
"""What the engine raises for a damaged file, besides what any reader may."""
# The engine logs a traceback for whatever does not hold; here that is a fact with a sentence.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


def check_seal(pdf: bytes, trust: Trust, moment: datetime) -> SealReport:
    """Every fact about the seal of a file; the first that does not hold may be the last."""
    part = sealed_part(pdf)
    if isinstance(part, Fact):
        return SealReport((_explained(part, pdf),))
    sealed, read = pdf[: part.end], part.signature
    signatures = PdfFileReader(io.BytesIO(sealed)).embedded_signatures
    if len(signatures) != 1:
        count = len(signatures) or "no"
        sentence = f"The file carries {count} signatures; a card carries exactly one."
        return SealReport((Fact("Signature", False, sentence),))
    facts = _facts(part, signatures[0], trust, moment)
    if any(fact.holds is False for fact in facts):
        return SealReport(facts, sealed)
    certificate = read.certificate
    seal = Seal(
        certificate=certificate,
        value=read.value,
        token=read.timestamp,
        stated_at=signatures[0].self_reported_timestamp,
        lists=_held_in(sealed, "/CRLs"),
        answers=_held_in(sealed, "/OCSPs"),
        stamps=whole_stamps(pdf, part.additions),
    )
    stands = standing(seal, trust, moment)
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    further = further_facts(pdf, part.additions, trust, moment, seal.stated_at)
    return SealReport((*facts, *stands.facts), sealed, stands, fingerprint, further)


def _explained(fact: Fact, pdf: bytes) -> Fact:
    """The same with what was changed by bytes that were added, where that can be said."""
    ranges = signed_ranges(pdf)
    if fact.name != "Whole file" or not ranges or sum(ranges[0][1:]) >= len(pdf):
        return fact
    what = additions.named(_good_part(pdf, sum(ranges[0][1:])), pdf)
    return Fact(fact.name, False, f"{fact.sentence[:-1]}; they change {what}." if what else fact.sentence)


def _good_part(pdf: bytes, end: int) -> bytes:
    """The file up to the first thing that may not follow the seal."""
    try:
        what_follows(pdf, end)
    except NotContinued as problem:
        return pdf[: problem.good]
    return pdf


def _facts(part: SealedPart, signature: EmbeddedPdfSignature, trust: Trust, moment: datetime) -> tuple[Fact, ...]:
    certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
    status = _status(signature, certificate, trust, moment)
    intact = bool(status.intact and status.valid and certificate == part.signature.certificate)
    return (
        Fact("Signature", intact, "The signature fits the bytes it covers." if intact else _broken(status)),
        _coverage(part, signature),
        Fact("Container", True, "The signature holds only what it protects."),
        _certification(signature),
        _trust(certificate, status, trust),
    )


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


def _coverage(part: SealedPart, signature: EmbeddedPdfSignature) -> Fact:
    """Whether the engine has found the same signature in the same place, and over all of the sealed part."""
    start, before, after, rest = (int(number) for number in signature.byte_range)
    engine = signature.evaluate_signature_coverage() == SignatureCoverageLevel.ENTIRE_FILE
    if start == 0 and (before, after) == part.hole and after + rest == part.end and engine:
        return Fact("Whole file", True, "The signature covers the whole file.")
    return Fact("Whole file", False, "The signature does not cover the whole file.")


def _certification(signature: EmbeddedPdfSignature) -> Fact:
    permissions = signature.reader.root.get("/Perms", {})
    names_it = "/DocMDP" in permissions and permissions.raw_get("/DocMDP") == signature.sig_field.raw_get("/V")
    right = (
        signature.docmdp_level in (MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS)
        and names_it
        and signature.field_name == FIELD
        and signature.sig_object.get("/SubFilter") == SUBFILTER
    )
    held = "The signature certifies the document; nothing may follow it but signatures and timestamps."
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


def _held_in(sealed: bytes, kind: str) -> tuple[bytes, ...]:
    """What the card carries of one kind to judge certificates by, under the seal."""
    with pikepdf.open(io.BytesIO(sealed)) as opened:
        store = opened.Root.get("/DSS")
        if not isinstance(store, pikepdf.Dictionary):
            return ()
        found = store.get(kind)
        return tuple(one.read_bytes() for one in found) if isinstance(found, pikepdf.Array) else ()
