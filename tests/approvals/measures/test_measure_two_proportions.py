import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from approvals.measures.two_proportions import two_proportions_each


def close(value, rel=1e-9):
    return pytest.approx(value, rel=rel, abs=1e-12)


def side(most):
    return st.integers(0, most).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def sides(most):
    return st.tuples(side(most), side(most)).map(lambda pair: (*pair[0], *pair[1]))


@settings(max_examples=150, deadline=None)
@given(st.one_of(sides(8), sides(60), sides(3000)))
def test_any_two_proportions_agree_with_scipy(counts):
    k1, n1, k2, n2 = counts
    [found] = two_proportions_each([counts])
    table = [[k1, n1 - k1], [k2, n2 - k2]]
    tested = ("fisher_p_two_sided", "fisher_p_less", "chi2_no_correction", "chi2_yates", "z_pooled")
    if not n1 or not n2 or k1 + k2 in {0, n1 + n2}:
        assert all(found.values[name] is None and found.undefined[name] for name in tested)
        return
    plain, corrected = (stats.chi2_contingency(table, correction=yates) for yates in (False, True))
    assert found.values["fisher_p_two_sided"] == close(stats.fisher_exact(table).pvalue)
    assert found.values["fisher_p_less"] == close(stats.fisher_exact(table, "less").pvalue)
    assert found.values["chi2_no_correction"] == close(plain.statistic)
    assert found.values["chi2_p_no_correction"] == close(plain.pvalue)
    assert found.values["chi2_yates"] == close(corrected.statistic)
    assert found.values["chi2_p_yates"] == close(corrected.pvalue)
    assert found.values["p_two_sided_z"] == close(found.values["chi2_p_no_correction"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy divides by 0 where the ratio is infinite
        odds = stats.fisher_exact(table).statistic
    assert found.values["fisher_odds_ratio"] == (None if odds == float("inf") else close(odds))


@settings(max_examples=60, deadline=None)
@given(sides(200))
def test_the_intervals_of_each_proportion_are_those_of_scipy(counts):
    [found] = two_proportions_each([counts])
    for place in (0, 1):
        k, n = counts[2 * place : 2 * place + 2]
        for name, method in (("wilson95", "wilson"), ("clopper_pearson95", "exact")):
            interval = found.intervals[f"{name}_group{place + 1}"]
            if not n:
                assert interval is None
                continue
            expected = stats.binomtest(k, n).proportion_ci(method=method)
            assert (interval.low, interval.high) == (close(expected.low), close(expected.high))


def test_every_undefined_value_has_its_reason():
    empty, nobody, everybody, first_only = two_proportions_each(
        [(0, 0, 1, 3), (0, 3, 0, 4), (3, 3, 4, 4), (3, 3, 0, 4)]
    )
    assert "a group is empty" in empty.undefined["difference"]
    assert nobody.values["difference"] == 0.0
    assert "nobody in the second group has the outcome" in nobody.undefined["ratio"]
    assert "all outcomes of both groups are the same" in nobody.undefined["chi2_yates"]
    assert "do not vary inside either group" in nobody.undefined["wald95_difference"]
    assert everybody.values["ratio"] == 1.0
    assert "says nothing about uncertainty" in everybody.undefined["katz_log95_ratio"]
    assert "everybody in the first" in first_only.undefined["fisher_odds_ratio"]
    for found in (empty, nobody, everybody, first_only):
        absent = [name for name, value in {**found.values, **found.intervals}.items() if value is None]
        assert sorted(found.undefined) == sorted(absent)


@pytest.mark.parametrize("counts", [(4, 3, 1, 2), (-1, 3, 1, 2), (1, 2, 3, 2)])
def test_what_is_no_proportion_is_refused(counts):
    with pytest.raises(ValueError, match="no two proportions"):
        two_proportions_each([counts])


def test_no_comparisons_are_no_tests():
    assert two_proportions_each([]) == []
