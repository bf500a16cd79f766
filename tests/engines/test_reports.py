"""Reports of the reference tables say the same wherever the table lies: counts to the last digit, numbers to 1e-9."""

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from approvals.measures.class_leakage import class_leakage, class_missingness_leakage
from approvals.measures.drift_report import Binning, drift_report
from approvals.measures.exactness import Exactness
from approvals.measures.fairness_report import fairness_reports
from approvals.measures.labels import value_text
from approvals.measures.local_law_144 import scoring_tables, selection_tables
from approvals.measures.number_leakage import number_leakage, number_missingness_leakage
from approvals.measures.performance import scored_performance
from approvals.measures.report import (
    multiclass_report,
    performance_report,
    profile_report,
    regression_reports,
)
from approvals.measures.tables import TableError, open_relation, open_table
from tests.engines.conftest import REFERENCE

pytestmark = [
    pytest.mark.engines,
    # Spark's own client leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
TWO: dict[str, Any] = {"label": "y_true", "prediction": "y_pred"}
GROUPS = [("sex",), ("age_group",), ("sex", "age_group")]
BY = [("sex",), ("race_ethnicity",), ("race_ethnicity", "sex")]
REPORTS = {
    "p01_compas_two_years": lambda table: [
        performance_report(table, **TWO),
        fairness_reports(table, attributes=[("race",), ("race", "sex")], favourable=0, **TWO),
    ],
    "p02_german_credit": lambda table: [
        performance_report(table, score="y_score", **TWO),
        fairness_reports(table, attributes=GROUPS, score="y_score", reference={("sex",): ("male",)}, **TWO),
        profile_report(table, label="y_true", key=["id"]),
    ],
    "p03_breast_cancer": lambda table: [performance_report(table, score="y_score", **TWO), profile_report(table)],
    "p04_diabetes_regression": lambda table: [regression_reports(table, attributes=[("sex",)], **TWO)],
    "p05_wine_multiclass": lambda table: [multiclass_report(table, scores={name: f"p{name}" for name in "012"}, **TWO)],
    "p06_dcwp_selection_rows": lambda table: [selection_tables(table, selected="selected", attributes=BY)],
    "p07_dcwp_scoring_rows": lambda table: [scoring_tables(table, score="score", attributes=BY)],
    "p11_dq_titanic": lambda table: [profile_report(table, label="Survived")],
    "p11_dq_toy": lambda table: [profile_report(table, label="target", key=["id"])],
}


def differing(found, expected, place=""):
    """Places at which two reports differ."""
    if hasattr(expected, "__dataclass_fields__"):
        found, expected = (
            {field.name: getattr(side, field.name) for field in dataclasses.fields(side)} for side in (found, expected)
        )
    if isinstance(expected, dict):
        if found.keys() != expected.keys():
            return [f"{place}: {sorted(map(str, found.keys() ^ expected.keys()))}"]
        return [bad for name, item in expected.items() for bad in differing(found[name], item, f"{place}/{name}")]
    if isinstance(expected, list | tuple):
        if len(found) != len(expected):
            return [f"{place}: {len(found)} instead of {len(expected)}"]
        return [bad for i, item in enumerate(expected) for bad in differing(found[i], item, f"{place}/{i}")]
    if isinstance(expected, float) and not isinstance(found, float):
        return [f"{place}: {found!r} instead of {expected!r}"]
    same = found == (pytest.approx(expected, abs=1e-9, rel=1e-9) if isinstance(expected, float) else expected)
    return [] if same else [f"{place}: {found!r} instead of {expected!r}"]


@pytest.fixture(params=["postgresql", "spark"])
def engine(request):
    """Loads a CSV into an engine and names it as `open_relation` wants it."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("case", REPORTS)
def test_a_report_from_an_engine_is_that_of_the_file(engine, case):
    path = REFERENCE / f"{case}.csv"
    with open_table(path) as table:
        expected = REPORTS[case](table)
    with open_relation(*engine(path)) as table:
        assert differing(REPORTS[case](table), expected) == []


def test_bounds_in_an_engine_are_those_of_the_file_to_the_bit(engine):
    path, found = REFERENCE / "p02_german_credit.csv", []
    for opened in (open_table(path), open_relation(*engine(path))):
        with opened as table:
            found.append(scored_performance(table, label="y_true", score="y_score", exactness=Exactness(0)))
    assert found[0]["roc_auc"].bounds
    assert found[1] == found[0]


def test_booleans_in_an_engine_are_those_of_the_file(engine, tmp_path):
    path = tmp_path / "booleans.csv"
    rows = [f"{y},{p},{s},{g}" for y, p, s, g in zip("ttftff", "ttttff", "567234", "tftf f", strict=True)]
    named = {"t": "true", "f": "false", " ": ""}
    spelled = [",".join(named.get(cell, f"0.{cell}") for cell in row.split(",")) for row in rows]
    path.write_text("y,p,s,g\n" + "\n".join(spelled) + "\n")
    found: list[Any] = []
    for opened in (open_table(path), open_relation(*engine(path))):
        with opened as table:
            columns: dict[str, Any] = {"label": "y", "prediction": "p"}
            report = fairness_reports(table, attributes=[["g"]], draws=0, score="s", **columns)
            found.append((performance_report(table, score="s", **columns), report, profile_report(table)))
            found[-1] += (performance_report(table, score="g", **columns), table.numbers("g").tolist()[:4])
    assert differing(*found) == []


LEAKS = {
    "p05_wine_multiclass": (class_leakage, class_missingness_leakage, "y_true"),
    "p04_diabetes_regression": (number_leakage, number_missingness_leakage, "y_true"),
    "p11_dq_titanic": (class_leakage, class_missingness_leakage, "Pclass"),
    "p11_dq_toy": (number_leakage, number_missingness_leakage, "target"),
}


@pytest.mark.parametrize("case", LEAKS)
def test_leakage_in_an_engine_is_that_of_the_file(engine, case):
    path, (of_values, of_missing, label) = REFERENCE / f"{case}.csv", LEAKS[case]
    with open_table(path) as table:
        expected = of_values(table, label), of_missing(table, label)
    with open_relation(*engine(path)) as table:
        assert differing((of_values(table, label), of_missing(table, label)), expected) == []


@pytest.mark.parametrize("case", ["breast_cancer", "titanic"])
def test_drift_in_an_engine_is_that_of_files(engine, tmp_path, case):
    lines = (REFERENCE / f"p10_drift_{case}.csv").read_text(encoding="utf-8").splitlines()
    paths = []
    for period in dict.fromkeys(line.split(",")[0] for line in lines[1:]):
        path = tmp_path / f"{case}_{period}.csv"
        chosen = [line for line in lines[1:] if line.startswith(f"{period},")]
        path.write_text("\n".join([lines[0], *chosen]) + "\n", encoding="utf-8")
        paths.append(path)
    names = lines[0].split(",")[1:]
    with open_table(paths[0]) as first, open_table(paths[1]) as second:
        expected = drift_report(first, second, columns=names)["columns"]
        bounds = drift_report(first, second, columns=names, binning=Binning(exact_rows=0))["columns"]
    with open_relation(*engine(paths[0])) as first, open_relation(*engine(paths[1])) as second:
        found = drift_report(first, second, columns=names)
        bounded = drift_report(first, second, columns=names, binning=Binning(exact_rows=0))
    assert differing(found["columns"], expected) == []
    assert bounded["columns"] == bounds
    assert found["rows_of_current_in_reference"] is None
    assert "are files" in found["not_computable"]["rows_of_current_in_reference"]


def test_a_table_in_postgresql_cannot_be_changed(postgresql):
    with open_relation(*postgresql(REFERENCE / "p11_dq_toy.csv")) as table:
        for words in ("DELETE FROM public.case_p11_dq_toy", "SELECT 1; DROP TABLE public.case_p11_dq_toy"):
            with pytest.raises(TableError, match="does not answer"):
                table.fetch(words)
        assert table.rows == 12


def test_awkward_names_and_values_are_only_that(postgresql, tmp_path):
    path = tmp_path / "awkward.csv"
    path.write_text('"a%s?";"select ""x""";label\n1;%;1\n-0.0;?;0\n;" ";1\n', encoding="utf-8")
    with open_table(path) as table:
        expected = (table.names, table.missing(), table.levels('select "x"'), table.numbers("a%s?")[:2].tolist())
    rows = [["1", "%", "1"], ["-0.0", "?", "0"], [None, " ", "1"]]
    url, _ = postgresql(REFERENCE / "p11_dq_toy.csv")
    import psycopg  # noqa: PLC0415

    with psycopg.connect(url) as connection:
        connection.execute(b'DROP TABLE IF EXISTS "od%d"')
        connection.execute(b'CREATE TABLE "od%d" ("a%s?" double precision, "select ""x""" text, label int)')
        for row in rows:
            connection.execute(b'INSERT INTO "od%%d" VALUES (%s, %s, %s)', row)
    with open_relation(url, "od%d") as table:
        found = (table.names, table.missing(), table.levels('select "x"'), table.numbers("a%s?")[:2].tolist())
        assert found[:2] == expected[:2]
        assert {value_text(level): n for level, n in found[2].items()} == {
            value_text(level): n for level, n in expected[2].items()
        }
        assert found[3] == expected[3]


def test_what_spark_does_not_have_is_said(spark):
    url, _ = spark(REFERENCE / "p11_dq_toy.csv")
    for relation in ("nowhere", "a`b; DROP TABLE x", "nowhere.at.all.four"):
        with pytest.raises(TableError, match="does not answer"), open_relation(url, relation):
            pass


@pytest.mark.parametrize(
    ("url", "relation", "why"),
    [
        ("postgresql://portal:secret@127.0.0.1:1/none", "t", "cannot be reached"),
        (None, "nowhere.at_all", "has no table"),
        (None, "pg_catalog.x; DROP TABLE y", "has no table"),
        ("mysql://portal:secret@localhost/none", "t", "are not read here"),
    ],
)
def test_what_cannot_be_reached_is_said_without_a_password(postgresql, url, relation, why):
    real, _ = postgresql(REFERENCE / "p11_dq_toy.csv")
    with pytest.raises(TableError, match=why) as caught, open_relation(url or real, relation):
        pass
    assert "secret" not in caught.value.sentence


def test_the_command_measures_a_table_of_a_named_connection(postgresql):
    url, relation = postgresql(REFERENCE / "p02_german_credit.csv")
    asked = ["--label", "y_true", "--prediction", "y_pred", "--group", "sex", "--json"]
    found = [
        json.loads(_said("measure", table, *asked, connections={"warehouse": url}).stdout)
        for table in (f"warehouse:{relation}", str(REFERENCE / "p02_german_credit.csv"))
    ]
    assert differing(*({name: item for name, item in report.items() if name != "table"} for report in found)) == []
    bad = _said("profile", "warehouse:nowhere", connections={"warehouse": url})
    assert (bad.returncode, "has no table “nowhere”" in bad.stderr) == (2, True)
    unknown = _said("profile", "store:table", connections={"warehouse": url})
    assert (unknown.returncode, "Connections are named warehouse." in unknown.stderr) == (2, True)


def _said(*arguments, connections):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={**os.environ, "PORTAL_TABLE_CONNECTIONS": json.dumps(connections), "DATABASE_URL": ""},
        cwd=REFERENCE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
