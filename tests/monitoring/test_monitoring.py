"""Batches and monitors through their use cases: who may deliver, what is refused, what a breach leads to."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from approvals import findings, workflow
from approvals.models import Finding, ModelVersion, Policy, SignOff, StoredFile
from approvals.stages import Role
from monitoring import batches, panels, running, staleness
from monitoring.models import Batch, Monitor, Reading
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import TABLE, tiny_table
from tests.monitoring.deployed_once import cast, version
from tests.monitoring.measuring import read, read_all_here

__all__ = ["cast", "version"]

START, END = date(2026, 9, 1), date(2026, 9, 30)


def deliver(cast, version, table, *, by=None, name="September", start=START, end=END, now=None):
    return batches.receive(
        version_id=version.pk,
        actor=by or cast.submitter,
        stream=io.BytesIO(table),
        name=name,
        window_start=start,
        window_end=end,
        now=now,
    )


def read_all(batch):
    """The readings of all monitors, each measured by a child as the worker starts it."""
    for row in Reading.objects.filter(batch=batch):
        assert running.execute(row.pk)
    return {row.monitor.key: row for row in Reading.objects.filter(batch=batch).select_related("monitor")}


def changed(table, **columns):
    """A table with columns replaced by a function of the row, or left out."""
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    names = [name for name in rows[0] if columns.get(name, "keep") is not None]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, **{name: make(row) for name, make in columns.items() if make}})
    return out.getvalue().encode()


def test_monitors_start_with_the_policy_of_the_version(cast, version):
    assert list(Monitor.objects.values_list("key", flat=True)) == [
        "data_quality",
        "feature_drift",
        "score_drift",
        "performance",
        "fairness",
        "staleness",
    ]
    assert version.stage == "monitoring"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"monitor": "horoscope"}, "which this portal does not have"),
        ({"monitor": "feature_drift", "thresholds": {}}, "needs a threshold"),
        ({"monitor": "feature_drift", "thresholds": {"max_psy": 1}}, "no setting"),
        ({"monitor": "staleness", "severity": "dreadful"}, "no known severity"),
        ({"monitor": "staleness", "every_days": 0}, "every_days"),
        ({"monitor": "staleness", "suspends": "perhaps"}, "true, false or critical"),
    ],
)
def test_a_policy_with_a_monitor_that_cannot_watch_is_refused_where_it_is_written(cast, version, entry, why):
    with pytest.raises(BadInput, match=why):
        cast.publish(monitors=[entry])
    assert list(Policy.objects.all()) == [version.policy]


def test_a_policy_asks_for_a_monitor_once(cast):
    with pytest.raises(BadInput, match="asks for the monitor “staleness” twice"):
        cast.publish(monitors=[{"monitor": "staleness"}, {"monitor": "staleness", "every_days": 7}])


def test_only_who_runs_the_model_delivers_and_the_refusal_is_recorded(cast, version):
    for user in (cast.outsider, cast.auditor, cast.superuser, cast.signers[Role.RISK_OFFICER]):
        with pytest.raises(NotPermitted):
            deliver(cast, version, tiny_table(), by=user)
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 4
    assert not Batch.objects.exists()
    deliver(cast, version, tiny_table(seed=5), by=cast.signers[Role.IT_OPERATIONS])


@pytest.mark.parametrize(
    ("table", "dates", "why"),
    [
        (b"", {}, "empty"),
        (b"\x80\x04pickle", {}, "UTF-8|table"),
        (b"id,sex,age_group,amount,y_true,y_score,y_pred\n", {}, "no rows"),
        (changed(tiny_table(), y_score=None), {}, "no column y_score"),
        (tiny_table(), {"start": END, "end": START}, "before the first"),
        (tiny_table(), {"end": date(2999, 1, 1)}, "in the future"),
    ],
)
def test_a_bad_batch_is_refused_with_a_sentence_and_nothing_is_written(cast, version, table, dates, why):
    before = StoredFile.objects.count()
    with pytest.raises(BadInput, match=why):
        deliver(cast, version, table, **dates)
    assert not Batch.objects.exists()
    assert StoredFile.objects.count() == before


def test_the_same_bytes_are_one_batch_and_a_version_in_review_takes_none(cast, version):
    deliver(cast, version, tiny_table(seed=3))
    with pytest.raises(BadInput, match="September"):
        deliver(cast, version, tiny_table(seed=3), name="again")
    other = cast.version(version.model, "2.0.0")
    with pytest.raises(Refused, match="deployed versions"):
        deliver(cast, other, tiny_table(seed=4))


def test_a_batch_like_the_approved_table_breaches_nothing(cast, version):
    readings = read_all(deliver(cast, version, tiny_table(rows=600, seed=2)))
    assert {key: row.verdict for key, row in readings.items()} == {
        "data_quality": "ok",
        "feature_drift": "ok",
        "score_drift": "ok",
        "performance": "ok",
        "fairness": "ok",
    }
    assert not Finding.objects.exists()


def test_psi_is_the_sum_over_the_deciles_of_the_approved_table(cast, version):
    batch = deliver(cast, version, changed(tiny_table(seed=2), amount=lambda row: int(row["amount"]) * 3))
    row = read(batch, "feature_drift")
    then = np.array([int(r["amount"]) for r in csv.DictReader(io.StringIO(tiny_table().decode()))])
    now = np.array([int(r["amount"]) * 3 for r in csv.DictReader(io.StringIO(tiny_table(seed=2).decode()))])
    cuts = np.unique(np.quantile(then, np.linspace(0.1, 0.9, 9)))
    e = np.bincount(np.searchsorted(cuts, then), minlength=10) / len(then)
    a = np.bincount(np.searchsorted(cuts, now), minlength=10) / len(now)
    measured = next(m for m in row.numbers["measures"] if m["name"] == "PSI of amount")
    if all(a) and all(e):
        assert measured["value"] == pytest.approx(float(((a - e) * np.log(a / e)).sum()), rel=0.05)
    assert measured["value"] > 0.25
    assert row.verdict == "breach"
    assert row.numbers["headline"]["name"] == "PSI of amount"
    assert row.charts[0]["svg"].startswith("<svg")


def test_a_breach_opens_one_finding_and_tells_the_owner(cast, version):
    shifted = [changed(tiny_table(seed=seed), amount=lambda row: int(row["amount"]) * 3) for seed in (2, 3)]
    read(deliver(cast, version, shifted[0]), "feature_drift")
    read(deliver(cast, version, shifted[1], name="October"), "feature_drift")
    finding = Finding.objects.get()
    assert (finding.source, finding.owner, finding.severity) == ("monitor", cast.owner, 3)
    assert "PSI of amount" in finding.title
    assert Notification.objects.filter(user=cast.owner, text__contains="Feature drift").count() >= 2
    assert LedgerEntry.objects.filter(event="monitoring.monitor.breached").count() == 2
    findings.close_finding(
        finding_id=finding.pk, actor=cast.signers[Role.MODEL_VALIDATOR], evidence="Recalibrated for larger amounts."
    )
    tripled = changed(tiny_table(seed=9), amount=lambda row: int(row["amount"]) * 3)
    read(deliver(cast, version, tripled), "feature_drift")
    assert Finding.objects.count() == 2


@pytest.mark.parametrize(
    "plan", [{"monitors": [{"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}, "suspends": True}]}]
)
def test_a_monitor_that_suspends_ends_the_approval_at_once(cast, version):
    read_all_here(deliver(cast, version, changed(tiny_table(seed=2), amount=lambda row: int(row["amount"]) * 3)))
    assert ModelVersion.objects.get(pk=version.pk).stage == "suspended"
    assert not SignOff.objects.exists()


def test_a_batch_without_outcomes_waits_and_is_never_ok(cast, version):
    batch = deliver(cast, version, changed(tiny_table(seed=2), y_true=None))
    assert read(batch, "performance").verdict == "no_labels"
    assert read(batch, "feature_drift").verdict == "ok"


def test_groups_that_are_too_small_are_not_computable_and_somebody_is_told(cast, version):
    reading = read(deliver(cast, version, changed(tiny_table(seed=2), sex=lambda _: "female")), "fairness")
    assert reading.verdict == "not_computable"
    assert Notification.objects.filter(user=cast.owner, text__contains="gave no answer").exists()


def test_a_worker_that_lost_its_lease_records_nothing(cast, version):
    batch = deliver(cast, version, tiny_table(seed=2))
    row = Reading.objects.filter(batch=batch).first()
    late = running.claim(row.pk, now=datetime.now(UTC) - timedelta(hours=1))
    assert running.execute(row.pk)
    assert not running.finish(row.pk, late, result=running.Result("ok", ("Late.",)), now=datetime.now(UTC))
    assert LedgerEntry.objects.filter(event="monitoring.reading.result_refused").count() == 1
    assert "Late." not in Reading.objects.get(pk=row.pk).sentences


def test_workers_that_die_each_time_end_in_an_error_that_somebody_reads(cast, version):
    batch = deliver(cast, version, tiny_table(seed=2))
    row, moment = Reading.objects.filter(batch=batch).first(), datetime.now(UTC)
    for _ in range(running.ATTEMPTS):
        assert running.claim(row.pk, now=moment)
        moment += timedelta(hours=1)
    running.sweep(now=moment)
    row = Reading.objects.get(pk=row.pk)
    assert (row.verdict, row.status) == ("error", "crashed")
    assert Notification.objects.filter(user=cast.owner, text__contains="died on each").exists()


def test_a_version_that_nobody_feeds_is_a_breach_once_per_window(cast, version):
    now = version.stage_entered_at
    assert staleness.check(now=now + timedelta(days=30)) == ()
    (ordered,) = staleness.check(now=now + timedelta(days=40))
    assert staleness.check(now=now + timedelta(days=41)) == ()
    assert running.execute(ordered)
    assert Reading.objects.get(pk=ordered).verdict == "breach"
    assert Finding.objects.get().severity == 2
    workflow.retire(version_id=version.pk, actor=cast.owner, reason="No longer needed at all.")
    assert staleness.check(now=now + timedelta(days=400)) == ()


ALIKE = tiny_table(rows=600, seed=2)


def women_only(value):
    return lambda row: value if row["sex"] == "female" else row["sex"]


@pytest.mark.parametrize(
    ("code", "verdict", "why"),
    [
        (lambda row: str(int(row["y_pred"]) + 1), "not_computable", "at approval the classes were 0 and 1"),
        (lambda row: "7" if row["sex"] == "female" else row["y_pred"], "not_computable", "has the values 7"),
        (lambda row: "yes" if row["y_pred"] == "1" else "no", "not_computable", "no, yes"),
        (lambda row: "true" if row["y_pred"] == "1" else "false", "ok", "at or above"),
        (lambda row: f"{row['y_pred']}.0", "ok", "at or above"),
    ],
)
def test_predictions_that_are_coded_otherwise_than_at_approval_say_nothing_about_groups(
    cast, version, code, verdict, why
):
    batch = deliver(cast, version, changed(ALIKE, y_true=None, y_pred=code))
    reading = read(batch, "fairness")
    assert reading.verdict == verdict
    assert why in reading.sentences[0]
    assert read(batch, "data_quality").verdict == ("ok" if verdict == "ok" else "breach")


def test_outcomes_that_are_coded_otherwise_than_at_approval_say_nothing_about_performance(cast, version):
    one_two = {name: (lambda row, name=name: str(int(row[name]) + 1)) for name in ("y_true", "y_pred")}
    reading = read(deliver(cast, version, changed(ALIKE, **one_two)), "performance")
    assert (reading.verdict, "code the batch alike" in reading.sentences[0]) == ("not_computable", True)


@pytest.mark.parametrize(
    ("keeps", "verdict"),
    [
        (lambda row: int(row["id"]) < 3, "no_labels"),
        (lambda row: row["y_true"] == row["y_pred"] and int(row["id"]) < 100, "no_labels"),
        (lambda row: int(row["id"]) % 20 != 0, "ok"),
    ],
)
def test_performance_is_judged_once_enough_outcomes_are_known(cast, version, keeps, verdict):
    table = changed(ALIKE, y_true=lambda row: row["y_true"] if keeps(row) else "")
    reading = read(deliver(cast, version, table), "performance")
    assert reading.verdict == verdict
    if verdict == "no_labels":
        assert "of 600 rows are known; at least 30 and 90 % are needed" in reading.sentences[0]


def test_rows_with_an_outcome_but_without_a_score_breach(cast, version):
    table = changed(ALIKE, y_score=lambda row: "" if row["id"] == "7" else row["y_score"])
    reading = read(deliver(cast, version, table), "performance")
    assert (reading.verdict, "rows left out" in reading.sentences[0]) == ("breach", True)


@pytest.mark.parametrize(
    ("sex", "verdict", "why"),
    [
        (women_only(""), "breach", "Share of rows of unknown sex"),
        (women_only("unknown"), "breach", "Share of rows of unknown sex"),
        (lambda row: "diverse" if row["sex"] == "female" and int(row["id"]) > 40 else row["sex"], "not_computable", ""),
        (lambda row: "" if int(row["id"]) % 25 == 0 else row["sex"], "ok", ""),
    ],
)
def test_nobody_stays_within_limits_by_leaving_a_group_out(cast, version, sex, verdict, why):
    reading = read(deliver(cast, version, changed(ALIKE, sex=sex)), "fairness")
    assert reading.verdict == verdict
    assert why in reading.sentences[0]
    if verdict == "not_computable":
        assert "The group “female” by sex has" in reading.sentences[0]


@pytest.mark.parametrize("nothing", ["", "inf", "-inf"])
def test_values_that_are_missing_or_infinite_are_no_distribution(cast, version, nothing):
    table = changed(ALIKE, amount=lambda row: nothing if int(row["id"]) % 2 else row["amount"])
    batch = deliver(cast, version, table)
    assert read(batch, "data_quality").verdict == "breach"
    drift = read(batch, "feature_drift")
    assert drift.verdict == "breach"
    assert "missing share of amount" in drift.sentences[0]


def test_rows_of_the_approved_table_are_no_batch(cast, version):
    with pytest.raises(BadInput, match="the evaluation table that was approved"):
        deliver(cast, version, tiny_table())
    disguised = changed(tiny_table(), id=lambda row: f"x{row['id']}", y_true=lambda _: "")
    reading = read(deliver(cast, version, disguised), "data_quality")
    assert reading.verdict == "breach"
    assert "rows that the approved table holds" in reading.sentences[0]


@pytest.mark.parametrize("plan", [{"columns": {**TABLE, "features": ["amount", "sex"]}}])
@pytest.mark.parametrize("character", ["\x01", "\x1b", "\ufffe"])
def test_a_breach_is_not_lost_to_a_character_that_cannot_be_drawn(cast, version, character):
    table = changed(ALIKE, sex=lambda row: f"{row['sex']}{character}" + "x" * 20_000)
    reading = read(deliver(cast, version, table), "feature_drift")
    assert reading.verdict == "breach"
    assert len(reading.charts) == 2


def test_an_old_batch_that_comes_late_does_not_stand_for_the_present(cast, version):
    shifted = changed(tiny_table(seed=2), amount=lambda row: int(row["amount"]) * 3)
    january = {"name": "January", "start": date(2026, 1, 1), "end": date(2026, 1, 31)}
    october = {"name": "October", "start": END, "end": END + timedelta(days=28)}
    read(deliver(cast, version, shifted), "feature_drift")
    read(deliver(cast, version, ALIKE, **january), "feature_drift")
    drift = Monitor.objects.get(key="feature_drift")
    assert panels.monitor_line(drift).state == "Alert"
    read(deliver(cast, version, tiny_table(rows=600, seed=4), **october), "feature_drift")
    assert panels.monitor_line(drift).state == "Within limits"


def test_a_batch_that_nobody_can_read_covers_no_day(cast, version):
    monitor = Monitor.objects.get(key="staleness")
    due, later = staleness.overdue_since(monitor), version.stage_entered_at + timedelta(days=40)
    window = {"start": later.date(), "end": later.date(), "now": later}
    (ordered,) = staleness.check(now=later)
    assert running.execute(ordered)
    assert panels.monitor_line(monitor).state == "Alert"
    read_all(deliver(cast, version, ALIKE + b"cut,off\n", **window))
    assert staleness.overdue_since(monitor) == due
    assert panels.monitor_line(monitor).state == "Alert"
    read_all_here(deliver(cast, version, ALIKE, name="late", **window))
    assert staleness.overdue_since(monitor) > due
    assert panels.monitor_line(monitor).state == "On time"


SEVERAL = {name: value for name, value in TABLE.items() if name not in ("score", "favourable")}
SEVERAL |= {"kind": "multiclass", "class_scores": {"1": "y_score"}}


@pytest.mark.parametrize("plan", [{"columns": SEVERAL}])
def test_monitors_of_several_classes_never_meet_what_only_two_have(cast, version):
    batch = deliver(cast, version, ALIKE)
    reading = read(batch, "performance")
    assert reading.verdict == "not_computable"
    assert "ROC AUC is not computable: no multiclass table has it" in reading.sentences[0]
    for key in ("fairness", "score_drift", "feature_drift", "data_quality"):
        assert read(batch, key).verdict == "ok", key


@pytest.mark.parametrize("plan", [{"columns": SEVERAL}])
def test_a_batch_of_several_classes_keeps_to_the_approved_ones(cast, version):
    with pytest.raises(BadInput, match="has no column y_score"):
        deliver(cast, version, changed(ALIKE, y_score=None))
    odd = deliver(cast, version, changed(ALIKE, y_pred=lambda row: "2" if row["id"] == "3" else row["y_pred"]))
    reading = read(odd, "data_quality")
    assert (reading.verdict, "class that was not there at approval" in reading.sentences[0]) == ("breach", True)


NUMBERS = {name: value for name, value in SEVERAL.items() if name != "class_scores"} | {"kind": "regression"}


@pytest.mark.parametrize("plan", [{"columns": NUMBERS}])
def test_predicted_numbers_are_no_classes(cast, version):
    batch = deliver(cast, version, changed(ALIKE, y_pred=lambda row: row["y_score"]))
    assert read(batch, "data_quality").verdict == "ok"
    reading = read(batch, "fairness")
    assert (reading.verdict, "no regression table has it" in reading.sentences[0]) == ("not_computable", True)


LARGE_FROM_TEN_ROWS_ON = {
    "monitor": "feature_drift",
    "thresholds": {"max_psi": 0.25},
    "severity": "high",
    "parameters": {"exact_rows": 10},
}


@pytest.mark.parametrize("plan", [{"monitors": [LARGE_FROM_TEN_ROWS_ON]}])
def test_drift_of_a_large_batch_is_bounded_where_nothing_is_judged_by_it(cast, version):
    """The limit of rows is set low, so that every batch is large; PSI, which is judged, stays exact."""
    row = read(deliver(cast, version, tiny_table(rows=600, seed=4)), "feature_drift")
    found = {item["name"]: item for item in row.numbers["measures"]}
    distances = [item for name, item in found.items() if name.startswith("KS distance of")]
    assert distances
    for item in distances:
        assert item["value"] is None
        assert item["bounds"][0] <= item["bounds"][1]
        assert "4,096 bins" in item["reason"]
    assert all(item["value"] is not None for name, item in found.items() if name.startswith("PSI of"))
    assert row.verdict in {"ok", "breach"}
    shown = next(table for table in row.numbers["tables"] if table["title"] == "Drift by column, worst first")
    assert any(str(cell).startswith("between ") for line in shown["rows"] for cell in line)
