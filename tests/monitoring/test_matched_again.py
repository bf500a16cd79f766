"""Deliveries of outcomes whose matching ended in an error: who may not have them matched again, what stays refused."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from monitoring import leases, outcomes, rematching, tasks
from monitoring.models import Matching, OutcomeDelivery
from portal.errors import NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.monitoring.deliveries import (
    WAITING,
    as_csv,
    deliver,
    match,
    read_waiting_here,
    report,
    rows_of,
    unlabelled,
    wrong,
)
from tests.monitoring.deployed_once import cast, version

__all__ = ["cast", "version"]

BACKEND = "django.contrib.auth.backends.ModelBackend"
HOUR = timedelta(hours=1, minutes=1)


@pytest.fixture
def plan():
    return {"monitors": WAITING}


def labels(rows):
    return as_csv(rows, "id", "y_true")


def died(delivery):
    """Every worker that matched it died; gives when that was known."""
    row, moment = Matching.objects.get(delivery=delivery), timezone.now()
    for _ in range(leases.ATTEMPTS):
        assert leases.claim(Matching, row.pk, now=moment)
        moment += timedelta(minutes=2)
    outcomes.sweep(now=moment)
    row.refresh_from_db()
    assert row.verdict == "error"
    return moment


def test_only_who_delivers_outcomes_has_them_matched_again_and_only_after_an_error(client, cast, version):
    rows = rows_of("a")
    lost = report(cast, version, labels(rows[:50]), name="Lost")
    with pytest.raises(Refused, match="being matched already"):
        rematching.match_again(delivery_id=lost.pk, actor=cast.submitter)
    now = died(lost)
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            rematching.match_again(delivery_id=lost.pk, actor=user)
        with pytest.raises(NotPermitted):
            report(cast, version, labels(rows[:50]), by=user)
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 7
    page, again = lost.get_absolute_url(), reverse("admin:monitoring_outcomedelivery_again", args=[lost.pk])
    client.force_login(cast.auditor, backend=BACKEND)
    assert "Match again" not in client.get(page).content.decode()
    assert client.post(again).status_code == 403
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(again).status_code == 404
    assert Matching.objects.get(delivery=lost).verdict == "error"

    twice = report(cast, version, labels([rows[60], wrong(rows)[60]]), name="Twice")
    assert match(twice).verdict == "not_computable"
    good = report(cast, version, labels(rows[100:]), name="Good")
    assert match(good).verdict == "in_use"
    for refused, became in ((twice, "not usable"), (good, "in use")):
        with pytest.raises(Refused, match=rf"were matched \({became}\), and the same bytes say the same"):
            rematching.match_again(delivery_id=refused.pk, actor=cast.submitter)
    with pytest.raises(outcomes.KnownDelivery, match="“Twice” already") as known:
        report(cast, version, labels([rows[60], wrong(rows)[60]]))
    assert not known.value.is_matched_again
    assert rematching.order_due(now=now + HOUR) == 1, "only the lost one"
    assert not LedgerEntry.objects.filter(event="monitoring.outcomes.tried_again").exclude(actor_id=None).exists()


def test_the_same_bytes_and_the_button_match_a_lost_delivery_again(client, cast, version):
    rows = rows_of("a")
    batch = deliver(cast, version, unlabelled(rows))
    lost = report(cast, version, labels(rows))
    died(lost)
    assert not read_waiting_here(batch).outcomes
    with pytest.raises(outcomes.KnownDelivery, match="ended in an error; it is matched again") as known:
        report(cast, version, labels(rows), name="Sent again")
    assert (known.value.is_matched_again, known.value.delivery) == (True, lost)
    died(lost)
    client.force_login(cast.submitter, backend=BACKEND)
    page = lost.get_absolute_url()
    assert "Match again" in client.get(page).content.decode()
    client.post(reverse("admin:monitoring_outcomedelivery_again", args=[lost.pk]))
    found = match(lost)
    assert (found.verdict, found.numbers["keys"], found.retry) == ("in_use", 200, 0), found.sentences
    assert read_waiting_here(batch).verdict == "ok"
    assert "Match again" not in client.get(page).content.decode()
    acts = LedgerEntry.objects.filter(event="monitoring.outcomes.tried_again")
    assert [entry.actor_id for entry in acts] == [cast.submitter.pk] * 2
    assert OutcomeDelivery.objects.count() == 1


def test_the_schedule_tries_a_few_times_tells_twice_and_says_when_it_ends(cast, version):
    lost = report(cast, version, labels(rows_of("a")))
    now = died(lost)
    told = Notification.objects.filter(event="monitoring.outcomes.matched")
    first = told.count()
    assert first > 0
    assert tasks.try_again() == 0, "an hour has not passed"
    for retry in range(1, rematching.MOST + 1):
        assert [rematching.order_due(now=now + HOUR), rematching.order_due(now=now + HOUR)] == [1, 0]
        now = died(lost)
        row = Matching.objects.get(delivery=lost)
        assert row.retry == retry
        assert ("matched again in an hour" in row.sentences[1]) == (retry < rematching.MOST)
        assert told.count() == (first if retry < rematching.MOST else 2 * first)
    assert "send the same file again" in row.sentences[1]
    assert rematching.order_due(now=now + timedelta(days=2)) == 0
    rematching.match_again(delivery_id=lost.pk, actor=cast.submitter)
    assert Matching.objects.get(delivery=lost).retry == 0
    type(version).objects.filter(pk=version.pk).update(stage="retired")
    assert rematching.order_due(now=died(lost) + HOUR) == 0


@pytest.mark.parametrize("corrects", [False, True])
def test_what_came_later_and_is_in_use_is_never_contradicted(cast, version, corrects):
    rows = rows_of("a")
    why = {"corrects": True, "description": "The codes were swapped."} if corrects else {}
    lost = report(cast, version, labels(rows), name="Lost", **why)
    died(lost)
    assert match(report(cast, version, labels(wrong(rows)[:30]), name="Later")).verdict == "in_use"
    rematching.match_again(delivery_id=lost.pk, actor=cast.submitter)
    found = match(lost)
    assert found.verdict == "not_computable"
    assert "another outcome for 30 keys than deliveries that came after it" in found.sentences[0]
