import base64

import duckdb
import numpy as np
import pytest

from approvals.measures.fairness import group_fairness
from approvals.measures.labels import group_text
from approvals.measures.quality import out_of_range
from approvals.measures.score_reading import read_score_groups
from approvals.measures.tables import Column, TableError, open_table


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"a,b\n", "no rows"),
        (b"\n\n", "no header"),
        (b"<!doctype html><html><body>Sign in</body></html>", "web page"),
        (b'{"rows": [1, 2]}', "JSON"),
        (b"\x00\x01\x02\x03binary", "binary"),
        (b"PK\x03\x04rest of a workbook", "Excel"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x80\x04\x95pickle", "pickle"),
        (b"a,b,a\n1,2,3\n", "more than one column named “a”"),
        (b"a,,c\n1,2,3\n", "no name for column 2"),
        (b"a,b\n1,2\n3\n", "1 instead of 2 columns in line 3"),
        (b"a,b\n1,2\n3,4,5\n", "3 instead of 2 columns in line 3"),
        (b'a,b\n"x,2\n3,4\n', "never closes in line 2"),
        (b"a,b\n\xe9t\xe9,2\n", "not UTF-8"),
        (("\n".join([",".join(f"c{i}" for i in range(2001)), ",".join("1" * 2001)])).encode(), "2001 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(tmp_path, content, complaint):
    path = tmp_path / "upload.csv"
    path.write_bytes(content)
    with pytest.raises(TableError) as refused, open_table(path):
        pass
    assert complaint in refused.value.sentence
    assert "upload.csv" in refused.value.sentence
    assert refused.value.sentence.endswith(".")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(TableError, match="does not exist"), open_table(tmp_path / "gone.csv"):
        pass


def test_a_path_that_names_a_pattern_is_refused(tmp_path):
    (tmp_path / "a[1].csv").write_text("a\n1\n")
    with pytest.raises(TableError, match="rename"), open_table(tmp_path / "a[1].csv"):
        pass


def test_a_parquet_name_on_other_bytes_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_text("a\n1\n")
    with pytest.raises(TableError, match="not Parquet"), open_table(tmp_path / "t.parquet"):
        pass


def test_kinds_come_from_every_row(write_csv):
    rows = [[i, f"{i}.5", "true", "2026-01-02", "x", None, i] for i in range(30_000)]
    rows[-1][6] = "late"
    path = write_csv(["i", "f", "b", "d", "t", "e", "late"], rows)
    with open_table(path) as table:
        kinds = {column.name: column.kind for column in table.columns}
    assert kinds == {
        "i": "number",
        "f": "number",
        "b": "boolean",
        "d": "date",
        "t": "text",
        "e": "other",
        "late": "text",
    }


def test_a_column_with_a_code_that_begins_with_zero_stays_text(write_csv):
    columns = {
        "code": ["01", "1", "20"],
        "signed": ["+01", "5", "6"],
        "padded": ["00.50", "1.5", "2"],
        "zeros": ["0", "00", "1"],
        "number": ["0.5", "-0", "0e3"],
        "whole": ["0", "10", "-20"],
    }
    with open_table(write_csv(list(columns), list(zip(*columns.values(), strict=True)))) as table:
        assert [column.kind for column in table.columns] == ["text"] * 4 + ["number"] * 2
        assert table.levels("code") == {"01": 1, "1": 1, "20": 1}
        assert table.texts("zeros") == ["0", "00", "1"]
        with pytest.raises(TableError, match="without zeros in front"):
            table.numbers("padded")


def test_codes_are_told_apart_as_groups_and_as_keys_like_those_of_parquet(write_csv, tmp_path):
    rows = [["01" if i % 2 else "1", f"{i:04}", i % 3 % 2, i % 5 % 2] for i in range(12)]
    path = write_csv(["g", "key", "y", "p"], rows)
    texts = "types={'g': 'VARCHAR', 'key': 'VARCHAR'}"
    other = parquet(tmp_path / "t.parquet", f"SELECT * FROM read_csv('{path}', {texts})")
    for one in (path, other):
        with open_table(one) as table:
            [found] = group_fairness(table, label="y", prediction="p", attributes=[("g",)], draws=0, small_group=1)
            assert {group.label: group.n for group in found.groups} == {"01": 6, "1": 6}
            assert table.texts("key")[:2] == ["0000", "0001"]
    with open_table(path) as table, open_table(other) as same:
        assert table.shared_rows(same, "g", "key") == 12


def test_missing_words_are_missing_but_none_is_a_category(write_csv):
    path = write_csv(["x", "g"], [[1, "None"], ["n/a", "NA"], ["", "null"], ["NaN", "a"], [2.5, "  "]])
    with open_table(path) as table:
        assert table.missing() == {"x": 3, "g": 3}
        assert table.levels("g") == {"None": 1, "a": 1, None: 3}
        np.testing.assert_array_equal(table.numbers("x"), [1.0, np.nan, np.nan, np.nan, 2.5])


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_line_ends_delimiters_and_a_byte_order_mark_are_read(tmp_path, ending, delimiter):
    path = tmp_path / "t.csv"
    text = ending.join([f"a{delimiter}b", f'1{delimiter}"x, ; y"', f"2{delimiter}z"])
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    with open_table(path) as table:
        assert table.columns == (Column("a", "number"), Column("b", "text"))
        assert table.texts("b") == ["x, ; y", "z"]


HOSTILE = ['a"; DROP TABLE t; --', "c1", "A", "a", "naïve col", "SELECT"]


def test_hostile_column_names_and_values_stay_data(tmp_path):
    path = tmp_path / "t.csv"
    header = ",".join('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    path.write_text(header + "\n" + "'; DROP TABLE t; --,2,3,4,5,6\n" * 2, encoding="utf-8")
    with open_table(path) as table:
        assert table.names == tuple(HOSTILE)
        assert table.counts(HOSTILE[0], "a") == {("'; DROP TABLE t; --", 4): 2}
        assert table.numbers("A").tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{folder}/table.csv'",
        "ATTACH '{folder}/other.db'",
        "SET enable_external_access=true",
        "INSTALL httpfs",
    ],
)
def test_an_open_table_reaches_nothing_else(write_csv, tmp_path, sql):
    path = write_csv(["a"], [[1]])
    (tmp_path / "secret.csv").write_text("secret\n1\n")
    with open_table(path) as table, pytest.raises((TableError, duckdb.Error)):
        table.fetch(sql.format(folder=tmp_path))
    assert path.read_text() == "a\n1\n"


def test_every_missing_column_is_named_with_those_that_exist(write_csv):
    with open_table(write_csv(["a", "b"], [[1, 2]])) as table, pytest.raises(TableError) as refused:
        table.require("a", "x", "y")
    assert "“x”, “y”" in refused.value.sentence
    assert "a, b" in refused.value.sentence


def test_text_is_not_numbers(write_csv):
    with open_table(write_csv(["a"], [["x"], [1]])) as table, pytest.raises(TableError, match="must hold numbers"):
        table.numbers("a")


def test_columns_keep_the_order_of_the_file(write_csv):
    path = write_csv(["a", "b"], [[i, -i] for i in range(100_000)])
    with open_table(path) as table:
        assert (table.numbers("a") == -table.numbers("b")).all()
        assert (np.diff(table.numbers("a")) == 1).all()


def parquet(path, sql):
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return path


def test_parquet_says_the_same_as_csv(tmp_path, reference):
    source = reference("p11_dq_titanic.csv")
    path = parquet(tmp_path / "t.parquet", f"SELECT * FROM read_csv('{source}')")
    with open_table(path) as table, open_table(source) as other:
        assert table.names == other.names
        assert table.missing() == other.missing()
        np.testing.assert_array_equal(table.numbers("Age"), other.numbers("Age"))
        assert table.counts("Sex", "Pclass") == other.counts("Sex", "Pclass")
        assert table.shared_rows(other, "Age", "Sex") == table.rows


def test_parquet_kinds_nan_and_nested_columns(tmp_path):
    sql = (
        "SELECT 1 AS i, 'NaN'::DOUBLE AS f, 1.5::DECIMAL(4,2) AS d, true AS b, DATE '2026-01-02' AS day, "
        "{'x': 1, 'y': [1, 2]} AS nested, '' AS blank"
    )
    with open_table(parquet(tmp_path / "t.parquet", sql)) as table:
        kinds = [column.kind for column in table.columns]
        assert table.missing()["f"] == 1
        assert table.missing()["blank"] == 1
    assert kinds == ["number", "number", "number", "boolean", "date", "other", "text"]


OF_ARROW = (
    "UEFSMRUAFWwVbCwVDBUAFQYVBhwYCAAAAAAAAPB/GAgAAAAAAADQPxYAKAgAAAAAAADwfxgIAAAAAAAA0D8REQAAAAIAAAAMAQAA"
    "AAAAAOA/AAAAAAAA+H8AAAAAAADQPwAAAAAAAPh/AAAAAAAA8H8AAAAAAADoPxUEGSw1ABgGc2NoZW1hFQIAFQolAhgBcwAWDBkc"
    "GRwmABwVChklBgAZGAFzFQAWDBbqARbqASYIPBgIAAAAAAAA8H8YCAAAAAAAANA/FgAoCAAAAAAAAPB/GAgAAAAAAADQPxERABkc"
    "FQAVABUCADwpBhkmAAwAAAAW6gEWDCYIFuoBACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZHBwAAACsAAAAUEFS"
    "MQ=="
)
"""s: 0.5, NaN, 0.25, NaN, infinity, 0.75, without nulls, as pyarrow 26 writes it: its statistics name no NaN."""


def test_nan_is_missing_in_a_file_whose_statistics_do_not_tell_of_it(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(base64.b64decode(OF_ARROW))
    with open_table(path) as table:
        assert table.missing() == {"s": 2}
        assert table.levels("s") == {0.25: 1, 0.5: 1, 0.75: 1, np.inf: 1, None: 2}
        assert table.distinct("s") == 4
        assert out_of_range(table, "s", high=0.5).value == 2
        summary = table.summary("s")
        assert (summary.n, summary.missing, summary.not_finite, summary.maximum) == (3, 2, 1, 0.75)


def test_damaged_parquet_is_refused(tmp_path):
    path = parquet(tmp_path / "t.parquet", "SELECT range AS a FROM range(1000)")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TableError, match="damaged"), open_table(path):
        pass


def test_too_many_groups_are_refused(write_csv):
    with (
        open_table(write_csv(["a"], [[i] for i in range(20)])) as table,
        pytest.raises(TableError, match="wider groups"),
    ):
        table.counts("a", limit=10)


def test_a_table_beyond_the_memory_limit_is_refused_and_spills_where_allowed(write_csv, tmp_path):
    path = write_csv(["a", "b"], [[f"text number {i}" * 5, i] for i in range(200_000)])
    with pytest.raises(TableError, match="more memory"), open_table(path, memory_limit_mb=16):
        pass
    with open_table(path, memory_limit_mb=64, spill=tmp_path / "spill") as table:
        assert table.rows == 200_000


def test_scores_are_counted_per_group_and_label(write_csv):
    rows = [[0.5, 1, "a"], [0.5, 0, "a"], [0.25, 1, None], ["inf", 0, "a"], [None, 1, "a"], [0.75, None, "a"]]
    with open_table(write_csv(["s", "y", "g"], rows)) as table:
        found = dict(read_score_groups(table, "s", "y", positive=1, by=["g"], name=group_text))
    assert set(found) == {("a",), ("Unknown",)}
    blocks = {key: [block.scores.tolist() for block in scores.blocks()] for key, scores in found.items()}
    assert blocks == {("a",): [[0.5]], ("Unknown",): [[0.25]]}
    assert (found["a",].positive_rows, found["a",].negative_rows, found["a",].left_out) == (1, 1, 2)
