"""Rows that occur more than once, against pandas' definition: missing equals missing."""

from collections import Counter

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.measures.repetition import repeated_rows, shared_rows
from approvals.measures.tables import open_table

cells = st.one_of(st.none(), st.sampled_from(["a", "b", "x y"]))
numbers = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0]))
rows = st.lists(st.tuples(numbers, cells), min_size=1, max_size=30)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows, rows, st.sampled_from([1, 4, 1000]))
def test_repeated_and_shared_rows_are_counted(write_csv, first, second, part_rows):
    # A column that tells kinds is in both tables, so that a column without any value is not of another kind.
    sides = [[(1.0, "a"), *side] for side in (first, second)]
    paths = [write_csv(["x", "g"], side, name=f"{i}.csv") for i, side in enumerate(sides)]
    with open_table(paths[0]) as table, open_table(paths[1]) as other:
        found = repeated_rows(table, ["x", "g"], part_rows=part_rows)
        shared = shared_rows(table, other, ["x", "g"], part_rows=part_rows)
    sizes = Counter(sides[0])
    assert found == (sum(sizes.values()) - len(sizes), sum(size for size in sizes.values() if size > 1))
    assert shared == sum(row in set(sides[1]) for row in sides[0])


@pytest.mark.parametrize(("other", "expected"), [(2**60 + 1, 1), (2**60 + 2, 0), (float(2**53), 0)])
def test_long_account_numbers_are_compared_to_the_last_digit(write_csv, other, expected):
    paths = [write_csv(["id"], [[value], [7]], name=f"{value}.csv") for value in (2**60 + 1, other)]
    with open_table(paths[0]) as table, open_table(paths[-1]) as second:
        assert shared_rows(table, second, ["id"]) == 1 + expected
        assert table.summary("id").distinct == 2


def test_account_numbers_that_doubles_cannot_tell_apart_are_different(write_csv):
    with open_table(write_csv(["id"], [[2**60 + step] for step in range(5)])) as table:
        assert table.summary("id").distinct == 5
        assert table.duplicates() == 0


def test_many_equal_rows_are_all_counted(write_csv):
    values = [[step % 15_000, step % 3] for step in range(45_000)]
    with open_table(write_csv(["a", "b"], values)) as table:
        assert repeated_rows(table, ["a", "b"]) == (30_000, 45_000)


@pytest.mark.parametrize(
    ("values", "others"),
    [
        (["1", "2"], ["1", "2", "x"]),  # one odd entry makes a column of texts
        (["1", "2"], ["1.0", "2.00", "x"]),
        (["9007199254740993", "2"], ["9007199254740993", "2", "x"]),
        (["a", "b"], [" a ", "b\t"]),
        (["true", "false"], ["1", "0"]),
        (["true", "false"], ["TRUE", "0", "x"]),
        (["2024-01-02", "2024-01-03"], ["2024-01-02T00:00:00", "2024-01-03 00:00"]),
        (["2024-01-02T12:00:00Z", "2024-01-03 12:00"], ["2024-01-02T14:00:00+02:00", "2024-01-03 10:00-02"]),
        (["2024-01-02", "2024-01-03"], ["2024-01-02 00:00:00", "2024-01-03", "x"]),
    ],
)
def test_rows_are_shared_however_they_are_written(write_csv, values, others):
    paths = [write_csv(["id", "n"], [[value, 7] for value in side], name=f"{len(side)}.{place}.csv")
             for place, side in enumerate((values, others))]  # fmt: skip
    with open_table(paths[0]) as table, open_table(paths[1]) as other:
        assert (shared_rows(table, other, ["id", "n"]), shared_rows(other, table, ["id", "n"])) == (2, 2)


@pytest.mark.parametrize(
    ("values", "others"),
    [
        (["9007199254740993", "2"], ["9007199254740992", "x"]),
        (["a", "b"], ["A", "a b"]),
        (["true", "false"], ["2", "3"]),
        (["2024-01-02T12:00:00Z", "2024-01-03"], ["2024-01-02T12:00:00+02:00", "2024-01-03 00:01"]),
        (["1", "2"], ["2024-01-02", "2024-01-03"]),
        (["1", "2"], ["1 000", "0x2", "1_0"]),
    ],
)
def test_rows_that_mean_something_else_are_not_shared(write_csv, values, others):
    paths = [
        write_csv(["id"], [[value] for value in side], name=f"{place}.csv")
        for place, side in enumerate((values, others))
    ]
    with open_table(paths[0]) as table, open_table(paths[1]) as other:
        assert (shared_rows(table, other, ["id"]), shared_rows(other, table, ["id"])) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "values", "others", "expected"),
    [
        ("csv", ["0.1", "0.7", "-3.25e-7"], [0.1, 0.7, -3.25e-7], 3),
        ("csv", ["0.1", "0.7", "x"], [0.1, 0.7, 5.0], 2),
        ("csv", ["0.1", "", "1e300"], [0.1, None, float("inf")], 2),
        ("DOUBLE", ["0.1", "0.123456789", "2"], [0.1, 0.123456789, 2.0], 3),
        ("DECIMAL(9, 2)", ["0.10", "12.34", "7"], [0.1, 12.34, 7.0], 3),
        ("FLOAT", ["0.1", "12.34", "7"], [0.1, 12.34, 7.0], 3),
        ("csv", ["0.1001", "0.7", "16777217"], [0.1, 0.70001, 16777216.0], 0),
    ],
)
def test_rows_are_shared_with_a_file_that_keeps_seven_digits(write_csv, tmp_path, kind, values, others, expected):
    coarse, fine = tmp_path / "coarse.parquet", tmp_path / "fine.parquet"
    written = ", ".join("(NULL)" if value is None else f"('{value!r}'::FLOAT)" for value in others)
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {written}) v(x)) TO '{coarse}' (FORMAT parquet)")
    if kind == "csv":
        fine = write_csv(["x", "n"], [[value, 1] for value in values], name="fine.csv")
    else:
        listed = ", ".join(f"({value})" for value in values)
        duckdb.execute(f"COPY (SELECT CAST(x AS {kind}) AS x FROM (VALUES {listed}) v(x)) TO '{fine}' (FORMAT parquet)")
    with open_table(fine) as table, open_table(coarse) as other:
        assert (shared_rows(table, other, ["x"]), shared_rows(other, table, ["x"])) == (expected, expected)


def test_a_moment_is_written_in_utc_wherever_this_runs(tmp_path):
    path = tmp_path / "moments.parquet"
    moments = "(TIMESTAMPTZ '2026-03-01 12:30:00+13:00'), (TIMESTAMPTZ '2026-02-28 23:59:59.999Z')"
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {moments}) v(d)) TO '{path}' (FORMAT parquet)")
    with open_table(path) as table:
        assert table.texts("d") == ["2026-02-28 23:30:00+00", "2026-02-28 23:59:59.999+00"]
