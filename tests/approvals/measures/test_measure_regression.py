import math
import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from approvals.measures.regression import error_measures, group_errors, regression_performance
from approvals.measures.tables import TableError, open_table

NAMES = {
    "mse",
    "rmse",
    "mae",
    "median_ae",
    "r2",
    "mape",
    "max_error",
    "explained_variance",
    "mean_error",
    "mean_prediction",
}
SPREAD = {"r2", "explained_variance"}
DIFFERENCES = {"mae_difference", "mean_prediction_difference"}


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def measured(labels, predictions):
    return error_measures(np.array(labels, dtype=np.float64), np.array(predictions, dtype=np.float64))


def undefined(measures):
    return {name for name, measure in measures.items() if not measure.computable}


def agrees(measures, expected):
    ours = {"mape_fraction": "mape"}
    assert {name: measures[ours.get(name, name)].value for name in expected} == close(expected)
    assert len(expected) == 10


@pytest.fixture
def diabetes(reference):
    with open_table(reference("p04_diabetes_regression.csv")) as table:
        yield table


@pytest.fixture
def expected(reference):
    return reference("p04_diabetes_regression.expected.json")["expected"]


def test_reference_performance_of_a_regression(diabetes, expected):
    agrees(regression_performance(diabetes, label="y_true", prediction="y_pred"), expected["overall"])


def test_reference_errors_by_group(diabetes, expected):
    [found] = group_errors(diabetes, label="y_true", prediction="y_pred", attributes=[("sex",)])
    assert [group.label for group in found.groups] == ["s1", "s2"]
    for group in found.groups:
        agrees(group.measures, expected["by_sex"][group.label])
        assert group.n == expected["by_sex"][group.label]["n"]
        assert all(measure.slice == (("sex", group.label),) for measure in group.measures.values())
    for differences in (found.disparities, found.all_groups):
        assert {name: measure.value for name, measure in differences.items()} == close(expected["group_difference"])


def test_the_mean_error_is_prediction_minus_label():
    assert measured([1, 1], [2, 4])["mean_error"].value == 2.0


def test_intervals_contain_the_value_and_are_those_of_drawn_rows(diabetes):
    found = regression_performance(diabetes, label="y_true", prediction="y_pred")
    labels, predictions = diabetes.numbers("y_true"), diabetes.numbers("y_pred")
    rows = np.random.default_rng(3).integers(0, labels.size, (2000, labels.size))
    errors, drawn = predictions[rows] - labels[rows], labels[rows]
    mse = np.mean(errors**2, axis=1)
    by_rows = {
        "mse": mse,
        "rmse": np.sqrt(mse),
        "mae": np.mean(np.abs(errors), axis=1),
        "mean_error": np.mean(errors, axis=1),
        "mean_prediction": np.mean(predictions[rows], axis=1),
        "mape": np.mean(np.abs(errors) / drawn, axis=1),
        "r2": 1 - mse / np.var(drawn, axis=1),
    }
    assert {name for name, measure in found.items() if measure.low is not None} == by_rows.keys()
    for name, values in by_rows.items():
        low, high = np.quantile(values, [0.025, 0.975])
        measure = found[name]
        assert measure.low < measure.value < measure.high
        assert [measure.low, measure.high] == pytest.approx([low, high], abs=0.1 * (high - low))
    assert found["rmse"].low == math.sqrt(found["mse"].low)


def test_differences_of_groups_have_a_seeded_interval(diabetes):
    def found(seed):
        attributes = [("sex",)]
        [table] = group_errors(diabetes, label="y_true", prediction="y_pred", attributes=attributes, seed=seed)
        return table

    assert found(3) == found(3)
    first, second = found(3).disparities["mae_difference"], found(4).disparities["mae_difference"]
    assert (first.low, first.high) != (second.low, second.high)
    assert first.low < first.value < first.high
    assert first.method == ("highest minus lowest mean |error|; normal draws of the group means, 2000 draws, seed 3")
    labels, predictions = diabetes.numbers("y_true"), diabetes.numbers("y_pred")
    sexes = np.array(diabetes.texts("sex"))
    rng, sizes = np.random.default_rng(1), np.abs(predictions - labels)
    means = [np.mean(rng.choice(sizes[sexes == sex], (2000, (sexes == sex).sum())), axis=1) for sex in ("s1", "s2")]
    drawn = np.quantile(np.abs(means[0] - means[1]), [0.025, 0.975])
    assert [first.low, first.high] == pytest.approx(drawn, abs=0.5)


quarters = st.integers(-40, 40).map(lambda number: number / 4)
cells = st.one_of(quarters, quarters, quarters, st.none(), st.just("inf"))
tables = st.lists(st.tuples(cells, cells), min_size=1, max_size=25)


def library(labels, predictions):
    """What scikit-learn answers."""
    return {
        "mse": metrics.mean_squared_error(labels, predictions),
        "rmse": metrics.root_mean_squared_error(labels, predictions),
        "mae": metrics.mean_absolute_error(labels, predictions),
        "median_ae": metrics.median_absolute_error(labels, predictions),
        "r2": metrics.r2_score(labels, predictions),
        "mape": metrics.mean_absolute_percentage_error(labels, predictions),
        "max_error": metrics.max_error(labels, predictions),
        "explained_variance": metrics.explained_variance_score(labels, predictions),
        "mean_error": np.mean(predictions - labels),
        "mean_prediction": np.mean(predictions),
    }


@settings(
    deadline=None, max_examples=35, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tables)
def test_any_table_agrees_with_scikit_learn(write_csv, rows):
    # The last row makes both columns hold numbers, whatever is drawn.
    rows = [*rows, (None, "1.5"), ("2", None)]
    with open_table(write_csv(["y", "p"], rows)) as table:
        found = regression_performance(table, label="y", prediction="p")
    complete = [pair for pair in rows if all(isinstance(cell, float) for cell in pair)]
    assert (found["n"].value, found["rows_left_out"].value) == (len(complete), len(rows) - len(complete))
    missing = sum(None in pair for pair in rows)
    assert found["rows_left_out"].counts == (
        ("missing", missing),
        ("not_finite", len(rows) - len(complete) - missing),
    )
    if not complete:
        assert undefined(found) == NAMES
        assert found["mae"].reason == "Not computable: no row has a finite label and a finite prediction."
        return
    labels, predictions = np.array(complete).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = library(labels, predictions)
    if (labels == 0).any():
        assert found["mape"].count("zero_labels") == (labels == 0).sum()
        expected["mape"] = None
    if len(set(labels)) == 1:
        expected |= dict.fromkeys(SPREAD)
    assert {name: found[name].value for name in NAMES} == {
        name: None if value is None else close(value) for name, value in expected.items()
    }
    ranged = [measure for measure in found.values() if measure.low is not None]
    assert all(measure.low <= measure.value <= measure.high for measure in ranged)
    assert all(measure.low >= 0 for measure in ranged if measure.name in {"mse", "rmse", "mae", "mape"})


far = st.integers(10**9, 10**9 + 40).map(float)


@given(st.lists(st.tuples(far, far), min_size=2, max_size=25).filter(lambda rows: len({row[0] for row in rows}) > 1))
def test_a_small_spread_far_from_zero_keeps_its_digits(rows):
    labels, predictions = zip(*rows, strict=True)
    exact = [Fraction(label) for label in labels]
    errors = [Fraction(prediction) - label for prediction, label in zip(predictions, exact, strict=True)]
    centre, middle = sum(exact) / len(exact), sum(errors) / len(errors)
    spread = sum((label - centre) ** 2 for label in exact)
    found = measured(labels, predictions)
    assert found["r2"].value == pytest.approx(
        float(1 - sum(error**2 for error in errors) / spread), rel=1e-13, abs=1e-13
    )
    assert found["explained_variance"].value == pytest.approx(
        float(1 - sum((error - middle) ** 2 for error in errors) / spread), rel=1e-13, abs=1e-13
    )
    assert found["mean_error"].value == pytest.approx(float(middle), rel=1e-15)


wide = st.lists(st.tuples(*[st.floats(-1e12, 1e12, allow_subnormal=False)] * 2), min_size=1, max_size=25)


@given(wide, st.randoms(use_true_random=False))
def test_no_order_of_rows_changes_a_digit(rows, random):
    mixed = random.sample(rows, len(rows))
    first, second = (measured(*zip(*order, strict=True)) for order in (rows, mixed))
    assert first == second


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=6))
def test_any_floats_give_finite_numbers_or_a_reason(rows):
    labels, predictions = ([row[i] for row in rows] for i in (0, 1))
    for measure in measured(labels, predictions).values():
        assert measure.computable or measure.reason.startswith("Not computable: ")


def test_one_row_has_no_variance(reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["sklearn: r2 one sample"]["value"] == "NaN"
    found = measured([2], [3])
    assert undefined(found) == SPREAD
    assert found["r2"].reason == "Not computable: there is only one row."
    assert found["mae"].method == "mean |error|; no interval"
    assert not any(measure.low is not None for measure in found.values())


@pytest.mark.parametrize("predictions", [[0.1, 0.1, 0.1], [0.1, 0.3, 0.2]], ids=["perfect", "imperfect"])
def test_equal_labels_have_no_variance(reference, predictions):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    library = {recorded[f"sklearn: r2 constant target, {kind}"]["value"] for kind in ("perfect", "imperfect")}
    assert library == {1.0, 0.0}
    # The rounded mean of these three is not 0.1, which makes a variance that is not there.
    found = measured([0.1, 0.1, 0.1], predictions)
    assert undefined(found) == SPREAD
    for name in SPREAD:
        assert found[name].reason == "Not computable: every label is the same, so there is no variance."


def test_nothing_is_a_fraction_of_zero(reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["sklearn: mape with zero target"]["value"] > 1e14
    found = measured([0, -0.0, 2], [1, 1, 1])
    assert undefined(found) == {"mape"}
    assert "the label of 2 of 3 rows is 0" in found["mape"].reason
    assert found["mape"].count("zero_labels") == 2


def test_no_rows_have_no_measures():
    found = measured([], [])
    assert undefined(found) == NAMES
    assert {found[name].reason for name in NAMES} == {"Not computable: there are no rows."}


def test_numbers_too_large_to_square_are_said_to_be():
    found = measured([1e300, -1e300, 1.0], [-1e300, 1e300, 2.0])
    assert undefined(found) == {"mse", "rmse", *SPREAD}
    assert "beyond the range of 64-bit floating point" in found["rmse"].reason
    assert found["mae"].value == close(4e300 / 3)
    assert undefined(measured([1e308, -1e308], [-1e308, 1e308])) >= {"mae", "max_error", "mean_error"}
    assert undefined(measured([0.0, 1e-200], [0.0, 1.0])) == {"mape", *SPREAD}
    far_off = measured([1.0, 2.0], [1e150, 3e150])["r2"]
    assert far_off.value == pytest.approx(-2e301)
    assert far_off.low is None


@pytest.mark.parametrize(
    "predictions", [[1, 2, 3, 4], [2.5, 2.5, 2.5, 2.5]], ids=["no error", "the mean of the labels"]
)
def test_what_shows_no_uncertainty_has_no_interval(predictions):
    found = measured([1, 2, 3, 4], predictions)
    assert found["r2"].value == (1.0 if predictions[0] == 1 else 0.0)
    assert found["r2"].low is None
    assert found["mae"].low is None or predictions[0] == 2.5


def test_an_r2_close_to_one_is_cut_there():
    found = measured([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 9])["r2"]
    assert found.high == 1.0
    assert "delta method, cut at 1" in found.method


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"label": "gone"}, "no column “gone”"),
        ({"label": "t"}, "The column “t” of “table.csv” must hold numbers"),
        ({"prediction": "t"}, "The column “t” of “table.csv” must hold numbers"),
        ({"attributes": [("nothing",)]}, "no column “nothing”"),
        ({"attributes": [()]}, "one or more different columns"),
        ({"attributes": [("g", "g")]}, "one or more different columns"),
        ({"attributes": [("i",)]}, "More than 100 different values"),
        ({"attributes": [("j", "k", "l")]}, "j by k by l makes 125000 groups; at most 20000"),
    ],
)
def test_what_cannot_be_measured_is_refused(write_csv, columns, complaint):
    rows = [[i, i + 1, "text", "ab"[i % 2], i, i % 50, i % 50, i % 50] for i in range(150)]
    with open_table(write_csv(["y", "p", "t", "g", "i", "j", "k", "l"], rows)) as table:
        with pytest.raises(TableError, match=complaint) as refused:
            group_errors(table, **{"label": "y", "prediction": "p", "attributes": [("g",)], **columns})
        assert refused.value.sentence.endswith(".")
        if "attributes" not in columns:
            with pytest.raises(TableError, match=complaint):
                regression_performance(table, **{"label": "y", "prediction": "p", **columns})


def grouped(write_csv, columns, rows, **more):
    with open_table(write_csv(["y", "p", *columns], rows)) as table:
        found = {"label": "y", "prediction": "p", "attributes": [columns], "small_group": 1, **more}
        [only] = group_errors(table, **found)
    return only


def test_missing_and_unknown_values_are_a_group_outside_the_differences(write_csv):
    rows = [[1, 2, "a"], [1, 4, "a"], [1, 1, "b"], [1, 9, None], [1, 9, "unknown"], [1, 9, "Unknown"], [1, None, None]]
    found = grouped(write_csv, ["g"], rows)
    assert [(group.label, group.n, group.unknown) for group in found.groups] == [
        ("a", 2, False),
        ("b", 1, False),
        ("Unknown", 3, True),
    ]
    assert (found.unknown_rows, found.rows_left_out) == (3, 1)
    assert found.groups[2].measures["rows_left_out"].value == 1
    assert found.groups[2].measures["mae"].value == 8.0
    for differences in (found.disparities, found.all_groups):
        assert {name: differences[name].value for name in DIFFERENCES} == dict.fromkeys(DIFFERENCES, 2.0)
        assert differences["mae_difference"].counts == (("groups", 2), ("groups_undefined", 0))
        assert differences["mae_difference"].n == 3
        assert "no interval" in differences["mae_difference"].method


def test_a_small_group_is_shown_marked_and_decides_nothing(write_csv):
    rows = [[1, 1.5 + i % 2, g] for g in "ab" for i in range(40)] + [[1, 50, "tiny"]] * 3
    found = grouped(write_csv, ["g"], rows, small_group=30)
    assert [(group.label, group.small) for group in found.groups] == [("a", False), ("b", False), ("tiny", True)]
    assert found.groups[2].measures["mae"].value == 49.0
    assert found.disparities["mae_difference"].value == 0.0
    assert found.all_groups["mae_difference"].value == 48.0
    few = grouped(write_csv, ["g"], rows[:40] + rows[80:], small_group=30)
    for measure in few.disparities.values():
        assert measure.reason == ("Not computable: 1 of the two groups needed (known groups of at least 30 rows).")
    assert few.all_groups["mae_difference"].value == 48.0


def test_one_group_alone_is_not_fair_but_not_computable(write_csv, reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["fairlearn: only one group"]["value"] == 0.0
    found = grouped(write_csv, ["g"], [[1, 1, "a"], [1, 2, "a"], [1, 5, None]])
    assert not any(measure.computable for measure in (*found.disparities.values(), *found.all_groups.values()))


def test_a_group_beyond_floats_is_left_out_and_counted(write_csv):
    rows = [[1, 2, "a"], [1, 4, "b"], ["1e308", "-1e308", "c"]]
    found = grouped(write_csv, ["g"], rows).disparities["mae_difference"]
    assert (found.value, found.counts) == (2.0, (("groups", 3), ("groups_undefined", 1)))
    found = grouped(write_csv, ["g"], rows[1:]).disparities["mae_difference"]
    assert "beyond the range" in found.reason
    assert found.counts == (("groups", 2), ("groups_undefined", 1))


def test_an_empty_intersection_is_listed_and_kept_out(write_csv):
    rows = [[1, 1, "a", 25.0], [1, 2, "a", 25.0], [1, 3, "b", 25.0], [1, 4, "b", 30.5], [1, 5, None, 30.5]]
    found = grouped(write_csv, ["g", "h"], [*rows, [1, None, "z", 25.0]])
    assert [(group.label, group.n) for group in found.groups] == [
        ("a | 25", 2),
        ("a | 30.5", 0),
        ("b | 25", 1),
        ("b | 30.5", 1),
        ("z | 25", 0),
        ("z | 30.5", 0),
        ("Unknown | 30.5", 1),
    ]
    empty = found.groups[1].measures
    assert undefined(empty) == NAMES
    assert empty["mae"].reason == "Not computable: there are no rows."
    assert empty["mae"].slice == (("g", "a"), ("h", "30.5"))
    assert found.all_groups["mae_difference"].count("groups") == 3
    assert found.disparities["mean_prediction_difference"].value == 2.5


groups = st.sampled_from(["x", "y", "z", None, "unknown"])
grouped_tables = st.lists(st.tuples(quarters, quarters, groups, st.sampled_from([1, 2, None])), min_size=1, max_size=40)


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(grouped_tables)
def test_groups_and_intersections_have_the_measures_of_their_rows(write_csv, rows):
    with open_table(write_csv(["y", "p", "g", "h"], rows)) as table:
        found = group_errors(
            table, label="y", prediction="p", attributes=[("g",), ("h",), ("h", "g")], small_group=3, draws=0
        )
    named = [(y, p, "Unknown" if g in {None, "unknown"} else g, str(h or "Unknown")) for y, p, g, h in rows]
    for compared, places in zip(found, [(2,), (3,), (3, 2)], strict=True):
        large = []
        for group in compared.groups:
            labels = [row[0] for row in named if tuple(row[i] for i in places) == group.values]
            predictions = [row[1] for row in named if tuple(row[i] for i in places) == group.values]
            ours = {name: replace(measure, slice=()) for name, measure in group.measures.items()}
            assert ours == measured(labels, predictions)
            assert (group.n, group.small) == (len(labels), len(labels) < 3)
            assert group.unknown == ("Unknown" in group.values)
            if not group.small and not group.unknown:
                large.append((np.mean(np.abs(np.subtract(predictions, labels))), np.mean(predictions)))
        assert sum(group.n for group in compared.groups) == len(rows)
        for name, means in zip(
            ("mae_difference", "mean_prediction_difference"), zip(*large, strict=True), strict=False
        ):
            gap = close(max(means) - min(means)) if len(means) > 1 else None
            assert compared.disparities[name].value == gap
        assert large or not any(measure.computable for measure in compared.disparities.values())


def test_many_columns_of_few_values_are_one_intersection(write_csv):
    columns = [f"g{i}" for i in range(66)]
    found = grouped(write_csv, columns, [[1, 1 + i, *["same"] * 65, "ab"[i % 2]] for i in range(4)])
    assert [group.n for group in found.groups] == [2, 2]
    assert found.disparities["mae_difference"].value == 1.0
