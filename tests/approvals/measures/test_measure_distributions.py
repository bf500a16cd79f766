"""Laws whose tails are asked for without scipy.stats, against scipy.stats: the same bits."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from approvals.measures.distributions import (
    beta_quantile,
    chi_square_isf,
    chi_square_sf,
    hypergeometric_cdf,
    hypergeometric_pmf,
    hypergeometric_sf,
    kolmogorov_isf,
    noncentral_chi_square_sf,
    normal_cdf,
    normal_quantile,
    ranks,
    sign_test,
    smirnov_p,
    student_cdf,
    student_quantile,
)

SIZES = st.one_of(st.integers(1, 60), st.integers(1, 10**6))


@given(SIZES, st.floats(0, 1), SIZES, st.floats(0, 1), st.integers(-3, 3), st.floats(0, 1))
def test_hypergeometric_tails_are_those_of_scipy(first, share, second, other, beyond, place):
    good, rows = round(first * share) + round(second * other), first + second
    least, most = max(0, good - second), min(first, good)
    k = np.array([least + beyond, most + beyond, round(least + place * (most - least))])
    law = tuple(np.full(k.size, number) for number in (rows, good, first))
    for ours, theirs in (
        (hypergeometric_pmf, stats.hypergeom.pmf),
        (hypergeometric_cdf, stats.hypergeom.cdf),
        (hypergeometric_sf, stats.hypergeom.sf),
    ):
        assert ours(k, *law).tolist() == theirs(k, *law).tolist()


@given(st.floats(0.001, 0.999), st.integers(1, 10**7), st.integers(1, 10**7), st.floats(0, 1e4))
def test_other_laws_are_those_of_scipy(share, a, b, value):
    assert beta_quantile(share, np.array([a]), np.array([b])).tolist() == stats.beta.ppf(share, [a], [b]).tolist()
    assert chi_square_sf(value, a) == float(stats.chi2.sf(value, a))
    assert normal_quantile(share) == float(stats.norm.ppf(share))
    assert student_cdf(-value, a) == float(stats.t.cdf(-value, a))


@given(st.floats(0.0001, 0.5), st.integers(1, 200), st.floats(0, 1e4) | st.just(0.0), st.floats(-40, 40))
def test_laws_of_powers_are_those_of_scipy(share, freedom, noncentrality, value):
    edge = chi_square_isf(share, freedom)
    assert edge == float(stats.chi2.isf(share, freedom))
    expected = float(stats.ncx2.sf(edge, freedom, noncentrality))
    assert noncentral_chi_square_sf(edge, freedom, noncentrality) == expected
    assert kolmogorov_isf(share) == float(stats.kstwobign.isf(share))
    assert normal_cdf(value) == float(stats.norm.cdf(value))


SAMPLES = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=40)


@given(SAMPLES, SAMPLES, st.integers(1, 60))
def test_the_exact_p_of_two_samples_is_that_of_scipy(first, second, times):
    longer, moved = first * times, [value + 1 for value in first] * times
    for one, other in ((first, second), (longer, second), (longer, moved)):
        found = smirnov_p(np.array(one), np.array(other))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            expected = float(stats.ks_2samp(one, other, method="exact").pvalue)
        assert found == (None if said else expected)


@given(st.integers(0, 10**5), st.integers(0, 10**5))
def test_the_sign_test_is_that_of_scipy(first, second):
    expected = float(stats.binomtest(first, first + second, 0.5).pvalue) if first + second else 1.0
    assert sign_test(first, second) == expected


@given(st.lists(st.floats(-3, 3) | st.integers(-3, 3), min_size=1))
def test_equal_values_share_the_mean_of_their_ranks(values):
    assert ranks(np.array(values, dtype=float)).tolist() == stats.rankdata(values).tolist()


def test_fairness_and_tests_of_proportions_do_not_load_scipy_stats():
    asked = (
        "import sys; from approvals.measures.comparison_report import comparison_reports as made; "
        "from approvals.measures.comparisons import compare_each; "
        "good = {('f',): (40, 90), ('m',): (50, 80)}; "
        "made({('sex',): compare_each(good, ('m',), small_group=30, level=0.95)}); "
        "sys.exit('scipy.stats' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0


def test_drift_of_numbers_and_its_power_do_not_load_scipy_stats():
    asked = (
        "import sys; from approvals.measures.bins import reference_bins; "
        "from approvals.measures.drift import ks, wasserstein; "
        "from approvals.measures.drift_tests import power_of_ks, power_of_psi, shares_p; "
        "then, now = [float(v % 17) for v in range(200)], [float(v % 13) for v in range(150)]; "
        "ks(then, now, column='a'), wasserstein(then, now, column='a'); "
        "shares_p(reference_bins(then, column='a'), now); "
        "power_of_ks(0.1, 0.01, 1, 0.05), power_of_psi(0.1, 0.01, 9, 0.05); "
        "sys.exit('scipy.stats' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("share", [0.5, 0.75, 0.95, 0.975, 0.995, 0.9999])
def test_the_quantile_of_student_is_that_of_scipy(share):
    for degrees in [*range(1, 40), 99, 100, 500, 999, 1000, 1001, 10**5, 10**9]:
        expected = float(stats.t.ppf(share, degrees))
        assert student_quantile(share, degrees) == expected, degrees
