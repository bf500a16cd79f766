"""Levels, rows of breaches and answers to alarms through use cases and pages; wrong users first."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals.models import Finding, ModelVersion
from approvals.models.findings import FindingSource
from approvals.stages import Role
from monitoring import alarm_notes
from monitoring.alarms import Level
from monitoring.models import AlarmNote, Monitor, Reading
from monitoring.standing import alarm_of
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import tiny_table
from tests.monitoring.measuring import read
from tests.monitoring.test_monitoring import changed, deliver
from tests.monitoring.test_standing import remember

BACKEND = "django.contrib.auth.backends.ModelBackend"
ALIKE = tiny_table(rows=600, seed=2)
REASON = "The income feed was repaired on Monday."
DRIFT = {"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}}


def month(number):
    start = date(2026, number, 1)
    return {"name": f"Month {number}", "start": start, "end": start + timedelta(days=27)}


def times(factor, seed=2):
    return changed(tiny_table(rows=600, seed=seed), amount=lambda row: int(int(row["amount"]) * factor))


def monitor():
    return Monitor.objects.get(key="feature_drift")


@pytest.fixture
def alarmed(cast, deploy):
    """A deployed version with an alarm of drift."""
    version = deploy([DRIFT])
    read(deliver(cast, version, times(3), **month(3)), "feature_drift")
    return version


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"warn": {"max_psi": 0.3}}, "would be reached first"),
        ({"critical": {"max_psi": 0.2}}, "would be reached first"),
        ({"warn": {"max_psy": 0.1}}, "no setting"),
        ({"critical": {}, "after": 0}, "“after”, a whole number"),
        ({"clears_after": True}, "“clears_after”, a whole number"),
        ({"warn": [0.1]}, "names with values"),
        ({"suspends": "sometimes"}, "true, false or critical"),
    ],
)
def test_levels_that_cannot_work_are_refused_where_the_policy_is_written(cast, entry, why):
    with pytest.raises(BadInput, match=why):
        cast.publish(monitors=[{**DRIFT, **entry}])


def test_a_warning_tells_people_and_opens_no_finding(cast, deploy):
    version = deploy([{**DRIFT, "thresholds": {"max_psi": 50}, "warn": {"max_psi": 0.1}}])
    row = read(deliver(cast, version, times(3), **month(3)), "feature_drift")
    assert (row.verdict, row.level) == ("warning", Level.WARN)
    assert "limit for warnings" in row.sentences[0]
    assert not Finding.objects.exists()
    assert Notification.objects.filter(user=cast.owner, text__contains="a warning").exists()


def test_a_critical_reading_is_graver_and_suspends_where_only_that_does(cast, deploy):
    version = deploy([{**DRIFT, "critical": {"max_psi": 1.0}, "severity": "medium", "suspends": "critical"}])
    row = read(deliver(cast, version, times(1.35), **month(3)), "feature_drift")
    assert row.level == Level.ALERT, row.sentences
    assert ModelVersion.objects.get(pk=version.pk).stage == "monitoring"
    row = read(deliver(cast, version, times(30), **month(4)), "feature_drift")
    assert row.level == Level.CRITICAL
    assert ModelVersion.objects.get(pk=version.pk).stage == "suspended"
    reason = LedgerEntry.objects.filter(event="approvals.version.suspended").get().payload
    assert "No other version of this model was ever approved" in reason


def test_one_bad_month_opens_nothing_where_two_in_a_row_are_asked_in_the_order_of_windows(cast, deploy):
    version = deploy([{**DRIFT, "after": 2}])
    assert read(deliver(cast, version, times(3), **month(5)), "feature_drift").verdict == "breach"
    assert not Finding.objects.exists()
    read(deliver(cast, version, times(3, seed=7), **month(3)), "feature_drift")
    assert Finding.objects.filter(source=FindingSource.MONITOR).count() == 1
    read(deliver(cast, version, ALIKE, **month(4)), "feature_drift")
    assert alarm_of(monitor(), now=timezone.now()).level == Level.CALM


def test_an_alarm_ends_after_as_many_calm_months_as_are_asked(cast, deploy):
    version = deploy([{**DRIFT, "clears_after": 2}])
    for number, table in ((3, times(3)), (4, ALIKE), (5, tiny_table(rows=600, seed=4))):
        read(deliver(cast, version, table, **month(number)), "feature_drift")
        level = alarm_of(monitor(), now=timezone.now()).level
        assert level == (Level.CALM if number == 5 else Level.ALERT)


def test_who_may_answer_an_alarm(cast, alarmed):
    row = monitor()
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            alarm_notes.acknowledge(monitor_id=row.pk, actor=user, reason=REASON)
    until = timezone.now().date() + timedelta(days=7)
    for user in (cast.submitter, cast.signers[Role.IT_OPERATIONS]):
        with pytest.raises(NotPermitted):
            alarm_notes.mute(monitor_id=row.pk, actor=user, reason=REASON, until=until)
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 5
    assert not AlarmNote.objects.exists()


def test_bad_answers_are_refused_with_a_sentence(cast, alarmed):
    row, officer = monitor(), cast.signers[Role.RISK_OFFICER]
    today = timezone.now().date()
    with pytest.raises(BadInput, match="at least 10"):
        alarm_notes.acknowledge(monitor_id=row.pk, actor=officer, reason="ok")
    with pytest.raises(BadInput, match="Name the incident"):
        alarm_notes.link_incident(monitor_id=row.pk, actor=officer, incident="  ", reason=REASON)
    for until in (today - timedelta(days=1), today + timedelta(days=91)):
        with pytest.raises(BadInput, match="within 90 days"):
            alarm_notes.mute(monitor_id=row.pk, actor=officer, reason=REASON, until=until)
    read(deliver(cast, alarmed, ALIKE, **month(4)), "feature_drift")
    with pytest.raises(Refused, match="raised no alarm"):
        alarm_notes.acknowledge(monitor_id=row.pk, actor=officer, reason=REASON)


def test_a_muted_monitor_sends_no_notices_and_opens_its_finding_all_the_same(cast, deploy):
    version = deploy([DRIFT])
    officer, until = cast.signers[Role.RISK_OFFICER], timezone.now().date() + timedelta(days=7)
    alarm_notes.mute(monitor_id=monitor().pk, actor=officer, reason=REASON, until=until)
    read(deliver(cast, version, times(3), **month(3)), "feature_drift")
    assert Finding.objects.filter(source=FindingSource.MONITOR).count() == 1
    assert not Notification.objects.filter(text__startswith="Feature drift").exists()


def test_an_answer_belongs_to_the_alarm_that_it_was_given_to(cast, alarmed):
    row, officer = monitor(), cast.signers[Role.RISK_OFFICER]
    alarm_notes.link_incident(monitor_id=row.pk, actor=officer, incident="INC-42", reason=REASON)
    assert alarm_of(row, now=timezone.now()).incident.incident == "INC-42"
    later = timezone.now() + timedelta(days=400)
    window = {"name": "later", "start": later.date() - timedelta(days=27), "end": later.date(), "now": later}
    read(deliver(cast, alarmed, ALIKE, **window), "feature_drift")
    assert alarm_of(row, now=later).incident is None


def test_the_overview_shows_what_is_red_to_those_who_see_the_model_only(client, cast, alarmed):
    url, table = reverse("admin:monitoring_monitor_overview"), reverse("admin:monitoring_monitor_overview_csv")
    client.force_login(cast.outsider, backend=BACKEND)
    for address in (url, table):
        assert alarmed.model.name not in client.get(address).content.decode()
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(url).content.decode()
    assert "1 of 1 in alarm" in page
    assert "Feature drift: alert" in page
    assert "by nobody yet" in page
    assert "28 Mar 2026" in page
    lines = client.get(table).content.decode().splitlines()
    assert "Feature drift: alert" in lines[1]
    client.force_login(cast.owner, backend=BACKEND)
    note = reverse("admin:monitoring_monitor_note", args=[monitor().pk, "acknowledged"])
    assert "Give a reason of" in client.post(note, {"reason": "ok"}).content.decode()
    assert client.post(note, {"reason": REASON}).status_code == 302
    assert "Acknowledged by" in client.get(url).content.decode()
    assert REASON in client.get(reverse("admin:monitoring_monitor_change", args=[monitor().pk])).content.decode()
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(note, {"reason": REASON}).status_code == 404
    client.force_login(cast.auditor, backend=BACKEND)
    assert client.post(note, {"reason": REASON}).status_code == 403
    assert AlarmNote.objects.count() == 1


def test_the_overview_of_many_versions_asks_few_questions(client, cast, alarmed, django_assert_max_num_queries):
    client.force_login(cast.auditor, backend=BACKEND)
    remember(monitor(), [2] * 6)
    assert Reading.objects.count() == 7
    with django_assert_max_num_queries(40):
        client.get(reverse("admin:monitoring_monitor_overview"))


def test_a_window_in_pieces_is_one_window_and_its_worst_piece_counts(cast, deploy):
    version = deploy([{**DRIFT, "clears_after": 2}])
    read(deliver(cast, version, times(3), **month(3)), "feature_drift")
    for seed in (2, 4, 5):
        read(deliver(cast, version, tiny_table(rows=600, seed=seed), **month(4)), "feature_drift")
    assert alarm_of(monitor(), now=timezone.now()).level == Level.ALERT, "three pieces are not three calm months"
    read(deliver(cast, version, tiny_table(rows=600, seed=6), **month(5)), "feature_drift")
    assert alarm_of(monitor(), now=timezone.now()).level == Level.CALM
    read(deliver(cast, version, times(3, seed=7), **month(6)), "feature_drift")
    for seed in range(8, 8 + 9):
        read(deliver(cast, version, tiny_table(rows=600, seed=seed), **month(6)), "feature_drift")
    assert alarm_of(monitor(), now=timezone.now()).level == Level.ALERT, "a calm piece hides no bad one"


def test_a_calm_reading_says_nothing_of_a_later_batch_without_an_answer(client, cast, deploy):
    version = deploy([DRIFT])
    addresses = (
        reverse("admin:monitoring_monitor_overview"),
        reverse("admin:monitoring_monitor_version", args=[version.pk]),
    )
    client.force_login(cast.auditor, backend=BACKEND)
    assert read(deliver(cast, version, ALIKE, **month(3)), "feature_drift").verdict == "ok"
    calm = [client.get(address).content.decode() for address in addresses]
    assert "Within limits" in calm[0]
    assert "All monitors are within their limits" in calm[1]
    row = read(deliver(cast, version, tiny_table(rows=12, seed=3), **month(4)), "feature_drift")
    assert row.verdict == "not_computable"
    assert alarm_of(monitor(), now=timezone.now()).in_words is None
    overview, page = (client.get(address).content.decode() for address in addresses)
    assert "Not known: Feature drift gave no answer on the newest batch" in overview
    assert "Not everything is known: Feature drift gave no answer on the newest batch" in page
    read(deliver(cast, version, tiny_table(rows=600, seed=4), **month(5)), "feature_drift")
    assert alarm_of(monitor(), now=timezone.now()).in_words == "within limits"
