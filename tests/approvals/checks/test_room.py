"""Checks that hold every row say before they read them that they do not fit; nothing passes."""

import hashlib

import duckdb
import pytest

from approvals import checks
from approvals.checks.base import Input
from approvals.sandbox import JobDescription, Limits, SandboxError, measure_in_child

ROWS = 6_000_000
LITTLE = Limits(memory_mb=1024, cpu_seconds=30, wall_seconds=60, file_mb=16)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("room") / "large.parquet"
    rows = f'SELECT 1 AS y, 1 AS p, 1 AS q, 1 AS "when" FROM range({ROWS})'
    duckdb.sql(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    return path


def run(path, check, kind, parameters):
    details = {"label": "y", "prediction": "p", "kind": kind, "features": ["q"]}
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    table = Input("evaluation_table", path, path.name, sha256, details=details)
    job = JobDescription(inputs={"evaluation_table": table}, parameters=parameters)
    return measure_in_child(check=checks.find(check), job=job, limits=LITTLE)


def test_windows_of_time_are_counted_where_rows_do_not_fit(large):
    reading = run(large, "stability_over_time", "binary", {"time": "when"})
    assert [row[:2] for row in reading.tables[0].rows] == [("1.0", ROWS)]
    assert "1 of the 4 windows" in reading.measures[0].reason


def test_rows_of_one_prediction_cannot_be_cut_into_bins_that_fit(large):
    with pytest.raises(
        SandboxError, match="The calibration of a bin of predictions needs every row in memory"
    ) as caught:
        run(large, "calibration", "regression", {})
    assert caught.value.kind == "input"
    assert "“large.parquet” has 6,000,000 rows of that kind, and about" in caught.value.sentence
    assert "fit into the 1,024 MiB that a check may use" in caught.value.sentence


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_what_is_counted_or_added_up_needs_no_room(large, kind):
    reading = run(large, "champion_comparison", kind, {"champion_prediction": "q"})
    assert reading.measures[0].n == ROWS


def test_the_search_of_slices_holds_a_few_bytes_of_each_row(large):
    reading = run(large, "slice_performance", "regression", {})
    assert reading.measures[0].n == ROWS
