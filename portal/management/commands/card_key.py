"""Looks after the key that seals model cards: shows it, gives it a successor, revokes what came into other hands."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from modelcards import authority, seals
from portal.errors import DomainError


class Command(BaseCommand):
    """Each act needs a reason and is an entry of the ledger."""

    help = "Show, rotate or revoke the key that seals model cards, or make its list of revoked certificates anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("show", help="the certificates of the seal, the newest first, and what needs care")
        acts.add_parser("list", help="make the list of revoked certificates anew")
        rotate = acts.add_parser("rotate", help="a new key and certificate under the same root; old cards stay good")
        revoke = acts.add_parser("revoke", help="put a certificate on the list of revoked ones, for good")
        revoke.add_argument("fingerprint", help="SHA-256 of the certificate, as `show` and the cards say it")
        revoke.add_argument("--why", required=True, choices=sorted(seals.REASONS))
        revoke.add_argument(
            "--since", help="from when on signatures are not to be believed (2026-05-31T12:00, UTC); else from now"
        )
        for act in (rotate, revoke):
            act.add_argument("--reason", required=True, help="why, in words; it is recorded")
            act.add_argument("--by", metavar="USERNAME", help="who does this; else the ledger names the system")

    def handle(self, *, act: str, **given: Any) -> None:
        """Do it and say what was done."""
        try:
            getattr(self, f"_{act}")(given)
        except DomainError as refusal:
            raise CommandError(refusal.sentence) from refusal

    def _show(self, _: dict[str, Any]) -> None:
        revoked = {entry.serial_number: entry for entry in self._revoked()}
        for certificate in seals.known():
            entry = revoked.get(certificate.serial_number)
            ends = f"to {certificate.not_valid_after_utc:%Y-%m-%d}"
            state = f"revoked on {entry.revocation_date_utc:%Y-%m-%d}" if entry else ends
            fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
            self.stdout.write(f"{fingerprint}  {certificate.not_valid_before_utc:%Y-%m-%d} {state}")
        for sentence in seals.needs_care(timezone.now()):
            self.stdout.write(sentence)

    def _revoked(self) -> Any:
        secret = authority.passphrase_of(settings.VAR, settings.CARD_KEY_PASSPHRASE)
        return authority.revocation_list(settings.VAR, passphrase=secret, now=timezone.now()) or ()

    def _list(self, _: dict[str, Any]) -> None:
        secret = authority.passphrase_of(settings.VAR, settings.CARD_KEY_PASSPHRASE)
        made = authority.revocation_list(settings.VAR, passphrase=secret, now=timezone.now(), age=authority.AT_ONCE)
        if made is None or made.next_update_utc is None:
            raise CommandError("There is no root key yet; the first card makes it.")
        self.stdout.write(f"The list names {len(made)} certificates and is good to {made.next_update_utc:%Y-%m-%d}.")

    def _rotate(self, given: dict[str, Any]) -> None:
        made = seals.rotate(actor=_actor(given["by"]), reason=given["reason"])
        self.stdout.write(f"Cards are sealed with the certificate {made.fingerprint} from now on.")

    def _revoke(self, given: dict[str, Any]) -> None:
        since = _moment(given["since"]) if given["since"] else timezone.now()
        seals.revoke(
            fingerprint=given["fingerprint"],
            why=given["why"],
            since=since,
            actor=_actor(given["by"]),
            reason=given["reason"],
        )
        self.stdout.write(
            "It is revoked. Give auditors the new list, from the page “Verify a card”. A present seal must be rotated."
        )


def _actor(name: str | None) -> User | None:
    if name is None:
        return None
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no active account {name}.")
    return found


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as problem:
        raise CommandError("--since is a day or a time in UTC: 2026-05-31, or 2026-05-31T12:00.") from problem
