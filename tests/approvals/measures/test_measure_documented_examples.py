"""The worked examples that libraries and textbooks print, through the public functions of measures."""

import math
from pathlib import Path

import numpy as np
import pytest

from approvals.measures import bins, drift
from approvals.measures.calibration import calibration_measures
from approvals.measures.fairness import group_fairness
from approvals.measures.intervals import fisher, katz_log, newcombe, wilson, z_test
from approvals.measures.multiclass import multiclass_performance
from approvals.measures.performance import binary_performance, score_measures
from approvals.measures.regression import error_measures, regression_performance
from approvals.measures.scores import ScoreCounts
from approvals.measures.tables import open_table

EXAMPLES = "p09_documented_examples.expected.json"


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


@pytest.fixture
def example(reference):
    """One printed example by its name: inputs, what is printed and the value in full."""
    cases = {case["name"]: case for case in reference(EXAMPLES)["cases"]}
    return lambda name: (cases[name]["inputs"], cases[name]["value"], cases[name]["published"])


def agrees(found, expected, *, least=1):
    """Every value that is recorded and that we measure, by our name of it."""
    compared = {name: value for name, value in expected.items() if name in found}
    assert len(compared) >= least
    assert {name: found[name] for name in compared} == close(compared)


def printed(found, published):
    """Whether our value, cut or rounded to as many decimals as are printed, is what is printed."""
    decimals = len(str(published).partition(".")[2])
    return abs(found - published) < 10.0**-decimals


def values(measures):
    return {name: measure.value for name, measure in measures.items()}


def test_every_example_has_a_test(reference):
    text = Path(__file__).read_text(encoding="utf-8")
    assert [case["name"] for case in reference(EXAMPLES)["cases"] if f'"{case["name"]}"' not in text] == []


def test_areas(example, write_csv):
    inputs, value, published = example("roc_auc / average_precision")
    rows = [[y, int(score > 0.5), score] for y, score in zip(inputs["y"], inputs["score"], strict=True)]
    with open_table(write_csv(["y", "p", "s"], rows)) as table:
        found = values(binary_performance(table, label="y", prediction="p", score="s"))
    agrees(found, value, least=2)
    assert all(printed(found[name], number) for name, number in published.items())


def test_several_classes(example, write_csv):
    inputs, value, published = example("macro precision recall f1")
    rows = list(zip(inputs["y"], inputs["pred"], strict=True))
    with open_table(write_csv(["y", "p"], rows)) as table:
        found = multiclass_performance(table, label="y", prediction="p", draws=0).overall
    # scikit-learn takes the precision of a class that is never predicted as 0; here every class is predicted.
    agrees(values(found), value, least=3)
    assert all(printed(found[name].value, number) for name, number in published.items())


def test_log_loss_of_two_classes_and_of_classes_by_name(example, write_csv):
    inputs, value, published = example("log_loss")
    rows = [[y, y, *p] for y, p in zip(inputs["y"], inputs["p_ham_spam"], strict=True)]
    with open_table(write_csv(["y", "p", "ham", "spam"], rows)) as table:
        two = binary_performance(table, label="y", prediction="p", score="spam", positive="spam")
        scores = {"ham": "ham", "spam": "spam"}
        several = multiclass_performance(table, label="y", prediction="p", scores=scores, draws=0).overall
    for found in (two, several):
        agrees(values(found), value)
        assert printed(found["log_loss"].value, published["log_loss"])


def test_brier(example):
    inputs, value, published = example("brier")
    found = score_measures(ScoreCounts.from_arrays(np.array(inputs["y"]) == 1, np.array(inputs["p"])))
    agrees(values(found), value)
    assert printed(found["brier"].value, published["brier"])


def test_regression(example, write_csv):
    inputs, value, published = example("regression")
    rows = list(zip(inputs["y"], inputs["pred"], strict=True))
    with open_table(write_csv(["y", "p"], rows)) as table:
        found = values(regression_performance(table, label="y", prediction="p"))
    agrees({**found, "mape_fraction": found["mape"]}, value, least=10)
    assert all(printed(found[name], number) for name, number in published.items())


def test_an_error_relative_to_a_target_of_zero_is_undefined(example):
    """The example prints 1.1e14: the library divides by the smallest float that it knows."""
    inputs, value, published = example("mape with zero target")
    assert min(value["mape"], published["mape"]) > 1e14
    found = error_measures(np.array(inputs["y"]), np.array(inputs["pred"]))["mape"]
    assert found.value is None
    assert "0" in found.reason


def test_matthews(example, write_csv):
    inputs, value, published = example("matthews")
    rows = list(zip(inputs["y"], inputs["pred"], strict=True))
    with open_table(write_csv(["y", "p"], rows)) as table:
        two = binary_performance(table, label="y", prediction="p")
        several = multiclass_performance(table, label="y", prediction="p", draws=0).overall
    for found in (two, several):
        agrees(values(found), value)
        assert printed(found["mcc"].value, published["mcc"])


def test_calibration_error_with_bins_closed_on_the_left(example):
    inputs, value, published = example("ece torchmetrics")
    counts = ScoreCounts.from_arrays(np.array(inputs["y"]) == 1, np.array(inputs["p"]))
    found = calibration_measures(counts, bins=inputs["bins"], closed="left")
    assert (found["ece"].value, found["mce"].value) == (close(value["l1"]), close(value["max"]))
    assert printed(found["ece"].value, published["l1"])
    assert printed(found["mce"].value, published["max"])


def levels(shares):
    """A thousand rows with these shares of levels."""
    return [f"level {i:02}" for i, share in enumerate(shares) for _ in range(round(share * 1000))]


def test_jensen_shannon_is_the_distance(example):
    inputs, value, published = example("jensen_shannon")
    for place, (before, now) in enumerate(inputs["pairs"]):
        stored = bins.reference_bins(levels(before), column="g")
        for name, base in (("base2", 2.0), ("base_e", math.e)):
            found = drift.js_distance(stored, levels(now), base=base).value
            assert found == close(value[name][place])
            assert published[name][place] is None or found == close(published[name][place])


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_wasserstein(example, case):
    """Weights are rows that occur more often; our tables have no weights."""
    inputs, value, published = example("wasserstein")
    first, second, *weights = inputs[case]
    sides = [first, second]
    if weights:
        sides = [
            np.repeat(side, np.round(np.array(w) * 10).astype(int)) for side, w in zip(sides, weights, strict=True)
        ]
    found = drift.wasserstein(np.array(sides[0], dtype=float), np.array(sides[1], dtype=float), column="x")
    assert found.value == close(value[case])
    assert found.value == close(published[case])


@pytest.mark.parametrize(("name", "printed_p"), [("fisher_exact", "p_two_sided"), ("lady tasting tea", "p_two_sided")])
def test_fisher(example, name, printed_p):
    inputs, value, published = example(name)
    (a, b), (c, d) = inputs["table"]
    found = fisher(a, a + b, c, c + d)
    assert found == close(value["p_two_sided"])
    assert printed(found, published[printed_p])


@pytest.mark.parametrize(
    "name",
    ["two-proportion z", "gender discrimination, Rosen & Jerdee 1974", "UC Berkeley admissions 1973 (Simpson)"],
)
def test_two_proportions(example, write_csv, name):
    _, value, _ = example(name)
    counts = k1, n1, k2, n2 = [value[part] for part in ("k1", "n1", "k2", "n2")]
    assert list(z_test(*counts)) == close([value["z_pooled"], value["p_two_sided_z"]])
    assert z_test(*counts)[1] == pytest.approx(value["p_two_sided_z"], rel=1e-6)
    assert fisher(*counts) == pytest.approx(value["fisher_p_two_sided"], rel=1e-6, abs=0)
    found = {
        "wilson95_group1": wilson(k1, n1),
        "wilson95_group2": wilson(k2, n2),
        "newcombe95_difference": newcombe(*counts),
        "katz_log95_ratio": katz_log(*counts),
    }
    for key, interval in found.items():
        assert [interval.low, interval.high] == close(value[key]), key
    groups = ["group one"] * n1 + ["group two"] * n2
    chosen = [int(i < k) for k, n in ((k1, n1), (k2, n2)) for i in range(n)]
    rows = [[1, selected, group] for selected, group in zip(chosen, groups, strict=True)]
    with open_table(write_csv(["y", "p", "g"], rows)) as table:
        [by_group] = group_fairness(
            table,
            label="y",
            prediction="p",
            attributes=[("g",)],
            reference_group=("group two",),
            small_group=1,
            draws=0,
        )
    [pair] = by_group.comparisons
    assert (pair.difference.value, pair.ratio.value) == (close(value["difference"]), close(value["ratio"]))
    assert (pair.p_fisher.value, pair.z.value) == (close(value["fisher_p_two_sided"]), close(value["z_pooled"]))
    chi, p = drift.chi_square(
        bins.reference_bins([str(i) for i in chosen[:n1]], column="p"), [str(i) for i in chosen[n1:]]
    )
    assert chi.value == close(value["chi2_no_correction"])
    assert p.value == pytest.approx(value["chi2_p_no_correction"], rel=1e-6)


def test_what_is_printed_of_two_proportions(example):
    inputs, _, published = example("two-proportion z")
    (k1, k2), (n1, n2) = inputs["count"], inputs["nobs"]
    assert printed(z_test(k1, n1, k2, n2)[1], published["p"])
    inputs, _, published = example("gender discrimination, Rosen & Jerdee 1974")
    rates = [inputs[side][0] / inputs[side][1] for side in ("male", "female")]
    assert [f"{rate:.3f}" for rate in rates] == published["rates"]
    assert f"{rates[0] - rates[1]:.3f}" == published["difference"]
    inputs, value, published = example("UC Berkeley admissions 1973 (Simpson)")
    assert z_test(*inputs["female"], *inputs["male"])[0] ** 2 == close(value["chi2_no_correction"])
    assert published["chi2"].startswith("92.205")


def test_simpsons_paradox_is_seen_in_the_departments(example, write_csv):
    """Overall women are admitted at 0.68 of the rate of men, in four of six departments at a higher one."""
    inputs, value, _ = example("UC Berkeley admissions 1973 (Simpson)")
    rows = []
    for department, sides in inputs["by_department"].items():
        for sex in ("male", "female"):
            k, n = sides[sex]
            rows += [[1, int(i < k), sex, department] for i in range(n)]
    assert len(rows) == 4526
    with open_table(write_csv(["y", "p", "sex", "department"], rows)) as table:
        [overall, cells] = group_fairness(
            table,
            label="y",
            prediction="p",
            attributes=[("sex",), ("department", "sex")],
            reference_group={("sex",): ("male",)},
            draws=0,
        )
    assert overall.comparisons[0].ratio.value == close(value["ratio"])
    rates = {group.values: group.measures["selection_rate"].value for group in cells.groups}
    for department, sides in inputs["by_department"].items():
        ratio = rates[department, "female"] / rates[department, "male"]
        assert ratio == close(sides["female_over_male"])
    assert sum(rates[name, "female"] > rates[name, "male"] for name in "ABCDEF") == 4


@pytest.mark.parametrize(
    ("name", "parts", "scale"),
    [("PSI formula", ("expected", "actual"), 1), ("PSI single bin terms", ("expected_pct", "actual_pct"), 100)],
)
def test_population_stability(example, name, parts, scale):
    inputs, value, _ = example(name)
    before, now = ([share / scale for share in inputs[part]] for part in parts)
    found = drift.psi(bins.reference_bins(levels(before), column="g"), levels(now))
    assert found.value == close(value["psi"])
