"""Asks a timestamp authority (RFC 3161) that a digest exists now, and takes no answer that would not hold later.

Everything that may go wrong outside is an Unavailable with a sentence that names it; nothing else comes out.
"""

from __future__ import annotations

import base64
import http.client
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from modelcards.detached import NotReadable, elements, written
from modelcards.revocation import is_unrevoked
from modelcards.timestamps import UNKNOWN_EXTENSIONS, Stamp, distrust, issued, read_stamp, without_ballast
from portal.errors import Unavailable

LARGEST_ANSWER = 200_000
LARGEST_LIST = 10_000_000
CLOCKS_DIFFER = timedelta(minutes=5)
SHA256 = bytes.fromhex("300d06096086480165030402010500")
GRANTED = (0, 1)
Held = tuple[tuple[bytes, ...], tuple[bytes, ...]]
"""Lists (CRL) and answers (OCSP), DER."""
STATUS = {
    2: "it refused the request",
    3: "it is waiting for something",
    4: "a revocation warning was given",
    5: "its certificate was revoked",
}


class TimestampFailed(Unavailable):
    """No timestamp could be had; the sentence says why."""


class Clock(Protocol):
    """Gives tokens of RFC 3161."""

    @property
    def name(self) -> str:
        """Who it is, for people."""

    def stamp(self, digest: bytes) -> tuple[bytes, Stamp]:
        """A token over this SHA-256, and what it says. Raises TimestampFailed."""

    def revocation_material(self, stamp: Stamp, now: datetime) -> Held:
        """What says that the token's certificates were not revoked until now. Raises TimestampFailed."""


@dataclass(frozen=True)
class TimestampAuthority:
    """An authority at an address, trusted under these roots (PEM), asked with these seconds of patience."""

    url: str
    roots: tuple[x509.Certificate, ...]
    seconds: float = 10.0
    user: str = ""
    password: str = field(default="", repr=False)
    lists: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        """Its host: the address may hold a secret."""
        return urlsplit(self.url).hostname or self.url

    def stamp(self, digest: bytes) -> tuple[bytes, Stamp]:
        """A token over this SHA-256. Raises TimestampFailed."""
        nonce = secrets.randbits(62) | 1 << 62
        answer = self._sent(_request(digest, nonce))
        try:
            token = without_ballast(_token(answer))
            stamp = read_stamp(token)
        except (NotReadable, IndexError, StopIteration) as problem:
            said = str(problem) if isinstance(problem, NotReadable) and str(problem) else "It cannot be read."
            raise self._failed(f"what it answered is no timestamp. {said}") from problem
        if (stamp.algorithm, stamp.digest) != ("sha256", digest):
            raise self._failed("its timestamp is of another document.")
        if stamp.nonce != nonce:
            raise self._failed("its answer belongs to another request (the nonce is another one).")
        if reason := distrust(stamp, self.roots):
            raise self._failed(f"its timestamp is not to be trusted: {reason}.")
        if abs(stamp.moment - datetime.now(UTC)) > CLOCKS_DIFFER:
            raise self._failed(f"its clock says {stamp.moment:%Y-%m-%d %H:%M} UTC, ours does not.")
        return token, stamp

    def revocation_material(self, stamp: Stamp, now: datetime) -> Held:
        """The lists given with the settings, or those at the addresses that the certificates name, or answers (OCSP).

        Each is good now: one that is too old would not say that the certificate was not revoked until now.
        """
        found = [self._material_for(one, stamp, now) for one in stamp.chain]
        lists = tuple(dict.fromkeys(content for content, is_list in found if is_list))
        return lists, tuple(content for content, is_list in found if not is_list)

    def _material_for(self, certificate: x509.Certificate, stamp: Stamp, now: datetime) -> tuple[bytes, bool]:
        """What says that a certificate is not revoked, and whether that is a list."""
        above = [one for one in (*stamp.chain[1:], *self.roots) if issued(certificate, one)]
        too_old = False
        for content in (*self.lists, *self._fetched(certificate)):
            if self._good(is_unrevoked(certificate, above, [content], (), now)):
                return content, True
            too_old = too_old or is_unrevoked(certificate, above, [content], (), _made_at(content, now)) is not None
        for address in _addresses_of_answers(certificate):
            content = self._asked(address, certificate, above[0])
            if self._good(is_unrevoked(certificate, above, (), [content], now)):
                return content, False
            raise self._failed("its OCSP responder gave no answer about its certificate that is good now.")
        if too_old:
            raise self._failed("the revocation list for its certificate is too old (TIMESTAMP_CRLS).")
        raise self._failed("there is no revocation list for its certificate (TIMESTAMP_CRLS names files of such).")

    def _good(self, state: bool | None) -> bool:  # noqa: FBT001  (an answer, not a switch)
        if state is False:
            raise self._failed("its certificate was revoked.")
        return state is True

    def _asked(self, address: str, certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
        # RFC 5019: the digest that each responder knows; it names the certificate and proves nothing.
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303
        headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
        data = asked.public_bytes(Encoding.DER)
        request = urllib.request.Request(address, data=data, headers=headers, method="POST")  # noqa: S310
        return self._opened(request, LARGEST_ANSWER)

    def _fetched(self, certificate: x509.Certificate) -> Iterator[bytes]:
        try:
            points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        except UNKNOWN_EXTENSIONS:
            return
        names = [name.value for point in points for name in point.full_name or ()]
        for name in names:
            if str(name).startswith(("http://", "https://")):
                yield self._opened(urllib.request.Request(str(name)), LARGEST_LIST)  # noqa: S310

    def _sent(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        if self.user:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        return self._opened(
            urllib.request.Request(self.url, data=request, headers=headers, method="POST"),  # noqa: S310  (settings say http)
            LARGEST_ANSWER,
        )

    def _opened(self, request: urllib.request.Request, limit: int) -> bytes:
        try:
            with _opener().open(request, timeout=self.seconds) as answer:
                content: bytes = answer.read(limit + 1)
        except urllib.error.HTTPError as failure:
            failure.close()
            raise self._failed(f"it answered with the HTTP status {failure.code}.") from failure
        except (TimeoutError, urllib.error.URLError) as failure:
            late = isinstance(failure, TimeoutError) or isinstance(failure.reason, TimeoutError)
            said = f"it did not answer within {self.seconds:g} seconds." if late else "it cannot be reached."
            raise self._failed(said) from failure
        except (http.client.HTTPException, OSError) as failure:
            raise self._failed("the connection broke.") from failure
        if len(content) > limit:
            raise self._failed("its answer is larger than any answer should be.")
        return content

    def _failed(self, why: str) -> TimestampFailed:
        return TimestampFailed(f"The timestamp authority {self.name} gave no timestamp: {why}", code="timestamp")


def _made_at(content: bytes, otherwise: datetime) -> datetime:
    """When a list was made."""
    try:
        return x509.load_der_x509_crl(content).last_update_utc
    except (ValueError, x509.InvalidVersion):
        return otherwise


def _addresses_of_answers(certificate: x509.Certificate) -> list[str]:
    """Where a certificate says that its state is answered (OCSP)."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except UNKNOWN_EXTENSIONS:
        return []
    ways = [one for one in named if one.access_method == AuthorityInformationAccessOID.OCSP]
    addresses = [str(one.access_location.value) for one in ways]
    return [one for one in addresses if one.startswith(("http://", "https://"))]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Credentials and digests go where the settings say and nowhere else."""


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)


def _request(digest: bytes, nonce: int) -> bytes:
    imprint = written(0x30, SHA256 + written(0x04, digest))
    number = written(0x02, nonce.to_bytes(8, "big"))
    return written(0x30, bytes.fromhex("020101") + imprint + number + bytes.fromhex("0101ff"))


def _token(answer: bytes) -> bytes:
    parts = next(elements(answer)).children()
    status = int.from_bytes(parts[0].children()[0].content, "big")
    if status not in GRANTED or len(parts) < 2:
        raise NotReadable(f"Its answer has the status {status}: {STATUS.get(status, 'unknown')}.")
    return parts[1].raw


def certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates in a PEM file. Raises Unavailable."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as problem:
        raise Unavailable(f"{path.name} holds no certificates in PEM form, or cannot be read.") from problem


def revocation_list(path: Path) -> bytes:
    """A list (CRL) as DER, out of a PEM or DER file. Raises Unavailable."""
    try:
        data = path.read_bytes()
        found = x509.load_pem_x509_crl(data) if data.startswith(b"-----") else x509.load_der_x509_crl(data)
    except (OSError, ValueError) as problem:
        raise Unavailable(f"{path.name} holds no revocation list, or cannot be read.") from problem
    return found.public_bytes(Encoding.DER)
