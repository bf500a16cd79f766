"""Tables that are packed, in folders of files, or made to do harm."""

import gzip

import duckdb
import pytest
from backports import zstd

from approvals.measures.reading import MISSING_TEXTS
from approvals.measures.sources import ALWAYS_UNPACKED
from approvals.measures.tables import TableError, open_table

CSV = b"a,b\n1,x\n2,y\n"


def _packed(path, content=CSV):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content))
    return path


def test_a_packed_csv_is_read_like_a_plain_one(tmp_path):
    with open_table(_packed(tmp_path / "t.csv.gz"), spill=tmp_path) as table:
        assert (table.name, table.rows, table.names) == ("t.csv.gz", 2, ("a", "b"))
        assert table.levels("b") == {"x": 1, "y": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv.gz"]


def test_files_of_a_folder_are_one_table_with_its_folders_as_columns(tmp_path):
    root = tmp_path / "months"
    _packed(root / "month=2026-01" / "region=north" / "part.csv.gz")
    (root / "month=2026-02" / "region=south").mkdir(parents=True)
    (root / "month=2026-02" / "region=south" / "part.csv").write_bytes(CSV + b"3,\n")
    (root / "_SUCCESS").write_text("")
    (root / ".hidden.csv").write_text("z\n1\n")
    with open_table(root, spill=tmp_path) as table:
        assert table.names == ("a", "b", "month", "region")
        assert table.counts("month", "region") == {("2026-01", "north"): 2, ("2026-02", "south"): 3}
        assert table.missing() == {"a": 0, "b": 1, "month": 0, "region": 0}
        assert table.numbers("a").sum() == 9


def test_parquet_files_of_a_folder_are_one_table(tmp_path):
    root = tmp_path / "t"
    root.mkdir()
    with duckdb.connect() as connection:
        for part in (1, 2):
            connection.execute(f"COPY (SELECT {part} AS a, 'x' AS b) TO '{root}/{part}.parquet' (FORMAT parquet)")
    with open_table(root) as table:
        assert (table.rows, table.format, table.numbers("a").tolist()) == (2, "parquet", [1.0, 2.0])
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS a, 2 AS c) TO '{root}/3.parquet' (FORMAT parquet)")
    with pytest.raises(TableError, match="do not have the same columns: “3"), open_table(root):
        pass


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "has no CSV or Parquet files"),
        ({"a.csv": CSV, "b.csv": b"b,a\n1,2\n"}, "do not have the same columns"),
        ({"a.csv": CSV, "k=1/b.csv": CSV}, "different keys"),
        ({"a.csv": CSV, "b.csv": b""}, "is empty"),
        ({"a.csv": CSV, "b.csv": b"PK\x03\x04"}, "zip archive"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, files, sentence):
    root = tmp_path / "t"
    root.mkdir()
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    with pytest.raises(TableError, match=sentence), open_table(root):
        pass


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (gzip.compress(CSV * 1000, mtime=0)[:-20], "damaged gzip"),
        (gzip.compress(CSV, mtime=0)[:5], "damaged gzip"),
        (b"\x1f\x8b\x08" + b"\x00" * 50, "damaged gzip|is empty|no header"),
        (gzip.compress(b"PAR1xxxxPAR1", mtime=0), "packed Parquet"),
        (gzip.compress(b"\x00\x01\x02" * 50, mtime=0), "binary"),
        (b"\x28\xb5\x2f\xfd....", "damaged zstd"),
        (zstd.compress(CSV * 1000)[:-3], "damaged zstd"),
        (zstd.compress(CSV) + b"more", "damaged zstd"),
        (zstd.compress(CSV, options={zstd.CompressionParameter.checksum_flag: 1})[:-1] + b"\x00", "damaged zstd"),
        (zstd.compress(b"PAR1xxxxPAR1"), "packed Parquet"),
        (b"BZh91AY", "bzip2"),
    ],
)
def test_what_cannot_be_unpacked_is_said(tmp_path, content, sentence):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(content)
    with pytest.raises(TableError, match=sentence), open_table(path, spill=tmp_path):
        pass


def _gzip(path):
    return gzip.open(path, "wb", compresslevel=1)


@pytest.mark.parametrize("packed", [_gzip, lambda path: zstd.open(path, "wb")], ids=["gzip", "zstd"])
def test_a_bomb_is_not_unpacked(tmp_path, packed):
    path = tmp_path / "bomb.csv.gz"
    with packed(path) as target:
        target.write(b"a\n")
        for _ in range(ALWAYS_UNPACKED // 1_000_000 + 2):
            target.write(b"1\n" * 500_000)
    assert path.stat().st_size < ALWAYS_UNPACKED / 200
    with pytest.raises(TableError, match="more than 200 times its size"), open_table(path, spill=tmp_path):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["bomb.csv.gz"]


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (b"a,b\n" + b"x" * 5_000_000, "longer than two megabytes|has 1 instead of 2 columns"),
        (b"x" * 5_000_000, "longer than a megabyte"),
        (b"x" * 200_000 + b"\n1\n", "cannot be read as names"),
        (b",".join(b"c%d" % i for i in range(100_000)) + b"\n1\n", "100000 columns; at most 2000"),
    ],
)
def test_lines_and_headers_without_end_are_refused(tmp_path, head, sentence):
    path = tmp_path / "t.csv"
    path.write_bytes(head)
    with pytest.raises(TableError, match=sentence), open_table(path):
        pass


def test_a_line_beyond_what_one_thread_reads_is_named(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("wb") as target:
        target.write(b"a,b\n1,2\n1,")
        for _ in range(40):
            target.write(b"x" * 1_000_000)
        target.write(b"\n1,2\n")
    with pytest.raises(TableError, match="longer than two megabytes in line 3"), open_table(path):
        pass


def _parquet(path, query):
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_each_folder_says_what_its_own_key_is_in_any_order(tmp_path, ending):
    file = tmp_path / "env=outside" / "t" / "region=north" / "c0=may" / f"a.{ending}"
    if ending == "parquet":
        _parquet(file, "SELECT 7 AS x")
    else:
        file.parent.mkdir(parents=True)
        file.write_text("x\n7\n")
    with open_table(tmp_path / "env=outside" / "t") as table:
        assert table.names == ("x", "region", "c0")
        assert [table.levels(name) for name in table.names] == [{7: 1}, {"north": 1}, {"may": 1}]


@pytest.mark.parametrize("column", ["day", "Day"])
def test_a_folder_does_not_take_the_place_of_a_column(tmp_path, column):
    _parquet(tmp_path / "t" / "day=9" / "region=n" / "a.parquet", f"SELECT 7 AS x, 1 AS {column}")
    with pytest.raises(TableError, match="“day” names a column of “t” in its files and in its folders"):
        open_table(tmp_path / "t").__enter__()


def test_a_folder_around_the_table_does_not_say_what_its_folders_say(tmp_path):
    _parquet(tmp_path / "env=a" / "t" / "env=b" / "a.parquet", "SELECT 7 AS x")
    with pytest.raises(TableError, match="two folders one inside the other"):
        open_table(tmp_path / "env=a" / "t").__enter__()


def test_words_in_a_table_are_not_taken_for_what_the_machine_says(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4,No such file or directory: Permission denied\n")
    with pytest.raises(TableError, match="3 instead of 2 columns in line 3"):
        open_table(path).__enter__()


@pytest.mark.parametrize(
    ("first", "second", "kind", "levels"),
    [
        ("BIGINT '1'", "DOUBLE '0.5'", "number", {0.5: 1, 1: 1}),
        ("DOUBLE '0.5'", "BIGINT '1'", "number", {0.5: 1, 1: 1}),
        ("REAL '0.5'", "DOUBLE '0.1'", "number", {0.1: 1, 0.5: 1}),
        ("TINYINT '1'", "BIGINT '9007199254740993'", "number", {1: 1, 9007199254740993: 1}),
        ("CAST(NULL AS INTEGER)", "'a'", "text", {"a": 1, None: 1}),
        ("1", "'a'", "text", {"1": 1, "a": 1}),
    ],
)
def test_files_that_store_a_column_in_other_types_lose_no_digit(tmp_path, first, second, kind, levels):
    _parquet(tmp_path / "t" / "1.parquet", f"SELECT {first} AS x, 7 AS y")
    _parquet(tmp_path / "t" / "2.parquet", f"SELECT {second} AS x, 7 AS y")
    with open_table(tmp_path / "t") as table:
        assert table.column("x").kind == kind
        assert table.levels("x") == levels
        assert table.levels("y") == {7: 2}


def test_files_with_other_columns_are_named_by_their_folders(tmp_path):
    _parquet(tmp_path / "t" / "d=1" / "part.parquet", "SELECT 7 AS x")
    _parquet(tmp_path / "t" / "d=2" / "part.parquet", "SELECT 7 AS y")
    with pytest.raises(TableError, match=r"“d=2/part\.parquet” differs from “d=1/part\.parquet”"):
        open_table(tmp_path / "t").__enter__()


def test_many_columns_need_no_more_memory_than_their_cells(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(150)) + "\n" + ",".join(["NA", "1.5", "x"] * 50) + "\n")
    with open_table(path, memory_limit_mb=64) as table:
        assert [column.kind for column in table.columns[147:]] == ["other", "number", "text"]
        assert sum(table.missing().values()) == 50


@pytest.mark.parametrize("text", MISSING_TEXTS)
def test_every_way_to_write_no_value_is_missing(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(f"x,y\n{text},1\n {text} ,1\nx{text},1\n")
    with open_table(path) as table:
        assert table.missing() == {"x": 2, "y": 0}
