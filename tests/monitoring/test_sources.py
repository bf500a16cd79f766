"""Batches from a relation of a connection: who declares, which windows, what is told when one cannot be taken."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse

from approvals import files
from approvals.measures import references
from approvals.measures.reading import TableError
from monitoring import batches, pauses, sources
from monitoring.models import Batch, BatchSource, SourceWindow
from monitoring.source_windows import windows_over
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from portal.table_places import TablePlace
from tests.monitoring.deliveries import WAITING, as_csv, deliver, match, read_waiting, report, rows_of, unlabelled
from tests.refusing_server import refusing

BACKEND = "django.contrib.auth.backends.ModelBackend"
NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
pytestmark = pytest.mark.both_engines


@pytest.fixture
def version(deploy, settings):
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://reader:topsecret@127.0.0.1:1/db")}
    return deploy(WAITING)


def declare(cast, version, *, by=None, **changes):
    given = {
        "connection": "warehouse",
        "relation": "public.scores",
        "time_column": "day",
        "schedule": "monthly",
        "starts_on": date(2026, 2, 1),
        "now": NOW,
        **changes,
    }
    return sources.declare(version_id=version.pk, actor=by or cast.submitter, **given)


@pytest.mark.parametrize(
    ("first", "last", "schedule", "expected"),
    [
        (date(2026, 1, 1), date(2026, 3, 31), "monthly", ["2026-01-01", "2026-02-01", "2026-03-01"]),
        (date(2026, 1, 2), date(2026, 3, 30), "monthly", ["2026-02-01"]),
        (date(2026, 3, 1), date(2026, 4, 30), "monthly", ["2026-03-01"]),
        (date(2026, 3, 28), date(2026, 4, 20), "weekly", ["2026-03-30"]),
        (date(2026, 4, 7), date(2026, 4, 20), "daily", ["2026-04-07", "2026-04-08", "2026-04-09"]),
    ],
)
def test_only_whole_windows_that_are_over_count(first, last, schedule, expected):
    found = windows_over(first, last, schedule, today=NOW.date())
    assert [start.isoformat() for start, _ in found] == expected


def test_only_who_delivers_and_may_use_the_connection_declares(cast, version, settings):
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            declare(cast, version, by=user)
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://h/db", groups=("others",))}
    with pytest.raises(NotPermitted, match="There is no connection “warehouse”"):
        declare(cast, version)
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 4
    assert not BatchSource.objects.exists()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"relation": "scores; DROP TABLE x"}, "must be schema.table"),
        ({"time_column": " "}, "Name the column"),
        ({"time_column": "a\x00"}, "cannot be kept"),
        ({"schedule": "hourly"}, "how long a window"),
    ],
)
def test_what_names_no_windows_is_refused(cast, version, changes, why):
    with pytest.raises(BadInput, match=why):
        declare(cast, version, **changes)


def test_windows_are_ordered_once_and_past_ones_by_an_act(cast, version):
    source = declare(cast, version)
    with pytest.raises(BadInput, match="already"):
        declare(cast, version)
    assert [sources.order_due(now=NOW), sources.order_due(now=NOW)] == [2, 0]
    assert sources.order_due(now=NOW - timedelta(days=90)) == 0
    days: dict[str, Any] = {"first": date(2025, 11, 1), "last": date(2026, 2, 28), "now": NOW}
    with pytest.raises(NotPermitted):
        sources.backfill(source_id=source.pk, actor=cast.auditor, **days)
    assert sources.backfill(source_id=source.pk, actor=cast.submitter, **days) == 3
    assert sources.backfill(source_id=source.pk, actor=cast.submitter, **days) == 0
    with pytest.raises(BadInput, match="0 windows"):
        sources.backfill(source_id=source.pk, actor=cast.owner, first=NOW.date(), last=NOW.date(), now=NOW)
    assert [row.first_day.month for row in SourceWindow.objects.all()] == [11, 12, 1, 2, 3]
    sources.end(source_id=source.pk, actor=cast.owner)
    with pytest.raises(Refused):
        sources.end(source_id=source.pk, actor=cast.owner)
    assert (sources.order_due(now=NOW + timedelta(days=90)), sources.take(now=NOW)) == (0, 0)


def test_a_window_that_cannot_be_taken_is_told_once_without_the_secret_and_tried_again(cast, version):
    declare(cast, version, starts_on=date(2026, 3, 1))
    sources.order_due(now=NOW)
    assert [sources.take(now=NOW + timedelta(minutes=5 * turn)) for turn in range(3)] == [0, 0, 0]
    sources.take(now=NOW + timedelta(hours=2))
    row = SourceWindow.objects.get()
    assert "“warehouse” does not answer" in row.sentence
    assert row.tried_at == NOW + timedelta(hours=2)
    told = Notification.objects.filter(event="monitoring.source.window_refused")
    assert {note.user for note in told} == {cast.owner, cast.submitter}
    assert told.count() == 2
    assert not any("topsecret" in note.text for note in told)
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [{"from": "1.9.2026"}, {"to": "2026-08-01"}, {"time_column": ""}, {"time_column": 3}, {"until": "2026-10-01"}],
)
def test_a_reference_with_a_window_is_read_strictly(changes):
    window = references.Window("day", date(2026, 9, 1), date(2026, 9, 30))
    reference = references.RelationReference("warehouse", "a.b", 3, "postgresql-1:" + "a" * 64, window)
    document = references.document(reference)
    assert references.parse(document, "r") == reference
    assert "from 2026-09-01 to 2026-09-30 by day" in references.described(reference)
    said = {**json.loads(document), **changes}
    with pytest.raises(TableError):
        references.parse(json.dumps(said).encode(), "r")


def test_sources_are_declared_and_ended_on_pages_that_outsiders_do_not_find(client, cast, version):
    def url(name, key):
        return reverse(f"admin:monitoring_batchsource_{name}", args=[key])

    form = {"connection": "warehouse", "relation": "public.scores", "time_column": "<b>day</b>", "schedule": "monthly"}
    form["starts_on"] = "2026-02-01"
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(url("declare", version.pk), form).status_code == 404
    client.force_login(cast.auditor, backend=BACKEND)
    assert client.post(url("declare", version.pk), form).status_code == 403
    client.force_login(cast.submitter, backend=BACKEND)
    assert "must be schema.table" in client.post(url("declare", version.pk), {**form, "relation": "x"}).content.decode()
    assert client.post(url("declare", version.pk), form).status_code == 302
    source = BatchSource.objects.get()
    sources.order_due(now=NOW)
    page = client.get(url("version", version.pk)).content.decode()
    assert "1 Mar 2026 to 31 Mar 2026: waiting" in page
    assert "<b>day</b>" not in page
    assert client.post(url("backfill", source.pk), {"first": "2025-12-01", "last": "2025-12-31"}).status_code == 302
    assert SourceWindow.objects.count() == 3
    client.force_login(cast.outsider, backend=BACKEND)
    assert {client.get(url(name, source.pk)).status_code for name in ("backfill", "version")} == {404}
    assert client.post(url("end", source.pk)).status_code == 404
    client.force_login(cast.auditor, backend=BACKEND)
    client.post(url("end", source.pk))
    assert BatchSource.objects.get().ended_at is None
    client.force_login(cast.owner, backend=BACKEND)
    assert client.post(url("end", source.pk)).status_code == 302
    assert BatchSource.objects.get().ended_at


def test_a_source_does_not_begin_so_long_ago_that_it_orders_thousands_of_windows(cast, version):
    for starts_on in (date(1, 1, 1), date(2024, 1, 1)):
        with pytest.raises(BadInput, match="More than 400 windows"):
            declare(cast, version, schedule="daily", starts_on=starts_on)
    declare(cast, version, schedule="daily", starts_on=date(2026, 4, 8))
    assert sources.order_due(now=NOW) == 2


def test_outcomes_of_rows_of_a_database_are_taken_and_what_could_not_be_looked_at_is_said(
    client, cast, version, settings
):
    """A connection that does not answer takes no delivery back, and its batch is never calm."""
    rows = rows_of("a")
    relation = references.RelationReference("warehouse", "public.scores", 200, "postgresql-1:" + "0" * 64)
    with files.incoming(io.BytesIO(references.document(relation))) as upload, transaction.atomic():
        march = (date(2026, 3, 1), date(2026, 3, 31))
        batch = batches.keep(version, cast.submitter, upload, said=("March", ""), window=march, token=None, now=NOW)
    deliver(cast, version, unlabelled(rows), name="In a file")
    found = match(report(cast, version, as_csv(rows, "id", "y_true")))
    assert found.verdict == "in_use"
    said = "“March” was not looked at: The connection “warehouse” does not answer; tell an administrator."
    assert found.sentences[-1] == said
    reading = read_waiting(batch)
    assert (reading.verdict, len(reading.outcomes)) == ("not_computable", 1)
    assert "topsecret" not in json.dumps([found.sentences, found.numbers, found.log, reading.sentences, reading.log])
    client.force_login(cast.submitter, backend=BACKEND)
    page = client.get(found.delivery.get_absolute_url()).content.decode()
    assert "not looked at: joined when the batch is read" in page
    assert "the relation public.scores of the connection “warehouse”, 200 rows" in page
    assert "<td>200</td><td>200</td><td>0</td>" in page
    page = client.get(reverse("admin:monitoring_batch_change", args=[batch.pk])).content.decode()
    assert "It refers to the relation public.scores" in page
    assert found.delivery.file.sha256 in page
    settings.CHECK_SECONDS = 0  # no time is left for relations
    late = match(report(cast, version, as_csv(rows[:50], "id", "y_true"), name="Late"))
    assert late.sentences[-1] == "“March” was not looked at yet; its outcomes are joined when it is read."
    assert [entry["name"] for entry in read_waiting(batch).outcomes] == ["Outcomes", "Late"]


def test_a_connection_that_refuses_the_account_is_asked_ever_less_often_and_no_window_is_lost(
    client, cast, version, settings
):
    def take(hours):
        assert sources.take(now=NOW + timedelta(hours=hours)) == 0
        return server.asked

    def url(name, key):
        return reverse(f"admin:monitoring_batchsource_{name}", args=[key])

    unreachable = settings.TABLE_CONNECTIONS
    with refusing("SCHWERWIEGEND", "28P01", "Passwort-Authentifizierung fehlgeschlagen") as server:
        place = TablePlace(f"postgresql://reader:topsecret@127.0.0.1:{server.port}/db")
        settings.TABLE_CONNECTIONS = {"warehouse": place}
        source = declare(cast, version, schedule="daily", starts_on=date(2026, 4, 7))
        assert sources.order_due(now=NOW) == 3
        assert [take(hours) for hours in (0, 0.5, 1.1, 2.2, 3.2, 6)] == [1, 1, 2, 2, 3, 3], "one window asks for all"
        for user, status in ((cast.outsider, 404), (cast.auditor, 403)):
            client.force_login(user, backend=BACKEND)
            assert client.post(url("again", source.pk)).status_code == status
        page = client.get(url("version", version.pk)).content.decode()
        assert "left alone until 10 Apr 2026, 19:12 UTC" in page
        of_version = client.get(reverse("admin:monitoring_monitor_version", args=[version.pk])).content.decode()
        assert "See why no batch is taken from public.scores of warehouse since the window 7 Apr 2026." in of_version
        assert "Try again now" not in page
        assert take(6) == 3
        client.force_login(cast.owner, backend=BACKEND)
        assert "Try again now" in client.get(url("version", version.pk)).content.decode()
        client.post(url("again", source.pk))
        assert LedgerEntry.objects.filter(event="monitoring.source.tried_again").count() == 1
        assert [take(hours) for hours in (6, 6.5, 7.1)] == [4, 4, 5]
    settings.TABLE_CONNECTIONS = unreachable
    take(10)
    assert SourceWindow.objects.filter(source=source, batch=None).count() == 3
    assert BatchSource.objects.get().denied_at is None, "what does not answer refuses nobody"
    assert take(10.1) == 5
    assert SourceWindow.objects.filter(sentence__contains="does not answer").count() == 3
    sources.end(source_id=source.pk, actor=cast.owner)
    with pytest.raises(Refused, match="ended"):
        sources.try_again(source_id=source.pk, actor=cast.owner)


def test_pauses_double_to_a_day():
    hours = [pauses.after(denials) / timedelta(hours=1) for denials in range(9)]
    assert hours == [1, 1, 2, 4, 8, 16, 24, 24, 24]
    assert pauses.is_over(NOW + timedelta(minutes=1), 9, now=NOW), "a clock that is set back keeps nothing waiting"
