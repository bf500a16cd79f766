"""Bad batches: refused or reported with a sentence, by every door alike, and none stops the others."""

import gzip
from datetime import timedelta

import duckdb
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from approvals.models import StoredFile
from monitoring import running
from monitoring.models import Batch, Reading
from portal import access_tokens
from portal.errors import BadInput
from tests.cast import tiny_table
from tests.monitoring.deliveries import SEPTEMBER, deliver
from tests.monitoring.measuring import read_here
from tests.monitoring.test_monitoring import changed

MONITORS = [
    {"monitor": "data_quality", "thresholds": {"max_missing_share": 0.02, "max_repeated_keys": 0}},
    {"monitor": "score_drift", "thresholds": {"max_psi": 5}},
    {"monitor": "performance", "thresholds": {"min_roc_auc": 0.7}, "parameters": {"draws": 50}},
]
GOOD = tiny_table(rows=600, seed=2)
BOMB = gzip.compress(GOOD) + gzip.compress(GOOD.splitlines(keepends=True)[1] * 50_000) * 150


def constant(value):
    return lambda _: value


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (GOOD.splitlines(keepends=True)[0], "no rows"),
        (changed(GOOD, y_score=None), "no column y_score"),
        (",".join(f"c{number}" for number in range(100_000)).encode() + b"\n1\n", "100000 columns; at most 2000"),
        (b"y_pred,y_pred\n1,1\n", "more than one column named"),
        (b"PAR1" + bytes(4000) + b"PAR1", "Parquet|damaged|cannot be read"),
        (b"PK\x03\x04" + bytes(100), "zip archive or an Excel"),
        (b"\x1f\x8b" + bytes(50), "damaged gzip"),
        ("id;né\n1;2\n".encode("latin-1"), "not UTF-8"),
        (b'{"rows": []}', "looks like JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_batch_is_refused_by_every_door_with_the_same_sentence(client, cast, deploy, content, why):
    version = deploy(MONITORS[:1])
    before = StoredFile.objects.count()
    with pytest.raises(BadInput, match=why) as refused:
        deliver(cast, version, content)
    _, secret = access_tokens.issue(
        owner=cast.submitter,
        name="Job",
        acts=["deliver"],
        model_ids=[],
        expires_at=timezone.now() + timedelta(days=1),
    )
    file = SimpleUploadedFile("September", content)
    given = {"file": file, "name": "September", "window_start": SEPTEMBER[0], "window_end": SEPTEMBER[1]}
    answer = client.post(f"/api/v1/versions/{version.pk}/batches", given, headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.json()["detail"]) == (422, refused.value.sentence)
    assert (Batch.objects.count(), StoredFile.objects.count()) == (0, before)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            changed(GOOD, y_score=constant("high"), y_true=None),
            {
                "data_quality": ("breach", "not_computable"),
                "score_drift": ("breach", "not_computable"),
                "performance": "no_labels",
            },
            id="wrong type",
        ),
        pytest.param(
            changed(GOOD, y_score=constant("")),
            {
                "data_quality": "breach",
                "score_drift": ("breach", "not_computable"),
                "performance": ("breach", "not_computable"),
            },
            id="all missing",
        ),
        pytest.param(
            changed(GOOD, id=lambda row: "7"),
            {"data_quality": "breach", "score_drift": "ok", "performance": "ok"},
            id="duplicate keys",
        ),
        pytest.param(
            changed(GOOD, y_true=lambda row: "2" if row["id"] == "3" else row["y_true"]),
            {"data_quality": "ok", "score_drift": "ok", "performance": "not_computable"},
            id="label outside the set",
        ),
        pytest.param(
            changed(GOOD, y_score=lambda row: "inf" if int(row["id"]) % 2 else "NaN"),
            {
                "data_quality": "breach",
                "score_drift": ("breach", "not_computable"),
                "performance": ("breach", "not_computable"),
            },
            id="predictions that are no numbers",
        ),
        pytest.param(
            BOMB,  # in the child, whose limits are what it meets
            dict.fromkeys(("data_quality", "score_drift", "performance"), "not_computable"),
            id="a bomb",
        ),
    ],
)
def test_what_is_wrong_inside_is_said_by_the_monitors_that_it_concerns(cast, deploy, content, expected):
    batch = deliver(cast, deploy(MONITORS), content)
    for row in Reading.objects.filter(batch=batch).select_related("monitor"):
        if content is BOMB:
            assert running.execute(row.pk)
            row.refresh_from_db()
        else:
            row = read_here(row)  # noqa: PLW2901
        wanted = expected[row.monitor.key]
        assert row.verdict in ((wanted,) if isinstance(wanted, str) else wanted), (row.monitor.key, row.sentences)
        assert row.sentences[0].endswith((".", "…")), row.sentences
        assert row.status == "finished"


@pytest.mark.both_engines
def test_a_cell_that_no_database_takes_hides_no_reading(cast, deploy, tmp_path):
    table, written = tmp_path / "good.csv", tmp_path / "odd.parquet"
    table.write_bytes(GOOD)
    odd = "SELECT * REPLACE (CASE WHEN id % 3 = 0 THEN 'a' || chr(0) || 'b' ELSE sex END AS sex)"
    duckdb.sql(f"COPY ({odd} FROM read_csv('{table}')) TO '{written}' (FORMAT parquet)")
    version = deploy([{"monitor": "fairness", "thresholds": {"min_selection_ratio": 0.01}}])
    batch = deliver(cast, version, written.read_bytes())
    row = Reading.objects.get(batch=batch)
    assert running.execute(row.pk)
    row.refresh_from_db()
    assert row.status == "finished"
    assert "a\ufffdb" in str(row.numbers)
    assert "\\x00" not in str(row.numbers)
