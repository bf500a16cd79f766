"""One table in files by window: which row goes where, what refuses the whole; the same rows are the same bytes."""

from datetime import date

import duckdb
import pytest

from approvals.measures.reading import TableError
from approvals.measures.splitting import Part, split

TODAY = date(2026, 4, 10)


def csv_of(*days, start=0):
    """Rows in this order, with a key, a number with gaps, digits beyond 64 bits and a column without values."""
    rows = [f"{start + n},{day},{'' if n % 3 else n / 4},{10**20 + n},,{n % 2 == 0}" for n, day in enumerate(days)]
    return ("\n".join(["id,day,x,account,empty,flag", *rows]) + "\n").encode()


def parts_of(tmp_path, content, *, pace="monthly", most=400, column="day"):
    path, output = tmp_path / "stored", tmp_path / "output"
    path.write_bytes(content)
    output.mkdir(exist_ok=True)
    return split(path, "spring.csv", time_column=column, pace=pace, today=TODAY, most=most, output=output)


def rows_of(tmp_path, first):
    return duckdb.read_parquet(str(tmp_path / "output" / f"{first}.parquet")).fetchall()


def types_of(tmp_path, first):
    return [str(one) for one in duckdb.read_parquet(str(tmp_path / "output" / f"{first}.parquet")).types]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-03-31", "2026-03-31"),
        ("2026-03-31T23:59:59.999999999Z", "2026-03-31"),
        ("2026-03-31 23:30:00-02:00", "2026-04-01"),
        ("2026-04-01T01:00+0530", "2026-03-31"),
        (" 2026-04-01 00:30:00+01 ", "2026-03-31"),
    ],
)
def test_times_are_read_as_utc_unless_they_say_an_offset(tmp_path, said, day):
    assert parts_of(tmp_path, csv_of(said), pace="daily") == ([Part(date.fromisoformat(day), 1)], 0)


@pytest.mark.parametrize(
    ("days", "why"),
    [
        (("2026-03-01", "", "NA"), r"no readable time in 2 of 3 rows: 2 have none, 0 have"),
        (("2026-03-01", "2026-02-30"), r"1 of 2 rows: 0 have none, 1 have .* “2026-02-30”"),
        (("20260301", "20260302"), r"2 of 2 rows"),
        (("2026-03-01T10:00+99:00", "0000-01-01"), r"2 of 2 rows"),
        (("2026-03-01", "2026-04-11"), r"after today \(2026-04-10, UTC\) in 1 of 2 rows"),
        (("2026-03-01", "9999-12-31T23:30-05:00"), r"after today .* in 1 of 2 rows"),
    ],
)
def test_a_row_without_a_time_that_can_be_refuses_the_whole_and_says_how_many(tmp_path, days, why):
    with pytest.raises(TableError, match=why) as found:
        parts_of(tmp_path, csv_of(*days))
    assert "“spring.csv”" in found.value.sentence
    assert not list((tmp_path / "output").iterdir())


def test_what_names_no_windows_or_too_many_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"no column “when”\. Its columns are: id, day"):
        parts_of(tmp_path, csv_of("2026-03-01"), column="when")
    with pytest.raises(TableError, match="“x” and “X”, which differ in capital letters only"):
        parts_of(tmp_path, csv_of("2026-03-01").replace(b"flag", b"X"))
    with pytest.raises(TableError, match="more than 2 windows"):
        parts_of(tmp_path, csv_of("2026-01-01", "2026-02-01", "2026-03-01"), most=2)
    assert not list((tmp_path / "output").iterdir())


@pytest.mark.parametrize(
    ("pace", "expected"),
    [
        ("monthly", [("2026-02-01", 1), ("2026-03-01", 3)]),
        ("weekly", [("2026-02-23", 2), ("2026-03-02", 1), ("2026-03-30", 1)]),
        ("daily", [("2026-02-28", 1), ("2026-03-01", 1), ("2026-03-02", 1), ("2026-03-31", 1), ("2026-04-09", 1)]),
    ],
)
def test_every_row_lies_in_one_window_and_that_of_today_is_left_out(tmp_path, pace, expected):
    days = ("2026-03-31", "2026-03-02", "2026-04-10", "2026-03-01", "2026-02-28", "2026-04-09")
    parts, left_out = parts_of(tmp_path, csv_of(*days), pace=pace)
    assert [(part.first.isoformat(), part.rows) for part in parts] == expected
    assert left_out + sum(part.rows for part in parts) == len(days)
    files = {path.name for path in (tmp_path / "output").iterdir()}
    assert files == {f"{first}.parquet" for first, _ in expected}


def test_rows_keep_order_values_and_the_type_that_the_whole_table_has(tmp_path):
    parts_of(tmp_path, csv_of("2026-03-03", "2026-02-02", "2026-03-01", "2026-03-02"))
    assert rows_of(tmp_path, "2026-03-01") == [
        (0, date(2026, 3, 3), 0.0, str(10**20), None, True),
        (2, date(2026, 3, 1), None, str(10**20 + 2), None, True),
        (3, date(2026, 3, 2), 0.75, str(10**20 + 3), None, False),
    ]
    # Although nothing is known of x there.
    assert types_of(tmp_path, "2026-02-01") == ["BIGINT", "DATE", "DOUBLE", "VARCHAR", "BLOB", "BOOLEAN"]


def test_codes_keep_the_zeros_in_front(tmp_path):
    parts_of(tmp_path, b"code,day\n01,2026-03-03\n1,2026-03-04\n7,2026-02-04\n")
    assert [row[0] for row in rows_of(tmp_path, "2026-03-01")] == ["01", "1"]
    assert rows_of(tmp_path, "2026-02-01")[0][0] == "7"


def test_a_window_has_the_same_bytes_whatever_else_the_table_holds(tmp_path):
    march = csv_of("2026-03-05", "2026-03-04", "2026-03-05", "2026-03-06")
    header, rows = march.split(b"\n", 1)
    earlier = csv_of("2026-01-01", "2026-02-01", start=-2).split(b"\n", 1)[1]
    found = []
    for place, content in enumerate(
        (march, march + csv_of("2026-04-01").split(b"\n", 1)[1], header + b"\n" + earlier + rows)
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        parts_of(folder, content)
        found.append((folder / "output" / "2026-03-01.parquet").read_bytes())
    assert found[0] == found[1] == found[2]


def test_a_parquet_file_keeps_its_types_and_values(tmp_path):
    duckdb.sql(
        "SELECT col0::TIMESTAMPTZ AS day, col1::SMALLINT AS small, col2::FLOAT AS single, [col3] AS tags "
        "FROM (VALUES ('2026-03-01 01:00+02', 1, 0.5, 'a'), ('2026-03-01 02:00+02', NULL, 1.5, 'b'))"
    ).write_parquet(str(tmp_path / "table.parquet"))
    parts, left_out = parts_of(tmp_path, (tmp_path / "table.parquet").read_bytes())
    assert (parts, left_out) == ([Part(date(2026, 2, 1), 1), Part(date(2026, 3, 1), 1)], 0)
    assert types_of(tmp_path, "2026-02-01") == ["TIMESTAMP WITH TIME ZONE", "SMALLINT", "FLOAT", "VARCHAR[]"]
    written = duckdb.read_parquet(str(tmp_path / "output" / "2026-02-01.parquet"))
    assert written.project("epoch(day), small, single, tags").fetchall() == [(1772319600.0, 1, 0.5, ["a"])]
