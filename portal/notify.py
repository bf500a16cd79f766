"""From acts to inbox rows and mail: rows are written in the act's own transaction, sending happens after commit.

It decides when a message is tried again; it never decides who has to know, and never sends from a web request.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from portal import hints, ledger
from portal.models import Notification, OutgoingMessage

logger = logging.getLogger(__name__)

SEND_TASK = "portal.tasks.send_outgoing"
MOST_ATTEMPTS = 10
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
LONGEST_SUBJECT = 120


class NotifyMisuse(Exception):
    """Code asked for a notification that cannot be right; a fault of the program, not of the user."""


def notify(
    *, recipients: Iterable[AbstractBaseUser], event: StrEnum, text: str, link: str, asks_for_act: bool = False
) -> None:
    """Put one line into each active recipient's inbox and queue a mail to those with an address."""
    if not transaction.get_connection().in_atomic_block:
        raise NotifyMisuse(f"{event} was to be announced outside the transaction of the act itself.")
    if not ledger.is_known_event(event):
        raise NotifyMisuse(f"{event!r} is not a known event.")
    if not link.startswith("/") or link.startswith(("//", "/\\")):
        raise NotifyMisuse(f"A notification links into the portal, not to {link!r}.")
    now = timezone.now()
    people = {person.pk: person for person in recipients if person.is_active}
    Notification.objects.bulk_create(
        Notification(user_id=pk, event=event.value, text=text, link=link, asks_for_act=asks_for_act, created_at=now)
        for pk in people
    )
    addresses = {str(getattr(person, "email", "")).strip() for person in people.values()} - {""}
    for address in sorted(addresses):
        queue_mail(recipient=address, subject=text, body=f"{text}\n\n{settings.PORTAL_URL}{link}\n")


def administrators() -> list[User]:
    """Active people who configure the portal."""
    return list(User.objects.filter(is_superuser=True, is_active=True))


def tell_administrators(*, event: StrEnum, text: str, link: str) -> None:
    """Tell who configures the portal of what nobody else can mend, in the inbox and by mail."""
    people = administrators()
    notify(recipients=people, event=event, text=text, link=link, asks_for_act=True)
    mail_administrators(text=text, link=link, but_not={person.email.strip() for person in people})


def mail_administrators(*, text: str, link: str, but_not: Collection[str] = ()) -> None:
    """Queue a mail to the addresses of the administrators; nothing where the settings name none but those told."""
    for address in settings.ADMINISTRATORS:
        if address in but_not:
            continue
        queue_mail(recipient=address, subject=text, body=f"{text}\n\n{settings.PORTAL_URL}{link}\n")


def queue_mail(*, recipient: str, subject: str, body: str) -> None:
    """Queue one mail inside the caller's transaction."""
    one_line = " ".join(subject.split())
    if len(one_line) > LONGEST_SUBJECT:
        one_line = one_line[: LONGEST_SUBJECT - 1] + "…"
    OutgoingMessage.objects.create(
        channel=OutgoingMessage.Channel.MAIL,
        recipient=recipient,
        subject=one_line,
        body=body,
        created_at=timezone.now(),
    )
    hints.send_after_commit(SEND_TASK)


def send_due(*, now: datetime) -> int:
    """Send what is due; gives how many were sent. Two at once are harmless: each row is claimed before it is sent."""
    due = Q(next_try_at=None) | Q(next_try_at__lte=now)
    waiting = OutgoingMessage.objects.filter(due, sent_at=None, attempts__lt=MOST_ATTEMPTS).order_by("pk")
    return sum(_send(message, now=now) for message in waiting[:200])


def _send(message: OutgoingMessage, *, now: datetime) -> bool:
    """Claim, then send: a process that dies in between leaves a row that is due again after the pause."""
    pause = min(FIRST_PAUSE * 4**message.attempts, LONGEST_PAUSE)
    row = OutgoingMessage.objects.filter(pk=message.pk)
    claimed = row.filter(sent_at=None, attempts=message.attempts).update(
        attempts=F("attempts") + 1, next_try_at=now + pause
    )
    if not claimed:
        return False
    try:
        EmailMessage(subject=message.subject, body=message.body, to=[message.recipient]).send()
    except (SMTPException, OSError, ValueError) as failure:
        row.update(last_error=f"{type(failure).__name__}: {failure}")
        logger.warning("Message %s could not be sent (attempt %s).", message.pk, message.attempts + 1)
        return False
    row.update(sent_at=timezone.now(), last_error="", next_try_at=None)
    return True
