"""Signs a sealed model card further, with somebody's own key, into a new file. Needs no database."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from modelcards import countersigning, records, seals
from modelcards.inspection import inspect
from modelcards.verification import LARGEST, SINCE
from portal.errors import DomainError
from portal.management.commands.verify import shown

PASSPHRASE = "COUNTERSIGN_PASSPHRASE"  # noqa: S105  (the name of a variable)
LARGEST_KEY = 1_000_000


class Command(BaseCommand):
    """For auditors and regulators: the seal stays as it is, and the new signature is judged by itself."""

    help = (
        "Sign a sealed model card (PDF) further, in one of the fields prepared for that, into a new file. The key is a "
        f"PKCS#12 file; its passphrase is asked for, or read from {PASSPHRASE}."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django declares it so)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("card", type=Path, help="the card, which is not changed")
        parser.add_argument("--key", type=Path, required=True, help="key and certificate (PKCS#12, .p12)")
        parser.add_argument("--reason", default="", help="why you sign, in one line; it stands in the file")
        parser.add_argument("--out", type=Path, help="the new file; else the card's name with “-countersigned”")
        parser.add_argument(
            "--root", type=Path, help="the root certificate of seals that you trust, else this portal's"
        )
        parser.add_argument("--timestamp", action="store_true", help="add a timestamp of the authority in the settings")

    def handle(self, *, card: Path, key: Path, reason: str, out: Path | None, **given: Any) -> None:
        """Verify the card, sign it, verify the signature, write."""
        target = out or card.with_name(f"{card.stem}-countersigned{card.suffix}")
        if target.exists():
            raise CommandError(f"{target} is there already; name another file with --out.")
        pdf = _read(card, LARGEST)
        try:
            self._require_good(pdf, given["root"])
            signer = countersigning.read_key(_read(key, LARGEST_KEY), _passphrase(), now=timezone.now())
            clock = seals.clock() if given["timestamp"] else None
            if given["timestamp"] and clock is None:
                raise CommandError("--timestamp needs the authority in the settings (TIMESTAMP_URL); there is none.")
            signed, fact = countersigning.countersigned(pdf, signer, reason=reason, clock=clock)
        except DomainError as refusal:
            raise CommandError(refusal.sentence) from refusal
        try:
            with target.open("xb") as file:
                file.write(signed)
        except OSError as failure:
            raise CommandError(f"{target} cannot be written: {failure.strerror}.") from failure
        self.stdout.write(shown(f"{target} is written. {fact.sentence}"))

    def _require_good(self, pdf: bytes, root: Path | None) -> None:
        """Nobody signs what is no card, or one that does not verify; what is not known is said."""
        roots = records.trusted_roots() if root is None else [_read(root, LARGEST_KEY)]
        revoked = records.revoked() if root is None else []
        stamps = records.trusted_timestamp_roots()
        found = inspect(pdf, roots=roots, keys=records.trusted_keys(), timestamp_roots=stamps, revoked=revoked)
        wrong = [fact for fact in found.report.facts if fact.holds is False and fact.name != SINCE]
        if not found.claims_to_be_a_card or wrong:
            said = wrong[0].sentence if wrong else "It is not a model card."
            raise CommandError(shown(f"Nothing was signed, because the file does not verify. {said}"))
        unknown = ", ".join(fact.name.lower() for fact in found.report.facts if fact.holds is None)
        if unknown:
            self.stderr.write(f"Not checked: {unknown}. You sign without knowing that.")


def _passphrase() -> str:
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    return getpass.getpass("Passphrase of the key: ") if sys.stdin.isatty() else ""


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise CommandError(f"{path} is larger than it can be.")
        return path.read_bytes()
    except OSError as failure:
        raise CommandError(f"{path} cannot be read: {failure.strerror}.") from failure
