"""The evaluation table against the training table and against what a policy expects of its columns."""

import numpy as np
import pytest
from scipy import stats

from approvals.checks.base import ParameterError, build
from approvals.checks.data_quality import DataQuality

KINDS = {
    "binary": {"label": "y", "prediction": "p", "features": ["a", "b"], "key": "id"},
    "multiclass": {"label": "y", "prediction": "p", "features": ["a", "b"], "key": "id", "kind": "multiclass"},
    "regression": {"label": "y", "prediction": "p", "features": ["a", "b"], "key": "id", "kind": "regression"},
}
EQUAL = "share of rows that equal one of the training table in every feature and the label"
SHIFT = "largest population stability index of a column against the training table"
SHIFTED = "columns that are distributed otherwise than in the training table"
OVERLAP = "share of rows that are also in the training table"
UNEXPECTED = "values of columns that are not as the policy expects"
OUTLIERS = "largest share of outliers in one column"


def rows_of(kind, seed, count=300, moved=0.0, start=0):
    drawn = np.random.default_rng(seed)
    label = {"binary": drawn.integers(0, 2, count), "multiclass": drawn.integers(0, 3, count)}.get(
        kind, drawn.normal(size=count).round(4)
    )
    numbers = drawn.normal(moved, 1, count).round(5)
    texts = drawn.choice(["x", "y", "z"], count)
    return [
        f"{start + place},{a},{b},{y},{y}"
        for place, (a, b, y) in enumerate(zip(numbers.tolist(), texts, label.tolist(), strict=True))
    ]


def text(rows):
    return "\n".join(["id,a,b,y,p", *rows]) + "\n"


@pytest.fixture
def look(measured, piece):
    def run(kind, rows, training, **parameters):
        evaluation = piece("evaluation_table", text(rows), details=KINDS[kind])
        return measured(DataQuality, evaluation, piece("training_table", text(training)), **parameters)

    return run


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_distributions_are_compared_whatever_is_predicted(look, judged, kind):
    rows = rows_of(kind, 1)
    training = rows_of(kind, 2, start=1000)
    clean = by_name(look(kind, rows, training))
    assert (clean[OVERLAP].value, clean[EQUAL].value, clean[SHIFTED].value) == (0, 0, 0)
    again = [f"{5000 + place},{row.partition(',')[2]}" for place, row in enumerate(rows[:30])]
    reading = look(kind, rows, [*training, *again])
    leaked = by_name(reading)
    assert leaked[OVERLAP].value == 0  # under another key
    assert leaked[EQUAL].value == pytest.approx(0.1)
    assert judged(DataQuality, reading, max_overlap_share=0.0).verdict == "passed"
    assert judged(DataQuality, reading, max_equal_rows_share=0.05).verdict == "failed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_moved_is_found_and_named(look, judged, kind):
    reading = look(kind, rows_of(kind, 1, moved=0.8), rows_of(kind, 2, start=1000))
    found = by_name(reading)
    assert found[SHIFT].method.startswith("a; ")
    assert found[SHIFT].value > 0.25
    assert found[SHIFTED].value == 1
    assert judged(DataQuality, reading, max_shift=0.25).verdict == "failed"
    assert judged(DataQuality, reading, max_shifted_columns=0).verdict == "failed"


def test_the_tests_are_those_of_scipy(look):
    rows, training = rows_of("binary", 1, moved=0.1), rows_of("binary", 2, start=1000)
    reading = look("binary", rows, training)
    lines = {row[0]: row for table in reading.tables if table.title.startswith("Columns against") for row in table.rows}
    cells = [[line.split(",") for line in part] for part in (training, rows)]
    numbers = [np.array([float(row[1]) for row in part]) for part in cells]
    assert float(lines["a"][2]) == pytest.approx(stats.ks_2samp(*numbers).pvalue, abs=6e-4)
    counts = [[sum(row[2] == level for row in part) for level in "xyz"] for part in cells]
    assert float(lines["b"][2]) == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, abs=6e-4)


def test_a_column_that_cannot_be_compared_leaves_the_shift_open(look, judged):
    training = [row.replace(",", ",n", 1) for row in rows_of("binary", 2, start=1000)]  # a is text there
    reading = look("binary", rows_of("binary", 1), training)
    assert "the column “a” cannot be compared" in by_name(reading)[SHIFT].reason
    assert judged(DataQuality, reading, max_shift=9.0).verdict == "not_computable"


@pytest.mark.parametrize("gone", ["b", "y"])
def test_a_feature_or_label_that_the_training_table_lacks_leaves_open_what_needs_it(measured, judged, piece, gone):
    place = ["id", "a", "b", "y", "p"].index(gone)
    training = [
        ",".join(c for at, c in enumerate(row.split(",")) if at != place) for row in text(rows_of("binary", 2)).split()
    ]
    evaluation = piece("evaluation_table", text(rows_of("binary", 1)), details=KINDS["binary"])
    reading = measured(DataQuality, evaluation, piece("training_table", "\n".join(training) + "\n"))
    for limit in ("max_equal_rows_share", "max_shift", "max_shifted_columns"):
        judgement = judged(DataQuality, reading, **{limit: 1000})
        assert judgement.verdict == "not_computable", limit
        assert f"the training table has no column “{gone}”" in judgement.sentences[0]
    assert by_name(reading)[OVERLAP].value == 1.0  # by their keys, which both have


def test_a_column_that_is_missing_more_often_has_moved(look, judged):
    rows = [row if place % 2 else f"{place},,{row.split(',', 2)[2]}" for place, row in enumerate(rows_of("binary", 1))]
    reading = look("binary", rows, rows_of("binary", 2, start=1000))
    found = by_name(reading)
    assert found[SHIFT].method.startswith("a, whether it is missing; ")
    floor, half = 1e-4, 0.5
    assert found[SHIFT].value == pytest.approx((half - floor) * np.log(half / floor) + (half - 1) * np.log(half))
    assert found[SHIFTED].value == 1
    assert judged(DataQuality, reading, max_shifted_columns=0).verdict == "failed"


def test_columns_of_one_table_only_are_named_where_no_features_are_declared(measured, piece):
    evaluation = piece("evaluation_table", text(rows_of("binary", 1)), details={"label": "y", "prediction": "p"})
    training = "\n".join(["id,a,y", *(f"{place},{place % 7},{place % 2}" for place in range(50))]) + "\n"
    reading = measured(DataQuality, evaluation, piece("training_table", training))
    assert "Columns that the training table does not have: b." in reading.not_looked_at


def test_without_a_training_table_nothing_is_compared(measured, judged, piece):
    reading = measured(DataQuality, piece("evaluation_table", text(rows_of("binary", 1)), details=KINDS["binary"]))
    for limit in ("max_equal_rows_share", "max_shift", "max_shifted_columns"):
        assert judged(DataQuality, reading, **{limit: 1}).verdict == "not_computable"


@pytest.mark.parametrize(
    ("expected", "broken"),
    [
        ({"a": {"type": "number"}, "b": {"type": "text"}}, 0),
        ({"a": {"type": "text"}}, 300),
        ({"a": {"at_least": -100, "at_most": 100}}, 0),
        ({"id": {"at_least": 10, "at_most": 289}}, 20),
        ({"b": {"allowed": ["x", "y", "z"]}}, 0),
        ({"id": {"unique": True, "present": True}}, 0),
        ({"y": {"unique": True}}, 298),
        ({"y": {"allowed": [1, 0]}}, 0),
    ],
)
def test_values_are_held_against_what_the_policy_expects(look, judged, expected, broken):
    reading = look("binary", rows_of("binary", 1), rows_of("binary", 2, start=1000), columns=expected)
    assert by_name(reading)[UNEXPECTED].value == broken
    assert judged(DataQuality, reading, min_rows=1).verdict == ("failed" if broken else "passed")
    assert judged(DataQuality, reading, min_rows=1, max_unexpected_values=300).verdict == "passed"


@pytest.mark.parametrize("expected", [{"nowhere": {"type": "text"}}, {"b": {"at_least": 1}}])
def test_an_expectation_that_cannot_be_looked_at_is_no_pass(look, judged, expected):
    reading = look("binary", rows_of("binary", 1), rows_of("binary", 2, start=1000), columns=expected)
    assert judged(DataQuality, reading, min_rows=1, max_unexpected_values=999).verdict == "not_computable"


@pytest.mark.parametrize(
    "columns",
    [
        {"a": 5},
        {"a": {}},
        {"a": {"type": "float"}},
        {"a": {"at_least": "1"}},
        {"a": {"allowed": []}},
        {"a": {"unique": 1}},
        {"a": {"colour": "red"}},
    ],
)
def test_an_expectation_that_means_nothing_is_refused_where_it_is_written(columns):
    with pytest.raises(ParameterError, match="What is expected of the column “a”"):
        build(DataQuality.Parameters, {"columns": columns}, owner="a policy")


def test_values_far_out_are_counted(look, judged):
    rows = rows_of("binary", 1)
    rows[:6] = [f"{place},{90 + place},x,1,1" for place in range(6)]
    reading = look("binary", rows, rows_of("binary", 2, start=1000))
    found = by_name(reading)[OUTLIERS]
    assert (found.method, found.count("k")) == ("a", 6)
    values = np.array([float(row.split(",")[1]) for row in rows])
    quartiles = np.quantile(values, [0.25, 0.75])
    reach = 3 * stats.iqr(values)
    assert ((values < quartiles[0] - reach) | (values > quartiles[1] + reach)).sum() == 6
    assert judged(DataQuality, reading, max_outlier_share=0.01).verdict == "failed"


def test_outliers_of_random_columns_are_those_of_the_fences(measured, table):
    drawn = np.random.default_rng(9)
    values = np.round(drawn.standard_t(1.5, 400), 1)
    rows = [f"{place},{place % 2},{place % 2},{value}" for place, value in enumerate(values.tolist())]
    found = by_name(measured(DataQuality, table("id,y,p,a", rows, label="y", prediction="p", features=["a"])))[OUTLIERS]
    first, third = np.quantile(values, [0.25, 0.75])
    reach = 3 * (third - first)
    assert found.count("k") == int(((values < first - reach) | (values > third + reach)).sum()) > 10
