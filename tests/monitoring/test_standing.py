"""How a monitor stands after many readings: the same as after reading them all, and at the price of a few."""

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from approvals.models import StoredFile
from approvals.models.checks import RunStatus
from monitoring import alarms, panels, records, standing
from monitoring.alarms import Level, Mark, Standing, trajectory
from monitoring.models import Batch, BatchSource, Monitor, Reading, ReadingVerdict, SourceWindow
from monitoring.standing import alarm_of, changed_by

BACKEND = "django.contrib.auth.backends.ModelBackend"
FIRST = datetime(2020, 1, 1, 12, tzinfo=UTC)
DRIFT = {"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}}


@pytest.fixture
def monitor(deploy):
    deploy([DRIFT])
    return Monitor.objects.get()


def remember(monitor, levels, *, first_day=0):
    """A finished reading for each level, of a day each; None is a reading that says nothing."""
    Reading.objects.bulk_create(
        Reading(
            monitor=monitor,
            overdue_since=FIRST + timedelta(days=first_day + day),
            requested_at=timezone.now(),
            status=RunStatus.FINISHED,
            verdict=ReadingVerdict.OK if level == 0 else ReadingVerdict.BREACH,
            level=level,
        )
        for day, level in enumerate(levels)
    )


class Price:
    """The questions asked and the readings brought from the database within the block."""

    def __enter__(self):
        self.readings, self._captured = 0, CaptureQueriesContext(connection)
        post_init.connect(self._count, sender=Reading)
        self._captured.__enter__()
        return self

    def __exit__(self, *failure):
        self._captured.__exit__(*failure)
        post_init.disconnect(self._count, sender=Reading)
        self.questions = len(self._captured)

    def _count(self, **_):
        self.readings += 1


def price_of(client, url):
    with Price() as price:
        assert client.get(url).status_code == 200
    return price


@pytest.mark.parametrize("page", ["admin:index", "admin:monitoring_monitor_overview"])
def test_a_page_costs_the_same_after_three_hundred_readings_as_after_three(client, cast, monitor, page):
    client.force_login(cast.auditor, backend=BACKEND)
    remember(monitor, [0, 0, 2])
    client.get(reverse(page))
    few = price_of(client, reverse(page))
    remember(monitor, [2, 0, None] * 99 + [0, 2, 2], first_day=3)
    many = price_of(client, reverse(page))
    assert Reading.objects.count() == 303
    assert many.questions == few.questions
    assert few.readings <= 8
    assert many.readings <= 20


def test_what_a_reading_changes_costs_the_same_after_three_hundred_readings(monitor):
    remember(monitor, [0, 2] * 150)
    newest = Reading.objects.select_related("monitor", "batch").latest("overdue_since")
    with Price() as price:
        after, before = changed_by(newest)
    assert ([one.level for one in after], before) == ([Level.ALERT], ())
    assert price.readings <= 20
    assert price.questions == 3


def test_an_alarm_that_lasts_longer_than_one_looks_at_first_is_told_from_its_first_day(monitor):
    remember(monitor, [0, *[1, 2] * 60])
    found = alarm_of(monitor, now=timezone.now())
    assert (found.level, found.in_a_row) == (Level.ALERT, 120)
    assert found.since == (FIRST + timedelta(days=1)).date()


@pytest.mark.both_engines
def test_the_newest_readings_tell_what_all_of_them_would(monitor):
    drawn = random.Random(7)
    for _ in range(40):
        monitor.after, monitor.clears_after = drawn.choice([1, 2, 3, 9]), drawn.choice([1, 2, 3, 9])
        monitor.every_days = drawn.choice([1, 1, 3, 31])
        weights = drawn.choice([(6, 1, 1, 1, 1), (1, 3, 3, 1, 1), (30, 1, 1, 0, 1)])
        levels = drawn.choices([0, 1, 2, 3, None], weights=weights, k=drawn.randrange(120))
        with transaction.atomic():
            remember(monitor, levels)
            assert_told_as_by_all(monitor, levels, drawn)
            transaction.set_rollback(True)


def assert_told_as_by_all(monitor, levels, drawn):
    days = [(FIRST + timedelta(days=day)).date() for day in range(len(levels))]
    marks = [Mark(day, None if one is None else Level(one)) for day, one in zip(days, levels, strict=True)]
    rules = {"after": monitor.after, "clears_after": monitor.clears_after, "every_days": monitor.every_days}
    everything = trajectory(marks, **rules)
    found = alarm_of(monitor, now=timezone.now())
    last = everything[-1] if everything else Standing(FIRST.date(), Level.CALM, None, 0)
    assert (found.level, found.since, found.in_a_row) == (last.level, last.since, last.in_a_row)
    assert found.known == any(level is not None for level in levels)
    if levels:
        chosen = drawn.randrange(len(levels))
        row = Reading.objects.get(overdue_since=FIRST + timedelta(days=chosen))
        row.monitor = monitor
        without = trajectory([*marks[:chosen], *marks[chosen + 1 :]], **rules)
        told = [tuple(one for one in some if one.day >= days[chosen]) for some in (everything, without)]
        assert list(changed_by(row)) == told


class Read:
    """A reading of a batch as far as alarms look at it."""

    monitor_id, overdue_since = 1, None

    def __init__(self, number, end, days, level, rows, source):
        start, end = FIRST.date() + timedelta(days=end - days + 1), FIRST.date() + timedelta(days=end)
        self.pk = self.batch_id = number
        self.batch, self.level = SimpleNamespace(window_start=start, window_end=end), level
        self.rows, self.source, self.source_ended = rows, source, None


def test_windows_of_any_length_that_are_read_stand_for_those_that_are_not():
    drawn = random.Random(5)
    for _ in range(400):
        weights = drawn.choice([(6, 1, 1, 1), (20, 0, 1, 0), (3, 3, 3, 1)])
        sources: list[int | None] = drawn.choices([None, 1, 2], k=drawn.choice([1, 2, 3]))
        rows: list[Any] = [
            Read(
                number,
                drawn.randint(0, 120),
                drawn.choice([1, 1, 1, 7, 28, 60]),
                drawn.choices(range(4), weights)[0],
                drawn.choice([None, 10, 20]),
                drawn.choice(sources),
            )
            for number in range(drawn.randint(1, 60))
        ]
        rules = {name: drawn.choice(of) for name, of in (("after", (1, 2, 3)), ("clears_after", (1, 2, 3)))}
        monitor: Any = SimpleNamespace(**rules, every_days=drawn.choice([1, 7, 31]))
        day = drawn.choice(rows).batch.window_end
        beside = [row for row in rows if row.batch.window_end >= day]
        before = sorted((row for row in rows if row not in beside), key=lambda row: row.batch.window_end, reverse=True)
        look, needs = 8, alarms.needs_of([said for _, said in alarms.windows(map(standing.mark_of, rows)) if said])
        while len(before[:look]) == look and not standing._is_settled(monitor, needs, before[:look], beside):
            look *= 8
        left_out = drawn.choice(beside)
        for one in (None, left_out):
            told, whole = (
                list(standing.trajectory_of(monitor, [row for row in of if row is not one]))
                for of in ([*before[:look], *beside], rows)
            )
            assert [found for found in told if found.day >= day] == [found for found in whole if found.day >= day]


def batches_of(monitor, drawn, count):
    """Finished readings of windows of any length, rows and source; gives what alarms see of them."""
    sources = [
        BatchSource.objects.create(
            version=monitor.version,
            connection="risk",
            relation=name,
            time_column="day",
            schedule="monthly",
            starts_on=FIRST.date(),
            declared_by=monitor.version.submitted_by,
            declared_at=FIRST,
            ended_at=ended,
        )
        for name, ended in (("north", None), ("south", FIRST + timedelta(days=drawn.randint(0, 120))))
    ]
    marks = []
    for number in range(count):
        file = StoredFile.objects.create(sha256=f"{number:064x}", size=1, created_at=FIRST)
        end, days = FIRST.date() + timedelta(days=drawn.randint(0, 120)), drawn.choice([1, 1, 7, 28])
        source, rows = drawn.choice([None, *sources]), drawn.choice([None, 10, 20, 30])
        level = drawn.choices([0, 1, 2, 3, None], weights=(12, 1, 1, 0.2, 1))[0]
        start = end - timedelta(days=days - 1)
        batch = Batch.objects.create(
            version=monitor.version,
            file=file,
            name=f"{number}",
            window_start=start,
            window_end=end,
            uploaded_by=monitor.version.submitted_by,
            received_at=FIRST,
        )
        if source:
            SourceWindow.objects.create(
                source=source,
                batch=batch,
                first_day=start - timedelta(days=1000 * number),
                last_day=end,
                ordered_at=FIRST,
            )
        verdict = "not_computable" if level is None else "ok" if level == 0 else "breach"
        Reading.objects.create(
            monitor=monitor,
            batch=batch,
            requested_at=FIRST,
            finished_at=FIRST,
            status=RunStatus.FINISHED,
            verdict=verdict,
            level=level,
            rows=rows,
        )
        ended = source.ended_at.date() if source and source.ended_at else None
        known = None if level is None else Level(level)
        marks.append(Mark(end, known, start, rows, source.pk if source else None, ended))
    return marks


@pytest.mark.both_engines
def test_alarm_record_and_page_tell_the_same_of_windows_of_any_kind(monitor):
    drawn = random.Random(11)
    for _ in range(25):
        with transaction.atomic():
            marks = batches_of(monitor, drawn, drawn.randint(1, 50))
            everything = trajectory(marks)
            found = alarm_of(monitor, now=timezone.now())
            last = everything[-1]
            assert (found.measured, found.in_a_row, found.needs) == (last.level, last.in_a_row, last.needs)
            record = records.document(monitor.version, since=FIRST - timedelta(days=60), now=timezone.now())
            changes = [(one["on"], one["level"]) for one in record["alarms"] if one["monitor"] == monitor.key]
            levels = [Level.CALM, *(one.level for one in everything)]
            of_all = [
                (one.day.isoformat(), one.level.in_words)
                for before, one in zip(levels, everything, strict=False)
                if one.level != before
            ]
            assert [one for one in changes if ":" not in one[1]] == of_all
            newest, line = panels.standing_reading(monitor), panels.monitor_line(monitor)
            stands = last.level > (newest.level or Level.CALM)
            assert ("the alarm ends after" in line.sentence) == stands
            transaction.set_rollback(True)
