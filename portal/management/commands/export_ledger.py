"""Writes an extract of the ledger with proofs, for an auditor who does not have to trust the portal."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import exporting
from portal.errors import DomainError
from portal.models import LedgerEntry
from portal.tasks import PortalEvent

UNUSABLE = 2


class Command(BaseCommand):
    """Exit status 0: written. 2: nothing to write, or bad input."""

    help = (
        "Export ledger entries with names, hashes and inclusion proofs. JSON lines are checked without the portal by "
        "`python portal/merkle.py FILE KEY`. Every export is an entry in the ledger itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("out", type=Path, help="file to write; - for standard output")
        parser.add_argument("--form", choices=sorted(exporting.FORMS), default="jsonl")
        parser.add_argument("--event", help="beginning of the event's name, for example approvals.signoff")
        parser.add_argument("--scope", help="for example approvals.registeredmodel:3 for one model")
        parser.add_argument("--object", help="for example approvals.modelversion:7")
        parser.add_argument("--person", help="name of who acted, as recorded")
        parser.add_argument("--since", help="day, 2026-01-31")
        parser.add_argument("--until", help="day, inclusive")

    def handle(self, *, out: Path, form: str, **chosen: Any) -> None:
        """Choose, sign, write."""
        rows, words = _chosen(chosen)
        try:
            lines = exporting.extract(
                entries=rows, form=form, actor=None, chosen=words, event=PortalEvent.LEDGER_EXPORTED
            )
            if str(out) == "-":
                sys.stdout.writelines(lines)
                return
            with out.open("x", encoding="utf-8", newline="") as target:
                target.writelines(lines)
        except DomainError as problem:
            raise CommandError(problem.sentence, returncode=UNUSABLE) from problem
        except FileExistsError as problem:
            raise CommandError(f"{out} exists already and is not overwritten.", returncode=UNUSABLE) from problem
        except OSError as problem:
            raise CommandError(f"{out} cannot be written: {problem.strerror}.", returncode=UNUSABLE) from problem
        self.stderr.write(f"Written to {out}.")


def _chosen(options: dict[str, Any]) -> tuple[Any, str]:
    rows, words = LedgerEntry.objects.all(), []
    lookups = {"event": "event__startswith", "scope": "scope", "person": "actor_name"}
    for name, lookup in lookups.items():
        if options.get(name):
            rows = rows.filter(**{lookup: options[name]})
            words.append(f"{name} {options[name]}")
    if options.get("object"):
        kind, _, key = str(options["object"]).partition(":")
        rows = rows.filter(object_type=kind, object_id=key)
        words.append(f"object {options['object']}")
    for name, lookup in (("since", "at__gte"), ("until", "at__lte")):
        if options.get(name):
            rows = rows.filter(**{lookup: _moment(options[name], end=name == "until")})
            words.append(f"{name} {options[name]}")
    return rows, ", ".join(words) or "all entries"


def _moment(day: str, *, end: bool) -> datetime:
    try:
        found = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as problem:
        raise CommandError(f"“{day}” is no day; write it as 2026-01-31.", returncode=UNUSABLE) from problem
    return found.replace(hour=23, minute=59, second=59, microsecond=999_999) if end else found
