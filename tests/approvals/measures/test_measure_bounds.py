"""What one scan proves about numbers that need order: the exact number is never outside, of any table."""

import math
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.measures import histograms
from approvals.measures.distance_bounds import bound_distances, quantiles_of
from approvals.measures.distances import distances
from approvals.measures.drift import numeric_drift
from approvals.measures.drift_report import Binning, drift_report
from approvals.measures.exactness import Exactness
from approvals.measures.samples import ColumnSample
from approvals.measures.score_bounds import bound_scores
from approvals.measures.score_reading import read_scores
from approvals.measures.tables import open_table

SETTINGS = settings(deadline=None, max_examples=30)
FEW_BINS = st.sampled_from([1, 2, 5, 4096])
tied = st.integers(-3, 3).map(float)
odd = st.sampled_from([math.inf, None, -0.0, 5e-324, 1e-300, -1e300, 1.0 + 2**-52, 1e9])
anything = st.one_of(tied, tied, st.floats(-1.0, 1.0), st.floats(allow_nan=False, allow_infinity=False), odd)
narrow = st.one_of(tied, st.floats(-2.0, 2.0), st.sampled_from([None, 0.5, 0.5]))
shares = st.one_of(st.integers(0, 8).map(lambda part: part / 8), st.floats(0.0, 1.0), st.none())
labelled = st.one_of(
    st.lists(st.tuples(shares, st.sampled_from([0, 1])), min_size=2, max_size=60),
    st.lists(st.tuples(anything, st.sampled_from([0, 1])), min_size=2, max_size=60),
)
sides = st.one_of(*(st.tuples(*2 * [st.lists(kind, min_size=1, max_size=60)]) for kind in (anything, narrow, tied)))


@contextmanager
def cut_into(bins):
    """A range is cut into fewer bins, so that in small tables too a bin has rows of both kinds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histograms, "BINS", bins)
        yield


@contextmanager
def table_of(**columns):
    lines = [",".join(columns)]
    lines += [
        ",".join("" if cell is None else repr(cell) for cell in row) for row in zip(*columns.values(), strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with open_table(path) as table:
            yield table


def inside(bounds, value):
    return bounds[0] <= value <= bounds[1]


@SETTINGS
@given(labelled, FEW_BINS)
def test_measures_of_a_score_lie_within_their_bounds(rows, bins):
    columns = {"s": [row[0] for row in [*rows, (0.5, 0)]], "y": [row[1] for row in [*rows, (0.5, 1)]]}
    with cut_into(bins), table_of(**columns) as table:
        found = bound_scores(table, "s", "y", positive=1)
        exact = read_scores(table, "s", "y", positive=1)
    ranks = exact.ranks
    if found is None:
        assert ranks.roc_auc is None or ranks.distinct == 1 or ranks.lowest / 2 == ranks.highest / 2
        return
    assert (found.positives, found.negatives, found.left_out) == (
        exact.positive_rows,
        exact.negative_rows,
        exact.left_out,
    )
    assert inside(found.roc_auc, ranks.roc_auc)
    assert inside(found.gini, 2 * ranks.roc_auc - 1)
    assert inside(found.ks, ranks.ks)
    assert inside(found.average_precision, ranks.average_precision)
    assert (found.brier is None) == (ranks.brier is None)
    if ranks.brier is not None:
        assert inside(found.brier, ranks.brier.mean)
        assert inside(found.log_loss, ranks.log_loss.mean)


@SETTINGS
@given(sides, FEW_BINS)
def test_distances_lie_within_their_bounds(numbers, bins):
    with cut_into(bins), table_of(x=[*numbers[0], 0.25]) as before, table_of(x=[*numbers[1], 0.25]) as now:
        samples = [ColumnSample(table, "x") for table in (before, now)]
        found = bound_distances(*samples)
        shares = tuple(np.linspace(0, 1, 11).tolist())
        exact = distances(*samples, quantiles=shares)
        if found is None:
            return
        assert quantiles_of(samples[0], shares, found) == exact.quantiles
    assert inside(found.ks, exact.ks)
    assert inside(found.wasserstein, exact.wasserstein)
    assert inside(found.spread, exact.before.spread)
    assert inside(found.mean(0), exact.before.mean)
    assert inside(found.mean(1), exact.now.mean)
    normalised = found.wasserstein_normalised
    if normalised is not None:
        assert inside(normalised, exact.wasserstein / exact.before.spread)


def test_bounds_of_many_rows_are_narrow():
    rng = np.random.default_rng(4)
    scores = rng.random(20_000)
    labels = (rng.random(20_000) < 0.2 + 0.5 * scores).astype(int)
    with table_of(s=scores.tolist(), y=labels.tolist()) as table:
        found = bound_scores(table, "s", "y", positive=1)
        ranks = read_scores(table, "s", "y", positive=1).ranks
    for bounds, value in (
        (found.roc_auc, ranks.roc_auc),
        (found.ks, ranks.ks),
        (found.average_precision, ranks.average_precision),
        (found.brier, ranks.brier.mean),
        (found.log_loss, ranks.log_loss.mean),
    ):
        assert inside(bounds, value)
        assert bounds[1] - bounds[0] < 0.002
    before, now = rng.normal(0, 1, 20_000), rng.normal(0.2, 1.1, 20_000)
    with table_of(x=before.tolist()) as first, table_of(x=now.tolist()) as second:
        samples = [ColumnSample(table, "x") for table in (first, second)]
        apart, exact = bound_distances(*samples), distances(*samples)
    assert apart.ks[1] - apart.ks[0] < 0.002
    assert inside(apart.wasserstein, exact.wasserstein)
    assert apart.wasserstein[1] - apart.wasserstein[0] < 1e-4
    assert apart.spread[1] - apart.spread[0] < 1e-4


def test_the_same_table_has_the_same_bounds_to_the_bit():
    rng = np.random.default_rng(8)
    columns = {"x": rng.normal(0, 1, 5000).tolist()}
    with table_of(**columns) as first, table_of(x=columns["x"][::-1]) as second:
        found = {
            repr(bound_distances(*(ColumnSample(table, "x") for table in pair)).wasserstein)
            for pair in ((first, first), (first, second), (second, second))
        }
    assert len(found) == 1


LIMITS = st.floats(0.0, 1.0)


@settings(deadline=None, max_examples=25)
@given(sides, FEW_BINS, LIMITS, LIMITS)
def test_no_decision_about_drift_depends_on_what_was_bounded(numbers, bins, ks, distance):
    limits = {"ks": [ks], "wasserstein": [distance], "wasserstein_normalised": [distance], "psi": [0.1]}
    with cut_into(bins), table_of(x=[*numbers[0], 0.25]) as before, table_of(x=[*numbers[1], 0.25]) as now:
        first = numeric_drift(before, now, column="x", exactness=Exactness(0, limits))
        exact = numeric_drift(before, now, column="x")
    for name, measure in exact.items():
        if first[name].bounds is None:
            assert first[name] == measure
            continue
        assert inside(first[name].bounds, measure.value)
        assert first[name].value is None
        for limit in limits.get(name, ()):
            low, high = first[name].bounds
            assert (low >= limit, high >= limit) == (measure.value >= limit, measure.value >= limit)


def test_p_of_many_rows_lies_within_its_bounds():
    rng = np.random.default_rng(6)
    before, now = rng.normal(0, 1, 12_000), rng.normal(0.01, 1, 11_000)
    with table_of(x=before.tolist()) as first, table_of(x=now.tolist()) as second:
        found = numeric_drift(first, second, column="x", exactness=Exactness(10_000))
        exact = numeric_drift(first, second, column="x", exactness=Exactness(12_000))
    assert found["ks_p"].bounds[1] - found["ks_p"].bounds[0] < 0.1
    assert inside(found["ks_p"].bounds, exact["ks_p"].value)
    assert found["psi"] == exact["psi"]


def test_a_report_says_between_what_distances_lie_until_it_is_asked_for_them():
    with table_of(x=[float(i) for i in range(50)]) as before, table_of(x=[i + 0.5 for i in range(50)]) as now:
        binnings = (Binning(exact_rows=rows) for rows in (10, None))
        found, exact = (drift_report(before, now, binning=one)["columns"]["x"] for one in binnings)
    assert found["wasserstein"] is None
    assert found["bounds"]["wasserstein"]["low"] <= exact["wasserstein"] <= found["bounds"]["wasserstein"]["high"]
    assert "4,096 bins" in found["bounds"]["wasserstein"]["method"]
    assert "wasserstein" not in found.get("not_computable", {})
    assert found["decile_cuts"] == exact["decile_cuts"]
    assert found["psi_ref_deciles_floor_1e4"] == exact["psi_ref_deciles_floor_1e4"]
