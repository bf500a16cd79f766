"""Batches out of relations of real engines, window by window: each once, and compared when it is read."""

import os
from datetime import UTC, date, datetime

import psycopg
import pytest

from approvals.measures.reading import TableError
from approvals.measures.references import Window
from approvals.measures.tables import open_relation
from monitoring import running, sources
from monitoring.models import Batch, Reading, SourceWindow
from portal.table_places import TablePlace
from tests.engines.conftest import REFERENCE
from tests.monitoring.conftest import deploy
from tests.monitoring.deliveries import rows_of

__all__ = ["deploy"]
pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
NAMES = ("id", "sex", "age_group", "amount", "y_score", "y_pred")
MONITORS = [{"monitor": "score_drift", "thresholds": {"max_psi": 5}}]


@pytest.fixture
def warehouse(settings):
    url = os.environ["DATABASE_URL"]
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace(url)}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS public.windowed")
        connection.execute(
            "CREATE TABLE public.windowed (id TEXT, sex TEXT, age_group TEXT, amount INT, y_score FLOAT8, y_pred INT, "
            '"d%y" TIMESTAMPTZ)'
        )
        for month in (2, 3, 4):
            for place, row in enumerate(rows_of(f"m{month}-", seed=month)):
                moment = f"2026-{month:02d}-{place % 28 + 1:02d} 23:59:59.999Z"
                connection.execute(
                    "INSERT INTO public.windowed VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    [*(row[name] for name in NAMES), moment],
                )
        yield connection


def test_a_window_is_exactly_its_days(warehouse):
    url = os.environ["DATABASE_URL"]
    with open_relation(url, "public.windowed", Window("d%y", date(2026, 2, 28), date(2026, 3, 1))) as table:
        assert set(table.texts("id")) == {"m2-27", "m2-55", "m2-83", "m2-111", "m2-139", "m2-167", "m2-195"} | {
            f"m3-{number}" for number in range(0, 200, 28)
        }
    for column in ("amount", "nothing", '"; DROP TABLE public.windowed; --'):
        with (
            pytest.raises(TableError, match="of dates or times"),
            open_relation(url, "public.windowed", Window(column, date(2026, 2, 1), date(2026, 2, 2))),
        ):
            pass


def test_a_window_on_spark_is_exactly_its_days(spark):
    from pyspark.sql import SparkSession  # noqa: PLC0415  (it is not in the environment of the other tests)

    spark(REFERENCE / "p11_dq_toy.csv")  # begins the session
    moments = [
        f"2026-{day} {time}Z" for day in ("02-27", "02-28", "03-01", "03-02") for time in ("00:00:00", "23:59:59.999")
    ]
    session = SparkSession.getActiveSession()
    session.conf.set("spark.sql.session.timeZone", "Pacific/Auckland")  # days are those of UTC all the same
    values = ", ".join(f"('{place}', TIMESTAMP'{moment}', {place})" for place, moment in enumerate(moments))
    session.sql(f"CREATE OR REPLACE TEMPORARY VIEW windowed AS SELECT * FROM VALUES {values} AS t(id, `d%y`, amount)")
    first, last = date(2026, 2, 28), date(2026, 3, 1)
    with open_relation("spark-local://2", "windowed", Window("d%y", first, last)) as table:
        assert set(table.texts("id")) == {"2", "3", "4", "5"}
        written = {"2026-02-28 00:00:00+00", "2026-02-28 23:59:59.999+00", "2026-03-01 00:00:00+00"}
        assert set(table.texts("d%y")) == {*written, "2026-03-01 23:59:59.999+00"}  # as DuckDB and PostgreSQL do
    with open_relation("spark-local://2", "windowed", Window("d%y", last, last)) as table:
        assert (table.rows, set(table.texts("id"))) == (2, {"4", "5"})
    for column in ("amount", "nothing", "`; DROP VIEW windowed; --"):
        with (
            pytest.raises(TableError, match="of dates or times"),
            open_relation("spark-local://2", "windowed", Window(column, first, last)),
        ):
            pass


def test_each_window_is_one_batch_that_is_compared_when_it_is_read(cast, deploy, warehouse):
    version = deploy(MONITORS)
    source = sources.declare(
        version_id=version.pk,
        actor=cast.submitter,
        connection="warehouse",
        relation="public.windowed",
        time_column="d%y",
        schedule="monthly",
        starts_on=date(2026, 3, 1),
        now=NOW,
    )
    sources.order_due(now=NOW)
    assert [sources.take(now=NOW), sources.take(now=NOW)] == [1, 0]
    sources.backfill(source_id=source.pk, actor=cast.submitter, first=date(2026, 1, 1), last=date(2026, 3, 31), now=NOW)
    assert sources.take(now=NOW) == 1
    march, february = Batch.objects.order_by("pk")
    assert (march.window_start, february.window_end) == (date(2026, 3, 1), date(2026, 2, 28))
    assert "columns but no rows" in SourceWindow.objects.get(batch=None).sentence
    warehouse.execute("""UPDATE public.windowed SET y_score = 0.5 WHERE id LIKE 'm4-%'""")
    row = Reading.objects.get(batch=march)
    assert running.execute(row.pk)
    row.refresh_from_db()
    assert row.verdict == "ok", row.sentences
    assert "200 rows from 2026-03-01 to 2026-03-31 by d%y" in row.numbers["looked_at"][-1]
    warehouse.execute("""UPDATE public.windowed SET y_score = 0.5 WHERE id = 'm2-3'""")
    row = Reading.objects.get(batch=february)
    assert running.execute(row.pk)
    row.refresh_from_db()
    assert row.verdict == "not_computable"
    assert "has changed since it was attached" in row.sentences[0]
