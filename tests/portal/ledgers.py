"""What the tests of the ledger share: events, entries, and a way past the guards for attackers."""

from enum import StrEnum

from django.contrib.auth.models import Group
from django.db import connection, transaction

from portal import guards, ledger


class Act(StrEnum):
    MADE = "tests.thing.made"
    MOVED = "tests.thing.moved"


ledger.register_events(Act)


def record(number=0, *, actor=None, subject=None, **given):
    """Append one entry in a transaction of its own."""
    with transaction.atomic():
        subject = subject or Group.objects.get_or_create(name="things")[0]
        values = {"event": Act.MADE, "scope": "portal", "facts": {"number": number}} | given
        return ledger.record(actor=actor, subject=subject, **values)


def drop_guards():
    """What an attacker with the database in hand does first."""
    with connection.cursor() as cursor:
        for guard in guards.declared():
            if connection.vendor in guard.engines:
                for statement in guard.drop_statements(connection.vendor):
                    cursor.execute(statement)


def run_sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def fail_after(act):
    """Do something in a transaction that then fails."""
    with transaction.atomic():
        act()
        raise ZeroDivisionError
