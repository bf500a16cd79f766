"""Every number of every reference case is looked for in what the commands print, under the same name.

Names that have no counterpart are listed here with the reason; a new one that is not listed fails.
"""

import csv
import io
import json
import math

import pytest
from django.core.management import call_command

TOLERANCE = 1e-9
NOT_OURS = {
    "note": "words",
    "groups": "words",
}


def answer(*arguments):
    said = io.StringIO()
    call_command(*map(str, arguments), "--json", stdout=said)
    return json.loads(said.getvalue(), parse_constant=pytest.fail)


def differing(found, expected, place=""):
    """The places of numbers that differ, and those that have no counterpart."""
    if isinstance(expected, dict):
        wrong, absent = [], []
        for name, item in expected.items():
            if name in NOT_OURS:
                continue
            if not isinstance(found, dict) or name not in found:
                absent.append(f"{place}/{name}")
                continue
            parts = differing(found[name], item, f"{place}/{name}")
            wrong += parts[0]
            absent += parts[1]
        return wrong, absent
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        parts = [differing(a, b, f"{place}/{i}") for i, (a, b) in enumerate(zip(found, expected, strict=True))]
        return [bad for wrong, _ in parts for bad in wrong], [bad for _, absent in parts for bad in absent]
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        near = isinstance(found, int | float) and math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return ([] if near else [f"{place}: {found} is not {expected}"]), []
    return ([] if found == (None if expected == "NaN" else expected) else [f"{place}: {found} is not {expected}"]), []


def agrees(found, expected, *, absent=()):
    wrong, without = differing(found, expected)
    assert wrong == []
    assert sorted(without) == sorted(absent)


TWO = ("--label", "y_true", "--prediction", "y_pred", "--draws", 0)


@pytest.fixture
def compas(reference, tmp_path):
    """The table with the score that the case defines: the decile divided by ten."""
    with reference("p01_compas_two_years.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    path = tmp_path / "compas.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0], "score"])
        writer.writeheader()
        writer.writerows({**row, "score": int(row["decile_score"]) / 10} for row in rows)
    return path


def test_p01(reference, compas):
    expected = reference("p01_compas_two_years.expected.json")["expected"]
    groups = ("--group", "race", "--group", "sex", "--group", "age_cat", "--group", "race,sex")
    against = ("--reference", "race=Caucasian", "--favourable", 0)
    found = answer("measure", compas, *TWO, "--score", "score", *groups, *against)
    agrees(found["performance"], expected["performance_overall(score=decile_score/10)"])
    for block in ("fairness_race", "fairness_sex", "fairness_age_cat", "fairness_race_x_sex"):
        recorded = dict(expected[block])
        # Of other libraries, which take 0 for an undefined rate; defined_only is what is right, and is compared.
        if block == "fairness_race_x_sex":
            recorded = {name: recorded[name] for name in ("overall", "defined_only")}
        # Here favourable is 0, and ratios of the positive prediction are recorded.
        recorded.pop("impact_ratio_vs_highest", None)
        agrees(found[block], recorded)
    pair = found["fairness_race"]["two_groups"]["groups"]["African-American"]
    recorded = expected["AfricanAmerican_vs_Caucasian"]
    agrees(pair["tests"]["fpr"], recorded["test_of_fpr"])
    agrees(pair["tests"]["selection_rate"], recorded["test_of_selection"])
    ours = {
        "fpr_ratio": pair["positive_as_predicted"]["fpr_disparity"],
        "fnr_ratio": pair["positive_as_predicted"]["fnr_disparity"],
        "ppr_ratio": pair["positive_as_predicted"]["pprev_disparity"],
        "fpr_difference": pair["tests"]["fpr"]["difference"],
        "favourable_outcome_low_score": {"disparate_impact": pair["favourable_as_positive"]["disparate_impact"]},
        "test_of_fpr": pair["tests"]["fpr"],
        "test_of_selection": pair["tests"]["selection_rate"],
    }
    rates = ["/favourable_outcome_low_score/rate_aa", "/favourable_outcome_low_score/rate_white"]
    agrees(ours, recorded, absent=rates)
    favoured = found["fairness_race"]["by_group"]
    assert favoured["African-American"]["favourable_rate"] == pytest.approx(
        recorded["favourable_outcome_low_score"]["rate_aa"]
    )


def test_p02(reference):
    expected = reference("p02_german_credit.expected.json")["expected"]
    groups = ("--group", "sex", "--group", "foreign_worker", "--group", "age_group", "--group", "sex,age_group")
    against = ("--reference", "sex=male", "--reference", "age_group=over_25")
    found = answer("measure", reference("p02_german_credit.csv"), *TWO, "--score", "y_score", *groups, *against)
    agrees(found["performance"], expected["performance"])
    for block in ("fairness_sex", "fairness_age_group", "fairness_foreign_worker"):
        agrees(found[block], expected[block])
    agrees(found["fairness_sex_x_age_group"], expected["fairness_sex_x_age"])
    agrees(found["fairness_sex"]["comparisons"]["female"], expected["test_female_vs_male_on_y_pred"])
    label, sexes = expected["label_only"], found["fairness_sex"]
    pair = sexes["two_groups"]["groups"]["female"]["favourable_as_positive"]
    assert pair["label_disparate_impact"] == pytest.approx(label["disparate_impact_female_over_male"], abs=1e-12)
    for sex in ("male", "female"):
        assert sexes["by_group"][sex]["base_rate"] == pytest.approx(label[f"base_rate_{sex}"], abs=1e-12)
    ages = found["fairness_age_group"]["two_groups"]["groups"]["25_or_under"]["favourable_as_positive"]
    assert ages["label_mean_difference"] == pytest.approx(label["mean_difference_age_le25_minus_gt25"], abs=1e-12)


def test_p03(reference):
    expected = reference("p03_breast_cancer.expected.json")["expected"]
    found = answer("measure", reference("p03_breast_cancer.csv"), *TWO, "--score", "y_score")
    agrees(found, expected)


def test_p04(reference):
    expected = reference("p04_diabetes_regression.expected.json")["expected"]
    agrees(
        answer("measure", reference("p04_diabetes_regression.csv"), *TWO, "--task", "regression", "--group", "sex"),
        expected,
    )


def test_p05(reference):
    expected = reference("p05_wine_multiclass.expected.json")["expected"]
    classes = [part for name in range(3) for part in ("--class-score", f"{name}=p{name}")]
    found = answer("measure", reference("p05_wine_multiclass.csv"), *TWO, "--task", "multiclass", *classes)
    agrees(found["performance"], expected)


def lines(found, *, separator=" | "):
    return {line["category"].replace(" | ", separator): line for line in found["categories"]}


def test_p06(reference):
    expected = reference("p06_dcwp_selection_rows.expected.json")["expected"]
    groups = ("--group", "sex", "--group", "race_ethnicity", "--group", "race_ethnicity,sex")
    asked = ("measure", reference("p06_dcwp_selection_rows.csv"), "--prediction", "selected", *groups, "--draws", 0)
    found = answer(*asked, "--reference", "sex=Male", "--reference", "race_ethnicity=White")
    rows, ours = expected["from_rows"], found["fairness_race_ethnicity"]
    assert found["fairness_sex"]["unknown_count"] == rows["unknown_count"]
    agrees(found["fairness_sex"], rows["fairness_sex"])
    agrees(ours, rows["fairness_race"])
    agrees(found["fairness_race_ethnicity_x_sex"], rows["fairness_intersectional"])
    agrees(found["fairness_sex"]["comparisons"]["Female"], rows["test_female_vs_male"])
    agrees(ours["comparisons"]["Black or African American"], rows["test_black_vs_white"])
    for block, name in (("sex", "sex"), ("intersectional", "race_ethnicity_x_sex")):
        printed = lines(found["local_law_144"][name])
        for line in expected["published_tables_from_counts"][block]:
            words = {"/published_rate", "/published_impact_ratio"}
            agrees(printed[line["category"]], line, absent=words)


def test_p07(reference):
    expected = reference("p07_dcwp_scoring_rows.expected.json")["expected"]
    groups = ("--group", "sex", "--group", "race_ethnicity", "--group", "race_ethnicity,sex")
    found = answer("measure", reference("p07_dcwp_scoring_rows.csv"), "--score", "score", *groups, "--draws", 0)
    rows = expected["from_rows"]
    agrees(found["fairness_sex"], rows["fairness_sex"])
    agrees(found["fairness_race_ethnicity"], rows["fairness_race"])
    agrees(found["fairness_race_ethnicity_x_sex"], rows["fairness_intersectional"])
    names = {"sex": "sex", "race_ethnicity": "race_ethnicity", "intersectional": "race_ethnicity_x_sex"}
    for block, name in names.items():
        law = found["local_law_144"][name]
        agrees(law, {key: expected[key] for key in ("median_all_rows", "median_known_only", "unknown_count")})
        for line in expected["published_tables_from_counts"][block]:
            words = {"/published_rate", "/published_impact_ratio"}
            agrees(lines(law)[line["category"]], line, absent=words)
            assert lines(law)[line["category"]]["scoring_rate"] == pytest.approx(line["selection_rate"], abs=1e-12)


def applicants(write_csv, result):
    rows = [[group, int(i < part["selected"])] for group, part in result.items() for i in range(part["applicants"])]
    return write_csv(["group", "selected"], rows)


def test_p08(reference, write_csv):
    expected = reference("p08_eeoc_four_fifths.expected.json")["expected"]
    for case in ("percent_example", "counts_example"):
        table = applicants(write_csv, expected[case]["result"])
        asked = ("measure", table, "--prediction", "selected", "--group", "group", "--draws", 0)
        found = answer(*asked, "--reference", "group=White")
        printed = lines(found["local_law_144"]["group"])
        for group, line in expected[case]["result"].items():
            agrees(printed[group], line, absent=["/adverse_impact_indicated"])
            indicated = found["fairness_group"]["adverse_impact_indicated"][group]
            assert indicated is line["adverse_impact_indicated"]
    agrees(found["fairness_group"]["comparisons"]["Black"], expected["counts_example"]["tests"])


def test_p09(reference, write_csv):
    cases = {case["name"]: case for case in reference("p09_documented_examples.expected.json")["cases"]}

    def measured(name, columns, *asked):
        given = cases[name]["inputs"]
        table = write_csv([*columns], list(zip(*(given[column] for column in columns), strict=True)))
        return answer("measure", table, "--draws", 0, *asked), cases[name]["value"]

    found, value = measured("roc_auc / average_precision", ("y", "score"), "--label", "y", "--score", "score")
    agrees(found["performance"], value)
    found, value = measured("brier", ("y", "p"), "--label", "y", "--score", "p")
    agrees(found["performance"], value)
    several = ("--label", "y", "--prediction", "pred", "--task", "multiclass")
    found, value = measured("macro precision recall f1", ("y", "pred"), *several)
    agrees(found["performance"], value)
    found, value = measured("regression", ("y", "pred"), *several[:-1], "regression")
    agrees(found["overall"], value)
    found, value = measured("matthews", ("y", "pred"), *several[:4])
    agrees(found["performance"], value)
    found, value = measured("mape with zero target", ("y", "pred"), *several[:-1], "regression")
    assert found["overall"]["mape_fraction"] is None
    binning = ("--bins", cases["ece torchmetrics"]["inputs"]["bins"], "--closed", "left")
    found, value = measured("ece torchmetrics", ("y", "p"), "--label", "y", "--score", "p", *binning)
    ours = found["performance"]
    agrees(
        {"l1": ours["ece_2_equal_width_left_closed"], "max": ours["mce_2_equal_width_left_closed"]},
        value,
    )
    given = cases["log_loss"]
    table = write_csv(
        ["y", "p"], list(zip(given["inputs"]["y"], [p[1] for p in given["inputs"]["p_ham_spam"]], strict=True))
    )
    found = answer("measure", table, "--label", "y", "--score", "p", "--positive", "spam", "--draws", 0)
    agrees(found["performance"], given["value"])


@pytest.mark.parametrize(
    "name",
    [
        "fisher_exact",
        "two-proportion z",
        "gender discrimination, Rosen & Jerdee 1974",
        "UC Berkeley admissions 1973 (Simpson)",
    ],
)
def test_p09_two_proportions(reference, write_csv, name):
    case = next(item for item in reference("p09_documented_examples.expected.json")["cases"] if item["name"] == name)
    value = case["value"]
    if "k1" not in value:
        (a, b), (c, d) = case["inputs"]["table"]
        value = {"k1": a, "n1": a + b, "k2": c, "n2": c + d, "fisher_p_two_sided": value["p_two_sided"]}
    sizes = {"first": (value["k1"], value["n1"]), "second": (value["k2"], value["n2"])}
    result = {group: {"selected": k, "applicants": n} for group, (k, n) in sizes.items()}
    asked = ("measure", applicants(write_csv, result), "--prediction", "selected", "--group", "group", "--draws", 0)
    found = answer(*asked, "--reference", "group=second")
    agrees(found["fairness_group"]["comparisons"]["first"], value)


def test_p09_shares(reference, write_csv):
    cases = {case["name"]: case for case in reference("p09_documented_examples.expected.json")["cases"]}

    def compared(before, now):
        paths = [
            write_csv(
                ["g"], [[f"level {i:02}"] for i, n in enumerate(side) for _ in range(round(n))], name=f"{place}.csv"
            )
            for place, side in enumerate((before, now))
        ]
        return answer("compare", *paths)["columns"]["g"]

    given = cases["PSI formula"]
    shares = [[share * 1000 for share in given["inputs"][side]] for side in ("expected", "actual")]
    agrees(compared(*shares), given["value"])
    given = cases["PSI single bin terms"]
    agrees(compared(given["inputs"]["expected_pct"], given["inputs"]["actual_pct"]), given["value"])
    given = cases["jensen_shannon"]
    for place, (before, now) in enumerate(given["inputs"]["pairs"]):
        found = compared([share * 10 for share in before], [share * 10 for share in now])
        agrees(
            {"js_distance_base2": found["js_distance_base2"], "js_distance_basee": found["js_distance_basee"]},
            {"js_distance_base2": given["value"]["base2"][place], "js_distance_basee": given["value"]["base_e"][place]},
        )


@pytest.fixture
def halves(tmp_path):
    """The reference and the later period of a drift table, without the column that says which."""

    def split(path):
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        sides = [tmp_path / "reference.csv", tmp_path / "later.csv"]
        for side, is_reference in zip(sides, (True, False), strict=True):
            chosen = [row[1:] for row in rows if (row[0] == "reference") is is_reference]
            with side.open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows([header[1:], *chosen])
        return sides

    return split


def test_p10(reference, halves):
    recorded = reference("p10_drift.expected.json")["expected"]
    found = answer("compare", *halves(reference("p10_drift_breast_cancer.csv")))["columns"]
    agrees(found, recorded["breast_cancer"])
    found = answer("compare", *halves(reference("p10_drift_titanic.csv")), "--category", "Pclass")["columns"]
    agrees(found, {**recorded["titanic_numeric"], **recorded["titanic_categorical"]})
    of_evidently = reference("p14_cross_library.expected.json")["evidently_0_7_23_P10"]
    for column in ("Pclass", "Sex", "Embarked"):
        assert found[column]["psi"] == pytest.approx(of_evidently[f"{column} psi"], abs=1e-12)
        assert found[column]["js_distance_basee"] == pytest.approx(of_evidently[f"{column} jensenshannon"], abs=1e-12)


def test_p11(reference, tmp_path):
    expected = reference("p11_data_quality.expected.json")["expected"]
    agrees(answer("profile", reference("p11_dq_titanic.csv")), expected["titanic"])
    toy = dict(expected["toy"])
    path = reference("p11_dq_toy.csv")
    declared = ("--range", "age=0..120", "--allowed", "segment=A,B,C")
    found = answer("profile", path, "--label", "target", "--key", "id", *declared)
    agrees(found, toy.pop("pandas_default_na_parsing"))
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    parts = {"train": rows[:8], "test": rows[6:]}
    for name, part in parts.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]) + "\n", encoding="utf-8")
    against = answer("profile", tmp_path / "test.csv", "--key", "id", "--training", tmp_path / "train.csv")
    toy["train_test_exact_row_overlap"] = toy.pop("train_rows_1_8_test_rows_7_12_exact_row_overlap")
    overlaps = {name: against[name] for name in ("train_test_exact_row_overlap", "train_test_id_overlap")}
    toy.pop("note_income_na")
    agrees({**found, **overlaps}, toy)


def test_p12(reference, compas):
    expected = reference("p12_confidence_intervals.expected.json")["expected"]
    seeded = ("--label", "y_true", "--prediction", "y_pred", "--seed", 42, "--draws", 5000)
    found = answer("measure", reference("p02_german_credit.csv"), *seeded, "--score", "y_score")
    uncertain = found["performance"]["uncertainty"]
    assert uncertain["accuracy"]["wilson"] == pytest.approx(expected["german accuracy wilson"], abs=1e-9)
    agrees(uncertain["roc_auc"]["delong"], expected["german roc_auc DeLong"])
    agrees(uncertain["roc_auc"]["hanley_mcneil"], expected["german roc_auc Hanley-McNeil"])
    for name in ("accuracy", "roc_auc"):
        drawn, recorded = uncertain[name]["bootstrap"], expected[f"german {name}"]
        assert drawn["point"] == pytest.approx(recorded["point"], abs=1e-9)
        assert (drawn["B"], drawn["seed"]) == (recorded["B"], recorded["seed"])
        assert [drawn["lo"], drawn["hi"]] == pytest.approx([recorded["lo"], recorded["hi"]], abs=0.01)
        assert drawn["se"] == pytest.approx(recorded["se"], rel=0.05)
    against = ("--group", "sex", "--reference", "sex=male")
    pair = answer("measure", reference("p02_german_credit.csv"), *seeded, *against)["fairness_sex"]["two_groups"]
    drawn = pair["groups"]["female"]["bootstrap"]["selection_rate"]["ratio"]
    recorded = expected["german impact ratio female/male"]
    assert drawn["point"] == pytest.approx(recorded["point"], abs=1e-9)
    assert [drawn["lo"], drawn["hi"]] == pytest.approx([recorded["lo"], recorded["hi"]], abs=0.02)
    against = ("--group", "race", "--reference", "race=Caucasian")
    pair = answer("measure", compas, *seeded, *against)["fairness_race"]["two_groups"]["groups"]["African-American"]
    drawn, recorded = pair["bootstrap"]["fpr"]["ratio"], expected["compas fpr ratio AA/white"]
    assert [drawn["lo"], drawn["hi"]] == pytest.approx([recorded["lo"], recorded["hi"]], abs=0.02)
    assert drawn["se"] == pytest.approx(recorded["se"], rel=0.1)


def test_p01_as_it_was_published(reference, compas):
    expected = reference("p01_compas_two_years.expected.json")["expected"]["published_by_propublica"]
    found = answer("measure", compas, *TWO, "--group", "race")
    groups = {"All": {**found["performance"], "count": found["performance"]["n"]}, **found["fairness_race"]["by_group"]}
    for name, line in expected.items():
        ours = groups[name]
        assert {cell: line[cell] for cell in ("tn", "fp", "fn", "tp")} == {c: ours[c] for c in ("tn", "fp", "fn", "tp")}
        assert ours["count"] == line["n"]
        recall, fpr = line["tp"] / (line["tp"] + line["fn"]), ours["fpr"]
        rates = {"fpr_pct": 100 * fpr, "fnr_pct": 100 * ours["fnr"], "ppv": ours["precision"], "sensitivity": recall}
        rates |= {"specificity": 1 - fpr, "lr_plus": recall / fpr, "lr_minus": ours["fnr"] / (1 - fpr)}
        rates |= {"prevalence": ours["prevalence" if name == "All" else "base_rate"]}
        rates |= {"npv": line["tn"] / (line["tn"] + line["fn"])}
        assert {key: round(value, 2) for key, value in rates.items()} == {key: line[key] for key in rates}


def test_p06_as_it_was_published(reference, write_csv):
    """Of the counts, not of the rows, of which other ones are Hispanic."""
    tables = reference("p06_dcwp_selection_rows.expected.json")["expected"]["published_tables_from_counts"]
    lines_of = {line["category"]: line for line in tables["race_ethnicity_as_published"]}
    table = applicants(write_csv, lines_of)
    found = answer("measure", table, "--prediction", "selected", "--group", "group", "--draws", 0)
    printed = lines(found["local_law_144"]["group"])
    for name, line in lines_of.items():
        agrees(printed[name], line, absent={"/published_rate", "/published_impact_ratio"})
