"""A Spark whose program dies in the middle did not answer; one that refuses a table did."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from approvals.measures import spark_engine

pytestmark = pytest.mark.engines
ROOT = Path(__file__).parents[2]
LOSE = """
import sys
from pyspark.sql import SparkSession
from approvals.measures.reading import TableError, UnreachableError
from approvals.measures.referenced import listed_relation, open_referenced
from approvals.measures.references import Referenced, RelationReference

session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
session.createDataFrame([(float(n),) for n in range(50)], "amount double").createOrReplaceTempView("met")
url = "spark-local://1"
reference = RelationReference("lake", "met", 0, f"none-0:{'0' * 64}")
listed = Referenced(listed_relation(Referenced(reference, url), reference), url)
with open_referenced(listed) as table:
    assert table.engine.fetch("SELECT COUNT(*) FROM t", ()) == [(50,)]
try:
    with open_referenced(listed) as table:
        if sys.argv[1] == "killed":
            session.sparkContext._gateway.proc.kill()
            session.sparkContext._gateway.proc.wait()
        else:
            session.sparkContext.stop()
        table.engine.fetch("SELECT COUNT(*) FROM t", ())
except UnreachableError as error:
    print("LOST:", error.sentence)
except TableError as error:
    print("ODD:", error.sentence)
"""


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_spark_that_is_lost_in_the_middle_did_not_answer(spark, how):
    assert spark  # whose Java this one uses, too
    done = subprocess.run(
        [sys.executable, "-c", LOSE, how],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "LOST: The connection “lake” does not answer; tell an administrator." in done.stdout, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("said", "is_refused"),
    [
        ("[INSUFFICIENT_PERMISSIONS] You may not read lending.met. SQLSTATE: 42501", True),
        ("org.apache.hadoop.security.AccessControlException: Permission denied: user=portal", True),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `met` cannot be found. SQLSTATE: 42P01", False),
    ],
)
def test_what_spark_says_when_it_refuses_a_table(said, is_refused):
    assert bool(spark_engine._DENIED.search(said)) == is_refused
