"""Texts and numbers say the same about a label wherever the table lies, and bytes are looked at nowhere."""

import random
from collections.abc import Callable

import psycopg
import pytest

from approvals.measures.class_leakage import class_leakage
from approvals.measures.form_leakage import class_form_leakage, number_form_leakage, two_class_form_leakage
from approvals.measures.level_leakage import level_leakage
from approvals.measures.number_leakage import number_leakage
from approvals.measures.tables import open_relation, open_table
from approvals.measures.values import Measure

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(300),  # a session of Spark begins in the first, and each text is several questions
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
KINDS: dict[str, Callable[..., dict[str, Measure]]] = {"y": level_leakage, "c": class_leakage, "z": number_leakage}
FORMS: dict[str, Callable[..., dict[str, Measure]]] = {
    "y": two_class_form_leakage,
    "c": class_form_leakage,
    "z": number_form_leakage,
}
BYTES = [f"row {number}" for number in range(150)]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Texts that recur, that are in an order of their own, and that have words."""
    draw = random.Random(7)
    lines = ["y,c,z,house,code,note,ticket,wave,account"]
    for row in range(400):
        y, z = int(draw.random() < 0.3), round(draw.gauss(0, 2), 1)
        town = draw.choice(("Bern", "Zug", "éclair", "naïve😀"))
        note = f"Case {row}: {'defaulted' if y else 'paid'}—in “{town}”; x{z}"
        cells = [
            y,
            ("u😀", "v", "w")[row % 3],
            z,
            f"Ä{row // 3}",
            f"{'bB_a'[row % 4]}{95 + row}",
            note,
            2**60 + 64 * draw.randrange(20) + 8 * y + 3 * (row % 3) + (z > 0),  # doubles of which are 4096 apart
            draw.choice((-1, 1)) * (1 + row % 3 + 9 * y + draw.random() / 2 + (0.5 if z > 0 else 0)),
            draw.randrange(130) * 3 + row % 3,
        ]
        lines.append(",".join("" if draw.random() < 0.05 else str(cell) for cell in cells))
    path = tmp_path_factory.mktemp("texts") / "texts_of_many_values.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(params=["postgresql", "spark"])
def engine(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("kinds", [KINDS, FORMS], ids=["texts", "numbers"])
@pytest.mark.parametrize("label", KINDS)
def test_each_column_says_in_an_engine_what_it_says_in_a_file(engine, texts, label, kinds):
    with open_table(texts) as table:
        expected = kinds[label](table, label, exclude=set(KINDS) - {label})
    with open_relation(*engine(texts)) as table:
        found = kinds[label](table, label, exclude=set(KINDS) - {label})
    assert found.keys() == expected.keys()
    assert kinds is KINDS or any(measure.value > 0.6 for measure in found.values())  # or nothing was compared
    for name, measure in found.items():
        assert measure.value == pytest.approx(expected[name].value, abs=1e-12), name
        assert (measure.method, measure.counts, measure.n) == (
            expected[name].method,
            expected[name].counts,
            expected[name].n,
        )


def test_bytes_of_postgresql_are_not_computable(postgresql, texts):
    url, _ = postgresql(texts)
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS public.case_bytes")
        connection.execute("CREATE TABLE public.case_bytes (y BIGINT, b BYTEA, many BYTEA[], gone INT[])")
        for number, text in enumerate(BYTES):
            row = (number % 2, text.encode(), [text.encode()])
            connection.execute("INSERT INTO public.case_bytes (y, b, many) VALUES (%s, %s, %s)", row)
    _only_bytes(url, "public.case_bytes")


def test_bytes_of_spark_are_not_computable(spark, texts):
    url, _ = spark(texts)
    from pyspark.sql import SparkSession  # noqa: PLC0415  (it is not in the environment of the other tests)

    session = SparkSession.getActiveSession()
    rows = [(number % 2, text.encode(), [text.encode()], None) for number, text in enumerate(BYTES)]
    frame = session.createDataFrame(rows, "y bigint, b binary, many array<binary>, gone array<int>")
    frame.createOrReplaceTempView("case_bytes")
    _only_bytes(url, "case_bytes")


def _only_bytes(url, relation):
    with open_relation(url, relation) as table:
        found = level_leakage(table, "y")
    assert found.keys() == {"b", "many"}
    assert all("holds bytes" in measure.reason for measure in found.values())
