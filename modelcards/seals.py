"""The seal as the portal runs it: where its key is, what it asks timestamps of, and who is told when it ends.

Settings become identities and plans here. Rotating and revoking are acts with a reason, recorded in the ledger.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.conf import settings
from django.contrib.auth.models import User
from django.core import checks
from django.db import transaction
from django.utils import timezone

from modelcards import authority, signing
from modelcards.card import SealFacts
from modelcards.events import Event
from modelcards.hardware import Token
from modelcards.signing import Level, Plan, SigningIdentity
from modelcards.timestamping import TimestampAuthority, TimestampFailed, certificates, revocation_list
from portal import ledger, notify
from portal.errors import BadInput, Refused, Unavailable
from portal.models import LedgerHead

WARN_BEFORE = timedelta(days=90)
REASONS = {"compromised": authority.COMPROMISED, "superseded": authority.SUPERSEDED}
ABSENT = ("refuse", "issue")


def token() -> Token | None:
    """The token that the settings name for the seal's key, if any."""
    named = settings.CARD_TOKEN
    return Token(named["MODULE"], named["LABEL"], named["PIN"]) if named["MODULE"] else None


def identity(*, now: datetime | None = None) -> SigningIdentity:
    """The seal, made or renewed if need be. Raises Unavailable."""
    return signing.ensure_signing_identity(
        settings.VAR,
        organisation=settings.ORGANISATION,
        passphrase=settings.CARD_KEY_PASSPHRASE,
        token=token(),
        now=now,
    )


def clock() -> TimestampAuthority | None:
    """The timestamp authority that the settings name, if any. Raises Unavailable if its files cannot be read."""
    named = settings.TIMESTAMPS
    if not named["URL"]:
        return None
    return TimestampAuthority(
        url=named["URL"],
        roots=certificates(Path(named["CA"])),
        seconds=float(named["SECONDS"]),
        user=named["USER"],
        password=named["PASSWORD"],
        lists=tuple(revocation_list(Path(one.strip())) for one in named["CRLS"].split(",") if one.strip()),
    )


def timestamp_roots() -> list[bytes] | None:
    """The file of timestamp authorities to trust, also for cards of former ones; None if there is none."""
    path = Path(settings.TIMESTAMPS["CA"] or "-")
    return [path.read_bytes()] if path.is_file() else None


def plan(sealing: SigningIdentity) -> tuple[Plan, str]:
    """What the next card's signature will carry, and why it carries less than the settings ask for.

    Raises TimestampFailed if no timestamp is to be had and the settings want no card without one.
    """
    try:
        asked = clock()
        return (Plan(), "") if asked is None else (Plan.of(level(), asked, sealing), "")
    except TimestampFailed as failure:
        return without_timestamps(failure)


def level() -> Level:
    """The level that the settings ask for."""
    return Level(f"PAdES {settings.TIMESTAMPS['LEVEL']}")


def without_timestamps(failure: TimestampFailed) -> tuple[Plan, str]:
    """The plan without timestamps and the sentence that says why, or the failure again: the settings decide."""
    if settings.TIMESTAMPS["ABSENT"] != "issue":
        raise TimestampFailed(
            f"{failure.sentence} No card is issued without one (TIMESTAMP_ABSENT); order it again later.",
            code=failure.code,
        ) from failure
    return Plan(), f"{level()} was asked for, but {failure.sentence[0].lower()}{failure.sentence[1:]}"


def facts(sealing: SigningIdentity, planned: Plan, note: str) -> SealFacts:
    """What a card prints about the seal that it will get."""
    by = "" if planned.stamp is None else planned.stamp.by
    return dataclasses.replace(sealing.facts, level=planned.level.value, timestamps_by=by, note=note)


def rotate(*, actor: User | None, reason: str, now: datetime | None = None) -> SigningIdentity:
    """Give the seal a new key under the same root. Cards of the old one stay good. Recorded."""
    _require_reason(reason)
    now = now or timezone.now()
    authority.ensure_root(
        settings.VAR,
        organisation=settings.ORGANISATION,
        passphrase=authority.passphrase_of(settings.VAR, settings.CARD_KEY_PASSPHRASE),
        now=now,
    )
    former = signing.present_certificate(settings.VAR, passphrase=settings.CARD_KEY_PASSPHRASE, token=token())
    _, certificate = signing.rotate(
        settings.VAR,
        organisation=settings.ORGANISATION,
        passphrase=settings.CARD_KEY_PASSPHRASE,
        token=token(),
        now=now,
    )
    with transaction.atomic():
        _record(
            Event.SEAL_ROTATED,
            actor,
            reason,
            certificate,
            former="" if former is None else _fingerprint(former),
        )
    return identity(now=now)


def revoke(
    *, fingerprint: str, why: str, since: datetime, actor: User | None, reason: str, now: datetime | None = None
) -> x509.Certificate:
    """Put a certificate of the seal, present or former, on the list of revoked ones for good. Recorded.

    Raises Refused for one that is not ours, is revoked already, or if the reason is none.
    """
    _require_reason(reason)
    now = now or timezone.now()
    if why not in REASONS:
        raise BadInput(f"There is no cause “{why}”; known: {', '.join(sorted(REASONS))}.", field="why")
    if since > now:
        raise BadInput("A certificate is revoked as of now or an earlier time.", field="since")
    matching = [one for one in known() if _fingerprint(one) == fingerprint.lower().replace(":", "")]
    if not matching:
        raise Refused("This portal knows no seal with that fingerprint; `card_key show` lists them.")
    secret = authority.passphrase_of(settings.VAR, settings.CARD_KEY_PASSPHRASE)
    authority.revoke(settings.VAR, matching[0], passphrase=secret, reason=REASONS[why], since=since, now=now)
    with transaction.atomic():
        _record(Event.SEAL_REVOKED, actor, reason, matching[0], why=why, since=since.astimezone(UTC).isoformat())
    return matching[0]


def known() -> list[x509.Certificate]:
    """The certificate of the seal and those of former ones, newest first."""
    found = signing.retired(settings.VAR)
    present = signing.present_certificate(settings.VAR, passphrase=settings.CARD_KEY_PASSPHRASE, token=token())
    found += [] if present is None else [present]
    return sorted(found, key=lambda one: one.not_valid_before_utc, reverse=True)


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise BadInput("Say why; it is recorded.", field="reason")


def _record(event: Event, actor: User | None, reason: str, certificate: x509.Certificate, **more: str) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=LedgerHead.objects.get(pk=1),
        scope="portal",
        reason=reason,
        facts={
            "certificate": _fingerprint(certificate),
            "serial": f"{certificate.serial_number:x}",
            "valid_until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
            **more,
        },
    )


def needs_care(now: datetime) -> Iterator[str]:
    """What about the seal ends soon or is missing, one sentence each. Makes nothing."""
    var = settings.VAR
    if not authority.root_path(var).exists():
        return  # the first card makes it
    root = x509.load_pem_x509_certificate(authority.root_path(var).read_bytes())
    present = signing.present_certificate(var, passphrase=settings.CARD_KEY_PASSPHRASE, token=token())
    named = [("root certificate of the card seal", root), ("certificate of the card seal", present)]
    for name, certificate in named:
        if certificate is not None and certificate.not_valid_after_utc - now < WARN_BEFORE:
            ends = certificate.not_valid_after_utc
            words = "ended" if ends < now else "ends"
            yield f"The {name} {words} on {ends:%Y-%m-%d}; `manage.py card_key rotate` makes another seal."
    path = authority.list_path(var)
    if not path.is_file():
        yield "There is no list of revoked certificates (card-root.crl), so no card says that its seal was not revoked."
        return
    due = x509.load_der_x509_crl(path.read_bytes()).next_update_utc
    if due is not None and due - now < authority.LIST_LIFE / 3:
        yield (
            f"The list of revoked certificates {'ended' if due < now else 'ends'} on {due:%Y-%m-%d}: put "
            "card-root.p12 into keys for a day, or `manage.py card_key list` with it."
        )
    for one in certificates(Path(settings.TIMESTAMPS["CA"])) if settings.TIMESTAMPS["CA"] else ():
        if one.not_valid_after_utc - now < WARN_BEFORE:
            yield f"A root in TIMESTAMP_CA ends on {one.not_valid_after_utc:%Y-%m-%d}."


def look_after(*, now: datetime | None = None) -> int:
    """Make the list of revoked certificates anew and tell administrators what needs care; gives how many sentences.

    What the keys refuse is one of the sentences. Said every day, until it is done.
    """
    now = now or timezone.now()
    try:
        if authority.root_path(settings.VAR).exists():
            secret = authority.passphrase_of(settings.VAR, settings.CARD_KEY_PASSPHRASE)
            authority.revocation_list(settings.VAR, passphrase=secret, now=now)
        sentences = list(needs_care(now))
    except Unavailable as problem:
        sentences = [problem.sentence]
    with transaction.atomic():
        for sentence in sentences:
            notify.tell_administrators(event=Event.SEAL_NEEDS_CARE, text=sentence, link="/")
    return len(sentences)


def check_settings(**_: object) -> list[checks.CheckMessage]:
    """Settings that cannot be, and what ends soon; runs with every `check` and at start."""
    named = settings.TIMESTAMPS
    found: list[checks.CheckMessage] = []
    if f"PAdES {named['LEVEL']}" not in set(Level):
        found.append(checks.Error("TIMESTAMP_LEVEL is B-B, B-T, B-LT or B-LTA.", id="modelcards.E001"))
    if named["ABSENT"] not in ABSENT:
        found.append(checks.Error("TIMESTAMP_ABSENT is refuse or issue.", id="modelcards.E002"))
    if not named["SECONDS"].replace(".", "", 1).isdigit() or not 0 < float(named["SECONDS"]) <= 60:
        found.append(checks.Error("TIMESTAMP_SECONDS is a number up to 60.", id="modelcards.E003"))
    if not named["RENEW_DAYS"].isdigit():
        found.append(checks.Error("TIMESTAMP_RENEW_DAYS is a whole number of days.", id="modelcards.E008"))
    if named["URL"] and urlsplit(named["URL"]).scheme not in ("http", "https"):
        found.append(checks.Error("TIMESTAMP_URL begins with https:// or http://.", id="modelcards.E004"))
    if named["URL"] and not named["CA"]:
        hint = "Whoever answers would be believed without the authority's certificate (PEM)."
        found.append(checks.Error("TIMESTAMP_URL needs TIMESTAMP_CA.", hint=hint, id="modelcards.E005"))
    if settings.CARD_TOKEN["MODULE"] and not (settings.CARD_TOKEN["LABEL"] and settings.CARD_TOKEN["PIN"]):
        found.append(checks.Error("CARD_TOKEN_MODULE needs CARD_TOKEN_LABEL and CARD_TOKEN_PIN.", id="modelcards.E006"))
    return found or [*_files(), *_care()]


def _files() -> Iterator[checks.CheckMessage]:
    try:
        clock()
    except Unavailable as problem:
        yield checks.Error(problem.sentence, id="modelcards.E007")


def _care() -> Iterator[checks.CheckMessage]:
    """Warnings only: a portal whose seal needs care still takes sign-offs."""
    try:
        yield from (checks.Warning(sentence, id="modelcards.W001") for sentence in needs_care(timezone.now()))
    except Unavailable as problem:
        yield checks.Warning(problem.sentence, id="modelcards.W002")
