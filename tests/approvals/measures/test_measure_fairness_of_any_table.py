"""Random tables of groups against fairlearn and scikit-learn: missing cells, ties, tiny groups, one class only.

fairlearn takes an undefined rate as 0; here its metrics are scikit-learn's with NaN instead, which it leaves out.
"""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from approvals.measures.comparisons import four_fifths
from approvals.measures.fairness import group_fairness
from approvals.measures.tables import open_table

COLUMNS = ["y", "p", "s", "g", "h"]
SETTINGS = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def share(function, **kwargs):
    return lambda y, p: function(y, p, zero_division=np.nan, **kwargs)


RATES = {
    "selection_rate": lambda y, p: np.mean(p),
    "base_rate": lambda y, p: np.mean(y),
    "accuracy": metrics.accuracy_score,
    "tpr": share(metrics.recall_score),
    "fnr": lambda y, p: 1 - metrics.recall_score(y, p, zero_division=np.nan),
    "tnr": share(metrics.recall_score, pos_label=0),
    "fpr": lambda y, p: 1 - metrics.recall_score(y, p, pos_label=0, zero_division=np.nan),
    "precision": share(metrics.precision_score),
}
DISPARITIES = {
    "demographic_parity": "selection_rate",
    "equal_opportunity": "tpr",
    "fpr": "fpr",
    "fnr": "fnr",
    "accuracy": "accuracy",
    "precision": "precision",
}
FAIRLEARN = {
    "demographic_parity_difference": fairlearn.demographic_parity_difference,
    "demographic_parity_ratio": fairlearn.demographic_parity_ratio,
    "equal_opportunity_difference": fairlearn.equal_opportunity_difference,
    "equal_opportunity_ratio": fairlearn.equal_opportunity_ratio,
    "equalized_odds_difference_worst_case": fairlearn.equalized_odds_difference,
    "equalized_odds_difference_mean": partial(fairlearn.equalized_odds_difference, agg="mean"),
    "equalized_odds_ratio_worst_case": fairlearn.equalized_odds_ratio,
}
bits = st.sampled_from([0, 1, 0, 1, 0, 1, None])
ties = st.sampled_from([0.0, 0.25, 0.25, 0.5, 0.75, 1.0, None])
groups = st.sampled_from(["a", "a", "b", "b", "c", "unknown", None])
tables = st.one_of(
    st.lists(st.tuples(bits, bits, ties, groups, st.sampled_from(["x", "z", None])), min_size=2, max_size=30),
    # Labels or predictions of one class only.
    st.lists(st.tuples(st.just(0), bits, ties, groups, st.just("x")), min_size=2, max_size=15),
    st.lists(st.tuples(bits, st.just(1), ties, groups, st.just("x")), min_size=2, max_size=15),
)


def read(rows):
    """What a person would keep of the rows: those with label and prediction, and known groups for fairlearn."""
    frame = pd.DataFrame(rows, columns=COLUMNS)
    assume(all(frame[name].notna().any() for name in COLUMNS[:3]))
    frame["g"] = frame["g"].where(frame["g"] != "unknown", None)
    complete = frame[frame["y"].notna() & frame["p"].notna()]
    return complete.astype({"y": int, "p": int})


def library(known, attributes):
    """fairlearn's frame of the rates, NaN where undefined; None without any row."""
    if known.empty:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fairlearn.MetricFrame(
            metrics=RATES, y_true=known["y"], y_pred=known["p"], sensitive_features=known[list(attributes)]
        )


def disparities_of(by_group):
    """Differences and ratios between the groups that have the rate; None where fewer than two do, or the best is 0."""
    found = {}
    for name, rate in DISPARITIES.items():
        values = by_group[rate].astype(float).dropna()
        enough = len(values) > 1
        suffix = "" if name in {"demographic_parity", "equal_opportunity"} else "_between_groups"
        found[f"{name}_difference{suffix}"] = values.max() - values.min() if enough else None
        defined = enough and values.max() > 1e-12
        found[f"{name}_ratio{suffix}"] = values.min() / values.max() if defined else None
    gaps = found["equal_opportunity_difference"], found["fpr_difference_between_groups"]
    ratios = found["equal_opportunity_ratio"], found["fpr_ratio_between_groups"]
    found["equalized_odds_difference_worst_case"] = None if None in gaps else max(gaps)
    found["equalized_odds_difference_mean"] = None if None in gaps else sum(gaps) / 2
    found["equalized_odds_ratio_worst_case"] = None if None in ratios else min(ratios)
    return found


@settings(SETTINGS, max_examples=20)
@given(tables)
def test_any_table_agrees_with_fairlearn_where_rates_are_defined(write_csv, rows):
    complete = read(rows)
    wanted = [("g",), ("g", "h")]
    with open_table(write_csv(COLUMNS, rows)) as table:
        found = group_fairness(table, label="y", prediction="p", score="s", attributes=wanted, small_group=3, draws=0)
    for attributes, part in zip(wanted, found, strict=True):
        known = complete.dropna(subset=list(attributes))
        assert part.rows_left_out == len(rows) - len(complete)
        assert part.unknown_rows == len(complete) - len(known)
        frame = library(known, attributes)
        measured = {group.values: group for group in part.groups if group.n and not group.unknown}
        if frame is None:
            assert not measured
            continue
        by_group = frame.by_group.dropna(how="all")
        by_group.index = [key if isinstance(key, tuple) else (key,) for key in by_group.index]
        assert measured.keys() == set(by_group.index)
        for key, group in measured.items():
            for rate, value in by_group.loc[[key]].iloc[0].items():
                assert group.measures[rate].value == (None if np.isnan(value) else close(value)), (key, rate)
        sizes = {key: group.n for key, group in measured.items()}
        large = by_group[[sizes[key] >= 3 for key in by_group.index]]
        for ours, theirs in ((part.all_groups, by_group), (part.disparities, large)):
            expected = disparities_of(theirs)
            assert {name: ours[name].value for name in expected} == {
                name: None if value is None else close(value) for name, value in expected.items()
            }
            assert all(ours[name].computable or ours[name].reason.startswith("Not computable") for name in expected)


@st.composite
def groups_with_both_classes(draw):
    """Rows of two or three groups, each of which has a positive and a negative."""
    rows = []
    for name in draw(st.sampled_from(["ab", "abc"])):
        more = draw(st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 1])), max_size=8))
        rows += [
            [y, p, name] for y, p in [(0, draw(st.sampled_from([0, 1]))), (1, draw(st.sampled_from([0, 1]))), *more]
        ]
    return rows


@settings(SETTINGS, max_examples=20)
@given(groups_with_both_classes())
def test_where_every_rate_is_defined_fairlearns_own_functions_agree(write_csv, rows):
    with open_table(write_csv(["y", "p", "g"], rows)) as table:
        [found] = group_fairness(table, label="y", prediction="p", attributes=[("g",)], small_group=1, draws=0)
    labels, called, names = (list(column) for column in zip(*rows, strict=True))
    for name, function in FAIRLEARN.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = function(labels, called, sensitive_features=names)
        measure = found.disparities[name]
        if measure.computable:
            assert measure.value == close(expected), name
        else:
            # All rates are 0: fairlearn answers NaN, or 1 where it knows of two rates.
            assert "is 0" in measure.reason
            assert "ratio" in name


@SETTINGS
@given(tables)
def test_scores_within_groups_agree_with_scikit_learn(write_csv, rows):
    frame = pd.DataFrame(rows, columns=COLUMNS)
    read(rows)
    frame["g"] = frame["g"].where(frame["g"] != "unknown", None).fillna("Unknown")
    scored = frame[frame["y"].notna() & frame["s"].notna()]
    with open_table(write_csv(COLUMNS, rows)) as table:
        [found] = group_fairness(table, label="y", prediction="p", score="s", attributes=[("g",)], draws=0)
    for group in found.groups:
        part = scored[scored["g"] == group.label]
        if part.empty:
            assert not group.measures.get("brier") or not group.measures["brier"].computable
            continue
        labels, scores = part["y"].astype(int), part["s"].astype(float)
        assert group.measures["brier"].value == close(np.mean((labels - scores) ** 2))
        assert group.measures["mean_score"].value == close(scores.mean())
        assert group.measures["calibration_in_the_large"].value == close(labels.mean() - scores.mean())
        area = close(metrics.roc_auc_score(labels, scores)) if labels.nunique() == 2 else None
        assert group.measures["roc_auc"].value == area


@SETTINGS
@given(tables, st.sampled_from([0, 1]))
def test_comparisons_are_those_of_the_rows(write_csv, rows, favourable):
    complete = read(rows).dropna(subset=["g"])
    assume(set(complete["p"]) >= {favourable})
    assume("a" in set(complete["g"]))
    with open_table(write_csv(COLUMNS, rows)) as table:
        [found] = group_fairness(
            table,
            label="y",
            prediction="p",
            attributes=[("g",)],
            favourable=favourable,
            reference_group=("a",),
            draws=0,
        )
    favoured = (complete["p"] == favourable).groupby(complete["g"]).agg(["sum", "size"])
    k2, n2 = (int(number) for number in favoured.loc["a"])
    assert [item.values for item in found.comparisons] == [(name,) for name in favoured.index if name != "a"]
    for item in found.comparisons:
        k1, n1 = (int(number) for number in favoured.loc[item.values[0]])
        assert (item.k1, item.n1, item.k2, item.n2) == (k1, n1, k2, n2)
        assert item.difference.value == close(k1 / n1 - k2 / n2)
        assert item.ratio.value == (close(k1 / n1 / (k2 / n2)) if k2 else None)
        assert item.adverse is four_fifths(k1, n1, k2, n2)
        constant = k1 + k2 in {0, n1 + n2}
        assert [measure.computable for measure in (item.z, item.p_z, item.p_fisher)] == [not constant] * 3
