"""Two groups by the measures of aif360, holisticai and Aequitas: what they recorded, and any table by definition."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from approvals.measures.fairness import group_fairness
from approvals.measures.performance import Confusion
from approvals.measures.tables import open_table
from approvals.measures.two_groups import favourable_measures, inequality_measures, positive_measures

CASES = {
    "P01 COMPAS African-American vs Caucasian, favourable=0 (no recidivism)": (
        *("p01_compas_two_years", "race", "African-American", "Caucasian", 0),
    ),
    "P02 German female vs male": ("p02_german_credit", "sex", "female", "male", 1),
    "P02 German age<=25 vs >25": ("p02_german_credit", "age_group", "25_or_under", "over_25", 1),
}
OF_HOLISTICAI = {
    "disparate_impact": "disparate_impact",
    "statistical_parity": "statistical_parity_difference",
    "z_test_diff": "z_test_difference",
    "z_test_ratio": "z_test_ratio",
    "cohen_d": "cohen_d",
    "equal_opportunity_diff": "equal_opportunity_difference",
    "false_positive_rate_diff": "false_positive_rate_difference",
    "average_odds_diff": "average_odds_difference",
    "accuracy_diff": "accuracy_difference",
}


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def values(measures):
    return {name: measure.value for name, measure in measures.items()}


@pytest.fixture
def pair(reference):
    """The cells of a recorded group and its reference."""

    def read(file, column, *names):
        with open_table(reference(f"{file}.csv")) as table:
            [found] = group_fairness(table, label="y_true", prediction="y_pred", attributes=[(column,)], draws=0)
        cells = {item.label: Confusion(item.tp, item.fp, item.fn, item.tn) for item in found.groups}
        return [cells[name] for name in names]

    return read


@pytest.mark.parametrize("case", CASES)
def test_reference_aif360(reference, pair, case):
    file, column, group, other, favourable = CASES[case]
    cells = pair(file, column, group, other)
    found = favourable_measures(*cells, favourable_is_positive=favourable == 1)
    found |= inequality_measures(cells, favourable_is_positive=favourable == 1)
    expected = reference("p14_cross_library.expected.json")["aif360_0_6_1"][case]
    assert len(expected) == 18
    assert {name: found[name].value for name in expected} == close(expected)


def test_reference_holisticai(reference, pair):
    expected = reference("p14_cross_library.expected.json")["holisticai_1_0_14_P02_female_vs_male"]
    found = favourable_measures(*pair("p02_german_credit", "sex", "female", "male"))
    assert {name: found[OF_HOLISTICAI[name]].value for name in expected} == close(expected)


def test_reference_aequitas(reference, pair):
    recorded = reference("p14_cross_library.expected.json")["aequitas_1_1_0_P01_disparity_vs_Caucasian"]
    found = positive_measures(*pair("p01_compas_two_years", "race", "African-American", "Caucasian"))
    for name, expected in recorded["African-American"].items():
        assert found[name].value == pytest.approx(expected, abs=5e-11), f"{name} is recorded with ten decimals"


cells = st.builds(Confusion, *[st.one_of(st.integers(0, 3), st.integers(0, 400))] * 4)
sides = st.sampled_from([0, 1])


def rows_of(confusion):
    """Labels and predictions of the cells."""
    counted = [(1, 1, confusion.tp), (0, 1, confusion.fp), (1, 0, confusion.fn), (0, 0, confusion.tn)]
    rows = [(actual, called) for actual, called, rows in counted for _ in range(rows)]
    return np.array(rows, dtype=np.int64).reshape(-1, 2).T


def rates(confusion, positive):
    """Rates by scikit-learn, NaN where undefined."""
    labels, called = rows_of(confusion)
    if not labels.size:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        share = {"zero_division": np.nan}
        found = {
            "tpr": metrics.recall_score(labels, called, pos_label=positive, **share),
            "tnr": metrics.recall_score(labels, called, pos_label=1 - positive, **share),
            "precision": metrics.precision_score(labels, called, pos_label=positive, **share),
            "npv": metrics.precision_score(labels, called, pos_label=1 - positive, **share),
        }
    found |= {"fpr": 1 - found["tnr"], "fnr": 1 - found["tpr"], "fdr": 1 - found["precision"], "for": 1 - found["npv"]}
    found |= {"pprev": np.mean(called == positive), "prev": np.mean(labels == positive)}
    return found | {"error_rate": np.mean(labels != called), "accuracy": np.mean(labels == called)}


def wanted(one, other, name, kind):
    """A difference or a ratio of two rates, None where undefined."""
    a, b = one.get(name, math.nan), other.get(name, math.nan)
    if math.isnan(a) or math.isnan(b) or (kind == "ratio" and abs(b) < 1e-12):
        return None
    return close(a - b if kind == "difference" else a / b)


@settings(deadline=None)
@given(cells, cells)
def test_disparities_of_any_two_groups_agree_with_scikit_learn(group, other):
    found = positive_measures(group, other)
    one, two = rates(group, 1), rates(other, 1)
    for name in ("tpr", "tnr", "fpr", "fnr", "for", "fdr", "precision", "npv", "pprev", "prev"):
        assert found[f"{name}_difference"].value == wanted(one, two, name, "difference"), name
        assert found[f"{name}_disparity"].value == wanted(one, two, name, "ratio"), name
    selected = [item.tp + item.fp for item in (group, other)]
    assert found["ppr_disparity"].value == (close(selected[0] / selected[1]) if selected[1] else None)
    assert len(found) == 21


@settings(deadline=None)
@given(cells, cells, sides)
def test_the_favourable_outcome_of_any_two_groups_agrees_with_scikit_learn(group, other, favourable):
    found = values(favourable_measures(group, other, favourable_is_positive=favourable == 1))
    one, two = rates(group, favourable), rates(other, favourable)
    names = {
        ("label_disparate_impact", "label_mean_difference"): "prev",
        ("disparate_impact", "statistical_parity_difference"): "pprev",
        ("false_positive_rate_ratio", "false_positive_rate_difference"): "fpr",
        ("false_negative_rate_ratio", "false_negative_rate_difference"): "fnr",
        ("false_omission_rate_ratio", "false_omission_rate_difference"): "for",
        ("false_discovery_rate_ratio", "false_discovery_rate_difference"): "fdr",
        ("error_rate_ratio", "error_rate_difference"): "error_rate",
    }
    for (ratio, difference), rate in names.items():
        assert found[ratio] == wanted(one, two, rate, "ratio"), ratio
        assert found[difference] == wanted(one, two, rate, "difference"), difference
    assert found["accuracy_difference"] == wanted(one, two, "accuracy", "difference")
    assert found["equal_opportunity_difference"] == wanted(one, two, "tpr", "difference")
    odds = [found["equal_opportunity_difference"], found["false_positive_rate_difference"]]
    expected = {
        "average_odds_difference": lambda: np.mean(odds),
        "average_abs_odds_difference": lambda: np.mean(np.abs(odds)),
        "equalized_odds_difference": lambda: np.max(np.abs(odds)),
    }
    for name, value in expected.items():
        assert found[name] == (None if None in odds else close(value())), name


@settings(deadline=None)
@given(cells, cells, sides)
def test_tests_of_any_two_groups_agree_with_scipy(group, other, favourable):
    found = favourable_measures(group, other, favourable_is_positive=favourable == 1)
    one, two = ((rows_of(item)[1] == favourable).astype(float) for item in (group, other))
    both = np.concatenate([one, two])
    if not one.size or not two.size or both.min() == both.max():
        for name in ("z_test_difference", "z_test_difference_p", "z_test_ratio"):
            assert not found[name].computable
    else:
        table = [[one.sum(), one.size - one.sum()], [two.sum(), two.size - two.sum()]]
        expected = stats.chi2_contingency(table, correction=False)
        assert found["z_test_difference"].value ** 2 == close(expected.statistic)
        assert found["z_test_difference_p"].value == close(expected.pvalue)
        assert found["z_test_ratio"].computable == bool(one.any() and two.any())
    if found["cohen_d"].computable:
        inside = (one.var() * (one.size - 1) + two.var() * (two.size - 1)) / (both.size - 2)
        assert found["cohen_d"].value == close((one.mean() - two.mean()) / math.sqrt(inside))
    else:
        # Variance counts only where a group has two rows or more.
        assert (
            not one.size
            or not two.size
            or both.size <= 2
            or not any(part.size > 1 and part.var() for part in (one, two))
        )


def entropies(benefits):
    """Speicher et al. 2018, equations for alpha 1 and 2, row by row."""
    shares = benefits / benefits.mean()
    theil = np.mean([share * math.log(share) if share else 0.0 for share in shares])
    return theil, np.mean(shares**2 - 1) / 2


@settings(deadline=None)
@given(st.lists(cells, max_size=4), sides)
def test_inequality_of_any_groups_is_that_of_their_rows(groups, favourable):
    found = inequality_measures(groups, favourable_is_positive=favourable == 1)
    benefits = []
    for item in groups:
        labels, called = (part == favourable for part in rows_of(item))
        benefits.append(called.astype(float) - labels.astype(float) + 1)
    rows = np.concatenate([*benefits, np.empty(0)])
    if not rows.size or not rows.any():
        assert not any(measure.computable for measure in found.values())
        return
    theil, entropy = entropies(rows)
    assert found["theil_index"].value == close(theil)
    assert found["generalized_entropy_index"].value == close(entropy)
    assert found["theil_index"].value <= math.log(rows.size) + 1e-12
    of_groups = [np.full(part.size, part.mean()) for part in benefits if part.size]
    between, _ = entropies(np.concatenate(of_groups))
    assert found["between_group_theil"].value == (close(between) if len(of_groups) > 1 else None)
    if len(of_groups) > 1:
        assert found["between_group_theil"].value <= found["theil_index"].value + 1e-12
    apart = inequality_measures(groups[:1], others=groups[1:], favourable_is_positive=favourable == 1)
    assert apart["theil_index"] == found["theil_index"]
    assert "of the two groups needed" in apart["between_group_theil"].reason or not groups[0].n


def test_a_small_inequality_between_groups_keeps_its_digits():
    """With the mean taken off first: the sum of u ln u would end in noise of 1e-16, the answer is of 1e-17."""
    groups = [Confusion(5 * 10**8, 1, 0, 5 * 10**8), Confusion(5 * 10**8, 0, 1, 5 * 10**8)]
    means = [Fraction(groups[0].n + 1, groups[0].n), Fraction(groups[1].n - 1, groups[1].n)]
    expected = float(sum((mean - 1) ** 2 for mean in means)) / 4
    found = inequality_measures(groups)["between_group_theil"].value
    assert found == pytest.approx(expected, rel=1e-6)


def test_an_undefined_rate_says_where_and_keeps_its_counts():
    group, other = Confusion(tp=0, fp=2, fn=0, tn=3), Confusion(tp=4, fp=0, fn=1, tn=0)
    found = favourable_measures(group, other)
    assert found["equal_opportunity_difference"].reason == "Not computable: no row is actually favourable in the group."
    assert found["equal_opportunity_difference"].counts == (("k1", 0), ("n1", 0), ("k2", 4), ("n2", 5))
    assert "no row is actually unfavourable in the reference group" in found["false_positive_rate_difference"].reason
    assert not any(found[name].computable for name in found if "odds" in name)
    assert "false discovery rate of the reference group is 0" in found["false_discovery_rate_ratio"].reason
    nobody = favourable_measures(group, Confusion(tp=0, fp=0, fn=3, tn=4))["disparate_impact"]
    assert nobody.reason == "Not computable: the share predicted favourable of the reference group is 0."
    turned = favourable_measures(group, other, favourable_is_positive=False)
    assert "no row is actually unfavourable in the group" in turned["false_positive_rate_difference"].reason


def test_two_rates_of_one_have_a_ratio_without_a_false_interval():
    everybody = Confusion(tp=3, fp=2, fn=0, tn=0), Confusion(tp=4, fp=3, fn=0, tn=0)
    ratio = favourable_measures(*everybody)["disparate_impact"]
    assert (ratio.value, ratio.low) == (1.0, None)


def test_a_ratio_of_exactly_four_fifths_is_point_eight():
    found = favourable_measures(Confusion(3, 0, 0, 2), Confusion(6, 0, 0, 2))["disparate_impact"]
    assert 3 / 5 / (6 / 8) < 0.8
    assert found.value == 0.8
