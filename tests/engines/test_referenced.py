"""Relations that are referred to, on real engines: the same content has the same fingerprint, any change another."""

import hashlib
import os
from urllib.parse import quote

import psycopg
import pytest

from approvals.checks.base import Input
from approvals.checks.performance import Performance
from approvals.measures.reading import TableError
from approvals.measures.referenced import listed_relation, open_referenced
from approvals.measures.references import Referenced, RelationReference, document
from approvals.measures.tables import open_relation, open_table
from approvals.sandbox import JobDescription, Limits, SandboxError, measure_in_child
from tests.engines.conftest import REFERENCE

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
DECLARED = {"label": "y_true", "prediction": "y_pred", "score": "y_score", "favourable": 1}


@pytest.fixture
def url():
    found = os.environ.get("DATABASE_URL", "")
    assert found.startswith("postgresql"), "run by make test-engines, which starts a PostgreSQL"
    return found


@pytest.fixture
def make(url):
    """Run statements and name a table."""

    def run(*statements):
        with psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    return run


def listed(url, relation, **changes):
    reference = RelationReference("warehouse", relation, 0, "none-0:" + "0" * 64)
    table = Referenced(reference, url, since=" since it was attached on 03 May 2026", **changes)
    return Referenced(listed_relation(table, reference), url, since=table.since, **changes)


def test_a_text_of_any_spaces_is_missing_as_in_a_file(url, make, tmp_path):
    texts = ["a", " ", "\u00a0", "\u2003\u3000", "\u00a0b"]
    make("DROP TABLE IF EXISTS blanks", "CREATE TABLE blanks (t text)")
    make(*(f"INSERT INTO blanks VALUES ('{text}')" for text in texts))
    path = tmp_path / "blanks.csv"
    path.write_text("t\n" + "".join(f'"{text}"\n' for text in texts), encoding="utf-8")
    with open_relation(url, "public.blanks") as there, open_table(path) as here:
        assert there.missing() == here.missing() == {"t": 3}


def test_the_fingerprint_forgets_the_order_of_rows_and_nothing_else(url, make):
    make(
        "DROP TABLE IF EXISTS fp", "CREATE TABLE fp (a int, b text, c double precision, d timestamptz, e numeric(9,2))"
    )
    rows = "(1, 'x', 0.1, '2026-01-01Z', 1.50), (1, 'x', 0.1, '2026-01-01Z', 1.50), (2, NULL, 'NaN', NULL, NULL)"
    make(f"INSERT INTO fp VALUES {rows}")
    first = listed(url, "public.fp").reference
    assert first.rows == 3
    make("TRUNCATE fp", "INSERT INTO fp VALUES (2, NULL, 'NaN', NULL, NULL)", f"INSERT INTO fp VALUES {rows}")
    make("DELETE FROM fp WHERE ctid = (SELECT min(ctid) FROM fp)")
    assert listed(url, "public.fp").reference == first
    seen = {first.fingerprint}
    for change, back in [
        (
            "UPDATE fp SET b = 'y' WHERE a = 1 AND ctid = (SELECT min(ctid) FROM fp WHERE a = 1)",
            "UPDATE fp SET b = 'x' WHERE a = 1",
        ),
        ("UPDATE fp SET b = '' WHERE a = 2", "UPDATE fp SET b = NULL WHERE a = 2"),
        ("UPDATE fp SET b = 'NULL' WHERE a = 2", "UPDATE fp SET b = NULL WHERE a = 2"),
        ("UPDATE fp SET c = 0.1 + 1e-17 * 2 WHERE a = 1", "UPDATE fp SET c = 0.1 WHERE a = 1"),
        ("ALTER TABLE fp RENAME COLUMN a TO z", "ALTER TABLE fp RENAME COLUMN z TO a"),
        ("ALTER TABLE fp ALTER COLUMN a TYPE bigint", "ALTER TABLE fp ALTER COLUMN a TYPE int"),
        ("ALTER TABLE fp ADD COLUMN f int", "ALTER TABLE fp DROP COLUMN f"),
        (
            "INSERT INTO fp SELECT * FROM fp WHERE a = 2",
            "DELETE FROM fp WHERE ctid = (SELECT max(ctid) FROM fp WHERE a = 2)",
        ),
    ]:
        make(change)
        seen.add(listed(url, "public.fp").reference.fingerprint)
        make(back)
        assert listed(url, "public.fp").reference.fingerprint == first.fingerprint, back
    assert len(seen) >= 8


def test_settings_of_a_session_do_not_change_the_fingerprint(url, make):
    make("DROP TABLE IF EXISTS fs", "CREATE TABLE fs (d timestamptz, i interval, c float8, x bytea)")
    make("INSERT INTO fs VALUES ('2026-01-01Z', '1 day 2 hours', 0.1, '\\x00ff')")
    first = listed(url, "public.fs").reference
    for setting in ("datestyle=SQL,DMY", "timezone=Asia/Tokyo", "intervalstyle=sql_standard", "extra_float_digits=-5"):
        other = f"{url}?options={quote(f'-c {setting}', safe='')}"
        assert listed(other, "public.fs").reference == first


def test_a_relation_that_changed_is_not_measured(postgresql, make, url):
    _, relation = postgresql(REFERENCE / "p02_german_credit.csv")
    make("DROP TABLE IF EXISTS changing", f"CREATE TABLE changing AS SELECT * FROM {relation}")
    table = listed(url, "public.changing")
    with open_referenced(table) as opened:
        assert opened.rows == table.reference.rows
        make("UPDATE changing SET age = age + 1 WHERE id = (SELECT min(id) FROM changing)")
        opened.counts("sex")  # in the snapshot that was compared
    changed = "has changed since it was attached on 03 May 2026: its fingerprint is"
    with pytest.raises(TableError, match=changed), open_referenced(table):
        pass
    make("DELETE FROM changing WHERE id = (SELECT min(id) FROM changing)")
    with pytest.raises(TableError, match=r"rows instead of .* attach the table again"), open_referenced(table):
        pass
    make("DROP TABLE changing")
    with pytest.raises(TableError, match=r"has no table “public.changing”"), open_referenced(table):
        pass


@pytest.mark.parametrize(
    "relation",
    [
        "pg_catalog.pg_authid",
        "pg_catalog.pg_class",
        "information_schema.tables",
        'public"; DROP TABLE victim; --.x',
        "public.victim; DROP TABLE victim",
        "public.victim' OR '1'='1",
        "public.victim--",
        "nowhere.victim",
        "portal.public.victim2",
    ],
)
def test_catalogues_and_tricks_with_names_are_refused(url, make, relation):
    make("DROP TABLE IF EXISTS victim", "CREATE TABLE victim AS SELECT 1 AS a")
    with pytest.raises(TableError, match=r"own catalogue|has no table"):
        listed(url, relation)
    make("SELECT * FROM victim")


def test_a_catalogue_can_be_permitted(url):
    assert listed(url, "information_schema.tables", system_tables=True).reference.rows > 0


def piece_of(table, tmp_path):
    path = tmp_path / "document"
    path.write_bytes(document(table.reference))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"evaluation_table": Input("evaluation_table", path, "evaluation.json", digest, "", DECLARED, table)}


def test_a_check_measures_a_relation_in_the_limited_process(postgresql, tmp_path):
    url, relation = postgresql(REFERENCE / "p02_german_credit.csv")
    job = JobDescription(inputs=piece_of(listed(url, relation), tmp_path))
    reading = measure_in_child(check=Performance, job=job, limits=Limits(wall_seconds=60))
    path = REFERENCE / "p02_german_credit.csv"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    plain = Input("evaluation_table", path, path.name, digest, "", DECLARED)
    uploaded = measure_in_child(check=Performance, job=JobDescription(inputs={"evaluation_table": plain}))
    assert [measure.as_json() for measure in reading.measures] == [measure.as_json() for measure in uploaded.measures]
    assert "fingerprint was taken again in the state that was measured" in reading.looked_at[-1]
    assert "The check kept the network to reach the connection “warehouse”." in reading.log
    assert not any(url in line for line in (*reading.log, *reading.looked_at))


def test_a_stopped_check_leaves_no_question_running_in_the_server(url, make, tmp_path):
    make(
        "DROP VIEW IF EXISTS slow",
        "CREATE VIEW slow AS SELECT n AS y_true, n AS y_pred, 0.5 AS y_score FROM generate_series(0, 1) AS n",
    )
    table = listed(url, "public.slow")
    make(
        "CREATE OR REPLACE VIEW slow AS SELECT n AS y_true, n AS y_pred, 0.5 AS y_score "
        "FROM generate_series(0, 1) AS n, pg_sleep(300)"
    )
    running = []

    def should_stop():
        running.append(asked_of_slow(url))
        return running[-1] > 0

    with pytest.raises(SandboxError) as caught:
        measure_in_child(
            check=Performance, job=JobDescription(inputs=piece_of(table, tmp_path)), should_stop=should_stop
        )
    assert caught.value.kind == "stopped"
    for _ in range(100):
        if not asked_of_slow(url):
            break
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_sleep(0.1)")
    assert asked_of_slow(url) == 0


def asked_of_slow(url):
    """Questions about the slow view that the server is answering."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' "
            "AND query LIKE '%slow%'"
        ).fetchone()
    return found[0]


def test_a_fingerprint_on_spark(spark, tmp_path):
    from pyspark.sql import SparkSession  # noqa: PLC0415

    url, _ = spark(REFERENCE / "p11_dq_toy.csv")
    session = SparkSession.builder.getOrCreate()
    session.sql(f"CREATE DATABASE IF NOT EXISTS marks LOCATION '{tmp_path}'")

    def fingerprint(*rows, schema="a int, b string, c double"):
        session.createDataFrame(list(rows), schema).createOrReplaceTempView("rows_of_it")
        session.sql("DROP TABLE IF EXISTS marks.fp")
        session.sql("CREATE TABLE marks.fp AS SELECT * FROM rows_of_it")
        return listed(url, "marks.fp").reference.fingerprint

    one, two = (1, "x", 0.5), (2, None, None)
    first = fingerprint(one, one, two)
    assert fingerprint(two, one, one) == first
    others = [
        fingerprint(one, two),
        fingerprint(one, one, two, two),
        fingerprint(one, one, (2, "", None)),
        fingerprint(one, one, (None, "2", None)),
        fingerprint(one, one, two, schema="a bigint, b string, c double"),
        fingerprint(one, one, two, schema="a int, z string, c double"),
    ]
    assert first not in others
    assert len(set(others)) == len(others)
    table = listed(url, "marks.fp")
    with open_referenced(table) as opened:
        assert opened.rows == 3
        opened.counts("a")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_spark_reads_no_file_that_is_named_like_a_relation(spark, tmp_path, scheme):
    url, _ = spark(REFERENCE / "p11_dq_toy.csv")
    path = tmp_path / "secret"
    path.write_text("key\n1\n")
    for kind in ("csv", "text", "json", "parquet", "binaryFile"):
        with pytest.raises(TableError, match="does not answer"):
            listed(url, f"{kind}.{scheme}{path}")
