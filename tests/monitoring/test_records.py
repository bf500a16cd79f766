"""The record of monitoring: what a revalidation has to show of the time since the approval."""

import io
import json
from datetime import date, timedelta

import pytest

from approvals import revalidating
from approvals.models import Evidence, Finding, Revalidation
from approvals.stages import Role
from monitoring import alarm_notes, batches, records
from monitoring.alarms import Level
from monitoring.models import Monitor, Reading
from portal.errors import NotPermitted, Refused
from tests.cast import SAFE, tiny_table
from tests.monitoring.measuring import read

DRIFT = [
    {
        "monitor": "score_drift",
        "thresholds": {"max_psi": 0.25},
        "critical": {"max_psi": 0.5},
        "severity": "medium",
        "every_days": 31,
    }
]


def shifted(table, by=0.4):
    """The same rows with every score moved up."""
    head, *rows = table.decode().splitlines()
    moved = [row.split(",") for row in rows]
    lines = [",".join([*cells[:5], f"{min(0.99, float(cells[5]) + by):.4f}", cells[6]]) for cells in moved]
    return "\n".join([head, *lines, ""]).encode()


def deliver(cast, version, table, day):
    batch = batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(table),
        name=f"{day:%B}",
        window_start=day.replace(day=1),
        window_end=day,
    )
    read(batch, "score_drift")


@pytest.fixture
def watched(cast, deploy):
    """A version whose monitor was calm in May and critical in July; nothing came in June."""
    version = deploy(DRIFT)
    version.approved_at = version.approved_at.replace(year=2026, month=4, day=2)
    version.save()
    deliver(cast, version, tiny_table(rows=600, seed=2), date(2026, 5, 31))
    deliver(cast, version, shifted(tiny_table(rows=600, seed=3)), date(2026, 7, 31))
    return version


def record_of(version):
    made = Evidence.objects.filter(version=version, kind="monitoring_record").order_by("-pk").first()
    return made, json.loads(made.file.path.read_text())


def test_a_record_tells_month_by_month_what_was_read_and_names_the_months_without_data(cast, watched):
    alarm_notes.acknowledge(monitor_id=Monitor.objects.get().pk, actor=cast.owner, reason="We look into it today.")
    row = revalidating.ask(version_id=watched.pk, actor=cast.owner, reason=SAFE)
    made, record = record_of(watched)
    assert made.details == {"made_by": "the portal", "revalidation": row.pk}
    assert record["from"] == watched.approved_at.date().isoformat()
    assert [one["name"] for one in record["batches"]] == ["May", "July"]
    (monitor,) = record["monitors"]
    months = {one["month"]: one for one in monitor["months"]}
    assert months["2026-05"]["level"] == "within limits"
    assert months["2026-06"] == {"month": "2026-06", "readings": 0, "verdicts": {}, "level": None, "value": None}
    assert months["2026-07"]["level"] == "critical"
    assert months["2026-07"]["value"]["value"] > 0.5
    assert monitor["alarm"] == "critical"
    assert record["alarms"] == [{"monitor": "score_drift", "on": "2026-07-31", "level": "critical"}]
    assert "2026-06" in record["coverage"]["months_without_data"]
    assert record["coverage"]["months_with_data"] == 2
    assert [one["kind"] for one in record["notes"]] == ["acknowledged"]
    assert [one["severity"] for one in record["findings"]] == ["High"], "one step above the policy's: it is critical"


def test_it_is_brought_up_to_date_by_people_who_take_part_and_only_in_a_pass(cast, watched):
    with pytest.raises(Refused, match="No revalidation"):
        records.make_anew(version_id=watched.pk, actor=cast.owner)
    revalidating.ask(version_id=watched.pk, actor=cast.owner, reason=SAFE)
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            records.make_anew(version_id=watched.pk, actor=user)
    before, _ = record_of(watched)
    deliver(cast, watched, tiny_table(rows=600, seed=9), date(2026, 8, 31))
    records.make_anew(version_id=watched.pk, actor=cast.signers[Role.MODEL_VALIDATOR])
    made, record = record_of(watched)
    assert made.pk != before.pk
    assert len(record["batches"]) == 3
    assert made.uploaded_by == cast.submitter


def test_the_owner_of_a_finding_has_the_days_that_the_policy_gives(cast, deploy):
    version = deploy(DRIFT, rules={"finding_due_days": {"high": 3}})
    deliver(cast, version, shifted(tiny_table(rows=600, seed=3)), date(2026, 7, 31))
    row = Finding.objects.get()
    assert row.due_on == (row.opened_at + timedelta(days=3)).date()
    assert row.owner == cast.owner


@pytest.mark.parametrize(("triggers", "opens"), [(["critical_alarm"], True), (["suspended"], False)])
def test_a_critical_alarm_opens_a_revalidation_where_the_policy_says_so(cast, deploy, triggers, opens):
    rule = {"gates": ["validation"], "triggers": triggers}
    version = deploy(DRIFT, rules={"revalidation": rule})
    deliver(cast, version, shifted(tiny_table(rows=600, seed=3)), date(2026, 7, 31))
    found = Revalidation.objects.filter(version=version)
    assert found.exists() is opens
    if opens:
        assert found.get().trigger == "critical_alarm"
        assert record_of(version)[1]["monitors"][0]["alarm"] == "critical"
        deliver(cast, version, shifted(tiny_table(rows=600, seed=4)), date(2026, 8, 31))
        assert found.count() == 1


@pytest.mark.parametrize("severity", ["medium", "critical"])
def test_an_alarm_that_becomes_critical_is_answered_as_one_that_was_so_at_once(cast, deploy, severity):
    rule = {"gates": ["validation"], "triggers": ["critical_alarm"]}
    version = deploy([{**DRIFT[0], "critical": {"max_psi": 2.0}, "severity": severity}], rules={"revalidation": rule})
    deliver(cast, version, shifted(tiny_table(rows=600, seed=3), by=0.15), date(2026, 7, 31))
    assert [row.level for row in Reading.objects.all()] == [Level.ALERT]
    assert not Revalidation.objects.exists()
    for month, day in ((8, 31), (9, 30)):
        deliver(cast, version, shifted(tiny_table(rows=600, seed=month)), date(2026, month, day))
    assert Reading.objects.latest("pk").level == Level.CRITICAL
    assert Revalidation.objects.get().trigger == "critical_alarm"
    graver = ["Medium", "High"] if severity == "medium" else ["Critical", "Critical"]
    assert [row.get_severity_display() for row in Finding.objects.order_by("pk")] == graver


def test_no_approval_is_renewed_on_a_record_that_does_not_tell_of_the_alarm(cast, deploy):
    version = deploy(DRIFT, rules={"revalidation": {"gates": ["validation"]}})
    deliver(cast, version, tiny_table(rows=600, seed=2), date(2026, 5, 31))
    revalidating.ask(version_id=version.pk, actor=cast.owner, reason=SAFE)
    deliver(cast, version, shifted(tiny_table(rows=600, seed=3)), date(2026, 7, 31))
    renewing = {"version_id": version.pk, "actor": cast.signers[Role.RISK_OFFICER], "reason": SAFE}
    with pytest.raises(Refused, match=r"does not tell of this alarm: Score drift \(critical\)"):
        revalidating.renew(**renewing)
    records.make_anew(version_id=version.pk, actor=cast.owner)
    revalidating.renew(**renewing)
    assert Revalidation.objects.get().outcome == "renewed"
