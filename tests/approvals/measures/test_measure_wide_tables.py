"""Tables of hundreds of columns: what is asked grows with the columns, not with their square."""

import re

import duckdb
import pytest

from approvals.measures.report import profile_report
from approvals.measures.tables import open_table

COLUMNS, ROWS = 300, 500
_CELLS = re.compile(r" AS c[0-9]+\b")


class Listening:
    """A connection of DuckDB that writes down what it is asked."""

    def __init__(self, connection):
        self._connection, self.asked = connection, []

    def __getattr__(self, name):
        found = getattr(self._connection, name)
        if name not in {"execute", "sql"}:
            return found

        def ask(sql, *parameters, **named):
            self.asked.append(sql)
            return found(sql, *parameters, **named)

        return ask


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("wide") / "table.parquet"
    duckdb.execute("SELECT setseed(0.3)")
    makers = ("random() - 0.5", "CASE WHEN i % 9 = 0 THEN 'nan'::DOUBLE ELSE i % 7 END", "'t' || i % 5", "i", "' '")
    columns = ", ".join(f"{makers[place % len(makers)]} AS x{place}" for place in range(COLUMNS))
    duckdb.execute(f"COPY (SELECT {columns} FROM range({ROWS}) AS r(i)) TO '{path}' (FORMAT parquet)")
    return path


def asked_for(path, monkeypatch):
    connect, listening = duckdb.connect, []

    def listened(*given, **named):
        listening.append(Listening(connect(*given, **named)))
        return listening[-1]

    with monkeypatch.context() as patched:
        patched.setattr("duckdb.connect", listened)
        with open_table(path) as table:
            report = profile_report(table)
    return listening[0].asked, report


def test_a_profile_names_each_column_of_a_file_a_few_times(path, monkeypatch):
    asked, report = asked_for(path, monkeypatch)
    from_file = [sql for sql in asked if "read_parquet" in sql]
    assert len(from_file) < COLUMNS / 10
    assert sum(len(_CELLS.findall(sql)) for sql in from_file) <= 4 * COLUMNS
    assert sum(len(_CELLS.findall(sql)) for sql in asked) <= 12 * COLUMNS
    assert len(asked) <= 2 * COLUMNS
    assert report["columns"] == COLUMNS


def test_a_wide_table_has_the_numbers_of_a_narrow_one(path, tmp_path, monkeypatch):
    report = asked_for(path, monkeypatch)[1]
    chosen = range(95, 105)  # some of two readings
    narrow = tmp_path / "narrow.parquet"
    duckdb.execute(f"COPY (SELECT {', '.join(f'x{place}' for place in chosen)} FROM '{path}') TO '{narrow}'")
    with open_table(narrow) as table:
        found = profile_report(table)
    for part in ("missing_by_column", "n_unique", "kinds", "ranges"):
        assert found[part] == {name: value for name, value in report[part].items() if int(name[1:]) in chosen}
        assert found[part]


def test_long_texts_that_do_not_fit_in_memory_together_are_still_counted(tmp_path):
    path = tmp_path / "texts.parquet"
    texts = ", ".join(
        f"repeat(chr(97 + CAST(i % 20 AS INT)), 10000) || {place} || i AS x{place}" for place in range(101)
    )
    duckdb.execute(f"COPY (SELECT {texts} FROM range(60) AS r(i)) TO '{path}' (FORMAT parquet)")
    with open_table(path, memory_limit_mb=32) as table:
        assert set(profile_report(table)["n_unique"].values()) == {60}


def test_names_that_the_engine_has_of_its_own_are_columns(tmp_path):
    path = tmp_path / "names.parquet"
    names = ("filename", "file_row_number", "rowid", 'a"b', "c1", "select")
    columns = ", ".join(f'{place} AS "{name.replace(chr(34), chr(34) * 2)}"' for place, name in enumerate(names))
    duckdb.execute(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)")
    with open_table(path) as table:
        assert [table.numbers(name).tolist() for name in names] == [[float(place)] for place in range(len(names))]
