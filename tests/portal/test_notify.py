"""Inbox rows come with the act, mail goes out after it, each once, and trouble with mail troubles nobody else."""

import socket
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import transaction
from django.utils import timezone

from portal import notify
from portal.models import Notification, OutgoingMessage
from portal.tasks import send_outgoing
from tests.databases import at_once
from tests.portal.ledgers import Act, fail_after

pytestmark = pytest.mark.both_engines


def person(name, **given):
    return User.objects.create(username=name, **{"email": f"{name}@example.org", **given})


def tell(*people, **given):
    values = {"event": Act.MADE, "text": "Card 7 waits for you.", "link": "/admin/cards/7/"} | given
    with transaction.atomic():
        notify.notify(recipients=people, **values)


@pytest.mark.django_db
def test_each_active_person_gets_one_line_and_one_mail(settings):
    settings.PORTAL_URL = "https://portal.example"
    ann, bob = person("ann"), person("bob", email="")
    tell(ann, bob, ann, person("gone", is_active=False), asks_for_act=True)
    lines = Notification.objects.order_by("user__username").values_list(
        "user__username", "event", "asks_for_act", "read_at"
    )
    assert list(lines) == [("ann", "tests.thing.made", True, None), ("bob", "tests.thing.made", True, None)]
    message = OutgoingMessage.objects.get()
    assert (message.channel, message.recipient, message.subject) == ("mail", "ann@example.org", "Card 7 waits for you.")
    assert message.body == "Card 7 waits for you.\n\nhttps://portal.example/admin/cards/7/\n"


@pytest.mark.django_db
def test_a_mail_subject_is_one_short_line():
    tell(person("ann"), text="Line one\r\nBcc: everyone@example.org " + "x" * 200)
    subject = OutgoingMessage.objects.get().subject
    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) == 120
    assert send_outgoing() == 1
    assert mail.outbox[0].recipients() == ["ann@example.org"]


@pytest.mark.django_db
@pytest.mark.parametrize("link", ["https://evil.example/", "//evil.example/", "/\\evil.example", "admin/", ""])
def test_a_link_that_leaves_the_portal_is_refused(link):
    with pytest.raises(notify.NotifyMisuse, match="links into the portal"):
        tell(person("ann"), link=link)


@pytest.mark.django_db
def test_an_unknown_event_is_refused():
    with pytest.raises(notify.NotifyMisuse, match="not a known event"):
        tell(person("ann"), event="tests.thing.made")


def test_outside_the_transaction_of_the_act_nothing_is_announced(committed_database):
    with pytest.raises(notify.NotifyMisuse, match="outside the transaction"):
        notify.notify(recipients=[person("ann")], event=Act.MADE, text="x", link="/")
    assert not Notification.objects.exists()


def test_an_act_that_is_rolled_back_was_never_announced(committed_database):
    ann = person("ann")
    with pytest.raises(ZeroDivisionError):
        fail_after(lambda: tell(ann))
    assert not Notification.objects.exists()
    assert not OutgoingMessage.objects.exists()


def test_g17_a_broker_that_is_down_does_not_touch_the_act(committed_database):
    # No broker listens in the tests' private folder.
    tell(person("ann"))
    assert (Notification.objects.count(), OutgoingMessage.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_a_mail_is_sent_once():
    tell(person("ann"))
    assert [send_outgoing(), send_outgoing()] == [1, 0]
    message = OutgoingMessage.objects.get()
    assert (len(mail.outbox), message.attempts, message.sent_at is not None) == (1, 1, True)


def test_g24_two_beats_at_once_send_each_mail_once(committed_database):
    tell(*[person(f"person{number}") for number in range(20)])
    assert sum(at_once(lambda _: send_outgoing(), threads=8)) == 20
    assert sorted(message.to[0] for message in mail.outbox) == sorted(
        f"person{number}@example.org" for number in range(20)
    )


@pytest.fixture
def no_mail_server(settings):
    """A mail server's address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = taken.getsockname()[1]
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        yield settings


@pytest.mark.django_db
def test_a_failed_mail_is_tried_again_later_and_later_and_then_left_to_be_seen(no_mail_server):
    tell(person("ann"))
    now = timezone.now()
    pauses = []
    for attempt in range(1, notify.MOST_ATTEMPTS + 1):
        assert notify.send_due(now=now) == 0
        message = OutgoingMessage.objects.get()
        assert message.next_try_at is not None
        assert (message.attempts, message.sent_at) == (attempt, None)
        assert "ConnectionRefusedError" in message.last_error
        pauses.append(message.next_try_at - now)
        assert notify.send_due(now=message.next_try_at - timedelta(seconds=1)) == 0
        assert OutgoingMessage.objects.get().attempts == attempt
        now = message.next_try_at
    assert [pause // timedelta(minutes=1) for pause in pauses] == [1, 4, 16, 64, 256, 360, 360, 360, 360, 360]
    notify.send_due(now=now + timedelta(days=9))
    assert OutgoingMessage.objects.get().attempts == notify.MOST_ATTEMPTS


@pytest.mark.django_db
def test_after_the_mail_server_is_back_the_mail_goes_out(no_mail_server):
    tell(person("ann"))
    now = timezone.now()
    notify.send_due(now=now)
    no_mail_server.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert notify.send_due(now=now + timedelta(minutes=2)) == 1
    message = OutgoingMessage.objects.get()
    assert (message.attempts, message.last_error, len(mail.outbox)) == (2, "", 1)


@pytest.mark.django_db
def test_one_address_that_cannot_be_used_does_not_stop_the_others():
    tell(person("bad", email="bad\n@example.org"), person("good"))
    assert send_outgoing() == 1
    assert [message.to for message in mail.outbox] == [["good@example.org"]]
    assert OutgoingMessage.objects.get(sent_at=None).last_error.startswith("BadHeaderError")
