"""What speaks for a seal besides its own arithmetic: timestamps, revocation and time. Facts in sentences.

Pure: bytes, certificates and a moment in. Nothing is fetched, unknown is never a pass. Part of the auditor's script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509

from modelcards.detached import NotReadable
from modelcards.proofs import WholeStamp, judged, judged_in_turn
from modelcards.revocation import says_good
from modelcards.timestamps import Stamp, is_valid, issued, read_stamp
from modelcards.trust import Fact, Trust

LEVELS = ("PAdES B-B", "PAdES B-T", "PAdES B-LT", "PAdES B-LTA")
CLOCKS_MAY_DIFFER = timedelta(hours=1)
REASONS = {
    x509.ReasonFlags.key_compromise: "its key came into other hands",
    x509.ReasonFlags.superseded: "it was replaced",
    x509.ReasonFlags.cessation_of_operation: "it is no longer used",
}


@dataclass(frozen=True)
class Seal:
    """A seal as it was read, whether it holds or not, and what stands around it in the file.

    `lists` and `answers` (CRL, OCSP; DER) are those that the seal covers, `stamps` the portal's timestamps over the
    whole file.
    """

    certificate: x509.Certificate
    value: bytes
    token: bytes
    stated_at: datetime | None = None
    lists: tuple[bytes, ...] = ()
    stamps: tuple[WholeStamp, ...] = ()
    answers: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Standing:
    """The facts about a seal's standing, and the level of PAdES that the file really has."""

    facts: tuple[Fact, ...]
    level: str
    proven: datetime | None = field(default=None)


def standing(seal: Seal, trust: Trust, moment: datetime) -> Standing:
    """How the seal stands at a moment: what timestamps prove, whether it was revoked, whether it is too old."""
    trusted, facts = judged_in_turn(seal.stamps, trust, moment)
    archive = next((stamp for stamp in trusted if stamp), None)
    proof, fact = _signature_stamp(seal, trust, archive.moment if archive else moment)
    facts = [*facts[:1], *([fact] if fact else []), *facts[1:]]
    proven = min((stamp.moment for stamp in (proof, archive) if stamp), default=None)
    stamps = [stamp for stamp in _stamps_in(seal) if stamp]
    kept = _lists_cover(seal, stamps)
    facts += [revocation_fact(seal, trust, proven, moment), validity_fact(seal, proven, moment)]
    level = LEVELS[0] if not seal.token else LEVELS[1] if not kept else LEVELS[2]
    level = LEVELS[3] if level == LEVELS[2] and seal.stamps else level
    return Standing(tuple(facts), level, proven)


def _stamps_in(seal: Seal) -> Iterator[Stamp | None]:
    """The timestamps that the card was issued with."""
    for one in (seal.token, *(stamp.token for stamp in seal.stamps[:1])):
        try:
            yield read_stamp(one) if one else None
        except NotReadable:
            yield None


def _signature_stamp(seal: Seal, trust: Trust, moment: datetime) -> tuple[Stamp | None, Fact | None]:
    if not seal.token:
        return None, None
    return judged("Timestamp", seal.token, seal.value, "the seal existed", trust, moment)


def _lists_cover(seal: Seal, stamps: Sequence[Stamp]) -> bool:
    """Whether the card holds, for each certificate that it needs, a list that does not revoke it, or an answer."""
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
        or any(says_good(content, needs) for content in seal.answers)
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
