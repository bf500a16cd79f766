"""Makes the document that refers to a table too large to upload, and attaches it if asked to."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from io import BytesIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from approvals import evidence, listing
from approvals.management.commands._tables import BAD_INPUT
from approvals.models import EvidenceKind, ModelVersion
from approvals.referring import CONNECTION, FOLDER
from portal.errors import DomainError
from portal.table_places import why_not_a_folder


class Command(BaseCommand):
    """`manage.py refer lake "2026/*.parquet"` or `manage.py refer warehouse schema.table`.

    Exit status 2: there is no such place or table, with a sentence.
    """

    help = (
        "Print the document that refers to files of a named folder (PORTAL_TABLE_FOLDERS) or to a relation of a named "
        "connection (PORTAL_TABLE_CONNECTIONS): digests or a fingerprint. Attach it on the page of a version instead "
        "of the table, or here with --attach. Hashing reads every byte; a fingerprint reads every row."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The place, the table, and what to do with the document."""
        parser.add_argument("place", help="name of a folder or of a connection")
        parser.add_argument("table", help="a file, a folder or a pattern such as 2026/**/*.parquet; or schema.table")
        parser.add_argument("--attach", type=int, metavar="VERSION", help="attach it to the version of that number")
        parser.add_argument("--as", dest="username", help="submitter who attaches it")
        parser.add_argument(
            "--kind", default=EvidenceKind.EVALUATION_TABLE, choices=["evaluation_table", "training_table"]
        )
        parser.add_argument(
            "--declare", default="{}", help='what is declared, as JSON: {"label": "y", "prediction": "p"}'
        )

    def handle(self, **options: Any) -> None:
        """List, then print or attach."""
        self._shown = ""
        try:
            what, place = _place(options["place"])
            asked = listing.Asked(what, options["place"], options["table"])
            text = listing.listed(place, asked, limits=listing.WITH_TIME, on_progress=self._progress)
            if options["attach"] is None:
                self.stdout.write(text.decode(), ending="")
                return
            self._attach(text, asked, options)
        except DomainError as error:
            raise CommandError(error.sentence, returncode=BAD_INPUT) from error

    def _attach(self, text: bytes, asked: listing.Asked, options: dict[str, Any]) -> None:
        user = User.objects.filter(username=options["username"] or "", is_active=True).first()
        if user is None:
            raise CommandError("Name an active submitter of the model with --as.", returncode=BAD_INPUT)
        if not ModelVersion.objects.filter(pk=options["attach"]).exists():
            raise CommandError(f"There is no version {options['attach']}.", returncode=BAD_INPUT)
        row = evidence.attach(
            version_id=options["attach"],
            actor=user,
            kind=options["kind"],
            stream=BytesIO(text),
            name=asked.name,
            details=_declared(options["declare"]),
        )
        self.stdout.write(f"Attached {row.name} to {row.version} as {row.get_kind_display().lower()}.")

    def _progress(self, percent: int, text: str) -> None:
        line = f"{percent:3} % {text}"
        if line != self._shown:
            self._shown = line
            self.stderr.write(line)


def _place(name: str) -> tuple[str, Any]:
    found = {FOLDER: settings.TABLE_FOLDERS.get(name), CONNECTION: settings.TABLE_CONNECTIONS.get(name)}
    named = {what: place for what, place in found.items() if place is not None}
    if len(named) != 1:
        known = ", ".join(sorted({*settings.TABLE_FOLDERS, *settings.TABLE_CONNECTIONS})) or "none"
        why = "is a folder and a connection; give them different names" if named else "is no folder and no connection"
        raise CommandError(f"“{name}” {why}. Known names: {known}.", returncode=BAD_INPUT)
    what, place = named.popitem()
    if what == FOLDER and (problem := why_not_a_folder(place, away_from=(Path(settings.VAR),))):
        raise CommandError(f"The folder “{name}” cannot be used: {problem}.", returncode=BAD_INPUT)
    return what, place


def _declared(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CommandError("--declare must be one JSON object.", returncode=BAD_INPUT)
    return found
