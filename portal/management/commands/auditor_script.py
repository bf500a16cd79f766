"""Writes the script with which an auditor verifies cards and extracts of the ledger without the portal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from modelcards.auditor_script import auditor_script


class Command(BaseCommand):
    """One file; it needs Python and the package cryptography."""

    help = "Write the stand-alone script that verifies model cards (PDF) and extracts of the ledger."
    requires_system_checks: Any = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("file", nargs="?", default="verify_card.py")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it."""
        path = Path(options["file"])
        path.write_text(auditor_script(), encoding="utf-8")
        self.stdout.write(f"{path}: run it with `python {path.name} FILE --authority root.pem --ledger-key KEY`.\n")
