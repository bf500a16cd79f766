"""Data quality and volume of batches: each kind of trouble by itself, and what holds under any policy."""

import io
from datetime import date

import duckdb
import numpy as np
import pytest

from monitoring import batches, monitors
from tests.cast import tiny_table
from tests.monitoring.measuring import read
from tests.monitoring.tables import Bench, as_csv

DECLARED = {"label": "y", "prediction": "p", "score": "s", "groups": ["sex"], "features": ["x", "town"], "key": "id"}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def table(rows=400, seed=1, **changed):
    rng = np.random.default_rng(seed)
    columns = {
        "id": [f"{seed}-{place}" for place in range(rows)],
        "sex": ["fm"[place % 2] for place in range(rows)],
        "town": rng.choice(["north", "south"], rows).tolist(),
        "x": rng.integers(0, 100, rows).tolist(),
        "y": rng.integers(0, 2, rows).tolist(),
        "s": rng.random(rows).tolist(),
        "p": rng.integers(0, 2, rows).tolist(),
    }
    columns |= changed
    return {name: values for name, values in columns.items() if values is not None}


EVERYTHING = {
    "max_missing_share": 0.02,
    "max_repeated_keys": 0,
    "max_new_columns": 0,
    "max_new_values_share": 0.01,
    "max_outside_range_share": 0.01,
    "max_constant_columns": 0,
}


def test_a_batch_like_the_approved_table_is_within_all_limits(bench):
    found = bench.judge("data_quality", table(), table(seed=2), DECLARED, thresholds=EVERYTHING)
    assert found.verdict == "ok", found.sentences


@pytest.mark.parametrize(
    ("changed", "thresholds", "why"),
    [
        ({"x": None}, {"min_rows": 1}, "Columns that are missing: 1"),
        ({"s": None}, {"min_rows": 1}, "Columns that are missing: 1"),
        ({"more": [1] * 400}, {"max_new_columns": 0}, "Columns that the approved table does not have: 1"),
        ({"x": ["much"] * 400}, {"min_rows": 1}, "Columns of another type than at approval: 1"),
        ({"town": list(range(400))}, {"min_rows": 1}, "Columns of another type than at approval: 1"),
        ({"town": ["east"] * 40 + ["south"] * 360}, {"max_new_values_share": 0.05}, "was not there at approval 0.100"),
        ({"x": [5000] * 40 + [3] * 360}, {"max_outside_range_share": 0.05}, "outside the range at approval 0.100"),
        ({"x": [3] * 400}, {"max_constant_columns": 0}, "Columns that varied at approval and do not now: 1"),
        ({"x": [""] * 400}, {"max_missing_share": 0.5}, "Largest share missing in one column 1.000"),
        ({"id": ["a", *(str(place) for place in range(398)), "a"]}, {"max_repeated_keys": 0}, "Repeated keys: 1"),
        ({"id": ["7"] * 400}, {"min_rows": 1}, "Repeated keys: 399; at most 0 are allowed"),
        ({"s": [1.5] * 400}, {"min_rows": 1}, "Scores outside 0 to 1: 400"),
        ({"p": [7] * 400}, {"min_rows": 1}, "Predictions of a class that was not there at approval: 400"),
    ],
)
def test_each_trouble_is_a_breach_and_a_sentence(bench, changed, thresholds, why):
    found = bench.judge("data_quality", table(), table(seed=2, **changed), DECLARED, thresholds=thresholds)
    assert found.verdict == "breach"
    assert any(why in sentence for sentence in found.sentences), found.sentences


@pytest.mark.parametrize(("rows", "verdict"), [(1, "ok"), (40, "ok"), (1500, "breach")])
def test_a_rare_value_that_is_not_in_a_small_batch_is_chance(bench, rows, verdict):
    rare = ["south"] * 4 + ["north"] * 396
    batch = table(rows, seed=2, town=["north"] * rows)
    found = bench.judge("data_quality", table(town=rare), batch, DECLARED, thresholds={"max_constant_columns": 0})
    assert found.verdict == verdict, found.sentences
    said = str(bench.measure("data_quality", table(town=rare), batch, DECLARED).not_looked_at)
    assert ("town" in said) == (verdict == "ok")


def test_a_policy_may_allow_repeated_keys(bench):
    batch = table(seed=2, id=["7"] * 400)
    found = bench.judge("data_quality", table(), batch, DECLARED, thresholds={"max_repeated_keys": 399})
    assert found.verdict == "ok"


def test_of_scores_of_several_classes_those_count_that_are_most_often_no_probability(bench):
    """One number of a name: a page showed the last class, which had none, at the point of the alert."""
    declared = {"kind": "multiclass", "label": "y", "prediction": "p", "class_scores": {"0": "s", "1": "t"}}
    approved, batch = table(t=[0.5] * 400), table(seed=2, t=[0.5] * 400, s=[-0.1] * 300 + [0.5] * 100)
    reading = bench.measure("data_quality", approved, batch, {**declared, "features": ["x"]})
    assert [one.value for one in reading.measures if one.name == "scores outside 0 to 1"] == [300]


@pytest.mark.parametrize("setting", ["max_new_columns", "max_constant_columns"])
def test_a_judgement_of_columns_rests_on_the_rows_of_the_batch(bench, setting):
    """A calm batch of twenty rows would end an alarm of thousands otherwise, because they have as many columns."""
    monitor = monitors.find("data_quality")()
    limits = monitor.Thresholds(**{setting: 0})
    assert monitor.sample_rows(bench.measure("data_quality", table(), table(seed=2), DECLARED), limits) == 400


@pytest.mark.parametrize("thresholds", [{"max_repeated_keys": 0}, {"min_rows": 1}])
def test_a_key_that_is_missing_leaves_repetition_open_under_any_policy(bench, thresholds):
    found = bench.judge("data_quality", table(), table(seed=2, id=None), DECLARED, thresholds=thresholds)
    assert (found.verdict, "has no column id" in found.sentences[0]) == ("not_computable", True)


def test_where_no_key_was_declared_none_is_missed(bench):
    declared = {name: value for name, value in DECLARED.items() if name != "key"}
    found = bench.judge("data_quality", table(), table(seed=2, id=None), declared, thresholds={"min_rows": 1})
    assert found.verdict == "ok"


@pytest.mark.parametrize(
    ("cell", "verdict", "kind"),
    [
        ("[x]", "breach", "other"),
        ("[town]", "breach", "other"),
        ("encode(town)", "ok", "text"),
        ("CAST(town AS ENUM ('north', 'south'))", "ok", "text"),
        ("NULL", "ok", "empty"),
    ],
)
def test_lists_are_another_type_and_names_however_stored_are_none_and_nothing_has_none(
    bench, tmp_path, cell, verdict, kind
):
    made, written = tmp_path / "made.csv", tmp_path / "made.parquet"
    made.write_bytes(as_csv(table(seed=2)))
    name = "town" if "town" in cell else "x"
    duckdb.sql(f"COPY (SELECT * REPLACE ({cell} AS {name}) FROM read_csv('{made}')) TO '{written}' (FORMAT parquet)")
    reading = bench.measure("data_quality", table(), written.read_bytes(), DECLARED)
    monitor = monitors.find("data_quality")()
    judged = monitor.judge(reading, monitor.Thresholds(min_rows=1))
    assert (judged.verdict, {row[0]: row[2] for row in reading.tables[0].rows}[name]) == (verdict, kind)


@pytest.mark.parametrize(
    ("facts", "asked", "verdict", "why"),
    [
        ((10, [40.0, 41.0, 39.0]), {"thresholds": {"min_ratio": 0.5, "max_ratio": 2.0}}, "ok", "1.000"),
        ((40, [40.0, 41.0, 39.0]), {"thresholds": {"min_ratio": 0.5}}, "breach", "0.250"),
        ((1, [40.0, 41.0, 39.0]), {"thresholds": {"max_ratio": 2.0}}, "breach", "10.000"),
        ((10, []), {"thresholds": {"min_ratio": 0.5}}, "not_computable", "0 batches came before and 1 are needed"),
        ((10, []), {"thresholds": {"min_rows_per_day": 40}}, "ok", "Rows per day 40"),
        ((10, []), {"thresholds": {"min_rows_per_day": 41}}, "breach", "Rows per day 40"),
        (
            (10, [1.0]),
            {"thresholds": {"min_ratio": 0.5}, "parameters": {"expected_rows_per_day": 100}},
            "breach",
            "0.400",
        ),
        ((10, [4e9, 40.0, 4e9, 40.0, 40.0]), {"thresholds": {"min_ratio": 0.9}}, "ok", "1.000"),
    ],
)
def test_volume_is_rows_per_day_beside_what_is_expected(bench, facts, asked, verdict, why):
    named = dict(zip(("window_days", "earlier_rows_per_day"), facts, strict=True))
    found = bench.judge("volume", table(), table(seed=2), DECLARED, facts=named, **asked)
    assert found.verdict == verdict
    assert any(why in sentence for sentence in found.sentences), found.sentences


def test_volume_compares_with_the_batches_of_earlier_windows(cast, deploy):
    version = deploy([{"monitor": "volume", "thresholds": {"min_ratio": 0.5}}])
    said = []
    for month, rows in ((6, 300), (5, 330), (7, 60), (8, 310)):
        batch = batches.receive(
            version_id=version.pk,
            actor=cast.submitter,
            stream=io.BytesIO(tiny_table(rows=rows, seed=month)),
            name=f"Month {month}",
            window_start=date(2026, month, 1),
            window_end=date(2026, month, 28),
        )
        row = read(batch, "volume")
        said.append((month, row.verdict))
    assert said == [(6, "not_computable"), (5, "not_computable"), (7, "breach"), (8, "ok")]
    assert "median of 3 batches before" in row.numbers["looked_at"][1]
