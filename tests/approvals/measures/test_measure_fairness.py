from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.measures.comparisons import four_fifths
from approvals.measures.fairness import group_fairness
from approvals.measures.tables import TableError, open_table

STRICT_NAMES = {
    "selection_rate_difference": "demographic_parity_difference",
    "selection_rate_ratio": "demographic_parity_ratio",
    "tpr_difference": "equal_opportunity_difference",
    "tpr_ratio": "equal_opportunity_ratio",
    "equalized_odds_difference": "equalized_odds_difference_worst_case",
    **{
        f"{rate}_{kind}": f"{rate}_{kind}_between_groups"
        for rate in ("fpr", "fnr", "precision")
        for kind in ("difference", "ratio")
    },
}
CASES = [
    ("p01_compas_two_years", "fairness_race", ("race",)),
    ("p01_compas_two_years", "fairness_sex", ("sex",)),
    ("p01_compas_two_years", "fairness_age_cat", ("age_cat",)),
    ("p01_compas_two_years", "fairness_race_x_sex", ("race", "sex")),
    ("p02_german_credit", "fairness_sex", ("sex",)),
    ("p02_german_credit", "fairness_age_group", ("age_group",)),
    ("p02_german_credit", "fairness_sex_x_age", ("sex", "age_group")),
    ("p02_german_credit", "fairness_foreign_worker", ("foreign_worker",)),
]


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def fairness(table, **settings):
    return group_fairness(table, **{"label": "y_true", "prediction": "y_pred", "draws": 0, **settings})


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0][:3]} {case[1]}")
def recorded(request, reference):
    """One recorded comparison of groups and ours."""
    name, block, attributes = request.param
    with open_table(reference(f"{name}.csv")) as table:
        [found] = fairness(table, attributes=[attributes])
    return reference(f"{name}.expected.json")["expected"][block], found


def test_reference_rates_of_every_group(recorded):
    expected, found = recorded
    groups = {group.label: group for group in found.groups if group.n}
    strict = expected["defined_only"]["by_group"]
    assert groups.keys() == strict.keys()
    for label, rates in strict.items():
        group = groups[label]
        assert (group.n, group.tp + group.fn, group.fp + group.tn) == (
            rates["n"],
            rates["positives"],
            rates["negatives"],
        )
        for name in ("selection_rate", "tpr", "fnr", "fpr", "precision"):
            wanted = None if rates[name] == "NaN" else close(rates[name])
            assert group.measures[name].value == wanted, (label, name)
        library = expected["by_group"][label]
        assert group.measures["accuracy"].value == close(library["accuracy"])
        assert group.measures["tnr"].value == close(library["tnr"])


@pytest.mark.parametrize(
    ("variant", "ours"), [("all_groups", "all_groups"), ("groups_with_n_at_least_30", "disparities")]
)
def test_reference_disparities_of_defined_rates(recorded, variant, ours):
    expected, found = recorded
    strict = dict(expected["defined_only"][variant])
    measures = getattr(found, ours)
    names = strict.pop("groups")
    assert measures["demographic_parity_difference"].count("groups") == len(names)
    assert {name: measures[STRICT_NAMES[name]].value for name in strict} == close(strict)


def test_reference_disparities_where_fairlearn_meets_no_undefined_rate(recorded):
    expected, found = recorded
    if any(rate == "NaN" for group in expected["defined_only"]["by_group"].values() for rate in group.values()):
        del expected["precision_difference_between_groups"], expected["precision_ratio_between_groups"]
    compared = {name: value for name, value in expected.items() if name in found.all_groups}
    assert len(compared) >= 13
    assert {name: found.all_groups[name].value for name in compared} == close(compared)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0][:3]} {case[1]}")
def test_reference_impact_ratios_against_the_highest_rate(reference, case):
    name, block, attributes = case
    with open_table(reference(f"{name}.csv")) as table:
        [found] = fairness(table, attributes=[attributes], small_group=1)
    expected = reference(f"{name}.expected.json")["expected"][block]["impact_ratio_vs_highest"]
    assert {group.label: group.measures["impact_ratio"].value for group in found.groups} == close(expected)
    assert expected[" | ".join(found.reference)] == 1.0


def test_reference_calibration_within_groups(reference):
    with open_table(reference("p02_german_credit.csv")) as table:
        tables = fairness(table, score="y_score", attributes=[("sex",), ("age_group",)])
    expected = reference("p02_german_credit.expected.json")["expected"]
    for found, block in zip(tables, ("fairness_sex", "fairness_age_group"), strict=True):
        for group in found.groups:
            wanted = dict(expected[block]["calibration_within_groups"][group.label])
            assert group.n == wanted.pop("n")
            wanted["ece"] = wanted.pop("ece_10_equal_width_right_closed")
            assert {name: group.measures[name].value for name in wanted} == close(wanted)


def test_the_favourable_outcome_can_be_the_negative_prediction(reference):
    with open_table(reference("p01_compas_two_years.csv")) as table:
        [found] = fairness(table, attributes=[("race",)], favourable=0, reference_group=("Caucasian",))
    expected = reference("p01_compas_two_years.expected.json")["expected"]["AfricanAmerican_vs_Caucasian"]
    low = expected["favourable_outcome_low_score"]
    pair = next(item for item in found.comparisons if item.values == ("African-American",))
    assert pair.ratio.value == close(low["disparate_impact"])
    assert (pair.k1 / pair.n1, pair.k2 / pair.n2) == close((low["rate_aa"], low["rate_white"]))
    assert pair.adverse is True
    tested = expected["test_of_selection"]
    assert pair.z.value == close(-tested["z_pooled"])
    assert [pair.difference.low, pair.difference.high] == close(
        [-end for end in reversed(tested["newcombe95_difference"])]
    )
    assert found.disparities["disparate_impact"].value == close(low["disparate_impact"])


def test_a_group_without_positives_has_no_true_positive_rate(write_csv):
    rows = [[1, 0, "a"], [0, 0, "a"], [0, 0, "a"], [0, 1, "a"], [1, 1, "b"], [1, 0, "b"], [0, 0, "c"], [0, 1, "c"]]
    with open_table(write_csv(["y_true", "y_pred", "g"], rows)) as table:
        [found] = fairness(table, attributes=[("g",)], small_group=1)
    rates = {group.label: group.measures["tpr"].value for group in found.groups}
    assert rates == {"a": 0.0, "b": 0.5, "c": None}
    gap = found.disparities["equal_opportunity_difference"]
    assert gap.value == 0.5
    assert (gap.count("groups"), gap.count("groups_undefined")) == (3, 1)
    assert found.disparities["fpr_difference_between_groups"].count("groups_undefined") == 1


def test_equalized_odds_need_both_parts(write_csv, reference):
    """fairlearn answers 1.0 here: it takes the undefined TPR of a group as 0."""
    library = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert library["fairlearn: equalized_odds_difference with a group that has no positives"]["value"] == 1.0
    rows = [[0, 0, "a"], [0, 1, "a"], [1, 1, "b"], [0, 0, "b"]]
    with open_table(write_csv(["y_true", "y_pred", "g"], rows)) as table:
        [found] = fairness(table, attributes=[("g",)], small_group=1)
    for name in ("equalized_odds_difference_worst_case", "equalized_odds_difference_mean", "equal_opportunity_ratio"):
        assert found.disparities[name].value is None
        assert "only 1 of 2 groups has any actual positives" in found.disparities[name].reason
    assert found.disparities["fpr_difference_between_groups"].value == 0.5


def test_one_group_alone_is_not_fair_but_not_computable(write_csv, reference):
    library = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    assert library["fairlearn: only one group"]["value"] == 0.0
    with open_table(write_csv(["y_true", "y_pred", "g"], [[1, 1, "a"], [0, 0, "a"]])) as table:
        [found] = fairness(table, attributes=[("g",)], small_group=1)
    assert not any(measure.computable for measure in found.disparities.values())
    assert found.comparisons == ()
    assert "no second group" in found.groups[0].measures["impact_ratio"].reason


def test_nobody_selected_has_no_impact_ratio(write_csv):
    with open_table(write_csv(["y_true", "y_pred", "g"], [[1, 0, "a"], [0, 0, "b"]] * 3)) as table:
        [found] = fairness(table, attributes=[("g",)], small_group=1)
    for name in ("demographic_parity_ratio", "disparate_impact"):
        assert "is 0" in found.disparities[name].reason
    assert found.disparities["demographic_parity_difference"].value == 0.0
    assert found.comparisons[0].adverse is None
    assert not found.comparisons[0].ratio.computable


def test_missing_and_unknown_values_are_a_category_outside_the_ratios(write_csv):
    rows = [[1, 1, "a"], [0, 1, "a"], [1, 1, "b"], [0, 0, "b"], [1, 0, None], [0, 0, "unknown"], [1, 0, "Unknown"]]
    with open_table(write_csv(["y_true", "y_pred", "g"], rows)) as table:
        [found] = fairness(table, attributes=[("g",)], small_group=1)
    assert [(group.label, group.n, group.unknown) for group in found.groups] == [
        ("a", 2, False),
        ("b", 2, False),
        ("Unknown", 3, True),
    ]
    assert found.unknown_rows == 3
    assert found.disparities["demographic_parity_ratio"].value == 0.5
    assert found.all_groups["demographic_parity_ratio"].value == 0.5
    assert "unknown" in found.groups[2].measures["impact_ratio"].reason


def test_an_empty_intersection_is_listed_and_kept_out(write_csv, reference):
    rows = [[1, 1, "a", "x"], [0, 0, "a", "x"], [1, 1, "b", "x"], [0, 0, "b", "y"]]
    with open_table(write_csv(["y_true", "y_pred", "g", "h"], rows)) as table:
        [found] = fairness(table, attributes=[("g", "h")], small_group=1)
    sizes = {group.label: group.n for group in found.groups}
    assert sizes == {"a | x": 2, "a | y": 0, "b | x": 1, "b | y": 1}
    empty = next(group for group in found.groups if not group.n)
    assert not any(measure.computable for measure in empty.measures.values())
    assert found.all_groups["demographic_parity_difference"].count("groups") == 3


def test_a_small_group_is_shown_marked_and_decides_nothing(write_csv):
    rows = [[1, 1, "a"], [0, 0, "a"]] * 20 + [[1, 1, "b"], [0, 0, "b"]] * 20 + [[1, 0, "tiny"]] * 3
    with open_table(write_csv(["y_true", "y_pred", "g"], rows)) as table:
        [found] = fairness(table, attributes=[("g",)])
    assert [(group.label, group.small) for group in found.groups] == [("a", False), ("b", False), ("tiny", True)]
    assert found.disparities["demographic_parity_ratio"].value == 1.0
    assert found.all_groups["demographic_parity_ratio"].value == 0.0
    assert [item.small for item in found.comparisons] == [False, True]


def test_when_all_groups_but_one_are_small_nothing_can_be_said(write_csv):
    rows = [[1, 1, "a"], [0, 0, "a"]] * 20 + [[1, 0, "tiny"]] * 3
    with open_table(write_csv(["y_true", "y_pred", "g"], rows)) as table:
        [found] = fairness(table, attributes=[("g",)])
    assert (
        "1 of the two groups needed (known groups of at least 30 rows)" in found.disparities["disparate_impact"].reason
    )
    assert found.all_groups["disparate_impact"].value == 0.0


def test_a_small_reference_group_leaves_the_headline_open(write_csv):
    rows = [[1, 1, "a"], [0, 0, "b"]] * 40 + [[1, 1, "tiny"]] * 3
    with open_table(write_csv(["y_true", "y_pred", "g"], rows)) as table:
        [found] = fairness(table, attributes=[("g",)], reference_group={("g",): ("tiny",)})
    assert "reference group tiny is not among" in found.disparities["disparate_impact"].reason
    assert found.all_groups["disparate_impact"].value == 0.0


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"attributes": [("nothing",)]}, "no column “nothing”"),
        ({"attributes": [()]}, "one or more different columns"),
        ({"attributes": [("g", "g")]}, "one or more different columns"),
        ({"attributes": [("i",)]}, "More than 100 different values"),
        ({"attributes": [("g",)], "reference_group": ("z",)}, "“z” has no rows in g"),
        ({"attributes": [("g",)], "favourable": "yes"}, "never has the positive value yes"),
    ],
)
def test_what_cannot_be_compared_is_refused(write_csv, settings, complaint):
    path = write_csv(["y_true", "y_pred", "g", "i"], [[i % 2, i % 2, "ab"[i % 2], i] for i in range(150)])
    with open_table(path) as table, pytest.raises(TableError, match=complaint):
        fairness(table, **settings)


def test_intervals_of_disparities_are_reproducible(reference):
    with open_table(reference("p02_german_credit.csv")) as table:
        first, second = (fairness(table, attributes=[("sex", "age_group")], draws=500, seed=3) for _ in range(2))
    assert first == second
    gap = first[0].disparities["demographic_parity_difference"]
    assert gap.low < gap.value < gap.high
    assert "500 draws, seed 3" in gap.method


def test_an_interval_beside_its_gap_says_why(write_csv):
    alike = [[group, i % 2, i // 2 % 2] for group in "abcdef" for i in range(40)]
    apart = [["a", 1, int(i < 36)] for i in range(40)] + [["b", 1, int(i < 4)] for i in range(40)]
    for rows, is_beside in ((alike, True), (apart, False)):
        with open_table(write_csv(["g", "y", "p"], rows)) as table:
            (found,) = group_fairness(table, label="y", prediction="p", attributes=[["g"]])
        for name in ("demographic_parity_difference", "demographic_parity_ratio"):
            gap = found.disparities[name]
            assert (gap.low <= gap.value <= gap.high) is not is_beside
            assert gap.method.endswith("drawn groups lie further apart by chance") is is_beside


def test_reference_four_fifths(reference):
    expected = reference("p08_eeoc_four_fifths.expected.json")["expected"]
    for example in expected.values():
        groups = example["result"]
        best = max(groups.values(), key=lambda group: group["rate"])
        for name, group in groups.items():
            found = four_fifths(group["selected"], group["applicants"], best["selected"], best["applicants"])
            assert found == group["adverse_impact_indicated"], name


def test_exactly_four_fifths_is_not_adverse_whatever_the_last_digit(reference, write_csv):
    recorded = reference("p13_reference_library_edge_behaviour.expected.json")["recorded"]
    traps = recorded["four-fifths float trap: exact 0.8 cases that float division calls <0.8 (n<60), first 5 and count"]
    for k1, n1, k2, n2, quotient in traps["value"][0]:
        assert quotient < 0.8
        rows = [[1, int(i < k), g] for k, n, g in ((k1, n1, "a"), (k2, n2, "b")) for i in range(n)]
        with open_table(write_csv(["y_true", "y_pred", "g"], rows)) as table:
            [found] = fairness(table, attributes=[("g",)], small_group=1)
        assert found.comparisons[0].adverse is False
        assert found.disparities["disparate_impact"].value == 0.8
        assert found.comparisons[0].ratio.value == 0.8


counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_four_fifths_is_exact(first, second):
    (k1, n1), (k2, n2) = first, second
    expected = Fraction(k1, n1) / Fraction(k2, n2) < Fraction(4, 5) if k2 else None
    assert four_fifths(k1, n1, k2, n2) == expected


def test_four_fifths_of_an_empty_group_is_unknown():
    assert four_fifths(0, 0, 1, 2) is None
    assert four_fifths(1, 2, 0, 0) is None


def test_unknown_rows_of_any_spelling_are_scored_together(write_csv):
    rows = [[1, 1, 0.9, "a"], [0, 0, 0.2, "a"], [1, 1, 0.6, None], [0, 0, 0.4, "unknown"], [0, 1, 0.6, "Unknown"]]
    with open_table(write_csv(["y_true", "y_pred", "s", "g"], rows)) as table:
        [found] = fairness(table, score="s", attributes=[("g",)])
    unknown = found.groups[1]
    assert (unknown.label, unknown.n) == ("Unknown", 3)
    assert unknown.measures["roc_auc"].value == 0.75
    assert unknown.measures["mean_score"].value == close(1.6 / 3)


def test_disparate_impact_against_a_chosen_group_has_its_own_interval(reference):
    with open_table(reference("p02_german_credit.csv")) as table:
        [found] = fairness(table, attributes=[("sex",)], reference_group=("female",), draws=2000)
    impact = found.disparities["disparate_impact"]
    assert impact.value == close(538 / 690 / (231 / 310))
    pair = found.comparisons[0]
    assert [impact.low, impact.high] == pytest.approx([pair.ratio.low, pair.ratio.high], abs=0.02)
    assert "divided by that of female" in impact.method
