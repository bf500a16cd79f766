"""What the tests of the ledger share: events, an own key, some entries, and a way past the guards for attackers."""

from enum import StrEnum

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from portal import guards, ledger
from portal.keys import ensure_keys


class Act(StrEnum):
    MADE = "tests.thing.made"
    MOVED = "tests.thing.moved"


ledger.register_events(Act)


@pytest.fixture
def own_var(settings, tmp_path):
    """A private folder with a key of its own."""
    settings.VAR = tmp_path / "var"
    ensure_keys(settings.VAR)
    return settings.VAR


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
