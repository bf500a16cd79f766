import csv
import math

import pytest
from sklearn.metrics import roc_auc_score

from approvals.checks.base import CheckInputError
from approvals.checks.group_fairness import GroupFairness
from approvals.measures.multiplicity import holm
from tests.approvals.checks.conftest import REFERENCE

BOTH = [["sex"], ["age_group"], ["sex", "age_group"]]


def table_of(piece, cells, *, favourable=1):
    """A table from rows (group, label, prediction, how often)."""
    rows = "\n".join("\n".join([f"{group},{label},{prediction}"] * often) for group, label, prediction, often in cells)
    details = {"label": "y", "prediction": "p", "groups": ["g"], "favourable": favourable}
    return piece("evaluation_table", f"g,y,p\n{rows}\n", details=details)


def test_the_numbers_are_those_of_the_reference(measured, german):
    found = {measure.name: measure.value for measure in measured(GroupFairness, german(), attributes=BOTH).measures}
    assert found["selection rate ratio by sex"] == pytest.approx(0.955690130711, abs=1e-9)
    assert found["equal opportunity difference by sex"] == pytest.approx(0.0160918852631, abs=1e-9)
    assert found["equalized odds difference by age_group"] == pytest.approx(0.113097072419, abs=1e-9)
    assert found["selection rate ratio by age_group"] == pytest.approx(0.851301420478, abs=1e-9)
    assert found["selection rate ratio by sex and age_group"] is not None


def test_a_failed_measure_is_named_with_its_groups(measured, judged, german):
    reading = measured(GroupFairness, german(), attributes=BOTH)
    judgement = judged(GroupFairness, reading, min_selection_ratio=0.9, attributes=[["sex"], ["age_group"]])
    assert judgement.verdict == "failed"
    assert [measure.name for measure in judgement.failed_measures] == ["selection rate ratio by age_group"]
    assert judgement.sentences[0].startswith("Selection rate ratio by age_group 0.851 (95 % interval ")
    assert judged(GroupFairness, reading, min_selection_ratio=0.9, attributes=[["sex"]]).verdict == "passed"


def test_declared_groups_are_compared_alone_and_in_pairs(measured, german):
    assert measured(GroupFairness, german()).details["attributes"] == BOTH


def test_groups_that_were_not_measured_decide_nothing(measured, judged, german):
    reading = measured(GroupFairness, german(), attributes=[["sex"]])
    judgement = judged(GroupFairness, reading, min_selection_ratio=0.5, attributes=[["race"]])
    assert judgement.verdict == "not_computable"
    assert judged(GroupFairness, reading).sentences == ("The policy fixes no threshold for this check.",)


def test_exactly_four_fifths_is_met_although_its_float_is_not(measured, judged, piece):
    cells = [("a", 1, 1, 36), ("a", 1, 0, 24), ("b", 1, 1, 60), ("b", 1, 0, 20)]
    assert (36 / 60) / (60 / 80) < 0.8
    reading = measured(GroupFairness, table_of(piece, cells))
    judgement = judged(GroupFairness, reading, min_selection_ratio=0.8)
    assert judgement.verdict == "passed", judgement.sentences
    one_less = [("a", 1, 1, 35), ("a", 1, 0, 25), *cells[2:]]
    reading = measured(GroupFairness, table_of(piece, one_less))
    assert judged(GroupFairness, reading, min_selection_ratio=0.8).verdict == "failed"


def test_an_exact_difference_is_met_although_its_float_is_not(measured, judged, piece):
    cells = [("a", 1, 1, 80), ("a", 1, 0, 20), ("b", 1, 1, 70), ("b", 1, 0, 30)]
    assert 0.8 - 0.7 > 0.1
    reading = measured(GroupFairness, table_of(piece, cells))
    assert judged(GroupFairness, reading, max_selection_difference=0.1).verdict == "passed"


def test_a_small_group_is_shown_and_decides_nothing(measured, judged, piece):
    cells = [("a", 1, 1, 90), ("a", 0, 0, 90), ("b", 1, 1, 85), ("b", 0, 0, 95), ("tiny", 1, 0, 5), ("", 1, 0, 40)]
    reading = measured(GroupFairness, table_of(piece, cells))
    judgement = judged(GroupFairness, reading, min_selection_ratio=0.8, max_unknown_share=0.1)
    assert judgement.verdict == "passed"
    assert judgement.sentences[-1] == "1 of 3 groups by g have fewer than 30 rows and decide nothing: tiny (n 5)."
    remarks = {row[0]: row[-1] for row in reading.tables[0].rows}
    assert remarks == {"tiny": "small sample", "b": "", "a": "", "Unknown": "unknown group"}


def test_nobody_passes_by_leaving_the_group_of_the_refused_blank(measured, judged, piece):
    honest = [("a", 1, 1, 90), ("a", 0, 0, 90), ("b", 1, 1, 60), ("b", 1, 0, 60), ("b", 0, 0, 60)]
    blanked = [*honest[:3], ("", 1, 0, 60), ("b", 0, 0, 60)]
    asked = {"max_equal_opportunity_difference": 0.1}
    assert judged(GroupFairness, measured(GroupFairness, table_of(piece, honest)), **asked).verdict == "failed"
    judgement = judged(GroupFairness, measured(GroupFairness, table_of(piece, blanked)), **asked)
    assert judgement.verdict == "failed"
    assert judgement.sentences[0].startswith("Share of rows of unknown g 0.167 (n 360) is above the threshold 0.05")


def test_one_group_alone_is_never_fair(measured, judged, piece):
    reading = measured(GroupFairness, table_of(piece, [("a", 1, 1, 50), ("a", 0, 0, 50)]))
    assert judged(GroupFairness, reading, min_selection_ratio=0.8).verdict == "not_computable"


def test_nobody_selected_is_not_computable(measured, judged, piece):
    cells = [("a", 1, 0, 50), ("a", 0, 1, 0), ("b", 1, 0, 50), ("c", 0, 1, 1)]
    reading = measured(GroupFairness, table_of(piece, cells))
    assert judged(GroupFairness, reading, min_selection_ratio=0.8).verdict == "not_computable"


def test_the_favourable_outcome_of_recidivism_is_zero(measured, piece):
    details = {"label": "y_true", "prediction": "y_pred", "groups": ["race"], "favourable": 0}
    compas = piece("evaluation_table", REFERENCE / "p01_compas_two_years.csv", details=details)
    table = measured(GroupFairness, compas).tables[0]
    rates = {row[0]: float(row[3]) for row in table.rows}
    assert rates["African-American"] == pytest.approx(1 - 0.588203463203, abs=5e-4)
    assert rates["Caucasian"] == pytest.approx(1 - 0.348003259984, abs=5e-4)
    assert table.rows[0][0] == "Native American"


def test_policy_and_declaration_must_agree_on_what_is_favourable(measured, german):
    with pytest.raises(CheckInputError, match="correct the one that is wrong"):
        measured(GroupFairness, german(), favourable=0)


def test_without_groups_there_is_nothing_to_compare(measured, german):
    with pytest.raises(CheckInputError, match="declares no group columns"):
        measured(GroupFairness, german(groups=[]))
    with pytest.raises(CheckInputError, match="race"):
        measured(GroupFairness, german(), attributes=[["race"]])


def test_there_is_a_chart_for_every_comparison_and_a_word_on_many_of_them(measured, german):
    reading = measured(GroupFairness, german())
    assert [chart.title for chart in reading.charts] == [
        "Selection rate by sex",
        "Selection rate by age_group",
        "Selection rate by sex and age_group",
    ]
    assert "by chance" in reading.tables[1].note


def test_p_values_are_adjusted_over_the_comparisons_of_all_tables(measured, german):
    tables = [table for table in measured(GroupFairness, german(), attributes=BOTH).tables if "against" in table.title]
    places = [tables[0].columns.index(name) for name in ("p (Fisher)", "p adjusted (Holm)")]
    pairs = [[float(row[place]) for place in places] for table in tables for row in table.rows]
    assert len(pairs) == 1 + 1 + 3
    p_values, adjusted = zip(*pairs, strict=True)
    assert adjusted == pytest.approx(holm(p_values), abs=0.003), "what is printed is rounded"
    for table in tables:
        assert "In all 5 comparisons were made; at 5 % about 0.25 would be significant by chance." in table.note


def test_a_group_that_is_split_finely_does_not_hide_unless_the_policy_allows_it(measured, judged, piece):
    fine = [(f"c{i}", 1, 0, 29) for i in range(10)]
    reading = measured(GroupFairness, table_of(piece, [("a", 1, 1, 30), ("b", 1, 1, 30), *fine]))
    asked = {"min_selection_ratio": 0.8}
    assert judged(GroupFairness, reading, **asked).verdict == "failed"
    assert judged(GroupFairness, reading, **asked, max_small_share=None).verdict == "passed"
    found = judged(GroupFairness, reading, **asked, max_small_share=0.5)
    assert found.verdict == "failed"
    assert found.sentences[0] == "Share of rows of small groups by g 0.829 (n 350) is above the threshold 0.50."
    assert judged(GroupFairness, reading, **asked, max_small_share=0.83).verdict == "passed"


def test_a_group_without_favourable_labels_does_not_vanish_from_true_favourable_rates(measured, judged, table):
    """Two alike groups would pass for three; the third, whose rate nobody can know, is said and counted."""
    rows = [("a", 1, 1), ("a", 0, 0), ("b", 1, 1), ("b", 0, 0), ("c", 0, 0), ("c", 0, 1)]
    lines = [f"{group},{label},{decided}" for group, label, decided in rows for _ in range(40)]
    reading = measured(GroupFairness, table("g,y,p", lines, label="y", prediction="p", groups=["g"]))
    for asked in ("max_equal_opportunity_difference", "max_equalized_odds_difference"):
        judgement = judged(GroupFairness, reading, **{asked: 0.9})
        assert judgement.verdict == "failed"
        assert judgement.sentences[0].startswith("Share of rows of groups by g without any favourable label 0.333")
        assert judgement.sentences[-1] == (
            "1 of 3 groups by g have no row with a favourable label, so no true favourable rate to compare: c (n 80)."
        )
        assert judged(GroupFairness, reading, **{asked: 0.9}, max_small_share=0.4).verdict == "passed"
    assert judged(GroupFairness, reading, max_selection_difference=0.9).verdict == "passed"
    [gap] = [measure for measure in reading.measures if measure.name == "equal opportunity difference by g"]
    assert (gap.value, gap.count("groups_that_count")) == (0.0, 2)


def calibration_of(reading, by):
    table = next(table for table in reading.tables if table.title == "Calibration of the score within groups")
    return {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0] == by}


@pytest.mark.parametrize("favourable", [0, 1])
def test_the_score_is_calibrated_within_groups_whichever_outcome_is_favourable(measured, german, favourable):
    reading = measured(GroupFairness, german(favourable=favourable), attributes=[["sex"]])
    rows = calibration_of(reading, "sex")
    with (REFERENCE / "p02_german_credit.csv").open(encoding="utf-8", newline="") as stream:
        people = [row for row in csv.DictReader(stream) if row["sex"] == "female"]
    labels = [int(row["y_true"]) for row in people]
    scores = [float(row["y_score"]) for row in people]
    shown = rows["female"]
    assert (shown["n"], shown["Share of 1"]) == (310, "0.648")
    assert float(shown["Mean score"]) == pytest.approx(sum(scores) / 310, abs=5e-4)
    assert float(shown["ROC AUC"]) == pytest.approx(roc_auc_score(labels, scores), abs=5e-4)
    difference = sum(labels) / 310 - sum(scores) / 310
    assert float(shown["In the large"]) == pytest.approx(difference, abs=5e-4)
    bins = [min(math.ceil(score * 10), 10) or 1 for score in scores]
    error = sum(abs(sum(labels[i] - scores[i] for i in range(310) if bins[i] == part)) / 310 for part in set(bins))
    assert float(shown["Bin error"]) == pytest.approx(error, abs=5e-4)
    assert not any("Calibration" in line for line in reading.not_looked_at)


def test_without_a_score_nothing_is_said_of_calibration_within_groups(measured, piece):
    reading = measured(GroupFairness, table_of(piece, [("a", 1, 1, 40), ("b", 0, 1, 40)]))
    assert "Calibration of the score within groups." in reading.not_looked_at
    assert not any(table.title.startswith("Calibration") for table in reading.tables)


def test_every_rate_of_a_group_is_shown(measured, piece):
    cells = [("a", 1, 1, 30), ("a", 1, 0, 10), ("a", 0, 1, 20), ("a", 0, 0, 40), ("b", 1, 1, 40)]
    table = measured(GroupFairness, table_of(piece, cells)).tables[0]
    shown = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert (shown["a"]["Missed favourable rate"], shown["a"]["Precision"]) == ("0.250", "0.600")
    assert (shown["b"]["False favourable rate"], shown["b"]["Precision"]) == ("not computable", "1.000")
