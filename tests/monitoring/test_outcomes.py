"""Outcomes that come later: who may deliver, what is refused, which readings follow, what an alarm makes of them."""

import json
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from approvals import evidence, revalidating
from approvals.models import EvidenceKind
from approvals.stages import Role
from modelcards.content import monitored
from monitoring import leases, monitors, outcomes, running, standing
from monitoring.alarms import Level
from monitoring.models import Matching, MatchVerdict, Monitor, OutcomeDelivery, Reading
from monitoring.monitors._outcomes import OutcomesNeeded
from monitoring.outcome_coverage import coverage
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import TABLE
from tests.monitoring.deliveries import (
    OCTOBER,
    WAITING,
    as_csv,
    deliver,
    match,
    read_waiting,
    read_waiting_here,
    report,
    rows_of,
    unlabelled,
    wrong,
)
from tests.monitoring.deployed_once import cast, version

__all__ = ["cast", "version"]

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def plan():
    return {"monitors": WAITING}


def labels(rows):
    return as_csv(rows, "id", "y_true")


def test_only_who_delivers_batches_delivers_outcomes_and_the_refusal_is_recorded(cast, version):
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            report(cast, version, labels(rows_of("a")), by=user)
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 3
    assert not OutcomeDelivery.objects.exists()


@pytest.mark.parametrize(
    ("content", "said", "why"),
    [
        (b"", {}, "empty"),
        (b"id,outcome\n1,0\n", {}, "no column y_true"),
        (b"y_true\n1\n", {}, "no column id"),
        (b"id,y_true\n1,1\n", {"corrects": True}, "why outcomes are corrected"),
        (b"id,y_true\n1,1\n", {"name": "a\x00b"}, "cannot be stored|character"),
    ],
)
def test_outcomes_that_cannot_be_joined_are_refused_with_a_sentence(cast, version, content, said, why):
    with pytest.raises(BadInput, match=why):
        report(cast, version, content, **said)
    assert not OutcomeDelivery.objects.exists()


@pytest.mark.parametrize(
    "plan", [{"monitors": WAITING, "columns": {name: value for name, value in TABLE.items() if name != "key"}}]
)
def test_without_a_key_at_approval_nothing_is_joined(cast, version):
    with pytest.raises(Refused, match="No key column was declared"):
        report(cast, version, labels(rows_of("a")))


def test_a_batch_gets_its_performance_when_outcomes_come_and_readings_are_never_changed(client, cast, version):
    rows, others = rows_of("a"), rows_of("b", seed=3)
    batch = deliver(cast, version, unlabelled(rows))
    other = deliver(cast, version, unlabelled(others), name="October", window=OCTOBER)
    first = read_waiting(batch)
    assert first.verdict == "no_labels"
    early = match(report(cast, version, labels(rows[:60]), name="Early"))
    assert early.verdict == "in_use"
    assert early.numbers["batches"][str(batch.pk)]["matched"] == 60
    second = read_waiting_here(batch)
    assert (second.verdict, second.pk > first.pk) == ("no_labels", True)
    assert "Outcomes of 60 of 200 rows are known" in second.sentences[0]
    late = report(cast, version, labels([*rows[60:], *others, {"id": "nobody", "y_true": "1"}]), name="Late")
    found = match(late)
    assert any(sentence == "Keys that are in no batch so far: 1." for sentence in found.sentences)
    third = read_waiting(batch)
    assert third.verdict == "ok"
    assert [entry["sha256"] for entry in third.outcomes] == [
        delivery.file.sha256 for delivery in OutcomeDelivery.objects.order_by("pk")
    ]
    assert any(late.file.sha256 in sentence for sentence in third.numbers["looked_at"])
    assert read_waiting_here(other).verdict == "ok"
    first.refresh_from_db()
    assert first.verdict == "no_labels"
    assert Reading.objects.filter(monitor__key="score_drift").count() == 2
    assert Reading.objects.filter(monitor__key="performance").count() == 3 + 2
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(reverse("admin:monitoring_batch_change", args=[batch.pk])).content.decode()
    counts, _, earlier = page.partition("2 earlier readings, before outcomes came or it was read again")
    assert (first.get_absolute_url() in counts, second.get_absolute_url() in counts) == (False, False)
    assert third.get_absolute_url() in counts
    assert earlier.index(second.get_absolute_url()) < earlier.index(first.get_absolute_url())


def test_outcomes_that_come_apart_say_the_same_as_those_that_come_with_the_batch(cast, version):
    rows = rows_of("a")
    together = deliver(cast, version, as_csv(rows, *rows[0]), name="Together")
    apart = deliver(cast, version, unlabelled(rows), name="Apart", window=OCTOBER)
    match(report(cast, version, labels(rows[::-1])))
    one, two = read_waiting_here(together), read_waiting_here(apart)
    assert one.numbers["measures"] == two.numbers["measures"]


def test_the_same_bytes_are_one_delivery(cast, version):
    report(cast, version, labels(rows_of("a")))
    with pytest.raises(outcomes.KnownDelivery, match="“Outcomes” already"):
        report(cast, version, labels(rows_of("a")), name="Again")


def test_outcomes_before_their_batch_are_used_when_it_comes(cast, version):
    rows = rows_of("a")
    match(report(cast, version, labels(rows)))
    assert read_waiting_here(deliver(cast, version, unlabelled(rows))).verdict == "ok"


def test_contradictory_outcomes_are_not_half_used_and_people_are_told(cast, version):
    rows = rows_of("a")
    batch = deliver(cast, version, unlabelled(rows))
    found = match(report(cast, version, labels([*rows, wrong(rows)[0]])))
    assert found.verdict == "not_computable"
    assert "two different outcomes for 1 key" in found.sentences[0]
    assert Reading.objects.filter(batch=batch, monitor__key="performance").count() == 1
    assert Notification.objects.filter(user=cast.owner, text__contains="are not used").exists()
    assert LedgerEntry.objects.filter(event="monitoring.outcomes.matched").count() == 1


def test_an_outcome_that_is_no_class_is_not_used_and_bars_no_right_one(cast, version):
    rows = rows_of("a")
    deliver(cast, version, unlabelled(rows))
    found = match(report(cast, version, labels([{**row, "y_true": "7"} for row in rows[:3]])))
    assert (found.verdict, "has the values 7, but at approval" in found.sentences[0]) == ("not_computable", True)
    assert match(report(cast, version, labels(rows))).verdict == "in_use"


def test_only_a_correction_replaces_what_was_delivered_and_the_alarm_follows_it(cast, version):
    rows = rows_of("a")
    batch = deliver(cast, version, unlabelled(rows))
    match(report(cast, version, labels(wrong(rows)), name="Turned round"))
    assert read_waiting_here(batch).verdict == "breach"
    monitor = Monitor.objects.get(key="performance")
    assert standing.alarm_of(monitor, now=timezone.now()).level == Level.ALERT
    refused = match(report(cast, version, labels(rows), name="Right"))
    assert "deliver it as a correction" in refused.sentences[0]
    right = report(cast, version, labels(rows), name="Right", corrects=True, description="The codes were swapped.")
    assert match(right).verdict == "in_use"
    assert read_waiting_here(batch).verdict == "ok"
    assert standing.alarm_of(monitor, now=timezone.now()).level == Level.CALM


def test_an_alarm_is_not_lost_to_outcomes_that_cannot_be_read(cast, version):
    """The newest reading that says something stands: what could not be measured takes nothing back."""
    rows = rows_of("a")
    batch = deliver(cast, version, unlabelled(rows))
    match(report(cast, version, labels(wrong(rows))))
    assert read_waiting_here(batch).verdict == "breach"
    more = report(cast, version, labels([{"id": "a0", "y_true": wrong(rows)[0]["y_true"]}]), name="More")
    match(more)
    more.file.path.write_bytes(b"changed")
    assert read_waiting(batch).verdict == "not_computable"
    monitor = Monitor.objects.get(key="performance")
    assert standing.alarm_of(monitor, now=timezone.now()).level == Level.ALERT


def test_a_batch_that_nobody_can_open_does_not_stop_the_others(cast, version):
    rows = rows_of("a")
    damaged = deliver(cast, version, unlabelled(rows_of("b")) + b"cut,off\n", name="Damaged", window=OCTOBER)
    batch = deliver(cast, version, unlabelled(rows))
    found = match(report(cast, version, labels(rows)))
    assert found.verdict == "in_use"
    assert "“Damaged” was not looked at" in found.sentences[-1]
    assert read_waiting_here(batch).verdict == "ok"
    assert read_waiting(damaged).verdict == "not_computable"


def test_deliveries_take_their_turn_and_survive_workers_that_die(cast, version):
    first, second = (report(cast, version, labels(rows_of(name)), name=name) for name in "ab")
    rows = {row.delivery_id: row for row in Matching.objects.all()}
    assert not outcomes.execute(rows[second.pk].pk)
    moment = timezone.now()
    for _ in range(leases.ATTEMPTS):
        token = leases.claim(Matching, rows[first.pk].pk, now=moment)
        assert token
        moment += timedelta(hours=1)
    outcomes.sweep(now=moment)
    assert not outcomes.finish(rows[first.pk].pk, token, verdict=MatchVerdict.IN_USE, sentences=["Late."])
    lost = Matching.objects.get(delivery=first)
    assert (lost.status, lost.verdict) == ("crashed", "error")
    assert match(second).verdict == "in_use"


def test_what_is_known_of_each_batch_is_reported_with_its_age(cast, version):
    rows = rows_of("a")
    batch = deliver(cast, version, unlabelled(rows))
    now = timezone.now().replace(year=2026, month=10, day=10)
    assert [line.in_words for line in coverage(version, now=now)] == ["not counted yet"]
    read_waiting_here(batch)
    assert [line.in_words for line in coverage(version, now=now)] == ["no outcomes yet"]
    match(report(cast, version, labels(rows[:50])))
    read_waiting_here(batch)
    (line,) = coverage(version, now=now)
    assert (line.share, line.age) == (0.25, 10)
    assert line.in_words == "outcomes of 50 of 200 rows (25.0%)"


def test_outcomes_are_delivered_and_seen_on_pages_that_outsiders_do_not_find(client, cast, version):
    rows = rows_of("a")
    deliver(cast, version, unlabelled(rows))
    url = reverse("admin:monitoring_outcomedelivery_deliver", args=[version.pk])
    page = reverse("admin:monitoring_outcomedelivery_version", args=[version.pk])

    def form(**changes):
        return {"file": SimpleUploadedFile("o.csv", labels(rows)), "name": "<b>Known</b>", **changes}

    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(url, form()).status_code == client.get(page).status_code == 404
    client.force_login(cast.auditor, backend=BACKEND)
    assert client.post(url, form()).status_code == 403
    client.force_login(cast.submitter, backend=BACKEND)
    assert "why outcomes are corrected" in client.post(url, form(corrects="on")).content.decode()
    assert client.post(url, form()).status_code == 302
    delivery = OutcomeDelivery.objects.get()
    match(delivery)
    client.force_login(cast.auditor, backend=BACKEND)
    seen = client.get(page).content.decode()
    assert "In use" in seen
    assert "<b>Known</b>" not in seen
    assert "not counted yet" in seen
    assert (
        "Rows that have one of them: 200, in 1 of the batches"
        in client.get(delivery.get_absolute_url()).content.decode()
    )
    assert page in client.get(version.get_absolute_url()).content.decode()
    download = reverse("admin:monitoring_outcomedelivery_download", args=[delivery.pk])
    assert b"".join(client.get(download).streaming_content) == labels(rows)
    assert LedgerEntry.objects.get(event="monitoring.outcomes.viewed").actor_id == cast.auditor.pk
    assert "Outcomes matched" in client.get(version.get_absolute_url()).content.decode()
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(download).status_code == client.get(delivery.get_absolute_url()).status_code == 404


def test_every_monitor_that_waits_for_outcomes_is_read_again_when_they_come():
    waits = {key for key, kind in monitors.load().items() if issubclass(kind.Thresholds, OutcomesNeeded)}
    assert waits == {key for key, kind in monitors.load().items() if kind.needs_outcomes}
    assert "performance" in waits


def test_a_month_that_a_correction_made_calm_is_told_in_the_record_and_to_officers(client, cast, version):
    rows = rows_of("a")
    batch = deliver(cast, version, unlabelled(rows))
    match(report(cast, version, labels(wrong(rows)), name="Bad month"))
    assert read_waiting_here(batch).verdict == "breach"
    reason = "The sign of the outcomes was turned round."
    match(report(cast, version, labels(rows), name="<i>Better</i>", corrects=True, description=reason))
    assert read_waiting_here(batch).verdict == "ok"
    officer = cast.signers[Role.RISK_OFFICER]
    assert Notification.objects.filter(user=officer, text__contains=reason).exists()
    revalidating.ask(version_id=version.pk, actor=officer, reason="Looked at after the correction.")
    made = evidence.current(version, EvidenceKind.MONITORING_RECORD)
    record = json.loads(made.file.path.read_text())
    assert [(one["name"], one["reason"], one["verdict"]) for one in record["corrections"]] == [
        ("<i>Better</i>", reason, "in_use")
    ]
    assert record["replaced"] == [
        {"monitor": "performance", "batch": "September", "was": "alert", "is": "within limits"}
    ]
    assert monitored.record(made).notes[-1].endswith(f"corrected outcomes by “<i>Better</i>”. {reason}")
    client.force_login(officer, backend=BACKEND)
    page = client.get(version.get_absolute_url()).content.decode()
    assert "September was alert (performance) and is within limits since other outcomes came." in page
    assert "<i>Better</i>" not in page


def test_a_delivery_in_use_with_what_is_no_class_is_named_where_a_person_looks(client, cast, version):
    """Of an earlier release, which used it: the reading, the outcomes of the version and the delivery say the cure."""
    rows = rows_of("a")
    batch = deliver(cast, version, unlabelled(rows))
    odd = [{**row, "y_true": "7"} for row in rows[:3]]
    delivery = report(cast, version, as_csv([*odd, *rows[3:]], "id", "y_true"), name="Odd codes")
    token = leases.claim(Matching, delivery.matching.pk, now=timezone.now())
    counted = {"rows": 200, "matched": 200, "contradicted": 0}
    numbers = {"batches": {str(batch.pk): counted}, "troubles": {}}
    assert outcomes.finish(
        delivery.matching.pk, token, verdict=MatchVerdict.IN_USE, sentences=["Keys: 200."], numbers=numbers
    )
    reading = read_waiting(batch)
    assert reading.verdict == "not_computable"
    why = "has the values 7, but at approval the classes were 0 and 1; the outcomes “Odd codes”, which came later"
    cure = "Deliver the right ones of these keys as a correction"
    assert why in reading.sentences[0]
    assert cure in reading.sentences[0]
    deliver_one = reverse("admin:monitoring_outcomedelivery_deliver", args=[version.pk])
    places = (delivery.get_absolute_url(), reverse("admin:monitoring_outcomedelivery_version", args=[version.pk]))
    for user in (cast.auditor, cast.submitter):
        client.force_login(user, backend=BACKEND)
        for url in places:
            page = client.get(url).content.decode()
            assert why in page
            assert (deliver_one in page) == (user == cast.submitter)
    right = {"corrects": True, "description": "The codes were of another system."}
    match(report(cast, version, as_csv(rows[:3], "id", "y_true"), name="Right", **right))
    assert read_waiting(batch).verdict == "ok"
    assert "Needs a correction" not in client.get(places[0]).content.decode()


def test_of_many_that_wait_some_are_hinted_at_again_and_each_has_its_turn(cast, version, monkeypatch):
    for month in (7, 8, 9):
        window = (date(2026, month, 1), date(2026, month, 28))
        deliver(cast, version, unlabelled(rows_of("abc"[month - 7], seed=month)), window=window)
    waiting = set(Reading.objects.values_list("pk", flat=True))
    assert len(waiting) == 6
    monkeypatch.setattr(leases, "HINTS_AT_ONCE", 4)
    later = timezone.now() + timedelta(minutes=1)
    first, second = (running.sweep(now=later + timedelta(seconds=seconds)) for seconds in (0, 20))
    assert len(first) == len(second) == 4
    assert {*first, *second} == waiting
