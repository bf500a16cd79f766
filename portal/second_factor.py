"""One-time codes of people (TOTP, RFC 6238): set up, use, removal. Whoever has set them up needs them to sign.

The secret lies in the database, as it must for any server that checks codes; no page shows it once it is confirmed.
"""

from __future__ import annotations

from base64 import b32encode
from datetime import datetime

import segno
from django.contrib.auth.models import User
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import ledger, notify
from portal.errors import BadInput, NotPermitted, Refused
from portal.tasks import PortalEvent

LONGEST_CODE = 8
WRONG_CODE = (
    "That code is not correct, or was used before. Wait for the next one of your device; check its clock if none is "
    "taken. Nothing was signed."
)


def device_of(person: User) -> TOTPDevice | None:
    """The confirmed device of a person; None if codes are not set up."""
    found: TOTPDevice | None = TOTPDevice.objects.filter(user=person, confirmed=True).order_by("pk").first()
    return found


def begun(person: User) -> TOTPDevice | None:
    """A device that waits for its first code."""
    found: TOTPDevice | None = TOTPDevice.objects.filter(user=person, confirmed=False).order_by("-pk").first()
    return found


def begin(*, person: User) -> TOTPDevice:
    """A new secret, which counts once a code of it was given. An earlier one that never was is thrown away."""
    with transaction.atomic():
        if device_of(person) is not None:
            raise Refused("One-time codes are set up already; remove them first.")
        TOTPDevice.objects.filter(user=person, confirmed=False).delete()
        return TOTPDevice.objects.create(user=person, name="Authenticator", confirmed=False)


def shown_secret(device: TOTPDevice) -> tuple[str, str]:
    """The secret in groups of four, and the same as a QR code in SVG; only of a device that is not confirmed."""
    if device.confirmed:
        raise NotPermitted("The secret of a confirmed device is not shown again.")
    text = b32encode(device.bin_key).decode().rstrip("=")
    picture = segno.make(device.config_url, error="m").svg_inline(scale=5, border=3, light="#fff", title="QR code")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4)), picture


def confirm(*, person: User, code: str) -> None:
    """Take a begun device into use with its first code. Recorded, and its owner is told."""
    device = begun(person)
    if device is None or device_of(person) is not None:
        raise Refused("There is nothing to confirm; begin again.")
    if not device.verify_token(_digits(code)):
        raise BadInput(
            "That code does not belong to this secret. Scan it again, or check the device's clock.", field="code"
        )
    with transaction.atomic():
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        _tell(person, PortalEvent.CODES_SET_UP, "One-time codes are set up for your account; signing asks for one now.")
        _record(PortalEvent.CODES_SET_UP, person, person)


def accept(*, person: User, code: str) -> None:
    """Use up one code. Raises BadInput for a wrong or used one, and while too many wrong ones were given."""
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=person, confirmed=True).order_by("pk").first()
        accepted = device is not None and device.verify_token(_digits(code))
    if not accepted:
        raise BadInput(WRONG_CODE, field="code", code="wrong-code")


def remove(*, person: User, by: User) -> None:
    """Take codes away: by their owner, who has just proved identity, or by an administrator for a lost device."""
    with transaction.atomic():
        removed, _ = TOTPDevice.objects.filter(user=person).delete()
        if not removed:
            raise Refused("No one-time codes are set up.")
        who = "You" if by == person else ledger.printed_name(by)
        _tell(
            person,
            PortalEvent.CODES_REMOVED,
            f"{who} removed the one-time codes of your account. Object if you did not want that.",
        )
        _record(PortalEvent.CODES_REMOVED, by, person)


def set_up_since(device: TOTPDevice) -> datetime | None:
    """When the device was made."""
    found: datetime | None = device.created_at
    return found


def _digits(code: str) -> str:
    text = "".join(code.split())
    return text if text.isascii() and text.isdecimal() and len(text) <= LONGEST_CODE else "x"


def _tell(person: User, event: PortalEvent, text: str) -> None:
    notify.notify(recipients=[person], event=event, text=text, link="/codes/")


def _record(event: PortalEvent, actor: User, person: User) -> None:
    facts = {"account": person.pk, "name": str(person)}
    ledger.record(event=event, actor=actor, subject=person, scope="portal", facts=facts)
