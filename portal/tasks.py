"""The ground floor's doors for the worker. Each may run twice or late without harm; rows decide what is left to do."""

import logging
from collections.abc import Iterable
from enum import StrEnum

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal import checkpoints, ledger, notify
from portal.models import Checkpoint, LedgerHead

logger = logging.getLogger(__name__)


class PortalEvent(StrEnum):
    """What the ground floor itself announces."""

    LEDGER_DAMAGED = "portal.ledger.damaged"
    LEDGER_EXPORTED = "portal.ledger.exported"
    ACCOUNT_ADDED = "portal.account.added"
    ACCOUNT_CHANGED = "portal.account.changed"
    ACCOUNT_UNLOCKED = "portal.account.unlocked"
    CODES_SET_UP = "portal.account.codes_set_up"
    CODES_REMOVED = "portal.account.codes_removed"
    TOKEN_ISSUED = "portal.token.issued"  # noqa: S105  (the name of an event)
    TOKEN_REVOKED = "portal.token.revoked"  # noqa: S105  (the name of an event)
    PASSWORD_SET = "portal.account.password_set"  # noqa: S105  (the name of an event)


@shared_task(name="portal.tasks.send_outgoing")
def send_outgoing() -> int:
    """Send the mail that is due."""
    return notify.send_due(now=timezone.now())


@shared_task(name="portal.tasks.sign_decisions")
def sign_decisions() -> bool:
    """Sign the ledger after a final decision."""
    return checkpoints.sign_decisions() is not None


@shared_task(name="portal.tasks.nightly_checkpoint")
def nightly_checkpoint() -> None:
    """Verify the ledger, sign it and send the note to the witnesses; if it is damaged, alarm administrators."""
    if LedgerHead.objects.filter(size=0).exists():
        return
    report = ledger.verify()
    if not report.ok:
        for sentence in report.sentences:
            logger.critical("%s", sentence)
        _alarm(report.sentences)
        return
    checkpoints.keep_missing_files()
    known = set(Checkpoint.objects.values_list("size", flat=True))
    kept = ledger.checkpoint()
    if kept.size not in known:
        _send_to_witnesses(kept, getattr(settings, "LEDGER_WITNESSES", ()))


def _alarm(sentences: Iterable[str]) -> None:
    with transaction.atomic():
        text = f"The ledger does not verify: {next(iter(sentences))}"
        notify.tell_administrators(event=PortalEvent.LEDGER_DAMAGED, text=text, link="/")


def _send_to_witnesses(kept: Checkpoint, witnesses: Iterable[str]) -> None:
    """Whoever holds this mail can later prove that the ledger was rewritten."""
    with transaction.atomic():
        for address in witnesses:
            notify.queue_mail(
                recipient=address,
                subject=f"Ledger checkpoint at {kept.size} entries",
                body=f"Keep this note. It was signed by {ledger.vkey()}\n\n{kept.note}",
            )
