"""Random columns against scipy and pandas: missing and infinite cells, ties, one value, one row."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from approvals.measures import bins, drift

SETTINGS = settings(deadline=None, max_examples=60)


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


tied = st.integers(-4, 4).map(float)
wide = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
numbers = st.one_of(
    st.lists(st.one_of(tied, tied, st.just(np.nan), st.just(np.inf)), min_size=1, max_size=40),
    st.lists(st.one_of(wide, tied), min_size=1, max_size=40),
    st.lists(st.just(3.0), min_size=1, max_size=5),
)
with_values = numbers.filter(lambda side: np.isfinite(side).any())
levels = st.lists(st.sampled_from(["a", "a", "b", "c", "d", None]), min_size=1, max_size=40)
with_levels = levels.filter(any)


def finite(side):
    return np.array(side)[np.isfinite(side)]


def shares(counts):
    return np.maximum(np.array(counts) / np.sum(counts), 1e-4)


def stability(before, now):
    expected, actual = shares(before), shares(now)
    return np.sum((actual - expected) * np.log(actual / expected))


@SETTINGS
@given(with_values, numbers)
def test_numbers_agree_with_scipy_and_pandas(before, now):
    found = drift.numeric_drift(np.array(before), np.array(now), column="x")
    first, second = finite(before), finite(now)
    expected = (len(now) - second.size) / len(now) - (len(before) - first.size) / len(before)
    assert found["missing_change"].value == close(expected)
    if not second.size:
        assert [name for name, measure in found.items() if measure.computable] == ["missing_change"]
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        tested = stats.ks_2samp(first, second)
    assert found["ks"].value == close(tested.statistic)
    assert found["ks_p"].value == close(tested.pvalue)
    assert found["ks"].value == close(largest_gap(first, second))
    distance = stats.wasserstein_distance(first, second)
    assert found["wasserstein"].value == close(distance)
    spread = np.std(first)
    varies = first.min() < first.max()
    assert found["wasserstein_normalised"].value == (close(distance / spread) if varies else None)
    edges = np.unique(np.quantile(first, np.linspace(0, 1, 11)))
    # One or two different quantiles are bins of their own, where leaving out the ends would leave a single bin.
    inner = edges[1:-1] if edges.size > 2 else np.sort(np.concatenate([np.nextafter(edges, -np.inf), edges]))
    binned = [np.bincount(np.searchsorted(inner, side), minlength=inner.size + 1) for side in (first, second)]
    assert found["psi"].value == close(stability(*binned))


def largest_gap(first, second):
    """Kolmogorov-Smirnov by its definition."""
    return max(abs(np.mean(first <= value) - np.mean(second <= value)) for value in [*first, *second])


@SETTINGS
@given(with_levels, levels)
def test_levels_agree_with_scipy_and_pandas(before, now):
    found = drift.categorical_drift(before, now, column="g")
    stored = bins.reference_bins(before, column="g")
    counts = pd.concat(
        [pd.Series(side, dtype=object).value_counts() for side in (before, now)], axis=1, keys=["before", "now"]
    ).fillna(0)
    if not any(now):
        assert [name for name, measure in found.items() if measure.computable] == ["new_levels", "missing_change"]
        return
    assert found["psi"].value == close(stability(counts["before"], counts["now"]))
    gaps = (counts["before"] / counts["before"].sum() - counts["now"] / counts["now"].sum()).abs()
    assert found["total_variation"].value == close(gaps.sum() / 2)
    assert drift.largest_change(stored, now).value == close(gaps.max())
    assert found["new_levels"].value == counts["now"][counts["before"] == 0].sum()
    if len(counts) == 1:
        assert "one and the same value" in found["chi_square"].reason
        return
    expected = stats.chi2_contingency(counts.to_numpy().T, correction=False)
    assert found["chi_square"].value == close(expected.statistic)
    assert found["chi_square_p"].value == close(expected.pvalue)
    assert found["chi_square"].count("degrees_of_freedom") == expected.dof


@SETTINGS
@given(with_values)
def test_a_column_has_not_moved_from_itself(before):
    found = drift.numeric_drift(np.array(before), np.array(before), column="x")
    zero = ("psi", "js_distance", "ks", "wasserstein", "missing_change")
    assert {name: found[name].value for name in zero} == close(dict.fromkeys(zero, 0.0))


@SETTINGS
@given(with_values, with_values)
def test_no_order_of_rows_moves_a_column(before, now):
    found = drift.numeric_drift(np.array(before), np.array(now), column="x")
    again = drift.numeric_drift(np.array(before[::-1]), np.array(now[::-1]), column="x")
    for name, measure in found.items():
        assert again[name].value == (close(measure.value) if measure.computable else None), name
