"""What people at the command line meet at the edges: odd files, odd options, and tables with undefined rates."""

import gzip
import io
import json
import math
import os
import subprocess
import sys

import duckdb
import numpy as np
import pytest
from backports import zstd
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

TWO = ("--label", "y", "--prediction", "p", "--draws", 0)


def answer(*arguments):
    """What a command prints, which must be one JSON object without NaN or Infinity."""
    said = io.StringIO()
    call_command(*map(str, arguments), "--json", stdout=said)
    return json.loads(said.getvalue(), parse_constant=pytest.fail)


def refusal(*arguments):
    with pytest.raises(CommandError) as refused:
        call_command(*map(str, arguments), "--json", stdout=io.StringIO())
    assert refused.value.returncode == 2
    return str(refused.value)


ROWS = "y,p,s,g\n1,1,0.9,a\n0,1,0.6,a\n1,0,0.4,b\n0,0,0.1,b\n"
SAME = {
    "crlf": ROWS.replace("\n", "\r\n").encode(),
    "cr": ROWS.replace("\n", "\r").encode(),
    "byte order mark": b"\xef\xbb\xbf" + ROWS.encode(),
    "semicolons": ROWS.replace(",", ";").encode(),
    "tabs": ROWS.replace(",", "\t").encode(),
    "blank lines": ROWS.replace("\n", "\n\n", 2).replace("\n\n", "\n", 1).encode() + b"\n\n",
    "quoted": b'"y","p","s","g"\n"1","1","0.9","a"\n0,1,"0.6",a\n1,0,0.4,"b"\n0,0,0.1,b\n',
    "decimals": ROWS.replace("\n1,", "\n1.0,").replace("\n0,", "\n0.0,").encode(),
    "words": ROWS.replace("\n1,", "\nTrue,").replace("\n0,", "\nFALSE,").encode(),
    "gzip": gzip.compress(ROWS.encode()),
    "zstd": zstd.compress(ROWS.encode()),
}


@pytest.mark.parametrize("how", SAME)
def test_the_same_rows_in_another_way_are_the_same(tmp_path, how):
    path = tmp_path / ({"gzip": "t.csv.gz", "zstd": "t.csv.zst"}.get(how, "t.csv"))
    path.write_bytes(SAME[how])
    found = answer("measure", path, *TWO, "--score", "s", "--group", "g")
    performance = found["performance"]
    assert [performance[cell] for cell in ("tn", "fp", "fn", "tp")] == [1, 1, 1, 1]
    assert performance["roc_auc"] == 0.75
    assert {name: group["count"] for name, group in found["fairness_g"]["by_group"].items()} == {"a": 2, "b": 2}


REFUSED = {
    "nothing": (b"", "is empty"),
    "no header": (b"\n\n", "no header"),
    "no rows": (b"y,p,s,g\n", "no rows"),
    "one name twice": (b"y,p,s,s\n1,1,.9,a\n", "more than one column named"),
    "no name": (b"y,p,,g\n1,1,.9,a\n", "no name for column 3"),
    "short line": (b"y,p,s,g\n1,1\n", "2 instead of 4 columns in line 2"),
    "quotation mark": (b'y,p,s,g\n1,1,.9,"a\n', "never closes"),
    "line ends of two ways": (ROWS.encode() + b"1,1,0.5,a\r\n", "end in another way"),
    "latin-1": ("y,p,s,g\n1,1,.9,Zoë\n".encode("latin-1"), "not UTF-8"),
    "utf-16": (ROWS.encode("utf-16"), "UTF-16"),
    "zip": (b"PK\x03\x04rest", "zip archive"),
    "half a zstd": (zstd.compress(ROWS.encode())[:-9], "damaged zstd"),
    "half a gzip": (gzip.compress(ROWS.encode())[:-9], "damaged gzip"),
    "half a parquet": (b"PAR1" + b"x" * 40, "damaged"),
    "a nul": (ROWS.encode() + b"1,1,0.5,\x00\n", "binary"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, what):
    content, why = REFUSED[what]
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    for asked in (("measure", path, *TWO), ("profile", path), ("compare", path, path)):
        assert why in refusal(*asked)


OPTIONS = {
    "no columns": ((), "Name the column of predictions"),
    "no label": (("--prediction", "p"), "Name the column of the label"),
    "near": (("--label", "y", "--prediction", "pp"), "Did you mean “p”?"),
    "several": (("--label", "s", "--prediction", "p"), "--task multiclass"),
    "itself": (("--label", "y", "--prediction", "y"), "compared with itself is always right"),
    "itself as score": (("--label", "y", "--score", "y"), "compared with itself is always right"),
    "score of a number": ((*TWO, "--task", "regression", "--score", "s"), "--score is for --task binary"),
    "favourable number": ((*TWO, "--task", "regression", "--favourable", "1"), "not for --task regression"),
    "class score": ((*TWO, "--class-score", "1=s"), "--class-score is for --task multiclass"),
    "class without a column": (("--task", "multiclass", *TWO, "--class-score", "s"), "CLASS=COLUMN"),
    "class twice": (("--task", "multiclass", *TWO, "--class-score", "1=s", "--class-score", "1=p"), "two columns"),
    "reference without a group": ((*TWO, "--reference", "g=a"), "name their column with --group"),
    "unknown reference": ((*TWO, "--group", "g", "--reference", "g=c"), "has no rows"),
    "law without a group": ((*TWO, "--local-law-144"), "name their column with --group"),
    "few draws": ((*TWO[:4], "--draws", 5), "--draws must be 0"),
    "many draws": ((*TWO[:4], "--draws", 10**9), "--draws must be 0"),
    "seed": ((*TWO, "--seed", -1), "--seed must be"),
    "small group": ((*TWO, "--group", "g", "--small-group", 0), "--small-group must be"),
    "bins": ((*TWO, "--score", "s", "--bins", -3), "--bins must be"),
    "bins without a score": ((*TWO, "--bins", 5), "name both with --score and --label"),
    "threshold": ((*TWO, "--score", "s", "--threshold", "nan"), "--threshold must be a number"),
    "cost": ((*TWO, "--cost", "FX=1"), "write it as TP="),
    "infinite cost": ((*TWO, "--cost", "FP=inf"), "not finite"),
    "groups of a score": (
        ("--label", "y", "--score", "s", "--group", "g", "--reference", "g=a"),
        "Name the column of predictions",
    ),
    "repeated group": ((*TWO, "--group", "g,g"), "different columns"),
}


@pytest.mark.parametrize("what", OPTIONS)
def test_options_that_do_not_fit_are_refused_in_a_sentence(write_csv, what):
    asked, why = OPTIONS[what]
    rows = [[1, 1, 0.9, "a"], [0, 1, 0.6, "a"], [1, 0, 0.4, "b"], [0, 0, 0.1, "b"]]
    assert why in refusal("measure", write_csv(["y", "p", "s", "g"], rows), *asked)


PROFILES = {
    "range": (("--range", "s=1"), "LOW..HIGH"),
    "open range": (("--range", "s=.."), "LOW..HIGH"),
    "turned range": (("--range", "s=3..1"), "ends before it begins"),
    "range of texts": (("--range", "g=0..1"), "must hold numbers"),
    "kind": (("--type", "s=integer"), "no kind of a column"),
    "allowed": (("--allowed", "g"), "COLUMN=A,B,C"),
    "positive": (("--positive", "1"), "name its column with --label"),
    "key": (("--key", "nothing"), "no column “nothing”"),
    "training": (("--training", "nowhere.csv"), "There is no file nowhere.csv"),
}


@pytest.mark.parametrize("what", PROFILES)
def test_rules_that_cannot_be_read_are_refused_in_a_sentence(write_csv, what):
    asked, why = PROFILES[what]
    assert why in refusal("profile", write_csv(["y", "s", "g"], [[1, 0.9, "a"], [0, 0.1, "b"]]), *asked)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("--bins", 1), "--bins must be"),
        (("--cuts", "s=2,1"), "must rise"),
        (("--cuts", "s=x"), "is no number"),
        (("--cuts", "g=1"), "has no cuts"),
        (("--cuts", "z=1"), "no column “z”"),
        (("--key", "z"), "no column “z”"),
    ],
)
def test_comparisons_that_cannot_be_made_are_refused_in_a_sentence(write_csv, asked, why):
    table = write_csv(["s", "g"], [[0.9, "a"], [0.1, "b"], [0.2, "b"]])
    assert why in refusal("compare", table, table, *asked)


def test_declared_bins_and_keys(write_csv):
    before = write_csv(["id", "x"], [[i, i] for i in range(10)], "before.csv")
    now = write_csv(["id", "x"], [[i, i + 4] for i in range(5, 15)], "now.csv")
    found = answer("compare", before, now, "--cuts", "x=4,8", "--key", "id")
    column = found["columns"]["x"]
    assert (column["bin_counts_ref"], column["bin_counts_cur"]) == ([5, 4, 1], [0, 0, 10])
    expected = sum((a - e) * math.log(a / e) for e, a in ((0.5, 1e-4), (0.4, 1e-4), (0.1, 1.0)))
    assert column["psi"] == column["psi_declared_bins_floor_1e4"] == pytest.approx(expected, abs=1e-12)
    assert found["keys_of_current_in_reference"] == 5
    halves = answer("compare", before, now, "--bins", 2)["columns"]["x"]
    assert halves["bin_counts_ref"] == [5, 5]


def test_a_column_that_cannot_be_compared_keeps_no_other_from_it(write_csv):
    before = write_csv(["x", "empty", "mixed"], [[1, None, 1], [2, None, 2], [3, None, 3]], "before.csv")
    now = write_csv(["x", "empty", "mixed"], [[1, 2, "a"], [2, 3, "b"], [4, 4, "c"]], "now.csv")
    found = answer("compare", before, now)["columns"]
    assert found["x"]["ks"] == pytest.approx(1 / 3)
    assert "has no values" in found["empty"]["not_computable"]["column"]
    assert "holds number values in “before.csv”, but text values" in found["mixed"]["not_computable"]["column"]


@pytest.mark.parametrize("text", ["", "NA", "n/a", "#N/A N/A", "-nan", "-1.#IND", "1.#QNAN", " NaN ", "null"])
def test_a_cell_that_says_no_value_is_missing_and_leaves_a_number_column_one(write_csv, text):
    found = answer("profile", write_csv(["id", "x"], [[1, 0.5], [2, text], [3, 0.7]]))
    assert (found["kinds"]["x"], found["missing_by_column"]) == ("number", {"x": [1, 1 / 3]})


def test_infinite_numbers_are_left_out_and_counted(write_csv):
    before = write_csv(["x"], [[0], [1], [3]], "before.csv")
    now = write_csv(["x"], [[5], [6], [8], ["inf"], ["-inf"], [None]], "now.csv")
    found = answer("compare", before, now)["columns"]["x"]
    assert (found["wasserstein"], found["n_cur"], found["not_numbers_cur"]) == (5.0, 3, 3)


def test_a_group_without_positives_has_no_rate_and_makes_no_gap(write_csv):
    """Another library takes 0 for both TPR and FNR of such a group, and then finds a gap of 1."""
    rows = [[0, 1, "a"], [0, 0, "a"], [1, 1, "b"], [1, 0, "b"], [1, 1, "c"], [0, 0, "c"], [0, 1, "b"]]
    found = answer("measure", write_csv(["y", "p", "g"], rows), *TWO, "--group", "g")["fairness_g"]
    assert (found["by_group"]["a"]["tpr"], found["by_group"]["a"]["fnr"]) == (None, None)
    assert "actually positive" in found["by_group"]["a"]["not_computable"]["tpr"]
    assert found["equal_opportunity_difference"] == 0.5
    assert found["equalized_odds_difference_worst_case"] == 1.0  # of the FPR: 1 in b, 0 in c
    assert found["defined_only"]["all_groups"]["tpr_difference"] == 0.5


def test_nobody_selected_has_no_impact_ratio(write_csv):
    rows = [[1, 0, "a"], [0, 0, "a"], [1, 0, "b"], [0, 0, "b"]]
    found = answer("measure", write_csv(["y", "p", "g"], rows), *TWO, "--group", "g", "--local-law-144")
    fairness = found["fairness_g"]
    assert fairness["impact_ratio_vs_highest"] == {"a": None, "b": None}
    assert fairness["adverse_impact_indicated"] == {"a": None, "b": None}
    assert fairness["demographic_parity_ratio"] is None
    for line in found["local_law_144"]["g"]["categories"]:
        assert (line["impact_ratio"], line["four_fifths_flag"]) == (None, None)
        assert "highest rate is 0" in line["not_computable"]


def test_groups_whose_values_have_strokes_are_not_mixed_up(write_csv):
    rows = [[1, 1, "a | b", "c"], [0, 0, "a", "b | c"], [1, 0, "a", "b | c"]]
    table = write_csv(["y", "p", "g", "h"], rows)
    found = answer("measure", table, *TWO, "--group", "g,h", "--group", "g")
    assert {name: group["count"] for name, group in found["fairness_g_x_h"]["by_group"].items() if group["count"]} == {
        "“a | b” | c": 1,
        "a | “b | c”": 2,
    }
    assert found["fairness_g"]["by_group"].keys() == {"a", "a | b"}


@pytest.mark.parametrize(
    ("values", "named", "meant"),
    [
        (["1.0", "2.0"], "1.0", "1"),
        (["1.0", "2.0"], "1", "1"),
        (["True", "False"], "True", "true"),
        ([" x", "y"], "x ", "x"),
    ],
)
def test_a_reference_is_named_as_people_write_it(write_csv, values, named, meant):
    rows = [[1, 1, values[0]], [0, 0, values[1]], [1, 0, values[1]], [0, 1, values[0]]]
    found = answer("measure", write_csv(["y", "p", "g"], rows), *TWO, "--group", "g", "--reference", f"g={named}")
    assert found["fairness_g"]["reference_group"] == meant


def test_a_reference_that_does_not_occur_is_refused_with_those_that_do(write_csv):
    table = write_csv(["y", "p", "g"], [[1, 1, "a"], [0, 0, "b"]])
    said = refusal("measure", table, *TWO, "--group", "g", "--reference", "g=c")
    assert "“c” has no rows in g; its groups are a, b." in said


def test_one_group_is_compared_with_none(write_csv):
    rows = [[1, 1, "a"], [0, 0, "a"], [1, 1, None], [0, 1, "unknown"]]
    found = answer("measure", write_csv(["y", "p", "g"], rows), *TWO, "--group", "g")["fairness_g"]
    assert found["unknown_count"] == 2
    assert found["overall"]["count"] == 2
    assert found["demographic_parity_difference"] is None
    assert "1 of the two groups needed" in found["not_computable"]["demographic_parity_difference"]


def test_an_empty_intersection_is_listed_and_compared_with_none(write_csv):
    rows = [[1, 1, "a", "x"], [0, 0, "b", "x"], [1, 0, "b", "y"], [0, 1, "b", "y"]]
    found = answer("measure", write_csv(["y", "p", "g", "h"], rows), *TWO, "--group", "g,h")["fairness_g_x_h"]
    assert found["by_group"]["a | y"]["count"] == 0
    assert found["by_group"]["a | y"]["selection_rate"] is None
    assert found["demographic_parity_difference"] == 1.0
    assert found["defined_only"]["all_groups"]["groups"] == ["a | x", "b | x", "b | y"]


@pytest.mark.parametrize("scores", [[5, 5, 5, 5], [1, 1, 1, 0]])
def test_when_nobody_is_above_the_median_there_is_no_impact_ratio(write_csv, scores):
    rows = [[score, group] for score, group in zip(scores, "aabb", strict=True)]
    found = answer("measure", write_csv(["s", "g"], rows), "--score", "s", "--group", "g", "--draws", 0)
    law = found["local_law_144"]["g"]
    assert law["median_all_rows"] == (5.0 if scores[0] == 5 else 1.0)
    assert [line["scoring_rate"] for line in law["categories"]] == [0.0, 0.0]
    assert [line["impact_ratio"] for line in law["categories"]] == [None, None]


def test_without_a_label_both_tables_of_the_law_are_there(write_csv):
    rows = [[1, 0.9, "a"], [0, 0.2, "a"], [1, 0.4, "b"], [1, 0.8, "b"]]
    asked = ("--prediction", "p", "--score", "s", "--group", "g", "--draws", 0)
    found = answer("measure", write_csv(["p", "s", "g"], rows), *asked)
    assert [found[name]["g"]["basis"] for name in ("local_law_144", "local_law_144_scoring")] == [
        "selection",
        "scoring",
    ]
    assert found["fairness_g"]["impact_ratio_vs_highest"] == {"a": 0.5, "b": 1.0}
    assert "performance" not in found


def test_the_median_is_that_of_every_row_and_a_tie_is_not_above_it(write_csv):
    rows = [[1, "a"], [2, "a"], [2, "b"], [9, "b"], [8, None], [7, None]]
    found = answer("measure", write_csv(["s", "g"], rows), "--score", "s", "--group", "g", "--draws", 0)
    law = found["local_law_144"]["g"]
    assert (law["median_all_rows"], law["median_known_only"], law["unknown_count"]) == (4.5, 2.0, 2)
    assert {line["category"]: line["selected"] for line in law["categories"]} == {"a": 0, "b": 1}


@pytest.mark.parametrize("pair", [(math.nextafter(1.0, 2.0), 1 + 2**-51), (1.6e308, 1.7e308)])
def test_of_two_scores_the_higher_is_above_the_median_however_near_or_large(write_csv, pair):
    """Half of their sum is rounded to the higher one, or is beyond any number."""
    table = write_csv(["s", "g"], [[repr(score), group] for score, group in zip(pair, "ab", strict=True)])
    law = answer("measure", table, "--score", "s", "--group", "g", "--draws", 0)["local_law_144"]["g"]
    assert {line["category"]: line["selected"] for line in law["categories"]} == {"a": 0, "b": 1}
    assert pair[0] <= law["median_all_rows"] <= pair[1]


def test_a_category_below_two_percent_is_left_out_only_with_a_reason(write_csv):
    rows = [[int(i % 2), group] for group, n in (("a", 60), ("b", 39)) for i in range(n)] + [[1, "rare"]]
    table = write_csv(["p", "g"], rows)
    asked = ("measure", table, "--prediction", "p", "--group", "g", "--draws", 0)
    kept, left_out = answer(*asked), answer(*asked, "--leave-out-below-2-percent", "too few to say")
    ratios = [
        {line["category"]: line["impact_ratio"] for line in found["local_law_144"]["g"]["categories"]}
        for found in (kept, left_out)
    ]
    assert ratios[0] == pytest.approx({"a": 0.5, "b": 19 / 39, "rare": 1.0})
    assert (ratios[1]["rare"], ratios[1]["a"]) == (None, 1.0)


def test_a_score_that_is_always_the_same_is_said_to_be(write_csv):
    rows = [[1, 1, 0.5, "a"], [0, 1, 0.5, "b"]]
    found = answer("measure", write_csv(["y", "p", "s", "g"], rows), *TWO, "--score", "s", "--group", "g")
    performance = found["performance"]
    assert (performance["roc_auc"], performance["constant_score"], performance["constant_prediction"]) == (
        0.5,
        True,
        True,
    )
    assert found["fairness_g"]["calibration_within_groups"]["a"]["constant_score"] is True


def test_numbers_beyond_any_sum_are_null_and_not_infinite(write_csv):
    rows = [[1, 1, 1.7e308, "a"], [0, 1, 1.7e308, "a"], [1, 0, -1e308, "b"], [0, 0, 1.7e308, "b"]]
    table = write_csv(["y", "p", "s", "g"], rows)
    assert answer("measure", table, *TWO, "--score", "s", "--group", "g")["performance"]["log_loss"] is None
    assert answer("profile", table, "--label", "y")["ranges"]["s"]["mean"] is None
    answer("compare", table, table)
    least = write_csv(["x"], [["-1.7976931348623157e308"], ["-1.7976931348623157e308"]], "least.csv")
    assert answer("compare", least, least)["columns"]["x"]["decile_cuts"] == [-1.7976931348623157e308]
    repeated = write_csv(["k"], [["inf"], ["inf"], [1]], "repeated.csv")
    assert answer("profile", repeated, "--key", "k")["k_values_duplicated"] == ["inf"]


def test_within_a_group_the_base_rate_is_that_of_the_rows_with_a_score(write_csv):
    rows = [[1, 1, 0.9, "a"], [0, 0, None, "a"], [0, None, 0.2, "a"], [1, 0, 0.4, "b"]]
    found = answer("measure", write_csv(["y", "p", "s", "g"], rows), *TWO, "--score", "s", "--group", "g")
    within = found["fairness_g"]["calibration_within_groups"]["a"]
    assert (within["n"], within["base_rate"]) == (2, 0.5)
    assert within["base_rate"] - within["mean_score"] == pytest.approx(within["calibration_in_the_large"])


def test_thresholds_costs_and_lift(write_csv):
    rows = [[1, 1, 0.9], [1, 0, 0.4], [0, 1, 0.6], [0, 0, 0.1]]
    asked = ("--score", "s", "--threshold", 0.5, "--cost", "FP=1", "--cost", "fn=10")
    found = answer("measure", write_csv(["y", "p", "s"], rows), *TWO, *asked)["performance"]
    [at] = found["thresholds"]
    assert [at[cell] for cell in ("tn", "fp", "fn", "tp")] == [1, 1, 1, 1]
    assert [at[name] for name in ("balanced_accuracy", "f1", "mcc", "cohen_kappa")] == [0.5, 0.5, 0.0, 0.0]
    cost = found["cost"]
    assert (cost["total_cost"], cost["mean_cost"]) == (11.0, 2.75)
    assert (cost["least_mean_cost"], cost["least_mean_cost_threshold"]) == (0.25, 0.4)
    assert found["lift"]["lift_of_first_part"] == 2.0
    nobody = answer(
        "measure", write_csv(["y", "p", "s"], rows), *TWO, "--score", "s", "--cost", "fp=100", "--cost", "fn=1"
    )
    assert nobody["performance"]["cost"]["least_mean_cost_threshold"] == 0.9
    everything_costs = ("--score", "s", "--cost", "fp=100", "--cost", "tp=1")
    nobody = answer("measure", write_csv(["y", "p", "s"], rows), *TWO, *everything_costs)
    assert nobody["performance"]["cost"]["least_mean_cost_threshold"] == "Infinity"


def test_a_declared_binning_is_in_the_name(write_csv):
    rows = [[1, 0.9], [0, 0.2], [1, 0.25], [0, 0.3]]
    table, asked = write_csv(["y", "s"], rows), ("--label", "y", "--score", "s")
    found = answer("measure", table, *asked, "--bins", 2, "--binning", "equal-mass")["performance"]
    assert found["ece_2_equal_mass_right_closed"] == pytest.approx((abs(1 - 0.45) + abs(1 - 1.2)) / 4)
    assert (
        "ece_5_equal_width_left_closed"
        in answer("measure", table, *asked, "--bins", 5, "--closed", "left")["performance"]
    )


def test_lines_for_people_show_rows_and_numbers(write_csv):
    rows = [[1, 1, 0.9, "a"], [0, 1, 0.6, "a"], [1, 0, 0.4, "b"], [0, 0, 0.1, "b"]]
    said = io.StringIO()
    table = write_csv(["y", "p", "s", "g"], rows)
    asked = (*map(str, TWO), "--score", "s", "--group", "g", "--local-law-144")
    call_command("measure", str(table), *asked, stdout=said)
    assert "  roc_auc: 0.75 (95 % interval " in said.getvalue()
    assert "category a, applicants 2, selected 2, selection_rate 1" in said.getvalue()


def test_a_label_of_several_classes_is_profiled(write_csv):
    rows = [["a", 1, "u", ""], ["b", 2, "v", 1], ["c", 3, "w", 1], ["c", 4, "w", ""]]
    found = answer("profile", write_csv(["y", "x", "g", "gap"], rows), "--label", "y")
    assert found["class_counts"] == {"a": 1, "b": 1, "c": 2}
    assert found["rarest_class"] == 0.25
    assert found["label_leakage_abs_auc"]["x"] == 1.0  # both c are above all others
    assert found["label_leakage_auc_of_values"] == {"g": 1.0}
    assert found["label_leakage_abs_auc_of_missingness"]["gap"] == pytest.approx(0.5 + 1 / 3)


def test_a_label_of_many_numbers_is_profiled_by_ranks(write_csv):
    rows = [[i * 1.5, -i, "" if i < 60 else 1, f"t{i}"] for i in range(120)]
    found = answer("profile", write_csv(["y", "turned", "gap", "name"], rows), "--label", "y")
    assert found["label_leakage_by_ranks"]["turned"] == 1.0
    assert found["label_leakage_by_ranks_of_missingness"]["gap"] > 0.9
    assert found["label_leakage_by_ranks"]["name"] == 1.0  # t0, t1, … rise with the label
    assert "120 different values" in found["label_leakage_abs_auc"]["not_computable"]["label"]


def test_a_label_of_many_texts_has_no_leakage(write_csv):
    found = answer("profile", write_csv(["y", "x"], [[f"t{i}", i] for i in range(120)]), "--label", "y")
    assert "120 different values" in found["label_leakage_abs_auc"]["not_computable"]["label"]
    assert "label_leakage_by_ranks" not in found


CELL = st.tuples(
    st.sampled_from([0, 0, 1, 1, None]),
    st.sampled_from([0, 1, 1, None]),
    st.sampled_from([None, *(tenth / 10 for tenth in range(11))]),
    st.sampled_from(["a", "b", "c", "Unknown", None]),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(CELL, min_size=3, max_size=60))
def test_any_table_agrees_with_other_libraries(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    written = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("\n".join(["y,p,s,g", *written, "1,1,0.5,a", "0,0,0.5,b"]) + "\n", encoding="utf-8")
    rows = [*rows, (1, 1, 0.5, "a"), (0, 0, 0.5, "b")]
    found = answer("measure", path, *TWO, "--score", "s", "--group", "g", "--small-group", 1)
    performance, fairness = found["performance"], found["fairness_g"]
    scored = np.array([(y, s) for y, _, s, _ in rows if y is not None and s is not None])
    near = 1e-9
    assert performance["roc_auc"] == pytest.approx(metrics.roc_auc_score(*scored.T), abs=near)
    assert performance["average_precision"] == pytest.approx(metrics.average_precision_score(*scored.T), abs=near)
    assert performance["log_loss"] == pytest.approx(metrics.log_loss(*scored.T), abs=near)
    decided = [(y, p, g) for y, p, _, g in rows if y is not None and p is not None]
    labels, predictions = np.array([(y, p) for y, p, _ in decided]).T
    assert performance["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predictions), abs=near)
    assert performance["mcc"] == pytest.approx(metrics.matthews_corrcoef(labels, predictions), abs=near)
    rates = {}
    for group in "abc":
        cells = [(y, p) for y, p, g in decided if g == group]
        if cells:
            called = [p for y, p in cells if y == 1]
            rates[group] = (sum(p for _, p in cells) / len(cells), sum(called) / len(called) if called else None)
    selected = [rate for rate, _ in rates.values()]
    assert fairness["demographic_parity_difference"] == pytest.approx(max(selected) - min(selected), abs=near)
    defined = [rate for _, rate in rates.values() if rate is not None]
    gap = max(defined) - min(defined) if len(defined) > 1 else None
    assert fairness["equal_opportunity_difference"] == (None if gap is None else pytest.approx(gap, abs=near))
    assert fairness["unknown_count"] == sum(g in {None, "Unknown"} for _, _, g in decided)


def test_a_flag_drifts_on_bins_of_its_values_beside_the_letter_of_the_decile_rule(write_csv):
    before = write_csv(["flag"], [[int(i >= 156)] for i in range(201)], "before.csv")
    now = write_csv(["flag"], [[int(i % 3 == 0)] for i in range(201)], "now.csv")
    found = answer("compare", before, now)["columns"]["flag"]
    expected, actual = np.array([156, 45]) / 201, np.array([134, 67]) / 201
    by_value = float(((actual - expected) * np.log(actual / expected)).sum())
    assert found["psi"] == found["psi_value_bins_floor_1e4"] == pytest.approx(by_value, abs=1e-12)
    assert (found["psi_ref_deciles_floor_1e4"], found["js_distance_base2_on_deciles"]) == (0.0, 0.0)
    assert found["binning"].startswith("value bins")


def test_what_needs_more_memory_than_there_is_says_so(tmp_path):
    """In a process of its own, whose limit is what it uses already and a little more."""
    path = tmp_path / "t.parquet"
    duckdb.execute(f"COPY (SELECT i AS id, random() AS x FROM range(3000000) r(i)) TO '{path}' (FORMAT parquet)")
    script = (
        "import django, resource, sys\n"
        "django.setup()\n"
        "from approvals.management.commands import compare\n"
        "from approvals.measures.tables import open_table\n"
        "from django.core.management import execute_from_command_line\n"
        "from pathlib import Path\n"
        "with open_table(Path(sys.argv[1])), open_table(Path(sys.argv[1])): pass\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (60 << 20),) * 2)\n"
        "execute_from_command_line(['manage.py', 'compare', sys.argv[1], sys.argv[1]])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr[-2000:]
    assert "Traceback" not in ran.stderr
    assert "more memory" in ran.stderr


def test_a_cost_that_no_sum_can_hold_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(ROWS)
    assert "is no cost" in refusal("measure", path, *TWO, "--score", "s", "--cost", "FP=1e308")


@pytest.mark.parametrize("score", ["0,5", "10%", "1 000"])
def test_numbers_in_a_local_spelling_are_said_to_be_none(tmp_path, score):
    path = tmp_path / "t.csv"
    path.write_text(f"y;p;s\n1;1;{score}\n0;0;0\n")
    assert "write them as 1234.5" in refusal("measure", path, *TWO, "--score", "s")


@pytest.mark.parametrize(
    ("classes", "named"), [(("01", "02", "3"), ("01", "2", "3.0")), (("True", "False", "true"), ("True", "False"))]
)
def test_a_class_is_known_in_any_spelling_of_its_value(tmp_path, classes, named):
    path = tmp_path / "t.csv"
    scores = ",".join(f"s{place}" for place in range(len(named)))
    shares = [",".join(["0.5", *["0.25"] * (len(named) - 2), f"{0.5 if len(named) < 3 else 0.25}"])] * len(classes)
    path.write_text(f"y,p,{scores}\n" + "".join(f"{c},{c},{s}\n" for c, s in zip(classes, shares, strict=True)))
    given = [part for place, name in enumerate(named) for part in ("--class-score", f"{name}=s{place}")]
    several = (*TWO, "--task", "multiclass", *given)
    found = answer("measure", path, *several)["performance"]
    assert found["roc_auc_ovr_macro"] == 0.5
    first = found["classes"][0]
    assert "two" in refusal("measure", path, *several, "--class-score", f"{first}=p")


def test_large_numbers_close_together_have_their_own_spread(write_csv):
    rows = [[9007199254740990 + step] for step in (0, 1, 1, 4, 5, 5, 5, 9)]
    found = answer("compare", *(write_csv(["x"], rows, name) for name in ("a.csv", "b.csv")))["columns"]["x"]
    steps = np.array([int(float(row[0])) - rows[0][0] for row in rows])
    assert found["std_ref_ddof1"] == pytest.approx(float(steps.std(ddof=1)), rel=1e-12)


@pytest.mark.parametrize("scores", [("1e308", "-1e308", "1e308", "3"), ("1e300",) * 4, ("-1e200", "1e-300", "0", "1")])
def test_scores_at_the_end_of_what_numbers_can_say_are_ranked(tmp_path, scores):
    path = tmp_path / "t.csv"
    path.write_text("y,p,s\n" + "".join(f"{i % 2},{i // 2},{score}\n" for i, score in enumerate(scores)))
    performance = answer("measure", path, *TWO, "--score", "s")["performance"]
    expected = metrics.roc_auc_score([0, 1, 0, 1], [float(score) for score in scores])
    assert performance["roc_auc"] == pytest.approx(expected)
    assert performance["brier"] is None


def test_names_with_an_equals_sign_are_understood(write_csv):
    rows = [[i % 2, i // 2 % 2, *(["x" if i % 3 else "y=z"] * 2), 0.5, 0.5] for i in range(60)]
    table = write_csv(["y", "p", "a=b", "c=d", "s=0", "s"], rows)
    found = answer("measure", table, "--label", "y", "--prediction", "p", "--group", "a=b", "--reference", "a=b=y=z")
    assert found["fairness_a=b"]["reference_group"] == "y=z"
    several = ("--label", "a=b", "--prediction", "c=d", "--task", "multiclass", "--class-score", "y=z=s=0")
    found = answer("measure", table, *several, "--class-score", "x=s")
    assert found["performance"]["roc_auc_ovo_weighted"] == 0.5


def test_without_a_prediction_scores_are_measured_within_groups(write_csv):
    rows = [[i % 2, i % 3 % 2, i * 7 % 20 / 20, None if i % 9 == 0 else "ab"[i % 4 // 2]] for i in range(90)]
    table = write_csv(["y", "p", "s", "g"], rows)
    asked = ("--label", "y", "--score", "s", "--group", "g", "--draws", 0)
    found = answer("measure", table, *asked)["fairness_g"]["calibration_within_groups"]
    assert list(found) == ["a", "b", "Unknown"]
    assert found == answer("measure", table, *asked, "--prediction", "p")["fairness_g"]["calibration_within_groups"]


def test_a_category_that_is_new_stands_where_its_name_belongs(write_csv):
    before = write_csv(["c"], [[value] for value in "accc"], name="before.csv")
    now = write_csv(["c"], [[value] for value in "abbc"], name="now.csv")
    column = answer("compare", before, now)["columns"]["c"]
    assert column["categories"] == ["a", "b", "c"]
    assert (column["counts_ref"], column["counts_cur"]) == ([1, 0, 3], [1, 2, 1])


def test_classes_that_are_numbers_stand_by_size(write_csv):
    rows = [[2, 2], [2, 10], [9, 9], [10, 2], [10, 10], [10, 10]]
    found = answer("measure", write_csv(["y", "p"], rows), "--task", "multiclass", *TWO)["performance"]
    assert found["classes"] == list(found["by_class"]) == ["2", "9", "10"]
    assert found["confusion_matrix"] == [[1, 0, 1], [0, 1, 0], [1, 0, 2]]


def test_of_a_column_that_the_reference_leaves_empty_every_distance_is_open(write_csv):
    before = write_csv(["x", "c", "k"], [[None, None, 1], [None, None, 2]], name="before.csv")
    now = write_csv(["x", "c", "k"], [[1.5, "u", 1], [2.5, "v", 2]], name="now.csv")
    columns = answer("compare", before, now)["columns"]
    for column, names in (("x", ("ks_statistic", "wasserstein", "psi_ref_deciles_floor_1e4")), ("c", ("chi2",))):
        assert [columns[column][name] for name in names] == [None] * len(names)
        assert all("has no values" in columns[column]["not_computable"][name] for name in names)
        assert (columns[column]["n_ref"], columns[column]["n_cur"]) == (0, 2)
    assert columns["k"]["ks_statistic"] == 0.0


def test_a_reference_group_may_be_named_alone_where_one_column_has_it(write_csv):
    rows = [[1, 1, "a", "x"], [0, 0, "b", "x"], [1, 0, "b", "a"], [0, 1, "a", "x"]]
    table = write_csv(["y", "p", "g", "h"], rows)
    groups = ("--group", "g", "--group", "h")
    alone = answer("measure", table, *TWO, *groups, "--reference", "b")
    assert alone == answer("measure", table, *TWO, *groups, "--reference", "g=b")
    assert alone["fairness_g"]["two_groups"]["reference"] == "b"
    assert "“a” is a group of g and of h; write it as COLUMN=VALUE" in refusal(
        "measure", table, *TWO, *groups, "--reference", "a"
    )


def test_for_people_an_interval_or_a_reason_stands_behind_its_number(write_csv):
    said = io.StringIO()
    table = write_csv(["y", "p", "g"], [[0, 0, "a"], [1, 0, "b"], [1, 0, "b"], [0, 0, "a"]])
    call_command("measure", str(table), *map(str, TWO), "--group", "g", stdout=said)
    lines = [line.strip() for line in said.getvalue().splitlines()]
    assert "accuracy: 0.5 (95 % interval 0.150039 to 0.849961; Wilson score interval)" in lines
    assert "precision: not computable: no row is predicted positive." in lines
    assert "disparate_impact: not computable: the highest favourable rate is 0." in lines
    assert not {"intervals:", "not_computable:"} & set(lines)
