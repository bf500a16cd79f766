"""`manage.py measure`, `compare` and `profile`: the reference cases under their own names, and what bad input gets."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from scipy import stats

from approvals.measures.multiplicity import holm

ROOT = Path(__file__).parents[3]
COLUMNS = ("--label", "y_true", "--prediction", "y_pred", "--score", "y_score", "--draws", "0")


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def differing(found, expected, place=""):
    """Places at which a report is not what was recorded; names that nobody recorded are no matter."""
    if isinstance(expected, dict):
        return [bad for name, item in expected.items() for bad in differing(found[name], item, f"{place}/{name}")]
    if isinstance(expected, list):
        pairs = zip(found, expected, strict=True)
        return [bad for number, pair in enumerate(pairs) for bad in differing(*pair, f"{place}/{number}")]
    return [] if found == (close(expected) if isinstance(expected, int | float) else expected) else [place]


def answer(*arguments):
    said = io.StringIO()
    call_command(*map(str, arguments), "--json", stdout=said)
    return json.loads(said.getvalue())


@pytest.mark.parametrize("case", ["p02_german_credit", "p03_breast_cancer"])
def test_performance_is_that_of_the_reference_under_the_same_names(reference, case):
    expected = reference(f"{case}.expected.json")["expected"]["performance"]
    found = answer("measure", reference(f"{case}.csv"), *COLUMNS)["performance"]
    same = expected.keys() - {"ks_scipy_ks_2samp"}
    assert {name: found[name] for name in same} == close({name: expected[name] for name in same})


@pytest.mark.parametrize(
    ("groups", "block"),
    [
        (("sex",), "fairness_sex"),
        (("foreign_worker",), "fairness_foreign_worker"),
        (("sex", "age_group"), "fairness_sex_x_age"),
    ],
)
def test_fairness_is_that_of_the_reference_under_the_same_names(reference, groups, block):
    expected = reference("p02_german_credit.expected.json")["expected"][block]
    asked = [part for name in groups for part in ("--group", name)]
    report = answer("measure", reference("p02_german_credit.csv"), *COLUMNS, *asked)
    found = report[f"fairness_{'_x_'.join(groups)}"]
    for label, rates in expected["by_group"].items():
        assert {name: found["by_group"][label][name] for name in rates} == close(rates)
    assert found["impact_ratio_vs_highest"] == close(expected["impact_ratio_vs_highest"])
    disparities = [name for name, value in expected.items() if isinstance(value, float)]
    assert len(disparities) > 10
    assert {name: found[name] for name in disparities} == close({name: expected[name] for name in disparities})
    for label, parts in expected.get("calibration_within_groups", {}).items():
        same = parts.keys() - {"n"}
        assert {name: found["calibration_within_groups"][label][name] for name in same} == close(
            {name: parts[name] for name in same}
        )


def test_several_classes_are_those_of_the_reference_under_the_same_names(reference):
    expected = reference("p05_wine_multiclass.expected.json")["expected"]
    classes = [part for name in range(3) for part in ("--class-score", f"{name}=p{name}")]
    asked = ("--label", "y_true", "--prediction", "y_pred", "--task", "multiclass", "--draws", 0, *classes)
    assert not differing(answer("measure", reference("p05_wine_multiclass.csv"), *asked)["performance"], expected)


def test_regression_is_that_of_the_reference_under_the_same_names(reference):
    expected = reference("p04_diabetes_regression.expected.json")["expected"]
    asked = ("--label", "y_true", "--prediction", "y_pred", "--task", "regression", "--group", "sex", "--draws", 0)
    assert not differing(answer("measure", reference("p04_diabetes_regression.csv"), *asked), expected)


def test_a_reference_group_is_the_one_compared_with(reference):
    found = answer(
        "measure", reference("p02_german_credit.csv"), *COLUMNS, "--group", "sex", "--reference", "sex=male"
    )["fairness_sex"]
    expected = reference("p02_german_credit.expected.json")["expected"]["test_female_vs_male_on_y_pred"]
    compared = found["comparisons"]["female"]
    assert found["reference_group"] == "male"
    names = ("k1", "n1", "k2", "n2", "difference", "ratio", "z_pooled", "p_two_sided_z", "fisher_p_two_sided")
    assert {name: compared[name] for name in names} == close({name: expected[name] for name in names})


def test_two_groups_are_those_of_other_libraries_under_the_same_names(reference):
    recorded = reference("p14_cross_library.expected.json")
    asked = ("--label", "y_true", "--prediction", "y_pred", "--draws", 0, "--group")
    compas, german = reference("p01_compas_two_years.csv"), reference("p02_german_credit.csv")
    found = answer("measure", compas, *asked, "race", "--reference", "race=Caucasian", "--favourable", 0)
    found = found["fairness_race"]["two_groups"]
    pair = found["groups"]["African-American"]
    of_aif360 = recorded["aif360_0_6_1"]["P01 COMPAS African-American vs Caucasian, favourable=0 (no recidivism)"]
    assert not differing({**pair["favourable_as_positive"], **pair["inequality_of_both_groups"]}, of_aif360)
    of_aequitas = recorded["aequitas_1_1_0_P01_disparity_vs_Caucasian"]["African-American"]
    assert not differing(pair["positive_as_predicted"], of_aequitas)
    assert (found["reference"], len(found["groups"])) == ("Caucasian", 5)
    assert [name for name, item in found["groups"].items() if item["small"]] == ["Native American"]
    found = answer("measure", german, *asked, "age_group", "--reference", "age_group=over_25")
    found = found["fairness_age_group"]["two_groups"]
    pair = found["groups"]["25_or_under"]
    of_aif360 = recorded["aif360_0_6_1"]["P02 German age<=25 vs >25"]
    assert not differing({**pair["favourable_as_positive"], **found["inequality_of_all_rows"]}, of_aif360)


def test_two_groups_are_measured_only_against_a_named_reference(write_csv):
    rows = [[1, 1, "a"], [0, 1, "a"], [0, 0, "b"], [1, 0, "b"], [1, 1, None]]
    table = write_csv(["y", "p", "g"], rows)
    asked = ("measure", table, "--label", "y", "--prediction", "p", "--group", "g", "--draws", 0)
    assert "two_groups" not in answer(*asked)["fairness_g"]
    found = answer(*asked, "--reference", "g=a")["fairness_g"]["two_groups"]
    assert found["groups"].keys() == {"b"}
    measured = found["groups"]["b"]["favourable_as_positive"]
    assert (measured["disparate_impact"], measured["false_discovery_rate_ratio"]) == (0.0, None)
    assert "in the group" in measured["not_computable"]["false_discovery_rate_ratio"]
    # The row of an unknown group counts, with benefit 1, beside the others with 1, 2, 1 and 0.
    assert found["inequality_of_all_rows"]["generalized_entropy_index"] == close((7 / 5 - 1) / 2)
    with pytest.raises(CommandError, match="Unknown are not a group to compare with"):
        answer(*asked, "--reference", "g=Unknown")


def test_p_values_are_adjusted_over_every_comparison_that_was_made(reference):
    asked = ("--group", "race", "--group", "sex", "--favourable", 0)
    report = answer("measure", reference("p01_compas_two_years.csv"), *COLUMNS[:4], *asked, "--draws", 0)
    tables = [report[name] for name in ("fairness_race", "fairness_sex", "fairness_race_x_sex")]
    pairs = [pair for table in tables for pair in table["comparisons"].values()]
    assert len(pairs) == 5 + 1 + 11
    for name in ("p_two_sided_z", "fisher_p_two_sided"):
        p_values = [pair[name] for pair in pairs]
        assert [pair[f"{name}_holm"] for pair in pairs] == close(holm(p_values))
        adjusted = [pair[f"{name}_benjamini_hochberg"] for pair in pairs]
        assert adjusted == close(list(stats.false_discovery_control(p_values)))
    for table in tables:
        said = table["multiple_comparisons"]
        assert said["note"] == "17 comparisons were made; at 5 % about 0.85 would be significant by chance."
        assert (said["comparisons"], said["comparisons_without_p"]) == (17, 0)


def test_a_comparison_without_p_is_not_counted(write_csv):
    table = write_csv(["y", "p", "g"], [[1, 1, "a"], [0, 1, "a"], [1, 1, "b"], [0, 1, "b"], [1, 0, "c"], [0, 1, "c"]])
    asked = ("--label", "y", "--prediction", "p", "--group", "g", "--small-group", 1, "--draws", 0)
    found = answer("measure", table, *asked)["fairness_g"]
    said = found["multiple_comparisons"]
    assert said["note"] == "1 comparison was made; at 5 % about 0.05 would be significant by chance."
    assert (said["comparisons"], said["comparisons_without_p"]) == (1, 1)
    assert found["comparisons"]["b"]["fisher_p_two_sided_holm"] is None
    assert "all outcomes are the same" in found["comparisons"]["b"]["not_computable"]["fisher_p_two_sided_holm"]
    assert found["comparisons"]["c"]["fisher_p_two_sided_holm"] == found["comparisons"]["c"]["fisher_p_two_sided"]


def test_the_positive_value_counts_for_groups_too_and_is_favourable_unless_said(write_csv):
    rows = [["good", "good", "a"], ["bad", "good", "a"], ["good", "bad", "b"], ["bad", "good", "b"]]
    table = write_csv(["y", "p", "g"], rows)
    asked = ("measure", table, "--label", "y", "--prediction", "p", "--group", "g", "--draws", 0)
    found = answer(*asked, "--positive", "good")["fairness_g"]["by_group"]
    assert [(group["tp"], group["fp"], group["favourable_rate"]) for group in found.values()] == [
        (1, 1, 1),
        (0, 1, 0.5),
    ]
    found = answer(*asked, "--positive", "good", "--favourable", "bad")["fairness_g"]["by_group"]
    assert [(group["tp"], group["fp"], group["favourable_rate"]) for group in found.values()] == [
        (1, 1, 0),
        (0, 1, 0.5),
    ]


def test_groups_of_several_classes_are_compared_by_the_favourable_one(write_csv):
    rows = [["yes", "yes", "a"], ["no", "maybe", "a"], ["maybe", "yes", "b"], ["yes", "no", "b"], ["no", "no", "b"]]
    table = write_csv(["y", "p", "g"], rows)
    asked = ("measure", table, "--label", "y", "--prediction", "p", "--task", "multiclass", "--group", "g")
    found = answer(*asked, "--favourable", "yes")
    assert found["performance"]["n"] == 5
    groups = found["fairness_g"]["by_group"]
    assert [groups[name]["selection_rate"] for name in "ab"] == close([1 / 2, 1 / 3])
    assert [groups[name]["tpr"] for name in "ab"] == [1.0, 0.0]


def test_what_is_undefined_is_null_with_its_reason(write_csv):
    table = write_csv(["y", "p", "g"], [[0, 0, "a"], [0, 1, "a"], [0, 0, None], [None, 1, "b"]])
    report = answer("measure", table, "--label", "y", "--prediction", "p", "--group", "g", "--draws", 0)
    assert report["performance"]["recall"] is None
    assert "no row is actually positive" in report["performance"]["not_computable"]["recall"]
    assert report["fairness_g"]["unknown_rows"] == 1
    assert report["fairness_g"]["rows_left_out"] == 1
    assert report["fairness_g"]["demographic_parity_ratio"] is None
    assert report["fairness_g"]["impact_ratio_vs_highest"] == {"a": None}


@pytest.fixture
def halves(tmp_path):
    """The reference and the later period of a drift table, without the column that says which."""

    def split(path):
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        parts = {"reference": [header.partition(",")[2]], "later": [header.partition(",")[2]]}
        for line in lines:
            period, _, rest = line.partition(",")
            parts["reference" if period == "reference" else "later"].append(rest)
        for name, part in parts.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(part), encoding="utf-8")
        return tmp_path / "reference.csv", tmp_path / "later.csv"

    return split


@pytest.mark.parametrize(
    ("table", "blocks"),
    [("breast_cancer", ["breast_cancer"]), ("titanic", ["titanic_numeric", "titanic_categorical"])],
)
def test_drift_is_that_of_the_reference_under_the_same_names(reference, halves, table, blocks):
    recorded = reference("p10_drift.expected.json")["expected"]
    category = ("--category", "Pclass") if table == "titanic" else ()
    found = answer("compare", *halves(reference(f"p10_drift_{table}.csv")), *category)["columns"]
    for block in blocks:
        for column, expected in recorded[block].items():
            same = {name: value for name, value in expected.items() if name != "ks_p_asymp"}
            assert not differing(found[column], same), column


@pytest.mark.parametrize("case", ["titanic", "toy"])
def test_a_profile_is_that_of_the_reference_under_the_same_names(reference, case):
    expected = reference("p11_data_quality.expected.json")["expected"]
    recorded = expected["titanic"] if case == "titanic" else expected["toy"]["pandas_default_na_parsing"]
    found = answer("profile", reference(f"p11_dq_{case}.csv"))
    assert not differing(found, recorded)


def test_a_profile_with_a_label_and_a_key_says_what_leaks_and_what_repeats(reference):
    expected = reference("p11_data_quality.expected.json")["expected"]["toy"]
    found = answer("profile", reference("p11_dq_toy.csv"), "--label", "target", "--key", "id")
    leaks = expected["label_leakage_abs_auc"]
    assert {name: found["label_leakage_abs_auc"][name] for name in leaks} == close(leaks)
    name = "unique_id_violations_rows_beyond_first"
    assert found[name] == expected[name]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("profile", "nowhere.csv"), "There is no file nowhere.csv"),
        (("profile", "docs/decisions"), "has no CSV or Parquet files"),
        (("measure", "TABLE", "--label", "y", "--prediction", "p"), "no column “y”"),
        (("measure", "TABLE", "--label", "a", "--prediction", "b"), "must have two values"),
        (
            ("measure", "TABLE", "--label", "c", "--prediction", "d", "--group", "g", "--reference", "g:x"),
            "COLUMN=VALUE",
        ),
        (("measure", "TABLE", "--label", "c", "--prediction", "d", "--group", "g", "--reference", "g=z"), "no rows"),
        (
            ("measure", "TABLE", "--label", "c", "--prediction", "d", "--task", "multiclass", "--group", "g"),
            "Name the favourable class",
        ),
        (
            ("measure", "TABLE", "--label", "c", "--prediction", "d", "--task", "multiclass", "--class-score", "0"),
            "CLASS=COLUMN",
        ),
        (("measure", "TABLE", "--label", "g", "--prediction", "a", "--task", "regression"), "must hold numbers"),
        (("compare", "TABLE", "TABLE", "--column", "z"), "no column “z”"),
    ],
)
def test_bad_input_ends_with_two_and_a_sentence(write_csv, arguments, why):
    table = write_csv(["a", "b", "c", "d", "g"], [[1, 2, 0, 1, "x"], [2, 3, 1, 1, "y"], [3, 4, 1, 0, "x"]])
    with pytest.raises(CommandError, match=why) as refused:
        call_command(*(str(table) if part == "TABLE" else part for part in arguments))
    assert refused.value.returncode == 2


def test_no_database_is_needed_and_nothing_is_left_behind(reference, tmp_path):
    """In a process of its own, whose database cannot be reached."""
    var = tmp_path / "var"
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "profile", str(reference("p11_dq_toy.csv"))],
        capture_output=True,
        text=True,
        check=False,
        env={"PORTAL_VAR": str(var), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "LC_ALL": "C.UTF-8"},
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "constant_columns: country" in done.stdout
    assert not var.exists()
