import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from approvals.measures import drift
from approvals.measures.bins import ReferenceBins, reference_bins
from approvals.measures.tables import TableError, open_table


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


@pytest.fixture
def halves(reference, tmp_path):
    """Both periods of a drift file as two tables."""

    def split(name):
        lines = reference(name).read_text(encoding="utf-8").splitlines()
        periods = sorted({line.split(",")[0] for line in lines[1:]}, key=lambda period: period != "reference")
        paths = []
        for period in periods:
            path = tmp_path / f"{period}_{name}"
            chosen = [line for line in lines[1:] if line.startswith(f"{period},")]
            path.write_text("\n".join([lines[0], *chosen]), encoding="utf-8")
            paths.append(path)
        return paths

    return split


def column_cases(group):
    return {
        "breast_cancer": ["mean_radius", "mean_texture", "mean_smoothness", "mean_compactness"],
        "titanic_numeric": ["Age", "Fare", "SibSp"],
        "titanic_categorical": ["Pclass", "Sex", "Embarked"],
    }[group]


@pytest.mark.parametrize(
    ("group", "column"),
    [(group, column) for group in ("breast_cancer", "titanic_numeric") for column in column_cases(group)],
)
def test_reference_numeric_drift(reference, halves, group, column):
    expected = reference("p10_drift.expected.json")["expected"][group][column]
    before, now = halves(f"p10_drift_{group.removesuffix('_numeric')}.csv")
    with open_table(before) as first, open_table(now) as second:
        stored = reference_bins(first, column=column)
        found = drift.numeric_drift(first, second, column=column, stored=stored)
    names = {
        "psi": "psi_ref_deciles_floor_1e4",
        "js_distance": "js_distance_base2_on_deciles",
        "ks": "ks_statistic",
        "ks_p": "ks_p_auto",
        "wasserstein": "wasserstein",
        "wasserstein_normalised": "wasserstein_over_ref_std_ddof0",
    }
    assert {name: found[name].value for name in names} == close({name: expected[key] for name, key in names.items()})
    assert list(stored.cuts) == close(expected["decile_cuts"])
    assert list(stored.counts) == expected["decile_counts_ref"]
    assert (found["ks"].count("n_reference"), found["ks"].count("n_current")) == (expected["n_ref"], expected["n_cur"])


@pytest.mark.parametrize("column", column_cases("titanic_categorical"))
def test_reference_categorical_drift(reference, halves, column):
    expected = reference("p10_drift.expected.json")["expected"]["titanic_categorical"][column]
    before, now = halves("p10_drift_titanic.csv")
    with open_table(before) as first, open_table(now) as second:
        stored = reference_bins(first, column=column, kind="category")
        found = drift.categorical_drift(first, second, column=column)
        natural = drift.js_distance(stored, second, base=np.e)
    names = {
        "chi_square": "chi2",
        "chi_square_p": "chi2_p",
        "psi": "psi_floor_1e4",
        "js_distance": "js_distance_base2",
        "total_variation": "total_variation",
    }
    assert {name: found[name].value for name in names} == close({name: expected[key] for name, key in names.items()})
    assert natural.value == close(expected["js_distance_basee"])
    assert list(stored.levels) == expected["categories"]
    assert found["chi_square"].count("degrees_of_freedom") == expected["df"]


def test_bins_survive_json_and_are_not_recomputed():
    reference = np.arange(100.0)
    stored = reference_bins(reference, column="x")
    again = ReferenceBins.from_json(json.loads(json.dumps(stored.as_json())))
    assert again == stored
    assert drift.psi(again, np.arange(100.0)).value == 0.0
    levels = reference_bins(["a", "b", None], column="g")
    assert ReferenceBins.from_json(json.loads(json.dumps(levels.as_json()))) == levels


def test_an_empty_bin_keeps_psi_finite(reference):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert recorded["numpy: PSI with empty current bin, no floor"]["value"] == "Infinity"
    stored = reference_bins(np.arange(100.0), column="x")
    assert drift.psi(stored, np.full(50, 1000.0)).value > 1


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([0.0] * 95 + [1.0, 2.0, 3.0, 4.0, 5.0], [5.0] * 100),
        ([0.0] * 80 + [1.0] * 20, [0.0] * 20 + [1.0] * 80),
        ([2.0] * 50, [3.0] * 50),
        ([2.0] * 50, [1.0] * 50),
    ],
)
def test_flags_and_columns_of_nearly_one_value_are_not_one_bin_that_never_changes(before, now):
    first, second = np.array(before), np.array(now)
    found = drift.numeric_drift(first, second, column="x")
    assert found["psi"].value > 0.25
    assert found["js_distance"].value > 0.1
    same = drift.numeric_drift(first, first, column="x")
    assert (same["psi"].value, same["js_distance"].value) == (0.0, 0.0)


def test_numbers_at_the_ends_of_doubles_are_measured_or_not_but_never_wrong():
    wide = drift.numeric_drift(np.array([1e308, -1e308]), np.array([-1e308, 1e308, 1e308]), column="x")
    assert wide["psi"].value > 0.05
    assert not wide["wasserstein"].computable or wide["wasserstein"].value > 0
    assert not drift.wasserstein_normalised(np.array([1e200, 2e200]), np.array([1e200, 3e200]), column="x").computable
    tiny = drift.wasserstein_normalised(np.array([1e-320, 2e-320]), np.array([3e-320]), column="x")
    assert "one value only" not in tiny.reason


def test_a_new_level_is_drift():
    found = drift.categorical_drift(["a"] * 50 + ["b"] * 50, ["a"] * 50 + ["new"] * 50, column="g")
    assert found["new_levels"].value == 50
    assert found["new_levels"].counts == (("new", 50),)
    assert found["total_variation"].value == 0.5
    assert found["psi"].value > 1


def test_missing_values_are_counted_and_their_change_is_measured():
    found = drift.numeric_drift(np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, np.nan, np.nan, np.inf]), column="x")
    assert found["missing_change"].value == close(0.75 - 0.25)
    assert (found["psi"].count("missing_current"), found["psi"].count("n_current")) == (3, 1)
    groups = drift.categorical_drift(["a", None], [None, None, "a", None], column="g")
    assert groups["missing_change"].value == close(0.25)


def test_nothing_to_compare_is_not_computable_instead_of_no_drift():
    empty = np.full(5, np.nan)
    found = drift.numeric_drift(np.arange(10.0), empty, column="x")
    assert [name for name, measure in found.items() if measure.computable] == ["missing_change"]
    groups = drift.categorical_drift(["a", "b"], [None, None], column="g")
    assert [name for name, measure in groups.items() if measure.computable] == ["new_levels", "missing_change"]
    with pytest.raises(TableError, match="has no values"):
        reference_bins(empty, column="x")


def test_a_constant_reference_has_no_normalised_distance():
    found = drift.numeric_drift(np.full(9, 2.0), np.arange(9.0), column="x")
    assert "standard deviation is 0" in found["wasserstein_normalised"].reason
    assert found["wasserstein"].computable
    one = drift.categorical_drift(["a", "a"], ["a"], column="g")
    assert "only one" in one["chi_square"].reason


shares = st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any)


@given(shares, shares)
def test_jensen_shannon_agrees_with_scipy(before, now):
    size = max(len(before), len(now))
    before, now = before + [0] * (size - len(before)), now + [0] * (size - len(now))
    values = [
        [name for name, rows in zip("abcdefgh", side, strict=False) for _ in range(rows)] for side in (before, now)
    ]
    found = drift.js_distance(reference_bins(values[0], column="g"), values[1])
    assert found.value == pytest.approx(jensenshannon(before, now, base=2), abs=1e-7)
    assert 0 <= found.value <= 1 + 1e-12
