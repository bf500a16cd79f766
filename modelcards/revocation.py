"""Whether a certificate was revoked, by lists (CRL) and answers (OCSP) in a file. Part of the auditor's script."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp

from modelcards.timestamps import UNKNOWN_EXTENSIONS, is_authority, is_valid, issued

OCSP_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.9")


def is_unrevoked(
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate],
    lists: Sequence[bytes],
    answers: Sequence[bytes],
    moment: datetime,
) -> bool | None:
    """Whether it was not revoked at a moment; None where nothing that was good at that moment says so.

    `above` are certificates of which one issued it.
    """
    issuers = [one for one in above if issued(certificate, one)]
    found = [_by_list(certificate, issuers, content, moment) for content in lists]
    found += [by_answer(certificate, issuers, content, moment) for content in answers]
    if False in found:
        return False
    return True if True in found else None


def _by_list(
    certificate: x509.Certificate, issuers: Sequence[x509.Certificate], content: bytes, moment: datetime
) -> bool | None:
    try:
        found = x509.load_der_x509_crl(content)
        signed = any(found.is_signature_valid(one.public_key()) for one in issuers)  # type: ignore[arg-type]
    except (ValueError, TypeError, x509.InvalidVersion):
        return None
    if not signed or not covers(found, certificate):
        return None
    if found.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
        return False
    due = found.next_update_utc
    return True if due is not None and found.last_update_utc <= moment <= due else None


def covers(found: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether a list is a whole one for certificates of this kind: no change to another list, not for some reasons."""
    try:
        extensions = found.extensions
    except UNKNOWN_EXTENSIONS:
        return False
    for extension in extensions:
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint):
            other = point.indirect_crl or point.only_contains_attribute_certs or point.only_some_reasons is not None
            kind = point.only_contains_user_certs if is_authority(certificate) else point.only_contains_ca_certs
            if other or kind:
                return False
        elif extension.critical:
            return False
    return True


def by_answer(
    certificate: x509.Certificate, issuers: Sequence[x509.Certificate], content: bytes, moment: datetime
) -> bool | None:
    """What one answer (OCSP, RFC 6960) says of a certificate at a moment: True good, False revoked, None nothing.

    It counts only if the issuer signed it, or one whom the issuer certified for that and for nothing else.
    """
    try:
        found = ocsp.load_der_ocsp_response(content)
        if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        singles = [one for one in found.responses if _is_about(one, certificate, issuers)]
        if len(singles) != 1 or not _is_answered_by(found, issuers, moment):
            return None
        if singles[0].certificate_status is ocsp.OCSPCertStatus.REVOKED:
            return False
        due = singles[0].next_update_utc
        fresh = due is not None and singles[0].this_update_utc <= moment <= due
        return True if fresh and singles[0].certificate_status is ocsp.OCSPCertStatus.GOOD else None
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None


def _is_about(
    single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuers: Sequence[x509.Certificate]
) -> bool:
    """Whether an answer names this certificate, by its number and the digests of its issuer's name and key."""
    if single.serial_number != certificate.serial_number:
        return False
    for issuer in issuers:
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, single.hash_algorithm).build()
        named = (asked.issuer_name_hash, asked.issuer_key_hash)
        if named == (single.issuer_name_hash, single.issuer_key_hash):
            return True
    return False


def _is_answered_by(found: ocsp.OCSPResponse, issuers: Sequence[x509.Certificate], moment: datetime) -> bool:
    deputies = [
        one
        for one in found.certificates
        if _may_answer(one) and is_valid(one, moment) and any(issued(one, issuer) for issuer in issuers)
    ]
    return any(_signed_answer(found, one) for one in (*issuers, *deputies))


def _may_answer(certificate: x509.Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except UNKNOWN_EXTENSIONS:
        return False
    return list(uses) == [OCSP_SIGNING]


def _signed_answer(found: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, how = signer.public_key(), found.signature_hash_algorithm
    if not isinstance(how, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        return False
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(found.signature, found.tbs_response_bytes, ec.ECDSA(how))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(found.signature, found.tbs_response_bytes, padding.PKCS1v15(), how)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def says_good(content: bytes, certificate: x509.Certificate) -> bool:
    """Whether an answer calls the certificate of this number good; who signed it is not looked at."""
    try:
        found = ocsp.load_der_ocsp_response(content)
        return any(
            one.serial_number == certificate.serial_number and one.certificate_status is ocsp.OCSPCertStatus.GOOD
            for one in found.responses
        )
    except (ValueError, TypeError):
        return False
