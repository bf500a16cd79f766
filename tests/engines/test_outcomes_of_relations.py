"""Outcomes joined to batches that are relations of real engines: what is refused first, then the numbers of a file."""

import io
import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from django.utils import timezone

from approvals import listing
from approvals.measures.late_outcomes import Contradiction, Files, Named, joined, matcher
from approvals.measures.reading import TableError
from approvals.measures.referenced import listed_relation
from approvals.measures.references import Referenced, RelationReference, Window
from approvals.measures.relation_copies import copied
from approvals.measures.tables import open_table
from approvals.models import ModelVersion
from monitoring import batches, inputs, outcome_sources, rematching, running
from monitoring.models import OutcomeDelivery, OutcomeSource, Reading
from portal.models import Notification
from portal.table_places import TablePlace
from tests.cast import TABLE, tiny_table
from tests.engines.conftest import REFERENCE
from tests.monitoring.conftest import deploy
from tests.monitoring.deliveries import (
    OCTOBER,
    as_csv,
    deliver,
    match,
    read_waiting,
    report,
    rows_of,
    unlabelled,
    wrong,
)
from tests.refusing_server import refusing

__all__ = ["deploy"]
pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
MONITORS = [
    {"monitor": "performance", "thresholds": {"min_roc_auc": 0.7}, "severity": "high", "parameters": {"draws": 50}},
    {"monitor": "calibration", "thresholds": {"max_brier": 0.5}, "severity": "high"},
    {"monitor": "fairness", "thresholds": {"min_selection_ratio": 0.1}, "severity": "high"},
]
WINDOW = (date(2026, 9, 1), date(2026, 9, 30))


@pytest.fixture
def warehouse(settings):
    url = os.environ["DATABASE_URL"]
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace(url)}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS public.met")
        connection.execute(
            "CREATE TABLE public.met (id TEXT, sex TEXT, age_group TEXT, amount INT, y_score FLOAT8, y_pred INT, "
            "\"d%y\" TIMESTAMPTZ DEFAULT '2026-09-30 23:59:59Z')"
        )
        names = ("id", "sex", "age_group", "amount", "y_score", "y_pred")
        with connection.cursor().copy(f"COPY public.met ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows_of("a"):
                copy.write_row([row[name] for name in names])
        connection.execute("INSERT INTO public.met (id, y_pred, \"d%y\") VALUES ('later', 1, '2026-10-01Z')")
        yield connection


def referring(cast, version, relation="public.met", name="September"):
    place = TablePlace(os.environ["DATABASE_URL"])
    asked = listing.Asked("connection", "warehouse", relation, Window("d%y", *WINDOW))
    document = listing.listed(place, asked, limits=listing.AT_ONCE)
    return batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(document),
        name=name,
        window_start=WINDOW[0],
        window_end=WINDOW[1],
    )


def labels(rows):
    return as_csv(rows, "id", "y_true")


def test_a_relation_that_changed_is_not_computable_and_the_next_outcomes_are_taken_all_the_same(
    cast, deploy, warehouse
):
    version, rows = deploy(MONITORS), rows_of("a")
    batch = referring(cast, version)
    warehouse.execute("UPDATE public.met SET y_score = 0.5 WHERE id = 'a7'")
    found = match(report(cast, version, labels(rows)))
    assert found.verdict == "in_use"
    assert "“September” was not looked at: The table public.met of “warehouse” has changed" in found.sentences[-1]
    for key in ("performance", "calibration", "fairness"):
        reading = read_waiting(batch, key)
        assert reading.verdict == "not_computable"
        assert "has changed since it was attached" in reading.sentences[0]
        assert reading.outcomes
    warehouse.execute("DROP TABLE public.met")
    more = match(report(cast, version, labels(rows[:50])))
    assert more.verdict == "in_use"
    assert "has no table “public.met”" in more.sentences[-1]


def newest(batch, key="performance"):
    """Only the reading that counts, because each is a process of its own."""
    row = Reading.objects.filter(batch=batch, monitor__key=key).latest("pk")
    assert running.execute(row.pk)
    row.refresh_from_db()
    return row


def test_a_relation_gets_the_numbers_that_a_file_of_the_same_rows_gets(cast, deploy, warehouse):
    version, rows = deploy(MONITORS), rows_of("a")
    batch, file = referring(cast, version), deliver(cast, version, unlabelled(rows), window=OCTOBER)
    refused = match(report(cast, version, labels([*rows, wrong(rows)[0]]), name="Twice"))
    assert "two different outcomes for 1 key" in refused.sentences[0]
    early = match(report(cast, version, labels(rows[:60]), name="Early"))
    assert early.numbers["batches"][str(batch.pk)] == {"rows": 200, "matched": 60, "contradicted": 0}
    assert "Outcomes of 60 of 200 rows are known" in newest(batch).sentences[0]
    match(report(cast, version, labels([*rows[60:], {"id": "nobody", "y_true": "1"}]), name="Late"))
    for key in ("performance", "calibration", "fairness"):
        one, two = newest(batch, key), newest(file, key)
        assert one.verdict == "ok", one.sentences
        assert one.numbers["measures"] == two.numbers["measures"]
        assert one.outcomes == two.outcomes
        said = one.numbers["looked_at"]
        assert any("200 rows from 2026-09-01 to 2026-09-30 by d%y, fingerprint" in sentence for sentence in said)
        assert "copied out of the state that was measured" in said[-1]
    turned = report(cast, version, labels(wrong(rows)), name="Turned")
    assert "deliver it as a correction" in match(turned).sentences[0]
    right = {"corrects": True, "description": "The codes were swapped."}
    corrected = match(report(cast, version, labels(wrong(rows)), name="Right", **right))
    assert corrected.numbers["batches"][str(batch.pk)]["contradicted"] == 200
    assert newest(batch).verdict == "breach"
    odd = match(report(cast, version, labels([{**row, "y_true": "7"} for row in rows]), name="Odd", **right))
    assert (odd.verdict, "has the values 7, but at approval" in odd.sentences[0]) == ("not_computable", True)


def deployed_beside_a_relation(cast, warehouse):
    """A version whose approved evaluation table is a relation."""
    lines = tiny_table().decode().splitlines()
    names = lines[0].split(",")
    warehouse.execute("DROP TABLE IF EXISTS public.approved")
    typed = ", ".join(f"{name} {'FLOAT8' if name == 'y_score' else 'TEXT'}" for name in names)
    warehouse.execute(f"CREATE TABLE public.approved ({typed})".encode())
    with warehouse.cursor().copy("COPY public.approved FROM STDIN (FORMAT csv)") as copy:
        copy.write("\n".join(lines[1:]))
    asked = listing.Asked("connection", "warehouse", "public.approved")
    document = listing.listed(TablePlace(os.environ["DATABASE_URL"]), asked, limits=listing.AT_ONCE)
    cast.publish(monitors=MONITORS)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", document, "reference.json", **TABLE)
    for _ in range(7):
        cast.advance(version)
    return ModelVersion.objects.get(pk=version.pk)


def test_outcomes_are_held_against_the_classes_of_an_approved_table_that_is_a_relation(cast, warehouse, settings):
    version, rows = deployed_beside_a_relation(cast, warehouse), rows_of("a")
    deliver(cast, version, unlabelled(rows), window=OCTOBER)
    odd = match(report(cast, version, labels([{**row, "y_true": "7"} for row in rows]), name="Odd"))
    assert (odd.verdict, "has the values 7, but at approval" in odd.sentences[0]) == ("not_computable", True)
    places = settings.TABLE_CONNECTIONS
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://reader@127.0.0.1:1/db")}
    late = match(report(cast, version, labels(rows[:100]), name="Right"))
    assert (late.verdict, "“warehouse” does not answer" in late.sentences[0]) == ("error", True)
    with refusing("SCHWERWIEGEND", "28P01", "Passwort-Authentifizierung fehlgeschlagen") as server:
        settings.TABLE_CONNECTIONS = {"warehouse": TablePlace(f"postgresql://reader:no@127.0.0.1:{server.port}/db")}
        rematching.match_again(delivery_id=late.delivery_id, actor=cast.submitter)
        denied = match(late.delivery)
    assert (denied.verdict, "refuses the portal's account" in denied.sentences[0]) == ("error", True)
    assert "not matched again by themselves" in denied.sentences[1]
    assert rematching.order_due(now=timezone.now() + timedelta(days=1)) == 0, "that might lock the account"
    told = Notification.objects.filter(event="monitoring.connection.denied", text__contains="cannot be matched")
    assert [row.user for row in told] == [cast.superuser]
    settings.TABLE_CONNECTIONS = places
    rematching.match_again(delivery_id=late.delivery_id, actor=cast.submitter)
    assert match(late.delivery).verdict == "in_use"
    warehouse.execute("DELETE FROM public.approved WHERE id = '1'")
    changed = match(report(cast, version, labels(rows[100:]), name="More"))
    assert changed.verdict == "in_use"
    said = "Whether each outcome is a class of the approved table was not looked at: The table public.approved of"
    assert any(sentence.startswith(said) for sentence in changed.sentences)


@pytest.fixture
def table(tmp_path):
    def write(name, *lines, **extra):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return Files(name, path, **extra)

    return write


def of_postgresql(*statements):
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        for statement in ("DROP TABLE IF EXISTS public.odd", *statements):
            connection.execute(statement.encode())
    return _listed(url, "public.odd")


def _listed(url, relation):
    reference = RelationReference("warehouse", relation, 0, "none-0:" + "0" * 64)
    return Referenced(listed_relation(Referenced(reference, url), reference), url)


ODD_ROWS = [
    # keys with more digits than a double has, texts with every sign of CSV, numbers, truths, and an own outcome
    ("12345678901234567890", '"a", b\nc', "0.1", "true", "1", None),
    ("12345678901234567891", " ", "1e300", "false", "0", None),
    ("7.00", None, None, None, "1", "0"),
    ("7.50", "ä\\.", "-0.0", "true", None, None),
    (None, "x", "0.30000000000000004", "true", "1", None),
]
COLUMNS = ("text", "half", "truth", "whole")


def odd_on_postgresql():
    values = ", ".join(
        "({})".format(", ".join("NULL" if cell is None else "'" + cell.replace("'", "''") + "'" for cell in row))
        for row in ODD_ROWS
    )
    return of_postgresql(
        'CREATE TABLE public.odd (id NUMERIC, "text" TEXT, half FLOAT8, truth BOOLEAN, whole INT, y TEXT)',
        f"INSERT INTO public.odd VALUES {values}",
    )


def odd_on_spark(spark):
    from pyspark.sql import SparkSession  # noqa: PLC0415  (it is not in the environment of the other tests)

    spark(REFERENCE / "p11_dq_toy.csv")  # begins the session
    session = SparkSession.getActiveSession()
    casts: tuple[Any, ...] = (str, str, float, lambda text: text == "true", int, str)
    rows = [
        tuple(None if cell is None else cast(cell) for cell, cast in zip(row, casts, strict=True)) for row in ODD_ROWS
    ]
    made = session.createDataFrame(rows, "id string, text string, half double, truth boolean, whole int, y string")
    made.selectExpr("CAST(id AS DECIMAL(22, 2)) AS id", "text", "half", "truth", "whole", "y").createOrReplaceTempView(
        "odd"
    )
    return _listed("spark-local://2", "odd")


@pytest.mark.parametrize("engine", ["postgresql", "spark"])
def test_odd_values_are_copied_as_they_are_and_keys_keep_every_digit(engine, request, table, tmp_path):
    found = odd_on_postgresql() if engine == "postgresql" else odd_on_spark(request.getfixturevalue("spark"))
    late = table("late.csv", "id,y", "12345678901234567890,1", "7,0", "12345678901234567892,0")
    half = table("half.csv", "id,y", "7.5,1")
    named = Named(("id",), "y")
    wanted = {"id", "y", *COLUMNS, "nothing"}
    with copied(found, wanted, exact=("id",), name="Odd", scratch=tmp_path) as (folder, files):
        rows = Files("Odd", folder, files)
        with (
            joined(rows, (late, half), named, COLUMNS, scratch=tmp_path) as path,
            open_table(path) as found_rows,
        ):
            cells = [found_rows.texts(column) for column in (*COLUMNS, "y")]
            numbers = found_rows.numbers("half")
            kinds = {column.name: column.kind for column in found_rows.columns}
        with matcher((late,), named, scratch=tmp_path) as prepared:
            prepared.examine(late, ())
            matched = prepared.match(rows, "b0")
            assert (matched.rows, matched.matched, prepared.unmatched()) == (5, 2, 1)
        contrary = table("contrary.csv", "id,y", "7,1")
        with (
            pytest.raises(Contradiction, match="“Odd” itself has another outcome"),
            joined(rows, (contrary,), named, COLUMNS, scratch=tmp_path),
        ):
            pass
    assert not list(tmp_path.glob("copied-*"))
    assert kinds == {"text": "text", "half": "number", "truth": "boolean", "whole": "number", "y": "text"}
    by_text = dict(zip(cells[0], zip(*cells, strict=True), strict=True))
    assert set(by_text) == {'"a", b\nc', None, "ä\\.", "x"}
    assert sorted(outcome or "" for outcome in cells[4]) == ["", "", "0", "1", "1"]
    assert sorted(numbers[~np.isnan(numbers)]) == [-0.0, 0.1, 0.30000000000000004, 1e300]
    assert by_text['"a", b\nc'][4] == "1"
    assert by_text["ä\\."][3:] == (None, "1")


def test_a_relation_without_the_key_or_with_too_many_rows_is_a_sentence(tmp_path, monkeypatch):
    found = of_postgresql("CREATE TABLE public.odd AS SELECT 1 AS a, 2 AS score FROM generate_series(1, 3)")
    with copied(found, {"id", "score"}, exact=("id",), name="Odd", scratch=tmp_path) as (folder, files):
        late = Files("late", tmp_path / "late.csv")
        late.path.write_text("id,y\n1,0\n")
        with (
            pytest.raises(TableError, match="“Odd” has no column “id”, which outcomes are joined by"),
            joined(Files("Odd", folder, files), (late,), Named(("id",), "y"), ("score",), scratch=tmp_path),
        ):
            pass
    monkeypatch.setattr("approvals.measures.relation_copies.MOST_ROWS", 2)
    with (
        pytest.raises(TableError, match="Odd has 3 rows, and outcomes are joined to at most 2 rows of a relation"),
        copied(found, {"id"}, exact=(), name="Odd", scratch=tmp_path),
    ):
        pass


def test_a_reader_without_any_right_to_write_is_enough(tmp_path):
    found = of_postgresql(
        "CREATE TABLE public.odd AS SELECT n AS id, n / 7.0 AS score FROM generate_series(1, 1000) AS n",
        "DROP OWNED BY only_reads" if _has_role("only_reads") else "CREATE ROLE only_reads LOGIN",
        "GRANT SELECT ON public.odd TO only_reads",
    )
    as_reader = Referenced(
        found.reference, found.target + ("&" if "?" in found.target else "?") + "options=-crole%3Donly_reads"
    )
    with (
        copied(as_reader, {"id", "score"}, exact=("id",), name="Odd", scratch=tmp_path) as (folder, _),
        open_table(folder) as table,
    ):
        assert (table.rows, table.column("id").kind) == (1000, "number")


def _has_role(name):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None


def put(warehouse, rows):
    with warehouse.cursor().copy("COPY public.known (id, y_true) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row["id"], row["y_true"]])


def test_outcomes_of_a_relation_are_taken_when_they_are_new_and_correct_only_when_somebody_says_so(
    cast, deploy, warehouse
):
    version, rows, now = deploy(MONITORS), rows_of("a"), datetime(2026, 11, 1, 6, tzinfo=UTC)
    batch, file = referring(cast, version), deliver(cast, version, unlabelled(rows), window=OCTOBER)
    warehouse.execute("DROP TABLE IF EXISTS public.known")
    warehouse.execute("CREATE TABLE public.known (id TEXT, y_true INT, noted TIMESTAMPTZ DEFAULT now())")
    put(warehouse, [*rows[:60], {"id": "a199", "y_true": None}, {"id": None, "y_true": 1}])
    source = outcome_sources.declare(
        version_id=version.pk,
        actor=cast.submitter,
        connection="warehouse",
        relation="public.known",
        schedule="daily",
        now=now,
    )
    assert [outcome_sources.take(now=now), outcome_sources.take(now=now)] == [1, 0]
    early = OutcomeDelivery.objects.get()
    assert "the relation public.known of the connection “warehouse”, 62 rows, fingerprint" in early.description
    assert match(early).numbers["batches"][str(batch.pk)] == {"rows": 200, "matched": 60, "contradicted": 0}
    put(warehouse, rows[60:])
    assert outcome_sources.take(now=now + timedelta(hours=12)) == 0
    assert outcome_sources.take(now=now + timedelta(days=1)) == 1
    late = OutcomeDelivery.objects.latest("pk")
    assert match(late).numbers["keys"] == 140
    one, two = newest(batch), newest(file)
    assert one.verdict == "ok", one.sentences
    assert one.numbers["measures"] == two.numbers["measures"]
    assert [entry["sha256"] for entry in one.outcomes] == [early.file.sha256, late.file.sha256]
    assert outcome_sources.take(now=now + timedelta(days=2)) == 0
    source.refresh_from_db()
    assert source.said.endswith(" 0 keys with an outcome that was not delivered before.")

    warehouse.execute("UPDATE public.known SET y_true = 1 - y_true WHERE id < 'a2'")
    changed = sum(row["id"] < "a2" for row in rows)
    assert outcome_sources.take(now=now + timedelta(days=3)) == 0
    source.refresh_from_db()
    assert f"another outcome than was delivered before for {changed:,} keys" in source.sentence
    outcome_sources.correct(source_id=source.pk, actor=cast.submitter, reason="Paid after all.")
    assert outcome_sources.take(now=now + timedelta(days=3)) == 1
    right = OutcomeDelivery.objects.latest("pk")
    assert (right.corrects, right.description.startswith("Paid after all.")) == (True, True)
    assert match(right).numbers["batches"][str(batch.pk)]["contradicted"] == changed
    source.refresh_from_db()
    assert (source.correction, source.sentence) == ("", "")

    with_labels = as_csv([{**rows[0], "id": "c1", "y_true": "1"}], *rows[0])
    deliver(cast, version, with_labels, name="With its own", window=(date(2026, 8, 1), date(2026, 8, 31)))
    put(warehouse, [{"id": "c1", "y_true": 0}])
    assert outcome_sources.take(now=now + timedelta(days=4)) == 1
    contrary = OutcomeDelivery.objects.latest("pk")
    assert "another outcome than the batch “With its own” itself" in match(contrary).sentences[0]
    assert outcome_sources.take(now=now + timedelta(days=5)) == 0
    assert "already, which is not used. " in OutcomeSource.objects.get().sentence
    outcome_sources.correct(source_id=source.pk, actor=cast.submitter, reason="Paid after all.")
    assert outcome_sources.take(now=now + timedelta(days=5)) == 1
    assert match(OutcomeDelivery.objects.latest("pk")).verdict == "in_use"

    put(warehouse, [{"id": "b1", "y_true": 0}, {"id": "b1", "y_true": 1}])
    assert outcome_sources.take(now=now + timedelta(days=6)) == 0
    source.refresh_from_db()
    assert "“public.known” has two different outcomes for 1 key" in source.sentence
    warehouse.execute("DROP TABLE public.known")


def test_a_source_that_ended_while_it_was_copied_gives_nothing(cast, deploy, warehouse, monkeypatch):
    version, now = deploy(MONITORS), datetime(2026, 11, 1, 6, tzinfo=UTC)
    source = outcome_sources.declare(
        version_id=version.pk,
        actor=cast.submitter,
        connection="warehouse",
        relation="public.known",
        schedule="daily",
        now=now,
    )
    warehouse.execute("DROP TABLE IF EXISTS public.known")
    warehouse.execute("CREATE TABLE public.known (id TEXT, y_true INT)")
    put(warehouse, rows_of("a"))
    asked = inputs.of_taking

    def ended_meanwhile(*given):
        outcome_sources.end(source_id=source.pk, actor=cast.submitter)
        return asked(*given)

    monkeypatch.setattr(inputs, "of_taking", ended_meanwhile)
    assert outcome_sources.take(now=now) == 0
    source.refresh_from_db()
    assert "The source ended meanwhile, so nothing of it is taken." in source.said
    assert not OutcomeDelivery.objects.exists()
    warehouse.execute("DROP TABLE public.known")
