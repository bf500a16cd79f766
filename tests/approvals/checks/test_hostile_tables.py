"""Tables made to exhaust or mislead are refused in words: at the upload, and by the check in its limited child."""

import hashlib

import pytest

from approvals.checks.base import Input
from approvals.files import Upload, judge_upload
from approvals.sandbox import JobDescription, Limits, SandboxError, run_measurement
from portal.errors import BadInput
from tests.approvals.checks import hostile_tables

DETAILS = {"label": "y", "prediction": "p"}
LIMITS = Limits(memory_mb=1024, cpu_seconds=60, wall_seconds=120, file_mb=256)
ACCEPTED = ""

CASES = {
    "many_columns": ("has 100003 columns; at most 2000", "has 100003 columns; at most 2000"),
    "long_first_line": ("longer than a megabyte|is binary", "longer than a megabyte|is binary"),
    "long_line": (ACCEPTED, "holds a zero byte, which no text does"),
    "zip_bomb": ("a zip archive or an Excel workbook", "a zip archive or an Excel workbook"),
    "workbook": ("a zip archive or an Excel workbook", "a zip archive or an Excel workbook"),
    "gzip_bomb": (ACCEPTED, "unpacks to more than 200 times its size"),
    "gzip_twice": ("is binary", "is binary"),
    "parquet_of_many_columns": ("has 3003 columns; at most 2000", "has 3003 columns; at most 2000"),
    "parquet_with_a_long_footer": ("cannot be read", "cannot be read"),
    "parquet_without_an_end": ("cannot be read", "cannot be read"),
    "parquet_of_lists": (ACCEPTED, "must have two values, but it has 50"),
    "parquet_of_bytes": (ACCEPTED, "never has the positive value 1"),
}
"""Of each table what is said at the upload (nothing: its beginning shows nothing) and what the check says."""


def attached(path):
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Input("evaluation_table", path, path.name, digest, "", DETAILS)


def refusal(path, limits=LIMITS):
    with pytest.raises(SandboxError) as caught:
        run_measurement(
            check_key="performance", job=JobDescription(inputs={"evaluation_table": attached(path)}), limits=limits
        )
    return caught.value


def uploaded(path):
    return judge_upload(
        "evaluation_table", Upload("0" * 64, path.stat().st_size, path), name="evaluation.csv", details=DETAILS
    )


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_table_is_refused_with_a_sentence(tmp_path, name, db):
    path = tmp_path / "table"
    getattr(hostile_tables, name)(path)
    at_upload, at_check = CASES[name]
    if at_upload == ACCEPTED:
        assert uploaded(path)
    else:
        with pytest.raises(BadInput, match=at_upload) as caught:
            uploaded(path)
        assert str(tmp_path) not in str(caught.value)
    failure = refusal(path)
    assert failure.kind == "input"
    assert any(words in failure.sentence for words in at_check.split("|")), failure.sentence
    assert str(tmp_path) not in failure.sentence


def test_a_hundred_million_rows_in_a_few_kilobytes_never_take_more_than_the_child_may_have(tmp_path):
    path = tmp_path / "bomb.parquet"
    hostile_tables.parquet_bomb(path)
    assert path.stat().st_size < 5_000_000
    job = JobDescription(inputs={"evaluation_table": attached(path)})
    reading = run_measurement(check_key="performance", job=job, limits=LIMITS)
    assert next(measure.value for measure in reading.measures if measure.name == "rows") == 100_000_000
    slices = JobDescription(inputs={"evaluation_table": attached(path)}, parameters={"columns": ["y"]})
    with pytest.raises(SandboxError) as caught:
        run_measurement(check_key="slice_performance", job=slices, limits=LIMITS)
    assert caught.value.kind in ("memory", "time", "input")
    assert caught.value.sentence.endswith(".")


def test_many_small_row_groups_are_read_as_one_table(tmp_path, db):
    path = tmp_path / "groups.parquet"
    hostile_tables.parquet_of_small_groups(path)
    assert uploaded(path) == "application/vnd.apache.parquet"
    job = JobDescription(inputs={"evaluation_table": attached(path)})
    reading = run_measurement(check_key="performance", job=job, limits=LIMITS)
    assert next(measure.value for measure in reading.measures if measure.name == "rows") == 400_000


@pytest.mark.parametrize("place", [0, 7, 40, 90, 133])
def test_a_byte_that_is_changed_in_a_footer_is_read_or_refused_and_never_hangs(tmp_path, place):
    path = tmp_path / "changed.parquet"
    hostile_tables.changed_byte(path, place)
    job = JobDescription(inputs={"evaluation_table": attached(path)})
    said = ""
    try:
        run_measurement(check_key="performance", job=job, limits=LIMITS)
    except SandboxError as failure:
        said = failure.sentence
    assert str(tmp_path) not in said
    assert not said or said.endswith(".")
