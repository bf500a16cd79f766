"""`manage.py verify card.pdf`: says in words and by exit status whether a card holds. Needs no database unless asked.

Exit status 0: everything was checked and holds. 1: something does not hold. 2: something could not be checked.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from modelcards import comparison
from modelcards.signing import root_path
from modelcards.verification import CardReport, Fact, verify_card
from portal import checkpoints
from portal.errors import DomainError

SIGNS = {True: "holds      ", False: "DOES NOT   ", None: "unknown    "}


class Command(BaseCommand):
    """Verify a model card."""

    help = (
        "Say whether a model card (PDF) is what a portal issued, offline. Exit status 0 holds, 1 does not, 2 unknown."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and whom to trust."""
        parser.add_argument("card", type=Path, help="The PDF.")
        parser.add_argument("--root", type=Path, help="Root certificate that you trust; default: this portal's own.")
        parser.add_argument("--key", help="Ledger key that you trust (name+hash+key); default: this portal's own.")
        parser.add_argument("--ledger", action="store_true", help="Compare with this portal's database as well.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print a line per fact, then the sentence to act on."""
        try:
            pdf = options["card"].read_bytes()
        except OSError as failure:
            raise CommandError(f"{options['card']} cannot be read: {failure.strerror}.", returncode=2) from failure
        if not pdf.startswith(b"%PDF-"):
            raise CommandError(f"{options['card']} is not a PDF, so there is nothing to verify.", returncode=2)
        try:
            report = verify_card(pdf, roots=_roots(options["root"]), vkey=options["key"] or _own_key())
            if options["ledger"]:
                report = CardReport((*report.facts, *comparison.with_database(pdf, report.card)), report.card)
        except DomainError as error:
            raise CommandError(error.sentence, returncode=2) from error
        self._say(report)
        if any(fact.holds is False for fact in report.facts):
            raise SystemExit(1)
        if not report.ok:
            raise SystemExit(2)

    def _say(self, report: CardReport) -> None:
        for fact in report.facts:
            self.stdout.write(_line(fact))
        self.stdout.write("")
        self.stdout.write(report.bottom_line)


def _line(fact: Fact) -> str:
    return f"{SIGNS[fact.holds]}{fact.name:<16}{fact.sentence}"


def _roots(given: Path | None) -> list[bytes] | None:
    path = given or root_path(settings.VAR)
    try:
        return [path.read_bytes()]
    except OSError as failure:
        if given is None:
            return None
        raise CommandError(f"{given} cannot be read: {failure.strerror}.", returncode=2) from failure


def _own_key() -> str | None:
    try:
        return checkpoints.vkey()
    except DomainError:
        return None
