import duckdb
import pytest

from approvals.checks.data_quality import DataQuality

DETAILS = {"label": "y", "prediction": "p", "score": "s", "key": "id", "features": ["a", "b"]}


def lines(rows, header="id,a,b,y,p,s"):
    return "\n".join([header, *rows]) + "\n"


def plain(count=100, start=0):
    """Rows without anything wrong: a is noise, b varies, labels alternate."""
    return [f"{start + i},{i * 7 % 13},{i},{i // 2 % 2},{i // 3 % 2},0.{i % 10}" for i in range(count)]


@pytest.fixture
def look(measured, piece):
    def run(rows, *others, details=DETAILS, header="id,a,b,y,p,s", **parameters):
        attached = piece("evaluation_table", lines(rows, header), details=details)
        return measured(DataQuality, attached, *others, **parameters)

    return run


def value(reading, name):
    return next(measure.value for measure in reading.measures if measure.name == name)


def test_a_clean_table_passes(look, judged):
    reading = look(plain())
    judgement = judged(
        DataQuality,
        reading,
        min_rows=100,
        max_missing_share=0.0,
        max_duplicate_share=0.0,
        max_constant_columns=0,
        max_repeated_keys=0,
        min_class_share=0.4,
        max_leakage=0.8,
    )
    assert judgement.verdict == "passed", judgement.sentences


def test_without_thresholds_nothing_passes(look, judged):
    assert judged(DataQuality, look(plain())).verdict == "not_computable"


@pytest.mark.parametrize(
    ("row", "name", "found"),
    [
        ("900,1,2,0,0,1.5", "values that are not allowed", 1),
        ("900,1,2,0,0,-0.1", "values that are not allowed", 1),
        ("900,1,2,,0,0.5", "rows without label or prediction", 1),
        ("900,,,0,0,0.5", "share of missing cells in the evaluation table", 2 / 606),
        ("5,1,2,0,0,0.5", "repeated keys", 1),
        (plain()[7], "share of duplicate rows in the evaluation table", 1 / 101),
    ],
)
def test_each_fault_is_found(look, row, name, found):
    assert value(look([*plain(), row]), name) == pytest.approx(found)


def test_values_that_are_not_allowed_fail_under_any_policy(look, judged):
    judgement = judged(DataQuality, look([*plain(), "900,1,2,0,0,7"]), min_rows=1)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0] == "Values that are not allowed: 1; at most 0 are allowed."


def test_a_declared_column_that_is_missing_fails(look, judged):
    reading = look(plain(), details=DETAILS | {"groups": ["sex"]})
    judgement = judged(DataQuality, reading, min_rows=1)
    assert judgement.verdict == "failed"
    assert "sex" in next(item.method for item in reading.measures if item.name == "declared columns that are missing")


def test_a_missing_label_column_makes_the_rest_not_computable(look, judged):
    reading = look(plain(), details=DETAILS | {"label": "outcome"})
    measure = next(item for item in reading.measures if item.name == "share of the rarer label")
    assert "outcome" in measure.reason
    assert judged(DataQuality, reading, min_class_share=0.1).verdict == "failed"


def test_a_constant_column_is_named(look, judged):
    reading = look([_with_b(row, "5") for row in plain()])
    assert value(reading, "constant columns in the evaluation table") == 1
    assert judged(DataQuality, reading, max_constant_columns=0).verdict == "failed"


def _with_b(row, b):
    cells = row.split(",")
    return ",".join([*cells[:2], b, *cells[3:]])


def test_a_column_that_gives_the_label_away_is_found(look, judged):
    rows = [_with_b(row, str(10 + int(row.split(",")[3]))) for row in plain()]
    reading = look(rows)
    assert value(reading, "strongest single column of the evaluation table") == 1.0
    judgement = judged(DataQuality, reading, max_leakage=0.95)
    assert judgement.verdict == "failed"
    assert any("b 1.000" in chart.description for chart in reading.charts)


def test_being_missing_can_give_the_label_away(look):
    rows = [_with_b(row, "" if row.split(",")[3] == "1" else str(number)) for number, row in enumerate(plain())]
    assert value(look(rows), "strongest single column of the evaluation table") == 1.0


def test_overlap_with_the_training_table_is_counted_by_key(look, judged, piece):
    training = piece("training_table", lines(plain(50, start=90), "id,a,b,y,p,s"))
    reading = look(plain(), training)
    assert value(reading, "share of rows that are also in the training table") == pytest.approx(0.1)
    assert judged(DataQuality, reading, max_overlap_share=0.0).verdict == "failed"
    assert value(reading, "rows in the training table") == 50


def test_overlap_is_counted_by_features_without_a_key(look, piece):
    training = piece("training_table", lines(["1,7,1", "0,99,99"], "y,a,b"))
    reading = look(plain(), training, details={**DETAILS, "key": ""})
    assert value(reading, "share of rows that are also in the training table") == pytest.approx(0.01)


def test_without_a_training_table_overlap_is_not_computable(look, judged):
    judgement = judged(DataQuality, look(plain()), max_overlap_share=0.0)
    assert judgement.verdict == "not_computable"
    assert "no training table is attached" in judgement.sentences[0]


def strongest_of(reading):
    name = "strongest single column of the evaluation table"
    return next(measure for measure in reading.measures if measure.name == name)


def test_a_text_that_gives_the_label_away_is_found(look, judged):
    rows = [f"{row},{'approved' if row.split(',')[3] == '1' else 'refused'}" for row in plain()]
    details = DETAILS | {"features": ["a", "outcome"]}
    header = "id,a,b,y,p,s,outcome"
    reading = look(rows, details=details, header=header)
    assert strongest_of(reading).value == 1.0
    assert strongest_of(reading).method.startswith("outcome; ")
    assert judged(DataQuality, reading, max_leakage=0.95).verdict == "failed"
    each = [f"{row},text {number}" for number, row in enumerate(plain(150))]
    noise = look(each, details=details, header=header)
    assert strongest_of(noise).value < 0.6
    assert judged(DataQuality, noise, max_leakage=0.7).verdict == "passed"
    assert any(said.startswith("Of texts and dates of more than 100") for said in noise.not_looked_at)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(("leak", "said"), [("{code}", "of its value"), ("{wave}", "ranges of about")])
def test_numbers_give_the_label_away_otherwise_than_by_their_order(look, judged, kind, leak, said):
    rows = []
    for i in range(240):
        y = i % 3 % 2 if kind == "binary" else i % 3
        code, wave = 3 * (i * 7 % 20) + i % 3, 10 * (i * 7 % 4) + i % 3 + i / 1000
        rows.append(f"{i},{i * 11 % 13},{leak.format(code=code, wave=wave)},{y},{y}")
    details = {"label": "y", "prediction": "p", "key": "id", "kind": kind, "features": ["a", "b"]}
    reading = look(rows, details=details, header="id,a,b,y,p")
    assert strongest_of(reading).value > 0.95
    assert strongest_of(reading).method.startswith("b; ")
    assert said in strongest_of(reading).method
    assert judged(DataQuality, reading, max_leakage=0.9).verdict == "failed"
    assert any(line.startswith("Of numbers: what single digits") for line in reading.not_looked_at)


def test_a_page_says_of_which_numbers_only_the_order_was_looked_at(look, judged):
    rows = [f"{i},{i * 11 % 13},{i * 7 % 20},{int(i < 3)},0" for i in range(30)]
    details = {"label": "y", "prediction": "p", "key": "id", "features": ["a", "b"]}
    reading = look(rows, details=details, header="id,a,b,y,p")
    said = "What values and ranges of a, b of the evaluation table say beside their order, because the rows are too few"
    assert any(line.startswith(said) for line in reading.not_looked_at)
    assert judged(DataQuality, reading, max_leakage=0.95).verdict == "passed"


@pytest.mark.parametrize(("leak", "verdict"), [("{y}", "failed"), ("x{y}", "failed"), ("{noise}", "passed")])
def test_leakage_of_several_classes(measured, judged, table, leak, verdict):
    rows = [f"{'uvw'[i % 3]},u,{leak.format(y=i % 3, noise=i * 7 % 11)}" for i in range(120)]
    reading = measured(DataQuality, table("y,p,x", rows, label="y", prediction="p", kind="multiclass"))
    assert judged(DataQuality, reading, max_leakage=0.9).verdict == verdict
    if verdict == "failed":
        assert strongest_of(reading).value == 1.0


@pytest.mark.parametrize(
    ("leak", "verdict"), [("{double}", "failed"), ("group {y}", "failed"), ("{gap}", "failed"), ("{noise}", "passed")]
)
def test_leakage_of_numbers(measured, judged, table, leak, verdict):
    rows = []
    for i in range(120):
        y = i % 2
        cell = leak.format(y=y, double=-2 * y, noise=i * 7 % 11, gap=i if y else "")
        rows.append(f"{y + 0.5},{i},{cell}")
    reading = measured(DataQuality, table("y,p,x", rows, label="y", prediction="p", kind="regression"))
    assert judged(DataQuality, reading, max_leakage=0.9).verdict == verdict
    if verdict == "failed":
        assert strongest_of(reading).value == 1.0


def test_scores_of_classes_and_predictions_leak_nothing(measured, table):
    rows = [f"{'uv'[i % 2]},{'uv'[i % 2]},{1 - i % 2},{i % 2}" for i in range(50)]
    scores = {"u": "pu", "v": "pv"}
    several = table("y,p,pu,pv", rows, label="y", prediction="p", kind="multiclass", class_scores=scores)
    assert "no column" in strongest_of(measured(DataQuality, several)).reason


def test_labels_of_another_kind_are_not_measured_and_pass_nothing(measured, judged, table):
    rows = [f"u{i},1,{i}" for i in range(50)]
    reading = measured(DataQuality, table("y,p,x", rows, label="y", prediction="p", kind="regression"))
    assert strongest_of(reading).value is None
    assert any("could not be measured" in said for said in reading.looked_at)
    assert judged(DataQuality, reading, max_leakage=1.0).verdict != "passed"


@pytest.mark.parametrize(
    ("kind", "label"), [("binary", lambda i: i % 2), ("multiclass", lambda i: i % 3), ("regression", lambda i: i % 7)]
)
def test_many_moments_give_the_label_away_by_their_day(look, kind, label):
    rows = [
        f"{i},{i * 7 % 13},2024-{1 + label(i):02}-{1 + i % 28:02} {i % 24:02}:{i % 60:02},{label(i)},{label(i)}"
        for i in range(400)
    ]
    details = {"label": "y", "prediction": "p", "key": "id", "kind": kind, "features": ["a", "b"]}
    reading = look(rows, details=details, header="id,a,b,y,p")
    found = next(one for one in reading.measures if one.name == "strongest single column of the evaluation table")
    assert found.value == 1.0
    assert found.method.startswith("b; ")
    assert "by day" in found.method


@pytest.fixture
def stored(measured, piece, tmp_path):
    """What is found in a Parquet file of one column more, of 240 rows, beside noise."""

    def run(column, **details):
        path = tmp_path / "evaluation.parquet"
        query = (
            f"SELECT i AS id, i * 7 % 13 AS a, {column} AS b, NULL AS c, i % 2 AS y, i % 2 AS p FROM range(240) r(i)"
        )
        duckdb.sql(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        declared = {"label": "y", "prediction": "p", "key": "id", **details}
        return measured(DataQuality, piece("evaluation_table", path, details=declared))

    return run


@pytest.mark.parametrize(
    "column",
    [
        "[i % 2, i]",
        "{'other': i, 'flag': CASE i % 2 WHEN 1 THEN 'late' ELSE 'due' END}",
        "TIME '00:00:00' + INTERVAL (i % 2 * 500 + i) MINUTE",
        "INTERVAL (i % 2 * 5000 + i) HOUR",
        "CASE i % 2 WHEN 1 THEN 'paid ' || i ELSE 'owed ' || i END",
    ],
)
def test_lists_structs_times_and_intervals_are_looked_at_as_texts(stored, judged, column):
    reading = stored(column)
    assert strongest_of(reading).method.startswith("b; ")
    assert strongest_of(reading).value == 1.0
    assert judged(DataQuality, reading, max_leakage=0.9).verdict == "failed"


BYTES = "CAST('row ' || i AS BLOB)"


@pytest.mark.parametrize("column", [BYTES, f"[{BYTES}]"])
def test_nothing_passes_beside_a_column_that_cannot_be_looked_at(stored, judged, column):
    reading = stored(column)
    judgement = judged(DataQuality, reading, max_leakage=0.9)
    assert judgement.verdict == "not_computable"
    assert "“b” holds bytes" in judgement.sentences[0]
    assert "Declare the model's features without it, declare it as a key" in judgement.sentences[0]
    assert strongest_of(reading).value is None
    assert "Leakage through b of the evaluation table: it could not be measured." in reading.not_looked_at
    assert judged(DataQuality, reading, max_leakage=0.4).verdict == "failed"  # what was looked at exceeds that


@pytest.mark.parametrize("details", [{"features": ["a"]}, {"key": "id,b"}])
def test_a_column_that_is_declared_away_is_named_and_stands_in_no_way(stored, judged, details):
    details = {**details, "key": details.get("key", "id").split(",")}
    reading = stored(BYTES, **details)
    assert judged(DataQuality, reading, max_leakage=0.9).verdict == "passed"
    left_out = next(said for said in reading.not_looked_at if said.startswith("Leakage through id, "))
    assert "b" in left_out.split(": ")[0].removeprefix("Leakage through ").split(", ")


def test_a_table_of_nothing_that_can_be_looked_at_says_why(stored, judged):
    judgement = judged(DataQuality, stored(BYTES, features=["b"]), max_leakage=0.9)
    assert judgement.verdict == "not_computable"
    assert "“b” holds bytes" in judgement.sentences[0]
    assert "with a declaration of features or keys" in " ".join(judgement.turns)
