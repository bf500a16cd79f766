"""After a renewal with another evaluation table, monitors compare with that one; what was read stays as it is."""

import io
import json
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import revalidating
from approvals.models import Evidence
from approvals.stages import REVIEW_STAGES, Role
from modelcards.content import monitored
from monitoring import batches, inputs, monitors, records, references, running
from monitoring.models import Reading
from monitoring.timelines import marks_of
from portal.errors import BadInput
from portal.models import LedgerEntry
from tests.cast import SAFE, TABLE, tiny_table
from tests.monitoring.deliveries import OCTOBER, WAITING, as_csv, match, read_waiting_here, report, rows_of, unlabelled
from tests.monitoring.deliveries import deliver as send

BACKEND = "django.contrib.auth.backends.ModelBackend"
GATES = {"data_review": [{"evidence": {"kind": "evaluation_table"}}]}
DRIFT = {"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}}
NEWER = tiny_table(rows=240, seed=77)


@pytest.fixture
def version(cast):
    gates = {stage.value: GATES.get(stage.value, []) for stage in REVIEW_STAGES}
    cast.publish(gates, monitors=[DRIFT], revalidation={"gates": ["data_review"], "every_months": 12})
    row = cast.version()
    cast.artifact(row)
    cast.attach(row, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    for _ in range(7):
        cast.advance(row)
    return row


def deliver(cast, version, month):
    start = date(2026, month, 1)
    batch = batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(NEWER if month == 12 else tiny_table(seed=20 + month)),
        name=f"Month {month}",
        window_start=start,
        window_end=start + timedelta(days=27),
        now=timezone.now() + timedelta(days=60),
    )
    return Reading.objects.get(batch=batch)


def compared(row):
    return inputs.of_reading(row, monitors.find("feature_drift")).inputs["reference"].sha256


def test_monitors_compare_with_what_the_newest_renewal_approved(client, cast, version):
    officer = cast.signers[Role.RISK_OFFICER]
    before, ordered = deliver(cast, version, 1), deliver(cast, version, 2)
    token = running.claim(before.pk, now=timezone.now())
    calm = running.Result("ok", ("Fine.",), level=0)
    assert running.finish(before.pk, token, result=calm, now=timezone.now())
    revalidating.ask(version_id=version.pk, actor=officer, reason=SAFE)
    cast.attach(version, "evaluation_table", NEWER, "newer.csv", **TABLE)
    first, newer = Evidence.objects.filter(kind="evaluation_table").select_related("file").order_by("pk")
    assert references.in_force(version) == first, "attached is not approved"
    assert compared(deliver(cast, version, 3)) == first.file.sha256
    revalidating.renew(version_id=version.pk, actor=officer, reason=SAFE)
    assert references.in_force(version) == newer
    assert compared(deliver(cast, version, 4)) == newer.file.sha256
    for row in (before, ordered):
        row.refresh_from_db()
        assert compared(row) == first.file.sha256
    facts = json.loads(LedgerEntry.objects.get(event="monitoring.reference.changed").payload)["facts"]
    assert (facts["before"], facts["sha256"]) == (first.file.sha256, newer.file.sha256)
    words = [mark.words for mark in marks_of(version) if mark.letter == "E"]
    assert words == ["compared with the evaluation table newer.csv from then on"]
    with pytest.raises(BadInput, match="evaluation table that was approved"):
        deliver(cast, version, 12)
    record = records.attach(version, revalidation=None, now=timezone.now())
    assert f"newer.csv” from then on, SHA-256 {newer.file.sha256}" in monitored.record(record).notes[-1]
    client.force_login(cast.auditor, backend=BACKEND)
    pages = [
        reverse("admin:monitoring_reading_change", args=[row.pk]) for row in (before, Reading.objects.latest("pk"))
    ]
    told = [client.get(page).content.decode() for page in pages]
    assert [first.file.sha256 in told[0], newer.file.sha256 in told[1]] == [True, True]
    page = client.get(reverse("admin:monitoring_monitor_change", args=[before.monitor_id])).content.decode()
    assert "newer.csv</a>, as approved again" in page


def test_a_renewal_with_the_same_table_changes_nothing(cast, version):
    officer = cast.signers[Role.RISK_OFFICER]
    revalidating.ask(version_id=version.pk, actor=officer, reason=SAFE)
    revalidating.renew(version_id=version.pk, actor=officer, reason=SAFE)
    assert not LedgerEntry.objects.filter(event="monitoring.reference.changed").exists()


def renewed(cast, version, content, **columns):
    officer = cast.signers[Role.RISK_OFFICER]
    revalidating.ask(version_id=version.pk, actor=officer, reason=SAFE)
    cast.attach(version, "evaluation_table", content, "newer.csv", **columns)
    revalidating.renew(version_id=version.pk, actor=officer, reason=SAFE)


@pytest.fixture
def waiting(cast):
    gates = {stage.value: GATES.get(stage.value, []) for stage in REVIEW_STAGES}
    cast.publish(gates, monitors=WAITING, revalidation={"gates": ["data_review"], "every_months": 12})
    row = cast.version()
    cast.artifact(row)
    cast.attach(row, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    for _ in range(7):
        cast.advance(row)
    return row


def test_outcomes_that_come_after_a_renewal_are_compared_as_the_batch_was(cast, waiting):
    rows = rows_of("a")
    batch = send(cast, waiting, unlabelled(rows))
    assert read_waiting_here(batch).verdict == "no_labels"
    first = references.in_force(waiting)
    renewed(cast, waiting, NEWER, **TABLE)
    assert references.in_force(waiting) != first
    assert match(report(cast, waiting, as_csv(rows, "id", "y_true"))).verdict == "in_use"
    row = read_waiting_here(batch)
    assert (row.verdict, row.reference) == ("ok", first)


def test_a_renewal_that_declares_another_key_leaves_outcomes_before_and_after_it_joined(cast, waiting):
    before, after = rows_of("a"), [{**row, "number": row["id"]} for row in rows_of("b")]
    batch = send(cast, waiting, unlabelled(before))
    early = report(cast, waiting, as_csv(before, "id", "y_true"))
    renewed(cast, waiting, NEWER.replace(b"id,", b"number,", 1), **{**TABLE, "key": "number"})
    assert match(early).verdict == "in_use"
    assert read_waiting_here(batch).verdict == "ok"
    columns = ("number", "sex", "age_group", "amount", "y_score", "y_pred")
    newer = send(cast, waiting, as_csv(after, *columns), window=OCTOBER, name="October")
    late = match(report(cast, waiting, as_csv(after, "number", "y_true"), name="Later"))
    assert (late.verdict, late.numbers["batches"][str(newer.pk)]["matched"]) == ("in_use", 200)
    assert "came when another key or outcome column was declared" in " ".join(late.sentences)
    row = read_waiting_here(newer)
    assert (row.verdict, [one["name"] for one in row.outcomes]) == ("ok", ["Later"])
