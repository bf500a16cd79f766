"""Whom somebody who verifies a card trusts, and what a verifier says: facts. Part of the auditor's script."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True)
class Fact:
    """One thing that was checked: it holds, it does not, or (None) it could not be checked."""

    name: str
    holds: bool | None
    sentence: str


@dataclass(frozen=True)
class Trust:
    """Whom the reader trusts: roots of seals and of timestamps (None: not given), and lists of revoked certificates.

    `signer_roots` vouch for people who signed a card further, and for nothing else.
    """

    roots: tuple[x509.Certificate, ...] | None
    timestamp_roots: tuple[x509.Certificate, ...] | None = None
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    signer_roots: tuple[x509.Certificate, ...] = ()


def trust_of(
    *,
    roots: Sequence[bytes] | None,
    timestamp_roots: Sequence[bytes] | None = None,
    lists: Sequence[bytes] = (),
    signer_roots: Sequence[bytes] = (),
) -> Trust:
    """Certificates and lists out of PEM or DER. Raises ValueError for what is none."""
    return Trust(
        None if roots is None else tuple(one for data in roots for one in certificates_in(data)),
        None if timestamp_roots is None else tuple(one for data in timestamp_roots for one in certificates_in(data)),
        tuple(_list_in(data) for data in lists),
        tuple(one for data in signer_roots for one in certificates_in(data)),
    )


def certificates_in(data: bytes) -> list[x509.Certificate]:
    """The certificates in PEM or DER. Raises ValueError."""
    is_pem = data.lstrip().startswith(b"-----BEGIN")
    return x509.load_pem_x509_certificates(data) if is_pem else [x509.load_der_x509_certificate(data)]


def _list_in(data: bytes) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(data) if data.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl(data)
