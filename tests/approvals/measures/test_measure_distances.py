"""Distances of two samples against scipy and numpy, in memory and in ranges."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from approvals.measures.distances import distances
from approvals.measures.samples import ArraySample, sample_of
from approvals.measures.tables import TableError, open_table

SHARES = tuple(np.linspace(0.0, 1.0, 11).tolist())
values = st.lists(
    st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -0.0])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(values, values)
def test_distances_are_those_of_scipy_of_any_numbers(first, second):
    before, now = (np.array(side)[np.isfinite(side)] for side in (first, second))
    found = distances(ArraySample(first), ArraySample(second), quantiles=SHARES)
    if before.size:
        assert list(found.quantiles) == pytest.approx(np.quantile(before, SHARES).tolist(), rel=1e-12, abs=1e-12)
        assert found.before.spread == pytest.approx(np.std(before), rel=1e-9, abs=1e-9)
    if not before.size or not now.size:
        assert (found.ks, found.wasserstein) == (None, None)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about p values that nobody asks for here
        expected = stats.ks_2samp(before, now).statistic
    assert found.ks == pytest.approx(expected, abs=1e-12)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(before, now), rel=1e-9, abs=1e-9)


def test_a_column_of_a_table_says_what_an_array_says(write_csv):
    rng = np.random.default_rng(3)
    before, now = rng.normal(0, 1, 400).round(3), rng.normal(0.3, 1.5, 300)
    paths = [
        write_csv(["x"], [["inf"], [""], *([repr(float(x))] for x in side)], name=f"{i}.csv")
        for i, side in enumerate((before, now))
    ]
    expected = distances(ArraySample(before), ArraySample(now), quantiles=SHARES)
    with open_table(paths[0]) as first, open_table(paths[1]) as second:
        samples = [sample_of(table, "x", block_rows=0) for table in (first, second)]
        found = [distances(*samples, quantiles=SHARES, block_rows=rows) for rows in (10_000, 200, 3)]
        cuts = expected.quantiles[1:-1]
        assert samples[0].below(cuts) == ArraySample(before).below(cuts)
        assert samples[0].below(()) == (400,)
    assert [(sample.n, sample.missing) for sample in samples] == [(400, 2), (300, 2)]
    for part in found:
        assert part.quantiles == expected.quantiles
        assert part.ks == expected.ks
        assert part.wasserstein == pytest.approx(expected.wasserstein, rel=1e-12)
        assert part.now.mean == pytest.approx(expected.now.mean, rel=1e-12)


def test_a_column_without_any_value_is_missing_and_text_is_refused(write_csv):
    with open_table(write_csv(["x", "t"], [["", "a"], ["", "b"]])) as table:
        assert (sample_of(table, "x").n, sample_of(table, "x").missing) == (0, 2)
        with pytest.raises(TableError, match="must hold numbers"):
            sample_of(table, "t")
