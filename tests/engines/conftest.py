"""The reference tables, as files and in engines. Run by `make test-engines`; a missing engine is a failure."""

import csv
import logging
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from approvals.measures.tables import open_table

REFERENCE = Path(__file__).parents[1] / "reference"
TYPES = {"number": "DOUBLE PRECISION", "boolean": "BOOLEAN", "date": "TEXT", "text": "TEXT", "other": "TEXT"}


@pytest.fixture(scope="session")
def postgresql():
    """Loads a CSV into a real PostgreSQL and names it as `open_relation` wants it: URL and table."""
    url = os.environ.get("DATABASE_URL", "")
    assert url.startswith("postgresql"), "run by make test-engines, which starts a PostgreSQL"
    loaded = {}

    def load(path):
        if path not in loaded:
            loaded[path] = _load_postgresql(url, path)
        return url, loaded[path]

    return load


def _load_postgresql(url, path):
    name = f"case_{path.stem}"
    rows, columns = read(path)
    with psycopg.connect(url) as connection:
        identifier = sql.Identifier("public", name)
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(identifier))
        typed = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns
        )
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(identifier, typed))
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(identifier)) as copy:
            for row in rows:
                copy.write_row(row)
    return f"public.{name}"


@pytest.fixture(scope="session")
def spark():
    """Loads a CSV into Spark on this machine and names it as `open_relation` wants it: URL and table."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  (it is not in the environment of the other tests)

    for version in ("21", "17"):  # what this Spark runs on; a machine may have others
        for home in sorted(Path("/usr/lib/jvm").glob(f"java-{version}-openjdk-*")):
            os.environ["JAVA_HOME"] = str(home)
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
    }
    builder = SparkSession.builder.master("local[2]").appName("measures")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    logging.getLogger("py4j").setLevel(logging.WARNING)
    loaded = {}

    def load(path):
        if path not in loaded:
            loaded[path] = _load_spark(session, path)
        return "spark-local://2", loaded[path]

    yield load
    session.stop()


def _load_spark(session, path):
    name = f"case_{path.stem}"
    rows, columns = read(path)
    casts: dict[str, Any] = {
        "DOUBLE PRECISION": float,
        "BIGINT": int,
        "BOOLEAN": lambda text: text.lower() == "true",
        "TEXT": str,
    }
    typed = [
        tuple(None if cell is None else casts[kind](cell) for cell, (_, kind) in zip(row, columns, strict=True))
        for row in rows
    ]
    names = {"DOUBLE PRECISION": "double", "TEXT": "string"}
    schema = ", ".join(f"`{column}` {names.get(kind, kind.lower())}" for column, kind in columns)
    session.createDataFrame(typed, schema).createOrReplaceTempView(name)
    return name


def read(path):
    """The rows of a CSV as text, None where missing, and its columns with the types of PostgreSQL."""
    with open_table(path) as table:
        columns = [(column.name, TYPES[column.kind]) for column in table.columns]
        whole = {name for name, _ in columns if table.column(name).kind == "number" and _is_whole(table, name)}
        missing = table.missing()
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = [[_value(cell) for cell in row] for row in list(csv.reader(stream))[1:]]
    found = [sum(row[place] is None for row in rows) for place in range(len(columns))]
    assert found == list(missing.values())
    return rows, [(name, "BIGINT" if name in whole else kind) for name, kind in columns]


def _is_whole(table, name):
    cell = table.cell(name)
    kind, most = table.fetch(f"SELECT ANY_VALUE(TYPEOF({cell})), MAX(ABS({cell})) FROM t")[0]
    return kind == "BIGINT" or (kind == "HUGEINT" and most < 2**63)


def _value(cell):
    return None if cell.strip() in {"", "NA", "n/a", "NaN", "nan", "NULL"} else cell
