"""Readings that ended in an error: what is not tried again first, then what is, how often, and who may ask for it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals.sandbox import SandboxError
from monitoring import rereading, running, standing, tasks
from monitoring.leases import ATTEMPTS
from monitoring.models import Monitor, Reading, Trouble
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.monitoring.test_never_calm_unknown import CALM, DRIFT, deliver, say

BACKEND = "django.contrib.auth.backends.ModelBackend"
HOUR = timedelta(hours=1, minutes=1)
REASON = "The disk of the worker has room again."
MOST = rereading.MOST[Trouble.FAILED]


def died(row, now):
    """The worker of a reading died in each attempt; gives when the last one was given up."""
    for attempt in range(ATTEMPTS):
        assert running.claim(row.pk, now=now + timedelta(minutes=2 * attempt))
    later = now + timedelta(minutes=2 * ATTEMPTS)
    running.sweep(now=later)
    row.refresh_from_db()
    assert (row.verdict, row.level, row.trouble) == ("error", None, Trouble.FAILED)
    return later


def test_an_error_is_tried_again_a_few_times_is_never_calm_and_is_told_twice(cast, deploy):
    version, monitor = deploy([{**DRIFT, "unanswered_after": 3}]), Monitor.objects.get()
    now = timezone.now()
    say(deliver(cast, version, now.date() - timedelta(days=20)), "feature_drift", CALM)
    batch = deliver(cast, version, now.date() - timedelta(days=9))
    once, told = 0, Notification.objects.filter(text__contains="gave no answer")
    for retry in range(MOST + 1):
        row = Reading.objects.filter(batch=batch).latest("pk")
        assert row.retry == retry
        now = died(row, now)
        assert "died on each of 3 attempts" in row.sentences[0]
        assert ("read again in an hour" in row.sentences[1]) == (retry < MOST)
        alarm = standing.alarm_of(monitor, now=now)
        assert (alarm.in_words, alarm.unanswered) == (None, True)
        once = told.count() if retry == 0 else once
        assert told.count() == (once if retry < MOST else 2 * once) > 0
        assert rereading.order_due(now=now + timedelta(minutes=50)) == 0
        both = [rereading.order_due(now=now + HOUR), rereading.order_due(now=now + HOUR)]
        assert both == ([1, 0] if retry < MOST else [0, 0]), "two schedules order once"
        now += HOUR
    assert tasks.try_again() == 0


def test_an_hour_is_over_where_the_clock_was_set_back_and_retirement_ends_the_tries(cast, deploy):
    version = deploy([DRIFT])
    row = Reading.objects.get(batch=deliver(cast, version, timezone.now().date() - timedelta(days=9)))
    ahead = timezone.now() + timedelta(days=400)
    died(row, ahead)
    assert rereading.order_due(now=timezone.now()) == 1
    assert rereading.order_due(now=timezone.now()) == 0, "only the newest reading"
    died(Reading.objects.latest("pk"), timezone.now())
    type(version).objects.filter(pk=version.pk).update(stage="retired")
    assert rereading.order_due(now=timezone.now() + timedelta(days=1)) == 0


def test_what_the_batch_is_to_blame_for_is_not_tried_again(cast, deploy):
    version = deploy([DRIFT])
    row = Reading.objects.get(batch=deliver(cast, version, timezone.now().date() - timedelta(days=9)))
    found = running._without_answer(row, SandboxError("A column is odd.", kind="input"))
    assert (found.verdict, found.trouble, found.sentences) == ("not_computable", "", ("A column is odd.",))
    for kind in ("memory", "time", "crashed", "disk"):
        found = running._without_answer(row, SandboxError("It ended.", kind=kind))
        assert (found.verdict, found.trouble, found.level) == ("error", Trouble.FAILED, None)


def test_whoever_delivers_asks_for_another_reading_with_a_reason(client, cast, deploy):
    version = deploy([DRIFT])
    batch = deliver(cast, version, timezone.now().date() - timedelta(days=9))
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            rereading.read_again(batch_id=batch.pk, actor=user, reason=REASON)
    with pytest.raises(Refused, match="ended in an error, or waits"):
        rereading.read_again(batch_id=batch.pk, actor=cast.submitter, reason=REASON)
    row = Reading.objects.get(batch=batch)
    died(row, timezone.now())
    Reading.objects.filter(pk=row.pk).update(trouble="")  # as one of an earlier release
    assert rereading.order_due(now=timezone.now() + timedelta(days=9)) == 0
    with pytest.raises(BadInput, match="at least 10 characters"):
        rereading.read_again(batch_id=batch.pk, actor=cast.submitter, reason=" ")
    client.force_login(cast.submitter, backend=BACKEND)
    page, again = (reverse(f"admin:monitoring_batch_{name}", args=[batch.pk]) for name in ("change", "again"))
    assert "Read again" in client.get(page).content.decode()
    client.post(again, {"reason": REASON})
    asked = Reading.objects.latest("pk")
    assert (asked.retry, asked.status, asked.batch) == (1, "queued", batch)
    entry = LedgerEntry.objects.get(event="monitoring.batch.read_again")
    assert entry.actor_id == cast.submitter.pk
    assert REASON in entry.payload
    assert "Read again" not in client.get(page).content.decode()
