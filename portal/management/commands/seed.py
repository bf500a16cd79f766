"""Makes the people, policies and models of the demonstration through the public use cases, one line per step.

Never touches a database that DATABASE_URL names, unless asked to, and never adds to people that are there already.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import time
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from portal.errors import DomainError
from portal.keys import ensure_keys
from portal.management.demo.cast import NADIA, common_password, logins_file
from portal.management.demo.scenes import House
from portal.management.demo.steps import Progress, play
from portal.management.demo.whole import whole_story
from portal.management.demo.work import Inline, StoryError, Work, Workers, hints_to_nobody, workers_answer

NOT_OURS = (
    "DATABASE_URL names a database of its own, which gets no demo data by mistake: add --demo if that is what you want."
)
OTHERS = "There are people in this portal already; demo data is made in an empty one only. Nothing was changed."


class Command(BaseCommand):
    """Make the demonstration."""

    help = "Fill an empty portal with people, policies and six models, so that there is something to try."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="put demo data even into the database DATABASE_URL names"
        )
        parser.add_argument(
            "--brief", action="store_true", help="deliver two months after the approval instead of twelve"
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--worker", action="store_true", help="leave checks and cards to the running workers")
        how.add_argument("--inline", action="store_true", help="carry out checks and cards in this process")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.DATABASE_IS_EMBEDDED and not options["demo"]:
            raise CommandError(NOT_OURS)
        os.umask(0o077)
        ensure_keys(settings.VAR)
        with Path(settings.VAR / "run" / "seed.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError("Demo data is being made already; wait for it to end.") from None
            self.seed(chosen_work(worker=options["worker"], inline=options["inline"]), brief=options["brief"])

    def seed(self, work: Work, *, brief: bool = False) -> None:
        """Do what is left to do."""
        began = time.monotonic()
        var = Path(settings.VAR)
        path = var / "demo" / "progress.json"
        begun = path.is_file() and User.objects.filter(username=NADIA.username).exists()
        if not begun and User.objects.exists():
            raise CommandError(OTHERS)
        house = House(password=common_password(var), work=work, var=var, brief=brief)
        steps = whole_story(house)
        progress = Progress(path, steps)
        if not begun:
            progress.forget()
        try:
            done = progress.done()
            if done == len(steps):
                self.stdout.write(f"The demo data is there already; names and password are in {logins_file(var)}.")
                return
            self.stdout.write(work.sentence if not done else f"Goes on after step {done}. {work.sentence}")
            with hints_to_nobody() if isinstance(work, Inline) else nullcontext():
                play(steps, progress, self.stdout.write)
        except (StoryError, DomainError) as reason:
            raise CommandError(f"The demo data is not complete: {reason}") from reason
        self.say_what_now(house, time.monotonic() - began)

    def say_what_now(self, house: House, seconds: float) -> None:
        """Tell once who can sign in, and what to look at."""
        self.stdout.write(f"The demo data was made in {seconds:.0f} s.")
        self.stdout.write(logins_file(house.var).read_text(encoding="utf-8").rstrip())
        self.stdout.write(f"This list is kept in {logins_file(house.var)}.")
        for card in sorted((house.var / "demo").glob("*.pdf")):
            self.stdout.write(f"A signed model card: {card}")
            self.stdout.write(f"Verify it: .venv/bin/python manage.py verify {shlex.quote(str(card))}")


def chosen_work(*, worker: bool, inline: bool) -> Work:
    """Who carries out checks: as asked, else the workers if one answers."""
    if inline:
        return Inline()
    return Workers() if worker or workers_answer() else Inline()
