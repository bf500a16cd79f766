"""Makes a draft of a version's model card and writes it to a file: watermarked, unsigned, without a number."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from modelcards import issuing
from modelcards.models import ModelCard
from portal.errors import DomainError

UNUSABLE = 2
LONGEST, LOOK_EVERY = 300.0, 0.5
"""Seconds to wait for a worker that was quicker, and between two looks."""


class Command(BaseCommand):
    """Exit status 0: written. 2: refused, or not made; the sentence says why."""

    help = (
        "Make a draft of the model card of a version, at any stage, in the name of somebody who may. The draft is kept "
        "in the portal as well, and each is an entry in the ledger."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="name of the registered model")
        parser.add_argument("version", help="number of the version")
        parser.add_argument("out", type=Path, help="file to write")
        parser.add_argument("--as", dest="username", required=True, help="user name of a submitter of this model")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Order, make here unless a worker is quicker, write."""
        out: Path = options["out"]
        if out.exists():
            raise CommandError(f"{out} exists already and is not overwritten.", returncode=UNUSABLE)
        actor = User.objects.filter(username=options["username"], is_active=True).first()
        version = ModelVersion.objects.filter(model__name=options["model"], number=options["version"]).first()
        if actor is None or version is None:
            missing = "There is no active person" if actor is None else "There is no version"
            raise CommandError(f"{missing} of that name.", returncode=UNUSABLE)
        try:
            row = issuing.request_draft(version_id=version.pk, actor=actor)
            _made(row.pk)
            made = issuing.download(card_id=row.pk, actor=actor)
            with out.open("xb") as file:
                file.write(made.content)
        except DomainError as problem:
            error = ModelCard.objects.filter(version=version, kind="draft").values_list("error", flat=True).first()
            raise CommandError(error or problem.sentence, returncode=UNUSABLE) from problem
        except OSError as problem:
            raise CommandError(f"{out} cannot be written: {problem.strerror}.", returncode=UNUSABLE) from problem
        self.stderr.write(f"Written to {out}: {made.name}.")


def _made(card_id: int) -> None:
    """Make the draft here, or wait for the worker that took it."""
    deadline = time.monotonic() + LONGEST
    while ModelCard.objects.filter(pk=card_id, status__in=(RunStatus.QUEUED, RunStatus.RUNNING)).exists():
        if not issuing.execute(card_id):
            time.sleep(LOOK_EVERY)
        if time.monotonic() > deadline:
            return
