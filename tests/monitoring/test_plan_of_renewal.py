"""A renewal under a policy with another monitoring plan: what ends, what goes on, what begins, and no alarm is lost."""

import io
import json
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from approvals import repinning, replaying, revalidating
from approvals.models import Finding, ModelVersion, RevalidationOutcome
from approvals.stages import Role
from monitoring import alarm_clock, alarm_notes, batches, records, running, staleness
from monitoring.alarms import Level
from monitoring.models import Monitor, MonitorEnd, Reading
from monitoring.overview import deployed_lines
from monitoring.standing import alarm_of
from monitoring.timelines import marks_of
from portal.errors import Refused
from portal.models import LedgerEntry
from tests.cast import SAFE, tiny_table
from tests.monitoring.deliveries import WAITING, as_csv, match, read_waiting_here, report, rows_of, unlabelled
from tests.monitoring.deliveries import deliver as send
from tests.monitoring.deployed_once import cast, version
from tests.monitoring.measuring import read_here

__all__ = ["cast", "version"]

BACKEND = "django.contrib.auth.backends.ModelBackend"
RULE = {"revalidation": {"gates": ["data_review"], "every_months": 12}}
QUALITY = {"monitor": "data_quality", "thresholds": {"max_missing_share": 0.02}, "severity": "medium"}
DRIFT = {"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}}
STRICTER = {"monitor": "feature_drift", "thresholds": {"max_psi": 0.1}}
STALENESS = {"monitor": "staleness", "every_days": 31}
KEYS = ("data_quality", "feature_drift", "staleness")
OLD, NEW = [QUALITY, DRIFT, STALENESS], [QUALITY, STRICTER, {**STALENESS, "every_days": 7}]


@pytest.fixture
def plan():
    return {"monitors": OLD, "rules": RULE}


@pytest.fixture
def newer(cast, version):
    return cast.publish(monitors=NEW, **RULE)


def deliver(cast, version, month=1):
    start = date(2026, month, 1)
    return batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(tiny_table(seed=40 + month)),
        name=f"Month {month}",
        window_start=start,
        window_end=start + timedelta(days=27),
    )


def read(batch, **levels):
    """Finish what was ordered on a batch; a monitor that is not named is calm."""
    for row in Reading.objects.filter(batch=batch, status="queued").select_related("monitor"):
        level = levels.get(row.monitor.key, Level.CALM)
        verdict = "breach" if level >= Level.ALERT else "ok"
        token = running.claim(row.pk, now=timezone.now())
        result = running.Result(verdict, (f"It is {level.in_words}.",), level=level)
        assert running.finish(row.pk, token, result=result, now=timezone.now())


def begin(cast, version, newer):
    officer = cast.signers[Role.RISK_OFFICER]
    revalidating.ask(version_id=version.pk, actor=officer, reason=SAFE)
    repinning.repin(version_id=version.pk, policy_id=newer.pk, actor=officer, reason=SAFE)


def renew(cast, version):
    return revalidating.renew(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)


def in_force(version):
    return {row.key: row for row in Monitor.in_force.filter(version=version)}


def test_until_the_renewal_the_old_plan_watches_and_after_a_refusal_too(cast, version, newer):
    before = in_force(version)
    begin(cast, version, newer)
    assert in_force(version) == before
    revalidating.refuse(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    assert in_force(version) == before
    assert not MonitorEnd.objects.exists()


def test_the_new_plan_takes_over_and_what_it_asks_word_for_word_goes_on(cast, version, newer):
    before, first = in_force(version), deliver(cast, version)
    read(first)
    begin(cast, version, newer)
    renew(cast, version)
    after = in_force(version)
    assert after["data_quality"] == before["data_quality"]
    assert after["feature_drift"].thresholds == {"max_psi": 0.1}
    ended = {row.monitor.key: row for row in MonitorEnd.objects.select_related("monitor", "policy")}
    assert set(ended) == {"feature_drift", "staleness"}
    assert ended["feature_drift"].monitor.readings.count() == 1
    assert ended["feature_drift"].in_words.endswith("under policy-high no. 1")
    facts = json.loads(LedgerEntry.objects.get(event="monitoring.plan.changed").payload)["facts"]
    assert (facts["kept"], facts["ended"], facts["started"]) == (
        ["data_quality"],
        ["feature_drift", "staleness"],
        ["feature_drift", "staleness"],
    )
    assert replaying.differences() == ()
    with pytest.raises(DatabaseError), transaction.atomic():
        MonitorEnd.objects.all().delete()


def test_readings_keep_the_policy_they_were_ordered_under_and_the_newest_window_is_read_at_once(cast, version, newer):
    old = version.policy
    early, late = deliver(cast, version, 1), deliver(cast, version, 2)
    read(early)
    read(late)
    begin(cast, version, newer)
    renew(cast, version)
    assert set(Reading.objects.filter(batch=early).values_list("policy", flat=True)) == {old.pk}
    (fresh,) = Reading.objects.filter(batch=late, policy=newer)
    assert fresh.monitor == in_force(version)["feature_drift"]
    third = deliver(cast, version, 3)
    ordered = Reading.objects.filter(batch=third)
    assert {row.monitor for row in ordered} == {row for key, row in in_force(version).items() if key != "staleness"}
    assert set(ordered.values_list("policy", flat=True)) == {newer.pk}
    marks = [mark.words for mark in marks_of(version)]
    assert "judged by policy-high no. 2 from then on" in marks


def test_nothing_is_renewed_while_a_monitor_that_ends_is_being_read(client, cast, version, newer):
    batch = deliver(cast, version)
    begin(cast, version, newer)
    sentence = "1 reading of the monitors that end with the renewal is not finished"
    with pytest.raises(Refused, match=sentence):
        renew(cast, version)
    client.force_login(cast.auditor, backend=BACKEND)
    html = client.get(version.get_absolute_url()).content.decode()
    assert "Monitors that end with the renewal: Feature drift, Staleness." in html
    assert sentence in html
    read(batch)
    assert renew(cast, version).policy == newer


@pytest.mark.parametrize("level", [Level.WARN, Level.ALERT])
def test_an_alarm_of_a_monitor_that_ends_is_answered_before(cast, version, newer, level):
    read(deliver(cast, version), feature_drift=level)
    begin(cast, version, newer)
    with pytest.raises(Refused, match=rf"Feature drift \({level.in_words}\)"):
        renew(cast, version)
    assert in_force(version)["feature_drift"].thresholds == {"max_psi": 0.25}
    old = in_force(version)["feature_drift"]
    alarm_notes.acknowledge(monitor_id=old.pk, actor=cast.owner, reason=SAFE)
    renew(cast, version)
    assert MonitorEnd.objects.get(monitor=old).level == level
    fresh = in_force(version)["feature_drift"]
    state = alarm_of(fresh, now=timezone.now())
    assert (state.known, state.in_words) == (False, None), "not calm, but unknown until it has read"
    (line,) = deployed_lines(cast.owner, now=timezone.now())
    assert line.state.startswith("Not known")
    assert Finding.objects.filter(status="open").count() == (level >= Level.ALERT), "its finding stays open"
    with pytest.raises(Refused, match="This monitor watched until"):
        alarm_notes.acknowledge(monitor_id=old.pk, actor=cast.owner, reason=SAFE)


def test_a_dry_run_tells_which_monitors_end_and_begin_and_whose_alarms_pass_over(client, cast, version, newer):
    read(deliver(cast, version), feature_drift=Level.ALERT, data_quality=Level.WARN)
    revalidating.ask(version_id=version.pk, actor=cast.owner, reason=SAFE)
    client.force_login(cast.auditor, backend=BACKEND)
    address = reverse("admin:approvals_policy_dry_run", args=[newer.pk])
    shown = client.get(address).content.decode()
    for sentence in (
        "Monitors that go on: Data quality",
        "Monitors that end with the renewal: Feature drift, Staleness.",
        "Monitors that begin with it: Feature drift, Staleness.",
        "Data quality of the batch is in an alarm (warning), which passes over: it goes on.",
        "The alarm of Feature drift (alert) does not pass over: it has to be answered before the renewal",
        "the new one reads the newest window at once",
    ):
        assert sentence in shown
    alarm_notes.acknowledge(monitor_id=in_force(version)["feature_drift"].pk, actor=cast.owner, reason=SAFE)
    assert "it was answered, ends with the monitor" in client.get(address).content.decode()
    client.force_login(cast.outsider, backend=BACKEND)
    assert "Feature drift" not in client.get(address).content.decode()
    same = cast.publish(monitors=OLD, **RULE)
    [effect] = repinning.dry_run(same, user=cast.owner)
    assert effect.after_renewal == ("The same monitors go on.",)


def test_the_page_says_what_stands_in_the_way_of_a_renewal_and_who_clears_it(client, cast, version, newer):
    officer = cast.signers[Role.RISK_OFFICER]
    read(deliver(cast, version), feature_drift=Level.ALERT, data_quality=Level.ALERT)
    begin(cast, version, newer)
    read(deliver(cast, version, 2), feature_drift=Level.ALERT, data_quality=Level.CRITICAL)
    client.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")
    page = version.get_absolute_url()
    form = reverse("admin:approvals_modelversion_revalidation_renew", args=[version.pk])
    shown = client.get(page).content.decode()
    assert 'id="button-renew"' not in shown
    assert "Every gate is open, and this stands in the way of a renewal" in shown
    assert "Feature drift (alert). Acknowledge it, or link it to an incident, before the renewal: the owner," in shown
    assert "does not tell of this alarm: Data quality" in shown
    assert "a submitter, the owner or a signer of the model does" in shown
    refused = client.get(form)
    assert "does not tell of this alarm" in refused.content.decode()
    with pytest.raises(Refused, match=r"before the renewal.*|does not tell of this alarm.*"):
        renew(cast, version)
    records.make_anew(version_id=version.pk, actor=officer)
    alarm_notes.acknowledge(monitor_id=in_force(version)["feature_drift"].pk, actor=cast.owner, reason=SAFE)
    shown = client.get(page).content.decode()
    assert 'id="button-renew"' in shown
    assert "stands in the way" not in shown
    renew(cast, version)


def test_an_alarm_of_a_monitor_that_goes_on_goes_on(cast, version, newer):
    read(deliver(cast, version), data_quality=Level.ALERT)
    begin(cast, version, newer)
    renew(cast, version)
    assert alarm_of(in_force(version)["data_quality"], now=timezone.now()).level == Level.ALERT


def test_the_time_without_data_counts_on(cast, version, newer):
    begin(cast, version, newer)
    moment = timezone.now() + timedelta(days=8)
    renew(cast, version)
    fresh = in_force(version)["staleness"]
    assert staleness.overdue_since(fresh) == version.approved_at + timedelta(days=7)
    (ordered,) = staleness.check(now=moment)
    assert Reading.objects.get(pk=ordered).monitor == fresh
    assert alarm_clock.look(now=moment) == 0


@pytest.mark.parametrize("plan", [{"monitors": WAITING, "rules": RULE}])
def test_outcomes_of_a_window_from_before_are_read_by_the_plan_in_force(cast, version):
    rows = rows_of("a")
    batch = send(cast, version, unlabelled(rows))
    assert read_waiting_here(batch).verdict == "no_labels"
    (entry,) = [one for one in WAITING if one["monitor"] == "performance"]
    changed = {**entry, "thresholds": {"min_roc_auc": 0.999}}
    newer = cast.publish(monitors=[changed if one is entry else one for one in WAITING], **RULE)
    for row in Reading.objects.filter(status="queued"):
        read_here(row)
    begin(cast, version, newer)
    renew(cast, version)
    waits = Reading.objects.get(monitor=in_force(version)["performance"])
    assert waits.batch == batch, "the window that still waits goes to the new plan"
    assert match(report(cast, version, as_csv(rows, "id", "y_true"))).verdict == "in_use"
    row = read_waiting_here(batch)
    assert (row.monitor, row.verdict, row.policy) == (waits.monitor, "breach", newer)


def test_a_policy_with_the_same_plan_changes_no_monitor(cast, version):
    same = cast.publish(monitors=OLD, approval_valid_days=30, **RULE)
    before = in_force(version)
    begin(cast, version, same)
    renew(cast, version)
    assert in_force(version) == before
    assert not LedgerEntry.objects.filter(event="monitoring.plan.changed").exists()


def test_pages_and_record_tell_the_two_plans_apart(client, cast, version, newer):
    read(deliver(cast, version))
    begin(cast, version, newer)
    renew(cast, version)
    version = ModelVersion.objects.get(pk=version.pk)
    assert version.revalidations.get().outcome == RevalidationOutcome.RENEWED
    since = records.begins(version)
    told = records.document(version, since=since, now=timezone.now())
    assert [one["monitor"] for one in told["monitors"] if "until" not in one] == [*KEYS]
    ended = [one["title"] for one in told["monitors"] if "until" in one]
    assert ended == [f"{title} (until {timezone.now():%d %b %Y})" for title in ("Feature drift", "Staleness")]
    client.force_login(cast.auditor, backend=BACKEND)
    html = client.get(reverse("admin:monitoring_monitor_version", args=[version.pk])).content.decode()
    assert html.count("Feature drift</a>") == 2
    assert "Watched until" in html
    old = MonitorEnd.objects.get(monitor__key="feature_drift").monitor
    assert (
        "under policy-high no. 1"
        in client.get(reverse("admin:monitoring_monitor_change", args=[old.pk])).content.decode()
    )
    reading = client.get(Reading.objects.filter(monitor=old).get().get_absolute_url()).content.decode()
    assert "policy-high no. 1</a>" in reading
    rows = client.get(reverse("admin:monitoring_monitor_version_csv", args=[version.pk])).content.decode()
    assert rows.startswith("monitor,")


def test_a_clock_that_looked_before_the_renewal_orders_and_does_nothing_of_a_monitor_that_ended(
    cast, version, newer, monkeypatch
):
    begin(cast, version, newer)
    looked, later = staleness.overdue_since, timezone.now() + timedelta(days=40)

    def renewed_meanwhile(monitor):
        if not MonitorEnd.objects.exists():
            renew(cast, version)
        return looked(monitor)

    monkeypatch.setattr(staleness, "overdue_since", renewed_meanwhile)
    assert staleness.check(now=later) == ()
    assert not Reading.objects.exists()
    (row,) = staleness.check(now=later)
    assert Reading.objects.get(pk=row).policy == newer


def test_the_record_tells_the_alarm_in_which_a_clock_ended_also_when_data_came_since(cast, version, newer):
    began, later = timezone.now(), timezone.now() + timedelta(days=40)
    (row,) = staleness.check(now=later)
    result = running.Result("breach", ("No batch came.",), level=Level.ALERT)
    assert running.finish(row, running.claim(row, now=later), result=result, now=later)
    officer, ended = cast.signers[Role.RISK_OFFICER], in_force(version)["staleness"]
    revalidating.ask(version_id=version.pk, actor=officer, reason=SAFE, now=later)
    repinning.repin(version_id=version.pk, policy_id=newer.pk, actor=officer, reason=SAFE, now=later)
    alarm_notes.acknowledge(monitor_id=ended.pk, actor=officer, reason=SAFE, now=later)
    revalidating.renew(version_id=version.pk, actor=officer, reason=SAFE, now=later)
    start, end = later.date() - timedelta(days=3), later.date()
    batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(tiny_table(seed=77)),
        name="At last",
        window_start=start,
        window_end=end,
        now=later + timedelta(days=1),
    )
    told = records.document(ModelVersion.objects.get(pk=version.pk), since=began, now=later + timedelta(days=2))
    alarms = {one["monitor"]: one["alarm"] for one in told["monitors"] if "until" in one}
    assert alarms == {"feature_drift": None, "staleness": "alert"}
