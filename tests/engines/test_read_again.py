"""Readings of a relation whose connection did not answer: what is not read again first, then what is, until when."""

import os
import re
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import psycopg
import pytest
from django.urls import reverse
from django.utils import timezone

from approvals.measures.reading import TableError, UnreachableError
from approvals.measures.referenced import listed_relation, open_referenced
from approvals.measures.references import Referenced, RelationReference
from monitoring import rereading, running, sources, standing, tasks
from monitoring.models import Monitor, Reading, Trouble
from portal.errors import NotPermitted, Refused
from portal.models import LedgerEntry, Notification, OutgoingMessage
from portal.table_places import TablePlace
from tests.engines.test_outcomes_of_relations import referring, warehouse
from tests.monitoring.conftest import deploy

__all__ = ["deploy", "warehouse"]
pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
DRIFT = [{"monitor": "score_drift", "thresholds": {"max_psi": 5}, "severity": "high"}]
HOUR = timedelta(hours=1, minutes=1)
MOST = rereading.MOST[Trouble.UNREACHABLE]
REASON = "The warehouse is up again."


@pytest.fixture
def down(settings):
    """Turns the connection off and on: nobody listens at that port."""

    def turn(*, off):
        url = "postgresql://reader:topsecret@127.0.0.1:1/db" if off else os.environ["DATABASE_URL"]
        settings.TABLE_CONNECTIONS = {"warehouse": TablePlace(url)}

    return turn


def read():
    row = Reading.objects.latest("pk")
    assert running.execute(row.pk)
    row.refresh_from_db()
    return row


def test_what_changed_is_not_read_again(cast, deploy, warehouse):
    referring(cast, deploy(DRIFT))
    warehouse.execute("UPDATE public.met SET y_score = 0.5 WHERE id = 'a7'")
    row = read()
    assert (row.verdict, row.trouble, len(row.sentences)) == ("not_computable", "", 1)
    assert "has changed since it was attached" in row.sentences[0]
    assert rereading.order_due(now=timezone.now() + timedelta(days=2)) == 0


def test_a_connection_that_does_not_answer_is_not_computable_until_it_does(cast, deploy, warehouse, down):
    referring(cast, deploy(DRIFT))
    down(off=True)
    now = timezone.now()
    first = read()
    assert (first.verdict, first.level, first.trouble) == ("not_computable", None, Trouble.UNREACHABLE)
    assert first.sentences == [
        "The connection “warehouse” does not answer; tell an administrator.",
        "Nothing is known of the batch until then: it is read again in an hour, by itself.",
    ]
    told = Notification.objects.filter(text__contains="gave no answer").count()
    assert told > 0
    assert tasks.try_again() == 0, "an hour has not passed"
    assert [rereading.order_due(now=now + HOUR), rereading.order_due(now=now + HOUR)] == [1, 0]
    second = read()
    assert (second.retry, second.verdict, second.outcomes_digest) == (1, "not_computable", first.outcomes_digest)
    assert Notification.objects.filter(text__contains="gave no answer").count() == told, "told once"
    alarm = standing.alarm_of(Monitor.objects.get(), now=now)
    assert (alarm.in_words, alarm.unanswered) == (None, True)

    down(off=False)
    assert rereading.order_due(now=now + 2 * HOUR) == 1
    third = read()
    assert (third.retry, third.verdict, third.trouble) == (2, "ok", ""), third.sentences
    assert third.batch == first.batch
    assert not standing.alarm_of(Monitor.objects.get(), now=now).unanswered
    assert rereading.order_due(now=now + timedelta(days=2)) == 0
    first.refresh_from_db()
    assert first.verdict == "not_computable", "a reading is never changed"


def test_after_a_day_it_stays_until_somebody_asks_and_of_a_version_that_nobody_watches_none_is_read(
    client, cast, deploy, warehouse, down
):
    version = deploy(DRIFT)
    referring(cast, version)
    down(off=True)
    Reading.objects.update(retry=MOST - 1)
    read()
    later = timezone.now() + HOUR
    assert rereading.order_due(now=later) == 1
    last = read()
    assert (last.retry, last.trouble) == (MOST, Trouble.UNREACHABLE)
    assert "It was read again 24 times and is not any more" in last.sentences[1]
    assert rereading.order_due(now=later + timedelta(days=2)) == 0
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            rereading.read_again(batch_id=last.batch_id, actor=user, reason=REASON)
    client.force_login(cast.submitter, backend="django.contrib.auth.backends.ModelBackend")
    page, again = (reverse(f"admin:monitoring_batch_{name}", args=[last.batch_id]) for name in ("change", "again"))
    assert "Read again" in client.get(page).content.decode()
    down(off=False)
    client.post(again, {"reason": "ok"})
    assert Reading.objects.latest("pk") == last, "a reason is asked for"
    client.post(again, {"reason": REASON})
    asked = read()
    assert (asked.retry, asked.verdict) == (MOST + 1, "ok")
    assert "Read again" not in client.get(page).content.decode()
    with pytest.raises(Refused, match="No reading of this batch ended in an error, or waits"):
        rereading.read_again(batch_id=last.batch_id, actor=cast.submitter, reason=REASON)
    assert LedgerEntry.objects.get(event="monitoring.batch.read_again").actor_id == cast.submitter.pk
    Reading.objects.filter(pk=asked.pk).update(trouble=Trouble.UNREACHABLE)
    last = asked
    Reading.objects.filter(pk=last.pk).update(retry=1)
    type(version).objects.filter(pk=version.pk).update(stage="retired")
    assert rereading.order_due(now=later + timedelta(days=2)) == 0


@pytest.mark.parametrize("what", ["password", "right"])
def test_an_account_that_is_refused_is_told_to_administrators_at_once_and_not_tried_by_itself(
    client, cast, deploy, warehouse, settings, what
):
    referring(cast, deploy(DRIFT))
    url = os.environ["DATABASE_URL"]
    parts = urlsplit(url)
    if what == "password":
        user, problem = "nobody_of_ours:topsecret", "answers and refuses the portal's account"
    else:
        warehouse.execute("CREATE ROLE reads_nothing LOGIN PASSWORD 'topsecret'")
        user, problem = "reads_nothing:topsecret", "“warehouse” may not read public.met"
    host = parts.netloc.rpartition("@")[2]
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace(parts._replace(netloc=f"{user}@{host}").geturl())}
    settings.ADMINISTRATORS = ["portal@bank.example"]
    try:
        row = read()
        assert (row.verdict, row.level, row.trouble) == ("not_computable", None, Trouble.DENIED), row.sentences
        assert problem in row.sentences[0]
        assert "not read again by itself" in row.sentences[1]
        assert not {"topsecret", "reads_nothing", "nobody_of_ours"} & set(
            re.findall(r"\w+", f"{row.sentences}{row.log}")
        )
        told = Notification.objects.filter(event="monitoring.connection.denied")
        assert [one.user_id for one in told] == [cast.superuser.pk]
        assert OutgoingMessage.objects.filter(
            recipient="portal@bank.example", subject__contains="cannot be read"
        ).exists()
        assert rereading.order_due(now=timezone.now() + timedelta(days=2)) == 0, "that might lock the account"
        rereading.read_again(batch_id=row.batch_id, actor=cast.submitter, reason=REASON)
        assert read().trouble == Trouble.DENIED
        assert told.count() == 1, "told once"
        if what == "password":
            windows_are_refused(cast, row.batch.version)
            assert told.filter(text__contains="can be taken from public.scores").count() == 1
        settings.TABLE_CONNECTIONS = {"warehouse": TablePlace(url)}
        rereading.read_again(batch_id=row.batch_id, actor=cast.submitter, reason=REASON)
        assert read().verdict == "ok"
    finally:
        if what == "right":
            warehouse.execute("DROP ROLE reads_nothing")


def windows_are_refused(cast, version):
    """A source whose connection refuses the account, looked at twice."""
    now = timezone.now()
    sources.declare(
        version_id=version.pk,
        actor=cast.submitter,
        connection="warehouse",
        relation="public.scores",
        time_column="day",
        schedule="daily",
        starts_on=now.date() - timedelta(days=1),
    )
    assert sources.order_due(now=now) == 1
    for hours in (0, 2):
        assert sources.take(now=now + timedelta(hours=hours)) == 0


def ask_while_it_is_lost(listed, url):
    ending = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_xmin IS NOT "
        "NULL AND state = 'idle in transaction'"
    )
    with open_referenced(listed) as table:
        with psycopg.connect(url, autocommit=True) as other:
            assert other.execute(ending).fetchall()
        with suppress(TableError):
            table.engine.fetch("SELECT COUNT(*) FROM t", ())


def find_it_odd(listed):
    with open_referenced(listed):
        raise TableError("A column is odd.")


def test_a_connection_that_is_lost_in_the_middle_is_no_answer_whatever_was_made_of_it(warehouse):
    url = os.environ["DATABASE_URL"]
    reference = RelationReference("warehouse", "public.met", 0, f"none-0:{'0' * 64}")
    listed = Referenced(listed_relation(Referenced(reference, url), reference), url)
    with pytest.raises(UnreachableError, match="The connection “warehouse” does not answer"):
        ask_while_it_is_lost(listed, url)
    with pytest.raises(TableError) as found:
        find_it_odd(listed)
    assert type(found.value) is TableError
