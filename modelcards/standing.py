"""What speaks for a seal besides its own arithmetic: timestamps, revocation and time. Facts in sentences.

Pure: bytes, certificates and a moment in. Nothing is fetched, unknown is never a pass. Part of the auditor's script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509

from modelcards.detached import NotReadable
from modelcards.revisions import timestamp_after
from modelcards.timestamps import Stamp, distrust, is_valid, issued, read_stamp

LEVELS = ("PAdES B-B", "PAdES B-T", "PAdES B-LT", "PAdES B-LTA")
CLOCKS_MAY_DIFFER = timedelta(hours=1)
REASONS = {
    x509.ReasonFlags.key_compromise: "its key came into other hands",
    x509.ReasonFlags.superseded: "it was replaced",
    x509.ReasonFlags.cessation_of_operation: "it is no longer used",
}


@dataclass(frozen=True)
class Fact:
    """One thing that was checked: it holds, it does not, or (None) it could not be checked."""

    name: str
    holds: bool | None
    sentence: str


@dataclass(frozen=True)
class Seal:
    """A seal as it was read, whether it holds or not, and what stands around it in the file.

    `end` is where the sealed part of the file ends, `lists` are revocation lists (DER) that the seal covers.
    """

    certificate: x509.Certificate
    value: bytes
    token: bytes
    end: int
    stated_at: datetime | None = None
    lists: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Trust:
    """Whom the reader trusts: roots of seals and of timestamps (None: not given), and lists of revoked certificates."""

    roots: tuple[x509.Certificate, ...] | None
    timestamp_roots: tuple[x509.Certificate, ...] | None = None
    lists: tuple[x509.CertificateRevocationList, ...] = ()


@dataclass(frozen=True)
class Standing:
    """The facts about a seal's standing, and the level of PAdES that the file really has."""

    facts: tuple[Fact, ...]
    level: str
    proven: datetime | None = field(default=None)


def trust_of(
    *,
    roots: Sequence[bytes] | None,
    timestamp_roots: Sequence[bytes] | None = None,
    lists: Sequence[bytes] = (),
) -> Trust:
    """Certificates and lists out of PEM or DER. Raises ValueError for what is none."""
    return Trust(
        None if roots is None else tuple(one for data in roots for one in certificates_in(data)),
        None if timestamp_roots is None else tuple(one for data in timestamp_roots for one in certificates_in(data)),
        tuple(_list_in(data) for data in lists),
    )


def certificates_in(data: bytes) -> list[x509.Certificate]:
    """The certificates in PEM or DER. Raises ValueError."""
    is_pem = data.lstrip().startswith(b"-----BEGIN")
    return x509.load_pem_x509_certificates(data) if is_pem else [x509.load_der_x509_certificate(data)]


def _list_in(data: bytes) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(data) if data.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl(data)


def standing(pdf: bytes, seal: Seal, trust: Trust, moment: datetime) -> Standing:
    """How the seal stands at a moment: what timestamps prove, whether it was revoked, whether it is too old."""
    facts: list[Fact] = []
    archive, fact = _archive(pdf, seal, trust, moment)
    facts += [fact] if fact else []
    proof, fact = _signature_stamp(seal, trust, archive.moment if archive else moment)
    facts += [fact] if fact else []
    proven = min((stamp.moment for stamp in (proof, archive) if stamp), default=None)
    stamps = [stamp for stamp in _stamps_in(seal.token, pdf, seal) if stamp]
    kept = _lists_cover(seal, stamps)
    facts += [revocation_fact(seal, trust, proven, moment), validity_fact(seal, proven, moment)]
    level = LEVELS[0] if not seal.token else LEVELS[1] if not kept else LEVELS[2]
    level = LEVELS[3] if level == LEVELS[2] and len(pdf) > seal.end else level
    return Standing(tuple(facts), level, proven)


def _stamps_in(token: bytes, pdf: bytes, seal: Seal) -> Iterator[Stamp | None]:
    for one in (token, archive_token(pdf, seal.end)):
        try:
            yield read_stamp(one) if one else None
        except NotReadable:
            yield None


def archive_token(pdf: bytes, end: int) -> bytes:
    """The token of the timestamp that follows the seal; empty if nothing or anything else follows."""
    digits = timestamp_after(pdf[:end], pdf[end:]) if len(pdf) > end else None
    raw = bytes.fromhex(digits.decode()) if digits and len(digits) % 2 == 0 else b""
    return _without_filling(raw)


def _without_filling(raw: bytes) -> bytes:
    """The DER element at the beginning, if nothing but zeros follows; else nothing."""
    if len(raw) < 4 or raw[0] != 0x30 or raw[1] != 0x82:
        return b""
    size = 4 + int.from_bytes(raw[2:4], "big")
    return b"" if raw[size:].strip(b"\0") else raw[:size]


def _archive(pdf: bytes, seal: Seal, trust: Trust, moment: datetime) -> tuple[Stamp | None, Fact | None]:
    if len(pdf) == seal.end:
        return None, None
    token = archive_token(pdf, seal.end)
    start = pdf.find(b"/Contents <", seal.end) + len(b"/Contents ")
    signed = pdf[:start] + pdf[pdf.find(b">", start) + 1 :]
    return _judged("Timestamp of the whole", token, signed, "the whole file existed", trust, moment)


def _signature_stamp(seal: Seal, trust: Trust, moment: datetime) -> tuple[Stamp | None, Fact | None]:
    if not seal.token:
        return None, None
    return _judged("Timestamp", seal.token, seal.value, "the seal existed", trust, moment)


def _judged(
    name: str, token: bytes, data: bytes, proves: str, trust: Trust, moment: datetime
) -> tuple[Stamp | None, Fact]:
    try:
        stamp = read_stamp(token)
    except NotReadable as problem:
        return None, Fact(name, False, str(problem) or "The timestamp cannot be read.")
    if not stamp.is_of(data):
        return None, Fact(name, False, "The timestamp belongs to something else, or this was changed after it.")
    says = f"{stamp.by} says that {proves} on {stamp.moment:%Y-%m-%d %H:%M} UTC"
    if trust.timestamp_roots is None:
        return None, Fact(name, None, f"{says}; no certificate of a timestamp authority was given to check that.")
    if reason := distrust(stamp, trust.timestamp_roots):
        return None, Fact(name, False, f"{says}, but {reason}.")
    ended = stamp.chain[0].not_valid_after_utc
    if moment > ended:
        return None, Fact(name, None, f"{says}; its certificate ended on {ended:%Y-%m-%d}, so it proves nothing now.")
    return stamp, Fact(name, True, f"{says}, and the authority that you trust vouches for it.")


def _lists_cover(seal: Seal, stamps: Sequence[Stamp]) -> bool:
    """Whether the card holds, for each certificate that it needs, a list that does not revoke it."""
    known = [one for stamp in stamps for one in stamp.chain]
    found = []
    for content in seal.lists:
        try:
            found.append(x509.load_der_x509_crl(content))
        except ValueError:
            return False
    needed = [seal.certificate, *known]
    return bool(found) and all(
        any(one.issuer == needs.issuer and one.get_revoked_certificate_by_serial_number(needs.serial_number) is None
            for one in found)
        for needs in needed
    )  # fmt: skip


def revocation_fact(seal: Seal, trust: Trust, proven: datetime | None, moment: datetime) -> Fact:
    """Whether the seal's certificate was revoked before the signature can be proven to have existed."""
    name, certificate = "Revocation", seal.certificate
    usable = [one for one in trust.lists if _is_by_issuer(one, certificate, trust.roots or ())]
    for one in usable:
        entry = one.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None:
            return _revoked(entry, proven)
    newest = max((one.last_update_utc for one in usable), default=None)
    if any(one.next_update_utc is not None and moment <= one.next_update_utc for one in usable):
        return Fact(name, True, f"The seal's certificate was not revoked as of {newest:%Y-%m-%d %H:%M} UTC.")
    if proven is not None:
        for one in _own_lists(seal, trust):
            if one.next_update_utc is not None and proven <= one.next_update_utc:
                words = f"The list of {one.last_update_utc:%Y-%m-%d} inside the card did not revoke the certificate"
                return Fact(name, True, f"{words} when the timestamp was made.")
    if newest is not None:
        return Fact(name, None, f"The list of revoked certificates is of {newest:%Y-%m-%d} and too old; get a new one.")
    return Fact(name, None, "No list of revoked certificates was given, so a revocation would not be known.")


def _own_lists(seal: Seal, trust: Trust) -> Iterator[x509.CertificateRevocationList]:
    for content in seal.lists:
        try:
            found = x509.load_der_x509_crl(content)
        except ValueError:
            continue
        listed = found.get_revoked_certificate_by_serial_number(seal.certificate.serial_number)
        if _is_by_issuer(found, seal.certificate, trust.roots or ()) and listed is None:
            yield found


def _is_by_issuer(
    found: x509.CertificateRevocationList, certificate: x509.Certificate, roots: Sequence[x509.Certificate]
) -> bool:
    above = [root for root in roots if issued(certificate, root)]
    try:
        return any(found.is_signature_valid(root.public_key()) for root in above)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _revoked(entry: x509.RevokedCertificate, proven: datetime | None) -> Fact:
    since, why = entry.revocation_date_utc, "the list does not say why"
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        why = REASONS.get(reason, reason.value)
        since = min(since, entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc)
    except (x509.ExtensionNotFound, ValueError):
        pass
    revoked = f"The seal's certificate was revoked as of {since:%Y-%m-%d %H:%M} UTC: {why}"
    if proven is not None and proven < since:
        return Fact("Revocation", True, f"{revoked}; a timestamp proves that the card was sealed before.")
    return Fact("Revocation", False, f"{revoked}; nothing proves that the card was sealed before.")


def validity_fact(seal: Seal, proven: datetime | None, moment: datetime) -> Fact:
    """Whether the certificate was valid when the card was sealed, and is valid now or proven to have been in time."""
    name, certificate, stated = "Validity", seal.certificate, seal.stated_at
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if stated is None:
        return Fact(name, False, "The signature does not say when it was made.")
    if problem := _untimely(certificate, stated, proven):
        return Fact(name, False, problem)
    if moment < first:
        return Fact(name, False, f"The certificate is valid only from {first:%Y-%m-%d}.")
    signed = f"Signed {stated.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if moment <= last:
        return Fact(name, True, f"{signed}; certificate valid to {last:%Y-%m-%d}.")
    if proven is not None:
        return Fact(name, True, f"{signed}; the certificate expired on {last:%Y-%m-%d}, after the proven time.")
    return Fact(name, False, f"The certificate expired on {last:%Y-%m-%d}.")


def _untimely(certificate: x509.Certificate, stated: datetime, proven: datetime | None) -> str:
    if not is_valid(certificate, stated):
        return f"The certificate was not valid at the stated time, {stated:%Y-%m-%d %H:%M %Z}."
    if proven is not None and not is_valid(certificate, proven):
        return f"The certificate was not valid at the time of the timestamp, {proven:%Y-%m-%d}."
    if proven is not None and abs(proven - stated) > CLOCKS_MAY_DIFFER:
        return f"The signature says {stated:%Y-%m-%d %H:%M}, the timestamp {proven:%Y-%m-%d %H:%M}."
    return ""
