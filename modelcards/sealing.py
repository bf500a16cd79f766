"""Puts the portal's seal on a finished card so that nothing may change, with timestamps if an authority gives them.

Signs bytes it is given and knows nothing about cards. Loads pyHanko, which takes as long as a fifth of the portal, so
only what is about to sign imports it.
"""

from __future__ import annotations

import hashlib
import io

from asn1crypto import cms, crl, ocsp  # type: ignore[import-untyped]
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore

from modelcards import authority
from modelcards.revisions import COUNTER_FIELDS, STAMP_FIELDS, prepared, revision
from modelcards.signing import Level, Plan, SigningIdentity
from modelcards.timestamping import TimestampFailed
from portal.errors import Refused

FIELD = "PortalSeal"
LONGEST_SIGNATURE = 72
"""Bytes of an ECDSA signature on P-256 in DER, at most."""


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
