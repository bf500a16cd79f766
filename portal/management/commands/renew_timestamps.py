"""Renews the timestamps over issued cards before their certificates end. The nightly task does the same."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelcards import renewals
from portal.errors import DomainError


class Command(BaseCommand):
    """Exit status 0: all that is due was renewed. 1: a card that is due could not be."""

    help = "Put a new timestamp on each issued card whose newest one ends soon. The issued bytes stay as they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--within", type=int, metavar="DAYS", help="else TIMESTAMP_RENEW_DAYS, 180 if not set")
        parser.add_argument("--card", default="", metavar="NUMBER", help="only this card")

    def handle(self, *, within: int | None, card: str, **_: Any) -> None:
        """Renew and say."""
        try:
            found = renewals.renew_due(within=None if within is None else timedelta(days=within), number=card)
        except DomainError as refusal:
            raise CommandError(refusal.sentence) from refusal
        for one in found:
            self.stdout.write(one.sentence)
        failed = sum(not one.done for one in found)
        if failed:
            raise CommandError(f"{failed} of {len(found)} cards that are due were not renewed.")
        if not found:
            self.stdout.write("No timestamp of a card ends within that time.")
