"""What stands goes on having consequences: a closed finding, a reinstatement or a mute does not end its cause."""

import io
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from approvals import findings, restricting
from approvals.measures import references
from approvals.models import Finding, ModelVersion
from approvals.models.findings import FindingStatus
from approvals.stages import Role, Stage
from monitoring import alarm_clock, alarm_notes, batches, leases, running, staleness
from monitoring.alarms import Level
from monitoring.models import Batch, Monitor, Reading
from monitoring.standing import alarm_of
from portal.errors import BadInput
from portal.models import Notification
from tests.monitoring.deliveries import OCTOBER, SEPTEMBER
from tests.monitoring.test_never_calm_unknown import deliver, say
from tests.monitoring.test_restrictions import RESTRICTING
from tests.monitoring.test_unanswered import ALERT, CALM, CRITICAL, DRIFT, REASON, SILENT

STALE = {"monitor": "staleness", "every_days": 31, "suspends": True}


def reinstated(version, now):
    """As if the deployment gate had been signed again: what is asked there is tested where it is decided."""
    moved = {"stage": Stage.MONITORING.value, "stage_entered_at": now}
    ModelVersion.objects.filter(pk=version.pk).update(**moved)


def close(cast, now):
    officer = cast.signers[Role.RISK_OFFICER]
    findings.close_finding(finding_id=Finding.objects.latest("pk").pk, actor=officer, evidence=REASON, now=now)


def stage():
    return ModelVersion.objects.get().stage


@pytest.mark.both_engines
def test_missing_data_has_a_finding_again_a_day_after_it_was_closed_and_suspends_again(cast, deploy):
    version, now = deploy([DRIFT, STALE]), timezone.now() + timedelta(days=40)
    (ordered,) = staleness.check(now=now)
    token = running.claim(ordered, now=now)
    assert running.finish(ordered, token, result=running.Result("breach", ("Late.",), level=2), now=now)
    assert stage() == "suspended"
    assert alarm_clock.look(now=now + timedelta(days=2)) == 0, "the finding is open"
    later = now + timedelta(days=10)
    reinstated(version, later)
    assert [alarm_clock.look(now=later + timedelta(days=days)) for days in (1, 30, 31)] == [0, 0, 1]
    assert (stage(), Finding.objects.count()) == ("suspended", 1)
    reinstated(version, later)
    close(cast, later)
    assert [alarm_clock.look(now=later + timedelta(hours=hours)) for hours in (23, 25, 26)] == [0, 1, 0]
    assert Finding.objects.filter(status=FindingStatus.OPEN).get().title == (
        "Staleness: No batch covers the last 51 days, and one is expected at least every 31 days."
    )
    close(cast, later + timedelta(days=2))
    say(deliver(cast, version, later.date(), days=1, now=later + timedelta(days=2)), "feature_drift", CALM)
    assert alarm_clock.look(now=later + timedelta(days=9)) == 0, "data came"


@pytest.mark.both_engines
def test_a_reading_of_the_clock_that_ended_in_an_error_hides_no_missing_data(cast, deploy):
    deploy([DRIFT, STALE])
    now, row = timezone.now() + timedelta(days=40), Monitor.objects.get(key="staleness")
    (ordered,) = staleness.check(now=now)
    token = running.claim(ordered, now=now)
    assert running.finish(ordered, token, result=running.Result("error", ("The worker died.",)), now=now)
    assert (alarm_of(row, now=now).level, Finding.objects.count()) == (Level.ALERT, 0)
    assert [alarm_clock.look(now=now), alarm_clock.look(now=now)] == [1, 0]
    assert (stage(), Finding.objects.count()) == ("suspended", 1)


def test_windows_without_an_answer_have_a_finding_again_and_suspend_again(cast, deploy):
    version, now = deploy([{**DRIFT, "unanswered_after": 1, "suspends": True}]), timezone.now()
    say(deliver(cast, version, now.date() - timedelta(days=30)), "feature_drift", SILENT)
    assert (stage(), Finding.objects.count()) == ("suspended", 1)
    reinstated(version, timezone.now())
    assert alarm_clock.look(now=now + timedelta(days=1)) == 0
    say(deliver(cast, version, now.date() - timedelta(days=20)), "feature_drift", SILENT)
    assert (stage(), Finding.objects.count()) == ("suspended", 1), "one stretch, one finding"
    reinstated(version, timezone.now())
    close(cast, now + timedelta(days=1))
    assert [alarm_clock.look(now=now + timedelta(days=days)) for days in (1, 3, 4)] == [0, 1, 0]
    assert (stage(), Finding.objects.count()) == ("suspended", 2)


def test_a_mute_covers_what_it_named_and_no_critical_window_of_another_time(cast, deploy):
    version, officer, row = deploy([DRIFT]), cast.signers[Role.RISK_OFFICER], Monitor.objects.get()
    today = timezone.now().date()
    mute = {"monitor_id": row.pk, "actor": officer, "reason": REASON, "until": today + timedelta(days=7)}

    def told():
        return Notification.objects.filter(text__startswith="Feature drift of", user=cast.owner).count()

    say(deliver(cast, version, today - timedelta(days=20)), "feature_drift", CALM)
    alarm_notes.mute(**mute)
    say(deliver(cast, version, today - timedelta(days=60)), "feature_drift", ALERT)
    assert told() == 0
    say(deliver(cast, version, today - timedelta(days=80)), "feature_drift", CRITICAL)
    assert told() == 1, "it is calm now, and was critical then"
    say(deliver(cast, version, today - timedelta(days=10)), "feature_drift", CRITICAL)
    alarm_notes.mute(**mute)
    say(deliver(cast, version, today - timedelta(days=8)), "feature_drift", CRITICAL)
    assert told() == 2, "this alarm was muted as critical"
    say(deliver(cast, version, today - timedelta(days=90)), "feature_drift", CRITICAL)
    assert told() == 3


def test_who_heard_of_a_condition_of_use_hears_that_it_is_lifted(cast, deploy):
    version = deploy(RESTRICTING)
    with transaction.atomic():
        row = restricting.impose(
            version, text="A person decides.", reason=REASON, source_reference="monitor:1", now=timezone.now()
        )
    restricting.lift(restriction_id=row.pk, actor=cast.signers[Role.RISK_OFFICER], reason=REASON)
    imposed, lifted = (
        set(Notification.objects.filter(event=f"approvals.restriction.{what}").values_list("user__username", flat=True))
        for what in ("imposed", "lifted")
    )
    assert lifted == imposed - {"risk_officer"}
    assert {"it_operations", "business_owner"} <= lifted


def test_a_reference_to_the_rows_of_a_window_is_no_batch_of_another(cast, deploy):
    version = deploy([DRIFT])
    window = references.Window("day", *SEPTEMBER)
    document = references.document(references.RelationReference("w", "a.b", 3, "postgresql-1:" + "0" * 64, window))
    given = {"version_id": version.pk, "actor": cast.submitter, "name": "October"}
    with pytest.raises(BadInput, match="names the rows of 2026-09-01 to 2026-09-30 by “day”, not of 2026-10-01 to"):
        batches.receive(stream=io.BytesIO(document), window_start=OCTOBER[0], window_end=OCTOBER[1], **given)
    assert not Batch.objects.exists()


@pytest.mark.both_engines
def test_a_clock_that_was_set_back_keeps_no_reading_waiting(cast, deploy):
    version, now = deploy([DRIFT]), timezone.now()
    deliver(cast, version, now.date() - timedelta(days=9), now=now + timedelta(days=30))
    row = Reading.objects.get()
    assert leases.waiting(Reading, now=now) == (row.pk,)
    assert leases.claim(Reading, row.pk, now=now + timedelta(days=30))
    assert leases.claim(Reading, row.pk, now=now), "its holder wrote its lease before the clock was set back"
    assert leases.claim(Reading, row.pk, now=now) is None


def test_two_workers_find_of_the_volume_what_one_would(cast, deploy):
    version = deploy([{"monitor": "volume", "thresholds": {"min_ratio": 0.5}}])
    for ago in (30, 20):
        deliver(cast, version, timezone.now().date() - timedelta(days=ago))
    first, second = Reading.objects.order_by("pk")
    assert not running.execute(second.pk), "what it is compared with is not known yet"
    assert running.execute(first.pk)
    assert running.execute(second.pk)
    second.refresh_from_db()
    assert second.level == Level.CALM, second.sentences
