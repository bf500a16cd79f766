"""Two beats, many workers, hints that are lost and a clock set back: the rows are the same as if there were one."""

from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest
from django.utils import timezone

from approvals import telling
from monitoring import batches, leases, outcomes, rereading, running, sources, staleness, watching
from monitoring.models import Batch, Matching, MatchVerdict, OutcomeDelivery, Reading, SourceWindow, WatchedFile
from portal.auditing import verify
from portal.errors import DomainError
from portal.models import LedgerEntry
from portal.table_places import TablePlace
from portal.watched_places import WatchedPlace
from tests.cast import make_cast
from tests.databases import at_once
from tests.monitoring.conftest import deployed
from tests.monitoring.deliveries import WAITING, as_csv, deliver, report, rows_of, unlabelled

pytestmark = pytest.mark.both_engines
THREADS, ROWS = 4, rows_of("a")


@pytest.fixture
def world(committed_database, settings, tmp_path):
    """Everybody, a deployed version, a watched folder and a source."""
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://reader:topsecret@127.0.0.1:1/db")}
    cast = make_cast()
    version = deployed(cast, WAITING)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "2026-08.csv").write_bytes(unlabelled(rows_of("c", seed=4)))
    place = WatchedPlace(str(tmp_path / "in"), version.model.name, version.number, "submitter", "{month}.csv")
    settings.WATCHED_FOLDERS = {"in": place}
    return cast, version


def came_of(act):
    """ "done", or the class of the refusal."""
    try:
        act()
    except DomainError as refusal:
        return type(refusal).__name__
    return "done"


def look_at(moment, _):
    return watching.look(now=moment)


def third_month_before(now):
    """The first day of it."""
    months = now.year * 12 + now.month - 1 - 3
    return date(months // 12, months % 12 + 1, 1)


@pytest.mark.timeout(300)
def test_everything_that_happens_many_times_at_once_happens_once(world):
    cast, version = world
    content, late = unlabelled(ROWS), as_csv(ROWS, "id", "y_true")
    sent = at_once(lambda _: came_of(lambda: deliver(cast, version, content)), threads=THREADS)
    assert Counter(sent) == {"done": 1, "KnownBatch": THREADS - 1}
    sent = at_once(lambda _: came_of(lambda: report(cast, version, late)), threads=THREADS)
    assert Counter(sent) == {"done": 1, "KnownDelivery": THREADS - 1}
    matching = Matching.objects.get().pk
    assert sum(at_once(lambda _: outcomes.execute(matching), threads=THREADS)) == 1
    waiting = list(Reading.objects.filter(monitor__key="performance").order_by("pk").values_list("pk", flat=True))
    assert len(waiting) == 2
    assert sum(at_once(lambda place: running.execute(waiting[place % 2]), threads=THREADS)) == 2
    assert [Reading.objects.get(pk=pk).verdict for pk in waiting] == ["no_labels", "ok"]

    now = timezone.now()
    for turn in range(3):
        at_once(partial(look_at, now + timedelta(minutes=turn)), threads=THREADS)
    assert WatchedFile.objects.get().state == "taken"
    assert Batch.objects.filter(window_start=date(2026, 8, 1)).count() == 1
    sources.declare(
        version_id=version.pk,
        actor=cast.submitter,
        connection="warehouse",
        relation="public.scores",
        time_column="day",
        schedule="monthly",
        starts_on=third_month_before(now),
    )
    ordered = at_once(lambda _: sources.order_due(now=now), threads=THREADS)
    assert sum(ordered) == SourceWindow.objects.count() == 3
    at_once(lambda _: sources.take(now=now), threads=2)
    assert LedgerEntry.objects.filter(event="monitoring.source.window_refused").count() == 3

    (lost, *_), moment = Reading.objects.filter(status="queued").order_by("pk"), now
    for _ in range(leases.ATTEMPTS):
        moment += timedelta(minutes=2)
        assert running.claim(lost.pk, now=moment)
    at_once(lambda _: running.sweep(now=moment + timedelta(minutes=2)), threads=THREADS)
    assert Reading.objects.get(pk=lost.pk).verdict == "error"
    due = moment + timedelta(hours=2)
    assert sum(at_once(lambda _: rereading.order_due(now=due), threads=THREADS)) == 1
    assert [row.retry for row in Reading.objects.filter(monitor=lost.monitor, batch=lost.batch).order_by("pk")] == [
        0,
        1,
    ]
    at_once(lambda _: telling.tell_refused(version.pk, "It is odd.", "It cannot.", now=now), threads=THREADS)
    assert LedgerEntry.objects.filter(event="approvals.act.failed").count() == 1
    assert verify().ok


@pytest.mark.timeout(300)
def test_lost_hints_a_dead_worker_and_a_clock_set_back_change_no_reading(world):
    cast, version = world
    batch = deliver(cast, version, unlabelled(ROWS))
    report(cast, version, as_csv(ROWS, "id", "y_true"))
    matching = Matching.objects.get()
    now = timezone.now()
    assert outcomes.sweep(now=now - timedelta(days=3)) == (matching.pk,), (
        "a clock that is set back keeps nothing waiting"
    )
    assert outcomes.sweep(now=now + timedelta(minutes=1)) == (matching.pk,)  # whatever the broker forgot
    dead = leases.claim(Matching, matching.pk, now=now - timedelta(hours=1))
    assert outcomes.execute(matching.pk)
    assert not outcomes.finish(matching.pk, dead, verdict=MatchVerdict.ERROR, sentences=["Late."])
    for row in Reading.objects.filter(batch=batch):
        assert running.execute(row.pk)
    before = list(Reading.objects.order_by("pk").values())
    entries = LedgerEntry.objects.count()
    for moment in (now - timedelta(days=400), now - timedelta(days=1), now + timedelta(hours=1)):
        assert running.sweep(now=moment) == outcomes.sweep(now=moment) == ()
        assert staleness.check(now=moment) == ()
    for values in before:
        assert not running.execute(values["id"])
    assert not outcomes.execute(matching.pk)
    assert list(Reading.objects.order_by("pk").values()) == before
    assert LedgerEntry.objects.count() == entries
    assert came_of(lambda: deliver(cast, version, unlabelled(ROWS))) == batches.KnownBatch.__name__
    assert (Batch.objects.count(), OutcomeDelivery.objects.count()) == (1, 1)
